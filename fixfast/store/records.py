"""The bytes of a journal file: a header, then records, then zeros (space allocated ahead) or nothing.

An epoch is one file, or several: segments, each of which begins with the state that those before it add up to.

    header   magic, version, random file id, epoch, hash of the session's identity, boot id, CRC-32
    record   payload length u32 | type u8 | flags u8 | 0 u16 | epoch u32 | number u64 | last u64 | NIN-after u64
             | wall time i64 (ns) | payload | CRC-32 u32          (little-endian)

The CRC of every record is seeded with the file id, so a record of another file, or one that a peer has written into
a message, is never taken for one of this file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

__all__ = [
    "BLANKED",
    "HEAD",
    "HEADER_SIZE",
    "OVERHEAD",
    "Damage",
    "Header",
    "Kind",
    "Record",
    "pack_header",
    "pack_record",
    "parse_header",
    "read_records",
    "synced_beyond",
]

_MAGIC = b"FIXFJRNL"
_VERSION = 1
_HEADER = struct.Struct("<8sHHI16s32s32s")
_CRC = struct.Struct("<I")
HEAD = struct.Struct("<IBBxxIQQQq")
HEADER_SIZE = _HEADER.size + _CRC.size
#: bytes that a record takes besides its payload
OVERHEAD = HEAD.size + _CRC.size

#: flag: the payload had secrets, which were blanked; never resent, never redelivered
BLANKED = 1

_WINDOW = 1 << 18

Read = Callable[[int, int], bytes]
"""Read(offset, size) gives at most size bytes; fewer only at the end of the file."""


class Kind(IntEnum):
    """What a record says. `number` and `last` mean what stands here."""

    OUT = 1  # message `number` was about to be sent; payload: its bytes
    IN = 2  # messages number..last were received; payload: their bytes
    DONE = 3  # everything up to `number` is dealt with
    FILL = 4  # inbound number..last need no delivery
    FORGET = 5  # what was received from `number` on counts as not received: it cannot be redelivered
    EPOCH = 6  # the first record of an epoch; payload: why
    LEASE = 7  # outbound numbers below `number` may have been used
    SKIP = 8  # outbound number..last may have been used before a power loss; their content is lost
    SYNCED = 9  # all bytes below offset `number` were durable when this was written, at offset `last`
    OPEN = 10  # a process took the journal up; payload: the boot id
    MARK = 11  # clean stop
    SEGMENT = 12  # the first record of segment `number` (2, 3 ...) of an epoch; payload: the state so far
    SEALED = 13  # the last record of segment `number`, at offset `last`; payload: id of the next file, index
    DROP = 14  # segments number..last of the epoch in the payload are not kept any more


class Header(NamedTuple):
    """The decoded header. `identity` is a SHA-256, `boot_id` empty when unknown."""

    file_id: bytes
    epoch: int
    identity: bytes
    boot_id: bytes

    @property
    def seed(self) -> int:
        """The CRC of every record of this file starts from here."""
        return crc32(self.file_id)

    @property
    def mark(self) -> bytes:
        """What a SYNCED record of this file carries, to be found again behind damage."""
        return sha256(self.file_id).digest()[:8]


class Record(NamedTuple):
    """A whole, checked record. `payload_at` is the file offset of the payload."""

    offset: int
    end: int
    kind: int
    flags: int
    number: int
    last: int
    nin: int
    wall_ns: int
    payload: bytes
    payload_at: int


@dataclass(slots=True)
class Damage(Exception):
    """The bytes at `offset` are not a record (and not the end of the journal)."""

    offset: int
    detail: str


def pack_header(header: Header) -> bytes:
    """Return the header's bytes."""
    data = _HEADER.pack(
        _MAGIC, _VERSION, HEADER_SIZE, header.epoch, header.file_id, header.identity, header.boot_id[:32]
    )
    return data + _CRC.pack(crc32(data))


