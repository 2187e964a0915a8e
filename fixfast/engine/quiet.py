"""Quiet: one log line a second about strangers, however many there are: a storm must not fill the disk (C1).

No I/O and no clock: time comes in, lines come out.
"""

from __future__ import annotations

__all__ = ["Quiet"]

_SECOND = 1_000_000_000
_LONGEST = 300


class Quiet:
    """Lets the first line of a second pass, counts the others by their kind, and sums them up in the next."""

    __slots__ = ("_again", "_kept")

    def __init__(self) -> None:
        self._again = 0  # mono_ns from which the next line may be written
        self._kept: dict[str, tuple[int, str]] = {}  # kind -> how many, the last one

    def note(self, kind: str, text: str, now: int) -> str:
        """Return the line to write now, "" if it was only counted: flush() is then due at `due`.

        Args:
            kind: what happened, one of a few fixed texts: this is what is counted by.
            text: what happened to whom, the line itself.
            now: mono_ns.
        """
        if now >= self._again and not self._kept:
            self._again = now + _SECOND
            return _cut(text)
        self._kept[kind] = (self._kept.get(kind, (0, ""))[0] + 1, text)
        return ""

    @property
    def due(self) -> int | None:
        """The mono_ns at which flush() has something to say; None: nothing was kept back."""
        return self._again if self._kept else None

    def flush(self, now: int) -> str:
        """Return one line about all that was kept back, "" for nothing."""
        if not self._kept:
            return ""
        kept, self._kept = self._kept, {}
        self._again = now + _SECOND
        total = sum(count for count, _ in kept.values())
        if total == 1:
            return _cut(next(iter(kept.values()))[1])
        parts = (f"{count:,} x {kind} (the last: {_cut(text)})" for kind, (count, text) in kept.items())
        return f"{total:,} more: {'; '.join(parts)}"


def _cut(text: str) -> str:
    # A CompID of a stranger may be some kilobytes long.
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
