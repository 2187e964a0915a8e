"""Users of a venue behind a Backend: their password may change, is shown nowhere, and the venue may log them off."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.auth import AuthCoordinator, AuthFailure, AuthReason, AuthState
from fixfast.engine.settings.session import LogConfig
from fixfast.service.client.client import Client
from fixfast.service.desk.port import BackendPort
from fixfast.service.messages import (
    Fault,
    LogOff,
    LogOn,
    StatusNow,
    UserAnswer,
    UserRequest,
    WatchMessages,
    WireMessage,
)
from tests.auth.venue import CLIENT, NEW, PASSWORD, Venue
from tests.engine.harness import HOST, until
from tests.service.fronts import client_of
from tests.service.houses import FrontEnd, backend, front_end, start_of
from tests.service.launching import folder, on_loop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

LOGON = {"user_id": CLIENT, "username": CLIENT, "password": PASSWORD}


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


@asynccontextmanager
async def by_hand(path: Path, venue: Venue) -> AsyncIterator[FrontEnd]:
    """A venue, a Backend with a wire log, and a front end that is logged on and watches."""
    log = LogConfig(path=str(path / "wire.log"))
    async with (
        ff.serve(venue, host=HOST, port=0) as server,
        backend(start_of(path, server.port, "FIX.4.4", log=log)) as house,
        front_end(house.address) as desk,
    ):
        await desk.do(WatchMessages)
        await desk.logged_on(**LOGON)
        yield desk


@asynccontextmanager
async def by_client(path: Path, venue: Venue) -> AsyncIterator[Client]:
    """A venue, a Backend, and a client."""
    async with (
        ff.serve(venue, host=HOST, port=0) as server,
        backend(start_of(path, server.port, "FIX.4.4")) as house,
        client_of(house, path) as client,
    ):
        yield client


def off(status: int, text: str) -> list[tuple[int, object]]:
    return [(923, "nobody asked"), (553, CLIENT), (926, status), (927, text)]


@pytest.mark.parametrize("status", [2, 7])
@on_loop
async def test_a_user_whom_the_venue_logs_off_unasked_is_out_at_the_front_end_too(path: Path, status: int) -> None:
    venue = Venue()
    async with by_client(path, venue) as client:
        auth = AuthCoordinator(None, BackendPort(client))
        auth.login(CLIENT, PASSWORD, clock.now())
        await until(lambda: auth.state is AuthState.ACTIVE)
        venue.sessions[-1].send_nowait("BF", off(1, "still here"))
        venue.sessions[-1].send_nowait("BF", off(status, f"end of day, {PASSWORD}"))
        await until(lambda: auth.state is AuthState.FAILED)
        assert auth.failure == AuthFailure(AuthReason.LOGGED_OFF, "end of day, ***")
        await until(lambda: not client.is_active)  # and its session is logged out
        assert client.status is not None
        assert not client.status.wanted


@on_loop
async def test_what_the_venue_says_of_the_password_is_shown_and_logged_nowhere(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    venue = Venue()
    venue.echo = True
    async with by_hand(path, venue) as desk:
        there = venue.sessions[-1]
        wrong = "canary of a wrong one"
        await desk.do(UserRequest, kind=1, username=CLIENT, password=wrong)  # "wrong: canary of a wrong one"
        there.send_nowait("BF", off(1, f"you said {PASSWORD}"))
        there.send_nowait("BF", off(2, f"bye, {PASSWORD}"))
        there.send_nowait("j", [(45, 1), (372, "D"), (380, 0), (58, f"not with {PASSWORD}")])
        await desk.until(lambda one: isinstance(one, Fault) and one.what == "reject")
        there.send_nowait("B", [(148, PASSWORD), (33, [[(58, "x")]])])
        await desk.until(lambda one: isinstance(one, WireMessage) and "35=B|" in one.text)
        assert UserAnswer(0, 2, "bye, ***") in desk.said
        venue.at_logon = ff.Refuse("not you", silent=False)
        await there.logout(f"go away with {PASSWORD}")
        await desk.until(lambda one: isinstance(one, StatusNow) and one.reason == "Logout: go away with ***")
        await desk.do(LogOff)
        said = repr(desk.said)
        assert "***" in said
    logged = "".join(one.read_text() for one in path.glob("wire*.log*"))
    assert logged.count("***") >= 6
    assert "canary" not in caplog.text
    assert "canary" not in said
    assert "canary" not in logged


@on_loop
async def test_a_password_that_was_changed_is_that_of_the_next_logon(path: Path) -> None:
    venue = Venue()
    async with by_client(path, venue) as client:
        await client.log_on(CLIENT, username=CLIENT, password=PASSWORD)
        await client.active()
        answer = await client.user_request(3, CLIENT, PASSWORD, "tiny")
        assert answer.status == 6
        answer = await client.user_request(3, CLIENT, PASSWORD, NEW)
        assert answer.status == 5
        # the connection is lost: the Backend logs on again
        venue.sessions[-1].drop()
        await until(lambda: len(venue.logons) == 2)
        await client.until(lambda: client.is_active)
        # somebody who logs on with the new one wants the same; with the old one, something else
        await client.log_on(CLIENT, username=CLIENT, password=NEW)
        # the session is to be logged on anew, as after a restart: by what the client remembers
        assert client._logging_on is not None
        assert client._logging_on.password == NEW
        assert venue.logons == [(CLIENT, CLIENT, PASSWORD), (CLIENT, CLIENT, NEW)]


@pytest.mark.parametrize("given", [{"username": CLIENT}, {"password": PASSWORD}, {}])
@on_loop
async def test_a_logon_has_what_is_given_and_nothing_empty(path: Path, given: dict[str, str]) -> None:
    venue = Venue()
    async with by_client(path, venue) as client:
        await client.log_on(CLIENT, username=given.get("username", ""), password=given.get("password", ""))
        await client.active()
        assert venue.logons == [(CLIENT, given.get("username"), given.get("password"))]


@on_loop
async def test_after_logging_off_or_being_refused_the_backend_has_no_password(path: Path) -> None:
    venue = Venue()
    async with (
        ff.serve(venue, host=HOST, port=0) as server,
        backend(start_of(path, server.port, "FIX.4.4")) as house,
        front_end(house.address) as desk,
    ):
        side = house._parts.side
        await desk.logged_on(**LOGON)
        assert side.config.password == PASSWORD
        await desk.do(LogOff)
        assert side.config.password == ""
        assert side._hidden == []
        venue.at_logon = ff.Refuse("not today", silent=False)
        await desk.do(LogOn, **LOGON)
        await desk.until(lambda one: isinstance(one, StatusNow) and not one.wanted and "refused" in one.reason)
        assert side.config.password == ""
        assert side._hidden == []
