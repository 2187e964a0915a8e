"""StreamDecoder: splits, resynchronising, what is reported and what is only counted (rows F06-F08)."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from fixfast.types import Garbled, GarbledReason
from tests.codec.samples import DATA_FIELDS, HEARTBEAT, MARKET_DATA, NEW_ORDER, SAMPLES
from tests.codec.support import Codec, Outcome, decode, item_of, message, parsed, sealed, wire_fields

R = GarbledReason
A, B, C = HEARTBEAT, NEW_ORDER, message("35=0|49=X|")


def good(raw: bytes) -> Outcome:
    return "message", raw


def garbled(reason: GarbledReason, offset: int, raw: bytes) -> Outcome:
    return "garbled", reason, offset, raw


def bad_sum(raw: bytes) -> bytes:
    """Return the message with a wrong CheckSum."""
    return raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256)


def with_length(raw: bytes, change: int) -> bytes:
    """Return the message with another BodyLength, not repaired otherwise."""
    head, length, rest = raw.split(b"\x01", 2)
    return b"\x01".join((head, b"9=%d" % (int(length[2:]) + change), rest))


HEAD = b"8=FIX.4.4\x019="

#: A cut inside a value: the start behind it follows no SOH, and the frame that its BodyLength claims reaches into it
CUT = A[:36]
assert CUT[-1:] != b"\x01"
#: a frame whose end lies inside the next start: that start is not in the frame, but it is found
STRADDLED = HEAD + b"5\x0135=0\x0110="
MINIMAL = sealed("8=FIX.4.4|9=5|35=0|")
#: a whole message as data in a bad one
OUTER = bad_sum(message(b"35=n\x01212=%d\x01213=\x01%b\x01" % (len(A) + 1, A)))
INNER_AT = OUTER.index(A)

#: name -> stream, items, bytes skipped when all are taken
STREAMS: dict[str, tuple[bytes, list[Outcome], int]] = {
    "nothing": (b"", [], 0),
    "one": (A, [good(A)], 0),
    "three": (A + B + C, [good(A), good(B), good(C)], 0),
    "half a message is nothing": (A[:-1], [], 0),
    "a message and a half": (A + B[:50], [good(A)], 0),
    "noise, never a start": (b"hello world", [garbled(R.NOT_FIX, 0, b"h")], 11),
    "one report a trouble, however much noise": (
        b"x" * 1000 + b"\x01" + A,
        [garbled(R.NOT_FIX, 0, b"x"), good(A)],
        1001,
    ),
    "a start must follow an SOH": (
        A + b"\n" + B + C,
        [good(A), garbled(R.NOT_FIX, len(A), b"\n"), good(C)],
        1 + len(B),
    ),
    "noise that is SOH": (A + b"\x01" + B, [good(A), garbled(R.NOT_FIX, len(A), b"\x01"), good(B)], 1),
    "noise that begins like a message": (b"8=FI8=FIX\x01" + A, [garbled(R.NOT_FIX, 0, b"8=FI8"), good(A)], 10),
    "noise, then half a start": (b"x\x018=F", [garbled(R.NOT_FIX, 0, b"x")], 2),
    "noise, then another half a start": (b"x\x018=FI\x018=", [garbled(R.NOT_FIX, 0, b"x")], 7),
    "noise ends in SOH": (b"x\x01", [garbled(R.NOT_FIX, 0, b"x")], 2),
    "F03 the next is found": (A + bad_sum(B) + C, [good(A), garbled(R.CHECKSUM, len(A), bad_sum(B)), good(C)], len(B)),
    "F03 two bad ones, two reports": (
        bad_sum(A) + bad_sum(B) + C,
        [garbled(R.CHECKSUM, 0, bad_sum(A)), garbled(R.CHECKSUM, len(A), bad_sum(B)), good(C)],
        len(A + B),
    ),
    "F05 the next is found": (
        message("35=0|4x9=A|") + A,
        [garbled(R.FIELD, 0, message("35=0|4x9=A|")), good(A)],
        len(message("35=0|4x9=A|")),
    ),
    "F06 too short: the rest is skipped": (
        with_length(A, -3) + B,
        [garbled(R.TRAILER, 0, with_length(A, -3)[:-3]), good(B)],
        len(A),
    ),
    "F06 too long by one: nothing is lost": (
        with_length(A, 1) + B,
        [garbled(R.TRAILER, 0, with_length(A, 1) + b"8"), good(B)],
        len(A),
    ),
    "F06 too long by six: the raw bytes end before the next": (
        with_length(A, 6) + B,
        [garbled(R.TRAILER, 0, with_length(A, 6)), good(B)],
        len(A),
    ),
    "F06 too long, many swallowed: all are found": (
        with_length(A, 300) + B + C + B + C,
        [garbled(R.TRAILER, 0, with_length(A, 300)[: len(A) + 1]), good(B), good(C), good(B), good(C)],
        len(A) + 1,
    ),
    "F06 too long, the end has not come": (with_length(A, 900) + B, [], 0),
    "F06 BodyLength 0": (
        HEAD + b"0\x0135=0\x0110=1" + b"\x01" + A,
        [garbled(R.TRAILER, 0, HEAD + b"0\x0135=0\x0110"), good(A)],
        24,
    ),
    "F08 too large: no waiting": (
        HEAD + b"99999999\x01" + A,
        [garbled(R.TOO_LARGE, 0, HEAD + b"99999999\x01"), good(A)],
        21,
    ),
    "F08 nine digits": (HEAD + b"123456789\x01" + A, [garbled(R.BODY_LENGTH, 0, HEAD + b"123456789"), good(A)], 22),
    "a start inside a bad header": (
        b"8=FIX.4.4\x01" + A,
        [garbled(R.BODY_LENGTH, 0, b"8=FIX.4.4\x018"), good(A)],
        10,
    ),
    "BeginString without end, a start inside": (
        b"8=FIX.4.4.4.4.4.4.4\x01" + A,
        [garbled(R.BEGIN_STRING, 0, b"8=FIX.4.4.4.4.4."), good(A)],
        20,
    ),
    "cut message, then a whole one": (
        CUT + B + C,
        [garbled(R.TRAILER, 0, (CUT + B)[: len(A)]), good(C)],
        len(CUT + B),
    ),
    "a start in the tail of a bad frame belongs to the next": (
        STRADDLED + b"\x01" + MINIMAL,
        [garbled(R.TRAILER, 0, STRADDLED + b"\x018=F"), good(MINIMAL)],
        len(STRADDLED) + 1,
    ),
    "a message inside a data field is data": (DATA_FIELDS + A, [good(DATA_FIELDS), good(A)], 0),
    "a message inside the data field of a bad message is found": (
        OUTER + B,
        [
            garbled(R.CHECKSUM, 0, OUTER[:INNER_AT]),
            good(A),
            garbled(R.NOT_FIX, INNER_AT + len(A), b"\x01"),
            good(B),
        ],
        len(OUTER) - len(A),
    ),
}


def observed(codec: Codec, chunks: list[bytes]) -> tuple[list[Outcome], int]:
    items, skipped = decode(codec, chunks)
    return [item[:2] if item[0] == "message" else item for item in items], skipped


@pytest.mark.parametrize("name", STREAMS)
def test_stream_gives_items(codec: Codec, name: str) -> None:
    stream, items, skipped = STREAMS[name]
    assert observed(codec, [stream]) == (items, skipped)


@pytest.mark.parametrize("name", STREAMS)
def test_f07_byte_by_byte_gives_the_same(codec: Codec, name: str) -> None:
    stream, items, skipped = STREAMS[name]
    assert observed(codec, [stream[i : i + 1] for i in range(len(stream))]) == (items, skipped)


@pytest.mark.parametrize("name", STREAMS)
def test_f07_every_split_in_two_gives_the_same(codec: Codec, name: str) -> None:
    stream, items, skipped = STREAMS[name]
    for i in range(len(stream)):
        assert observed(codec, [stream[:i], stream[i:]]) == (items, skipped), f"split at {i}"


@pytest.mark.parametrize("name", STREAMS)
def test_skipped_does_not_depend_on_when_items_are_taken(codec: Codec, name: str) -> None:
    stream, items, skipped = STREAMS[name]
    decoder = codec.StreamDecoder()
    for i in range(0, len(stream), 3):
        decoder.feed(stream[i : i + 3])
    assert [item_of(item)[: None if isinstance(item, Garbled) else 2] for item in decoder] == items
    assert decoder.skipped == skipped


@pytest.mark.parametrize("seed", range(20))
def test_f07_random_splits_of_a_long_stream_give_the_same(codec: Codec, seed: int) -> None:
    random = Random(seed)
    parts = [random.choice([*SAMPLES.values(), bad_sum(A), with_length(B, 40), b"\x01noise"]) for _ in range(60)]
    stream = b"".join(parts)
    expected = decode(codec, [stream])
    chunks = []
    position = 0
    while position < len(stream):
        size = random.choice([1, 2, 5, 17, 100, 1000, 5000])
        chunks.append(stream[position : position + size])
        position += size
    assert decode(codec, chunks) == expected


# --- the three ways in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_feed_takes_any_buffer_and_keeps_none(codec: Codec, kind: Any) -> None:
    source = bytearray(A)
    decoder = codec.StreamDecoder()
    decoder.feed(kind(source))
    [m] = list(decoder)
    if kind is bytearray:
        decoder.feed(source)
        source[:] = b"x" * 1000  # neither locked nor read again
    assert m.raw == A


def test_feed_refuses_text(codec: Codec) -> None:
    with pytest.raises(TypeError):
        codec.StreamDecoder().feed("8=FIX")


def pump(codec: Codec, stream: bytes, sizes: list[int]) -> list[Outcome]:
    """Push a stream through get_buffer / buffer_updated as asyncio does."""
    decoder = codec.StreamDecoder()
    items: list[Outcome] = []
    position = 0
    for i in range(len(stream) + 1):
        if position == len(stream):
            break
        buffer = decoder.get_buffer(sizes[i % len(sizes)])
        view = memoryview(buffer)
        assert len(view) > 0
        assert not view.readonly
        n = min(len(view), len(stream) - position, max(1, sizes[(i + 1) % len(sizes)]))
        view[:n] = stream[position : position + n]
        view.release()
        del buffer
        decoder.buffer_updated(n)
        position += n
        items += [item_of(item) for item in decoder]
    return items


@pytest.mark.parametrize("sizes", [[-1], [65536], [1], [100, 7], [4096, 1, 300]])
def test_get_buffer_and_buffer_updated_give_what_feed_gives(codec: Codec, sizes: list[int]) -> None:
    stream = b"".join([*SAMPLES.values(), b"\x01x\x01"] * 5)
    assert pump(codec, stream, sizes) == decode(codec, [stream])[0]


def test_feed_and_get_buffer_can_be_mixed(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.feed(A[:10])
    view = decoder.get_buffer(-1)
    view[: len(A) - 10] = A[10:]
    decoder.buffer_updated(len(A) - 10)
    decoder.feed(B)
    assert [m.raw for m in decoder] == [A, B]


def test_a_zero_update_changes_nothing(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.get_buffer(100)
    decoder.buffer_updated(0)
    decoder.feed(A)
    assert [m.raw for m in decoder] == [A]


def test_more_than_was_lent_is_refused(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    size = len(decoder.get_buffer(100))
    with pytest.raises(ValueError):
        decoder.buffer_updated(size + 1)
    with pytest.raises(ValueError):
        decoder.buffer_updated(-1)


def test_iteration_goes_on_after_it_ended(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    assert list(decoder) == []
    decoder.feed(A + B[:20])
    iterator = iter(decoder)
    assert next(iterator).raw == A
    with pytest.raises(StopIteration):
        next(iterator)
    decoder.feed(B[20:])
    assert next(iterator).raw == B


def test_items_can_be_taken_one_by_one_while_feeding(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.feed(A + B)
    assert next(decoder).raw == A
    decoder.feed(C)
    assert [m.raw for m in decoder] == [B, C]


def test_a_message_can_be_larger_than_any_chunk(codec: Codec) -> None:
    large = message("35=B|58=" + "x" * 300_000 + "|")
    for size in (1000, 65536, 1 << 20):
        stream = A + large + B
        items, skipped = decode(codec, [stream[i : i + size] for i in range(0, len(stream), size)])
        assert [item[1] for item in items] == [A, large, B]
        assert skipped == 0


# --- who owns the bytes ---------------------------------------------------------------------------------------


def test_messages_stay_what_they_are_while_the_decoder_goes_on(codec: Codec) -> None:
    random = Random(7)
    decoder = codec.StreamDecoder()
    kept: list[tuple[Any, bytes]] = []
    samples = list(SAMPLES.values())
    for _ in range(3000):
        raw = random.choice(samples)
        decoder.feed(raw)
        for m in decoder:
            if random.random() < 0.2:
                kept.append((m, raw))
    assert len(kept) > 100
    for m, raw in kept:
        assert m.raw == raw
        assert b"\x01".join(b"%d=%b" % field for field in wire_fields(m)) + b"\x01" == raw


def test_messages_outlive_their_decoder(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.feed(MARKET_DATA + A)
    messages = list(decoder)
    del decoder
    gc.collect()
    assert [m.raw for m in messages] == [MARKET_DATA, A]
    assert messages[0][270] == "1.08400"


def test_a_message_is_not_changed_by_bytes_received_after_it(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    view = decoder.get_buffer(-1)
    view[: len(A)] = A
    decoder.buffer_updated(len(A))
    [m] = list(decoder)
    for _ in range(200):
        view = decoder.get_buffer(-1)
        n = min(len(view), len(MARKET_DATA))
        view[:n] = MARKET_DATA[:n]
        decoder.buffer_updated(n)
        list(decoder)
    assert m.raw == A


def test_two_decoders_do_not_share_anything(codec: Codec) -> None:
    first, second = codec.StreamDecoder(), codec.StreamDecoder()
    first.feed(A[:30])
    second.feed(b"noise")
    first.feed(A[30:])
    assert [m.raw for m in first] == [A]
    assert [g.reason for g in second] == [R.NOT_FIX]
    assert (first.skipped, second.skipped) == (0, 5)


# --- hostile streams cost linear time -------------------------------------------------------------------------


MAX_NESTED = 16


def endless(count: int) -> bytes:
    """Return headers that all claim the same, much too long body."""
    return b"8=FIX.4.4\x019=900000\x0135=0\x01" * count


def nested(count: int, last: bytes = b"", right: bool = False) -> bytes:
    """Return frames inside each other that all end at one trailer.

    Args: last: the last field. right: every CheckSum is right, which costs a filler in each header.
    """
    size = 40  # of each header
    end = count * size + len(last)
    stream = bytearray()
    for i in range(count):
        header = b"8=FIX.4.4\x019=%08d\x0135=0\x0158=" % (end - i * size - 21)
        filler = size - len(header) - 1
        wanted = -(sum(header) + 1) % 256 if right else 0
        first, rest = divmod((wanted - filler * 0x40) % 256, filler)
        text = bytes(0x40 + first + (k < rest) for k in range(filler))
        stream += header + text + b"\x01"
    stream += last
    return bytes(stream) + b"10=%03d\x01" % ((sum(stream) + (not right)) % 256)


def test_nested_frames_are_what_they_claim_to_be(codec: Codec) -> None:
    wrong, bad = nested(5), nested(5, b"bad\x01", right=True)
    for i in range(5):
        assert parsed(codec, wrong[40 * i :])[1] == R.CHECKSUM
        assert parsed(codec, bad[40 * i :])[1] == R.FIELD


@pytest.mark.parametrize("stream", [nested(100), nested(100, b"bad\x01", right=True)], ids=["CheckSum", "last field"])
def test_of_bad_frames_inside_each_other_17_are_reported(codec: Codec, stream: bytes) -> None:
    items, skipped = decode(codec, [stream + A + bad_sum(B) + C])
    reported = [item[2] for item in items if item[0] == "garbled"]
    assert reported == [*range(0, 40 * (MAX_NESTED + 1), 40), len(stream) + len(A)]
    assert [item[1] for item in items if item[0] == "message"] == [A, C]
    assert skipped == len(stream) + len(B)


def test_a_message_inside_16_bad_frames_is_found(codec: Codec) -> None:
    assert len(nested(16, A)) == 640 + len(A) + 7
    items, _ = decode(codec, [nested(16, A) + B])
    assert [item[1] for item in items if item[0] == "message"] == [A, B]


def test_bad_frames_behind_each_other_are_all_reported(codec: Codec) -> None:
    items, _ = decode(codec, [bad_sum(A) * 100 + B])
    assert len(items) == 101


HOSTILE: dict[str, Callable[[], bytes]] = {
    "half starts": lambda: b"\x018=FI" * 200_000,
    "SOH": lambda: b"\x01" * 1_000_000,
    "too large": lambda: b"8=FIX.4.4\x019=99999999\x01" * 40_000,
    "endless": lambda: endless(40_000),
    "starts without end": lambda: b"8=FIX" * 200_000,
    "nested": lambda: nested(25_000),
    "nested, bad at the end": lambda: nested(25_000, b"bad\x01", right=True),
    "many fields": lambda: message("35=0|" + "1=|" * 300_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streams_cost_linear_time(twins: tuple[Codec, Codec], name: str) -> None:
    _, codec = twins  # the reference copies what is left: plain on purpose
    stream = HOSTILE[name]()
    began = time.process_time()
    for size in (64, 65536):
        decoder = codec.StreamDecoder()
        for i in range(0, len(stream), size):
            decoder.feed(stream[i : i + size])
            for _ in decoder:
                pass
    # 1 MB twice; quadratic would be minutes
    assert time.process_time() - began < 3


@pytest.mark.parametrize("noise", [b"\x01", b"1=a\x01", b"\x018=FI", b"\x018=FIY", b"x"])
def test_a_message_is_found_behind_noise_of_any_length(codec: Codec, noise: bytes) -> None:
    # those who search do so in strides of 256 bytes
    for size in (*range(20), *range(240, 280), *range(500, 530), 5000):
        prefix = (noise * size)[:size] + b"\x01"
        items, skipped = decode(codec, [prefix + A + B])
        assert [item[1] for item in items if item[0] == "message"] == [A, B], size
        assert skipped == size + 1


def test_a_growing_header_is_not_read_again_and_again(codec: Codec) -> None:
    # a large message that comes in small pieces
    large = message("35=B|58=" + "x" * 900_000 + "|")
    if codec.name == "reference":
        large = message("35=B|58=" + "x" * 20_000 + "|")
    began = time.process_time()
    items, _ = decode(codec, [large[i : i + 20] for i in range(0, len(large), 20)])
    assert items[0][1] == large
    assert time.process_time() - began < 3
