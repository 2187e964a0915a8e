"""Workloads that write: one order in every form there is, a snapshot with 50 entries, and an order that is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from benchmarks.corpus import Corpus, frame
from benchmarks.orders import Order, order_fields, order_texts
from benchmarks.rivals import Fixfast, Rival
from benchmarks.session_workloads import logged_on
from benchmarks.workload import Entry, Workload

__all__ = ["encode_workloads"]

HEADER = ((49, "BOT01"), (56, "VENUE"))


def encode_workloads(corpus: Corpus, rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads with the rivals that can take part. The first entry of each is fixfast's."""
    entries = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode())]
    others = [entry for entry in entries if entry.label != "fixfast"]
    prepared = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode_template())]
    found = [Workload("encode NOS, list", entries), Workload("encode NOS, template", prepared + others)]
    ours = next((r for r in rivals if isinstance(r, Fixfast)), None)
    if ours is not None:
        found += [
            _list_ready(ours.module, corpus, others),
            _arguments_ready(ours.module, corpus, others),
            _snapshots(ours.module, corpus, rivals),
            _sent(ours.module, corpus),
        ]
    return found


def _list_ready(ff: Any, corpus: Corpus, others: list[Entry]) -> Workload:
    """The encoder alone: fields are ready in lists. (simplefix and quickfix have no such form, they do as before.)"""
    encode = ff.encode
    ours = Entry("fixfast", lambda fields: encode("FIX.4.4", "D", fields), [order_fields(o) for o in corpus.orders])
    texts = [[(35, "D"), *order_texts(order)] for order in corpus.orders]
    split = Entry("split-and-sum", lambda fields: frame("FIX.4.4", fields), texts)
    return Workload("encode NOS, list ready", [ours, split, *(e for e in others if e.label != "split-and-sum")])


def _arguments(order: Order) -> tuple[Any, ...]:
    """What an encoder of NewOrderSingle is called with, in its own order."""
    must = (order.cl_ord_id, order.symbol, order.side, order.time_ns, order.quantity, "2")
    return (*must, order.price_decimal, "0", order.account, "1")


def _arguments_ready(ff: Any, corpus: Corpus, others: list[Entry]) -> Workload:
    """The encoder with fixed arguments, twelve of them, which are ready in tuples."""
    header = [*HEADER, ff.Slot(34, "int"), ff.Slot(52, "time")]
    encode = ff.encoder("FIX.4.4", "D", header).encode
    inputs = [(order.seq, order.time_ns, *_arguments(order)) for order in corpus.orders]
    return Workload("encode NOS, arguments ready", [Entry("fixfast", encode, inputs, spread=True), *others])


def _snapshots(ff: Any, corpus: Corpus, rivals: Sequence[Rival]) -> Workload:
    """A snapshot with 50 entries: tuples of texts, exact prices and ints; for the others a list of texts."""
    random = Random(50)
    header = [*HEADER, ff.Slot(34, "int"), ff.Slot(52, "time")]
    encode = ff.encoder("FIX.4.4", "W", header).encode
    inputs: list[tuple[Any, ...]] = []
    texts: list[list[tuple[int, str]]] = []
    for order in corpus.orders[: len(corpus.orders) // 8]:
        prices = [Decimal(order.price + 5 * level) / 100_000 for level in range(50)]
        book = [(random.choice("01"), price, random.randrange(1, 10**6)) for price in prices]
        inputs.append((order.seq, order.time_ns, order.symbol, book))
        fields = [(35, "W"), *HEADER, (34, str(order.seq)), (52, order.time_text), (55, order.symbol), (268, "50")]
        fields += [(tag, str(value)) for entry in book for tag, value in zip((269, 270, 271), entry, strict=True)]
        texts.append(fields)
    entries = [Entry("fixfast", encode, inputs, spread=True)]
    entries += [Entry(r.name, write, texts) for r in rivals if (write := r.encode_texts())]
    return Workload("encode W, 50 entries", entries)


def _sent(ff: Any, corpus: Corpus) -> Workload:
    """An order sent by a session: numbered, written, stored in memory, taken for the socket."""
    values = [_arguments(order) for order in corpus.orders]
    return Workload("send NOS, session", [Entry("fixfast", _sender(ff), values)])


def _sender(ff: Any) -> Callable[[tuple[Any, ...]], object]:
    session, _, now = logged_on(ff)
    send, take, new_order = session.send_template, session.data_to_send, session.encoder("D")

    def sent(values: tuple[Any, ...]) -> object:
        send(new_order, *values, now)
        return take()

    return sent
