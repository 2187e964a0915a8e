"""The whole of it, with real processes, files, sockets, a database and a browser: from registering to logging out."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fixfast.service.desk.door import COOKIE, KNOWN_COOKIE
from tests.service.desk.browser import PASSWORD, Browser, browser, desk
from tests.service.launching import folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


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


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_register_log_in_trade_crash_and_log_out(path: Path, tmp_path: Path, version: str) -> None:
    with desk(path / "s", version) as running, browser(tmp_path) as page:
        page.driver.get(running.url)
        page.click("tab-register")
        page.put("username", "alice")
        page.put("new-password", PASSWORD)
        page.put("new-password-again", PASSWORD)
        page.click("register")
        page.says("good", "client id is")
        page.put("password", "wrong password")
        page.click("login")
        page.says("error", "Invalid username or password")
        page.shot("login")
        page.put("password", PASSWORD)
        page.click("login")
        page.says("session", "active")
        cookies = page.driver.get_cookies()
        assert {cookie["name"] for cookie in cookies} == {COOKIE, KNOWN_COOKIE}
        assert {(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies} == {(True, "Strict")}
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
        os.kill(running.backend(), signal.SIGKILL)
        page.until(lambda: page.text("session") != "active", "the Backend is seen to be gone")
        page.says("session", "active")
        for text in ("New", "Filled"):
            page.says("blotter", text)
        page.says("positions", "AAPL")
        page.click("cancel")
        page.says("blotter", "Canceled")
        page.click("dark")
        page.until(lambda: page.driver.find_elements("css selector", ".body--dark"), "it is dark")
        page.shot("dark")
        assert foreign(page, running.url) == set()
        assert PASSWORD not in page.driver.page_source
        page.click("logout")
        page["login"]
        assert [cookie["name"] for cookie in page.driver.get_cookies()] == [KNOWN_COOKIE], "it is out"
        assert not any(PASSWORD in line for line in running.family().values())
    assert PASSWORD not in running.log()
    assert not [one for one in (path / "s").rglob("*.log") if PASSWORD.encode() in one.read_bytes()]
