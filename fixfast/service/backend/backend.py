"""Backend: one process that keeps one FIX session for front ends, and outlives them. See docs/backend.md."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.errors import ConfigError, FixfastError, NotActive, Throttled
from fixfast.service.backend.answering import Answering, Parts
from fixfast.service.backend.fixside import FixSide
from fixfast.service.backend.numbered import NumberedLog
from fixfast.service.backend.streaming import Stream
from fixfast.service.backend.supervised import Supervised
from fixfast.service.backend.values import Values
from fixfast.service.ipc import NONCE, name_of
from fixfast.service.link import Link
from fixfast.service.messages import LogOn, Message, Ready, Refused, SessionStatus, Welcome
from fixfast.service.start import Start
from fixfast.service.wire import Listener, listen
from fixfast.store.orderlog import FileOrderLog

__all__ = ["Backend", "private_folder"]

_log = logging.getLogger("fixfast.service")

_LONGEST_PREFIX = 16
_MS = 0.001


class Backend:
    """Serves front ends. One event loop has it; `await run()` is its life.

    Args: start: what it was told.

    Attributes:
        address: where front ends connect to, when it is ready.
        ready: set when it is.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._chosen, self._options = start.options()
        self.address = ""
        self.ready = asyncio.Event()
        self._ending = asyncio.Event()
        self._last_orders = "leave"
        self._tokens: dict[str, tuple[bytes, str, str]] = {}  # name -> token, prefix, role
        self._front_ends: dict[Link, Answering] = {}
        self._listener: Listener | None = None
        self._supervised: Supervised | None = None
        self._alone: asyncio.TimerHandle | None = None
        self._cancelling: asyncio.Task[None] | None = None
        self._side: FixSide
        self._begun_ns = clock.now().wall_ns
        self._parts: Parts

    # --- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Be a Backend, until stop() is called or the Launcher is gone.

        Raises: ConfigError, StoreError: it cannot begin.
        """
        state = private_folder(self._start.folder)
        with FileOrderLog(state / "orders.log", sync=self._options.sync) as file:
            await self._begin(state, NumberedLog(file))
            try:
                await self._live()
            finally:
                await self._end()
        _log.info("%s ended", self._start.session, extra=about("ended", None))

    def stop(self, orders: str = "leave") -> None:
        """Finish: orders "leave" or "cancel", then Logout, then the end."""
        if not self._ending.is_set():
            self._last_orders = orders
            self._ending.set()

    async def _begin(self, state: Path, log: NumberedLog) -> None:
        self._side = side = FixSide(self._chosen, self._options, log, state, self._tell)
        self._parts = Parts(side, log, Stream(log, lambda: Values(side.order_options, side.market.marks)))
        self._listener = await listen(self._start.listen, self._find, self._welcome, tls=self._options.tls)
        self.address = self._listener.address
        self._when_alone()
        if self._options.log_on == "start":
            await side.log_on(LogOn(0))
        _log.info("ready: %s", self.address, extra=about("ready", None, records=log.next - 1))
        self.ready.set()

    async def _live(self) -> None:
        start, supervising = self._start, None
        if start.launcher:
            ready = Ready(os.getpid(), self.address)
            self._supervised = Supervised(
                self, start.launcher, start.secret(), ready, self._options.launcher_grace, self._launcher_gone
            )
            supervising = asyncio.get_running_loop().create_task(self._supervised.run())
        try:
            await self._ending.wait()
        finally:
            if supervising is not None:
                if self._supervised is not None:
                    await self._supervised.close()
                supervising.cancel()
                await asyncio.wait([supervising])

    async def _end(self) -> None:
        """Leave nothing behind but what is on the disk."""
        if self._alone is not None:
            self._alone.cancel()
        if self._last_orders == "cancel" and self._side.active:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.cancel_wait):
                    await self._cancel_open()
        elif self._cancelling is not None:
            self._cancelling.cancel()
        await self._side.close()
        self._parts.stream.flush()
        if self._listener is not None:
            await self._listener.close(Refused("unavailable", "the Backend has ended"))
        if self._cancelling is not None:
            self._cancelling.cancel()
            await asyncio.wait([self._cancelling])

    def _launcher_gone(self, why: str) -> None:
        _log.error("the Launcher is gone for good: %s", why, extra=about("launcher_gone", None))
        self.stop(self._options.launcher_gone)

    # --- what the Launcher asks for ------------------------------------------------------------------------

    def grant(self, token: bytes, prefix: str, role: str = "trade") -> None:
        """Let the holder of a token in. Raises: ConfigError: not with this prefix or role, or no token."""
        if len(token) != NONCE:
            raise ConfigError("token", "(hidden)", f"{NONCE} bytes")
        plain = prefix.replace("-", "")
        if len(prefix) > _LONGEST_PREFIX or not plain.isascii() or not plain.isalnum():
            raise ConfigError("prefix", prefix, f"1 to {_LONGEST_PREFIX} letters, digits and hyphens")
        if role not in ("trade", "read"):
            raise ConfigError("role", role, '"trade" or "read"')
        for _, other, _ in self._tokens.values():
            if other != prefix and (other.startswith(prefix) or prefix.startswith(other)):
                raise ConfigError("prefix", prefix, f"one that is not the beginning of another: there is {other}")
        self._tokens[name_of(token)] = token, prefix, role

    def revoke(self, name: str) -> bool:
        """Let it in no more. Returns whether it was."""
        known = self._tokens.pop(name, None) is not None
        for link in list(self._front_ends):
            if link.name == name:
                link.end(Refused("credentials", "this token is not valid any more"))
        return known

    def session_status(self) -> SessionStatus:
        """Return what a Launcher is told."""
        side = self._side
        return SessionStatus(side.status().state, len(self._front_ends), len(side.manager.open_orders))

    # --- front ends ----------------------------------------------------------------------------------------

    def _find(self, role: str, name: str) -> bytes | None:
        found = self._tokens.get(name)
        return found[0] if found is not None else None

    def _welcome(self, link: Link) -> None:
        if self._ending.is_set() or len(self._front_ends) >= self._options.max_front_ends:
            text = "the Backend ends" if self._ending.is_set() else "too many front ends are connected"
            link.end(Refused("unavailable" if self._ending.is_set() else "limit", text, 1))
            return
        _, prefix, role = self._tokens[link.name]
        answering = Answering(link, self._parts, prefix, role)
        self._front_ends[link] = answering
        link.on_message = answering.take
        link.on_burst = self._side.flush
        link.on_closed.append(self._left)
        self._not_alone()
        side, log, config = self._side, self._parts.log, self._side.config
        link.send(
            Welcome(
                self._start.session, config.begin_string, side.order_options.version, config.sender_comp_id,
                config.target_comp_id, prefix, log.first, log.next, self._begun_ns,
            )
        )  # fmt: skip
        link.send(side.status())
        _log.info("a front end is there: %s", prefix, extra=about("front_end", None, prefix=prefix, where=link.where))
        self._changed()

    def _left(self, link: Link) -> None:
        answering = self._front_ends.pop(link, None)
        if answering is not None:
            answering.leave()
            _log.info("a front end is gone: %s", link.error, extra=about("front_end_gone", None, where=link.where))
            self._changed()
            if not self._front_ends:
                self._when_alone()

    def _tell(self, message: Message) -> None:
        for link in list(self._front_ends):
            link.send(message)
        self._changed()

    def _changed(self) -> None:
        if self._supervised is not None:
            self._supervised.tell()

    # --- nobody is there -----------------------------------------------------------------------------------

    def _when_alone(self) -> None:
        if self._options.front_ends_gone == "cancel" and not self._ending.is_set():
            loop = asyncio.get_running_loop()
            self._alone = loop.call_later(self._options.grace, self._left_alone)

    def _not_alone(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if self._cancelling is not None:
            self._cancelling.cancel()

    def _left_alone(self) -> None:
        self._alone = None
        if self._cancelling is None or self._cancelling.done():
            _log.warning("no front end came back: open orders are cancelled", extra=about("cancelling", None))
            self._cancelling = asyncio.get_running_loop().create_task(self._cancel_open())

    async def _cancel_open(self) -> None:
        """Cancel what is open, as fast as it may be sent, until nothing is: also what a lost connection swallowed."""
        side = self._side
        while side.manager.open_orders:
            pause = 0.02 if side.active else 0.5
            for order in side.manager.open_orders if side.active else ():
                if any(request.msg_type == "F" for request in order.pending.values()):
                    continue
                try:
                    side.manager.cancel(order, clock.now())
                except Throttled as error:
                    pause = max(_MS, error.retry_after_ns / 1e9)
                    break
                except NotActive:
                    break
                except FixfastError as error:
                    _log.error("%s: cannot be cancelled: %s", order.cl_ord_id, error, extra=about("cancel", None))
                    pause = 1.0
            await asyncio.sleep(pause)


def private_folder(path: str) -> Path:
    """Return a folder that is made with mode 0700. Raises: ConfigError: others may enter it. OSError."""
    folder = Path(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "geteuid"):
        status = folder.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError("folder", path, f"a folder that only you can enter: chmod 700 {path}")
    return folder
