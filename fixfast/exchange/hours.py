"""When the trading phase changes by itself: times of day in the exchange's time zone. No clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fixfast.exchange.config import PhaseAt

__all__ = ["Change", "Hours"]

_SECOND = 1_000_000_000


class Change(NamedTuple):
    """A change of phase. `symbols` empty: of all instruments."""

    at_ns: int
    phase: str
    symbols: tuple[str, ...]


class Hours:
    """The changes of a day, each day.

    Args: phases: the changes. zone: whose local time they are in.
    """

    def __init__(self, phases: Iterable[PhaseAt], zone: ZoneInfo) -> None:
        self._phases = sorted(phases, key=lambda one: one.seconds or 0)
        self._zone = zone

    def changes(self, after_ns: int, until_ns: int) -> list[Change]:
        """Return the changes after one instant, up to another that is included, in order."""
        day = datetime.fromtimestamp(after_ns // _SECOND, self._zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(until_ns // _SECOND, self._zone).date() + timedelta(days=1)
        found = []
        while day <= last:
            for one in self._phases:
                hours, rest = divmod(one.seconds or 0, 3600)
                at = datetime(day.year, day.month, day.day, hours, rest // 60, rest % 60, tzinfo=self._zone)
                at_ns = int(at.timestamp()) * _SECOND
                if after_ns < at_ns <= until_ns:
                    found.append(Change(at_ns, one.phase, one.symbols))
            day += timedelta(days=1)
        return sorted(found, key=lambda change: change.at_ns)

    def current(self, now_ns: int) -> list[Change]:
        """Return the changes of the last day up to now: done in this order, they give the phases of now."""
        return self.changes(now_ns - 86_400 * _SECOND, now_ns)

    def next_ns(self, now_ns: int) -> int | None:
        """Return when the next change is; None: there is none."""
        coming = self.changes(now_ns, now_ns + 2 * 86_400 * _SECOND) if self._phases else []
        return coming[0].at_ns if coming else None
