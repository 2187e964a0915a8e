"""serve(): an acceptor of many sessions. Strangers cost little, and learn nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl as tls_module
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.engine.allow import AllowList
from fixfast.engine.application import Hooks
from fixfast.engine.config import Limits, with_dictionary
from fixfast.engine.door import Door
from fixfast.engine.live import LiveSession
from fixfast.engine.registry import Registry
from fixfast.engine.wirelog import WireLog
from fixfast.errors import ConfigError
from fixfast.session.checks import public_text
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.session.wire import Message, encode
from fixfast.store.base import Store
from fixfast.types import Role, SessionID

__all__ = ["Accept", "LogonRequest", "Refuse", "Server", "serve"]

_log = logging.getLogger("fixfast.engine")


@dataclass(frozen=True, slots=True)
class LogonRequest:
    """A whole Logon that reached the acceptor; nothing in it is proven yet.

    Attributes:
        session_id: the identity asked for, as seen from our side.
        message: the Logon. Do not log it whole: it may hold a password.
        config: the options of the session with this identity that was added before; None: there is none.
        address: the peer's address and port.
        username, password, new_password: 553, 554 and 925, empty where absent (L20). Encrypted ones (1400 to 1404) are
            in the message (L22).
        certificate: the peer's TLS certificate as `ssl.SSLSocket.getpeercert()` gives it, None without one.
    """

    session_id: SessionID
    message: Message = field(repr=False)
    config: SessionConfig | None
    address: str
    username: str
    password: str = field(repr=False)
    certificate: Mapping[str, Any] | None = field(default=None, repr=False)
    new_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """The answer of authenticate() that there will be a session, and what the peer is told with it.

    Args:
        config: the options to take the session up with. A session that is there already keeps its own.
        status: SessionStatus(1409) of our Logon (FIXT.1.1): 1 password changed, 2 due to expire, 3 the new one does not
            comply (L20, L21).
        text: Text(58) of our Logon.
    """

    config: SessionConfig
    status: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The answer of authenticate() that there will be no session.

    Args:
        text: Text(58) of the Logout. Keep it general: it goes to a stranger. One that has a password in it is replaced
            (C23).
        status: SessionStatus(1409) of the Logout (FIXT.1.1): 5 wrong user name or password, 6 account locked, 7 not at
            this time, 8 password expired (L21).
        silent: close without a Logout, as for an unknown identity (L05).
    """

    text: str = ""
    status: int | None = None
    silent: bool = False


def serve(
    application: object | None,
    configs: Iterable[SessionConfig] = (),
    *,
    host: str | None = "127.0.0.1",
    port: int = 0,
    stores: Callable[[SessionConfig], Store] | None = None,
    tls: tls_module.SSLContext | None = None,
    limits: Limits | None = None,
    allow: Iterable[str] | None = None,
    wire_log: WireLog | None = None,
) -> Server:
    """Accept FIX sessions: `server = await serve(...)`, or `async with serve(...) as server: ...`.

    Args:
        application: callbacks, see Application. Its `authenticate(LogonRequest)`, sync or async, returns the
            SessionConfig to take the session up with, an Accept with that and more, or Refuse; a session that is there
            already keeps its own options. Without it, the sessions of `configs` may log on, by
            name alone, and anybody else is dropped silently (L05).
        configs: sessions that exist from the start (sender is us, target the peer). They can be sent to before the
            peer's first logon where `offline="store"`.
        host: the address to listen on; None: all of this machine.
        port: the TCP port; 0: any free one, see `Server.port`.
        stores: gives each session its store, from a worker thread (opening may take a while). None: MemoryStores.
        tls: a server-side context; None: plain TCP.
        limits: what strangers may cost before they are logged on.
        allow: addresses and networks ("192.0.2.7", "10.0.0.0/8", "2001:db8::/32") that may connect; a connection from
            anywhere else is closed at once and not read (L05). None: all.
        wire_log: every message of every session goes there; it stays open.

    Returns: a Server: await it, or use it as an async context manager.

    Raises: ConfigError; OSError: the address cannot be listened on; StoreError: a store cannot be opened;
        DictionaryError: a dictionary that `configs` name cannot be loaded.
    """
    return Server(application, configs, host, port, stores, tls, limits or Limits(), wire_log, allow)


