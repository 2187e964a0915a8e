"""A connection in memory: two transports of asyncio that delay, break and stand still by command."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fixfast.codec.frame import StreamDecoder
from fixfast.codec.message import Message
from fixfast.types import Garbled

if TYPE_CHECKING:
    from fixfast.testing.network import Network

__all__ = ["Link", "MemoryTransport", "Passed"]

_SECOND = 1_000_000_000
#: bytes that a connection holds between the two ends before the writer is told to pause, unless it asked for others
_HIGH_WATER = 64 * 1024


@dataclass(slots=True)
class Passed:
    """A message on its way.

    Attributes:
        time_ns: when it was written, virtual ns since the beginning.
        sender: "initiator" or "acceptor".
        message: the message; a Garbled where the bytes are none.
        lost: it never arrived: the connection was cut first.
    """

    time_ns: int
    sender: str
    message: Message | Garbled
    lost: bool = False

    def __str__(self) -> str:
        what = str(self.message) if isinstance(self.message, Message) else f"garbled: {self.message.reason}"
        return f"{self.time_ns / _SECOND:12.6f}  {self.sender:<9}  {what}{'  (lost)' if self.lost else ''}"


@dataclass(slots=True)
class _Chunk:
    """Bytes on their way; b"" is the end of what this side has to say."""

    data: bytes
    passed: list[Passed]


class Link:
    """One connection: two transports, each the other's peer."""

    def __init__(self, network: Network, to: tuple[str, int] | str, of: tuple[str, int] | str) -> None:
        self.network = network
        self.ends = (MemoryTransport(self, "initiator", of, to), MemoryTransport(self, "acceptor", to, of))
        self.ends[0].peer, self.ends[1].peer = self.ends[1], self.ends[0]

    def cut(self, error: Exception) -> None:
        """End it on both sides, with what is on its way."""
        for end in self.ends:
            end.lose(error)

    def gone(self) -> None:
        """Know that an end has left."""
        if all(end.is_closing() for end in self.ends) and self in self.network.links:
            self.network.links.remove(self)


class MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    peer: MemoryTransport

    def __init__(self, link: Link, side: str, here: tuple[str, int] | str, there: tuple[str, int] | str) -> None:
        super().__init__({"peername": there, "sockname": here})
        self._link = link
        self._network = link.network
        self._loop = link.network.loop
        self._side = side
        self._protocol: Any = None
        self._decoder = StreamDecoder()
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4
        self._reading = True
        self._held = False  # the network lets nothing through to this end
        self._closing = False
        self._said_all = False  # write_eof()
        self._lost = False  # connection_lost() was called, or is about to be
        self._paused_writer = False
        self._under_way: deque[_Chunk] = deque()  # from us to the peer, not due yet
        self._arrived: deque[_Chunk] = deque()  # for us, not read yet
        self._size = 0  # bytes of ours that the peer has not read
        self._due = 0.0

    def begin(self, protocol: Any) -> None:
        """Be connected."""
        self._protocol = protocol
        if not self._lost:
            protocol.connection_made(self)
            self._read()

    # --- writing -------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if self._said_all:
            raise RuntimeError("Cannot call write() after write_eof()")
        if data and not self._closing:
            self._send(bytes(data))

    def write_eof(self) -> None:
        """Send the end."""
        if not self._said_all and not self._closing:
            self._said_all = True
            self._send(b"")

    def can_write_eof(self) -> bool:
        """Say that one direction can be closed alone."""
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the writer is paused, and goes on."""
        self._high = high if high is not None else _HIGH_WATER
        self._low = low if low is not None else self._high // 4

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the peer has not read."""
        return self._size

    def _send(self, data: bytes) -> None:
        network = self._network
        chunk = _Chunk(data, self._note(data))
        self._size += len(data)
        if self._size > self._high and not self._paused_writer:
            self._paused_writer = True
            self._protocol.pause_writing()
        wait = network.delay + (network.rng.random() * network.jitter if network.jitter else 0.0)
        self._under_way.append(chunk)
        # Never before what was sent earlier: this is TCP.
        self._due = max(self._due, self._loop.time() + wait)
        if wait:
            self._loop.call_at(self._due, self._land)
        else:
            self._loop.call_soon(self._land)

    def _note(self, data: bytes) -> list[Passed]:
        self._decoder.feed(data)
        now, passed = self._network.elapsed_ns(), []
        for item in self._decoder:
            if isinstance(item, Message):
                item.detach()
            passed.append(Passed(now, self._side, item))
        self._network.wire += passed
        return passed

    def _land(self) -> None:
        if self._under_way:
            self.peer.take(self._under_way.popleft())

    # --- reading -------------------------------------------------------------------------------------------

    def take(self, chunk: _Chunk) -> None:
        """Have something arrive."""
        self._arrived.append(chunk)
        self._read()

    def hold(self, held: bool) -> None:
        """Let nothing more arrive, or all of it."""
        self._held = held
        if not held:
            self._loop.call_soon(self._read)

    def is_reading(self) -> bool:
        """Say whether what arrives is read."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Leave what arrives where it is."""
        self._reading = False

    def resume_reading(self) -> None:
        """Go on."""
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        while self._arrived and self._reading and not self._held and not self._lost and self._protocol is not None:
            chunk = self._arrived.popleft()
            if not chunk.data:
                if not self._protocol.eof_received():
                    self.close()
                continue
            view = memoryview(chunk.data)
            while view and not self._lost:
                view = view[self._feed(view) :]
            self.peer.was_read(len(chunk.data))

    def _feed(self, view: memoryview) -> int:
        protocol = self._protocol
        if not isinstance(protocol, asyncio.BufferedProtocol):
            protocol.data_received(bytes(view))
            return len(view)
        room = memoryview(protocol.get_buffer(-1))
        n = min(len(room), len(view))
        room[:n] = view[:n]
        del room
        protocol.buffer_updated(n)
        return n

    def was_read(self, n: int) -> None:
        """Know that the peer has read so much of ours."""
        self._size -= n
        if self._paused_writer and self._size <= self._low and not self._lost:
            self._paused_writer = False
            self._loop.call_soon(self._protocol.resume_writing)

    # --- ending --------------------------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol go on."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return who is connected."""
        return self._protocol

    def is_closing(self) -> bool:
        """Say whether this end is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Say the end, and be gone; what was written arrives."""
        if not self._closing:
            if not self._said_all:
                self.write_eof()
            self._go(None)

    def abort(self) -> None:
        """Be gone at once; what is on its way is lost, and the peer finds the connection reset."""
        if not self._lost:
            self._lose_what_is_under_way()
            self._go(None)
            self._loop.call_soon(self.peer.lose, ConnectionResetError("connection reset by peer"))

    def lose(self, error: Exception) -> None:
        """Have the connection break here."""
        if not self._lost:
            self._lose_what_is_under_way()
            self._go(error)

    def _lose_what_is_under_way(self) -> None:
        for chunk in (*self._under_way, *self.peer._arrived):  # noqa: SLF001
            for passed in chunk.passed:
                passed.lost = True
        self._under_way.clear()

    def _go(self, error: Exception | None) -> None:
        self._closing = self._lost = True
        self._loop.call_soon(self._tell, error)
        self._link.gone()

    def _tell(self, error: Exception | None) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(error)
