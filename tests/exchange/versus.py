"""The engine and the model side by side: every command goes to both, and everything is compared after it.

A command is plain data, as a journal would keep it: its name, its arguments, the time.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import BandAction, Instrument
from fixfast.exchange.matching.outcome import Event, Phase
from tests.exchange.audit import Audit
from tests.exchange.model import Model
from tests.exchange.model_values import Order, Terms

__all__ = ["Command", "Versus", "engine_for", "execute", "plain"]

Command = tuple[Any, ...]

#: what stands in a command to submit, beside the required ones
ORDER = dict.fromkeys(("price", "stop_px", "display", "min_qty", "expire_ns")) | {"post_only": False}


def engine_for(terms: Terms, phase: str) -> Matching:
    instrument = Instrument(
        "ACME",
        tick=terms.tick,
        lot=terms.lot,
        reference=terms.reference,
        band=terms.band,
        band_action=BandAction.HALT if terms.band_halts else BandAction.REFUSE,
        max_qty=terms.max_qty,
        max_slices=terms.max_slices,
        negative_prices=terms.negative_prices,
        fill_on_replace_below=terms.fill_on_replace_below,
        trades_kept=terms.trades_kept,
    )
    return Matching(instrument, terms.prevention, Phase[phase])


def execute(book: Matching, command: Command) -> list[Event]:
    """Give a command to the engine."""
    name, *arguments, now = command
    if name in ("submit", "reinstate"):
        return list(getattr(book, name)(BookOrder(account="", **arguments[0]), now))
    if name == "correct":
        return book.correct(*arguments)
    if name == "set_phase":
        return book.set_phase(Phase[arguments[0]], now)
    return list(getattr(book, name)(*arguments, now))


def plain(event: Event) -> tuple[Any, ...]:
    """Return an event as the model says it."""
    values: list[Any] = [v.order_id if isinstance(v, BookOrder) else v for v in event]
    values = [v.name if isinstance(v, Enum) else v for v in values]
    name = type(event).__name__
    return (name, *(values[:2] if name == "Refused" else values))


class Versus:
    """Both engines, and the journal of what they were told."""

    def __init__(self, terms: Terms, phase: str) -> None:
        self.terms, self.first_phase = terms, phase
        self.book = engine_for(terms, phase)
        self.model = Model(terms, phase)
        self.audit = Audit()
        self.journal: list[Command] = []
        self.told: list[list[tuple[Any, ...]]] = []
        self.mirror: dict[tuple[int, int], tuple[int, int]] = {}

    def do(self, *command: Any) -> list[tuple[Any, ...]]:
        """Give a command to both, compare all there is, and return the events."""
        self.journal.append(command)
        events = execute(self.book, command)
        said = [plain(event) for event in events]
        name, *arguments, now = command
        if name in ("submit", "reinstate"):
            expected = getattr(self.model, name)(Order(**{**ORDER, **arguments[0]}), now)
        else:
            expected = getattr(self.model, name)(*arguments, now)
        assert said == expected, f"engine: {said}\nmodel:  {expected}"
        self.told.append(said)
        self.audit.read(events)
        self.audit.look(self.book)
        self.compare()
        return said

    def compare(self) -> None:
        """Compare the books: phase, prices, levels, every open order, the queues, and what was published."""
        book, model = self.book, self.model
        assert (book.phase.name, book.reference, book.last_px) == (model.phase, model.reference, model.last)
        levels = model.levels(1), model.levels(-1)
        assert book.depth(1000) == levels
        for side, own in ((1, book.bids), (-1, book.offers)):
            assert [o.order_id for o in own.orders()] == [o.order_id for o in model.book(side)]
        columns = ("order_id", "qty", "cum", "leaves", "price", "stop_px", "display")
        ours = [[getattr(o, c) for c in columns] for o in book.open_orders()]
        assert ours == [[getattr(o, c) for c in columns] for o in model.orders]
        if book.phase not in (Phase.CONTINUOUS, Phase.CLOSED):
            indicative = book.indicative()
            assert (indicative and tuple(indicative)) == model.auction()
        for side, price, qty, count in book.take_changes():
            assert self.mirror.get((side, price), (0, 0)) != (qty, count), "told twice"
            self.mirror[side, price] = (qty, count)
            if not count:
                del self.mirror[side, price]
        assert self.mirror == {
            (side, price): (qty, count)
            for side, found in zip((1, -1), levels, strict=True)
            for price, qty, count in found
        }

    def restart(self) -> None:
        """Go on with a book made from a snapshot, as after kill -9."""
        data = self.book.snapshot()
        again = Matching.restore(json.loads(json.dumps(data)))
        assert again.snapshot() == data
        self.book = again

    def replay(self) -> None:
        """Give the journal to a new book: the same events, the same state."""
        again = engine_for(self.terms, self.first_phase)
        for command, said in zip(json.loads(json.dumps(self.journal)), self.told, strict=True):
            assert [plain(event) for event in execute(again, command)] == said
            again.take_changes()
        assert again.snapshot() == self.book.snapshot()
