"""What every front end does: the orders, the reports, and the bot's stop-watch."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle
from typing import Any

__all__ = [
    "BURST",
    "LAST",
    "ORDER_SIZE",
    "REPORT_SIZE",
    "TOGETHER",
    "Contestant",
    "Meter",
    "Outcome",
    "Plan",
    "order_constants",
    "report_constants",
]

#: bytes on the wire of an order, and of its report; the floors move as many
ORDER_SIZE, REPORT_SIZE = 183, 304
#: one-way: so many orders are given to a front end before it may do anything else
TOGETHER = 32
#: first letter of the ClOrdID of an order that is not answered, and of the one that ends them
BURST, LAST = "b", "l"

_clock = time.perf_counter_ns


@dataclass(frozen=True)
class Contestant:
    """A row of the table.

    Attributes:
        name: what it is called.
        module: which of the modules here.
        kind: which of that module's front ends.
        store: what both sides keep their messages in: "" where there is nothing to keep, "memory", "file",
            "journal-none" ...
        survives: what is still there after what.
        idle: what a busy-polling front end does when nothing came: "spin" or "yield".
    """

    name: str
    module: str
    kind: str
    store: str = ""
    survives: str = "nothing"
    idle: str = ""


@dataclass(frozen=True)
class Plan:
    """What one round does.

    Attributes:
        kind, store, idle: of the contestant.
        folder: for its files.
        trips: round trips, after `warm` that are not counted.
        burst: orders sent one way.
        seconds: after so long trips, and then orders, stop however many are done.
        venue: process id of the other side, whose processor time is looked at; 0: not known.
    """

    kind: str
    store: str
    idle: str
    folder: str
    warm: int = 300
    trips: int = 3000
    burst: int = 50_000
    seconds: float = 1.0
    venue: int = 0


@dataclass
class Outcome:
    """What a bot saw.

    Attributes:
        times: ns of each round trip, from before the order is given to the front end until the program has the report.
        cpu_ns: processor time of both sides for one round trip; 0: not known.
        sent: orders in all. counted: how many the venue says that it got.
        burst, burst_ns: how many were sent one way, and how long until the venue had all of them.
        burst_cpu_ns: processor time of both sides for one of them; 0: not known.
        keep: what must live until the process ends.
    """

    times: list[int] = field(default_factory=list)
    cpu_ns: float = 0.0
    sent: int = 0
    counted: int = 0
    burst: int = 0
    burst_ns: int = 0
    burst_cpu_ns: float = 0.0
    keep: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(replace(self, keep=None))


class Meter:
    """The bot's program: when to send, and how long it took.

        if meter.replied(): send(meter.name())      # for each report, until it says no
        while meter.more(): send(meter.burst_name())  # TOGETHER of them, and again
        send(meter.last_name()); ...; meter.ended(count)

    ClOrdIDs are ready beforehand, as a program's own.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._times = array("q")
        self._names = cycle([f"p-{i:012d}" for i in range(1000, 2024)])
        self._burst_names = cycle([f"{BURST}-{i:012d}" for i in range(1000, 2024)])
        self._sent = self._bursts = 0
        self._began = self._cpu = 0
        self._enough = plan.warm
        self._ends = 1 << 62
        self._warming = True
        self._outcome = Outcome()

    def name(self) -> str:
        """Return the next ClOrdID, and start the watch."""
        self._sent += 1
        name = next(self._names)
        self._began = _clock()
        return name

    def replied(self) -> bool:
        """Stop the watch. Whether another trip is wanted."""
        now = _clock()
        self._times.append(now - self._began)
        if len(self._times) < self._enough and now < self._ends:
            return True
        return self._next_phase(now)

    def _next_phase(self, now: int) -> bool:
        if self._warming:
            self._warming = False
            self._times = array("q")
            self._enough = self._plan.trips
            self._ends = now + int(self._plan.seconds * 1e9)
            self._cpu = self._cpu_now()
            return True
        spent = self._cpu_now() - self._cpu
        self._outcome.times = list(self._times)
        self._outcome.cpu_ns = spent / len(self._times)
        return False

    def _cpu_now(self) -> int:
        """Return the processor time of both processes, ns."""
        if not self._plan.venue or os.name != "posix" or not hasattr(os, "sched_getaffinity"):
            return 0
        other = (~self._plan.venue << 3) | 2  # Linux: the clock of another process
        return time.process_time_ns() + time.clock_gettime_ns(other)

    def start_burst(self) -> None:
        """Start the watch of the one-way phase."""
        self._cpu = self._cpu_now()
        self._began = _clock()
        self._ends = self._began + int(self._plan.seconds * 1e9)

    def more(self) -> int:
        """Return how many orders to send next; 0: enough."""
        if self._bursts >= self._plan.burst or _clock() > self._ends:
            return 0
        self._bursts += TOGETHER
        return TOGETHER

    def burst_name(self) -> str:
        """Return the ClOrdID of an order that is not answered."""
        return next(self._burst_names)

    def last_name(self) -> str:
        """Return the ClOrdID of the order that asks how many came."""
        self._sent += self._bursts + 1
        return f"{LAST}-{self._bursts:012d}"

    def ended(self, counted: int) -> Outcome:
        """Stop the watch; return all that was seen."""
        outcome = self._outcome
        outcome.burst_ns = _clock() - self._began
        outcome.burst_cpu_ns = (self._cpu_now() - self._cpu) / (self._bursts + 1)
        outcome.burst, outcome.sent, outcome.counted = self._bursts + 1, self._sent, counted
        return outcome


# --- what is sent --------------------------------------------------------------------------------------------

#: of an order: what changes are 11, 38 and 44
_ORDER = [(1, "ACC-0000000007"), (21, "1"), (55, "EUR/USD"), (54, "1"), (60, "20260105-10:00:00.000"), (40, "2")]
_ORDER += [(59, "0"), (15, "EUR"), (100, "XOFF")]
#: of a report: what changes are 37, 11, 17, 55, 54, 38, 44, 32, 31, 14
_REPORT = [(1, "ACC-0000000007"), (150, "F"), (39, "2"), (40, "2"), (59, "0"), (151, "0"), (6, "1.10235")]
_REPORT += [(60, "20260105-10:00:00.000"), (64, "20260107"), (75, "20260105"), (15, "EUR"), (63, "0"), (100, "XOFF")]


def order_constants(pair: Callable[[int, str], Any]) -> list[Any]:
    """Return the fields of an order that never change, as a front end wants them."""
    return [pair(tag, value) for tag, value in _ORDER]


def report_constants(pair: Callable[[int, str], Any]) -> list[Any]:
    """Return the fields of a report that never change."""
    return [pair(tag, value) for tag, value in _REPORT]
