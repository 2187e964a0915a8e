"""Random days of trading, on the engine and on the model.

    python -m tests.exchange.days --days 10000 --seed 1 --processes 2
    python -m tests.exchange.days --days 1 --seed 4711 --trace        one day again, command by command

A day has an instrument, phases, halts, busts, corrections, snapshots, and orders of every kind; in the end its journal
is replayed.
A day that fails prints its seed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.exchange.model_values import Terms
from tests.exchange.versus import Versus

__all__ = ["Day", "main", "run_day"]

SECOND = 10**9
#: what usually comes next; any other phase may come, too, now and then
NEXT = {
    "PRE_OPEN": ["OPENING_AUCTION"],
    "OPENING_AUCTION": ["CONTINUOUS"],
    "CONTINUOUS": ["CLOSING_AUCTION", "HALTED", "HALTED"],
    "HALTED": ["OPENING_AUCTION", "CONTINUOUS"],
    "CLOSING_AUCTION": ["CLOSED"],
    "CLOSED": ["PRE_OPEN", "OPENING_AUCTION"],
}
PHASES = tuple(NEXT)
PREVENTIONS = ("none", "none", "cancel newest", "cancel oldest", "cancel both", "decrement")


class Day:
    """A day by its seed: an instrument, then commands."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        self.tick, self.lot = rng.choice(((1, 1), (5, 1), (1, 10), (25, 100)))
        self.middle = rng.choice((40, 1000)) * self.tick
        self.spread = rng.choice((3, 6, 12))
        band = rng.choice((None, None, 3 * self.tick, 6 * self.tick))
        self.terms = Terms(
            tick=self.tick,
            lot=self.lot,
            reference=rng.choice((None, self.middle)),
            band=band,
            band_halts=rng.random() < 0.5,
            max_qty=rng.choice((None, 15 * self.lot)),
            max_slices=rng.choice((3, 1000, 1000)),
            negative_prices=rng.random() < 0.2,
            fill_on_replace_below=rng.random() < 0.7,
            trades_kept=rng.choice((3, 100_000)),
            prevention=rng.choice(PREVENTIONS),
        )
        if self.terms.negative_prices:
            self.middle = 0
            self.terms.reference = None if self.terms.reference is None else 0
        self.phase = rng.choice(("PRE_OPEN", "CONTINUOUS", "CONTINUOUS"))
        self.now = 0
        self.ids = 0

    def price(self) -> int:
        return self.middle + round(self.random.gauss(0, self.spread / 2)) * self.tick

    def qty(self) -> int:
        return self.random.choice((1, 1, 2, 3, 5, 8, 10, 20)) * self.lot

    def new_order(self) -> dict[str, Any]:
        """An order that makes sense more often than not."""
        rng = self.random
        self.ids += 1
        kind = rng.choices("1234", (10, 75, 7, 8))[0]
        tif = rng.choices("0123467", (60, 8, 4, 12, 8, 6, 5))[0]
        order: dict[str, Any] = {
            "order_id": self.ids,
            "owner": rng.choice("ABC"),
            "side": rng.choice((1, -1)),
            "ord_type": kind,
            "tif": tif,
            "qty": self.qty(),
        }
        if kind in "24":
            order["price"] = self.price()
        if kind in "34":
            order["stop_px"] = self.price()
        if tif == "6":
            order["expire_ns"] = self.now + rng.randrange(60) * SECOND
        extra = rng.random()
        if kind in "24" and tif not in "34":
            if extra < 0.15:
                order["display"] = rng.choice((self.lot, 2 * self.lot, order["qty"]))
            elif extra < 0.25 and tif not in "27":
                order["post_only"] = True
        if extra > 0.93 and tif not in "27":
            order["min_qty"] = rng.randrange(1, order["qty"] + 1)
        if rng.random() < 0.03:
            self.spoil(order)
        return order

    def spoil(self, order: dict[str, Any]) -> None:
        """A mistake that a person could make."""
        name, value = self.random.choice(
            (
                ("side", 0),
                ("ord_type", "P"),
                ("tif", "5"),
                ("tif", "2"),
                ("qty", self.random.choice((0, -self.lot, 1, 1000 * self.lot))),
                (
                    "price",
                    self.random.choice(
                        (None, 0, -self.tick, 1, self.middle + 1, self.middle + 500 * self.tick, 10**18)
                    ),
                ),
                ("stop_px", self.random.choice((None, 0, 1, self.middle))),
                ("display", self.random.choice((0, 1, 10**6))),
                ("min_qty", self.random.choice((0, 10**6, 1))),
                ("expire_ns", self.random.choice((None, self.now, 10**15))),
                ("post_only", True),
            )
        )
        order[name] = value

    def replacement(self, versus: Versus) -> tuple[Any, ...]:
        """New values for an open order: some of them."""
        rng = self.random
        order = versus.book.order(self.target(versus))
        if order is None:
            return ("replace", self.ids + 1, 1, 1, None, None)
        qty, price, stop_px, display = order.qty, order.price, order.stop_px, order.display
        what = rng.random()
        if what < 0.5:
            qty = rng.choice((order.qty - self.lot, order.qty + self.lot, order.cum, self.qty(), order.qty))
        elif what < 0.8:
            price = self.price() if price is not None else price
        else:
            stop_px = self.price() if stop_px is not None else stop_px
            display = rng.choice((None, self.lot, display))
        if rng.random() < 0.05:
            price, stop_px = rng.choice(((None, stop_px), (self.middle, stop_px), (price, self.middle)))
        return ("replace", order.order_id, qty, price, stop_px, display)

    def gone(self, versus: Versus) -> dict[str, Any]:
        """An order that was cancelled, as it was then."""
        order = self.random.choice(list(versus.model.gone.values()))
        names = ("order_id", "owner", "side", "ord_type", "tif", "qty", "price", "stop_px", "display", "post_only")
        return {name: getattr(order, name) for name in (*names, "expire_ns", "cum", "triggered")}

    def target(self, versus: Versus) -> int:
        orders = versus.model.orders
        if not orders or self.random.random() < 0.03:
            return self.random.randrange(1, self.ids + 5)
        return self.random.choice(orders).order_id

    def command(self, versus: Versus) -> tuple[Any, ...]:
        """The next command."""
        rng = self.random
        self.now += rng.choice((0, 1, SECOND // 10, SECOND))
        phase = versus.model.phase
        what = rng.random()
        leave = 0.008 if phase == "CONTINUOUS" else 0.08
        crowded = len(versus.model.orders) > 40
        if what < leave:
            usual = rng.random() < 0.9
            return ("set_phase", rng.choice(NEXT[phase] if usual else PHASES), self.now)
        if what < 0.10:
            return (*self.replacement(versus), self.now)
        if what < (0.60 if crowded else 0.22):
            return ("cancel", self.target(versus), self.now)
        if what < 0.235 and versus.model.trade_count:
            return ("bust", max(1, versus.model.trade_count + 1 - rng.randrange(8)), self.now)
        if 0.972 < what <= 0.975 and versus.model.trades:
            return ("correct", rng.choice(list(versus.model.trades)), rng.randrange(1, 200), self.now)
        if what > 0.99:
            return ("end_day" if what > 0.998 else "expire", self.now)
        if what > 0.975 and versus.model.gone:
            return ("reinstate", self.gone(versus), self.now)
        order = self.new_order()
        if rng.random() < 0.005 and versus.model.orders:
            order["order_id"] = rng.choice(versus.model.orders).order_id  # in use
        return ("submit", order, self.now)


def run_day(seed: int, commands: int = 300, tell: Callable[[str], object] = bool) -> Counter[str]:
    """Run one day and return how often each event was said. Args: tell: hears every command and its events."""
    day = Day(seed)
    versus = Versus(day.terms, day.phase)
    for _ in range(commands):
        if day.random.random() < 0.02:
            versus.restart()
        command = day.command(versus)
        tell(str(command))
        for event in versus.do(*command):
            tell(f"    {event}")
    versus.replay()
    said = [event for events in versus.told for event in events]
    seen = Counter(event[0] for event in said)
    seen.update(f"{e[0]}: {e[2]}" for e in said if e[0] in ("Refused", "Cancelled", "Restated"))
    return seen


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _guarded(job: tuple[int, int]) -> tuple[int, Counter[str], str]:
    seed, commands = job
    try:
        return seed, run_day(seed, commands), ""
    except Exception as error:  # an error of the engine is a failed day as well
        return seed, Counter(), f"{type(error).__name__}: {error}"


def main(arguments: list[str] | None = None) -> int:
    """Run days and print what they saw. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.exchange.days", description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="of the first day; the next has the next")
    parser.add_argument("--commands", type=int, default=300, help="of each day (default 300)")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print every command and what it said")
    options = parser.parse_args(arguments)
    if options.trace:
        run_day(options.seed, options.commands, tell=_say)
        return 0
    began = time.monotonic()
    seen: Counter[str] = Counter()
    jobs = [(seed, options.commands) for seed in range(options.seed, options.seed + options.days)]
    with ProcessPoolExecutor(options.processes) as pool:
        for seed, counts, failure in pool.map(_guarded, jobs, chunksize=20):
            seen += counts
            if failure:
                _say(f"day {seed}: {failure}\nagain: python -m tests.exchange.days --seed {seed} --trace")
                pool.shutdown(cancel_futures=True)
                return 1
    took = f"{options.days * options.commands} commands, {time.monotonic() - began:.0f} s"
    _say(f"{options.days} days from seed {options.seed}, {took}: no difference")
    for name, count in sorted(seen.items()):
        _say(f"{count:>10} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
