"""The whole way of a front end: an exchange on the test's loop, a Launcher beside it, real Backends, and clients."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast.engine.settings.session import SessionSettings
from fixfast.exchange import Exchange
from fixfast.service.backend import Backend
from fixfast.service.client.client import Client, ClientOptions, connect
from fixfast.service.launcher.config import AccountConfig, LauncherConfig
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.link import Link
from fixfast.service.messages import Granted, Login, Message
from fixfast.service.start import BackendOptions
from fixfast.service.wire import listen
from fixfast.types import Role
from tests.service.houses import TOKENS, VERSIONS, exchange
from tests.service.launching import config_in, new_key

__all__ = ["QUICK", "House", "client_of", "house"]

#: a client that is back soon
QUICK = ClientOptions(first_wait=0.01, longest_wait=0.1)


class House:
    """An exchange, a Launcher with Backends that are real processes, and a key for its account.

    Attributes: venue: the exchange. launcher: with `sessions()`. key: of the account "alice".
    """

    def __init__(self, venue: Exchange, launcher: Launcher, config: LauncherConfig) -> None:
        self.venue = venue
        self.launcher = launcher
        self.config = config
        self.key = new_key(config)

    @property
    def address(self) -> str:
        return self.launcher.addresses[0]

    def client(self, options: ClientOptions = QUICK, **changes: Any) -> Client:
        given = {"launcher": self.address, "account": "alice", "api_key": self.key, **changes}
        return connect(given.pop("launcher"), options=options, **given)

    def kill(self) -> int:
        """End the Backend as a crash does; return its process number."""
        (info,) = self.launcher.sessions()
        os.kill(info.pid, signal.SIGKILL)
        return info.pid


@asynccontextmanager
async def house(path: Path, version: str = "FIX.4.2", *, port: int = 0, **options: Any) -> AsyncIterator[House]:
    """Have all of it, in a folder with a short path. `options`: of the Backend."""
    async with exchange() as venue:
        config = config_in(path, "alice")
        session = SessionSettings(
            name="alice",
            role=Role.INITIATOR,
            config=ff.SessionConfig(version, "BOT", "EXCHANGE", default_appl_ver_id=VERSIONS[version]),
            connection=ff.ConnectionConfig(
                "127.0.0.1", port or venue.port, reconnect=ff.Reconnect(initial=0.01, maximum=0.05)
            ),
        )
        account = AccountConfig(session=session, backend=BackendOptions(**options))
        config = replace(config, accounts={"alice": account})
        Path(config.state).mkdir(mode=0o700, exist_ok=True)
        async with Launcher(config) as launcher:
            yield House(venue, launcher, config)


@asynccontextmanager
async def client_of(backend: Backend, path: Path) -> AsyncIterator[Client]:
    """Have a client of a Backend on this loop, and in the Launcher's place one who lets it in."""

    def let_in(link: Link) -> None:
        def take(message: Message) -> None:
            assert isinstance(message, Login)
            link.admit()
            link.send(Granted("s1", backend.address, TOKENS["A"]))

        link.on_message = take

    door = await listen(f"unix:{path / 'run' / 'l.sock'}", lambda role, name: None, let_in, roles=("login",))
    async with connect(door.address, account="alice", api_key="any", options=QUICK) as client:
        yield client
    await door.close()
