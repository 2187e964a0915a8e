"""More of a day at the desk, in a real browser: keys alone, replaces, halts, hostile names, a second browser."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.desk.browser import PASSWORD, Browser, browser, desk
from tests.service.launching import folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def choose(page: Browser, name: str, text: str) -> None:
    """Take an option of a menu."""
    page.click(name)

    def option() -> bool:
        for one in page.driver.find_elements("css selector", ".q-menu .q-item"):
            if one.text == text:
                one.click()
                return True
        return False

    page.until(option, f"{text} can be chosen")


def at(page: Browser) -> str:
    """Return what has the focus."""
    return str(page.driver.execute_script("return document.activeElement.getAttribute('data-test') || ''"))


def test_a_day_at_the_desk(path: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    with desk(path, "FIX.4.4") as running, browser(tmp_path / "one") as page:
        url = running.url
        page.open(url)
        client_id = page.signed_up("bob")
        page.log_in(client_id)
        page.until(lambda: len(page.text("ladder").split()) > 20, "the ladder is filled")

        # an order by keys alone: to the quantity, to the price, Enter
        keys = page.driver.switch_to.active_element
        for _ in range(30):
            if at(page) == "qty":
                break
            keys.send_keys(Keys.TAB)
            keys = page.driver.switch_to.active_element
        assert at(page) == "qty"
        keys.send_keys(Keys.CONTROL, "a")
        keys.send_keys("7", Keys.TAB)
        assert at(page) == "price"
        page.driver.switch_to.active_element.send_keys("201.5", Keys.ENTER)
        page.says("blotter", "201.5")
        page.says("blotter", "New")

        # replaced
        page.click("replace")
        page.put("replace-qty", "9")
        page.put("replace-price", "202")
        page.click("replace-send")
        page.until(lambda: "202" in page.text("blotter") and "201.5" not in page.text("blotter"), "it is replaced")

        # at the market
        choose(page, "type", "Market")
        page.put("qty", "3")
        page.click("send")
        page.says("blotter", "Filled")
        page.says("positions", "AAPL")

        # halted: refused, in words
        page.click("fault-halt")
        page.put("qty", "4")
        page.click("send")
        page.says("blotter", "Rejected")
        page.click("fault-resume")

        # what went over the wire, with names
        page.click("messages-fold", ".q-item")
        page.says("messages", "NewOrderSingle")
        page.click("messages", ".desk-rows button")
        page.says("messages", "MsgType")
        assert PASSWORD not in page.driver.page_source

        # a hostile name is a text
        page["symbol"].send_keys(Keys.CONTROL, "a")
        page["symbol"].send_keys(EVIL, Keys.ENTER)
        page.says("book-title", EVIL)
        page.click("send")
        page.says("blotter", EVIL)
        assert page.driver.execute_script("return window.hacked") is None
        assert page.driver.find_elements("css selector", "img[src=x]") == []
        page.shot("day")

        # a second browser is let in with the right password only, and is out when the user is
        with browser(tmp_path / "two") as second:
            second.open(url)
            second.put("client-id", client_id)
            second.put("password", "not the password")
            second.click("login")
            second.until(lambda: second.text("error"), "it is refused")
            second.open(url)
            second.log_in(client_id)
            second.says("blotter", "Filled")
            page.click("logout")
            assert page["login"]
            assert second["login"]
            second.open(url)
            assert second["login"]

        # other names and other pages lead nowhere
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30)
