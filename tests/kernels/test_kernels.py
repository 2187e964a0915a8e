"""Every kernel says what the scalar one says: on mutated messages in C, and through parse()."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.codec.scan import kernels
from tests.fuzz.native import files

HERE = Path(__file__).resolve().parent
#: 2,000,000 take 10 seconds. FIXFAST_KERNEL_SEED=... tries others than every run tries.
ROUNDS = int(os.environ.get("FIXFAST_KERNEL_ROUNDS", "1000000" if os.environ.get("CI") else "300000"))
SEED = int(os.environ.get("FIXFAST_KERNEL_SEED", "7"))
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")

needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


def _run(program: str, folder: Path, *arguments: int | Path, flags: tuple[str, ...] = ()) -> str:
    """Build a program of this folder and run it. Returns what it prints, the first line of which names every kernel."""
    out = folder / program
    subprocess.run(["sh", str(HERE / "build.sh"), program, str(out), *flags], check=True, timeout=120)
    done = subprocess.run([str(out), *map(str, arguments)], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = done.stdout.decode()
    # The same compiler is not always at hand: what is built here is at least what the package has.
    assert set(kernels.available()) <= _named(said)
    return said


def _named(said: str) -> set[str]:
    return set(said.splitlines()[0].partition(": ")[2].split())


@needs_compiler
def test_all_kernels_agree_and_read_nothing_outside_the_message(tmp_path: Path) -> None:
    said = _run("differential", tmp_path, ROUNDS, SEED)
    # Each of them, scalar apart, judged plain messages by itself: the program fails where one leaves them to scalar.
    for name in _named(said) - {"scalar"}:
        assert re.search(rf"^{name} handed over \d+ of \d+ messages, \d+ of [1-9]\d+ plain ones$", said, re.M)


@needs_compiler
def test_all_kernels_are_clean_under_sanitizers(tmp_path: Path) -> None:
    _run("differential", tmp_path, ROUNDS // 10, SEED, flags=SANITIZE)


@needs_compiler
def test_hostile_bodies_cost_every_kernel_time_that_grows_as_they_do(tmp_path: Path) -> None:
    _run("hostile", tmp_path, 4_000_000)


@needs_compiler
def test_what_fuzzing_kept_gives_the_same_under_every_kernel(tmp_path: Path) -> None:
    assert len(files()) > 30
    said = _run("fuzz", tmp_path, *files(), flags=(*SANITIZE, "-DREPLAY"))
    assert said.startswith(f"{len(files())} inputs:")


def test_kernel_is_the_best_one_unless_forced() -> None:
    forced = os.environ.get("FIXFAST_KERNEL")
    assert ff.kernel() == kernels.name() == (forced or kernels.available()[0])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 only")
@pytest.mark.parametrize("name", kernels.available())
def test_each_kernel_can_be_forced_and_parses_the_same(name: str) -> None:
    code = (
        "import fixfast as ff\n"
        "body = b'35=D\\x01' + b''.join(b'%d=%d=x\\x01' % (t, t) for t in range(300, 340 + 7 * 300, 7))\n"
        "m = b'8=FIX.4.4\\x019=%d\\x01' % len(body) + body\n"
        "m += b'10=%03d\\x01' % (sum(m) % 256)\n"
        "print(ff.kernel(), list(ff.parse(m)))\n"
    )
    said = {}
    for which in (name, "scalar"):
        env = {**os.environ, "FIXFAST_KERNEL": which}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        used, said[which] = done.stdout.split(" ", 1)
        assert used == which
    assert said[name] == said["scalar"]
