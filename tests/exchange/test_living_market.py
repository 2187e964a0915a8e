"""The whole exchange with agents in it: clients subscribe, trade with them, and see what the books have."""

from __future__ import annotations

from typing import Any

import pytest

import fixfast as ff
from fixfast.errors import ConfigError
from fixfast.exchange.agents import trading
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.config import ExchangeConfig, PhaseAt, load_exchange_config
from fixfast.exchange.market_data import publishing
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.venue.requests import NewOrder
from fixfast.trading.book import Book
from tests.exchange.floor import VERSIONS, Client, Floor, run
from tests.exchange.market import PlainBook, request

WHO = AgentsConfig(symbols=("AAPL", "EUR/USD"))


def asking(client: Client, name: str = "R1", **asked: Any) -> list[Any]:
    version = "FIX.5.0SP2" if client.version == "FIXT.1.1" else client.version
    asked.setdefault("symbols", ("AAPL",))
    return request(version, name, **asked).body()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_sees_what_the_books_have(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(agents=WHO)) as floor:
            await floor.advance(5)
            client = await floor.client(version)
            symbols = ("AAPL", "EUR/USD")
            told = await client.sends("V", *asking(client, kinds="012", depth=10, symbols=symbols))
            books = {symbol: PlainBook(by_level=version == "FIXT.1.1", depth=10) for symbol in symbols}
            client_books = {symbol: Book(symbol) for symbol in symbols}
            await floor.advance(60)
            told += await client.hears()
            assert {message.msg_type for message in told} == {"W", "X"}
            for message in told:
                symbol = message.get(55) or message.group(268)[0][55]
                books[symbol].apply(message)
                client_books[symbol].apply(message)
            for symbol, book in books.items():
                market = floor.exchange.venue.markets[symbol]
                for side, levels in zip("01", market.book.depth(10), strict=True):
                    scale = market.listing.price_scale
                    shown = [(int(px.scaleb(scale)), int(qty), n) for px, qty, n in book.sides[side]]
                    assert shown == levels
                assert client_books[symbol].bids()[0].price == book.sides["0"][0][0]
                assert len(book.tape) > 10, "they trade"

    run(main())


def test_a_clients_order_trades_with_an_agent_and_is_printed_by_the_same_name() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(agents=WHO)) as floor:
            await floor.advance(5)
            client = await floor.client()
            await client.sends("V", *asking(client, kinds="2"))
            told = await client.buys("C1", 1, "240.00", f59="3")
            fill = next(message for message in told if message.get(150) == "F")
            printed = next(message for message in told if message.msg_type == "X").group(268)[0]
            assert (printed[270], printed[271]) == (fill[31], fill[32])
            assert printed[278] == fill.get(880, printed[278])
            index = told.index(fill)
            assert told[index + 1].msg_type == "X", "its own report comes first"

    run(main())


def test_a_bust_takes_it_from_the_agents_position_too() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(agents=WHO)) as floor:
            await floor.advance(5)
            client = await floor.client()
            assert floor.exchange._agents is not None
            agents = floor.exchange._agents.agents
            held = {owner: agents.position(owner) for owner in agents.owners}
            told = await client.buys("C1", 1, "240.00", f59="3")
            assert sum(agents.position(owner) - held[owner] for owner in agents.owners) == -1
            assert any(message.get(150) == "F" for message in told)
            floor.exchange.bust("AAPL", floor.exchange.venue.markets["AAPL"].book.snapshot()["trade_id"])
            assert {owner: agents.position(owner) for owner in agents.owners} == held

    run(main())


def test_one_seed_is_one_market() -> None:
    async def main() -> None:
        seen = []
        for seed in (1, 1, 2):
            async with Floor(ExchangeConfig(agents=WHO, seed=seed)) as floor:
                await floor.advance(20)
                seen.append([floor.book(symbol) for symbol in ("AAPL", "EUR/USD")])
        assert seen[0] == seen[1]
        assert seen[0] != seen[2]

    run(main())


