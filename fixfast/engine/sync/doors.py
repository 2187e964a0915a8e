"""Doors: from TCP accept to a whole Logon, for all strangers on one thread, in bounded time and memory (C1)."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, RLock
from typing import Any

from fixfast import clock
from fixfast.engine.limits import Limits
from fixfast.engine.strangers import Stranger, Strangers
from fixfast.session.gate import LogonAttempt, LogonGate
from fixfast.transport.blocking import Waker
from fixfast.transport.proxy_protocol import ProxyHeader

__all__ = ["Door", "Doors"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: No file descriptor left: nobody is accepted for so long.
_EXHAUSTED = _SECOND


class Door(Stranger):
    """One stranger's connection.

    Attributes:
        sock: non-blocking; a TLS socket once there is TLS.
        header: what a proxy says first, while it is read.
        gate: from the moment that a Logon may come.
        shut: it was closed: too slow, or the server is closing. A decision that is under way comes to nothing.
        deciding: a thread decides on its Logon.
        taken: it did: the socket is a session's.
    """

    __slots__ = ("deadline", "deciding", "gate", "header", "heard", "shut", "sock", "taken")

    def __init__(self, sock: socket.socket, name: object) -> None:
        super().__init__()
        self.sock = sock
        self.descriptor = sock.fileno()
        self.is_from(name)
        self.header: ProxyHeader | None = None
        self.gate: LogonGate | None = None
        self.deadline = 0  # mono_ns, of the header, of the handshake and of the decision
        self.deciding = self.taken = self.shut = self.heard = False

    def due(self) -> int:
        """Return the mono_ns at which the stranger has taken too long."""
        gate_due = self.gate.next_deadline() if self.gate is not None and not self.deciding else None
        return gate_due if gate_due is not None else self.deadline


class Doors(Strangers[Door]):
    """The strangers of one acceptor, and the sockets they come through. One thread runs it.

    What is counted and noted may be called from any thread, the rest is the server's thread's.

    Args:
        limits: see Limits.
        decide: called with a door and the Logon that came through it; it starts a thread, which calls leave().
        options: as for Strangers.

    Attributes:
        listening: the sockets that strangers come through; empty once nobody is let in any more.
    """

    def __init__(self, limits: Limits, decide: Callable[[Door, LogonAttempt], None], **options: Any) -> None:
        super().__init__(limits, guard=RLock(), **options)
        self._decide = decide
        self._selector = selectors.DefaultSelector()
        self._waker = Waker()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self.listening: list[socket.socket] = []
        self._blocked_until = 0  # nobody is accepted until then
        self._deaf = Event()  # it listens no more
        self._closing = False

    # --- from any thread -----------------------------------------------------------------------------------

    def drain(self, *, runs: bool) -> bool:
        """Stop listening, and wait until that is so. Who is in may go on. Return whether it did listen.

        Args: runs: a thread is in run().
        """
        self.shut()
        listened = bool(self.listening)
        self._waker.wake()
        if runs:
            self._deaf.wait()
        return listened

    def close(self) -> None:
        """Have run() end: nobody is let in any more, and everybody shown out."""
        self._closing = True
        self._waker.wake()

    def _kept_back(self) -> None:
        self._waker.wake()  # there is a new deadline

    # --- the server's thread -------------------------------------------------------------------------------

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Take the sockets to listen on, which are not blocking. Before run()."""
        self.listening = list(sockets)
        for sock in sockets:
            self._selector.register(sock, selectors.EVENT_READ)

    def run(self) -> None:
        """Accept, read Logons, have them decided on, until close() is called."""
        while not self._closing:
            try:
                self._pass()
            except Exception:
                _log.exception("an acceptor goes on")
        self._stop_listening()
        for door in list(self.doors):
            self._close(door)

    def release(self) -> None:
        """Close what is left. After run(), and when no decision is under way any more."""
        self._stop_listening()
        self.flush()
        self._selector.close()
        self._waker.close()

    # --- inside --------------------------------------------------------------------------------------------

    def _pass(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._waker:
                self._waker.clear()
            elif isinstance(key.data, Door):
                self._serve(key.data)
            else:
                assert isinstance(key.fileobj, socket.socket)
                self._accept(key.fileobj)
        if self._shut:
            self._stop_listening()
        self._on_time(clock.now().mono_ns)

    def _stop_listening(self) -> None:
        for sock in self.listening:
            with suppress(KeyError):  # while nobody is accepted it is not there
                self._selector.unregister(sock)
            sock.close()
        self.listening, self._blocked_until = [], 0
        self._deaf.set()

    def _patience(self) -> float | None:
        dues = [door.due() for door in list(self.doors) if not (door.shut or door.taken)]
        if self._quiet.due is not None:
            dues.append(self._quiet.due)
        if self._blocked_until:
            dues.append(self._blocked_until)
        return max(0, min(dues) - clock.now().mono_ns) / _SECOND if dues else None

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, name = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:
            self.note("connections not accepted", "no connection can be accepted: %s", error)
            self._block(clock.now().mono_ns + _EXHAUSTED)
            return
        door = Door(sock, name)
        if not self.admit(door):
            sock.close()
            return
        try:
            sock.setblocking(False)
            if self.through_proxy(door):
                door.header = ProxyHeader()
                self._limit(door)
                self._selector.register(sock, selectors.EVENT_READ, door)
            else:
                self._begin(door)
        except (OSError, ValueError):
            self._close(door)

    def _limit(self, door: Door) -> None:
        door.deadline = clock.now().mono_ns + int(self.limits.handshake_timeout * _SECOND)

    def _begin(self, door: Door) -> None:
        """Wait for a handshake where there is TLS, else for a Logon."""
        if self.tls is None:
            self._open(door)
        else:
            self._limit(door)
            door.sock = self.tls.wrap_socket(door.sock, server_side=True, do_handshake_on_connect=False)
        self._selector.register(door.sock, selectors.EVENT_READ, door)

    def _read_header(self, door: Door, header: ProxyHeader) -> None:
        """Read what a proxy says first, and not a byte beyond: what follows is for TLS."""
        while header.wanted:
            try:
                data = door.sock.recv(header.wanted)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                self._close(door)
                return
            door.heard = True
            header.feed(data)
        if header.error:
            self._turn_away(door, header.error)
            return
        door.header = None
        door.is_for(header.source)
        if not self.identify(door):
            self._close(door)
            return
        self._selector.unregister(door.sock)
        try:
            self._begin(door)
        except (OSError, ValueError):
            self._close(door)

    def _open(self, door: Door) -> None:
        """From here on, a Logon may come."""
        limits = self.limits
        if isinstance(door.sock, ssl.SSLSocket):
            door.certificate = door.sock.getpeercert() or None
        door.gate = LogonGate(max_bytes=limits.logon_bytes, timeout=limits.logon_timeout)
        door.gate.poll(clock.now())

    def _serve(self, door: Door) -> None:
        if door.shut or door.deciding:
            return
        if door.header is not None:
            self._read_header(door, door.header)
            return
        if door.gate is None and not self._shake_hands(door):
            return
        assert door.gate is not None
        while True:
            try:
                n = door.sock.recv_into(self.scratch)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                n = 0
            if n == 0:  # nobody who wants a session hangs up
                self._close(door)
                return
            door.heard = True
            attempt = door.gate.receive_data(bytes(memoryview(self.scratch)[:n]), clock.now())
            if attempt is not None:
                self._selector.unregister(door.sock)  # what follows waits in the kernel
                door.deciding = True
                door.deadline = clock.now().mono_ns + int(self.limits.authenticate_timeout * _SECOND)
                self._decide(door, attempt)
                return
            if door.gate.close_requested:
                self._turn_away(door, door.gate.close_requested.value)
                return

    def _shake_hands(self, door: Door) -> bool:
        assert isinstance(door.sock, ssl.SSLSocket)
        try:
            door.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(door.sock, selectors.EVENT_READ, door)
            return False
        except ssl.SSLWantWriteError:
            self._selector.modify(door.sock, selectors.EVENT_WRITE, door)
            return False
        except OSError as error:
            # A port scan or a health check ends here, too: who did not say anything that is wrong has not failed.
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                why = error.reason or type(error).__name__
                text = "connection from %s closed: no TLS handshake (%s)"
                self.failed(door, "no TLS handshake", text, door.address, why)
            self._close(door)
            return False
        self._selector.modify(door.sock, selectors.EVENT_READ, door)
        self._open(door)
        return True

    def _on_time(self, now: int) -> None:
        for door in [door for door in list(self.doors) if not (door.shut or door.taken) and door.due() <= now]:
            if door.deciding:
                text, limit = "application.authenticate took longer than %s s", self.limits.authenticate_timeout
                self.note("answers of application.authenticate that are none", text, f"{limit:g}")
                self._close(door)
            elif door.header is not None:
                self._turn_away(door, "no PROXY header in time")
            elif door.gate is None:
                self._turn_away(door, "no TLS handshake in time")
            else:
                door.gate.poll(clock.now())
                if door.gate.close_requested:
                    self._turn_away(door, door.gate.close_requested.value)
        if self._blocked_until and now >= self._blocked_until:
            self._block(0)
        if self._quiet.due is not None and now >= self._quiet.due:
            self.flush()

    def _block(self, until: int) -> None:
        """Accept nobody until then; 0: from now on again."""
        for sock in self.listening:
            if until and not self._blocked_until:
                self._selector.unregister(sock)
            elif not until:
                self._selector.register(sock, selectors.EVENT_READ)
        self._blocked_until = until

    def _turn_away(self, door: Door, why: str) -> None:
        """Close, by the peer's doing. Who did not send a byte has done nothing."""
        if door.heard:
            self.failed(door, why)
        self._close(door)

    def _close(self, door: Door) -> None:
        """Close a door. One that is being decided on counts until the decision is made, which then comes to nothing."""
        if door.shut or door.taken:
            return
        door.shut = True
        if door.deciding:
            with suppress(OSError):
                socket.socket.shutdown(door.sock, socket.SHUT_RDWR)
            return
        with suppress(KeyError, ValueError):
            self._selector.unregister(door.sock)
        door.sock.close()
        self.leave(door)
