"""What the simulated exchange says about its market: requests, refusals, batches (E5: M1 to M15)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

import fixfast as ff
from fixfast.errors import ConfigError, FieldMissing, NotActive, Throttled
from fixfast.exchange.market_data.entries import Change
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.trading.book import Book
from fixfast.trading.bookconfig import BookConfig
from tests.exchange.market import VERSIONS, WALL, Line, PlainBook, Symbol, request

ALL = {"FIX.4.2": "01245678", "FIX.4.4": "01245678B", "FIX.5.0SP2": "01245678B"}

versions = pytest.mark.parametrize("version", VERSIONS)


def market(version: str, limits: MarketDataLimits | None = None, **options: Any) -> tuple[MarketData, Line]:
    made = MarketData([Symbol("ABC"), Symbol("XYZ", 4, 2)], limits, **options)
    line = Line(version)
    made.join("BOT", version, line)
    return made, line


def one(messages: list[ff.Message], msg_type: str) -> ff.Message:
    assert [message.msg_type for message in messages] == [msg_type]
    return messages[0]


def entries(message: ff.Message, *tags: int) -> list[tuple[str | None, ...]]:
    return [entry.many(*tags) for entry in message.group(268)]


# --- asking ----------------------------------------------------------------------------------------------------


@versions
def test_a_snapshot_has_the_kinds_asked_for_and_nothing_follows_it(version: str) -> None:
    data, line = market(version)
    data.publish("ABC", WALL, changes=[(1, 9900, 10, 2), (-1, 10100, 5, 1)], trades=[("T1", 10000, 3)])
    data.on_request("BOT", request(version, action="0", update=None, kinds="02"), WALL)
    w = one(line.take(), "W")
    assert (w[262], w[55]) == ("R1", "ABC")
    assert entries(w, 269, 270, 271) == [("0", "99.00", "10"), ("2", "100.00", "3")]
    data.publish("ABC", WALL, changes=[(1, 9901, 1, 1)])
    assert line.take() == []


@versions
def test_every_instrument_of_a_request_gets_its_snapshot_at_its_own_scale(version: str) -> None:
    data, line = market(version)
    data.publish("ABC", WALL, changes=[(1, 9900, 10, 1)])
    data.publish("XYZ", WALL, changes=[(1, -12345, 250, 1)])
    data.on_request("BOT", request(version, symbols=("XYZ", "ABC", "XYZ")), WALL)
    got = line.take()
    assert [(w.msg_type, w[55], *entries(w, 270, 271)) for w in got] == [
        ("W", "XYZ", ("-1.2345", "2.50")),
        ("W", "ABC", ("99.00", "10")),
    ], "negative prices are legal (M14)"


@versions
def test_an_empty_book_is_a_snapshot_that_says_so(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version), WALL)
    w = one(line.take(), "W")
    if version == "FIX.5.0SP2":
        assert entries(w, 269) == [("J",)]
    else:
        assert w[268] == "0"


@versions
def test_all_values_of_a_day(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    book = PlainBook()
    for n, px in enumerate((10000, 10200, 9900, 10100)):
        data.publish("ABC", WALL, trades=[(f"T{n}", px, 5)])
    data.set_value("ABC", "5", 10100, WALL)
    data.set_value("ABC", "6", 10050, WALL)
    for message in line.take():
        book.apply(message)
    found = {kind: str(px) for kind, (px, _) in book.values.items() if kind != "B"}
    assert found == {
        "2": "101.00", "4": "100.00", "5": "101.00", "6": "100.50", "7": "102.00", "8": "99.00"
    }  # fmt: skip
    if version != "FIX.4.2":
        assert book.values["B"] == (None, 20)
    assert [name for name, _, _ in book.tape] == ["T0", "T1", "T2", "T3"]


def test_volume_of_fix42_is_a_field() -> None:
    data, line = market("FIX.4.2")
    data.on_request("BOT", request("FIX.4.2", kinds="2"), WALL)
    data.publish("ABC", WALL, trades=[("T1", 10000, 3), ("T2", 10000, 4)])
    data.on_request("BOT", request("FIX.4.2", "S", action="0", kinds="2"), WALL)
    _, x, w = line.take()
    assert entries(x, 269, 387) == [("2", "7"), ("2", "7")]
    assert w[387] == "7"


@versions
def test_a_bust_takes_a_trade_back_with_what_it_made(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    book = PlainBook()
    data.publish("ABC", WALL, trades=[("T1", 10000, 3), ("T2", 20000, 1)])
    data.publish("ABC", WALL, busts=[("T2", 20000, 1)])
    for message in line.take():
        book.apply(message)
    assert [name for name, _, _ in book.tape] == ["T1"]
    assert str(book.values["7"][0]) == "100.00"
    assert "2" not in book.values, "what the last trade was before is not kept"
    data.publish("ABC", WALL, busts=[("T1", 10000, 3)])
    for message in line.take():
        book.apply(message)
    assert set(book.values) <= {"B"}


@versions
def test_a_correction_changes_the_trade_by_its_id_and_what_it_made(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    book = PlainBook()
    data.publish("ABC", WALL, trades=[("T1", 10000, 3), ("T2", 20000, 1), ("T3", 15000, 2)])
    data.publish("ABC", WALL, corrections=[("T2", 20000, 12000, 1)])
    x = line.take()
    for message in x:
        book.apply(message)
    assert entries(x[-1], 279, 269, 278, 270)[:2] == [("1", "2", "T2", "120.00"), ("1", "7", None, "150.00")]
    data.publish("ABC", WALL, corrections=[("T1", 10000, 11000, 3)])
    data.publish("ABC", WALL, corrections=[("T3", 15000, 11500, 2)])
    data.on_request("BOT", request(version, "S", action="0", kinds=ALL[version]), WALL)
    *changes, w = line.take()
    later = PlainBook()
    for message in changes:
        book.apply(message)
    later.apply(w)
    found = {kind: str(px) for kind, (px, _) in later.values.items() if kind != "B"}
    assert found == {"2": "115.00", "4": "110.00", "7": "120.00", "8": "110.00"}, "the opening price, too"
    assert book.values == later.values, "W + X = W at a later time (M15)"
    assert [(name, str(px)) for name, px, _ in book.tape] == [("T1", "110.00"), ("T2", "120.00"), ("T3", "115.00")]


@versions
def test_a_trade_of_a_time_that_is_forgotten_changes_no_value(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    data.publish("ABC", WALL, trades=[("T9", 10000, 3)])
    line.take()
    data.publish("ABC", WALL, busts=[("T1", 30000, 5)], corrections=[("T2", 30000, 1, 5)])
    assert entries(one(line.take(), "X"), 279, 269, 278) == [("2", "2", "T1"), ("1", "2", "T2")]


@versions
def test_a_new_day_forgets_values_and_keeps_levels(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)], trades=[("T1", 10000, 3)])
    data.begin_day("ABC", WALL)
    data.on_request("BOT", request(version, "S", action="0", kinds=ALL[version]), WALL)
    assert entries(line.take()[-1], 269) == [("0",)]


# --- refusals ----------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("0", {"symbols": ("ABC", "NONE")}),
    ("0", {"symbols": ()}),
    ("4", {"action": "9"}),
    ("4", {"action": None}),
    ("5", {"depth": -1}),
    ("5", {"depth": "x"}),
    ("5", {"depth": None}),
    ("6", {"update": "2"}),
    ("6", {"update": None}),
    ("7", {"more": [(266, "N")]}),
    ("8", {"kinds": "0Z"}),
    ("8", {"kinds": "3"}),
    ("8", {"kinds": ()}),
    ("9", {"session": "NIGHT"}),
    ("A", {"more": [(546, "3")]}),
    ("B", {"more": [(286, "4")]}),
    ("C", {"more": [(547, "X")]}),
]


@versions
@pytest.mark.parametrize(("reason", "asked"), REFUSED)
def test_a_bad_request_is_refused_with_its_reason_and_nothing_else(
    version: str, reason: str, asked: dict[str, Any]
) -> None:
    data, line = market(version, session_id="DAY")
    data.on_request("BOT", request(version, **asked), WALL)
    y = one(line.take(), "Y")
    assert y[262] == "R1"
    assert y[58]
    old = version == "FIX.4.2" and not reason < "9"
    assert y.get(281) == (None if old else reason), "FIX.4.2 has no code above 8"
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    assert line.take() == [], "the request is not active"


def test_an_md_req_id_is_unique_while_it_is_active() -> None:
    data, line = market("FIX.4.4")
    data.on_request("BOT", request("FIX.4.4"), WALL)
    data.on_request("BOT", request("FIX.4.4", symbols=("XYZ",)), WALL)
    w, y = line.take()
    assert (w.msg_type, y.msg_type, y[281]) == ("W", "Y", "1")
    data.on_request("BOT", request("FIX.4.4", action="2"), WALL)
    assert line.take() == []
    data.on_request("BOT", request("FIX.4.4", symbols=("XYZ",)), WALL)
    assert one(line.take(), "W")[55] == "XYZ"


def test_what_is_not_subscribed_to_cannot_be_disabled() -> None:
    data, line = market("FIX.4.4")
    data.on_request("BOT", request("FIX.4.4", action="2"), WALL)
    y = one(line.take(), "Y")
    assert y.get(281) is None, "there is no code for it"
    assert "R1" in y[58]


def test_a_request_without_an_id_is_no_request() -> None:
    data, _ = market("FIX.4.4")
    with pytest.raises(FieldMissing):
        data.on_request("BOT", ff.parse(ff.encode("FIX.4.4", "V", [(49, "B"), (56, "S"), (263, "1")])), WALL)


@pytest.mark.parametrize("reason", ["3", "D"])
def test_permission_is_asked_for_each_symbol(reason: str) -> None:
    asked: list[tuple[str, str]] = []

    def permit(who: str, symbol: str) -> str | None:
        asked.append((who, symbol))
        return reason if symbol == "XYZ" else None

    data, line = market("FIX.5.0SP2", permit=permit)
    data.on_request("BOT", request("FIX.5.0SP2", symbols=("ABC", "XYZ")), WALL)
    assert one(line.take(), "Y")[281] == reason
    assert asked == [("BOT", "ABC"), ("BOT", "XYZ")]


def test_a_session_has_so_many_subscriptions_and_no_more() -> None:
    data, line = market("FIX.4.4", MarketDataLimits(requests=2, instruments=3, depth=5))
    data.on_request("BOT", request("FIX.4.4", "A", depth=5), WALL)
    data.on_request("BOT", request("FIX.4.4", "B", depth=5, symbols=("ABC", "XYZ")), WALL)
    assert [m.msg_type for m in line.take()] == ["W"] * 3
    data.on_request("BOT", request("FIX.4.4", "C", depth=5), WALL)
    assert one(line.take(), "Y")[281] == "2"
    data.on_request("BOT", request("FIX.4.4", "A", action="2"), WALL)
    data.on_request("BOT", request("FIX.4.4", "C", depth=5, symbols=("ABC", "XYZ")), WALL)
    assert one(line.take(), "Y")[281] == "2"
    for depth in (0, 6):
        data.on_request("BOT", request("FIX.4.4", "D", depth=depth), WALL)
        assert one(line.take(), "Y")[281] == "5"


@pytest.mark.parametrize("option", ["requests", "instruments", "pending", "entries"])
def test_a_limit_that_cannot_be_is_refused_by_name(option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        MarketDataLimits(**{option: 0})


# --- batches -----------------------------------------------------------------------------------------------------


@versions
def test_a_batch_is_one_x_and_one_rpt_seq(version: str) -> None:
    data, line = market(version)
    data.on_request("BOT", request(version, depth=2, kinds="012"), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 10, 1), (1, 9902, 4, 1)], trades=[("T1", 9902, 1)])
    _, x = line.take()
    steps = [("0", "2", "99.02"), ("0", "0", "99.02"), ("0", "0", "99.00")]
    assert entries(x, 279, 269, 270) == steps
    assert {entry.get(55) for entry in x.group(268)} == {"ABC"}
    if version == "FIX.5.0SP2":
        assert entries(x, 1023, 83) == [(None, "1"), ("1", "1"), ("2", "1")]


@versions
def test_what_has_too_many_entries_for_one_x_comes_in_several(version: str) -> None:
    """M13. No version has LastFragment(893) in an X: each is whole, with an RptSeq of its own."""
    data, line = market(version, MarketDataLimits(entries=3))
    data.on_request("BOT", request(version, depth=5, kinds="012"), WALL)
    book, client = PlainBook(depth=5), Book("ABC", BookConfig(depth=5))
    data.publish("ABC", WALL, changes=[(-1, 10000 + n, 1, 1) for n in range(8)])
    swept: list[Change] = [(-1, 10000 + n, 0, 0) for n in range(6)]
    data.publish("ABC", WALL, changes=swept, trades=[(f"T{n}", 10000 + n, 1) for n in range(6)])
    told = line.take()
    assert [message[268] for message in told[1:]] == ["3", "2", "3", "3", "3", "3", "1"]
    for message in told:
        book.apply(message)
        client.apply(message)
    assert [str(price) for price, _, _ in book.sides["1"]] == ["100.06", "100.07"]
    assert [name for name, _, _ in book.tape] == [f"T{n}" for n in range(6)]
    assert client.valid
    assert not client.anomalies
    data.on_request("BOT", request(version, "R2", depth=5), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    assert [message.msg_type for message in line.take()] == ["W", "X", "X"]


@versions
def test_a_full_refresh_is_never_cut(version: str) -> None:
    data, line = market(version, MarketDataLimits(entries=2))
    data.on_request("BOT", request(version, update="0"), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900 + n, 1, 1) for n in range(5)])
    assert [message[268] for message in line.take()] == ["0" if version != "FIX.5.0SP2" else "1", "5"]


def test_what_nobody_sees_is_not_sent() -> None:
    data, line = market("FIX.5.0SP2")
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1), (-1, 9910, 1, 1)])
    data.on_request("BOT", request("FIX.5.0SP2", depth=1, kinds="0"), WALL)
    before = one(line.take(), "W").group(268)[0].int(83)
    data.publish("ABC", WALL, changes=[(1, 9800, 1, 1), (-1, 9909, 1, 1)])
    assert line.take() == []
    data.publish("ABC", WALL, changes=[(1, 9901, 1, 1)])
    assert {entry.int(83) for entry in one(line.take(), "X").group(268)} == {before + 1}


def test_a_level_that_is_pushed_out_goes_by_a_delete_unless_that_is_implied() -> None:
    for implicit in ("N", "Y"):
        data, line = market("FIX.4.4")
        data.publish("ABC", WALL, changes=[(1, 9900, 1, 1), (1, 9901, 1, 1), (1, 9902, 1, 1)])
        data.on_request("BOT", request("FIX.4.4", depth=2, more=[(547, implicit)]), WALL)
        data.publish("ABC", WALL, changes=[(1, 9903, 1, 1)])
        data.publish("ABC", WALL, changes=[(1, 9903, 0, 0)])
        _, pushed, back = line.take()
        new = [("0", "99.03")]
        assert entries(pushed, 279, 270) == ([("2", "99.01"), *new] if implicit == "N" else new)
        assert entries(back, 279, 270) == [("2", "99.03"), ("0", "99.01")], "what comes back is told either way"


def test_a_sweep_shows_a_narrow_window_only_where_it_ends() -> None:
    data, line = market("FIX.4.4")
    data.publish("ABC", WALL, changes=[(-1, 10000 + n, 1, 1) for n in range(5)])
    data.on_request("BOT", request("FIX.4.4", depth=1), WALL)
    data.publish("ABC", WALL, changes=[(-1, 10000 + n, 0, 0) for n in range(3)])
    assert entries(line.take()[1], 279, 270) == [("2", "100.00"), ("0", "100.03")]


def test_a_full_refresh_is_a_snapshot_for_every_batch_that_is_seen() -> None:
    data, line = market("FIX.4.4")
    data.on_request("BOT", request("FIX.4.4", update="0", kinds="0"), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 10, 1)])
    data.publish("ABC", WALL, changes=[(-1, 9910, 10, 1)])
    data.publish("ABC", WALL, changes=[(1, 9900, 0, 0)])
    got = line.take()
    assert [(m.msg_type, m[268]) for m in got] == [("W", "0"), ("W", "1"), ("W", "0")]


def test_a_session_that_lost_track_gets_a_snapshot_its_updates_go_on_from() -> None:
    data, line = market("FIX.5.0SP2")
    data.on_request("BOT", request("FIX.5.0SP2", depth=1), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    for n in range(5):
        data.publish("ABC", WALL, changes=[(1, 9800 + n, 1, 1)])  # not seen: depth 1
    data.on_request("BOT", request("FIX.5.0SP2", "S", action="0", update=None, depth=1), WALL)
    data.publish("ABC", WALL, changes=[(1, 9900, 2, 1)])
    _, _, w, x = line.take()
    assert entries(x, 83) == [(str(w.group(268)[0].int(83) + 1),)]


# --- M15: W + X = W at a later time ------------------------------------------------------------------------------


def random_changes(rng: random.Random, book: dict[tuple[int, int], int]) -> list[Change]:
    """Change up to six levels of a book that is kept in `book`, bids below 1000 and offers above."""
    changes: dict[tuple[int, int], Change] = {}
    for _ in range(rng.randint(1, 6)):
        side = rng.choice((1, -1))
        price = 1000 - side * rng.randint(1, 12)
        key = side, price
        qty = 0 if key in book and rng.random() < 0.5 else rng.randint(1, 99)
        if qty:
            book[key] = qty
        else:
            book.pop(key, None)
        changes[key] = (side, price, qty, qty and rng.randint(1, 4))
    return list(changes.values())


def asked() -> Iterable[tuple[str, int, str]]:
    for version in VERSIONS:
        for depth in (0, 1, 3, 10):
            for implicit in ("N", "Y") if depth and version != "FIX.4.2" else ("N",):
                yield version, depth, implicit


@pytest.mark.parametrize(("version", "depth", "implicit"), list(asked()))
@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_and_the_updates_make_the_snapshot_at_a_later_time(
    version: str, depth: int, implicit: str, seed: int
) -> None:
    rng = random.Random(f"{version} {depth} {implicit} {seed}")
    data, line = market(version)
    more = [(547, implicit)] if version != "FIX.4.2" else []
    books: list[PlainBook] = []
    client = Book("ABC", BookConfig(depth=depth, implicit_delete=implicit == "Y"))
    levels: dict[tuple[int, int], int] = {}
    for n in range(200):
        if n == 20:
            data.on_request("BOT", request(version, depth=depth, kinds=ALL[version], more=more), WALL)
            ways = (False, True) if version == "FIX.5.0SP2" else (False,)
            books = [PlainBook(by_level=way, depth=depth, implicit=implicit == "Y") for way in ways]
        trades = [(f"T{n}", rng.randint(900, 1100), rng.randint(1, 9))] if rng.random() < 0.3 else []
        data.publish("ABC", WALL + n, changes=random_changes(rng, levels), trades=trades)
        for message in line.take():
            client.apply(message)
            for book in books:
                book.apply(message)
        if n % 30 == 29:
            data.on_request("BOT", request(version, "S", action="0", depth=depth, kinds=ALL[version]), WALL)
            later = PlainBook()
            later.apply(one(line.take(), "W"))
            for book in books:
                assert book.state() == later.state(), f"seed {seed}, batch {n}"
            if books:
                assert client.valid
                assert [tuple(level) for level in client.bids()] == later.sides["0"], f"seed {seed}, batch {n}"
                assert [tuple(level) for level in client.offers()] == later.sides["1"], f"seed {seed}, batch {n}"
    assert not client.anomalies


# --- who does not read, and who leaves ---------------------------------------------------------------------------


@versions
@pytest.mark.parametrize("update", ["0", "1"])
def test_a_slow_subscriber_is_conflated_and_ends_up_right(version: str, update: str) -> None:
    rng = random.Random(7)
    data, slow = market(version, MarketDataLimits(pending=10))
    quick = Line(version)
    data.join("QUICK", version, quick)
    for who in ("BOT", "QUICK"):
        data.on_request(who, request(version, depth=5, update=update), WALL)
    levels: dict[tuple[int, int], int] = {}
    slow.stuck = True
    for _ in range(100):
        data.publish("ABC", WALL, changes=random_changes(rng, levels))
        data.poll(WALL)
    assert slow.unwritten == 10, "memory is bounded"
    assert len(quick.sent) > 90, "and nobody waits for it"
    assert (data.behind, data.conflated) == (1, 1)
    slow.stuck, slow.unwritten = False, 0
    data.poll(WALL)
    assert data.behind == 0
    data.publish("ABC", WALL, changes=random_changes(rng, levels))
    books = [PlainBook(depth=5), PlainBook(depth=5)]
    for book, line in zip(books, (slow, quick), strict=True):
        for message in line.take():
            book.apply(message)
    assert books[0].state() == books[1].state()


def test_who_leaves_is_told_nothing_more() -> None:
    data, line = market("FIX.4.4")
    data.on_request("BOT", request("FIX.4.4", symbols=("ABC", "XYZ")), WALL)
    assert data.watching == 2
    data.leave("BOT")
    assert data.watching == 0
    line.take()
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    assert line.take() == []
    data.join("BOT", "FIX.4.4", line)
    data.on_request("BOT", request("FIX.4.4"), WALL)
    assert one(line.take(), "W").msg_type == "W", "the same id is free again"


@pytest.mark.parametrize("trouble", [NotActive("DISCONNECTED"), ff.errors.StoreError("no space")])
def test_the_trouble_of_one_session_is_not_the_others(trouble: Exception) -> None:
    data, line = market("FIX.4.4")
    other = Line("FIX.4.4")
    data.join("OTHER", "FIX.4.4", other)
    for who in ("BOT", "OTHER"):
        data.on_request(who, request("FIX.4.4"), WALL)
    line.down = trouble
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    assert [m.msg_type for m in other.take()] == ["W", "X"]
    assert data.watching == 1, "it has left"


def test_a_session_that_may_not_send_so_fast_is_conflated() -> None:
    data, line = market("FIX.4.4")
    data.on_request("BOT", request("FIX.4.4"), WALL)
    line.take()
    line.down = Throttled(1_000_000)
    data.publish("ABC", WALL, changes=[(1, 9900, 1, 1)])
    assert data.behind == 1
    line.down = None
    data.poll(WALL)
    assert one(line.take(), "W").group(268)[0][270] == "99.00"


@versions
def test_after_a_restart_values_and_levels_are_there_again(version: str) -> None:
    data, _ = market(version)
    changes: list[Change] = [(1, 9900, 1, 1), (-1, 9910, 2, 1)]
    data.publish("ABC", WALL, changes=changes, trades=[("T1", 9905, 4), ("T2", 9906, 4)])
    again, line = market(version)
    again.restore({"ABC": changes}, data.snapshot())
    again.on_request("BOT", request(version, kinds=ALL[version]), WALL)
    kinds = [kind for (kind,) in entries(one(line.take(), "W"), 269)]
    assert kinds == ["0", "1", "2", "4", "7", "8"] + ["B"] * (version != "FIX.4.2")
    assert again.entries("ABC", "0178") == data.entries("ABC", "0178")
