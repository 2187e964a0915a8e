"""One account's session: its front ends, and a Backend that is kept running for them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.errors import ConfigError
from fixfast.service.credentials.keys import Accepted
from fixfast.service.ipc import new_secret
from fixfast.service.launcher.backends import Backends
from fixfast.service.launcher.child import BackendProcess, StepFailed, private_folder
from fixfast.service.launcher.config import AccountConfig, LauncherConfig
from fixfast.service.launcher.restarts import Restarts
from fixfast.service.launcher.running import RunningBackend
from fixfast.service.launcher.tokens import FrontEnd, FrontEnds
from fixfast.service.messages import Granted, Refused, SessionInfo, SessionStatus
from fixfast.service.start import Start, settings_text

__all__ = ["Ground", "NotJoined", "Session"]

_log = logging.getLogger("fixfast.launcher")


class NotJoined(Exception):
    """A front end cannot have the session. `refused`: what it is told."""

    def __init__(self, code: str, text: str, retry_after: int = 0) -> None:
        super().__init__(text)
        self.refused = Refused(code, text, retry_after)


@dataclass(frozen=True, slots=True)
class Ground:
    """What all sessions of a Launcher share.

    Attributes: config. backends: where Backends connect. command: how one is started.
    """

    config: LauncherConfig
    backends: Backends
    command: Sequence[str]


class Session:
    """A session, from the first login on.

    Its state is "starting", "running", "restarting", "stopping" or "failed"; then a login begins it anew.

    Args:
        accepted, api_key: of who began it. The key is kept as long as the session is there: each Backend shows it.

    Attributes: id, account, key_id, front_ends.
    """

    def __init__(
        self, ground: Ground, account: str, config: AccountConfig, accepted: Accepted, api_key: str,
        on_end: Callable[[Session], object],
    ) -> None:  # fmt: skip
        self._ground = ground
        self._config = config
        self._api_key = api_key
        self._on_end = on_end
        self.id = secrets.token_hex(8)
        self.account = account
        self.key_id = accepted.key_id
        self.front_ends = FrontEnds(ground.config.tokens)
        self._restarts = Restarts(ground.config.restart)
        self._again = 0
        self._state = "starting"
        self._text = ""
        self._started_ns = clock.now().wall_ns
        self._connected = 0
        self._alone: asyncio.TimerHandle | None = None
        self._backend: RunningBackend | None = None
        self._process: BackendProcess | None = None
        self._granted: set[str] = set()  # names of tokens that the Backend has
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._orders: str = config.stopping
        self._beginning: asyncio.Task[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"session of {account}")

    # --- for the Launcher ----------------------------------------------------------------------------------

    @property
    def is_failed(self) -> bool:
        """Whether it was given up."""
        return self._state == "failed"

    @property
    def is_stopping(self) -> bool:
        """Whether it ends."""
        return self._stop.is_set()

    def info(self) -> SessionInfo:
        """Return what is shown of it."""
        pid = self._process.pid if self._process is not None else 0
        return SessionInfo(
            self.id, self.account, self._state, pid, self._started_ns, self._again, self._connected, self._text
        )

    async def join(self, accepted: Accepted) -> tuple[FrontEnd, Granted]:
        """Let a front end in: when the Backend is up, and has its token. Raises: NotJoined."""
        wait = self._ground.config.times.wait
        spare = self.front_ends.spare()
        if self.front_ends.full:
            raise NotJoined("limit", f"{len(self.front_ends)} front ends are in already")
        if spare is not None:
            await self.drop(spare)
        one = self.front_ends.add(accepted.key_id, accepted.roles, clock.now().wall_ns)
        try:
            async with asyncio.timeout(wait):
                address = await self._give(one)
        except TimeoutError:
            self.front_ends.remove(one)
            why = f": {self._text}" if self._text else ""
            raise NotJoined("timeout", f"the Backend is not up after {wait:g} s{why}", 5) from None
        except BaseException:
            self.front_ends.remove(one)
            raise
        return one, Granted(self.id, address, one.token)

    async def drop(self, one: FrontEnd) -> None:
        """Let a front end in no more."""
        self.front_ends.remove(one)
        backend = self._backend
        if backend is not None and one.name in self._granted:
            self._granted.discard(one.name)
            await self._sure(backend, backend.revoke(one, self._ground.config.times.grant))

    async def stop(self, orders: str | None = None, why: str = "") -> None:
        """End it, and wait for that. Args: orders: "leave" or "cancel"; None: as configured."""
        if not self._stop.is_set():
            self._orders = orders if orders is not None else self._config.stopping
            self._end(why)
        await self.gone()

    async def gone(self) -> None:
        """Wait until it has ended."""
        await asyncio.wait([self._task])

    def kill(self) -> None:
        """Kill its Backend at once: there is no time for anything else."""
        self._task.cancel()
        if self._process is not None:
            self._process.kill_now()

    # --- its life ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._be("restarting" if self._again else "starting")
                ran_ns = 0
                self._beginning = asyncio.ensure_future(self._begin())
                try:
                    await self._beginning
                except (StepFailed, ConfigError) as error:
                    why = str(error)
                except asyncio.CancelledError:
                    if not self._beginning.cancelled() or not self._stop.is_set():
                        raise
                    why = "stopped"
                else:
                    began_ns = clock.mono_ns()
                    why = await self._attend()
                    ran_ns = clock.mono_ns() - began_ns
                if self._stop.is_set():
                    break
                wait = self._restarts.died(clock.mono_ns(), ran_ns)
                if wait is None:
                    config = self._ground.config.restart
                    self._be("failed", f"given up after {config.attempts} restarts in {config.within:g} s: {why}")
                    await self._stop.wait()
                    break
                self._again += 1
                self._be("restarting", why)
                self._log(logging.WARNING, "restart", "%s; again in %.1f s", why, wait)
                await _either(self._stop.wait(), wait)
        except Exception:  # a bug of ours must not take other sessions with it
            _log.exception("the session of %s failed", self.account)
            self._be("failed", "internal error")
        finally:
            if self._alone is not None:
                self._alone.cancel()
            self._on_end(self)
            self._changed.set()

    async def _begin(self) -> None:
        """Start a Backend, each step in its time. Raises: StepFailed, ConfigError."""
        config, times = self._ground.config, self._ground.config.times
        folder = private_folder(private_folder(Path(config.state, "accounts")) / self.account)
        start = self._start_of(folder)
        self._started_ns = clock.now().wall_ns
        process = self._process = await BackendProcess.begin(self._ground.command, folder)
        self._log(logging.INFO, "begun", "a Backend is started: process %d", process.pid)
        made = self._ground.backends.expect(
            start.secret(), process.pid, lambda link: RunningBackend(process, link, self._heard)
        )
        backend: RunningBackend | None = None
        try:
            await process.tell(start, times.tell)
            done, _ = await asyncio.wait(
                (made.came, process.ended), timeout=times.connect, return_when=asyncio.FIRST_COMPLETED
            )
            if made.came not in done:
                why = f": {process.said()}" if process.ended.done() else f" in {times.connect:g} s"
                raise StepFailed(f"the Backend did not connect{why}")
            backend = made.came.result()
            await backend.ready(times.ready)
            self._granted = set()
            for one in self.front_ends:
                await backend.grant(one, times.grant)
                self._granted.add(one.name)
        except BaseException:
            await (backend if backend is not None else process).end(times.terminate)
            self._process = None
            raise
        finally:
            self._ground.backends.forget(made)
        self._backend = backend

    def _start_of(self, folder: Path) -> Start:
        options = self._config.backend
        return Start(
            session=self.id,
            account=self.account,
            folder=str(folder),
            launcher=self._ground.backends.address,
            listen=options.listen or f"unix:{self._ground.config.socket_folder / self.id}.sock",
            api_key=self._api_key,
            token=new_secret(),
            settings=settings_text(self._config.session, options),
        )

    async def _attend(self) -> str:
        """See to a Backend that runs, until it is gone, which is made sure of; return why, for people."""
        backend, times = self._backend, self._ground.config.times
        assert backend is not None
        self._be("running")
        self._log(logging.INFO, "running", "the Backend is up at %s: process %d", backend.address, backend.pid)
        self._count(0)
        ended = asyncio.ensure_future(backend.ended())
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
            self._backend = None
            if not ended.done():
                self._be("stopping", self._text)
                await backend.stop(self._orders, times.stop, times.terminate)
                self._log(logging.INFO, "stopped", "the Backend was stopped%s", f": {self._text}" if self._text else "")
                return "stopped"
            why = ended.result()
        finally:
            self._backend = None
            stop.cancel()
            ended.cancel()
            await backend.end(times.stop)  # where the connection is gone, it may be about to end by itself
            self._process = None
            self._connected = 0
        return why

    # --- front ends ----------------------------------------------------------------------------------------

    async def _give(self, one: FrontEnd) -> str:
        """Have the Backend take a token, whichever it is by then; return its address. Raises: NotJoined."""
        while True:
            backend = self._backend
            if self._stop.is_set() or self._task.done():
                raise NotJoined("unavailable", "the session is being stopped", 1)
            if self.is_failed:
                raise NotJoined("unavailable", self._text)
            if backend is not None and one.name in self._granted:
                return backend.address
            if backend is not None:
                await self._sure(backend, backend.grant(one, self._ground.config.times.grant))
                if backend is self._backend:
                    self._granted.add(one.name)
            else:
                await self._changed.wait()

    async def _sure(self, backend: RunningBackend, asked: Any) -> None:
        """Wait for an answer; a Backend that gives none is of no more use: it is ended, and started again."""
        try:
            await asked
        except StepFailed as error:
            if backend is self._backend:
                self._backend = None
                self._log(logging.WARNING, "unanswered", "%s", error)
                await backend.end(self._ground.config.times.terminate)

    def _heard(self, status: SessionStatus) -> None:
        self._count(status.front_ends)

    def _count(self, front_ends: int) -> None:
        """Know how many front ends are connected; with none for long enough, the session ends."""
        self._connected = front_ends
        idle = self._config.idle
        if front_ends and self._alone is not None:
            self._alone.cancel()
            self._alone = None
        elif not front_ends and idle is not None and self._alone is None:
            self._alone = asyncio.get_running_loop().call_later(idle, self._left)

    def _left(self) -> None:
        if not self._stop.is_set():
            self._end(f"no front end for {self._config.idle:g} s")

    def _end(self, why: str) -> None:
        self._text = why
        self._stop.set()
        if self._beginning is not None and self._orders == "leave":  # to cancel orders it has to be up
            self._beginning.cancel()

    # --- telling -------------------------------------------------------------------------------------------

    def _be(self, state: str, text: str = "") -> None:
        if state == "failed":
            self._log(logging.ERROR, "failed", "%s", text)
        self._state, self._text = state, text
        self._changed.set()
        self._changed = asyncio.Event()

    def _log(self, level: int, event: str, text: str, *args: object) -> None:
        extra = about(event, None, account=self.account, id=self.id)
        _log.log(level, f"%s: {text}", self.account, *args, extra=extra)


async def _either(waiting: Any, seconds: float) -> None:
    """Wait for something, so many seconds at most."""
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        pass
