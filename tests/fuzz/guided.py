"""Run one target under atheris: `python -m tests.fuzz.guided TARGET SCRATCH CORPUS [libFuzzer options]`.

The reference codec and the readers of dictionaries are instrumented, so their branches guide the search; the compiled
codec is what the reference is compared with. Inputs are damaged in the ways of their kind, and in libFuzzer's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

__all__: list[str] = []

atheris: Any = import_module("atheris")

with atheris.instrument_imports(include=["fixfast.codec.reference", "fixfast.dictionary"]):
    from tests.fuzz.kinds import Kind
    from tests.fuzz.targets import TARGETS


def mutator(kind: Kind) -> Callable[[bytes, int, int], bytes]:
    """Return what makes the next input from one that was found interesting."""
    seeds = kind.seeds()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if not data or random.random() < 0.3:
            changed: bytes = atheris.Mutate(data, max_size)
            return changed
        return kind.mutation([data, data, random.choice(seeds)], random)[:max_size]

    return mutate


if __name__ == "__main__":
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check, custom_mutator=mutator(target.kind))
    atheris.Fuzz()
