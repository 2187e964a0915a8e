"""Run the fuzz target that is written in C, tests/kernels/fuzz.c: no pass through Python, a hundred times the inputs.

With clang's libFuzzer where that is installed (Debian: clang, libclang-rt-14-dev). Elsewhere the kept corpus is tried
once: the differential test of tests/kernels makes inputs of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.seeds import CORPUS

__all__ = ["NATIVE", "files", "fuzz", "replay"]

NATIVE = "kernels"
FOLDER = CORPUS / NATIVE
SOURCES = Path(__file__).resolve().parents[1] / "kernels"
SANITIZE = ("-g", "-fno-sanitize-recover=undefined")


def files() -> list[Path]:
    """Return the kept inputs."""
    return sorted(FOLDER.glob("*.fix"))


def fuzz(seconds: float, seed: int, scratch: Path, *, plain: bool = False) -> int:
    """Fuzz for `seconds`, or try the corpus where there is no libFuzzer or `plain` says so. Returns the exit code."""
    scratch.mkdir(parents=True, exist_ok=True)
    compiler = None if plain else _clang(scratch)
    if compiler is None:
        return replay(files(), scratch)
    program = _build(compiler, scratch / "fuzz", "-fsanitize=fuzzer,address,undefined")
    found = scratch / "corpus"
    found.mkdir(exist_ok=True)
    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        "-max_len=1000",
        "-verbosity=0",
        "-print_final_stats=1",
        f"-dict={SOURCES / 'fuzz.dict'}",
        f"-artifact_prefix={scratch}/finding-",
    ]
    ended = subprocess.run([program, *options, found, FOLDER], check=False)
    for finding in scratch.glob("finding-*"):
        kept = FOLDER / f"{NATIVE}-{hashlib.sha256(finding.read_bytes()).hexdigest()[:12]}.fix"
        shutil.move(finding, kept)
        sys.stdout.write(f"{NATIVE}: finding kept as {kept}\n")
    return ended.returncode


def replay(paths: Iterable[Path], scratch: Path) -> int:
    """Try each input once, in a program made by the usual compiler. Returns the exit code."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        sys.stdout.write(f"{NATIVE}: needs Linux and a C compiler\n")
        return 0
    scratch.mkdir(parents=True, exist_ok=True)
    program = _build("cc", scratch / "replay", "-fsanitize=address,undefined", "-DREPLAY")
    ended = subprocess.run([program, *paths], check=False, capture_output=True, text=True)
    sys.stdout.write(f"{NATIVE}: {ended.stdout}{ended.stderr}")
    return ended.returncode


def _build(compiler: str, out: Path, *flags: str) -> Path:
    command = ["sh", str(SOURCES / "build.sh"), "fuzz", str(out), *SANITIZE, *flags]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "CC": compiler})
    return out.resolve()


def _clang(scratch: Path) -> str | None:
    """Return a clang that links libFuzzer."""
    program = "#include <stddef.h>\nint LLVMFuzzerTestOneInput(const char *p, size_t n) { return !p && n; }\n"
    for name in ("clang", *(f"clang-{version}" for version in range(25, 11, -1))):
        if shutil.which(name) is None:
            continue
        command = [name, "-fsanitize=fuzzer,address", "-x", "c", "-", "-o", str(scratch / "probe")]
        if subprocess.run(command, input=program, text=True, check=False, capture_output=True).returncode == 0:
            return name
    sys.stdout.write(f"{NATIVE}: no clang with libFuzzer (Debian: clang, libclang-rt-14-dev): only the corpus\n")
    return None
