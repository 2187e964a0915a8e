"""Every data type of FIX 4.0 to 5.0 SP2, text to Python and back: tables of the edges of each Kind, and properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.codec.datatypes import EXPECTED, TIME_KINDS, is_valid, parse_ns, parse_value
from fixfast.codec.formatting import format_value
from fixfast.dictionary.model import KINDS, Kind
from fixfast.types import MonthYear, Scaled, Tenor

PLUS_530 = timezone(timedelta(hours=5, minutes=30))
MINUS_5 = timezone(-timedelta(hours=5))
SECOND = 1_000_000_000


class Side(StrEnum):
    BUY = "1"
    SELL = "2"


class Number(IntEnum):
    SEVEN = 7


class Nowhere(tzinfo):
    """A time zone that does not say how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


class Price(Enum):
    LOW = Decimal("1.50")


# fmt: off
#: kind -> (text, what it means, digits to write it back with; None: it is not canonical, and written otherwise)
GOOD: dict[Kind, list[tuple[str, Any, int | None]]] = {
    "str": [("x", "x", 3), (" a b ", " a b ", 3), ("\udcff\xe9", "\udcff\xe9", 3)],
    "char": [("1", "1", 3), (" ", " ", 3), ("\udcff", "\udcff", 3), ("\x00", "\x00", 3)],
    "int": [("0", 0, 3), ("-1", -1, 3), ("007", 7, None), ("-0", 0, None), ("9" * 40, int("9" * 40), 3)],
    "uint": [("0", 0, 3), ("12", 12, 3), ("007", 7, None), ("9" * 40, int("9" * 40), 3)],
    "day": [("1", 1, 3), ("31", 31, 3), ("09", 9, None)],
    "decimal": [
        ("0", Decimal("0"), 3), ("1.50", Decimal("1.50"), 3), ("-0.00", Decimal("-0.00"), 3), ("-12", Decimal(-12), 3),
        (".5", Decimal("0.5"), None), ("5.", Decimal("5"), None), ("00.10", Decimal("0.10"), None),
        ("0." + "0" * 40 + "1", Decimal("1E-41"), 3), ("1" * 60 + ".5", Decimal("1" * 60 + ".5"), 3),
    ],
    "bool": [("Y", True, 3), ("N", False, 3)],
    "time": [
        ("20240229-00:00:00", datetime(2024, 2, 29, tzinfo=UTC), 0),
        ("20240102-03:04:05.678", datetime(2024, 1, 2, 3, 4, 5, 678000, UTC), 3),
        ("20240102-03:04:05.678901", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC), 6),
        ("20240102-03:04:05.678901000", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC), 9),
        ("20240102-03:04:05.678901234", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC), None),
        ("20240102-03:04:05.678901234567", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC), None),
        ("20240102-03:04:05.6", datetime(2024, 1, 2, 3, 4, 5, 600000, UTC), None),
        ("00010101-00:00:00", datetime(1, 1, 1, tzinfo=UTC), 0),
        ("99991231-23:59:59", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 0),
        ("20161231-23:59:60", datetime(2017, 1, 1, tzinfo=UTC), None),
        ("20161231-23:59:60.5", datetime(2017, 1, 1, 0, 0, 0, 500000, tzinfo=UTC), None),
    ],
    "date": [("20240229", date(2024, 2, 29), 3), ("00010101", date(1, 1, 1), 3), ("99991231", date.max, 3)],
    "timeonly": [
        ("00:00:00", time(0, tzinfo=UTC), 0), ("23:59:59.999", time(23, 59, 59, 999000, UTC), 3),
        ("12:00:00.000001", time(12, 0, 0, 1, UTC), 6), ("12:00:00.000000001", time(12, tzinfo=UTC), None),
        ("12:34:60", time(12, 35, tzinfo=UTC), None), ("23:59:60.25", time(0, 0, 0, 250000, UTC), None),
    ],
    "localtime": [
        ("00:00:00", time(0), 3), ("16:30:00", time(16, 30), 9), ("16:30:00.500", time(16, 30, 0, 500000), 3),
        ("16:30:00.000", time(16, 30), None), ("23:59:60", time(0), None),
    ],
    "tztime": [
        ("07:39:00Z", time(7, 39, tzinfo=UTC), 3), ("07:39:00", time(7, 39), 3),
        ("07:39Z", time(7, 39, tzinfo=UTC), None), ("07:39", time(7, 39), None),
        ("13:09:00+05:30", time(13, 9, tzinfo=PLUS_530), 3), ("02:39:00-05", time(2, 39, tzinfo=MINUS_5), 3),
        ("02:39-05", time(2, 39, tzinfo=MINUS_5), None), ("02:39:01-05:00", time(2, 39, 1, tzinfo=MINUS_5), None),
        ("02:39:01.5+00:00", time(2, 39, 1, 500000, UTC), None),
        ("00:00:00+14:59", time(0, tzinfo=timezone(timedelta(hours=14, minutes=59))), 3),
        ("00:00:00-14:59", time(0, tzinfo=timezone(-timedelta(hours=14, minutes=59))), 3),
        ("23:59:60Z", time(0, tzinfo=UTC), None),
    ],
    "tztimestamp": [
        ("20060901-07:39:00Z", datetime(2006, 9, 1, 7, 39, tzinfo=UTC), 0),
        ("20060901-07:39:00.000", datetime(2006, 9, 1, 7, 39), 3),
        ("20060901-07:39", datetime(2006, 9, 1, 7, 39), None),
        ("20060901-07:39Z", datetime(2006, 9, 1, 7, 39, tzinfo=UTC), None),
        ("20060901-13:09:00.123+05:30", datetime(2006, 9, 1, 13, 9, 0, 123000, PLUS_530), 3),
        ("20060901-02:39:00.123456-05", datetime(2006, 9, 1, 2, 39, 0, 123456, MINUS_5), 6),
        ("00010101-00:00:00+05:30", datetime(1, 1, 1, tzinfo=PLUS_530), 0),
        ("99991231-23:59:59-05", datetime(9999, 12, 31, 23, 59, 59, tzinfo=MINUS_5), 0),
        ("20161231-23:59:60.123456789123Z", datetime(2017, 1, 1, 0, 0, 0, 123456, tzinfo=UTC), None),
    ],
    "monthyear": [
        ("202402", MonthYear(2024, 2), 3), ("20240229", MonthYear(2024, 2, 29), 3),
        ("202402w1", MonthYear(2024, 2, 0, 1), 3),
        ("202402w5", MonthYear(2024, 2, 0, 5), 3), ("000101", MonthYear(1, 1), 3), ("999912", MonthYear(9999, 12), 3),
    ],
    "tenor": [("D1", Tenor("D", 1), 3), ("W52", Tenor("W", 52), 3), ("M3", Tenor("M", 3), 3),
              ("Y999999999", Tenor("Y", 999_999_999), 3)],
    "chars": [("1", ("1",), 3), ("1 2 3", ("1", "2", "3"), 3), ("\udcff \x00", ("\udcff", "\x00"), 3)],
    "strings": [("AON", ("AON",), 3), ("AON ab \udce9", ("AON", "ab", "\udce9"), 3), ("a\nb c", ("a\nb", "c"), 3)],
    "data": [("\x01|\udcff", b"\x01|\xff", 3), ("", b"", 3)],
    "xml": [("<a>\x01</a>", b"<a>\x01</a>", 3)],
}
NO_NUMBERS = ["", "-", "+1", "1e5", " 1", "1 ", "1\n", "1,5", "0x1", "abc", "nan", "\udcb2", "1\x00", "--1", "1_0",
              "\uff11"]
