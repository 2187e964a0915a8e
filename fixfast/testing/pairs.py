"""pair(): a bot's session and its counterparty, connected in memory, on virtual time."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType

from fixfast.engine.acceptor import Server, serve
from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.testing.link import Network, Passed
from fixfast.testing.virtual import VirtualTime
from fixfast.types import Now

__all__ = ["Pair", "mirrored", "pair"]

#: how much of what passed is shown when a test fails
_LAST = 20


def pair(
    config_a: SessionConfig,
    config_b: SessionConfig | None = None,
    application_a: object | None = None,
    application_b: object | None = None,
    *,
    seed: int = 0,
    delay: float = 0.0,
    jitter: float = 0.0,
    store_a: Store | None = None,
    store_b: Store | None = None,
    reconnect: Reconnect | None = None,
    start: int | datetime | None = None,
    limit: float = 8 * 86_400.0,
) -> Pair:
    """Connect two sessions in memory, on virtual time: `async with pair(config) as p: ...`, inside any asyncio.run().

    Both are what `connect` and `serve` give, with all they do: reconnecting, resending, schedules. Nothing sleeps and
    no socket is opened: a heartbeat after 30 s takes microseconds, and the same seed gives the same messages at the
    same nanosecond.

    Args:
        config_a: the initiator's options.
        config_b: the acceptor's; None: the other side of the same session, see mirrored().
        application_a, application_b: callbacks, see Application. Without one, iterate over the session.
        seed: of the jitter, the link's and the one of waits between connections.
        delay, jitter: seconds that bytes need from one end to the other, and up to so much more; see Pair.delay.
        store_a, store_b: histories, closed in the end; None: a MemoryStore.
        reconnect: how the initiator comes back; None: after 1 s, then 2, 4 ... 60, whatever happens.
        start: wall clock at the beginning, ns since 1970 or a datetime with a zone; None: Monday 2026-01-05, 10:00 UTC.
        limit: virtual seconds after which a test that still waits is ended with TimeoutError.

    Returns: an async context manager. Entering waits until both are logged on, or raises what connect() raises.
    """
    if not isinstance(config_a, SessionConfig):
        raise ConfigError("config_a", type(config_a).__name__, "a SessionConfig")
    if config_b is not None and not isinstance(config_b, SessionConfig):
        raise ConfigError(
            "config_b", type(config_b).__name__, "a SessionConfig, or None for the other side of config_a"
        )
    return Pair(
        config_a,
        config_b if config_b is not None else mirrored(config_a),
        application_a,
        application_b,
        stores=(store_a, store_b),
        reconnect=reconnect or Reconnect(seed=seed, max_refusals=None),
        rng=random.Random(seed),
        times=(delay, jitter),
        virtual=VirtualTime(start, limit=limit),
    )


def mirrored(config: SessionConfig) -> SessionConfig:
    """Return the options of the counterparty: the same session seen from the other side, all else as by default.

    Version, ids, heartbeat, dictionary, schedule and precision of times are the same. Passwords and hooks are not.
    """
    return SessionConfig(
        config.begin_string,
        config.target_comp_id,
        config.sender_comp_id,
        config.heart_bt_int,
        sender_sub_id=config.target_sub_id,
        sender_location_id=config.target_location_id,
        target_sub_id=config.sender_sub_id,
        target_location_id=config.sender_location_id,
        default_appl_ver_id=config.default_appl_ver_id,
        timestamp_digits=config.timestamp_digits,
        dictionary=config.dictionary,
        schedule=config.schedule,
    )


class Pair:
    """Two connected sessions. While the block lasts, the loop and fixfast's clock run on virtual time.

    Attributes:
        initiator, acceptor: the sessions, as `connect` and `serve` give them.
        wire: every message that was written, in order, with time and sender; `lost` where it never arrived.
    """

    initiator: LiveSession
    acceptor: LiveSession
    wire: list[Passed]

    def __init__(
        self,
        config_a: SessionConfig,
        config_b: SessionConfig,
        application_a: object | None,
        application_b: object | None,
        *,
        stores: tuple[Store | None, Store | None],
        reconnect: Reconnect,
        rng: random.Random,
        times: tuple[float, float],
        virtual: VirtualTime,
    ) -> None:
        self._configs = (config_a, config_b)
        self._applications = (application_a, application_b)
        self._stores = stores
        self._reconnect = reconnect
        self._rng = rng
        self._times = times
        self._virtual = virtual
        self._exit = AsyncExitStack()
        self._entered = False

    async def __aenter__(self) -> Pair:
        if self._entered:
            raise RuntimeError("a pair() is good for one `async with`; call it again")
        self._entered = True
        async with self._exit:
            self._exit.enter_context(self._virtual)
            loop = asyncio.get_running_loop()
            network = self._network = Network(loop, lambda: self._virtual.elapsed_ns, self._rng)
            self._exit.enter_context(network)
            self.wire = network.wire
            self.delay, self.jitter = self._times
            await self._log_on()
            self._exit = self._exit.pop_all()
        return self

    async def _log_on(self) -> None:
        (config_a, config_b), (store_a, store_b) = self._configs, self._stores
        stores = None if store_b is None else (lambda config: store_b)
        venue = ConnectionConfig("pair", 1, reconnect=self._reconnect)
        server: Server = await self._exit.enter_async_context(
            serve(self._applications[1], [config_b], port=1, stores=stores)
        )
        (self.acceptor,) = server.sessions.values()
        self.initiator = await self._exit.enter_async_context(connect(config_a, venue, self._applications[0], store_a))
        await self.acceptor.wait_active()
        await self._virtual.settle()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self.wire:
            error.add_note("What passed between the two, the last of it:\n" + self.trace(_LAST))
        await self._exit.__aexit__(kind, error, trace)

    # --- time ----------------------------------------------------------------------------------------------

    async def advance(self, seconds: float = 0, *, ns: int = 0) -> None:
        """Let so much time pass, with all that happens in it: `await p.advance(30)`, `await p.advance(ns=1)`.

        With 0 it lets happen what happens without waiting: what was sent arrives, if there is no delay.

        Raises: ValueError: back in time.
        """
        await self._virtual.advance(seconds, ns=ns)

    @property
    def now(self) -> Now:
        """The time that the sessions see."""
        return self._virtual.now

    @property
    def elapsed_ns(self) -> int:
        """Virtual ns since the beginning."""
        return self._virtual.elapsed_ns

    def step_wall_clock(self, seconds: float) -> None:
        """Set the wall clock of both sides, as an operator does or NTP; timers do not notice."""
        self._virtual.step(seconds)

    # --- the link ------------------------------------------------------------------------------------------

    @property
    def delay(self) -> float:
        """Seconds that bytes need from one end to the other."""
        return self._network.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._network.delay = _seconds("delay", seconds)

    @property
    def jitter(self) -> float:
        """Seconds more than `delay`, at most, at random. The order is kept."""
        return self._network.jitter

    @jitter.setter
    def jitter(self, seconds: float) -> None:
        self._network.jitter = _seconds("jitter", seconds)

    @property
    def up(self) -> bool:
        """Whether one can connect. False refuses new connections, and cuts the one there is."""
        return self._network.up

    @up.setter
    def up(self, up: bool) -> None:
        self._network.up = up
        if not up:
            self._network.drop()

    def drop(self, *, reset: bool = False) -> None:
        """Cut the connection now; what is on its way is lost. The initiator comes back when `reconnect` lets it.

        Args: reset: the sessions are told of a reset connection (TCP RST); else of one that broke.
        """
        self._network.drop(reset=reset)

    def hold(self, held: bool = True) -> None:
        """Let nothing through, with both ends connected (a cable pulled, a host that froze); False: let it go on."""
        self._network.hold(held)

    # --- what passed ---------------------------------------------------------------------------------------

    def trace(self, last: int | None = None) -> str:
        """Return what passed, a line for each message: time, sender, message with its secrets masked.

        Args: last: only so many, the last ones.
        """
        return "\n".join(str(passed) for passed in (self.wire if last is None else self.wire[-last:]))


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigError(name, value, "seconds, at least 0")
    return float(value)
