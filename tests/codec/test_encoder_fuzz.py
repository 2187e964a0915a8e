"""Whatever is encoded is a whole message that says what was given; a template writes the bytes that encode() writes.

The messages are read by twelve lines that share nothing with the codec.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fixfast.codec._data_pairs import COUNT_TAGS, DATA_PAIRS, TIME_TAGS
from fixfast.errors import EncodeError
from fixfast.types import Scaled, Slot
from tests.codec.support import Codec

OWNED = {8, 9, 10, 35}
#: lengths, data and counts are given on purpose only
SPECIAL = {*OWNED, *DATA_PAIRS, *DATA_PAIRS.values(), *COUNT_TAGS}
LENGTH_OF = {data: length for length, data in DATA_PAIRS.items()}

tags = (st.integers(1, 1200) | st.integers(1, 999_999_999)).filter(lambda tag: tag not in SPECIAL)
ints64 = st.integers(-(1 << 63), (1 << 63) - 1)
texts = st.text(min_size=1, max_size=40).filter(lambda text: "\x01" not in text and not has_lone_surrogate(text))
raws = st.binary(min_size=1, max_size=40).filter(lambda data: b"\x01" not in data)
zones = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
moments = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=zones)
decimals = st.builds(
    Decimal,
    st.tuples(st.integers(0, 1), st.lists(st.integers(0, 9), max_size=40).map(tuple), st.integers(-200, 200)),
)
scaleds = st.builds(Scaled, ints64 | st.integers(), st.integers(-30, 30))
values = texts | raws | ints64 | st.integers() | st.booleans() | decimals | scaleds | moments
scalars = st.tuples(tags, values)
data_fields = st.tuples(st.sampled_from(sorted(LENGTH_OF)), st.binary(min_size=1, max_size=60))
digit_counts = st.sampled_from([0, 3, 6, 9])


def has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


@st.composite
def groups(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    delimiter = draw(tags)
    entries = draw(st.lists(st.lists(inner, max_size=3), max_size=3))
    return draw(tags), [[(delimiter, draw(values)), *entry] for entry in entries]


fields = st.lists(st.recursive(scalars | data_fields, groups, max_leaves=8), max_size=8)


def expected(tag: int, value: Any, digits: int) -> list[tuple[int, bytes]]:
    """Return the fields that (tag, value) is on the wire."""
    if isinstance(value, list):
        inside = [pair for entry in value for field in entry for pair in expected(field[0], field[1], digits)]
        return [(tag, b"%d" % len(value)), *inside] if value else []
    if tag in LENGTH_OF:
        return [(LENGTH_OF[tag], b"%d" % len(value)), (tag, value)]
    return [(tag, wire(tag, value, digits))]


def wire(tag: int, value: Any, digits: int) -> bytes:
    if isinstance(value, bool):
        return b"Y" if value else b"N"
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, int) and tag in TIME_TAGS:
        return timestamp(value, digits)
    if isinstance(value, datetime):
        return timestamp((value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000, digits)
    if isinstance(value, Scaled):
        sign = (0,) if value.mantissa >= 0 else (1,)
        value = Decimal((*sign, tuple(int(d) for d in str(abs(value.mantissa))), value.exponent))
        if not value and value.as_tuple().exponent > 0:
            return b"0"
    return format(value, "f").encode() if isinstance(value, Decimal) else str(value).encode()


def timestamp(ns: int, digits: int) -> bytes:
    seconds, nanos = divmod(ns, 1_000_000_000)
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    text = f"{moment:%Y%m%d-%H:%M:%S}.{nanos:09d}"
    return text[: 18 + digits if digits else 17].encode()


def read(raw: bytes) -> list[tuple[int, bytes]]:
    """Return the fields of a message after checking 8, 9, 10 and 35; data is as long as its length says."""
    begin, length, rest = raw.split(b"\x01", 2)
    assert begin == b"8=FIX.4.4"
    assert length == b"9=%d" % (len(rest) - 7)
    assert rest.startswith(b"35=D\x01")
    assert rest[-7:] == b"10=%03d\x01" % (sum(raw[:-7]) % 256)
    found: list[tuple[int, bytes]] = []
    at, end = 5, len(rest) - 7
    while at < end:
        equals = rest.index(b"=", at)
        tag = int(rest[at:equals])
        announced = found and DATA_PAIRS.get(found[-1][0]) == tag
        stop = equals + 1 + int(found[-1][1]) if announced else rest.index(b"\x01", equals)
        assert rest[stop] == 1
        found.append((tag, rest[equals + 1 : stop]))
        at = stop + 1
    return found


def in_time(items: Any) -> bool:
    """Tell whether all ints for timestamp tags fit 64 bits."""
    for tag, value in items:
        if isinstance(value, list):
            if not all(in_time(entry) for entry in value):
                return False
        elif tag in TIME_TAGS and isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
            return False
    return True


@settings(max_examples=100, deadline=None)
@given(items=fields.filter(in_time), digits=digit_counts)
def test_what_is_encoded_is_read_back(twins: tuple[Codec, Codec], items: Any, digits: int) -> None:
    wanted = [pair for item in items for pair in expected(item[0], item[1], digits)]
    for codec in twins:
        assert read(codec.encode("FIX.4.4", "D", items, timestamp_digits=digits)) == wanted


@settings(max_examples=60, deadline=None)
@given(items=fields.filter(in_time), header=st.lists(scalars, max_size=3).filter(in_time), digits=digit_counts)
def test_the_twins_agree_on_a_sessions_messages(
    twins: tuple[Codec, Codec], items: Any, header: Any, digits: int
) -> None:
    results = []
    for codec in twins:
        try:
            results.append(codec.encode_session("FIX.4.4", "D", header, items, digits))
        except EncodeError as error:
            results.append(error.tag)
    assert results[0] == results[1]


#: (kind of the slot, value)
fillings = (
    st.tuples(st.just("str"), texts | raws)
    | st.tuples(st.just("int"), st.integers())
    | st.tuples(st.just("time"), ints64 | moments)
    | st.tuples(st.just("decimal"), decimals | st.integers() | scaleds)
    | st.tuples(st.just("bool"), st.booleans())
    | st.tuples(st.integers(0, 18).map("scaled:{}".format), st.integers())
)
places = st.tuples(tags, fillings | st.tuples(st.just("str"), st.none()))


def meant(tag: int, kind: str, value: Any, digits: int) -> Any:
    """Return what to give encode() for a slot's value."""
    if kind == "int" or (kind == "decimal" and isinstance(value, int)):
        return str(value)
    if kind == "time" and isinstance(value, int):
        return timestamp(value, digits)
    return Scaled(value, -int(kind[7:])) if kind.startswith("scaled:") else value


@settings(max_examples=120, deadline=None)
@given(
    parts=st.lists(fields.filter(in_time).map(lambda run: run[:3]) | places, max_size=10),
    digits=digit_counts,
    data=st.booleans(),
)
def test_a_template_writes_what_encode_writes(twins: tuple[Codec, Codec], parts: Any, digits: int, data: bool) -> None:
    with_slots: list[Any] = []
    filled: list[Any] = []
    given_values: list[Any] = []
    for part in parts:
        if isinstance(part, list):
            with_slots += part
            filled += part
            continue
        tag, (kind, value) = part
        with_slots.append(Slot(tag, kind))
        given_values.append(value)
        if value is not None:
            filled.append((tag, meant(tag, kind, value, digits)))
    if data:
        with_slots.append(Slot(96))
        given_values.append(b"a\x01b")
        filled.append((96, b"a\x01b"))
    for codec in twins:
        template = codec.Template("FIX.4.4", "D", with_slots, timestamp_digits=digits)
        wanted = codec.encode("FIX.4.4", "D", filled, timestamp_digits=digits)
        assert template.encode(*given_values) == wanted
        assert template.encode(*given_values) == wanted
