"""Every input ever found interesting keeps its invariants, and so do some hundred mutations of each run."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.kinds import KINDS
from tests.fuzz.targets import TARGETS

#: How much time the mutations of one target get, in units of about a millisecond.
ROUNDS = int(os.environ.get("FIXFAST_FUZZ_ROUNDS", "300"))
FILES = [(name, path) for name, target in TARGETS.items() for path in target.kind.files()]


@pytest.mark.parametrize(("target", "path"), FILES, ids=[f"{name}-{path.stem}" for name, path in FILES])
def test_corpus_keeps_the_invariant(path: Path, target: str) -> None:
    TARGETS[target].check(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_keep_the_invariant(target: str) -> None:
    kind, random = TARGETS[target].kind, Random(20260105)
    corpus = kind.seeds()
    for _ in range(max(10, round(ROUNDS / TARGETS[target].cost))):
        data = kind.mutation(corpus, random)
        try:
            TARGETS[target].check(data)
        except Exception as error:
            raise AssertionError(f"{target} breaks on {data!r}") from error


@pytest.mark.parametrize("kind", KINDS)
def test_mutator_is_repeatable(kind: str) -> None:
    corpus = KINDS[kind].seeds()
    first, second = ([KINDS[kind].mutation(corpus, Random(seed)) for seed in range(20)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 10, "it hardly changes anything"
