"""The same workloads under pytest-benchmark: `pytest benchmarks`. They measure, and assert nothing about time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.corpus import FIELD_COUNTS, Corpus, frame
from benchmarks.footprint import PROBES, Probe, footprint, footprint_table
from benchmarks.gate import CASES, compare, entries
from benchmarks.kernels import KernelRow
from benchmarks.memory import Held, grown
from benchmarks.orders import order_texts
from benchmarks.recorded import corpora, messages_of, recorded_workloads
from benchmarks.report import Run, write_report
from benchmarks.rivals import available
from benchmarks.runner import Result
from benchmarks.whole_logs import LogRow, compare_logs, log_table, take
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
    inputs, call = entry.inputs[:100], entry.one

    def run() -> None:
        for one in inputs:
            call(one)

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


def test_logs_are_cut_into_messages(tmp_path: Path) -> None:
    corpus = Corpus(count=64)
    (tmp_path / "log.fix").write_bytes(b"".join(corpus.messages["NOS"]))
    assert messages_of(corpora(tmp_path)["log"]) == corpus.messages["NOS"]
    rivals, _ = available()
    for work in recorded_workloads(rivals, folder=tmp_path):
        work.verify()
        assert len(work.entries) >= 1
    assert corpora(tmp_path / "missing") == {}


@pytest.mark.parametrize("label", ["fixfast", "fixfast, detached", "split-and-sum"])
def test_what_is_kept_can_be_taken(label: str) -> None:
    assert grown(label, "NOS", 400) >= 0


def test_whole_logs_can_be_taken() -> None:
    rates = take(size=200_000, rounds=1)
    assert all(rate > 0 for rate in rates.values())
    (row, *_) = rows = compare_logs(["scalar"], turns=1, size=200_000, done=lambda _: None)
    assert [row.name for row in rows] == list(rates)
    assert row.name in log_table([LogRow("memcpy", {"scalar": 9.87654})])
    assert "| memcpy | 9.88 |" in log_table([LogRow("memcpy", {"scalar": 9.87654})])


def test_gate_says_what_has_changed() -> None:
    kept = {"scalar": {"parse HB": 1000.0, "parse W": 1000.0}}
    assert compare(kept, {"scalar": {"parse HB": 1010.0, "parse W": 990.0}}, 0.02) == []
    dearer, new = compare(kept, {"scalar": {"parse HB": 1030.0}, "avx2": {"parse HB": 500.0}}, 0.02)
    assert "1,000.0 -> 1,030.0 instructions (+3.0 %)" in dearer
    assert "avx2, parse HB" in new
    with entries() as found:
        assert set(found) == set(CASES)


def test_report_has_tables_and_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = [Result("parse NOS", label, ns, ns, ns) for label, ns in (("fixfast", 100.0), ("quickfix", 3000.0))]
    kernels = [KernelRow("parse NOS", {"scalar": 120.0, "avx2": 80.0})]
    run = Run(1, 1, "a machine", results, kernels, [Held("NOS", "fixfast", 509.0)])
    write_report(run, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| parse NOS | 100 | 3,000 (30.0x) |" in text
    assert "| parse NOS | 120 | 80 (1.5x) |" in text
    assert {path.name for path in tmp_path.glob("*.png")} == {"speed.png", "kernels.png", "memory.png"}
