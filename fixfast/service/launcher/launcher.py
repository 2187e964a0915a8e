"""Launcher: lets front ends in by account and API key, and keeps a Backend running for each account's session.

See docs/launcher.md for the whole flow, step by step.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from fixfast import clock
from fixfast.engine.observing.records import about
from fixfast.errors import ConfigError, MissingExtra
from fixfast.service.credentials.keys import Accepted
from fixfast.service.launcher.backends import Backends
from fixfast.service.launcher.child import COMMAND, StepFailed, private_folder
from fixfast.service.launcher.config import LauncherConfig
from fixfast.service.launcher.logins import WRONG, Logins
from fixfast.service.launcher.session import Ground, NotJoined, Session
from fixfast.service.launcher.tokens import FrontEnd
from fixfast.service.link import Link, LinkLost, LinkOptions
from fixfast.service.messages import (
    Done,
    Failed,
    Granted,
    ListSessions,
    Login,
    Message,
    Refused,
    SessionInfo,
    Sessions,
    StopSession,
)
from fixfast.service.wire import Listener, listen
from fixfast.store.files import open_locked

__all__ = ["Launcher"]

_log = logging.getLogger("fixfast.launcher")


class Launcher:
    """A Launcher: `async with Launcher(config): ...`. One event loop owns it.

    Leaving it stops every Backend, by policy, and leaves no process, socket or temporary file behind.

    Args:
        config: what it allows.
        command: how a Backend is started; `--pipe FD` follows.

    Attributes: addresses: where front ends find it, with the ports that they have.

    Raises (on entering): ConfigError: a folder that others may enter, another Launcher that has it. StoreError: the
        credential store. MissingExtra. OSError: it cannot listen.
    """

    def __init__(self, config: LauncherConfig, *, command: Sequence[str] = COMMAND) -> None:
        self._config = config
        self.addresses: tuple[str, ...] = ()
        self._logins = Logins(config)
        times = config.times
        folder = config.socket_folder
        self._backends = Backends(f"unix:{folder / 'backends.sock'}", times.greeting, times.idle, config.sessions)
        self._ground = Ground(config, self._backends, tuple(command))
        self._sessions: dict[str, Session] = {}
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = -1
        self._closing = False

    def sessions(self) -> list[SessionInfo]:
        """Return what there is."""
        return [session.info() for session in self._sessions.values()]

    async def stop(self, session: str, orders: str = "leave") -> bool:
        """End a session by its id, and wait for that; return whether there is one."""
        found = next((one for one in self._sessions.values() if one.id == session), None)
        if found is not None:
            await found.stop(orders)
        return found is not None

    # --- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Launcher:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _open(self) -> None:
        config = self._config
        if any(one.backend.uvloop for one in config.accounts.values()) and find_spec("uvloop") is None:
            raise MissingExtra("uvloop", "a Backend with uvloop = true")  # it would end as often as it was started
        self._take(Path(config.state))
        self._clear()
        await self._logins.open()
        await self._backends.open()
        options = LinkOptions(greeting=config.times.greeting, idle=config.times.idle)
        for address in config.addresses:
            tls = config.tls if address.startswith("tls:") else None
            listener = await listen(
                address, _nobody, self._came, roles=("login",), tls=tls,
                uids=config.uids if tls is None else None, options=options, limits=config.guests.limits(),
            )  # fmt: skip
            self._listeners.append(listener)
        self.addresses = tuple(listener.address for listener in self._listeners)
        self._begin(self._look_at_keys())
        _log.info("a Launcher listens on %s", ", ".join(self.addresses), extra=about("listening"))

    async def _close(self) -> None:
        """Stop all of it. Whoever cancels that has the Backends killed."""
        self._closing = True
        sessions = list(self._sessions.values())  # no more come: see _join()
        try:
            going = Refused("unavailable", "the Launcher is being stopped", 5)
            await asyncio.gather(*(listener.close(going) for listener in self._listeners))
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(*(session.stop() for session in sessions))
        except BaseException:
            for session in sessions:
                session.kill()
            raise
        finally:
            for session in sessions:
                await session.gone()
            await self._backends.close()
            await self._logins.close()
            if self._lock >= 0:
                self._clear()
                os.close(self._lock)
                self._lock = -1
                _log.info("the Launcher is gone", extra=about("closed"))

    def _take(self, state: Path) -> None:
        """Be the only Launcher with this folder."""
        try:
            private_folder(state)
            private_folder(self._config.socket_folder)
        except StepFailed as error:
            raise ConfigError("state", str(state), str(error)) from None
        fd = open_locked(os.fspath(state / "launcher.lock"))
        if fd is None:
            raise ConfigError("state", str(state), "a folder of this Launcher alone: another one has it")
        self._lock = fd

    def _clear(self) -> None:
        """Remove sockets that killed processes left. Nobody else makes any here: we have the lock."""
        folder = self._config.socket_folder
        for path in [*folder.glob("*.sock"), *folder.glob("*.sock.lock")]:
            path.unlink(missing_ok=True)
        if self._closing:
            with suppress(OSError):  # a socket of somebody's own is in it
                folder.rmdir()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- front ends ----------------------------------------------------------------------------------------

    def _came(self, link: Link) -> None:
        self._begin(self._attend(link))

    async def _attend(self, link: Link) -> None:
        """See to a front end, from its Login to its end."""
        one: FrontEnd | None = None
        try:
            login = await link.receive()
            if not isinstance(login, Login):
                link.end(WRONG)
                return
            link.keep()  # how many may wait to be checked is bounded in itself
            known = await self._logins.check(login, link.where)
            if isinstance(known, Refused):
                link.end(known)
                return
            link.admit()
            one, granted = await self._join(known, login)
            link.send(granted)
            async for message in link:
                await self._obey(link, known, message)
        except NotJoined as error:
            link.end(error.refused)
        except LinkLost:
            pass
        except Exception:  # a bug of ours must not take others with it
            _log.exception("a front end from %s failed", link.where)
            link.end(Refused("unavailable", "internal error"))
        finally:
            if one is not None:
                one.here = False
            link.end()

    async def _join(self, known: Accepted, login: Login) -> tuple[FrontEnd | None, Granted]:
        """Let somebody into the account's session, which is begun where there is none. Raises: NotJoined."""
        config = self._config.accounts.get(known.account)
        if config is None or not {"trade", "read"} & set(known.roles) or login.session == "none":
            return None, Granted("", "", b"")  # for ListSessions and StopSession
        session = self._sessions.get(known.account)
        while session is not None and (session.is_failed or session.is_stopping):
            await session.stop()
            session = self._sessions.get(known.account)
        if self._closing:
            raise NotJoined("unavailable", "the Launcher is being stopped", 5)
        if login.session and (session is None or session.id != login.session):
            raise NotJoined("unavailable", "there is no such session of this account")
        if session is None:
            if "trade" not in known.roles:
                raise NotJoined("unavailable", "there is no session to look at")
            if len(self._sessions) >= self._config.sessions:
                raise NotJoined("limit", f"{len(self._sessions)} sessions are there already", 30)
            session = Session(self._ground, known.account, config, known, login.api_key, self._ended)
            self._sessions[known.account] = session
        return await session.join(known)

    def _ended(self, session: Session) -> None:
        if self._sessions.get(session.account) is session:
            del self._sessions[session.account]

    async def _obey(self, link: Link, known: Accepted, message: Message) -> None:
        """Do what somebody who is in asks for: with his own session, an administrator with all."""
        admin = "admin" in known.roles
        mine = [one for one in self._sessions.values() if admin or one.account == known.account]
        if isinstance(message, ListSessions):
            link.send(Sessions(message.id, [one.info() for one in mine]))
        elif isinstance(message, StopSession):
            found = next((one for one in mine if one.id == message.session), None)
            if message.orders not in ("leave", "cancel"):
                link.send(Failed(message.id, "invalid", '"leave" or "cancel"', "orders"))
            elif not admin and "trade" not in known.roles:
                link.send(Failed(message.id, "refused", "this key may only look"))
            elif found is None:
                link.send(Failed(message.id, "unknown", "there is no such session", "session"))
            else:
                text = "session %s is stopped by key %s"
                _log.info(text, found.id, known.key_id, extra=about("stop", account=found.account, id=found.id))
                await found.stop(message.orders)
                link.send(Done(message.id))
        else:
            link.send(Failed(getattr(message, "id", 0), "unsupported", f"no Launcher does {type(message).__name__}"))

    # --- keys that are good no more --------------------------------------------------------------------------

    async def _look_at_keys(self) -> None:
        """Look now and then whether the keys of those who are in are still good."""
        while True:
            await asyncio.sleep(self._config.recheck)
            now = clock.mono_ns()
            for session in list(self._sessions.values()):
                await self._look_at(session)
            _log.debug("keys looked at in %.3f s", (clock.mono_ns() - now) / 1e9)

    async def _look_at(self, session: Session) -> None:
        keys = {one.key_id for one in session.front_ends} | {session.key_id}
        bad = {key_id for key_id in keys if not await self._logins.still_good(key_id)}
        for one in session.front_ends:
            if one.key_id in bad:
                extra = about("dropped", account=session.account)
                _log.warning("%s: key %s is good no more", session.account, one.key_id, extra=extra)
                await session.drop(one)
        if session.key_id in bad:
            await session.stop(why="its API key is good no more")


def _nobody(role: str, name: str) -> bytes | None:
    """Return no secret: front ends show a key here, and tokens elsewhere."""
    return None
