"""A recorded log is played again: its own entries, its own pace, and books that end as they ended then."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.errors import ConfigError
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.market_data.publisher import MarketData
from fixfast.exchange.replay.player import Replay, ReplayMarket
from fixfast.exchange.replay.recording import Recording
from fixfast.trading.book import Book
from fixfast.trading.bookconfig import BookConfig
from tests.exchange.market import DICTIONARIES, VERSIONS, WALL, Line, PlainBook, begin_string, request
from tests.exchange.test_agents import INSTRUMENTS, MatchingFloor

MS = 1_000_000
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "fix50-marketdata.fix"


def log_of(path: Path, messages: Iterable[bytes], text: bool = False) -> Path:
    """Write a log: raw, or as text with prefixes and `|`."""
    if text:
        path.write_bytes(b"".join(b"2026-01-05 10:00 < " + raw.replace(b"\x01", b"|") + b"\n" for raw in messages))
    else:
        path.write_bytes(b"".join(messages))
    return path


def recorded(version: str, msg_type: str, at_ms: int, fields: list[Any], number: int = 1, more: Any = ()) -> bytes:
    header = [(49, "SIM"), (56, "BOT"), (34, number), (52, WALL + at_ms * MS), *more]
    return ff.encode(begin_string(version), msg_type, [*header, *fields])


def play(path: Path, version: str, asked: ff.Message, **options: Any) -> list[ff.Message]:
    """Subscribe, play a log to its end, return what was sent."""
    recording = Recording(path)
    market = ReplayMarket(recording.instruments.values(), recording.kinds)
    line = Line(version)
    market.join("BOT", version, line)
    market.on_request("BOT", asked, WALL)
    replay = Replay(recording, market, speed=0, **options)
    replay.start(0)
    while not replay.done:
        replay.poll(0, WALL)
    assert replay.played == recording.messages
    return line.take()


# --- a log of our own exchange -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_of_our_own_exchange_ends_again_as_it_ended(tmp_path: Path, version: str, text: bool) -> None:
    data = MarketData(INSTRUMENTS)
    line = Line(version)
    data.join("BOT", version, line)
    floor = MatchingFloor(AgentsConfig(), 4, data)
    floor.run(30)
    data.on_request("BOT", request(version, "DAY", kinds="012478", symbols=("ABC", "FX")), WALL)
    floor.run(120)
    day = line.take()
    path = log_of(tmp_path / "day.log", (message.raw for message in day), text)
    for symbol in ("ABC", "FX"):
        original, again = Book(symbol), Book(symbol)
        for message in day:
            original.apply(message)
        for message in play(path, version, request(version, "R", kinds="012478", symbols=(symbol,))):
            again.apply(message)
            assert message[262] == "R"
        assert again.valid
        assert original.bids()
        assert (again.bids(), again.offers()) == (original.bids(), original.offers())
        assert [trade[:4] for trade in again.tape] == [trade[:4] for trade in original.tape], "trades with their ids"
        assert again.values == original.values
        assert not again.anomalies


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("depth", [1, 3])
def test_a_number_of_levels_of_a_recorded_day(tmp_path: Path, version: str, depth: int) -> None:
    data = MarketData(INSTRUMENTS)
    line = Line("FIX.5.0SP2")
    data.join("BOT", "FIX.5.0SP2", line)
    data.on_request("BOT", request("FIX.5.0SP2", kinds="012", symbols=("FX",)), WALL)
    floor = MatchingFloor(AgentsConfig(), 4, data)
    floor.run(120)
    path = log_of(tmp_path / "day.log", (message.raw for message in line.take()))
    client = Book("FX", BookConfig(depth=depth))
    book = PlainBook(by_level=version == "FIX.5.0SP2", depth=depth)
    for message in play(path, version, request(version, depth=depth, kinds="012", symbols=("FX",))):
        client.apply(message)
        book.apply(message)
    bids, offers = floor.books["FX"].depth(depth)
    assert [(level.price.scaleb(5), level.qty, level.orders) for level in client.bids()] == bids
    assert [(level.price.scaleb(5), level.qty, level.orders) for level in client.offers()] == offers
    assert len(book.tape) == floor.trades["FX"]


# --- the venue's own entries --------------------------------------------------------------------------------------

BY_ID: list[tuple[str, int, list[Any]]] = [
    ("W", 0, [(262, "V"), (55, "ABC"), (268, [[(269, "0"), (270, "99.5"), (271, "10")]])]),
    ("W", 0, [(262, "V"), (55, "ABC"), (268, 0)]),
    ("X", 10, [(262, "V"), (268, [[(279, "0"), (269, "0"), (278, "b1"), (55, "ABC"), (270, "99"), (271, "10")]])]),
    ("X", 20, [(262, "V"), (268, [
        [(279, "0"), (269, "0"), (278, "b2"), (55, "ABC"), (270, "99"), (271, "5"), (276, "A")],
        [(279, "0"), (269, "1"), (278, "o1"), (270, "99.25"), (271, "7"), (5555, "own")]])]),
    ("X", 30, [(262, "V"), (268, [[(279, "1"), (269, "0"), (278, "b1"), (55, "ABC"), (271, "3")]])]),
    ("X", 40, [(262, "V"), (268, [[(279, "2"), (269, "0"), (278, "b2"), (55, "ABC")]])]),
]  # fmt: skip


def test_a_venues_own_ids_come_again(tmp_path: Path) -> None:
    path = log_of(tmp_path / "ids.log", [recorded("FIX.4.4", *one) for one in BY_ID])
    line = Line("FIX.4.4")
    recording = Recording(path)
    market = ReplayMarket(recording.instruments.values(), recording.kinds)
    market.join("BOT", "FIX.4.4", line)
    for one in recording:
        market.play(one, WALL)
        if one.at_ns == WALL + 20 * MS:
            market.on_request("BOT", request("FIX.4.4", "A"), WALL)
            market.on_request("BOT", request("FIX.4.4", "D", depth=5), WALL)
    first, levels, *later = line.take()
    texts = [dict(entry) for entry in first.group(268)]
    assert [(fields[269], fields[270], fields[271]) for fields in texts] == [
        ("0", "99", "10"), ("0", "99", "5"), ("1", "99.25", "7")
    ]  # fmt: skip
    assert texts[1][276] == "A"
    assert texts[2][5555] == "own"
    assert [entry.many(269, 270, 271, 346) for entry in levels.group(268)] == [
        ("0", "99", "15", "2"), ("1", "99.25", "7", "1")
    ]  # fmt: skip
    own = [(m[262], *(entry.many(279, 278, 271) for entry in m.group(268))) for m in later]
    assert own == [
        ("A", ("1", "b1", "3")), ("D", ("1", None, "8")), ("A", ("2", "b2", None)), ("D", ("1", None, "3"))
    ]  # fmt: skip
    assert market._originals["ABC"].odd == 0


def by_level(*steps: tuple[str, int, str]) -> list[Any]:
    return [
        [(279, action), (269, "0"), (55, "ABC"), (270, price), *([(271, "1")] if action < "2" else []), (1023, level)]
        for action, level, price in steps
    ]


def test_levels_shift_as_they_shifted(tmp_path: Path) -> None:
    version = "FIX.5.0SP2"
    log: list[Any] = [
        ("X", 0, [(268, by_level(("0", 1, "99"), ("0", 2, "98"), ("0", 1, "100")))]),
        ("X", 1, [(268, by_level(("2", 2, "99"), ("0", 3, "97")))]),
        ("X", 2, [(268, by_level(("1", 1, "100"), ("0", 4, "96"), ("0", 5, "95")))]),
        (
            "X",
            3,
            [
                (
                    268,
                    by_level(
                        ("4", 4, "96"),
                    ),
                )
            ],
        ),
    ]
    path = log_of(tmp_path / "levels.log", [recorded(version, *one) for one in log])
    got = play(path, version, request(version))
    assert got[0].group(268)[0][269] == "J", "nothing was there before"
    assert [entry.many(279, 270, 1023) for entry in got[1].group(268)] == [
        ("0", "99", "1"), ("0", "98", "2"), ("0", "100", "1")
    ]  # fmt: skip
    book = PlainBook(depth=2)
    for message in play(path, "FIX.4.4", request("FIX.4.4", depth=2)):
        book.apply(message)
    assert [str(price) for price, _, _ in book.sides["0"]] == ["100", "98"]
    whole = play(path, version, request(version, depth=9, update="0"))
    assert [entry[270] for entry in whole[-1].group(268)] == ["100", "98", "97"], "Delete From took the rest"


def test_of_two_subscriptions_in_one_log_the_later_is_played(tmp_path: Path) -> None:
    level = [(269, "0"), (270, "99"), (271, "1")]
    step = [(279, "1"), (269, "0"), (55, "ABC"), (270, "99")]
    log: list[Any] = [
        recorded("FIX.4.4", "W", 0, [(262, "ONE"), (55, "ABC"), (268, [level])]),
        recorded("FIX.4.4", "W", 1, [(262, "TWO"), (55, "ABC"), (268, [level])]),
        recorded("FIX.4.4", "X", 2, [(262, "ONE"), (268, [[*step, (271, "5")]])]),
        recorded("FIX.4.4", "X", 2, [(262, "TWO"), (268, [[*step, (271, "5")]])]),
    ]
    got = play(log_of(tmp_path / "two.log", log), "FIX.4.4", request("FIX.4.4"))
    assert [m.msg_type for m in got] == ["W", "W", "W", "X"]
    other = [(49, "SIM"), (56, "OTHER"), (34, 1), (52, WALL)]
    of_another = ff.encode("FIX.4.4", "W", [*other, (262, "TWO"), (55, "ABC"), (268, [level])])
    got = play(log_of(tmp_path / "two.log", [*log[:2], of_another, *log[2:]]), "FIX.4.4", request("FIX.4.4"))
    assert [m.msg_type for m in got] == ["W"] * 4, "the same MDReqID of another client is another subscription"


def test_resent_messages_that_came_before_are_not_played_twice(tmp_path: Path) -> None:
    step = [(279, "0"), (269, "2"), (55, "ABC"), (270, "99"), (271, "1"), (278, "T1")]
    fields = [(268, [step])]
    log: list[Any] = [
        recorded("FIX.4.4", "X", 0, fields, 2),
        recorded("FIX.4.4", "X", 1, fields, 2, [(43, "Y"), (122, WALL)]),
        recorded("FIX.4.4", "X", 2, fields, 3, [(43, "Y"), (122, WALL)]),  # this one was missed
    ]
    recording = Recording(log_of(tmp_path / "resent.log", log))
    assert recording.messages == 2
    assert len(list(recording)) == 2


def test_a_trade_that_was_busted_is_not_the_last_one(tmp_path: Path) -> None:
    trade = [(269, "2"), (278, "T1"), (55, "ABC"), (270, "99"), (271, "1")]
    log = [recorded("FIX.4.4", "X", n, [(268, [[(279, action), *trade]])]) for n, action in enumerate("02")]
    path = log_of(tmp_path / "bust.log", log)
    recording = Recording(path)
    market = ReplayMarket(recording.instruments.values(), recording.kinds)
    for one in recording:
        market.play(one, WALL)
    line = Line("FIX.4.4")
    market.join("BOT", "FIX.4.4", line)
    market.on_request("BOT", request("FIX.4.4", kinds="2"), WALL)
    assert line.take()[0][268] == "0"


def test_what_the_log_does_not_have_is_refused(tmp_path: Path) -> None:
    path = log_of(tmp_path / "ids.log", [recorded("FIX.4.4", *one) for one in BY_ID])
    for reason, asked in (("0", {"symbols": ("FX",)}), ("8", {"kinds": "Z"})):
        got = play(path, "FIX.4.4", request("FIX.4.4", **asked))
        assert [(m.msg_type, m[281]) for m in got] == [("Y", reason)]


# --- pace ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "due"), [(1, 30), (10, 3), (0.5, 60)])
def test_messages_come_at_their_pace(tmp_path: Path, speed: float, due: int) -> None:
    recording = Recording(log_of(tmp_path / "ids.log", [recorded("FIX.4.4", *one) for one in BY_ID[2:]]))
    assert recording.seconds == 0.03
    replay = Replay(recording, ReplayMarket(recording.instruments.values(), recording.kinds), speed=speed)
    assert replay.next_ns is None, "it has not begun"
    replay.start(1000)
    assert replay.poll(1000, WALL) == 1
    end = 1000 + due * MS
    assert replay.poll(end - 1, WALL) == 2
    assert replay.next_ns == end
    assert replay.poll(end, WALL) == 1
    assert (replay.done, replay.next_ns, replay.poll(end, WALL)) == (True, None, 0)


def test_as_fast_as_possible_is_as_fast_as_the_subscribers_read(tmp_path: Path) -> None:
    recording = Recording(log_of(tmp_path / "ids.log", [recorded("FIX.4.4", *one) for one in BY_ID * 20]))
    market = ReplayMarket(recording.instruments.values(), recording.kinds, MarketDataLimits(pending=10))
    line = Line("FIX.4.4")
    line.stuck = True
    market.join("BOT", "FIX.4.4", line)
    market.on_request("BOT", request("FIX.4.4"), WALL)
    replay = Replay(recording, market, speed=0)
    replay.start(0)
    for _ in range(1000):
        replay.poll(0, WALL)
        assert line.unwritten < 10
        line.unwritten = max(0, line.unwritten - 3)
    assert replay.done
    assert market.conflated == 0
    assert len(line.sent) == 121, "nothing is left out"


@pytest.mark.parametrize("speed", [-1, True, float("nan")])
def test_a_speed_that_cannot_be_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ConfigError, match="speed"):
        Replay([], ReplayMarket([], []), speed=speed)


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_log_without_market_data_says_so(tmp_path: Path) -> None:
    path = log_of(tmp_path / "other.log", [ff.encode("FIX.4.4", "0", [(49, "A"), (56, "B"), (34, 1), (52, WALL)])])
    with pytest.raises(ConfigError, match="no W or X"):
        Recording(path)
    with pytest.raises(FileNotFoundError):
        Recording(tmp_path / "none.log")


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    good = recorded("FIX.4.4", *BY_ID[2])
    nameless = recorded("FIX.4.4", "X", 1, [(268, [[(279, "0"), (269, "0"), (270, "1")]])])
    price = recorded("FIX.4.4", "X", 2, [(268, [[(279, "0"), (269, "0"), (55, "ABC"), (270, "1." + "1" * 30)]])])
    recording = Recording(log_of(tmp_path / "bad.log", [nameless, good, b"8=FIX.4.4\x01rubbish", price, good]))
    assert (recording.messages, recording.skipped) == (2, 2)
    assert len(list(recording)) == 2


def test_a_packed_log_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "day.log.gz"
    path.write_bytes(gzip.compress(b"".join(recorded("FIX.4.4", *one) for one in BY_ID)))
    assert Recording(path).messages == len(BY_ID)


# --- a real one ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpora are not here")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_log_is_played_with_all_it_has(version: str) -> None:
    recording = Recording(CORPUS)
    assert (recording.messages, recording.skipped) == (11_365, 0)
    assert recording.kinds == {"3", "x", "y"}
    symbols = tuple(sorted(recording.instruments))
    line = Line(version)
    market = ReplayMarket(recording.instruments.values(), recording.kinds)
    market.join("BOT", version, line)
    market.on_request("BOT", request(version, kinds="3xy", symbols=symbols), WALL)
    assert len(line.take()) == len(symbols)
    # Its own codes are no standard's, so what is sent is not judged by the dictionary here; nor in full, for time.
    last: dict[tuple[str, str], str] = {}
    unjudged = Unjudged(version)
    market.join("ALL", version, unjudged)
    market.on_request("ALL", request(version, kinds="3xy", symbols=symbols), WALL)
    unjudged.take()
    market.leave("BOT")
    entries = 0
    for one in recording:
        market.play(one, WALL)
        for symbol, originals in one.entries.items():
            for original in originals:
                entries += 1
                if 270 in original.fields:
                    last[symbol, original.kind] = original.fields[270]
    assert entries == 14_375
    got = unjudged.take()
    assert sum(len(message.group(268)) for message in got) == entries
    market.on_request("ALL", request(version, "S", action="0", kinds="3xy", symbols=symbols), WALL)
    now = {
        (message[55], entry[269]): entry[270]
        for message in unjudged.take()
        for entry in message.group(268)
        if 270 in entry
    }
    assert now == last
    if version == "FIX.5.0SP2":
        assert any(451 in entry for entry in got[-1].group(268)), "NetChgPrevDay, as it was sent"


class Unjudged(Line):
    def _note(self, raw: bytes) -> int:
        self.sent.append(ff.parse(raw, dictionary=DICTIONARIES[self.version]))
        return len(self.sent)
