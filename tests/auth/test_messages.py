"""The FIX of a login, without a session: fields, answers, what failures mean, what logs do not show."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import fixfast as ff
from fixfast.auth import AuthFailure, AuthReason, Secret, UserRequest, UserRequestType
from fixfast.auth.messages import Veil, client_config, failure_of, judged_answer, overlaid, user_request
from fixfast.auth.sessions import Watching

CLIENT, PASSWORD, NEW = Secret("C4711"), Secret("canary horse"), Secret("canary staple")


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            UserRequest(UserRequestType.LOG_ON, CLIENT, PASSWORD),
            [(923, "r"), (924, 1), (553, "C4711"), (554, "canary horse")],
        ),
        (UserRequest(UserRequestType.LOG_OFF, CLIENT), [(923, "r"), (924, 2), (553, "C4711")]),
        (
            UserRequest(UserRequestType.CHANGE_PASSWORD, CLIENT, PASSWORD, NEW),
            [(923, "r"), (924, 3), (553, "C4711"), (554, "canary horse"), (925, "canary staple")],
        ),
        (UserRequest(UserRequestType.STATUS, CLIENT), [(923, "r"), (924, 4), (553, "C4711")]),
    ],
)
@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0SP2"])
def test_every_user_request_is_right_by_the_dictionary_of_every_version(
    version: str, request_: UserRequest, fields: list[tuple[int, object]]
) -> None:
    assert user_request(request_, "r") == fields
    config = overlaid(ff.SessionConfig("FIXT.1.1" if version[4] == "5" else version, "A", "B"))
    dictionary = ff.load_dictionary(config.dictionary if isinstance(config.dictionary, str) else version)
    assert (config.dictionary is None) == (version in ("FIX.4.4", "FIX.5.0SP2"))
    header = [(49, "A"), (56, "B"), (34, 1), (52, 1_767_614_400_000_000_000)]
    ff.parse(ff.encode(version, "BE", [*header, *fields]), dictionary=dictionary, validate=True)
    answer = [(923, "r"), (553, "C4711"), (926, 1), (927, "in")]
    ff.parse(ff.encode(version, "BF", [*header, *answer]), dictionary=dictionary, validate=True)


def test_a_dictionary_of_ones_own_is_left_alone() -> None:
    config = ff.SessionConfig("FIX.4.2", "A", "B", dictionary="FIX.4.2")
    assert overlaid(config) is config


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ([(926, 1), (927, "in")], (1, "in")),
        ([(926, 6)], (6, "")),
        ([], (0, "")),
        ([(926, "x")], (0, "")),
        ([(926, "-1")], (0, "")),
    ],
)
def test_an_answer_is_a_number_and_a_text_whatever_is_in_it(
    fields: list[tuple[int, object]], answer: tuple[int, str]
) -> None:
    assert judged_answer(ff.parse(ff.encode("FIX.4.4", "BF", [(34, 2), (923, "r"), *fields]))) == answer


def test_a_reject_says_that_there_are_no_user_requests() -> None:
    for msg_type in ("3", "j"):
        reject = ff.parse(ff.encode("FIX.4.4", msg_type, [(34, 2), (45, 1), (58, "what?")]))
        assert judged_answer(reject) == AuthFailure(AuthReason.NOT_SUPPORTED, "what?")


@pytest.mark.parametrize(
    ("error", "reason", "refused"),
    [
        (ff.LogonFailed("connect", "refused"), AuthReason.UNREACHABLE, False),
        (ff.LogonFailed("connect_timeout"), AuthReason.UNREACHABLE, False),
        (ff.LogonFailed("proxy"), AuthReason.UNREACHABLE, False),
        (ff.LogonFailed("tls"), AuthReason.TLS, False),
        (ff.LogonFailed("logon_timeout"), AuthReason.UNANSWERED, False),
        (ff.LogonFailed("peer_closed"), AuthReason.HUNG_UP, False),
        (ff.LogonFailed("connection_lost"), AuthReason.HUNG_UP, False),
        (ff.LogonFailed("logon_refused", "no"), AuthReason.LOGON_REFUSED, True),
        (ff.LogonFailed("logon_refused", "Account locked"), AuthReason.ACCOUNT_LOCKED, True),
        (ff.LogonFailed("logon_refused", "", 5), AuthReason.WRONG_PASSWORD, True),
        (ff.LogonFailed("logon_refused", "", 7), AuthReason.NOT_NOW, True),
        (ff.GaveUp("no connection lasted", 3), AuthReason.CONNECTION_LOST, False),
        (ff.NotActive("closed"), AuthReason.CONNECTION_LOST, False),
        (ff.StoreError("disk full"), AuthReason.INTERNAL, False),
        (RuntimeError("canary horse"), AuthReason.INTERNAL, False),
    ],
    ids=repr,
)
def test_what_the_engine_says_has_a_reason(error: Exception, reason: AuthReason, *, refused: bool) -> None:
    failure, said_no = failure_of(error)
    assert (failure.reason, said_no) == (reason, refused)
    assert "canary" not in str(failure)
    if isinstance(error, ff.LogonFailed):
        gave_up = ff.GaveUp("3 times", 3)
        gave_up.__cause__ = error
        assert failure_of(gave_up)[0].reason is reason


def test_a_client_id_that_cannot_be_a_comp_id_is_refused_and_not_shown() -> None:
    config = ff.SessionConfig("FIX.4.4", "ANY", "VENUE", heart_bt_int=7, reset_on_logon=True)
    ours = client_config(config, CLIENT, None)
    assert (ours.sender_comp_id, ours.heart_bt_int, ours.reset_on_logon, ours.logon) == ("C4711", 7, True, None)
    assert "C4711" not in f"{ours!r} {ours.session_id!r} {ours.session_id}"
    assert "VENUE" in str(ours.session_id)
    with pytest.raises(ff.ConfigError) as raised:
        client_config(config, Secret.of("C\x014711"), None)
    assert "4711" not in str(raised.value)


def test_a_veil_masks_what_a_venue_repeats_as_long_as_it_is_secret(caplog: pytest.LogCaptureFixture) -> None:
    password = Secret("canary horse")
    log = logging.getLogger("fixfast.engine")
    veil = Veil((CLIENT, password))
    veil.drop()
    try:
        log.warning("%s: %s", "C4711", "said canary horse", extra={"reason": "canary horse!"})
        try:
            raise ValueError("canary horse")
        except ValueError:
            log.exception("it failed")
        log.warning("nothing %d", 1)
        password.wipe()
        log.warning("canary horse")
    finally:
        veil.lift()
    first, second, third, fourth = caplog.records
    assert first.getMessage() == "***: said ***"
    assert first.__dict__["reason"] == "***!"
    assert "canary" not in logging.Formatter().format(second)
    assert "ValueError" in logging.Formatter().format(second)
    assert (third.msg, third.args) == ("nothing %d", (1,))
    assert fourth.getMessage() == "canary horse"
    assert veil not in log.filters


class Recorder:
    """What a session's application tells of: kept. And as much of a session as is asked for."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def overhear(self, msg_type: str, told: Callable[[ff.Message], object]) -> None:
        assert msg_type == "BF"
        self.hear = told

    def made(self, session: object) -> None: ...
    def up(self, session: object) -> None: ...
    def down(self, reason: str) -> None: ...
    def over(self, error: Exception) -> None: ...

    def logged_off(self, status: int, text: str) -> None:
        self.told.append((status, text))


@pytest.mark.parametrize(
    ("status", "more", "told"),
    [
        ("2", [], [(2, "bye")]),
        ("7", [], [(7, "bye")]),
        ("1", [], []),
        ("", [], []),
        ("2", [(43, "Y"), (122, "20260105-10:00:00")], []),  # sent again: the user has logged in since
    ],
)
def test_who_is_logged_off_is_told_but_by_no_message_of_before(
    status: str, more: list[tuple[int, str]], told: list[tuple[int, str]]
) -> None:
    recorder = Recorder()
    Watching(None, recorder).on_create(recorder)
    fields = [(923, "x"), (553, "C4711"), *([(926, status)] if status else []), (927, "bye")]
    header = [(49, "VENUE"), (56, "C4711"), (34, "7"), (52, "20260105-10:00:00"), *more]
    recorder.hear(ff.parse(ff.encode("FIX.4.4", "BF", [*header, *fields])))
    assert recorder.told == told
