"""The clients of fixfast.auth against the exchange, over real HTTP and FIX: both sides of one contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, run, until
from tests.exchange.accounts import HOST, PASSWORD, Api, api, cheap

pytest.importorskip("httpx")


async def refused(client: ff.auth.RegistrationClient, name: str, password: str = PASSWORD) -> ff.AuthFailed:
    with pytest.raises(ff.AuthFailed) as caught:
        await client.register(name, password)
    return caught.value


def url_of(web: Api) -> str:
    return f"http://{HOST}:{web.port}"


def test_what_one_side_says_the_other_understands() -> None:
    async def main() -> None:
        async with api(lock_after=2) as web, ff.auth.RegistrationClient(url_of(web)) as client:
            client_id = await client.register("Bob", PASSWORD)
            account = await client.profile(client_id, PASSWORD)
            assert (account.client_id, account.username) == (client_id, "Bob")
            assert (await refused(client, "bob")).reason is ff.auth.AuthReason.USERNAME_TAKEN
            invalid = await refused(client, "<b>", "short")
            assert invalid.reason is ff.auth.AuthReason.INVALID
            assert {name for name, _ in invalid.fields} == {"username", "password"}
            for reason in ("WRONG_PASSWORD", "WRONG_PASSWORD", "ACCOUNT_LOCKED"):
                with pytest.raises(ff.AuthFailed) as caught:
                    await client.profile(client_id, "wrong")
                assert caught.value.reason is ff.auth.AuthReason[reason]
            assert web.accounts is not None
            web.accounts.store.close()
            assert (await refused(client, "ann")).reason is ff.auth.AuthReason.API_BUSY

    run(main())


def test_a_limit_says_when_to_come_again() -> None:
    async def main() -> None:
        async with api(registrations_per_minute=1) as web, ff.auth.RegistrationClient(url_of(web)) as client:
            await client.register("bob", PASSWORD)
            failure = await refused(client, "ann")
            assert failure.reason is ff.auth.AuthReason.TOO_MANY_REQUESTS
            assert failure.retry_after is not None
            assert 1 <= failure.retry_after <= 60

    run(main())


def test_a_thread_registers_just_as_well() -> None:
    def register(url: str) -> str:
        with ff.auth.SyncRegistrationClient(url) as client:
            return client.profile(client.register("bob", PASSWORD), PASSWORD).username

    async def main() -> None:
        async with api() as web:
            assert await asyncio.to_thread(register, url_of(web)) == "bob"

    run(main())


NEW = "another good password"
VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")


@asynccontextmanager
async def both(
    version: str = "FIX.4.4", **options: Any
) -> AsyncIterator[tuple[ff.exchange.Exchange, ff.auth.AuthClient]]:
    """Run an exchange, and a client of it that has not registered yet."""
    own = {name: options.pop(name) for name in list(options) if name in ("logon_credentials", "user_request")}
    config = ff.exchange.ExchangeConfig(port=0, registration=cheap(**options))
    async with ff.exchange.Exchange(config) as exchange:
        assert exchange.registration is not None
        where = ff.ConnectionConfig(HOST, exchange.port, reconnect=EAGER)
        more = {"default_appl_ver_id": "9"} if version == "FIXT.1.1" else {}
        session = ff.SessionConfig(version, "ANY", "EXCHANGE", **more)  # type: ignore[arg-type]
        retry = ff.auth.RetryRules(initial=0.01, maximum=0.05)
        async with ff.auth.AuthClient(session, where, api=exchange.registration.url, retry=retry, **own) as auth:
            yield exchange, auth


def order(version: str, cl_ord_id: str) -> list[tuple[int, Any]]:
    hands = [(21, "1")] if version == "FIX.4.2" else []
    return [
        *((11, cl_ord_id), *hands, (55, "AAPL"), (54, "1"), (38, 10), (40, "2"), (44, "230.00")),
        (60, "20260105-10:00:00"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_register_log_in_trade_change_the_password_log_out_and_in_again(version: str) -> None:
    async def main() -> None:
        async with both(version) as (exchange, auth):
            client_id = await auth.register_account("bob", PASSWORD)
            session = await auth.login(client_id, PASSWORD)
            assert auth.state is ff.auth.AuthState.ACTIVE
            assert (await session.request("D", order(version, "1"))).get(39) == "0"
            await auth.change_password(PASSWORD, NEW)
            with pytest.raises(ff.AuthFailed) as caught:
                await auth.change_password(NEW, "tiny")
            assert caught.value.reason == "password_not_changed"
            assert "10 to 128 characters" in caught.value.text
            name = client_id.reveal()
            await auth.logout()
            with pytest.raises(ff.AuthFailed) as caught:
                await auth.login(name, PASSWORD)
            assert caught.value.reason == "wrong_password"
            session = await auth.login(name, NEW)
            assert (await session.request("D", order(version, "2"))).get(39) == "0"
            assert exchange.registration is not None
            assert (await exchange.registration.accounts.check(name, NEW)).verdict.value == "ok"

    run(main())


def test_a_lost_connection_logs_in_again_by_itself() -> None:
    async def main() -> None:
        async with both() as (exchange, auth):
            session = await auth.login(await auth.register_account("bob", PASSWORD), PASSWORD)
            [theirs] = exchange.server.sessions.values()
            theirs.drop()
            await until(lambda: session.connections == 2 and auth.state is ff.auth.AuthState.ACTIVE)
            assert (await session.request("D", order("FIX.4.4", "1"))).get(39) == "0"

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_password_on_the_logon_is_all_there_is_to_a_login(version: str) -> None:
    async def main() -> None:
        async with both(version, require_logon_password=True, user_request=False) as (_, auth):
            name = (await auth.register_account("bob", PASSWORD)).reveal()
            session = await auth.login(name, PASSWORD)
            assert (await session.request("D", order(version, "1"))).get(39) == "0"
            await auth.logout()
            with pytest.raises(ff.AuthFailed) as caught:
                await auth.login(name, "wrong")
            # only FIXT.1.1 has a field for why, SessionStatus(1409)
            assert caught.value.reason == ("wrong_password" if version == "FIXT.1.1" else "logon_refused")

    run(main())


def test_an_account_that_is_locked_says_so_to_a_person() -> None:
    async def main() -> None:
        async with both(lock_after=1) as (_, auth):
            name = (await auth.register_account("bob", PASSWORD)).reveal()
            for password, reason in (("wrong", "wrong_password"), (PASSWORD, "account_locked")):
                with pytest.raises(ff.AuthFailed) as caught:
                    await auth.login(name, password)
                assert caught.value.reason == reason
                await auth.logout()
            assert "locked" in str(caught.value)

    run(main())
