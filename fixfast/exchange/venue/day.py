"""The course of a day: phases, halts and who is suspended by them, its end, and what is forgotten then."""

from __future__ import annotations

from fixfast.errors import LocalProtocolError
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.commands import EndDay, NewDay, SetPhase
from fixfast.exchange.venue.entry import Entry
from fixfast.exchange.venue.market import Market
from fixfast.exchange.venue.reports import Outgoing

__all__ = ["Day"]

_GOOD_TILL = frozenset("16")  # TimeInForce(59): cancel, a date
#: ExecRestatementReason(378): a good-till order begins another day (E4.14); the exchange's choice
_RENEWED, _RESUMED = 1, 8


class Day(Entry):
    """A Venue that knows what time of the day it is."""

    def _set_phase(self, command: SetPhase, now_ns: int) -> list[Outgoing]:
        try:
            phase = Phase(command.phase)
        except ValueError:
            allowed = ", ".join(f'"{one}"' for one in Phase)
            raise LocalProtocolError(f"no phase {command.phase!r}: {allowed}") from None
        markets = self.markets.values() if command.symbol is None else [self.market(command.symbol)]
        reports: list[Outgoing] = []
        for market in markets:
            before = market.book.phase
            if phase not in (before, Phase.HALTED, Phase.CLOSED):
                reports += self._awake(market, now_ns)
            reports += self.after(market, market.book.set_phase(phase, now_ns), now_ns)
            if self.config.done_for_day and phase is Phase.CLOSED and before is not phase:
                reports += self._done_for_day(market, now_ns)
        return reports

    def _awake(self, market: Market, now_ns: int) -> list[Outgoing]:
        """Take orders up again that were done for the day (E4.14) or suspended, before anything trades."""
        reports: list[Outgoing] = []
        for kept in self.open_orders(symbol=market.listing.symbol):
            if kept.mark in ("3", "9"):
                reports.append(self._taken_up(kept, market, _RENEWED if kept.mark == "3" else _RESUMED, now_ns))
        return reports

    def _taken_up(self, kept: Kept, market: Market, reason: int, now_ns: int) -> Outgoing:
        kept.mark = ""
        return self.telling.execution(kept, market.listing, "D", now_ns, restated=reason)

    def _done_for_day(self, market: Market, now_ns: int) -> list[Outgoing]:
        """Tell the owners of orders that outlive the day (E4.14)."""
        reports: list[Outgoing] = []
        for kept in self.open_orders(symbol=market.listing.symbol):
            if kept.mark != "3":
                kept.mark = "3"
                reports.append(self.telling.execution(kept, market.listing, "3", now_ns))
        return reports

    def _end_day(self, command: EndDay, now_ns: int) -> list[Outgoing]:
        """End the day, whatever the phase: what is good for it expires; then a new one begins."""
        reports: list[Outgoing] = []
        for market in self.markets.values():
            reports += self.after(market, market.book.end_day(now_ns), now_ns)
            if self.config.done_for_day:
                reports += self._done_for_day(market, now_ns)
        if self.config.calculated:
            for kept in self.telling.orders.values():
                if kept.status == "2":
                    kept.status = "B"
                    reports.append(self.telling.execution(kept, self.markets[kept.symbol].listing, "B", now_ns))
        self.day_ended_ns = max(self.day_ended_ns, command.at_ns or now_ns)
        return reports + self._new_day(NewDay(), now_ns)

    def _new_day(self, command: NewDay, now_ns: int) -> list[Outgoing]:
        telling, owners, config = self.telling, frozenset(command.owners), self.config
        reports: list[Outgoing] = []
        for kept in list(telling.orders.values()):
            if owners and kept.owner not in owners:
                continue
            if not kept.active and kept.number not in self.pending:
                telling.forget(kept)
            elif kept.active and kept.time_in_force in _GOOD_TILL and not owners:
                market = self.markets[kept.symbol]
                if kept.mark == "3":  # a market that is closed does it when it opens
                    if market.book.phase is not Phase.CLOSED:
                        reports.append(self._taken_up(kept, market, _RENEWED, now_ns))
                elif config.restate_good_till and not config.done_for_day:
                    reports.append(telling.execution(kept, market.listing, "D", now_ns, restated=_RENEWED))
        telling.forget_names(owners)
        return reports

    def market(self, symbol: str) -> Market:
        """Return the market of a symbol. Raises: LocalProtocolError: there is none."""
        market: Market | None = self.markets.get(symbol)
        if market is None:
            raise LocalProtocolError(f"no instrument {symbol!r}: {', '.join(self.markets)}")
        return market
