"""`python -m benchmarks.gate`: instructions per message under callgrind, compared with the counts kept in git.

Counting instructions sees a change of one per cent on the busiest machine, where no clock does. It is exact to about
one instruction in a thousand for the same interpreter and compiler, so gate.json has a part for each. It says nothing
about caches, branch predictors or how many instructions a cycle takes: that is what `make bench` is for.

One process a kernel runs each case once to warm up, and once more to be counted. valgrind knows no AVX-512: that kernel
is not counted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.backend_workloads import backend_entries
from benchmarks.codec_workloads import codec_workloads
from benchmarks.corpus import Corpus
from benchmarks.dictionary_workloads import dictionary_workloads
from benchmarks.matching import matching_workloads
from benchmarks.order_reports import report_workloads
from benchmarks.rivals import Fixfast
from benchmarks.session_workloads import session_workloads
from benchmarks.workload import Entry

__all__ = ["CASES", "compare", "count", "entries", "main"]

COUNTS = Path(__file__).with_name("gate.json")
#: a case may cost this much more, or less, than it did: a fraction
TOLERANCE = 0.02
#: kernels that valgrind can run
COUNTABLE = ("scalar", "avx2")
CASES = (
    "parse HB",
    "parse NOS",
    "parse ER",
    "parse W",
    "read NOS",
    "read ER",
    "read W, 50 entries",
    "stream, 16 KiB",
    "encode NOS, list ready",
    "encode NOS, template",
    "encode NOS, arguments ready",
    "encode W, 50 entries",
    "validate NOS, structure",
    "validate ER, full",
    "validate W, full",
    "typed NOS, make and encode",
    "send NOS, session",
    "receive ER, session",
    "receive ER, session, 16 at once",
    "match, mixed",
    "ER to its order, plain fill",
    "ER to its order, New",
    "command to its order, Backend",
)
RENEW = "If that is meant: `make bench-gate GATE_ARGS=--renew`, and say in the commit what was bought with it."
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
_ROOT = Path(__file__).parents[1]

Counts = dict[str, dict[str, float]]


@contextmanager
def entries() -> Iterator[dict[str, Entry]]:
    """Give what is run for each case: the workloads of the table, with few messages."""
    with backend_entries() as more:
        yield _in_memory() | more


def _in_memory() -> dict[str, Entry]:
    corpus, ours = Corpus(count=160), [Fixfast()]
    made = [*codec_workloads(corpus, ours, log_size=1 << 15), *dictionary_workloads(corpus, ours)]
    made += session_workloads(corpus, ours)
    made += matching_workloads(ours)
    made += report_workloads(ours)
    return {work.name: work.entries[0] for work in made if work.name in CASES}


def _repeat() -> None:
    """Run in the counted process: every case once to warm up, and once more between two calls of getppid.

    Then say how many messages each was.
    """
    gc.disable()
    found = _in_memory()
    for name in CASES[: len(found)]:
        _run(found[name])
    # Last: sockets, ports and names of files differ from run to run, and with them where the next objects lie.
    with backend_entries() as more:
        for name in CASES[len(found) :]:
            _run(more[name])
        found |= more
    print(json.dumps({name: len(entry.inputs) * entry.items for name, entry in found.items()}))


def _run(entry: Entry) -> None:
    for _ in range(2):
        deque(map(entry.one, entry.inputs), maxlen=0)
        os.getppid()


def count(kernel: str) -> dict[str, float]:
    """Return instructions per message of each case."""
    environment = {**os.environ, "FIXFAST_KERNEL": kernel, "PYTHONHASHSEED": "0"}
    fixed = ["setarch", "-R"] if shutil.which("setarch") else []  # the same addresses in each run
    with tempfile.TemporaryDirectory() as folder:
        # callgrind writes what it has counted, and starts again from 0, whenever getppid is entered
        options = ["--tool=callgrind", "--dump-before=getppid*", f"--callgrind-out-file={folder}/part"]
        command = [*fixed, "valgrind", *options, sys.executable, "-m", "benchmarks.gate", "--repeat"]
        ended = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)
        # part.1 is the start, part.2 the first case, part.3 the second's warming up, part.4 the second case
        parts = [Path(folder, f"part.{2 * position + 2}") for position in range(len(CASES))]
        if ended.returncode or not all(part.exists() for part in parts):
            raise RuntimeError(f"{kernel}: valgrind ended with {ended.returncode}\n{ended.stderr[-2000:]}")
        totals = [int(_TOTALS.findall(part.read_text())[0]) for part in parts]
    sizes = json.loads(ended.stdout)
    return {case: round(total / sizes[case], 1) for case, total in zip(CASES, totals, strict=True)}


def environment_name() -> str:
    """Return what counts depend on besides the code: the interpreter, the compiler, the machine's architecture."""
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    version = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=True).stdout.strip()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {Path(compiler).name} {version}, {platform.machine()}"


def compare(kept: Mapping[str, Mapping[str, float]], found: Counts, tolerance: float = TOLERANCE) -> list[str]:
    """Return a line for each case that costs more, or less, than it did, or that is new."""
    faults = []
    for kernel, cases in found.items():
        for case, now in cases.items():
            before = kept.get(kernel, {}).get(case)
            if before is None:
                faults.append(f"{kernel}, {case}: {now:,.1f} instructions, not kept yet")
            elif abs(now - before) > tolerance * before:
                change = (now / before - 1) * 100
                faults.append(f"{kernel}, {case}: {before:,.1f} -> {now:,.1f} instructions ({change:+.1f} %)")
    return faults


def _table(found: Counts) -> str:
    lines = ["| instructions per message | " + " | ".join(found) + " |", "|---|" + "---:|" * len(found)]
    lines += [f"| {case} | " + " | ".join(f"{found[kernel][case]:,.0f}" for kernel in found) + " |" for case in CASES]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Count and compare, or keep. Returns 0; 1: a count has changed; 2: no valgrind; 3: none kept for that."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--renew", action="store_true", help="keep what is counted now")
    parser.add_argument("--repeat", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.repeat:
        _repeat()
        return 0
    if shutil.which("valgrind") is None:
        print("bench-gate needs valgrind: it counts instructions", file=sys.stderr)
        return 2
    from fixfast.codec.scan import kernels

    name = environment_name()
    found = {kernel: count(kernel) for kernel in kernels.available() if kernel in COUNTABLE}
    kept = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    print(f"{_table(found)}\n\n{name}; within {TOLERANCE:.0%} of {COUNTS.name} is good.")
    if options.renew:
        COUNTS.write_text(json.dumps({**kept, name: {**kept.get(name, {}), **found}}, indent=1, sort_keys=True) + "\n")
        return 0
    if name not in kept:
        print(f"{COUNTS.name} has no counts for {name}; it has {', '.join(kept) or 'none'}. {RENEW}", file=sys.stderr)
        return 3
    faults = compare(kept[name], found)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print(RENEW, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
