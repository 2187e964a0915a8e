"""Invariant: whatever the bytes, both codecs accept and refuse the same, in every split, and agree on every value read.

Each target takes bytes and raises AssertionError when its invariant breaks; any other exception is a finding too.

stream   A stream decoder fed whole, byte by byte, and in uneven slices gives the same items, compiled or reference.
parse    parse() gives a message or GarbledMessage (reason, offset), the same from both, and so does every accessor.
encode   encode() either refuses with EncodeError or writes what parse() reads back, the same bytes from both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from random import Random
from typing import Any

from fixfast.errors import FixfastError
from fixfast.types import Garbled, Scaled
from tests.codec.mutate import chunks
from tests.codec.support import Codec

__all__ = ["FAST", "SLOW", "encode", "parse", "stream"]

FAST, SLOW = Codec("compiled"), Codec("reference")
for _codec in (FAST, SLOW):  # now: what guides a fuzzer is instrumented while this module is imported
    _ = _codec.parse, _codec.StreamDecoder, _codec.encode

#: Small enough that the mutator reaches both sides of the limit.
MAX_MESSAGE_SIZE = 4096


def _item(item: Any) -> tuple[object, ...]:
    if isinstance(item, Garbled):
        return "garbled", item.reason, item.offset, item.raw
    return "message", item.raw


def _decode(decoder_type: Any, slices: Iterable[bytes]) -> list[tuple[object, ...]]:
    decoder = decoder_type(max_message_size=MAX_MESSAGE_SIZE)
    found = []
    for part in slices:
        decoder.feed(part)
        found += [_item(item) for item in decoder]
    return [*found, ("skipped", decoder.skipped)]


def stream(data: bytes) -> None:
    """Feed a stream four ways and compare."""
    random = Random(len(data))
    expected = _decode(SLOW.StreamDecoder, [data])
    ways = {
        "compiled, whole": (FAST.StreamDecoder, [data]),
        "compiled, byte by byte": (FAST.StreamDecoder, (data[i : i + 1] for i in range(len(data)))),
        "compiled, uneven": (FAST.StreamDecoder, chunks(data, random)),
        "reference, uneven": (SLOW.StreamDecoder, chunks(data, random)),
    }
    for name, (decoder_type, slices) in ways.items():
        found = _decode(decoder_type, slices)
        assert found == expected, f"{name}: {found} but the reference, whole: {expected}"


def _outcome(call: Callable[..., Any], *args: Any, **options: Any) -> tuple[object, ...]:
    """Return what a call gives, or the exception it raises with its data: something that compares."""
    try:
        value = call(*args, **options)
    except FixfastError as error:
        return type(error).__name__, *(getattr(error, name, None) for name in ("reason", "offset", "tag"))
    return "value", value if value == value else "NaN"


def _readings(message: Any) -> Iterator[tuple[object, ...]]:
    yield "raw", message.raw, len(message), message.msg_type, message.begin_string
    yield "pairs", list(message)
    for name in ("msg_seq_num", "sender_comp_id", "sending_time_ns", "appl_ver_id", "poss_dup", "poss_resend"):
        yield name, _outcome(getattr, message, name)
    for tag in {tag for tag, _ in message} | {58, 99_999}:
        for kind in ("bytes", "int", "float", "decimal", "bool", "time_ns", "datetime"):
            yield tag, kind, _outcome(getattr(message, kind), tag)
        yield tag, "scaled", _outcome(message.scaled, tag, 8)
        yield tag, "all", message.all(tag), message.get(tag), tag in message
    for count_tag in (268, 453, 146):
        # list(): before it is compared, an entry is read in full
        yield count_tag, "group", _outcome(lambda tag=count_tag: [list(entry) for entry in message.group(tag)])


def parse(data: bytes) -> None:
    """Parse one message with both codecs and compare everything that can be read from it."""
    expected = _outcome(SLOW.parse, data, max_message_size=MAX_MESSAGE_SIZE)
    if expected[0] != "value":
        found = _outcome(FAST.parse, data, max_message_size=MAX_MESSAGE_SIZE)
        assert expected[0] == "GarbledMessage"
        assert found == expected, f"compiled: {found}, reference: {expected}"
        return
    slow = expected[1]
    for buffer in (data, bytearray(data), memoryview(data)):
        fast = FAST.parse(buffer, max_message_size=MAX_MESSAGE_SIZE)
        for found, expected in zip(_readings(fast), _readings(slow), strict=True):
            assert found == expected, f"compiled: {found}, reference: {expected}"


def _value(kind: int, random: Random, text: bytes) -> object:
    """Return a value of one of the types a user may try, wrong ones included."""
    number = random.randrange(-(10 ** (kind % 19 + 1)), 10 ** (kind % 19 + 1))
    choices: tuple[object, ...] = (
        number,
        text,
        text.decode("utf-8", "surrogateescape"),
        Scaled(number, -(kind % 12)),
        Decimal(number).scaleb(-(kind % 12)),
        bool(kind % 2),
        float(number),
        None,
        b"",
        "",
    )
    return choices[kind % len(choices)]


def encode(data: bytes) -> None:
    """Read `data` as a list of fields to write: two bytes of tag, one of kind and length, then text."""
    random, fields, position = Random(len(data)), [], 0
    while position + 3 <= len(data):
        kind = data[position + 2]
        text = data[position + 3 : position + 3 + kind % 16]
        fields.append((int.from_bytes(data[position : position + 2], "big") % 1500, _value(kind, random, text)))
        position += 3 + kind % 16
    expected = _outcome(SLOW.encode, "FIX.4.4", "D", fields)
    found = _outcome(FAST.encode, "FIX.4.4", "D", fields)
    if expected[0] != "value" and found[0] != "value" and len(fields) > 1:
        # Where several fields are wrong, which one is named first is not promised: look at each alone.
        for field in fields:
            expected, found = (_outcome(codec.encode, "FIX.4.4", "D", [field]) for codec in (SLOW, FAST))
            assert found == expected, f"compiled: {found}, reference: {expected} for {field}"
        return
    assert found == expected, f"compiled: {found}, reference: {expected} for {fields}"
    if expected[0] == "value":
        raw = found[1]
        assert isinstance(raw, bytes)
        message = FAST.parse(raw)
        assert len(message) >= 4 + len(fields), f"fields are missing: {raw!r} of {fields}"
    else:
        assert str(expected[0]).startswith("Encode"), f"{expected} for {fields}"
