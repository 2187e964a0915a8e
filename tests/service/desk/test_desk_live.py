"""The trading page lives: ladder and candles follow the market, tables are told only what changed, keys are enough."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from tests.service.desk.browser import PASSWORD, Browser, Desk, browser, desk
from tests.service.desk.test_desk_day import at
from tests.service.launching import folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

#: what a page has of the chart: the series as it is drawn
_CHART = """
const done = arguments[0], place = document.querySelector('[data-test=chart]');
import('nicegui-echart').then(({echarts}) => done(echarts.getInstanceByDom(place)?.getOption().series[0].data ?? []));
"""

#: contrast of every text that is to be seen with what is behind it: [text, contrast] of those below 4.5 (3: large)
_CONTRAST = r"""
const shade = colour => {
  const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
};
const over = (top, below) => [0, 1, 2].map(n => top[n] * top[3] + below[n] * (1 - top[3])).concat(1);
const light = colour => {
  const part = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = colour.slice(0, 3).map(v => part(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = one => {
  const layers = [];
  for (; one; one = one.parentElement) layers.push(shade(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
  if (!text || !one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
  if (one.closest('style, script, :disabled, .disabled, [aria-hidden=true]') || !one.getClientRects().length) continue;
  const style = getComputedStyle(one), back = behind(one);
  const front = over(shade(one instanceof SVGElement ? style.fill : style.color), back);
  const [a, b] = [light(front), light(back)], contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) poor.push([text, Math.round(contrast * 100) / 100]);
}
return poor;
"""

#: what can be used but has no name for who does not see it
_NAMELESS = """
const named = one => (one.getAttribute('aria-label') || one.textContent || one.title || '').trim()
  || [...(one.labels || [])].some(label => label.textContent.trim());
return [...document.querySelectorAll('button, input, select, textarea, [role=button], [role=tab], [role=table]')]
  .filter(one => one.checkVisibility() && !named(one)).map(one => one.outerHTML.slice(0, 200));
"""


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture
def trading(path: Path, tmp_path: Path) -> Iterator[tuple[Desk, Browser]]:
    """Have somebody logged in at a desk."""
    with desk(path) as running, browser(tmp_path) as page:
        page.open(running.url)
        page.log_in(page.signed_up("carol"))
        page.until(lambda: len(page.text("ladder").split()) > 20, "the ladder is filled")
        yield running, page


@contextmanager
def another_trader(running: Desk) -> Iterator[Any]:
    """Have somebody else logged in at the exchange, over FIX, without a desk."""
    said = re.search(r"exchange on (\S+):(\d+), accounts at (\S+),", running.program.said)
    assert said is not None
    venue = ff.ConnectionConfig(said[1], int(said[2]))
    with ff.auth.SyncAuthClient(ff.SessionConfig("FIX.4.4", "ANY", "EXCHANGE"), venue, api=said[3]) as auth:
        client_id = auth.register_account("mallory", PASSWORD, timeout=30)
        yield auth.login(client_id, PASSWORD, timeout=30)


def send(page: Browser, qty: str, price: str) -> None:
    """Send an order to buy."""
    page.put("qty", qty)
    page.put("price", price)
    page.says("words", f"Buy {qty} AAPL at {price}, day")
    page.click("send")


def cells(page: Browser, sheet: str) -> list[str]:
    """Return the texts of a table."""
    found: list[str] = page.driver.execute_script(
        "const found = document.querySelectorAll(`[data-test=${arguments[0]}] [role=cell]`);"
        "return [...found].map(one => one.textContent.trim())",
        sheet,
    )
    return found


def test_a_resting_order_is_filled_by_the_market_and_all_of_the_page_follows(trading: tuple[Desk, Browser]) -> None:
    running, page = trading

    def candles() -> list[list[float]]:
        data: list[list[float]] = page.driver.execute_async_script(_CHART)
        return data

    page.until(candles, "there is a candle")
    assert min(low for _, _, low, _ in candles()) > 225
    send(page, "7", "225")
    page.until(lambda: "New" in cells(page, "blotter"), "it rests")
    assert "Filled" not in cells(page, "blotter")
    with another_trader(running) as session:
        order = [
            (11, "SWEEP"),
            (55, "AAPL"),
            (54, "2"),
            (38, "2000"),
            (40, "2"),
            (44, "225"),
            (60, clock.now().wall_ns),
        ]
        session.send("D", order)  # more than all that is bid for above our price
        page.until(lambda: "Filled" in cells(page, "blotter"), "the market came to it")
        page.until(lambda: cells(page, "positions")[:4] == ["", "AAPL", "7", "225"], "the position has it")
        page.until(lambda: cells(page, "ladder")[2] == "225.00", "what is left is the best offer of the ladder")
        page.until(lambda: min(low for _, _, low, _ in candles()) == 225, "the candle went down there")
        assert all(low <= min(begin, end) <= max(begin, end) <= high for begin, end, low, high in candles())
    page.shot("filled")


def test_rows_stay_where_they_are_while_they_are_pointed_at(trading: tuple[Desk, Browser]) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    _, page = trading
    find = page.driver.find_element

    def rows() -> list[str]:
        found: list[str] = page.driver.execute_script(
            "return [...document.querySelectorAll('[data-test=blotter] .desk-rows')].map(a => a.textContent)"
        )
        return found

    send(page, "11", "201")
    page.until(lambda: "New" in cells(page, "blotter"), "it rests")
    page.driver.execute_script("document.querySelector('[data-test=blotter] .desk-rows').ours = true")
    ActionChains(page.driver).move_to_element(find("css selector", "[data-test=blotter] .desk-rows")).perform()
    page.put("qty", "12")
    page["price"].send_keys(Keys.ENTER)
    page.until(lambda: "1 more" in page.text("blotter"), "another one waits above")
    assert len(rows()) == 1
    page.click("which", "button:nth-of-type(1)")  # the pointer is elsewhere
    page.until(lambda: len(rows()) == 2, "it is shown")
    ours = page.driver.execute_script("return [...document.querySelectorAll('.desk-rows')].map(a => !!a.ours)")
    assert sum(ours) == 1, "what did not change was not made anew"
    # open ones only; all of them cancelled, when a person is sure
    page.click("cancel-all")
    page.click("cancel-all-sure")
    page.until(lambda: cells(page, "blotter").count("Canceled") == 2, "both are cancelled")
    page.click("which", "button:nth-of-type(2)")
    page.until(lambda: not rows(), "none is open")
    # a price of the ladder is put into the ticket
    page.click("ladder-pick")
    page.until(lambda: page["price"].get_attribute("value") not in ("", "201"), "the ticket has it")
    # what the venue refuses stands at the order
    page.click("which", "button:nth-of-type(1)")
    send(page, "13", "0.001")
    page.until(lambda: "Rejected" in cells(page, "blotter"), "it is refused")
    page.click("fold")
    page.until(lambda: page.all("execution"), "why is said")
    assert page.text("execution")


def test_keys_alone_are_enough(trading: tuple[Desk, Browser]) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    _, page = trading

    def press(*keys: str) -> None:
        ActionChains(page.driver).send_keys(*keys).perform()

    def reach(name: str) -> None:
        """Press Tab until something has the focus, and it can be seen that it has."""
        for _ in range(80):
            if at(page) == name:
                break
            press(Keys.TAB)
        assert at(page) == name
        outline = page.driver.execute_script(
            "const one = document.activeElement, style = getComputedStyle(one);"
            "return style.outlineStyle != 'none' || style.boxShadow != 'none' || !!one.closest('.q-field--focused')"
        )
        assert outline, f"the focus of {name} is to be seen"

    client_id = page.text("numbers").split()[0]
    reach("logout")
    press(Keys.ENTER)
    page.until(lambda: at(page) == "client-id", "the first field of the page has the focus")
    press(client_id, Keys.TAB, PASSWORD)
    reach("login")
    press(Keys.ENTER)
    page.says("session", "active")
    page.until(lambda: len(page.text("ladder").split()) > 20, "the ladder is filled")
    reach("qty")
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    press("21", Keys.TAB, "201.5")
    page.says("words", "Buy 21 AAPL at 201.5, day")
    press(Keys.ENTER)
    page.until(lambda: "New" in cells(page, "blotter"), "it rests")
    reach("cancel")
    press(Keys.ENTER)
    page.until(lambda: "Canceled" in cells(page, "blotter"), "it is cancelled")
    reach("logout")
    press(Keys.ENTER)
    page["login"]


def test_everything_can_be_read_and_named_and_fits(trading: tuple[Desk, Browser]) -> None:
    _, page = trading
    send(page, "5", "250")
    page.until(lambda: "Filled" in cells(page, "blotter"), "it is filled")
    send(page, "14", "200")
    send(page, "15", "0.001")
    page.until(lambda: {"Rejected", "New"} <= set(cells(page, "blotter")), "there is one of each")
    page.click("messages-fold", ".q-item")
    page.says("messages", "NewOrderSingle")
    page.says("messages", "UserResponse")
    assert page.driver.execute_script(_NAMELESS) == []
    driver = page.driver

    def fits(width: int) -> Any:
        wide = "return [innerWidth, document.documentElement.scrollWidth <= innerWidth]"
        return driver.execute_script(wide) == [width, True]

    for look in ("light", "dark"):
        page.until(lambda: driver.find_elements("css selector", f".body--{look}"), look)  # noqa: B023
        page.until(lambda: not driver.execute_script(_CONTRAST), f"all can be read, {look}")  # colours fade in
        for width, height in ((1280, 800), (1920, 1080), (390, 844)):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            page.until(lambda: fits(width), f"it fits into {width}")  # noqa: B023
            page.shot(f"{look}-{width}")
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.click("dark")
