"""The settings of QuickFIX that say when a session is open, as a schedule."""

from __future__ import annotations

import os
import re
from typing import Any

from fixfast.engine.quickfix.cfg import Entry
from fixfast.engine.quickfix.draft import Draft

__all__ = ["local_zone", "schedule"]

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s+(\S+))?", re.ASCII)
#: Names of Windows, which QuickFIX/n takes, for the zones of exchanges
_WINDOWS = {
    "eastern standard time": "America/New_York",
    "central standard time": "America/Chicago",
    "mountain standard time": "America/Denver",
    "pacific standard time": "America/Los_Angeles",
    "canada central standard time": "America/Regina",
    "e. south america standard time": "America/Sao_Paulo",
    "argentina standard time": "America/Buenos_Aires",
    "gmt standard time": "Europe/London",
    "greenwich standard time": "Atlantic/Reykjavik",
    "w. europe standard time": "Europe/Berlin",
    "romance standard time": "Europe/Paris",
    "central european standard time": "Europe/Warsaw",
    "central europe standard time": "Europe/Budapest",
    "fle standard time": "Europe/Kiev",
    "russian standard time": "Europe/Moscow",
    "turkey standard time": "Europe/Istanbul",
    "south africa standard time": "Africa/Johannesburg",
    "arabian standard time": "Asia/Dubai",
    "israel standard time": "Asia/Jerusalem",
    "india standard time": "Asia/Kolkata",
    "china standard time": "Asia/Shanghai",
    "singapore standard time": "Asia/Singapore",
    "taipei standard time": "Asia/Taipei",
    "tokyo standard time": "Asia/Tokyo",
    "korea standard time": "Asia/Seoul",
    "aus eastern standard time": "Australia/Sydney",
    "new zealand standard time": "Pacific/Auckland",
    "utc": "UTC",
}


def schedule(draft: Draft) -> None:
    """Make the schedule of StartTime, EndTime, StartDay, EndDay, Weekdays, TimeZone, and of LogonTime and so on."""
    non_stop = draft.entry("NonStopSession")
    if non_stop is not None and draft.flag("NonStopSession", False):
        draft.put("schedule", "non-stop", non_stop)
        return
    window = _window(draft, "Start", "End")
    if window is None:
        return
    zone = window.pop("tz", None) or _zone(draft)
    if zone is None:
        return
    inner = _window(draft, "Logon", "Logout")
    for name, (value, entry) in window.items():
        draft.put(f"schedule.{name}", value, entry)
    draft.put("schedule.tz", *zone)
    if inner is not None:
        for name, (value, entry) in inner.items():
            draft.put(f"schedule.logon.{name}", value, entry)
        draft.put("schedule.logon.tz", *(inner.get("tz") or zone))


def _window(draft: Draft, first: str, last: str) -> dict[str, tuple[Any, Entry | None]] | None:
    """Return {field of Schedule: (value, where from)} of one pair of times and days; None if there is none."""
    start, end = draft.entry(f"{first}Time"), draft.entry(f"{last}Time")
    days = {name: draft.entry(f"{name}Day") for name in (first, last)}
    if start is None or end is None:
        given = next((one for one in (start, end, *days.values()) if one is not None), None)
        missing = f"{first}Time and {last}Time" if start is end else f"{first if start is None else last}Time"
        if given is not None:
            draft.say("error", given, f"{missing} is missing: both say when the session is open")
        elif first == "Start":
            draft.say(
                "note", None, "no StartTime and EndTime: the session is always open, and never reset by the clock"
            )
        return None
    found: dict[str, tuple[Any, Entry | None]] = {}
    zones = set()
    for name, entry in (("start", start), ("end", end)):
        match = _TIME.fullmatch(entry.value)
        if match is None:
            draft.say("error", entry, f"{entry.value!r} is not allowed: a time of day, HH:MM:SS")
            return None
        found[name] = (f"{int(match[1]):02d}:{match[2]}:{match[3] or '00'}", entry)
        zones.add(match[4])
    if len(zones) > 1:
        draft.say("error", end, f"{first}Time and {last}Time are in different time zones: give both in one")
        return None
    (zone,) = zones
    if zone is not None:
        found["tz"] = (_iana(zone), start)
    return _with_days(draft, found, first, last, days)


def _with_days(
    draft: Draft,
    found: dict[str, tuple[Any, Entry | None]],
    first: str,
    last: str,
    days: dict[str, Entry | None],
) -> dict[str, tuple[Any, Entry | None]] | None:
    weekdays = draft.entry("Weekdays") if first == "Start" else None
    begins, ends = days[first], days[last]
    if weekdays is not None:
        if begins is not None or ends is not None:
            draft.say("error", weekdays, "Weekdays, or StartDay and EndDay: not both")
            return None
        names = [_day(draft, part.strip(), weekdays) for part in weekdays.value.split(",")]
        if None in names:
            return None
        found["days"] = (names, weekdays)
    elif begins is not None and ends is not None:
        one, other = _day(draft, begins.value, begins), _day(draft, ends.value, ends)
        if one is None or other is None:
            return None
        found["days"] = ([one], begins)
        found["end_day"] = (other, ends)
    elif begins is not None or ends is not None:
        missing = last if ends is None else first
        draft.say("error", begins or ends, f"{missing}Day is missing: both say how long the week is")
        return None
    return found


def _day(draft: Draft, text: str, entry: Entry) -> str | None:
    """Return MON to SUN of any abbreviation of at least two letters."""
    found = [day for day in _DAYS if day.startswith(text.upper())] if len(text) >= 2 else []
    if len(found) != 1:
        draft.say("error", entry, f"{text!r} is not allowed: a day of the week in English (mo, mon, monday)")
        return None
    return found[0][:3]


def _zone(draft: Draft) -> tuple[str, Entry | None] | None:
    entry = draft.entry("TimeZone")
    if entry is not None:
        return _iana(entry.value), entry
    local = draft.entry("UseLocalTime")
    if local is None or not draft.flag("UseLocalTime", False):
        return "UTC", None
    name = local_zone()
    if name is None:
        draft.say("error", local, "this machine does not say what its time zone is called: give TimeZone")
        return None
    draft.say("note", local, f"the time zone of this machine is {name}")
    return name, local


def _iana(name: str) -> str:
    return _WINDOWS.get(name.lower(), name)


def local_zone() -> str | None:
    """Return the IANA name of the machine's time zone, None where it cannot be told."""
    given = os.environ.get("TZ", "").lstrip(":")
    if re.fullmatch(r"[A-Z][A-Za-z_]+(/[A-Za-z_+-]+)*", given) or given == "UTC":
        return given
    target = os.path.realpath("/etc/localtime")
    _, found, name = target.partition("/zoneinfo/")
    if found:
        return name.removeprefix("posix/").removeprefix("right/")
    try:
        with open("/etc/timezone", encoding="ascii") as file:
            return file.readline().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
