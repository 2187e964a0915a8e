"""Every input ever found interesting keeps its invariants, and so do a few hundred mutations of each run."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.run import CORPUS, mutation
from tests.fuzz.targets import TARGETS

FILES = sorted(CORPUS.glob("*.fix"))
ROUNDS = int(os.environ.get("FIXFAST_FUZZ_ROUNDS", "300"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_corpus_keeps_the_invariant(path: Path, target: str) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_keep_the_invariant(target: str) -> None:
    corpus, random = [path.read_bytes() for path in FILES], Random(20260105)
    for _ in range(ROUNDS):
        data = mutation(corpus, random)
        try:
            TARGETS[target](data)
        except Exception as error:
            raise AssertionError(f"{target} breaks on {data!r}") from error


def test_mutator_is_repeatable() -> None:
    corpus = [path.read_bytes() for path in FILES]
    first, second = ([mutation(corpus, Random(seed)) for seed in range(20)] for _ in range(2))
    assert first == second
