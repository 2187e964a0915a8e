"""Attacks on a whole exchange with accounts, over real HTTP and FIX: what they cost, and that nothing comes of them."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.accounts import http_app, http_server
from tests.engine.harness import run
from tests.exchange.accounts import HOST, PASSWORD, Api, basic, cheap

NEW = "another good password"
ORDER: list[tuple[int, Any]] = [
    *((11, "1"), (55, "AAPL"), (54, "1"), (38, 10), (40, "2"), (44, "230.00"), (60, "20260105-10:00:00")),
]
#: what a session of each version needs
OF_VERSION: dict[str, dict[str, Any]] = {
    "FIX.4.2": {"dictionary": "FIX.4.2+auth"},
    "FIX.4.4": {},
    "FIXT.1.1": {"default_appl_ver_id": "9"},
}


class House:
    """An exchange on real ports, its HTTP API, and who connects."""

    def __init__(self, exchange: ff.exchange.Exchange) -> None:
        assert exchange.registration is not None
        self.exchange = exchange
        self.web = Api(int(exchange.registration.url.rpartition(":")[2]), exchange.registration.accounts)

    async def registers(self, name: str) -> str:
        said = await self.web.register(name)
        assert said.status == 201, said
        return str(said.json["client_id"])

    def fix(self, client_id: str, version: str = "FIX.4.4", **options: Any) -> Any:
        """Return what connects a client."""
        options = {**OF_VERSION[version], **options}
        config = ff.SessionConfig(version, client_id, "EXCHANGE", reset_on_logon=True, **options)
        return ff.connect(config, ff.ConnectionConfig(HOST, self.exchange.port))

    @property
    def connections(self) -> int:
        """How many connections the HTTP API has."""
        http: Any = self.exchange.registration._http  # type: ignore[union-attr]
        return len(http._server.server_state.connections)

    async def trades(self, client_id: str) -> None:
        """See that somebody in order can log on, and trade."""
        async with self.fix(client_id) as session:
            said = await session.request("BE", [(923, "1"), (924, 1), (553, client_id), (554, PASSWORD)], timeout=10)
            assert said.get(926) == "1"
            assert (await session.request("D", ORDER, timeout=10)).get(39) == "0"


@asynccontextmanager
async def house(**options: Any) -> AsyncIterator[House]:
    served = {"limits": options.pop("limits")} if "limits" in options else {}
    config = ff.exchange.ExchangeConfig(port=0, registration=cheap(**options))
    async with ff.exchange.Exchange(config, **served) as exchange:
        yield House(exchange)


def test_register_log_on_log_in_trade_over_real_http_and_fix() -> None:
    async def main() -> None:
        async with house() as place:
            client_id = await place.registers("bob")
            for version in OF_VERSION:
                async with place.fix(client_id, version) as session:
                    order = [*ORDER, (21, "1")] if version == "FIX.4.2" else ORDER
                    assert (await session.request("D", order)).msg_type == "j"
                    said = await session.request("BE", [(923, "1"), (924, 1), (553, "bob"), (554, PASSWORD)])
                    assert said.many(35, 923, 926) == ("BF", "1", "1")
                    assert (await session.request("D", order)).get(39) == "0"

    run(main())


def test_an_exchange_that_cannot_open_lets_go_of_its_http_port_and_its_store(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as free:
        http_port = free.getsockname()[1]
    registration = cheap(url=f"sqlite:{tmp_path / 'accounts.db'}", port=http_port)

    async def main() -> None:
        async with house() as place:
            taken = ff.exchange.ExchangeConfig(port=place.exchange.port, registration=registration)
            with pytest.raises(OSError):
                async with ff.exchange.Exchange(taken):
                    pass
        async with ff.exchange.Exchange(ff.exchange.ExchangeConfig(port=0, registration=registration)) as exchange:
            assert (await House(exchange).web.register("bob")).status == 201
            with pytest.raises(OSError):
                async with ff.exchange.Exchange(ff.exchange.ExchangeConfig(port=0, registration=registration)):
                    pass

    run(main())


NAMES = [
    *("bob'; DROP TABLE account; --", "' OR '1'='1", "bob' --", 'bob" OR ""="', "bob\\'; --", "bob/*", "bob%00"),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "&lt;b&gt;", "{{7*7}}"),
    *("../../etc/passwd", "..\\..\\windows", "/etc/passwd", "file:///etc/passwd", "~root", "C:\\x", "a/../b", "."),
    *("bob\r\nX-Evil: 1", "bob\x00", "bob\x01554=x", "bob\n", "\u202ebob", "b" * 4000, "%s%s%n", "${jndi:ldap://x}"),
]


def test_names_that_are_sql_html_or_paths_are_refused_and_change_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "accounts.db"

    async def main() -> None:
        async with house(url=f"sqlite:{path}", lock_after=1000) as place:
            bob = await place.registers("bob")
            for name in NAMES:
                said = await place.web.register(name)
                assert said.status in (413, 422), (name, said)
                assert name.encode() not in said.raw or name == "."
                with suppress(UnicodeEncodeError):
                    assert (await place.web.me(name)).status == 401
            async with place.fix(bob) as session:
                for name in NAMES:
                    if "\x01" not in name and "\x00" not in name and name.isascii():
                        fields = [(923, "1"), (924, 1), (553, name), (554, PASSWORD)]
                        assert (await session.request("BE", fields)).get(926) == "3"
            await place.trades(bob)
        assert sorted(one.name for one in tmp_path.iterdir())[0] == "accounts.db"

    with caplog.at_level(logging.DEBUG):
        run(main())
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT username FROM account").fetchall() == [("bob",)]
    database.close()
    assert "<script>" not in caplog.text


def test_random_requests_are_refused_one_by_one_and_break_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Whole requests with bytes changed, doubled, left out or moved: an answer that is an error of theirs, or none."""
    chance = random.Random(8)
    body = b'{"username": "mallory", "password": "correct horse battery"}'
    whole = b"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    me = b"GET /accounts/me HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Ym9iOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==\r\n\r\n"

    def changed(request: bytes) -> bytes:
        for _ in range(chance.randint(1, 4)):
            a, b = sorted(chance.randrange(len(request) + 1) for _ in range(2))
            piece = request[a : min(b, a + 40)]
            new = chance.choice(
                [b"", piece * 2, bytes(chance.randrange(256) for _ in piece), piece[::-1], b"\r\n", b"\0"]
            )
            request = request[:a] + new + request[a + len(piece) :]
        return request

    async def main() -> None:
        async with house() as place:
            await place.registers("bob")
            for n in range(300):
                request = changed(whole % (len(body), body) if n % 3 else me)
                reader, writer = await place.web.connect()
                with suppress(ConnectionError):
                    writer.write(request)
                    writer.write_eof()  # nothing more is waited for
                    said = await asyncio.wait_for(reader.read(), 5)
                    assert not said or int(said.split(b" ")[1]) < 500, (request, said)
                writer.close()
            assert (await place.web.register("ann")).status == 201

    with caplog.at_level(logging.DEBUG):
        run(main(), limit=60)
    assert "Traceback" not in caplog.text
    assert "ERROR" not in caplog.text