NO_CLOCKS = ["", "24:00:00", "12:60:00", "12:00:61", "1:00:00", "12:0:00", "12:00:0", "12-00-00", "12:00:00.",
             "-1:00:00",
             "12:00:00." + "1" * 13, "12:00:00,5", "12:00:00 ", " 12:00:00", "120000", "12:00:00\n",
             "\uff11\uff12:00:00"]
NO_DATES = ["", "20230229", "20240230", "20241301", "20240001", "20240100", "00000101", "2024010", "202401011",
            "2024-01-01", "20240101 ", "20240101\n", "+2024010", "2024w1", "21000229"]
NO_ZONES = ["+5", "+05:", "+5:30", "+05:60", "+15", "+15:00", "-15", "z", "UTC", "+0530", "+05:30:00", " Z", "Z ",
            "+-5"]
BAD: dict[Kind, list[str]] = {
    "str": [], "data": [], "xml": [],
    "char": ["", "ab", "\xe9", "1 "],
    "int": [*NO_NUMBERS, "1.0", "1.", "9" * 41, "-" + "9" * 41, "0" * 41],
    "uint": [*NO_NUMBERS, "-1", "-0", "1.0", "9" * 41],
    "day": [*NO_NUMBERS, "0", "00", "32", "99", "001", "-1", "1.0"],
    "decimal": [*NO_NUMBERS, ".", "-.", "1..2", "1.2.3", "1.-2", "-+1"],
    "bool": ["", "y", "n", "YES", "Y ", " N", "1", "T", "YN", "Y\n"],
    "time": [*(f"20240101-{clock}" for clock in NO_CLOCKS), *(f"{day}-00:00:00" for day in NO_DATES), "20240101",
             "20240101 00:00:00", "20240101-00:00:00Z", "20240101-00:00", "99991231-23:59:60"],
    "date": [*NO_DATES, "20240101-00:00:00"],
    "timeonly": [*NO_CLOCKS, "12:00", "12:00:00Z"],
    "localtime": [*NO_CLOCKS, "12:00", "12:00:00+01"],
    "tztime": [*(clock + "Z" for clock in NO_CLOCKS), *("12:00:00" + zone for zone in NO_ZONES), "12", "12:00.5Z",
    "24:00Z"],
    "tztimestamp": [*(f"20240101-{clock}Z" for clock in NO_CLOCKS), *("20240101-12:00:00" + zone for zone in NO_ZONES),
                    *(f"{day}-00:00:00Z" for day in NO_DATES), "20240101", "20240101-12Z", "99991231-23:59:60"],
    "monthyear": ["", "2024", "202400", "202413", "000001", "20240230", "20240100", "202401w0", "202401w6", "202401w",
                  "202401W1", "202401w11", "202401 ", "202401\n", "2024-01", "20240101w1", "2024011"],
    "tenor": ["", "M", "3M", "M0", "M03", "m3", "X3", "M-3", "M3 ", "M3\n", "M1234567890", "M3.5", "M 3"],
    "chars": ["", " ", " 1", "1 ", "1  2", "12", "1 23", "\xe9", "1,2"],
    "strings": ["", " ", " a", "a ", "a  b"],
}
# fmt: on


