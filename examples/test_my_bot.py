"""How to test a bot: `pytest examples/test_my_bot.py`. No socket, no sleep, and the same on every run.

The bot below buys, chases the market once, and never buys twice. What its tests try are its bad days.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import fixfast as ff

CONFIG = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE", heart_bt_int=30)


# --- the bot ---------------------------------------------------------------------------------------------------


class Buyer:
    """Buys 100 at a limit; cancels after five seconds and buys once more, a tick higher."""

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.filled = 0
        self.seen: set[str] = set()

    async def run(self, session: ff.LiveSession) -> int:
        """Return the quantity bought."""
        for attempt in (1, 2):
            self.order(session, f"order-{attempt}")
            try:
                async with asyncio.timeout(5):
                    if await self.until_done(session):
                        break
            except TimeoutError:
                session.send_nowait(
                    "F", [(41, f"order-{attempt}"), (11, f"cancel-{attempt}"), (55, "EUR/USD"), (54, "1")]
                )
                await self.until_done(session)
                self.price += Decimal("0.0001")
        return self.filled

    def order(self, session: ff.LiveSession, order_id: str) -> None:
        """Send the order for what is still missing."""
        fields: list[Any] = [(11, order_id), (55, "EUR/USD"), (54, "1"), (38, 100 - self.filled), (40, "2")]
        session.send_nowait("D", [*fields, (44, self.price)])

    async def until_done(self, session: ff.LiveSession) -> bool:
        """Take reports until the order is filled (True) or cancelled (False)."""
        async for message in session:
            if message.msg_type == "8" and message[17] not in self.seen:
                self.seen.add(message[17])  # a report may come twice: after a crash, or from a venue that resends
                self.filled += message.int(32, default=0)
                if message[39] in "24":
                    return bool(message[39] == "2")
        return False


# --- a venue for its tests -------------------------------------------------------------------------------------


class Venue:
    """Fills `fills` lots of each order at once, and cancels the rest when asked."""

    def __init__(self, fills: int = 100) -> None:
        self.fills = fills
        self.orders: list[ff.Message] = []
        self.reports = 0

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        """Answer with a report."""
        if message.msg_type == "D":
            message.detach()  # it is kept
            self.orders.append(message)
            if self.fills:
                self.report(session, "2" if self.fills == message.int(38) else "1", self.fills)
        elif message.msg_type == "F":
            self.report(session, "4", 0)

    def report(self, session: ff.LiveSession, status: str, quantity: int) -> None:
        """Send an ExecutionReport of the last order."""
        self.reports += 1
        head: list[Any] = [(37, "1"), (11, self.orders[-1][11]), (17, str(self.reports)), (150, "F"), (39, status)]
        session.send_nowait("8", [*head, (55, "EUR/USD"), (54, "1"), (32, quantity), (151, 0), (14, quantity), (6, 1)])


# --- the tests -------------------------------------------------------------------------------------------------


def test_a_good_day() -> None:
    async def day() -> None:
        venue = Venue()
        async with ff.testing.pair(CONFIG, application_b=venue) as pair:
            assert await Buyer(Decimal("1.25")).run(pair.initiator) == 100
            assert len(venue.orders) == 1

    asyncio.run(day())


def test_what_is_not_filled_in_five_seconds_is_bought_a_tick_higher() -> None:
    async def day() -> None:
        venue = Venue(fills=40)
        async with ff.testing.pair(CONFIG, application_b=venue) as pair:
            assert await Buyer(Decimal("1.25")).run(pair.initiator) == 80
            assert pair.elapsed_ns == 10_000_000_000, "ten seconds, in no time"
        assert [(order[38], order[44]) for order in venue.orders] == [("100", "1.25"), ("60", "1.2501")]

    asyncio.run(day())


def test_a_fill_that_is_lost_with_the_connection_comes_again_and_counts_once() -> None:
    async def day() -> None:
        venue = Venue()
        async with ff.testing.pair(CONFIG, application_b=venue, delay=0.02) as pair:
            buying = asyncio.create_task(Buyer(Decimal("1.25")).run(pair.initiator))
            await pair.advance(0.03)  # the order has arrived, its report has not
            pair.drop()
            assert await buying == 100
            assert len(venue.orders) == 1, "and it did not buy twice"
            assert pair.initiator.connections == 2

    asyncio.run(day())


def test_a_venue_that_falls_silent_is_noticed() -> None:
    async def day() -> None:
        async with ff.testing.pair(CONFIG) as pair:
            pair.hold()  # a cable pulled: nobody is told
            await pair.advance(90)
            assert pair.initiator.connections == 2

    asyncio.run(day())
