"""The asyncio byte pump: socket bytes straight into the session's decoder, the session's bytes to the socket.

    recv_into -> session.get_buffer / buffer_updated -> owner takes the events -> session.data_to_send -> write

One Pump lives as long as one connection. It knows nothing of FIX; it moves bytes, keeps the one timer the session asks
for, and ends the connection when the session asks for that.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import Protocol, cast

from fixfast import clock
from fixfast.types import Buffer, Now

__all__ = ["Bytes", "Owner", "Pump", "Tap"]

#: A timer that fires this late (ns) means that the loop stood still: what is in the socket is read before the session
#: judges its peer dead (H08).
_STALL_NS = 250_000_000
#: How long a connection that we end may go on delivering to the peer what we sent last, seconds.
_LINGER = 2.0
#: Messages that a program may send, one `await send()` after the other, before the loop has its turn.
_BURST = 32
#: Send buffer of the transport above which writing pauses, bytes. Bigger than one read, smaller than any resend storm.
_HIGH_WATER = 256 * 1024


class Bytes(Protocol):
    """The part of a session that a pump works with."""

    def connected(self, now: Now) -> None: ...
    def get_buffer(self, hint: int) -> memoryview: ...
    def buffer_updated(self, n: int, now: Now) -> None: ...
    def receive_data(self, data: Buffer, now: Now) -> None: ...
    def receive_eof(self, now: Now) -> None: ...
    def disconnected(self, reason: str, now: Now) -> None: ...
    def poll(self, now: Now) -> None: ...
    def next_deadline(self) -> int | None: ...
    def data_to_send(self) -> Sequence[Buffer]: ...
    @property
    def close_requested(self) -> object | None: ...


class Owner(Protocol):
    """Who gets told what the pump cannot deal with."""

    def on_turn(self) -> None:
        """Take the session's events. Whatever is sent in here is written right after."""

    def on_flushed(self) -> None:
        """Know that everything that may go on the wire was written: time to look whether the store needs a sync."""

    def on_closed(self, reason: str) -> None:
        """Know that the connection is gone."""


class Tap(Protocol):
    """Sees the bytes of a connection as they pass."""

    def inbound(self, data: Buffer) -> None: ...
    def outbound(self, data: Buffer) -> None: ...


