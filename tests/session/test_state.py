"""The transition table, its one setter, and the page drawn from it; configuration; the gate."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import ConfigError, LocalProtocolError
from fixfast.session.config import SessionConfig
from fixfast.session.events import StateChanged
from fixfast.session.gate import LogonGate
from fixfast.session.state import TRANSITIONS, CloseReason, State
from fixfast.session.stats import SessionStats
from fixfast.types import Role, SessionID
from tests.session.harness import SECOND, Desk


def test_every_state_has_a_row_and_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {new for row in TRANSITIONS.values() for new in row} == set(State)
    assert all(row for row in TRANSITIONS.values())
    assert all(
        state is State.DISCONNECTED or not state.connected or State.CLOSING in TRANSITIONS[state] for state in State
    )


def test_active_means_that_sending_is_allowed() -> None:
    assert {state for state in State if state.active} == {State.ACTIVE, State.RECOVERING}


def test_illegal_changes_are_refused() -> None:
    desk = Desk()
    with pytest.raises(LocalProtocolError, match="DISCONNECTED to ACTIVE"):
        desk.session._set_state(State.ACTIVE, "because")
    assert desk.state is State.DISCONNECTED


def test_every_change_is_told_with_its_reason() -> None:
    desk = Desk(role=Role.INITIATOR)
    desk.logon()
    changes = [(event.old, event.new) for event in desk.events if isinstance(event, StateChanged)]
    assert changes == [
        (State.DISCONNECTED, State.CONNECTING),
        (State.CONNECTING, State.LOGON_SENT),
        (State.LOGON_SENT, State.ACTIVE),
    ]


# --- configuration -------------------------------------------------------------------------------------------


def test_config_names_option_value_and_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as refused:
        SessionConfig("FIX.9", "A", "B")
    assert (refused.value.name, refused.value.value) == ("begin_string", "FIX.9")
    assert "FIXT.1.1" in refused.value.allowed


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sender_comp_id", ""),
        ("target_comp_id", "A\x01B"),
        ("heart_bt_int", -1),
        ("heart_bt_int", True),
        ("heart_bt_int", 1.5),
        ("default_appl_ver_id", "FIX50"),
        ("username", 5),
        ("manual_logon", 1),
        ("offline", "drop"),
        ("timestamp_digits", 4),
        ("max_message_size", 0),
        ("logout_timeout", 0),
        ("logout_timeout", None),
        ("sending_time_tolerance", float("nan")),
        ("logon", "hook"),
    ],
)
def test_config_refuses_wrong_values(option: str, value: Any) -> None:
    options: dict[str, Any] = {"begin_string": "FIXT.1.1", "sender_comp_id": "A", "target_comp_id": "B", option: value}
    with pytest.raises(ConfigError) as refused:
        SessionConfig(**options)
    assert refused.value.name == option


def test_C8_secrets_are_not_shown() -> None:
    config = SessionConfig("FIX.4.4", "A", "B", username="u", password="canary", new_password="canary2")
    assert "canary" not in repr(config)
    assert "password='***'" in repr(config)
    assert "username='u'" in repr(config)
    with pytest.raises(ConfigError) as refused:
        SessionConfig("FIX.4.4", "A", "B", password="canary\x01")
    assert "canary" not in str(refused.value)


def test_config_is_frozen_and_knows_its_identity() -> None:
    config = SessionConfig("FIX.4.4", "A", "B", qualifier="q")
    assert config.session_id == SessionID("FIX.4.4", "A", "B", "q")
    with pytest.raises(AttributeError):
        config.heart_bt_int = 5  # type: ignore[misc]


def test_stats_are_a_snapshot() -> None:
    desk = Desk()
    desk.logon()
    desk.app("a")
    stats = desk.session.stats()
    assert isinstance(stats, SessionStats)
    assert (stats.state, stats.next_in, stats.next_out) == (State.ACTIVE, 3, 2)
    assert (stats.messages_in, stats.messages_out, stats.unacknowledged) == (1, 1, 1)
    assert "US" in repr(desk.session)


def test_named_dictionary_is_loaded() -> None:
    desk = Desk(dictionary="FIX.4.4")
    desk.logon()
    desk.say("D", (453, [[(448, "a"), (447, "D"), (452, 1)]]))
    [got] = desk.take_messages()
    assert got.group(453)[0][448] == "a"


# --- the gate ------------------------------------------------------------------------------------------------


def test_gate_finds_the_session_and_gives_all_bytes_on() -> None:
    desk = Desk()
    logon, extra = desk.raw("A", *desk.logon_fields()), desk.raw("8", (58, "at once"))
    gate = LogonGate()
    for i in range(0, len(logon) - 1, 7):
        assert gate.receive_data(logon[i : min(i + 7, len(logon) - 1)], desk.now) is None
    attempt = gate.receive_data(logon[-1:] + extra, desk.now)
    assert attempt is not None
    assert attempt.session_id == SessionID("FIX.4.4", "US", "THEM")
    assert attempt.message[98] == "0"
    assert attempt.data == logon + extra
    assert gate.next_deadline() is None
    desk.connect()
    desk.give(attempt.data)
    assert [m[58] for m in desk.take_messages()] == ["at once"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", CloseReason.GARBLED),
        (b"8=FIX.4.4\x019=4000000\x01", CloseReason.GARBLED),
        (b"8=FIX.4.4\x019=4090\x0135=A\x01" + b"x" * 4074, CloseReason.TOO_LARGE),
    ],
)
def test_gate_shuts_on_anything_else(data: bytes, reason: CloseReason) -> None:
    gate = LogonGate()
    assert gate.receive_data(data, Desk().now) is None
    assert gate.close_requested is reason
    assert gate.receive_data(b"8=FIX", Desk().now) is None


def test_gate_wants_a_logon_with_names_first() -> None:
    desk = Desk()
    for data, reason in (
        (desk.raw("0"), CloseReason.NOT_LOGON),
        (desk.raw("A", *desk.logon_fields(), sender=None), CloseReason.IDENTITY),
    ):
        gate = LogonGate()
        assert gate.receive_data(data, desk.now) is None
        assert gate.close_requested is reason


def test_gate_has_a_time_limit() -> None:
    desk = Desk()
    gate = LogonGate(timeout=5)
    assert gate.next_deadline() is None
    gate.poll(desk.now)
    assert gate.next_deadline() == desk.now.mono_ns + 5 * SECOND
    desk.clock.advance(5)
    gate.poll(desk.now)
    assert gate.close_requested is CloseReason.LOGON_TIMEOUT
