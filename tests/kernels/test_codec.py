"""The codec behaves the same under every kernel: its own tests, damaged messages by the hundred thousand, bounds.

A kernel is chosen when the codec is imported, so each one gets a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fixfast.codec.scan import kernels

ROOT = Path(__file__).resolve().parents[2]
#: FIXFAST_KERNEL_DIFF_ROUNDS damaged messages for each kernel: 100,000 take 15 seconds.
ROUNDS = int(os.environ.get("FIXFAST_KERNEL_DIFF_ROUNDS", "20000" if os.environ.get("CI") else "10000"))
SEED = int(os.environ.get("FIXFAST_DIFF_SEED", "20240102"))

#: The tests in which a kernel has a say.
SUITE = ("framing", "damage", "data_fields", "stream", "memory", "message", "properties", "columns")
#: ... and how much of them where they are random: they have run at length under the best kernel.
SHORTER = {"HYPOTHESIS_PROFILE": "dev", "FIXFAST_DIFF_ROUNDS": "2000"}

others = pytest.mark.parametrize("name", [name for name in kernels.available() if name != kernels.name()])


def _under(name: str, *command: str, **variables: str) -> str:
    """Run a Python command under a kernel. Returns what it prints."""
    env = {**os.environ, **variables, "FIXFAST_KERNEL": name}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"under {name}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
    return done.stdout


@cache
def _judged(name: str, *arguments: object) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_under(name, "-m", "tests.kernels.judging", *map(str, arguments)))
    assert said["kernel"] == name
    return said


@others
def test_the_tests_of_the_codec_pass_under_it(name: str) -> None:
    files = [f"tests/codec/test_{part}.py" for part in SUITE]
    # What runs on the reference alone knows no kernel, and what runs under every kernel itself need not do so again.
    wanted = "not [reference and not every_kernel_passes"
    said = _under(name, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", wanted, **SHORTER)
    assert " passed" in said


@others
def test_it_judges_damaged_messages_as_the_best_one_does(name: str) -> None:
    expected, found = (_judged(kernel, "mutated", ROUNDS, SEED) for kernel in (kernels.name(), name))
    differing = [
        block for block, (a, b) in enumerate(zip(expected["digests"], found["digests"], strict=True)) if a != b
    ]
    assert not differing, f"thousands of rounds in which {name} and {kernels.name()} differ, seed {SEED}: {differing}"
    assert expected["accepted"] == found["accepted"] > ROUNDS // 10


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    return {name: _judged(name, "hostile") for name in kernels.available()}


@pytest.mark.parametrize("name", kernels.available())
def test_hostile_streams_come_to_the_same_end_in_linear_time(name: str, hostile: dict[str, Any]) -> None:
    found, expected = hostile[name], hostile["scalar"]
    for stream in expected.keys() - {"kernel"}:
        assert found[stream]["outcome"] == expected[stream]["outcome"], stream
        short, long = found[stream]["seconds"]
        # Eight times the bytes: three times as long as that is for what else the machine does.
        assert long < 24 * short + 0.05, f"{stream}: {short} s, then {long} s"


def test_hostile_streams_reach_their_bounds(hostile: dict[str, Any]) -> None:
    outcomes = {name: value["outcome"] for name, value in hostile["scalar"].items() if name != "kernel"}
    for name, reasons in {
        "headers without a length": {"BODY_LENGTH"},
        "a length of nine digits": {"BODY_LENGTH"},
        "a length too large": {"TOO_LARGE"},
        "lengths that reach far": {"TRAILER"},
        "tiny fields": {"TOO_MANY_FIELDS"},
        "lengths and data": {"TOO_MANY_FIELDS"},
        "one value": {"5 fields"},
        "one data field of messages": {"6 fields"},
        "wrong in the last field": {"FIELD"},
        "noise": {"NOT_FIX"},
    }.items():
        assert set(outcomes[name]["items"]) == reasons, name
