"""The whole of it with real processes: exchange, Launcher, Backend, front ends; orders over a killed Backend."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.engine.settings.session import SessionSettings
from fixfast.service.credentials.apikey import new_key as random_key
from fixfast.service.launcher.child import COMMAND
from fixfast.service.launcher.config import AccountConfig, LauncherConfig
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.link import LinkRefused
from fixfast.service.messages import (
    Done,
    Granted,
    Login,
    LogOff,
    LogOn,
    OrderNow,
    Resume,
    StopSession,
    Submit,
    Subscribe,
    TradeNow,
    Welcome,
)
from fixfast.service.start import BackendOptions
from fixfast.service.wire import connect
from fixfast.transport.tls import TlsConfig
from fixfast.types import Role
from tests.engine.certificates import Authority
from tests.service.houses import VERSIONS, FrontEnd, exchange
from tests.service.launching import FrontEnd as LoggedIn
from tests.service.launching import config_in, folder, launcher, log_in, new_key, on_loop, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def config_at(path: Path, port: int, version: str = "FIX.4.2", **options: object) -> LauncherConfig:
    """Return a Launcher's configuration for alice at an exchange."""
    session = SessionSettings(
        name="alice",
        role=Role.INITIATOR,
        config=ff.SessionConfig(
            version,
            "ALICE",
            "EXCHANGE",
            default_appl_ver_id=VERSIONS[version],
            dictionary="FIX.4.2+auth" if version == "FIX.4.2" else None,
        ),
        connection=ff.ConnectionConfig("127.0.0.1", port, reconnect=ff.Reconnect(initial=0.01, maximum=0.05)),
    )
    accounts = {"alice": AccountConfig(session=session, **options)}  # type: ignore[arg-type]
    return replace(config_in(path), accounts=accounts)


@asynccontextmanager
async def desk(one: LoggedIn) -> AsyncIterator[FrontEnd]:
    """Be a front end at the Backend, as long as the block lasts."""
    link, welcome = await one.backend()
    made = FrontEnd(link, welcome.id_prefix)
    try:
        yield made
    finally:
        await link.close()


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
@on_loop
async def test_orders_trade_and_outlive_a_killed_backend(path: Path, version: str) -> None:
    async with exchange() as venue:
        config = config_at(path, venue.port, version)
        key = new_key(config)
        async with launcher(config, command=COMMAND) as running:
            one = await log_in(running, "alice", key)
            async with desk(one) as first:
                await first.resumed()
                await first.logged_on()
                await first.submit("1", qty="30")
                await first.order("1", "0")
            os.kill(running.sessions()[0].pid, signal.SIGKILL)
            await until(lambda: (running.sessions()[0].restarts, running.sessions()[0].state) == (1, "running"))
            async with desk(one) as again:
                assert again.prefix == first.prefix
                await again.resumed()
                assert (await again.order("1", "0")).leaves_qty == "30"  # it is there still
                await again.logged_on()
                other = await log_in(running, "alice", key)
                async with desk(other) as second:
                    assert second.prefix != again.prefix
                    await second.resumed()
                    await second.submit("1", side="2", qty="30")
                    assert (await second.order("1", "2")).cum_qty == "30"
                assert (await again.order("1", "2")).cum_qty == "30"
                assert {trade.qty for trade in again.all(TradeNow)} == {"30"}
            assert await one.ask(StopSession(1, one.granted.session, "leave")) == Done(1)
            with pytest.raises(LinkRefused):
                await log_in(running, "alice", random_key().text())


@on_loop
async def test_a_front_end_with_a_key_to_look_sees_all_and_does_nothing(path: Path) -> None:
    async with exchange() as venue:
        config = config_at(path, venue.port)
        async with launcher(config, command=COMMAND) as running:
            one = await log_in(running, "alice", new_key(config))
            look = await log_in(running, "alice", new_key(config, "alice", "read"))
            async with desk(one) as trader, desk(look) as screen:
                await trader.resumed()
                await screen.resumed()
                await trader.logged_on()
                await trader.submit("1", qty="30")
                seen = await screen.until(lambda message: isinstance(message, OrderNow) and message.status == "0")
                assert seen.cl_ord_id == f"{trader.prefix}1"
                for command in (LogOn(0), LogOff(0), Submit(0, f"{screen.prefix}1", "AAPL", "1", "10", "100")):
                    answer = await screen.failed(command)
                    assert (answer.code, answer.text) == ("refused", "this API key may only look")
                await screen.do(Subscribe, symbol="AAPL")
                await screen.do(Resume)


@on_loop
async def test_orders_are_cancelled_when_the_launcher_stops_where_that_is_wanted(path: Path) -> None:
    async with exchange() as venue:
        config = config_at(path, venue.port, stopping="cancel")
        key = new_key(config)
        async with launcher(config, command=COMMAND) as running, desk(await log_in(running, "alice", key)) as one:
            await one.resumed()
            await one.logged_on()
            await one.submit("1", qty="30")
            await one.order("1", "0")
        async with launcher(config, command=COMMAND) as running, desk(await log_in(running, "alice", key)) as later:
            assert later.prefix > one.prefix
            later.prefix = one.prefix
            await later.resumed()
            assert (await later.order("1", "4")).cum_qty == "0"


@on_loop
async def test_C20_all_of_it_works_over_tls_from_another_machine(path: Path) -> None:
    authority = Authority(path)
    tls = TlsConfig(certificate=authority.issue("house", "localhost"))
    trust = TlsConfig(ca_file=authority.file)
    async with exchange() as venue:
        config = config_at(path, venue.port, backend=BackendOptions(listen="tls:localhost:0", tls=tls))
        config = replace(config, listen=("tls:localhost:0",), tls=tls)
        async with launcher(config, command=COMMAND) as running:
            door = await connect(running.addresses[0], "login", tls=trust)
            door.send(Login("alice", new_key(config)))
            granted = await door.receive()
            assert isinstance(granted, Granted)
            assert granted.address.startswith("tls:localhost:")
            link = await connect(granted.address, "front_end", granted.token, tls=trust)
            welcome = await link.receive()
            assert isinstance(welcome, Welcome)
            one = FrontEnd(link, welcome.id_prefix)
            await one.resumed()
            await one.logged_on()
            await one.submit("1")
            await one.order("1", "0")
            await link.close()
            await door.close()


def test_the_command_that_starts_a_backend_is_the_one_there_is() -> None:
    assert COMMAND[1:] == ("-m", "fixfast", "backend")
    assert Launcher.__init__.__kwdefaults__ == {"command": COMMAND}
