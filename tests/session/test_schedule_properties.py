"""Schedules against a slow, obvious reference: somebody who looks at the clock on the wall every minute."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from fixfast.session.schedule import Schedule, Window
from tests.session.harness import SECOND

MINUTE = timedelta(minutes=1)
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
#: with usual, half-hour, midnight, night-time, dateline, politically moved and no changes of the clocks
ZONES = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Pacific/Chatham",
    "Asia/Pyongyang",
    "UTC",
)
#: moments around which something happens to the clocks of one of them
CHANGES = (
    "2026-03-08 07:00",
    "2026-11-01 06:00",
    "2026-03-29 01:00",
    "2026-10-25 01:00",
    "2026-04-04 15:00",
    "2026-10-03 15:30",
    "2018-11-04 03:00",
    "2019-02-17 02:00",
    "2011-12-30 10:00",
    "2020-04-19 02:00",
    "2022-03-21 20:30",
    "2015-08-14 15:00",
)

times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 29, 30, 31, 45, 59)))
near_changes = st.builds(
    lambda text, minutes: datetime.fromisoformat(text).replace(tzinfo=UTC) + minutes * MINUTE,
    st.sampled_from(CHANGES),
    st.integers(-3 * 1440, 3 * 1440),
)
moments = near_changes | st.datetimes(datetime(1976, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    tz, start, end = draw(st.sampled_from(ZONES)), draw(times), draw(times)
    if draw(st.booleans()):
        end = start
    kind = draw(st.sampled_from(("daily", "weekdays", "weekly")))
    if kind == "weekly":
        return Schedule.weekly((draw(st.sampled_from(DAYS)), start), (draw(st.sampled_from(DAYS)), end), tz=tz)
    off = draw(st.lists(st.dates(date(2011, 12, 25), date(2012, 1, 5)), max_size=3))
    if kind == "daily":
        return Schedule.daily(start, end, tz=tz, holidays=off)
    return Schedule.weekdays(draw(st.sets(st.sampled_from(DAYS), min_size=1)), start, end, tz=tz, holidays=off)


@lru_cache(maxsize=64)
def wall(tz: str, day: date) -> tuple[list[datetime], list[datetime]]:
    """Return every minute of 32 days around `day`, and the latest time that the clock on the wall has shown by then."""
    zone = ZoneInfo(tz)
    at, latest = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(13), datetime.min
    minutes, shows = [], []
    for _ in range(32 * 1440):
        latest = max(latest, at.astimezone(zone).replace(tzinfo=None))
        minutes.append(at)
        shows.append(latest)
        at += MINUTE
    return minutes, shows


def slow_windows(schedule: Schedule, moment: datetime) -> list[Window]:
    """Return the windows around a moment, by looking at the wall."""
    minutes, shows = wall(schedule.tz, moment.date())

    def first(day: date, at: time) -> int:
        """The first minute at which the wall shows this, or more."""
        i = bisect_left(shows, datetime.combine(day, at))
        return int(minutes[i].timestamp()) * SECOND

    found = []
    for offset in range(-10, 9):
        day = moment.date() + timedelta(offset)
        if day.weekday() not in schedule.days or day in schedule.holidays:
            continue
        last = day
        if schedule.end_day is None:
            if schedule.end <= schedule.start:
                last += timedelta(1)
        else:
            while last.weekday() != schedule.end_day or (last == day and schedule.end <= schedule.start):
                last += timedelta(1)
        start, end = first(day, schedule.start), first(last, schedule.end)
        if start < end:
            found.append(Window(day, start, end))
    return [
        Window(one.id, one.start_ns, min(one.end_ns, after.start_ns - 1) if after is not None else one.end_ns)
        for one, after in zip(found, [*found[1:], None], strict=True)
    ]


@settings(max_examples=60)  # the wall of a zone and a week takes 30 ms to look at
@given(schedules(), moments, st.sampled_from((-1, 0, 1)))
def test_D01_D02_D03_D04_D05_D11_windows_are_what_the_clock_on_the_wall_says(
    schedule: Schedule, moment: datetime, off: int
) -> None:
    at = int(moment.timestamp()) * SECOND + off
    expected = [window for window in slow_windows(schedule, moment) if window.start_ns <= at <= window.end_ns]
    assert len(expected) <= 1
    assert schedule.window(at) == (expected[0] if expected else None)


@given(schedules(), moments)
def test_D11_windows_follow_each_other_in_time_and_by_id(schedule: Schedule, moment: datetime) -> None:
    at = int(moment.timestamp()) * SECOND
    window = schedule.due(at)
    assert window.end_ns >= at
    for _ in range(10):
        assert window.start_ns < window.end_ns
        for inside in (window.start_ns, (window.start_ns + window.end_ns) // 2, window.end_ns):
            assert schedule.window(inside) == window
            assert schedule.next_change(inside) == window.end_ns + 1
        following = schedule.due(window.end_ns + 1)
        assert following.id > window.id
        assert following.start_ns > window.end_ns
        if following.start_ns > window.end_ns + 1:
            assert schedule.window(window.end_ns + 1) is None
            assert schedule.next_change(window.end_ns + 1) == following.start_ns
        window = following


@given(schedules(), schedules(), moments)
def test_D10_next_logon_is_the_first_moment_at_which_one_is_accepted(
    hours: Schedule, doors: Schedule, moment: datetime
) -> None:
    both = Schedule(
        hours.days, hours.start, hours.end, hours.end_day, tz=hours.tz, holidays=hours.holidays, logon=doors
    )
    at = int(moment.timestamp()) * SECOND
    found = both.next_logon(at)
    if found is None:
        return
    assert found >= at
    assert both.accepts_logon(found)
    assert found == at or not both.accepts_logon(found - 1)
    for _ in range(20):  # no change on the way there opens both
        if at >= found:
            break
        assert not both.accepts_logon(at)
        changes = (hours.next_change(at), doors.next_change(at))
        at = min(change for change in changes if change is not None)
