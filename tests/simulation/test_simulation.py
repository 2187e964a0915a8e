"""A small simulation with every test run, and that the simulator is what it says: one seed, one history."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.runner import kept_seeds, run_mutants, run_seed
from tests.simulation.scope import every_event, every_operation

RUNS = 150


@pytest.mark.parametrize("first", range(0, RUNS, 10))
def test_whatever_fails_nothing_is_lost_nothing_comes_twice(first: int) -> None:
    for seed in range(first, first + 10):
        outcome = run_seed(seed)
        assert not outcome.failure, f"seed {seed}: {outcome.failure}"


@pytest.mark.parametrize("seed", kept_seeds())
def test_seeds_that_failed_once(seed: int) -> None:
    assert not run_seed(seed).failure


@pytest.mark.parametrize("seed", range(20))
def test_one_seed_is_one_history(seed: int) -> None:
    first, second = run_seed(seed).world, run_seed(seed).world
    assert first is not None
    assert second is not None
    assert first.trace == second.trace
    assert first.hash == second.hash
    assert first.events == second.events


@pytest.mark.parametrize("name", ["T3", "T5", "T9", "T10 no sync", "T14", "B2 done first"])
def test_traps_are_seen(name: str) -> None:
    """Some of the mutants; `python -m tests.simulation --mutants` runs all."""
    killed = next(run_mutants([name], 1, 1000, 1))
    assert killed.seed, f"{name} survived {killed.runs} runs"


def test_one_fault_at_many_places_of_a_short_conversation() -> None:
    """Every n-th place; `python -m tests.simulation --scope` tries all."""
    for case, failure in every_event(("FIX.4.4",), 29):
        assert not failure, f"{case}: {failure}"


def test_many_operations_of_a_disk_fail() -> None:
    for case, failure in every_operation(("FIX.4.2",), 29):
        assert not failure, f"{case}: {failure}"


def test_one_seed_is_one_history_on_every_interpreter() -> None:
    """Whatever the order of its sets is: a process of its own, with another PYTHONHASHSEED, has the same hash."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--trace"]
    root = Path(__file__).resolve().parents[2]
    hashes = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        hashes.add(done.stdout.strip().splitlines()[-1])
    assert len(hashes) == 1
