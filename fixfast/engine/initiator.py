"""connect(): an initiator that keeps its session up."""

from __future__ import annotations

import asyncio
import inspect
import logging
from types import TracebackType

from fixfast import clock
from fixfast.engine.attempts import Wait
from fixfast.engine.config import with_dictionary
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.failure import Failure
from fixfast.engine.initiating import Initiating
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.throttle import Throttle
from fixfast.errors import GaveUp, LogonFailed
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.transport.dial import Dialer

__all__ = ["Initiator", "connect"]

#: Seconds that an async on_give_up may take; the session's other users are told after it.
_ALERT = 10.0

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
    """Connect as initiator: `async with connect(config, connection) as session: ...`.

    Entering waits until the session is logged on. From then on a lost connection is made anew by the rules of
    `connection.reconnect`, and what was missed is asked for. Leaving logs out and closes the store. A cancelled or
    failed body ends the connection at once, after one Logout that is not waited for.

    With `config.schedule` there is no connection outside its windows: entering, too, waits for the next one to open.

    Args:
        config: the session's options.
        connection: where to, and how to come back.
        application: callbacks, see Application; None: use `async for message in session`.
        store: the session's history; it is closed in the end. None: a MemoryStore, forgotten in the end.
        wire_log: every message goes there; it stays open.
        throttle: how fast application messages may go out, and what happens to more of them.
        latency: measure how long messages take through fixfast, see `session.latency`.

    Returns: an async context manager, for one use.

    Raises (on entering):
        LogonFailed: no logon: why, the peer's Text(58) and its SessionStatus(1409).
        GaveUp: with `retry_first`, when the attempts were used up.
        ConfigError: an argument is of the wrong kind; a file of `connection.tls` cannot be used.
        DictionaryError: the dictionary that `config` names cannot be loaded.
    """
    return Initiator(config, connection, application, store, wire_log=wire_log, throttle=throttle, latency=latency)


class Initiator(Initiating[LiveSession]):
    """What connect() returns. One task makes and remakes the connection while the session lives."""

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
        )
        self._dialer = Dialer(**connection.route())
        self._task: asyncio.Task[None] | None = None
        self._alerting = False  # on_give_up was called

    async def __aenter__(self) -> LiveSession:
        if self._live is not None:
            raise RuntimeError("a connect() is good for one `async with`; call it again")
        try:
            config = await with_dictionary(self._config)
            await self._dialer.prepare()
            live = self._live = self._made(LiveSession, config)
        except BaseException:
            if self._store is not None:
                self._store.close()
            raise
        self._task = asyncio.get_running_loop().create_task(self._keep_up(live))
        try:
            await live.wait_active()
            return live
        except BaseException as error:
            await self._end(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        live = self._live
        assert live is not None
        try:
            if error is None:
                await live.close()
            elif live.active:
                live.say_goodbye()
        except BaseException as again:
            await self._end(again)
            raise
        await self._end(error)

    async def _end(self, error: BaseException | None) -> None:
        """Leave no task, no socket and no open store, whatever happened."""
        live, task = self._live, self._task
        assert live is not None
        live.stop()
        try:
            if task is not None:
                try:
                    if self._alerting and error is None:
                        await asyncio.wait([task], timeout=_ALERT)
                finally:
                    task.cancel()
                    await asyncio.wait([task])
                if not task.cancelled():
                    task.exception()  # looked at: asyncio need not complain
        finally:
            await live.finish(error if isinstance(error, (LogonFailed, GaveUp)) else None, acknowledge=error is None)

    # --- the task ------------------------------------------------------------------------------------------

    async def _keep_up(self, live: LiveSession) -> None:
        """Connect, and connect again, until told to stop or there is no hope: then the session ends with the reason."""
        try:
            await self._connections(live)
        except Exception as error:
            if not isinstance(error, (LogonFailed, GaveUp)):
                _log.exception("%s: the connection cannot be kept up", live.id, extra=about("failed", live.id))
            try:
                await self._alert(live, error)
            finally:  # whatever the program's hook did
                live.give_up(error)

    async def _connections(self, live: LiveSession) -> None:
        """Make one connection after the other.

        Raises: LogonFailed, GaveUp.
        """
        attempts = self._attempts()
        while not live.stopping.is_set():
            step = attempts.next(clock.now())
            if isinstance(step, Wait):
                if step.note:
                    _log.info("%s: %s", live.id, step.note, extra=about("waiting", live.id))
                await _wait(live.stopping, step.seconds)
                continue
            before = live.connections
            failure = await self._one_connection(live, *step.address)
            if live.stopping.is_set():
                return
            self._ended(attempts, live, failure, before)

    async def _alert(self, live: LiveSession, error: Exception) -> None:
        """Tell the program, before anybody else hears of it, that the session is given up."""
        hook = self._hooks.on_give_up
        if hook is None or self._alerting:
            return
        self._alerting = True
        try:
            async with asyncio.timeout(_ALERT):
                waiting = hook(live, error)
                if inspect.isawaitable(waiting):
                    await waiting
        except Exception as failed:  # a TimeoutError, too
            self._hooks.failed("on_give_up", failed)

    async def _one_connection(self, live: LiveSession, host: str, port: int) -> Failure | None:
        """Make one connection and see it through. Return why it came to no logon, None if it did."""
        await live.syncing.prepare()
        pump = live.attach()
        try:
            await self._dialer.dial(pump, host, port)
        except LogonFailed as error:
            pump.orphan(error.text)
            await live.cut(error.text)
            return Failure(error, refused=False)
        except BaseException:
            pump.orphan("cancelled")
            await live.cut("cancelled")
            raise
        await asyncio.shield(pump.closed)
        failure = live.take_failure()
        return failure and failure.explained(self._dialer.lost(pump.error, host), tls=self._dialer.tls is not None)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
