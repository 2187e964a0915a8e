"""What a test expects of a message, and how it is told when something else came."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from fixfast.codec.message import Message

__all__ = ["Fields", "ScriptFailed", "describe", "wrong"]

#: tag -> what its value must be; see wrong()
Fields = Mapping[int, Any]


class ScriptFailed(AssertionError):
    """A counterparty waited for one thing, and another came, or nothing.

    Attributes:
        expected: what was waited for, as text.
        message: what came instead; None: nothing.
    """

    def __init__(self, expected: str, came: str, message: Message | None = None, last: Iterable[str] = ()) -> None:
        self.expected = expected
        self.message = message
        lines = [f"expected {expected}", f"but {came}"]
        recent = list(last)
        if recent:
            lines += ["the last messages:", *recent]
        super().__init__("\n".join(lines))


def describe(msg_type: str, fields: Fields | None) -> str:
    """Return what is expected, for people."""
    parts = [f"{tag}={_shown(value)}" for tag, value in (fields or {}).items()]
    return f"35={msg_type}" + (f" with {', '.join(parts)}" if parts else "")


def wrong(message: Message, msg_type: str, fields: Fields | None) -> list[str]:
    """Return what is not as expected, a line for each; empty: all is.

    A value is compared by its kind: str as it is, bool as Y or N, int and Decimal as numbers, an enum by its value, a
    regular expression with all of the text. A function is given the text and says whether it is right. None: the tag
    must be absent; `...`: it must be there.
    """
    if message.msg_type != msg_type:
        return [f"35={message.msg_type}"]
    found = []
    for tag, value in (fields or {}).items():
        text = message.get(tag)
        if not _matches(text, value):
            found.append(f"{tag} is {'absent' if text is None else repr(text)}, not {_shown(value)}")
    return found


def _matches(text: str | None, value: Any) -> bool:
    if value is None or text is None:
        return text is None and value is None
    if value is ...:
        return True
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return text == ("Y" if value else "N")
    if isinstance(value, (int, Decimal)):
        try:
            return Decimal(text) == value
        except InvalidOperation:
            return False
    if isinstance(value, re.Pattern):
        return value.fullmatch(text) is not None
    return bool(value(text)) if callable(value) else text == value


def _shown(value: Any) -> str:
    if value is None:
        return "(absent)"
    if value is ...:
        return "(anything)"
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return f"what {getattr(value, '__name__', value)}() takes"
    return repr(str(value)) if not isinstance(value, bool) else repr("Y" if value else "N")
