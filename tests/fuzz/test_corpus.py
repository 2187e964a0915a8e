"""Every input ever found interesting keeps its invariants, and so do a few hundred mutations of each run."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.mutate import mutated, repaired
from tests.fuzz.run import CORPUS
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
        data = mutated(random.choice(corpus), random, corpus)
        try:
            TARGETS[target](data)
        except Exception as error:
            raise AssertionError(f"{target} breaks on {data!r}") from error


def test_mutator_is_repeatable() -> None:
    corpus = [path.read_bytes() for path in FILES]
    first, second = ([mutated(corpus[0], Random(seed), corpus) for seed in range(20)] for _ in range(2))
    assert first == second


def test_repaired_message_is_whole() -> None:
    assert repaired(b"8=FIX.4.4\x019=1\x0135=0\x0110=1\x01") == b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"
