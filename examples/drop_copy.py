"""A drop copy reader: every fill once in a file, however often this program, or the machine, is stopped or dies.

Start `python examples/exchange.py` and `python examples/market_maker.py --target VENUE`, then this one with a folder,
`python examples/drop_copy.py DIR`. It writes DIR/fills.jsonl, one fill a line, and keeps the session's history there.

Nothing is lost: a message counts as dealt with when the next one is taken, and its line is in the file by then. What
was not dealt with comes again: from the journal with `redelivered` set if it had been received, from the venue if not.
Nothing is doubled: a message may come again after its line was written, and then its ExecID is in the file already.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from pathlib import Path

import fixfast as ff
from fixfast.fix44 import ExecType, MsgType


class Fills:
    """The file, and the ExecIDs in it. Each line is on the disk when write() returns."""

    def __init__(self, path: Path) -> None:
        path.touch()
        text = path.read_text()
        whole = text[: text.rfind("\n") + 1]  # a line that a power loss cut off is written again
        self.seen = {json.loads(line)["exec_id"] for line in whole.splitlines()}
        os.truncate(path, len(whole))
        self.file = path.open("a")

    def write(self, report: ff.Message) -> None:
        if report[17] in self.seen:
            return
        fill = {"exec_id": report[17], "symbol": report[55], "side": report[54], "quantity": report.int(32)}
        fill |= {"price": str(report.decimal(31)), "at_ns": report.time_ns(60), "redelivered": report.redelivered}
        self.file.write(json.dumps(fill) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.seen.add(report[17])


async def run(port: int, directory: Path, count: int) -> None:
    config = ff.SessionConfig("FIX.4.4", "DROP01", "VENUE", heart_bt_int=10)
    store = ff.JournalStore(directory / "session", session_id=config.session_id)
    fills = Fills(directory / "fills.jsonl")
    try:
        async with ff.connect(config, ff.ConnectionConfig("127.0.0.1", port), store=store) as session:
            while len(fills.seen) < count:
                message = await anext(aiter(session))  # the one before is acknowledged now
                if message.msg_type == MsgType.ExecutionReport and message[150] == ExecType.TRADE:
                    fills.write(message)
    finally:
        fills.file.close()
        print(f"{len(fills.seen)} fills")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=9878)
    parser.add_argument("--fills", type=int, default=1 << 40, help="end when so many are in the file")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.directory, options.fills))
