"""Reception: where strangers wait. Who may connect, how many, how often; what is written down about them (C1, L05)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from fixfast import clock
from fixfast.engine.allow import Allow, AllowList
from fixfast.engine.crowd import Crowd, ip_of
from fixfast.engine.door import Decide, Door
from fixfast.engine.limits import Limits
from fixfast.engine.observing.records import about
from fixfast.engine.quiet import Line, Quiet

__all__ = ["Reception"]

_log = logging.getLogger("fixfast.engine")


#: File descriptors that strangers do not get: for the stores of sessions, for logs and look-ups.
_SPARE = 32


class Reception:
    """The doors of one acceptor that are open, and the count of all its connections.

    Args:
        limits: see Limits.
        decide: called with a door and the Logon that came through it.
        tls: the context of the server, None for plain TCP.
        allow: who may connect; None: everybody.
        proxies: those that say first for whom they connect; None: none does.
        certified: tells whether the owner of a certificate may have a CompID (TlsConfig.may_log_on); None: everybody.
    """

    def __init__(
        self,
        limits: Limits,
        decide: Decide,
        *,
        tls: ssl.SSLContext | None = None,
        allow: Allow | None = None,
        proxies: AllowList | None = None,
        certified: Callable[[Mapping[str, Any] | None, str], bool] | None = None,
    ) -> None:
        self.limits = limits
        self.tls = tls
        self.decide = decide
        #: what doors read into: each takes out what came before the next reads (PERF: 4 KiB less for each stranger)
        self.scratch = bytearray(limits.logon_bytes)
        self.crowd = Crowd(limits)
        self.doors: set[Door] = set()
        self._descriptors = open_files() - _SPARE
        self._allow = allow
        self._proxies = proxies
        self._certified = certified
        self._quiet = Quiet()
        self._timer: asyncio.TimerHandle | None = None
        self._shut = False

    def door(self) -> Door:
        """Return the protocol of a connection that was accepted."""
        return Door(self)

    def admit(self, door: Door) -> bool:
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
        guest = self.crowd.admit(None if proxied else ip_of(door.host), clock.now().mono_ns)
        if isinstance(guest, str):
            self.refused(guest, door)
            return False
        door.guest = guest
        self.doors.add(door)
        return True

    def through_proxy(self, door: Door) -> bool:
        """Say whether a connection is from a listed proxy: nothing else may tell another address than its own (C22)."""
        return self._proxies is not None and door.host in self._proxies

    def identify(self, door: Door) -> bool:
        """Say whether there is room for the one that a proxy connects for."""
        assert door.guest is not None
        if door.address == door.proxy:
            return True  # the proxy's own connection: it looks whether we are there
        if not self._allowed(door):
            return False
        why = self.crowd.identify(door.guest, ip_of(door.host), clock.now().mono_ns)
        if why:
            self.refused(why, door)
        return not why

    def may_be(self, door: Door, comp_id: str) -> bool:
        """Say whether a peer may call itself this, coming from where it comes, with the certificate it has (C4)."""
        if self._certified is not None and not self._certified(door.certificate, comp_id):
            return False
        return self._allow is None or not door.host or self._allow.log_on(door.host, comp_id)

    def _allowed(self, door: Door) -> bool:
        # Who may reach a Unix socket is for the permissions of its file to say.
        if self._allow is None or not door.host or self._allow.connect(door.host):
            return True
        self.refused("not on the allow-list", door)
        return False

    def leave(self, door: Door, *, logged_on: bool = False) -> None:
        """Know that a door is shut: the connection has ended, or is a session's now."""
        if door in self.doors:
            self.doors.discard(door)
            assert door.guest is not None
            if logged_on:
                self.crowd.logged_on(door.guest)
            else:
                self.crowd.leave(door.guest)

    def failed(self, door: Door, kind: str, text: str = "", *args: object) -> None:
        """Know that a stranger did not become a session, by its own doing; it is logged, and counted.

        Args:
            kind: one of a few fixed texts.
            text, args: the line for the log; "": made of `kind`.
        """
        self.note(kind, text or f"connection from %s closed: {kind}", *(args if text else (door.address,)))
        if door.guest is not None:
            pause = self.crowd.failed(door.guest, clock.now().mono_ns)
            if pause:
                text = "connections from %s are refused for %s s: failed logons"
                self.note("addresses barred", text, door.host, f"{pause:g}")

    def refused(self, kind: str, door: Door) -> None:
        """Write down that a connection was closed at once."""
        self.note(kind, f"connection from %s closed at once: {kind}", door.address)

    def note(self, kind: str, text: str, *args: object) -> bool:
        """Write a line about a stranger, or count it; return whether it was written.

        Args: kind: one of a few fixed texts. text, args: as a logger takes them.
        """
        line = self._quiet.note(kind, text, clock.now().mono_ns, args)
        if line is None and self._timer is None:
            self._arm()
        return _write(line)

    def shut(self) -> None:
        """Let nobody in any more; who is in may go on."""
        self._shut = True

    async def close(self) -> None:
        """Let nobody in any more, and show everybody out."""
        self.shut()
        for door in list(self.doors):
            await door.close()
        if self._timer is not None:
            self._timer.cancel()
            self._on_timer()

    def _arm(self) -> None:
        due = self._quiet.due
        if due is not None:
            wait = max(0, due - clock.now().mono_ns) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        _write(self._quiet.flush(clock.now().mono_ns))


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
