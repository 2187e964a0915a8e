"""Limits in time: exact, in integers, never above what is allowed, never slower than needed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.engine.throttle import CANCELS_FIRST, Limiter, Waiters

SECOND = 1_000_000_000

#: times between attempts: mostly short beside the widths below, some far longer
gaps = st.lists(
    st.one_of(st.integers(0, 5), st.integers(0, 3000), st.integers(0, 200_000), st.just(10**12)),
    min_size=1,
    max_size=80,
)
#: per is at least 1 us; counts and widths that do not divide each other
counts = st.integers(1, 7)
widths = st.integers(1000, 20_011)


def message(msg_type: str, *fields: tuple[int, str]) -> ff.Message:
    return ff.parse(ff.encode("FIX.4.4", msg_type, [(49, "A"), (56, "B"), (34, 1), (52, 0), *fields]))


def per(ns: int) -> float:
    return ns / SECOND


def passed(limits: list[ff.RateLimit], times: list[int]) -> list[int]:
    limiter = Limiter(limits)
    return [now for now in times if not limiter.take(now)]


def running(steps: list[int]) -> list[int]:
    times, now = [], 0
    for step in steps:
        now += step
        times.append(now)
    return times


@given(count=counts, width=widths, steps=gaps)
def test_no_window_holds_more_than_allowed(count: int, width: int, steps: list[int]) -> None:
    limit = ff.RateLimit(count, per=per(width))
    assert limit.per_ns == width
    went = passed([limit], running(steps))
    for begin in went:
        assert sum(begin <= t < begin + width for t in went) <= count


@given(count=counts, width=widths, steps=gaps)
def test_a_window_refuses_nothing_it_could_allow(count: int, width: int, steps: list[int]) -> None:
    went: list[int] = []
    limiter = Limiter([ff.RateLimit(count, per=per(width))])
    for now in running(steps):
        free = sum(now - width < t <= now for t in went) < count
        assert (limiter.take(now) == 0) is free
        if free:
            went.append(now)


@given(count=counts, burst=st.integers(1, 9), width=widths, steps=gaps)
def test_a_bucket_lets_no_more_pass_than_it_holds_and_gets(
    count: int, burst: int, width: int, steps: list[int]
) -> None:
    went = passed([ff.RateLimit(count, per=per(width), kind="bucket", burst=burst)], running(steps))
    for i, begin in enumerate(went):
        for j, end in enumerate(went[i:], 1):
            assert (j - burst) * width <= (end - begin) * count


limits = st.builds(
    lambda count, width, kind, unit: ff.RateLimit(count * (10 if unit == "bytes" else 1), per(width), kind, unit),
    counts,
    widths,
    st.sampled_from(["window", "bucket"]),
    st.sampled_from(["messages", "bytes"]),
)


@given(limits=st.lists(limits, min_size=1, max_size=3), steps=gaps, sizes=st.lists(st.integers(1, 10), min_size=80))
def test_a_wait_is_as_long_as_needed_and_no_longer(
    limits: list[ff.RateLimit], steps: list[int], sizes: list[int]
) -> None:
    limiter, probe = Limiter(limits), Limiter(limits)
    taken: list[tuple[int, int]] = []
    now = 0
    for step, size in zip(steps, sizes, strict=False):
        now += step
        wait = limiter.take(now, size)
        if wait:
            if wait > 1:
                probe = Limiter(limits)
                for when, much in taken:
                    assert probe.take(when, much) == 0
                assert probe.take(now + wait - 1, size) == 1
            now += wait
            assert limiter.take(now, size) == 0
        taken.append((now, size))


@given(limits=st.lists(limits, min_size=1, max_size=3), steps=gaps, back=st.integers(1, 10**6))
def test_a_clock_that_goes_back_stands_still(limits: list[ff.RateLimit], steps: list[int], back: int) -> None:
    limiter = Limiter(limits)
    now = running(steps)[-1] + back
    while not limiter.take(now, 10):
        pass
    wait = limiter.wait_ns(now, 10)
    assert limiter.wait_ns(now - back, 10) == wait + back
    assert limiter.take(now - back, 10) > 0, "time that goes back brings nothing back"
    assert limiter.wait_ns(now, 10) == wait


@given(limits=st.lists(limits, min_size=1, max_size=3), steps=gaps)
def test_what_is_asked_and_not_sent_is_not_counted(limits: list[ff.RateLimit], steps: list[int]) -> None:
    asked, plain = Limiter(limits), Limiter(limits)
    for now in running(steps):
        for _ in range(3):
            asked.wait_ns(now, 7)
        assert asked.take(now, 7) == plain.take(now, 7)


@given(unasked=st.integers(1, 500), limit=limits)
def test_what_passes_unasked_counts_and_its_debt_is_bounded(unasked: int, limit: ff.RateLimit) -> None:
    limiter = Limiter([limit])
    for _ in range(unasked):
        limiter.add(0, 10)
    wait = limiter.wait_ns(0, 10)
    assert wait <= 2 * limit.per_ns
    assert wait > 0 or unasked < limit.most
    assert limiter.take(2 * limit.per_ns, 10) == 0


def test_what_passes_unasked_takes_no_memory() -> None:
    limiter = Limiter([ff.RateLimit(5)])
    for now in range(10_000):
        limiter.add(now)
    assert len(limiter._messages[0]._entries) == 5  # type: ignore[union-attr]


def test_the_edge_of_a_window() -> None:
    limiter = Limiter([ff.RateLimit(2, per=1.0)])
    assert [limiter.take(0), limiter.take(10)] == [0, 0]
    assert limiter.take(SECOND - 1) == 1
    assert limiter.take(SECOND) == 0
    assert limiter.take(SECOND) == 10


def test_a_bucket_gives_back_evenly() -> None:
    limiter = Limiter([ff.RateLimit(4, per=1.0, kind="bucket", burst=2)])
    assert [limiter.take(0), limiter.take(0)] == [0, 0]
    assert limiter.take(0) == SECOND // 4
    assert limiter.take(SECOND // 4) == 0
    assert limiter.take(SECOND // 4) == SECOND // 4


def test_a_bucket_of_thirds_loses_no_nanosecond() -> None:
    limiter = Limiter([ff.RateLimit(3, per=1.0, kind="bucket", burst=2)])
    assert limiter.take(0) == 0
    now = 0
    for n in range(1, 3001):
        assert limiter.take(now) == 0
        now += limiter.wait_ns(now)
        assert now == -(-n * SECOND // 3), "the n-th goes at n/3 s, rounded up once and not n times"


def test_all_limits_hold_at_once() -> None:
    limiter = Limiter([ff.RateLimit(2, per=1.0), ff.RateLimit(3, per=60.0)])
    assert [limiter.take(0), limiter.take(0)] == [0, 0]
    assert limiter.take(0) == SECOND
    assert limiter.take(SECOND) == 0
    assert limiter.take(SECOND) == 59 * SECOND


def test_bytes_are_counted_by_size() -> None:
    limiter = Limiter([ff.RateLimit(100, per=1.0, unit="bytes")])
    assert limiter.largest == 100
    assert limiter.take(0, 60) == 0
    assert limiter.take(1, 41) == SECOND - 1
    assert limiter.take(1, 40) == 0
    assert Limiter([ff.RateLimit(1)]).largest is None


# --- the line ----------------------------------------------------------------------------------------------------


def test_the_smaller_number_goes_first_equal_ones_in_turn() -> None:
    line: Waiters[str] = Waiters()
    for name, priority in (("a", 0), ("b", 1), ("c", -1), ("d", 0), ("e", -1)):
        line.join(name, priority)
    assert list(line) == ["c", "e", "a", "d", "b"]
    assert len(line) == 5


def test_who_leaves_is_skipped() -> None:
    line: Waiters[int] = Waiters()
    places = [line.join(n) for n in range(1000)]
    for place in places[:990]:
        line.leave(place)
        line.leave(place)
    assert len(line) == 10
    assert line.first is places[990]
    assert len(line._heap) < 100, "places given up do not pile up"
    assert line.clear() == list(range(990, 1000))
    assert len(line) == 0
    assert line.first is None
    line.leave(places[995])
    assert len(line) == 0


def test_a_cancel_never_overtakes_its_order() -> None:
    line: Waiters[str] = Waiters()
    line.join("other", 0, key="o")
    order = line.join("order", 0, key="x")
    line.join("replace", -1, key="y", after="x")
    line.join("cancel", -1, after="y")
    line.join("free", -1, after="gone")
    assert list(line) == ["free", "other", "order", "replace", "cancel"]
    line.leave(order)
    line.join("now", -1, after="x")
    assert list(line)[:2] == ["free", "now"]


@given(st.lists(st.tuples(st.integers(-2, 2), st.booleans()), max_size=60))
def test_a_line_is_a_stable_sort(people: list[tuple[int, bool]]) -> None:
    line: Waiters[int] = Waiters()
    places = [line.join(i, priority) for i, (priority, _) in enumerate(people)]
    for place, (_, stays) in zip(places, people, strict=True):
        if not stays:
            line.leave(place)
    want = sorted((i for i, (_, stays) in enumerate(people) if stays), key=lambda i: people[i][0])
    assert list(line) == want
    went = []
    while (first := line.first) is not None:
        went.append(first.item)
        line.leave(first)
    assert went == want


# --- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("count", 0),
        ("count", True),
        ("count", 1.5),
        ("count", 1_000_001),
        ("per", 0),
        ("per", -1.0),
        ("per", float("nan")),
        ("per", float("inf")),
        ("per", True),
        ("per", "1"),
        ("kind", "leaky"),
        ("unit", "orders"),
        ("burst", 3),
    ],
)
def test_a_wrong_rate_limit_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as error:
        ff.RateLimit(**{"count": 5, option: value})
    assert error.value.name == option
    assert error.value.allowed


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("limits", ()),
        ("limits", ff.RateLimit(5)),
        ("limits", (5,)),
        ("when_full", "drop"),
        ("priority", {"D": "first"}),
        ("priority", {"": 1}),
        ("priority", {"A": 1}),
        ("priority", 3),
        ("queue_limit", 0),
        ("count_session_messages", 1),
        ("max_age", 0),
        ("max_age", True),
        ("max_age", 5),  # without a queue
    ],
)
def test_a_wrong_throttle_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as error:
        ff.Throttle(**{"limits": (ff.RateLimit(5),), option: value})
    assert error.value.name == option


def test_a_throttle_keeps_its_own_priorities() -> None:
    mine = {"F": -5}
    throttle = ff.Throttle((ff.RateLimit(5),), priority=mine)
    mine["D"] = -9
    assert throttle.priority_of(message("D")) == 0
    assert throttle.priority_of(message("F")) == -5
    assert ff.Throttle((ff.RateLimit(5),)).priority == CANCELS_FIRST


def test_priority_may_be_a_function() -> None:
    def urgent(message: ff.Message) -> int:
        return -1 if message.get(59) == "3" else 0

    throttle = ff.Throttle((ff.RateLimit(5),), priority=urgent)
    assert throttle.priority_of(message("D", (59, "3"))) == -1
    bad = ff.Throttle((ff.RateLimit(5),), priority=lambda message: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="NoneType for 'D'"):
        bad.priority_of(message("D"))


def test_throttles_are_values() -> None:
    assert ff.Throttle((ff.RateLimit(5),)) == ff.Throttle((ff.RateLimit(5, per=1.0),))
    assert len({ff.Throttle((ff.RateLimit(5),)), ff.Throttle((ff.RateLimit(5),))}) == 1
    assert str(ff.RateLimit(50, per=0.5)) == "50 messages in 0.5 s"
