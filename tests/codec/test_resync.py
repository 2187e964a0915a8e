"""After a BodyLength that is wrong: on at the next message, or behind what the length claims (F06, X10)."""

from __future__ import annotations

from random import Random

import pytest

from fixfast.types import GarbledReason
from tests.codec.support import Codec, Outcome, decode, message

R = GarbledReason
A, B, C = (message(f"35=0|34={n}|112={'x' * 5 * n}|") for n in (1, 2, 3))
BY_LENGTH = {"resync": "declared_length"}


def claiming(raw: bytes, change: int) -> bytes:
    """Return the message with another BodyLength, not repaired otherwise."""
    head, length, rest = raw.split(b"\x01", 2)
    return b"\x01".join((head, b"9=%d" % (int(length[2:]) + change), rest))


def garbled(reason: GarbledReason, offset: int, raw: bytes) -> Outcome:
    return "garbled", reason, offset, raw


def good(raw: bytes) -> Outcome:
    return "message", raw


def bad_sum(raw: bytes) -> bytes:
    return raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256)


LONG = claiming(A, 20)  # its body reaches into the next message
EXACT = claiming(A, len(B) + 7)  # its body ends where the next but one begins
SHORT = claiming(A, -3)
#: name -> stream, items, bytes that are in no message
STREAMS: dict[str, tuple[bytes, list[Outcome], int]] = {
    "too long: the next is swallowed": (
        LONG + B + C,
        [garbled(R.TRAILER, 0, (LONG + B)[: len(LONG) + 20]), good(C)],
        len(LONG + B),
    ),
    "too long by whole messages": (
        EXACT + B + C,
        [garbled(R.TRAILER, 0, EXACT + B + C[:7]), good(C)],
        len(EXACT + B),
    ),
    "the end has not come": (LONG, [], 0),
    "too short": (SHORT + B, [garbled(R.TRAILER, 0, SHORT[:-3]), good(B)], len(SHORT)),
    "CheckSum": (bad_sum(A) + B, [garbled(R.CHECKSUM, 0, bad_sum(A)), good(B)], len(A)),
    "a field": (
        message("35=0|x=1|") + B,
        [garbled(R.FIELD, 0, message("35=0|x=1|")), good(B)],
        len(message("35=0|x=1|")),
    ),
    "a whole message inside of a bad one is its data": (
        bad_sum(message(b"35=n\x01212=%d\x01213=\x01%b\x01" % (len(A) + 1, A))) + B,
        [garbled(R.CHECKSUM, 0, bad_sum(message(b"35=n\x01212=%d\x01213=\x01%b\x01" % (len(A) + 1, A)))), good(B)],
        len(message(b"35=n\x01212=%d\x01213=\x01%b\x01" % (len(A) + 1, A))),
    ),
    "without a length there is none to go by": (
        b"8=FIX.4.4\x01" + A,
        [garbled(R.BODY_LENGTH, 0, b"8=FIX.4.4\x018"), good(A)],
        10,
    ),
    "noise": (b"hello\x01" + A, [garbled(R.NOT_FIX, 0, b"h"), good(A)], 6),
}


@pytest.mark.parametrize("name", STREAMS)
def test_x10_what_a_length_claims_is_skipped(codec: Codec, name: str) -> None:
    stream, expected, skipped = STREAMS[name]
    items, passed = decode(codec, [stream], **BY_LENGTH)
    assert [item[: len(want)] for item, want in zip(items, expected, strict=True)] == expected
    assert passed == skipped


@pytest.mark.parametrize("name", STREAMS)
def test_x10_f07_in_any_split(codec: Codec, name: str) -> None:
    stream = STREAMS[name][0]
    whole = decode(codec, [stream], **BY_LENGTH)
    assert decode(codec, [stream[i : i + 1] for i in range(len(stream))], **BY_LENGTH) == whole
    for i in range(1, len(stream)):
        assert decode(codec, [stream[:i], stream[i:]], **BY_LENGTH) == whole


def test_x10_by_default_as_little_as_possible_is_lost(codec: Codec) -> None:
    for options in ({}, {"resync": "next_message"}):
        items, _ = decode(codec, [LONG + B + C], **options)
        assert [item[1] for item in items if item[0] == "message"] == [B, C]


def test_x10_other_words_are_refused(codec: Codec) -> None:
    with pytest.raises(ValueError, match="declared_length"):
        codec.StreamDecoder(resync="length")


@pytest.mark.parametrize("seed", range(40))
def test_x10_both_implementations_skip_the_same(twins: tuple[Codec, Codec], seed: int) -> None:
    random = Random(seed)
    stream = bytearray()
    for _ in range(30):
        raw = bytearray(random.choice((A, B, C)))
        if random.random() < 0.4:
            raw = bytearray(claiming(bytes(raw), random.choice((-20, -7, -1, 1, 7, 8, 30, 100, 500))))
        if random.random() < 0.2:
            raw[random.randrange(len(raw))] = random.randrange(256)
        stream += raw
    cuts = sorted(random.sample(range(len(stream)), 5))
    parts = [bytes(stream[a:b]) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    first, second = (decode(codec, parts, **BY_LENGTH) for codec in twins)
    assert first == second, f"seed {seed}"
    assert decode(twins[0], [bytes(stream)], **BY_LENGTH) == first, f"seed {seed}"
