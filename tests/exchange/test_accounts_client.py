"""The client of fixfast.auth against the HTTP API of the exchange: both sides of one contract."""

from __future__ import annotations

import asyncio

import pytest

import fixfast as ff
from tests.engine.harness import run
from tests.exchange.accounts import HOST, PASSWORD, Api, api

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
