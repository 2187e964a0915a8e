"""The compiled writers of records against the Python ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.store.journal_records import RecordPacker, order_record
from fixfast.store.orderlog import _BODY, _head
from fixfast.store.records import Header, Kind, pack_record

U64 = st.integers(0, (1 << 64) - 1)


@given(
    kind=st.sampled_from(Kind),
    number=U64,
    last=U64,
    nin=U64,
    wall_ns=st.integers(-(1 << 63), (1 << 63) - 1),
    payload=st.binary(max_size=100) | st.binary(min_size=1000, max_size=1100),
    flags=st.integers(0, 255),
    file_id=st.binary(min_size=16, max_size=16),
    epoch=st.integers(0, (1 << 32) - 1),
)
def test_both_write_the_same_bytes(
    kind: Kind, number: int, last: int, nin: int, wall_ns: int, payload: bytes, flags: int, file_id: bytes, epoch: int
) -> None:
    header = Header(file_id, epoch, bytes(32), b"")
    expected = pack_record(header, kind, number, last, nin, wall_ns, payload, flags)
    pack = RecordPacker(epoch, header.seed).pack
    for buffer in (payload, bytearray(payload), memoryview(payload)):
        assert pack(kind, number, last, nin, wall_ns, buffer, flags) == expected


@pytest.mark.parametrize(
    "numbers", [(-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, 1 << 64, 1), (1, 1, 1, 1 << 63), (1, 1, 1, -(1 << 63) - 1)]
)
def test_what_does_not_fit_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(OverflowError):
        RecordPacker(1, 1).pack(1, *numbers, b"", 0)


@given(
    kind=st.characters(max_codepoint=127),
    wall_ns=st.integers(-(1 << 63), (1 << 63) - 1),
    data=st.binary(max_size=100) | st.binary(min_size=1000, max_size=1100),
)
def test_both_write_the_same_bytes_of_an_order_log(kind: str, wall_ns: int, data: bytes) -> None:
    body = _BODY.pack(kind.encode("ascii"), wall_ns) + data
    for buffer in (data, bytearray(data), memoryview(data)):
        assert order_record(kind, wall_ns, buffer) == _head(body) + body


@pytest.mark.parametrize("kind", ["", "<<", "\x80", "\u20ac", "\ud800"])
def test_a_kind_is_one_ascii_character(kind: str) -> None:
    with pytest.raises(ValueError, match="not one ASCII character"):
        order_record(kind, 0, b"")


@pytest.mark.parametrize("wall_ns", [1 << 63, -(1 << 63) - 1])
def test_a_time_that_does_not_fit_is_refused(wall_ns: int) -> None:
    with pytest.raises(OverflowError):
        order_record("<", wall_ns, b"")
