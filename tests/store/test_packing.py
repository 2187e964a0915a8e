"""A record as the compiled packer writes it is what records.py writes and reads."""

from __future__ import annotations

import random
from array import array
from typing import Any

import pytest

from fixfast.store.packing import packed
from fixfast.store.records import HEADER_SIZE, Header, Kind, pack_record, read_records

HEADER = Header(b"0123456789abcdef", 3, bytes(32), b"boot")
EDGES = (0, 1, 255, 256, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)


def test_every_length_and_any_bytes() -> None:
    rng = random.Random(7)
    for size in [*range(70), 1000, 65536, 65537]:
        payload = rng.randbytes(size)
        number, last, nin = (rng.choice(EDGES) for _ in range(3))
        wall_ns = rng.choice((0, -1, 1, -(1 << 63), (1 << 63) - 1))
        kind, flags = rng.choice(list(Kind)), rng.randrange(256)
        ours = packed(kind, flags, HEADER.epoch, HEADER.seed, number, last, nin, wall_ns, payload)
        assert ours == pack_record(HEADER, kind, number, last, nin, wall_ns, payload, flags)
        file = bytes(HEADER_SIZE) + ours
        [record] = read_records(lambda at, n, file=file: file[at : at + n], HEADER_SIZE, len(file), HEADER)  # type: ignore[misc]
        assert (record.payload, record.number, record.last, record.nin) == (payload, number, last, nin)


def test_any_buffer() -> None:
    whole = packed(1, 0, 1, 0, 1, 1, 1, 0, b"payload")
    payloads: tuple[Any, ...] = (bytearray(b"payload"), memoryview(b"-payload-")[1:-1], array("b", b"payload"))
    for payload in payloads:
        assert packed(1, 0, 1, 0, 1, 1, 1, 0, payload) == whole
    changing = bytearray(b"x")
    packed(1, 0, 1, 0, 1, 1, 1, 0, changing)
    changing += b"not kept exported"


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("wrong", [-1 << 63, 1 << 64, 1 << 70, -1 << 70])
def test_what_does_not_fit(place: int, wrong: int) -> None:
    numbers = [1, 0, 1, 0, 1, 1, 1, 0]
    numbers[place] = wrong
    if place == 7 and wrong == -1 << 63:
        return
    with pytest.raises(OverflowError):
        packed(*numbers, b"")  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("payload", [None, 1, "text"])
def test_no_bytes(payload: Any) -> None:
    with pytest.raises(TypeError):
        packed(1, 0, 1, 0, 1, 1, 1, 0, payload)
