"""Workloads that need no dictionary: parsing, reading, encoding, streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.corpus import Corpus, frame
from benchmarks.orders import order_fields, order_texts
from benchmarks.rivals import READ, Fixfast, Rival
from benchmarks.workload import Call, Entry, Workload

__all__ = ["codec_workloads", "slices"]


def slices(log: bytes, size: int) -> list[bytes]:
    """Return a log in pieces of `size` bytes, as a socket might give it."""
    return [log[start : start + size] for start in range(0, len(log), size)]


def _decode_64k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(slices(log, 1 << 16))


def _decode_16k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(slices(log, 1 << 14))


def _ready(ff: Any, corpus: Corpus, others: list[Entry]) -> Workload:
    """The encoder alone: fields are ready in lists. (simplefix and quickfix have no such form, they do as before.)"""
    encode = ff.encode
    ours = Entry("fixfast", lambda fields: encode("FIX.4.4", "D", fields), [order_fields(o) for o in corpus.orders])
    texts = [[(35, "D"), *order_texts(order)] for order in corpus.orders]
    split = Entry("split-and-sum", lambda fields: frame("FIX.4.4", fields), texts)
    return Workload("encode NOS, list ready", [ours, split, *(e for e in others if e.label != "split-and-sum")])


def codec_workloads(corpus: Corpus, rivals: Sequence[Rival], log_size: int = 1 << 20) -> list[Workload]:
    """Return the workloads with the rivals that can take part. The first entry of each is fixfast's."""
    found: list[Workload] = []
    for kind in ("HB", "NOS", "ER", "W"):
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.parse())]
        found.append(Workload(f"parse {kind}", entries))
    for kind in READ:
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.read(kind))]
        found.append(Workload(f"read {kind}", entries))
    entries = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode())]
    found.append(Workload("encode NOS, list", entries))
    ours = next((r for r in rivals if isinstance(r, Fixfast)), None)
    if ours is not None:
        found.append(_ready(ours.module, corpus, [e for e in entries if e.label != "fixfast"]))
    prepared = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode_template())]
    found.append(Workload("encode NOS, template", prepared + [e for e in entries if e.label != "fixfast"]))
    log = corpus.mixed(log_size)
    messages = log.count(b"\x0110=")
    for name, slicer in (("16 KiB", _decode_16k), ("64 KiB", _decode_64k)):
        streams = [Entry(r.name, slicer(count), [log], messages) for r in rivals if (count := r.stream())]
        found.append(Workload(f"stream, {name}", streams, len(log) / messages))
    return [workload for workload in found if workload.entries]
