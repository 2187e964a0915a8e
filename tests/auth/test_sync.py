"""SyncAuthClient against a real acceptor and a real registration server, on threads."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.auth import AuthFailure, AuthReason, AuthState, AuthTimeouts, RetryRules, SyncAuthClient
from tests.auth.desk import CLIENT as TORN
from tests.auth.http_server import serving
from tests.auth.test_aio import QUICK, VERSIONS, options
from tests.auth.test_threads import torn
from tests.auth.venue import CLIENT, NEW, PASSWORD, Venue
from tests.engine.harness import EAGER, HOST
from tests.engine.sync.test_connect import until

LIMIT = 15.0


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left


@contextmanager
def venue_and_client(
    venue: Venue, config: ff.SessionConfig | None = None, **more: Any
) -> Iterator[tuple[ff.sync.Server, SyncAuthClient]]:
    with ff.sync.serve(venue, host=HOST, port=0) as server:
        connection = ff.ConnectionConfig(HOST, server.port, reconnect=EAGER)
        with SyncAuthClient(config or options(), connection, **{"retry": QUICK, **more}) as auth:
            yield server, auth


@pytest.mark.parametrize("begin_string", VERSIONS)
def test_register_log_in_trade_change_the_password_log_out(begin_string: str) -> None:
    venue = Venue()
    with serving() as server, venue_and_client(venue, options(begin_string), api=server.url) as (_, auth):
        client_id = auth.register_account("me", PASSWORD, timeout=LIMIT)
        name = client_id.reveal()
        venue.users = {name: PASSWORD}
        session = auth.login(client_id, PASSWORD, timeout=LIMIT)
        assert (auth.state, auth.session) == (AuthState.ACTIVE, session)
        session.send("B", [(148, "hello"), (33, [[(58, "x")]])])
        assert auth.user_status(timeout=LIMIT) == (1, "in")
        auth.change_password(PASSWORD, NEW, timeout=LIMIT)
        with pytest.raises(ff.AuthFailed) as raised:
            auth.change_password(PASSWORD, NEW, timeout=LIMIT)
        assert raised.value.reason is AuthReason.WRONG_PASSWORD
        auth.logout(timeout=LIMIT)
        assert auth.session is None
    assert venue.heard == ["B"]
    assert venue.logons == [(name, None, None)]
    assert [asked[0] for asked in venue.asked] == ["1", "4", "3", "3", "2"]
    assert venue.logouts == ["Logout"]


@pytest.mark.parametrize(
    ("client_id", "password", "reason"),
    [
        (CLIENT, "guessed", AuthReason.WRONG_PASSWORD),
        ("LOCKED1", PASSWORD, AuthReason.ACCOUNT_LOCKED),
        ("NOBODY", PASSWORD, AuthReason.LOGON_REFUSED),
    ],
)
def test_a_login_that_is_refused_says_why_and_is_tried_once(client_id: str, password: str, reason: AuthReason) -> None:
    venue = Venue(**{CLIENT: PASSWORD, "LOCKED1": PASSWORD})
    venue.locked.add("LOCKED1")
    with venue_and_client(venue) as (_, auth):
        with pytest.raises(ff.AuthFailed) as raised:
            auth.login(client_id, password, timeout=LIMIT)
        assert raised.value.reason is reason
        assert len(venue.logons) == 1
        auth.login(CLIENT, PASSWORD, timeout=LIMIT)


def test_a_venue_that_is_silent_hangs_up_or_knows_no_user_requests() -> None:
    for trouble, reason in (
        ("mute", AuthReason.UNANSWERED),
        ("hang_up", AuthReason.HUNG_UP),
        ("reject", AuthReason.NOT_SUPPORTED),
    ):
        venue = Venue()
        setattr(venue, trouble, True)
        # A venue that answers has all the time it needs: the machine may be busy.
        timeouts = AuthTimeouts(authenticating=0.2) if venue.mute else None
        with venue_and_client(venue, timeouts=timeouts) as (_, auth):
            with pytest.raises(ff.AuthFailed) as raised:
                auth.login(CLIENT, PASSWORD, timeout=LIMIT)
            assert raised.value.reason is reason
            if not venue.mute:
                venue.hang_up = venue.reject = False
                auth.login(CLIENT, PASSWORD, timeout=LIMIT)


def test_a_venue_that_is_away_is_tried_again_and_given_up() -> None:
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        connection = ff.ConnectionConfig(HOST, closed.getsockname()[1])
        with SyncAuthClient(options(), connection, retry=QUICK) as auth:
            with pytest.raises(ff.AuthFailed) as raised:
                auth.login(CLIENT, PASSWORD, timeout=LIMIT)
            assert raised.value.reason is AuthReason.UNREACHABLE
            assert auth.failure is not None


def test_a_call_that_takes_too_long_is_given_up() -> None:
    venue = Venue()
    venue.mute = True
    with venue_and_client(venue) as (_, auth):
        with pytest.raises(TimeoutError):
            auth.login(CLIENT, PASSWORD, timeout=0.3)
        assert auth.state is AuthState.DISCONNECTED
        with pytest.raises(TimeoutError):
            auth.wait(AuthState.ACTIVE, timeout=0.01)


def test_a_login_to_nowhere_can_be_given_up_by_another_thread() -> None:
    with socket.create_server((HOST, 0)) as silent:
        with SyncAuthClient(options(), ff.ConnectionConfig(HOST, silent.getsockname()[1])) as auth:
            heard: list[BaseException] = []

            def login() -> None:
                try:
                    auth.login(CLIENT, PASSWORD)
                except ff.WrongAuthState as error:
                    heard.append(error)

            thread = threading.Thread(target=login)
            thread.start()
            auth.wait(AuthState.CONNECTING, timeout=LIMIT)
            time.sleep(0.05)
            auth.logout(timeout=LIMIT)
            thread.join(LIMIT)
            assert "meanwhile" in str(heard[0])


def test_a_lost_connection_comes_back_with_the_user_and_is_read_from_other_threads_meanwhile() -> None:
    venue, wrong, done = Venue(), [""], threading.Event()
    venue.users = {f"{TORN}-0": PASSWORD}
    with venue_and_client(venue) as (_, auth):

        def read() -> None:
            while not done.is_set():
                wrong[0] = wrong[0] or torn(auth.snapshot)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        session = auth.login(f"{TORN}-0", PASSWORD, timeout=LIMIT)
        for _ in range(3):
            session.drop()
            auth.wait(AuthState.CONNECTING, AuthState.AUTHENTICATING, timeout=LIMIT)
            auth.wait(AuthState.ACTIVE, timeout=LIMIT)
            assert auth.session is session
        done.set()
        for reader in readers:
            reader.join(LIMIT)
    assert wrong == [""]
    assert [asked[0] for asked in venue.asked] == ["1"] * 4 + ["2"]


def test_a_session_that_the_engine_gave_up_is_opened_anew_and_then_given_up_too() -> None:
    with ff.sync.serve(Venue(), host=HOST, port=0) as server:
        once = ff.Reconnect(initial=0.01, maximum=0.01, max_attempts=1)
        auth = SyncAuthClient(options(), ff.ConnectionConfig(HOST, server.port, reconnect=once), retry=QUICK)
        auth.__enter__()
        auth.login(CLIENT, PASSWORD, timeout=LIMIT)
    try:
        snapshot = auth.wait(AuthState.FAILED, timeout=LIMIT)
        assert snapshot.failure is not None
        assert snapshot.failure.reason is AuthReason.UNREACHABLE
    finally:
        auth.__exit__(None, None, None)


def test_a_user_whom_the_venue_logs_off_unasked_is_out_and_the_program_sees_the_message() -> None:
    venue = Venue()
    with venue_and_client(venue) as (_, auth):
        session = auth.login(CLIENT, PASSWORD, timeout=LIMIT)
        for status in (1, 2):
            fields = [(923, "none"), (553, CLIENT), (926, status), (927, f"end of day, {PASSWORD}")]
            seen: list[str | None] = []

            def program(seen: list[str | None] = seen) -> None:
                message = session.receive(LIMIT)
                seen.append(message.get(926) if message is not None else "")

            # It waits before: what comes to nobody who waits is forgotten with the session, which ends at once.
            reader = threading.Thread(target=program)
            reader.start()
            until(lambda: session.led == reader.ident)  # noqa: B023
            venue.sessions[0].send("BF", fields)
            reader.join(LIMIT)
            assert seen == [str(status)]
        snapshot = auth.wait(AuthState.FAILED, timeout=LIMIT)
        assert snapshot.failure == AuthFailure(AuthReason.LOGGED_OFF, "end of day, ***")


def test_a_user_who_is_let_in_and_logged_off_at_once_is_out() -> None:
    venue = Venue()
    venue.and_out = True
    with venue_and_client(venue) as (_, auth):
        auth.coordinator.login(CLIENT, PASSWORD, clock.now())
        snapshot = auth.wait(AuthState.FAILED, timeout=LIMIT)
        assert snapshot.failure == AuthFailure(AuthReason.LOGGED_OFF, "and out")


def test_callbacks_may_not_be_async() -> None:
    class Bot:
        async def on_message(self, session: object, message: object) -> None:
            pass

    with venue_and_client(Venue(), application=Bot()) as (_, auth):
        with pytest.raises(ff.AuthFailed, match="awaits nothing"):
            auth.login(CLIENT, PASSWORD, timeout=LIMIT)


def test_nothing_that_is_logged_has_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    with caplog.at_level(logging.DEBUG), ff.WireLog(tmp_path / "wire.log", secret_comp_ids=True) as wire_log:
        with venue_and_client(Venue(), wire_log=wire_log, logon_credentials=True) as (_, auth):
            session = auth.login(CLIENT, PASSWORD, timeout=LIMIT)
            auth.change_password(PASSWORD, NEW, timeout=LIMIT)
            seen.append(f"{auth} {session} {session.config} {auth.snapshot} {threading.enumerate()}")
            session.drop()
            auth.wait(AuthState.CONNECTING, AuthState.AUTHENTICATING, timeout=LIMIT)
            auth.wait(AuthState.ACTIVE, timeout=LIMIT)
    seen[0] = " ".join(part for part in seen[0].split("<") if "VENUE->" not in part)  # threads of the acceptor
    ours = [record for record in caplog.records if "VENUE->" not in f"{record.getMessage()}{record.threadName}"]
    seen += [record.getMessage() + repr(vars(record)) for record in ours]
    seen.append((tmp_path / "wire.log").read_text())
    assert "35=BE" in seen[-1]
    assert len(ours) > 10
    for text in seen:
        for secret in (CLIENT, PASSWORD, NEW):
            assert secret not in text, text


def test_it_is_used_inside_with_and_once() -> None:
    auth = SyncAuthClient(options(), ff.ConnectionConfig(HOST, 1), retry=RetryRules(attempts=1))
    with pytest.raises(RuntimeError, match="inside"):
        auth.login(CLIENT, PASSWORD)
    with auth:
        pass
    with pytest.raises(RuntimeError, match="one"):
        auth.__enter__()