def wire(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def rows(table: dict[Kind, list[Any]]) -> list[Any]:
    return [pytest.param(kind, case, id=f"{kind}-{i}") for kind, cases in table.items() for i, case in enumerate(cases)]


def refusal(kind: Kind, raw: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        parse_value(kind, raw)
    return str(caught.value)


# --- text to Python ------------------------------------------------------------------------------------------


def test_every_kind_is_in_the_tables() -> None:
    kinds = set(get_args(Kind))
    assert set(GOOD) == set(BAD) == set(EXPECTED) == kinds
    assert set(KINDS.values()) <= kinds
    assert kinds > TIME_KINDS


@pytest.mark.parametrize(("kind", "case"), rows(GOOD))
def test_a_good_value_means(kind: Kind, case: tuple[str, Any, int | None]) -> None:
    text, meaning, _ = case
    found = parse_value(kind, wire(text))
    assert type(found) is type(meaning)
    assert found == meaning
    assert repr(found) == repr(meaning)  # trailing zeros, minus zero, time zones
    assert is_valid(kind, wire(text))


@pytest.mark.parametrize(("kind", "text"), rows(BAD))
def test_a_bad_value_says_what_was_expected_and_not_the_value(kind: Kind, text: str) -> None:
    message = refusal(kind, wire(text))
    assert EXPECTED[kind] in message or "no such" in message or "more than 40 digits" in message
    assert len(text) < 5 or text not in message
    assert not is_valid(kind, wire(text))


# --- Python to text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "case"), rows(GOOD))
def test_a_value_is_written_in_its_canonical_form(kind: Kind, case: tuple[str, Any, int | None]) -> None:
    text, meaning, digits = case
    written = format_value(kind, meaning, 3 if digits is None else digits)
    assert (written == wire(text)) is (digits is not None)
    if digits is None:  # another form of the same value
        assert parse_value(kind, format_value(kind, meaning, 6)) == meaning


@pytest.mark.parametrize(("kind", "case"), rows(GOOD))
def test_text_is_written_as_it_is(kind: Kind, case: tuple[str, Any, int | None]) -> None:
    assert format_value(kind, case[0]) == format_value(kind, wire(case[0])) == wire(case[0])


def test_text_is_not_judged_what_is_computed_is() -> None:
    assert format_value("decimal", "n/a") == b"n/a"
    with pytest.raises(ValueError, match="digits"):
        format_value("uint", -1)


# fmt: off
OTHER_FORMS: list[tuple[Kind, Any, str]] = [
    ("decimal", 5, "5"), ("decimal", Scaled(123450, -5), "1.23450"), ("decimal", Scaled(-5, 3), "-5000"),
    ("decimal", Scaled(0, 3), "0"), ("decimal", Scaled(7, -9), "0.000000007"), ("decimal", Decimal("1E+3"), "1000"),
    ("decimal", Price.LOW, "1.50"), ("int", Decimal(5), "5"), ("int", Number.SEVEN, "7"), ("uint", Scaled(5, 0), "5"),
    ("char", Side.BUY, "1"), ("char", 1, "1"), ("char", True, "Y"), ("str", 12, "12"), ("str", False, "N"),
    ("str", Decimal("1.0"), "1.0"), ("str", date(2024, 1, 2), "20240102"),
    ("str", MonthYear(2024, 1, 0, 2), "202401w2"),
    ("str", Tenor("M", 3), "M3"), ("str", ("a", "b"), "a b"), ("str", time(1, 2, 3), "01:02:03"),
    ("str", time(1, 2, 3, 500000), "01:02:03.500"), ("str", time(1, 2, 3, tzinfo=UTC), "01:02:03.000"),
    ("str", datetime(2024, 1, 2, 3, tzinfo=PLUS_530), "20240101-21:30:00.000"),
    ("time", 1_704_164_645_678_901_234, "20240102-03:04:05.678"), ("time", -1, "19691231-23:59:59.999"),
    ("time", datetime(2024, 1, 2, 3, tzinfo=MINUS_5), "20240102-08:00:00.000"),
    ("tztimestamp", 1_704_164_645_678_901_234, "20240102-03:04:05.678Z"),
    ("monthyear", date(2024, 1, 2), "20240102"), ("monthyear", 202401, "202401"), ("date", 20240102, "20240102"),
    ("chars", ["1", Side.SELL], "1 2"), ("strings", ("AON",), "AON"), ("strings", Side.BUY, "1"), ("day", 31, "31"),
    ("tztime", time(1, 2, 3, 4), "01:02:03"), ("localtime", time(1, 2, 3, 999), "01:02:03"),
]
REFUSED: list[tuple[Kind, Any, type[Exception], str]] = [
    *((kind, 1.5, TypeError, "Decimal") for kind in get_args(Kind) if kind not in ("data", "xml")),
    *((kind, None, TypeError, "") for kind in get_args(Kind)), ("data", 5, TypeError, "bytes or str"),
    ("str", object(), TypeError, "object"), ("str", {"a": 1}, TypeError, "dict"),
    ("str", "\ud800", ValueError, "surrogate"),
    ("int", Scaled(10**5000, 0), ValueError, "too many digits"),
    ("tztime", time(1, tzinfo=Nowhere()), ValueError, "no offset"),
    ("decimal", True, ValueError, "bool"), ("decimal", Decimal("NaN"), ValueError, "NaN"),
    ("decimal", Decimal("Infinity"), ValueError, "Infinity"), ("decimal", Decimal("1E+999999"), ValueError, "1024"),
    ("decimal", Decimal("1E-999999"), ValueError, "1024"), ("decimal", Scaled(1, 1001), ValueError, "1000"),
    ("decimal", Scaled(True, 0), TypeError, "two ints"), ("decimal", date(2024, 1, 1), ValueError, "point"),
    ("uint", MonthYear(2024, 1), ValueError, "digits"),
    ("int", Decimal("1.0"), ValueError, "digits"), ("uint", -1, ValueError, "digits"), ("day", 0, ValueError, "31"),
    ("day", 32, ValueError, "31"), ("char", 12, ValueError, "one byte"), ("bool", 1, ValueError, "Y or N"),
    ("time", date(2024, 1, 1), ValueError, "YYYYMMDD"), ("time", datetime(2024, 1, 1), ValueError, "UTC"),
    ("time", 1 << 63, ValueError, "64 bits"), ("time", datetime(1, 1, 1, tzinfo=PLUS_530), ValueError, "9999"),
    ("time", time(1, tzinfo=UTC), ValueError, "YYYYMMDD"), ("tztimestamp", 1 << 63, ValueError, "64 bits"),
    ("date", datetime(2024, 1, 1, tzinfo=UTC), ValueError, "YYYYMMDD"), ("date", 2024, ValueError, "YYYYMMDD"),
    ("date", MonthYear(2024, 1), ValueError, "YYYYMMDD"), ("timeonly", time(1), ValueError, "UTC"),
    ("timeonly", time(1, tzinfo=PLUS_530), ValueError, "TZTIMEONLY"), ("timeonly", 5, ValueError, "HH:MM:SS"),
    ("localtime", time(1, tzinfo=UTC), ValueError, "no time zone"), ("str", time(1, tzinfo=MINUS_5), ValueError, "UTC"),
    ("tztime", time(1, tzinfo=timezone(timedelta(hours=15))), ValueError, "14 hours"),
    ("tztime", time(1, tzinfo=timezone(timedelta(seconds=1))), ValueError, "minutes"),
    ("tztime", datetime(2024, 1, 1, tzinfo=UTC), ValueError, "HH:MM"),
    ("tztimestamp", datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-15))), ValueError, "14 hours"),
    ("monthyear", MonthYear(2024, 13), ValueError, "MonthYear"),
    ("monthyear", MonthYear(2023, 2, 29), ValueError, "MonthYear"),
    ("monthyear", MonthYear("x", 1), ValueError, "MonthYear"),  # type: ignore[arg-type]
    ("str", MonthYear(0, 1), ValueError, "MonthYear"),
    ("tenor", Tenor("M", 0), ValueError, "Tenor"), ("tenor", Tenor("Q", 1), ValueError, "Tenor"),
    ("tenor", MonthYear(2024, 1), ValueError, "number"), ("strings", [1], TypeError, "int"),
    ("strings", ["a b"], ValueError, "space"), ("strings", [""], ValueError, "empty"),
    ("strings", [], ValueError, "words"),
    ("chars", ["12"], ValueError, "single bytes"), ("chars", ["\xe9"], ValueError, "single bytes"), ("int", ["1",
    "2"], ValueError, ""),
]
# fmt: on


