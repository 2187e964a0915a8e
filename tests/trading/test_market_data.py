"""Subscriptions: what is asked for, refused, lost and asked for again; and Feed, on a real captured session."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import Feed, MarketDataOptions
from fixfast.session.events import Disconnected, LoggedOn, MessagesLost
from fixfast.trading.asking import Wanted
from fixfast.types import Now
from tests.trading.market import SYMBOL, levels, snapshot, update

NOW = Now(5_000_000_000, 1_767_607_200_000_000_000)
OTHER = "GBP/USD"
TOP = ("269=0 270=10 271=1", "269=1 270=12 271=2")


def later(seconds: float) -> Now:
    return Now(NOW.mono_ns + round(seconds * 1e9), NOW.wall_ns + round(seconds * 1e9))


class Venue:
    """What was sent, and what could be answered to it."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[dict[int, Any]] = []
        self.error: Exception | None = None
        self.subs = ff.Subscriptions(self.send, MarketDataOptions(**options), logged_on=True)

    def send(self, msg_type: str, fields: list[tuple[Any, Any]]) -> int:
        assert msg_type == "V"
        if self.error is not None:
            raise self.error
        ff.parse(ff.encode("FIX.4.4", "V", [(34, 1), (49, "A"), (56, "B"), (52, NOW.wall_ns), *fields]), validate=True)
        self.sent.append(dict(fields))
        return len(self.sent)

    @property
    def asked(self) -> list[tuple[str, list[str]]]:
        """(SubscriptionRequestType, symbols) of all requests so far."""
        return [(v[263], [dict(one)[55] for one in v[146]]) for v in self.sent]

    @property
    def last_id(self) -> str:
        return str(self.sent[-1][262])

    def snapshot(self, *entries: str, symbol: str = SYMBOL, req_id: str = "") -> list[ff.BookChange]:
        extra = f"262={req_id or self.last_id}"
        return self.subs.on_message(snapshot(*(entries or TOP), symbol=symbol, extra=extra), NOW)

    def update(self, *entries: str, symbol: str = SYMBOL, req_id: str = "", now: Now = NOW) -> list[ff.BookChange]:
        extra = f"262={req_id or self.sent[0][262]}"
        return self.subs.on_message(update(*entries, symbol=symbol, extra=extra), now)


def logged_on() -> LoggedOn:
    return LoggedOn(snapshot(), 30, False)


def lost() -> Disconnected:
    return Disconnected(ff.CloseReason.CONNECTION_LOST)


# --- asking (M1) ------------------------------------------------------------------------------------------------------


def test_M1_a_request_says_what_is_wanted() -> None:
    venue = Venue()
    subscription = venue.subs.subscribe(
        [SYMBOL, OTHER], NOW, depth=5, entry_types="012", aggregated=True, implicit_delete=True, extra=[(286, "0")]
    )
    assert venue.sent == [
        {
            262: subscription.req_id,
            263: "1",
            264: 5,
            265: 1,
            266: True,
            547: True,
            267: [[(269, "0")], [(269, "1")], [(269, "2")]],
            146: [[(55, SYMBOL)], [(55, OTHER)]],
            286: "0",
        }
    ]
    assert isinstance(subscription, ff.Subscription)
    assert subscription.state is ff.SubscriptionState.ASKED
    assert set(subscription.books) == set(venue.subs.books) == {SYMBOL, OTHER}
    assert subscription.books[SYMBOL].config == ff.BookConfig(depth=5, implicit_delete=True)


def test_M1_full_refreshes_and_what_is_left_out() -> None:
    venue = Venue(instrument=lambda symbol: [(55, symbol), (48, "7"), (22, "8")])
    venue.subs.subscribe(SYMBOL, NOW, full_refresh=True)
    venue.subs.subscribe(OTHER, NOW, full_refresh=None)
    assert [v.get(265) for v in venue.sent] == [0, None]
    assert venue.sent[0][146] == [[(55, SYMBOL), (48, "7"), (22, "8")]]


