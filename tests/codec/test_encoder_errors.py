"""Every refusal of the encoder: one error, which names the tag, says why, and never holds the value."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Scaled, Slot
from tests.codec.support import Codec, message

#: passwords, new passwords, their encrypted forms, raw data of a Logon
SECRETS = (554, 925, 1402, 1404, 96)


class Nested(Enum):
    INNER = 1


class Outer(Enum):
    MEMBER = Nested.INNER


class NoOffset(tzinfo):
    """A time zone that does not say how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.fixture
def compiled(twins: tuple[Codec, Codec]) -> Codec:
    return twins[1]


def refusal(codec: Codec, fields: Any, **options: Any) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        codec.encode("FIX.4.4", "D", fields, **options)
    error: EncodeError = caught.value
    assert error.__cause__ is None
    if error.tag:
        assert str(error).startswith(f"tag {error.tag}: ")
    assert error.detail
    assert error.detail in str(error)
    assert "\n" not in str(error)
    return error


# fmt: off
REFUSED: list[tuple[str, list[Any], int, type[EncodeError], str]] = [
    ("begin string", [(8, "FIX.4.4")], 8, EncodeError, "encoder"),
    ("body length", [(9, 5)], 9, EncodeError, "encoder"),
    ("checksum", [(10, "000")], 10, EncodeError, "encoder"),
    ("msg type", [(35, "D")], 35, EncodeError, "encoder"),
    ("owned tag in a group", [(453, [[(448, "A"), (10, "x")]])], 10, EncodeError, "encoder"),
    ("tag 0", [(0, "x")], 0, EncodeError, "tag 0"),
    ("negative tag", [(-5, "x")], -5, EncodeError, "999999999"),
    ("tag of ten digits", [(1_000_000_000, "x")], 1_000_000_000, EncodeError, "999999999"),
    ("tag beyond 64 bits", [(1 << 70, "x")], 1 << 70, EncodeError, "999999999"),
    ("tag as text", [("55", "x")], 0, EncodeTypeError, "str"),
    ("tag as bool", [(True, "x")], 0, EncodeTypeError, "bool"),
    ("tag as float", [(55.0, "x")], 0, EncodeTypeError, "float"),
    ("no pair", [55], 0, EncodeTypeError, "int"),
    ("one value too many", [(55, "x", "y")], 0, EncodeTypeError, "tuple"),
    ("a slot", [Slot(55)], 55, EncodeTypeError, "Template"),
    ("a slot in a group", [(453, [[Slot(448)]])], 448, EncodeTypeError, "Template"),
    ("float", [(44, 1.5)], 44, EncodeTypeError, "Decimal"),
    ("None", [(44, None)], 44, EncodeTypeError, "leave the field out"),
    ("object", [(44, object())], 44, EncodeTypeError, "object"),
    ("bytearray", [(44, bytearray(b"x"))], 44, EncodeTypeError, "bytearray"),
    ("dict", [(44, {})], 44, EncodeTypeError, "dict"),
    ("empty text", [(55, "")], 55, EncodeError, "empty"),
    ("empty bytes", [(55, b"")], 55, EncodeError, "empty"),
    ("lone surrogate", [(55, "a\ud800")], 55, EncodeError, "surrogate"),
    ("NaN", [(44, Decimal("NaN"))], 44, EncodeError, "NaN"),
    ("infinity", [(44, Decimal("-Infinity"))], 44, EncodeError, "Infinity"),
    ("huge int", [(44, 10**5000)], 44, EncodeError, "digits"),
    ("scaled float", [(44, Scaled(1.5, 0))], 44, EncodeTypeError, "two ints"),  # type: ignore[arg-type]
    ("scaled bool", [(44, Scaled(True, 0))], 44, EncodeTypeError, "two ints"),
    ("naive datetime", [(60, datetime(2024, 1, 2))], 60, EncodeError, "time zone"),
    ("datetime without offset", [(60, datetime(2024, 1, 2, tzinfo=NoOffset()))], 60, EncodeError, "time zone"),
    ("time beyond 64 bits", [(52, 1 << 63)], 52, EncodeError, "64 bits"),
    ("empty data", [(96, b"")], 96, EncodeError, "empty"),
    ("data as a number", [(96, 5)], 96, EncodeTypeError, "int"),
    ("data as a list", [(96, [b"x"])], 96, EncodeTypeError, "list"),
    ("wrong length", [(95, 4), (96, b"abc")], 95, EncodeError, "computed"),
    ("negative length", [(95, -3), (96, b"abc")], 95, EncodeError, "computed"),
    ("length no number", [(95, "three"), (96, b"abc")], 95, EncodeError, "computed"),
    ("empty entry", [(453, [[(448, "A")], []])], 453, EncodeError, "empty"),
    ("entry of empty groups", [(453, [[(802, [])]])], 453, EncodeError, "empty"),
    ("entry as text", [(453, ["448=A"])], 453, EncodeTypeError, "str"),
    ("entry as number", [(453, [5])], 453, EncodeTypeError, "int"),
    ("entries that begin differently", [(453, [[(448, "A")], [(447, "D"), (448, "B")]])], 453, EncodeError, "447"),
    ("value in an inner group", [(453, [[(448, "A"), (802, [[(523, 1.5)]])]])], 523, EncodeTypeError, "Decimal"),
]
#: bounds of the compiled encoder, which the reference does not have
BOUNDS: list[tuple[str, list[Any], int, type[EncodeError], str]] = [
    ("enum of an enum", [(44, Outer.MEMBER)], 44, EncodeTypeError, "Enum"),
    ("long decimal", [(44, Decimal("1E+1100"))], 44, EncodeError, "1024"),
    ("tiny decimal", [(44, Decimal("1E-999999"))], 44, EncodeError, "1024"),
    ("huge decimal", [(44, Decimal("1E+999999"))], 44, EncodeError, "1024"),
    ("scaled far", [(44, Scaled(1, 1001))], 44, EncodeError, "1000"),
    ("scaled fine", [(44, Scaled(1, -(1 << 80)))], 44, EncodeError, "1000"),
]
# fmt: on


