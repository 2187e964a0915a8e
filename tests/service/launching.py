"""A Launcher on the loop of a test, with front ends that log in; and what must be left of it in the end: nothing."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec

import fixfast as ff
from fixfast import clock
from fixfast.engine.settings.session import SessionSettings
from fixfast.service.credentials.keys import Keys
from fixfast.service.credentials.store import open_store
from fixfast.service.launcher.config import AccountConfig, Guests, LauncherConfig, Times
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.launcher.restarts import Restarting
from fixfast.service.link import Link
from fixfast.service.messages import Granted, ListSessions, Login, Message, SessionInfo, Sessions, Welcome
from fixfast.service.wire import connect
from fixfast.store.hashing import HashCost, Hasher
from fixfast.types import Role
from tests.engine import harness

__all__ = [
    "CHEAP", "CHILD", "FrontEnd", "account", "changed", "children", "config_in", "folder", "launcher", "log_in",
    "new_key", "on_loop", "sessions", "until",
]  # fmt: skip

CHILD = Path(__file__).with_name("backend_child.py")
CHEAP = HashCost(time=1, memory=8, lanes=1)
P = ParamSpec("P")

#: seconds after which a test that waits is wrong
PATIENCE = 30.0


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Have a test that is a coroutine run on a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        harness.run(test(*args, **kwargs), limit=90)

    return run


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with a short path: those of sockets have 103 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="ff"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def account(name: str, port: int = 1) -> SessionSettings:
    """Return the FIX session of an account."""
    config = ff.SessionConfig("FIX.4.2", name.upper(), "EXCHANGE", dictionary="FIX.4.2+auth")
    return SessionSettings(
        name=name, role=Role.INITIATOR, config=config, connection=ff.ConnectionConfig("127.0.0.1", port)
    )


def config_in(path: Path, *names: str, times: Times | None = None, **options: object) -> LauncherConfig:
    """Return a Launcher's configuration for a folder: accounts that have nothing but a name, and quick restarts."""
    accounts = {name: AccountConfig(session=account(name)) for name in names or ("alice", "bob")}
    quick = Restarting(initial=0.01, maximum=0.05, attempts=3, within=60)
    whole = {"accounts": accounts, "hash": CHEAP, "restart": quick, "guests": Guests(), **options}
    return LauncherConfig(state=str(path / "state"), times=times or Times(), **whole)  # type: ignore[arg-type]


def new_key(config: LauncherConfig, name: str = "alice", *roles: str, **options: int) -> str:
    """Make a key for an account; return it."""
    with open_store(config.key_store) as store:
        now_ns = clock.now().wall_ns
        key, _ = Keys(store, Hasher(CHEAP)).create(name, now_ns, roles=roles or ("trade",), **options)  # type: ignore[arg-type]
        return key.text()


@asynccontextmanager
async def launcher(config: LauncherConfig, mode: str = "ok", command: Sequence[str] = ()) -> AsyncIterator[Launcher]:
    """Run a Launcher whose Backends are children of a kind, or what a command starts; look that nothing is left."""
    (Path(config.state)).mkdir(mode=0o700, exist_ok=True)
    before = set(children())
    async with Launcher(config, command=command or (sys.executable, str(CHILD), mode)) as running:
        yield running
    assert set(children()) == before, "a process was left behind"
    left = {path.name for path in Path(config.state).rglob("*") if "sock" in path.name or path.name == "run"}
    assert not left, f"left behind: {left}"


class FrontEnd:
    """A front end that was let in: its connection to the Launcher, and what it was granted."""

    def __init__(self, link: Link, granted: Granted) -> None:
        self.link = link
        self.granted = granted

    async def backend(self) -> tuple[Link, Welcome]:
        """Connect to the Backend with the token."""
        link = await connect(self.granted.address, "front_end", self.granted.token)
        welcome = await link.receive()
        assert isinstance(welcome, Welcome), welcome
        return link, welcome

    async def ask(self, message: Message) -> Message:
        """Ask the Launcher something."""
        self.link.send(message)
        async with asyncio.timeout(PATIENCE):
            return await self.link.receive()


async def log_in(running: Launcher, name: str, key: str, session: str = "") -> FrontEnd:
    """Log in. Raises: LinkRefused, LinkLost."""
    link = await connect(running.addresses[0], "login")
    link.send(Login(name, key, session))
    try:
        async with asyncio.timeout(PATIENCE):
            granted = await link.receive()
    except BaseException:
        await link.close()
        raise
    assert isinstance(granted, Granted), granted
    return FrontEnd(link, granted)


async def sessions(front_end: FrontEnd) -> list[SessionInfo]:
    """Ask the Launcher for its sessions."""
    answer = await front_end.ask(ListSessions(7))
    assert isinstance(answer, Sessions), answer
    assert answer.id == 7
    return answer.sessions


async def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.01)


def children() -> list[int]:
    """Return the processes that we started and that are there, zombies included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = path.read_text().split(" (", 1)
        except (OSError, ValueError):
            continue
        if int(rest.rpartition(") ")[2].split()[1]) == os.getpid():
            found.append(int(pid))
    return found


def changed(config: LauncherConfig, name: str, **options: object) -> LauncherConfig:
    """Return a configuration in which an account has other options."""
    one = replace(config.accounts[name], **options)  # type: ignore[arg-type]
    return replace(config, accounts={**config.accounts, name: one})
