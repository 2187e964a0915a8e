"""Schedule: when a session is open, in local time of any zone. Arithmetic on a given wall time, nothing else.

A schedule is a row of *windows*. Each has the local date it begins on as its id, and ids are what decides about
sequence numbers (D12): a clock that is set back brings back an earlier id, never a new one.

One rule turns local times into instants (D11): the first instant at which a clock in the zone shows this time or a
later one. So a time that is skipped when clocks go forward is the moment after, one that comes twice when they go back
is its first coming, and what is earlier on the wall is never later in truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fixfast.errors import ConfigError

__all__ = ["Schedule", "Window"]

_SECOND = 1_000_000_000
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_LONG_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_EVERY_DAY = tuple(range(7))
#: How many windows next_logon() looks at before it says never: a logon window that misses them all is a mistake.
_LOOK_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time in which a session is open.

    Attributes:
        id: the local date it begins on; of two windows the later one has the later id.
        start_ns: its first instant, wall ns.
        end_ns: its last instant, wall ns (D01: the end itself belongs to it, unless the next window begins there).
    """

    id: date
    start_ns: int
    end_ns: int


#: The one window of a schedule that never closes (D06).
_ALWAYS = Window(date.min, -(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True, slots=True, repr=False)
class Schedule:
    """When a session is open, and so when its sequence numbers begin again at 1. Frozen; sessions may share one.

    Made by `daily`, `weekdays`, `weekly` or `non_stop`:

        Schedule.weekly(("SUN", "17:00"), ("FRI", "17:00"), tz="America/New_York")     # one window a week (D04)
        Schedule.daily("17:00", "16:55", tz="America/New_York")                        # over midnight (D02)
        Schedule.weekdays(("MON", "TUE", "WED", "THU", "FRI"), "08:00", "17:00", tz="Europe/London")
        Schedule.daily("17:00", "17:00", tz="America/New_York")                        # 24 hours, one reset a day (D03)
        Schedule.non_stop()                                                            # never resets by itself (D06)

    A window that begins on a day ends at the next `end` after its `start`: on the same day if `end` is later, else on
    the next (of a weekly schedule: on its next `end_day`). The rule for changes of the clocks is in the module's
    docstring; a window that lies wholly in a skipped hour does not take place.

    Args:
        days: weekdays on which windows begin, "MON" to "SUN"; none: the schedule is non-stop.
        start, end: local times, "HH:MM", "HH:MM:SS" or `datetime.time`.
        end_day: weekday on which a weekly window ends; only with a single day in `days`. None: see above.
        tz: an IANA time zone, read from the system's files (or the package tzdata) when the schedule is made.
        holidays: dates whose window does not take place (D14): a window has the date it begins on.
        logon: when, inside a window, a Logon may be sent or is accepted; a session that is logged on stays (D10). A
            Schedule of its own kind and zone. None: all the time.
        reset: numbers begin again at 1 with each window. False: the schedule only says when to be connected.

    Raises: ConfigError: names the argument, its value and what is allowed.
    """

    days: tuple[int, ...]
    start: time
    end: time
    end_day: int | None = None
    tz: str = field(default="UTC", kw_only=True)
    holidays: frozenset[date] = field(default=frozenset(), kw_only=True)
    logon: Schedule | None = field(default=None, kw_only=True)
    reset: bool = field(default=True, kw_only=True)
    #: days from the date a window begins on to the one it ends on
    _span: int = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    # --- making one -----------------------------------------------------------------------------------------

    @classmethod
    def daily(
        cls,
        start: str | time,
        end: str | time,
        *,
        tz: str,
        holidays: Iterable[date] = (),
        logon: Schedule | None = None,
        reset: bool = True,
    ) -> Schedule:
        """Return a schedule with a window every day (D01-D03)."""
        return cls(_EVERY_DAY, start, end, tz=tz, holidays=holidays, logon=logon, reset=reset)  # type: ignore[arg-type]

    @classmethod
    def weekdays(
        cls,
        days: Iterable[str],
        start: str | time,
        end: str | time,
        *,
        tz: str,
        holidays: Iterable[date] = (),
        logon: Schedule | None = None,
        reset: bool = True,
    ) -> Schedule:
        """Return a schedule with a window on each of these days (D05): each begins there and has its own numbers."""
        chosen = () if isinstance(days, str) or not isinstance(days, Iterable) else tuple(days)
        if not chosen:
            raise ConfigError("days", days, "weekdays, MON to SUN, at least one")
        return cls(chosen, start, end, tz=tz, holidays=holidays, logon=logon, reset=reset)  # type: ignore[arg-type]

    @classmethod
    def weekly(
        cls,
        start: tuple[str, str | time],
        end: tuple[str, str | time],
        *,
        tz: str,
        holidays: Iterable[date] = (),
        logon: Schedule | None = None,
        reset: bool = True,
    ) -> Schedule:
        """Return a schedule with one window a week, from (day, time) to the next (day, time) after it (D04).

        Both on the same day: an `end` later than `start` is that day's, else it is that of the week after.
        """
        for name, value in (("start", start), ("end", end)):
            if not isinstance(value, tuple | list) or len(value) != 2:
                raise ConfigError(name, value, 'a day and a time, such as ("SUN", "17:00")')
        (first, at), (last, until) = start, end
        kwargs = {"tz": tz, "holidays": holidays, "logon": logon, "reset": reset}
        return cls((first,), at, until, last, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def non_stop(cls) -> Schedule:
        """Return the schedule that is always open: nothing is ever reset by it (D06)."""
        return cls((), time(), time())

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "days", _weekdays("days", self.days))
        put(self, "start", _time("start", self.start))
        put(self, "end", _time("end", self.end))
        put(self, "holidays", _dates(self.holidays))
        put(self, "_zone", _zone(self.tz))
        span = 0 if self.end > self.start else 1
        if self.end_day is not None:
            if len(self.days) != 1:
                raise ConfigError("end_day", self.end_day, "only with a single day in days")
            (last,) = _weekdays("end_day", (self.end_day,))
            put(self, "end_day", last)
            span = (last - self.days[0]) % 7 or (0 if self.end > self.start else 7)
        put(self, "_span", span)
        if not isinstance(self.logon, Schedule | None) or (self.logon is not None and self.logon.logon is not None):
            raise ConfigError("logon", self.logon, "a Schedule without a logon of its own, or None")
        if not isinstance(self.reset, bool):
            raise ConfigError("reset", self.reset, "True or False")
        if self.end_day is not None:
            for day in sorted(self.holidays):
                if day.weekday() != self.days[0]:
                    raise ConfigError("holidays", str(day), f"dates on which a window begins ({_DAYS[self.days[0]]})")

    def __repr__(self) -> str:
        if not self.days:
            return "Schedule.non_stop()"
        start, end = (str(at) if at.second else f"{at:%H:%M}" for at in (self.start, self.end))
        if self.end_day is not None:
            shown = [f"weekly({(_DAYS[self.days[0]], start)}, {(_DAYS[self.end_day], end)}"]
        elif self.days == _EVERY_DAY:
            shown = [f"daily({start!r}, {end!r}"]
        else:
            shown = [f"weekdays({tuple(_DAYS[day] for day in self.days)}, {start!r}, {end!r}"]
        shown.append(f"tz={self.tz!r}")
        if self.holidays:
            shown.append(f"holidays=<{len(self.holidays)} dates>")
        if self.logon is not None:
            shown.append(f"logon={self.logon!r}")
        if not self.reset:
            shown.append("reset=False")
        return f"Schedule.{', '.join(shown)})"

    # --- asking it ------------------------------------------------------------------------------------------

    def due(self, wall_ns: int) -> Window:
        """Return the window that is open at this time, or else the one that opens next.

        About 20 us. The answer holds until the window's end.
        """
        if not self.days:
            return _ALWAYS
        day = self._local_date(wall_ns) - timedelta(self._span + 1)
        while True:  # holidays are finitely many
            window = self._window_of(day)
            if window is not None and window.end_ns >= wall_ns:
                return window
            day += timedelta(1)

    def window(self, wall_ns: int) -> Window | None:
        """Return the window that is open at this time, None between windows."""
        window = self.due(wall_ns)
        return window if window.start_ns <= wall_ns else None

    def next_change(self, wall_ns: int) -> int | None:
        """Return the first later ns at which window() gives something else; None: never."""
        if not self.days:
            return None
        window = self.due(wall_ns)
        return window.start_ns if window.start_ns > wall_ns else window.end_ns + 1

    def accepts_logon(self, wall_ns: int) -> bool:
        """Return whether a Logon may be sent or accepted: the session is open, and its logon window too (D10)."""
        if self.window(wall_ns) is None:
            return False
        return self.logon is None or self.logon.window(wall_ns) is not None

    def next_logon(self, wall_ns: int) -> int | None:
        """Return the first ns from this one on at which a Logon is accepted; None: none in the next 1,000 windows."""
        at = wall_ns
        for _ in range(_LOOK_AHEAD):
            at = max(at, self.due(at).start_ns)
            if self.logon is None:
                return at
            start = self.logon.due(at).start_ns
            if start <= at:
                return at
            at = start
        return None

    # --- local time -----------------------------------------------------------------------------------------

    def _local_date(self, wall_ns: int) -> date:
        return (_EPOCH + timedelta(seconds=wall_ns // _SECOND)).astimezone(self._zone).date()

    def _bounds(self, day: date) -> tuple[int, int] | None:
        """Return first and last second of the window that begins on `day`, None if none does."""
        if day.weekday() not in self.days or day in self.holidays:
            return None
        start = self._instant(day, self.start)
        end = self._instant(day + timedelta(self._span), self.end)
        return (start, end) if start < end else None  # else the clocks went past all of it

    def _window_of(self, day: date) -> Window | None:
        bounds = self._bounds(day)
        if bounds is None:
            return None
        start, end = bounds
        end_ns = end * _SECOND
        for days in range(1, self._span + 2):
            following = self._bounds(day + timedelta(days))
            if following is not None:
                end_ns = min(end_ns, following[0] * _SECOND - 1)
                break
        return Window(day, start * _SECOND, end_ns)

    def _instant(self, day: date, at: time) -> int:
        """Return the first second since 1970 at which a clock in the zone shows this time or a later one (D11)."""
        first = datetime.combine(day, at, self._zone)
        local = (day.toordinal() - _EPOCH_ORDINAL) * _DAY + at.hour * 3600 + at.minute * 60 + at.second
        before, after = _offset(first), _offset(first.replace(fold=1))
        if after <= before:
            return local - before  # once, or the first of twice
        low, high = local - after, local - before  # skipped: the clocks change in between
        while high - low > 1:
            middle = (low + high) // 2
            if _offset((_EPOCH + timedelta(seconds=middle)).astimezone(self._zone)) == before:
                low = middle
            else:
                high = middle
        return high


def _offset(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None
    return offset.days * _DAY + offset.seconds


# --- judging arguments ----------------------------------------------------------------------------------------


def _weekdays(name: str, days: Iterable[object]) -> tuple[int, ...]:
    found = set()
    for day in days:
        if type(day) is int and 0 <= day <= 6:  # from this class itself
            found.add(day)
            continue
        text = day.upper() if isinstance(day, str) else ""
        if text not in _DAYS and text not in _LONG_DAYS:
            raise ConfigError(name, day, "a weekday, MON to SUN")
        found.add(_DAYS.index(text[:3]))
    return tuple(sorted(found))


def _time(name: str, value: object) -> time:
    at: object = value
    if isinstance(value, str) and len(value) in (5, 8) and value.replace(":", "").isdecimal():
        try:
            at = time.fromisoformat(value)
        except ValueError:
            at = None
    if not isinstance(at, time) or at.tzinfo is not None or at.microsecond:
        raise ConfigError(name, value, "a local time, HH:MM or HH:MM:SS, 00:00 to 23:59:59")
    return at.replace(fold=0)


def _dates(value: object) -> frozenset[date]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError("holidays", value, "dates")
    dates = frozenset(value)
    for day in dates:
        if not isinstance(day, date) or isinstance(day, datetime):
            raise ConfigError("holidays", day, "a datetime.date")
    return dates


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (TypeError, ValueError, KeyError, OSError):  # not a name, not a safe one, not there, a folder of them
        allowed = "an IANA time zone that this system knows, such as America/New_York (the package tzdata has them all)"
        raise ConfigError("tz", name, allowed) from None
