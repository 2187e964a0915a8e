"""Histograms of durations in ns: fixed memory, cheap to fill, exact enough to argue with. No I/O, no clock.

A bucket is 1/64 of the power of two below it: values up to 127 ns have one each, above that a bucket is at most 1.6 %
wide, and what is read from its middle is within 0.8 % of what was recorded. 2,368 buckets of 8 bytes reach 73 minutes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["Histogram", "Latency"]

_BITS = 6
_FINE = 1 << _BITS  # buckets for each power of two
_TOP = 42  # bits of the largest value with a bucket of its own
_BUCKETS = (_TOP - _BITS + 1) * _FINE
_LARGEST = (1 << _TOP) - 1

#: what is told unless asked otherwise, per cent
_PERCENTS = (50.0, 90.0, 99.0, 99.9, 99.99)


class Histogram:
    """How long something took, many times over: integer ns, 19 KiB, whatever comes.

    One thread records; another may read at the same time and sees numbers that were true a moment ago.

    Attributes:
        max: the longest duration recorded, exact; -1 while there is none.
    """

    __slots__ = ("_counts", "max")

    def __init__(self, durations: Iterable[int] = ()) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self.max = -1
        for ns in durations:
            self.record(ns)

    def record(self, ns: int) -> None:
        """Count a duration in ns. A negative one counts as 0, one above 73 minutes as that (`max` knows better)."""
        # PERF: 150 ns. No count, sum or minimum: they can be had from the buckets (195 ns with them).
        if ns > self.max:
            self.max = ns
            if ns > _LARGEST:
                ns = _LARGEST
        elif ns < 0:
            ns = 0
        shift = (ns | 127).bit_length() - 7
        self._counts[(shift << 6) + (ns >> shift)] += 1

    # --- what was recorded ----------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many durations were recorded."""
        return sum(self._counts)

    @property
    def min(self) -> int:
        """The shortest duration, at most 1.6 % too small; -1: none yet."""
        return next((_bounds(i)[0] for i, n in enumerate(self._counts) if n), -1)

    @property
    def sum(self) -> int:
        """All durations together, within 0.8 %."""
        return sum(n * _middle(i) for i, n in enumerate(self._counts) if n)

    @property
    def mean(self) -> float:
        """Their mean, within 0.8 %; 0.0: none yet."""
        count = self.count
        return min(self.sum / count, float(self.max)) if count else 0.0

    def percentile(self, percent: float) -> int:
        """Return the duration, in ns, that so many per cent of all did not exceed; -1: there are none.

        Raises: ValueError: not from 0 to 100.
        """
        return self.percentiles((percent,))[0]

    def percentiles(self, percents: Sequence[float] = _PERCENTS) -> list[int]:
        """Return several percentiles, in the order asked for, from one look.

        Raises: ValueError: one is not from 0 to 100.
        """
        for percent in percents:
            if not 0 <= percent <= 100:
                raise ValueError(f"a percentile is a number from 0 to 100, not {percent!r}")
        counts, longest = self._counts[:], self.max
        total = sum(counts)
        found = dict.fromkeys(percents, -1)
        if not total:
            return [-1] * len(percents)
        # ceil() without floats going astray: p% of n, rounded up, and at least the first
        ranks = sorted((max(1, -(-round(percent * 10**6) * total // 10**8)), percent) for percent in found)
        below, index = 0, -1
        for rank, percent in ranks:
            while below < rank:
                index += 1
                below += counts[index]
            found[percent] = longest if rank == total else min(_middle(index), longest)
        return [found[percent] for percent in percents]

    def at_most(self, bounds: Sequence[int]) -> list[int]:
        """Return how many durations there are up to each bound (ns, ascending): the buckets of a Prometheus histogram.

        A bound inside a bucket takes in that bucket's whole content if it reaches its middle.
        """
        counts = self._counts[:]
        answer, below, index = [], 0, 0
        for bound in bounds:
            end = _first_above(bound)
            below += sum(counts[index:end])
            index = end
            answer.append(below)
        return answer

    def to_dict(self, percents: Sequence[float] = _PERCENTS) -> dict[str, Any]:
        """Return count, min, mean, max and percentiles ("p99.9"), in ns, for JSON."""
        values = zip(percents, self.percentiles(percents), strict=True)
        return {
            "count": self.count,
            "min": self.min,
            "mean": round(self.mean),
            **{f"p{percent:g}": ns for percent, ns in values},
            "max": self.max,
        }

    def __str__(self) -> str:
        """Return one line in microseconds."""
        numbers = self.to_dict()
        count = numbers.pop("count")
        if not count:
            return "count 0"
        return f"count {count}  " + "  ".join(f"{name} {ns / 1000:.1f}" for name, ns in numbers.items()) + "  us"

    def __repr__(self) -> str:
        return f"<Histogram {self}>"

    # --- several histograms ---------------------------------------------------------------------------------

    def merge(self, other: Histogram) -> None:
        """Add what another one recorded. Nothing is lost by it: all histograms have the same buckets."""
        mine = self._counts
        for index, n in enumerate(other._counts):
            if n:
                mine[index] += n
        self.max = max(self.max, other.max)

    def copy(self) -> Histogram:
        """Return a snapshot."""
        twin = Histogram()
        twin._counts, twin.max = self._counts[:], self.max
        return twin

    def reset(self) -> None:
        """Begin anew."""
        self.max = -1
        self._counts = array("Q", bytes(8 * _BUCKETS))


def _bounds(index: int) -> tuple[int, int]:
    """Return the smallest and the largest value of a bucket."""
    shift = max(0, (index >> _BITS) - 1)
    low = (index - (shift << _BITS)) << shift
    return low, low + (1 << shift) - 1


def _middle(index: int) -> int:
    low, high = _bounds(index)
    return (low + high) // 2


def _first_above(bound: int) -> int:
    """Return the first bucket whose middle is above a bound."""
    if bound > _LARGEST:
        return _BUCKETS
    bound = max(bound, -1)
    shift = (bound | 127).bit_length() - 7 if bound >= 0 else 0
    index = (shift << _BITS) + (bound >> shift)
    return index + 1 if index >= 0 and _middle(index) <= bound else max(index, 0)


class Latency:
    """What is measured of one session where it was made with `latency=True`.

    Attributes:
        receive: from the read that brought a message to its hand-out: the call of on_message, or the step of the
            `async for` that gave it. What waits behind a slow callback is in here.
        callback: how long the program was busy with a message: the run of on_message (of an async one to its end), or
            from one step of the iteration to the next.
        send: from the call that sent a message to the moment it was written to the transport. What waits for the disk
            of the store, or for a peer that does not read, is in here; what waits its turn by a Throttle is not.
    """

    __slots__ = ("callback", "receive", "send")

    def __init__(self) -> None:
        self.receive = Histogram()
        self.callback = Histogram()
        self.send = Histogram()

    def __iter__(self) -> Iterator[tuple[str, Histogram]]:
        """Iterate over (name, histogram)."""
        return ((name, getattr(self, name)) for name in ("receive", "callback", "send"))

    def merge(self, other: Latency) -> None:
        """Add what was measured of another session."""
        for name, histogram in other:
            getattr(self, name).merge(histogram)

    def reset(self) -> None:
        """Begin anew, all stages."""
        for _, histogram in self:
            histogram.reset()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return what Histogram.to_dict() says of each stage."""
        return {name: histogram.to_dict() for name, histogram in self}

    def __str__(self) -> str:
        return "\n".join(f"{name:8}  {histogram}" for name, histogram in self)
