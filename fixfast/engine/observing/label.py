"""What a session is called in logs, where its CompIDs are secrets, and messages without them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from fixfast.session.wire import parse
from fixfast.types import SessionID

__all__ = ["hashed", "hide_comp_ids", "label", "printable"]

#: fields that hold a CompID, our own or a third party's; Username(553) often is one
_COMP_ID_TAGS = frozenset({49, 56, 115, 128, 553})
#: texts of the peer that may repeat one: Text(58), UserStatusText(927)
_TEXT_TAGS = frozenset({58, 927})


def label(session_id: SessionID, *, secret: bool = False) -> str:
    """Return the name of a session for people; with `secret` one with the hashes of its CompIDs instead (C8).

    They are those of messages in a wire log and of labels of metrics, so that one can tell what belongs together.
    """
    if not secret:
        return str(session_id)
    sender, target = hashed(session_id.sender_comp_id), hashed(session_id.target_comp_id)
    return str(SessionID(session_id.begin_string, sender, target, session_id.qualifier))


def hashed(comp_id: str) -> str:
    """Return what stands for a secret CompID: the same for the same, and nothing to guess it by but trying."""
    return "#" + hashlib.sha256(b"fixfast:" + comp_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def printable(text: str) -> str:
    """Return text of a peer as one line that moves no cursor (C9)."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def hide_comp_ids(raw: bytes, comp_ids: Collection[str]) -> bytes:
    """Return a whole message with these CompIDs replaced, BodyLength and CheckSum made right again."""
    body = b""
    begin = b""
    for tag, value in parse(raw):
        data = value.encode("utf-8", "surrogateescape")
        if tag in _COMP_ID_TAGS and value in comp_ids:
            data = hashed(value).encode()
        elif tag in _TEXT_TAGS:
            for comp_id in comp_ids:
                data = data.replace(comp_id.encode("utf-8", "surrogateescape"), hashed(comp_id).encode())
        if tag == 8:
            begin = data
        elif tag not in (9, 10):
            body += b"%d=%s\x01" % (tag, data)
    message = b"8=%s\x019=%d\x01%s" % (begin, len(body), body)
    return message + b"10=%03d\x01" % (sum(message) % 256)