def judge(codec: Codec, fields: list[Any], tag: int, kind: type[EncodeError], word: str) -> None:
    for given in (fields, [(1, "a"), *fields], [(1, "a" * 3000), *fields, (58, "b")]):
        error = refusal(codec, given)
        assert (error.tag, type(error)) == (tag, kind)
        # the twins need not use the same words
        assert word in error.detail or codec.name == "reference"


@pytest.mark.parametrize("row", REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_names_the_tag_and_the_reason(codec: Codec, row: Any) -> None:
    judge(codec, *row[1:])


@pytest.mark.parametrize("row", BOUNDS, ids=[row[0] for row in BOUNDS])
def test_what_is_out_of_bounds_is_refused(compiled: Codec, row: Any) -> None:
    judge(compiled, *row[1:])


@pytest.mark.parametrize("at", [0, 1, 7, 8, 9, 15, 16, 17, 100, 3000])
@pytest.mark.parametrize("before", [0, 1, 2, 3, 5, 7, 8, 30])
def test_c11_soh_is_seen_wherever_it_stands(codec: Codec, at: int, before: int) -> None:
    text = "x" * at + "\x01" + "x" * before
    for value in (text, text.encode(), text + "é"):
        error = refusal(codec, [(1, "a"), (58, value)])
        assert error.tag == 58
        assert "SOH" in error.detail


@pytest.mark.parametrize("byte", [0, 2, 0x7F, 0x80, 0x81, 0xFF])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 16, 17])
def test_bytes_that_are_not_soh_pass_whatever_stands_beside_them(codec: Codec, byte: int, size: int) -> None:
    for value in (bytes([byte]) * size, b"\x00\x02" * size, bytes(2 + i % 254 for i in range(byte, byte + size))):
        assert codec.encode("FIX.4.4", "D", [(58, value)]) == message(b"35=D\x0158=" + value + b"\x01")


@pytest.mark.parametrize("tag", SECRETS)
def test_a_refusal_holds_no_secret(codec: Codec, tag: int) -> None:
    secret = "hunter2"
    rows: list[list[Any]] = [
        [(tag, {secret: 1})],
        [(tag, [[(55, secret + "\x01")]])],
        [(tag, secret + "\ud800")],
        [(453, [[(448, "A"), (tag, (secret + " ",))]])],
        [(tag, (secret, 5))],
    ]
    if tag == 554:
        rows.append([(tag, secret + "\x01")])
    for fields in rows:
        error = refusal(codec, fields)
        shown: BaseException | None = error
        while shown is not None:
            assert secret not in str(shown)
            assert secret not in repr(shown)
            shown = shown.__cause__ if shown.__suppress_context__ else shown.__context__