def test_a_bust_reaches_the_tape_once() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            client, other = await floor.client(), await floor.client(name="OTHER")
            await client.sends("V", *asking(client, kinds="27"))
            await client.buys("C1", 100)
            await other.sells("O1", 100)
            book = PlainBook()
            book.values = {}
            for message in await client.hears():
                if message.msg_type == "X":
                    book.apply(message)
            assert len(book.tape) == 1
            assert floor.exchange.bust("AAPL", 1)
            (busted,) = (message for message in await client.hears() if message.msg_type == "X")
            book.apply(busted)
            assert (book.tape, book.values) == ([], {})

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_candles_and_tape_of_a_client_are_right_after_a_correction_and_a_bust(version: str) -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            client, other = await floor.client(version), await floor.client(name="OTHER")
            told = await client.sends("V", *asking(client, kinds="0127"))
            for n, price in enumerate(("230.00", "231.00", "229.00")):
                told += await client.buys(f"C{n}", 100, price)
                await other.sells(f"O{n}", 100, price)
            for _ in range(2):  # the second time it has the price of the first
                floor.exchange.correct("AAPL", 2, "230.50")
            floor.exchange.correct("AAPL", 3, "228.00")
            told += await client.hears()
            book, plain, candles = Book("AAPL"), PlainBook(), ff.Candles("1d")

            def take(messages: list[ff.Message]) -> None:
                for message in messages:
                    if message.msg_type in ("W", "X"):
                        plain.apply(message)
                        change = book.apply(message)
                        assert change is not None
                        candles.on_book(change)

            take(told)
            candle = candles.current
            assert candle is not None
            prices = [str(price) for price in (candle.open, candle.high, candle.low, candle.close)]
            assert prices == ["230", "230.5", "228", "228"]
            assert (candle.volume, candle.trades, candles.too_late) == (300, 3, 0)
            assert [str(px) for _, px, _ in plain.tape] == ["230.00", "230.50", "228.00"]
            assert str(plain.values["7"][0]) == "230.50"
            floor.exchange.bust("AAPL", 2)
            floor.exchange.bust("AAPL", 3)
            take(await client.hears())
            candle = candles.current
            assert candle is not None
            assert (str(candle.high), str(candle.low), candle.volume) == ("230", "230", 100)
            assert str(plain.values["7"][0]) == "230.00", "without the corrected price"
            assert book.valid
            assert not book.anomalies

    run(main())


def test_nobody_pays_for_what_nobody_watches() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            data = floor.exchange.market_data
            heard: list[object] = []
            client, other = await floor.client(), await floor.client(name="OTHER")
            for n in range(5):  # trades are noted while nobody looks; nothing else is
                await client.buys(f"C{n}", 100, f"23{n}.00")
                await other.sells(f"O{n}", 50, f"23{n}.00")
            assert not data.watched
            assert data._feeds["AAPL"].levels.entries("01", 0) == []
            floor.exchange.bust("AAPL", 5)
            assert [entry.px for entry in data.entries("AAPL", "478", 0)] == [23000, 23300, 23000]
            told = await client.sends("V", *asking(client, kinds="012478B"))
            assert data.watched == {"AAPL"}
            book = PlainBook()
            book.apply(told[-1])
            floor.exchange.subscribe(type("Ears", (), {"on_batch": lambda self, *batch: heard.append(batch)})())
            told = await client.buys("C9", 100, "229.00")
            book.apply(told[-1])
            for kind, levels in zip("01", floor.exchange.venue.markets["AAPL"].book.depth(99), strict=True):
                assert [(int(px * 100), int(qty), n) for px, qty, n in book.sides[kind]] == levels
            assert len(heard) == 1
            await client.sends("V", (262, "R1"), (263, "2"), *asking(client)[2:])
            assert not data.watched
            await other.sells("O9", 100, "229.00")
            assert len(heard) == 2, "another listener hears of everything"
            told = await client.sends("V", *asking(client, kinds="0128"))
            again = PlainBook()
            again.apply(told[-1])
            assert str(again.sides["0"][0][0]) == "232.00"
            assert [str(again.values[kind][0]) for kind in "28"] == ["233.00", "230.00"]

    run(main())


def test_trades_of_a_long_day_without_subscribers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_MOST_NOTED", 10)

    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            exchange, e8 = floor.exchange, 10**8
            for n in range(50):
                for side, owner in (("1", "us"), ("2", "them")):
                    exchange.submit(NewOrder(owner, 0, f"{n}", None, "AAPL", side, e8, "2", (200 + n) * e8))
                assert len(exchange._publishing._noted["AAPL"]) < 10
            values = {entry.kind: entry.px or entry.qty for entry in exchange.market_data.entries("AAPL", "2478B")}
            assert values == {"2": 24900, "4": 20000, "7": 24900, "8": 20000, "B": 50}

    run(main())


