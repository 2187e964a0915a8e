"""kill -9 of QuickFIX, and of fixfast, while orders stream both ways: after the restart nothing is missing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.audit import read_books
from tests.crash.controller import Node
from tests.crash.ledger import Entry, read_ledger
from tests.crash.world import Options
from tests.engine.harness import free_port, run
from tests.interop.harness import ROLES, VERSIONS, Link, QuickFix, needs_quickfix, order, other

pytestmark = [
    needs_quickfix,
    pytest.mark.slow,
    pytest.mark.parametrize("version", VERSIONS),
    pytest.mark.parametrize("role", ROLES),
]


def test_B5_3_B5_5_quickfix_is_killed_in_mid_stream(role: str, version: str, tmp_path: Path) -> None:
    """Its FileStore has what it had sent; it is resent what it had not taken, marked as a possible duplicate."""

    async def main() -> None:
        async with Link(role, version, tmp_path, offline="store") as link:

            async def stream() -> None:
                for i in itertools.count():
                    link.session.send_nowait(*order(f"f-{i}"))
                    with contextlib.suppress(AssertionError):  # it is dead just now
                        link.quickfix.tell("order", f"q-{i}")
                    await asyncio.sleep(0.002)

            task = asyncio.create_task(stream())
            for kill in range(2):
                await asyncio.sleep(0.15 + 0.1 * kill)
                await link.quickfix.kill()
                await asyncio.sleep(0.05)
                mark = len(link.quickfix.lines)
                await link.quickfix.start()
                await link.logged_on(mark)
            task.cancel()
            await link.settled()
            ours, got = Counter(link.quickfix.got), link.trader.got
            last = f"f-{len([name for name in ours if name.startswith('f-')]) - 1}"
            assert all(f"f-{i}" in ours for i in range(int(last[2:]) + 1))
            # at least once; more than once only marked: QuickFIX counts a message after its program had it
            assert all(link.quickfix.marked(name) for name, count in ours.items() if count > 1)
            # from QuickFIX: each once, in order
            assert got == sorted(set(got), key=lambda name: int(name[2:]))
            await link.trade("after")
            link.no_rejects()

    run(main(), limit=60)


def _check(folder: Path, role: str, options: Options, quickfix: QuickFix, asked: int) -> None:
    """Hold our program's notes and journal against what QuickFIX's program got and sent."""
    ledger: list[Entry] = read_ledger(folder / f"{role}.ledger")
    got = [entry.values[1] for entry in ledger if entry.word == "got"]
    again = [entry.values[1] for entry in ledger if entry.word == "got" and entry.values[3] == "1"]
    assert sorted(set(got), key=lambda name: int(name[2:])) == [f"q-{i}" for i in range(asked)]
    assert all(name in again for name, count in Counter(got).items() if count > 1)
    assert list(dict.fromkeys(got)) == [f"q-{i}" for i in range(asked)], "in order"
    stored = read_books(options, folder)[role].names
    sent = {entry.values[0]: int(entry.values[1]) for entry in ledger if entry.word == "sent"}
    assert all(stored[name].number == number for name, number in sent.items())
    assert list(dict.fromkeys(quickfix.got)) == sorted(stored, key=lambda name: stored[name].number)
    assert all(count == 1 for count in Counter(quickfix.got).values())


def test_B5_1_B5_3_B5_4_B5_13_fixfast_is_killed_in_mid_stream(role: str, version: str, tmp_path: Path) -> None:
    """Its journal has what it had sent and what it had not dealt with; QuickFIX is asked for the rest."""

    async def main() -> None:
        tmp_path.chmod(0o700)
        options = Options(version, "journal", "lease", "callback", "store", False, 1)
        node = Node(role, tmp_path, options)
        port = free_port()
        quickfix = QuickFix(other(role), version, port, tmp_path)
        asked = 0
        try:
            if role == "initiator":
                await quickfix.start()
            for life in range(3):
                mark = len(quickfix.lines)
                await node.start(port, None)
                assert await node.ready()
                if role == "acceptor" and not life:
                    await quickfix.start()
                await quickfix.logged_on(mark)
                for _ in range(100):
                    quickfix.tell("order", f"q-{asked}")
                    asked += 1
                    await asyncio.sleep(0.002)
                if life < 2:
                    node.signal(signal.SIGKILL)
                    await node.dead()
            node.tell("quiet")

            async def agreed() -> bool:
                ours, theirs = await node.status(), await quickfix.status()
                return ours.get("state") == "ACTIVE" and (ours["next_out"], ours["next_in"]) == theirs

            for _ in range(300):
                if await agreed():
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("\n".join(quickfix.lines[-30:]))
            node.tell("stop")
            assert await node.dead() == 0
        finally:
            node.signal(signal.SIGKILL)
            await node.dead()
            await quickfix.kill()
        _check(tmp_path, role, options, quickfix, asked)

    run(main(), limit=60)
