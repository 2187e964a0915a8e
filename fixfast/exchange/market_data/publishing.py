"""Market data of an Exchange: it listens to what the books do, and answers MarketDataRequest (V)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fixfast import clock
from fixfast.engine.live import LiveSession
from fixfast.exchange.market_data.feed import Change
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.exchange.matching.outcome import Busted, Event, Phase, PhaseChanged, TradePrinted
from fixfast.session.wire import Message

if TYPE_CHECKING:
    from fixfast.exchange.exchange import Exchange

__all__ = ["CatchingUp", "Publishing", "application_version"]

#: seconds after which it is looked again whether a subscriber that fell behind has read what it was sent
_AGAIN = 0.02
#: more levels than a book has
_ALL = 1 << 60
_CLOSE = "5"


def application_version(session: LiveSession) -> str:
    """Return the version of a session's application messages. FIXT.1.1 carries FIX 5.0 SP2."""
    begin_string = session.id.begin_string
    return "FIX.5.0SP2" if begin_string == "FIXT.1.1" else begin_string


class CatchingUp:
    """Calls MarketData.poll() from time to time, as long as somebody is behind."""

    def __init__(self, data: MarketData) -> None:
        self._data = data
        self._timer: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """See whether there is something to catch up with."""
        if self._timer is None and self._data.behind:
            self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._poll)

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _poll(self) -> None:
        self._timer = None
        self._data.poll(clock.now().wall_ns)
        self.check()


class Publishing:
    """What an Exchange says about its markets. It is one of its Listeners.

    A trade has the id (MDEntryID) that ExecutionReports give it as TrdMatchID. The closing price is that of the last
    trade when a market closes; a market that leaves that phase begins a new day.

    Args: exchange: whose markets. limits: for each session.

    Attributes: data: the MarketData, to look at it, or to set a settlement price.
    """

    def __init__(self, exchange: Exchange, limits: MarketDataLimits) -> None:
        self._markets = exchange.venue.markets
        self._prefix = exchange.config.order_id_prefix
        self.data = MarketData([market.listing for market in self._markets.values()], limits)
        self._catching_up = CatchingUp(self.data)
        self._sessions: dict[LiveSession, str] = {}
        exchange.subscribe(self)
        exchange.handle("V", self._on_request)

    def open(self) -> None:
        """Take the levels that the books have: those of an earlier run."""
        levels: dict[str, list[Change]] = {}
        for symbol, market in self._markets.items():
            bids, offers = market.book.depth(_ALL)
            levels[symbol] = [(1, *level) for level in bids] + [(-1, *level) for level in offers]
        self.data.restore(levels)

    def close(self) -> None:
        """Stop the timer."""
        self._catching_up.close()

    # --- as a Listener ----------------------------------------------------------------------------------------

    def on_logon(self, owner: str, session: LiveSession) -> None:
        """Let a client ask for market data."""
        self._sessions[session] = owner
        self.data.join(owner, application_version(session), session)

    def on_logout(self, owner: str, session: LiveSession) -> None:
        """End the subscriptions of one who is gone."""
        self._sessions.pop(session, None)
        self.data.leave(owner)

    def on_batch(self, symbol: str, events: list[Event], changes: list[Change], now_ns: int) -> None:
        """Tell those who watch an instrument what one command did to its book."""
        trades: list[tuple[str, int, int]] = []
        busts: dict[str, tuple[str, int, int]] = {}  # both sides of a trade report its bust
        closes = False
        for event in events:
            if type(event) is TradePrinted:
                trades.append((self._name(symbol, event.trade_id), event.px, event.qty))
            elif type(event) is Busted:
                name = self._name(symbol, event.trade_id)
                busts[name] = name, event.px, event.qty
            elif type(event) is PhaseChanged:
                closes = event.after is Phase.CLOSED
                if event.before is Phase.CLOSED:
                    self.data.begin_day(symbol, now_ns)
        self.data.publish(symbol, now_ns, changes=changes, trades=trades, busts=busts.values())
        last = self._markets[symbol].book.last_px
        if closes and last is not None:
            self.data.set_value(symbol, _CLOSE, last, now_ns)
        self._catching_up.check()

    # --- inside -----------------------------------------------------------------------------------------------

    def _on_request(self, session: LiveSession, message: Message) -> None:
        self.data.on_request(self._sessions[session], message, clock.now().wall_ns)

    def _name(self, symbol: str, trade_id: int) -> str:
        return f"{self._prefix}T{self._markets[symbol].listing.index}.{trade_id}"
