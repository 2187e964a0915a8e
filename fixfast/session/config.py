"""SessionConfig: everything a session is told before it starts. Frozen, checked when made; times are in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import ConfigError
from fixfast.session.schedule import Schedule
from fixfast.session.wire import Message
from fixfast.types import SessionID

if TYPE_CHECKING:
    from fixfast.session.session import Session

__all__ = [
    "APPL_VER_IDS",
    "BEGIN_STRINGS",
    "WITH_NEXT_EXPECTED",
    "LogonContext",
    "LogonHook",
    "MessageCheck",
    "ResendHook",
    "SessionConfig",
]

#: BeginString(8) of the versions fixfast speaks. FIX 5.0 and later run over FIXT.1.1.
BEGIN_STRINGS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")

#: ApplVerID codes (1128, 1137) of FIX 4.0 to FIX Latest.
APPL_VER_IDS = frozenset(str(code) for code in range(2, 11))

#: BeginString of the versions with NextExpectedMsgSeqNum(789).
WITH_NEXT_EXPECTED = ("FIX.4.4", "FIXT.1.1")

#: What is checked by default: of application messages, and of session messages.
OBSERVE = Validation("observe")
REJECT = Validation("reject", unknown_tags=False, user_defined_tags=False)

_SECRET_OPTIONS = frozenset({"password", "new_password"})


@dataclass(frozen=True, slots=True)
class LogonContext:
    """What a logon hook may need, above all to sign: it is called once for each Logon we send first.

    Attributes:
        msg_seq_num: MsgSeqNum(34) the Logon will have.
        sending_time: the exact text its SendingTime(52) will have.
        reset: it will carry ResetSeqNumFlag(141)=Y.
    """

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    msg_seq_num: int
    sending_time: str
    heart_bt_int: int
    reset: bool


LogonHook: TypeAlias = Callable[[LogonContext], Iterable[tuple[int, Any]]]
ResendHook: TypeAlias = "Callable[[Session, Message, int], bool]"
MessageCheck: TypeAlias = Callable[[Message], Fault | None]


@dataclass(frozen=True, slots=True, repr=False)
class SessionConfig:
    """The options of one session, as seen from our side.

    Args:
        begin_string: "FIX.4.0" to "FIX.4.4", or "FIXT.1.1" for FIX 5.0 and later.
        sender_comp_id: SenderCompID(49) of our messages.
        target_comp_id: the peer's CompID, TargetCompID(56) of our messages.
        heart_bt_int: HeartBtInt(108) an initiator asks for, 0 for none.
        heart_bt_int_policy: which HeartBtInt in the peer's Logon is taken: "accept" any, "fixed" heart_bt_int alone, or
            a pair (lowest, highest); a Logon with another is refused (L15, L16, I08).
        qualifier: tells apart sessions with the same identity on our side; never on the wire.
        sender_sub_id, sender_location_id, target_sub_id, target_location_id: 50, 142, 57, 143 of our messages, unless
            the application sets them on a message.
        check_sub_ids: refuse messages whose 50, 57, 142 or 143 is not what the four say, as a wrong CompID is; those
            that are empty are not checked (C04).
        on_behalf_of_comp_ids, deliver_to_comp_ids: what OnBehalfOfCompID(115) and DeliverToCompID(128) of an
            application message may be, where it has them; others are rejected (C05). None: anything.
        default_appl_ver_id: DefaultApplVerID(1137) of our Logon, FIXT.1.1 only.
        adopt_peer_appl_ver_id: acceptor: answer with the peer's 1137 instead, and write our messages by it (X12).
        username, password, new_password: 553, 554, 925 of our Logon (initiator).
        test_message_indicator: 464 of our Logon; a peer's Logon that says otherwise is refused (L23). None: neither.
        logon: called for each Logon we send first; returns fields to add (signatures, venue options).
        on_resend: called with (session, message, age_ns) for each stored application message the peer asks for;
            False: gap-fill it. None: gap-fill orders (D, F, G), resend the rest.
        manual_logon: acceptor: a Logon becomes a LogonRequested event, answered by accept_logon() or refuse_logon().
        manual_done: the application acknowledges each message by Session.done(n), not by taking the next event.
        logon_test_request: send a TestRequest behind the Logons, and tell LoggedOn only when its Heartbeat is in: both
            sides have resent what was missed by then (I12). What is stored between our Logon and the answer goes out
            when the peer asks for it.
        adopt_expected_seq_num: initiator: when a Logout says that our MsgSeqNum is too low and names the number that is
            expected (789, or in its text), go on from there, at most by max_sequence_jump (I13).
        max_too_low_logouts: after so many such Logouts in a row, no Logon is sent until a person calls reset() or
            set_next_out() (I13).
        offline: what send() does while not logged on: "refuse" raises NotActive, "store" numbers and stores; the peer
            asks for it after the next Logon.
        reset_on_logon, reset_on_logout, reset_on_disconnect: begin both numbers at 1 at that point (R10).
        next_expected_msg_seq_num: NextExpectedMsgSeqNum(789), FIX.4.4 and FIXT.1.1. "use": our Logons have it, and
            where the peer's have it too both sides resend unasked; a peer that expects more than was sent is refused.
            "honour": ours do not have it, but we resend by the peer's (N10). "ignore": neither.
        resend_before_expected: begin such a resend so many messages earlier. 1 for QuickFIX (C++) as acceptor: its
            answer to a Logon that is too high names one number too many (T2), and one message would never come.
        schedule: when the session is open, and when its numbers begin again at 1 (D01-D14). None: always, and never.
        outside_schedule: acceptor: how a Logon outside the schedule is refused (L26): "logout", over FIXT.1.1 with
            SessionStatus 7, which uses a number; or "silent".
        logon_timeout: from connection to Logon. None: 10 for an initiator, 5 for an acceptor.
        decision_timeout: from LogonRequested to accept_logon() or refuse_logon().
        logout_timeout: for the answer to our Logout, for the peer to close after our answer to its Logout, and for a
            gap to be filled before we answer a Logout that was too high (O04).
        resend_timeout: without progress of a gap fill; it is asked for once more. None: 2 x HeartBtInt, at least 10.
        max_resend_requests: for one missing number, across reconnects; then a person is needed (G09). A request does
            not count where the line was lost while the peer had time to answer.
        check_latency: refuse messages whose SendingTime is out of bounds (C08).
        sending_time_tolerance: those bounds, either side.
        timestamp_digits: fraction digits of our SendingTime, 0, 3, 6 or 9; FIX 4.0 and 4.1 always have 0.
        last_msg_seq_num_processed: our messages have LastMsgSeqNumProcessed(369), FIX.4.2 and later (C12).
        max_message_size: of inbound messages, bytes.
        announce_max_message_size: our Logon has MaxMessageSize(383), FIX.4.2 and later; a peer that exceeds it gets a
            Logout before the connection is closed (L25).
        queue_limit, queue_bytes: inbound messages kept while older ones are missing; more are asked for again (S21).
        max_garbled: garbled messages in a row, then the session is ended (F11).
        max_sequence_jump: how far a SequenceReset may move the inbound number (Z12).
        dictionary: what describes received messages: a name or path for load_dictionary(), a Dictionary, a
            DictionarySet, or None: the standard's. Over FIXT.1.1, a DictionarySet or None follows the peer's Logon. A
            file is read for each session: give those that share one the same Dictionary.
        validation: of application messages; None: none. By default they are delivered whatever is wrong with them,
            with `message.fault` set: no fill is lost because a tag was unknown.
        session_validation: of session messages; None: none. By default they are rejected if a field is missing,
            malformed or in the wrong place; tags that are not theirs pass, because venues put their own into Logons (in
            FIX 4.2 even 553 and 554 are strangers) and a Logon that is refused is a day without trading.
            `Validation("reject")` is strict. A Logout or SequenceReset is followed, a Reject delivered in any case.
        supported_msg_types: application messages that the application handles; others are answered with
            BusinessMessageReject (B01) and not delivered. None: all are delivered.
        check: the application's own rules (signatures, conditionally required fields ...), asked once for each
            application message at its turn, after the dictionary: returns None, or a Fault, with which the message is
            rejected; may raise BusinessReject. Any other exception lets the message pass, with an Alarm.
        max_rejects, reject_window: more messages than that rejected in so many seconds end the session (V25). What was
            rejected is not asked for again, so a peer with many bad messages gets on by so many each connection.
        reject_text: Text(58) of our Rejects: "standard", or "verbose" with the field's name and value (X01).
        reject_ref_tag: "sent", or "quickfix": RefTagID is left out of rejects 9 and 10, as QuickFIX does (X09).
        resend_range: of our ResendRequests: "open", everything from the first missing number on (G01), or "closed", up
            to the last number that is known to be missing (G02).
        resend_chunk: ask for at most so many numbers at once, and for more when they have come (G03); 0: no limit. Its
            requests are closed ones.
        max_repeated_requests, repeat_window: a peer that asks for what it has asked for before gets an answer so many
            times in so many seconds, the last one with an Alarm; once more ends the session (P17).
        max_garbled_percent, garbled_window: more garbled messages than that among the last so many end the session, be
            there good ones between them or not (F11).
        resync: after a BodyLength that is wrong go on at the "next_message", or behind what the length claims:
            "declared_length" (X10).
        non_ascii: bytes above 127 in text of application messages, outside of data and Encoded... fields: "accept", or
            "reject" with SessionRejectReason 6 (F16).
        test_req_id: TestReqID of our TestRequests; "": another one each time (X05).
        dead_peer: a peer that is silent gets a "logout", or we "close" at once (X08).
        close_after_logout: when we have answered the peer's Logout, "wait" for the peer to close, or close "now" (X02).
        logout_test_request: send a TestRequest before our Logout, and the Logout when it is answered, or logout_timeout
            is over: what was sent before has arrived then (O01).
        low_gap_fill: a GapFill whose number is too low and that has no PossDupFlag does "end" the session, or we
            "discard" it (Z04).
        report_duplicates: an event Duplicate for each message with PossDupFlag that was here already (S05).
        slow_consumer_timeout: a peer that takes nothing of what is queued for so long is disconnected; what it did not
            get stays in the store (H09).
        send_queue_bytes: ... and so is one for which more than that is queued, however long it has been: it bounds the
            memory of a program that only uses send_nowait().

    Raises: ConfigError: names the option, its value and what is allowed.
    """

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    heart_bt_int: int = 30
    _: KW_ONLY
    heart_bt_int_policy: Literal["accept", "fixed"] | tuple[int, int] = "accept"
    qualifier: str = ""
    sender_sub_id: str = ""
    sender_location_id: str = ""
    target_sub_id: str = ""
    target_location_id: str = ""
    check_sub_ids: bool = False
    on_behalf_of_comp_ids: frozenset[str] | None = None
    deliver_to_comp_ids: frozenset[str] | None = None
    default_appl_ver_id: str = "9"
    adopt_peer_appl_ver_id: bool = False
    username: str = ""
    password: str = ""
    new_password: str = ""
    test_message_indicator: bool | None = None
    logon: LogonHook | None = None
    on_resend: ResendHook | None = None
    manual_logon: bool = False
    manual_done: bool = False
    logon_test_request: bool = False
    adopt_expected_seq_num: bool = False
    max_too_low_logouts: int = 3
    offline: Literal["refuse", "store"] = "refuse"
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    next_expected_msg_seq_num: Literal["ignore", "honour", "use"] = "honour"
    resend_before_expected: int = 0
    schedule: Schedule | None = None
    outside_schedule: Literal["logout", "silent"] = "logout"
    logon_timeout: float | None = None
    decision_timeout: float = 10
    logout_timeout: float = 10
    resend_timeout: float | None = None
    max_resend_requests: int = 3
    check_latency: bool = True
    sending_time_tolerance: float = 120
    timestamp_digits: int = 3
    max_message_size: int = 1 << 20
    queue_limit: int = 10_000
    queue_bytes: int = 16 << 20
    max_garbled: int = 10
    max_sequence_jump: int = 1_000_000
    dictionary: str | Dictionary | DictionarySet | None = None
    validation: Validation | None = OBSERVE
    session_validation: Validation | None = REJECT
    supported_msg_types: frozenset[str] | None = None
    check: MessageCheck | None = None
    max_rejects: int = 100
    reject_window: float = 10
    last_msg_seq_num_processed: bool = False
    announce_max_message_size: bool = False
    reject_text: Literal["standard", "verbose"] = "standard"
    reject_ref_tag: Literal["sent", "quickfix"] = "sent"
    resend_range: Literal["open", "closed"] = "open"
    resend_chunk: int = 0
    max_repeated_requests: int = 10
    repeat_window: float = 60
    max_garbled_percent: int = 50
    garbled_window: int = 100
    resync: Literal["next_message", "declared_length"] = "next_message"
    non_ascii: Literal["accept", "reject"] = "accept"
    test_req_id: str = ""
    dead_peer: Literal["logout", "close"] = "logout"
    close_after_logout: Literal["wait", "now"] = "wait"
    logout_test_request: bool = False
    low_gap_fill: Literal["end", "discard"] = "end"
    report_duplicates: bool = False
    slow_consumer_timeout: float = 10
    send_queue_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.begin_string not in BEGIN_STRINGS:
            raise ConfigError("begin_string", self.begin_string, "one of " + ", ".join(BEGIN_STRINGS))
        for name in ("sender_comp_id", "target_comp_id"):
            if not getattr(self, name):
                raise ConfigError(name, getattr(self, name), "a text that is not empty")
        for option in fields(self):
            self._check(option.name, getattr(self, option.name))
        if self.begin_string == "FIXT.1.1" and self.default_appl_ver_id not in APPL_VER_IDS:
            raise ConfigError("default_appl_ver_id", self.default_appl_ver_id, "an ApplVerID code, '2' to '10'")
        if self.timestamp_digits not in (0, 3, 6, 9):
            raise ConfigError("timestamp_digits", self.timestamp_digits, "0, 3, 6 or 9")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), " or ".join(map(repr, allowed)))
        if self.next_expected_msg_seq_num == "use" and self.begin_string not in WITH_NEXT_EXPECTED:
            versions = " and ".join(WITH_NEXT_EXPECTED)
            raise ConfigError("next_expected_msg_seq_num", "use", f"'ignore' or 'honour': only {versions} have 789")
        for name in ("last_msg_seq_num_processed", "announce_max_message_size"):
            if getattr(self, name) and self.begin_string in ("FIX.4.0", "FIX.4.1"):
                raise ConfigError(name, True, f"False: {self.begin_string} has no such field")

    def _check(self, name: str, value: object) -> None:
        if name in _TEXTS:
            shown = "***" if name in _SECRET_OPTIONS else value
            if not isinstance(value, str) or any(char < " " or char == "\x7f" for char in value):
                raise ConfigError(name, shown, "a text without control characters")
        elif name in _FLAGS:
            if not isinstance(value, bool):
                raise ConfigError(name, value, "True or False")
        elif name in _COUNTS:
            if type(value) is not int or value < _COUNTS[name]:
                raise ConfigError(name, value, f"a whole number from {_COUNTS[name]}")
        elif name in _SECONDS and not (value is None and _SECONDS[name]):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
                raise ConfigError(name, value, "seconds above 0" + (" or None" if _SECONDS[name] else ""))
        elif name in ("validation", "session_validation") and not isinstance(value, Validation | None):
            raise ConfigError(name, value, "a Validation or None")
        elif name == "schedule" and not isinstance(value, Schedule | None):
            raise ConfigError(name, value, "a Schedule or None")
        elif name == "dictionary" and not isinstance(value, str | Dictionary | DictionarySet | None):
            raise ConfigError(name, value, "a name, a path, a Dictionary, a DictionarySet or None")
        elif name in _SETS and value is not None:
            if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(t, str) for t in value):
                raise ConfigError(name, value, _SETS[name])
            object.__setattr__(self, name, frozenset(value))
        elif name == "heart_bt_int_policy" and value not in ("accept", "fixed"):
            whole = isinstance(value, tuple) and len(value) == 2 and all(type(end) is int for end in value)
            if not whole or not 0 <= value[0] <= value[1]:  # type: ignore[index]
                raise ConfigError(name, value, "'accept', 'fixed', or a pair (lowest, highest) of seconds")
        elif name == "test_message_indicator" and not isinstance(value, bool | None):
            raise ConfigError(name, value, "True, False or None")
        elif name in ("logon", "on_resend", "check") and value is not None and not callable(value):
            raise ConfigError(name, value, "a function or None")

    def __repr__(self) -> str:
        shown = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self)[:3]]
        for option in fields(self)[3:]:
            value = getattr(self, option.name)
            if value != option.default:
                shown.append(f"{option.name}=" + ("'***'" if option.name in _SECRET_OPTIONS else repr(value)))
        return f"SessionConfig({', '.join(shown)})"

    @property
    def sub_ids(self) -> dict[int, str]:
        """Tag -> value of the sub and location ids of our messages."""
        ids = {
            50: self.sender_sub_id,
            57: self.target_sub_id,
            142: self.sender_location_id,
            143: self.target_location_id,
        }
        return {tag: value for tag, value in ids.items() if value}

    @property
    def session_id(self) -> SessionID:
        """The identity of the session as seen from our side."""
        return SessionID(self.begin_string, self.sender_comp_id, self.target_comp_id, self.qualifier)


_TEXTS = frozenset(
    "begin_string sender_comp_id target_comp_id qualifier sender_sub_id sender_location_id target_sub_id "
    "target_location_id default_appl_ver_id username password new_password test_req_id".split()
)
_FLAGS = frozenset(
    "manual_logon manual_done reset_on_logon reset_on_logout reset_on_disconnect check_latency check_sub_ids "
    "adopt_peer_appl_ver_id logon_test_request adopt_expected_seq_num last_msg_seq_num_processed "
    "announce_max_message_size logout_test_request report_duplicates".split()
)
#: option -> what its entries are
_SETS = {
    "supported_msg_types": "MsgTypes, or None for all",
    "on_behalf_of_comp_ids": "CompIDs, or None for all",
    "deliver_to_comp_ids": "CompIDs, or None for all",
}
#: option -> what it may be
_CHOICES = {
    "offline": ("refuse", "store"),
    "next_expected_msg_seq_num": ("ignore", "honour", "use"),
    "outside_schedule": ("logout", "silent"),
    "reject_text": ("standard", "verbose"),
    "reject_ref_tag": ("sent", "quickfix"),
    "resend_range": ("open", "closed"),
    "resync": ("next_message", "declared_length"),
    "non_ascii": ("accept", "reject"),
    "dead_peer": ("logout", "close"),
    "close_after_logout": ("wait", "now"),
    "low_gap_fill": ("end", "discard"),
}
#: option -> its lowest value
_COUNTS = {
    "max_rejects": 1,
    "heart_bt_int": 0,
    "max_resend_requests": 1,
    "max_too_low_logouts": 1,
    "resend_before_expected": 0,
    "timestamp_digits": 0,
    "max_message_size": 64,
    "queue_limit": 0,
    "queue_bytes": 0,
    "max_garbled": 1,
    "max_sequence_jump": 1,
    "resend_chunk": 0,
    "max_repeated_requests": 1,
    "max_garbled_percent": 1,
    "garbled_window": 1,
    "send_queue_bytes": 1,
}
#: option -> it may be None
_SECONDS = {
    "logon_timeout": True,
    "decision_timeout": False,
    "logout_timeout": False,
    "resend_timeout": True,
    "reject_window": False,
    "sending_time_tolerance": False,
    "repeat_window": False,
    "slow_consumer_timeout": False,
}
