"""Identity, time, garbled bytes, and what a Reject looks like by version (A1, A11, A12, A13)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.validation import Fault
from fixfast.errors import LocalProtocolError
from fixfast.session.events import Alarm, GarbledReceived, Rejected
from fixfast.session.state import CloseReason, State
from tests.session.harness import Desk, config

ALL = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")


@pytest.fixture
def desk(version: str) -> Desk:
    desk = Desk(version)
    desk.logon()
    return desk


def ended(desk: Desk) -> CloseReason | None:
    desk.hear()
    desk.advance(2)
    return desk.session.close_requested


def test_C01_other_begin_string_logs_out(desk: Desk) -> None:
    desk.say("8", (58, "x"), begin_string="FIX.4.3")
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "Incorrect BeginString")
    assert desk.session.next_in == 2
    assert ended(desk) is CloseReason.BEGIN_STRING


def test_C02_logout_with_other_begin_string_is_a_logout(desk: Desk) -> None:
    desk.say("5", begin_string="FIX.4.3")
    assert desk.hear_types() == ["5"]
    assert desk.session.next_in == 3


@pytest.mark.parametrize(("header", "tag"), [({"sender": "X"}, 49), ({"target": "X"}, 56)])
def test_C03_wrong_comp_id_is_rejected_counted_and_logged_out(desk: Desk, header: dict[str, Any], tag: int) -> None:
    desk.say("8", (58, "x"), **header)
    reject, logout = desk.hear()
    assert (reject.msg_type, logout.msg_type) == ("3", "5")
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (9, tag)
    assert desk.session.next_in == 3
    assert desk.take_messages() == []
    assert ended(desk) is CloseReason.COMP_ID


@pytest.mark.parametrize("header", [{"sender": None}, {"target": None}])
def test_pipeline_5_missing_comp_id_is_rejected_and_the_session_stays(desk: Desk, header: dict[str, Any]) -> None:
    desk.say("8", (58, "x"), **header)
    assert desk.hear_types() == ["3"]
    assert desk.told(Rejected)[0].reason == 1
    assert desk.session.next_in == 3
    assert desk.state is State.ACTIVE


@pytest.mark.parametrize(("msg_type", "fields"), [("4", [(36, 50)]), ("A", [(98, 0), (108, 30), (141, "Y")])])
def test_pipeline_5_without_comp_id_nothing_resets_the_numbers(desk: Desk, msg_type: str, fields: list[Any]) -> None:
    desk.say(msg_type, *fields, sender=None, seq=1 if msg_type == "A" else 2)
    assert desk.hear_types() == ["3"]
    assert desk.session.next_in == (2 if msg_type == "A" else 3)
    assert desk.store.load().epoch == 1


@pytest.mark.parametrize("offset", [-121, 121])
def test_C08_sending_time_outside_the_window(desk: Desk, offset: int) -> None:
    desk.say("8", (58, "x"), time=desk.time(offset))
    assert desk.hear_types() == ["3", "5"]
    [rejected] = desk.told(Rejected)
    assert (rejected.reason, rejected.ref_tag) == (10, 52)
    assert desk.session.next_in == 3
    assert desk.take_messages() == []
    assert ended(desk) is CloseReason.SENDING_TIME


@pytest.mark.parametrize("offset", [-119, 119])
def test_C08_sending_time_inside_the_window(desk: Desk, offset: int) -> None:
    desk.say("8", (58, "x"), time=desk.time(offset))
    assert len(desk.take_messages()) == 1


def test_C08_window_can_be_switched_off_but_52_is_still_needed(version: str) -> None:
    desk = Desk(version, check_latency=False)
    desk.logon()
    desk.say("8", (58, "x"), time="19990101-00:00:00")
    assert len(desk.take_messages()) == 1
    desk.say("8", (58, "x"), time=None)
    assert desk.hear_types() == ["3", "5"]


@pytest.mark.parametrize(("value", "reason"), [(None, 1), ("yesterday", 6), ("20260302", 6)])
def test_C09_missing_or_unreadable_sending_time(desk: Desk, value: str | None, reason: int) -> None:
    desk.say("8", (58, "x"), time=value)
    assert desk.hear_types() == ["3", "5"]
    assert desk.told(Rejected)[0].reason == reason
    assert ended(desk) is CloseReason.SENDING_TIME


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_C10_precision_of_our_timestamps(version: str, digits: int) -> None:
    logon = Desk(version, timestamp_digits=digits).logon()
    fraction = logon[52].partition(".")[2]
    assert len(fraction) == (0 if version in ("FIX.4.0", "FIX.4.1") else digits)


@pytest.mark.parametrize("fraction", ["", ".123", ".123456", ".123456789"])
def test_C10_precision_of_the_peers_timestamps(version: str, fraction: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (58, "x"), time=desk.time().partition(".")[0] + fraction)
    assert len(desk.take_messages()) == 1


# --- garbled (A1) --------------------------------------------------------------------------------------------


def test_F02_F03_F05_garbled_is_dropped_told_and_not_counted(desk: Desk) -> None:
    good = desk.raw("8", (58, "good"))
    bad = good.replace(b"58=good", b"58=evil")
    desk.give(bad + good)
    assert [m[58] for m in desk.take_messages()] == ["good"]
    [garbled] = desk.told(GarbledReceived)
    assert garbled.garbled.raw == bad
    assert desk.session.stats().garbled == 1
    assert desk.hear() == []


def test_F06_message_swallowed_by_a_bad_length_is_recovered(desk: Desk) -> None:
    lost = desk.raw("8", (58, "lost"))
    desk.give(lost.replace(b"\x019=", b"\x019=9", 1))
    desk.give(b"".join(desk.raw("0") for _ in range(20)))
    assert "2" in desk.hear_types()


def test_F08_message_above_the_maximum_size_disconnects_at_once(version: str) -> None:
    desk = Desk(version, max_message_size=1000)
    desk.logon()
    desk.give(b"8=FIX.4.4\x019=1001\x0135=8\x01")
    assert desk.session.close_requested is CloseReason.TOO_LARGE
    assert desk.hear() == []


def test_F08_body_length_of_nine_digits_disconnects_at_once(desk: Desk) -> None:
    desk.give(b"8=FIX.4.4\x019=123456789\x0135=8\x01")
    assert desk.session.close_requested is CloseReason.TOO_LARGE


@pytest.mark.parametrize("number", [None, "x", "-3", "0", "1.0"])
def test_F10_missing_or_invalid_number_logs_out_naming_34(desk: Desk, number: str | None) -> None:
    desk.say("8", (58, "x"), number=number)
    [logout] = desk.hear()
    assert logout.msg_type == "5"
    assert "34" in logout[58]
    assert desk.session.next_in == 2
    assert ended(desk) is CloseReason.MSG_SEQ_NUM


def test_F11_endless_garbage_ends_the_session(version: str) -> None:
    desk = Desk(version, max_garbled=3)
    desk.logon()
    bad = desk.raw("8", (58, "good")).replace(b"58=good", b"58=evil")
    desk.give(bad * 2)
    desk.say("0", seq=2)
    desk.give(bad * 2)
    assert desk.state is State.ACTIVE
    desk.give(bad)
    assert desk.hear_types() == ["5"]
    assert ended(desk) is CloseReason.GARBLED
    assert desk.told(Alarm)


def test_F12_garbled_logon_disconnects_without_a_word(version: str) -> None:
    desk = Desk(version)
    desk.connect()
    desk.give(desk.raw("A", *desk.logon_fields()).replace(b"98=0", b"98=1"))
    assert desk.session.close_requested is CloseReason.GARBLED
    assert desk.hear() == []


# --- rejects by version (A12, A13) ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", ALL)
def test_A12_reject_has_what_the_version_knows(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("8", (43, "Y"), (58, "x"))
    [reject] = desk.hear()
    assert reject.int(45) == 2
    if version in ("FIX.4.0", "FIX.4.1"):
        assert reject[58] == "Required tag missing (122)"
        assert all(tag not in reject for tag in (371, 372, 373))
    else:
        assert (reject.int(371), reject[372], reject.int(373)) == (122, "8", 1)
        assert reject[58] == "Required tag missing"


def test_A12_fix42_has_no_reason_above_11() -> None:
    from fixfast.session.reject import reject_fields

    desk = Desk("FIX.4.2")
    desk.logon()
    desk.app("x")
    [got] = desk.take_messages()
    assert 373 not in dict(reject_fields(config("FIX.4.2"), got, Fault(13, 55)))
    assert dict(reject_fields(config("FIX.4.3"), got, Fault(13, 55)))[373] == 13


def test_C06_X07_rejects_go_back_the_way_the_message_came(desk: Desk) -> None:
    desk.say("8", (43, "Y"), (115, "client"), (116, "trader"), (128, "firm"), (58, "x"))
    [reject] = desk.hear()
    assert (reject[128], reject[129], reject[115]) == ("client", "trader", "firm")
    assert 116 not in reject
    assert 144 not in reject


@pytest.mark.parametrize("version", ALL)
def test_B01_business_reject_by_version(version: str) -> None:
    desk = Desk(version)
    desk.logon()
    desk.say("D", (11, "order"), (115, "client"))
    [order] = desk.take_messages()
    desk.session.business_reject(order, 3, "Unsupported Message Type", "order", desk.now)
    [reject] = desk.hear()
    assert (reject.int(45), reject[58], reject[128]) == (2, "Unsupported Message Type", "client")
    if version in ("FIX.4.0", "FIX.4.1"):
        assert reject.msg_type == "3"
        assert 380 not in reject
    else:
        assert (reject.msg_type, reject[372], reject[379], reject.int(380)) == ("j", "D", "order", 3)


@pytest.mark.parametrize("msg_type", ["3", "j"])
def test_B07_a_reject_is_never_answered_with_one(desk: Desk, msg_type: str) -> None:
    desk.say(msg_type, (45, 1))
    [reject] = desk.take_messages()
    with pytest.raises(LocalProtocolError):
        desk.session.business_reject(reject, 3, "", "", desk.now)
