"""Values: tables of edge cases, and properties against Decimal and datetime."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.codec.support import Codec

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
DAY = 86_400 * 10**9

NOT_NUMBERS = [
    b"", b"-", b"+1", b"--1", b"1-", b" 1", b"1 ", b"1\n", b"1\x00", b"\x001", b"0x10", b"1e5", b"1E5", b"1,5",
    b"1_0", b"abc", b"inf", b"-inf", b"nan", b"NaN", b"Infinity", b"\xb2", b"\xef\xbc\x91", b"1\xb2", b"0-", b"-+1",
    b"1=", b":", b"/",
]  # fmt: skip
NOT_DECIMALS = [
    *NOT_NUMBERS,
    b".",
    b"-.",
    b"..",
    b"1..",
    b"1.2.3",
    b".-1",
    b"1.-2",
    b"1.2-",
    b"1. 2",
    b"1.2e3",
    b"1.e",
    b".e1",
]


def refused(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(ValueError) as caught:
        call(*arguments)
    return str(caught.value)


# --- int ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "0", "-0", "1", "-1", "007", "-007", "9" * 18, "9" * 19, str(INT64_MAX), str(INT64_MIN), str(INT64_MAX + 1),
        str(INT64_MIN - 1), str(1 << 64), "1" * 39, "-" + "9" * 40, "0" * 39 + "7", "1" + "0" * 18,
    ],
)  # fmt: skip
def test_int_reads_digits_of_any_size_up_to_40(codec: Codec, text: str) -> None:
    assert codec.convert.parse_int(text.encode()) == int(text)


@pytest.mark.parametrize(
    "raw", [*NOT_NUMBERS, b".5", b"5.", b"1.0", b"9" * 41, b"0" * 41, b"-" + b"1" * 41, b"1" * 5000]
)
def test_int_refuses(codec: Codec, raw: bytes) -> None:
    assert refused(codec.convert.parse_int, raw)


@given(n=st.integers(-(10**40) + 1, 10**40 - 1), zeros=st.integers(0, 3))
@example(n=INT64_MAX, zeros=0)
@example(n=INT64_MIN, zeros=0)
@example(n=INT64_MAX // 10, zeros=0)
def test_int_equals_pythons_int(codec: Codec, n: int, zeros: int) -> None:
    digits = "0" * min(zeros, 40 - len(str(abs(n)))) + str(abs(n))
    raw = ("-" if n < 0 else "") + digits
    assert codec.convert.parse_int(raw.encode()) == n


@given(st.binary(max_size=6))
def test_int_refuses_every_other_text(codec: Codec, raw: bytes) -> None:
    body = raw.removeprefix(b"-")
    if body and all(byte in b"0123456789" for byte in body):
        assert codec.convert.parse_int(raw) == int(raw)
    else:
        refused(codec.convert.parse_int, raw)


# --- decimals -------------------------------------------------------------------------------------------------

DECIMALS = [
    "0", "-0", "0.0", "-0.00", "1", "-1", "1.5", "-1.5", "1.50", "00.5", ".5", "-.5", "5.", "-5.", "0.1",
    "123456.789", "1.12345678", "99999999999999999999.99999999", "0.000000000000000000000001", "9007199254740993",
    "9007199254740993.0", "0.30000000000000004", "123456789012345678", "1234567890123456.78", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "17976931348.5", "1" + "0" * 22, "1" + "0" * 23,
    "0." + "0" * 30 + "1", "8.41", "2.2250738585072011", "1.7976931348623157", "4.35", "0.07", "1e"[:1],
]  # fmt: skip


@pytest.mark.parametrize("text", DECIMALS)
def test_decimal_is_exact_and_keeps_trailing_zeros(codec: Codec, text: str) -> None:
    value = codec.convert.parse_decimal(text.encode())
    assert type(value) is Decimal
    assert value.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("text", DECIMALS)
def test_float_is_the_nearest_one(codec: Codec, text: str) -> None:
    value = codec.convert.parse_float(text.encode())
    assert (type(value), repr(value)) == (float, repr(float(text)))


@pytest.mark.parametrize("raw", NOT_DECIMALS)
def test_decimal_and_float_and_scaled_refuse(codec: Codec, raw: bytes) -> None:
    assert refused(codec.convert.parse_decimal, raw)
    assert refused(codec.convert.parse_float, raw)
    assert refused(codec.convert.parse_scaled, raw, 2)


numbers = st.builds(
    lambda sign, whole, point, fraction: sign + whole + (point + fraction if whole or fraction else "0"),
    st.sampled_from(["", "-"]),
    st.text("0123456789", max_size=25),
    st.sampled_from(["."]),
    st.text("0123456789", max_size=25),
)


@given(numbers)
def test_decimal_and_float_equal_pythons(codec: Codec, text: str) -> None:
    assert codec.convert.parse_decimal(text.encode()).as_tuple() == Decimal(text).as_tuple()
    assert repr(codec.convert.parse_float(text.encode())) == repr(float(text))


@given(st.binary(max_size=5) | st.text("0123456789-.+e ", max_size=6).map(str.encode))
def test_decimal_float_and_scaled_agree_on_what_a_number_is(codec: Codec, raw: bytes) -> None:
    body = raw.removeprefix(b"-")
    good = body.count(b".") <= 1 and body != b"." and body != b"" and all(b in b"0123456789." for b in body)
    for call in (codec.convert.parse_decimal, codec.convert.parse_float, lambda b: codec.convert.parse_scaled(b, 10)):
        if good:
            assert call(raw) is not None
        else:
            refused(call, raw)


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("1.2345", 4, 12345), ("1.2345", 8, 123450000), ("1", 0, 1), ("1", 2, 100), ("-1.5", 1, -15), ("1.", 2, 100),
        (".5", 1, 5), ("1.500", 1, 15), ("1.50000000000000000000000000", 1, 15), ("1.0", 0, 1), ("-0", 3, 0),
        ("-.0", 3, 0), ("0.000", 0, 0), ("000123.4", 1, 1234), (str(INT64_MAX), 0, INT64_MAX),
        (str(INT64_MIN), 0, INT64_MIN), ("9.223372036854775807", 18, INT64_MAX),
        ("-9.223372036854775808", 18, INT64_MIN), ("922337203685477.5807", 4, INT64_MAX), ("0" * 60 + "1", 0, 1),
        ("9", 18, 9 * 10**18), ("9.2", 18, 92 * 10**17), ("0." + "0" * 17 + "1", 18, 1), ("0." + "0" * 60, 18, 0),
    ],
)  # fmt: skip
def test_scaled_is_the_value_times_a_power_of_ten(codec: Codec, text: str, digits: int, expected: int) -> None:
    assert codec.convert.parse_scaled(text.encode(), digits) == expected


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1.5", 0),
        ("1.25", 1),
        ("-1.25", 1),
        ("0.0000000001", 9),
        ("1.0000000000000000000000000001", 8),
        (".05", 1),
        ("1." + "0" * 50 + "1", 18),
    ],
)
def test_scaled_refuses_to_round(codec: Codec, text: str, digits: int) -> None:
    assert refused(codec.convert.parse_scaled, text.encode(), digits)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (str(INT64_MAX + 1), 0),
        (str(INT64_MIN - 1), 0),
        ("9.223372036854775808", 18),
        ("10", 18),
        ("-10", 18),
        ("9" * 30, 0),
        ("1" + "0" * 60, 2),
    ],
)
def test_scaled_refuses_what_64_bits_do_not_hold(codec: Codec, text: str, digits: int) -> None:
    assert refused(codec.convert.parse_scaled, text.encode(), digits)


@pytest.mark.parametrize("digits", [-1, 19, 100, -(1 << 40), 1 << 40])
def test_scaled_refuses_other_numbers_of_digits(codec: Codec, digits: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        codec.convert.parse_scaled(b"1", digits)


@given(mantissa=st.integers(INT64_MIN, INT64_MAX), digits=st.integers(0, 18))
def test_scaled_reads_back_what_it_wrote(codec: Codec, mantissa: int, digits: int) -> None:
    raw = codec.convert.format_scaled(mantissa, digits)
    assert codec.convert.parse_scaled(raw, digits) == mantissa
    assert Decimal(raw.decode()) == Decimal(mantissa).scaleb(-digits)


@given(text=numbers, digits=st.integers(0, 18))
def test_scaled_equals_exact_arithmetic(codec: Codec, text: str, digits: int) -> None:
    sign, numerals, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, numerals))) * (-1 if sign else 1)
    scaled = number * 10 ** (digits + 40 + exponent)  # 40: whole numbers throughout
    if scaled % 10**40 or not INT64_MIN <= scaled // 10**40 <= INT64_MAX:
        refused(codec.convert.parse_scaled, text.encode(), digits)
    else:
        assert codec.convert.parse_scaled(text.encode(), digits) == scaled // 10**40


@pytest.mark.parametrize(
    ("mantissa", "digits", "expected"),
    [
        (0, 0, b"0"), (0, 2, b"0.00"), (1, 0, b"1"), (5, 3, b"0.005"), (-5, 3, b"-0.005"), (123450, 5, b"1.23450"),
        (-123450, 5, b"-1.23450"), (100, 2, b"1.00"), (INT64_MAX, 18, b"9.223372036854775807"),
        (INT64_MIN, 18, b"-9.223372036854775808"), (INT64_MIN, 0, b"%d" % INT64_MIN),
        (-1, 18, b"-0." + b"0" * 17 + b"1"),
    ],
)  # fmt: skip
def test_format_scaled_writes_every_decimal(codec: Codec, mantissa: int, digits: int, expected: bytes) -> None:
    assert codec.convert.format_scaled(mantissa, digits) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", b"0"), ("1", b"1"), ("-1.50", b"-1.50"), ("1E+5", b"100000"), ("1.5E+3", b"1500"),
        ("1E-7", b"0.0000001"), ("0E-3", b"0.000"), ("1E-10", b"0.0000000001"),
        ("123456789012345678901234567890.123456789", b"123456789012345678901234567890.123456789"),
        ("-1E-20", b"-0.00000000000000000001"), ("100", b"100"), ("1E+20", b"100000000000000000000"),
        ("9223372036854775808", b"9223372036854775808"), ("-9223372036854775809.5", b"-9223372036854775809.5"),
        ("0.10", b"0.10"), ("12E-1", b"1.2"), ("0E+3", b"0"),
    ],
)  # fmt: skip
def test_format_decimal_is_exact_and_plain(codec: Codec, value: str, expected: bytes) -> None:
    written = codec.convert.format_decimal(Decimal(value))
    # 0E+3 is zero with any number of zeros; one is enough
    assert written == expected or (value == "0E+3" and set(written) == {ord("0")})
    assert Decimal(written.decode()) == Decimal(value)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_format_decimal_refuses_what_is_no_number(codec: Codec, value: str) -> None:
    assert refused(codec.convert.format_decimal, Decimal(value))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_decimal_reads_back_what_it_wrote(codec: Codec, value: Decimal) -> None:
    raw = codec.convert.format_decimal(value)
    assert set(raw) <= set(b"-.0123456789")
    assert codec.convert.parse_decimal(raw) == value


@given(numbers)
def test_a_decimal_that_was_read_is_as_good_as_any(codec: Codec, text: str) -> None:
    read, known = codec.convert.parse_decimal(text.encode()), Decimal(text)
    assert (hash(read), repr(read), read.as_integer_ratio()) == (hash(known), repr(known), known.as_integer_ratio())
    assert (read * 3 + 1).as_tuple() == (known * 3 + 1).as_tuple()
    assert read.copy_negate().as_tuple() == known.copy_negate().as_tuple()
    assert pickle.loads(pickle.dumps(read)).as_tuple() == known.as_tuple()
    with localcontext() as context:
        context.prec = 60
        assert (read.next_plus(), read.shift(20)) == (known.next_plus(), known.shift(20))


def test_decimal_does_not_depend_on_the_context(codec: Codec) -> None:
    with localcontext() as context:
        context.prec = 3
        assert str(codec.convert.parse_decimal(b"123456.789")) == "123456.789"
        assert str(codec.convert.parse_decimal(b"12345678901234567890123.456789")) == "12345678901234567890123.456789"
        assert codec.convert.format_decimal(Decimal("123456.789")) == b"123456.789"


# --- bool -----------------------------------------------------------------------------------------------------


def test_bool_is_y_or_n(codec: Codec) -> None:
    assert codec.convert.parse_bool(b"Y") is True
    assert codec.convert.parse_bool(b"N") is False


@pytest.mark.parametrize("raw", [b"", b"y", b"n", b"YES", b"YY", b"T", b"1", b"0", b"Y ", b"\x00", b"YN"])
def test_bool_refuses_everything_else(codec: Codec, raw: bytes) -> None:
    assert refused(codec.convert.parse_bool, raw)


# --- times ----------------------------------------------------------------------------------------------------


def ns_of(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


TIMES = [
    (b"19700101-00:00:00", 0),
    (b"19700101-00:00:00.000000001", 1),
    (b"19691231-23:59:59.999999999", -1),
    (b"19691231-23:59:59", -(10**9)),
    (b"20240229-12:34:56", ns_of(datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC))),
    (b"20000229-00:00:00", ns_of(datetime(2000, 2, 29, tzinfo=UTC))),
    (b"20240102-03:04:05.6", ns_of(datetime(2024, 1, 2, 3, 4, 5, 600000, tzinfo=UTC))),
    (b"20240102-03:04:05.67", ns_of(datetime(2024, 1, 2, 3, 4, 5, 670000, tzinfo=UTC))),
    (b"20240102-03:04:05.678", ns_of(datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))),
    (b"20240102-03:04:05.6789", ns_of(datetime(2024, 1, 2, 3, 4, 5, 678900, tzinfo=UTC))),
    (b"20240102-03:04:05.678901", ns_of(datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))),
    (b"20240102-03:04:05.678901234", ns_of(datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)) + 234),
    (b"20240102-03:04:05.678901234567", ns_of(datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)) + 234),
    (b"20240102-03:04:05.999999999999", ns_of(datetime(2024, 1, 2, 3, 4, 5, 999999, tzinfo=UTC)) + 999),
    (b"20161231-23:59:60", ns_of(datetime(2017, 1, 1, tzinfo=UTC))),
    (b"20161231-23:59:60.5", ns_of(datetime(2017, 1, 1, 0, 0, 0, 500000, tzinfo=UTC))),
    (b"20240102-03:04:60", ns_of(datetime(2024, 1, 2, 3, 5, tzinfo=UTC))),
    (b"18000101-00:00:00", ns_of(datetime(1800, 1, 1, tzinfo=UTC))),
    (b"22620411-23:47:16.854775807", INT64_MAX),
    (b"16770921-00:12:43.145224192", INT64_MIN),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "ns"), TIMES, ids=lambda value: value.decode() if isinstance(value, bytes) else "")
def test_time_reads_ns_since_the_epoch(codec: Codec, raw: bytes, ns: int) -> None:
    assert codec.convert.parse_time_ns(raw) == ns


NOT_TIMES = [
    b"", b"20240102", b"20240102-", b"20240102-03:04", b"20240102-03:04:", b"20240102-03:04:0", b"20240102 03:04:05",
    b"20240102T03:04:05", b"2024-01-02-03:04:05", b"20240102-030405", b"20240102-03:04:05.", b"20240102-03:04:05,1",
    b"20240102-03:04:05.1234567890123", b"20240102-03:04:05Z", b"20240102-03:04:05.12Z", b"20240102-03:04:05 ",
    b" 20240102-03:04:05", b"20240102-03:04:05\n", b"20240102-24:00:00", b"20240102-03:60:00", b"20240102-03:04:61",
    b"20240102-03:04:99", b"20241301-03:04:05", b"20240001-03:04:05", b"20240100-03:04:05", b"20240132-03:04:05",
    b"20230229-03:04:05", b"21000229-03:04:05", b"20240431-03:04:05", b"00000101-00:00:00", b"0000000-00:00:00",
    b"2024010a-03:04:05", b"20240102-0a:04:05", b"20240102-03:0a:05", b"20240102-03:04:0a", b"20240102-03:04:05.1a",
    b"-0240102-03:04:05", b"20240102-03:04:-5", b"20240102-03:04:05.-1", b"20240102-03:04:05.+1", b"20240102-3:4:5",
    b"20240102-03:04:05.\xb2", b"2024010:-03:04:05", b"20240102-03:04:0:", b"22620411-23:47:16.854775808",
    b"16770921-00:12:43.145224191", b"99991231-23:59:59", b"00010101-00:00:00", b"20240102-99:04:05",
]  # fmt: skip


@pytest.mark.parametrize("raw", NOT_TIMES)
def test_time_refuses(codec: Codec, raw: bytes) -> None:
    assert refused(codec.convert.parse_time_ns, raw)


@pytest.mark.parametrize("year", [1, 1600, 1677, 1969, 2262, 9999])
def test_a_datetime_may_be_of_any_year(codec: Codec, year: int) -> None:
    for moment in (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)):
        raw = f"{moment:%m%d-%H:%M:%S}.{moment.microsecond:06d}999".encode()
        assert codec.convert.parse_datetime(b"%04d" % year + raw) == moment


@pytest.mark.parametrize(
    "raw", [b"99991231-23:59:60", b"00000101-00:00:00", b"100000101-00:00:00", b"20230229-00:00:00"]
)
def test_a_datetime_that_is_none_is_refused(codec: Codec, raw: bytes) -> None:
    assert refused(codec.convert.parse_datetime, raw)


@pytest.mark.parametrize(
    ("ns", "digits", "expected"),
    [
        (0, 0, b"19700101-00:00:00"), (0, 3, b"19700101-00:00:00.000"), (0, 6, b"19700101-00:00:00.000000"),
        (0, 9, b"19700101-00:00:00.000000000"), (999_999_999, 0, b"19700101-00:00:00"),
        (999_999_999, 3, b"19700101-00:00:00.999"), (999_999_999, 6, b"19700101-00:00:00.999999"),
        (-1, 9, b"19691231-23:59:59.999999999"), (-1, 0, b"19691231-23:59:59"), (-1, 3, b"19691231-23:59:59.999"),
        (-DAY, 0, b"19691231-00:00:00"), (INT64_MAX, 9, b"22620411-23:47:16.854775807"),
        (INT64_MIN, 9, b"16770921-00:12:43.145224192"),
        (ns_of(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)), 3, b"20240229-23:59:59.000"),
        (ns_of(datetime(2100, 3, 1, tzinfo=UTC)) - 1, 3, b"21000228-23:59:59.999"),
    ],
)  # fmt: skip
def test_format_time_cuts_and_never_rounds(codec: Codec, ns: int, digits: int, expected: bytes) -> None:
    assert codec.convert.format_time(ns, digits) == expected


@pytest.mark.parametrize("digits", [-3, -1, 1, 2, 4, 5, 7, 8, 10, 12])
def test_format_time_refuses_other_numbers_of_digits(codec: Codec, digits: int) -> None:
    refused(codec.convert.format_time, 0, digits)


@pytest.mark.parametrize("ns", [INT64_MAX + 1, INT64_MIN - 1, 10**30])
def test_format_time_refuses_what_64_bits_do_not_hold(codec: Codec, ns: int) -> None:
    refused(codec.convert.format_time, ns, 3)


@given(ns=st.integers(-9_223_372_036 * 10**9, INT64_MAX), digits=st.sampled_from([0, 3, 6, 9]))
def test_time_reads_back_what_it_wrote(codec: Codec, ns: int, digits: int) -> None:
    unit = 10 ** (9 - digits)
    assert codec.convert.parse_time_ns(codec.convert.format_time(ns, digits)) == ns // unit * unit


@given(ns=st.lists(st.integers(0, 3 * 10**9), min_size=2, max_size=20), base=st.integers(0, 2**61))
def test_format_time_has_no_stale_second(codec: Codec, ns: list[int], base: int) -> None:
    # a cached second must not leak into the next call
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for step in ns:
        moment = base + step
        seconds, rest = divmod(moment, 10**9)
        text = (epoch + timedelta(seconds=seconds)).strftime("%Y%m%d-%H:%M:%S") + f".{rest:09d}"
        assert codec.convert.format_time(moment, 9) == text.encode()


@given(st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)))
def test_time_equals_pythons_calendar(codec: Codec, moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    raw = codec.convert.format_time(ns_of(aware), 6)
    assert raw == f"{moment.year:04d}{moment:%m%d-%H:%M:%S.%f}".encode()
    assert codec.convert.parse_time_ns(raw) == ns_of(aware)


@given(st.text("0123456789-:. ", min_size=15, max_size=22).map(str.encode))
@example(b"20240102-03:04:05")
def test_time_refuses_random_text_like_the_calendar_does(codec: Codec, raw: bytes) -> None:
    try:
        expected = datetime.strptime(raw[:17].decode(), "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return
    if len(raw) == 17 and raw[8:9] == b"-" and raw[:8].isdigit():
        assert codec.convert.parse_time_ns(raw) == ns_of(expected)
