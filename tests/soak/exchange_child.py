"""The exchange of the soak, as a process that is killed: python -m tests.soak.exchange_child DIRECTORY PORT SEED."""

from __future__ import annotations

import asyncio
import random
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast.exchange.venue.book_keeping import Kept
from fixfast.exchange.venue.listing import Listing
from tests.soak.child import obey
from tests.soak.setup import AGENTS, FAULTS, INSTRUMENTS, NAMES

__all__: list[str] = []


def plain(number: int, scale: int) -> str:
    return f"{Decimal(number).scaleb(-scale).normalize():f}"


def order(kept: Kept, listing: Listing) -> dict[str, Any]:
    """Return an order as the clients tell of theirs."""
    qty, px = listing.qty_scale, listing.price_scale
    return {
        "id": kept.names[0],
        "head": kept.cl_ord_id,
        "order_id": kept.order_id,
        "symbol": kept.symbol,
        "side": kept.side,
        "status": kept.shown_status,
        "qty": plain(kept.qty, qty),
        "cum": plain(kept.cum, qty),
        "leaves": plain(kept.leaves, qty),
        "price": None if kept.price is None else plain(kept.price, px),
        "trades": sorted([plain(n, qty), plain(at, px)] for _, _, n, at in kept.trades),
    }


class Operator:
    """Does what the campaign says."""

    def __init__(self, exchange: ff.exchange.Exchange, seed: str) -> None:
        self.exchange = exchange
        self.random = random.Random(seed)

    async def do(self, words: list[str]) -> Any:
        if words[0] == "meddle":
            return self._meddle()
        if words[0] == "quiet":
            self.exchange.clear_faults()
            if self.exchange._agents is not None:
                self.exchange._agents.close()
            return "quiet"
        assert words[0] == "dump", words
        return self._dump()

    def _meddle(self) -> str:
        """Do to some order or trade what an operator may do."""
        exchange, lot = self.exchange, self.random
        kept = [one for one in exchange.venue.telling.orders.values() if ":" in one.owner and one.trades]
        if not kept:
            return "nothing"
        one = lot.choice(kept[-200:])
        _, trade_id, _, px = lot.choice(one.trades)
        try:
            if lot.random() < 0.4:
                exchange.bust(one.symbol, trade_id)
                return "bust"
            if lot.random() < 0.5:
                scale = exchange.listings[one.symbol].price_scale
                exchange.correct(one.symbol, trade_id, Decimal(px + lot.randint(-3, 3)).scaleb(-scale))
                return "correct"
            if one.active:
                exchange.cancel(order_id=one.order_id)
                return "cancel"
        except ff.FixfastError as error:
            return f"refused: {error}"
        return "nothing"

    def _dump(self) -> dict[str, Any]:
        venue = self.exchange.venue
        orders: dict[str, list[dict[str, Any]]] = {}
        traded = {symbol: [0, 0] for symbol in venue.markets}
        for kept in venue.telling.orders.values():
            listing = venue.markets[kept.symbol].listing
            if ":" in kept.owner:
                orders.setdefault(kept.owner, []).append(order(kept, listing))
            traded[kept.symbol][kept.side != "1"] += sum(qty * px for _, _, qty, px in kept.trades)
        books, marks = {}, {}
        for symbol, market in venue.markets.items():
            listing = market.listing
            books[symbol] = [
                [[plain(px, listing.price_scale), plain(qty, listing.qty_scale)] for px, qty, _ in side]
                for side in market.book.depth(10)
            ]
            marks[symbol] = plain(market.book.last_px or market.book.reference or 0, listing.price_scale)
        return {"orders": orders, "books": books, "marks": marks, "traded": traded}


async def main(directory: str, port: str, seed: str) -> None:
    """Be an exchange until standard input ends."""
    config = ff.exchange.ExchangeConfig(
        port=int(port),
        seed=int(seed),
        journal=Path(directory),
        snapshot_every=20_000,
        remember_closed=None,  # all of them are compared in the end
        instruments=INSTRUMENTS,
        faults=FAULTS,
        agents=AGENTS,
        participants=(ff.exchange.ParticipantConfig("DROP", versions=("FIX.4.4",), drop_copy_of=NAMES),),
    )
    async with ff.exchange.Exchange(config) as exchange:
        sys.stdout.write(f"{exchange.port}\n")
        sys.stdout.flush()
        await obey(Operator(exchange, f"{seed} operator {exchange.venue.now_ns}").do)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
