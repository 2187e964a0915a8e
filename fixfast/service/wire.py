"""listen() and connect(): links between processes that have made sure of each other (C19, C20). See docs/ipc.md.

Over a Unix socket the other side must be of an allowed user, by the kernel's word; over TCP there is TLS. In both cases
it must show that it has a secret, without showing it, in a few seconds, with a few hundred bytes, and not too often.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from fixfast import clock
from fixfast.engine.controlkey import credentials_of
from fixfast.engine.crowd import Crowd, Guest, ip_of
from fixfast.engine.limits import Limits
from fixfast.engine.listening import Listening as Sockets
from fixfast.engine.listening import address_text
from fixfast.engine.observing.records import about
from fixfast.engine.place import PrivatePlace
from fixfast.engine.quiet import Line, Quiet
from fixfast.errors import ConfigError, LogonFailed
from fixfast.service.address import Address
from fixfast.service.frames import FrameError
from fixfast.service.halfopen import HalfOpen
from fixfast.service.ipc import Connecting, Listening, VersionError
from fixfast.service.link import Link, LinkLost, LinkOptions
from fixfast.service.messages import Message, Refused
from fixfast.transport.dial import Dialer
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import ClientTls, reason_of, server_context
from fixfast.transport.tls_start import begin_tls

__all__ = ["LIMITS", "OPTIONS", "Listener", "connect", "listen"]

_log = logging.getLogger("fixfast.service")

#: What strangers may cost: half-open connections, guesses. Each process, or address, is counted for itself.
LIMITS = Limits(
    pending=128, pending_per_ip=64, connections=1024, connections_per_ip=None, failed_logons_per_minute=10, pause=5.0
)
OPTIONS = LinkOptions()
_SECOND = 1_000_000_000
#: What is said to everybody who has not the right secret, whatever is wrong
_WRONG = Refused("credentials", "this is not known here")
#: What is said to who has to go for another one
_CROWDED = Refused("busy", "too many connections that have not shown who they are", 1)


async def connect(
    address: str,
    role: str,
    secret: bytes | None = None,
    *,
    tls: TlsConfig | None = None,
    options: LinkOptions = OPTIONS,
    on_message: Callable[[Message], object] | None = None,
) -> Link:
    """Connect, and make sure of who listens.

    Args:
        address: "unix:PATH" or "tls:HOST:PORT".
        role: "front_end", "backend"; "login", without a secret: send a Login next.
        secret: what both sides have.
        tls: what to trust; None: the system's authorities.
        options: bounds.
        on_message: called with what comes; None: receive() or iterate.

    Returns: the link. What the other side says next is for the caller: that it refuses us after all, too.

    Raises: LinkRefused: it said no. LinkLost: there is nobody, or somebody else, or not in time. ConfigError.
    """
    where = Address.of(address)
    link = Link(options, lambda link: None)
    link.role, link.where = role, address
    if where.path:
        dialer = Dialer(timeout=options.greeting)
    else:
        dialer = Dialer(tls=ClientTls(tls if tls is not None else TlsConfig()), timeout=options.greeting)
        await dialer.prepare()
    try:
        await dialer.dial(link, where.path or where.host, where.port)
        asking = Connecting(role, secret)
        link.name = asking.hello.name
        link.send(asking.hello)
        try:
            proof = asking.answer(await link.receive())
        except FrameError as error:
            raise LinkLost(f"{address}: {error}") from None
        if proof is not None:
            link.send(proof)
        link.on_message = on_message
        link.admit()
    except LogonFailed as error:
        nobody = "nobody listens there: " if error.reason == "connect" else ""
        raise LinkLost(f"{address}: {nobody}{error.text or error.reason}") from error
    except BaseException:
        link.end()
        raise
    return link


async def listen(
    address: str,
    find: Callable[[str, str], bytes | None],
    on_link: Callable[[Link], object],
    *,
    roles: Iterable[str] = ("front_end",),
    tls: TlsConfig | None = None,
    uids: Iterable[int] | None = None,
    options: LinkOptions = OPTIONS,
    limits: Limits = LIMITS,
) -> Listener:
    """Listen for others.

    Args:
        address: "unix:PATH": its folder is made, with mode 0700; or "tls:HOST:PORT".
        find: (role, name) -> the secret of that name; None: there is none.
        on_link: called with each link whose other side has shown who it is, before its next message is dealt with: set
            `on_message`, or iterate in a task. Of the role "login" nothing is known yet: call `keep()` when its Login
            has come, `admit()` when that was right, `end(Refused("credentials", ...))` when it was not; the time for
            that is limited.
        roles: who may come.
        tls: the certificate to listen with.
        uids: users that may connect over a Unix socket; None: the one this process runs as.
        options: bounds of each connection.
        limits: bounds of all, and of what strangers cost.

    Raises: ConfigError: the address, the folder, the certificate; another process listens there. OSError.
    """
    where = Address.of(address)
    if where.path:
        if tls is not None:
            raise ConfigError("tls", "given", "left out with a Unix socket")
        context = None
    else:
        if tls is None:
            raise ConfigError("tls", None, f"given: {address} needs a certificate")
        context = server_context(tls)
    listener = Listener(where, find, on_link, frozenset(roles), context, uids, options, limits)
    await listener.open()
    return listener


class Listener:
    """Where others connect to. Made by listen().

    Attributes:
        address: with the port that it has.
        links: all connections whose other side is known.
    """

    def __init__(
        self,
        where: Address,
        find: Callable[[str, str], bytes | None],
        on_link: Callable[[Link], object],
        roles: frozenset[str],
        tls: ssl.SSLContext | None,
        uids: Iterable[int] | None,
        options: LinkOptions,
        limits: Limits,
    ) -> None:
        self.address = str(where)
        self.links: set[Link] = set()
        self._where = where
        self._find = find
        self._on_link = on_link
        self._roles = roles
        self._tls = tls
        self._uids = frozenset((os.geteuid(),) if uids is None and hasattr(os, "geteuid") else uids or ())
        self._options = options
        self._limits = limits
        self._crowd = Crowd(limits)
        self._half_open = HalfOpen(limits.pending, limits.pending_per_ip)
        self._quiet = Quiet()
        self._later: asyncio.TimerHandle | None = None
        self._pending: set[Link] = set()
        self._place: PrivatePlace | None = None
        self._server: asyncio.Server | None = None

    # --- life ----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin. Raises: as listen()."""
        loop = asyncio.get_running_loop()
        where = self._where
        if where.path:
            self._place = PrivatePlace(Path(where.path))
            self._place.take()
            try:
                self._server = await loop.create_unix_server(
                    lambda: Link(self._options, self._came), sock=self._place.bind()
                )
            except BaseException:
                self._place.release()
                raise
        else:
            sockets = await asyncio.to_thread(Sockets(host=where.host, port=where.port).open)
            self._server = await loop.create_server(lambda: _Plain(self), sock=sockets[0])
            self.address = str(Address(host=where.host, port=sockets[0].getsockname()[1]))

    async def close(self, refused: Refused | None = None) -> None:
        """Take nobody any more, and close what there is; `refused` tells why."""
        assert self._server is not None
        self._server.close()
        if self._later is not None:
            self._later.cancel()
        links = [*self.links, *self._pending]
        for link in links:
            link.end(refused)
        if links:
            await asyncio.wait([link.closed for link in links])
        if self._place is not None:
            self._place.remove()

    # --- strangers -----------------------------------------------------------------------------------------

    def admit(self, who: str, ip: str) -> Guest | Refused:
        """Let one more in, or say why not. Who has not shown who it is for longest may have to go for it."""
        now = clock.now().mono_ns
        guest = self._crowd.admit(ip, now)
        if isinstance(guest, str) and not self._crowd.barred_ns(ip, now) and self._half_open.give_way(ip):
            guest = self._crowd.admit(ip, now)
        if isinstance(guest, Guest):
            return guest
        self.note("refused", "%s was refused: %s", who, guest)
        return Refused("busy", guest, max(1, math.ceil(self._crowd.barred_ns(ip, now) / _SECOND)))

    def _came(self, link: Link) -> None:
        """Know a new connection over a Unix socket."""
        transport = link.transport
        link.peer = credentials_of(transport.get_extra_info("socket"))
        uid = link.peer.uid
        link.where = f"uid {uid}" if uid is not None else "somebody of this machine"
        if uid is not None and uid not in self._uids:
            self.note("other user", "%s was refused: it is another user", link.where)
            link.end(_WRONG)
            return
        guest = self.admit(link.where, f"uid {uid} pid {link.peer.pid}")  # one process costs no other its place
        if isinstance(guest, Refused):
            link.end(guest)
        else:
            self.greet(link, guest)

    def greet(self, link: Link, guest: Guest) -> None:
        """Have one who was let in show who it is."""
        self._pending.add(link)
        self._half_open.add(guest, guest.ip, lambda: link.end(_CROWDED))
        greeting = Listening(lambda role, name: self._find(role, name) if role in self._roles else None)
        link.on_closed.append(lambda link: self._gone(link, guest))
        link.on_admitted = lambda: self._known(link, guest)

        def hello(message: Message) -> None:
            try:
                challenge = greeting.challenge(message)
            except VersionError as error:
                link.end(Refused("version", str(error)))
                return
            link.role, link.name = greeting.role, greeting.name
            if link.role != "login":
                link.send(challenge)
                link.on_message = prove
            elif "login" in self._roles:
                link.send(challenge)
                link.keep = lambda: self._half_open.remove(guest)
                self._give(link)
            else:
                link.end(_WRONG)

        def prove(message: Message) -> None:
            if greeting.accepts(message):
                link.admit()
                self._give(link)
            else:
                link.end(_WRONG)

        link.on_message = hello

    def _give(self, link: Link) -> None:
        """Give a link to the program."""
        link.on_message = None
        self._on_link(link)

    def _known(self, link: Link, guest: Guest) -> None:
        self._pending.discard(link)
        self._half_open.remove(guest)
        self.links.add(link)
        self._crowd.logged_on(guest)

    def _gone(self, link: Link, guest: Guest) -> None:
        self._pending.discard(link)
        self._half_open.remove(guest)
        self.links.discard(link)
        if not link.admitted:
            if link.fault:
                self._crowd.failed(guest, clock.now().mono_ns)
            self.note("failed", "%s did not show who it is: %s", link.where, link.error)
        self._crowd.leave(guest)

    def note(self, kind: str, text: str, *args: object) -> None:
        """Write a line about strangers, one a second at most."""
        now = clock.now().mono_ns
        line = self._quiet.note(kind, text, now, args)
        if line is not None:
            _write(line)
        elif self._later is None and self._quiet.due is not None:
            delay = max(0, self._quiet.due - now) / _SECOND
            self._later = asyncio.get_running_loop().call_later(delay, self._kept_back)

    def _kept_back(self) -> None:
        self._later = None
        line = self._quiet.flush(clock.now().mono_ns)
        if line is not None:
            _write(line)

    # --- TLS -----------------------------------------------------------------------------------------------

    async def secure(self, plain: asyncio.Transport, guest: Guest, where: str, early: Callable[[], bytes]) -> None:
        """Shake hands, and go on as over a Unix socket."""
        assert self._tls is not None
        link = Link(self._options, lambda link: self.greet(link, guest))
        link.where = where

        def end() -> None:
            plain.abort()
            self._crowd.leave(guest)

        self._half_open.add(guest, guest.ip, end)
        try:
            secure = await begin_tls(plain, link, self._tls, early=early(), timeout=self._options.greeting)
        except OSError as error:
            self.note("tls", "%s: no TLS: %s", where, reason_of(error))
            if self._half_open.remove(guest):  # else it had to go
                self._crowd.failed(guest, clock.now().mono_ns)
                end()
        else:
            if self._half_open.remove(guest):
                link.connection_made(secure)
            else:
                secure.abort()


class _Plain(asyncio.Protocol):
    """A TCP connection until TLS begins: who is refused costs no handshake."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._early = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        plain = cast(asyncio.Transport, transport)
        plain.pause_reading()
        name = plain.get_extra_info("peername")
        where = address_text(name) or "somebody"
        guest = self._listener.admit(where, ip_of(str(name[0])) if name else "")
        if isinstance(guest, Refused):  # there is no TLS yet to say it over
            plain.abort()
            return
        secure = self._listener.secure(plain, guest, where, lambda: self._early)
        self._task = asyncio.get_running_loop().create_task(secure)

    def data_received(self, data: bytes) -> None:
        self._early += data


def _write(line: Line) -> None:
    _log.warning(line.text, *line.args, extra=about("stranger", None, kind=line.kind, times=line.times))
