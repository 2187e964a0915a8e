"""What is traded: scales, tick, lot, bands. And the options of a book."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fixfast.errors import ConfigError

__all__ = ["BandAction", "Instrument", "Prevention"]


class Prevention(StrEnum):
    """What happens when an incoming order meets one of the same owner (never in auctions)."""

    NONE = "none"  # they trade
    CANCEL_NEWEST = "cancel newest"  # the incoming order goes
    CANCEL_OLDEST = "cancel oldest"  # the resting order goes, the incoming one trades on
    CANCEL_BOTH = "cancel both"
    DECREMENT = "decrement"  # both shrink by what they would have traded


class BandAction(StrEnum):
    """What keeps trades inside the price band."""

    REFUSE = "refuse"  # limits outside of it are refused, and orders that would trade outside lose the rest
    HALT = "halt"  # trading halts before a trade outside of it


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument. A price of `p` means p * 10**-price_scale, a quantity of `q` means q * 10**-qty_scale.

    Args:
        symbol: Symbol(55).
        tick: Prices are multiples of it (in units of the price scale).
        lot: Quantities are multiples of it.
        price_scale: Digits behind the point of prices, 0 to 18.
        qty_scale: Digits behind the point of quantities, 0 to 18.
        reference: A price to begin with, that of yesterday's close: auctions lean to it, the band is around it.
        band: No continuous trade further than this from the reference price; None: no band. The reference
            is the last trade's price whenever continuous trading begins or the market closes.
        band_action: "refuse" or "halt".
        max_qty: Orders above are refused; None: no limit.
        max_slices: An iceberg shows its quantity in at most so many parts, or is refused: every part is a trade, so
            this bounds what one order can cost.
        negative_prices: Prices may be zero and below (spreads).
        fill_on_replace_below: A replace to a quantity not above what is filled makes the order filled (E4.9);
            False: it is refused.
        trades_kept: So many of the last trades can be busted: they and their orders stay in memory and in snapshots.

    Raises:
        ConfigError: A value cannot be.
    """

    symbol: str
    tick: int = 1
    lot: int = 1
    price_scale: int = 2
    qty_scale: int = 0
    reference: int | None = None
    band: int | None = None
    band_action: BandAction | str = BandAction.REFUSE
    max_qty: int | None = None
    max_slices: int = 1000
    negative_prices: bool = False
    fill_on_replace_below: bool = True
    trades_kept: int = 10_000

    def __post_init__(self) -> None:
        if not self.symbol or not isinstance(self.symbol, str):
            raise ConfigError("symbol", self.symbol, "a text that is not empty")
        for name, lowest in (("tick", 1), ("lot", 1), ("price_scale", 0), ("qty_scale", 0), ("trades_kept", 0)):
            _whole(name, getattr(self, name), lowest)
        _whole("max_slices", self.max_slices, 1)
        for name in ("price_scale", "qty_scale"):
            if getattr(self, name) > 18:
                raise ConfigError(name, getattr(self, name), "at most 18 digits")
        for name in ("band", "max_qty"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1)
        if self.reference is not None:
            _whole("reference", self.reference, None if self.negative_prices else 1)
            if self.reference % self.tick:
                raise ConfigError("reference", self.reference, f"a multiple of the tick, {self.tick}")
        for name in ("negative_prices", "fill_on_replace_below"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(name, getattr(self, name), "True or False")
        if self.band_action not in tuple(BandAction):
            raise ConfigError("band_action", self.band_action, "'refuse' or 'halt'")


def _whole(name: str, value: object, lowest: int | None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or (lowest is not None and value < lowest):
        raise ConfigError(name, value, "a whole number" if lowest is None else f"a whole number of at least {lowest}")
