"""Invariant: whatever the bytes, index() and decode_columns() give the same arrays, compiled or reference.

columns  A buffer of messages, as it is and as a log of lines with another delimiter, whole and on threads. What index()
         calls a message is one for parse(), and its fields are those of parse().
"""

from __future__ import annotations

from itertools import pairwise

from tests.codec.support import wire_fields
from tests.codec.test_columns import assert_same, assert_twins
from tests.fuzz.codecs import FAST, MAX_MESSAGE_SIZE, SLOW

__all__ = ["columns"]

_DELIMITERS = (b"\x01", b"|", b"^A", b";")


def columns(data: bytes) -> None:
    """Compare both implementations on `data`; its length chooses the options."""
    for lines in (False, True):
        assert_twins((SLOW, FAST), data, lines=lines, max_message_size=MAX_MESSAGE_SIZE)
    delimiter = _DELIMITERS[len(data) % len(_DELIMITERS)]
    text = data.replace(b"\x01", delimiter)
    assert_twins((SLOW, FAST), text, delimiter=delimiter, lines=len(data) % 3 == 0, max_message_size=MAX_MESSAGE_SIZE)
    index = FAST.index(data)
    for offset, size, rows in zip(
        index.offset.tolist(), index.size.tolist(), pairwise(index.first.tolist()), strict=True
    ):
        raw = data[offset : offset + size]
        spans = zip(*(getattr(index, name)[slice(*rows)].tolist() for name in ("tag", "start", "end")), strict=True)
        assert [(tag, raw[a:b]) for tag, a, b in spans] == wire_fields(FAST.parse(raw)), f"fields of {raw!r}"
    # long enough for several threads, with seams wherever
    long = data * (200_000 // (len(data) + 1) + 1) if data.count(b"\x01") > 2 else data
    assert_same(FAST.index(long, threads=3), FAST.index(long))
