"""StreamDecoder: long slices of a stream are read where they are, but for the message at their edge."""

from __future__ import annotations

import sys
from random import Random

import pytest

from fixfast.types import Garbled
from tests.codec.samples import HEARTBEAT, MARKET_DATA, NEW_ORDER
from tests.codec.support import Codec, Outcome, decode, item_of, message

#: bytes behind the message at the edge that are not copied
LEAST_REST = 2048


def streams(seed: int) -> bytes:
    """Messages, and between some of them what is none."""
    rng = Random(seed)
    bad = NEW_ORDER[:-4] + b"000\x01"
    kinds = [HEARTBEAT, NEW_ORDER, MARKET_DATA, bad, NEW_ORDER[:-30], b"\x01noise", b"\x018=FI"]
    return b"".join(rng.choices(kinds, (8, 8, 4, 1, 1, 1, 1), k=200))


def pieces(rng: Random, stream: bytes) -> list[bytes]:
    found = []
    while stream:
        size = rng.choice((rng.randrange(1, 300), rng.randrange(1500, 9000)))
        found.append(stream[:size])
        stream = stream[size:]
    return found


@pytest.mark.parametrize("seed", range(12))
def test_slices_give_what_the_whole_gives(codec: Codec, seed: int) -> None:
    stream = streams(seed)
    expected = decode(codec, [stream])
    for _ in range(3):
        assert decode(codec, pieces(Random(seed), stream)) == expected


@pytest.mark.parametrize("seed", range(12))
def test_slices_may_come_by_any_way_and_be_taken_at_any_time(codec: Codec, seed: int) -> None:
    rng, stream = Random(-seed), streams(seed)
    decoder = codec.StreamDecoder()
    items: list[Outcome] = []
    for piece in pieces(rng, stream):
        way = rng.randrange(4)
        if way == 0:
            decoder.feed(bytearray(piece))
        elif way == 1:
            left = piece
            while left:
                view = decoder.get_buffer(len(left))
                n = min(len(view), len(left))
                view[:n] = left[:n]
                decoder.buffer_updated(n)
                left = left[n:]
        else:
            decoder.feed(piece)
        for _ in range(rng.choice((0, 1, 3, 1000))):
            item = next(decoder, None)
            if item is None:
                break
            items.append(item_of(item))
    items += [item_of(item) for item in decoder]
    assert (items, decoder.skipped) == decode(codec, [stream])


@pytest.mark.parametrize("more", [LEAST_REST - 1, LEAST_REST, LEAST_REST + 1])
@pytest.mark.parametrize("good", [True, False])
def test_the_edge_is_where_it_pays(codec: Codec, more: int, good: bool) -> None:
    first = NEW_ORDER if good else NEW_ORDER[:-4] + b"000\x01"
    behind = message("35=B|58=" + "x" * 5000 + "|")[:more]
    decoder = codec.StreamDecoder()
    decoder.feed(first[:100])
    assert next(decoder, None) is None
    decoder.feed(first[100:] + behind)
    item = next(decoder)
    assert isinstance(item, Garbled) is not good
    assert item.raw == first
    assert next(decoder, None) is None
    decoder.feed(HEARTBEAT)  # inside the large one, which never ends
    assert next(decoder, None) is None
    assert decoder.skipped == (0 if good else len(first))


def test_messages_keep_the_slice_they_are_in(codec: Codec) -> None:
    stream = NEW_ORDER * 100
    decoder = codec.StreamDecoder()
    kept = []
    for i in range(0, len(stream), 4000):
        decoder.feed(bytes(memoryview(stream)[i : i + 4000]))
        kept += list(decoder)
    del decoder
    assert [m.raw for m in kept] == [NEW_ORDER] * 100
    kept[50].detach()
    assert [m[11] for m in kept] == [kept[0][11]] * 100


def test_a_slice_is_let_go_when_all_of_it_is_taken() -> None:
    from fixfast import StreamDecoder

    decoder, stream = StreamDecoder(), NEW_ORDER * 100
    piece = bytes(bytearray(stream[100 : 100 + 60 * len(NEW_ORDER)]))
    free = sys.getrefcount(piece)
    decoder.feed(stream[:100])
    assert list(decoder) == []
    decoder.feed(piece)
    assert sys.getrefcount(piece) > free
    assert sum(1 for _ in decoder) == 60
    decoder.feed(stream[100 + 60 * len(NEW_ORDER) :])
    assert sum(1 for _ in decoder) == 40
    assert sys.getrefcount(piece) == free
