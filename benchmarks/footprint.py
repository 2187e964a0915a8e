"""What is paid once a process: imports, first uses, dictionaries, memory. Each is taken in fresh processes.

A probe is Python source that leaves a number in `result`. In it `ms()` is the time since its start in ms, `rss()` the
memory that the process holds in KiB. Reported is the median of several processes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

__all__ = ["PROBES", "Footprint", "Probe", "footprint", "footprint_table"]

_START = """
import os, sys, time
from pathlib import Path
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
"""
_CLOCK = """
_start = time.perf_counter_ns()
def ms():
    return (time.perf_counter_ns() - _start) / 1e6
"""
_TYPED = "fix40, fix41, fix42, fix43, fix44, fix50, fix50sp1, fix50sp2, fixt11"
_PARSED = """
import fixfast as ff
from benchmarks.corpus import Corpus
m = ff.parse(Corpus(8).messages["W"][0])
assert len(m) == 261
"""
_XML = """
import gc
import fixfast as ff
from fixfast.dictionary.load import SPEC_DIR, VERSIONS
"""
_COMPILER = _XML + "from fixfast.dictionary.compile import compile_dictionary\n"
_BLOBS = _XML + "from fixfast.dictionary.compiled import blob_of\n"
_READ_ALL = "d = [blob_of(n) for n in VERSIONS]; n = sum(sum(memoryview(b)) for b in d)"
_QUICKFIX = _XML + "import quickfix\n"


@dataclass(frozen=True)
class Probe:
    """One row: `prepare` is not measured, `run` leaves `result`; `rival` is the same for quickfix."""

    name: str
    unit: str
    run: str
    prepare: str = ""
    rival: str = ""
    rival_prepare: str = ""


def _grown(code: str) -> str:
    """Return source that measures how much memory `code` holds."""
    return f"gc.collect(); before = rss(); {code}; gc.collect(); result = rss() - before"


def _load(name: str) -> str:
    return f'd = ff.load_dictionary("{name}")'


def _load_rival(name: str) -> str:
    return f'd = quickfix.DataDictionary(str(SPEC_DIR / "{name}.xml"))'


def _imported(what: str) -> str:
    return f"{what}; result = ms()"


def _of_versions(*names: str) -> Iterator[Probe]:
    """Probes of one dictionary. For memory, another was loaded before, so that code is not counted."""
    for name in names:
        load, rival = _load(name), _load_rival(name)
        yield Probe(f"load {name} from XML", "ms", f"{load}; result = ms()", _XML, f"{rival}; result = ms()", _QUICKFIX)
        yield Probe(f"compile {name}", "ms", "compile_dictionary(d); result = ms()", _COMPILER + load)
        before = _QUICKFIX + _load_rival("FIX40").replace("d =", "x =")
        yield Probe(f"memory, model of {name}", "KiB", _grown(load), _XML + _load("FIX40"), _grown(rival), before)


PROBES = (
    Probe("import fixfast", "ms", _imported("import fixfast"), "", _imported("import quickfix")),
    Probe("import fixfast.fix44", "ms", _imported("import fixfast.fix44"), "", _imported("import quickfix44")),
    Probe("import all nine typed modules", "ms", _imported(f"from fixfast import {_TYPED}")),
    Probe("import and first parse", "ms", f"{_PARSED}result = ms()", "import benchmarks.corpus"),
    Probe("import, first m.group(268)", "ms", "n = len(m.group(268)); result = ms(); assert n == 50", _PARSED),
    Probe("import, first m.validate()", "ms", "fault = m.validate(); result = ms(); assert fault is None", _PARSED),
    Probe("import, first typed class", "ms", _imported("fix44.NewOrderSingle"), "from fixfast import fix44"),
    *_of_versions("FIX44", "FIX50SP2"),
    Probe("memory, all nine models", "KiB", _grown("d = [ff.load_dictionary(name) for name in VERSIONS]"), _XML),
    Probe("memory, all nine compiled: size", "KiB", "result = sum(len(blob_of(n)) for n in VERSIONS) / 1024", _BLOBS),
    Probe("memory, all nine compiled: read", "KiB", _grown(_READ_ALL), _BLOBS),
)


@dataclass(frozen=True)
class Footprint:
    """Medians of one probe: fixfast's, and quickfix's where it has the like and is installed."""

    name: str
    unit: str
    ours: float
    theirs: float | None = None


def _taken(prepare: str, run: str) -> float:
    """Run one probe in a process of its own."""
    code = f"{_START}\n{prepare}\n{_CLOCK}\n{run}\nprint('result', result)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    return float(ended.stdout.rpartition("result ")[2])


def footprint(
    probes: Sequence[Probe] = PROBES, processes: int = 7, done: Callable[[str], None] | None = None
) -> list[Footprint]:
    """Take every probe in `processes` fresh processes. Linux only: memory is read from /proc."""
    found = []
    rival = find_spec("quickfix") is not None
    for probe in probes:
        ours = median(_taken(probe.prepare, probe.run) for _ in range(processes))
        theirs = None
        if probe.rival and rival:
            theirs = median(_taken(probe.rival_prepare, probe.rival) for _ in range(processes))
        found.append(Footprint(probe.name, probe.unit, ours, theirs))
        if done is not None:
            done(probe.name)
    return found


def footprint_table(rows: Sequence[Footprint]) -> str:
    """Return a Markdown table: one row a probe."""
    lines = ["| once a process | fixfast | quickfix |", "|---|---:|---:|"]
    for row in rows:
        ours, theirs = (f"{n:,.0f}" if n >= 100 else f"{n:.1f}" for n in (row.ours, row.theirs or 0.0))
        lines.append(f"| {row.name}, {row.unit} | {ours} | {theirs if row.theirs is not None else '-'} |")
    return "\n".join(lines)
