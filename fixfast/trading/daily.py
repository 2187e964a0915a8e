"""What counts by the day: DayOrderQty, DayCumQty and DayAvgPx(424-426) of orders that live for days (E4.14)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fixfast.codec.getter import getter
from fixfast.codec.message import Message
from fixfast.errors import FieldFormatError
from fixfast.trading.exact import EXACT
from fixfast.trading.lifecycle import EXECUTIONS
from fixfast.trading.order import Order, average
from fixfast.trading.report import Report
from fixfast.trading.update import Doubt

__all__ = ["begins_day", "day_doubts", "is_average"]

_ZERO = Decimal(0)
#: ExecRestatementReason(378): what a good-till order is restated for in the morning
_MORNING = frozenset("01")
_get = getter((424, "decimal"), (425, "decimal"), (426, "decimal"))


def is_average(avg_px: Decimal, notional: Decimal, qty: Decimal, tolerance: Decimal) -> bool:
    """Return whether a reported average price is that of some trades, but for how it was rounded; 0 of none (E4.1)."""
    if not qty:
        return not avg_px
    if EXACT.multiply(avg_px, qty) == notional:  # PERF: a product where that is exact; else two quotients
        return True
    exponent = avg_px.as_tuple().exponent
    unit = Decimal((0, (1,), exponent)) if isinstance(exponent, int) else _ZERO
    return EXACT.subtract(average(notional, qty), avg_px).copy_abs() <= max(unit, tolerance)


def begins_day(message: Message) -> bool:
    """Return whether a restatement is the one of the morning: nothing was executed today."""
    if message.get(378) not in _MORNING:
        return False
    try:
        return not _get(message)[1]
    except FieldFormatError:
        return False


def day_doubts(order: Order, report: Report, message: Message, tolerance: Decimal) -> Iterator[tuple[Doubt, str]]:
    """Yield what 424-426 of a report say that its trades do not make. Its CumQty is ours.

    Where nobody told when the day began, neither new_day() nor the broker, what it says of that is believed.
    """
    try:
        day_qty, day_cum, day_avg = _get(message)
    except FieldFormatError as error:
        yield Doubt.MALFORMED, f"{error.tag}: {error}"
        return
    if day_qty is None and day_cum is None and day_avg is None:
        return
    traded, notional = order.today()
    said = traded if day_cum is None else day_cum
    told = order.carried is not None or not _ZERO <= said < traded
    if said != traded and told:
        yield Doubt.QUANTITIES, f"DayCumQty {said}, the trades of today make {traded}"
        return
    left = EXACT.subtract(order.qty, EXACT.subtract(order.cum_qty, said))
    if day_qty is not None and day_qty != left:
        yield Doubt.QUANTITIES, f"DayOrderQty {day_qty}, not {left}"
    compared = told and report.effect in EXECUTIONS
    if compared and day_avg is not None and not is_average(day_avg, notional, traded, tolerance):
        yield Doubt.AVG_PX, f"DayAvgPx {day_avg}, the trades of today make {average(notional, traded)}"
