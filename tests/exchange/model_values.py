"""What the reference model knows: the terms of an instrument, and orders."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Order", "Terms"]


@dataclass
class Terms:
    """What the model has to know of the instrument and the options."""

    tick: int = 1
    lot: int = 1
    reference: int | None = None
    band: int | None = None
    band_halts: bool = False
    max_qty: int | None = None
    max_slices: int = 1000
    negative_prices: bool = False
    fill_on_replace_below: bool = True
    trades_kept: int = 100_000
    prevention: str = "none"


@dataclass
class Order:
    order_id: int
    owner: str
    side: int
    ord_type: str
    tif: str
    qty: int
    price: int | None
    stop_px: int | None
    display: int | None
    post_only: bool
    min_qty: int | None
    expire_ns: int | None
    cum: int = 0
    leaves: int = 0
    shown: int = 0
    triggered: bool = False  # a stop order that went off
    stamp: int = 0  # time priority
    place: str = "nowhere"  # book, stops, parked

    @property
    def is_stop(self) -> bool:
        return self.ord_type in "34"

    def likes(self, price: int) -> bool:
        """Would it trade at this price?"""
        return self.price is None or (price <= self.price if self.side == 1 else price >= self.price)