def parse_header(data: bytes) -> Header:
    """Return the header, or raise Damage."""
    if len(data) < HEADER_SIZE:
        raise Damage(len(data), "the header is cut")
    if data[:8] != _MAGIC:
        raise Damage(0, "not a fixfast journal")
    if _CRC.unpack_from(data, _HEADER.size)[0] != crc32(data[: _HEADER.size]):
        raise Damage(8, "the header's checksum is wrong")
    _, version, _, epoch, file_id, identity, boot_id = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise Damage(8, f"journal version {version}, this fixfast reads version {_VERSION}")
    return Header(file_id, epoch, identity, boot_id.rstrip(b"\0"))


def pack_record(
    header: Header, kind: Kind, number: int, last: int, nin: int, wall_ns: int, payload: bytes = b"", flags: int = 0
) -> bytes:
    """Return a record's bytes."""
    data = HEAD.pack(len(payload), kind, flags, header.epoch, number, last, nin, wall_ns) + payload
    return data + _CRC.pack(crc32(data, header.seed))


def read_records(read: Read, start: int, end: int, header: Header) -> Iterator[Record]:
    """Yield the records from offset start (a record's beginning) up to end, in bounded memory.

    Raises: Damage: something that is neither a record nor the zeros behind the last one.
    """
    seed = header.seed
    window, base = b"", start
    pos = start
    while pos < end:
        at = pos - base
        if at + HEAD.size > len(window):
            window, base, at = read(pos, min(_WINDOW, end - pos)), pos, 0
        if len(window) < at + HEAD.size:
            if any(window[at:]):
                raise Damage(pos, "a record is cut")
            return
        length, kind, flags, epoch, number, last, nin, wall_ns = HEAD.unpack_from(window, at)
        size = length + OVERHEAD
        if kind == 0:
            if _only_zeros(read, pos, end):
                return
            raise Damage(pos, "zeros among the records")
        if pos + size > end:
            raise Damage(pos, "a record is cut, or its length is wrong")
        if at + size > len(window):
            window, base, at = read(pos, max(size, min(_WINDOW, end - pos))), pos, 0
        data = window[at : at + size - 4]
        if len(data) < size - 4 or crc32(data, seed) != _CRC.unpack_from(window, at + size - 4)[0]:
            raise Damage(pos, "a record's checksum is wrong")
        if epoch != header.epoch:
            raise Damage(pos, f"a record of epoch {epoch} in the journal of epoch {header.epoch}")
        payload_at = pos + HEAD.size
        yield Record(pos, pos + size, kind, flags, number, last, nin, wall_ns, data[HEAD.size :], payload_at)
        pos += size


def synced_beyond(read: Read, damage: int, end: int, header: Header) -> int | None:
    """Return the offset that a SYNCED record behind the damage vouches for, if that covers the damage; else None.

    The damage may have hit a length, so the records behind it are found by their mark, which is random per file.
    """
    mark = header.mark
    overlap = OVERHEAD + len(mark)
    pos = damage
    while pos < end:
        window = read(pos, min(_WINDOW, end - pos))
        hit = window.find(mark)
        while hit >= 0:
            found = _synced_at(read, pos + hit - HEAD.size, end, header)
            if found is not None and found > damage:
                return found
            hit = window.find(mark, hit + 1)
        if pos + len(window) >= end or len(window) <= overlap:
            return None
        pos += len(window) - overlap
    return None


def _synced_at(read: Read, offset: int, end: int, header: Header) -> int | None:
    try:
        record = next(read_records(read, offset, end, header), None)
    except Damage:
        return None
    if record is None or record.kind != Kind.SYNCED or record.last != offset:
        return None
    return record.number


def _only_zeros(read: Read, pos: int, end: int) -> bool:
    while pos < end:
        window = read(pos, min(_WINDOW, end - pos))
        if not window:
            return True
        if window.count(0) != len(window):
            return False
        pos += len(window)
    return True
