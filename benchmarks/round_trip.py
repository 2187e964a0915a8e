"""`python -m benchmarks.round_trip`: an order and its report over loopback, and orders one way, for every front end.

Two processes for each contestant, venue and bot, both of the same kind: a floor talks to a floor, fixfast to fixfast,
a rival to itself. Contestants take turns round by round, with fresh processes each time, first with both processes
pinned to one core (the regression setting: no idle core has to wake up), then to two. Reported are the median over
rounds of p50 and p99, p99.9 of all trips together, processor time of both processes for one trip, the median rate one
way, counted until the venue says that it has got the last order, and processor time of both for one of these orders.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.front_ends import Contestant, Outcome, Plan, contestants, load
from benchmarks.front_ends.contestants import FLOORS
from benchmarks.runner import CORES, describe_machine

__all__ = ["Row", "main", "one_round", "race", "table"]

#: seconds in which a round that hangs is given up
_PATIENCE = 60.0
_ROOT = Path(__file__).parents[1]


@dataclass
class Row:
    """A contestant and what its rounds gave."""

    contestant: Contestant
    rounds: list[Outcome] = field(default_factory=list)
    failed: str = ""

    def quantile_us(self, part: float) -> float:
        """Return the median over rounds of a quantile, us."""
        return median(_quantile(one.times, part) for one in self.rounds) / 1000

    def tail_us(self, part: float) -> float:
        """Return a quantile of all trips together, us."""
        return _quantile([ns for one in self.rounds for ns in one.times], part) / 1000

    @property
    def cpu_us(self) -> float:
        """Processor time of both processes for one trip, us."""
        return median(one.cpu_ns for one in self.rounds) / 1000

    @property
    def rate(self) -> float:
        """Messages a second one way."""
        return median(one.burst * 1e9 / one.burst_ns for one in self.rounds)

    @property
    def message_us(self) -> float:
        """Processor time of both processes for one message one way, us."""
        return median(one.burst_cpu_ns for one in self.rounds) / 1000

    @property
    def lost(self) -> int:
        """Orders that were sent and did not arrive, or arrived more than once."""
        return sum(abs(one.sent - one.counted) for one in self.rounds)


def _quantile(times: Sequence[int], part: float) -> int:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def one_round(contestant: Contestant, plan: Plan, cores: Sequence[int]) -> Outcome:
    """Start both processes, let them trade, return what the bot saw.

    Raises: RuntimeError: one of them failed.
    """
    command = [sys.executable, "-m", "benchmarks.round_trip", "--child"]

    def start(side: str, plan: Plan, port: int, core: int | None) -> subprocess.Popen[str]:
        job = {"contestant": asdict(contestant), "plan": asdict(plan), "side": side, "port": port, "core": core}
        pipe = subprocess.PIPE
        return subprocess.Popen([*command, json.dumps(job)], cwd=_ROOT, stdin=pipe, stdout=pipe, text=True)

    venue = start("venue", plan, 0, cores[0] if cores else None)
    bot: subprocess.Popen[str] | None = None
    try:
        assert venue.stdout is not None
        line = venue.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError(f"{contestant.name}: the venue did not start")
        plan = Plan(**{**asdict(plan), "venue": venue.pid})
        bot = start("bot", plan, int(line.split()[1]), cores[-1] if cores else None)
        said, _ = bot.communicate(timeout=_PATIENCE)
        if bot.returncode:
            raise RuntimeError(f"{contestant.name}: the bot ended with {bot.returncode}")
        return Outcome(**json.loads(said))
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{contestant.name}: no end in {_PATIENCE:.0f} s") from error
    finally:
        for process in (bot, venue):
            if process is not None:
                process.kill()
                process.communicate()


def _child(job: dict[str, Any]) -> None:
    """Be one of the two processes."""
    logging.disable(logging.WARNING)
    core = job["core"]
    if core is not None:
        os.sched_setaffinity(0, {core})
    contestant, plan = Contestant(**job["contestant"]), Plan(**job["plan"])
    module = load(contestant)
    if job["side"] == "venue":
        module.venue(plan, lambda port: print("port", port, flush=True))
    else:
        outcome = module.bot(plan, job["port"])
        print(json.dumps(outcome.as_dict()), flush=True)
    os._exit(0)  # a rival's threads may not want to end


def race(
    who: Sequence[Contestant], rounds: int, cores: Sequence[int], folder: Path | None = None, **options: Any
) -> list[Row]:
    """Let contestants take turns.

    Args: cores: one or two to pin to; none: not pinned. folder: where stores go. options: of Plan.
    """
    rows = [Row(contestant) for contestant in who]
    spin = "spin" if len(set(cores)) > 1 else "yield"
    for _ in range(rounds):
        for row in rows:
            contestant = row.contestant
            if row.failed:
                continue
            with tempfile.TemporaryDirectory(dir=folder) as place:
                idle = spin if contestant.idle else ""
                plan = Plan(contestant.kind, contestant.store, idle, place, **options)
                try:
                    row.rounds.append(one_round(contestant, plan, cores))
                except RuntimeError as error:
                    row.failed = str(error)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return Markdown: one row a contestant, and how many times its floor's round trip takes."""
    head = "| front end, store | survives | p50, us | x floor | p99, us | p99.9, us | CPU, us "
    lines = [
        head + "| one way, msg/s | CPU, us | lost |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    done = {row.contestant.name: row for row in rows if row.rounds}
    for row in rows:
        name = row.contestant.name
        if not row.rounds:
            lines.append(f"| {name} | {row.failed} |" + " - |" * 8)
            continue
        floor = done.get(FLOORS.get(row.contestant.kind, ""))
        p50 = row.quantile_us(0.5)
        times = f"{p50 / floor.quantile_us(0.5):.2f}" if floor is not None else "-"
        cpu = f"{row.cpu_us:.1f}" if row.cpu_us else "-"
        cells = [name, row.contestant.survives, f"{p50:.1f}", times, f"{row.quantile_us(0.99):.1f}"]
        each = f"{row.message_us:.2f}" if row.message_us else "-"
        cells += [f"{row.tail_us(0.999):.1f}", cpu, f"{row.rate:,.0f}", each, str(row.lost)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, measure, print tables. Returns the exit code: 1 if a message was lost or a contestant failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.round_trip", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contestant gets (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="longest time of a phase of a turn (default 1)")
    parser.add_argument("--cores", choices=("1", "2", "both"), default="both", help="pin to one core, to two")
    parser.add_argument("--quick", action="store_true", help="a few hundred messages, one round")
    parser.add_argument("--folder", type=Path, help="where the stores go (default: a temporary folder)")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("only", nargs="*", help="words; contestants with one of them in their names take part")
    options = parser.parse_args(arguments)
    if options.child:
        _child(options.child)
    sizes = {"warm": 20, "trips": 100, "burst": 320} if options.quick else {}
    who = [one for one in contestants() if not options.only or any(word in one.name for word in options.only)]
    settings = {"one core": CORES[-1:], "two cores": CORES[-2:]}
    if options.cores != "both" or len(CORES) < 2:
        settings.pop("one core" if options.cores == "2" else "two cores")
    print("\n".join(describe_machine([], [], None).split("\n")[:2]))
    bad = False
    for name, cores in settings.items():
        rounds = 1 if options.quick else options.rounds
        rows = race(who, rounds, cores, options.folder, seconds=options.seconds, **sizes)
        print(f"\n{name}\n\n{table(rows)}", flush=True)
        bad = bad or any(row.failed or row.lost for row in rows)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
