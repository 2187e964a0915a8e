"""What tests of validation share: a message that every version takes, one written by hand, and the Reject for it."""

from __future__ import annotations

from typing import Any

from fixfast.dictionary.validation import Validation
from fixfast.session.wire import Message
from fixfast.types import Role
from tests.session.harness import Desk

STRICT = Validation("reject")

#: an OrderCancelRequest, as far as all versions agree on it
CANCEL: list[tuple[int, Any]] = [(41, "o"), (11, "c"), (55, "X"), (54, "1")]


def cancel(desk: Desk) -> list[tuple[int, Any]]:
    """An OrderCancelRequest that the dictionary of the desk's version takes."""
    if desk.version == "FIX.4.0":
        return [*CANCEL, (38, 1), (125, "F")]
    if desk.version == "FIX.4.1":
        return [*CANCEL, (38, 1)]
    return [*CANCEL, (60, desk.time()), (38, 1)]


def desk_of(version: str = "FIX.4.4", role: Role = Role.ACCEPTOR, **options: Any) -> Desk:
    """A session that is logged on."""
    desk = Desk(version, role, **options)
    desk.logon()
    return desk


def by_hand(desk: Desk, msg_type: str, body: str, *, seq: int | None = None) -> None:
    """Say a message that an encoder would refuse to write; `|` in the body stands for SOH."""
    if seq is None:
        seq, desk.seq = desk.seq, desk.seq + 1
    head = f"35={msg_type}|49=THEM|56=US|34={seq}|52={desk.time()}|"
    content = (head + body).replace("|", "\x01").encode("utf-8", "surrogateescape")
    data = b"8=%b\x019=%d\x01%b" % (desk.version.encode(), len(content), content)
    desk.give(data + b"10=%03d\x01" % (sum(data) % 256))


def rejection(desk: Desk, before: int) -> Message:
    """The one Reject that answers what was just said: nothing is delivered, and NIN has moved by one."""
    [reject] = desk.hear()
    assert reject.msg_type == "3"
    assert desk.take_messages() == []
    assert desk.session.next_in == before + 1
    return reject


def refused(desk: Desk, *fields: tuple[int, Any], msg_type: str = "F") -> Message:
    """Say a message; return the Reject that answers it."""
    before = desk.session.next_in
    desk.say(msg_type, *fields)
    return rejection(desk, before)


def body_tags(message: Message) -> list[int]:
    """The tags of a message of ours behind its header."""
    return [tag for tag, _ in message if tag not in (8, 9, 35, 49, 56, 34, 52, 10)]
