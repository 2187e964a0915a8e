"""The levels of a book as numpy arrays. Imported by the first arrays(), and numpy with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fixfast.trading.bookview import Scales

    Array: TypeAlias = NDArray[Any]

__all__ = ["DepthArrays", "depth_arrays"]

#: in `orders` where the venue does not say how many
UNKNOWN = -1


class DepthArrays(NamedTuple):
    """Both sides of a book, best first, as new int64 arrays: exact, value * 10**scale.

    The arrays of a side are as long as it has levels. Orders are -1 where the venue does not give them. floats() gives
    prices and quantities as floats.
    """

    bid_price: Array
    bid_qty: Array
    bid_orders: Array
    offer_price: Array
    offer_qty: Array
    offer_orders: Array
    price_scale: int
    qty_scale: int

    def floats(self) -> tuple[Array, Array, Array, Array]:
        """Return bid_price, bid_qty, offer_price, offer_qty as float64, each the nearest of up to 2**53."""
        price, qty = 10.0**self.price_scale, 10.0**self.qty_scale
        return self.bid_price / price, self.bid_qty / qty, self.offer_price / price, self.offer_qty / qty


def depth_arrays(
    bids: Sequence[int],
    bid_levels: Sequence[tuple[int, int | None]],
    offers: Sequence[int],
    offer_levels: Sequence[tuple[int, int | None]],
    scales: Scales,
    price_scale: int | None,
    qty_scale: int | None,
) -> DepthArrays:
    """Return what BookView.arrays() promises. Prices and quantities are given at `scales`."""
    bid_qty, offer_qty = [qty for qty, _ in bid_levels], [qty for qty, _ in offer_levels]
    prices = _Scaled("price_scale", scales[0], price_scale, (bids, offers))
    quantities = _Scaled("qty_scale", scales[1], qty_scale, (bid_qty, offer_qty))
    return DepthArrays(
        prices.array(bids),
        quantities.array(bid_qty),
        _orders(bid_levels),
        prices.array(offers),
        quantities.array(offer_qty),
        _orders(offer_levels),
        prices.scale,
        quantities.scale,
    )


class _Scaled:
    """Whole numbers from one scale to another."""

    def __init__(self, name: str, scale: int, wanted: int | None, values: Sequence[Sequence[int]]) -> None:
        self.name = name
        common = gcd(*(value for side in values for value in side))
        spare = 0
        while spare < scale and common % 10 == 0:  # of zeros alone, none is needed
            common //= 10
            spare += 1
        fewest = scale - spare
        if wanted is not None and not fewest <= wanted <= 18:
            raise ValueError(f"{name}={wanted} is not allowed: {fewest} to 18, or something would be rounded")
        self.scale = fewest if wanted is None else wanted
        self.shift = self.scale - scale

    def array(self, values: Sequence[int]) -> Array:
        factor = 10 ** abs(self.shift)
        whole = [value * factor for value in values] if self.shift > 0 else [value // factor for value in values]
        try:
            return np.array(whole, dtype=np.int64)
        except OverflowError:
            raise ValueError(f"{self.name}={self.scale}: a value does not fit 64 bits") from None


def _orders(levels: Sequence[tuple[int, int | None]]) -> Array:
    return np.array([UNKNOWN if orders is None else orders for _, orders in levels], dtype=np.int64)
