"""A desk as a process of its own, with all that it needs, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

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


class Desk:
    """A running `fixfast desk --demo`. Attributes: url; state: its folder."""

    def __init__(self, state: Path, version: str) -> None:
        self.state = state
        self._log = (state.parent / "desk.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixfast", "desk", "--demo", "--port", "0", "--version", version,
             "--state", str(state)],
            stdout=subprocess.PIPE, stderr=self._log, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.said: list[str] = []
        self.url = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(r"desk at (http\S+)", line)
            if found:
                self.url = found[1]
                return
        raise AssertionError(f"the desk ended: {self.log()}")

    def log(self) -> str:
        """Return all that it wrote, to its end."""
        return "".join(self.said) + (self.state.parent / "desk.log").read_text()

    def family(self) -> dict[int, str]:
        """Return the processes of this desk that are there: pid -> arguments."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = os.readlink(path / "cwd")
            except OSError:
                continue
            if "fixfast" in line and (str(self.state) in line or str(self.state) in environment):
                found[int(path.name)] = line
        return found

    def backend(self) -> int:
        """Return the process number of the Backend."""
        (pid,) = [pid for pid, line in self.family().items() if "backend --pipe" in line]
        return pid

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        self.said.append(rest)
        self._log.close()
        return self.process.returncode


@contextmanager
def desk(state: Path, version: str = "FIX.4.2") -> Iterator[Desk]:
    """Have a desk; in the end nothing is left of it but its folder's files."""
    _there()
    made = Desk(state, version)
    try:
        yield made
    finally:
        status = made.stop()
    assert status == 0, made.log()
    assert not made.family()
    assert not [path for path in state.rglob("*") if path.is_socket()]


class Browser:
    """A Chromium at a desk. Attributes: driver: selenium's."""

    def __init__(self, driver: Any, shots: Path) -> None:
        self.driver = driver
        self._shots = shots

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
