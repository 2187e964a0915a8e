"""Workloads that go by a dictionary: validation, groups, typed messages, typed values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.corpus import FIELD_COUNTS, Corpus
from benchmarks.rivals import LEVELS, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["dictionary_workloads"]

_VALUES = {44: "price", 54: "code", 60: "timestamp"}


def dictionary_workloads(corpus: Corpus, rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads with the rivals that can take part. The first entry of each is fixfast's."""
    found = [*_validation(corpus, rivals), *_groups(corpus, rivals), *_values(corpus, rivals)]
    entries = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.typed())]
    found.append(Workload("typed NOS, make and encode", entries))
    return [workload for workload in found if workload.entries]


def _made(corpus: Corpus, rival: Rival, kind: str) -> list[Any]:
    """Return messages as a rival holds them, parsed outside the measurement."""
    make = rival.ready()
    return [make(raw) for raw in corpus.messages[kind]] if make is not None else []


def _validation(corpus: Corpus, rivals: Sequence[Rival]) -> Iterator[Workload]:
    able = [r for r in rivals if r.validate("full") is not None]
    kinds = ("HB", "NOS", "ER", "W")
    made = {(r.name, kind): _made(corpus, r, kind) for r in able for kind in kinds}
    for level in LEVELS:
        for kind in kinds:
            entries = [Entry(r.name, call, made[r.name, kind]) for r in able if (call := r.validate(level))]
            yield Workload(f"validate {kind}, {level}", entries, fields=FIELD_COUNTS[kind])
    for kind in ("NOS", "W"):
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.parse_valid())]
        yield Workload(f"validate {kind}, parse and full", entries)


def _groups(corpus: Corpus, rivals: Sequence[Rival]) -> Iterator[Workload]:
    entries = [Entry(r.name, call, _made(corpus, r, "W")) for r in rivals if (call := r.count())]
    yield Workload("group W, found", entries)
    entries = [Entry(r.name, read, corpus.messages["W"]) for r in rivals if (read := r.prices())]
    yield Workload("read W, 50 entries", entries)
    entries = [Entry(r.name, inner, corpus.messages["ERP"]) for r in rivals if (inner := r.nested())]
    yield Workload("read a group in a group", entries)


def _values(corpus: Corpus, rivals: Sequence[Rival]) -> Iterator[Workload]:
    for tag, name in _VALUES.items():
        entries = [Entry(r.name, call, _made(corpus, r, "NOS")) for r in rivals if (call := r.value(tag))]
        yield Workload(f"value of a {name}", entries)
