"""The whole of it against the simulated exchange: its registration API over HTTP, its gateway over FIX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import fixfast as ff
from fixfast.auth import AuthClient, AuthReason, AuthState, RegistrationClient, SyncAuthClient
from fixfast.exchange import Exchange, ExchangeConfig
from tests.auth.test_aio import QUICK, VERSIONS
from tests.engine.harness import EAGER, HOST, run
from tests.exchange.accounts import cheap

ORDER: dict[str, Any] = {"symbol": "AAPL", "side": ff.Side.BUY, "qty": 100, "price": "100.00"}
PASSWORD, NEW = "canary correct horse", "canary battery staple"


@asynccontextmanager
async def exchange(**registration: Any) -> AsyncIterator[Exchange]:
    config = ExchangeConfig(host=HOST, port=0, registration=cheap(**registration))
    async with Exchange(config) as running:
        yield running


def url(running: Exchange) -> str:
    assert running.registration is not None
    return running.registration.url


def venue(running: Exchange, begin_string: str = "FIX.4.4") -> tuple[ff.SessionConfig, ff.ConnectionConfig]:
    config = ff.SessionConfig(begin_string, "ANY", "EXCHANGE", validation=ff.Validation("reject"))
    return config, ff.ConnectionConfig(HOST, running.port, reconnect=EAGER)


@pytest.mark.parametrize("begin_string", VERSIONS)
def test_register_log_in_trade_lose_the_line_change_the_password_log_out(begin_string: str) -> None:
    async def main() -> None:
        async with exchange() as running:
            async with AuthClient(*venue(running, begin_string), api=url(running), retry=QUICK) as auth:
                client_id = await auth.register_account("trader", PASSWORD)
                session = await auth.login(client_id, PASSWORD)
                orders = session.orders()
                order = await orders.submit(**ORDER)
                await order.acknowledged()
                assert order.status is ff.OrdStatus.NEW
                await auth.change_password(PASSWORD, NEW)
                session.drop()
                await auth.wait(AuthState.CONNECTING, AuthState.AUTHENTICATING)
                await auth.wait(AuthState.ACTIVE)
                await order.cancel()
                assert order.status is ff.OrdStatus.CANCELED
                await auth.logout()
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.login(client_id, PASSWORD)
                assert raised.value.reason is AuthReason.WRONG_PASSWORD
                await auth.login(client_id, NEW)

    run(main())


def test_what_the_registration_refuses_says_so() -> None:
    async def main() -> None:
        async with exchange() as running, RegistrationClient(url(running)) as client:
            client_id = await client.register("trader", PASSWORD)
            account = await client.profile(client_id, PASSWORD)
            assert (account.client_id, account.username) == (client_id, "trader")
            assert account.created
            refused: list[tuple[Any, AuthReason]] = [
                (client.register("Trader", PASSWORD), AuthReason.USERNAME_TAKEN),
                (client.register("another", "short"), AuthReason.INVALID),
                (client.register("<script>", PASSWORD), AuthReason.INVALID),
                (client.profile(client_id, NEW), AuthReason.WRONG_PASSWORD),
                (client.profile("NOBODY", PASSWORD), AuthReason.WRONG_PASSWORD),
            ]
            heard = []
            for call, reason in refused:
                with pytest.raises(ff.AuthFailed) as raised:
                    await call
                assert raised.value.reason is reason
                heard.append(raised.value)
            assert [name for name, _ in heard[1].fields] == ["password"]
            assert [name for name, _ in heard[2].fields] == ["username"]
        async with exchange(registrations_per_minute=1) as running, RegistrationClient(url(running)) as client:
            await client.register("trader", PASSWORD)
            with pytest.raises(ff.AuthFailed) as raised:
                await client.register("another", PASSWORD)
            assert raised.value.reason is AuthReason.TOO_MANY_REQUESTS
            assert raised.value.retry_after is not None
            assert 0 < raised.value.retry_after <= 60

    run(main())


def test_an_unknown_client_and_a_locked_account_are_refused_once() -> None:
    async def main() -> None:
        async with exchange(lock_after=2) as running:
            async with AuthClient(*venue(running), api=url(running), retry=QUICK) as auth:
                client_id = await auth.register_account("trader", PASSWORD)
                for who, password, reason in (
                    ("NOBODY", PASSWORD, AuthReason.HUNG_UP),
                    (client_id, NEW, AuthReason.WRONG_PASSWORD),
                    (client_id, NEW, AuthReason.WRONG_PASSWORD),
                    (client_id, PASSWORD, AuthReason.ACCOUNT_LOCKED),
                ):
                    with pytest.raises(ff.AuthFailed) as raised:
                        await auth.login(who, password)
                    assert raised.value.reason is reason
                assert running.registration is not None
                await running.registration.accounts.unlock(client_id.reveal())
                await auth.login(client_id, PASSWORD)

    run(main())


def test_a_password_on_the_logon_is_all_that_some_venues_want() -> None:
    async def main() -> None:
        async with exchange(require_logon_password=True) as running:
            where = venue(running, "FIXT.1.1")
            async with AuthClient(*where, api=url(running), retry=QUICK, user_request=False) as auth:
                client_id = await auth.register_account("trader", PASSWORD)
                session = await auth.login(client_id, PASSWORD)
                order = await session.orders().submit(**ORDER)
                await order.acknowledged()
                assert order.status is ff.OrdStatus.NEW
                await auth.logout()
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.login(client_id, NEW)
                assert raised.value.reason is AuthReason.WRONG_PASSWORD

    run(main())


def test_threads_do_the_same() -> None:
    def trade(running: Exchange) -> None:
        with SyncAuthClient(*venue(running, "FIX.4.2"), api=url(running), retry=QUICK) as auth:
            client_id = auth.register_account("trader", PASSWORD, timeout=10)
            session = auth.login(client_id, PASSWORD, timeout=10)
            order = session.orders().submit(**ORDER)
            order.acknowledged(10)
            assert order.status is ff.OrdStatus.NEW
            auth.change_password(PASSWORD, NEW, timeout=10)
            session.drop()
            auth.wait(AuthState.CONNECTING, AuthState.AUTHENTICATING, timeout=10)
            auth.wait(AuthState.ACTIVE, timeout=10)
            auth.logout(timeout=10)

    async def main() -> None:
        async with exchange() as running:
            await asyncio.to_thread(trade, running)

    run(main())
