"""serve(): an acceptor of many sessions. Strangers cost little, and learn nothing."""

from __future__ import annotations

import asyncio
import ssl as tls_module
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any

from fixfast.engine.allow import AllowList
from fixfast.engine.application import Hooks
from fixfast.engine.authentication import Accept, LogonRequest, Refuse, ask, refusal
from fixfast.engine.config import with_dictionary
from fixfast.engine.door import Door
from fixfast.engine.limits import Limits
from fixfast.engine.live import LiveSession
from fixfast.engine.reception import Reception
from fixfast.engine.registry import Registry
from fixfast.engine.throttle import Throttle
from fixfast.engine.wirelog import WireLog
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.store.base import Store
from fixfast.types import Role, SessionID

__all__ = ["Server", "serve"]


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
    throttle: Throttle | Callable[[SessionConfig], Throttle | None] | None = None,
    latency: bool = False,
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
        throttle: how fast each session may send application messages; or a function that says so for one session.
        latency: measure how long messages take through fixfast, see `session.latency`.

    Returns: a Server: await it, or use it as an async context manager.

    Raises: ConfigError; OSError: the address cannot be listened on; StoreError: a store cannot be opened;
        DictionaryError: a dictionary that `configs` name cannot be loaded.
    """
    return Server(application, configs, host, port, stores, tls, limits or Limits(), wire_log, allow, throttle, latency)


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
        throttle: Throttle | Callable[[SessionConfig], Throttle | None] | None = None,
        latency: bool = False,
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
        self._limits = limits
        allowed = AllowList(allow) if allow is not None else None
        self._reception = Reception(limits, self._decide, tls=tls, allow=allowed)
        self._wire_log = wire_log
        self._throttle = throttle
        self._latency = latency
        self._registry = Registry()
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
            self._server = await loop.create_server(self._reception.door, self._host, self._port, backlog=1024)
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
            await self._reception.close()
            # Only now: until its door was shut, a stranger could become a session.
            sessions += self._registry.values()
            limit = 5.0 if timeout is None else timeout
            await asyncio.gather(*(session.close(text, timeout=limit) for session in sessions))
        finally:
            ends = (session.finish(acknowledge=timeout != 0) for session in sessions)
            ended = await asyncio.gather(*ends, return_exceptions=True)  # one store that fails keeps none open
            for session in sessions:
                if session.id in self._registry:
                    self._registry.take(session.id)
            if self._server is not None:
                await self._server.wait_closed()
        for error in ended:
            if error is not None:
                raise error

    # --- sessions ------------------------------------------------------------------------------------------

    async def add(self, config: SessionConfig) -> LiveSession:
        """Make a session known, and open its store; its peer may log on from now on.

        Raises: ConfigError: there is one with this identity, or it comes or goes at this moment. StoreError: its store
            cannot be opened. DictionaryError: the dictionary that it names cannot be loaded.
        """
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        return await self._open(config)

    async def remove(self, identity: SessionID, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Log a session out, close its store, forget it. A logon that is being decided on comes to nothing.

        Raises: KeyError: there is none with this identity.
        """
        with self._registry.changing(identity):
            await self._end(self._registry.take(identity), text, timeout)

    async def replace(self, config: SessionConfig, text: str = "", *, timeout: float | None = 5.0) -> LiveSession:
        """Give a session other options: it is logged out, its store is closed and opened again, its numbers go on.

        Nobody logs on in between. Should its store not open again, there is no such session any more.

        Raises: KeyError: there is none with this identity. ConfigError, StoreError, DictionaryError: as add().
        """
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        config = await with_dictionary(config)
        with self._registry.changing(config.session_id):
            await self._end(self._registry.take(config.session_id), text, timeout)
            return await self._make(config)

    async def _open(self, config: SessionConfig, *, made: bool = False) -> LiveSession:
        if self._closed:
            raise RuntimeError("the server was closed")
        config = await with_dictionary(config)
        with self._registry.changing(config.session_id):
            if self._registry.find(config.session_id) is not None:
                raise ConfigError("config", str(config.session_id), "a session that is not there yet")
            return await self._make(config, made=made)

    async def _make(self, config: SessionConfig, *, made: bool = False) -> LiveSession:
        store: Store | None = None
        if self._stores is not None:
            job = asyncio.get_running_loop().run_in_executor(None, self._stores, config)
            try:
                store = await asyncio.shield(job)
            except asyncio.CancelledError:
                job.add_done_callback(_close_late)  # it will be opened all the same, and must not stay locked
                raise
        try:
            throttle = self._throttle
            session = LiveSession(
                config,
                Role.ACCEPTOR,
                hooks=self._hooks,
                store=store,
                wire_log=self._wire_log,
                throttle=throttle if throttle is None or isinstance(throttle, Throttle) else throttle(config),
                latency=self._latency,
            )
            self._registry.put(session, made=made)
        except BaseException:
            if store is not None:
                store.close()
            raise
        return session

    async def _end(self, session: LiveSession, text: str, timeout: float | None) -> None:
        try:
            await session.close(text, timeout=timeout)
        finally:
            await session.finish(acknowledge=True)

    # --- called by the doors -------------------------------------------------------------------------------

    async def _decide(self, door: Door, attempt: LogonAttempt) -> None:
        """Authenticate a Logon; give its connection to the session, or have it closed.

        Nothing is reset, stored or numbered before this says yes (L29).
        """
        identity, registry = attempt.session_id, self._registry
        if registry.busy(identity):
            self._second(door, identity)  # L04
            return
        with registry.logging_on(identity):
            known = registry.find(identity)
            verdict = await self._verdict(door, attempt, known.config if known is not None else None)
            if isinstance(verdict, Refuse):
                what = f"{identity}: logon from {door.address} refused"
                self._reception.failed(door, "logons refused", what)
                if not verdict.silent:
                    door.say(refusal(attempt, verdict))
                return
            session = registry.find(identity)
            if session is None and known is None:
                if registry.made >= self._limits.sessions:
                    what = f"{identity}: no session for a logon from {door.address}: limits.sessions is reached"
                    self._reception.note("logons beyond limits.sessions", what)
                    return
                session = await self._open(verdict.config, made=True)
            if session is not None:
                await session.syncing.prepare()
        # Meanwhile the program may have removed it, or put another in its place.
        if session is None or session is not registry.find(identity) or session.stopping.is_set() or session.connected:
            self._second(door, identity)
            return
        pump = session.attach(first=attempt.data, text=verdict.text, status=verdict.status)
        guest, crowd = door.guest, self._reception.crowd
        assert guest is not None
        pump.closed.add_done_callback(lambda _: crowd.leave(guest))
        door.hand_over(pump)

    def _second(self, door: Door, identity: SessionID) -> None:
        what = f"{identity}: a second connection, from {door.address}, was dropped"
        self._reception.note("second connections dropped", what)

    async def _verdict(self, door: Door, attempt: LogonAttempt, config: SessionConfig | None) -> Accept | Refuse:
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
        return await ask(self._hooks.authenticate, request, self._limits.authenticate_timeout, self._failed)

    def _failed(self, what: str, error: BaseException | None) -> None:
        """Write down that authenticate() did, not more often than once a second: strangers make it run."""
        kind = "answers of application.authenticate that are none"
        if self._reception.note(kind, f"application.authenticate {what}") and error is not None:
            self._hooks.failed("authenticate", error)


def _close_late(job: asyncio.Future[Store]) -> None:
    if not job.cancelled() and job.exception() is None:
        job.result().close()