class Server:
    """An acceptor. One event loop owns it.

    Attributes:
        sessions: SessionID -> LiveSession, live and read-only.
    """

    def __init__(
        self,
        application: object | None,
        configs: Iterable[SessionConfig],
        host: str | None,
        port: int,
        stores: Callable[[SessionConfig], Store] | None,
        tls: tls_module.SSLContext | None,
        limits: Limits,
        wire_log: WireLog | None,
        allow: Iterable[str] | None = None,
    ) -> None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ConfigError("port", port, "a whole number from 0 to 65535")
        if not isinstance(limits, Limits):
            raise ConfigError("limits", type(limits).__name__, "a Limits")
        self._hooks = Hooks(application)
        self._configs = list(configs)
        self._host = host
        self._port = port
        self._stores = stores
        self._tls = tls
        self._limits = limits
        self._allow = AllowList(allow) if allow is not None else None
        self._wire_log = wire_log
        self._registry = Registry()
        self._doors: set[Door] = set()
        self._server: asyncio.Server | None = None
        self._closed = False
        self.sessions: Mapping[SessionID, LiveSession] = self._registry

    # --- life ----------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, Server]:
        return self._start().__await__()

    async def __aenter__(self) -> Server:
        return await self._start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # What failed must not wait for peers: Logout to all, no waiting.
            for session in self._registry.values():
                session.say_goodbye()
        await self.close(timeout=None if error is None else 0)

    async def _start(self) -> Server:
        if self._server is not None or self._closed:
            raise RuntimeError("a server is good for one run, and this one has begun")
        loop = asyncio.get_running_loop()
        try:
            for config in self._configs:
                await self.add(config)
            self._server = await loop.create_server(
                lambda: Door(self._limits, self),
                self._host,
                self._port,
                ssl=self._tls,
                ssl_handshake_timeout=self._limits.logon_timeout if self._tls is not None else None,
                ssl_shutdown_timeout=self._limits.logon_timeout if self._tls is not None else None,
            )
        except BaseException:
            await self.close(timeout=0)
            raise
        return self

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the server does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Stop listening, log out all sessions, wait for their answers, close connections and stores.

        Args:
            text: Text(58) of the Logouts.
            timeout: seconds to wait for the peers; then their connections are cut. None: 5.

        Raises: StoreError: a store could not be closed well; everything else was done.
        """
        self._closed = True
        if self._server is not None:
            self._server.close()
        sessions: list[LiveSession] = []
        try:
            for door in list(self._doors):
                await door.close()
            # Only now: until its door was shut, a stranger could become a session.
            sessions += self._registry.values()
            limit = 5.0 if timeout is None else timeout
            await asyncio.gather(*(session.close(text, timeout=limit) for session in sessions))
        finally:
            ends = (session.finish(acknowledge=timeout != 0) for session in sessions)
            ended = await asyncio.gather(*ends, return_exceptions=True)  # one store that fails keeps none open
            for session in sessions:
                if session.id in self._registry:
                    self._registry.remove(session.id)
            if self._server is not None:
                await self._server.wait_closed()
        for error in ended:
            if error is not None:
                raise error

    # --- sessions ------------------------------------------------------------------------------------------

    async def add(self, config: SessionConfig) -> LiveSession:
        """Make a session known, and open its store; its peer may log on from now on.

        Raises: ConfigError: there is one with this identity. StoreError: its store cannot be opened. DictionaryError:
            the dictionary that it names cannot be loaded.
        """
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        config = await with_dictionary(config)
        if config.session_id in self._registry:
            raise ConfigError("config", str(config.session_id), "a session that is not there yet")
        store: Store | None = None
        if self._stores is not None:
            job = asyncio.get_running_loop().run_in_executor(None, self._stores, config)
            try:
                store = await asyncio.shield(job)
            except asyncio.CancelledError:
                job.add_done_callback(_close_late)  # it will be opened all the same, and must not stay locked
                raise
        try:
            session = LiveSession(config, Role.ACCEPTOR, hooks=self._hooks, store=store, wire_log=self._wire_log)
            self._registry.add(session)
        except BaseException:
            if store is not None:
                store.close()
            raise
        return session

    async def remove(self, identity: SessionID, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Log a session out, close its store, forget it.

        Raises: KeyError: there is none with this identity.
        """
        session = self._registry.remove(identity)
        try:
            await session.close(text, timeout=timeout)
        finally:
            await session.finish(acknowledge=True)

    # --- called by the doors -------------------------------------------------------------------------------

    def admit(self, door: Door) -> bool:
        """Say whether there is room for one more stranger (C1)."""
        if self._closed:
            return False  # accepted in the moment it was closed
        if self._allow is not None and door.host not in self._allow:
            _log.warning("connection from %s closed at once: not on the allow-list", door.address)
            return False
        connected = sum(session.connected for session in self._registry.values())
        if len(self._doors) >= self._limits.pending or connected + len(self._doors) >= self._limits.connections:
            _log.warning("connection from %s closed at once: too many", door.address)
            return False
        self._doors.add(door)
        return True

    def leave(self, door: Door) -> None:
        """Know that a door is shut."""
        self._doors.discard(door)

    async def decide(self, door: Door, attempt: LogonAttempt) -> None:
        """Authenticate a Logon; give its connection to the session, or end it.

        Nothing is reset, stored or numbered before this says yes (L29).
        """
        identity = attempt.session_id
        if self._busy(identity):
            _log.warning("%s: a second connection, from %s, was dropped", identity, door.address)  # L04
            return
        self._registry.begin_logon(identity)
        try:
            verdict = await self._verdict(door, attempt)
            if isinstance(verdict, Refuse):
                _log.warning("%s: logon from %s refused", identity, door.address)
                if not verdict.silent:
                    door.say(_refusal(attempt, verdict))
                return
            session = self._registry.get(verdict.config.session_id)
            if session is None:
                session = await self.add(verdict.config)
            await session.syncing.prepare()
        finally:
            self._registry.end_logon(identity)
        if session.stopping.is_set() or session.connected:
            _log.warning("%s: a second connection, from %s, was dropped", identity, door.address)
            return
        door.hand_over(session.attach(first=attempt.data, text=verdict.text, status=verdict.status))

    def _find(self, identity: SessionID) -> LiveSession | None:
        session = self._registry.get(identity)
        if session is None:  # a qualifier is ours alone, it never is on the wire
            wire = (identity.begin_string, identity.sender_comp_id, identity.target_comp_id)
            for known, candidate in self._registry.items():
                if (known.begin_string, known.sender_comp_id, known.target_comp_id) == wire:
                    return candidate
        return session

    def _busy(self, identity: SessionID) -> bool:
        session = self._find(identity)
        return self._registry.busy(identity) or (session is not None and session.connected)

    async def _verdict(self, door: Door, attempt: LogonAttempt) -> Accept | Refuse:
        known = self._find(attempt.session_id)
        config = known.config if known is not None else None
        if self._hooks.authenticate is None:
            return Accept(config) if config is not None else Refuse(silent=True)
        message = attempt.message
        request = LogonRequest(
            session_id=attempt.session_id,
            message=message,
            config=config,
            address=door.address,
            username=message.get(553) or "",
            password=message.get(554) or "",
            certificate=door.certificate,
            new_password=message.get(925) or "",
        )
        try:
            async with asyncio.timeout(self._limits.authenticate_timeout):
                verdict = self._hooks.authenticate(request)
                if inspect.isawaitable(verdict):
                    verdict = await verdict
        except TimeoutError:
            _log.error("application.authenticate took longer than %g s", self._limits.authenticate_timeout)
            return Refuse(silent=True)
        except Exception as error:
            self._hooks.failed("authenticate", error)
            return Refuse(silent=True)
        if isinstance(verdict, SessionConfig):
            verdict = Accept(verdict)
        if isinstance(verdict, Accept) and isinstance(verdict.config, SessionConfig):
            ours = verdict.config.session_id
            if (ours.begin_string, ours.sender_comp_id, ours.target_comp_id) == (
                attempt.session_id.begin_string, attempt.session_id.sender_comp_id, attempt.session_id.target_comp_id
            ):  # fmt: skip
                return verdict
            _log.error("application.authenticate gave the options of %s for %s", ours, attempt.session_id)
        elif isinstance(verdict, Refuse):
            return verdict
        else:
            _log.error("application.authenticate returned a %s", type(verdict).__name__)
        return Refuse(silent=True)


def _close_late(job: asyncio.Future[Store]) -> None:
    if not job.cancelled() and job.exception() is None:
        job.result().close()


def _refusal(attempt: LogonAttempt, verdict: Refuse) -> bytes:
    """Return the Logout for a Logon that was refused (L19).

    It is numbered 1, whatever the session's numbers are: nothing of the session is touched for a stranger (T1), and an
    initiator that waits for a Logon answer takes a Logout of any number (I07).
    """
    identity = attempt.session_id
    fields: list[tuple[int, str | int]] = [
        (49, identity.sender_comp_id),
        (56, identity.target_comp_id),
        (34, 1),
        (52, clock.now().wall_ns),
    ]
    if verdict.text:
        fields.append((58, public_text(verdict.text, attempt.message)))
    if verdict.status is not None and identity.begin_string == "FIXT.1.1":
        fields.append((1409, verdict.status))
    return bytes(encode(identity.begin_string, "5", fields))
