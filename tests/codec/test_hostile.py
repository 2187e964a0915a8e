"""What a hostile peer sends costs time in proportion to its bytes: twice as many, about twice the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.codec.support import Codec, message

HOSTILE: dict[str, Callable[[int], bytes]] = {
    "starts without a length": lambda n: b"8=FIX.4.4\x019=" * n,
    "lengths that are too large": lambda n: b"8=FIX.4.4\x019=99999999\x01" * (n // 4),
    "a length that is never reached": lambda n: b"8=FIX.4.4\x019=999999\x0135=D\x01" + b"58=x\x01" * n,
    "frames that end in the next": lambda n: b"8=FIX.4.4\x019=40\x0135=0\x01" * (n // 4),
    "SOH": lambda n: b"\x01" * (8 * n),
    "half starts": lambda n: b"\x018=FI" * (2 * n),
    "tiny fields": lambda n: message("35=0|" + "1=2|" * n),
    "empty values": lambda n: message("35=0|" + "1=|" * n),
}


def seconds(codec: Codec, stream: bytes, size: int) -> float:
    """The least time of three to decode a stream in pieces."""
    found = []
    for _ in range(3):
        decoder = codec.StreamDecoder()
        began = time.process_time()
        for i in range(0, len(stream), size):
            decoder.feed(stream[i : i + size])
            for _ in decoder:
                pass
        found.append(time.process_time() - began)
    return min(found)


@pytest.mark.parametrize("size", [512, 16384, 1 << 30])
@pytest.mark.parametrize("name", HOSTILE)
def test_sc3_eight_times_the_bytes_take_no_more_than_24_times_the_time(
    twins: tuple[Codec, Codec], name: str, size: int
) -> None:
    _, codec = twins
    small, large = (HOSTILE[name](n) for n in (8_000, 64_000))
    # linear is 8, quadratic 64; what takes less than a millisecond is measured too coarsely
    assert seconds(codec, large, size) < 24 * max(seconds(codec, small, size), 0.001)


def test_sc2_a_million_tiny_fields_are_one_refusal(twins: tuple[Codec, Codec]) -> None:
    _, codec = twins
    decoder = codec.StreamDecoder(max_message_size=8 << 20)
    decoder.feed(message("35=0|" + "1=2|" * 1_000_000) + message("35=0|34=1|"))
    garbled, good = decoder
    assert garbled.reason.name == "TOO_MANY_FIELDS"
    assert good[34] == "1"
