"""Properties of the codec over generated messages and streams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fixfast.codec._data_pairs import COUNT_TAGS, DATA_PAIRS, TIME_TAGS
from fixfast.types import Garbled, Scaled, Slot
from tests.codec.samples import SAMPLES
from tests.codec.support import Codec, decode, parsed, wire_fields

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTH_OF = {data: length for length, data in DATA_PAIRS.items()}
OWNED = {8, 9, 10, 35}
PLAIN_TAGS = st.integers(1, 999_999_999) | st.integers(1, 1000)

SPECIAL = OWNED | TIME_TAGS | COUNT_TAGS | set(DATA_PAIRS) | set(LENGTH_OF)

plain_tags = PLAIN_TAGS.filter(lambda tag: tag not in SPECIAL)
data_tags = st.sampled_from(sorted(LENGTH_OF))
time_tags = st.sampled_from(sorted(TIME_TAGS))

texts = st.text(st.characters(blacklist_characters="\x01", blacklist_categories=["Cs"]), min_size=1, max_size=40)
raw_bytes = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\x01", b"\x02"))
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25)
scaled = st.builds(Scaled, INT64, st.integers(-18, 3))
moments = st.datetimes(datetime(1700, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC))
#: what stands in the way of a scanner: SOH, whole trailers, whole starts
nasty = st.lists(
    st.sampled_from([b"\x01", b"10=000\x01", b"8=FIX.4.4\x01", b"=", b"9=5\x01", b"\x00", b"\xff", b"abc"]),
    min_size=1,
    max_size=8,
)
datas = nasty.map(b"".join) | st.binary(min_size=1, max_size=60)

#: (field as given to encode(), fields expected on the wire)
Case = tuple[tuple[int, Any], list[tuple[int, bytes]]]


def timestamp(ns: int, digits: int) -> bytes:
    """Return a UTCTimestamp, by Python's calendar."""
    seconds, rest = divmod(ns, 10**9)
    moment = EPOCH + timedelta(seconds=seconds)
    text = f"{moment.year:04d}{moment:%m%d-%H:%M:%S}"
    return (text + f".{rest:09d}"[: digits + 1] if digits else text).encode()


def exact(value: Scaled) -> bytes:
    """Return a Scaled in plain notation, by Decimal."""
    mantissa, exponent = value
    return format(Decimal(mantissa) * 10**exponent if exponent > 0 else Decimal(f"{mantissa}E{exponent}"), "f").encode()


