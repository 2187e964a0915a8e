"""Supervised: the Backend's side of its Launcher: it says that it lives, does as it is told, and ends alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from fixfast.engine.observing.records import about
from fixfast.service.link import Link, LinkLost
from fixfast.service.messages import Done, Failed, Grant, Message, Ready, Revoke, SessionStatus, Stop
from fixfast.service.wire import connect

__all__ = ["Supervised", "Supervisor"]

_log = logging.getLogger("fixfast.service")

#: seconds between two words of ours, and between tries to reach a Launcher that is gone
_TELL, _AGAIN = 5.0, 0.25


class Supervisor(Protocol):
    """What a Launcher may ask of a Backend."""

    def grant(self, token: bytes, prefix: str, role: str = "trade") -> None:
        """Let a front end in. Raises: ConfigError: not with this prefix or role."""

    def revoke(self, name: str) -> bool:
        """Let it in no more. Returns whether it was."""

    def stop(self, orders: str) -> None:
        """Finish."""

    def session_status(self) -> SessionStatus:
        """Return how it is."""


class Supervised:
    """Keeps the link to the Launcher.

    Args:
        backend: who does as it says.
        address, key: of the Launcher.
        ready: what is said first.
        grace: seconds that the Launcher may be gone.
        gone: called when it is gone for good.
    """

    def __init__(
        self,
        backend: Supervisor,
        address: str,
        key: bytes,
        ready: Ready,
        grace: float,
        gone: Callable[[str], object],
    ) -> None:
        self._backend = backend
        self._address = address
        self._key = key
        self._ready = ready
        self._grace = grace
        self._gone = gone
        self._link: Link | None = None
        self._closing = False

    async def run(self) -> None:
        """Be there for the Launcher, until it is gone for good."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._grace
        while not self._closing:
            try:
                link = await connect(self._address, "backend", self._key)
                link.send(self._ready)
                self._link = link
                _log.info("the Launcher is there", extra=about("launcher", None, state="there"))
                telling = loop.create_task(self._tell(link))
                try:
                    async for message in link:
                        self._obey(link, message)
                finally:
                    telling.cancel()
                    self._link = None
                    until = loop.time() + self._grace
            except LinkLost as error:
                _log.warning("the Launcher is gone: %s", error, extra=about("launcher", None, state="gone"))
                if loop.time() >= until:
                    self._gone(str(error))
                    return
                await asyncio.sleep(min(_AGAIN, max(0.0, until - loop.time())))

    def tell(self) -> None:
        """Say how it is, now."""
        if self._link is not None:
            self._link.send(self._backend.session_status())

    async def close(self) -> None:
        """Say good-bye, and come back no more."""
        self._closing = True
        if self._link is not None:
            await self._link.close()

    # --- inside --------------------------------------------------------------------------------------------

    async def _tell(self, link: Link) -> None:
        while True:
            link.send(self._backend.session_status())
            await asyncio.sleep(_TELL)

    def _obey(self, link: Link, message: Message) -> None:
        backend = self._backend
        match message:
            case Grant():
                _audit("grant", prefix=message.prefix, role=message.role)
                try:
                    backend.grant(message.token, message.prefix, message.role)
                except ValueError as error:
                    link.send(Failed(message.id, "invalid", str(error)))
                else:
                    link.send(Done(message.id))
            case Revoke():
                _audit("revoke", token=message.name)
                known = backend.revoke(message.name)
                link.send(Done(message.id) if known else Failed(message.id, "unknown", "there is no such token"))
            case Stop():
                _audit("stop", orders=message.orders)
                link.send(Done(message.id))
                backend.stop(message.orders)
            case _:
                _log.warning("the Launcher said %s, which is not for a Backend", type(message).__name__)


def _audit(command: str, **what: str) -> None:
    """Write down what the Launcher asked for (C19)."""
    said = " ".join(f"{name}={value!r}" for name, value in what.items())
    _log.info("the Launcher: %s %s", command, said, extra=about("audit", None, command=command, **what))
