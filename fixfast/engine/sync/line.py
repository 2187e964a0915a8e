"""Line: one session on one non-blocking socket. No thread, no lock, no event loop: whoever owns it drives it.

    line = Line(session, sock)
    line.open()
    while not line.over:
        ...wait until the socket is readable (or writable, if line.unsent), or line.deadline() has come...
        line.receive() or line.tick()            # one read; or what is due
        for event in session.events(): ...       # whatever is sent in here is written right after
        line.flush()
    line.release()

It is for the front ends without asyncio what transport/aio.py is with it, and keeps the same promises.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from fixfast import clock
from fixfast.types import Buffer, Now

__all__ = ["READ", "Bytes", "Line", "Tap"]

#: How long a connection that we end may go on delivering to the peer what we sent last, seconds.
_LINGER = 2.0
#: The largest read, bytes. What is read is an object of its own, as long as what came: a message that a program keeps
#: holds on to no more than what came with it.
#: PERF: 0.6 us a message less than to have it written into the decoder's chunk, which needs two calls and a view.
READ = 65536

#: Reads after a write that failed.
_LAST_READS = 64

#: For one call that does not wait, on a socket that does; 0: the platform has no such thing.
_DONT_WAIT: int = getattr(socket, "MSG_DONTWAIT", 0)

_EOF = "closed by the peer"
_SECOND = 1_000_000_000
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Bytes(Protocol):
    """The part of a session that a line works with."""

    def connected(self, now: Now) -> None: ...
    def receive_data(self, data: Buffer, now: Now) -> None: ...
    def receive_eof(self, now: Now) -> None: ...
    def disconnected(self, reason: str, now: Now) -> None: ...
    def poll(self, now: Now) -> None: ...
    def next_deadline(self) -> int | None: ...
    def data_to_send(self) -> Sequence[Buffer]: ...
    @property
    def close_requested(self) -> object | None: ...


class Tap(Protocol):
    """Sees the bytes of a connection as they pass."""

    def inbound(self, data: Buffer) -> None: ...
    def outbound(self, data: Buffer) -> None: ...


class Line:
    """Moves bytes between one session and one connected socket, as long as the connection lasts.

    It never blocks: TLS has shaken hands before, and the socket is made non-blocking here (or every call says so, with
    `patient`).

    Args:
        session: whose bytes they are.
        sock: connected; the line owns it from now on.
        first: bytes read from the connection before the line got it (an acceptor reads the Logon first).
        tap: sees all bytes, for a wire log.
        slow_after: seconds in which the peer takes nothing of what is written after which the connection is dropped;
            what was not sent stays in the store.
        patient: leave the socket blocking where the platform allows it, so that a thread may wait in recv(): one system
            call instead of two. See `patient` below whether it could be done.

    Attributes:
        sock: the socket, for select() and the like.
        unsent: the kernel did not take everything: flush() again when the socket is writable.
        patient: the socket is blocking, recv() waits.
        recv: the socket's method. Who waits in it, outside of any lock, sets `awaited` before, and calls came() after.
        awaited: a thread does: receive() leaves the reading to it.
        leaving: the session is over; what was sent last is still being delivered.
        over: why the connection is gone, and the session knows; "" while it is there. release() closes the socket.
        tap: sees all bytes, None: nothing does.
        peer: the peer's address, where a proxy told it; "": the socket's.
        paused: receive() reads nothing: the program is behind.
        users: threads that wait for the socket; kept by the owner, who must not release() while there are some.
            A set, because an interrupted thread may say twice that it goes.
    """

    __slots__ = (
        "_first",
        "_flags",
        "_limit",
        "_reason",
        "_recv_now",
        "_rest",
        "_said_end",
        "_send",
        "_session",
        "_slow_after",
        "awaited",
        "leaving",
        "over",
        "patient",
        "paused",
        "peer",
        "recv",
        "sock",
        "tap",
        "unsent",
        "users",
    )

    def __init__(
        self,
        session: Bytes,
        sock: socket.socket,
        *,
        first: bytes = b"",
        tap: Tap | None = None,
        slow_after: float = 10.0,
        patient: bool = False,
    ) -> None:
        # Two threads in one TLS object at once is more than OpenSSL allows.
        self.patient = patient and _DONT_WAIT != 0 and not isinstance(sock, ssl.SSLSocket)
        sock.setblocking(self.patient)
        self._flags = _DONT_WAIT if self.patient else 0
        self.sock = sock
        self.unsent = self.leaving = self.paused = self.awaited = False
        self.users: set[int] = set()
        self.over = self.peer = ""
        self._session = session
        self._first = first
        self.tap = tap
        self._slow_after = int(slow_after * _SECOND)
        self._limit: int | None = None  # mono_ns: of a peer that does not read, then of lingering
        self._rest: Buffer = b""  # what the kernel did not take yet
        self._reason = ""
        self._said_end = False
        # PERF: kept, because to look a method up costs a fifth of its call
        self.recv: Callable[[int], bytes] = sock.recv
        self._recv_now: Callable[[int], bytes] = sock.recv
        if self.patient:
            self._recv_now = lambda size: sock.recv(size, _DONT_WAIT)
        self._send: Callable[[Buffer, int], int] = sock.send
        _set_options(sock)

    # --- in ------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin: the session knows of the connection, and of what was read from it already. flush() must follow."""
        now = clock.now()
        self._session.connected(now)
        first, self._first = self._first, b""
        if first:
            if self.tap is not None:
                self.tap.inbound(first)
            self._session.receive_data(first, now)

    def receive(self) -> bool:
        """Read once, if there is something to read; take the events and flush() then.

        Returns: whether anything happened: bytes, or the end of the connection.
        """
        return False if self.paused else self.read()

    @property
    def pending(self) -> bool:
        """TLS has more that is read already: call receive() again, the socket may not be readable."""
        sock = self.sock
        return isinstance(sock, ssl.SSLSocket) and not self.over and not self.leaving and sock.pending() > 0

    def came(self, data: bytes) -> None:
        """Take what recv() gave, b"" for the end; take the events and flush() then."""
        self.awaited = False
        if self.over:
            return
        if not self.leaving:
            self._take(data)
        elif not data:
            self._lose(self._reason)

    def failed(self, error: OSError) -> None:
        """Know that recv() raised; take the events then."""
        self.awaited = False
        if not isinstance(error, _NOT_NOW) and not self.over:
            self._lose(self._reason or _lost(error))

    def read(self) -> bool:
        """Do what receive() does, also while the program is behind."""
        if self.awaited:
            return False
        if self.leaving or self.over:
            return self._drop()
        try:
            data = self._recv_now(READ)
        except _NOT_NOW:
            return False
        except OSError as error:
            self._lose(_lost(error))
            return True
        if data and self.tap is None:
            self._session.receive_data(data, clock.now())  # PERF: _take() without a call
        else:
            self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        if data:
            if self.tap is not None:
                self.tap.inbound(data)
            self._session.receive_data(data, clock.now())
        else:
            self._reason = self._reason or _EOF
            self._session.receive_eof(clock.now())

    def _drop(self) -> bool:
        """Read and drop, while lingering (F13)."""
        if self.over:
            return False
        try:
            more = socket.socket.recv(self.sock, READ, self._flags)
        except _NOT_NOW:
            return False
        except OSError:
            more = b""
        if not more:
            self._lose(self._reason)
        return True

    # --- time ----------------------------------------------------------------------------------------------

    def deadline(self) -> int | None:
        """Return the mono_ns at which tick() is due, None for never."""
        if self.over:
            return None
        limit = self._limit
        if self.leaving:
            return limit
        due = self._session.next_deadline()
        return due if limit is None or (due is not None and due < limit) else limit

    def tick(self) -> None:
        """Do what is due; take the events and flush() then.

        What is in the socket is read before, one read of it: a peer that talks must not be taken for dead because we
        stood still (H08), or because the program is behind and reading pauses.
        """
        if self.over:
            return
        self.read()
        now = clock.now()
        if self._limit is not None and now.mono_ns >= self._limit and not self.over:
            self._lose(self._reason if self.leaving else "slow consumer: it takes nothing of what was sent")
        if not (self.over or self.leaving):
            self._session.poll(now)

    # --- out -----------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what may go on the wire, and end the connection when the session asks for that.

        Returns: whether the session had anything to write.
        """
        wrote = False
        if self.unsent:
            self._write(self._rest)
        # A session hands out a long resend in batches; while the peer does not read, it is not asked for more (P16).
        while not (self.unsent or self.leaving or self.over):
            if not self.hurry():
                break
            wrote = True
        if self.over:
            return wrote
        if not self.leaving:
            reason = self._session.close_requested
            if reason is not None:
                self._leave(str(getattr(reason, "value", reason)))
        elif not (self.unsent or self._said_end):
            self._say_end()
        return wrote

    def hurry(self) -> bool:
        """Write what one message needs, where nothing is unsent and the session is not over: a part of flush().

        PERF: 1.5 us of a round trip less than flush(), which asks again, and calls for each step.

        Returns: whether there was something to write.
        """
        data = self._session.data_to_send()
        if not data:
            return False
        raw = data[0] if len(data) == 1 else b"".join(data)
        if self.tap is not None:
            self.tap.outbound(raw)
        try:
            n = self._send(raw, self._flags)
        except _NOT_NOW:
            n = 0
        except OSError as error:
            self._fail(error)
            return True
        if n != len(raw):
            self._written(raw, n)
        return True

    def _write(self, data: Buffer) -> None:
        try:
            n = self._send(data, self._flags)
        except _NOT_NOW:
            n = 0
        except OSError as error:
            self._fail(error)
            return
        self._written(data, n)

    def _written(self, data: Buffer, n: int) -> None:
        """Know how many of these bytes the kernel took."""
        if n == len(data):
            if self.unsent:
                self.unsent, self._rest = False, b""
                if not self.leaving:
                    self._limit = None
            return
        if n or not self.unsent:
            if not self.leaving:
                self._limit = clock.now().mono_ns + self._slow_after
            self._rest = memoryview(data)[n:]
            self.unsent = True

    # --- the end -------------------------------------------------------------------------------------------

    def abort(self, reason: str, *, reset: bool = False) -> None:
        """End the connection at once; what was not written stays unwritten. Take the events then.

        Args: reason: what the session is told. reset: let the kernel drop what it still holds, too, and send RST.
        """
        if not self.over:
            if reset:
                _linger(self.sock)
            self._lose(self._reason or reason)

    def release(self) -> None:
        """Close the socket, once nobody waits for it any more. Twice is once."""
        self.sock.close()

    def wake(self) -> None:
        """Make whoever waits for the socket return: the connection is over."""
        with suppress(OSError):  # it may not be connected any more
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    @property
    def peername(self) -> str:
        """The peer's address as text, for logs."""
        if self.peer:
            return self.peer
        try:
            name = self.sock.getpeername()
        except OSError:
            return ""
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "")

    def _leave(self, reason: str) -> None:
        """Close so that the peer gets what was sent last, which is often the reason (a Logout's text).

        Closing a socket with unread input sends RST, and the peer's kernel then drops what it had not read. So our
        side is closed first, input is read and dropped until the peer closes too, or for _LINGER seconds.
        """
        self.leaving, self.paused = True, False
        self._limit = clock.now().mono_ns + int(_LINGER * _SECOND)
        self._reason = self._reason or reason
        if not self.unsent:
            self._say_end()

    def _say_end(self) -> None:
        self._said_end = True
        sock = self.sock
        if isinstance(sock, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                sock.unwrap()  # TLS's own goodbye; its answer is not waited for
        try:
            socket.socket.shutdown(sock, socket.SHUT_WR)
        except OSError:
            self._lose(self._reason)
        if self._reason == _EOF:
            self._lose(_EOF)  # the peer's side is closed, too: there is nothing to wait for

    def _fail(self, error: OSError) -> None:
        """Writing failed: what the peer said last may still be there to read (O12)."""
        if self.awaited:
            self._reason = self._reason or _lost(error)
            self.wake()  # whoever waits there reads it, and then the end
            return
        for _ in range(_LAST_READS):
            if self.leaving or self.over or self._reason or not self.read():
                break
        self._lose(self._reason or _lost(error))

    def _lose(self, reason: str) -> None:
        if not self.over:
            self.over = reason or "closed"
            self.unsent, self._rest = False, b""
            self._limit = None
            self._session.disconnected(self.over, clock.now())


def _lost(error: OSError) -> str:
    return f"connection lost: {error or type(error).__name__}"


def _linger(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))


def _set_options(sock: socket.socket) -> None:
    """Write each message at once, and let TCP notice a peer that vanished even where heartbeats are off (L17)."""
    if sock.family in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        with suppress(OSError):  # gone already: the first read says so
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
