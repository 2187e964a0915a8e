"""What a book does with an X that is parsed already: one Change, New or Delete in a book of 50 levels a side.

By price, by MDPriceLevel and by MDEntryID, through Subscriptions (which finds the book) and on one Book; beside it the
reading of the entries alone. It does not show the parsing, nor the session.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.rivals import Fixfast, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["market_book_workloads"]

_LEVELS = 50
_UPDATES = 2000
_SYMBOL = "EUR/USD"


def market_book_workloads(rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads. Only fixfast takes part."""
    ours = next((rival for rival in rivals if isinstance(rival, Fixfast)), None)
    if ours is None:
        return []
    ff = ours.module
    found = []
    for keyed in ("price", "level", "id"):
        messages = _messages(ff, keyed)
        inputs = list(enumerate(messages))
        found.append(Workload(f"X to its book, by {keyed}", [Entry("fixfast", _book(ff, keyed), inputs, spread=True)]))
    inputs = list(enumerate(_messages(ff, "price")))
    found.append(Workload("X to its book: Subscriptions", [Entry("fixfast", _subscriptions(ff), inputs, spread=True)]))
    found.append(Workload("X: its entries read", [Entry("fixfast", _reader(), inputs, spread=True)]))
    return found


def _header(number: int) -> list[tuple[int, Any]]:
    return [(49, "VENUE"), (56, "BOT01"), (34, number), (52, "20260105-10:00:00.000")]


def _levels(keyed: str) -> list[list[tuple[int, Any]]]:
    found = []
    for side, first, step in (("0", 108_500, -1), ("1", 108_501, 1)):
        for n in range(_LEVELS):
            keys: dict[str, list[tuple[int, Any]]] = {
                "price": [],
                "level": [(1023, n + 1)],
                "id": [(278, f"{side}{n}")],
            }
            key = keys[keyed]
            found.append([(269, side), (270, f"{(first + n * step) / 1e5:.5f}"), (271, 1_000_000), *key])
    return found


def _snapshot(ff: Any, keyed: str) -> Any:
    entries = [field for level in _levels(keyed) for field in level]
    fields = [*_header(1), (262, "r"), (55, _SYMBOL), (83, 0), (268, 2 * _LEVELS), *entries]
    return ff.parse(ff.encode("FIX.4.4", "W", fields))


def _messages(ff: Any, keyed: str) -> list[Any]:
    """Changes, and now and then a level that goes and comes back: one entry a message, numbered."""
    rng = random.Random(7)
    levels = _levels(keyed)
    made: list[Any] = []
    while len(made) < _UPDATES:
        level = dict(rng.choice(levels))
        for action in rng.choice(("1", "1", "1", "20")):
            number = len(made) + 1
            level[271] = rng.randrange(1, 10_000_000)
            body = [(279, action), (269, level[269]), (55, _SYMBOL), *list(level.items())[1:], (346, 3), (83, number)]
            fields = [*_header(number + 1), (262, "r"), (268, 1), *body]
            made.append(ff.parse(ff.encode("FIX.4.4", "X", fields)))
    return made


def _book(ff: Any, keyed: str) -> Callable[..., Any]:
    first = _snapshot(ff, keyed)
    book: Any = None

    def apply(n: int, message: Any) -> Any:
        nonlocal book
        if n == 0:  # the inputs begin again
            book = ff.Book(_SYMBOL)
            book.apply(first)
        return book.apply(message).status

    return apply


def _subscriptions(ff: Any) -> Callable[..., Any]:
    now = ff.Now(0, 1_767_571_200 * 10**9)
    first = _snapshot(ff, "price")
    subscriptions: Any = None

    def apply(n: int, message: Any) -> Any:
        nonlocal subscriptions
        if n == 0:
            subscriptions = ff.Subscriptions(lambda msg_type, fields: 1, logged_on=True)
            subscriptions.subscribe([_SYMBOL, "GBP/USD"], now)
            subscriptions.on_message(first, now)
        (change,) = subscriptions.on_message(message, now)
        return change.status

    return apply


def _reader() -> Callable[..., Any]:
    from fixfast.trading.entries import EntryReader

    reader = EntryReader()
    return lambda n, message: reader.read(message.group(268))[0][11]
