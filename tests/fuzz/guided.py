"""Run one target under atheris: `python -m tests.fuzz.guided TARGET SCRATCH CORPUS [libFuzzer options]`.

The reference codec and the readers of dictionaries are instrumented, so their branches guide the search; the compiled
codec is what the reference is compared with.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__: list[str] = []

atheris: Any = import_module("atheris")

with atheris.instrument_imports(include=["fixfast.codec.reference", "fixfast.dictionary"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]].check)
    atheris.Fuzz()
