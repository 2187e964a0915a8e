"""Strangers: who may connect, how many, how often, as whom; what is written down about them (C1, L05). No event loop.

What waits for their bytes is a front end's: engine/reception.py with asyncio, engine/sync/doors.py on a thread.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import inf
from typing import Any, Generic, TypeVar

from fixfast import clock
from fixfast.engine.allow import Allow, AllowList
from fixfast.engine.crowd import Crowd, Guest, ip_of
from fixfast.engine.limits import Limits
from fixfast.engine.listening import address_text
from fixfast.engine.observing.records import about
from fixfast.engine.quiet import Line, Quiet

__all__ = ["Stranger", "Strangers", "open_files"]

_log = logging.getLogger("fixfast.engine")

#: File descriptors that strangers do not get: for the stores of sessions, for logs and look-ups.
_SPARE = 32


class Stranger:
    """A connection that is not logged on.

    Attributes:
        host, address: of the peer, as the proxy told it if there is one; a Unix socket has none: "", "unix".
        proxy: the address of the listed proxy that told the peer's; "" for none.
        descriptor: the lowest that was free when it came: it tells how many are in use; -1: not known.
        certificate: the peer's, once there is TLS.
        guest: what the crowd counts; set by admit().
    """

    __slots__ = ("address", "certificate", "descriptor", "guest", "host", "proxy")

    def __init__(self) -> None:
        self.host, self.address, self.proxy = "", "unix", ""
        self.descriptor = -1
        self.certificate: Mapping[str, Any] | None = None
        self.guest: Guest | None = None

    def is_from(self, name: object) -> None:
        """Know the address of the socket."""
        if isinstance(name, tuple):
            self.host, self.address = str(name[0]), address_text(name)

    def is_for(self, source: tuple[str, int] | None) -> None:
        """Know for whom a proxy connects; None: for itself."""
        self.proxy = self.address
        if source is not None:
            self.is_from(source)


_S = TypeVar("_S", bound=Stranger)


class Strangers(Generic[_S]):
    """The strangers of one acceptor, and the count of all its connections.

    Args:
        limits: see Limits.
        tls: the context of the server, None for plain TCP.
        allow: who may connect; None: everybody.
        proxies: those that say first for whom they connect; None: none does.
        certified: tells whether the owner of a certificate may have a CompID (TlsConfig.may_log_on); None: everybody.
        guard: held while anything is counted, where several threads do.

    Attributes:
        doors: the connections that are not logged on.
        crowd: who is connected, and came how often.
        scratch: what is read into: each takes out what came before the next reads (PERF: 4 KiB less for each stranger).
    """

    def __init__(
        self,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        allow: Allow | None = None,
        proxies: AllowList | None = None,
        certified: Callable[[Mapping[str, Any] | None, str], bool] | None = None,
        guard: AbstractContextManager[object] | None = None,
    ) -> None:
        self.limits = limits
        self.tls = tls
        self.scratch = bytearray(limits.logon_bytes)
        self.crowd = Crowd(limits)
        self.doors: set[_S] = set()
        self._guard = guard if guard is not None else nullcontext()
        self._descriptors = open_files() - _SPARE
        self._allow = allow
        self._proxies = proxies
        self._certified = certified
        self._quiet = Quiet()
        self._shut = False

    # --- who may come in -----------------------------------------------------------------------------------

    def admit(self, door: _S) -> bool:
        """Say whether there is room for one more stranger."""
        if self._shut:
            return False  # accepted in the moment it was closed
        if door.descriptor >= self._descriptors:
            # Not one more, and not none left: without any, accept() fails, and so do the stores of live sessions.
            self.refused("too many open files", door)
            return False
        proxied = self.through_proxy(door)
        if not proxied and not self._allowed(door):
            return False
        with self._guard:
            guest = self.crowd.admit(None if proxied else ip_of(door.host), clock.now().mono_ns)
            if isinstance(guest, Guest):
                door.guest = guest
                self.doors.add(door)
                return True
        self.refused(guest, door)
        return False

    def through_proxy(self, door: _S) -> bool:
        """Say whether a connection is from a listed proxy: nothing else may tell another address than its own (C22)."""
        return self._proxies is not None and door.host in self._proxies

    def identify(self, door: _S) -> bool:
        """Say whether there is room for the one that a proxy connects for."""
        assert door.guest is not None
        if door.address == door.proxy:
            return True  # the proxy's own connection: it looks whether we are there
        if not self._allowed(door):
            return False
        with self._guard:
            why = self.crowd.identify(door.guest, ip_of(door.host), clock.now().mono_ns)
        if why:
            self.refused(why, door)
        return not why

    def may_be(self, door: _S, comp_id: str) -> bool:
        """Say whether a peer may call itself this, coming from where it comes, with the certificate it has (C4)."""
        if self._certified is not None and not self._certified(door.certificate, comp_id):
            return False
        return self._allow is None or not door.host or self._allow.log_on(door.host, comp_id)

    def _allowed(self, door: _S) -> bool:
        # Who may reach a Unix socket is for the permissions of its file to say.
        if self._allow is None or not door.host or self._allow.connect(door.host):
            return True
        self.refused("not on the allow-list", door)
        return False

    def shut(self) -> None:
        """Let nobody in any more; who is in may go on."""
        self._shut = True

    # --- what became of them -------------------------------------------------------------------------------

    def leave(self, door: _S, *, logged_on: bool = False) -> None:
        """Know that a door is shut: the connection has ended, or is a session's now."""
        with self._guard:
            if door in self.doors:
                self.doors.discard(door)
                assert door.guest is not None
                if logged_on:
                    self.crowd.logged_on(door.guest)
                else:
                    self.crowd.leave(door.guest)

    def gone(self, guest: Guest) -> None:
        """Know that the connection of a session has ended."""
        with self._guard:
            self.crowd.leave(guest)

    def failed(self, door: _S, kind: str, text: str = "", *args: object) -> None:
        """Know that a stranger did not become a session, by its own doing; it is logged, and counted.

        Args:
            kind: one of a few fixed texts.
            text, args: the line for the log; "": made of `kind`.
        """
        self.note(kind, text or f"connection from %s closed: {kind}", *(args if text else (door.address,)))
        if door.guest is not None:
            with self._guard:
                pause = self.crowd.failed(door.guest, clock.now().mono_ns)
            if pause:
                text = "connections from %s are refused for %s s: failed logons"
                self.note("addresses barred", text, door.host, f"{pause:g}")

    def refused(self, kind: str, door: _S) -> None:
        """Write down that a connection was closed at once."""
        self.note(kind, f"connection from %s closed at once: {kind}", door.address)

    def note(self, kind: str, text: str, *args: object) -> bool:
        """Write a line about a stranger, or count it; return whether it was written.

        Args: kind: one of a few fixed texts. text, args: as a logger takes them.
        """
        with self._guard:
            line = self._quiet.note(kind, text, clock.now().mono_ns, args)
        if line is None:
            self._kept_back()
        return _write(line)

    def flush(self) -> None:
        """Write one line about all that was only counted."""
        with self._guard:
            line = self._quiet.flush(clock.now().mono_ns)
        _write(line)

    def _kept_back(self) -> None:
        """See to it that flush() is called when it is due."""
        raise NotImplementedError


def _write(line: Line | None) -> bool:
    if line is not None:
        _log.warning(line.text, *line.args, extra=about("stranger", line.session, reason=line.kind, times=line.times))
    return line is not None


def open_files() -> float:
    """Return how many files this process may have open."""
    try:
        import resource
    except ImportError:  # Windows
        return inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if soft == resource.RLIM_INFINITY else soft