class Pump(asyncio.BufferedProtocol):
    """Moves bytes between one transport and one session.

    Args:
        session: whose bytes they are.
        owner: told of events and of the end.
        first: bytes read from the connection before the pump got it (an acceptor reads the Logon first).
        tap: sees all bytes, for a wire log.
        slow_after: seconds the send buffer may stay full before the connection is dropped; what was not sent stays in
            the store.
    """

    def __init__(
        self, session: Bytes, owner: Owner, *, first: bytes = b"", tap: Tap | None = None, slow_after: float = 10.0
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._owner = owner
        self._first = first
        self._tap = tap
        self._slow_after = slow_after
        self._transport: asyncio.Transport | None = None
        self._view: memoryview | None = None
        self._due = 0  # mono_ns the timer below is set for
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._limit: asyncio.TimerHandle | None = None  # slow consumer, then linger
        self._writable: asyncio.Future[None] | None = None  # set while the transport says stop
        self._in_turn = False
        #: a turn is under way or will come before the loop sleeps: soon() need not be called
        self.awake = False
        self._unwritten = 0  # calls of drain() since soon() asked for a turn
        self._ending = False
        self._reading = True
        self._sipping = False  # reading paused, and the socket is looked at once
        self._reason = ""
        self.error: Exception | None = None  # what the transport was lost with
        self.peer = ""  # the peer's address, where the transport does not know it: behind a proxy
        self.closed: asyncio.Future[str] = self._loop.create_future()
        if tap is None and type(self).get_buffer is Pump.get_buffer:
            # PERF: without a call in between, 80 ns. While ending, the session has the same answer as we.
            self.get_buffer = session.get_buffer  # type: ignore[method-assign, assignment]

    # --- called by asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. An acceptor calls this itself, after set_protocol()."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        if self._ending:  # given up while it was being made: the session never hears of it
            transport.abort()
            return
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        _keep_alive(transport)
        now = clock.now()
        self._session.connected(now)
        if self._first:
            if self._tap is not None:
                self._tap.inbound(self._first)
            self._session.receive_data(self._first, now)
            self._first = b""
        self.turn()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go: the decoder's own chunk."""
        if self._ending:
            return memoryview(bytearray(4096))  # read and dropped while lingering, F13
        view = self._session.get_buffer(sizehint)
        if self._tap is not None:
            self._view = view
        return view

    def buffer_updated(self, nbytes: int) -> None:
        """Let the session look at what arrived."""
        if self._ending:
            self._view = None
            return
        if self._tap is not None:
            view, self._view = self._view, None
            if view is not None:
                self._tap.inbound(view[:nbytes])
            del view  # a view kept past this call would keep the chunk from being reused
        if self._sipping and self._transport is not None:
            self._transport.pause_reading()
        self._session.buffer_updated(nbytes, clock.now())
        self.turn()

    def eof_received(self) -> bool:
        """Treat a half-closed connection as closed (O12); all that was read before has been looked at."""
        if not self._ending:
            self._session.receive_eof(clock.now())
            self._reason = "closed by the peer"
            self.turn()
        return False

    def pause_writing(self) -> None:
        """Stop taking bytes from the session until the peer reads again."""
        self._writable = self._loop.create_future()
        if not self._ending:
            self._set_limit(self._slow_after, "slow consumer: the send buffer stayed full")

    def resume_writing(self) -> None:
        """Go on."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        if not self._ending:
            self._clear_limit()
            self.turn()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell session and owner, and release everything."""
        for handle in (self._timer, self._soon, self._limit):
            if handle is not None:
                handle.cancel()
        self._timer = self._soon = self._limit = None
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        made, self._transport = self._transport is not None, None
        self._ending = True
        if not made:
            return  # or told already
        self.error = exc
        reason = self._reason or (f"connection lost: {exc or type(exc).__name__}" if exc else "closed")
        try:
            self._session.disconnected(reason, clock.now())
            self._owner.on_turn()
        finally:
            # Last, so that whoever waits for the end finds everything told.
            if not self.closed.done():
                self.closed.set_result(reason)
            self._owner.on_closed(reason)

    # --- called by the owner -------------------------------------------------------------------------------

    def turn(self) -> None:
        """Let the owner take events, write what came of it, set the timer."""
        if self._in_turn:
            return  # the turn that is under way will write it
        self._in_turn = self.awake = True
        try:
            self._owner.on_turn()
        except BaseException:
            self.abort("internal error")  # without a timer and with half a turn done it would hang for ever
            raise
        finally:
            self._in_turn = False
            self.awake = self._soon is not None
        transport = self._transport
        if transport is None or self._ending:
            return
        session = self._session
        self._write(transport)
        self._owner.on_flushed()
        reason = session.close_requested
        if reason is not None:
            self._end(transport, str(getattr(reason, "value", reason)))
            return
        due = session.next_deadline()
        # PERF: deadlines nearly always move away: the timer set fires early and is set again then
        if due is not None and (due < self._due or self._timer is None):
            self._arm(due)

    def flush(self) -> None:
        """Write what was sent by now; the turn that soon() was asked for does all else. Not in a turn: that writes it.

        PERF: who is in a hurry waits for no events, no store and no timer: 21,000 instructions
        """
        if not self._in_turn and self._transport is not None and not self._ending:
            self._write(self._transport)

    def _write(self, transport: asyncio.Transport) -> None:
        session = self._session
        # A session hands out a long resend in batches; while the peer does not read, it is not asked for more (P16).
        while self._writable is None and (data := session.data_to_send()):
            if self._tap is not None:
                for part in data:
                    self._tap.outbound(part)
            # One write, one system call, at best one packet; asyncio's own writelines would join as well.
            transport.write(data[0] if len(data) == 1 else b"".join(data))

    def soon(self) -> None:
        """Run a turn before the loop sleeps: everything sent in this pass of the loop goes out in one write."""
        if not self.awake and self._transport is not None:
            self.awake = True
            self._unwritten = 0
            self._soon = self._loop.call_soon(self._on_soon)

    def behind(self) -> None:
        """Run a turn behind what was scheduled last: what that sends is written in the same pass of the loop.

        PERF: soon() from there would mean one more pass, with its look at the sockets: 3 of 12 us for a program that
        iterates, and its answer so much later.
        """
        if self._soon is None and self._transport is not None:
            self.awake = True
            self._unwritten = 0
            self._soon = self._loop.call_soon(self._on_soon)

    async def drain(self) -> None:
        """Wait while the send buffer is full: back-pressure, never a peer's answer.

        A program that sends and sends, and never waits for anything else, lets the loop do its work here, too.
        """
        if self._soon is not None:
            self._unwritten += 1
            if self._unwritten >= _BURST:
                await asyncio.sleep(0)
        while self._writable is not None:
            await asyncio.shield(self._writable)

    def pause_reading(self, pause: bool) -> None:
        """Stop or go on reading: back-pressure of the application towards the peer."""
        if self._transport is None or self._ending or pause is not self._reading:
            return
        self._reading = not pause
        self._sipping = False
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self, reason: str, *, reset: bool = False) -> bool:
        """End the connection at once; what was not written stays unwritten.

        Args:
            reason: what the session will be told.
            reset: let the kernel drop what it still holds, too, and send RST instead of FIN.

        Returns: whether there was a connection; `closed` is then set in a moment. Without one it never is.
        """
        transport = self._transport
        if transport is None:
            self._ending = True  # should it still come up, it is dropped at once
            return False
        self._reason = self._reason or reason
        self._ending = True
        if reset:
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return True

    def orphan(self, reason: str) -> None:
        """Know that the attempt to connect failed or was cancelled, be there a transport already or not.

        uvloop closes what a cancelled create_connection() had made, and never calls connection_lost().
        """
        if self.abort(reason):
            self._loop.call_soon(self.connection_lost, None)

    @property
    def peername(self) -> str:
        """The peer's address as text, for logs."""
        if self.peer or self._transport is None:
            return self.peer
        name = self._transport.get_extra_info("peername")
        if not isinstance(name, tuple):
            return str(name or "")
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"

    # --- inside --------------------------------------------------------------------------------------------

    def _on_soon(self) -> None:
        self._soon = None
        self.turn()

    def _end(self, transport: asyncio.Transport, reason: str) -> None:
        """Close so that the peer gets what was sent last, which is often the reason (a Logout's text).

        Closing a socket with unread input sends RST, and the peer's kernel then drops what it had not read. So our
        side is closed first, input is read and dropped until the peer closes too, or for _LINGER seconds.
        """
        self._ending = True
        self._reason = self._reason or reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._clear_limit()
        self._set_limit(_LINGER, reason)
        if self._reason != "closed by the peer" and transport.can_write_eof():
            if not self._reading:
                transport.resume_reading()
            transport.write_eof()
        else:
            transport.close()

    def _set_limit(self, seconds: float, reason: str) -> None:
        if self._limit is None:
            self._limit = self._loop.call_later(seconds, self.abort, reason)

    def _clear_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _arm(self, due: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(max(0, due - clock.now().mono_ns) / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = clock.now()
        if now.mono_ns - self._due > _STALL_NS:
            # The loop stood still (H08). A moment later, the socket has been read, and the deadline has moved if the
            # peer lives. Not call_soon(): that would run before the loop looks at its sockets.
            self._due = now.mono_ns
            self._timer = self._loop.call_later(0.002, self._on_timer)
            return
        if not self._reading and self._transport is not None and not self._ending:
            # The application is slow and reading pauses: a peer that talks must not be taken for dead. One read at
            # most: it bounds what is taken in, and whatever it brings moves the deadline.
            if not self._sipping:
                self._sipping = True
                self._transport.resume_reading()
                self._due = now.mono_ns
                self._timer = self._loop.call_later(0.002, self._on_timer)
                return
            self._sipping = False
            self._transport.pause_reading()
        self._session.poll(now)
        self.turn()


def _keep_alive(transport: asyncio.Transport) -> None:
    """Let TCP notice a peer that vanished even where heartbeats are off (L17)."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
