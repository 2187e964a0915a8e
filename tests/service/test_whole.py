"""The whole of it: processes, files, sockets, a PostgreSQL server and a browser, from registering to logging out.

In the end nothing is left of it but files, and no secret is in one of them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fixfast.service.desk.door import COOKIE, KNOWN_COOKIE
from fixfast.service.messages import Granted, Login
from fixfast.service.wire import connect
from tests.service.desk.browser import PASSWORD, Browser, browser
from tests.service.launching import folder, until
from tests.service.programs import Program, family, files_with, shown_by

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

DATABASE_PASSWORD = "canary-of-the-database"
VENUE = """
journal = "exchange"

[agents]

[registration]
url = {url}
port = 0
"""
LAUNCHER = """
[launcher]
keys = {url}

[account.alice]
begin_string = "{version}"
sender_comp_id = "DESK"
target_comp_id = "EXCHANGE"
connection = {{ host = "127.0.0.1", port = {port}, reconnect = {{ max_refusals = 1 }} }}
log = {{ path = "wire.log" }}
"""


class House:
    """All processes, in one folder. Attributes: url: of the desk. launcher: its address. key: the API key's file."""

    def __init__(self, path: Path, version: str, database: str, ends: ExitStack) -> None:
        self.path = path
        self.programs: list[Program] = []
        self._ends = ends
        url = json.dumps(database)
        (path / "venue.toml").write_text(VENUE.format(url=url))
        where, api = self._run("exchange", "venue.toml", "--port", "0", "--wire-log", "exchange-wire.log").wait_for(
            r"listening on 127\.0\.0\.1:(\d+)", r"accounts: POST (http\S+)/accounts"
        )
        (path / "launcher.toml").write_text(LAUNCHER.format(url=url, version=version, port=where))
        self.key = path / "alice.key"
        keys = Program(path, "keys", "--config", "launcher.toml", "create", "alice", "--out", "alice.key")
        assert keys.finish() == 0, keys.output()
        (self.launcher,) = self._run("launcher", "launcher.toml").wait_for(r"listening on (unix:\S+)")
        (self.url,) = self._run(
            "desk", "--launcher", self.launcher, "--account", "alice", "--key-file", "alice.key",
            "--registration", api, "--symbol", "AAPL", "--port", "0",
        ).wait_for(r"desk at (http\S+)")  # fmt: skip

    def _run(self, *arguments: str) -> Program:
        program = Program(self.path, *arguments, environment={"TMPDIR": str(self.path / "tmp")})
        self.programs.append(program)
        self._ends.callback(program.stop)
        return program

    def backends(self) -> list[int]:
        return [pid for pid, text in family(self.path).items() if "backend --pipe" in text]


