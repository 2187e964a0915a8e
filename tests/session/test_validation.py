"""Step 8: what a fault does to the message that has it, by row, mode and version (A12; V00-V30, X01, X09)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.errors import BusinessReject, ConfigError, DictionaryError
from fixfast.session.events import Alarm, GarbledReceived, Rejected
from fixfast.session.wire import Message
from fixfast.types import Role
from tests.session.harness import Desk
from tests.session.judged import CANCEL, STRICT, body_tags, by_hand, cancel, desk_of, refused, rejection

ROLES = pytest.mark.parametrize("role", list(Role))

# --- modes ------------------------------------------------------------------------------------------------------


@ROLES
def test_a_fill_with_an_unknown_tag_is_delivered_and_says_what_is_wrong(version: str, role: Role) -> None:
    desk = desk_of(version, role)
    desk.say("8", (37, "o"), (17, "e"), (9999, "surprise"))
    [fill] = desk.take_messages()
    assert fill[9999] == "surprise"
    assert fill.fault is not None
    assert (fill.fault.reason, fill.fault.tag) == (0, 9999)
    assert desk.hear() == []
    assert desk.told(Rejected) == []
    assert desk.told(Alarm) == []


@ROLES
def test_V00_reject_mode_answers_and_does_not_deliver(version: str, role: Role) -> None:
    desk = desk_of(version, role, validation=STRICT)
    reject = refused(desk, *cancel(desk), (9999, "x"))
    assert reject.int(45) == 2
    [told] = desk.told(Rejected)
    assert (told.reason, told.ref_tag, told.business) == (0, 9999, False)
    assert told.message[9999] == "x"
    assert told.message.fault == Fault(0, 9999, "Invalid tag number")
    desk.say("F", *cancel(desk))
    assert len(desk.take_messages()) == 1


def test_warn_mode_delivers_and_raises_one_alarm_for_each_kind_of_fault() -> None:
    desk = desk_of(validation=Validation("warn"))
    for tag in (9999, 9999, 9998):
        desk.say("F", *cancel(desk), (tag, "x"))
    desk.say("G", (9999, "x"))
    assert len(desk.take_messages()) == 4
    alarms = [event.text for event in desk.told(Alarm)]
    assert len(alarms) == 3
    assert "'F'" in alarms[0]
    assert "9999" in alarms[0]
    assert "9998" in alarms[1]
    assert "'G'" in alarms[2]
    assert desk.hear() == []


def test_warn_mode_of_session_messages_counts_for_a_reject_of_the_peer() -> None:
    desk = desk_of(session_validation=Validation("warn"))
    desk.say("3", (9999, "x"))
    assert [m.msg_type for m in desk.take_messages()] == ["3"]
    assert len(desk.told(Alarm)) == 1


def test_without_validation_nothing_is_judged() -> None:
    desk = desk_of(validation=None, session_validation=None)
    desk.say("F", (9999, "x"))
    [got] = desk.take_messages()
    assert got.fault is None


def test_switches_let_pass_what_they_allow() -> None:
    desk = desk_of(validation=Validation("reject", unknown_tags=False))
    desk.say("F", *cancel(desk), (999, "x"))
    assert len(desk.take_messages()) == 1
    assert refused(desk, *cancel(desk), (9999, "x")).int(371) == 9999
    desk = desk_of(validation=Validation("reject", user_defined_tags=False))
    desk.say("F", *cancel(desk), (9999, "x"))
    assert len(desk.take_messages()) == 1
    assert refused(desk, *cancel(desk), (999, "x")).int(371) == 999


# --- rows -------------------------------------------------------------------------------------------------------

GOOD = "41=o|11=c|55=X|54=1|60=20260302-10:00:00|38=1|"
PARTIES = "448=A|447=D|452=1|"


@pytest.mark.parametrize(
    ("row", "body", "reason", "tag"),
    [
        ("V00", GOOD + "0=x|", 0, 0),
        ("V00", GOOD + "-1=x|", 0, -1),
        ("V00", GOOD + "999=x|", 0, 999),
        ("V00", GOOD + "5000=x|", 0, 5000),
        ("V01", "11=c|55=X|54=1|60=20260302-10:00:00|38=1|", 1, 41),
        ("V01", GOOD + "555=1|600=L|687=1|539=1|524=A|804=1|805=1|", 2, 555),  # no legs in this message
        ("V02", GOOD + "269=0|", 2, 269),
        ("V04", GOOD + "58=|", 4, 58),
        ("V05", "41=o|11=c|55=X|54=Q|60=20260302-10:00:00|38=1|", 5, 54),
        ("V06", GOOD.replace("38=1", "38=+1"), 6, 38),
        ("V06", GOOD.replace("38=1", "38=1e3"), 6, 38),
        ("V06", GOOD.replace("60=20260302", "60=20260230"), 6, 60),
        ("V07", "90=1|91=x|" + GOOD, 7, 91),
        ("V13", GOOD + "11=again|", 13, 11),
        ("V14", GOOD + "50=sub|", 14, 50),
        ("V15", GOOD + "453=1|447=D|448=A|452=1|", 15, 447),
        ("V16", GOOD + "453=2|" + PARTIES, 16, 453),
        ("V23", GOOD + "453=2|" + PARTIES + "58=|9999=x|", 0, 9999),
        ("V23", GOOD + "453=2|" + PARTIES + "58=|", 4, 58),
        ("V29", GOOD + "453=3|" + PARTIES * 3, 16, 453),
    ],
)
def test_rows_of_the_catalogue_are_rejected_with_their_reason(row: str, body: str, reason: int, tag: int) -> None:
    desk = desk_of(validation=Validation("reject", max_group_entries=2))
    by_hand(desk, "F", body)
    reject = rejection(desk, 2)
    assert (reject.int(373), reject[371]) == (reason, str(tag)), row
    assert reject[372] == "F"
    by_hand(desk, "F", GOOD)
    assert len(desk.take_messages()) == 1


def test_V03_an_undefined_tag_is_reason_0_never_3() -> None:
    assert refused(desk_of(validation=STRICT), *CANCEL, (9999, "x")).int(373) == 0


@pytest.mark.parametrize(
    ("header", "reason", "tag"), [({"sender": "X"}, 9, 49), ({"time": "20200101-00:00:00"}, 10, 52)]
)
def test_V09_V10_are_rejected_whatever_the_dictionary_says(header: dict[str, Any], reason: int, tag: int) -> None:
    modes: list[dict[str, Any]] = [{"validation": STRICT}, {"validation": None, "session_validation": None}]
    for options in modes:
        desk = desk_of("FIX.4.4", **options)
        desk.say("F", (9999, "x"), **header)
        reject, logout = desk.hear()
        assert (reject.int(373), reject.int(371), logout.msg_type) == (reason, tag, "5")
        assert desk.session.next_in == 3


@pytest.mark.parametrize(("xml", "reason"), [("<a/>", None), ("<a>", 12)])
def test_V12_xml_is_judged_where_that_is_asked_for(xml: str, reason: int | None) -> None:
    news = "148=h|33=1|58=x|"
    desk = desk_of("FIXT.1.1", validation=Validation("reject", xml=True))
    by_hand(desk, "B", f"212={len(xml)}|213={xml}|{news}")
    if reason is None:
        assert len(desk.take_messages()) == 1
    else:
        reject = rejection(desk, 2)
        assert (reject.int(373), reject.int(371)) == (reason, 213)
    desk = desk_of("FIXT.1.1", validation=STRICT)
    by_hand(desk, "B", f"212={len(xml)}|213={xml}|{news}")
    assert len(desk.take_messages()) == 1


def test_V17_a_delimiter_inside_a_value_is_garbled() -> None:
    desk = desk_of(validation=STRICT)
    by_hand(desk, "F", GOOD + "58=one|two|")
    assert desk.hear() == []
    assert len(desk.told(GarbledReceived)) == 1
    assert desk.session.next_in == 2


def test_V20_a_count_of_zero_is_fine() -> None:
    desk = desk_of(validation=STRICT)
    desk.say("F", *cancel(desk), (453, 0))
    assert len(desk.take_messages()) == 1


def test_V21_fields_of_header_and_body_may_stand_in_any_order() -> None:
    desk = desk_of(validation=STRICT)
    desk.say("F", *reversed(cancel(desk)))
    assert len(desk.take_messages()) == 1


# --- MsgType ----------------------------------------------------------------------------------------------------


def test_V11_unknown_msg_type(version: str) -> None:
    desk = desk_of(version, validation=STRICT)
    reject = refused(desk, (11, "x"), msg_type="ZZ")
    if version == "FIX.4.0":
        assert reject[58] == "Invalid MsgType"
    else:
        assert (reject[372], reject.int(373)) == ("ZZ", 11)
        assert 371 not in reject


def test_V11_is_delivered_where_faults_are_observed(version: str) -> None:
    desk = desk_of(version)
    desk.say("ZZ", (11, "x"))
    [got] = desk.take_messages()
    assert got.fault is not None
    assert got.fault.reason == 11


def test_V28_user_types_are_delivered_if_configured_else_rejected() -> None:
    refused(desk_of(validation=STRICT), (11, "x"), msg_type="U7")
    desk = desk_of("FIX.4.2", validation=STRICT, supported_msg_types={"U7", "n"})
    desk.say("U7", (11, "x"))
    desk.say("n", (212, 4), (213, "<a/>"))
    assert [m.msg_type for m in desk.take_messages()] == ["U7", "n"]
    assert desk.session.next_in == 4


def test_V28_without_a_dictionary_s_word_the_configuration_decides() -> None:
    desk = desk_of(supported_msg_types={"D"})
    desk.say("U7", (11, "x"))
    [answer] = desk.hear()
    assert (answer.msg_type, answer.int(380)) == ("j", 3)  # B01


# --- what a Reject says, by version -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "missing", "twice"),
    [
        ("FIX.4.0", [45, 58], [45, 58]),
        ("FIX.4.1", [45, 58], [45, 58]),
        ("FIX.4.2", [45, 371, 372, 373, 58], [45, 371, 372, 58]),
        ("FIX.4.3", [45, 371, 372, 373, 58], [45, 371, 372, 373, 58]),
        ("FIX.4.4", [45, 371, 372, 373, 58], [45, 371, 372, 373, 58]),
        ("FIXT.1.1", [45, 371, 372, 373, 58], [45, 371, 372, 373, 58]),
    ],
)
def test_A12_fields_of_a_reject_by_version(version: str, missing: list[int], twice: list[int]) -> None:
    desk = desk_of(version, validation=STRICT)
    fields = cancel(desk)
    reject = refused(
        desk, *[field for field in fields if field[0] != 55], (11, "no second, no symbol")
    )  # 13 is above 1
    assert body_tags(reject) == twice
    text = "Tag appears more than once"
    assert reject[58] == (text if 371 in twice else f"{text} (11)")
    without = [field for field in fields if field[0] != 11]
    reject = refused(desk, *without)
    assert body_tags(reject) == missing
    text = "Required tag missing"
    assert reject[58] == (text if 371 in missing else f"{text} (11)")
    if 371 in missing:
        assert (reject.int(371), reject[372], reject.int(373)) == (11, "F", 1)


def test_A12_a_reject_over_fixt_says_which_version_the_message_was_of() -> None:
    desk = desk_of("FIXT.1.1", validation=STRICT)
    by_hand(desk, "F", GOOD.replace("38=1", "38=x"))
    assert body_tags(rejection(desk, 2)) == [45, 371, 372, 373, 58]
    head = f"35=F|1128=9|1156=7|1129=own|49=THEM|56=US|34=3|52={desk.time()}|"
    content = (head + GOOD.replace("38=1", "38=x")).replace("|", "\x01").encode()
    data = b"8=FIXT.1.1\x019=%d\x01%b" % (len(content), content)
    desk.give(data + b"10=%03d\x01" % (sum(data) % 256))
    reject = rejection(desk, 3)
    assert (reject[1130], reject[1406], reject[1131]) == ("9", "7", "own")
    assert reject.validate() is None


def test_our_rejects_are_right_by_their_own_dictionary(version: str) -> None:
    desk = desk_of(version, validation=STRICT, reject_text="verbose")
    for fields in ([*cancel(desk), (9999, "x")], [(11, "c")]):
        assert refused(desk, *fields).validate() is None
    assert refused(desk, msg_type="ZZ").validate() is None


# --- texts ------------------------------------------------------------------------------------------------------


def test_X01_a_verbose_text_names_field_and_value_but_no_secret() -> None:
    desk = desk_of(validation=STRICT, reject_text="verbose")
    reject = refused(desk, *CANCEL[:3], (54, "Z"), (60, desk.time()), (38, 1))
    assert reject[58] == "Value is incorrect (out of range) for this tag: Side (54) = Z"
    reject = refused(desk, (554, "hunter2"), *cancel(desk))
    assert "hunter2" not in reject[58]
    assert "Password (554)" in reject[58]
    reject = refused(desk, *cancel(desk), (9999, "x" * 1000))
    assert reject[58] == "Invalid tag number: 9999 = " + "x" * 40
    desk = desk_of("FIX.4.0", validation=STRICT, reject_text="verbose")
    assert refused(desk, *cancel(desk), (9999, "x"))[58] == "Invalid tag number: 9999 = x"


def test_X01_SC9_a_verbose_text_breaks_no_message_and_no_terminal() -> None:
    desk = desk_of(validation=STRICT, reject_text="verbose")
    by_hand(desk, "F", GOOD + "354=9|355=a\x01b\n\x1b[2J\x7f|355=twice|")  # a data field may hold a delimiter
    reject = rejection(desk, 2)
    assert reject[58] == "Tag appears more than once: EncodedText (355) = a?b??[2J?"
    by_hand(desk, "F", GOOD + "9999=\udcff\udc80|")
    assert rejection(desk, 3).bytes(58) == b"Invalid tag number: 9999 = \xff\x80"


@pytest.mark.parametrize(("option", "there"), [("sent", True), ("quickfix", False)])
def test_X09_reject_ref_tag_can_be_left_out_as_quickfix_does(option: str, there: bool) -> None:
    desk = desk_of(reject_ref_tag=option)
    desk.say("F", *cancel(desk), sender="OTHER")
    reject = desk.hear()[0]
    assert reject.int(373) == 9
    assert (371 in reject) is there
    desk = desk_of(reject_ref_tag=option)
    desk.say("4", (123, "Y"), (36, 1))
    [reject] = desk.hear()
    assert (reject.int(373), 371 in reject) == (5, there)
    desk = desk_of(reject_ref_tag=option, validation=STRICT)
    assert refused(desk, *cancel(desk), (9999, "x")).int(371) == 9999


# --- an application's own rules ---------------------------------------------------------------------------------


def rule(message: Message) -> Any:
    """What is wrong with a message, by its Text."""
    text = message.get(58)
    if text == "bug":
        raise ZeroDivisionError
    if text == "unknown account":
        raise BusinessReject(6, "not your account", "c")
    return {
        "unsigned": Fault(8, 89),
        "undecipherable": Fault(7, 91),
        "odd": Fault(99, None, "the desk is closed"),
        "SOH": Fault(99, None, "a\x01b"),
        "True": True,
        "text": "no",
        "not an int": Fault("8", 89),  # type: ignore[arg-type]
    }.get(text or "")


@ROLES
@pytest.mark.parametrize(("text", "reason"), [("unsigned", 8), ("undecipherable", 7), ("odd", 99)])
def test_V07_V08_V19_an_application_may_reject_by_rules_of_its_own(text: str, reason: int, role: Role) -> None:
    desk = desk_of("FIX.4.4", role, check=rule)
    reject = refused(desk, *cancel(desk), (58, text))
    assert reject.int(373) == reason
    if reason == 99:
        assert reject[58] == "the desk is closed"
    desk.say("F", *cancel(desk), (58, "fine"))
    assert len(desk.take_messages()) == 1


def test_a_rule_is_asked_after_the_dictionary_and_once() -> None:
    asked: list[int] = []
    desk = desk_of(validation=STRICT, check=lambda message: asked.append(message.msg_seq_num))
    refused(desk, *cancel(desk), (9999, "x"))
    desk.say("F", *cancel(desk), seq=4)
    assert asked == []
    desk.dup("F", *cancel(desk), seq=3)
    assert asked == [3, 4]
    desk.say("0", seq=5)
    desk.say("3", (45, 1), seq=6)
    assert asked == [3, 4], "no session message, and no reject"


@pytest.mark.parametrize("text", ["bug", "SOH", "True", "text", "not an int"])
def test_a_rule_with_a_bug_loses_nothing(text: str) -> None:
    desk = desk_of(check=rule)
    desk.say("F", *cancel(desk), (58, text))
    assert [m[58] for m in desk.take_messages()] == [text]
    assert "check() failed on message 2" in desk.told(Alarm)[-1].text
    assert desk.hear() == []
    assert desk.told(Rejected) == []
    assert desk.session.next_in == 3


# --- configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"validation": True},
        {"session_validation": "reject"},
        {"supported_msg_types": "D"},
        {"supported_msg_types": [1]},
        {"check": 3},
        {"max_rejects": 0},
        {"reject_window": 0},
        {"reject_text": "long"},
        {"reject_ref_tag": "none"},
        {"dictionary": 44},
    ],
)
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Desk("FIX.4.4", **options)
    assert caught.value.name in options


def test_a_dictionary_that_is_not_there_is_named() -> None:
    with pytest.raises(DictionaryError, match=r"nowhere\.xml"):
        Desk("FIX.4.4", dictionary="nowhere.xml")


def test_a_broker_s_dictionary_describes_its_messages() -> None:
    broker = load_dictionary("FIX.4.4").overlay(
        fields={"Strategy": {"tag": 10001, "type": "CHAR", "codes": {"V": "VWAP"}}},
        messages={"OrderCancelRequest": {"add": ["Strategy!"]}},
    )
    desk = desk_of(validation=STRICT, dictionary=broker)
    desk.say("F", *cancel(desk), (10001, "V"))
    [got] = desk.take_messages()
    assert got.value(10001).name == "VWAP"
    assert refused(desk, *cancel(desk)).int(371) == 10001
    assert refused(desk, *cancel(desk), (10001, "X")).int(373) == 5


def test_a_dictionary_may_be_named() -> None:
    desk = desk_of("FIX.4.2", validation=STRICT, dictionary="FIX.4.2+auth")
    desk.say("BE", (923, "r"), (924, 1), (553, "me"))
    assert [m.msg_type for m in desk.take_messages()] == ["BE"]
    refused(desk_of("FIX.4.2", validation=STRICT), (923, "r"), (924, 1), (553, "me"), msg_type="BE")