def test_a_market_that_closes_has_a_closing_price_and_a_new_day_begins_empty() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig()) as floor:
            client, other = await floor.client(), await floor.client(name="OTHER")
            await client.buys("C1", 100, "230.50")
            await other.sells("O1", 100, "230.50")
            floor.exchange.set_phase("closed")
            told = await client.sends("V", *asking(client, kinds="0257B", action="0"))
            values = {entry[269]: entry.get(270) for entry in told[-1].group(268)}
            assert values == {"2": "230.50", "5": "230.50", "7": "230.50", "B": None}
            floor.exchange.set_phase("continuous")
            told = await client.sends("V", *asking(client, kinds="0257B", action="0"))
            assert told[-1][268] == "0"

    run(main())


def test_who_logs_out_and_in_subscribes_anew() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(market_data=MarketDataLimits(requests=1))) as floor:
            client = await floor.client()
            await client.sends("V", *asking(client))
            refused = await client.sends("V", *asking(client, "R2"))
            assert refused[0][281] == "2"
            client.session.drop()
            await floor.advance(0.1)
            floor.exchange.submit(NewOrder("us", 0, "1", None, "AAPL", "1", 10**10, "2", 200 * 10**8))
            assert floor.exchange.market_data.watching == 0
            await floor.advance(5)
            assert await client.hears() == [], "old market data is not resent (M11)"
            told = await client.sends("V", *asking(client))
            assert [message.msg_type for message in told if message.msg_type in "WY"] == ["W"]

    run(main())


def test_without_an_id_a_request_is_a_business_reject() -> None:
    async def main() -> None:
        async with Floor(ExchangeConfig(validation="observe")) as floor:
            client = await floor.client()
            (told,) = await client.sends("V", (263, "1"), (264, 0))
            assert (told.msg_type, told[380]) == ("j", "5")

    run(main())


def test_agents_know_of_their_fills_and_leave_nothing_behind_after_a_restart(tmp_path: Any) -> None:
    config = ExchangeConfig(agents=WHO, journal=tmp_path)

    async def main() -> None:
        for _ in range(2):
            async with Floor(config) as floor:
                exchange = floor.exchange
                assert exchange._agents is not None
                agents = exchange._agents.agents
                await floor.advance(20)
                open_orders = {
                    (order.owner, order.order_id)
                    for market in exchange.venue.markets.values()
                    for order in market.book.open_orders()
                }
                theirs = [name for agent in agents._agents.values() for name in agent.open]
                assert open_orders
                assert len(theirs) == len(open_orders), "none that its agent does not know"

    run(main())


def test_agents_keep_to_the_hours_and_gather_before_them() -> None:
    hours = (PhaseAt("10:01", "continuous"), PhaseAt("10:02", "closed"), PhaseAt("09:00", "pre-open"))

    async def main() -> None:
        async with Floor(ExchangeConfig(agents=WHO, phases=hours)) as floor:
            book = floor.exchange.venue.markets["AAPL"].book
            await floor.advance(50)
            assert book.open_orders()
            assert book.last_px is None, "nothing trades before the market opens"
            client = await floor.client()
            await client.sends("V", *asking(client, kinds="25"))
            await floor.advance(60)
            assert book.last_px is not None
            await floor.advance(600)
            assert book.open_orders() == []
            tape = PlainBook()
            for message in await client.hears():
                if message.msg_type == "X":
                    tape.apply(message)
            assert tape.values["5"][0] == tape.values["2"][0], "the closing price"

    run(main())


def test_what_agents_are_done_with_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "_FORGOTTEN", 500)

    async def main() -> None:
        async with Floor(ExchangeConfig(agents=WHO)) as floor:
            client = await floor.client()
            await client.buys("MINE", 1, "240.00")
            await floor.advance(300)
            telling = floor.exchange.venue.telling
            assert len(telling.orders) < 1000
            (refused,) = (m for m in await client.buys("MINE", 1, "240.00") if m.msg_type == "8")
            assert refused[39] == "8", "others' are not: their ClOrdIDs are still used"

    run(main())


def test_agents_stand_in_a_file(tmp_path: Any) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(
        '[[instruments]]\nsymbol = "X"\n[agents]\nmakers = 3\nlatency = [0.001, 0.01]\nsymbols = ["X"]\n'
        "[market_data]\ndepth = 5\n"
    )
    config = load_exchange_config(path)
    assert config.agents == AgentsConfig(makers=3, latency=(0.001, 0.01), symbols=("X",))
    assert config.market_data.depth == 5
    with pytest.raises(ConfigError, match="agents"):
        ExchangeConfig(agents=AgentsConfig(symbols=("NONE",)))
    assert isinstance(ff.exchange.Exchange, type)
