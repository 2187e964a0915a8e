"""pair(): a bot's session and its counterparty, connected in memory, on virtual time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from fixfast.engine.acceptor import Server, serve
from fixfast.engine.connection import ConnectionConfig, Reconnect
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.store.base import Store
from fixfast.testing.virtual import LIMIT
from fixfast.testing.world import World

__all__ = ["Pair", "mirrored", "pair"]


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
    limit: float = LIMIT,
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
        delay, jitter: seconds that bytes need from one end to the other, and up to so much more.
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
        (config_a, config_b if config_b is not None else mirrored(config_a)),
        (application_a, application_b),
        (store_a, store_b),
        reconnect or Reconnect(seed=seed, max_refusals=None),
        seed=seed,
        delay=delay,
        jitter=jitter,
        start=start,
        limit=limit,
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


class Pair(World):
    """Two connected sessions in a World of their own.

    It is a World: see there for what time and network do. `initiator` and `acceptor` are the sessions, as `connect` and
    `serve` give them.
    """

    def __init__(
        self,
        configs: tuple[SessionConfig, SessionConfig],
        applications: tuple[object | None, object | None],
        stores: tuple[Store | None, Store | None],
        reconnect: Reconnect,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._configs = configs
        self._applications = applications
        self._stores = stores
        self._reconnect = reconnect
        self._sessions: list[LiveSession] = []

    @property
    def initiator(self) -> LiveSession:
        """The session of the first options: the bot's, as a rule."""
        return self._session(1)

    @property
    def acceptor(self) -> LiveSession:
        """The other side's."""
        return self._session(0)

    def _session(self, number: int) -> LiveSession:
        if len(self._sessions) <= number:
            raise RuntimeError("the pair is not connected: `async with pair(...) as p:` around this")
        return self._sessions[number]

    async def _furnish(self, stack: AsyncExitStack) -> None:
        (config_a, config_b), (store_a, store_b) = self._configs, self._stores
        bot, venue = self._applications
        stores = None if store_b is None else (lambda config: store_b)
        server: Server = await stack.enter_async_context(serve(venue, [config_b], port=1, stores=stores))
        self._sessions += server.sessions.values()
        to = ConnectionConfig("pair", 1, reconnect=self._reconnect)
        self._sessions.append(await stack.enter_async_context(connect(config_a, to, bot, store_a)))
        await self.acceptor.wait_active()
        await self.advance()
