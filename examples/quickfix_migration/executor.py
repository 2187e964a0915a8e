"""QuickFIX's "executor" on fixfast: its settings file as it is, an Application that fills every limit order.

    cd examples/quickfix_migration
    fixfast config check executor.cfg       # what is different here
    python executor.py executor.cfg

Stop it with Ctrl-C. `python client.py client.cfg` sends it an order over each of its sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys

import fixfast as ff


class Executor:
    """What was a FIX::Application: `fromApp` is `on_message`, `onLogon` is `on_logon`."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def on_logon(self, session: ff.LiveSession) -> None:
        print(f"{session.id}: logged on", flush=True)

    def on_message(self, session: ff.LiveSession, order: ff.Message) -> None:
        if order.msg_type != "D" or order.get(40) != "2":
            raise ff.BusinessReject(3, "limit orders only")
        number = next(self._numbers)
        quantity, price = order.decimal(38), order.decimal(44)
        kind = [(20, "0"), (150, "2")] if order[8] == "FIX.4.2" else [(150, "F")]  # ExecTransType is gone in 4.4
        report = [(37, f"O{number}"), (17, f"E{number}"), (11, order[11]), *kind, (39, "2"), (55, order[55])]
        filled = [(54, order[54]), (38, quantity), (44, price), (32, quantity), (31, price)]
        session.send_nowait("8", [*report, *filled, (151, 0), (14, quantity), (6, price)])


async def main(path: str) -> None:
    settings = ff.load_config(path)
    async with settings.serve(Executor()) as servers:
        print(f"{len(servers.sessions)} sessions, listening on port:{servers.port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "executor.cfg"))
