"""serve(): an acceptor of many sessions. Strangers cost little, and learn nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as tls_module
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

from fixfast.engine.accepting import Accepting, checked
from fixfast.engine.authentication import LogonRequest, Refuse, ask, refusal
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.config import with_dictionary
from fixfast.engine.door import Door
from fixfast.engine.governed_pump import GovernedPump
from fixfast.engine.limits import Limits
from fixfast.engine.listening import Listening, set_backlog
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.reception import Reception
from fixfast.engine.registry import Registry
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.store.base import Store
from fixfast.transport.aio import Pump
from fixfast.transport.tls import TlsConfig
from fixfast.types import SessionID

__all__ = ["Server", "serve"]


#: Connections accepted in one pass of the event loop: in a storm, live sessions get their turn in between.
_AT_ONCE = 32


def serve(
    application: object | None,
    configs: Iterable[SessionConfig] = (),
    *,
    host: str | Iterable[str] | None = "127.0.0.1",
    port: int | None = None,
    path: str | os.PathLike[str] | None = None,
    path_mode: int = 0o600,
    sock: socket.socket | Iterable[socket.socket] | str | None = None,
    reuse_port: bool = False,
    backlog: int = 1024,
    stores: Callable[[SessionConfig], Store] | None = None,
    tls: TlsConfig | tls_module.SSLContext | None = None,
    limits: Limits | None = None,
    allow: Iterable[str] | Mapping[str, Iterable[str]] | None = None,
    proxies: Iterable[str] | None = None,
    templates: Iterable[SessionConfig] = (),
    wire_log: WireLog | None = None,
    throttle: Throttle | Callable[[SessionConfig], Throttle | None] | None = None,
    latency: bool = False,
    cancel_on_disconnect: CancelOnDisconnect | Callable[[SessionConfig], CancelOnDisconnect | None] | None = None,
) -> Server:
    """Accept FIX sessions: `server = await serve(...)`, or `async with serve(...) as server: ...`.

    Args:
        application: callbacks, see Application. Its `authenticate(LogonRequest)`, sync or async, returns the
            SessionConfig to take the session up with, an Accept with that and more, or Refuse; a session that is there
            already keeps its own options. Without it, the sessions of `configs` may log on, by
            name alone, and anybody else is dropped silently (L05).
        configs: sessions that exist from the start (sender is us, target the peer). They can be sent to before the
            peer's first logon where `offline="store"`.
        host: the address to listen on, or several; None: all of this machine, IPv4 and IPv6.
        port: the TCP port; 0: any free one, see `Server.port`; None: the same, or no TCP where `path` or `sock` say
            where to listen.
        path: a Unix socket to listen on. One that is there and that nobody listens on is replaced; it goes in the end.
        path_mode: its permissions.
        sock: sockets that are bound already, one or several, which are closed in the end; "systemd": those that the
            service manager passed.
        reuse_port: let several processes listen on the port: the kernel spreads new connections over them.
        backlog: connections that the kernel keeps until they are accepted.
        stores: gives each session its store, from a worker thread (opening may take a while). None: MemoryStores.
        tls: a TlsConfig with a certificate, or a server-side context; None: plain TCP. Whose certificate may not log on
            as who it says it is (`TlsConfig.identities`) is dropped silently (C4, C5).
        limits: what strangers may cost before they are logged on.
        allow: addresses and networks ("192.0.2.7", "10.0.0.0/8", "2001:db8::/32") that may connect; a connection from
            anywhere else is closed at once and not read (L05). Or a dict of peers' SenderCompIDs, in which `*` stands
            for any text, with such a list each: only from there, the first that fits decides (C4). None: all. Unix
            sockets are for `path_mode` to guard.
        proxies: addresses and networks, "unix" for `path`, of proxies and load balancers that begin each connection
            with a PROXY header, version 1 or 2. From them it is required, and tells the address that `allow`, `limits`,
            logs and LogonRequest go by; from anybody else it is garbage (C22). With `tls` it comes before the
            handshake.
        templates: options of sessions that are made when somebody logs on (no more than `limits.sessions`): a `*` in
            sender_comp_id or target_comp_id stands for any text, the first that fits is taken. authenticate() gets them
            as `LogonRequest.config`; without it, who knows such a name may log on.
        wire_log: every message of every session goes there; it stays open.
        throttle: how fast each session may send application messages; or a function that says so for one session.
        latency: measure how long messages take through fixfast, see `session.latency`.
        cancel_on_disconnect: when the application's on_cancel_on_disconnect() is called for a session whose peer is
            gone; or a function that says so for one session. None: at once, where the application has that callback.

    Returns: a Server: await it, or use it as an async context manager.

    Raises: ConfigError; OSError: the address cannot be listened on; StoreError: a store cannot be opened;
        DictionaryError: a dictionary that `configs` name cannot be loaded.
    """
    listening = Listening(
        host=host, port=port, path=path, path_mode=path_mode, sock=sock, reuse_port=reuse_port, backlog=backlog
    )
    return Server(
        application,
        configs,
        listening,
        stores=stores,
        tls=tls,
        limits=limits,
        allow=allow,
        proxies=proxies,
        templates=templates,
        wire_log=wire_log,
        throttle=throttle,
        latency=latency,
        cancel_on_disconnect=cancel_on_disconnect,
    )


class Server(Accepting[LiveSession]):
    """An acceptor. One event loop owns it. Made by `fixfast.serve`, not by hand.

    Attributes:
        sessions: SessionID -> LiveSession, live and read-only.
    """

    def __init__(
        self, application: object | None, configs: Iterable[SessionConfig], listening: Listening, **options: Any
    ) -> None:
        super().__init__(LiveSession, Registry(), application, configs, listening, **options)
        self._reception = self._strangers = Reception(self._limits, self._decide, **self._house)
        self._governor = self._governing()
        self._listeners: list[asyncio.Server] = []

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
        if self._begun or self._closed:
            raise RuntimeError("a server is good for one run, and this one has begun")
        self._begun = True
        try:
            for config in self._configs:
                await self.add(config)
            await self._listen()
        except BaseException:
            await self.close(timeout=0)
            raise
        return self

    async def _listen(self) -> None:
        loop, there, door = asyncio.get_running_loop(), self._listening, self._reception.door
        one = there.one_address
        if one is not None:
            listener = await loop.create_server(door, *one, backlog=_AT_ONCE, reuse_port=there.reuse_port or None)
            self._listeners.append(listener)
        else:
            job = loop.run_in_executor(None, there.open)  # host names are looked up
            try:
                waiting = await asyncio.shield(job)
            except asyncio.CancelledError:
                job.add_done_callback(_close_sockets)
                raise
            try:
                while waiting:
                    unix = waiting[0].family == getattr(socket, "AF_UNIX", None)
                    create = loop.create_unix_server if unix else loop.create_server
                    self._listeners.append(await create(door, sock=waiting[0], backlog=_AT_ONCE))
                    del waiting[0]
            finally:
                for sock in waiting:
                    sock.close()
        set_backlog(self._sockets(), there.backlog)

    def drain(self) -> None:
        """Stop listening, let nobody in any more; sessions stay as they are, and may be sent to, until close().

        For a change of processes without a gap: the next one takes the new connections, and peers that come back.
        """
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        if listeners:
            self._remove_path()
        self._reception.shut()

    def _sockets(self) -> Iterator[Any]:
        return (sock for listener in self._listeners for sock in listener.sockets)

    async def close(self, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Stop listening, log out all sessions, wait for their answers, close connections and stores.

        Args:
            text: Text(58) of the Logouts.
            timeout: seconds to wait for the peers; then their connections are cut. None: 5.

        Raises: StoreError: a store could not be closed well; everything else was done.
        """
        self._closed = True
        self.drain()
        sessions: list[LiveSession] = []
        try:
            await self._reception.close()
            # Only now: until its door was shut, a stranger could become a session.
            sessions += self._registry.values()
            limit = 5.0 if timeout is None else timeout
            await asyncio.gather(
                *(_in_turn(i, session.close(text, timeout=limit)) for i, session in enumerate(sessions))
            )
        finally:
            ends = (session.finish(acknowledge=timeout != 0) for session in sessions)
            ended = await asyncio.gather(*ends, return_exceptions=True)  # one store that fails keeps none open
            for session in sessions:
                if session.id in self._registry:
                    self._registry.take(session.id)
        for error in ended:
            if error is not None:
                raise error

    # --- sessions ------------------------------------------------------------------------------------------

    async def add(self, config: SessionConfig) -> LiveSession:
        """Make a session known, and open its store; its peer may log on from now on.

        Raises: ConfigError: there is one with this identity, or it comes or goes at this moment. StoreError: its store
            cannot be opened. DictionaryError: the dictionary that it names cannot be loaded.
        """
        return await self._open(checked(config))

    async def remove(self, identity: SessionID, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Log a session out, close its store, forget it. A logon that is being decided on comes to nothing.

        Raises: KeyError: there is none with this identity.
        """
        session = self._registry[identity]
        with self._registry.changing(identity):
            self._registry.take(identity)
            await self._end(session, text, timeout)

    async def replace(self, config: SessionConfig, text: str = "", *, timeout: float | None = 5.0) -> LiveSession:
        """Give a session other options: it is logged out, its store is closed and opened again, its numbers go on.

        Nobody logs on in between. Should its store not open again, there is no such session any more.

        Raises: KeyError: there is none with this identity. ConfigError, StoreError, DictionaryError: as add().
        """
        config = await with_dictionary(checked(config))
        session = self._registry[config.session_id]
        with self._registry.changing(config.session_id):
            self._registry.take(config.session_id)
            await self._end(session, text, timeout)
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
        session = self._made(config, store)
        self._registry.put(session, made=made)
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
            verdict = self._asked(door, attempt, known)
            if isinstance(verdict, LogonRequest):
                assert self._hooks.authenticate is not None
                verdict = await ask(self._hooks.authenticate, verdict, self._limits.authenticate_timeout, self._failed)
            if isinstance(verdict, Refuse):
                self._refused(door, identity)
                if not verdict.silent:
                    door.say(refusal(attempt, verdict))
                return
            session = registry.find(identity)
            if known is not None and session is not known:
                session = None  # removed, or replaced: what was decided was decided on the old one
            elif session is None:
                if not self._room(door, identity):
                    return
                session = await self._open(verdict.config, made=True)
            if session is not None:
                await session.syncing.prepare()
        # Meanwhile the program may have removed it, or put another in its place.
        if session is None or session is not registry.find(identity) or session.stopping.is_set() or session.connected:
            self._second(door, identity)
            return
        make: Callable[..., Pump] = Pump
        if self._governor is not None:
            make = self._governor.making(GovernedPump, session)
        pump = session.attach(first=attempt.data, text=verdict.text, status=verdict.status, make=make)
        guest = door.guest
        assert guest is not None
        pump.closed.add_done_callback(lambda _: self._reception.gone(guest))
        door.hand_over(pump)


async def _in_turn(number: int, job: Coroutine[Any, Any, None]) -> None:
    """Begin a job, one of thousands, so many passes of the event loop later that no pass takes long."""
    try:
        for _ in range(number // _AT_ONCE):
            await asyncio.sleep(0)
    except BaseException:
        job.close()
        raise
    await job


def _close_sockets(job: asyncio.Future[list[socket.socket]]) -> None:
    if not job.cancelled() and job.exception() is None:
        for sock in job.result():
            sock.close()


def _close_late(job: asyncio.Future[Store]) -> None:
    if not job.cancelled() and job.exception() is None:
        job.result().close()
