"""Each kernel is compiled with the flags that its compiler takes, and is left out where it takes none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fixfast

ROOT = Path(fixfast.__file__).parents[1]
if not (ROOT / "setup.py").is_file():
    pytest.skip("not run from a source tree", allow_module_level=True)
pytest.importorskip("Cython")

posix = pytest.mark.skipif(os.name != "posix" or shutil.which("cc") is None, reason="needs cc")


def build_command(folder: Path, **compiler: Any) -> Any:
    """Return setup.py's build_ext, with a compiler made of these attributes."""
    from distutils.core import run_setup

    command: Any = run_setup(str(ROOT / "setup.py"), stop_after="init").get_command_obj("build_ext")
    command.compiler = SimpleNamespace(**compiler)
    command.build_temp = str(folder)
    return command


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@posix
def test_flags_are_those_that_the_compiler_takes(tmp_path: Path) -> None:
    machine = subprocess.run(["cc", "-dumpmachine"], capture_output=True, text=True, check=True).stdout.partition("-")[
        0
    ]
    command = build_command(tmp_path, compiler_type="unix", compiler_so=["cc"])
    taken = {name for name in ("avx2.c", "avx512.c", "neon.c") if command.kernel_flags(name)}
    assert taken == {"x86_64": {"avx2.c", "avx512.c"}, "aarch64": {"neon.c"}}.get(machine, set())


@posix
@pytest.mark.parametrize("kind", ["old", "two processors"])
def test_a_kernel_whose_flags_are_not_taken_is_compiled_without(tmp_path: Path, kind: str) -> None:
    condition = {"old": "*vbmi2*", "two processors": "*-mavx*|*-fno-tree*"}[kind]
    cc = script(tmp_path / "cc", f'case "$*" in {condition}) exit 1 ;; esac\nexec cc "$@"')
    command = build_command(tmp_path, compiler_type="unix", compiler_so=[str(cc)])
    assert command.kernel_flags("avx512.c") == []
    if kind == "two processors":
        assert command.kernel_flags("avx2.c") == command.kernel_flags("neon.c") == []


@pytest.mark.parametrize(("platform", "flags"), [("win-amd64", ["/arch:AVX2"]), ("win-arm64", []), ("win32", [])])
def test_msvc_compiles_the_avx2_kernel_for_avx2_and_nothing_else(
    tmp_path: Path, platform: str, flags: list[str]
) -> None:
    calls: dict[str, list[str]] = {}

    def compile_(sources: list[str], *, extra_postargs: list[str], **_: Any) -> list[str]:
        (source,) = sources
        calls[Path(source).name] = extra_postargs
        return [f"{source}.obj"]

    command = build_command(tmp_path, compiler_type="msvc", compile=compile_)
    command.plat_name = platform
    (ext,) = (ext for ext in command.distribution.ext_modules if ext.name == "fixfast.codec.scan.kernels")
    ext.extra_compile_args = ["/O2"]
    kernels = [source for source in ext.sources if Path(source).name in ("avx2.c", "avx512.c", "neon.c")]
    objects = command.compile_kernels(ext, kernels)
    assert objects == [f"{source}.obj" for source in kernels]
    assert calls == {"avx2.c": ["/O2", *flags], "avx512.c": ["/O2"], "neon.c": ["/O2"]}


@posix
@pytest.mark.packaging
def test_an_old_compiler_builds_the_kernels_that_it_knows(tmp_path: Path) -> None:
    cc = script(tmp_path / "cc", 'case "$*" in *-mavx512*) exit 1 ;; esac\nexec cc "$@"')
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "fixfast", tree / "fixfast", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    env = {**os.environ, "CC": str(cc), "FIXFAST_EXTENSIONS": "fixfast.codec.scan.kernels", "PYTHONPATH": ""}
    env.pop("FIXFAST_KERNEL", None)
    for command in (
        ["setup.py", "--quiet", "build_ext", "--inplace"],
        ["-c", "from fixfast.codec.scan import kernels as k; assert 'avx512' not in k.available(), k.__file__"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=tree, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
