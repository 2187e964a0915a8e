"""Doors: from TCP accept to a whole Logon, for all strangers on one thread, in bounded time and memory (C1)."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from fixfast import clock
from fixfast.engine.allow import Allow
from fixfast.engine.crowd import Crowd, Guest, ip_of
from fixfast.engine.limits import Limits
from fixfast.engine.listening import address_text
from fixfast.engine.quiet import Line, Quiet
from fixfast.session.gate import LogonAttempt, LogonGate
from fixfast.transport.blocking import Waker

__all__ = ["Door", "Doors"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: No file descriptor left: nobody is accepted for so long.
_EXHAUSTED = _SECOND


class Door:
    """One stranger's connection.

    Attributes:
        sock: non-blocking; a TLS socket once there is TLS.
        shut: it was closed: too slow, or the server is closing. A decision that is under way comes to nothing.
        deciding: a thread decides on its Logon.
        taken: it did: the socket is a session's.
    """

    __slots__ = ("address", "deadline", "deciding", "gate", "guest", "heard", "host", "shut", "sock", "taken")

    def __init__(self, sock: socket.socket, name: object) -> None:
        self.sock = sock
        self.host = str(name[0]) if isinstance(name, tuple) else ""
        self.address = address_text(name) if isinstance(name, tuple) else "unix"
        self.guest: Guest | None = None
        self.gate: LogonGate | None = None  # from the moment that a Logon may come
        self.deadline = 0  # mono_ns, of the handshake and of the decision
        self.deciding = self.taken = self.shut = self.heard = False

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """The peer's TLS certificate, None without one."""
        return (self.sock.getpeercert() or None) if isinstance(self.sock, ssl.SSLSocket) else None

    def due(self) -> int:
        """Return the mono_ns at which the stranger has taken too long."""
        gate_due = self.gate.next_deadline() if self.gate is not None and not self.deciding else None
        return gate_due if gate_due is not None else self.deadline


