"""A credential store in PostgreSQL whose server is killed, begun again, or answers nothing: a real one, real files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fixfast.errors import StoreError
from fixfast.service.credentials import database
from fixfast.service.credentials.store import open_store
from fixfast.service.launcher.config import LauncherConfig, Times
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.link import LinkRefused
from tests.postgres import Server, server, why_none
from tests.service.launching import config_in, folder, launcher, log_in, new_key, on_loop

pytestmark = pytest.mark.skipif(sys.platform == "win32" or bool(why_none()), reason=why_none() or "no Unix sockets")

CANARY = "CANARY-4711"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def config_of(path: Path, postgres: Server, **options: object) -> LauncherConfig:
    return replace(config_in(path, **options), keys=postgres.url.replace("tester@", f"tester:{CANARY}@"))  # type: ignore[arg-type]


async def refused(running: Launcher, key: str) -> tuple[str, str, int]:
    with pytest.raises(LinkRefused) as caught:
        await log_in(running, "alice", key)
    return caught.value.code, caught.value.text, caught.value.retry_after


@on_loop
async def test_a_server_that_is_killed_is_said_and_one_that_is_back_is_used(
    path: Path, postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(path, postgres, recheck=0.05)
    key = new_key(config)
    async with launcher(config) as running:
        inside = await log_in(running, "alice", key)
        postgres.stop()
        for _ in range(2):
            assert await refused(running, key) == ("unavailable", "keys cannot be checked now", 5)
        postgres.start()
        again = await log_in(running, "alice", key)
        assert again.granted.session == inside.granted.session  # nobody was put out meanwhile
    assert "Traceback" not in caplog.text
    assert CANARY not in caplog.text


@on_loop
async def test_a_server_that_answers_nothing_holds_up_neither_a_login_nor_the_end(
    path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_ANSWER", 2.2)
    config = config_of(path, postgres, times=Times(greeting=2.0))
    key = new_key(config)
    with ExitStack() as held_up:
        async with launcher(config) as running:
            held_up.enter_context(postgres.held_up())
            assert await refused(running, key) == ("unavailable", "keys cannot be checked now", 5)
            assert "has not answered in 1.6 s" in caplog.text


def test_a_connection_that_was_cut_is_made_again(path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(path, postgres)
    with open_store(config.key_store) as store:
        with monkeypatch.context() as soon, postgres.held_up():
            soon.setattr(database, "_ANSWER", 0.05)
            with pytest.raises(StoreError, match=r"no answer in 0\.05 s") as caught:
                store.records()
            assert CANARY not in str(caught.value)
        assert store.records() is not None
