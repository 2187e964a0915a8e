"""The price of an auction: from all orders of both sides, without changing them."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

from fixfast.exchange.matching.levels import AHEAD, BookSide

__all__ = ["Indicative", "auction_price"]


class Indicative(NamedTuple):
    """What an auction would do now. `imbalance`: what buyers want at this price beyond what sellers offer."""

    px: int
    qty: int
    imbalance: int


def auction_price(bids: BookSide, offers: BookSide, reference: int | None, tick: int) -> Indicative | None:
    """Return price and volume at which the two sides would uncross; None: nothing would trade.

    The price is the one of most volume; of these, of the least imbalance; of these, the nearest to the reference
    (without one: the lowest); of two as near, the higher. It lies between the lowest and the highest limit of all
    orders, those two included; with market orders only it is the reference.

    Between two neighbouring limits nothing changes. So it is enough to look at every limit, one tick beside it, and at
    the reference.
    """
    market_buys, buys = _curve(bids)
    market_sells, sells = _curve(offers)
    limits = sorted({key * bids.side for key, _ in buys} | {key * offers.side for key, _ in sells})
    if limits:
        low, high = limits[0], limits[-1]
        prices = {p + step for p in limits for step in (-tick, 0, tick)} | (
            {reference} if reference is not None else set()
        )
        candidates = sorted(price for price in prices if low <= price <= high)
    elif reference is not None:
        candidates = [reference]
    else:
        return None
    best: tuple[int, int, int, int] | None = None
    for price in candidates:
        wanted = market_buys + _reaching(buys, price)
        offered = market_sells + _reaching(sells, -price)
        far = price if reference is None else abs(price - reference)
        rank = (min(wanted, offered), -abs(wanted - offered), -far, price)
        if best is None or rank > best:
            best, imbalance = rank, wanted - offered
    if best is None or not best[0]:
        return None
    return Indicative(best[3], best[0], imbalance)


def _curve(side: BookSide) -> tuple[int, list[tuple[int, int]]]:
    """Return the quantity of market orders, and for each key, rising, the quantity of limits of this key or above."""
    market = 0
    totals = []
    for key in reversed(side.keys):
        total = sum(order.leaves for order in side.levels[key].orders.values())
        if key == AHEAD:
            market = total
        else:
            totals.append((key, total))
    sums = accumulate(total for _, total in totals)
    return market, [(key, total) for (key, _), total in zip(totals, sums, strict=True)][::-1]


def _reaching(curve: list[tuple[int, int]], key: int) -> int:
    """Return how much of a side would trade at the price of this key."""
    place = bisect_left(curve, (key,))
    return curve[place][1] if place < len(curve) else 0
