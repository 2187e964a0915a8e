"""The control socket and the metrics that a configuration file asks for: of all its sessions that run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, TypeAlias

from fixfast.engine.control import control
from fixfast.engine.observing.metrics_server import serve_metrics
from fixfast.engine.settings.keys import FilePath
from fixfast.engine.telling import Telling
from fixfast.errors import ConfigError

__all__ = ["ControlConfig", "MetricsConfig", "ThreadWatch", "Watch"]

Sessions: TypeAlias = Callable[[], Iterable[Telling]]


def _options(config: object) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in fields(config)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """A control socket for `fixfast ctl`: the arguments of control(), under their names.

    Args:
        path: of the socket, in a folder that only its owner can enter.
        idle: seconds after which a connection that asks nothing is closed.
        uids: users that may connect; None: the one this process runs as.
        secret_comp_ids: sessions are named by hashes.

    Raises: ConfigError.
    """

    path: FilePath
    idle: float = 60.0
    uids: tuple[int, ...] | None = None
    secret_comp_ids: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise ConfigError("path", self.path, "a path")
        if isinstance(self.idle, bool) or not isinstance(self.idle, int | float) or not 0 < self.idle < 1e9:
            raise ConfigError("idle", self.idle, "seconds above 0")
        if self.uids is not None and not all(type(uid) is int and uid >= 0 for uid in self.uids):
            raise ConfigError("uids", self.uids, "numbers of users")
        if not isinstance(self.secret_comp_ids, bool):
            raise ConfigError("secret_comp_ids", self.secret_comp_ids, "True or False")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """An OpenMetrics endpoint: the arguments of serve_metrics(), under their names.

    Args:
        port: the TCP port.
        host: the address to listen on; not one that strangers reach.
        secret_comp_ids: sessions are named by hashes.
        max_sessions: more than that are not told one by one.

    Raises: ConfigError.
    """

    port: int
    host: str = "127.0.0.1"
    secret_comp_ids: bool = False
    max_sessions: int = 1000

    def __post_init__(self) -> None:
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ConfigError("port", self.port, "a whole number from 0 to 65535")
        if not isinstance(self.host, str) or not self.host:
            raise ConfigError("host", self.host, "an address of this machine")
        if not isinstance(self.secret_comp_ids, bool):
            raise ConfigError("secret_comp_ids", self.secret_comp_ids, "True or False")
        if type(self.max_sessions) is not int or self.max_sessions < 1:
            raise ConfigError("max_sessions", self.max_sessions, "a whole number from 1")


class _Watching:
    """The sessions that run."""

    def __init__(self, control: ControlConfig | None, metrics: MetricsConfig | None) -> None:
        self._control = control
        self._metrics = metrics
        self._running: dict[object, Sessions] = {}

    def sessions(self) -> list[Telling]:
        """Return those that run."""
        return [session for some in list(self._running.values()) for session in some()]


class Watch(_Watching):
    """Opens what is asked for with the first session that runs on the event loop, and closes it with the last."""

    def __init__(self, control: ControlConfig | None, metrics: MetricsConfig | None) -> None:
        super().__init__(control, metrics)
        self._opened = AsyncExitStack()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def over(self, sessions: Sessions) -> AsyncIterator[None]:
        """Have some sessions among those that can be looked at and commanded, as long as the block lasts.

        Raises: ConfigError, OSError: a socket cannot be made. MissingExtra: prometheus-client is not installed.
        """
        if self._control is None and self._metrics is None:
            yield
            return
        key = object()
        async with self._lock:
            if not self._running:
                await self._open()
            self._running[key] = sessions
        try:
            yield
        finally:
            del self._running[key]
            async with self._lock:
                if not self._running:
                    opened, self._opened = self._opened, AsyncExitStack()
                    await opened.aclose()

    async def _open(self) -> None:
        async with AsyncExitStack() as stack:
            if self._control is not None:
                await stack.enter_async_context(control(self.sessions, **_options(self._control)))
            if self._metrics is not None:
                stack.enter_context(serve_metrics(self.sessions, **_options(self._metrics)))
            self._opened = stack.pop_all()


class ThreadWatch(_Watching):
    """Opens what is asked for with the first session that runs on threads, and closes it with the last."""

    def __init__(self, control: ControlConfig | None, metrics: MetricsConfig | None) -> None:
        super().__init__(control, metrics)
        self._opened = ExitStack()
        self._lock = Lock()

    @contextmanager
    def over(self, sessions: Sessions) -> Iterator[None]:
        """Have some sessions among those that can be looked at and commanded, as long as the block lasts.

        Raises: ConfigError, OSError: a socket cannot be made. MissingExtra: prometheus-client is not installed.
        """
        if self._control is None and self._metrics is None:
            yield
            return
        key = object()
        with self._lock:
            if not self._running:
                self._open()
            self._running[key] = sessions
        try:
            yield
        finally:
            del self._running[key]
            with self._lock:
                if not self._running:
                    opened, self._opened = self._opened, ExitStack()
                    opened.close()

    def _open(self) -> None:
        with ExitStack() as stack:
            if self._control is not None:
                stack.enter_context(control(self.sessions, **_options(self._control)))
            if self._metrics is not None:
                stack.enter_context(serve_metrics(self.sessions, **_options(self._metrics)))
            self._opened = stack.pop_all()
