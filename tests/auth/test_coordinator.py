"""AuthCoordinator, driven by hand: what ports are asked, what observers hear, what is tried again or forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

import fixfast as ff
from fixfast.auth import AuthFailure, AuthInput, AuthReason, AuthState, AuthTimeouts, RetryRules, UserStatus
from tests.auth.desk import CHANGE, CLIENT, LOG_ON, NEW, PASSWORD, RULES, SECOND, Desk

LOST = AuthFailure(AuthReason.CONNECTION_LOST, "reset by peer")
AWAY = AuthFailure(AuthReason.UNREACHABLE, "refused")


def test_register_then_login_is_the_users_whole_way() -> None:
    desk = Desk()
    desk.auth.register_account("me", PASSWORD, desk.now)
    assert desk.state is AuthState.REGISTERING
    desk.attempt.registered(CLIENT, desk.now)
    assert desk.state is AuthState.DISCONNECTED
    client_id = desk.auth.client_id
    assert client_id is not None
    assert client_id.reveal() == CLIENT
    desk.auth.login(client_id, PASSWORD, desk.now)
    assert desk.state is AuthState.CONNECTING
    desk.attempt.connected(desk.now)
    assert desk.state is AuthState.AUTHENTICATING
    desk.attempt.user_response(LOG_ON, UserStatus.LOGGED_IN, "welcome", desk.now)
    assert desk.state is AuthState.ACTIVE
    assert desk.auth.failure is None
    desk.auth.logout(desk.now)
    assert desk.state is AuthState.DISCONNECTED
    assert desk.auth.client_id is None
    assert desk.ports.calls == [
        ("register", "me", PASSWORD),
        ("open", CLIENT, PASSWORD),
        ("ask", LOG_ON, CLIENT, PASSWORD, None),
        ("close", CLIENT),
    ]
    assert [one.input for one in desk.updates] == [
        AuthInput.REGISTER,
        AuthInput.REGISTERED,
        AuthInput.LOGIN,
        AuthInput.CONNECTED,
        AuthInput.USER_RESPONSE,
        AuthInput.LOGOUT,
    ]


def test_without_user_request_the_logon_is_the_login() -> None:
    desk = Desk(user_request=False)
    desk.put(AuthState.CONNECTING).connected(desk.now)
    assert desk.state is AuthState.ACTIVE
    assert [call[0] for call in desk.ports.calls] == ["open"]


def test_without_a_registration_server_there_is_no_registration() -> None:
    auth = ff.auth.AuthCoordinator(None, Desk().ports)
    with pytest.raises(ff.ConfigError, match="api=None"):
        auth.register_account("me", PASSWORD, ff.Now(0, 0))


@pytest.mark.parametrize("bad", ["", "two\nlines", "so\x01h", "x" * 1025, "\ud800", None, 7, b"bytes"])
def test_what_is_no_text_is_refused_by_name_and_not_shown(bad: Any) -> None:
    desk = Desk()
    calls: dict[str, Callable[[], None]] = {
        "username": lambda: desk.auth.register_account(bad, PASSWORD, desk.now),
        "password": lambda: desk.auth.login(CLIENT, bad, desk.now),
        "client_id": lambda: desk.auth.login(bad, PASSWORD, desk.now),
        "old": lambda: desk.auth.change_password(bad, NEW, desk.now),
        "new": lambda: desk.auth.change_password(PASSWORD, bad, desk.now),
    }
    for name, call in calls.items():
        with pytest.raises(ff.ConfigError) as raised:
            call()
        assert raised.value.name == name
        assert not bad or str(bad) not in str(raised.value)
    assert desk.ports.calls == []
    assert desk.updates == []


# --- failures, and what is tried again -----------------------------------------------------------------------


def test_a_venue_that_is_away_is_tried_again_with_growing_waits_and_then_given_up() -> None:
    desk = Desk()
    desk.put(AuthState.CONNECTING)
    for wait in (1, 2):
        desk.attempt.disconnected(AWAY, desk.now)
        snapshot = desk.auth.snapshot
        assert (snapshot.state, snapshot.failure) == (AuthState.CONNECTING, AWAY)
        assert snapshot.retry_at_ns == desk.mono_ns + wait * SECOND
        desk.after(wait - 0.001)
        assert desk.auth.snapshot is snapshot
        desk.after(0.001)
        assert desk.auth.snapshot.retry_at_ns is None
    assert desk.auth.snapshot.tries == 3
    desk.attempt.disconnected(AWAY, desk.now)
    assert (desk.state, desk.auth.failure) == (AuthState.FAILED, AWAY)
    assert [call[0] for call in desk.ports.calls].count("open") == 3
    assert desk.auth.next_deadline() is None


@pytest.mark.parametrize("status", [2, 3, 4, 5, 6, 7])
def test_a_login_that_is_refused_is_not_tried_again(status: int) -> None:
    desk = Desk()
    desk.put(AuthState.AUTHENTICATING).user_response(LOG_ON, status, "no", desk.now)
    assert desk.state is AuthState.FAILED
    desk.until_due()
    assert [call[0] for call in desk.ports.calls] == ["open", "ask", "close"]


def test_a_venue_that_hangs_up_on_the_login_is_not_asked_again() -> None:
    for tell in ("disconnected", "connection_lost"):
        desk = Desk()
        getattr(desk.put(AuthState.AUTHENTICATING), tell)(LOST, desk.now)
        assert desk.state is AuthState.FAILED
        assert desk.auth.failure == AuthFailure(AuthReason.HUNG_UP, LOST.text)
        assert desk.ports.calls[-1] == ("close", None)


def test_an_unanswered_login_is_tried_again_only_if_asked_for() -> None:
    desk = Desk()
    desk.put(AuthState.AUTHENTICATING)
    desk.after(10)
    assert desk.state is AuthState.FAILED
    assert desk.auth.failure == AuthFailure(AuthReason.UNANSWERED, "within 10 s")
    desk = Desk(retry=RetryRules(jitter=0, reasons=frozenset({AuthReason.UNANSWERED})))
    desk.put(AuthState.AUTHENTICATING)
    desk.after(10)
    assert desk.state is AuthState.CONNECTING
    assert desk.ports.calls[-1] == ("close", None), "the session that does not answer is ended first"
    desk.until_due()
    assert desk.ports.calls[-1] == ("open", CLIENT, PASSWORD)


def test_a_server_that_asks_for_time_gets_it_unless_it_is_too_much() -> None:
    desk = Desk()
    desk.put(AuthState.REGISTERING)
    desk.attempt.registration_failed(AuthFailure(AuthReason.TOO_MANY_REQUESTS, retry_after=7.5), desk.now)
    assert desk.auth.snapshot.retry_at_ns == desk.mono_ns + 7_500_000_000
    desk.until_due()
    assert [call[0] for call in desk.ports.calls] == ["register", "register"]
    desk.attempt.registration_failed(AuthFailure(AuthReason.TOO_MANY_REQUESTS, retry_after=3600), desk.now)
    assert desk.state is AuthState.FAILED
    assert desk.auth.failure is not None
    assert desk.auth.failure.retry_after == 3600


@pytest.mark.parametrize(
    ("state", "limit", "reason"),
    [
        (AuthState.REGISTERING, 3, AuthReason.API_UNANSWERED),
        (AuthState.CONNECTING, 4, AuthReason.UNREACHABLE),
        (AuthState.AUTHENTICATING, 5, AuthReason.UNANSWERED),
    ],
)
def test_each_state_that_waits_has_its_time_out(state: AuthState, limit: int, reason: AuthReason) -> None:
    limits = AuthTimeouts(registering=3, connecting=4, authenticating=5)
    desk = Desk(timeouts=limits, retry=RetryRules(attempts=1))
    desk.put(state)
    desk.after(limit - 0.001)
    assert desk.state is state
    desk.after(0.001)
    assert desk.state is AuthState.FAILED
    assert desk.auth.failure is not None
    assert desk.auth.failure.reason is reason
    assert desk.ports.calls[-1][0] in ("give_up", "close"), "whoever still tries is told to stop"


def test_a_registration_without_answer_is_not_repeated() -> None:
    """The account may be there: to ask again would find the name taken, and its client_id lost."""
    desk = Desk()
    desk.put(AuthState.REGISTERING)
    desk.after(15)
    assert desk.state is AuthState.FAILED
    assert [call[0] for call in desk.ports.calls] == ["register", "give_up"]


def test_what_comes_of_an_attempt_that_is_over_changes_nothing() -> None:
    desk = Desk()
    old = desk.put(AuthState.CONNECTING)
    desk.auth.logout(desk.now)
    desk.put(AuthState.CONNECTING)
    assert old.over
    assert not desk.attempt.over
    calls: list[Callable[[], None]] = [
        lambda: old.connected(desk.now),
        lambda: old.disconnected(AWAY, desk.now),
        lambda: old.logon_refused(AWAY, desk.now),
        lambda: old.user_response(LOG_ON, 1, "", desk.now),
    ]
    for late in calls:
        late()
        assert desk.state is AuthState.CONNECTING
        assert desk.updates[-1].ignored


def test_what_an_attempt_still_says_while_the_next_one_waits_is_late() -> None:
    desk = Desk()
    old = desk.put(AuthState.CONNECTING)
    old.disconnected(AWAY, desk.now)
    old.connected(desk.now)
    assert desk.updates[-1].ignored
    assert desk.auth.snapshot.retry_at_ns is not None


def test_an_answer_to_another_request_is_no_answer() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.AUTHENTICATING)
    for request in (None, CHANGE):
        attempt.user_response(request, 1, "", desk.now)
        assert desk.state is AuthState.AUTHENTICATING
        assert desk.updates[-1].ignored
    attempt.user_response(LOG_ON, 1, "", desk.now)
    attempt.user_response(LOG_ON, 2, "", desk.now)
    assert desk.state is AuthState.ACTIVE
    assert desk.updates[-1].ignored


# --- a connection that is lost -------------------------------------------------------------------------------


def test_a_user_who_was_in_is_logged_in_again_when_the_session_comes_back() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    attempt.connection_lost(LOST, desk.now)
    assert (desk.state, desk.auth.failure) == (AuthState.CONNECTING, LOST)
    attempt.connected(desk.now)
    assert desk.state is AuthState.AUTHENTICATING
    attempt.connection_lost(LOST, desk.now)  # again: this password was accepted before
    assert desk.state is AuthState.CONNECTING
    attempt.connected(desk.now)
    attempt.user_response(LOG_ON, 1, "", desk.now)
    assert (desk.state, desk.auth.failure) == (AuthState.ACTIVE, None)
    ask = ("ask", LOG_ON, CLIENT, PASSWORD, None)
    assert desk.ports.calls == [("open", CLIENT, PASSWORD), ask, ask, ask], "the port made the connections by itself"


def test_a_session_that_does_not_come_back_is_a_failure_in_the_end() -> None:
    desk = Desk()
    desk.put(AuthState.ACTIVE).connection_lost(LOST, desk.now)
    desk.after(299)
    assert desk.state is AuthState.CONNECTING
    desk.after(1)
    assert desk.auth.failure == AuthFailure(AuthReason.CONNECTION_LOST, "not back within 300 s")
    assert desk.ports.calls[-1] == ("close", None)


def test_a_session_that_ended_is_opened_again_by_the_rules() -> None:
    desk = Desk()
    desk.put(AuthState.ACTIVE).disconnected(LOST, desk.now)
    assert desk.state is AuthState.CONNECTING
    desk.until_due()
    assert desk.ports.calls[-1] == ("open", CLIENT, PASSWORD)
    desk.attempt.connected(desk.now)
    desk.attempt.disconnected(LOST, desk.now)
    assert desk.state is AuthState.CONNECTING, "the password was accepted before"


def test_tries_are_counted_anew_for_each_time_the_user_was_in() -> None:
    desk = Desk()
    desk.put(AuthState.ACTIVE)
    for _ in range(5):
        desk.attempt.disconnected(LOST, desk.now)
        assert desk.auth.snapshot.retry_at_ns == desk.mono_ns + SECOND
        desk.until_due()
        desk.attempt.connected(desk.now)
        desk.attempt.user_response(LOG_ON, 1, "", desk.now)
        assert desk.state is AuthState.ACTIVE


def test_a_session_that_was_given_up_on_its_way_back_is_opened_like_a_new_one() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    attempt.connection_lost(LOST, desk.now)
    attempt.disconnected(LOST, desk.now)
    desk.until_due()
    assert desk.ports.calls[-1] == ("open", CLIENT, PASSWORD)
    desk.after(20)
    assert desk.state is AuthState.CONNECTING, "tried again: this is not the long wait for a session that comes back"
    assert desk.auth.failure == AuthFailure(AuthReason.UNREACHABLE, "not logged on within 20 s")


def test_a_password_proves_nothing_for_the_next_login() -> None:
    desk = Desk()
    desk.put(AuthState.ACTIVE)
    desk.auth.logout(desk.now)
    desk.put(AuthState.AUTHENTICATING).connection_lost(LOST, desk.now)
    assert desk.auth.failure == AuthFailure(AuthReason.HUNG_UP, LOST.text)


def test_a_wrong_password_after_a_loss_ends_it() -> None:
    """It was changed elsewhere: three tries would lock the account."""
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    attempt.connection_lost(LOST, desk.now)
    attempt.connected(desk.now)
    attempt.user_response(LOG_ON, 4, "", desk.now)
    assert desk.state is AuthState.FAILED
    assert str(desk.auth.failure) == "The password is wrong."


def test_without_after_loss_the_password_is_gone_when_it_was_used() -> None:
    for tell in ("connection_lost", "disconnected"):
        desk = Desk(retry=RetryRules(after_loss=False))
        attempt = desk.put(AuthState.ACTIVE)
        assert all(secret.gone for secret in desk.ports.given)
        getattr(attempt, tell)(LOST, desk.now)
        assert (desk.state, desk.auth.failure) == (AuthState.FAILED, LOST)


def test_a_venue_that_logs_the_user_off_is_a_failure() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    attempt.user_response(None, 1, "", desk.now)
    assert desk.updates[-1].ignored
    attempt.user_response(None, 2, "end of day", desk.now)
    assert desk.auth.failure == AuthFailure(AuthReason.LOGGED_OFF, "end of day")


# --- the password --------------------------------------------------------------------------------------------


def test_a_changed_password_is_the_one_that_logs_in_after_a_loss() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    desk.auth.change_password(PASSWORD, NEW, desk.now)
    assert desk.auth.snapshot.changing
    assert desk.ports.calls[-1] == ("ask", CHANGE, CLIENT, PASSWORD, NEW)
    with pytest.raises(ff.WrongAuthState, match="another change"):
        desk.auth.change_password(PASSWORD, NEW, desk.now)
    attempt.user_response(LOG_ON, 1, "", desk.now)
    assert desk.auth.snapshot.changing, "that answers something else"
    attempt.user_response(CHANGE, 5, "done", desk.now)
    assert (desk.state, desk.auth.failure, desk.auth.snapshot.changing) == (AuthState.ACTIVE, None, False)
    assert all(secret.gone for secret in desk.ports.given[-2:]), "what the port was given for that"
    attempt.connection_lost(LOST, desk.now)
    attempt.connected(desk.now)
    assert desk.ports.calls[-1] == ("ask", LOG_ON, CLIENT, NEW, None)


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [(4, "", AuthReason.WRONG_PASSWORD), (6, "too short", AuthReason.PASSWORD_NOT_CHANGED)],
)
def test_a_password_that_is_not_changed_leaves_the_user_in(status: int, text: str, reason: AuthReason) -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    desk.auth.change_password(PASSWORD, NEW, desk.now)
    attempt.user_response(CHANGE, status, text, desk.now)
    assert (desk.state, desk.auth.failure) == (AuthState.ACTIVE, AuthFailure(reason, text))
    attempt.connection_lost(LOST, desk.now)
    attempt.connected(desk.now)
    assert desk.ports.calls[-1] == ("ask", LOG_ON, CLIENT, PASSWORD, None)


def test_a_change_without_answer_leaves_no_password_to_guess_with() -> None:
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    desk.auth.change_password(PASSWORD, NEW, desk.now)
    desk.after(10)
    assert desk.state is AuthState.ACTIVE
    assert desk.auth.failure is not None
    assert desk.auth.failure.reason is AuthReason.CHANGE_UNANSWERED
    attempt.connection_lost(LOST, desk.now)
    assert (desk.state, desk.auth.failure) == (AuthState.FAILED, LOST)
    desk = Desk()
    attempt = desk.put(AuthState.ACTIVE)
    desk.auth.change_password(PASSWORD, NEW, desk.now)
    attempt.connection_lost(LOST, desk.now)
    assert desk.state is AuthState.FAILED
    assert desk.auth.failure is not None
    assert desk.auth.failure.reason is AuthReason.CHANGE_UNANSWERED


@pytest.mark.parametrize("state", [s for s in AuthState if s not in (AuthState.DISCONNECTED, AuthState.FAILED)])
def test_after_logout_nothing_is_remembered(state: AuthState) -> None:
    desk = Desk()
    desk.put(state)
    if state is AuthState.ACTIVE:
        desk.auth.change_password(PASSWORD, NEW, desk.now)
    desk.auth.logout(desk.now)
    assert all(secret.gone for secret in desk.ports.given)
    assert all(attempt.over for attempt in desk.ports.attempts)
    assert desk.auth.client_id is None
    assert desk.auth.next_deadline() is None
    assert desk.state is AuthState.DISCONNECTED


# --- ports and observers -------------------------------------------------------------------------------------


def test_a_port_that_fails_is_a_failure_and_its_error_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            def fail(*args: Any) -> None:
                raise RuntimeError(PASSWORD)

            return fail

    class Mute(type(Desk().ports)):  # type: ignore[misc]
        def ask(self, attempt: Any, request: Any) -> None:
            raise RuntimeError(PASSWORD)

    desk = Desk()
    mute = Mute()
    auth = ff.auth.AuthCoordinator(None, mute)
    auth.login(CLIENT, PASSWORD, desk.now)
    mute.attempts[-1].connected(desk.now)
    assert auth.failure == AuthFailure(AuthReason.INTERNAL, "ask(): RuntimeError")
    for call in ("register_account", "login"):
        auth = ff.auth.AuthCoordinator(Broken(), Broken(), retry=RULES)
        getattr(auth, call)(CLIENT, PASSWORD, ff.Now(0, 0))
        assert auth.state is AuthState.FAILED
        assert auth.failure is not None
        assert auth.failure.reason is AuthReason.INTERNAL
        assert PASSWORD not in str(auth.failure)
    assert PASSWORD not in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_port_may_answer_at_once() -> None:
    class Quick(type(Desk().ports)):  # type: ignore[misc]
        def open(self, attempt: Any, client_id: Any, password: Any) -> None:
            attempt.connected(ff.Now(0, 0))

        def ask(self, attempt: Any, request: Any) -> None:
            attempt.user_response(request.type, 1, "", ff.Now(0, 0))

    auth = ff.auth.AuthCoordinator(None, Quick())
    states: list[tuple[AuthState, AuthState]] = []
    auth.observe(lambda update: states.append((update.before, update.snapshot.state)))
    auth.login(CLIENT, PASSWORD, ff.Now(0, 0))
    assert auth.state is AuthState.ACTIVE
    assert states == [
        (AuthState.DISCONNECTED, AuthState.CONNECTING),
        (AuthState.CONNECTING, AuthState.AUTHENTICATING),
        (AuthState.AUTHENTICATING, AuthState.ACTIVE),
    ]


def test_an_observer_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    def fail(update: object) -> None:
        raise ValueError("observer")

    heard: list[AuthInput] = []
    unsubscribe = desk.auth.observe(fail)
    desk.auth.observe(lambda update: heard.append(update.input))
    with caplog.at_level(logging.ERROR):
        desk.put(AuthState.CONNECTING)
    assert heard == [AuthInput.LOGIN]
    assert "observer" in caplog.text
    caplog.clear()
    unsubscribe()
    unsubscribe()
    desk.auth.logout(desk.now)
    assert not caplog.records


def test_an_observer_may_call_the_coordinator_and_others_hear_it_in_order() -> None:
    desk = Desk()
    heard: list[AuthState] = []

    def give_up(update: Any) -> None:
        if update.snapshot.state is AuthState.AUTHENTICATING:
            desk.auth.logout(desk.now)

    desk.auth.observe(give_up)
    desk.auth.observe(lambda update: heard.append(update.snapshot.state))
    desk.put(AuthState.CONNECTING).connected(desk.now)
    assert heard == [AuthState.CONNECTING, AuthState.AUTHENTICATING, AuthState.DISCONNECTED]


def test_a_client_id_that_cannot_be_one_is_an_answer_that_cannot_be_used() -> None:
    for bad in ("", "A\x0156=EVIL", "x" * 2000):
        desk = Desk()
        desk.put(AuthState.REGISTERING).registered(bad, desk.now)
        assert desk.state is AuthState.FAILED
        assert desk.auth.failure is not None
        assert desk.auth.failure.reason is AuthReason.API_ERROR
        assert not bad or bad not in str(desk.auth.failure)


def test_what_the_other_side_says_is_fit_to_be_shown() -> None:
    desk = Desk()
    said = f"{CLIENT} with {PASSWORD}:\x1b[31m\r\nno" + "!" * 1000
    desk.put(AuthState.AUTHENTICATING).user_response(LOG_ON, 6, said, desk.now)
    assert desk.auth.failure is not None
    text = desk.auth.failure.text
    assert text.startswith(r"*** with ***:\x1b[31m\r\nno!!!")
    assert len(text) == 300
    desk = Desk()
    failure = AuthFailure(AuthReason.INVALID, fields=(("password", f"{PASSWORD} is too short"),))
    desk.put(AuthState.REGISTERING).registration_failed(failure, desk.now)
    assert str(desk.auth.failure) == f"{AuthReason.INVALID.sentence} (password: *** is too short)"
