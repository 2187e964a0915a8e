"""Market data of an Exchange: it listens to what the books do, and answers MarketDataRequest (V)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fixfast import clock
from fixfast.engine.live import LiveSession
from fixfast.exchange.market_data.entries import CLOSE, TRADE, Change
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.exchange.market_data.queues import Resting
from fixfast.exchange.market_data.tape import TimedPrint
from fixfast.exchange.matching.book_order import BookOrder
from fixfast.exchange.matching.outcome import Busted, Corrected, Event, Phase, PhaseChanged, Refused, TradePrinted
from fixfast.exchange.venue.market import Market
from fixfast.session.wire import Message

if TYPE_CHECKING:
    from fixfast.exchange.exchange import Exchange

__all__ = ["CatchingUp", "Publishing", "application_version"]

#: seconds after which it is looked again whether a subscriber that fell behind has read what it was sent
_AGAIN = 0.02
#: more levels than a book has
_ALL = 1 << 60
#: trades that are kept one by one until somebody looks, of one instrument
_MOST_NOTED = 4096
#: what is told at once, also where nobody looks: it is rare
_RARE = (PhaseChanged, Busted, Corrected)


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
    """What an Exchange says about its markets.

    A trade has the id (MDEntryID) that ExecutionReports give it as TrdMatchID. The closing price is that of the last
    trade when a market closes; a market that leaves that phase begins a new day.

    Nobody pays for what nobody watches: of an instrument without subscribers the trades are noted, and no more. Its
    levels are those of its book when somebody subscribes.

    Args: exchange: whose markets. limits: for each session.

    Attributes: data: the MarketData, to look at it, or to set a settlement price.
    """

    def __init__(self, exchange: Exchange, limits: MarketDataLimits) -> None:
        self._markets = exchange.venue.markets
        self._prefix = exchange.config.order_id_prefix
        self._noted: dict[str, list[tuple[TradePrinted, int]]] = {symbol: [] for symbol in self._markets}
        self.data = MarketData([market.listing for market in self._markets.values()], limits, source=self)
        self._catching_up = CatchingUp(self.data)
        self._sessions: dict[LiveSession, str] = {}
        exchange.subscribe(self)
        exchange.handle("V", self._on_request)

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

    # --- what happens -----------------------------------------------------------------------------------------

    def note(self, symbol: str, events: list[Event], now_ns: int) -> bool:
        """Keep in mind what a command did to a book that nobody watches; False: it is to be published all the same."""
        for event in events:
            if type(event) in _RARE:
                return False
        for event in events:
            if type(event) is TradePrinted:
                noted = self._noted[symbol]
                noted.append((event, now_ns))
                if len(noted) >= _MOST_NOTED:
                    self.data.look_up(symbol)
        return True

    def touched(self, market: Market, events: list[Event]) -> list[Resting]:
        """Return the orders that events are about, as they are now; none where nobody wants them one by one."""
        if market.listing.symbol not in self.data.by_order:
            return []
        found: dict[int, BookOrder] = {}
        for event in events:
            if isinstance(event, PhaseChanged):  # orders for the close come into the book without a word
                found.update((order.order_id, order) for order in _resting(market))
            elif not isinstance(event, (TradePrinted, Corrected, Refused)):
                found[event.order.order_id] = event.order
        return [self._seen(order) for order in found.values()]

    def publish(
        self, symbol: str, events: list[Event], changes: list[Change], now_ns: int, orders: Iterable[Resting] = ()
    ) -> None:
        """Tell those who watch an instrument what one command did to its book. Args: orders: as touched() says."""
        if symbol not in self.data.watched and self.note(symbol, events, now_ns):
            return
        trades: list[tuple[str, int, int]] = []
        busts: dict[str, tuple[str, int, int]] = {}  # both sides of a trade report its bust
        corrections: list[tuple[str, int, int, int]] = []
        closes = False
        for event in events:
            if type(event) is TradePrinted:
                trades.append((self._name(symbol, event.trade_id), event.px, event.qty))
            elif type(event) is Busted:
                name = self._name(symbol, event.trade_id)
                busts[name] = name, event.px, event.qty
            elif type(event) is Corrected:
                corrections.append((self._name(symbol, event.trade_id), event.before, event.px, event.qty))
            elif type(event) is PhaseChanged:
                closes = event.after is Phase.CLOSED
                if event.before is Phase.CLOSED:
                    self.data.begin_day(symbol, now_ns)
        taken = list(busts.values())
        self.data.publish(
            symbol, now_ns, changes=changes, trades=trades, busts=taken, corrections=corrections, orders=orders
        )
        if closes:
            self._close(symbol, now_ns)
        self._catching_up.check()

    # --- as a Source ------------------------------------------------------------------------------------------

    def levels(self, symbol: str) -> list[Change]:
        """Return the levels of a book. What it knows of changes before them is no news any more."""
        book = self._markets[symbol].book
        book.take_changes()
        bids, offers = book.depth(_ALL)
        return [(1, *level) for level in bids] + [(-1, *level) for level in offers]

    def orders(self, symbol: str) -> list[Resting]:
        """Return the orders that rest in a book at a price."""
        return [self._seen(order) for order in _resting(self._markets[symbol]) if order.price is not None]

    def prints(self, symbol: str) -> list[TimedPrint]:
        """Return the trades that were noted."""
        noted, self._noted[symbol] = self._noted[symbol], []
        return [(self._name(symbol, one.trade_id), one.px, one.qty, now_ns) for one, now_ns in noted]

    # --- inside -----------------------------------------------------------------------------------------------

    def _on_request(self, session: LiveSession, message: Message) -> None:
        self.data.on_request(self._sessions[session], message, clock.now().wall_ns)

    def _close(self, symbol: str, now_ns: int) -> None:
        """Tell the closing price: that of the last trade, as corrected, unless it was busted."""
        last = [entry.px for entry in self.data.entries(symbol, TRADE)] or [self._markets[symbol].book.last_px]
        if last[0] is not None:
            self.data.set_value(symbol, CLOSE, last[0], now_ns)

    def _seen(self, order: BookOrder) -> Resting:
        """Return an order as others see it: by its OrderID, which names no owner. One without a price is not seen."""
        name = f"{self._prefix}O{order.order_id}"
        if order.price is None:
            return Resting(name, order.side, 0, 0, order.seq)
        return Resting(name, order.side, order.price, order.shown, order.seq)

    def _name(self, symbol: str, trade_id: int) -> str:
        return f"{self._prefix}T{self._markets[symbol].listing.index}.{trade_id}"


def _resting(market: Market) -> Iterator[BookOrder]:
    yield from market.book.bids.orders()
    yield from market.book.offers.orders()
