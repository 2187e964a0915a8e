"""Validity is acted on when a message has its turn: once, in order, whatever comes between (V22, V24, V25, V30)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.dictionary.validation import Validation
from fixfast.errors import StoreError
from fixfast.session.events import Alarm, GapFilled, Rejected
from fixfast.session.gate import LogonGate
from fixfast.session.state import CloseReason, State
from fixfast.store.memory import MemoryStore
from fixfast.types import Role
from tests.session.harness import Desk, Pair
from tests.session.judged import CANCEL, STRICT, by_hand, cancel, desk_of, refused

ROLES = pytest.mark.parametrize("role", list(Role))
BAD = (9999, "x")

# --- gaps and resends -------------------------------------------------------------------------------------------


@ROLES
def test_V22_V24_a_resent_invalid_message_is_rejected_once_at_its_turn_and_the_queue_goes_on(role: Role) -> None:
    desk = desk_of("FIX.4.4", role, validation=STRICT)
    desk.say("F", *cancel(desk), seq=4)  # 2 and 3 are missing
    assert desk.hear_types() == ["2"]
    desk.dup("F", *cancel(desk), BAD, seq=2)
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(45)) == ("3", 2)
    desk.dup("F", *cancel(desk), seq=3)
    assert [m.msg_seq_num for m in desk.take_messages()] == [3, 4]
    assert desk.session.next_in == 5
    assert desk.hear() == []
    assert len(desk.told(GapFilled)) == 1


@ROLES
def test_V22_an_invalid_message_that_is_too_high_is_rejected_only_when_its_turn_comes(role: Role) -> None:
    desk = desk_of("FIX.4.4", role, validation=STRICT)
    desk.say("F", *cancel(desk), BAD, seq=3)
    assert desk.hear_types() == ["2"]
    assert desk.told(Rejected) == []
    desk.dup("F", *cancel(desk), seq=2)
    assert [m.msg_type for m in desk.hear()] == ["3"]
    assert desk.session.next_in == 4
    desk.dup("F", *cancel(desk), BAD, seq=3)  # the peer resends what was held here already
    assert desk.hear() == []
    assert len(desk.told(Rejected)) == 1


def test_V22_an_invalid_message_behind_a_gap_fill_is_rejected_at_its_turn() -> None:
    desk = desk_of(validation=STRICT)
    desk.say("F", *cancel(desk), BAD, seq=5)
    desk.say("F", *cancel(desk), seq=6)
    desk.hear()
    desk.say("4", (123, "Y"), (36, 5), (43, "Y"), (122, desk.time(-1)), seq=2)
    [reject] = desk.hear()
    assert reject.int(45) == 5
    assert [m.msg_seq_num for m in desk.take_messages()] == [6]
    assert desk.session.next_in == 7


def test_V22_a_gap_fill_over_a_held_invalid_message_lets_it_have_its_turn() -> None:
    desk = desk_of(validation=STRICT)
    desk.say("F", *cancel(desk), BAD, seq=4)
    desk.hear()
    desk.say("4", (123, "Y"), (36, 8), (43, "Y"), (122, desk.time(-1)), seq=2)
    assert [m.int(45) for m in desk.hear()] == [4]
    assert desk.session.next_in == 8


def test_observed_faults_survive_the_wait_for_a_turn() -> None:
    desk = desk_of()
    desk.say("F", *cancel(desk), BAD, seq=3)
    desk.dup("F", *cancel(desk), seq=2)
    first, second = desk.take_messages()
    assert first.fault is None
    assert second.fault is not None
    assert second.fault.tag == 9999


def test_a_run_of_messages_with_one_bad_in_the_middle_keeps_its_order() -> None:
    for cut in (1, 7, 1 << 20):
        desk = desk_of(validation=STRICT)
        extra: list[tuple[tuple[int, Any], ...]] = [(), (), (BAD,), (), (BAD,), (BAD,), ()]
        data = b"".join(desk.raw("F", *cancel(desk), *more) for more in extra)
        for i in range(0, len(data), cut):
            desk.give(data[i : i + cut])
        assert [m.msg_seq_num for m in desk.take_messages()] == [2, 3, 5, 8]
        assert [m.int(45) for m in desk.hear()] == [4, 6, 7]
        order = [e.message.msg_seq_num if isinstance(e, Rejected) else e.msg_seq_num for e in desk.events[-7:]]
        assert order == [2, 3, 4, 5, 6, 7, 8]


def test_two_strict_sessions_settle_whatever_is_said() -> None:
    pair = Pair("FIX.4.4", {"validation": STRICT}, {"validation": STRICT, "supported_msg_types": {"F"}})
    pair.connect()
    pair.settle()
    for fields in ([(9999, "x")], CANCEL):
        for session in pair.sessions:
            for msg_type in ("F", "ZZ", "3", "j", "B"):
                session.send(msg_type, fields, pair.now)
    pair.settle()
    assert [s.state for s in pair.sessions] == [State.ACTIVE, State.ACTIVE]
    before = [s.next_out for s in pair.sessions]
    pair.settle()
    assert [s.next_out for s in pair.sessions] == before
    assert [s.next_in for s in pair.sessions] == before[::-1]


# --- durability -------------------------------------------------------------------------------------------------


def test_V22_what_was_rejected_is_not_rejected_again_after_a_restart() -> None:
    desk = desk_of(validation=STRICT)
    refused(desk, *cancel(desk), BAD)
    desk.drop()
    desk.restart()
    assert desk.session.next_in == 3
    assert desk.take_messages() == []


class Failing(MemoryStore):
    """Fails for good at one call, made with a number."""

    def __init__(self, call: str, n: int) -> None:
        super().__init__()
        self.call, self.n = call, n

    def append_out(self, n: int, buf: Any, wall_ns: int) -> int:
        self._fail("out", n)
        return super().append_out(n, buf, wall_ns)

    def fill(self, a: int, b: int) -> int:
        self._fail("fill", a)
        return super().fill(a, b)

    def _fail(self, call: str, n: int) -> None:
        if (self.call, self.n) == (call, n) or self.call == "all":
            self.call = "all"
            raise StoreError("no space left")


@pytest.mark.parametrize("call", ["out", "fill"])
@pytest.mark.parametrize("options", [{"validation": STRICT}, {"supported_msg_types": {"D"}}], ids=["3", "j"])
def test_V22_O10_a_store_that_fails_counts_nothing_that_was_not_rejected(call: str, options: dict[str, Any]) -> None:
    store = Failing(call, 2)  # the reject is our message 2, and what it rejects the peer's
    desk = Desk("FIX.4.4", store=store, **options)
    desk.logon()
    desk.say("F", *cancel(desk), BAD)
    assert desk.session.next_in == 2
    assert desk.session.close_requested is CloseReason.STORE
    assert len(desk.told(Rejected)) == (call == "fill"), "the owner hears of what was stored"
    assert desk.hear_types() == ([] if call == "out" else ["3" if "validation" in options else "j"])
    desk.drop()
    store.call = ""
    desk.restart()
    assert desk.session.next_in == 2, "the peer resends it, and it is judged again"


def test_V22_nothing_is_said_before_the_reject_is_durable() -> None:
    class Slow(MemoryStore):
        safe: int | None = None

        @property
        def synced(self) -> int:
            return super().synced if self.safe is None else self.safe

    store = Slow()
    desk = Desk("FIX.4.4", store=store, validation=STRICT)
    desk.logon()
    store.safe = store.synced
    desk.say("F", *cancel(desk), BAD)
    assert desk.hear() == []
    store.safe = None
    assert desk.hear_types() == ["3"]


# --- after our Logout -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"validation": STRICT}, {"supported_msg_types": {"D"}}, {"check": lambda message: 1 / 0}]
)
def test_O01_after_our_logout_nothing_is_rejected_and_nothing_is_lost(options: dict[str, Any]) -> None:
    desk = desk_of(**options)
    desk.session.logout("bye", desk.now)
    assert desk.hear_types() == ["5"]
    desk.say("F", *cancel(desk), BAD)
    desk.say("F", *cancel(desk))
    assert desk.hear() == []
    if "check" in options:  # a rule with a bug: both are delivered
        assert len(desk.take_messages()) == 2
        return
    assert desk.session.next_in == 2
    desk.say("5")
    assert desk.session.close_requested is CloseReason.LOGOUT
    desk.drop()
    desk.seq = 5
    desk.logon()
    assert desk.state is State.RECOVERING
    desk.dup("F", *cancel(desk), BAD, seq=2)
    assert desk.hear_types() in (["3"], ["j"])


@pytest.mark.parametrize("body", ["123=Y|36=1|", "123=Y|36=x|"])
def test_O01_after_our_logout_a_bad_gap_fill_is_not_rejected(body: str) -> None:
    desk = desk_of()
    desk.session.logout("bye", desk.now)
    assert desk.hear_types() == ["5"]
    by_hand(desk, "4", body)
    by_hand(desk, "F", "34=2|", seq=900)
    assert desk.hear() == []
    assert desk.session.next_in == 2


# --- too many ---------------------------------------------------------------------------------------------------


@ROLES
def test_V25_too_many_rejects_end_the_session(role: Role) -> None:
    desk = desk_of("FIX.4.4", role, validation=STRICT, max_rejects=3, reject_window=10)
    for _ in range(3):
        refused(desk, *cancel(desk), BAD)
    desk.advance(11)
    desk.hear()
    for _ in range(3):
        refused(desk, *cancel(desk), BAD)
    desk.say("F", *cancel(desk), BAD)
    assert desk.hear_types() == ["3", "5"]
    assert desk.state is State.LOGOUT_SENT
    assert "more than 3 messages" in desk.told(Alarm)[-1].text
    desk.say("5")
    assert desk.session.close_requested is CloseReason.TOO_MANY_REJECTS


def test_V25_business_rejects_count() -> None:
    desk = desk_of(supported_msg_types={"D"}, max_rejects=1)
    for _ in range(2):
        desk.say("F", *cancel(desk))
    assert desk.hear_types() == ["j", "j", "5"]


def test_V25_the_limit_holds_in_the_middle_of_a_queue_and_the_rest_comes_again() -> None:
    desk = desk_of(validation=STRICT, max_rejects=3)
    for n in range(3, 30):
        desk.say("F", *cancel(desk), BAD, seq=n)
    desk.hear()
    desk.dup("F", *cancel(desk), seq=2)
    assert desk.hear_types() == ["3"] * 4 + ["5"]
    assert desk.session.next_in == 7
    desk.say("5", seq=30)
    desk.drop()
    desk.seq = 31
    desk.logon()
    assert desk.state is State.RECOVERING
    desk.dup("F", *cancel(desk), BAD, seq=7)
    assert desk.hear_types() == ["3"]
    assert desk.session.next_in == 8


def test_V25_the_limit_holds_in_the_middle_of_a_gap_fill() -> None:
    desk = desk_of(validation=STRICT, max_rejects=2)
    for n in range(3, 10):
        desk.say("F", *cancel(desk), BAD, seq=n)
    desk.hear()
    desk.say("4", (123, "Y"), (36, 20), (43, "Y"), (122, desk.time(-1)), seq=2)
    assert desk.hear_types() == ["3"] * 3 + ["5"]
    assert desk.session.next_in == 6, "what was not looked at is not counted"


# --- header fields that come twice ------------------------------------------------------------------------------

ANY_MODE = pytest.mark.parametrize(
    "options",
    [{}, {"validation": None, "session_validation": None}, {"validation": STRICT, "session_validation": STRICT}],
    ids=["default", "off", "strict"],
)


@ROLES
@ANY_MODE
@pytest.mark.parametrize("tag", [8, 9, 35, 34, 49, 56, 52])
def test_V30_a_header_field_that_comes_twice_is_refused_in_every_mode(
    tag: int, options: dict[str, Any], role: Role
) -> None:
    desk = desk_of("FIX.4.4", role, **options)
    value = {8: "FIX.4.2", 9: "5", 35: "0", 34: "99", 49: "OTHER", 56: "OTHER", 52: desk.time()}[tag]
    by_hand(desk, "F", f"{tag}={value}|11=x|")
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(373), reject.int(371)) == ("3", 13, tag)
    assert desk.take_messages() == []
    assert desk.session.next_in == 3


@ANY_MODE
def test_V30_43_twice_is_refused(options: dict[str, Any]) -> None:
    desk = desk_of(**options)
    by_hand(desk, "F", "43=N|43=Y|11=x|")
    [reject] = desk.hear()
    assert (reject.int(373), reject.int(371)) == (13, 43)
    assert desk.session.next_in == 3


def test_V30_10_in_the_middle_is_refused() -> None:
    desk = desk_of()
    by_hand(desk, "F", "10=000|11=x|")
    assert desk.take_messages() == []
    assert [m.int(371) for m in desk.hear()] == [10]


def test_V30_it_is_refused_at_its_turn_only() -> None:
    desk = desk_of()
    by_hand(desk, "F", f"52={desk.time()}|11=x|", seq=3)
    assert desk.hear_types() == ["2"]
    desk.dup("F", *cancel(desk), seq=2)
    [reject] = desk.hear()
    assert (reject.msg_type, reject.int(45), reject.int(371)) == ("3", 3, 52)
    assert desk.session.next_in == 4


def test_V30_a_number_that_is_doubtful_opens_no_gap() -> None:
    desk = desk_of()
    by_hand(desk, "F", "34=2|11=x|", seq=900)
    [reject] = desk.hear()
    assert (reject.int(45), reject.int(371)) == (900, 34)
    assert desk.session.next_in == 2
    assert desk.state is State.ACTIVE


def test_V30_our_own_logout_is_answered_by_any_logout() -> None:
    desk = desk_of()
    desk.session.logout("", desk.now)
    by_hand(desk, "5", f"52={desk.time()}|")
    assert desk.session.close_requested is CloseReason.LOGOUT


def test_V30_SC12_a_logon_with_two_senders_is_refused_silently_and_uses_no_number() -> None:
    desk = Desk("FIX.4.4")
    desk.connect()
    by_hand(desk, "A", "49=OTHER|98=0|108=30|")
    assert desk.hear() == []
    assert desk.session.close_requested is CloseReason.IDENTITY
    assert (desk.session.next_in, desk.session.next_out) == (1, 1)


@pytest.mark.parametrize("field", ["49=OTHER|", "56=OTHER|", "34=5|", "52=20260302-10:00:00|"])
def test_V30_SC12_a_gate_lets_no_logon_in_that_says_two_things(field: str) -> None:
    desk = Desk("FIX.4.4")
    body = f"35=A|49=THEM|56=US|34=1|52={desk.time()}|{field}98=0|108=30|".replace("|", "\x01").encode()
    data = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    gate = LogonGate()
    assert gate.receive_data(data + b"10=%03d\x01" % (sum(data) % 256), desk.now) is None
    assert gate.close_requested is CloseReason.IDENTITY


def test_V30_an_answer_with_two_senders_is_refused() -> None:
    desk = Desk("FIX.4.4", Role.INITIATOR)
    desk.connect()
    desk.hear()
    by_hand(desk, "A", "49=OTHER|98=0|108=30|")
    [logout] = desk.hear()
    assert (logout.msg_type, logout[58]) == ("5", "Tag appears more than once")
    assert not desk.state.active


def test_a_validation_that_warns_does_not_hold_up_a_run() -> None:
    desk = desk_of(validation=Validation("warn"))
    for bad in (False, True, False):
        desk.say("F", *cancel(desk), *([BAD] if bad else []))
    assert [m.msg_seq_num for m in desk.take_messages()] == [2, 3, 4]
