"""Why a request is refused: one reason, and the code it has in each version's reject.

FIX 4.2 knows few reasons; what it does not know is its code for "Broker / Exchange option", and Text(58) says the rest.
"""

from __future__ import annotations

from typing import NamedTuple

from fixfast.errors import FixfastError

__all__ = ["CANCEL_REASONS", "MASS_REASONS", "ORDER_REASONS", "Reason", "Refusal"]


class Reason(NamedTuple):
    """A reason, its codes in FIX 4.2, 4.4 and 5.0 SP2, and what Text(58) says where nothing else is said."""

    name: str
    fix42: int
    fix44: int
    fix50: int
    text: str


class Refusal(FixfastError):
    """A request is refused. The exchange catches it: nothing has changed."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        super().__init__(text or reason.text)
        self.reason = reason
        self.text = text or reason.text


def _table(*rows: tuple[str, int, int, int, str]) -> dict[str, Reason]:
    return {row[0]: Reason(*row) for row in rows}


#: OrdRejReason(103)
ORDER_REASONS = _table(
    ("option", 0, 0, 0, "Refused by the exchange"),
    ("unknown_symbol", 1, 1, 1, "Unknown symbol"),
    ("closed", 2, 2, 2, "Exchange closed"),
    ("limit", 3, 3, 3, "Order exceeds limit"),
    ("too_late", 4, 4, 4, "Too late to enter"),
    ("unknown_order", 5, 5, 5, "Unknown order"),
    ("duplicate", 6, 6, 6, "Duplicate order"),
    ("stale", 8, 8, 8, "Stale order"),
    ("unsupported", 0, 11, 11, "Unsupported order characteristic"),
    ("quantity", 0, 13, 13, "Incorrect quantity"),
    ("account", 0, 15, 15, "Unknown account"),
    ("band", 0, 99, 16, "Price exceeds the price band"),
    ("tick", 0, 99, 18, "Invalid price increment"),
    ("price", 0, 99, 99, "Invalid price"),
    ("other", 0, 99, 99, "Refused"),
)

#: CxlRejReason(102)
CANCEL_REASONS = _table(
    ("too_late", 0, 0, 0, "Too late to cancel"),
    ("unknown_order", 1, 1, 1, "Unknown order"),
    ("option", 2, 2, 2, "Refused by the exchange"),
    ("pending", 3, 3, 3, "Order already in pending cancel or pending replace status"),
    ("duplicate", 2, 6, 6, "Duplicate ClOrdID"),
    ("band", 2, 99, 8, "Price exceeds the price band"),
    ("tick", 2, 99, 18, "Invalid price increment"),
    ("quantity", 2, 99, 99, "Incorrect quantity"),
    ("price", 2, 99, 99, "Invalid price"),
    ("limit", 2, 99, 99, "Order exceeds limit"),
    ("other", 2, 99, 99, "Refused"),
)

#: MassCancelRejectReason(532), which FIX 4.2 does not have
MASS_REASONS = _table(
    ("unsupported", 0, 0, 0, "Mass cancel of this kind is not supported"),
    ("unknown_symbol", 1, 1, 1, "Unknown symbol"),
    ("other", 99, 99, 99, "Refused"),
)
