"""Histograms of durations: within 0.8 % everywhere, in fixed memory, mergeable without loss."""

from __future__ import annotations

import json
import math
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.engine.observing.latency import _BUCKETS, _LARGEST, Histogram, Latency, _bounds

durations = st.one_of(st.integers(0, 300), st.integers(0, 10**7), st.integers(0, _LARGEST))


def test_the_buckets_are_without_gap_and_overlap() -> None:
    after = 0
    for index in range(_BUCKETS):
        low, high = _bounds(index)
        assert low == after
        assert high - low < max(1, low / 63)
        after = high + 1
    assert after - 1 == _LARGEST


@given(durations)
def test_one_duration_is_found_again_within_its_bucket(ns: int) -> None:
    one = Histogram([ns])
    index = next(i for i, n in enumerate(one._counts) if n)
    low, high = _bounds(index)
    assert low <= ns <= high
    assert (one.count, one.max) == (1, ns)
    assert one.percentile(50) == ns
    assert ns * 0.984 <= one.min <= ns
    assert abs(one.mean - ns) <= ns * 0.008


@given(st.lists(durations, min_size=1), st.floats(0, 100))
def test_percentiles_are_within_one_percent(values: list[int], percent: float) -> None:
    histogram = Histogram(values)
    rank = max(1, math.ceil(round(percent * 10**6) * len(values) / 10**8))
    exact = sorted(values)[rank - 1]
    assert abs(histogram.percentile(percent) - exact) <= max(1, exact * 0.008)
    assert histogram.percentile(100) == max(values)


@given(st.lists(durations), st.lists(durations))
def test_merging_loses_nothing(first: list[int], second: list[int]) -> None:
    both = Histogram(first)
    both.merge(Histogram(second))
    whole = Histogram(first + second)
    assert both._counts == whole._counts
    assert both.max == whole.max
    assert both.to_dict() == whole.to_dict()


@given(st.lists(durations), st.lists(st.integers(0, 10**10), max_size=10))
def test_counts_up_to_a_bound(values: list[int], bounds: list[int]) -> None:
    bounds.sort()
    counts = Histogram(values).at_most(bounds)
    assert counts == sorted(counts)
    for bound, n in zip(bounds, counts, strict=True):
        assert sum(v <= bound * 0.98 for v in values) <= n <= sum(v <= bound * 1.02 + 1 for v in values)


def test_percentiles_come_in_the_order_asked_for() -> None:
    histogram = Histogram(range(1, 101))
    assert histogram.percentiles((99, 50, 0, 100)) == [99, 50, 1, 100]
    with pytest.raises(ValueError, match="101"):
        histogram.percentile(101)
    with pytest.raises(ValueError, match="nan"):
        histogram.percentile(math.nan)


def test_the_edges() -> None:
    histogram = Histogram([-5, 0, _LARGEST, _LARGEST + 1, 10**15])
    assert histogram.count == 5
    assert histogram.max == 10**15
    assert histogram.min == 0
    assert histogram._counts[0] == 2
    assert histogram._counts[-1] == 3


def test_an_empty_one_says_so() -> None:
    empty = Histogram()
    assert (empty.count, empty.min, empty.max, empty.sum, empty.mean) == (0, -1, -1, 0, 0.0)
    assert empty.percentiles() == [-1] * 5
    assert str(empty) == "count 0"


def test_memory_is_fixed_and_small() -> None:
    histogram = Histogram([1, 10**15])
    assert sys.getsizeof(histogram._counts) < 32 * 1024
    assert len(pickle.dumps(histogram)) < 32 * 1024


def test_reset_and_copy() -> None:
    histogram = Histogram([5, 6])
    twin = histogram.copy()
    histogram.reset()
    assert (histogram.count, histogram.max) == (0, -1)
    assert (twin.count, twin.max) == (2, 6)


def test_exports() -> None:
    histogram = Histogram([1000, 2000, 3000])
    numbers = json.loads(json.dumps(histogram.to_dict((50, 99.9))))
    assert list(numbers) == ["count", "min", "mean", "p50", "p99.9", "max"]
    assert numbers["count"] == 3
    assert str(histogram).startswith("count 3  min 1.0  mean 2.0  p50 2.0")
    assert str(histogram).endswith("max 3.0  us")
    assert "count 3" in repr(histogram)


def test_stages() -> None:
    one, other = Latency(), Latency()
    one.receive.record(10)
    other.receive.record(20)
    other.send.record(30)
    one.merge(other)
    assert {name: h.count for name, h in one} == {"receive": 2, "callback": 0, "send": 1}
    assert str(one).splitlines()[1] == "callback  count 0"
    assert one.to_dict()["send"]["max"] == 30
    one.reset()
    assert one.receive.count == 0
