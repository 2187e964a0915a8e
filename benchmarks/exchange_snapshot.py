"""`python -m benchmarks.exchange_snapshot`: how long an exchange is kept from its work while its journal begins anew.

An exchange's state with many open orders and its journal on disk; orders and cancels go on while the snapshot is
written. Each command is timed, from before it is written down until all that it led to is done: the longest is the
pause. What it does not show: sessions, and what the disk does to a process that waits for it (`sync = "group"`).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time

from fixfast.cli.exchange import spare_the_collector
from fixfast.exchange import ExchangeConfig, InstrumentConfig, NewOrder
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.journal.memory import snapshot
from fixfast.exchange.venue.requests import CancelOrder
from fixfast.exchange.venue.venue import Venue

__all__ = ["main", "pauses"]

_UNIT = 10**8


def pauses(orders: int, commands: int) -> list[int]:
    """Return what each command took, ns, the snapshot beginning with the first."""
    venue = Venue(ExchangeConfig(instruments=(InstrumentConfig("AAPL"),)))
    for n in range(orders):
        price = (22_000 + n * 7 % 500) * 10**6
        venue.apply(NewOrder("a", 0, f"c{n}", None, "AAPL", "1", _UNIT, "2", price), n)
    took = []
    with tempfile.TemporaryDirectory() as folder:
        journal = CommandJournal(folder, [["AAPL", 2, 0]])
        spare_the_collector()
        journal.due = 1
        for n in range(commands):
            request = (
                CancelOrder("a", 0, f"y{n}", f"x{n - 1}")
                if n % 2
                else NewOrder("a", 0, f"x{n}", None, "AAPL", "1", _UNIT, "2", 200 * _UNIT)
            )
            began = time.perf_counter_ns()
            journal.append(n, request)
            venue.apply(request, orders + n)
            if journal.commands >= journal.due:
                journal.look_after(lambda: snapshot(venue))
            took.append(time.perf_counter_ns() - began)
        journal.close()
    return took


def main(arguments: list[str] | None = None) -> None:
    """Print the longest commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=50_000)
    parser.add_argument("--commands", type=int, default=40_000)
    options = parser.parse_args(arguments)
    took = sorted(pauses(options.orders, options.commands))
    longest = ", ".join(f"{one / 1e6:.2f}" for one in took[:-6:-1])
    sys.stdout.write(
        f"{options.orders:,} open orders, {options.commands:,} commands: "
        f"median {statistics.median(took) / 1e3:.1f} us, "
        f"99.9 % within {took[len(took) * 999 // 1000] / 1e6:.2f} ms, the longest {longest} ms\n"
    )


if __name__ == "__main__":
    main()
