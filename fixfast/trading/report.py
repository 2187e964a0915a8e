"""ExecutionReport and OrderCancelReject, read in one call each, for every version.

One tuple of fields serves FIX 4.0 to 5.0 SP2: no version uses a tag of another one for something else. What differs is
which are there, and which of them says what happened (`lifecycle.effect_of`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from fixfast.codec.getter import getter
from fixfast.codec.message import Message
from fixfast.errors import FieldFormatError
from fixfast.trading.lifecycle import EXEC_TYPES, Effect, effect_of

__all__ = ["CancelReject", "Report", "Terms", "read_cancel_reject", "read_report", "read_terms"]


class Report(NamedTuple):
    """What an ExecutionReport(8) says of an execution; None for a field that is not there.

    `effect` is what it does to its order. `malformed` names a field whose value could not be read: that field is None.
    """

    cl_ord_id: str | None
    orig_cl_ord_id: str | None
    order_id: str | None
    exec_id: str | None
    exec_ref_id: str | None
    exec_type: str | None
    exec_trans_type: str | None
    ord_status: str | None
    account: str | None
    symbol: str | None
    side: str | None
    last_qty: Decimal | None
    last_px: Decimal | None
    cum_qty: Decimal | None
    leaves_qty: Decimal | None
    avg_px: Decimal | None
    transact_time_ns: int | None
    effect: Effect = Effect.UNKNOWN
    malformed: str = ""


class Terms(NamedTuple):
    """What else a report says: of the order as it is, and why."""

    qty: Decimal | None
    price: Decimal | None
    stop_px: Decimal | None
    ord_type: str | None
    time_in_force: str | None
    reject_reason: str | None
    text: str | None
    last_requested: str | None


class CancelReject(NamedTuple):
    """What an OrderCancelReject(9) says (E4.8)."""

    cl_ord_id: str | None
    orig_cl_ord_id: str | None
    order_id: str | None
    ord_status: str | None
    response_to: str | None
    reason: str | None
    text: str | None


_REPORT = (
    (11, "str"),
    (41, "str"),
    (37, "str"),
    (17, "str"),
    (19, "str"),
    (150, "str"),
    (20, "str"),
    (39, "str"),
    (1, "str"),
    (55, "str"),
    (54, "str"),
    (32, "decimal"),
    (31, "decimal"),
    (14, "decimal"),
    (151, "decimal"),
    (6, "decimal"),
    (60, "time"),
)
_TERMS = (
    (38, "decimal"),
    (44, "decimal"),
    (99, "decimal"),
    (40, "str"),
    (59, "str"),
    (103, "str"),
    (58, "str"),
    (912, "str"),
)
_CANCEL_REJECT = tuple((tag, "str") for tag in (11, 41, 37, 39, 434, 102, 58))

_get_report = getter(*_REPORT)
_get_terms = getter(*_TERMS)
_get_cancel_reject = getter(*_CANCEL_REJECT)
_new = tuple.__new__


def read_report(message: Message) -> Report:
    """Read an ExecutionReport. A value that is not of its type is noted, never a reason to lose the report."""
    malformed = ""
    try:
        values = _get_report(message)
    except FieldFormatError as error:
        values, malformed = _one_by_one(message, _REPORT), f"{error.tag}: {error}"
    # PERF: tuple.__new__ instead of Report(...), 0.4 us less; a sum of tuples is shorter than (*values, ...)
    exec_type, exec_trans_type = values[5], values[6]
    effect = EXEC_TYPES.get(exec_type) if exec_trans_type is None else None  # PERF: nearly all, without a call
    if effect is None:
        effect = effect_of(exec_type, exec_trans_type, values[7])
    return _new(Report, values + (effect, malformed))  # noqa: RUF005


def read_terms(message: Message) -> Terms:
    """Read the rest of an ExecutionReport; what cannot be read is None."""
    try:
        return _new(Terms, _get_terms(message))
    except FieldFormatError:
        return _new(Terms, _one_by_one(message, _TERMS))


def read_cancel_reject(message: Message) -> CancelReject:
    """Read an OrderCancelReject."""
    return _new(CancelReject, _get_cancel_reject(message))


def _one_by_one(message: Message, columns: tuple[tuple[int, str], ...]) -> tuple[Any, ...]:
    values = []
    for column in columns:
        try:
            values.append(getter(column)(message)[0])
        except FieldFormatError:
            values.append(None)
    return tuple(values)