def test_M1_ids_are_never_used_twice() -> None:
    venue = Venue()
    for n in range(20):
        venue.subs.unsubscribe(venue.subs.subscribe(SYMBOL, later(n)), NOW)
    ids = [v[262] for v in venue.sent if v[263] == "1"]
    assert len(set(ids)) == 20
    again = Venue()
    again.subs.subscribe(SYMBOL, later(100))
    assert again.last_id not in ids


def test_before_logon_a_subscription_waits() -> None:
    venue = Venue()
    venue.subs.on_event(lost(), NOW)
    subscription = venue.subs.subscribe(SYMBOL, NOW)
    assert (venue.sent, subscription.state, subscription.req_id) == ([], "waiting", "")
    venue.subs.on_event(logged_on(), NOW)
    assert (venue.asked, subscription.state) == ([("1", [SYMBOL])], "asked")
    venue.error = ff.NotActive("reconnecting")
    assert venue.subs.subscribe(OTHER, NOW).state == "waiting"


def test_what_cannot_be_sent_leaves_nothing_behind() -> None:
    venue = Venue()
    venue.error = ff.Throttled(1)
    with pytest.raises(ff.Throttled):
        venue.subs.subscribe(SYMBOL, NOW)
    assert (venue.subs.books, venue.subs.subscriptions) == ({}, [])
    venue.error = None
    venue.subs.subscribe(SYMBOL, NOW)


