"""sync.connect(): an initiator that keeps its session up, for programs without an event loop."""

from __future__ import annotations

import logging
from types import TracebackType

from fixfast import clock
from fixfast.engine.attempts import Wait
from fixfast.engine.config import loaded
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.failure import Failure
from fixfast.engine.initiating import Initiating
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.sync.kept import LAST_STEP
from fixfast.engine.sync.live import LiveSession
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConcurrencyError, GaveUp, LogonFailed
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.transport.blocking import Interrupted, wait_for
from fixfast.transport.dial_blocking import BlockingDialer

__all__ = ["Initiator", "connect"]

_log = logging.getLogger("fixfast.engine")


def connect(
    config: SessionConfig,
    connection: ConnectionConfig,
    application: object | None = None,
    store: Store | None = None,
    *,
    wire_log: WireLog | None = None,
    throttle: Throttle | None = None,
    latency: bool = False,
) -> Initiator:
    """Connect as initiator: `with connect(config, connection) as session: ...`, without an event loop.

    The blocking twin of `fixfast.connect`: see there. Any thread may use the session. A background thread makes the
    connection and keeps it up; where `application` has callbacks, another one calls them.

    Args:
        config: the session's options.
        connection: where to, and how to come back.
        application: callbacks, see Application, none of them async; None: use `for message in session`.
        store: the session's history; it is closed in the end. None: a MemoryStore, forgotten in the end.
        wire_log: every message goes there; it stays open.
        throttle: how fast application messages may go out, and what happens to more of them.
        latency: measure how long messages take through fixfast, see `session.latency`.

    Returns: a context manager, for one use.

    Raises (on entering):
        LogonFailed: no logon: why, the peer's Text(58) and its SessionStatus(1409).
        GaveUp: with `retry_first`, when the attempts were used up.
        ConfigError: an argument is of the wrong kind, a callback is async, a file of `connection.tls` cannot be used.
        DictionaryError: the dictionary that `config` names cannot be loaded.
    """
    return Initiator(config, connection, application, store, wire_log=wire_log, throttle=throttle, latency=latency)


class Initiator(Initiating[LiveSession]):
    """What sync.connect() returns. One thread makes and remakes the connection while the session lives."""

    def __init__(
        self,
        config: SessionConfig,
        connection: ConnectionConfig,
        application: object | None,
        store: Store | None,
        *,
        wire_log: WireLog | None,
        throttle: Throttle | None,
        latency: bool,
    ) -> None:
        super().__init__(
            config,
            connection,
            application,
            store,
            wire_log=wire_log,
            throttle=throttle,
            latency=latency,
            plain=True,
        )
        self._dialer = BlockingDialer(**connection.route())

    def __enter__(self) -> LiveSession:
        if self._live is not None:
            raise RuntimeError("a connect() is good for one `with`; call it again")
        try:
            config = loaded(self._config)
            self._dialer.prepare()  # a file that cannot be used is said now, not by a thread
            live = self._live = self._made(LiveSession, config)
        except BaseException:
            if self._store is not None:
                self._store.close()
            raise
        try:
            live.start(lambda: self._keep_up(live), "", LAST_STEP)
            live.wait_active()
            return live
        except BaseException as error:
            self._end(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        live = self._live
        assert live is not None
        try:
            if error is None:
                live.close()
            elif live.active:
                live.say_goodbye()
        except BaseException as again:
            self._end(again)
            raise
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Leave no thread, no socket and no open store, whatever happened."""
        live = self._live
        assert live is not None
        live.finish(error if isinstance(error, (LogonFailed, GaveUp)) else None, acknowledge=error is None)

    # --- the keeper's thread -------------------------------------------------------------------------------

    def _keep_up(self, live: LiveSession) -> None:
        """Connect, and connect again, until told to stop or there is no hope: then the session ends with the reason."""
        try:
            self._connections(live)
        except Exception as error:
            if not isinstance(error, (LogonFailed, GaveUp)):
                _log.exception("%s: the connection cannot be kept up", live.id, extra=about("failed", live.id))
            try:
                if self._hooks.on_give_up is not None and not live.stopping.is_set():
                    self._hooks.on_give_up(live, error)
            except Exception as failed:
                self._hooks.failed("on_give_up", failed)
            finally:
                live.give_up(error)

    def _connections(self, live: LiveSession) -> None:
        """Make one connection after the other.

        Raises: LogonFailed, GaveUp.
        """
        attempts = self._attempts()
        while not live.stopping.is_set():
            step = attempts.next(clock.now())
            if isinstance(step, Wait):
                if step.note:
                    _log.info("%s: %s", live.id, step.note, extra=about("waiting", live.id))
                wait_for(None, live.waker, seconds=step.seconds)
                continue
            before = live.connections
            failure = self._one_connection(live, *step.address)
            if live.stopping.is_set():
                return
            self._ended(attempts, live, failure, before)

    def _one_connection(self, live: LiveSession, host: str, port: int) -> Failure | None:
        """Make one connection and see it through. Return why it came to no logon, None if it did."""
        live.prepare()
        dialer = self._dialer
        try:
            sock = dialer.dial(host, port, waker=live.waker, cancelled=live.stopping.is_set)
        except LogonFailed as error:
            return Failure(error, refused=False)
        except Interrupted:
            return None
        try:
            live.attach(sock)
        except ConcurrencyError:  # told to stop meanwhile
            sock.close()
            return None
        live.look_after()
        failure = live.take_failure()
        return failure and failure.explained(dialer.lost(failure.error.text, host), tls=dialer.tls is not None)
