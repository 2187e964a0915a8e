"""Secrets are not written to disk (requirement C8): what counts as one, and how a message is stored without it."""

from __future__ import annotations

from collections.abc import Iterable

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.codec.secret import has_secrets
from fixfast.types import PASSWORD_TAGS, Buffer

__all__ = ["BLANK", "blank_secrets", "blank_texts", "has_secrets", "without_secrets"]

#: What a secret's value is replaced by; the same for every secret, so that its length is kept out too.
BLANK = b"***"

_ALWAYS = frozenset(b"%d" % tag for tag in PASSWORD_TAGS)
# A signature or raw data is a secret where it proves who logs on.
_ON_LOGON = _ALWAYS | {b"89", b"91", b"96"}
_LENGTHS = {b"%d" % length: b"%d" % data for length, data in DATA_PAIRS.items()}


def without_secrets(buf: Buffer) -> bytes | None:
    """Return messages of which has_secrets() is true with their secrets blanked, None if there are none after all.

    has_secrets() is quick and on the safe side. This is exact: what only looks like a secret, inside a data field, is
    none, and a Logon may have none, so such messages are kept as they are and resent (B5.8).
    """
    blanked, found = _without(buf)
    return blanked if found else None


def blank_secrets(buf: Buffer) -> bytes:
    """Return the messages in buf with every secret's value as `***`, lengths and checksums made right again.

    Bytes that are not FIX fields are left out, or blanked to the end of the buffer, rather than let through.
    """
    return _without(buf)[0]


def blank_texts(message: bytes, texts: Iterable[bytes]) -> bytes:
    """Return one message with these texts as `***` wherever a value has them, lengths and checksum made right again.

    The very same where it has none of them.
    """
    texts = [text for text in texts if text and text in message]
    if not texts:
        return message
    fields, _, _ = _fields(message, 0)
    for text in texts:
        fields = [(tag, value.replace(text, BLANK)) for tag, value in fields]
    for i, (tag, _) in enumerate(fields[:-1]):
        if _LENGTHS.get(tag) == fields[i + 1][0]:
            fields[i] = tag, b"%d" % len(fields[i + 1][1])
    return _join(fields)


def _without(buf: Buffer) -> tuple[bytes, bool]:
    """Return the messages without their secrets, and whether there were any, be it that they are blanked already."""
    data = bytes(buf)
    out: list[bytes] = []
    pos, found = 0, False
    while pos < len(data):
        message, pos, had = _blank_one(data, pos)
        out.append(message)
        found = found or had
    return b"".join(out), found


def _blank_one(data: bytes, pos: int) -> tuple[bytes, int, bool]:
    """Blank the message that begins at pos; return it, where the next one begins, and whether it had a secret."""
    fields, pos, cut = _fields(data, pos)
    secret = _ON_LOGON if (b"35", b"A") in fields else _ALWAYS
    return _join(_blank(fields, secret)), pos, cut or any(tag in secret for tag, _ in fields)


def _fields(data: bytes, pos: int) -> tuple[list[tuple[bytes, bytes]], int, bool]:
    """Return the fields of the message that begins at pos, where the next one begins, and whether it was cut off."""
    cut = False
    fields: list[tuple[bytes, bytes]] = []
    length_of: tuple[bytes, int] | None = None  # (data tag, its length), when the last field announced one
    while pos < len(data):
        equals = data.find(b"=", pos)
        if equals < 0:
            pos = len(data)
            break
        tag = data[max(pos, data.rfind(b"\x01", pos, equals) + 1) : equals]  # what has no "=" is left out
        counted = length_of is not None and length_of[0] == tag
        end = equals + 1 + length_of[1] if length_of and counted else data.find(b"\x01", equals)
        if end < 0 or data[end : end + 1] != b"\x01":
            fields.append((tag, BLANK))
            pos, cut = len(data), True
            break
        value = data[equals + 1 : end]
        announced = _LENGTHS.get(tag)
        length_of = (announced, int(value)) if announced and value.isdigit() and len(value) < 10 else None
        fields.append((tag, value))
        pos = end + 1
        if tag == b"10":
            break
    return fields, pos, cut


def _blank(fields: list[tuple[bytes, bytes]], secret: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    blanked: list[tuple[bytes, bytes]] = []
    for i, (tag, value) in enumerate(fields):
        follower = fields[i + 1][0] if i + 1 < len(fields) else b""
        if tag in secret:
            value = BLANK
        elif follower in secret and _LENGTHS.get(tag) == follower:
            value = b"%d" % len(BLANK)
        blanked.append((tag, value))
    return blanked


def _join(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Write the fields, with BodyLength and CheckSum computed again where the message had them."""
    body = b"".join(tag + b"=" + value + b"\x01" for tag, value in fields if tag not in (b"8", b"9", b"10"))
    begin = b"".join(b"8=" + value + b"\x01" for tag, value in fields[:1] if tag == b"8")
    message = begin + b"9=%d\x01" % len(body) + body
    return message + b"10=%03d\x01" % (sum(message) % 256)