@pytest.mark.parametrize(
    ("symbols", "options", "name"),
    [
        ((), {}, "symbols"),
        (("",), {}, "symbols"),
        ((SYMBOL, SYMBOL), {}, "symbols"),
        ((SYMBOL, OTHER, "C"), {}, "symbols"),
        (SYMBOL, {"depth": -1}, "depth"),
        (SYMBOL, {"depth": True}, "depth"),
        (SYMBOL, {"entry_types": ()}, "entry_types"),
        (SYMBOL, {"entry_types": ["bid"]}, "entry_types"),
        (SYMBOL, {"aggregated": "Y"}, "aggregated"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(symbols: Any, options: dict[str, Any], name: str) -> None:
    venue = Venue(max_symbols=2)
    with pytest.raises(ff.ConfigError) as caught:
        venue.subs.subscribe(symbols, NOW, **options)
    assert caught.value.name == name
    assert (venue.sent, venue.subs.books) == ([], {})


def test_M13_books_are_bounded() -> None:
    venue = Venue(max_books=2)
    venue.subs.subscribe([SYMBOL, OTHER], NOW)
    with pytest.raises(ff.ConfigError, match="max_books=2"):
        venue.subs.subscribe("C", NOW)


def test_a_symbol_is_subscribed_to_once() -> None:
    venue = Venue()
    venue.subs.subscribe([SYMBOL, OTHER], NOW)
    with pytest.raises(ff.LocalProtocolError, match="subscribed to already"):
        venue.subs.subscribe([OTHER, "C"], NOW)
    assert set(venue.subs.books) == {SYMBOL, OTHER}


@pytest.mark.parametrize(
    ("option", "value"),
    [("resync", "ask"), ("max_resyncs", 0), ("max_books", True), ("resync_timeout", 0), ("resync_timeout", "1")],
)
def test_a_wrong_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        MarketDataOptions(**{option: value})
    assert caught.value.name == option
    assert Wanted(("X",)).symbols == ("X",)


# --- books ------------------------------------------------------------------------------------------------------------


def test_snapshots_and_updates_go_to_their_books_and_listeners_hear_of_it() -> None:
    venue = Venue()
    subscription = venue.subs.subscribe([SYMBOL, OTHER], NOW, entry_types="012")
    heard: list[ff.BookChange] = []
    end = venue.subs.listen(heard.append)
    venue.subs.listen(lambda change: 1 / 0)
    venue.snapshot()
    assert subscription.state == "active"
    venue.snapshot(symbol=OTHER)
    entries = ("279=1 269=0 270=10 271=5", "279=0 269=2 270=11 271=1", f"279=2 269=1 55={OTHER} 270=12")
    changes = venue.update(*entries)
    assert [change.book.symbol for change in changes] == [SYMBOL, OTHER]
    assert [trade.price for trade in changes[0].trades] == [Decimal(11)]
    assert levels(subscription.books[SYMBOL]) == ([("10", "5")], [("12", "2")])
    assert levels(venue.subs.books[OTHER]) == ([("10", "1")], [])
    assert len(heard) == 4
    assert [type(error) for error in venue.subs.failures] == [ZeroDivisionError] * 4
    end()
    end()
    venue.update("279=2 269=0 270=10")
    assert len(heard) == 4


def test_messages_of_others_are_passed_over() -> None:
    venue = Venue()
    venue.subs.subscribe(SYMBOL, NOW)
    assert venue.snapshot(symbol="C") == []
    assert venue.subs.on_message(ff.parse(ff.encode("FIX.4.4", "0", [(34, 1)])), NOW) == []
    assert not venue.subs.concerns(ff.parse(ff.encode("FIX.4.4", "8", [(34, 1)])))
    assert venue.subs.concerns(snapshot())


# --- unsubscribing ----------------------------------------------------------------------------------------------------


def test_M10_unsubscribing_uses_the_same_id_and_empties_the_book() -> None:
    venue = Venue()
    subscription = venue.subs.subscribe(SYMBOL, NOW)
    venue.snapshot()
    book, req_id = subscription.books[SYMBOL], subscription.req_id
    (change,) = venue.subs.unsubscribe(SYMBOL, NOW)
    assert (venue.sent[-1][262], venue.sent[-1][263]) == (req_id, "2")
    assert (change.status, book.bids(), subscription.state) == (ff.BookStatus.ENDED, [], "ended")
    again = venue.subs.subscribe(SYMBOL, NOW)
    assert venue.update("279=0 269=0 270=9 271=1 83=1", req_id=req_id) == []  # late, of the old one
    assert venue.snapshot("269=0 270=3 271=1", req_id=req_id) == []
    venue.snapshot(req_id=again.req_id)
    assert levels(venue.subs.books[SYMBOL])[0] == [("10", "1")]
    assert levels(book) == ([], [])


def test_unsubscribing_what_is_not_there_says_so() -> None:
    venue = Venue()
    both = venue.subs.subscribe([SYMBOL, OTHER], NOW)
    with pytest.raises(ff.LocalProtocolError, match="give the Subscription"):
        venue.subs.unsubscribe(SYMBOL, NOW)
    venue.subs.unsubscribe(both, NOW)
    for what in (both, SYMBOL, "nonsense"):
        with pytest.raises(ff.LocalProtocolError, match="not subscribed"):
            venue.subs.unsubscribe(what, NOW)


# --- refusals (M2) ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [("0", "unknown symbol"), ("D", "insufficient credit"), ("99", r"MDReqRejReason \(281\) 99"), (None, "no reason")],
)
def test_M2_a_refused_request_is_an_error_that_says_why(reason: str | None, meaning: str) -> None:
    venue = Venue()
    subscription = venue.subs.subscribe([SYMBOL, OTHER], NOW)
    fields = [(34, 1), (262, subscription.req_id), *([(281, reason)] if reason else []), (58, "go away")]
    changes = venue.subs.on_message(ff.parse(ff.encode("FIX.4.4", "Y", fields)), NOW)
    assert [change.status for change in changes] == [ff.BookStatus.REJECTED] * 2
    assert subscription.state == "rejected"
    assert (venue.subs.books, venue.subs.subscriptions) == ({}, [])
    error = subscription.error
    assert error is not None
    assert (error.reason, error.symbols, error.text) == (reason, (SYMBOL, OTHER), "go away")
    with pytest.raises(ff.SubscriptionRejected, match=f"{SYMBOL}, {OTHER}: {meaning}.*: go away"):
        raise error
    venue.subs.on_event(logged_on(), NOW)
    assert len(venue.sent) == 1


@pytest.mark.parametrize("kind", ["3", "j"])
def test_M2_a_reject_of_the_request_is_a_refusal_too(kind: str) -> None:
    venue = Venue()
    venue.subs.subscribe(OTHER, NOW)
    subscription = venue.subs.subscribe(SYMBOL, NOW)
    reason = (373, 1) if kind == "3" else (380, 3)
    message = ff.parse(ff.encode("FIX.4.4", kind, [(34, 1), (45, 2), (372, "V"), reason, (58, "no")]))
    assert venue.subs.concerns(message)
    venue.subs.on_message(message, NOW)
    assert subscription.error is not None
    assert subscription.error.reason == str(reason[1])
    assert list(venue.subs.books) == [OTHER]
    other = ff.parse(ff.encode("FIX.4.4", kind, [(34, 1), (45, 1), (372, "D"), reason]))
    assert not venue.subs.concerns(other)
    assert venue.subs.on_message(other, NOW) == []


# --- gaps (M9) --------------------------------------------------------------------------------------------------------


def numbered(venue: Venue, number: int, qty: int = 1, now: Now = NOW) -> list[ff.BookChange]:
    return venue.update(f"279=1 269=0 270=10 271={qty} 83={number}", now=now)


def live(**options: Any) -> Venue:
    venue = Venue(**options)
    venue.subs.subscribe(SYMBOL, NOW)
    venue.snapshot(*(f"{entry} 83=5" for entry in TOP))
    return venue


def test_M9_a_stale_book_asks_for_a_snapshot_and_is_made_whole() -> None:
    venue = live()
    (change,) = numbered(venue, 7, 70)
    assert change.status is ff.BookStatus.STALE
    assert venue.asked == [("1", [SYMBOL]), ("0", [SYMBOL])]
    assert venue.sent[1][262] != venue.sent[0][262]
    assert 265 not in venue.sent[1]
    numbered(venue, 8, 80)
    assert len(venue.sent) == 2
    (healed,) = venue.snapshot(*(f"{entry} 83=6" for entry in TOP))
    assert (healed.before, healed.status) == (ff.BookStatus.STALE, ff.BookStatus.LIVE)
    assert levels(venue.subs.books[SYMBOL])[0] == [("10", "80")]
    numbered(venue, 9, 90)
    assert levels(venue.subs.books[SYMBOL])[0] == [("10", "90")]
    assert venue.snapshot("269=0 270=1 271=1 83=50") == []  # a second answer to that request


def test_M9_a_snapshot_that_is_too_old_is_asked_for_again_but_not_for_ever() -> None:
    venue = live(max_resyncs=3)
    numbered(venue, 9)
    for _ in range(5):
        venue.snapshot(*(f"{entry} 83=5" for entry in TOP))
    assert [kind for kind, _ in venue.asked] == ["1", "0", "0", "0"]
    venue.subs.refresh(SYMBOL, NOW)
    venue.snapshot(*(f"{entry} 83=8" for entry in TOP))
    assert venue.subs.books[SYMBOL].valid


def test_M9_an_answer_that_does_not_come_is_asked_for_again_after_a_while() -> None:
    venue = live(resync_timeout=2)
    numbered(venue, 7)
    numbered(venue, 8, now=later(1.9))
    assert len(venue.sent) == 2
    numbered(venue, 9, now=later(2))
    assert [kind for kind, _ in venue.asked] == ["1", "0", "0"]


def test_M9_what_could_not_be_asked_for_is_asked_for_later() -> None:
    venue = live(resync_timeout=2)
    venue.error = ff.Throttled(1)
    numbered(venue, 7)
    venue.error = None
    numbered(venue, 8, now=later(2))
    assert [kind for kind, _ in venue.asked] == ["1", "0"]


def test_M9_a_refused_snapshot_is_told_and_not_asked_for_again() -> None:
    venue = live()
    numbered(venue, 7)
    fields = [(34, 1), (262, venue.last_id), (281, "4")]
    (change,) = venue.subs.on_message(ff.parse(ff.encode("FIX.4.4", "Y", fields)), NOW)
    assert change.anomalies[0].kind == "resync"
    assert "not supported" in change.anomalies[0].text
    numbered(venue, 8, now=later(100))
    assert len(venue.sent) == 2
    assert venue.subs.subscriptions[0].state == "active"


def test_M9_resubscribing_instead_for_venues_that_give_no_snapshots() -> None:
    venue = live(resync="resubscribe")
    old = venue.sent[0][262]
    numbered(venue, 7)
    assert [(v[262], v[263]) for v in venue.sent] == [(old, "1"), (old, "2"), (venue.last_id, "1")]
    assert venue.last_id != old
    venue.snapshot(*(f"{entry} 83=9" for entry in TOP))
    assert venue.subs.books[SYMBOL].rpt_seq == 9


def test_M9_nothing_is_asked_for_where_the_program_does_it() -> None:
    venue = live(resync="none")
    numbered(venue, 7)
    assert len(venue.sent) == 1
    with pytest.raises(ff.LocalProtocolError, match="nonsense"):
        venue.subs.refresh("nonsense", NOW)


def test_messages_lost_by_the_session_make_all_books_stale() -> None:
    venue = live()
    (change,) = venue.subs.on_event(MessagesLost(7, 9, "gap-filled"), NOW)
    assert (change.status, change.anomalies[0].kind) == (ff.BookStatus.STALE, "lost")
    assert venue.asked[-1] == ("0", [SYMBOL])


# --- reconnects (M10) -------------------------------------------------------------------------------------------------


def test_M10_books_are_invalid_without_a_session_and_asked_for_anew_with_a_fresh_id() -> None:
    venue = live()
    book = venue.subs.books[SYMBOL]
    old = venue.last_id
    (change,) = venue.subs.on_event(lost(), NOW)
    assert (change.status, book.bids(), venue.subs.subscriptions[0].state) == (ff.BookStatus.INVALID, [], "waiting")
    assert venue.subs.on_event(lost(), NOW) == []
    venue.subs.on_event(logged_on(), NOW)
    assert venue.asked[-1] == ("1", [SYMBOL])
    assert venue.last_id != old
    assert book.status is ff.BookStatus.ABSENT
    assert venue.snapshot("269=0 270=1 271=1", req_id=old) == []  # resent: an old one (M11)
    assert numbered(venue, 6) == []
    venue.snapshot("269=0 270=4 271=1 83=2")
    assert (levels(book)[0], book.rpt_seq) == ([("4", "1")], 2)


def test_M10_a_stale_book_forgets_what_it_asked_for_when_the_session_goes() -> None:
    venue = live(resync_timeout=1)
    numbered(venue, 7)
    venue.subs.on_event(lost(), NOW)
    venue.subs.on_event(logged_on(), NOW)
    venue.update("279=1 269=0 270=10 271=1 83=8", req_id=venue.last_id, now=later(50))
    assert [kind for kind, _ in venue.asked] == ["1", "0", "1"]


def test_unsubscribed_while_away_stays_unsubscribed() -> None:
    venue = live()
    venue.subs.on_event(lost(), NOW)
    venue.subs.unsubscribe(SYMBOL, NOW)
    venue.subs.on_event(logged_on(), NOW)
    assert [kind for kind, _ in venue.asked] == ["1"]


def test_other_events_are_none_of_ours() -> None:
    assert live().subs.on_event(object(), NOW) == []


# --- feeds that number everything (1181) ------------------------------------------------------------------------------


def test_M9_a_gap_in_a_feed_makes_its_books_stale() -> None:
    feed = Feed(ff.BookConfig(start_empty=True), open=True)

    def x(number: int, symbol: str, appl: str = "A") -> list[ff.BookChange]:
        message = update("279=0 269=4 270=10", symbol=symbol, begin="FIX.4.4", extra=f"1180={appl} 1181={number}")
        return feed.on_message(message)

    x(5, "X")
    x(6, "Y")
    x(6, "Z", "B")
    assert x(6, "Y") == []
    changes = x(8, "Y")
    assert {(change.book.symbol, change.status) for change in changes} == {
        ("X", ff.BookStatus.STALE),
        ("Y", ff.BookStatus.STALE),
    }
    assert feed.books["Z"].valid


def test_a_feed_is_bounded_and_counts_what_it_passes_over() -> None:
    feed = Feed(ff.BookConfig(start_empty=True), open=True, max_books=1, max_entries=2)
    feed.on_message(update("279=0 269=4 270=10", symbol="X"))
    feed.on_message(update("279=0 269=4 270=10", symbol="Y"))
    assert (list(feed.books), feed.passed_over) == (["X"], 1)
    (change,) = feed.on_message(update(*["279=0 269=4 270=10"] * 3, symbol="X"))
    assert change.anomalies[0].kind == "limit"
    (change,) = feed.on_message(snapshot(*["269=0 270=10 271=1"] * 3, symbol="X"))
    assert change.anomalies[0].kind == "limit"
    with pytest.raises(ff.ConfigError, match="max_books"):
        feed.add("Z")
    feed.remove("X")
    assert feed.remove("X") is None
    feed.add("Z")
    with pytest.raises(ff.ConfigError, match="no book yet"):
        feed.add("Z")
    with pytest.raises(ff.ConfigError, match="max_entries"):
        Feed(max_entries=0)


def test_what_cannot_be_read_makes_its_books_stale_and_no_others() -> None:
    feed = Feed()
    for symbol in ("X", "Y"):
        feed.add(symbol)
        feed.on_message(snapshot(*TOP, symbol=symbol))
    (change,) = feed.on_message(update("279=0 269=0 270=1x 271=1", symbol="X"))
    assert (change.book.symbol, change.anomalies[0].kind) == ("X", "format")
    (change,) = feed.on_message(snapshot("269=0 270=1x", symbol="Y"))
    assert (change.book.symbol, change.anomalies[0].kind) == ("Y", "format")


def test_instruments_may_be_known_by_security_id() -> None:
    feed = Feed(open=True)
    feed.on_message(update("279=0 269=0 55=[N/A] 48=ES 270=1 271=1 83=1", "279=0 269=1 48=NQ 270=1 271=1 83=1"))
    assert list(feed.books) == ["ES", "NQ"]


# --- a real session ---------------------------------------------------------------------------------------------------

CORPORA = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[2].parent / "shared" / "corpora")


def captured() -> list[ff.Message]:
    path = CORPORA / "fix50-marketdata.fix"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    decoder = ff.StreamDecoder()
    decoder.feed(path.read_bytes())
    return [message for message in decoder if isinstance(message, ff.Message) and message.msg_type == "X"]


def test_gaps_in_a_captured_session_are_found_and_its_duplicates_ignored() -> None:
    """The capture is of 80 indices, begins with number 1 of each, has messages twice, and lacks some numbers."""
    feed = Feed(open=True)
    lacking: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for message in captured():
        for change in feed.on_message(message):
            assert change.status is ff.BookStatus.STALE or change.book.symbol not in lacking
        for entry in message.group(268):
            symbol, number = entry[55], entry.int(83)
            if number > numbers.get(symbol, number - 1) + 1:
                lacking.setdefault(symbol, number)
            numbers[symbol] = number
    assert len(feed.books) == 80
    assert sorted(lacking) == ["J259", "J263", "JA00", "JA0R", "JA30", "JA3R"]
    for symbol, book in feed.books.items():
        assert book.status is (ff.BookStatus.STALE if symbol in lacking else ff.BookStatus.LIVE)
        if symbol in lacking:
            assert book.anomalies[0].text == f"RptSeq (83) {lacking[symbol]} after {lacking[symbol] - 2}"


def test_a_captured_session_with_snapshots_where_they_are_needed_ends_as_it_should() -> None:
    feed = Feed(open=True)
    last: dict[tuple[str, str], tuple[Decimal | None, int]] = {}
    healed = 0
    for message in captured():
        entries = message.group(268)
        for change in feed.on_message(message):
            if change.status is ff.BookStatus.STALE:
                healed += 1
                feed.on_message(snapshot(extra=f"83={entries[0].int(83) - 1}", symbol=change.book.symbol))
        for entry in entries:
            last[entry[55], entry[269]] = entry.decimal(270, None), entry.int(83)
    assert healed > 5
    assert all(book.valid and book.best_bid is None for book in feed.books.values())
    for (symbol, kind), (price, number) in last.items():
        book = feed.books[symbol]
        assert book.values[kind].price == price
        assert (book.rpt_seq or 0) >= number
    assert feed.books["J250"].values["3"].time_ns > feed.books["J250"].values["x"].time_ns
