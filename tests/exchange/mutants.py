"""Mistakes that engines make, put into ours one at a time: the comparison with the model must see each of them.

A mutant is a place in the engine's source and what stands there instead.
"""

from __future__ import annotations
import __future__

import contextlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

from fixfast.exchange.matching import auction, crossing, engine
from fixfast.exchange.matching.book_state import BookState
from fixfast.exchange.matching.crossing import Crossing
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.levels import BookSide
from fixfast.exchange.matching.stops import Stops
from fixfast.exchange.matching.working import Working

__all__ = ["MUTANTS", "mutated"]


class Mutant(NamedTuple):
    owner: Any  # a class, or the module that calls the function
    name: str
    right: str
    wrong: str


_ADDED = "level.orders[order.order_id] = order"
MUTANTS = {
    "a limit does not trade at its own price": Mutant(Crossing, "_sweep", "keys[-1] >= limit", "keys[-1] > limit"),
    "last come, first served": Mutant(
        BookSide, "add", _ADDED, _ADDED + "; level.orders.move_to_end(order.order_id, 0)"
    ),
    "levels are not sorted": Mutant(BookSide, "add", "insort(self.keys, key)", "self.keys.append(key)"),
    "an iceberg keeps its place": Mutant(Crossing, "_used", "level.orders.move_to_end(order.order_id)", "pass"),
    "an iceberg shows all": Mutant(Crossing, "_rest", "if order.display is None", "if True"),
    "hidden quantity is lost": Mutant(Crossing, "_used", "order.shown = min(", "order.shown = order.leaves = min("),
    "fill or kill sees only what is shown": Mutant(
        Crossing, "_reachable", "whole += resting.leaves", "whole += resting.shown"
    ),
    "fill or kill counts one's own orders": Mutant(Crossing, "_reachable", "resting.owner != order.owner", "True"),
    "minimum quantity is forgotten": Mutant(Working, "_enter", "order.min_qty or 0", "0"),
    "immediate or cancel rests": Mutant(Working, "_enter", "order.tif in (_IOC, _FOK)", "order.tif == _FOK"),
    "more quantity keeps priority": Mutant(Matching, "replace", "qty <= order.qty and", ""),
    "a replace below what is filled stays open": Mutant(
        Matching, "replace", "filled = qty <= order.cum", "filled = False"
    ),
    "a replace forgets what is filled": Mutant(Matching, "replace", "order.qty - order.cum", "order.qty"),
    "prevention cancels the wrong one": Mutant(
        Crossing, "_prevent", "is not Prevention.CANCEL_OLDEST", "is not Prevention.CANCEL_NEWEST"
    ),
    "prevention shrinks only one": Mutant(Crossing, "_prevent", "for one in (order, resting)", "for one in (order,)"),
    "the newest stop goes first": Mutant(Stops, "take_reached", "order.seq)", "-order.seq)"),
    "a stop waits for a price beyond": Mutant(Stops, "take_reached", "[0][0] <= highest", "[0][0] < highest"),
    "stops look at the last price only": Mutant(
        Crossing, "_sweep", "(first, price) if first <= price", "(price, price) if True"
    ),
    "a stop that goes off does not set off others": Mutant(
        Working, "_trigger", "while self._range is not None or due:", "for _ in range(1):"
    ),
    "auctions forget market orders": Mutant(auction, "_curve", "market = total", "market = 0"),
    "auctions forget the imbalance": Mutant(crossing, "auction_price", "-abs(wanted - offered)", "0"),
    "auctions lean away from the reference": Mutant(crossing, "auction_price", ", -far,", ", far,"),
    "auctions look at limits only": Mutant(crossing, "auction_price", "(-tick, 0, tick)", "(0,)"),
    "an auction sets no last price": Mutant(Crossing, "_uncross", "self.last_px = found.px", "pass"),
    "the band is not looked at": Mutant(Crossing, "_sweep", "band is not None", "False"),
    "post only takes": Mutant(Working, "_bad_now", "if post_only and", "if False and"),
    "orders are taken in a halt": Mutant(engine, "bad_phase", "phase is Phase.HALTED", "False"),
    "good till date lives a moment longer": Mutant(Matching, "expire", "<= now_ns", "< now_ns"),
    "day orders live on": Mutant(Working, "_expire_day", "(_DAY, _OPENING, _CLOSE)", "(_OPENING, _CLOSE)"),
    "at-the-close orders come too late": Mutant(Matching, "set_phase", "self._rest(order)", "pass"),
    "a bust gives quantity back": Mutant(Matching, "bust", "order.qty -= qty", "order.leaves += qty"),
    "a trade can be busted twice": Mutant(Matching, "bust", "self._trades.pop(", "self._trades.get("),
    "levels are told again": Mutant(BookSide, "take_changes", "told.get(key, (0, 0)) != now", "True"),
    "a gone level is not told": Mutant(BookSide, "take_changes", "key != AHEAD", "key != AHEAD and level"),
    "a snapshot turns queues around": Mutant(
        BookState, "_fill", "key=lambda order: order.seq", "key=lambda order: -order.seq"
    ),
    "a snapshot forgets what waits for the close": Mutant(BookState, "snapshot", "list(self._parked)", "[]"),
    "a snapshot forgets trades": Mutant(BookState, "_fill", 'in data["trades"]', 'in data["trades"][:-1]'),
}


@contextlib.contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with a mutant in place."""
    mutant = MUTANTS[name]
    function = getattr(mutant.owner, mutant.name)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(mutant.right) == 1, f"{name}: {mutant.right!r} stands {source.count(mutant.right)} times there"
    code = compile(source.replace(mutant.right, mutant.wrong), name, "exec", __future__.annotations.compiler_flag)
    scope = dict(vars(sys.modules[function.__module__]))
    exec(code, scope)
    with mock.patch.object(mutant.owner, mutant.name, scope[mutant.name]):
        yield
