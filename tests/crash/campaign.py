"""Many rounds of killing, in several worlds of different options; the sum of what was done and found.

    python -m tests.crash [--rounds 200] [--seed N] [--policy lease] [--keep FOLDER]

A world is a pair of processes that live through some rounds of kills on the same stores, and is audited in the end.
What happens in a world is random on purpose and cannot be repeated exactly: the kernel decides, too. Of a failure stay
the folder with journals and ledgers, and the list of faults.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from random import Random

from tests.crash.audit import Audit, audit, read_books
from tests.crash.controller import Controller
from tests.crash.wire import Connection
from tests.crash.world import KINDS, POLICIES, Options, draw

__all__ = ["Total", "campaign", "main"]

#: rounds before a pair of processes is audited
ROUNDS = 10


class Total:
    """What a campaign did."""

    def __init__(self) -> None:
        self.worlds = 0
        self.rounds = 0
        self.done: Counter[str] = Counter()
        self.audit: Counter[str] = Counter()
        self.connections: list[Connection] = []  # of the last world

    def add(self, rounds: int, controller: Controller, result: Audit) -> None:
        """Add one world."""
        self.worlds += 1
        self.rounds += rounds
        self.done += controller.done
        self.connections = controller.proxy.connections
        for item in fields(result):
            if item.name != "faults":
                self.audit[item.name] += getattr(result, item.name)

    def __str__(self) -> str:
        kills = sum(n for name, n in self.done.items() if name.startswith("kill"))
        lines = [f"{self.rounds} rounds in {self.worlds} worlds, {kills} kills"]
        lines += [f"    {n:6d} {name}" for name, n in sorted(self.done.items())]
        lines += [f"    {n:6d} messages {name.replace('_', ' ')}" for name, n in self.audit.items()]
        return "\n".join(lines)


def world(options: Options, rounds: int, seed: str, folder: Path, total: Total) -> list[str]:
    """Run one world; return its faults."""
    controller = Controller(options, folder, seed)
    faults = []
    try:
        asyncio.run(controller.run(rounds))
    except AssertionError as error:
        faults.append(f"{type(error).__name__}: {error}")
    try:
        result = audit(options, folder, controller.proxy.connections, read_books(options, folder))
    except AssertionError as error:
        return [*faults, str(error)]
    total.add(rounds, controller, result)
    return faults + result.faults


def campaign(
    rounds: int, seed: int, folder: Path, *, per_world: int = ROUNDS, policies: Sequence[str] = POLICIES,
    kinds: Sequence[str] = KINDS, reset: bool = True, say: bool = False,
) -> tuple[Total, list[str]]:  # fmt: skip
    """Run so many rounds, every policy in turn, up to the first world with faults: what was done, and these."""
    total, random = Total(), Random(seed)
    while total.rounds < rounds:
        number = total.worlds + 1
        policy = policies[total.worlds % len(policies)]
        options = draw(random, kinds=kinds, policy=policy, reset=reset)
        place = folder / f"world{number}"
        place.mkdir(mode=0o700)
        began = time.monotonic()
        faults = world(options, min(per_world, rounds - total.rounds), f"{seed}.{number}", place, total)
        if say:
            sys.stdout.write(
                f"world {number}: {options.text()} {time.monotonic() - began:.1f} s, faults: {len(faults)}\n"
            )
            sys.stdout.flush()
        if faults:
            return total, [f"in {place}, {options.text()}:", *faults]
        shutil.rmtree(place)
    return total, []


def main(arguments: list[str] | None = None) -> int:
    """Parse arguments and run. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="of the stores; default: all in turn")
    parser.add_argument("--kind", choices=KINDS, action="append", help="of stores; default: all")
    parser.add_argument("--no-reset", action="store_true", help="leave resets of the sequence numbers out")
    parser.add_argument("--keep", type=Path, help="where the journals of a failure go; default: a new folder in /tmp")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else int(time.time())
    folder = options.keep or Path(tempfile.mkdtemp(prefix="fixfast-crash-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sys.stdout.write(f"seed {seed}, files in {folder}\n")
    total, faults = campaign(
        options.rounds,
        seed,
        folder,
        policies=options.policy or POLICIES,
        kinds=options.kind or KINDS,
        reset=not options.no_reset,
        say=True,
    )
    sys.stdout.write(f"{total}\n")
    for fault in faults[:40]:
        sys.stdout.write(f"FAULT {fault[:600]}\n")
    if not faults:
        shutil.rmtree(folder)
    return 1 if faults else 0
