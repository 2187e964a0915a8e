"""Frames of the IPC, sans-IO: a length, then one message as MessagePack. See docs/ipc.md.

A frame is the length of its content as 4 bytes, big-endian, and the content. Who sends more than was agreed is told so
and gone; a length is judged before its content is waited for, so nobody makes the other side keep more than the limit.
"""

from __future__ import annotations

import struct

from fixfast.errors import FixfastError

__all__ = ["GREETING_LIMIT", "LIMIT", "FrameError", "Frames", "framed"]

#: the largest content of a frame, and the largest before the other side has shown who it is
LIMIT = 1 << 20
GREETING_LIMIT = 4096

_LENGTH = struct.Struct(">I")
_PREFIX = _LENGTH.size


class FrameError(FixfastError):
    """The other side does not keep to the frames: the connection is of no more use."""


def framed(content: bytes, limit: int = LIMIT) -> bytes:
    """Return content as a frame. Raises: FrameError: it is larger than `limit`."""
    if len(content) > limit:
        raise FrameError(f"a message of {len(content):,} bytes: a frame holds up to {limit:,}")
    return len(content).to_bytes(_PREFIX, "big") + content


class Frames:
    """The receiving half: bytes in, as they come, and contents out.

    Attributes:
        limit: the largest content that is taken, bytes; may be changed between frames.
    """

    __slots__ = ("_at", "_buffer", "limit")

    def __init__(self, limit: int = GREETING_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._at = 0

    @property
    def pending(self) -> int:
        """Bytes of a frame that has not come whole."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes as they came."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def take(self) -> bytes | None:
        """Return the content of the next whole frame; None: it has not come yet.

        Raises: FrameError: it is longer than `limit`; nothing can be taken any more.
        """
        buffer, start = self._buffer, self._at + _PREFIX
        if len(buffer) < start:
            return None
        (length,) = _LENGTH.unpack_from(buffer, self._at)
        if length > self.limit:
            raise FrameError(f"a frame of {length:,} bytes: the limit is {self.limit:,}")
        end = start + length
        if len(buffer) < end:
            return None
        self._at = end
        return bytes(buffer[start:end])
