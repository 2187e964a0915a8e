"""The same workloads under pytest-benchmark: `pytest benchmarks`. They measure, and assert nothing about time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from benchmarks.corpus import FIELD_COUNTS, Corpus, frame
from benchmarks.footprint import PROBES, Probe, footprint, footprint_table
from benchmarks.orders import order_texts
from benchmarks.rivals import available
from benchmarks.workload import Entry, Workload
from benchmarks.workloads import workloads
from fixfast.dictionary.validation import InvalidMessage


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
    benchmark.extra_info["fields"] = len(inputs) * work.fields


def test_rivals_agree() -> None:
    rivals, _ = available()
    for work in workloads(Corpus(count=800), rivals, 1 << 16):
        work.verify()


def test_validators_judge() -> None:
    """What is timed accepts every message of the corpus and refuses a wrong one: nobody is timed doing nothing."""
    rivals, _ = available()
    corpus = Corpus(count=80)
    wrong = [(35, "D"), *((tag, "abc" if tag == 44 else text) for tag, text in order_texts(corpus.orders[0]))]
    for rival in rivals:
        make, judge, both = rival.ready(), rival.validate("full"), rival.parse_valid()
        if make is None or judge is None or both is None:
            continue
        for raw in (raw for messages in corpus.messages.values() for raw in messages):
            assert judge(make(raw)) is None
        bad = frame("FIX.4.4", wrong)
        assert _refused(judge, make(bad)), f"{rival.name} takes a price that is no number"
        assert _refused(both, bad), f"{rival.name} takes a price that is no number"


def _refused(judge: Callable[[Any], object], message: object) -> bool:
    try:
        return judge(message) is not None
    except InvalidMessage as error:
        return error.fault.reason == 6
    except Exception as error:  # quickfix has an exception type for each reason
        return "IncorrectDataFormat" in type(error).__name__


def test_corpus_is_what_it_says() -> None:
    corpus = Corpus(count=64)
    for name, expected in FIELD_COUNTS.items():
        assert {raw.count(b"\x01") for raw in corpus.messages[name]} == {expected}
    assert corpus.messages == Corpus(count=64).messages


@pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])
def test_what_is_paid_once_can_be_taken(probe: Probe) -> None:
    (row,) = footprint([probe], processes=1)
    assert row.ours >= 0
    assert probe.name in footprint_table([row])
