"""Whether an order can be: looked at before anything changes. Each answer is a Refusal, or None."""

from __future__ import annotations

from fixfast.exchange.matching.book_order import BUY, LIMIT, MARKET, SELL, STOP, STOP_LIMIT, STOPS, BookOrder
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.matching.outcome import Phase, Refusal

__all__ = ["bad_display", "bad_order", "bad_phase", "bad_price", "bad_qty"]

_DAY, _GTC, _OPENING, _IOC, _FOK, _GTD, _CLOSE = "0", "1", "2", "3", "4", "6", "7"
_SIDES = (BUY, SELL)
_KINDS = (MARKET, LIMIT, STOP, STOP_LIMIT)
_WITHOUT_PRICE = (MARKET, STOP)
_AT_ONCE = (_IOC, _FOK)
_FOR_AUCTIONS = (_OPENING, _CLOSE)
_TIFS = (_DAY, _GTC, _OPENING, _IOC, _FOK, _GTD, _CLOSE)
_PLAIN_TIFS = (_DAY, _GTC, _IOC, _FOK)
#: stop orders wait for continuous trading: no auction has them
_STOP_TIFS = (_DAY, _GTC, _IOC, _FOK, _GTD)
_GATHERING = (Phase.PRE_OPEN, Phase.OPENING_AUCTION)
#: PERF: the name of an Enum's member costs 80 ns on CPython 3.11, one of a module 6.
_CONTINUOUS = Phase.CONTINUOUS
#: prices are below this (and above its negative): a book has room beyond them for market orders
_HIGHEST = 10**18


def bad_order(order: BookOrder, instrument: Instrument, now_ns: int) -> Refusal | None:
    """Return what is wrong with an order in itself."""
    kind = order.ord_type
    # PERF: what most orders are, at once, without five more calls
    price, qty = order.price, order.qty
    if (
        kind == LIMIT
        and order.tif in _PLAIN_TIFS
        and price is not None
        and 0 < price < _HIGHEST
        and not price % instrument.tick
        and qty > 0
        and not qty % instrument.lot
        and order.side in _SIDES
        and order.stop_px is order.display is order.min_qty is order.expire_ns is None
        and not order.post_only
        and (instrument.max_qty is None or qty <= instrument.max_qty)
    ):
        return None
    if order.side not in _SIDES:
        return Refusal.BAD_SIDE
    if kind not in _KINDS:
        return Refusal.BAD_TYPE
    if order.tif not in (_STOP_TIFS if kind in STOPS else _TIFS):
        return Refusal.BAD_TIF
    return (
        bad_qty(order.qty, instrument)
        or bad_price(kind, order.price, order.stop_px, instrument)
        or bad_display(order.display, order.qty, kind, instrument)
        or _bad_extras(order, now_ns)
    )


def bad_qty(qty: int, instrument: Instrument) -> Refusal | None:
    """Return what is wrong with a quantity."""
    if qty <= 0:
        return Refusal.BAD_QTY
    if qty % instrument.lot:
        return Refusal.OFF_LOT
    if instrument.max_qty is not None and qty > instrument.max_qty:
        return Refusal.TOO_LARGE
    return None


def bad_price(kind: str, price: int | None, stop_px: int | None, instrument: Instrument) -> Refusal | None:
    """Return what is wrong with the prices of an order of this type."""
    if (price is None) != (kind in _WITHOUT_PRICE):
        return Refusal.BAD_PRICE
    if (stop_px is not None) != (kind in STOPS):
        return Refusal.BAD_STOP
    lowest = -_HIGHEST if instrument.negative_prices else 0
    if price is not None:
        if not lowest < price < _HIGHEST:
            return Refusal.BAD_PRICE
        if price % instrument.tick:
            return Refusal.OFF_TICK
    if stop_px is not None:
        if not lowest < stop_px < _HIGHEST:
            return Refusal.BAD_STOP
        if stop_px % instrument.tick:
            return Refusal.OFF_TICK
    return None


def bad_display(display: int | None, qty: int, kind: str, instrument: Instrument) -> Refusal | None:
    """Return what is wrong with a display quantity. (That of a replaced order may be above its new quantity.)"""
    if display is None:
        return None
    if kind in _WITHOUT_PRICE or display <= 0 or display % instrument.lot or qty > display * instrument.max_slices:
        return Refusal.BAD_DISPLAY
    return None


def _bad_extras(order: BookOrder, now_ns: int) -> Refusal | None:
    at_once = order.tif in _AT_ONCE
    if order.display is not None and (at_once or order.display > order.qty):
        return Refusal.BAD_DISPLAY
    for_auction = order.tif in _FOR_AUCTIONS
    if order.post_only and (at_once or for_auction or order.price is None or order.min_qty is not None):
        return Refusal.BAD_POST_ONLY
    if order.min_qty is not None and (for_auction or not 0 < order.min_qty <= order.qty):
        return Refusal.BAD_MIN_QTY
    if (order.expire_ns is not None) != (order.tif == _GTD):
        return Refusal.BAD_EXPIRE
    if order.expire_ns is not None and order.expire_ns <= now_ns:
        return Refusal.EXPIRED
    return None


def bad_phase(order: BookOrder, phase: Phase) -> Refusal | None:
    """Return why an order cannot come in this phase."""
    if phase is _CONTINUOUS:
        return Refusal.TOO_LATE if order.tif == _OPENING else None
    if phase is Phase.HALTED:
        return Refusal.HALTED
    if phase is Phase.CLOSED:
        return Refusal.CLOSED
    if order.ord_type not in STOPS and (order.tif in _AT_ONCE or order.min_qty is not None):
        return Refusal.NOT_CONTINUOUS
    if order.tif == _OPENING and phase not in _GATHERING:
        return Refusal.TOO_LATE
    return None
