"""`python -m benchmarks.desk_memory`: what the desk's process keeps of each order, without a page and with one.

All of it is real, as in desk_updates: `fixfast desk --demo`, a bot at the same Backend that trades at the market, and a
headless Chromium, which looks at the trading page in one turn and somewhere else in the next. A turn lasts until the
bot has sent so many orders; what the desk's process has grown by meanwhile, divided by these, is what one takes. Before
the first turn the page is open until that is full which is kept only for a while: FIX messages, prints, candles, what
NiceGUI would tell a page again that comes back.

Each order takes what is there at once and is gone, so it has one execution or two; who trades in smaller pieces keeps
more. The process gives nothing back in between, so a turn that needs less than the one before shows too little: take
the turns together, and the longer they are the better.

Not in the gate: it asserts nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.desk_updates import Load, loaded, resident
from tests.service.desk.browser import browser
from tests.service.programs import Program

__all__ = ["HEAD", "Turn", "main", "run"]

HEAD = "| page | orders | executions | desk MB | kB an order |\n|---|---|---|---|---|"

#: seconds after which NiceGUI has forgotten a page that is gone (10, see server.py), and some more
_GONE = 15.0


@dataclass(frozen=True)
class Turn:
    """What a turn came to: whether a page was open, orders and executions, bytes of the process before and after."""

    page: bool
    orders: int
    trades: int
    begin: int
    end: int

    @property
    def kilobytes(self) -> float:
        """kB that an order takes."""
        return (self.end - self.begin) / self.orders / 1000

    def row(self) -> str:
        """Return it as a row of a table."""
        return (
            f"| {'open' if self.page else 'none'} | {self.orders:,} | {self.trades:,} "
            f"| {self.begin / 1e6:.1f} to {self.end / 1e6:.1f} | {self.kilobytes:.2f} |"
        )


def run(orders: int, rate: float, turns: int, warm: float) -> Iterator[Turn]:
    """Measure in turns, without a page and with one.

    Args: orders: of a turn. rate: orders a second. turns: of each kind. warm: seconds before the first.
    """
    with tempfile.TemporaryDirectory(prefix="ff") as name, ExitStack() as ends:
        folder = Path(name)
        desk = Program(folder, "desk", "--demo", "--port", "0", "--state", "s")
        ends.callback(desk.stop)
        page = ends.enter_context(browser(folder / "shots"))
        (url,) = desk.wait_for(r"desk at (http\S+)")
        page.open(url)
        page.log_in(page.signed_up("bench"))
        load = ends.enter_context(loaded(folder / "s"))
        load.pace(rate)
        time.sleep(warm)
        load.pace(0)
        for number in range(2 * turns):
            page.driver.get("about:blank")
            time.sleep(_GONE)
            if number % 2:
                page.open(url)
                page.says("session", "active")
            yield measured(desk.process.pid, load, orders, rate, page=bool(number % 2))


def measured(pid: int, load: Load, orders: int, rate: float, *, page: bool) -> Turn:
    """Have so many orders sent, and see what the process grows by."""
    sent, trades, begin = load.told["sent"], load.told["trades"], resident(pid)
    load.pace(rate)
    while load.told["sent"] - sent < orders:
        time.sleep(0.05)
    load.pace(0)
    time.sleep(2.0)  # the last of them is answered, and drawn
    return Turn(page, load.told["sent"] - sent, load.told["trades"] - trades, begin, resident(pid))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=5000, help="of each turn")
    parser.add_argument("--rate", type=float, default=150, help="orders a second")
    parser.add_argument("--turns", type=int, default=2, help="of each kind")
    parser.add_argument("--warm", type=float, default=60, help="seconds before the first turn")
    given = parser.parse_args()
    sys.stdout.write(f"{HEAD}\n")
    for turn in run(given.orders, given.rate, given.turns, given.warm):
        sys.stdout.write(f"{turn.row()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
