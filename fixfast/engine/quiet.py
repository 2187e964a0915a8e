"""Quiet: one log line a second about strangers, however many there are: a storm must not fill the disk (C1).

No I/O and no clock: time comes in, lines come out, as a logger takes them: a format and its arguments, in which a
SessionID stays one, so that a filter can replace its CompIDs (C8).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from fixfast.types import SessionID

__all__ = ["Line", "Quiet"]

_SECOND = 1_000_000_000
#: A CompID of a stranger may be some kilobytes long; and a dozen of them may stand in one line.
_LONGEST = 64


class Line(NamedTuple):
    """What a logger is given; `kind`: what happened, of several kinds "several"; `times`: how often."""

    kind: str
    times: int
    text: str
    args: tuple[object, ...]

    @property
    def session(self) -> SessionID | None:
        """The identity it is about, if it is about one."""
        return next((arg for arg in self.args if isinstance(arg, SessionID)), None) if self.times == 1 else None


class Quiet:
    """Lets the first line of a second pass, counts the others by their kind, and sums them up in the next."""

    __slots__ = ("_again", "_kept")

    def __init__(self) -> None:
        self._again = 0  # mono_ns from which the next line may be written
        self._kept: dict[str, tuple[int, str, tuple[object, ...]]] = {}  # kind -> how many, the last one

    def note(self, kind: str, text: str, now: int, args: tuple[object, ...] = ()) -> Line | None:
        """Return the line to write now, None if it was only counted: flush() is then due at `due`.

        Args:
            kind: what happened, one of a few fixed texts: this is what is counted by.
            text, args: what happened to whom, as a logger takes it; without args the text as it is.
            now: mono_ns.
        """
        if not args:
            text, args = "%s", (text,)
        if now >= self._again and not self._kept:
            self._again = now + _SECOND
            return Line(kind, 1, text, _cut(args))
        self._kept[kind] = (self._kept.get(kind, (0,))[0] + 1, text, args)
        return None

    @property
    def due(self) -> int | None:
        """The mono_ns at which flush() has something to say; None: nothing was kept back."""
        return self._again if self._kept else None

    def flush(self, now: int) -> Line | None:
        """Return one line about all that was kept back, None for nothing."""
        if not self._kept:
            return None
        kept, self._kept = self._kept, {}
        self._again = now + _SECOND
        total = sum(count for count, _, _ in kept.values())
        kind = next(iter(kept)) if len(kept) == 1 else "several"
        if total == 1:
            ((_, text, args),) = kept.values()
            return Line(kind, 1, text, _cut(args))
        parts: list[str] = []
        whole: list[object] = [f"{total:,}"]
        for each, (count, text, args) in kept.items():
            parts.append(f"%s x {each} (the last: {text})")
            whole += [f"{count:,}", *_cut(args)]
        return Line(kind, total, "%s more: " + "; ".join(parts), tuple(whole))


def _cut(args: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_short(arg) for arg in args)


def _short(arg: object) -> object:
    if isinstance(arg, SessionID):
        if len(arg.sender_comp_id) <= _LONGEST and len(arg.target_comp_id) <= _LONGEST:
            return arg
        return replace(arg, sender_comp_id=_start(arg.sender_comp_id), target_comp_id=_start(arg.target_comp_id))
    return _start(str(arg), 3 * _LONGEST)


def _start(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