def field_cases(digits: int) -> st.SearchStrategy[Case]:
    """Return fields of every kind, with what must be on the wire."""

    def of(tags: st.SearchStrategy[int], values: st.SearchStrategy[Any], write: Any) -> st.SearchStrategy[Case]:
        return st.tuples(tags, values).map(lambda pair: (pair, [(pair[0], write(pair[1]))]))

    def with_length(pair: tuple[int, bytes]) -> Case:
        tag, data = pair
        return pair, [(LENGTH_OF[tag], b"%d" % len(data)), (tag, data)]

    return st.one_of(
        of(plain_tags, texts, lambda value: value.encode()),
        of(plain_tags, raw_bytes, bytes),
        of(plain_tags, st.integers(), lambda value: str(value).encode()),
        of(plain_tags, st.booleans(), lambda value: b"Y" if value else b"N"),
        of(plain_tags, decimals, lambda value: format(value, "f").encode()),
        of(plain_tags, scaled, exact),
        of(
            plain_tags | time_tags,
            moments,
            lambda value: timestamp((value - EPOCH) // timedelta(microseconds=1) * 1000, digits),
        ),
        of(time_tags, INT64, lambda value: timestamp(value, digits)),
        st.tuples(data_tags, datas).map(with_length),
    )


@st.composite
def messages(draw: st.DrawFn, depth: int = 2) -> tuple[int, list[tuple[int, Any]], list[tuple[int, bytes]]]:
    """Return timestamp digits, fields for encode(), and the fields expected on the wire; groups nest."""
    digits = draw(st.sampled_from([0, 3, 6, 9]))

    def fields(level: int) -> tuple[list[tuple[int, Any]], list[tuple[int, bytes]]]:
        given: list[tuple[int, Any]] = []
        wire: list[tuple[int, bytes]] = []
        for _ in range(draw(st.integers(0, 6))):
            if level and draw(st.integers(0, 5)) == 0:
                count_tag = draw(plain_tags)
                delimiter = draw(plain_tags)
                inner = [fields(level - 1) for _ in range(draw(st.integers(1, 3)))]
                for entry, entry_wire in inner:
                    entry.insert(0, (delimiter, "d"))
                    entry_wire.insert(0, (delimiter, b"d"))
                given.append((count_tag, [entry for entry, _ in inner]))
                wire.append((count_tag, b"%d" % len(inner)))
                for _, entry_wire in inner:
                    wire += entry_wire
            else:
                field, expected = draw(field_cases(digits))
                given.append(field)
                wire += expected
        return given, wire

    return digits, *fields(depth)


@given(
    case=messages(),
    begin_string=st.sampled_from(["FIX.4.0", "FIX.4.4", "FIXT.1.1"]),
    msg_type=st.sampled_from(["D", "8", "AE", "U1"]),
)
def test_sc11_parse_gives_back_what_encode_was_given(codec: Codec, case: Any, begin_string: str, msg_type: str) -> None:
    digits, fields, wire = case
    raw = codec.encode(begin_string, msg_type, fields, timestamp_digits=digits)
    found = wire_fields(codec.parse(raw))
    assert found[0] == (8, begin_string.encode())
    assert found[1] == (9, b"%d" % (len(raw) - raw.index(b"\x0135=") - 8))
    assert found[2] == (35, msg_type.encode())
    assert found[-1] == (10, b"%03d" % (sum(raw[:-7]) % 256))
    assert found[3:-1] == wire


@given(case=messages())
def test_both_implementations_encode_the_same(twins: tuple[Codec, Codec], case: Any) -> None:
    digits, fields, _ = case
    reference, compiled = (codec.encode("FIX.4.4", "D", fields, timestamp_digits=digits) for codec in twins)
    assert reference == compiled


@given(messages())
def test_the_body_of_a_message_can_be_sent_again(codec: Codec, case: Any) -> None:
    digits, fields, _ = case
    m = codec.parse(codec.encode("FIX.4.4", "U1", fields, timestamp_digits=digits))
    again = codec.parse(codec.encode("FIX.4.4", "U1", m.body()))
    assert again.body() == m.body()


@st.composite
def slots(draw: st.DrawFn) -> tuple[Slot, Any, Any]:
    """Return a slot, a value for it, and the value that encode() takes for the same."""
    tag = draw(plain_tags)
    kind = draw(st.sampled_from(["str", "data", "int", "time", "decimal", "bool", "scaled"]))
    if kind == "str":
        value = draw(texts | raw_bytes)
        return Slot(tag), value, value
    if kind == "data":
        data = draw(datas)
        return Slot(draw(data_tags)), data, data
    if kind == "int":
        number = draw(st.integers())
        return Slot(tag, "int"), number, number
    if kind == "time":
        ns = draw(INT64)
        return Slot(draw(time_tags), "time"), ns, ns
    if kind == "decimal":
        number_like: Any = draw(decimals | scaled | st.integers())
        return Slot(tag, "decimal"), number_like, number_like
    if kind == "bool":
        flag = draw(st.booleans())
        return Slot(tag, "bool"), flag, flag
    digits = draw(st.integers(0, 18))
    mantissa = draw(INT64)
    return Slot(tag, f"scaled:{digits}"), mantissa, Scaled(mantissa, -digits)


@given(
    parts=st.lists(slots() | messages(depth=1), max_size=8),
    left_out=st.sets(st.integers(0, 7)),
    digits=st.sampled_from([0, 3, 6, 9]),
)
def test_a_template_writes_what_encode_writes(codec: Codec, parts: list[Any], left_out: set[int], digits: int) -> None:
    with_slots: list[Any] = []
    values: list[Any] = []
    fields: list[tuple[int, Any]] = []
    for i, part in enumerate(parts):
        if isinstance(part[0], Slot):
            slot, value, same = part
            with_slots.append(slot)
            values.append(None if i in left_out else value)
            if i not in left_out:
                fields.append((slot.tag, same))
        else:
            with_slots += part[1]
            fields += part[1]
    template = codec.Template("FIX.4.4", "D", with_slots, timestamp_digits=digits)
    expected = codec.encode("FIX.4.4", "D", fields, timestamp_digits=digits)
    assert template.encode(*values) == expected
    assert template.encode(*values) == expected


@given(
    parts=st.lists(
        st.sampled_from([*SAMPLES.values(), b"x", b"\x01", b"8=FIX", b"8=FIX.4.4\x019=30\x0135=0\x01", b"\x01\x01"]),
        max_size=6,
    ),
    cuts=st.lists(st.integers(0, 3000), max_size=10),
    limit=st.sampled_from([100, 1 << 20]),
)
def test_any_split_of_a_stream_gives_the_same_items(
    codec: Codec, parts: list[bytes], cuts: list[int], limit: int
) -> None:
    stream = b"".join(parts)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert decode(codec, pieces, max_message_size=limit) == decode(codec, [stream], max_message_size=limit)


@given(st.binary(max_size=300) | st.lists(st.sampled_from([*b"\x01=0123456789-8FIX."]), max_size=60).map(bytes))
def test_random_bytes_are_judged_the_same_and_never_crash(twins: tuple[Codec, Codec], data: bytes) -> None:
    for raw in (data, b"8=FIX.4.4\x019=" + data, b"8=FIX.4.4\x019=%d\x0135=0\x01%b" % (len(data) + 5, data)):
        reference, compiled = (parsed(codec, raw) for codec in twins)
        assert reference == compiled
        assert reference[0] == "garbled" or raw.endswith(b"\x01")
        first, second = (decode(codec, [raw]) for codec in twins)
        assert first == second


@given(
    st.lists(
        st.sampled_from([*SAMPLES.values(), b"noise\x01", b"\x01", b"8=FIX.4.4\x019=40\x0135=D\x0155=a\x01"]),
        max_size=8,
    )
)
def test_every_byte_is_a_message_skipped_or_waiting(codec: Codec, parts: list[bytes]) -> None:
    stream = b"".join(parts)
    decoder = codec.StreamDecoder()
    decoder.feed(stream)
    taken = 0
    for item in decoder:
        if not isinstance(item, Garbled):
            assert item.raw in stream
            taken += len(item.raw)
    waiting = len(stream) - taken - decoder.skipped
    assert waiting >= 0
    # what waits is the beginning of a message
    assert waiting == 0 or stream[-waiting:][:5] == b"8=FIX"[:waiting]


@given(messages(depth=0))
def test_a_generated_message_cut_anywhere_is_truncated(codec: Codec, case: Any) -> None:
    digits, fields, _ = case
    raw = codec.encode("FIX.4.4", "D", fields, timestamp_digits=digits)
    for i in range(0, len(raw), max(1, len(raw) // 20)):
        assert parsed(codec, raw[:i])[1:] == ("the message is not complete", i)