@pytest.mark.parametrize("tag", [34, 43, 49, 52, 56, 122])
def test_s15_tags_of_the_session_are_refused_among_the_applications(codec: Codec, tag: int) -> None:
    header = [(49, "A"), (56, "B"), (34, 7)]
    for fields in ([(tag, "x")], [(55, "y"), (tag, "x")], [(453, [[(448, "A"), (tag, "x")]])]):
        with pytest.raises(EncodeError) as caught:
            codec.encode_session("FIX.4.4", "D", header, fields)
        assert caught.value.tag == tag
    with pytest.raises(EncodeError) as caught:
        codec.encode_session("FIX.4.4", "D", [(10, "000")], [])
    assert caught.value.tag == 10


@pytest.mark.parametrize(
    "begin_string",
    [
        "", "FIX", "FIX.", "FIX.4", "FIX.4.", "FIX.4.44", "FIX.a.4", "FIX.4.4SP", "FIX.5.0SPx", "FIX.5.0SP22", "FIX44",
        "FIXT", "FIXT.1", "FIXX.1.1", "fix.4.4", "FIX.4.4\x01", "FIX.4.4\x00", "FIX.4.é", " FIX.4.4", "FIX.4.4 ",
    ],
)  # fmt: skip
def test_a_begin_string_that_is_none_is_refused(compiled: Codec, begin_string: str) -> None:
    for call, rest in ((compiled.encode, ()), (compiled.encode_session, ([],)), (compiled.Template, ())):
        with pytest.raises(EncodeError) as caught:
            call(begin_string, "D", *rest, [])
        assert caught.value.tag == 8


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ([(453, 2), (448, "A")], "2 entries"),
        ([(453, 1), (448, "A"), (448, "B")], "1 entries"),
        ([(453, "3"), (448, "A"), (447, "D"), (448, "B")], "3 entries"),
        ([(453, 1)], "no entries"),
        ([(453, -1), (448, "A")], "list of entries"),
        ([(453, "many"), (448, "A")], "list of entries"),
        ([(453, 1), (448, "A"), (453, 2), (448, "B")], "2 entries"),
    ],
)
def test_a_flat_count_that_is_wrong_is_refused(codec: Codec, fields: list[Any], word: str) -> None:
    for given in (fields, [(1, "a"), *fields], [list(field) for field in fields]):
        error = refusal(codec, given)
        assert error.tag == 453
        assert word in error.detail or codec.name == "reference"


def test_a_flat_count_with_slots_among_the_entries_is_checked_when_they_are_filled(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [(453, 2), (448, "A"), Slot(448), Slot(447)])
    assert template.encode("B", None) == message("35=D|453=2|448=A|448=B|")
    with pytest.raises(EncodeError) as caught:
        template.encode(None, "D")
    assert caught.value.tag == 453
    counted = codec.Template("FIX.4.4", "D", [Slot(453, "int"), (448, "A")])
    assert counted.encode(1) == message("35=D|453=1|448=A|")
    with pytest.raises(EncodeError):
        counted.encode(2)


def test_a_length_slot_must_agree_with_its_data(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(95, "int"), Slot(96), (58, "x")])
    assert template.encode(3, b"a\x01c") == message("35=D|95=3|96=a\x01c|58=x|")
    assert template.encode(None, b"a\x01c") == message("35=D|95=3|96=a\x01c|58=x|")
    with pytest.raises(EncodeError) as caught:
        template.encode(2, b"a\x01c")
    assert caught.value.tag == 95


def test_errors_survive_pickling(codec: Codec) -> None:
    error = refusal(codec, [(44, 1.5)])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.tag, again.detail, str(again)) == (type(error), 44, error.detail, str(error))


def test_fields_that_shrink_while_they_are_written_do_no_harm(codec: Codec) -> None:
    fields: list[Any] = []

    class Shrinking(NoOffset):
        def utcoffset(self, _: datetime | None) -> None:
            fields.clear()

    fields += [(1, "a"), (60, datetime(2024, 1, 2, tzinfo=Shrinking())), *[(58, "x" * 50)] * 100]
    assert refusal(codec, fields).tag == 60
    assert fields == []


def test_entries_that_make_their_fields_late_are_read_once(codec: Codec) -> None:
    def entry() -> Iterator[tuple[int, str]]:
        yield 448, "A"
        yield 447, "D"

    assert codec.encode("FIX.4.4", "D", [(453, [entry()])]) == message("35=D|453=1|448=A|447=D|")
