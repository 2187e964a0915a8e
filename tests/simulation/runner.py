"""Many runs: on several processes, within a budget, with everything added up."""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.simulation.coverage import Cells
from tests.simulation.faults import FAULTS, weights
from tests.simulation.mutants import mutated
from tests.simulation.plan import VERSIONS, draw
from tests.simulation.scope import Case
from tests.simulation.world import World

__all__ = [
    "SEEDS",
    "Killed",
    "Outcome",
    "Totals",
    "kept_seeds",
    "run_many",
    "run_mutants",
    "run_scope",
    "run_seed",
    "say",
]

#: Seeds that failed once; they are run always.
SEEDS = Path(__file__).with_name("seeds.txt")
_CHUNK = 50


@dataclass
class Outcome:
    """How one run ended. `failure`: what did not hold, with its traceback; empty: all did."""

    seed: int
    failure: str
    hash: str
    world: World | None


@dataclass
class Totals:
    """What many runs add up to."""

    runs: int = 0
    events: int = 0
    messages: int = 0
    cpu: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How many faults happened; what every network does (split, merge, would-block ...) is not one."""
        return sum(count for kind, count in self.counts.items() if kind in FAULTS)

    def add(self, other: Totals) -> None:
        self.runs += other.runs
        self.events += other.events
        self.messages += other.messages
        self.cpu += other.cpu
        self.counts.update(other.counts)
        self.cells.update(other.cells)
        self.failures += other.failures


def run_seed(seed: int, *, cells: Cells | None = None) -> Outcome:
    """Run one seed."""
    world = World(draw(seed, weights()), cells=cells)
    failure = ""
    try:
        world.run()
    except Exception:
        failure = traceback.format_exc()
    except BaseException as error:  # a Crash that nobody caught is a bug of the simulator
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        failure = traceback.format_exc()
    return Outcome(seed, failure, world.hash if failure else "", world)


def kept_seeds() -> list[int]:
    """Read the seeds that failed once."""
    lines = SEEDS.read_text().splitlines() if SEEDS.exists() else []
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


#: What shows that a mutant's patch is wrong, not that the simulator has seen its mistake.
_BROKEN = ("AttributeError", "NameError", "TypeError", "KeyError", "IndexError", "AssertionError")


class Killed(NamedTuple):
    """How a mutant ended: the seed that showed it (0: none did), how many runs it took, what did not hold."""

    name: str
    seed: int
    runs: int
    rule: str
    cpu: float


def _kill(name: str, base: int, most: int) -> Killed:
    began = time.process_time()
    with mutated(name):
        for seed in range(base, base + most):
            outcome = run_seed(seed)
            if outcome.failure:
                if any(f"\n{broken}: " in outcome.failure for broken in _BROKEN):
                    raise RuntimeError(f"the mutant {name} does not fit the code any more:\n{outcome.failure}")
                rule = outcome.failure.strip().splitlines()[-1].rpartition("account.")[2][:90]
                return Killed(name, seed, seed - base + 1, rule, time.process_time() - began)
    return Killed(name, 0, most, "", time.process_time() - began)


def run_mutants(names: Iterable[str], base: int, most: int, processes: int) -> Iterator[Killed]:
    """Run seeds with each mutant until one shows it, at most `most`."""
    if processes <= 1:
        for name in names:
            yield _kill(name, base, most)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(_kill, base=base, most=most), names)


def _scope_part(loop: Callable[..., Iterator[tuple[Case, str]]], version: str, step: int) -> tuple[int, list[str]]:
    runs, failures = 0, []
    for case, failure in loop((version,), step):
        runs += 1
        if failure:
            failures.append(f"{case}\n{failure}")
    return runs, failures[:3]


def run_scope(loop: Callable[..., Iterator[tuple[Case, str]]], step: int, processes: int) -> tuple[int, list[str]]:
    """Run one of the complete loops of scope.py, version by version. Returns how many runs, and what did not hold."""
    part = partial(_scope_part, loop, step=step)
    if processes <= 1:
        parts = [part(version) for version in VERSIONS]
    else:
        with ProcessPoolExecutor(processes) as pool:
            parts = list(pool.map(part, VERSIONS))
    return sum(runs for runs, _ in parts), [failure for _, failures in parts for failure in failures]


def _run_chunk(seeds: list[int]) -> Totals:
    totals, cells, began = Totals(), Cells(), time.process_time()
    for seed in seeds:
        outcome = run_seed(seed, cells=cells)
        world = outcome.world
        assert world is not None
        totals.runs += 1
        totals.events += world.events
        totals.messages += sum(world.messages)
        totals.counts.update(world.counts)
        if outcome.failure:
            totals.failures.append((seed, outcome.failure))
    totals.cells.update(cells.met_)
    totals.cpu = time.process_time() - began
    return totals


def _chunks(seeds: Iterable[int]) -> Iterator[list[int]]:
    chunk: list[int] = []
    for seed in seeds:
        chunk.append(seed)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def run_many(seeds: Iterable[int], *, processes: int = 1, budget: float | None = None, most: int = 3) -> Totals:
    """Run seeds until they are used up, the budget (seconds) is, or `most` have failed."""
    totals, began = Totals(), time.monotonic()

    def enough() -> bool:
        return len(totals.failures) >= most or (budget is not None and time.monotonic() - began > budget)

    chunks = _chunks(seeds)
    if processes <= 1:
        for chunk in chunks:
            totals.add(_run_chunk(chunk))
            if enough():
                break
        return totals
    with ProcessPoolExecutor(processes) as pool:
        waiting: set[Future[Totals]] = set()
        for chunk in chunks:
            waiting.add(pool.submit(_run_chunk, chunk))
            if len(waiting) >= 2 * processes:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    totals.add(future.result())
            if enough():
                break
        for future in waiting:
            totals.add(future.result())
    return totals


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
