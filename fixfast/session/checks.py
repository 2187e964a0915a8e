"""Header checks, steps 2 to 6 of the inbound pipeline: plain functions that judge one message."""

from __future__ import annotations

from fixfast.dictionary.validation import Fault
from fixfast.errors import DictionaryError, FieldFormatError, FieldMissing
from fixfast.session.config import APPL_VER_IDS, MessageCheck, SessionConfig
from fixfast.session.liveness import SECOND
from fixfast.session.wire import DATA_PAIRS, Message
from fixfast.types import PASSWORD_TAGS, Now

__all__ = [
    "ALARM_SEQ_NUM",
    "MAX_SEQ_NUM",
    "SENTINEL_VERSIONS",
    "asks_for_reset",
    "comp_id_fault",
    "logon_fault",
    "number_of",
    "owner_check",
    "poss_dup_fault",
    "public_text",
    "routing_fault",
    "seq_num",
    "seq_num_beyond_bounds",
    "status_of",
    "time_fault",
]

#: No sequence number gets there by counting, and adding to it overflows nothing, in a double neither (S19).
MAX_SEQ_NUM = 999_999_999_999_999
#: Versions in which EndSeqNo(16) 999999 means infinity, beside 0 (P04)
SENTINEL_VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2")
#: ... so that a person should plan a reset before numbers get there (S20).
ALARM_SEQ_NUM = 900_000


def seq_num(message: Message) -> int | None:
    """Return MsgSeqNum, None when it is missing or no positive number within bounds (F10, S19).

    That of a SequenceReset-Reset may be 0 or beyond them, because it does not matter (Z09).
    """
    try:
        n = message.msg_seq_num
    except (FieldMissing, FieldFormatError):
        return None
    if 0 < n <= MAX_SEQ_NUM or (n >= 0 and message.msg_type == "4" and message.get(123) != "Y"):
        return n
    return None


def seq_num_beyond_bounds(message: Message) -> bool:
    """Whether MsgSeqNum is a number, and one that no session ever gets to (S19)."""
    try:
        return message.msg_seq_num > MAX_SEQ_NUM
    except (FieldMissing, FieldFormatError):
        return False


def comp_id_fault(message: Message, config: SessionConfig) -> Fault | None:
    """Check 49 and 56, and by option 50, 57, 142, 143: missing 1, empty 4, wrong 9 (C03, C04)."""
    for tag, expected in ((49, config.target_comp_id), (56, config.sender_comp_id)):
        value = message.get(tag)
        if value != expected:
            return Fault(1 if value is None else 9 if value else 4, tag)
    if config.check_sub_ids:
        for tag, expected in (
            (50, config.target_sub_id),
            (57, config.sender_sub_id),
            (142, config.target_location_id),
            (143, config.sender_location_id),
        ):
            if expected and message.get(tag) != expected:
                return Fault(9, tag)
    return None


def routing_fault(message: Message, config: SessionConfig) -> Fault | None:
    """Check whom a message is passed on from and to, 115 and 128, where the owner says who that may be (C05).

    Misused are they when their sub or location id (116, 144, 129, 145) comes without them.
    """
    for tag, allowed, belonging in (
        (115, config.on_behalf_of_comp_ids, (116, 144)),
        (128, config.deliver_to_comp_ids, (129, 145)),
    ):
        if allowed is not None:
            value = message.get(tag)
            if value is None:
                if any(message.get(other) is not None for other in belonging):
                    return Fault(9, tag)
            elif value not in allowed:
                return Fault(9, tag)
    return None


def owner_check(config: SessionConfig) -> MessageCheck | None:
    """Return what each application message is asked for at its turn, None for nothing.

    The owner's own rules, behind what the owner configured of routing. (With `check_sub_ids` a message must have a turn
    of its own, too: see Pipeline._ask_owner.)
    """
    own = config.check if config.non_ascii == "accept" else _with_ascii_check(config.check)
    if config.on_behalf_of_comp_ids is None and config.deliver_to_comp_ids is None:
        return own if own is not None or not config.check_sub_ids else lambda message: None

    def check(message: Message) -> Fault | None:
        return routing_fault(message, config) or (None if own is None else own(message))

    return check