class Doors:
    """The strangers of one acceptor, and the sockets they come through. One thread runs it; see each method.

    Args:
        limits: see Limits.
        decide: called with a door and the Logon that came through it; it starts a thread, which calls leave().
        tls: the context of the server, None for plain TCP.
        allow: who may connect, and log on as whom; None: everybody.
        certified: tells whether the owner of a certificate may have a CompID (TlsConfig.may_log_on); None: everybody.
    """

    def __init__(
        self,
        limits: Limits,
        decide: Callable[[Door, LogonAttempt], None],
        *,
        tls: ssl.SSLContext | None,
        allow: Allow | None,
        certified: Callable[[Mapping[str, Any] | None, str], bool] | None = None,
    ) -> None:
        self._limits = limits
        self._decide = decide
        self._tls = tls
        self._allow = allow
        self._certified = certified
        self.crowd = Crowd(limits)
        self._quiet = Quiet()
        self._selector = selectors.DefaultSelector()
        self._waker = Waker()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._listening: list[socket.socket] = []
        self._blocked_until = 0  # nobody is accepted until then
        self._scratch = bytearray(limits.logon_bytes)
        self._doors: set[Door] = set()
        self._left: list[tuple[Door, bool]] = []  # by other threads; bool: it is a session's now
        self._gone: list[Guest] = []
        self._notes: list[tuple[str, str, Door | None]] = []
        self._closing = False

    def may_be(self, door: Door, comp_id: str) -> bool:
        """Say whether a peer may call itself this, coming from where it comes, with the certificate it has (C4)."""
        if self._certified is not None and not self._certified(door.certificate, comp_id):
            return False
        return self._allow is None or not door.host or self._allow.log_on(door.host, comp_id)

    # --- from any thread -----------------------------------------------------------------------------------

    def leave(self, door: Door, *, logged_on: bool = False) -> None:
        """Know that a decision was made: the connection is a session's now, or to be forgotten."""
        self._left.append((door, logged_on))
        self._waker.wake()

    def gone(self, guest: Guest) -> None:
        """Know that the connection of a session has ended."""
        self._gone.append(guest)
        self._waker.wake()

    def note(self, kind: str, text: str, failed: Door | None = None) -> None:
        """Write a line about a stranger, or count it.

        Args: kind: one of a few fixed texts. failed: whose own doing it was, for the count of failed logons.
        """
        self._notes.append((kind, text, failed))
        self._waker.wake()

    def close(self) -> None:
        """Have run() end: nobody is let in any more, and everybody shown out."""
        self._closing = True
        self._waker.wake()

    # --- the server's thread -------------------------------------------------------------------------------

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Take the sockets to listen on, which are not blocking. Before run()."""
        self._listening = list(sockets)
        for sock in sockets:
            self._selector.register(sock, selectors.EVENT_READ)

    def run(self) -> None:
        """Accept, read Logons, have them decided on, until close() is called."""
        while not self._closing:
            try:
                self._pass()
            except Exception:
                _log.exception("an acceptor goes on")
        for door in list(self._doors):
            self._shut(door)
        self._settle()
        self._write(self._quiet.flush(clock.now().mono_ns))

    def release(self) -> None:
        """Close what is left. After run(), and when no decision is under way any more."""
        for sock in self._listening:
            sock.close()
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
        self._settle()
        self._on_time(clock.now().mono_ns)

    def _patience(self) -> float | None:
        dues = [door.due() for door in self._doors if not (door.shut or door.taken)]
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
            self._note("connections not accepted", f"no connection can be accepted: {error}")
            self._block(clock.now().mono_ns + _EXHAUSTED)
            return
        door = Door(sock, name)
        why = self._why_not(door)
        if why:
            self._note(why, f"connection from {door.address} closed at once: {why}")
            sock.close()
            return
        self._doors.add(door)
        try:
            self._begin(door)
        except (OSError, ValueError):
            self._shut(door)

    def _why_not(self, door: Door) -> str:
        if self._closing:
            return "closing"
        # Who may reach a Unix socket is for the permissions of its file to say.
        if self._allow is not None and door.host and not self._allow.connect(door.host):
            return "not on the allow-list"
        guest = self.crowd.admit(ip_of(door.host), clock.now().mono_ns)
        if isinstance(guest, str):
            return guest
        door.guest = guest
        return ""

    def _begin(self, door: Door) -> None:
        door.sock.setblocking(False)
        if self._tls is None:
            self._open(door)
        else:
            door.deadline = clock.now().mono_ns + int(self._limits.handshake_timeout * _SECOND)
            door.sock = self._tls.wrap_socket(door.sock, server_side=True, do_handshake_on_connect=False)
        self._selector.register(door.sock, selectors.EVENT_READ, door)

    def _open(self, door: Door) -> None:
        """From here on, a Logon may come."""
        limits = self._limits
        door.gate = LogonGate(max_bytes=limits.logon_bytes, timeout=limits.logon_timeout)
        door.gate.poll(clock.now())

    def _serve(self, door: Door) -> None:
        if door.shut or door.deciding:
            return
        if door.gate is None and not self._shake_hands(door):
            return
        assert door.gate is not None
        while True:
            try:
                n = door.sock.recv_into(self._scratch)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                n = 0
            if n == 0:  # nobody who wants a session hangs up
                self._shut(door)
                return
            door.heard = True
            attempt = door.gate.receive_data(bytes(memoryview(self._scratch)[:n]), clock.now())
            if attempt is not None:
                self._selector.unregister(door.sock)  # what follows waits in the kernel
                door.deciding = True
                door.deadline = clock.now().mono_ns + int(self._limits.authenticate_timeout * _SECOND)
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
                self._failed(
                    door, "no TLS handshake", f"connection from {door.address} closed: no TLS handshake ({why})"
                )
            self._shut(door)
            return False
        self._selector.modify(door.sock, selectors.EVENT_READ, door)
        self._open(door)
        return True

    def _on_time(self, now: int) -> None:
        for door in [door for door in self._doors if not (door.shut or door.taken) and door.due() <= now]:
            if door.deciding:
                text = f"application.authenticate took longer than {self._limits.authenticate_timeout:g} s"
                self._note("answers of application.authenticate that are none", text)
                self._shut(door)
            elif door.gate is None:
                self._turn_away(door, "no TLS handshake in time")
            else:
                door.gate.poll(clock.now())
                if door.gate.close_requested:
                    self._turn_away(door, door.gate.close_requested.value)
        if self._blocked_until and now >= self._blocked_until:
            self._block(0)
        if self._quiet.due is not None and now >= self._quiet.due:
            self._write(self._quiet.flush(now))

    def _block(self, until: int) -> None:
        """Accept nobody until then; 0: from now on again."""
        for sock in self._listening:
            if until and not self._blocked_until:
                self._selector.unregister(sock)
            elif not until:
                self._selector.register(sock, selectors.EVENT_READ)
        self._blocked_until = until

    def _turn_away(self, door: Door, why: str) -> None:
        """Close, by the peer's doing. Who did not send a byte has done nothing."""
        if door.heard:
            self._failed(door, why, f"connection from {door.address} closed: {why}")
        self._shut(door)

    def _shut(self, door: Door) -> None:
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
        self._forget(door, logged_on=False)

    def _forget(self, door: Door, *, logged_on: bool) -> None:
        if door in self._doors:
            self._doors.discard(door)
            assert door.guest is not None
            if logged_on:
                self.crowd.logged_on(door.guest)
            else:
                self.crowd.leave(door.guest)

    def _settle(self) -> None:
        """Take what other threads said."""
        notes, self._notes = self._notes, []
        for kind, text, failed in notes:
            if failed is not None:
                self._failed(failed, kind, text)
            else:
                self._note(kind, text)
        left, self._left = self._left, []
        for door, logged_on in left:
            self._forget(door, logged_on=logged_on)
        gone, self._gone = self._gone, []
        for guest in gone:
            self.crowd.leave(guest)

    def _failed(self, door: Door, kind: str, text: str) -> None:
        self._note(kind, text)
        if door.guest is not None:
            pause = self.crowd.failed(door.guest, clock.now().mono_ns)
            if pause:
                self._note(
                    "addresses barred", f"connections from {door.host} are refused for {pause:g} s: failed logons"
                )

    def _note(self, kind: str, text: str) -> None:
        self._write(self._quiet.note(kind, text, clock.now().mono_ns))

    def _write(self, line: Line | None) -> None:
        if line is not None:
            _log.warning(line.text, *line.args)
