"""Sums and products that are exact, whatever decimal context a program has set for its own numbers.

Decimal's operators, `abs()` and the signs `-` and `+` round to the precision of the thread's context (28 digits when
nobody has set it), and raise what it traps: no money is reckoned with them here.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context

__all__ = ["EXACT", "quotients"]


def quotients(digits: int) -> Context:
    """Return a context for quotients, which end nowhere: kept to so many digits. It raises nothing."""
    return Context(digits, ROUND_HALF_EVEN, MIN_EMIN, MAX_EMAX, 1, 0, flags=[], traps=[])


#: For sums and products. Only of a hostile message a number has more digits; that one is rounded, and nothing raises.
EXACT = quotients(10_000)
