"""Run the deterministic simulation.

    python -m tests.simulation --runs 20000 --seed 1 --processes 2 --budget 180
    python -m tests.simulation --seed 4711 --trace          one seed again, line by line

The exit code is 1 when a run fails: the first failing seed is printed with the end of its trace and the command that
shows all of it. A seed that failed goes into tests/simulation/seeds.txt together with the mend.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from itertools import chain

from tests.simulation.coverage import reachable
from tests.simulation.faults import FAULTS
from tests.simulation.mutants import MUTANTS
from tests.simulation.runner import Totals, kept_seeds, run_many, run_mutants, run_scope, run_seed, say
from tests.simulation.scope import every_event, every_operation

__all__ = ["main"]

#: So many runs meet every cell of cells.txt.
FOR_ALL_CELLS = 20_000


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="how many seeds (default 1000)")
    parser.add_argument("--seed", default="1", help="the first seed: a number, or a text (a commit hash) it is made of")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--budget", type=float, help="seconds; fewer runs than asked for are then a failure")
    parser.add_argument("--trace", action="store_true", help="run one seed and print what happened")
    parser.add_argument("--hash", action="store_true", help="print one hash of all that happens, to compare Pythons")
    parser.add_argument("--mutants", action="store_true", help="run the traps as mutants: each must be seen by a seed")
    parser.add_argument("--scope", action="store_true", help="a short conversation, each fault at each place, instead")
    parser.add_argument("--step", type=int, default=1, help="of --scope: only every n-th place")
    parser.add_argument("--cells", action="store_true", help="print how often each cell was met")
    return parser


def first_seed(text: str) -> int:
    """Return the number a text stands for: itself, or a commit hash read as one, small enough to be typed again."""
    if text.isdigit():
        return int(text)
    return int.from_bytes(text.encode(), "big") % 10**9


def _trace(seed: int) -> int:
    outcome = run_seed(seed)
    assert outcome.world is not None
    for line in outcome.world.trace:
        say(f"{line[0] / 1e9:12.6f}  " + " ".join(str(part) for part in line[1:]))
    say(outcome.failure or "every invariant holds")
    say(f"hash {outcome.world.hash}")
    return 1 if outcome.failure else 0


def _hash(seeds: range) -> int:
    digest = hashlib.sha256()
    for seed in seeds:
        world = run_seed(seed).world
        assert world is not None
        digest.update(world.hash.encode())
    say(f"seeds {seeds.start} to {seeds.stop - 1}: {digest.hexdigest()[:32]}")
    return 0


def _mutants(base: int, most: int, processes: int) -> int:
    survivors = []
    for killed in run_mutants(MUTANTS, base, most, processes):
        if killed.seed:
            say(f"{killed.name:16} killed by seed {killed.seed}, run {killed.runs} ({killed.cpu:.1f} s): {killed.rule}")
        else:
            survivors.append(killed.name)
            say(f"{killed.name:16} SURVIVED {killed.runs} runs ({killed.cpu:.1f} s): {MUTANTS[killed.name].effect}")
    say(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants killed")
    return 1 if survivors else 0


def _scope(step: int, processes: int) -> int:
    failed = False
    loops = (("fault of the menu at each event", every_event), ("failure at each operation of a disk", every_operation))
    for what, loop in loops:
        began = time.monotonic()
        runs, failures = run_scope(loop, step, processes)
        say(f"each {what}: {runs} runs, {len(failures)} failed, {time.monotonic() - began:.0f} s")
        for failure in failures[:2]:
            say(failure)
        failed = failed or bool(failures)
    return 1 if failed else 0


def _report(totals: Totals, seconds: float) -> None:
    per_run = 1000 * totals.cpu / max(totals.runs, 1)
    say(
        f"{totals.runs} runs, {totals.events} events, {totals.messages} messages, {totals.faults} faults "
        f"in {seconds:.0f} s ({totals.cpu:.0f} s of CPU, {per_run:.1f} ms a run)"
    )
    for layer in dict.fromkeys(fault.layer for fault in FAULTS.values()):
        kinds = [kind for kind, fault in FAULTS.items() if fault.layer == layer]
        say(f"  {layer}: " + ", ".join(f"{kind} {totals.counts[kind]}" for kind in kinds))
    others = sorted(kind for kind in totals.counts if kind not in FAULTS)
    say("  beside them: " + ", ".join(f"{kind} {totals.counts[kind]}" for kind in others))
    listed = reachable()
    met = len(listed & set(totals.cells))
    say(f"  cells (state, MsgType, number, PossDup): {met} of {len(listed)} reachable ones met")


def _fail(seed: int, failure: str) -> None:
    outcome = run_seed(seed)
    assert outcome.world is not None
    say(f"\nseed {seed} fails:")
    for line in outcome.world.trace[-25:]:
        say(f"{line[0] / 1e9:12.6f}  " + " ".join(str(part) for part in line[1:]))
    say(failure)
    say(f"again: python -m tests.simulation --seed {seed} --trace")


def main(argv: list[str] | None = None) -> int:
    """Run, print, return the exit code."""
    arguments = _arguments().parse_args(argv)
    base = first_seed(arguments.seed)
    if arguments.trace:
        return _trace(base)
    if arguments.hash:
        return _hash(range(base, base + arguments.runs))
    if arguments.mutants:
        return _mutants(base, arguments.runs, arguments.processes)
    if arguments.scope:
        return _scope(arguments.step, arguments.processes)
    began = time.monotonic()
    seeds = chain(kept_seeds(), range(base, base + arguments.runs))
    totals = run_many(seeds, processes=arguments.processes, budget=arguments.budget)
    say(f"seeds {base} to {base + arguments.runs - 1}, and the kept ones")
    _report(totals, time.monotonic() - began)
    if arguments.cells:
        for cell, count in sorted(totals.cells.items()):
            say(f"{' '.join(cell)}: {count}")
    if totals.failures:
        say(f"failing seeds: {sorted(seed for seed, _ in totals.failures)}")
        _fail(*totals.failures[0])
        return 1
    missing = reachable() - set(totals.cells)
    if missing and arguments.runs >= FOR_ALL_CELLS:
        say("cells of cells.txt that no run met: " + "; ".join(" ".join(cell) for cell in sorted(missing)))
        return 1
    if totals.runs < arguments.runs:
        say(f"only {totals.runs} of {arguments.runs} runs fit into the budget")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
