"""Registering and logging in, when it takes time and when it comes to nothing: a spinner, and one sentence for people.

Slow is made so: the exchange's process, which has the registration server in it, is stopped by a signal, looked at, and
let go on. Nothing is waited for but what is to be seen.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.desk.browser import Browser, browser, desk
from tests.service.launching import folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


def busy(page: Browser, doing: str) -> None:
    """Wait until the spinner is to be seen, with what is being done; nothing can be asked for meanwhile."""
    page.until(lambda: page.all("spinner"), "the spinner turns")
    page.says("doing", doing)
    assert not any(one.is_enabled() for name in ("login", "register") for one in page.all(name))


def refused(page: Browser, sentence: str) -> None:
    """Wait until it came to nothing, and why is said."""
    page.says("error", sentence)
    page.until(lambda: not page.all("spinner"), "the spinner is gone")


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def test_a_spinner_turns_while_it_takes_time_and_a_sentence_says_why_it_failed(path: Path, tmp_path: Path) -> None:
    with desk(path) as running, browser(tmp_path) as page:
        page.open(running.url)
        page["login"]
        assert not page.all("spinner")
        with stopped(running.part("exchange")):
            page.sign_up("carol")
            busy(page, "registering")
            page.shot("registering")
        page.says("good", "client id is")
        page.until(lambda: not page.all("spinner"), "the spinner is gone")
        client_id = page.text("good").split("client id is ")[1].split(":")[0]

        page.sign_up("carol")
        refused(page, "This user name is taken")
        page.sign_up("dave", "short")
        refused(page, "password: 10 to 128 characters")
        assert page.text("error").count("10 to 128") == 1, "once is enough"

        with stopped(running.part("exchange")):
            page.try_login(client_id, "not the password")
            busy(page, "connecting")
        refused(page, "The venue refused the logon. (Invalid username or password)")
        page.shot("refused")

        # the Backend dies in the middle of it: another one goes on with the login
        with stopped(running.part("exchange")):
            page.try_login(client_id)
            busy(page, "connecting")
            before = running.part("backend")
            os.kill(before, signal.SIGKILL)
            page.until(lambda: running.parts("backend") not in ([], [before]), "there is another Backend")
            busy(page, "connecting")
        page.says("session", "active")
        assert running.part("backend") != before


def test_what_is_down_is_said(path: Path, tmp_path: Path) -> None:
    with desk(path) as running, browser(tmp_path) as page:
        page.open(running.url)
        client_id = page.signed_up("carol")
        os.kill(running.part("exchange"), signal.SIGKILL)
        page.sign_up("dave")
        refused(page, "The registration server cannot be reached.")
        page.try_login(client_id)
        busy(page, "connecting")
        page.says("doing", "Connect call failed")  # at once, and not when the time for it is over
        assert not page.text("error")
        page.says("error", "The venue cannot be reached.")
        busy(page, "trying again")
        page.shot("exchange-down")
        page.click("stop")
        page.until(lambda: not page.all("spinner"), "it was stopped")
        # without Launcher and Backend: said at once
        backend = running.part("backend")
        os.kill(running.part("launcher"), signal.SIGKILL)
        os.kill(backend, signal.SIGKILL)
        page.until(lambda: lost(page, client_id), "the desk knows that")
        page.shot("backend-down")
        for one in (path / "s").rglob("*"):
            if one.is_socket():  # of those that were killed
                one.unlink()


def lost(page: Browser, client_id: str) -> bool:
    """Try to log in; return whether the page says that there is no Backend."""
    if not page.all("spinner"):
        page.try_login(client_id)
        page.until(lambda: page.text("error"), "something is said")
    return "lost its Backend" in page.text("error")
