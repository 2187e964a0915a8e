"""An acceptor of one's own: `python examples/acceptor.py [--port 9879]`. Ctrl-C ends it.

Any FIX.4.4 client that knows the password may log on; what it asks with MarketDataRequest (V) is answered with one
snapshot (W) a symbol. Shows `authenticate`, a repeating group written from lists, and a business reject.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from decimal import Decimal

import fixfast as ff

BOOK = {"EUR/USD": (Decimal("1.23445"), Decimal("1.23455")), "USD/JPY": (Decimal("148.201"), Decimal("148.213"))}


class Quotes:
    """The application: plain methods, called with the session that a message came from."""

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
        if request.password != "opensesame":
            return ff.Refuse("wrong password")
        seen = request.session_id  # as seen from our side: sender is us
        return ff.SessionConfig(seen.begin_string, seen.sender_comp_id, seen.target_comp_id)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        if message.msg_type != "V":
            raise ff.BusinessReject(3, "only market data here")
        for instrument in message.group(146):
            book = BOOK.get(instrument[55])
            if book is None:
                session.send_nowait("Y", [(262, message[262]), (281, "0"), (58, f"unknown {instrument[55]}")])
                continue
            sides = [[(269, str(side)), (270, price), (271, 1_000_000)] for side, price in enumerate(book)]
            session.send_nowait("W", [(262, message[262]), (55, instrument[55]), (268, sides)])


async def run(port: int) -> None:
    async with ff.serve(Quotes(), host="127.0.0.1", port=port) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9879, help="0: any free one (default 9879)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port))


if __name__ == "__main__":
    main()
