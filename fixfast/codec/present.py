"""Messages for people: names, meanings, secrets masked. Works on any implementation of Message, by its public
interface.

Masked (requirement C8): passwords (554, 925, 1402, 1404) and signatures (89, 91) anywhere, RawData (96) in a Logon,
and the lengths that announce them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixfast.codec.nesting import Nested, dictionary_of, nested
from fixfast.types import PASSWORD_TAGS

if TYPE_CHECKING:
    from fixfast.codec.message import Message

__all__ = ["MASK", "is_secret", "line", "pretty", "short"]

MASK = "***"

_SECRETS = PASSWORD_TAGS | {89, 90, 91, 93, 1401, 1403}
_LOGON_SECRETS = _SECRETS | {95, 96}


def is_secret(tag: int, msg_type: str) -> bool:
    """Tell whether a field's value must not be shown in a log."""
    return tag in (_LOGON_SECRETS if msg_type == "A" else _SECRETS)


def short(m: Message) -> str:
    """Return what repr() gives: MsgType and MsgSeqNum, and no other value, for any other may be a secret."""
    number = m.get(34)
    return (
        f"<Message {_clean(m.begin_string)} 35={_clean(m.msg_type, 16)}"
        f"{'' if number is None else f' 34={_clean(number, 20)}'}, {len(m)} fields>"
    )


def line(m: Message) -> str:
    """Return what str() gives: the message with | between fields, secrets masked, control characters escaped."""
    msg_type = m.msg_type
    return "".join(f"{tag}={MASK if is_secret(tag, msg_type) else _clean(text)}|" for tag, text in m)


def pretty(m: Message) -> str:
    """Return one line for each field: tag, name, value and, for a code, its meaning. Entries of groups are indented."""
    dictionary = dictionary_of(m)
    msg_type = m.msg_type
    lines: list[str] = []

    def add(run: list[Nested], indent: str) -> None:
        for tag, text, entries in run:
            field = None if dictionary is None else dictionary.fields.get(tag)
            name = "" if field is None else f" {field.name}"
            if is_secret(tag, msg_type):
                lines.append(f"{indent}{tag}{name} = {MASK}")
                continue
            meaning = None if field is None else field.code_name(text)
            lines.append(f"{indent}{tag}{name} = {_clean(text)}{'' if meaning is None else f' ({meaning})'}")
            for i, entry in enumerate(entries or (), start=1):
                lines.append(f"{indent}  [{i}]")
                add(entry, indent + "    ")

    add(nested(m, dictionary), "")
    return "\n".join(lines)


def _clean(text: str, limit: int = 0) -> str:
    """Escape what would move a terminal's cursor or break a line, and lone surrogates; cut at `limit` characters."""
    if limit and len(text) > limit:
        text = text[:limit] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(c: str) -> str:
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