def test_a_slow_body_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_app, "_BODY_TIME", 0.2)

    async def main() -> None:
        async with house() as place:
            reader, writer = await place.web.connect()
            head = "POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            writer.write(head.encode() + b"{")
            said = await reader.read()
            writer.close()
            assert said.startswith(b"HTTP/1.1 408 ")
            assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "timeout"

    run(main())


def test_headers_that_drip_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEAD_TIME", 0.3)

    async def main() -> None:
        async with house() as place:
            reader, writer = await place.web.connect()
            with suppress(ConnectionError):
                for _ in range(200):
                    writer.write(b"G" if _ == 0 else b"E")
                    await asyncio.sleep(0.02)
                    if reader.at_eof():
                        break
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            await place.registers("bob")

    run(main())


def test_headers_without_end_are_refused() -> None:
    async def main() -> None:
        async with house() as place:
            said = await place.web.raw(b"GET /accounts/me HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000)
            assert said.status in (400, 431)
            for garbage in (
                b"\x16\x03\x01\x02\x00\x01\x00",
                b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01\r\n\r\n",
                bytes(500),
            ):
                with suppress(ConnectionError, IndexError, ValueError):
                    assert (await asyncio.wait_for(place.web.raw(garbage + b"\r\n\r\n"), 8)).status == 400
            await place.registers("bob")

    run(main())


HALF_A_BODY = b"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.parametrize("sent", [b"", b"POST /acc", HALF_A_BODY], ids=["silent", "half a line", "half a body"])
def test_500_half_open_http_connections_keep_nobody_out(sent: bytes) -> None:
    async def main() -> None:
        async with house() as place:
            ends = []
            try:
                for _ in range(500):
                    end = socket.socket()
                    end.setblocking(False)
                    ends.append(end)
                    with suppress(BlockingIOError):
                        end.connect((HOST, place.web.port))
                    await asyncio.sleep(0)
                    with suppress(OSError):
                        end.send(sent)
                client_id = await asyncio.wait_for(place.registers("bob"), 10)
                assert place.connections <= 256
                assert (await place.web.me(client_id)).status == 200
                await place.trades(client_id)
            finally:
                for end in ends:
                    end.close()

    run(main(), limit=40)


def test_500_half_open_fix_connections_keep_no_registered_client_out() -> None:
    async def main() -> None:
        async with house(limits=ff.Limits(pending=100, pending_per_ip=50, connects_per_minute_per_ip=None)) as place:
            client_id = await place.registers("bob")
            ends = []
            try:
                for _ in range(500):
                    end = socket.socket()
                    end.setblocking(False)
                    end.bind(("127.0.0.9" if sys.platform == "linux" else HOST, 0))
                    ends.append(end)
                    with suppress(BlockingIOError):
                        end.connect((HOST, place.exchange.port))
                    await asyncio.sleep(0)
                assert len(place.exchange.server.sessions) == 0
                if sys.platform == "linux":
                    await asyncio.wait_for(place.trades(client_id), 10)
            finally:
                for end in ends:
                    end.close()

    run(main(), limit=40)


def test_a_flood_of_requests_is_answered_in_bounds_and_trading_goes_on() -> None:
    """Hashes that take long, far more of them than there are threads: who is too much is told so, at once."""

    async def main() -> None:
        async with house(hash_time=8, hash_memory=4096, attempts_per_minute=300, lock_after=1000) as place:
            client_id = await place.registers("bob")
            async with place.fix(client_id) as session:
                said = await session.request("BE", [(923, "1"), (924, 1), (553, "bob"), (554, PASSWORD)])
                assert said.get(926) == "1"
                flood = [asyncio.create_task(place.web.me("nobody", "x" * 20)) for _ in range(120)]
                await asyncio.sleep(0)
                report = await session.request("D", ORDER, timeout=10)
                assert report.get(39) == "0"
                said_all = await asyncio.gather(*flood)
                assert {one.status for one in said_all} == {401, 503}
                busy = next(one for one in said_all if one.status == 503)
                assert busy.code == "busy"
                assert busy.headers["retry-after"]

    run(main(), limit=60)


def test_guessing_over_both_ways_locks_once_and_for_both() -> None:
    async def main() -> None:
        async with house(lock_after=6, lock_for=3600) as place:
            client_id = await place.registers("bob")
            async with place.fix(client_id) as session:
                for n in range(3):
                    fields = [(923, f"{n}"), (924, 1), (553, "bob"), (554, f"guess {n}")]
                    assert (await session.request("BE", fields)).get(926) == "4"
                    assert (await place.web.me(client_id, f"guess {n}")).status == 401
                assert (await session.request("BE", [(923, "x"), (924, 1), (553, "bob"), (554, PASSWORD)])).get(
                    926
                ) == "6"
                assert (await place.web.me(client_id)).status == 423
            with pytest.raises(ff.LogonFailed) as caught:
                async with place.fix(client_id, "FIXT.1.1", password=PASSWORD):
                    pass
            assert caught.value.status == 6

    run(main())


def test_a_hundred_guesses_at_one_time_are_a_hundred() -> None:
    """What is tried side by side is counted before it is tried: no more guesses than one after the other."""

    async def main() -> None:
        async with house(lock_after=5) as place:
            client_id = await place.registers("bob")
            guesses = [asyncio.create_task(place.web.me(client_id, f"guess {n}")) for n in range(60)]
            statuses = [one.status for one in await asyncio.gather(*guesses)]
            assert statuses.count(401) == 5
            assert statuses.count(423) + statuses.count(503) == 55

    run(main())


def test_no_log_no_file_and_no_answer_has_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Canaries: passwords right, wrong, refused, new and misplaced; then everything that was written is read."""
    words = ("right-1", "wrong-2", "new-3", "refus\u00e9d-4", "as-name-5", "json-6")
    canaries = [f"c4nary-{word}" for word in words]
    right, wrong, new, odd, misplaced, broken = canaries
    wire = ff.WireLog(tmp_path / "wire.log")
    heard: list[bytes] = []

    async def main() -> None:
        registration = cheap(url=f"sqlite:{tmp_path / 'accounts.db'}", lock_after=3)
        config = ff.exchange.ExchangeConfig(port=0, journal=tmp_path / "state", registration=registration)
        with wire:
            async with ff.exchange.Exchange(config, wire_log=wire) as exchange:
                place = House(exchange)
                web = place.web
                made = await web.register("bob", right)
                client_id = made.json["client_id"]
                heard.append(made.raw)
                for said in (
                    await web.register("ann", odd),
                    await web.register(misplaced, "short"),
                    await web.ask("POST", "/accounts", b'{"username": "x", "password": "' + broken.encode()),
                    await web.ask("POST", f"/accounts?password={broken}", {"username": "x"}),
                    await web.me(client_id, right),
                    await web.me(client_id, wrong),
                    await web.me(misplaced, wrong),
                    await web.ask("GET", "/accounts/me", headers={"Authorization": f"Basic {broken}"}),
                    await web.ask("GET", "/accounts/me", headers=basic(client_id, right) | {"Origin": "http://x"}),
                ):
                    heard.append(said.raw)
                for version in OF_VERSION:
                    async with place.fix(client_id, version, password=right, username="bob"):
                        pass
                    with pytest.raises(ff.LogonFailed):
                        async with place.fix(client_id, version, password=wrong):
                            pass
                    async with place.fix(client_id, version) as session:
                        ask = [(553, "bob"), (554, right)]
                        assert (await session.request("BE", [(923, "1"), (924, 1), *ask])).get(926) == "1"
                        again = [(923, "2"), (924, 3), *ask, (925, new)]
                        assert (await session.request("BE", again)).get(926) == "5"
                        back = [(923, "3"), (924, 3), (553, "bob"), (554, new), (925, right)]
                        assert (await session.request("BE", back)).get(926) == "5"
                        await session.request("BE", [(923, "4"), (924, 1), (553, "bob"), (554, wrong)])
                        await session.request("BE", [(923, "5"), (924, 7), (553, "bob"), (554, wrong)])

    with caplog.at_level(logging.DEBUG):
        run(main())
    written = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written |= {"the log": caplog.text.encode(), "the answers": b"".join(heard)}
    assert b"35=BE" in written[str(tmp_path / "wire.log")]
    for where, content in written.items():
        for canary in canaries:
            assert canary.encode() not in content, (canary, where)
            assert canary.encode().hex().encode() not in content, (canary, where)
