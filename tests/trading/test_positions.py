"""Positions: exact, and a function of the trades that count in the end, whatever came when (E4.12)."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast import fix44
from fixfast.trading.log import pack, unpack
from fixfast.trading.positions import sign_of

ACCOUNT, SYMBOL = "ACC", "EUR/USD"


def trade(exec_id: str | int, side: str, qty: int | str, px: int | str, at: int | None = None, **more: str) -> ff.Trade:
    when = int(exec_id) if at is None else at
    return ff.Trade(
        str(exec_id),
        "o",
        "c",
        more.get("account", ACCOUNT),
        more.get("symbol", SYMBOL),
        side,
        Decimal(qty),
        Decimal(px),
        when,
    )


def after(*trades: ff.Trade, mark: int | str | None = None) -> ff.Position:
    positions = ff.Positions()
    positions.apply_all(trades)
    if mark is not None:
        positions.mark(SYMBOL, Decimal(mark))
    return positions[ACCOUNT, SYMBOL]


# --- how profit is reckoned -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trades", "qty", "avg_px", "realised", "unrealised"),
    [
        ([], 0, 0, 0, 0),
        ([("1", 100, 10)], 100, 10, 0, 200),
        ([("1", 100, 10), ("1", 100, 11)], 200, "10.5", 0, 300),
        ([("1", 100, 10), ("2", 40, 11)], 60, 10, 40, 120),
        ([("1", 100, 10), ("2", 100, 11)], 0, 0, 100, 0),
        ([("1", 100, 10), ("2", 100, 11), ("1", 100, 12)], 100, 12, 100, 0),
        ([("1", 100, 10), ("2", 150, 11)], -50, 11, 100, -50),
        ([("2", 100, 10)], -100, 10, 0, -200),
        ([("5", 100, 10), ("2", 100, 12)], -200, 11, 0, -200),
        ([("2", 100, 10), ("1", 30, 9)], -70, 10, 30, -140),
        ([("2", 100, 10), ("1", 130, 9)], 30, 9, 100, 90),
        ([("1", 100, -5), ("2", 50, "-3.5")], 50, -5, 75, 850),
    ],
)
def test_average_cost(
    trades: list[tuple[str, int, int]], qty: int, avg_px: object, realised: int, unrealised: int
) -> None:
    position = after(*(trade(n, *one) for n, one in enumerate(trades)), mark=12)
    assert (position.qty, position.avg_px) == (qty, Decimal(str(avg_px)))
    assert (position.realised, position.unrealised) == (realised, unrealised)
    assert position.profit == realised + unrealised


def test_without_a_mark_what_is_held_has_no_profit_and_what_was_closed_has() -> None:
    position = after(trade(1, "1", 100, 10), trade(2, "2", 50, 11))
    assert (position.realised, position.unrealised, position.profit) == (50, None, None)
    flat = after(trade(1, "1", 100, 10), trade(2, "2", 100, 11))
    assert (flat.unrealised, flat.profit) == (0, 100)


def test_a_start_position_counts_from_its_price() -> None:
    positions = ff.Positions()
    positions.apply(trade(1, "2", 40, 13))
    positions.start(ACCOUNT, SYMBOL, 100, Decimal("12.5"))
    positions.mark(SYMBOL, 14)
    position = positions[ACCOUNT, SYMBOL]
    assert (position.qty, position.avg_px, position.realised, position.unrealised) == (60, Decimal("12.5"), 20, 90)


def test_a_contract_multiplier_multiplies_profit_only() -> None:
    positions = ff.Positions({"ES": 50})
    positions.apply_all([trade(1, "1", 2, "4500.25", symbol="ES"), trade(2, "2", 1, "4500.75", symbol="ES")])
    positions.mark("ES", Decimal(4500))
    position = positions[ACCOUNT, "ES"]
    assert (position.qty, position.avg_px) == (1, Decimal("4500.25"))
    assert (position.realised, position.unrealised, position.profit) == (25, Decimal("-12.5"), Decimal("12.5"))


def test_accounts_and_symbols_are_apart_and_net_is_over_accounts() -> None:
    positions = ff.Positions()
    positions.apply_all([trade(1, "1", 10, 1), trade(2, "2", 4, 1, account="B"), trade(3, "1", 7, 1, symbol="GBP/USD")])
    assert [(p.account, p.symbol, p.qty) for p in positions] == [
        ("ACC", "EUR/USD", 10),
        ("ACC", "GBP/USD", 7),
        ("B", "EUR/USD", -4),
    ]
    assert (len(positions), positions.net(SYMBOL), positions.qty("B", SYMBOL), positions.qty("C", SYMBOL)) == (
        3,
        6,
        -4,
        0,
    )
    assert positions["C", "X"] == ff.Position("C", "X")


def test_sides_buy_or_sell_or_are_refused() -> None:
    codes = {side.value: side.name for side in fix44.Side}
    for code in codes:
        if code in "134DG" and code != "4" and code != "G":
            assert sign_of(code) == 1
        elif code in "2456E":
            assert sign_of(code) == -1
        else:
            with pytest.raises(ff.ConfigError, match="side="):
                ff.Positions().apply(trade(1, code, 1, 1))


@pytest.mark.parametrize("px", [1.5, True, "1.5", Decimal("NaN"), None])
def test_floats_and_texts_are_no_prices(px: object) -> None:
    with pytest.raises(ff.ConfigError):
        ff.Positions().mark(SYMBOL, px)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError):
        ff.Positions().start(ACCOUNT, SYMBOL, 1, px)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError):
        ff.Positions({SYMBOL: px})  # type: ignore[dict-item]


# --- twice, busted, corrected -----------------------------------------------------------------------------------------


def test_a_second_copy_changes_nothing_and_a_different_one_raises() -> None:
    positions = ff.Positions()
    assert positions.apply(trade(1, "1", 10, 1))
    assert not positions.apply(trade(1, "1", 10, 1))
    with pytest.raises(ff.TradeConflict) as caught:
        positions.apply(trade(1, "1", 11, 1))
    assert caught.value.exec_id == "1"
    assert positions.qty(ACCOUNT, SYMBOL) == 10


def test_exec_ids_of_two_sources_are_apart() -> None:
    positions = ff.Positions()
    positions.apply(trade(1, "1", 10, 1), source="A")
    positions.apply(trade(1, "1", 5, 2), source="B")
    positions.bust("1", source="A")
    assert positions.qty(ACCOUNT, SYMBOL) == 5


def test_a_bust_takes_a_trade_out_as_if_it_had_never_been() -> None:
    trades = [
        trade(n, side, qty, px)
        for n, side, qty, px in ((1, "1", 7, 3), (2, "2", 2, 11), (3, "1", 5, 4), (4, "2", 9, 5))
    ]
    for busted in range(4):
        positions = ff.Positions()
        positions.apply_all(trades)
        assert positions.bust(trades[busted].exec_id)
        assert not positions.bust(trades[busted].exec_id)
        assert positions[ACCOUNT, SYMBOL] == after(*trades[:busted], *trades[busted + 1 :])


def test_a_bust_that_comes_first_waits_for_its_trade() -> None:
    positions = ff.Positions()
    assert not positions.bust("1")
    assert not positions.apply(trade(1, "1", 10, 1))
    assert positions.qty(ACCOUNT, SYMBOL) == 0


def test_a_correction_replaces_and_the_latest_counts() -> None:
    positions = ff.Positions()
    positions.apply_all([trade(1, "1", 10, 1), trade(2, "1", 10, 3)])
    assert positions.correct("1", trade(1, "1", 20, 2))
    assert positions.correct("1", trade(1, "1", 30, 1))
    assert not positions.correct("1", trade(1, "1", 30, 1))
    assert positions[ACCOUNT, SYMBOL] == after(trade(1, "1", 30, 1), trade(2, "1", 10, 3))
    assert positions.trades(ACCOUNT, SYMBOL) == [trade(1, "1", 30, 1), trade(2, "1", 10, 3)]
    positions.correct("2", trade(2, "1", 10, 3, account="B"))
    assert (positions.qty(ACCOUNT, SYMBOL), positions.qty("B", SYMBOL)) == (30, 10)
    positions.bust("1")
    assert not positions.correct("1", trade(1, "1", 5, 1))
    assert positions.qty(ACCOUNT, SYMBOL) == 0
    assert not positions.apply(trade(1, "1", 10, 1))  # the original, once more


def test_a_correction_that_comes_first_waits_for_its_trade() -> None:
    positions = ff.Positions()
    assert not positions.correct("1", trade(1, "1", 20, 2))
    assert positions.apply(trade(1, "1", 10, 1))
    assert positions.qty(ACCOUNT, SYMBOL) == 20


def test_trades_without_time_count_as_they_come() -> None:
    timeless = [
        replace(trade(n, side, 10, px), transact_time_ns=None)
        for n, side, px in ((1, "1", 1), (2, "2", 2), (3, "1", 3))
    ]
    assert after(*timeless).avg_px == 3
    positions = ff.Positions()
    positions.apply_all(timeless)
    positions.correct("1", replace(timeless[0], px=Decimal("0.5")))
    assert (positions[ACCOUNT, SYMBOL].avg_px, positions[ACCOUNT, SYMBOL].realised) == (3, 15)


def test_a_new_day_keeps_what_is_held_and_frees_the_exec_ids() -> None:
    positions = ff.Positions()
    positions.apply_all([trade(1, "1", 10, 1), trade(2, "2", 4, 2)])
    before = positions[ACCOUNT, SYMBOL]
    positions.roll()
    assert positions[ACCOUNT, SYMBOL] == replace(before, trades=0)
    assert not positions.bust("2")
    positions.apply(trade(1, "2", 6, 3))
    assert (positions.qty(ACCOUNT, SYMBOL), positions[ACCOUNT, SYMBOL].realised) == (0, 16)


def test_nothing_drifts_and_no_decimal_context_has_a_say() -> None:
    with localcontext() as context:
        context.prec = 4
        position = after(*(trade(n, "1", "0.123456789012345678", "12345.67890123456789") for n in range(1000)))
        assert position.qty == Decimal("123.456789012345678")
        assert position.avg_px == Decimal("12345.67890123456789")
        assert position.realised == 0


# --- invariants (E4.12) -----------------------------------------------------------------------------------------------

_TRADES = st.lists(
    st.tuples(
        st.sampled_from("1256"), st.integers(1, 50), st.integers(-30, 300), st.integers(0, 5), st.sampled_from("AB")
    ),
    min_size=1,
    max_size=12,
)


def _made(drawn: list[tuple[str, int, int, int, str]]) -> list[ff.Trade]:
    return [
        trade(n, side, qty, Decimal(px).scaleb(-1), at, account=account)  # type: ignore[arg-type]
        for n, (side, qty, px, at, account) in enumerate(drawn)
    ]


@given(_TRADES, st.randoms(use_true_random=False), st.data())
def test_any_order_of_arrival_gives_the_same_positions(
    drawn: list[tuple[str, int, int, int, str]], rng: random.Random, data: st.DataObject
) -> None:
    trades = _made(drawn)
    busted = data.draw(st.sets(st.sampled_from(range(len(trades)))))
    corrected = data.draw(st.sets(st.sampled_from(range(len(trades)))))
    amended = {n: replace(trades[n], qty=trades[n].qty + 1, px=trades[n].px * 2) for n in corrected}
    expected = ff.Positions()
    expected.apply_all(amended.get(n, one) for n, one in enumerate(trades) if n not in busted)
    reports = [("trade", n) for n in range(len(trades))] * 2
    reports += [("bust", n) for n in busted] * 2 + [("correct", n) for n in corrected]
    rng.shuffle(reports)
    positions = ff.Positions()
    for kind, n in reports:
        if kind == "trade":
            positions.apply(trades[n])
        elif kind == "bust":
            positions.bust(str(n))
        else:
            positions.correct(str(n), amended[n])
    traded = [p for p in positions if p.trades]
    assert traded == [p for p in expected if p.trades]
    assert all((p.qty, p.realised, p.bought) == (0, 0, 0) for p in positions if not p.trades)


@pytest.mark.parametrize("seed", range(5))
def test_many_trades_in_any_order_give_the_same_and_few_states_are_kept(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(90, 110)
    trades = [trade(n, rng.choice("12"), rng.randint(1, 9), rng.randint(90, 110), at=n // 3) for n in range(count)]
    shuffled = trades.copy()
    rng.shuffle(shuffled)
    positions = ff.Positions()
    positions.start(ACCOUNT, SYMBOL, 10, 100)
    live: dict[str, ff.Trade] = {}
    for one in shuffled:
        positions.apply(one)
        live[one.exec_id] = one
        if rng.random() < 0.2:
            gone = rng.choice(list(live))
            positions.bust(gone)
            del live[gone]
        if live and rng.random() < 0.2:
            name = rng.choice(list(live))
            live[name] = replace(live[name], qty=live[name].qty + 1)
            positions.correct(name, live[name])
        expected = ff.Positions()
        expected.start(ACCOUNT, SYMBOL, 10, 100)
        expected.apply_all(sorted(live.values(), key=lambda one: int(one.exec_id)))
        assert positions[ACCOUNT, SYMBOL] == expected[ACCOUNT, SYMBOL]
    ledger = positions._ledgers[ACCOUNT, SYMBOL]
    assert len(ledger.trades) == len(live) > 50
    assert len(ledger.states) == len(live) // 16, "half a kB each"


@given(_TRADES, st.integers(-100, 400))
def test_realised_and_unrealised_are_the_exact_total(drawn: list[tuple[str, int, int, int, str]], mark: int) -> None:
    positions = ff.Positions()
    trades = _made(drawn)
    positions.apply_all(trades)
    positions.mark(SYMBOL, Decimal(mark))
    for position in positions:
        own = [one for one in trades if one.account == position.account]
        signed = [(Fraction(one.qty) * sign_of(one.side), Fraction(one.px)) for one in own]
        assert Fraction(position.qty) == sum(qty for qty, _ in signed)
        assert position.profit is not None
        assert Fraction(position.profit) == sum(qty * (mark - px) for qty, px in signed)
        assert position.unrealised is not None
        assert Fraction(position.realised) + Fraction(position.unrealised) == Fraction(position.profit)


@given(_TRADES)
def test_profit_is_split_as_fractions_would_split_it(drawn: list[tuple[str, int, int, int, str]]) -> None:
    positions = ff.Positions()
    trades = _made(drawn)
    positions.apply_all(trades)
    for position in positions:
        own = sorted(
            (t for t in trades if t.account == position.account), key=lambda t: (t.transact_time_ns, int(t.exec_id))
        )
        qty = avg = realised = Fraction(0)
        for one in own:
            size, px = Fraction(one.qty) * sign_of(one.side), Fraction(one.px)
            if qty * size >= 0:
                avg = (abs(qty) * avg + abs(size) * px) / (abs(qty) + abs(size))
            else:
                closed = min(abs(qty), abs(size)) * (1 if qty > 0 else -1)
                realised += closed * (px - avg)
                avg = px if abs(size) > abs(qty) else avg
            qty += size
        assert abs(Fraction(position.realised) - realised) < Fraction(1, 10**30)
        assert abs(Fraction(position.avg_px) - (avg if qty else 0)) < Fraction(1, 10**30)


@given(_TRADES)
def test_a_replay_gives_the_same_positions(drawn: list[tuple[str, int, int, int, str]]) -> None:
    once, twice = ff.Positions(), ff.Positions()
    for one in _made(drawn):
        once.apply(one)
    for position in once:
        twice.apply_all(once.trades(position.account, position.symbol))
    assert list(once) == list(twice)


_DONE = st.tuples(st.sampled_from(["trade", "bust", "correct", "roll"]), st.integers(0, 11))


@given(_TRADES, st.lists(_DONE), st.data())
def test_what_was_written_down_goes_on_as_if_nothing_had_been(
    drawn: list[tuple[str, int, int, int, str]], steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    trades = _made(drawn)
    trades[0] = replace(trades[0], transact_time_ns=None)
    at = data.draw(st.integers(0, len(steps)))
    one, other = ff.Positions(), ff.Positions()
    for n, (what, which) in enumerate([*steps, ("end", 0)]):
        if n == at:
            restored = ff.Positions()
            for values in other.state():
                restored.restore(unpack(pack(values)))
            other = restored
        made = trades[which % len(trades)]
        for positions in (one, other):
            if what == "trade":
                positions.apply(made)
            elif what == "bust":
                positions.bust(made.exec_id)
            elif what == "correct":
                positions.correct(made.exec_id, replace(made, qty=made.qty + which, px=made.px + 1))
            elif what == "roll":
                positions.roll()
        assert list(one) == list(other)
    assert list(one.state()) == list(other.state())


# --- marks, and following others --------------------------------------------------------------------------------------


def test_positions_follow_a_book() -> None:
    from tests.trading.market import snapshot, update

    book = ff.Book(SYMBOL)
    positions = ff.Positions()
    positions.apply(trade(1, "1", 10, 1))
    for message, mark in (
        (snapshot("269=0 270=2 271=1", "269=1 270=3 271=1"), "2.5"),
        (update("279=2 269=0 270=2", "279=0 269=2 270=2.75 271=1"), "2.75"),
        (update("279=0 269=0 270=1 271=1"), "2"),
        (update("279=2 269=0 270=7"), "2"),  # stale: the mark stays
    ):
        change = book.apply(message)
        assert change is not None
        positions.on_book(change)
        assert positions[ACCOUNT, SYMBOL].mark == Decimal(mark)


def test_positions_follow_the_updates_of_orders() -> None:
    positions = ff.Positions()
    told: list[tuple[str, ff.Trade | None, ff.Trade | None]]
    told = [("new", None, None), ("trade", trade(1, "1", 10, 1), None), ("trade", trade(2, "1", 5, 1), None)]
    told += [("correct", trade(2, "1", 6, 1), trade(2, "1", 5, 1)), ("bust", trade(1, "1", 10, 1), None)]
    for kind, one, before in told:
        positions.on_update(SimpleNamespace(kind=kind, trade=one, previous=before))
    assert positions.qty(ACCOUNT, SYMBOL) == 6
