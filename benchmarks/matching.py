"""`python -m benchmarks.matching`: commands per second that one book of the simulated exchange takes, on one core.

The flows are made before the clock starts, the orders as well (a gateway makes them of messages). Each command gives
its events, and the changes of levels are taken after each, as for market data. Nothing is encoded, sent or journalled:
that is the exchange's, not the book's. Flows take turns, round by round; medians of CPU time, with the quartiles.

Flows: *mixed*: half of the commands are limit orders near the price, of which some are icebergs or post-only, an eighth
limits that cross, market, IOC and FOK orders, some stops; a quarter cancels, a tenth replaces, of which half keep their
priority. *matched*: every second order trades with the one before it. *quotes*: replaces of resting orders, no trade.
*deep*: the mixed flow in a book that holds 20,000 orders on 2,000 levels already.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import Any, NamedTuple

from benchmarks.rivals import Fixfast, Rival
from benchmarks.runner import pin
from benchmarks.workload import Entry, Workload
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import Instrument

__all__ = ["FLOWS", "Measured", "main", "matching_workloads", "measure"]

MIDDLE = 100_000
_ACME = Instrument("ACME")
#: a command: None and the fields of a new order; or an order id, and what replace() is given; or an order id and None
Command = tuple[int | None, Any]


class Measured(NamedTuple):
    """One flow in one round."""

    commands: int
    seconds: float
    trades: int
    events: int
    open_orders: int


def _limit(rng: random.Random, number: int, side: int, price: int, **extra: Any) -> dict[str, Any]:
    owner = f"trader {rng.randrange(50)}"
    order = {"order_id": number, "owner": owner, "account": "", "side": side, "ord_type": "2", "tif": "0"}
    return order | {"qty": rng.randrange(1, 20) * 10, "price": price} | extra


def mixed(rng: random.Random, count: int) -> list[Command]:
    """Orders around a price that walks."""
    commands: list[Command] = []
    live: list[int] = []
    middle = MIDDLE
    for number in range(1, count + 1):
        middle += rng.choice((-1, 1)) if rng.random() < 0.02 else 0
        what, side = rng.random(), rng.choice((1, -1))
        away = middle - side * (1 + int(rng.expovariate(0.25)))
        if what < 0.50 or not live:
            extra = rng.choices(({}, {"display": 10}, {"post_only": True}), (90, 5, 5))[0]
            commands.append((None, _limit(rng, number, side, away, **extra)))
            live.append(number)
        elif what < 0.60:
            commands.append((None, _limit(rng, number, side, middle + side * 3, tif=rng.choice("0034"))))
        elif what < 0.63:
            commands.append((None, _limit(rng, number, side, 0, ord_type="1") | {"price": None}))
        elif what < 0.65:
            stop = {"ord_type": "3", "price": None, "stop_px": middle + side * rng.randrange(1, 20)}
            commands.append((None, _limit(rng, number, side, 0) | stop))
        elif what < 0.90:
            place = rng.randrange(len(live))
            live[place], live[-1] = live[-1], live[place]
            commands.append((live.pop(), None))
        else:
            commands.append((rng.choice(live), (rng.randrange(1, 20) * 10, away, rng.random() < 0.5)))
    return commands


def matched(rng: random.Random, count: int) -> list[Command]:
    """A maker, a taker, a maker, a taker ..."""
    commands: list[Command] = []
    for number in range(1, count + 1, 2):
        side, price = rng.choice((1, -1)), MIDDLE + rng.randrange(10)
        for extra in ({"side": side}, {"side": -side}):
            order = _limit(rng, number + len(commands) % 2, side, price) | {"qty": 100} | extra
            commands.append((None, order))
    return commands


def quotes(rng: random.Random, count: int) -> list[Command]:
    """A hundred orders a side, moved about."""
    commands: list[Command] = []
    for number in range(1, 201):
        side = 1 if number % 2 else -1
        commands.append((None, _limit(rng, number, side, MIDDLE - side * rng.randrange(1, 50))))
    while len(commands) < count:
        number = rng.randrange(1, 201)
        side = 1 if number % 2 else -1
        commands.append((number, (rng.randrange(1, 20) * 10, MIDDLE - side * rng.randrange(1, 50), False)))
    return commands


def _deep(book: Matching) -> None:
    rng = random.Random(2)
    for number in range(10**6, 10**6 + 20_000):
        side = rng.choice((1, -1))
        book.submit(BookOrder(**_limit(rng, number, side, MIDDLE - side * rng.randrange(20, 1020))), 0)


#: name -> how its commands are made, and what is in the book before
FLOWS: dict[str, tuple[Callable[[random.Random, int], list[Command]], Callable[[Matching], None]]] = {
    "mixed": (mixed, lambda book: None),
    "matched": (matched, lambda book: None),
    "quotes": (quotes, lambda book: None),
    "deep": (mixed, _deep),
}


def measure(name: str, count: int, seed: int = 1) -> Measured:
    """Run one flow once, on a new book."""
    make, prepare = FLOWS[name]
    made = make(random.Random(seed), count)
    commands = _ready(made)
    book = Matching(_ACME)
    prepare(book)
    gc.collect()
    began = time.process_time()
    events = _run(book, commands)
    seconds = time.process_time() - began
    return Measured(len(commands), seconds, book.trade_count, events, len(book.open_orders()))


def _ready(made: list[Command]) -> list[tuple[Any, Any]]:
    return [(BookOrder(**given), None) if number is None else (number, given) for number, given in made]


def _run(book: Matching, commands: list[tuple[Any, Any]]) -> int:
    """Give a book commands and return how many events it said."""
    events = 0
    for what, given in commands:
        if isinstance(what, BookOrder):
            events += len(book.submit(what, 0))
        elif given is None:
            events += len(book.cancel(what, 0))
        else:
            qty, price, keep = given
            order = book.order(what)
            if order is not None and keep:
                qty, price = max(order.qty - 10, 10), order.price
            events += len(book.replace(what, qty, price, None, order.display if order else None, 0))
        book.take_changes()
    return events


def matching_workloads(rivals: Sequence[Rival]) -> list[Workload]:
    """Return the mixed flow as a workload: a new book, 1,000 commands, their orders made. Only fixfast takes part."""
    if not any(isinstance(rival, Fixfast) for rival in rivals):
        return []
    made = mixed(random.Random(1), 1000)
    return [
        Workload(
            "match, mixed", [Entry("fixfast", lambda made: _run(Matching(_ACME), _ready(made)), [made], items=1000)]
        )
    ]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--commands", type=int, default=100_000, help="of each flow in each round (default 100000)")
    options = parser.parse_args(arguments)
    pin()
    rates: dict[str, list[float]] = {name: [] for name in FLOWS}
    last: dict[str, Measured] = {}
    for _ in range(options.rounds):
        for name, found in rates.items():
            last[name] = one = measure(name, options.commands)
            found.append(one.commands / one.seconds)
    print("| flow | commands/s | quartiles | us each | trades per 1,000 | events per 1,000 | open at the end |")
    print("|---|---|---|---|---|---|---|")
    for name, found in rates.items():
        low, middle, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        one = last[name]
        trades, events = one.trades * 1000 // one.commands, one.events * 1000 // one.commands
        print(
            f"| {name} | {middle:,.0f} | {low:,.0f} - {high:,.0f} | {1e6 / middle:.2f} "
            f"| {trades:,} | {events:,} | {one.open_orders:,} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
