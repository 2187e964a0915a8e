"""The same workloads under pytest-benchmark: `pytest benchmarks`. They measure, and assert nothing about time."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from benchmarks.corpus import FIELD_COUNTS, Corpus
from benchmarks.rivals import available
from benchmarks.workloads import Entry, Workload, workloads


@cache
def cases() -> list[tuple[Workload, Entry]]:
    rivals, _ = available()
    return [(work, entry) for work in workloads(Corpus(count=400), rivals, 1 << 16) for entry in work.entries]


@pytest.mark.parametrize(("work", "entry"), [pytest.param(w, e, id=f"{w.name}-{e.label}") for w, e in cases()])
def test_speed(benchmark: Any, work: Workload, entry: Entry) -> None:
    benchmark.group = work.name
    inputs = entry.inputs[:100]

    def run() -> None:
        for one in inputs:
            entry.call(one)

    benchmark(run)
    benchmark.extra_info["messages"] = len(inputs) * entry.items


def test_rivals_agree() -> None:
    rivals, _ = available()
    for work in workloads(Corpus(count=800), rivals, 1 << 16):
        work.verify()


def test_corpus_is_what_it_says() -> None:
    corpus = Corpus(count=64)
    for name, expected in FIELD_COUNTS.items():
        assert {raw.count(b"\x01") for raw in corpus.messages[name]} == {expected}
    assert corpus.messages == Corpus(count=64).messages