@pytest.mark.parametrize(("kind", "value", "text"), OTHER_FORMS)
def test_a_value_is_written_by_the_type_of_its_field(kind: Kind, value: Any, text: str) -> None:
    assert format_value(kind, value) == text.encode()


@pytest.mark.parametrize(("kind", "value", "error", "word"), REFUSED, ids=[f"{row[0]}-{row[3]}" for row in REFUSED])
def test_a_value_that_does_not_fit_its_field_is_refused(
    kind: Kind, value: Any, error: type[Exception], word: str
) -> None:
    with pytest.raises(error) as caught:
        format_value(kind, value)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("decimal", ("hunter2",)), ("chars", ["hunter2"]), ("date", ["hunter2"]), ("tenor", Tenor("hunter2", 1)),
        ("str", "hunter2\ud800"), ("monthyear", MonthYear("hunter2", 1)),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_c8_a_refusal_holds_no_value(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError) as caught:
        format_value(kind, value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# --- nanoseconds ---------------------------------------------------------------------------------------------

# fmt: off
NANOSECONDS: list[tuple[Kind, str, int]] = [
    ("time", "19700101-00:00:00", 0), ("time", "20240102-03:04:05.678901234567", 1_704_164_645_678_901_234),
    ("time", "19691231-23:59:59.999999999", -1), ("time", "20161231-23:59:60", 1_483_228_800 * SECOND),
    ("time", "99991231-23:59:60", 253_402_300_800 * SECOND), ("time", "00010101-00:00:00", -62_135_596_800 * SECOND),
    ("date", "19700102", 86_400 * SECOND), ("date", "20240102", 1_704_153_600 * SECOND), ("date",
    "99991231", 253_402_214_400 * SECOND),
    ("timeonly", "00:00:00.000000001", 1), ("timeonly", "23:59:59.9", 86_399_900_000_000), ("timeonly", "23:59:60", 0),
    ("timeonly", "12:00:60", 43_260 * SECOND), ("localtime", "16:30:00", 59_400 * SECOND),
    ("tztime", "07:39Z", 27_540 * SECOND), ("tztime", "07:39", 27_540 * SECOND), ("tztime",
    "13:09+05:30", 27_540 * SECOND),
    ("tztime", "01:00:00+05:30", 70_200 * SECOND), ("tztime", "20:00-05", 3_600 * SECOND), ("tztime", "23:59:60Z", 0),
    ("tztimestamp", "20240102-03:04:05Z", 1_704_164_645 * SECOND), ("tztimestamp",
    "20240102-03:04:05", 1_704_164_645 * SECOND),
    ("tztimestamp", "20240102-08:34:05.000000001+05:30", 1_704_164_645 * SECOND + 1),
    ("tztimestamp", "19691231-19:00-05", 0), ("tztimestamp",
    "00010101-00:00+14:59", (-62_135_596_800 - 53_940) * SECOND),
]
# fmt: on


@pytest.mark.parametrize(("kind", "text", "ns"), NANOSECONDS)
def test_ns_are_exact(kind: Kind, text: str, ns: int) -> None:
    assert parse_ns(kind, text.encode()) == ns


@pytest.mark.parametrize("kind", sorted(TIME_KINDS))
def test_ns_refuse_what_the_value_refuses(kind: Kind) -> None:
    for text in BAD[kind]:
        if text != "99991231-23:59:60":  # no datetime can hold it, an int can
            with pytest.raises(ValueError):
                parse_ns(kind, wire(text))


# --- properties ----------------------------------------------------------------------------------------------

offsets = st.one_of(st.none(), st.integers(-899, 899).map(lambda minutes: timezone(timedelta(minutes=minutes))))
moments = st.datetimes(timezones=offsets)
times = st.times(timezones=offsets)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**12), max_value=10**12))
def test_a_decimal_comes_back_exactly(value: Decimal) -> None:
    again = parse_value("decimal", format_value("decimal", value))
    assert again == value
    assert again.is_signed() == value.is_signed()