def time_fault(message: Message, config: SessionConfig, now: Now) -> Fault | None:
    """Check SendingTime: missing 1, no time 6, outside the window 10 (C08, C09)."""
    try:
        sent = message.sending_time_ns
    except FieldMissing:
        return Fault(1, 52)
    except FieldFormatError:
        return Fault(6, 52)
    if config.check_latency and abs(sent - now.wall_ns) > config.sending_time_tolerance * SECOND:
        return Fault(10, 52)
    return None


def poss_dup_fault(message: Message) -> Fault | None:
    """Check OrigSendingTime of a message with PossDupFlag=Y: missing 1, no time 6, above SendingTime 10 (S07-S11)."""
    try:
        if message.time_ns(122) > message.sending_time_ns:
            return Fault(10, 122)
    except FieldMissing:
        return None if message.msg_type == "4" else Fault(1, 122)
    except FieldFormatError:
        return Fault(6, 122)
    return None


def asks_for_reset(message: Message, config: SessionConfig) -> bool:
    """Whether a Logon has ResetSeqNumFlag=Y. FIX 4.0 has no such field (R08)."""
    return config.begin_string != "FIX.4.0" and message.get(141) == "Y"


def logon_fault(message: Message, config: SessionConfig) -> Fault | None:
    """Check what a Logon says: 98, 108, 1137, 464 (L06, L09-L18, L23). Reason 99: a Logout alone says it."""
    method = message.get(98)
    if method is None:
        return Fault(1, 98)
    if method != "0":
        return Fault(7, 98, "EncryptMethod is not supported")
    interval = message.get(108)
    if interval is None:
        return Fault(1, 108)
    if not (interval.isascii() and interval.isdigit() and len(interval) <= 9):
        return Fault(99, 108, "HeartBtInt must be a whole number of seconds from 0")
    if not _is_wanted(int(interval), config):
        return Fault(99, 108, f"HeartBtInt must be {_wanted(config)}, received {int(interval)}")
    if config.begin_string == "FIXT.1.1":
        version = message.get(1137)
        if version is None:
            return Fault(1, 1137)
        if version not in APPL_VER_IDS:
            return Fault(18, 1137)
    if config.test_message_indicator is not None and (message.get(464) == "Y") is not config.test_message_indicator:
        return Fault(99, 464, "TestMessageIndicator does not match this environment")
    return None


def _is_wanted(interval: int, config: SessionConfig) -> bool:
    """Whether a HeartBtInt is within our policy (L15, L16, I08)."""
    policy = config.heart_bt_int_policy
    if isinstance(policy, tuple):
        return policy[0] <= interval <= policy[1]
    return policy == "accept" or interval == config.heart_bt_int


def _wanted(config: SessionConfig) -> str:
    policy = config.heart_bt_int_policy
    return f"from {policy[0]} to {policy[1]}" if isinstance(policy, tuple) else str(config.heart_bt_int)


def number_of(value: str) -> int | None:
    """Return a text as a number that is not negative, None when it is none or a very long one."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _with_ascii_check(check: MessageCheck | None) -> MessageCheck:
    """Return a rule that refuses bytes above 127 where text is (F16), and then asks the owner's rule."""

    def judge(message: Message) -> Fault | None:
        if not message.raw.isascii():
            try:
                data = {*DATA_PAIRS.values(), *message.dictionary.data_pairs.values()}
            except DictionaryError:
                data = set(DATA_PAIRS.values())
            for tag, value in message:
                if not value.isascii() and tag not in data:
                    return Fault(6, tag)
        return None if check is None else check(message)

    return judge


def status_of(message: Message) -> int | None:
    """Return SessionStatus(1409), None when there is none that makes sense."""
    return number_of((message.get(1409) or "")[:9])


def public_text(text: str, logon: Message) -> str:
    """Return what may be told of a refusal: a text that holds a password of the Logon is replaced (C23)."""
    secrets = [logon.get(tag) or "" for tag in sorted(PASSWORD_TAGS)]
    return "Logon refused" if any(secret and secret in text for secret in secrets) else text
