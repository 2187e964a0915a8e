"""Scenarios of orders with a real client and the real exchange: the text of tests/trading/scripts.py, run for real.

The client is a session with `session.orders()`, the exchange an `Exchange`, both on virtual time. The scripted venue of
tests/trading runs beside them and is the model: each report the exchange sends is compared with the one it makes of
the `<` line, field by field; a word on the line (status=, leaves=, cum=, avg=, qty=, reason=, text=) says otherwise.
A report that no `<` line names is an error, and so is a missing one.

Beside what scripts.py knows, a file may have

    exchange: pending_replies=yes pending_time=5   options of ExchangeConfig
    > again A                      the order once more, with PossResend; > again A known: without it
    ! bid qty=100 px=10 as=M1      somebody else's order; ! offer; ! withdraw M1
    ! halt, resume, close, open, phase closing auction, new-day, end-day, wait 5, fault drop=1, fault off
    ! cancel A, reinstate A, stop A px=10, restate A qty=50, bust A ref=t1, correct A ref=t1 px=9.9
    ! offer qty=5 px=10 crossing   the client's next message is sent before it hears of this
    ! unheard replaced A request=R1     the exchange said so, and it was dropped
    ! book unchanged               the book is as it was at the last `!` line, or `! book noted`
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast.exchange.venue.requests import CancelOrder, NewOrder
from fixfast.trading.lifecycle import ENDED, effect_of
from tests.exchange.floor import Floor
from tests.trading.scripts import Line, Runner, Scenario
from tests.trading.venue import ScriptedVenue

__all__ = ["FLOOR_SCENARIOS", "FloorRunner"]

FLOOR_SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
SYMBOL = "EUR/USD"
INSTRUMENTS = (ff.exchange.InstrumentConfig(SYMBOL, tick="0.01", reference="10.00", self_trade="none"),)

#: fields of an ExecutionReport that are compared, and the words of a line that say otherwise
_COMPARED = {
    11: "", 41: "", 20: "", 19: "", 150: "", 39: "status", 103: "reason", 55: "", 54: "", 38: "qty", 44: "price",
    32: "qty", 31: "px", 151: "leaves", 14: "cum", 6: "avg",
}  # fmt: skip
#: what a report of an order that there is not cannot have
_OF_ORDERS = (38, 44, 41)
_NUMBERS = frozenset((38, 44, 32, 31, 151, 14, 6))
_VERBS_WITH_QTY = ("trade", "correct")


class FloorRunner(Runner):
    """Runs a scenario with a session's orders and an Exchange."""

    def __init__(self, scenario: Scenario, version: str) -> None:
        super().__init__(scenario, version)
        self.updates.clear()
        self.sent.clear()
        self.venue = ScriptedVenue(version)
        self.makers: dict[str, str] = {}
        self.execs: dict[str, str] = {}  # name in the script -> ExecID of the exchange
        self.noted: Any = None
        self.floor: Floor
        self.orders: Any

    async def play(self) -> None:
        """Run all lines. AssertionError: names the line."""
        options = {key: _plain(value) for key, value in self.scenario.exchange.items()}
        config = ff.exchange.ExchangeConfig(instruments=INSTRUMENTS, **options)
        session_version = "FIXT.1.1" if self.version == "FIX.5.0SP2" else self.version
        async with Floor(config) as self.floor:
            self.client = await self.floor.client(session_version)
            self.orders = self.client.session.orders(self.options, log=self.log)
            self.manager = self.orders.manager
            self._real_send = self.manager._send
            self.manager._send = self._over_the_wire
            self.manager.subscribe(self.updates.append)
            steps = {"<": self._said, ">": self._do, "->": self._was_sent, "=": self._known, "?": self._asked}
            for line in self.scenario.lines:
                crossing = "crossing" in line.words  # the client's next message is on its way already
                try:
                    if line.sign == "!":
                        await self._happen(line)
                    elif line.sign == "~":
                        await self._connection(line)
                    else:
                        words = tuple(word for word in line.words if word != "crossing")
                        steps[line.sign](self.versioned(replace(line, words=words)))
                    if not crossing:
                        await self.floor.advance()
                except AssertionError as error:
                    where = f"{self.scenario.name}.txt:{line.number} ({self.version}): {' '.join(line.words)}"
                    raise AssertionError(f"{where}: {error}") from error
            assert not self.client.seen, f"nobody expected {self.client.seen[0]}"
            assert not self.manager.questions, list(self.manager.questions)
            self._compare_with_the_exchange()

    # --- the client's side ----------------------------------------------------------------------------------

    def _over_the_wire(self, msg_type: str, fields: list[tuple[Any, Any]]) -> int:
        fields = self.altered(fields)
        self.sent.append((msg_type, fields))
        self.venue.take(msg_type, fields)
        return int(self._real_send(msg_type, fields))

    def _do(self, line: Line) -> None:
        if line.words[0] != "again":
            super()._do(line)
            return
        cl_ord_id = self.ids[line.words[1]]
        fields = next(fields for msg_type, fields in self.sent if msg_type == "D" and (11, cl_ord_id) in fields)
        self._real_send("D", fields if "known" in line.words else [*fields, (97, "Y")])

    # --- what the exchange says -----------------------------------------------------------------------------

    def _said(self, line: Line) -> None:
        verb, *names = line.words
        copies = int(line.values.get("times", 1))
        assert len(self.client.seen) >= copies, "the exchange says nothing"
        heard, *again = self.client.seen[:copies]
        del self.client.seen[:copies]
        assert all(one[17] == heard[17] for one in again), f"no copies: {heard}, {again}"
        if verb in ("business-reject", "reject"):
            assert heard.msg_type == ("j" if verb == "business-reject" else "3"), heard
            return
        if verb == "mass-cancel-report":
            assert (heard.msg_type, heard.get(531)) == ("r", line.values.get("response", "7")), heard
            return
        if verb == "cancel-reject":
            self._refused(line, heard, names[0])
            return
        assert heard.msg_type == "8", heard
        said = effect_of(heard.get(150), heard.get(20), heard.get(39)).value.replace(" ", "-")
        assert said == verb, f"it says {said}: {heard}"
        model = ff.parse(self.venue.say(verb, self.ids[names[0]], line.values, self.ids))
        if "as" in line.values:
            self.execs[line.values["as"]] = str(heard[17])
        self._compare(line, verb, heard, model)

    def _compare(self, line: Line, verb: str, heard: ff.Message, model: ff.Message) -> None:
        known = heard.get(37) != "NONE"
        for tag, word in _COMPARED.items():
            if not known and tag in _OF_ORDERS:
                continue
            if tag in (32, 31) and verb not in _VERBS_WITH_QTY:
                continue
            if tag == 38 and ("of" in line.values or verb in _VERBS_WITH_QTY):
                expected: Any = line.values.get("of", model.get(38))
            elif tag == 19:
                expected = self.execs[line.values["ref"]] if "ref" in line.values else None
            else:
                expected = line.values.get(word, model.get(tag)) if word else model.get(tag)
            found = heard.get(tag)
            same = _number(found) == _number(expected) if tag in _NUMBERS else found == expected
            assert same, f"{tag}={found}, not {expected}: {heard}"
        for word, tag in (("text", 58), ("restatement", 378)):
            if word in line.values and (tag == 58 or heard.get(378) is not None):
                wanted = line.values[word].replace("_", " ")
                assert wanted in str(heard.get(tag)), f"{tag}={heard.get(tag)}, not {wanted}"

    def _refused(self, line: Line, heard: ff.Message, name: str) -> None:
        assert heard.msg_type == "9", heard
        model = ff.parse(self.venue.say("cancel-reject", self.ids[name], line.values, self.ids))
        for tag in (11, 39, 434):
            assert heard.get(tag) == model.get(tag), f"{tag}={heard.get(tag)}, not {model.get(tag)}: {heard}"
        assert heard.get(102) == line.values["reason"], f"102={heard.get(102)}: {heard}"

    # --- what happens in the market --------------------------------------------------------------------------

    async def _happen(self, line: Line) -> None:
        verb, *names = line.words
        values, exchange = self.versioned(line).values, self.floor.exchange
        if verb == "book":
            book = self.floor.book(SYMBOL)
            if names == ["unchanged"]:
                assert book == self.noted, "the book has changed"
            self.noted = book
        elif verb in ("bid", "offer"):
            self._make(verb, values)
        elif verb == "withdraw":
            exchange.submit(CancelOrder("maker", 0, f"{names[0]}x", self.makers[names[0]]))
        elif verb == "unheard":
            self.venue.say(names[0], self.ids[names[1]], values, self.ids)
        elif verb == "wait":
            await self.floor.advance(float(names[0]))
        elif verb == "fault":
            exchange.clear_faults() if names == ["off"] else exchange.set_faults(
                **{key: float(value) for key, value in values.items()}
            )
        elif verb in ("halt", "resume"):
            getattr(exchange, verb)(SYMBOL)
        elif verb in ("close", "open", "phase"):
            exchange.set_phase({"close": "closed", "open": "continuous"}.get(verb) or " ".join(names))
        elif verb == "new-day":
            exchange.new_day()
        elif verb == "end-day":
            exchange.end_day()
        else:
            self._operate(verb, self.order(names[0]), values)

    def _operate(self, verb: str, order: ff.Order, values: dict[str, str]) -> None:
        exchange = self.floor.exchange
        if verb == "cancel":
            exchange.cancel(order_id=order.order_id)
        elif verb == "restate":
            exchange.restate(order.order_id, qty=values.get("qty"), price=values.get("price"))
        elif verb == "stop":
            exchange.stop_order(order.order_id, price=values.get("px"))
        elif verb == "reinstate":
            exchange.reinstate(order.order_id)
        else:
            kept = exchange.venue.by_order_id(order.order_id)
            assert kept is not None
            trade_id = next(trade[1] for trade in kept.trades if trade[0] == self.execs[values["ref"]])
            if verb == "bust":
                exchange.bust(SYMBOL, trade_id)
            else:
                assert verb == "correct", f"no market does {verb}"
                exchange.correct(SYMBOL, trade_id, values["px"])

    def _make(self, verb: str, values: dict[str, str]) -> None:
        name = values.get("as", f"m{len(self.makers)}")
        self.makers[name] = f"{name}-{len(self.makers)}"
        side, qty = ("1" if verb == "bid" else "2"), int(Decimal(values["qty"]) * 10**8)
        price = int(Decimal(values["px"]) * 10**8)
        self.floor.exchange.submit(
            NewOrder("maker", 0, self.makers[name], None, SYMBOL, side, qty, "2", price, time_in_force="1")
        )

    async def _connection(self, line: Line) -> None:
        what = line.words[0]
        if what == "disconnect":
            self.floor.up = False
            self.floor.drop()
        else:
            assert what == "logon", f"~ {what} needs a scripted venue"
            self.floor.up = True
            await self.floor.advance(3)
        await self.floor.advance()

    # --- in the end -----------------------------------------------------------------------------------------

    def _compare_with_the_exchange(self) -> None:
        """Both sides know the same of every order."""
        venue = self.floor.exchange.venue
        for order in self.manager.all_orders:
            kept = venue.find(f"{self.client.version}:BOT", order.cl_ord_id, None)
            if kept is None:
                assert order.status in ENDED, f"the exchange does not know {order}"  # the day is over for others
                continue
            listing = venue.markets[kept.symbol].listing
            qty, px = Decimal(10) ** -listing.qty_scale, Decimal(10) ** -listing.price_scale
            theirs = (kept.shown_status, kept.qty * qty, kept.cum * qty, kept.leaves * qty, kept.order_id)
            assert (order.status, order.qty, order.cum_qty, order.leaves_qty, order.order_id) == theirs, order
            trades = sorted((n * qty, at * px) for _, _, n, at in kept.trades)
            assert sorted((trade.qty, trade.px) for trade in order.trades.values()) == trades, order


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _plain(value: str) -> Any:
    if value in ("yes", "no"):
        return value == "yes"
    return float(value) if value.replace(".", "").isdecimal() else value
