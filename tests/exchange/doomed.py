"""An exchange that kills itself (SIGKILL) at a place, the nth time it comes there: a process for test_kill.py.

    python -m tests.exchange.doomed DIRECTORY PORT [PLACE N]

Places: "before append" and "after append" of a command to the journal, "before send" of a report to a session;
of a snapshot: "before" and "in" it (each line of its file), "before" and "after the switch" to that.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from fixfast.exchange.config import ExchangeConfig, ParticipantConfig
from fixfast.exchange.exchange import Exchange
from fixfast.exchange.faults import FaultConfig
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.journal.rewriting import Rewriting
from fixfast.exchange.venue.reports import ReportWriter

__all__: list[str] = []

PLACES = {
    "before append": (CommandJournal, "append", False),
    "after append": (CommandJournal, "append", True),
    "before send": (ReportWriter, "send", False),
    "after send": (ReportWriter, "send", True),
}
SNAPSHOT_PLACES = {
    "before a snapshot": (CommandJournal, "snapshot", False),
    "in a snapshot": (Rewriting, "write", True),
    "before the switch": (CommandJournal, "switch", False),
    "after the switch": (CommandJournal, "switch", True),
}


def doom(place: str, count: int) -> None:
    """Let the process die there."""
    owner, name, behind = (PLACES | SNAPSHOT_PLACES)[place]
    real = getattr(owner, name)
    left = count

    def doomed(*args: Any, **more: Any) -> Any:
        nonlocal left
        left -= 1
        if not left and not behind:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **more)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, doomed)


async def main(directory: str, port: str, *place: str) -> None:
    """Be an exchange until standard input ends."""
    if place:
        doom(place[0], int(place[1]))
    chances = json.loads(os.environ.get("FAULTS", "{}"))
    config = ExchangeConfig(
        port=int(port),
        journal=Path(directory),
        snapshot_every=int(os.environ.get("SNAPSHOT", "999999")),
        faults=FaultConfig(**chances),
        participants=(ParticipantConfig("DROP", versions=("FIX.4.4",), drop_copy_of=("A",)),),
    )
    async with Exchange(config) as exchange:
        sys.stdout.write(f"{exchange.port}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
