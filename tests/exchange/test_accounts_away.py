"""Accounts in PostgreSQL whose server is killed, begun again, or answers nothing: over HTTP, on a Logon, by request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import run
from tests.exchange.accounts import HOST, PASSWORD, Api, Reply, api, cheap
from tests.postgres import Server, server, why_none

pytestmark = pytest.mark.skipif(bool(why_none()), reason=why_none())

CANARY = "CANARY-4712"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


def url_of(postgres: Server) -> str:
    return postgres.url.replace("tester@", f"tester:{CANARY}@")


def is_away(said: Reply) -> bool:
    return (said.status, said.code) == (503, "unavailable") and int(said.headers["retry-after"]) > 0


def test_a_server_that_is_killed_is_said_and_one_that_is_back_is_used(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        config = ff.exchange.ExchangeConfig(port=0, registration=cheap(url=url_of(postgres)))
        async with ff.exchange.Exchange(config) as venue:
            assert venue.registration is not None
            web = Api(int(venue.registration.url.rpartition(":")[2]))
            client_id = (await web.register("bob")).json["client_id"]
            to = ff.ConnectionConfig(HOST, venue.port)
            bob = ff.SessionConfig("FIX.4.4", client_id, "EXCHANGE", reset_on_logon=True)

            async def says_password(session: Any, number: int) -> tuple[str, str]:
                fields = [(923, f"{number}"), (924, 1), (553, client_id), (554, PASSWORD)]
                return (await session.request("BE", fields, timeout=20)).many(926, 927)  # type: ignore[no-any-return]

            async with ff.connect(bob, to) as session:
                postgres.stop()
                for number in (1, 2):
                    assert is_away(await web.register("ann"))
                    assert is_away(await web.me(client_id))
                    assert await says_password(session, number) == ("6", "Not available at the moment")
                postgres.start()
                assert await says_password(session, 3) == ("1", "Logged in")
                assert (await web.register("ann")).status == 201
                assert (await web.me(client_id)).status == 200
            postgres.stop()
            with pytest.raises(ff.LogonFailed, match="Not available at the moment"):
                async with ff.connect(bob, to):
                    pass
            postgres.start()
            async with ff.connect(bob, to):
                pass

    run(main())
    assert "Traceback" not in caplog.text
    assert CANARY not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_server_that_answers_nothing_holds_up_neither_a_request_nor_the_end(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fixfast.exchange.accounts.postgres._ANSWER", 1.5)

    async def main() -> None:
        async with api(url=url_of(postgres)) as web:
            client_id = (await web.register("eve")).json["client_id"]
            with postgres.held_up():
                assert is_away(await web.register("eva"))
                assert "no answer in 1.5 s" in caplog.text
            assert (await web.me(client_id)).status == 200
        with ExitStack() as held_up:
            async with api(url=url_of(postgres)) as web:
                assert (await web.me(client_id)).status == 200
                held_up.enter_context(postgres.held_up())
                assert is_away(await web.me(client_id))

    run(main())
    assert CANARY not in caplog.text
