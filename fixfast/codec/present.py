"""Messages for people: names, meanings, secrets masked. Works on any implementation of Message, by its public
interface.

Masked (requirement C8): passwords (554, 925, 1402, 1404) and signatures (89, 91) anywhere, RawData (96) in a Logon,
and the lengths that announce them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fixfast.errors import DictionaryError
from fixfast.types import PASSWORD_TAGS

if TYPE_CHECKING:
    from fixfast.codec.groups import Entry
    from fixfast.codec.message import Message
    from fixfast.dictionary.model import Dictionary, Field, GroupDef

__all__ = ["MASK", "is_secret", "line", "pretty", "short", "to_dict", "to_json", "value"]

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
    dictionary = _dictionary_of(m)
    msg_type = m.msg_type
    lines: list[str] = []

    def add(run: Message | Entry, parent: GroupDef | None, indent: str) -> None:
        for tag, text, group in _nested(run, dictionary, msg_type, parent):
            field = _field_of(dictionary, tag)
            name = "" if field is None else f" {field.name}"
            if is_secret(tag, msg_type):
                lines.append(f"{indent}{tag}{name} = {MASK}")
                continue
            meaning = None if field is None else field.code_name(text)
            lines.append(f"{indent}{tag}{name} = {_clean(text)}{'' if meaning is None else f' ({meaning})'}")
            if group is not None:
                definition, entries = group
                for i, entry in enumerate(entries, start=1):
                    lines.append(f"{indent}  [{i}]")
                    add(entry, definition, indent + "    ")

    add(m, None, "")
    return "\n".join(lines)


def to_dict(m: Message, mask: bool = False) -> dict[str, Any]:
    """Return {name: text}, groups as {name of the count field: [one such dict for each entry]}.

    A field that the dictionary does not know has its tag as its name; one that occurs again has a list of texts.

    Args: mask: give *** for secrets.
    """
    dictionary = _dictionary_of(m)
    msg_type = m.msg_type

    def convert(run: Message | Entry, parent: GroupDef | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for tag, text, group in _nested(run, dictionary, msg_type, parent):
            field = _field_of(dictionary, tag)
            name = str(tag) if field is None else field.name
            content: Any = MASK if mask and is_secret(tag, msg_type) else text
            if group is not None:
                definition, entries = group
                content = [convert(entry, definition) for entry in entries]
            if name not in found:
                found[name] = content
            elif isinstance(found[name], list):
                found[name] += content if isinstance(content, list) else [content]
            else:
                found[name] = [found[name], *(content if isinstance(content, list) else [content])]
        return found

    return convert(m, None)


def to_json(m: Message, mask: bool = False) -> str:
    """Return to_dict() as JSON of one line. Bytes that are no UTF-8 are lone surrogates, escaped as JSON has them."""
    return json.dumps(to_dict(m, mask))


def value(m: Message | Entry, tag: int) -> Any:
    """Return a value by its type in the dictionary: int, Decimal, bool, datetime, bytes, tuple of str, else str.

    Raises: FieldMissing, FieldFormatError, DictionaryError: no dictionary for this version.
    """
    text = m[tag]
    field = m.dictionary.fields.get(tag)
    kind = "str" if field is None else field.kind
    if kind in ("int", "uint", "day"):
        return m.int(tag)
    if kind == "decimal":
        return m.decimal(tag)
    if kind == "bool":
        return m.bool(tag)
    if kind == "time":
        return m.datetime(tag)
    if kind in ("data", "xml"):
        return m.bytes(tag)
    if kind in ("chars", "strings"):
        return tuple(text.split())
    return text


def _dictionary_of(m: Message) -> Dictionary | None:
    """Return the message's dictionary, None if there is none for its version: people want to see it all the same."""
    try:
        return m.dictionary
    except DictionaryError:
        return None


def _field_of(dictionary: Dictionary | None, tag: int) -> Field | None:
    return None if dictionary is None else dictionary.fields.get(tag)


def _nested(
    run: Message | Entry, dictionary: Dictionary | None, msg_type: str, parent: GroupDef | None
) -> Iterator[tuple[int, str, tuple[GroupDef, Any] | None]]:
    """Walk the fields of a message or an entry: (tag, text, None), or for the count field of a group its entries.

    A count field that its delimiter does not follow directly, or that occurs again, is a field like any other.
    """
    fields = list(run)
    seen: set[int] = set()
    i = 0
    while i < len(fields):
        tag, text = fields[i]
        i += 1
        definition: GroupDef | None = None
        if tag not in seen and i < len(fields) and dictionary is not None:
            definition = dictionary.group(msg_type, tag) if parent is None else parent.groups.get(tag)
        seen.add(tag)
        if definition is None or fields[i][0] != definition.delimiter:
            yield tag, text, None
            continue
        entries = run.group(tag)
        yield tag, text, (definition, entries)
        i += sum(len(entry) for entry in entries)


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