@pytest.fixture
def house(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[House]:
    with folder() as path, ExitStack() as ends:
        (path / "tmp").mkdir()
        yield House(path, request.param, postgres_url.replace("//tester@", f"//tester:{DATABASE_PASSWORD}@"), ends)


async def token(house: House) -> bytes:
    """Return a session token, as a second front end of the account gets one."""
    link = await connect(house.launcher, "login")
    link.send(Login("alice", house.key.read_text().strip()))
    granted = await link.receive()
    assert isinstance(granted, Granted), granted
    await link.close()
    return granted.token


def order(page: Browser, qty: str, price: str) -> None:
    page.put("qty", qty)
    page.put("price", price)
    page.click("send")


def foreign(page: Browser, ours: str) -> set[str]:
    """Return the hosts that the browser asked but ours."""
    asked = set()
    for entry in page.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urlsplit(message["params"]["request"]["url"])
            if url.scheme in ("http", "https", "ws", "wss") and url.netloc != urlsplit(ours).netloc:
                asked.add(url.netloc)
    return asked


def register_and_log_in(page: Browser) -> None:
    client_id = page.signed_up("alice")
    page.put("password", "wrong password")  # the client id stands there already
    page.click("login")
    page.says("error", "Invalid username or password")
    page.shot("login")
    page.log_in(client_id)


def trade_and_come_back(page: Browser, house: House) -> None:
    # a limit order rests; the ladder lives
    page.until(lambda: len(page.text("ladder").split()) > 20, "the ladder is filled")
    order(page, "10", "200")
    page.says("blotter", "New")
    # one that the market takes at once, with its executions folded under it
    order(page, "5", "250")
    page.says("blotter", "Filled")
    page.click("fold")
    page.until(lambda: page.all("execution"), "its executions are to be seen")
    page.says("positions", "AAPL")
    page.shot("trade")
    # the Backend dies, and comes back with all of it
    (before,) = house.backends()
    os.kill(before, signal.SIGKILL)
    page.until(lambda: page.text("session") != "active", "the Backend is seen to be gone")
    page.says("session", "active")
    assert house.backends() != [before]
    for text in ("New", "Filled"):
        page.says("blotter", text)
    page.says("positions", "AAPL")
    page.click("cancel")
    page.says("blotter", "Canceled")
    page.click("dark")
    page.until(lambda: page.driver.find_elements("css selector", ".body--dark"), "it is dark")
    page.shot("dark")


def hashes(url: str) -> dict[str, bytes]:
    """Return salts and hashes, of the password and of the API key: as they are in the database."""
    import psycopg

    found: dict[str, bytes] = {}
    with psycopg.connect(url) as connection:
        for table, column in (("fixfast_account", "password_hash"), ("fixfast_api_key", "hash")):
            ((text,),) = connection.execute(f"SELECT {column} FROM {table}".encode()).fetchall()
            *_, salt, digest = text.split("$")
            found |= {f"salt in {table}": salt.encode(), f"hash in {table}": digest.encode()}
    return found


def secrets_of(house: House, cookie: str, database: str) -> dict[str, bytes]:
    """Return all that nobody may find anywhere, and what it is."""
    key = house.key.read_text().strip().rpartition("_")[2]
    raw = asyncio.run(token(house))
    tokens = {"token": raw, "token in hex": raw.hex().encode(), "token in base64": base64.b64encode(raw).rstrip(b"=")}
    return {
        "password": PASSWORD.encode(), "API key": key.encode(), "cookie": cookie.encode(),
        "database password": DATABASE_PASSWORD.encode(), **tokens, **hashes(database),
    }  # fmt: skip


@pytest.mark.parametrize("house", ["FIX.4.2", "FIX.4.4"], indirect=True)
def test_register_log_in_trade_crash_and_log_out(house: House, tmp_path: Path, postgres_url: str) -> None:
    with browser(tmp_path) as page:
        page.open(house.url)
        register_and_log_in(page)
        cookies = {cookie["name"]: cookie for cookie in page.driver.get_cookies()}
        assert set(cookies) == {COOKIE, KNOWN_COOKIE}
        assert {(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies.values()} == {(True, "Strict")}
        canaries = secrets_of(house, cookies[COOKIE]["value"], postgres_url)
        canaries["cookie of a known browser"] = cookies[KNOWN_COOKIE]["value"].encode()
        assert len(family(house.path)) == 4, "exchange, Launcher, Backend, desk"
        assert shown_by(house.path, canaries) == []
        trade_and_come_back(page, house)
        assert shown_by(house.path, canaries) == []
        assert foreign(page, house.url) == set()
        assert not [name for name, canary in canaries.items() if canary.decode("latin-1") in page.driver.page_source]
        page.click("logout")
        page["login"]
        assert [cookie["name"] for cookie in page.driver.get_cookies()] == [KNOWN_COOKIE], "it is out"
    for program in reversed(house.programs):
        assert program.stop() == 0, program.output()
    nothing_is_left(house)
    nothing_shows(house, canaries)


def nothing_is_left(house: House) -> None:
    asyncio.run(until(lambda: not family(house.path)))
    assert not [path for path in house.path.rglob("*") if path.is_socket()]
    assert list((house.path / "tmp").iterdir()) == []


def nothing_shows(house: House, canaries: dict[str, bytes]) -> None:
    """Look for secrets in all that was written, once it is known that what could have them was written."""
    said = "".join(program.output() for program in house.programs)
    for words, kind in ((b"35=BE", "wire.log"), (b"35=BE", "exchange-wire.log"), (b"AAPL", "orders")):
        assert [path for path in files_with(house.path, words) if kind in path.name], f"{words!r} in {kind}"
    assert [path for path in files_with(house.path / "state", b"35=D") if "journals" in path.parts], "journals"
    allowed = {"API key": {"alice.key"}, "database password": {"venue.toml", "launcher.toml"}}
    for name, canary in canaries.items():
        assert canary.decode("latin-1") not in said, name
        assert {path.name for path in files_with(house.path, canary)} == allowed.get(name, set()), name
