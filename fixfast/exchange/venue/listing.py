"""An instrument as the exchange computes with it: prices and quantities in ints of its own precision."""

from __future__ import annotations

from decimal import Decimal

from fixfast.exchange.config import SCALE, InstrumentConfig, scaled
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.venue.reasons import ORDER_REASONS, Refusal
from fixfast.trading.exact import EXACT

__all__ = ["Listing"]


class Listing:
    """One instrument.

    Attributes:
        config: what is said of it.
        symbol: Symbol(55).
        index: its number, from 0, in the order of the configuration.
        price_scale, qty_scale: prices count 10**-price_scale, quantities 10**-qty_scale.
        instrument: as the book wants it.
    """

    __slots__ = ("_min_qty", "_price_unit", "_qty_unit", "config", "index", "instrument", "price_scale", "qty_scale",
                 "symbol")  # fmt: skip

    def __init__(self, config: InstrumentConfig, index: int, *, fill_on_replace_below: bool = False) -> None:
        self.config = config
        self.symbol = config.symbol
        self.index = index
        self.price_scale = _decimals(config.tick)
        self.qty_scale = _decimals(config.lot)
        price: int = 10 ** (SCALE - self.price_scale)
        qty: int = 10 ** (SCALE - self.qty_scale)
        self._price_unit, self._qty_unit = price, qty
        self._min_qty = _units("min_qty", config.min_qty, qty)
        self.instrument = Instrument(
            config.symbol,
            tick=scaled("tick", config.tick) // price,
            lot=scaled("lot", config.lot) // qty,
            price_scale=self.price_scale,
            qty_scale=self.qty_scale,
            reference=_units("reference", config.reference, price),
            band=_units("band", config.band, price),
            band_action=config.band_action,
            max_qty=_units("max_qty", config.max_qty, qty),
            negative_prices=config.negative_prices,
            fill_on_replace_below=fill_on_replace_below,
        )

    def qty(self, value: int, what: str = "OrderQty") -> int:
        """Return a quantity of a request, in 10**-8, in the instrument's units. (The book judges the rest of it.)

        Raises: Refusal: it has more decimals than the lot, or is too small.
        """
        qty, rest = divmod(value, self._qty_unit)
        if rest:
            raise Refusal(ORDER_REASONS["quantity"], f"{what} must be a multiple of {self.config.lot}")
        if self._min_qty is not None and 0 < qty < self._min_qty and what == "OrderQty":
            raise Refusal(ORDER_REASONS["quantity"], f"{what} must be at least {self.config.min_qty}")
        return qty

    def price(self, value: int, what: str = "Price") -> int:
        """Return a price of a request, in 10**-8, in the instrument's units. (The book judges the rest of it.)

        Raises: Refusal: it has more decimals than the tick.
        """
        price, rest = divmod(value, self._price_unit)
        if rest:
            raise Refusal(ORDER_REASONS["tick"], f"{what} must be a multiple of {self.config.tick}")
        return price

    def notional(self, qty: int, price: int) -> int:
        """Return quantity times price in units of 10**-8, rounded down."""
        return int(qty * price * self._qty_unit * self._price_unit // 10**SCALE)

    def decimal_price(self, units: int) -> Decimal:
        """Return a price as a Decimal."""
        return Decimal(units).scaleb(-self.price_scale, EXACT)

    def decimal_qty(self, units: int) -> Decimal:
        """Return a quantity as a Decimal."""
        return Decimal(units).scaleb(-self.qty_scale, EXACT)


def _units(name: str, value: Decimal | str | int | None, unit: int) -> int | None:
    return None if value is None else scaled(name, value) // unit


def _decimals(step: Decimal | str | int) -> int:
    """Return how many decimals the multiples of a step have."""
    exponent = Decimal(step).as_tuple().exponent
    assert isinstance(exponent, int)  # scaled() has refused what is not finite
    return max(0, -exponent)
