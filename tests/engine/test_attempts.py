"""What an initiator does after each connection, on virtual time: no socket, no loop (I10, I13)."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.attempts import Address, Attempts, Connect, Wait
from fixfast.engine.failure import Failure

SECOND = 1_000_000_000
A, B, C = ("a.example", 1), ("b.example", 2), ("c.example", 3)
LIFE = 3600.0


def down(text: str = "nobody listens") -> Failure:
    return Failure(ff.LogonFailed("connect", text), refused=False)


def refused(status: int | None = None) -> Failure:
    return Failure(ff.LogonFailed("logon_refused", "go away", status), refused=True)


class Run:
    """Does what the policy says, at once; time passes by itself."""

    def __init__(self, addresses: Iterable[Address] = (A,), schedule: ff.Schedule | None = None, **policy: Any) -> None:
        self.attempts = Attempts(tuple(addresses), ff.Reconnect(**{"jitter": 0, **policy}), schedule)
        self.mono = 5 * SECOND
        self.wall = 0
        self.at: list[float] = []  # seconds from the start, of each attempt
        self.to: list[Address] = []
        self.notes: list[str] = []

    @property
    def now(self) -> ff.Now:
        return ff.Now(self.mono, self.wall)

    def pass_time(self, seconds: float) -> None:
        step = round(seconds * SECOND)
        self.mono += step
        self.wall += step

    def connect(self) -> None:
        """Wait as told until the next attempt."""
        while isinstance(step := self.attempts.next(self.now), Wait):
            assert step.seconds > 0
            if step.note:
                self.notes.append(step.note)
            self.pass_time(step.seconds)
        self.at.append(self.mono / SECOND - 5)
        self.to.append(step.address)

    def fail(self, failure: Failure | None = None, *, took: float = 0.0, **more: Any) -> None:
        self.connect()
        self.pass_time(took)
        self.attempts.ended(self.now, failure or down(), logged_on=False, **more)

    def live(self, seconds: float = LIFE, **more: Any) -> None:
        self.connect()
        self.pass_time(seconds)
        self.attempts.ended(self.now, None, logged_on=True, **more)


def test_i10_the_first_attempt_is_made_at_once_and_waits_grow_to_the_cap() -> None:
    run = Run(initial=1, maximum=5, retry_first=True)
    for _ in range(6):
        run.fail()
    assert run.at == [0, 1, 3, 7, 12, 17]
    assert run.notes[0] == "connecting again in 1.000 s"
    assert len(run.notes) == 5, "each wait is told once"


def test_the_wait_begins_when_the_attempt_ends() -> None:
    run = Run(initial=1, retry_first=True)
    run.fail(took=10)
    run.connect()
    assert run.at == [0, 11]


def test_a_front_end_that_wakes_early_is_told_the_rest_once() -> None:
    run = Run(initial=4, retry_first=True)
    run.fail()
    first = run.attempts.next(run.now)
    run.pass_time(1)
    assert first == Wait(4, "connecting again in 4.000 s")
    assert run.attempts.next(run.now) == Wait(3)


def test_sc17_jitter_takes_off_and_repeats_with_its_seed() -> None:
    def times(seed: int) -> list[float]:
        run = Run(initial=10, maximum=10, jitter=0.2, seed=seed, retry_first=True)
        for _ in range(50):
            run.fail()
        return run.at

    waits = [b - a for a, b in zip(times(1), times(1)[1:], strict=False)]
    assert all(8 <= wait <= 10 for wait in waits)
    assert len(set(waits)) == len(waits)
    assert times(1) == times(1) != times(2)


def test_i10_next_host_after_a_failed_logon_and_the_same_after_a_lost_connection() -> None:
    run = Run((A, B, C), retry_first=True)
    run.fail()
    run.fail(refused())
    run.live()
    run.live()
    run.fail()
    run.connect()
    assert run.to == [A, B, C, C, C, A]


def test_a_connection_that_lasted_starts_the_series_anew_and_one_that_did_not_does_not() -> None:
    run = Run(initial=1, maximum=64, max_attempts=8)
    run.live()
    run.live(0.5)  # shorter than the wait before it, 1 s
    run.live(0.5)
    assert run.at == [0, LIFE + 1, LIFE + 1 + 0.5 + 2]
    run.live(4.5)  # longer than the 4 s before it
    run.connect()
    assert run.at[-1] - run.at[-2] == 4.5 + 1


def test_the_first_logon_fails_once_every_address_was_tried() -> None:
    run = Run((A, B, C))
    run.fail()
    run.fail()
    last = down("the last one")
    with pytest.raises(ff.LogonFailed) as caught:
        run.fail(last)
    assert caught.value is last.error
    assert run.to == [A, B, C]


def test_after_the_first_logon_failures_do_not_end_it() -> None:
    run = Run()
    run.live()
    for _ in range(2000):
        run.fail()


def test_i13_gave_up_after_so_many_refusals_in_a_row() -> None:
    run = Run(max_refusals=3)
    run.live()
    run.fail(refused())
    run.fail(refused())
    run.fail(down())  # not in a row
    run.fail(refused())
    run.fail(refused())
    with pytest.raises(ff.GaveUp, match="refused 3 times in a row") as caught:
        run.fail(refused())
    assert caught.value.attempts == 6
    assert isinstance(caught.value.__cause__, ff.LogonFailed)


def test_l26_a_venue_that_says_not_now_is_not_counted_as_refusing() -> None:
    run = Run(max_refusals=2)
    run.live()
    for _ in range(10):
        run.fail(refused(status=7))


def test_i10_gave_up_after_so_many_attempts() -> None:
    run = Run(max_attempts=3, retry_first=True)
    run.fail()
    run.fail()
    with pytest.raises(ff.GaveUp, match="no connection lasted") as caught:
        run.fail()
    assert caught.value.attempts == 3


def test_connections_that_do_not_last_count_as_attempts() -> None:
    run = Run(initial=1, max_attempts=3)
    run.live()
    run.live(0.1)
    run.live(0.1)
    with pytest.raises(ff.GaveUp, match="no connection lasted") as caught:
        run.live(0.1)
    assert caught.value.__cause__ is None


def test_i13_no_attempt_is_made_while_the_numbers_are_held_back() -> None:
    run = Run()
    with pytest.raises(ff.GaveUp, match="MsgSeqNum is too low"):
        run.live(held_back=True)


def test_o10_a_store_that_failed_ends_it() -> None:
    trouble = ff.StoreError("disk full")
    run = Run()
    run.live()
    with pytest.raises(ff.GaveUp, match="store failed") as caught:
        run.fail(store_error=trouble)
    assert caught.value.__cause__ is trouble
    before_the_first = Run(retry_first=True)
    with pytest.raises(ff.LogonFailed):
        before_the_first.fail(store_error=trouble)


# --- schedules -----------------------------------------------------------------------------------------------

OFFICE = ff.Schedule.daily("08:00", "16:00", tz="UTC")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def test_d09_no_attempt_outside_the_schedule() -> None:
    run = Run(schedule=OFFICE)
    run.wall = at("2026-03-02 07:00")
    run.connect()
    assert run.at == [3600]
    assert run.notes == ["outside its schedule; connecting in 3600 s"]


def test_d12_the_wall_clock_is_looked_at_every_minute() -> None:
    run = Run(schedule=OFFICE)
    run.wall = at("2026-03-02 07:00")
    assert run.attempts.next(run.now) == Wait(60, "outside its schedule; connecting in 3600 s")
    run.wall = at("2026-03-02 08:00")  # somebody set it
    assert run.attempts.next(run.now) == Connect(A)


def test_what_was_tried_yesterday_is_forgotten_when_the_schedule_opens() -> None:
    run = Run(schedule=OFFICE, initial=1, maximum=4000, factor=10, max_attempts=5)
    run.wall = at("2026-03-02 15:00")
    run.live(1)
    for _ in range(4):
        run.fail()
    run.wall = at("2026-03-02 16:01")
    run.fail()
    for _ in range(3):
        run.fail()
    assert run.at[-1] - run.at[-2] == 100


def test_a_logon_that_came_too_late_for_its_schedule_is_no_failure() -> None:
    run = Run(schedule=OFFICE, max_attempts=1)
    run.wall = at("2026-03-02 15:59:59")
    closed = Failure(ff.LogonFailed("schedule"), refused=False)
    run.fail(closed, took=2)
    run.connect()
    assert run.at == [0, 16 * 3600 + 1]


def test_d10_a_schedule_without_time_for_a_logon_is_given_up_at_once() -> None:
    never = ff.Schedule.daily("08:00", "16:00", tz="UTC", logon=ff.Schedule.daily("17:00", "18:00", tz="UTC"))
    with pytest.raises(ff.GaveUp, match="no time for a Logon"):
        Run(schedule=never).connect()


# --- anything may happen -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_waits_and_counts_stay_within_the_policy(seed: int) -> None:
    """No attempt comes sooner than the shortest wait allowed, none later than the longest, and limits end it."""
    rng = random.Random(seed)
    limit = rng.randint(2, 9)
    initial = rng.uniform(0.1, 2)
    run = Run((A, B), initial=initial, maximum=30, jitter=0.5, max_attempts=limit, max_refusals=3, seed=seed)
    in_a_row = refusals = 0
    run.live()
    ended = run.mono
    for _ in range(500):
        kind = rng.choice(("down", "refused", "short", "long"))
        hope = kind == "long" or (in_a_row + 1 < limit and (kind != "refused" or refusals + 1 < 3))
        with contextlib.nullcontext() if hope else pytest.raises(ff.GaveUp):
            if kind in ("down", "refused"):
                run.fail(refused() if kind == "refused" else None)
            else:
                run.live(0 if kind == "short" else LIFE)
        if not hope:
            return
        assert 0.5 * initial - 1e-6 <= run.at[-1] - (ended / SECOND - 5) <= 30 + 1e-6
        ended = run.mono
        in_a_row = 0 if kind == "long" else in_a_row + 1
        refusals = refusals + 1 if kind == "refused" else 0
