"""Pit: an acceptor's application that answers market data requests as their symbol says. For asyncio and threads."""

from __future__ import annotations

from typing import Any

import fixfast as ff

__all__ = ["Pit"]


class Pit:
    """One level a side for every symbol but these: UNKNOWN is refused by a Y, J by a j, SILENT not answered.

    `requests` are the Vs that came; publish() sends an X to who subscribed last.
    """

    def __init__(self) -> None:
        self.requests: list[ff.Message] = []
        self.sessions: list[Any] = []
        self.ids: dict[str, str] = {}
        self.number = 0

    def on_logon(self, session: Any) -> None:
        self.sessions.append(session)

    def kinds(self) -> list[str]:
        return [message[263] for message in self.requests]

    def on_message(self, session: Any, message: ff.Message) -> None:
        message.detach()
        self.requests.append(message)
        symbols = [entry[55] for entry in message.group(146)]
        if message[263] == "2" or "SILENT" in symbols:
            return
        if "UNKNOWN" in symbols:
            session.send_nowait("Y", [(262, message[262]), (281, "0"), (58, "never heard of it")])
        elif "J" in symbols:
            session.send_nowait("j", [(45, message.msg_seq_num), (372, "V"), (380, 3)])
        else:
            for symbol in symbols:
                self.ids[symbol] = message[262]
                self.snapshot(session, symbol)

    def snapshot(self, session: Any, symbol: str) -> None:
        entries = [[(269, "0"), (270, 10), (271, 5), (83, self.number)], [(269, "1"), (270, 12), (271, 6)]]
        session.send_nowait("W", [(262, self.ids[symbol]), (55, symbol), (268, entries)])

    def publish(self, symbol: str, qty: int, *, skip: int = 0, trade: int | None = None) -> None:
        """Change the best bid's quantity; `skip` numbers before it."""
        self.number += 1 + skip
        entries = [[(279, "1"), (269, "0"), (55, symbol), (270, 10), (271, qty), (83, self.number)]]
        if trade is not None:
            entries.append([(279, "0"), (269, "2"), (55, symbol), (270, 11), (271, trade), (83, self.number)])
        self.sessions[-1].send_nowait("X", [(262, self.ids[symbol]), (268, entries)])
