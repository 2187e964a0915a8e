"""Random days of trading, seen by the client's OrderManager; a day that fails prints its seed, and the exit code is 1.

python -m tests.trading.days plain --days 10000        reports of the exchange, straight into the managers
python -m tests.trading.days faults --seed 4711 --days 1     ... slow, doubled, rejected, with gaps
python -m tests.trading.days good --days 1000          session.orders(), logs made shorter, built again
python -m tests.trading.days bad --days 1000           ... with lost acknowledgements and cut lines
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Callable

from fixfast.exchange import FaultConfig
from tests.exchange.floor import VERSIONS, run
from tests.exchange.test_with_order_manager import day
from tests.trading.test_with_exchange import random_day

__all__ = ["main"]

FAULTS = FaultConfig(slow=0.3, slow_by=2, duplicate=0.2, gap=0.1, reject=0.1)
KINDS: dict[str, Callable[[int], None]] = {
    "plain": lambda seed: run(day(VERSIONS[seed % 3], seed, 150)),
    "faults": lambda seed: run(day(VERSIONS[seed % 3], seed, 150, faults=FAULTS)),
    "good": lambda seed: run(random_day(seed, faults=False)),
    "bad": lambda seed: run(random_day(seed, faults=True)),
}


def main(arguments: list[str] | None = None) -> int:
    """Run days and say how many failed. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trading.days", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first day; the next has the next")
    options = parser.parse_args(arguments)
    began, failed = time.monotonic(), 0
    for seed in range(options.seed, options.seed + options.days):
        try:
            KINDS[options.kind](seed)
        except Exception:  # an error of ours is a failed day as well
            failed += 1
            sys.stdout.write(f"{options.kind} {seed} failed:\n{traceback.format_exc(limit=-3)}")
    took = time.monotonic() - began
    sys.stdout.write(f"{options.kind}: {options.days} days from seed {options.seed}, {failed} failed, {took:.0f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    logging.disable()
    sys.exit(main())
