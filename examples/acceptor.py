"""An acceptor of one's own: `python examples/acceptor.py [--port 9879]`. Ctrl-C or SIGTERM ends it.

Any client of FIX 4.2 or 4.4 that is called BOT-something and knows the password may log on; what it asks with
MarketDataRequest (V) is answered with one snapshot (W) a symbol. Shows `authenticate`, templates of sessions, limits
for strangers and for peers that send too fast, a repeating group written from lists, and a business reject.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import signal
from decimal import Decimal

import fixfast as ff

BOOK = {"EUR/USD": (Decimal("1.23445"), Decimal("1.23455")), "USD/JPY": (Decimal("148.201"), Decimal("148.213"))}
#: who may log on: SenderCompID -> password; a real one has digests of them, in a database
PASSWORDS = {"BOT-1": "opensesame", "BOT-2": "hunter2"}
#: what their sessions are like, made when they log on for the first time; * stands for any text
TEMPLATES = [ff.SessionConfig(version, "DESK", "BOT-*") for version in ("FIX.4.2", "FIX.4.4")]

LIMITS = ff.Limits(
    sessions=100,
    connections_per_ip=20,
    failed_logons_per_minute=10,
    inbound=ff.RateLimit(100, kind="bucket", burst=500),  # above that, reading from that peer pauses
)


class Quotes:
    """The application: plain methods, called with the session that a message came from."""

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
        wanted = PASSWORDS.get(request.session_id.target_comp_id, "")  # seen from our side: the target is the peer
        # The same time and the same text for a wrong name and a wrong password.
        if not hmac.compare_digest(request.password.encode(), wanted.encode()) or not wanted:
            return ff.Refuse("unknown user or wrong password", status=5)
        return request.config or ff.Refuse(silent=True)  # what a template says; no template fits

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
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows has no signals of this kind
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with ff.serve(Quotes(), host="127.0.0.1", port=port, templates=TEMPLATES, limits=LIMITS) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9879, help="0: any free one (default 9879)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port))


if __name__ == "__main__":
    main()
