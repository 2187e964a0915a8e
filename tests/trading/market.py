"""Market data as tests write it: W and X with entries as short texts, and a slow, obvious book to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import fixfast as ff
from fixfast.trading.bookview import BookView

__all__ = ["SYMBOL", "fields_of", "levels", "snapshot", "update"]

SYMBOL = "EUR/USD"
_HEADER = [(34, 1), (49, "A"), (56, "B"), (52, "20260105-10:00:00.000")]


def fields_of(entry: str) -> list[tuple[int, str]]:
    """Return the fields of an entry written as "279=0 269=0 270=1.5": spaces between fields."""
    return [(int(tag), value) for tag, _, value in (field.partition("=") for field in entry.split())]


def _entries(texts: Iterable[str]) -> list[tuple[int, Any]]:
    entries = [fields_of(text) for text in texts]
    return [(268, len(entries)), *(field for entry in entries for field in entry)]


def snapshot(*entries: str, symbol: str = SYMBOL, begin: str = "FIX.4.4", extra: str = "") -> ff.Message:
    """Return a W. Its entries: "269=0 270=1.5 271=100"."""
    fields = [*_HEADER, *fields_of(extra), (55, symbol), *_entries(entries)]
    return ff.parse(ff.encode(begin, "W", fields))


def update(*entries: str, symbol: str = SYMBOL, begin: str = "FIX.4.4", extra: str = "") -> ff.Message:
    """Return an X. The symbol goes into its first entry, behind MDEntryType or MDUpdateAction, if it names none."""
    texts = list(entries)
    if symbol and " 55=" not in texts[0] and " 48=" not in texts[0]:
        texts[0] += f" 55={symbol}"
    return ff.parse(ff.encode(begin, "X", [*_HEADER, *fields_of(extra), *_entries(texts)]))


def levels(view: BookView | Any) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (price, qty) of the bids and the offers as texts: the way a person writes them down."""
    return _texts(view.bids()), _texts(view.offers())


def _texts(side: Iterable[tuple[Decimal, Decimal, int | None]]) -> list[tuple[str, str]]:
    return [(f"{price:f}", f"{qty:f}") for price, qty, _ in side]
