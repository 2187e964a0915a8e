"""Secret: a text that is shown nowhere, cannot be pickled, and can be forgotten."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NoReturn

from fixfast.engine.observing.label import printable
from fixfast.errors import ConfigError, LocalProtocolError

__all__ = ["MASK", "Secret", "revealed", "without"]

MASK = "***"
#: Characters that a name or a password may have at most, and that are kept of what a peer says.
_LONGEST, _KEPT = 1024, 300


class Secret:
    """A text that only reveal() gives away: not repr(), not str(), no format, no pickle, no comparison with a str.

    It is kept as bytes that wipe() overwrites. That is as far as Python goes: the text it was made of, and each text
    that reveal() makes, live until nothing refers to them, and are then freed, not overwritten.

    Args: text: not empty, without control characters, 1,024 characters at most. name: what an error calls it.

    Raises: ConfigError: it is not such a text. The error does not have it.
    """

    __slots__ = ("_held",)
    _held: bytearray | None

    def __init__(self, text: str, name: str = "secret") -> None:
        self._held = _bytes(text)
        text = MASK  # what a reporter of errors finds in this frame
        self.check(name)

    @classmethod
    def of(cls, value: object) -> Secret:
        """Return a Secret of one's own, of a text or another Secret, not checked yet.

        It never raises: `password = Secret.of(password)`, as a function's first line, leaves no text in its frame for
        tracebacks to show.
        """
        made = cls.__new__(cls)
        made._held = _bytes(value)  # noqa: SLF001  (its own)
        return made

    def check(self, name: str = "secret") -> Secret:
        """Return itself, if it is fit to be sent.

        Raises: ConfigError: it is not.
        """
        if not _fits(self._held):
            raise ConfigError(name, MASK, f"a text of 1 to {_LONGEST} characters, none of them a control character")
        return self

    def reveal(self) -> str:
        """Return the text.

        Raises: LocalProtocolError: it was wiped, or never was a text.
        """
        held = self._held
        text = held.decode("utf-8") if held is not None else ""
        if held is None or self._held is not held:  # wiped while it was read, by another thread
            raise LocalProtocolError("this secret was forgotten")
        return text

    def hidden_in(self, text: str) -> str:
        """Return a text with this secret masked; the very same where it is not in there, or was wiped."""
        try:
            mine = self.reveal()
        except LocalProtocolError:
            return text
        return text.replace(mine, MASK) if mine in text else text

    def become(self, other: Secret) -> None:
        """Have the text of another one from now on: whoever has this one, sees it."""
        before, self._held = self._held, _bytes(other)
        if before is not None:
            before[:] = bytes(len(before))

    def wipe(self) -> None:
        """Forget the text: the bytes are overwritten, and reveal() raises from now on."""
        held, self._held = self._held, None  # first: who reads it now looks again afterwards
        if held is not None:
            held[:] = bytes(len(held))

    @property
    def gone(self) -> bool:
        """It was wiped."""
        return self._held is None

    def __eq__(self, other: object) -> bool:
        """Compare two secrets, in a time that says nothing of where they differ."""
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = self._held, other._held
        return mine is not None and theirs is not None and hmac.compare_digest(mine, theirs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied: Secret.of() makes another one")

    def __getstate__(self) -> Any:
        raise TypeError("a Secret has no state to be seen")


def _bytes(value: object) -> bytearray | None:
    held = value._held if isinstance(value, Secret) else value  # noqa: SLF001  (a part of it)
    if isinstance(held, bytearray):
        return bytearray(held)
    return bytearray(held, "utf-8", "surrogatepass") if isinstance(held, str) else None


def _fits(held: bytearray | None) -> bool:
    try:
        text = held.decode("utf-8") if held is not None else ""
    except UnicodeDecodeError:  # surrogates
        return False
    return 0 < len(text) <= _LONGEST and not any(char < " " or "\x7f" <= char < "\xa0" for char in text)


def revealed(secrets: Iterable[Secret]) -> tuple[bytes, ...]:
    """Return the texts of those that were not wiped, for what masks them."""
    texts = []
    for secret in tuple(secrets):
        with suppress(LocalProtocolError):
            texts.append(secret.reveal().encode())
    return tuple(texts)


def without(text: str, secrets: Iterable[Secret | None]) -> str:
    """Return what a peer said, for people: one line, not too long, and secrets in it masked (C9, C23)."""
    for secret in secrets:
        if secret is not None:
            text = secret.hidden_in(text)
    text = printable(text)
    return text if len(text) <= _KEPT else text[: _KEPT - 3] + "..."
