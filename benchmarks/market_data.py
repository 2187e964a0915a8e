"""`python -m benchmarks.market_data`: batches of changes that the exchange tells its subscribers, per second and core.

Batches are recorded first from agents on a matching engine, so they are what a market does: one or two levels, now and
then a trade. Then they are published to 0, 1, 10 and 100 subscribers, each a session of its own (numbered, encoded,
stored in memory, queued; what is queued is taken every 64 batches, and thrown away). All see ten levels of FIX.4.4, but
with *mixed*: there a third each is FIX.4.2, 4.4 and 5.0 SP2, and sees the top, ten levels, the whole book. *fields* is
*one version* with each message given as a list of fields instead of by a Template: what sharing tuples saves.

No socket, no event loop, no matching in it. Ways take turns, round by round; medians of CPU time.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import fixfast as ff
from benchmarks.runner import pin
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.agents.traders import Agents, Place, Withdraw
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.engine import Matching
from fixfast.exchange.matching.instrument import Instrument
from fixfast.exchange.matching.outcome import Cancelled, Filled, TradePrinted
from fixfast.trading.book import Book

__all__ = ["WAYS", "batches", "main", "publish"]

_SECOND = 1_000_000_000
_BEGIN = 1_767_607_200 * _SECOND
_NOW = ff.Now(_SECOND, _BEGIN)
_ACME = Instrument("ACME", reference=100_00)
#: name -> versions and depths of the subscribers, in turn; whether Templates are used
WAYS: dict[str, tuple[tuple[tuple[str, int], ...], bool]] = {
    "one version": ((("FIX.4.4", 10),), True),
    "mixed": ((("FIX.4.2", 1), ("FIX.4.4", 10), ("FIX.5.0SP2", 0)), True),
    "fields": ((("FIX.4.4", 10),), False),
}
SUBSCRIBERS = (0, 1, 10, 100)


class Batch(NamedTuple):
    """What one command did to the book."""

    changes: list[tuple[int, int, int, int]]
    trades: list[tuple[str, int, int]]


class _Floor:
    """A book that agents trade in; notes each batch."""

    def __init__(self) -> None:
        self.book = Matching(_ACME)
        self.noted: list[Batch] = []
        self.now_ns = _BEGIN
        self._numbers: dict[tuple[str, str], int] = {}
        self.agents = Agents(AgentsConfig(maker_rate=5.0, noise_rate=5.0), [_ACME], self, seed=1, start_ns=_BEGIN)

    def top(self, symbol: str) -> tuple[int | None, int | None]:
        bids, offers = self.book.depth(1)
        return bids[0][0] if bids else None, offers[0][0] if offers else None

    def place(self, order: Place) -> None:
        number = self._numbers[order.owner, order.name] = len(self._numbers) + 1
        tif = "3" if order.now_or_never else "0"
        made = BookOrder(number, order.owner, "", order.side, "2", tif, order.qty, order.price, tag=order.name)
        self._note(self.book.submit(made, self.now_ns))

    def withdraw(self, request: Withdraw) -> None:
        self._note(self.book.cancel(self._numbers[request.owner, request.orig], self.now_ns))

    def _note(self, events: list[Any]) -> None:
        trades: list[tuple[str, int, int]] = []
        for event in events:
            if isinstance(event, Filled):
                self.agents.on_fill(event.order.owner, str(event.order.tag), event.qty)
            elif isinstance(event, Cancelled):
                self.agents.on_gone(event.order.owner, str(event.order.tag))
            elif isinstance(event, TradePrinted):
                trades.append((f"T{event.trade_id}", event.px, event.qty))
        changes = self.book.take_changes()
        if changes or trades:
            self.noted.append(Batch(changes, trades))


def batches(count: int) -> list[Batch]:
    """Return so many batches of a living market, the same ones each time."""
    floor = _Floor()
    while len(floor.noted) < count:
        floor.now_ns = floor.agents.next_ns or 0
        floor.agents.poll(floor.now_ns)
    return floor.noted[:count]


class _Line:
    """A session, logged on, whose bytes nobody reads."""

    def __init__(self, version: str) -> None:
        begin = "FIXT.1.1" if version == "FIX.5.0SP2" else version
        applied = "9" if begin == "FIXT.1.1" else ""
        config = ff.SessionConfig(begin, "VENUE", "BOT", check_latency=False, default_appl_ver_id=applied)
        self.session = ff.Session(config, ff.MemoryStore(max_messages=10_000), role=ff.Role.INITIATOR)
        self.session.connected(_NOW)
        self.session.data_to_send()
        answer = [(49, "BOT"), (56, "VENUE"), (34, 1), (52, _BEGIN), (98, 0), (108, 30)]
        answer += [(1137, applied)] if applied else []
        self.session.receive_data(ff.encode(begin, "A", answer), _NOW)
        list(self.session.events())
        self.template, self.send_nowait = self.session.template, self._send
        self.messages = 0

    @property
    def unwritten(self) -> int:
        return 0

    def _send(self, msg_type: str, fields: Any) -> int:
        self.messages += 1
        return self.session.send(msg_type, fields, _NOW)

    def send_template(self, template: ff.Template, *values: Any) -> int:
        self.messages += 1
        return self.session.send_values(template, values, _NOW)


_STEP = (279, 269, 278, 55, 270, 271, 273, 346)


class _FieldLine(_Line):
    """The same, without Templates."""

    def send_template(self, template: ff.Template, *values: Any) -> int:
        request, steps = values
        entries = [
            [
                (tag, ff.Scaled(value, -2) if tag == 270 else value)
                for tag, value in zip(_STEP, step, strict=True)
                if value is not None
            ]
            for step in steps
        ]
        return self._send("X", [(262, request), (268, entries)])


class Published(NamedTuple):
    """One way in one round. `messages`: of all subscribers together."""

    batches: int
    messages: int
    seconds: float


def publish(way: str, subscribers: int, made: list[Batch]) -> Published:
    """Publish batches to so many subscribers."""
    seen, templates = WAYS[way]
    data = MarketData([_ACME])
    lines: list[_Line] = []
    for n in range(subscribers):
        version, depth = seen[n % len(seen)]
        line = _Line(version)
        data.join(f"{n}", version, line)
        fields: list[Any] = [(262, "R1"), (263, "1"), (264, depth), (265, 1)]
        fields += [(267, [[(269, kind)] for kind in "012"]), (146, [[(55, "ACME")]])]
        header: list[Any] = [(49, "BOT"), (56, "VENUE"), (34, 2), (52, _BEGIN)]
        begin = "FIXT.1.1" if version == "FIX.5.0SP2" else version
        data.on_request(f"{n}", ff.parse(ff.encode(begin, "V", header + fields)), _BEGIN)
        if not templates:
            line.__class__ = _FieldLine
        line.messages = 0
        lines.append(line)
    gc.collect()
    gc.disable()
    begun = time.process_time()
    for number, (changes, trades) in enumerate(made):
        data.publish("ACME", _BEGIN, changes=changes, trades=trades)
        if not number % 64:
            for line in lines:
                line.session.data_to_send()
    seconds = time.process_time() - begun
    gc.enable()
    if data.conflated or data.watching != subscribers:
        raise AssertionError("somebody fell behind, or left")
    return Published(len(made), sum(line.messages for line in lines), seconds)


def _followed(made: list[Batch]) -> None:
    """Check that what is measured is right: a client's book ends as the exchange's."""
    data, line = MarketData([_ACME]), _Line("FIX.4.4")
    raw: list[bytes] = []
    data.join("1", "FIX.4.4", line)
    header: list[Any] = [
        (49, "BOT"),
        (56, "VENUE"),
        (34, 2),
        (52, _BEGIN),
        (262, "R1"),
        (263, "1"),
        (264, 10),
        (265, 1),
    ]
    asked = [*header, (267, [[(269, "0")], [(269, "1")]]), (146, [[(55, "ACME")]])]
    data.on_request("1", ff.parse(ff.encode("FIX.4.4", "V", asked)), _BEGIN)
    book = Book("ACME")
    for changes, trades in made:
        data.publish("ACME", _BEGIN, changes=changes, trades=trades)
        raw += line.session.data_to_send()
    for one in raw:
        book.apply(ff.parse(one))
    last = [(px, qty) for _, px, qty, *_ in data.entries("ACME", "0", 10)]
    if [(int(level.price * 100), int(level.qty)) for level in book.bids()] != last or book.anomalies:
        raise AssertionError("the client's book is another")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, measure, print a table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market_data", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns that each way gets (default 7)")
    parser.add_argument("--batches", type=int, default=2000, help="in one turn (default 2000)")
    options = parser.parse_args(arguments)
    core = pin()
    made = batches(options.batches)
    _followed(made)
    rows = [(way, count) for way in WAYS for count in SUBSCRIBERS if count or way == "one version"]
    rounds: dict[tuple[str, int], list[Published]] = {row: [] for row in rows}
    for _ in range(options.rounds):
        for way, count in rows:
            rounds[way, count].append(publish(way, count, made))
    print(f"{sum(len(one.changes) for one in made) / len(made):.1f} levels a batch; {core}", file=sys.stderr)
    print("| way | subscribers | batches/s | messages/s | us a message |")
    print("|---|---|---|---|---|")
    for (way, count), got in rounds.items():
        seconds = median(one.seconds for one in got)
        sent = got[0].messages
        each = f"{seconds / sent * 1e6:.2f}" if sent else "-"
        print(f"| {way} | {count} | {got[0].batches / seconds:,.0f} | {sent / seconds:,.0f} | {each} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
