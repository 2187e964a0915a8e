"""Run the fuzz targets: with atheris (coverage-guided) where it is installed, else with a seeded mutator. The target
`kernels` is C, for libFuzzer (native.py).

    python -m tests.fuzz.run [--target stream] [--seconds 60] [--seed 1] [--processes 2] [FILE ...]

Files given are replayed. A finding is written to tests/fuzz/corpus/ and the run ends with exit code 1: mend the code,
keep the file, and `tests/fuzz/test_corpus.py` guards it from then on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

from tests.fuzz.native import NATIVE, fuzz, replay
from tests.fuzz.targets import TARGETS

__all__ = ["main"]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _keep(target: str, data: bytes) -> Path:
    kind = TARGETS[target].kind
    path = kind.path / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}{kind.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _scratch(target: str) -> Path:
    return Path(os.environ.get("FIXFAST_FUZZ_SCRATCH", "build/fuzz")) / target


def _seeded(target: str, seconds: float, seed: int) -> int:
    """Mutate the corpus for `seconds`. Returns the exit code."""
    check, kind = TARGETS[target].check, TARGETS[target].kind
    corpus, random = kind.seeds(), Random(seed)
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        data = kind.mutation(corpus, random)
        count += 1
        try:
            check(data)
        except Exception:
            traceback.print_exc()
            _say(f"{target}: input {count} of seed {seed} kept as {_keep(target, data)}")
            return 1
    _say(f"{target}: {count} inputs in {seconds:.0f} s (seed {seed}), no finding")
    return 0


def _atheris(target: str, seconds: float, seed: int) -> int:
    """Let atheris run in a process of its own (it ends the process it runs in). Returns the exit code."""
    scratch = _scratch(target)
    scratch.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.guided", target, str(scratch), str(TARGETS[target].kind.path)]
    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        "-max_len=6000",
        f"-artifact_prefix={scratch}/finding-",
    ]
    ended = subprocess.run([*command, *options], check=False)
    for finding in scratch.glob("finding-*"):
        if finding.is_file():
            _say(f"{target}: finding kept as {_keep(target, finding.read_bytes())}")
            finding.unlink()
    return ended.returncode


def _fuzz(target: str, *, seconds: float, seed: int, plain: bool) -> int:
    """Fuzz one target for `seconds`. Returns the exit code."""
    if target == NATIVE:
        return fuzz(seconds, seed, _scratch(NATIVE), plain=plain)
    run = _seeded if plain or find_spec("atheris") is None else _atheris
    return run(target, seconds, seed)


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments and fuzz. Returns the exit code: 1 when an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__.partition("\n\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--target", choices=sorted([*TARGETS, NATIVE]), action="append")
    parser.add_argument("--seconds", type=float, default=30.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="so many targets at once")
    parser.add_argument("--plain", action="store_true", help="use the seeded mutator even if atheris is installed")
    options = parser.parse_args(arguments)
    names = options.target or [*TARGETS, NATIVE]
    if options.files:
        for path in options.files:
            for name in names:
                if name != NATIVE and path.suffix == TARGETS[name].kind.suffix:
                    TARGETS[name].check(path.read_bytes())
        return replay(options.files, _scratch(NATIVE)) if NATIVE in names else 0
    run = partial(_fuzz, seconds=options.seconds, seed=options.seed, plain=options.plain)
    if options.processes == 1:
        return max(map(run, names))
    with ProcessPoolExecutor(options.processes) as pool:
        return max(pool.map(run, names))


if __name__ == "__main__":
    sys.exit(main())
