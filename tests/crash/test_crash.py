"""Kill -9 in real processes on real sockets and files. 30 rounds here; `make crash` does 200."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.audit import audit, read_books
from tests.crash.campaign import Total, campaign, world
from tests.crash.wire import Connection
from tests.crash.world import KINDS, POLICIES, Options

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")

SEED = int(os.environ.get("FIXFAST_CRASH_SEED") or random.SystemRandom().getrandbits(32))
ROUNDS = 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_B5_1_B5_2_B5_3_B5_4_B5_5_B5_6_B5_7_B5_8_B5_12_B5_13_kill_9(tmp_path: Path, policy: str, kind: str) -> None:
    """Nothing lost, nothing numbered twice, nothing delivered twice unmarked, in order, and in the end they agree."""
    seed = SEED + POLICIES.index(policy)
    total, faults = campaign(ROUNDS, seed, tmp_path, per_world=ROUNDS, policies=[policy], kinds=[kind])
    assert not faults, f"seed {seed}:\n" + "\n".join(faults[:20])
    assert total.audit["sent"] > 0
    assert total.done


# --- the audit itself: what it is for, it sees -------------------------------------------------------------------

OPTIONS = Options("FIX.4.4", "journal", "none", "callback", "store", False, 1)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Connection]]:
    """A world that is over, and nothing is wrong with it."""
    folder = tmp_path_factory.mktemp("lived")
    folder.chmod(0o700)
    total = Total()
    assert world(OPTIONS, 2, "for the audit", folder, total) == []
    return folder, total.connections


def _edit(path: Path, change: Callable[[list[str]], object]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    change(lines)
    path.write_text("".join(lines))


def _got(lines: list[str]) -> list[int]:
    return [i for i, line in enumerate(lines) if line.startswith("got ")]


def _lose(folder: Path, connections: list[Connection]) -> None:
    _edit(folder / "acceptor.ledger", lambda lines: lines.pop(_got(lines)[3]))


def _deliver_twice(folder: Path, connections: list[Connection]) -> None:
    _edit(folder / "acceptor.ledger", lambda lines: lines.insert(_got(lines)[-1], lines[_got(lines)[-1]]))


def _swap(folder: Path, connections: list[Connection]) -> None:
    def swap(lines: list[str]) -> None:
        a, b = _got(lines)[4:6]
        lines[a], lines[b] = lines[b], lines[a]

    _edit(folder / "initiator.ledger", swap)


def _forget_a_number(folder: Path, connections: list[Connection]) -> None:
    def back(lines: list[str]) -> None:
        last = max(i for i, line in enumerate(lines) if line.startswith("up "))
        lines[last] = "up 1 1 1 1 0\n"

    _edit(folder / "initiator.ledger", back)


def _another_content(folder: Path, connections: list[Connection]) -> None:
    """Put 'another message under the same number' on the line."""
    for connection in connections:
        raw = bytes(connection.bytes["initiator"])
        found = re.search(rb"\x0138=100\x01.{1,40}?\x0110=(\d{3})\x01", raw, re.DOTALL)
        if found:
            total = (int(found[1]) + 1) % 256
            changed = (
                found[0].replace(b"\x0138=100\x01", b"\x0138=101\x01").replace(b"10=" + found[1], b"10=%03d" % total)
            )
            connection.bytes["initiator"] = bytearray(raw.replace(found[0], changed, 1))
            return
    raise AssertionError("no order on the line")


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (_lose, "nothing of|never delivered"),
        (_deliver_twice, "without redelivered"),
        (_swap, "behind"),
        (_forget_a_number, "went back|begins with NOUT"),
        (_another_content, "not in the journal|other content"),
    ],
)
def test_the_audit_sees(
    lived: tuple[Path, list[Connection]], tmp_path: Path, harm: Callable[[Path, list[Connection]], None], complaint: str
) -> None:
    folder, connections = (
        tmp_path / "copy",
        [Connection(c.lives, {k: bytearray(v) for k, v in c.bytes.items()}) for c in lived[1]],
    )
    shutil.copytree(lived[0], folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    books = read_books(OPTIONS, folder)
    assert audit(OPTIONS, folder, connections, books).faults == []
    harm(folder, connections)
    faults = audit(OPTIONS, folder, connections, books).faults
    assert any(re.search(complaint, fault) for fault in faults), faults
