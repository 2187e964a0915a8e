"""The table: every input in every state does what it says, and the page shows it as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.auth import AuthInput, AuthReason, AuthState, RetryRules
from fixfast.auth.state import (
    RETRIED,
    RETRY_POSSIBLE,
    TRANSITIONS,
    AuthFailure,
    Ignored,
    Moves,
    Refused,
    page,
    reason_for,
)
from tests.auth.desk import Desk

PAIRS = [(state, what) for state in AuthState for what in AuthInput]
IDS = [f"{state.value}-{what.value}" for state, what in PAIRS]


def test_every_pair_is_in_the_table() -> None:
    assert {state: set(row) for state, row in TRANSITIONS.items()} == {state: set(AuthInput) for state in AuthState}


@pytest.mark.parametrize(("state", "what"), PAIRS, ids=IDS)
@pytest.mark.parametrize("good", [True, False])
def test_every_pair_does_what_the_table_says(state: AuthState, what: AuthInput, *, good: bool) -> None:
    cell = TRANSITIONS[state][what]
    desk = Desk()
    attempt = desk.put(state)
    if what is AuthInput.TIMEOUT and state is AuthState.ACTIVE:
        desk.give(AuthInput.CHANGE_PASSWORD, attempt)
    before, heard, calls = desk.auth.snapshot, len(desk.updates), len(desk.ports.calls)
    if isinstance(cell, Refused):
        with pytest.raises(ff.WrongAuthState) as raised:
            desk.give(what, attempt, good=good)
        assert (raised.value.call, raised.value.state, raised.value.why) == (what.value, state.value, cell)
        assert (desk.auth.snapshot, len(desk.updates), len(desk.ports.calls)) == (before, heard, calls)
        return
    desk.give(what, attempt, good=good)
    if isinstance(cell, Ignored):
        assert (desk.auth.snapshot, len(desk.ports.calls)) == (before, calls)
        told = desk.updates[heard:]
        if what is AuthInput.TIMEOUT:
            assert not told, "a tick that is not due is no event"
        else:
            assert [(one.input, one.ignored != "") for one in told] == [(what, True)]
        return
    assert isinstance(cell, Moves)
    assert desk.state in cell
    assert [(one.input, one.before, one.ignored) for one in desk.updates[heard:]] == [(what, state, "")]
    assert (desk.auth.next_deadline() is not None) >= desk.state.waiting, "a state that waits has a time-out"


def test_every_way_in_the_table_is_gone() -> None:
    """With good and bad news, and time: each (state, input, next state) happens."""
    seen = set()
    for state, what in PAIRS:
        for good in (True, False):
            for retry in (None, RetryRules(attempts=1)):
                seen |= moves(state, what, good=good, retry=retry)
    wanted = {
        (state, what, to) for state, row in TRANSITIONS.items() for what, cell in row.items() for to in moved(cell)
    }
    missing = wanted - seen
    assert seen <= wanted
    # These need a story of their own: test_coordinator.py tells them.
    assert {(state.value, what.value, to.value) for state, what, to in missing} == {
        ("Registering", "time is up", "Registering"),
        ("Connecting", "connected", "Active"),
        ("Authenticating", "connection lost", "Connecting"),
        ("Authenticating", "disconnected", "Connecting"),
        ("Authenticating", "time is up", "Connecting"),
        ("Active", "user response", "Active"),
    }


def moved(cell: object) -> list[AuthState]:
    return list(cell) if isinstance(cell, Moves) else []


def moves(
    state: AuthState, what: AuthInput, *, good: bool, retry: RetryRules | None
) -> set[tuple[AuthState, AuthInput, AuthState]]:
    desk = Desk() if retry is None else Desk(retry=retry)
    attempt = desk.put(state)
    if what is AuthInput.TIMEOUT and state is AuthState.ACTIVE:
        desk.give(AuthInput.CHANGE_PASSWORD, attempt)
    heard = len(desk.updates)
    try:
        desk.give(what, attempt, good=good)
    except ff.WrongAuthState:
        return set()
    return {(one.before, one.input, one.snapshot.state) for one in desk.updates[heard:] if not one.ignored}


def test_passwords_are_never_tried_again() -> None:
    for reason in (AuthReason.WRONG_PASSWORD, AuthReason.ACCOUNT_LOCKED, AuthReason.UNKNOWN_USER, AuthReason.HUNG_UP):
        assert reason not in RETRY_POSSIBLE
        with pytest.raises(ff.ConfigError, match="locks accounts"):
            RetryRules(reasons=frozenset({reason}))
    assert RETRIED < RETRY_POSSIBLE
    assert RetryRules(reasons=RETRY_POSSIBLE).reasons == RETRY_POSSIBLE


def test_every_reason_has_a_sentence_for_people() -> None:
    for reason in AuthReason:
        assert re.fullmatch(r"[A-Z].*\.|.*=False\.", reason.sentence), reason
        assert AuthReason(reason.value) is reason
        assert reason == reason.value
    assert len({reason.sentence for reason in AuthReason}) == len(AuthReason)


def test_what_a_server_says_twice_is_shown_once() -> None:
    failure = AuthFailure(AuthReason.INVALID, "password: too short", (("password", "too short"), ("username", "taken")))
    assert str(failure) == f"{AuthReason.INVALID.sentence} (password: too short; username: taken)"


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (2, "", AuthReason.LOGIN_REFUSED),
        (3, "", AuthReason.UNKNOWN_USER),
        (4, "", AuthReason.WRONG_PASSWORD),
        (5, "", AuthReason.LOGIN_REFUSED),
        (6, "Account LOCKED", AuthReason.ACCOUNT_LOCKED),
        (6, "try later", AuthReason.LOGIN_REFUSED),
        (99, "", AuthReason.LOGIN_REFUSED),
    ],
)
def test_a_status_that_is_not_logged_in_is_a_reason(status: int, text: str, reason: AuthReason) -> None:
    assert reason_for(status, text) is reason


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": 1.5}, "attempts"),
        ({"initial": -1}, "initial"),
        ({"maximum": 0.5}, "maximum"),
        ({"factor": 0.5}, "factor"),
        ({"jitter": 2}, "jitter"),
        ({"after_loss": 1}, "after_loss"),
    ],
)
def test_rules_that_cannot_be_are_refused_by_name(options: dict[str, float], name: str) -> None:
    with pytest.raises(ff.ConfigError) as raised:
        RetryRules(**options)  # type: ignore[arg-type]
    assert raised.value.name == name


def test_the_page_shows_the_table() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "auth.md").read_text(encoding="utf-8")
    drawn = re.search(r"<!-- table -->\n(.*?)<!-- end of table -->", text, re.DOTALL)
    assert drawn is not None
    assert drawn[1].strip() == page().strip(), "python -m fixfast.auth.state says otherwise"
