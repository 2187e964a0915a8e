"""ClOrdIDs that never repeat: not in a day, not across restarts."""

from __future__ import annotations

from fixfast.errors import ConfigError

__all__ = ["ClOrdIDs"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _text(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"


class ClOrdIDs:
    """Makes ids from the time: microseconds of the wall clock, counted on where two fall into the same one.

    An id is `prefix` and ten characters, digits and capital letters; ids sort by their age. One that seen() was told of
    is never below the next, so with an order log nothing repeats even when the clock was set back; without one, as long
    as the clock did not go back further than the program was down.

    `last` is the number of the last one.

    Args: prefix: put in front, to tell programs on one session apart; printable, up to 20 characters.
    """

    __slots__ = ("_prefix", "last")

    def __init__(self, prefix: str = "") -> None:
        if len(prefix) > 20 or not (prefix.isascii() and prefix.isprintable()):
            raise ConfigError("prefix", prefix, "up to 20 printable ASCII characters")
        self._prefix = prefix
        self.last = 0

    def next(self, wall_ns: int) -> str:
        """Return the next id. `wall_ns`: now, ns since the epoch."""
        self.last = max(self.last + 1, wall_ns // 1000)
        return f"{self._prefix}{_text(self.last):0>10}"

    def seen(self, cl_ord_id: str) -> None:
        """Know of an id that is in use; one that was not made here means nothing."""
        digits = cl_ord_id.removeprefix(self._prefix)
        if cl_ord_id.startswith(self._prefix) and len(digits) == 10 and set(digits) <= set(_DIGITS):
            self.last = max(self.last, int(digits, 36))
