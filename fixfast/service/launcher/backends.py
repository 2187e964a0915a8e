"""Where Backends connect to their Launcher: a Unix socket for them alone, with a secret of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fixfast.engine.limits import Limits
from fixfast.engine.observing.records import about
from fixfast.service.ipc import name_of
from fixfast.service.link import Link, LinkOptions
from fixfast.service.messages import Refused
from fixfast.service.wire import Listener, listen

__all__ = ["Backends", "Expected"]

_log = logging.getLogger("fixfast.launcher")

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Expected(Generic[T]):
    """A Backend that is to connect.

    Attributes: came: done when it has: with what `make` made of its connection.
    """

    secret: bytes
    pid: int
    make: Callable[[Link], T]
    came: asyncio.Future[T]


class Backends:
    """The listener. Attributes: address: "unix:PATH"."""

    def __init__(self, address: str, greeting: float, idle: float, most: int) -> None:
        self.address = address
        self._options = LinkOptions(greeting=greeting, idle=idle)
        # Of this user alone, with 256 bits to guess: nobody is barred, for that would bar all Backends.
        self._limits = Limits(
            pending=most + 64, pending_per_ip=None, connections=2 * most + 64, connections_per_ip=None,
            failed_logons_per_minute=None,
        )  # fmt: skip
        self._expected: dict[str, Expected[Any]] = {}
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Begin. Raises: ConfigError, OSError."""
        self._listener = await listen(
            self.address, self._find, self._came, roles=("backend",), options=self._options, limits=self._limits
        )

    async def close(self) -> None:
        """Take none any more, and close what there is."""
        if self._listener is not None:
            await self._listener.close()

    def expect(self, secret: bytes, pid: int, make: Callable[[Link], T]) -> Expected[T]:
        """Know that a process is to connect with a secret. Args: make: called at once with its connection."""
        one = Expected(secret, pid, make, asyncio.get_running_loop().create_future())
        self._expected[name_of(secret)] = one
        return one

    def forget(self, one: Expected[T]) -> None:
        """Take it no more."""
        self._expected.pop(name_of(one.secret), None)

    def _find(self, role: str, name: str) -> bytes | None:
        one = self._expected.get(name)
        return None if one is None else one.secret

    def _came(self, link: Link) -> None:
        one = self._expected.get(link.name)
        if one is None or one.came.done() or (link.peer.pid is not None and link.peer.pid != one.pid):
            _log.warning(
                "%s, process %s, has a Backend's secret and is not that Backend", link.where, link.peer.pid,
                extra=about("backend refused", None, pid=link.peer.pid),
            )  # fmt: skip
            link.end(Refused("credentials", "this is not known here"))
            return
        one.came.set_result(one.make(link))
