"""Secret: shown nowhere, pickled nowhere, gone when wiped."""

from __future__ import annotations

import copy
import gc
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from threading import Thread
from types import TracebackType
from typing import Any

import pytest

import fixfast as ff
from fixfast.auth import AuthFailure, AuthReason, AuthState, Secret
from tests.auth.desk import CLIENT, NEW, PASSWORD, Desk

CANARY = "canary-5f2c9"


def test_a_secret_is_shown_by_reveal_and_by_nothing_else() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        "{} {!r}".format(*[secret, secret]),
        ascii(secret),
        repr([secret]),
        repr(Secret.of),
        str(vars(type(secret))),
    ]
    assert not any(CANARY in text for text in shown)
    assert secret == Secret.of(secret)
    assert secret != Secret("another")
    assert secret != CANARY
    with pytest.raises(TypeError):
        hash(secret)


@pytest.mark.parametrize(
    "take", [pickle.dumps, copy.copy, copy.deepcopy, lambda secret: secret.__getstate__()], ids=["p", "c", "d", "s"]
)
def test_a_secret_is_not_copied_by_accident(take: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as raised:
        take(Secret(CANARY))
    assert CANARY not in str(raised.value)


def test_a_wiped_secret_is_gone() -> None:
    secret, other = Secret(CANARY), Secret(CANARY)
    held = secret._held
    copied = Secret.of(secret)
    secret.wipe()
    secret.wipe()
    assert held == bytes(len(CANARY)), "the bytes themselves were overwritten"
    assert secret.gone
    assert secret != other
    assert copied.reveal() == CANARY
    with pytest.raises(ff.LocalProtocolError) as raised:
        secret.reveal()
    assert CANARY not in str(raised.value)


def test_a_secret_may_become_another_one_for_all_who_have_it() -> None:
    secret = Secret("the old password")
    held = secret._held
    new = Secret(CANARY)
    secret.become(new)
    new.wipe()
    assert secret.reveal() == CANARY
    assert held == bytes(len("the old password"))


def test_a_secret_that_is_wiped_while_it_is_read_is_whole_or_gone() -> None:
    for _ in range(40):
        secret = Secret(CANARY * 50)
        seen: list[str] = []

        def read(secret: Secret = secret, seen: list[str] = seen) -> None:
            try:
                while True:
                    seen.append(secret.reveal())
            except ff.LocalProtocolError:
                pass

        thread = Thread(target=read)
        thread.start()
        secret.wipe()
        thread.join(10)
        assert set(seen) <= {CANARY * 50}


def test_nothing_that_people_see_of_a_login_has_a_secret() -> None:
    for state in AuthState:
        desk = Desk()
        desk.put(state)
        if state is AuthState.ACTIVE:
            desk.auth.change_password(PASSWORD, NEW, desk.now)
        machine = desk.auth._machine
        seen = [
            desk.auth,
            desk.auth.snapshot,
            desk.updates,
            desk.auth.failure,
            desk.ports.attempts,
            machine,
            vars(machine),
        ]
        text = "".join(f"{one!r}{one}" for one in seen)
        assert not [secret for secret in (CLIENT, PASSWORD, NEW) if secret in text], state
        if desk.auth.client_id is not None:
            for take in (pickle.dumps, asdict, copy.deepcopy):
                with pytest.raises(TypeError):
                    take(desk.auth.snapshot)


def test_no_exception_of_ours_has_a_secret_in_its_text_or_its_frames() -> None:
    desk = Desk()
    desk.put(AuthState.CONNECTING)
    calls: list[Callable[[], object]] = [
        lambda: desk.auth.login(CLIENT, PASSWORD, desk.now),
        lambda: desk.auth.register_account("me", PASSWORD, desk.now),
        lambda: desk.auth.change_password(PASSWORD, NEW, desk.now),
        lambda: desk.auth.login(CLIENT + "\n", PASSWORD, desk.now),
        lambda: desk.auth.login(CLIENT, PASSWORD + "\n", desk.now),
        lambda: desk.auth.change_password(PASSWORD, NEW + "\0", desk.now),
        lambda: Secret(PASSWORD + "\0"),
    ]
    for call in calls:
        with pytest.raises(ff.FixfastError) as raised:
            call()
        text = "".join(traceback.format_exception(raised.value)) + frames_of(raised.value.__traceback__)
        assert not [secret for secret in (CLIENT, PASSWORD, NEW) if secret in text]


def frames_of(trace: TracebackType | None) -> str:
    """The local variables of all frames of fixfast in a traceback."""
    shown = ""
    while trace is not None:
        if "/fixfast/" in trace.tb_frame.f_code.co_filename:
            shown += repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return shown


def test_after_logout_no_object_of_ours_has_the_password() -> None:
    desk = Desk()
    desk.put(AuthState.ACTIVE)
    desk.auth.change_password(PASSWORD, NEW, desk.now)
    desk.auth.logout(desk.now)
    gc.collect()
    left = [one for one in gc.get_objects() if isinstance(one, Secret) and not one.gone]
    held = [one for one in left if one.reveal() in (PASSWORD, NEW)]
    assert held == []


def test_a_command_that_is_refused_leaves_no_password() -> None:
    desk = Desk()
    desk.put(AuthState.CONNECTING)
    calls: list[Callable[[], object]] = [
        lambda: desk.auth.login(CLIENT, "another password", desk.now),
        lambda: desk.auth.register_account("me", "another password", desk.now),
        lambda: desk.auth.change_password("another password", "another password", desk.now),
    ]
    kept = []
    for call in calls:
        with pytest.raises(ff.WrongAuthState) as raised:
            call()
        kept.append(raised)  # its frames have what the call was given
    secrets = [one for one in gc.get_objects() if isinstance(one, Secret) and not one.gone]
    assert not [one for one in secrets if one.reveal() == "another password"]


def test_failures_go_through_a_pickle() -> None:
    failure = AuthFailure(AuthReason.INVALID, "no", (("username", "too short"),), 3.0)
    again: Any = pickle.loads(pickle.dumps(failure))
    assert again == failure
    assert again.reason is AuthReason.INVALID
    assert str(again) == f"{AuthReason.INVALID.sentence} (no; username: too short)"
