"""AuthClient against a real acceptor and a real registration server, on an event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.auth import AuthClient, AuthFailure, AuthReason, AuthState, AuthTimeouts, AuthUpdate, RetryRules
from tests.auth.http_server import serving
from tests.auth.test_secret import frames_of
from tests.auth.venue import CLIENT, NEW, PASSWORD, Venue
from tests.engine.harness import EAGER, HOST, run, until

VERSIONS = ["FIX.4.2", "FIX.4.4", "FIXT.1.1"]
QUICK = RetryRules(initial=0.01, maximum=0.05, jitter=0)


def options(begin_string: str = "FIX.4.4", **more: Any) -> ff.SessionConfig:
    return ff.SessionConfig(begin_string, "ANY", "VENUE", heart_bt_int=30, **more)


@asynccontextmanager
async def venue_and_client(
    venue: Venue, config: ff.SessionConfig | None = None, **more: Any
) -> AsyncIterator[tuple[ff.Server, AuthClient]]:
    async with ff.serve(venue, host=HOST, port=0) as server:
        connection = ff.ConnectionConfig(HOST, server.port, reconnect=EAGER)
        async with AuthClient(config or options(), connection, **{"retry": QUICK, **more}) as auth:
            yield server, auth


@pytest.mark.parametrize("begin_string", VERSIONS)
def test_register_log_in_trade_change_the_password_log_out(begin_string: str) -> None:
    async def main() -> None:
        venue = Venue()
        with serving() as server:
            async with venue_and_client(venue, options(begin_string), api=server.url) as (_, auth):
                client_id = await auth.register_account("me", PASSWORD)
                venue.users = {client_id.reveal(): PASSWORD}
                assert auth.state is AuthState.DISCONNECTED
                session = await auth.login(client_id, PASSWORD)
                assert (auth.state, auth.session) == (AuthState.ACTIVE, session)
                assert session.config.sender_comp_id == client_id.reveal()
                session.send_nowait("B", [(148, "hello"), (33, [[(58, "x")]])])
                assert await auth.user_status() == (1, "in")
                await auth.change_password(PASSWORD, NEW)
                assert venue.users == {client_id.reveal(): NEW}
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.change_password(PASSWORD, NEW)
                assert raised.value.reason is AuthReason.WRONG_PASSWORD
                assert auth.state is AuthState.ACTIVE
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.change_password(NEW, "tiny")
                assert (raised.value.reason, raised.value.text) == (AuthReason.PASSWORD_NOT_CHANGED, "too short")
                await auth.logout()
                assert auth.session is None
                assert auth.client_id is None
            name = client_id.reveal()
            assert venue.heard == ["B"]
            assert venue.logons == [(name, None, None)]
            assert venue.asked == [
                ("1", name, PASSWORD, None),
                ("4", name, None, None),
                ("3", name, PASSWORD, NEW),
                ("3", name, PASSWORD, NEW),
                ("3", name, NEW, "tiny"),
                ("2", name, None, None),
            ]
            assert venue.logouts == ["Logout"]

    run(main())


def test_fix_4_2_has_its_user_requests_by_the_overlay() -> None:
    async def main() -> None:
        async with venue_and_client(Venue(), options("FIX.4.2", validation=ff.Validation("reject"))) as (_, auth):
            session = await auth.login(CLIENT, PASSWORD)
            assert isinstance(session.config.dictionary, ff.Dictionary)
            assert session.config.dictionary.messages["UserResponse"].msg_type == "BF"

    run(main())


@pytest.mark.parametrize("begin_string", VERSIONS)
def test_credentials_on_the_logon_are_an_option(begin_string: str) -> None:
    async def main() -> None:
        venue = Venue()
        hooked = options(begin_string, logon=lambda context: [(58, f"hello {context.msg_seq_num}")])
        async with venue_and_client(venue, hooked, logon_credentials=True) as (_, auth):
            await auth.login(CLIENT, PASSWORD)
        async with venue_and_client(venue, options(begin_string), user_request=False) as (_, auth):
            await auth.login(CLIENT, PASSWORD)
        assert venue.logons == [(CLIENT, CLIENT, PASSWORD)] * 2
        assert [asked[0] for asked in venue.asked] == ["1", "2", "2"]

    run(main())


@pytest.mark.parametrize(
    ("client_id", "password", "reason"),
    [
        (CLIENT, "guessed", AuthReason.WRONG_PASSWORD),
        ("LOCKED1", PASSWORD, AuthReason.ACCOUNT_LOCKED),
        ("NOBODY", PASSWORD, AuthReason.LOGON_REFUSED),
    ],
)
def test_a_login_that_is_refused_says_why_and_is_tried_once(client_id: str, password: str, reason: AuthReason) -> None:
    async def main() -> None:
        venue = Venue(**{CLIENT: PASSWORD, "LOCKED1": PASSWORD})
        venue.locked.add("LOCKED1")
        async with venue_and_client(venue) as (_, auth):
            with pytest.raises(ff.AuthFailed) as raised:
                await auth.login(client_id, password)
            assert raised.value.reason is reason
            assert password not in str(raised.value)
            assert auth.state is AuthState.FAILED
            assert auth.failure is not None
            assert str(auth.failure) == str(raised.value)
            await auth.wait()
            assert len(venue.logons) == 1
            venue.locked.clear()
            await auth.login(CLIENT, PASSWORD)
            assert auth.failure is None

    run(main())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (5, AuthReason.WRONG_PASSWORD),
        (6, AuthReason.ACCOUNT_LOCKED),
        (7, AuthReason.NOT_NOW),
        (8, AuthReason.PASSWORD_EXPIRED),
    ],
)
def test_a_session_status_says_why_a_logon_was_refused(status: int, reason: AuthReason) -> None:
    async def main() -> None:
        venue = Venue()
        venue.at_logon = ff.Refuse("no", status=status)
        async with venue_and_client(venue, options("FIXT.1.1"), logon_credentials=True) as (_, auth):
            with pytest.raises(ff.AuthFailed) as raised:
                await auth.login(CLIENT, PASSWORD)
            assert raised.value.reason is reason
            assert len(venue.logons) == 1

    run(main())


def test_a_venue_that_is_silent_hangs_up_or_knows_no_user_requests() -> None:
    async def main() -> None:
        for trouble, reason in (
            ("mute", AuthReason.UNANSWERED),
            ("hang_up", AuthReason.HUNG_UP),
            ("reject", AuthReason.NOT_SUPPORTED),
        ):
            venue = Venue()
            setattr(venue, trouble, True)
            # A venue that answers has all the time it needs: the machine may be busy.
            timeouts = AuthTimeouts(authenticating=0.2) if venue.mute else None
            async with venue_and_client(venue, timeouts=timeouts) as (_, auth):
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.login(CLIENT, PASSWORD)
                assert raised.value.reason is reason
                assert len(venue.asked) == 1
                await auth.logout()
                assert auth.session is None
                if venue.mute:
                    continue
                venue.hang_up = venue.reject = False
                await auth.login(CLIENT, PASSWORD)
                venue.reject = True
                with pytest.raises(ff.AuthFailed) as raised:
                    await auth.user_status()
                assert raised.value.reason is AuthReason.NOT_SUPPORTED
                await auth.logout()
                with pytest.raises(ff.NotActive):
                    await auth.user_status()

    run(main())


def test_a_venue_that_is_away_is_tried_again_and_may_come() -> None:
    async def main() -> None:
        venue = Venue()
        async with ff.serve(venue, host=HOST, port=0) as server:
            port = server.port
        connection = ff.ConnectionConfig(HOST, port)
        async with AuthClient(options(), connection, retry=QUICK) as auth:
            with pytest.raises(ff.AuthFailed) as raised:
                await auth.login(CLIENT, PASSWORD)
            assert raised.value.reason is AuthReason.UNREACHABLE
            updates: list[AuthUpdate] = []
            auth.observe(updates.append)
            login = asyncio.create_task(auth.login(CLIENT, PASSWORD))
            await until(lambda: auth.snapshot.retry_at_ns)
            async with ff.serve(venue, host=HOST, port=port):
                await login
                assert auth.state is AuthState.ACTIVE
                await auth.logout()

    run(main())


def test_a_lost_connection_comes_back_with_the_user_and_the_same_session() -> None:
    async def main() -> None:
        venue = Venue()
        async with venue_and_client(venue) as (_, auth):
            session = await auth.login(CLIENT, PASSWORD)
            await auth.change_password(PASSWORD, NEW)
            states: list[AuthState] = []
            auth.observe(lambda update: states.append(update.snapshot.state))
            session.drop()
            await auth.wait(AuthState.CONNECTING)
            await auth.wait(AuthState.ACTIVE)
            assert states == [AuthState.CONNECTING, AuthState.AUTHENTICATING, AuthState.ACTIVE]
            assert auth.session is session
            assert venue.asked[-1] == ("1", CLIENT, NEW, None)
            venue.users[CLIENT] = "changed elsewhere"
            venue.sessions[-1].drop()
            await auth.wait(AuthState.FAILED)
            assert auth.failure is not None
            assert auth.failure.reason is AuthReason.WRONG_PASSWORD
            await until(lambda: auth.session is None)
            assert [asked[0] for asked in venue.asked] == ["1", "3", "1", "1"]

    run(main())


def test_a_session_that_the_engine_gave_up_is_opened_anew_and_then_given_up_too() -> None:
    async def main() -> None:
        venue = Venue()
        updates: list[AuthUpdate] = []
        async with ff.serve(venue, host=HOST, port=0) as server:
            port = server.port
            once = ff.Reconnect(initial=0.01, maximum=0.01, max_attempts=1)
            connection = ff.ConnectionConfig(HOST, port, reconnect=once)
            client = AuthClient(options(), connection, retry=QUICK)
            auth = await client.__aenter__()
            await auth.login(CLIENT, PASSWORD)
            auth.observe(updates.append)
        try:
            snapshot = await auth.wait(AuthState.FAILED)
            assert snapshot.failure is not None
            assert snapshot.failure.reason is AuthReason.UNREACHABLE
            inputs = [update.input.name for update in updates if not update.ignored]
            assert inputs == ["CONNECTION_LOST", "DISCONNECTED", *["TIMEOUT", "DISCONNECTED"] * 3]
            async with ff.serve(venue, host=HOST, port=port):
                await auth.login(CLIENT, PASSWORD)
                await auth.logout()
        finally:
            await client.__aexit__(None, None, None)

    run(main())


def off(status: int) -> list[tuple[int, Any]]:
    """Return a UserResponse that nobody asked for."""
    return [(923, "none"), (553, CLIENT), (926, status), (927, f"end of day, {PASSWORD}")]


@pytest.mark.parametrize("status", [2, 7])
def test_a_user_whom_the_venue_logs_off_unasked_is_out_and_the_program_sees_the_message(status: int) -> None:
    async def main() -> None:
        venue = Venue()
        updates: list[AuthUpdate] = []
        async with venue_and_client(venue) as (_, auth):
            session = await auth.login(CLIENT, PASSWORD)
            auth.observe(updates.append)
            # These do not say so: another status, and one that was asked for.
            venue.sessions[0].send_nowait("BF", off(1))
            venue.status = 2
            assert await auth.user_status() == (2, "in")
            assert auth.state is AuthState.ACTIVE
            assert updates == []
            venue.sessions[0].send_nowait("BF", off(status))
            snapshot = await auth.wait(AuthState.FAILED)
            assert snapshot.failure == AuthFailure(AuthReason.LOGGED_OFF, "end of day, ***")
            seen = [message.get(926) async for message in session]
            assert seen == ["1", str(status)]
            await until(lambda: auth.session is None)

    run(main())


def test_answers_to_other_requests_log_nobody_in_or_out() -> None:
    async def main() -> None:
        venue = Venue()
        venue.strays = [1, 4, 2, 7, 6]
        async with venue_and_client(venue) as (_, auth):
            updates: list[AuthUpdate] = []
            auth.observe(updates.append)
            await auth.login(CLIENT, PASSWORD)
            ignored = [update.input.name for update in updates if update.ignored]
            assert ignored == [
                "USER_RESPONSE",
                "USER_RESPONSE",
            ]  # 2 and 7, while the login waits: neither is its answer
            assert [update.snapshot.state for update in updates if not update.ignored][-1] is AuthState.ACTIVE
            venue.users = {}
            await auth.logout()
            with pytest.raises(ff.AuthFailed):
                await auth.login(CLIENT, PASSWORD)

    run(main())


def test_without_after_loss_a_lost_connection_is_the_end() -> None:
    async def main() -> None:
        venue = Venue()
        async with venue_and_client(venue, retry=RetryRules(after_loss=False)) as (_, auth):
            session = await auth.login(CLIENT, PASSWORD)
            session.drop()
            snapshot = await auth.wait(AuthState.FAILED)
            assert snapshot.failure is not None
            assert snapshot.failure.reason is AuthReason.CONNECTION_LOST
            await until(lambda: auth.session is None)
        assert len(venue.logons) == 1

    run(main())


def test_a_login_that_is_cancelled_or_given_up_leaves_nothing() -> None:
    async def main() -> None:
        venue = Venue()
        venue.mute = True
        async with venue_and_client(venue) as (_, auth):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await auth.login(CLIENT, PASSWORD)
            assert auth.state is AuthState.DISCONNECTED
            await until(lambda: auth.session is None)
            login = asyncio.create_task(auth.login(CLIENT, PASSWORD))
            await auth.wait(AuthState.AUTHENTICATING)
            with pytest.raises(ff.WrongAuthState, match="under way"):
                await auth.login(CLIENT, PASSWORD)
            await auth.logout()
            with pytest.raises(ff.WrongAuthState, match="meanwhile"):
                await login
            with pytest.raises(ff.ConfigError, match="api=None"):
                await auth.register_account("me", PASSWORD)

    run(main())


def test_a_login_to_nowhere_can_be_given_up_at_once() -> None:
    async def main() -> None:
        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1000):
                pass
            writer.close()

        silent = await asyncio.start_server(listen, HOST, 0)
        async with silent:
            port = silent.sockets[0].getsockname()[1]
            async with AuthClient(options(), ff.ConnectionConfig(HOST, port)) as auth:
                login = asyncio.create_task(auth.login(CLIENT, PASSWORD))
                await auth.wait(AuthState.CONNECTING)
                await asyncio.sleep(0.02)
                await auth.logout()
                with pytest.raises(ff.WrongAuthState):
                    await login

    run(main())


def test_the_programs_callbacks_are_called_as_ever() -> None:
    class Bot:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def on_create(self, session: ff.LiveSession) -> None:
            self.heard.append("on_create")

        async def on_logon(self, session: ff.LiveSession) -> None:
            self.heard.append("on_logon")

        async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            self.heard.append(message.msg_type)

        def on_logout(self, session: ff.LiveSession, reason: str) -> None:
            self.heard.append(f"on_logout: {reason}")

        def to_send(self, session: ff.LiveSession, msg_type: str, fields: list[Any]) -> None:
            self.heard.append(f"to_send: {msg_type}")

    async def main() -> None:
        bot, venue = Bot(), Venue()
        async with venue_and_client(venue, application=bot) as (_, auth):
            await auth.login(CLIENT, PASSWORD)
            venue.sessions[0].send_nowait("B", [(148, "news"), (33, [[(58, "x")]])])
            await until(lambda: "B" in bot.heard)
        assert bot.heard == ["on_create", "to_send: BE", "on_logon", "B", "to_send: BE", "on_logout: Logout"]

    run(main())


def test_a_store_of_the_clients_own_keeps_its_numbers_and_no_password(tmp_path: Path) -> None:
    made: list[str] = []

    def store(client_id: str) -> ff.Store:
        made.append(client_id)
        return ff.JournalStore(tmp_path / "session.journal")

    async def main() -> None:
        venue = Venue()
        async with venue_and_client(venue, store=store, logon_credentials=True) as (_, auth):
            for expected in (4, 7):  # Logon, UserRequest; log off and Logout
                session = await auth.login(CLIENT, PASSWORD)
                assert session.next_out >= expected - 1
                await auth.logout()

    run(main())
    assert made == [CLIENT, CLIENT]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"35=BE" in written
    assert PASSWORD.encode() not in written


def test_what_goes_wrong_in_the_programs_own_code_is_a_failure() -> None:
    def store(client_id: str) -> ff.Store:
        raise RuntimeError("no disk")

    async def main() -> None:
        async with venue_and_client(Venue(), store=store) as (_, auth):
            with pytest.raises(ff.AuthFailed) as raised:
                await auth.login(CLIENT, PASSWORD)
            assert (raised.value.reason, raised.value.text) == (AuthReason.INTERNAL, "RuntimeError")

    run(main())


def test_options_that_cannot_be_used_are_refused_by_name(tmp_path: Path) -> None:
    connection = ff.ConnectionConfig(HOST, 1)
    with ff.WireLog(tmp_path / "wire.log") as wire_log:
        for name, config, more in (
            ("config", None, {}),
            ("config.password", options(password="x"), {}),
            ("store", options(), {"store": ff.MemoryStore()}),
            ("wire_log", options(), {"wire_log": wire_log}),
            ("url", options(), {"api": "http://accounts.example"}),
            ("retry", options(), {"retry": ff.Reconnect()}),
        ):
            with pytest.raises(ff.ConfigError) as raised:
                AuthClient(config, connection, **more)  # type: ignore[arg-type]
            assert raised.value.name == name


@pytest.mark.parametrize("echo", [False, True])
def test_nothing_that_is_logged_or_raised_has_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, echo: bool
) -> None:
    """The canary: wire log, records, reprs, exceptions and their frames, of a whole life.

    A venue may even repeat the password.
    """
    seen: list[str] = []

    async def main() -> None:
        venue = Venue()
        venue.echo = echo
        with ff.WireLog(tmp_path / "wire.log", secret_comp_ids=True) as wire_log:
            more = {"wire_log": wire_log, "logon_credentials": True}
            async with venue_and_client(venue, options(), **more) as (_, auth):
                auth.observe(lambda update: seen.append(f"{update!r}"))
                session = await auth.login(CLIENT, PASSWORD)
                seen.append(f"{auth} {session} {session.config} {session.id} {auth.coordinator} {auth.snapshot}")
                await auth.change_password(PASSWORD, NEW)
                session.drop()
                await auth.wait(AuthState.CONNECTING)
                await auth.wait(AuthState.ACTIVE)
                if echo:  # our own password, changed meanwhile, in a Logout of theirs
                    await venue.sessions[-1].logout(f"{CLIENT} has said {NEW}")
                    await auth.wait(AuthState.CONNECTING)
                    await auth.wait(AuthState.ACTIVE)
                await auth.logout()
                for at_logon in (None, ff.Refuse(f"{CLIENT} is unknown")):
                    venue.at_logon = at_logon
                    with pytest.raises(ff.AuthFailed) as raised:
                        await auth.login(CLIENT, PASSWORD)
                    error = raised.value
                    seen.append("".join(traceback.format_exception(error)) + frames_of(error.__traceback__))

    with caplog.at_level(logging.DEBUG):
        run(main())
    ours = [record for record in caplog.records if "VENUE->" not in record.getMessage()]
    assert len(ours) > 20
    seen += [record.getMessage() + repr(vars(record)) for record in ours]
    wire = (tmp_path / "wire.log").read_text()
    assert "35=BE" in wire
    assert ("wrong: ***" in wire) == echo
    seen += [wire]
    for text in seen:
        for secret in (CLIENT, PASSWORD, NEW):
            assert secret not in text, text


def test_any_thread_may_command_and_the_loop_does_it() -> None:
    """A user interface has a thread of its own: commands return at once, and it looks as often as it draws."""

    async def main() -> None:
        async with venue_and_client(Venue()) as (_, auth):
            states: list[AuthState] = []

            def interface() -> None:
                auth.coordinator.login(CLIENT, PASSWORD, clock.now())
                while auth.state is not AuthState.ACTIVE:
                    states.append(auth.state)
                    time.sleep(0.001)
                auth.coordinator.logout(clock.now())

            await asyncio.to_thread(interface)
            assert auth.state is AuthState.DISCONNECTED
            assert set(states) <= {AuthState.CONNECTING, AuthState.AUTHENTICATING}
            await auth.logout()
            assert auth.session is None

    run(main())


def test_no_object_of_the_process_has_the_password_when_it_is_not_needed_any_more() -> None:
    """Searched for from everything that the garbage collector knows; this test only knows it backwards."""
    backwards = f"{time.time_ns()} yranac"

    class Forgetful(Venue):
        def on_message(self, session: Any, message: ff.Message) -> None:
            session.send_nowait(
                "BF", [(923, message[923]), (553, message[553]), (926, 1 if message[924] == "1" else 5)]
            )

    async def main() -> None:
        venue = Forgetful()
        async with venue_and_client(venue, retry=RetryRules(after_loss=False)) as (_, auth):
            await auth.login(CLIENT, backwards[::-1])
            await auth.change_password(backwards[::-1], f"new {backwards[::-1]}")
            venue.sessions.clear()
            assert found(backwards[::-1]) == []

    run(main())


def found(text: str) -> list[str]:
    """Where a text is, in anything that the garbage collector can reach but this frame."""
    gc.collect()
    needle, mine = text.encode(), id(text)
    seen: set[int] = set()
    todo: list[tuple[Any, Any]] = [(one, None) for one in gc.get_objects()]
    hits = []
    while todo:
        one, parent = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if (isinstance(one, str) and text in one) or (isinstance(one, bytes | bytearray) and needle in one):
            if id(one) not in (mine, id(needle)):
                hits.append(f"{type(one).__name__} in {type(parent).__name__}")
        elif not isinstance(one, str | bytes | bytearray | int | float):
            todo += [(referent, one) for referent in gc.get_referents(one)]
    return hits
