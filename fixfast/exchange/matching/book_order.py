"""An order as a book holds it. Prices and quantities are ints, at the scales of its Instrument."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["BUY", "LIMIT", "MARKET", "ORDER_FIELDS", "SELL", "STOP", "STOPS", "STOP_LIMIT", "BookOrder"]

BUY, SELL = 1, -1
#: OrdType(40)
MARKET, LIMIT, STOP, STOP_LIMIT = "1", "2", "3", "4"
STOPS = (STOP, STOP_LIMIT)


@dataclass(slots=True, eq=False)
class BookOrder:
    """An order. Made by the gateway, changed by the book alone from then on.

    Args:
        order_id: Unique among the open orders of the book (better for ever: a bust names orders that are gone).
        owner: Whose it is: self-trade prevention compares this.
        account: The account; the book does not look at it.
        side: +1 buy, -1 sell.
        ord_type: OrdType(40): "1" market, "2" limit, "3" stop, "4" stop limit.
        tif: TimeInForce(59): "0" day, "1" good till cancel, "2" at the opening, "3" immediate or cancel, "4" fill or
            kill, "6" good till date, "7" at the close.
        qty: What it is to trade in all. While the order is open, qty == cum + leaves.
        price: The limit; None: none.
        stop_px: Of a stop or stop limit order.
        display: At most so much is shown at a time (iceberg).
        post_only: It never takes.
        min_qty: At least so much at once, or nothing.
        expire_ns: Of "6": when it expires.
        tag: The gateway's own. It goes into snapshots as it is: plain data, if they are to be kept.
    """

    order_id: int
    owner: str
    account: str
    side: int
    ord_type: str
    tif: str
    qty: int
    price: int | None = None
    stop_px: int | None = None
    display: int | None = None
    post_only: bool = False
    min_qty: int | None = None
    expire_ns: int | None = None
    tag: object = None
    # The book's own:
    cum: int = 0  # filled, less what was busted
    leaves: int = 0  # open; 0 when the order is gone
    shown: int = 0  # of leaves, what others see; 0 unless it rests
    seq: int = 0  # grows with every entry into a queue: time priority
    triggered: bool = False  # a stop order that has gone off


#: the attributes in order: a BookOrder as a row of a snapshot
ORDER_FIELDS = tuple(f.name for f in fields(BookOrder))
