"""sync.serve(): an acceptor without an event loop. One thread for all strangers, two for each session that is up."""

from __future__ import annotations

import logging
import os
import socket
import ssl as tls_module
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from threading import Lock, Thread, current_thread
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.engine.accepting import Accepting, checked
from fixfast.engine.authentication import Accept, LogonRequest, Refuse, judged, refusal
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.config import loaded
from fixfast.engine.limits import Limits
from fixfast.engine.listening import Listening
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.registry import Registry
from fixfast.engine.sync.doors import Door, Doors
from fixfast.engine.sync.governed_line import GovernedLine
from fixfast.engine.sync.line import Line
from fixfast.engine.sync.live import LiveSession
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConcurrencyError, ConfigError, FixfastError
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.store.base import Store
from fixfast.transport.blocking import wait_for
from fixfast.transport.tls import TlsConfig
from fixfast.types import SessionID

__all__ = ["Server", "serve"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: Seconds in which a peer that was refused may fetch the reason.
_LAST_WORD = 2.0
#: Seconds for a decision that is under way when the server closes.
_LAST_DECISION = 3.0


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
    """Accept FIX sessions: `with serve(...) as server: ...`, without an event loop.

    The blocking twin of `fixfast.serve`: see there. Callbacks of one session are called one after the other on a thread
    of its own, those of different sessions at once. Some hundreds of sessions are well; for thousands, take asyncio.

    Args:
        application: callbacks, see Application, none of them async. Its `authenticate(LogonRequest)` runs on a thread
            of the connection, for several connections at once.
        configs, limits, allow, proxies, templates, wire_log, throttle, latency, cancel_on_disconnect: as for
            `fixfast.serve`.
        host, port, path, path_mode, sock, reuse_port, backlog: where to listen, as for `fixfast.serve`.
        stores: gives each session its store, from any thread. None: MemoryStores.
        tls: a TlsConfig with a certificate, or a server-side context; None: plain TCP.

    Returns: a Server, a context manager for one use.

    Raises (on entering): ConfigError; OSError: the address cannot be listened on; StoreError: a store cannot be opened;
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


class _Sessions(Registry[LiveSession]):
    """A registry that other threads may look through while sessions come and go."""

    def __iter__(self) -> Iterator[SessionID]:
        return iter(tuple(super().__iter__()))


class Server(Accepting[LiveSession]):
    """An acceptor. Any thread may call it. Made by `fixfast.sync.serve`, not by hand.

    Attributes:
        sessions: SessionID -> LiveSession, live and read-only.
    """

    def __init__(
        self, application: object | None, configs: Iterable[SessionConfig], listening: Listening, **options: Any
    ) -> None:
        super().__init__(LiveSession, _Sessions(), application, configs, listening, plain=True, **options)
        self._doors = self._strangers = Doors(self._limits, self._begin_deciding, **self._house)
        self._governor = self._governing()
        self._lock = Lock()  # of the registry
        self._deciding: set[Thread] = set()
        self._thread: Thread | None = None

    # --- life ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Server:
        if self._begun:
            raise RuntimeError("a server is good for one run, and this one has begun")
        self._begun = True
        try:
            for config in self._configs:
                self.add(config)
            self._doors.listen(self._listening.open())
            thread = Thread(target=self._doors.run, name="fixfast acceptor", daemon=True)
            thread.start()
            self._thread = thread
        except BaseException:
            self.close(timeout=0)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # What failed must not wait for peers: Logout to all, no waiting.
            for session in self._registry.values():
                session.say_goodbye()
        self.close(timeout=None if error is None else 0)

    def drain(self) -> None:
        """Stop listening, let nobody in any more; sessions stay as they are, and may be sent to, until close().

        For a change of processes without a gap: the next one takes the new connections, and peers that come back.
        """
        if self._doors.drain(runs=self._thread is not None):
            self._remove_path()

    def _sockets(self) -> Iterator[Any]:
        return iter(self._doors.listening)

    def close(self, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Stop listening, log out all sessions, wait for their answers, close connections and stores.

        Args:
            text: Text(58) of the Logouts.
            timeout: seconds to wait for the peers; then their connections are cut. None: 5.

        Raises: StoreError: a store could not be closed well; everything else was done.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.drain()
        self._doors.close()
        if self._thread is not None:
            self._thread.join()
        # Until its door was shut, a stranger could become a session.
        until = clock.now().mono_ns + int((5.0 if timeout is None else timeout) * _SECOND)
        sessions = list(self._registry.values())
        lines = [(session, session.leave(text)) for session in sessions]
        for session, line in lines:
            session.await_end(line, until)
        failure: BaseException | None = None
        for session in sessions:
            try:
                session.finish(acknowledge=timeout != 0)
            except FixfastError as error:  # one store that fails keeps none open
                failure = failure or error
            with self._lock, suppress(KeyError):
                self._registry.take(session.id)
        for thread in list(self._deciding):
            if thread is not current_thread():
                thread.join(_LAST_DECISION)
        self._doors.release()
        if failure is not None:
            raise failure

    # --- sessions ------------------------------------------------------------------------------------------

    def add(self, config: SessionConfig) -> LiveSession:
        """Make a session known, and open its store; its peer may log on from now on.

        Raises: ConfigError: there is one with this identity, or it comes or goes at this moment. StoreError: its store
            cannot be opened. DictionaryError: the dictionary that it names cannot be loaded.
        """
        return self._open(config)

    def remove(self, identity: SessionID, text: str = "", *, timeout: float | None = 5.0) -> None:
        """Log a session out, close its store, forget it. A logon that is being decided on comes to nothing.

        Raises: KeyError: there is none with this identity.
        """
        with ExitStack() as held:
            self._hold(held, identity)
            with self._lock:
                session = self._registry.take(identity)
            self._end(session, text, timeout)

    def replace(self, config: SessionConfig, text: str = "", *, timeout: float | None = 5.0) -> LiveSession:
        """Give a session other options: it is logged out, its store is closed and opened again, its numbers go on.

        Nobody logs on in between. Should its store not open again, there is no such session any more.

        Raises: KeyError: there is none with this identity. ConfigError, StoreError, DictionaryError: as add().
        """
        config = loaded(checked(config))
        with ExitStack() as held:
            self._hold(held, config.session_id)
            with self._lock:
                session = self._registry.take(config.session_id)
            self._end(session, text, timeout)
            return self._make(config)

    def _open(self, config: SessionConfig, *, made: bool = False) -> LiveSession:
        config = loaded(checked(config))
        with ExitStack() as held:
            self._hold(held, config.session_id)
            if self._closed:
                raise RuntimeError("the server was closed")
            if self._registry.find(config.session_id) is not None:
                raise ConfigError("config", str(config.session_id), "a session that is not there yet")
            return self._make(config, made=made)

    def _hold(self, held: ExitStack, identity: SessionID) -> None:
        """Have nobody else add or remove a session until `held` is left."""
        with self._lock:
            changing = self._registry.changing(identity)
            changing.__enter__()
        held.push(changing)

    def _make(self, config: SessionConfig, *, made: bool = False) -> LiveSession:
        session = self._made(config, self._stores(config) if self._stores is not None else None)
        with self._lock:
            self._registry.put(session, made=made)
        return session

    def _end(self, session: LiveSession, text: str, timeout: float | None) -> None:
        try:
            session.close(text, timeout=timeout)
        finally:
            session.finish(acknowledge=True)

    # --- one connection, on its own thread -----------------------------------------------------------------

    def _begin_deciding(self, door: Door, attempt: LogonAttempt) -> None:
        thread = Thread(target=self._see_through, args=(door, attempt), daemon=True)
        thread.name = f"fixfast {attempt.session_id}"
        self._deciding.add(thread)
        thread.start()

    def _see_through(self, door: Door, attempt: LogonAttempt) -> None:
        """Decide on a Logon; then look after its session until the connection ends."""
        doors = self._doors
        session: LiveSession | None = None
        try:
            session = self._decide(door, attempt)
        except (FixfastError, OSError) as error:
            text = "%s: no session for a logon from %s: %s"
            doors.note("logons that could not be dealt with", text, attempt.session_id, door.address, error)
        except Exception:  # the program's: what makes its stores
            args = attempt.session_id, door.address
            if doors.note("logons that could not be dealt with", "%s: no session for a logon from %s", *args):
                _log.exception("%s: no session", attempt.session_id, extra=about("failed", attempt.session_id))
        finally:
            if session is None:
                door.sock.close()
            doors.leave(door, logged_on=session is not None)
            self._deciding.discard(current_thread())
        if session is not None:
            try:
                session.look_after()
            finally:
                assert door.guest is not None
                doors.gone(door.guest)

    def _decide(self, door: Door, attempt: LogonAttempt) -> LiveSession | None:
        """Authenticate a Logon and give its connection to the session; None: there is none, the connection is to end.

        Nothing is reset, stored or numbered before authenticate() says yes (L29).
        """
        identity, registry = attempt.session_id, self._registry
        with ExitStack() as held:
            with self._lock:
                busy = registry.busy(identity)
                known = registry.find(identity)
                if not busy:
                    held.enter_context(registry.logging_on(identity))
            if busy:
                self._second(door, identity)  # L04
                return None
            verdict = self._asked(door, attempt, known)
            if isinstance(verdict, LogonRequest):
                verdict = self._ask(verdict)
            if door.shut or self._closed:
                return None
            if isinstance(verdict, Refuse):
                self._refused(door, identity)
                if not verdict.silent:
                    _say(door.sock, refusal(attempt, verdict))
                return None
            session = registry.find(identity)
            if session is None and known is None:
                if not self._room(door, identity):
                    return None
                session = self._open(verdict.config, made=True)
            # Meanwhile the program may have removed it, or put another in its place.
            if session is None or session is not registry.find(identity) or door.shut:
                self._second(door, identity)
                return None
            session.prepare()
            door.taken = True
            make: Callable[..., Line] = Line
            if self._governor is not None:
                make = partial(self._governor.making(GovernedLine, session), hurry=session.waker.wake)
            answer: dict[str, Any] = {"text": verdict.text, "status": verdict.status}
            try:
                session.attach(door.sock, first=attempt.data, peer=door.address, make=make, kept=True, **answer)
            except ConcurrencyError:
                self._second(door, identity)
                return None
            return session

    def _ask(self, request: LogonRequest) -> Accept | Refuse:
        """Have the application decide."""
        assert self._hooks.authenticate is not None
        try:
            verdict = self._hooks.authenticate(request)
        except Exception as error:
            self._failed("raised", error)
            return Refuse(silent=True)
        return judged(verdict, request, self._failed)


def _say(sock: socket.socket, data: bytes) -> None:
    """Write a last word, so that it arrives: our side is closed first, input is read and dropped for a while."""
    until = clock.now().mono_ns + int(_LAST_WORD * _SECOND)
    with suppress(OSError):
        sock.send(data)
        if isinstance(sock, tls_module.SSLSocket):
            with suppress(OSError, ValueError):
                sock.unwrap()
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while True:
            left = (until - clock.now().mono_ns) / _SECOND
            if left <= 0 or not wait_for(sock, None, read=True, seconds=left) or not socket.socket.recv(sock, 4096):
                return
