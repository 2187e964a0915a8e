"""The engine beside the model: whatever the commands are, both say the same and hold the same.

`python -m tests.exchange.days` runs as many random days as one likes; here are a few, and Hypothesis, which makes small
ones of those that fail.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fixfast.exchange.matching.outcome import CancelReason, Event, Phase, Refusal
from tests.exchange.days import main, run_day
from tests.exchange.model_values import Terms
from tests.exchange.mutants import MUTANTS, mutated
from tests.exchange.versus import Versus

PRICES = st.integers(8, 12)
QTYS = st.integers(1, 6)
NOW_AND_THEN = st.integers(0, 5).map(lambda n: n == 0)


def maybe(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), st.none(), values)


class BookMachine(RuleBasedStateMachine):
    """Hypothesis gives the commands."""

    @initialize(
        prevention=st.sampled_from(("none", "cancel newest", "cancel oldest", "cancel both", "decrement")),
        band=st.sampled_from((None, 1, 3)),
        band_halts=st.booleans(),
        reference=maybe(PRICES),
        fill_on_replace_below=st.booleans(),
        phase=st.sampled_from(("CONTINUOUS", "PRE_OPEN")),
    )
    def begin(self, phase: str, **options: Any) -> None:
        self.versus = Versus(Terms(**options), phase)
        self.now = self.ids = 0

    def target(self, place: int) -> int:
        orders = self.versus.model.orders
        return orders[place % len(orders)].order_id if orders else place

    @rule(
        owner=st.sampled_from("AB"),
        side=st.sampled_from((1, -1)),
        kind=st.sampled_from("122222234"),
        tif=st.sampled_from("000000123467"),
        qty=QTYS,
        price=PRICES,
        stop_px=PRICES,
        display=maybe(st.integers(1, 2)),
        min_qty=maybe(QTYS),
        post_only=NOW_AND_THEN,
        lives=st.integers(1, 30),
    )
    def submit(self, kind: str, price: int, stop_px: int, lives: int, **order: Any) -> None:
        self.ids += 1
        order |= {"order_id": self.ids, "ord_type": kind}
        if kind in "24":
            order["price"] = price
        if kind in "34":
            order["stop_px"] = stop_px
        if order["tif"] == "6":
            order["expire_ns"] = self.now + lives
        self.versus.do("submit", order, self.now)

    @rule(
        side=st.sampled_from((1, -1)),
        kind=st.sampled_from("1234P"),
        tif=st.sampled_from("01234567"),
        qty=st.integers(-1, 6),
        price=st.none() | st.integers(-1, 12),
        stop_px=st.none() | st.integers(-1, 12),
        display=st.none() | st.integers(-1, 7),
        min_qty=st.none() | st.integers(-1, 7),
        post_only=st.booleans(),
        expire_ns=st.none() | st.integers(0, 50),
    )
    def submit_anything(self, kind: str, **order: Any) -> None:
        self.ids += 1
        order |= {"order_id": self.ids, "owner": "A", "ord_type": kind}
        self.versus.do("submit", order, self.now)

    @rule(place=st.integers(0, 30))
    def cancel(self, place: int) -> None:
        self.versus.do("cancel", self.target(place), self.now)

    @rule(place=st.integers(0, 30), qty=maybe(QTYS), price=maybe(PRICES), stop=maybe(PRICES), display=maybe(QTYS))
    def replace(self, place: int, qty: int | None, price: int | None, stop: int | None, display: int | None) -> None:
        order = self.versus.book.order(self.target(place))
        if order is not None:
            given = (qty or order.qty, price or order.price, stop or order.stop_px, display or order.display)
            self.versus.do("replace", order.order_id, *given, self.now)

    @rule(trade_id=st.integers(1, 12))
    def bust(self, trade_id: int) -> None:
        self.versus.do("bust", trade_id, self.now)

    @rule(trade_id=st.integers(1, 12), px=PRICES)
    def correct(self, trade_id: int, px: int) -> None:
        self.versus.do("correct", trade_id, px, self.now)

    @rule(phase=st.sampled_from(("CONTINUOUS",) * 4 + tuple(Phase.__members__)))
    def set_phase(self, phase: str) -> None:
        self.versus.do("set_phase", phase, self.now)

    @rule(later=st.integers(1, 10))
    def expire(self, later: int) -> None:
        self.now += later
        self.versus.do("expire", self.now)

    @rule()
    def restart(self) -> None:
        self.versus.restart()

    def teardown(self) -> None:
        if hasattr(self, "versus"):
            self.versus.replay()


TestBook = BookMachine.TestCase
TestBook.settings = settings(stateful_step_count=40, suppress_health_check=list(HealthCheck))


def test_random_days_are_the_same_on_the_engine_and_the_model() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1, 41):
        seen += run_day(seed)
    assert {kind.__name__ for kind in get_args(Event)} <= set(seen), "a kind of event that no day has"
    missing = {f"Refused: {reason.name}" for reason in Refusal} | {f"Cancelled: {r.name}" for r in CancelReason}
    assert missing <= set(seen), "a reason that no day gives"


def test_the_command_runs_days_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--days", "3", "--seed", "7", "--commands", "50"]) == 0
    assert capsys.readouterr().out.startswith("3 days from seed 7, 150 commands")
    assert main(["--seed", "7", "--commands", "2", "--trace"]) == 0
    assert capsys.readouterr().out.startswith("('")


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_broken_engine_is_seen(name: str) -> None:
    with mutated(name):
        for seed in range(1, 200):
            try:
                run_day(seed)
            except (AssertionError, KeyError, IndexError, ValueError):
                return
    pytest.fail(f"nobody noticed: {name}")
