"""What decode_columns() may be asked for, checked once for both implementations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["DELIMITERS", "Kind", "checked_delimiter", "kinds_of"]

#: What may stand between fields in place of SOH. `^A` is what `cat -v` and many loggers write.
DELIMITERS = (b"\x01", b"|", b"^A", b";", b"~", b"\t")
_KIND = re.compile(r"(S|int|float|scaled|time|bool)|S([1-9][0-9]{0,3})|scaled:([0-9]|1[0-8])")
_MAX_COLUMNS = 250
_MAX_TAG = 999_999_999


class Kind(NamedTuple):
    """A column that is wanted. `size`: bytes of "S8", decimals of "scaled:4"; else -1."""

    tag: int
    name: str
    size: int


def kinds_of(columns: Mapping[int, str]) -> list[Kind]:
    """Return the columns asked for.

    Raises: TypeError, ValueError: not {tag: kind}, more than 250, or no such kind.
    """
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must map tags to kinds, like {{55: 'S'}}, not {type(columns).__name__}")
    if len(columns) > _MAX_COLUMNS:
        raise ValueError(f"{len(columns)} columns: at most {_MAX_COLUMNS}")
    return [_kind_of(tag, kind) for tag, kind in columns.items()]


def _kind_of(tag: object, kind: object) -> Kind:
    if isinstance(tag, bool) or not isinstance(tag, int):
        raise TypeError(f"a tag is an int, not {tag!r}")
    if not 1 <= tag <= _MAX_TAG:
        raise ValueError(f"no tag: {tag}")
    match = _KIND.fullmatch(kind) if isinstance(kind, str) else None
    if not match:
        raise ValueError(
            f"tag {tag}: kind must be S, S1 to S9999, int, float, scaled, scaled:0 to scaled:18, time, bool"
        )
    if match[2]:
        return Kind(tag, "bytes", int(match[2]))
    if match[3]:
        return Kind(tag, "fixed", int(match[3]))
    return Kind(tag, match[1], -1)


def checked_delimiter(delimiter: Any) -> bytes:
    """Return the delimiter. Raises: ValueError: it is none of DELIMITERS."""
    if delimiter not in DELIMITERS:
        raise ValueError(f"delimiter must be one of {', '.join(map(repr, DELIMITERS))}, not {delimiter!r}")
    return bytes(delimiter)
