"""When the trading phase changes by itself, and when a day ends: times of day of the exchange's time zone. No clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fixfast.exchange.config import PhaseAt, seconds_of

__all__ = ["Change", "DayEnd", "Hours"]

_SECOND = 1_000_000_000
_DAY = 25 * 3600 * _SECOND  # the longest: the clocks go back


class Change(NamedTuple):
    """A change of phase. `symbols` empty: of all instruments."""

    at_ns: int
    phase: str
    symbols: tuple[str, ...]


class DayEnd(NamedTuple):
    """A day ends, and a new one begins."""

    at_ns: int


class Hours:
    """What happens each day at its time.

    Args: phases: the changes of phase. zone: whose local time they are in. day_ends: when a day ends; None: never.
    """

    def __init__(self, phases: Iterable[PhaseAt], zone: ZoneInfo, day_ends: str | None = None) -> None:
        changes = [(one.seconds or 0, one.phase, one.symbols) for one in phases]
        ends = [] if day_ends is None else [(seconds_of(day_ends) or 0, None, ())]
        # at one time of day: first the phase changes, then the day ends
        self._daily = sorted([*changes, *ends], key=lambda one: (one[0], one[1] is None))
        self._zone = zone

    def changes(self, after_ns: int, until_ns: int) -> list[Change | DayEnd]:
        """Return what happens after one instant, up to another that is included, in order."""
        day = datetime.fromtimestamp(after_ns // _SECOND, self._zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(until_ns // _SECOND, self._zone).date() + timedelta(days=1)
        found: list[Change | DayEnd] = []
        while day <= last:
            for seconds, phase, symbols in self._daily:
                hours, rest = divmod(seconds, 3600)
                at = datetime(day.year, day.month, day.day, hours, rest // 60, rest % 60, tzinfo=self._zone)
                at_ns = int(at.timestamp()) * _SECOND
                if after_ns < at_ns <= until_ns:
                    found.append(DayEnd(at_ns) if phase is None else Change(at_ns, phase, symbols))
            day += timedelta(days=1)
        return sorted(found, key=lambda one: one.at_ns)

    def missed(self, known_ns: int, ended_ns: int, now_ns: int) -> list[Change | DayEnd]:
        """Return what is to be done when an exchange opens; done in order it gives the phases of now.

        Args:
            known_ns: the time of the last command that its journal has; 0: it is new.
            ended_ns: when the last day that its journal knows of ended; 0: it knows of none.
        """
        past_ns = now_ns - _DAY
        found = self.changes(max(past_ns, known_ns), now_ns)
        ends = [one for one in self.changes(past_ns, now_ns) if isinstance(one, DayEnd)]
        # An end in the moment between its time and the kill. (A new exchange takes note of the last one.)
        if ends and ends[-1] not in found and (ended_ns or not known_ns) and ended_ns < ends[-1].at_ns:
            found.insert(0, ends[-1])
        return found

    def next_ns(self, now_ns: int) -> int | None:
        """Return when the next of them is; None: there is none."""
        coming = self.changes(now_ns, now_ns + 2 * _DAY) if self._daily else []
        return coming[0].at_ns if coming else None
