"""connect(): an initiator that keeps its session up."""

from __future__ import annotations

import asyncio
import logging
import random
from itertools import cycle
from types import TracebackType

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.config import ConnectionConfig, with_dictionary
from fixfast.engine.failure import Failure
from fixfast.engine.live import LiveSession
from fixfast.engine.wirelog import WireLog
from fixfast.errors import ConfigError, GaveUp, LogonFailed
from fixfast.session.config import SessionConfig
from fixfast.session.hours import STATUS_CLOSED
from fixfast.store.base import Store
from fixfast.types import Role

__all__ = ["Initiator", "connect"]

#: How often the wall clock is looked at, seconds, while a schedule is closed.
_LOOK_AGAIN = 60.0

_log = logging.getLogger("fixfast.engine")


def connect(
    config: SessionConfig,
    connection: ConnectionConfig,
    application: object | None = None,
    store: Store | None = None,
    *,
    wire_log: WireLog | None = None,
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

    Returns: an async context manager, for one use.

    Raises (on entering):
        LogonFailed: no logon: why, the peer's Text(58) and its SessionStatus(1409).
        GaveUp: with `retry_first`, when the attempts were used up.
        ConfigError: an argument is of the wrong kind.
        DictionaryError: the dictionary that `config` names cannot be loaded.
    """
    return Initiator(config, connection, application, store, wire_log=wire_log)


class Initiator:
    """What connect() returns. One task makes and remakes the connection while the session lives."""

    def __init__(
        self,
        config: SessionConfig,
        connection: ConnectionConfig,
        application: object | None,
        store: Store | None,
        *,
        wire_log: WireLog | None,
    ) -> None:
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        if not isinstance(connection, ConnectionConfig):
            raise ConfigError("connection", type(connection).__name__, "a ConnectionConfig")
        self._config = config
        self._connection = connection
        self._hooks = Hooks(application)
        self._store = store
        self._wire_log = wire_log
        self._live: LiveSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LiveSession:
        if self._live is not None:
            raise RuntimeError("a connect() is good for one `async with`; call it again")
        try:
            config = await with_dictionary(self._config)
            live = self._live = LiveSession(
                config, Role.INITIATOR, hooks=self._hooks, store=self._store, wire_log=self._wire_log
            )
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
                _log.exception("%s: the connection cannot be kept up", live.id)
            live.give_up(error)

    async def _connections(self, live: LiveSession) -> None:
        """Make one connection after the other.

        Raises: LogonFailed, GaveUp.
        """
        policy = self._connection.reconnect
        rng = random.Random(policy.seed)
        waits = policy.delays(rng)
        wait, attempts, refusals = 0.0, 0, 0
        tries = len(self._connection.addresses)
        addresses = cycle(self._connection.addresses)
        address = next(addresses)
        while not live.stopping.is_set():
            if await self._closed_hours(live):
                attempts, refusals, waits = 0, 0, policy.delays(rng)
                continue
            before = live.connections
            began = clock.now().mono_ns
            failure = await self._one_connection(live, *address)
            if live.stopping.is_set():
                return
            if failure is not None and failure.error.reason == "schedule":
                continue  # it closed just now
            if live.store_error is not None and live.connections:
                raise _gave_up("the message store failed", attempts + 1, live.store_error)
            if live.connections > before and clock.now().mono_ns - began > wait * 1e9:
                attempts = 0
                waits = policy.delays(rng)
            else:
                attempts += 1
            refused = failure is not None and failure.refused and failure.error.status != STATUS_CLOSED
            refusals = refusals + 1 if refused else 0
            if failure is not None:
                hopeless = live.store_error is not None or (not policy.retry_first and attempts >= tries)
                if hopeless and not live.connections:
                    raise failure.error
                _log.warning("%s: %s", live.id, failure.error)
            self._check_hope(failure, attempts, refusals)
            if live.held_back:
                error = failure.error if failure is not None else None
                raise _gave_up("the peer keeps saying that our MsgSeqNum is too low (I13)", attempts, error)
            if failure is not None:
                address = next(addresses)  # I10
            wait = next(waits)
            _log.info("%s: connecting again in %.3f s", live.id, wait)
            await _wait(live.stopping, wait)

    async def _closed_hours(self, live: LiveSession) -> bool:
        """Wait until the session's schedule allows a Logon, or the session is to end. False: it does already.

        Raises: GaveUp: it never will.
        """
        schedule = self._config.schedule
        waited = False
        while schedule is not None and not live.stopping.is_set():
            wall_ns = clock.now().wall_ns
            opening = schedule.next_logon(wall_ns)
            if opening is None:
                raise _gave_up("the schedule has no time for a Logon", 0, None)
            if opening <= wall_ns:
                break
            seconds = (opening - wall_ns) / 1e9
            if not waited:
                _log.info("%s: outside its schedule; connecting in %.0f s", live.id, seconds)
            waited = True
            # The clock may be set meanwhile: it is looked at again and again.
            await _wait(live.stopping, min(seconds, _LOOK_AGAIN))
        return waited

    def _check_hope(self, failure: Failure | None, attempts: int, refusals: int) -> None:
        policy = self._connection.reconnect
        if policy.max_refusals is not None and refusals >= policy.max_refusals:
            reason = f"the logon was refused {refusals} times in a row"
        elif policy.max_attempts is not None and attempts >= policy.max_attempts:
            reason = "no connection lasted"
        else:
            return
        raise _gave_up(reason, attempts, failure.error if failure is not None else None)

    async def _one_connection(self, live: LiveSession, host: str, port: int) -> Failure | None:
        """Make one connection and see it through. Return why it came to no logon, None if it did."""
        connection = self._connection
        loop = asyncio.get_running_loop()
        context = connection.context()
        failure: Failure
        await live.syncing.prepare()
        pump = live.attach()
        try:
            async with asyncio.timeout(connection.connect_timeout):
                await loop.create_connection(
                    lambda: pump,
                    host,
                    port,
                    ssl=context,
                    server_hostname=host if context is not None else None,
                )
        except TimeoutError as error:
            failure = _unreachable("connect_timeout", f"no connection in {connection.connect_timeout:g} s", error)
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            failure = _unreachable("connect", str(error), error)
        except BaseException:
            await live.cut("cancelled")
            raise
        else:
            await asyncio.shield(pump.closed)
            return live.take_failure()
        await live.cut(failure.error.text)
        return failure


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _gave_up(reason: str, attempts: int, cause: BaseException | None) -> GaveUp:
    error = GaveUp(reason, attempts)
    error.__cause__ = cause
    return error


def _unreachable(reason: str, text: str, cause: BaseException) -> Failure:
    error = LogonFailed(reason, text)
    error.__cause__ = cause
    return Failure(error, refused=False)
