"""Schedules as arithmetic: windows of every kind, changes of the clocks in several zones, holidays, logon windows."""

from __future__ import annotations

import pickle
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

import fixfast as ff
from fixfast.errors import ConfigError
from fixfast.session.schedule import Schedule, Window
from tests.session.harness import SECOND

NEW_YORK = "America/New_York"


def ns(text: str, tz: str, fold: int = 0) -> int:
    """Wall ns of a local time, '2026-03-02 17:00'."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold)
    return int(local.timestamp()) * SECOND


def shown(window: Window | None, tz: str) -> tuple[str, str, str] | None:
    """A window as (id, first instant, last instant), local; a last instant one ns before a second shows that second."""
    if window is None:
        return None
    zone = ZoneInfo(tz)
    ends = [window.start_ns, window.end_ns + (1 if window.end_ns % SECOND else 0)]
    first, last = (f"{datetime.fromtimestamp(at // SECOND, zone):%Y-%m-%d %H:%M}" for at in ends)
    return str(window.id), first, last


# --- the kinds -----------------------------------------------------------------------------------------------


def test_D01_a_daily_session_is_open_from_start_to_end_both_included() -> None:
    day = Schedule.daily("08:00", "17:00", tz="Europe/London")
    start, end = ns("2026-07-01 08:00", "Europe/London"), ns("2026-07-01 17:00", "Europe/London")
    assert start == int(datetime(2026, 7, 1, 7, tzinfo=ZoneInfo("UTC")).timestamp()) * SECOND  # summer time
    assert day.window(start - 1) is None
    assert day.window(start) == day.window(end) == Window(date(2026, 7, 1), start, end)
    assert day.window(end + 1) is None
    assert day.due(end + 1) == day.window(ns("2026-07-02 08:00", "Europe/London"))
    assert day.next_change(start - 1) == start
    assert day.next_change(start) == day.next_change(end) == end + 1


def test_D02_start_after_end_spans_midnight() -> None:
    night = Schedule.daily("17:00", "16:55", tz=NEW_YORK)
    for moment in ("2026-03-02 17:00", "2026-03-02 23:59", "2026-03-03 00:00", "2026-03-03 16:55"):
        window = night.window(ns(moment, NEW_YORK))
        assert shown(window, NEW_YORK) == ("2026-03-02", "2026-03-02 17:00", "2026-03-03 16:55")
    assert night.window(ns("2026-03-03 16:56", NEW_YORK)) is None
    assert night.window(ns("2026-03-02 16:59", NEW_YORK)) is None


def test_D03_start_equal_to_end_is_24_hours_with_one_reset_instant() -> None:
    day = Schedule.daily("17:00", "17:00", tz=NEW_YORK)
    five = ns("2026-03-03 17:00", NEW_YORK)
    before, after = day.window(five - 1), day.window(five)
    assert before is not None
    assert after is not None
    assert (before.id, after.id) == (date(2026, 3, 2), date(2026, 3, 3))
    assert before.end_ns == five - 1
    assert after.start_ns == five
    assert day.next_change(before.start_ns) == five, "never closed, and changes once"


@pytest.mark.parametrize(
    ("start", "end", "moment", "expected"),
    [
        (
            ("SUN", "17:00"),
            ("FRI", "17:00"),
            "2026-03-04 03:00",
            ("2026-03-01", "2026-03-01 17:00", "2026-03-06 17:00"),
        ),
        (("SUN", "17:00"), ("FRI", "17:00"), "2026-03-07 12:00", None),
        # wraps over the end of the week
        (
            ("FRI", "18:00"),
            ("TUE", "09:00"),
            "2026-03-08 12:00",
            ("2026-03-06", "2026-03-06 18:00", "2026-03-10 09:00"),
        ),
        (("FRI", "18:00"), ("TUE", "09:00"), "2026-03-11 12:00", None),
        # the same day: hours of one day, or nearly a week, or a whole one
        (
            ("MON", "08:00"),
            ("MON", "17:00"),
            "2026-03-02 12:00",
            ("2026-03-02", "2026-03-02 08:00", "2026-03-02 17:00"),
        ),
        (("MON", "08:00"), ("MON", "17:00"), "2026-03-03 12:00", None),
        (
            ("MON", "17:00"),
            ("MON", "08:00"),
            "2026-03-09 07:00",
            ("2026-03-02", "2026-03-02 17:00", "2026-03-09 08:00"),
        ),
        (("MON", "17:00"), ("MON", "08:00"), "2026-03-09 12:00", None),
        (
            ("WED", "12:00"),
            ("WED", "12:00"),
            "2026-03-11 11:59",
            ("2026-03-04", "2026-03-04 12:00", "2026-03-11 12:00"),
        ),
        (
            ("WED", "12:00"),
            ("WED", "12:00"),
            "2026-03-11 12:00",
            ("2026-03-11", "2026-03-11 12:00", "2026-03-18 12:00"),
        ),
    ],
)
def test_D04_weekly_windows(
    start: tuple[str, str], end: tuple[str, str], moment: str, expected: tuple[str, str, str] | None
) -> None:
    week = Schedule.weekly(start, end, tz="Asia/Tokyo")
    assert shown(week.window(ns(moment, "Asia/Tokyo")), "Asia/Tokyo") == expected


def test_D05_each_listed_weekday_is_a_window_of_its_own() -> None:
    days = Schedule.weekdays(("MON", "TUE", "WED", "THU", "FRI"), "08:00", "17:00", tz="UTC")
    ids, at = [], ns("2026-03-02 00:00", "UTC")
    for _ in range(7):
        window = days.due(at)
        ids.append(window.id)
        at = window.end_ns + 1
    assert ids == [date(2026, 3, n) for n in (2, 3, 4, 5, 6, 9, 10)], "not the weekend"
    assert days.window(ns("2026-03-07 12:00", "UTC")) is None


def test_D05_a_listed_night_belongs_to_the_day_it_begins_on() -> None:
    nights = Schedule.weekdays(["friday"], time(22), "02:00:30", tz="UTC")
    assert nights.window(ns("2026-03-07 02:00", "UTC")) == nights.window(ns("2026-03-06 22:00", "UTC"))
    assert nights.window(ns("2026-03-07 22:00", "UTC")) is None


def test_D06_non_stop_is_one_window_without_end() -> None:
    always = Schedule.non_stop()
    assert always.window(0) is always.window(1 << 62) is not None
    assert always.next_change(0) is None
    assert always.next_logon(5) == 5
    assert always.accepts_logon(0)


# --- changes of the clocks -----------------------------------------------------------------------------------

CHANGES = [
    # clocks forward: what is skipped is the first moment after
    (NEW_YORK, "02:30", "12:00", "2026-03-08 12:00", ("2026-03-08", "2026-03-08 03:00", "2026-03-08 12:00")),
    (NEW_YORK, "00:30", "02:30", "2026-03-08 01:00", ("2026-03-08", "2026-03-08 00:30", "2026-03-08 03:00")),
    ("Europe/London", "01:15", "09:00", "2026-03-29 08:00", ("2026-03-29", "2026-03-29 02:00", "2026-03-29 09:00")),
    (
        "Australia/Lord_Howe",
        "02:10",
        "09:00",
        "2026-10-04 08:00",
        ("2026-10-04", "2026-10-04 02:30", "2026-10-04 09:00"),
    ),
    # in Brazil it was midnight itself that was skipped
    ("America/Sao_Paulo", "00:00", "12:00", "2018-11-04 08:00", ("2018-11-04", "2018-11-04 01:00", "2018-11-04 12:00")),
    # a zone without such changes
    ("Asia/Kolkata", "02:30", "12:00", "2026-03-08 12:00", ("2026-03-08", "2026-03-08 02:30", "2026-03-08 12:00")),
    # Samoa had no 30 December 2011
    ("Pacific/Apia", "17:00", "16:00", "2011-12-29 20:00", ("2011-12-29", "2011-12-29 17:00", "2011-12-31 00:00")),
    ("Pacific/Apia", "17:00", "16:00", "2011-12-31 10:00", ("2011-12-30", "2011-12-31 00:00", "2011-12-31 16:00")),
]


@pytest.mark.parametrize(("tz", "start", "end", "moment", "expected"), CHANGES)
def test_D11_a_skipped_time_is_the_next_valid_instant(
    tz: str, start: str, end: str, moment: str, expected: tuple[str, str, str]
) -> None:
    assert shown(Schedule.daily(start, end, tz=tz).window(ns(moment, tz)), tz) == expected


@pytest.mark.parametrize(
    ("tz", "day", "start", "repeated"),
    [
        (NEW_YORK, "2026-11-01", "01:30", 3600),
        ("Europe/London", "2026-10-25", "01:30", 3600),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", 1800),
        ("America/Sao_Paulo", "2019-02-16", "23:30", 3600),
    ],
)
def test_D11_a_repeated_time_is_its_first_occurrence(tz: str, day: str, start: str, repeated: int) -> None:
    first, second = ns(f"{day} {start}", tz, fold=0), ns(f"{day} {start}", tz, fold=1)
    assert second - first == repeated * SECOND
    opening = Schedule.daily(start, "12:00", tz=tz)
    assert opening.due(first - 1).start_ns == first
    window = opening.window(second)
    assert window is not None
    assert window.start_ns == first, "the second coming opens nothing anew"
    closing = Schedule.daily("12:00", start, tz=tz)
    assert closing.due(first).end_ns == first
    assert closing.window(second) is None


def test_D11_at_most_one_window_begins_a_day_whatever_the_clocks_do() -> None:
    for tz in (NEW_YORK, "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"):
        day = Schedule.daily("02:15", "02:15", tz=tz)
        window = day.due(ns("2026-01-01 00:00", tz))
        while window.id.year < 2027:
            following = day.due(window.end_ns + 1)
            assert (following.id - window.id).days == 1
            assert following.start_ns == window.end_ns + 1
            window = following


def test_D11_a_window_in_a_skipped_hour_does_not_take_place() -> None:
    early = Schedule.daily("02:10", "02:50", tz=NEW_YORK)
    assert early.due(ns("2026-03-07 03:00", NEW_YORK)).id == date(2026, 3, 9)
    full = Schedule.daily("00:00", "00:00", tz="Pacific/Apia")
    assert [full.due(ns(day, "Pacific/Apia")).id.day for day in ("2011-12-29 12:00", "2011-12-31 12:00")] == [29, 31]
    assert full.next_change(ns("2011-12-29 12:00", "Pacific/Apia")) == ns("2011-12-31 00:00", "Pacific/Apia")


def test_D11_the_last_instant_of_a_window_may_be_a_date_later_than_its_end() -> None:
    night = Schedule.daily("17:00", "16:00", tz="Pacific/Apia", holidays=[date(2011, 12, 30)])
    new_year_eve = ns("2011-12-31 00:00", "Pacific/Apia")
    window = night.window(new_year_eve)
    assert window is not None
    assert (window.id, window.end_ns) == (date(2011, 12, 29), new_year_eve)


# --- holidays, logon windows -----------------------------------------------------------------------------------


def test_D14_the_window_of_a_holiday_is_removed() -> None:
    christmas = date(2026, 12, 25)
    days = Schedule.weekdays(("THU", "FRI"), "08:00", "17:00", tz="UTC", holidays=[christmas, date(2027, 1, 1)])
    assert days.window(ns("2026-12-25 12:00", "UTC")) is None
    assert days.due(ns("2026-12-24 17:01", "UTC")).id == date(2026, 12, 31)
    assert days.due(ns("2026-12-31 17:01", "UTC")).id == date(2027, 1, 7)


def test_D14_before_a_holiday_a_24_hour_window_ends_by_itself() -> None:
    day = Schedule.daily("17:00", "17:00", tz="UTC", holidays=[date(2026, 12, 25)])
    five = ns("2026-12-25 17:00", "UTC")
    assert day.due(five - 1) == Window(date(2026, 12, 24), five - 86_400 * SECOND, five)
    assert day.window(five + 1) is None
    assert day.next_change(five + 1) == five + 86_400 * SECOND


def test_D14_a_weekly_window_is_named_by_the_day_it_begins_on() -> None:
    week = Schedule.weekly(("SUN", "17:00"), ("FRI", "17:00"), tz="UTC", holidays=[date(2026, 12, 20)])
    assert week.due(ns("2026-12-18 18:00", "UTC")).id == date(2026, 12, 27)


def test_D10_a_logon_window_lies_inside_the_session_window() -> None:
    doors = Schedule.daily("07:30", "08:30", tz="UTC")
    week = Schedule.weekly(("MON", "08:00"), ("FRI", "17:00"), tz="UTC", logon=doors)
    assert not week.accepts_logon(ns("2026-03-02 07:45", "UTC")), "the doors are open, the session is not"
    assert week.accepts_logon(ns("2026-03-02 08:15", "UTC"))
    assert not week.accepts_logon(ns("2026-03-02 09:00", "UTC"))
    assert week.window(ns("2026-03-02 09:00", "UTC")) is not None
    assert week.next_logon(ns("2026-03-02 00:00", "UTC")) == ns("2026-03-02 08:00", "UTC")
    assert week.next_logon(ns("2026-03-02 09:00", "UTC")) == ns("2026-03-03 07:30", "UTC")
    assert week.next_logon(ns("2026-03-06 09:00", "UTC")) == ns("2026-03-09 08:00", "UTC")
    never = Schedule.daily("08:00", "09:00", tz="UTC", logon=Schedule.daily("10:00", "11:00", tz="UTC"))
    assert never.next_logon(0) is None


# --- the value -------------------------------------------------------------------------------------------------


def test_a_schedule_is_a_value() -> None:
    one = ff.Schedule.weekly(("SUN", "17:00"), ("FRI", "17:00"), tz=NEW_YORK)
    other = ff.Schedule.weekly(("sunday", time(17)), ("Fri", "17:00:00"), tz=NEW_YORK)
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    assert repr(one) == "Schedule.weekly(('SUN', '17:00'), ('FRI', '17:00'), tz='America/New_York')"
    days = ff.Schedule.weekdays(("MON", "TUE"), "08:00", "17:00:30", tz="UTC", reset=False)
    assert repr(days) == "Schedule.weekdays(('MON', 'TUE'), '08:00', '17:00:30', tz='UTC', reset=False)"
    assert repr(ff.Schedule.non_stop()) == "Schedule.non_stop()"
    for schedule in (one, days, ff.Schedule.daily("17:00", "17:00", tz="UTC"), ff.Schedule.non_stop()):
        assert eval(repr(schedule), {"Schedule": Schedule}) == schedule
    with pytest.raises(AttributeError):
        one.start = time(3)  # type: ignore[misc]


GOOD = {"start": "08:00", "end": "17:00", "tz": "UTC"}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("start", "24:00", "HH:MM"),
        ("start", "8:00", "HH:MM"),
        ("start", "08-00", "HH:MM"),
        ("start", 8, "HH:MM"),
        ("start", time(8, tzinfo=ZoneInfo("UTC")), "HH:MM"),
        ("end", time(8, 0, 0, 5), "HH:MM"),
        ("tz", "Mars/Olympus", "IANA"),
        ("tz", "America", "IANA"),
        ("tz", "../etc/passwd", "IANA"),
        ("tz", "", "IANA"),
        ("tz", None, "IANA"),
        ("holidays", "2026-12-25", "dates"),
        ("holidays", ["2026-12-25"], "datetime.date"),
        ("holidays", [datetime(2026, 12, 25)], "datetime.date"),
        ("logon", "08:00", "Schedule"),
        ("logon", Schedule.daily("08:00", "17:00", tz="UTC", logon=Schedule.non_stop()), "Schedule"),
        ("reset", 1, "True or False"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigError, match=allowed) as refused:
        Schedule.daily(**{**GOOD, name: value})  # type: ignore[arg-type]
    assert refused.value.name == name


def test_wrong_days_are_refused_by_name() -> None:
    for days in ((), "MON", ("MON", "XXX"), (7,), None):
        with pytest.raises(ConfigError, match="MON to SUN") as refused:
            Schedule.weekdays(days, "08:00", "17:00", tz="UTC")  # type: ignore[arg-type]
        assert refused.value.name == "days"
    with pytest.raises(ConfigError, match="a day and a time"):
        Schedule.weekly("SUN", ("FRI", "17:00"), tz="UTC")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="MON to SUN"):
        Schedule.weekly(("SUN", "17:00"), ("FRY", "17:00"), tz="UTC")
    with pytest.raises(ConfigError, match="single day"):
        Schedule((0, 1), time(8), time(17), 4)
    with pytest.raises(ConfigError, match="on which a window begins"):
        Schedule.weekly(("SUN", "17:00"), ("FRI", "17:00"), tz="UTC", holidays=[date(2026, 12, 25)])
