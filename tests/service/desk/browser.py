"""A desk as a process of its own, with all that it needs, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.service.programs import Program, family

__all__ = ["PASSWORD", "Browser", "Desk", "browser", "desk"]

PATIENCE = 30.0
PASSWORD = "canary-4711-horse"
_NEEDED = "the browser test needs Debian's chromium and chromium-driver, and selenium"


def _there() -> tuple[str, str]:
    """Return where Chromium and its driver are; skip, but not in CI, where they are not."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    try:
        import selenium  # noqa: F401
    except ImportError:
        found = None, None
    if found[0] is None or found[1] is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_NEEDED)
        pytest.skip(_NEEDED)
    return found[0], found[1]


class Desk(NamedTuple):
    """A running `fixfast desk --demo`. Attributes: folder: of its state; program: what it says; url: its address."""

    folder: Path
    program: Program
    url: str

    def parts(self, word: str) -> list[int]:
        """Return the process numbers of a part of the demo: "exchange", "launcher", "backend"."""
        lines = {pid: line.partition("\n")[0] for pid, line in family(self.folder).items()}
        return [pid for pid, line in lines.items() if f" fixfast {word} " in line]

    def part(self, word: str) -> int:
        """Return the process number of the only one."""
        (pid,) = self.parts(word)
        return pid


@contextmanager
def desk(path: Path, version: str = "FIX.4.2") -> Iterator[Desk]:
    """Have a `fixfast desk --demo`, with its state in a folder; in the end nothing is left of it but files."""
    _there()
    program = Program(path, "desk", "--demo", "--port", "0", "--version", version, "--state", "s")
    try:
        (url,) = program.wait_for(r"desk at (http\S+)")
        yield Desk(path, program, url)
    finally:
        status = program.stop()
    assert status == 0, program.output()
    assert not family(path)
    assert not [one for one in path.rglob("*") if one.is_socket()]


class Browser:
    """A Chromium at a desk. Attributes: driver: selenium's."""

    def __init__(self, driver: Any, shots: Path) -> None:
        self.driver = driver
        self._shots = shots

    def open(self, url: str) -> None:
        """Go to a page, and wait until it talks with the desk: what is typed before may arrive in another order."""
        self.driver.get(url)
        self.until(lambda: self.driver.execute_script("return window.did_handshake === true"), f"{url} is connected")

    def all(self, name: str) -> list[Any]:
        """Return what is to be seen under a name (data-test)."""
        return [one for one in self.driver.find_elements("css selector", f'[data-test="{name}"]') if one.is_displayed()]

    def __getitem__(self, name: str) -> Any:
        self.until(lambda: self.all(name), name)
        return self.all(name)[0]

    def click(self, name: str, inside: str = "") -> None:
        """Click what stands under a name, or what a selector finds in it; again where it was drawn anew meanwhile."""
        from selenium.common.exceptions import ElementClickInterceptedException, NoSuchElementException

        def done() -> bool:
            for one in self.all(name)[:1]:
                try:
                    (one.find_element("css selector", inside) if inside else one).click()
                except (ElementClickInterceptedException, NoSuchElementException):
                    return False
                return True
            return False

        self.until(done, f"{name} can be clicked")

    def text(self, name: str) -> str:
        found = self.all(name)
        return str(found[0].text) if found else ""

    def put(self, name: str, text: str) -> None:
        """Type into a field, instead of what is there."""
        from selenium.webdriver.common.keys import Keys

        self[name].send_keys(Keys.CONTROL, "a")
        self[name].send_keys(text)

    def sign_up(self, name: str, password: str = PASSWORD) -> None:
        """Ask for an account, on the first page."""
        self.click("tab-register")
        self.put("username", name)
        self.put("new-password", password)
        self.put("new-password-again", password)
        self.click("register")

    def signed_up(self, name: str) -> str:
        """Have an account; return its client id, which stands in the form to log in then."""
        self.sign_up(name)
        self.says("good", "client id is")
        return self.text("good").split("client id is ")[1].split(":")[0]

    def try_login(self, client_id: str, password: str = PASSWORD) -> None:
        """Ask to be let in, on the first page."""
        self.click("tab-login")
        self.put("client-id", client_id)
        self.put("password", password)
        self.click("login")

    def log_in(self, client_id: str) -> None:
        """Come to the trading page."""
        self.try_login(client_id)
        self.says("session", "active")

    def until(self, so: Callable[[], object], what: str) -> None:
        """Wait until something is so; what a page draws anew meanwhile is looked for again."""
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.driver, PATIENCE, 0.05, ignored_exceptions=[StaleElementReferenceException])
        try:
            waiting.until(lambda driver: so())
        except TimeoutException:
            self.shot("failed")
            raise AssertionError(f"not so: {what}; {self.driver.find_element('css selector', 'body').text}") from None

    def says(self, name: str, text: str) -> None:
        """Wait until a text stands under a name."""
        self.until(lambda: text in self.text(name), f"{name} says {text}")

    def shot(self, name: str) -> None:
        """Keep what it looks like: an artefact of the test."""
        folder = Path(os.environ.get("FIXFAST_SCREENSHOTS") or self._shots)
        folder.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(folder / f"desk-{name}.png"))


@contextmanager
def browser(shots: Path) -> Iterator[Browser]:
    """Have a Chromium without a screen."""
    from selenium import webdriver

    chromium, driver = _there()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for one in ("--headless=new", "--no-sandbox", "--window-size=1500,1100", f"--user-data-dir={shots / 'profile'}"):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Browser(made, shots)
    finally:
        made.quit()