@given(mantissa=st.integers(-(10**30), 10**30), exponent=st.integers(-40, 40))
def test_a_scaled_number_comes_back_exactly(mantissa: int, exponent: int) -> None:
    found = parse_value("decimal", format_value("decimal", Scaled(mantissa, exponent)))
    assert found == Decimal(mantissa) * Decimal(10) ** exponent or abs(mantissa) >= 10**27  # beyond the context
    assert (
        found.as_tuple().digits == Decimal(f"{mantissa}E{exponent}").as_tuple().digits or exponent > 0 or not mantissa
    )


@given(st.dates())
def test_a_date_comes_back(value: date) -> None:
    assert parse_value("date", format_value("date", value)) == value
    month_year = parse_value("monthyear", format_value("monthyear", value))
    assert month_year == (value.year, value.month, value.day, 0)


@given(moments)
def test_a_moment_comes_back_with_its_offset(value: datetime) -> None:
    raw = format_value("tztimestamp", value, 6)
    again = parse_value("tztimestamp", raw)
    assert (again, again.utcoffset()) == (value, value.utcoffset())
    assert format_value("tztimestamp", again, 6) == raw
    aware = again if again.tzinfo else again.replace(tzinfo=UTC)
    assert (
        parse_ns("tztimestamp", raw) == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    )


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from([0, 3, 6, 9]))
def test_a_utc_timestamp_is_cut_and_not_rounded(value: datetime, digits: int) -> None:
    raw = format_value("time", value, digits)
    again = parse_value("time", raw)
    unit = timedelta(microseconds=10 ** max(6 - digits, 0))
    assert timedelta(0) <= value - again < unit
    assert format_value("time", again, digits) == raw


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_ns_come_back_exactly(ns: int) -> None:
    assert parse_ns("time", format_value("time", ns, 9)) == ns
    assert parse_ns("tztimestamp", format_value("tztimestamp", ns, 9)) == ns


@given(times)
def test_a_time_of_day_comes_back(value: time) -> None:
    again = parse_value("tztime", format_value("tztime", value, 6))
    assert (again, again.utcoffset()) == (value, value.utcoffset())
    utc = value.replace(tzinfo=UTC)
    assert parse_value("timeonly", format_value("timeonly", utc, 6)) == utc
    local = value.replace(tzinfo=None)
    assert parse_value("localtime", format_value("localtime", local, 6)) == local


@given(
    st.sampled_from(sorted(set(get_args(Kind)))),
    st.one_of(st.binary(max_size=30), st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))),
)
def test_what_is_read_can_be_written_and_means_the_same(kind: Kind, raw: bytes) -> None:
    try:
        value = parse_value(kind, raw)
    except ValueError:
        return
    assert parse_value(kind, format_value(kind, value, 9)) == value


@given(st.from_regex(r"[-+0-9:.wZDMY ]{0,24}", fullmatch=True), st.sampled_from(sorted(TIME_KINDS)))
def test_value_and_ns_accept_the_same(text: str, kind: Kind) -> None:
    raw = text.encode()
    try:
        parse_ns(kind, raw)
    except ValueError:
        assert not is_valid(kind, raw)
