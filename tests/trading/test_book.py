"""Book: W and X of one instrument, by rules M3 to M14 of the requirements."""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext

import numpy as np
import pytest

import fixfast as ff
from fixfast import BookStatus, BookView
from tests.trading.market import SYMBOL, levels, snapshot, update

FIVE = [f"269=0 270={p} 271={q}" for p, q in ((10, 1), (9, 2), (8, 3))] + [
    f"269=1 270={p} 271={q}" for p, q in ((11, 4), (12, 5))
]
BIDS, OFFERS = [("10", "1"), ("9", "2"), ("8", "3")], [("11", "4"), ("12", "5")]


def book(*entries: str, **config: object) -> ff.Book:
    found = ff.Book(SYMBOL, ff.BookConfig(**config))  # type: ignore[arg-type]
    found.apply(snapshot(*(entries or FIVE)))
    return found


# --- M3: snapshots ------------------------------------------------------------------------------------------------


def test_a_book_is_absent_until_a_snapshot_comes() -> None:
    absent = ff.Book(SYMBOL)
    assert (absent.status, absent.valid, absent.best_bid, absent.bids()) == (BookStatus.ABSENT, False, None, [])
    change = absent.apply(snapshot(*FIVE))
    assert change is not None
    assert (change.before, change.status) == (BookStatus.ABSENT, BookStatus.LIVE)
    assert levels(absent) == (BIDS, OFFERS)


def test_M3_a_snapshot_replaces_the_whole_book() -> None:
    found = book()
    found.apply(snapshot("269=0 270=5 271=7"))
    assert levels(found) == ([("5", "7")], [])


@pytest.mark.parametrize("entries", [(), ("269=J",)])
def test_M3_an_empty_snapshot_or_an_empty_book_entry_empties_it(entries: tuple[str, ...]) -> None:
    found = book()
    found.apply(snapshot(*entries))
    assert found.valid
    assert levels(found) == ([], [])


def test_M3_an_empty_book_entry_in_an_update_empties_it() -> None:
    found = book()
    found.apply(update("279=0 269=J", "279=0 269=0 270=3 271=1"))
    assert levels(found) == ([("3", "1")], [])


def test_M3_what_was_not_asked_for_stays() -> None:
    found = ff.Book(SYMBOL, ff.BookConfig(sides=("0",)))
    found.apply(snapshot(*FIVE))
    assert levels(found) == (BIDS, [])


def test_a_snapshot_of_another_instrument_is_passed_over() -> None:
    found = book()
    assert found.apply(snapshot("269=0 270=5 271=7", symbol="GBP/USD")) is None
    assert levels(found) == (BIDS, OFFERS)


def test_a_book_takes_no_other_message() -> None:
    with pytest.raises(ValueError, match=r"not 0"):
        ff.Book(SYMBOL).apply(ff.parse(ff.encode("FIX.4.4", "0", [(34, 1)])))


# --- M4: one message is one change --------------------------------------------------------------------------------


def test_M4_entries_apply_in_order_and_become_visible_together() -> None:
    found = book()
    before = found.view
    found.apply(update("279=2 269=0 270=10", "279=0 269=0 270=10 271=50", "279=1 269=0 270=10 271=51"))
    assert found.best_bid == ff.Level(Decimal(10), Decimal(51), None)
    assert levels(before) == (BIDS, OFFERS)


def test_M4_an_entry_without_symbol_is_of_the_instrument_before_it() -> None:
    found = book()
    entries = (
        "279=1 269=0 55=GBP/USD 270=10 271=99",
        "279=1 269=0 270=9 271=98",
        f"279=1 269=0 55={SYMBOL} 270=8 271=97",
    )
    found.apply(update(*entries, "279=1 269=1 270=11 271=96", symbol=""))
    assert levels(found) == ([("10", "1"), ("9", "2"), ("8", "97")], [("11", "96"), ("12", "5")])


def test_M4_nothing_of_a_message_that_fails_is_seen() -> None:
    found = book()
    change = found.apply(update("279=1 269=0 270=10 271=99", "279=2 269=0 270=7"))
    assert change is not None
    assert change.status is BookStatus.STALE
    assert change.anomalies[0].kind == "absent"
    assert levels(found) == ([], [])


# --- M5, M6: by price ---------------------------------------------------------------------------------------------


def test_M6_new_change_and_delete_by_price() -> None:
    found = book()
    found.apply(update("279=0 269=0 270=9.5 271=7 346=2"))
    found.apply(update("279=1 269=1 270=12 271=6"))
    found.apply(update("279=2 269=0 270=8"))
    assert levels(found) == ([("10", "1"), ("9.5", "7"), ("9", "2")], [("11", "4"), ("12", "6")])
    assert found.bids()[1].orders == 2


def test_M6_a_new_best_price_on_either_side() -> None:
    found = book()
    found.apply(update("279=0 269=0 270=10.5 271=1"))
    found.apply(update("279=0 269=1 270=10.75 271=1"))
    assert (found.mid, found.spread) == (Decimal("10.625"), Decimal("0.25"))


@pytest.mark.parametrize(
    ("entry", "bids"),
    [
        ("279=3 269=0 270=9", [("8", "3")]),
        ("279=4 269=0 270=9", [("10", "1")]),
        ("279=5 269=0 270=9 271=77", [("10", "1"), ("9", "77"), ("8", "3")]),
        ("279=5 269=0 270=9.5 271=77", [("10", "1"), ("9.5", "77"), ("9", "2"), ("8", "3")]),
    ],
)
def test_M6_delete_thru_delete_from_and_overlay_by_price(entry: str, bids: list[tuple[str, str]]) -> None:
    found = book()
    found.apply(update(entry))
    assert levels(found) == (bids, OFFERS)


MISFITS = [
    ("279=0 269=0 270=10 271=5", "present"),
    ("279=1 269=0 270=7 271=5", "absent"),
    ("279=2 269=1 270=7", "absent"),
    ("279=1 269=0 271=5", "no price"),
    ("279=1 269=0 270=10", "no size"),
    ("279=9 269=0 270=10 271=5", "action"),
]


@pytest.mark.parametrize(("entry", "kind"), MISFITS)
@pytest.mark.parametrize("count", [1, 2])
def test_M6_what_does_not_fit_makes_the_book_stale(entry: str, kind: str, count: int) -> None:
    found = book()
    change = found.apply(update(*["279=1 269=0 270=9 271=2"] * (count - 1), entry))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.STALE, kind)
    assert found.anomaly_count == 1
    found.apply(snapshot(*FIVE))
    assert levels(found) == (BIDS, OFFERS)


@pytest.mark.parametrize(("entry", "kind"), MISFITS)
def test_a_lenient_book_reports_what_does_not_fit_and_goes_on(entry: str, kind: str) -> None:
    found = book(strict=False)
    change = found.apply(update(entry))
    assert change is not None
    assert (change.status, [anomaly.kind for anomaly in change.anomalies]) == (BookStatus.LIVE, [kind])
    assert found.best_offer is not None


# --- M5, M6: by level ---------------------------------------------------------------------------------------------

BY_LEVEL = [f"269=0 270={p} 271={q} 1023={n}" for n, p, q in ((1, 10, 1), (2, 9, 2), (3, 8, 3))] + [
    "269=1 270=11 271=4 1023=1"
]


@pytest.mark.parametrize(
    ("entry", "bids"),
    [
        ("279=0 269=0 270=9.5 271=7 1023=2", [("10", "1"), ("9.5", "7"), ("9", "2"), ("8", "3")]),
        ("279=0 269=0 270=7 271=7 1023=4", [*BIDS, ("7", "7")]),
        ("279=1 269=0 270=9.5 271=7 1023=2", [("10", "1"), ("9.5", "7"), ("8", "3")]),
        ("279=1 269=0 271=7 1023=2", [("10", "1"), ("9", "7"), ("8", "3")]),
        ("279=1 269=0 271=0 1023=2", [("10", "1"), ("8", "3")]),
        ("279=2 269=0 1023=1", [("9", "2"), ("8", "3")]),
        ("279=3 269=0 1023=2", [("8", "3")]),
        ("279=4 269=0 1023=2", [("10", "1")]),
        ("279=5 269=0 270=8.5 271=7 1023=3", [("10", "1"), ("9", "2"), ("8.5", "7")]),
        ("279=5 269=0 270=7 271=7 1023=4", [*BIDS, ("7", "7")]),
    ],
)
def test_M6_actions_by_level_shift_what_is_behind(entry: str, bids: list[tuple[str, str]]) -> None:
    found = book(*BY_LEVEL)
    found.apply(update(entry))
    assert levels(found) == (bids, [("11", "4")])


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("279=0 269=0 270=7 271=7 1023=5", "absent"),
        ("279=1 269=0 271=7 1023=4", "absent"),
        ("279=2 269=1 1023=2", "absent"),
        ("279=2 269=1 1023=0", "no level"),
        ("279=2 269=1 270=11", "no level"),
        ("279=0 269=1 271=5 1023=1", "no price"),
        ("279=1 269=1 270=11 1023=1", "no size"),
        ("279=8 269=1 270=11 271=1 1023=1", "action"),
    ],
)
def test_M6_a_level_that_cannot_be_makes_the_book_stale(entry: str, kind: str) -> None:
    found = book(*BY_LEVEL)
    change = found.apply(update(entry))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.STALE, kind)


def test_M12_prices_out_of_order_by_level_are_reported() -> None:
    found = book(*BY_LEVEL)
    change = found.apply(update("279=1 269=0 270=11.5 271=7 1023=2"))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.LIVE, "order")


def test_levels_of_a_snapshot_may_come_in_any_order_and_by_position() -> None:
    found = book(*reversed(BY_LEVEL))
    assert levels(found) == (BIDS, [("11", "4")])
    by_position = book(*(entry.replace("1023=", "290=") for entry in reversed(BY_LEVEL)), keyed="level")
    assert levels(by_position) == (BIDS, [("11", "4")])
    by_position.apply(update("279=2 269=0 290=1", begin="FIX.4.2"))
    assert levels(by_position)[0] == BIDS[1:]


# --- M5, M6: by MDEntryID -----------------------------------------------------------------------------------------

BY_ID = ["269=0 278=a 270=10 271=1", "269=0 278=b 270=10 271=2", "269=0 278=c 270=9 271=3", "269=1 278=d 270=11 271=4"]


def test_M5_entries_by_id_at_one_price_add_up() -> None:
    found = book(*BY_ID)
    assert found.bids() == [(Decimal(10), Decimal(3), 2), (Decimal(9), Decimal(3), 1)]


@pytest.mark.parametrize(
    ("entry", "bids"),
    [
        ("279=0 269=0 278=e 270=10 271=5", [("10", "8"), ("9", "3")]),
        ("279=1 278=a 271=5", [("10", "7"), ("9", "3")]),
        ("279=1 278=a 269=0 270=9 271=5", [("10", "2"), ("9", "8")]),
        ("279=1 278=e 280=a 269=0 270=9.5 271=5", [("10", "2"), ("9.5", "5"), ("9", "3")]),
        ("279=2 278=c", [("10", "3")]),
        ("279=1 278=c 271=0", [("10", "3")]),
        ("279=3 269=0 270=10", [("9", "3")]),
        ("279=4 269=0 270=10", []),
        ("279=5 278=c 269=0 270=9 271=9", [("10", "3"), ("9", "9")]),
    ],
)
def test_M6_actions_by_id(entry: str, bids: list[tuple[str, str]]) -> None:
    found = book(*BY_ID)
    found.apply(update(entry))
    assert levels(found) == (bids, [("11", "4")])


def test_M5_a_renamed_entry_is_known_by_its_new_name() -> None:
    found = book(*BY_ID)
    found.apply(update("279=1 278=e 280=a 269=0 271=5"))
    found.apply(update("279=2 278=e"))
    assert levels(found)[0] == [("10", "2"), ("9", "3")]
    change = found.apply(update("279=2 278=a"))
    assert change is not None
    assert change.anomalies[0].kind == "absent"


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("279=0 269=0 278=a 270=10 271=5", "present"),
        ("279=1 278=x 269=0 270=10 271=5", "absent"),
        ("279=2 278=x", "absent"),
        ("279=2 269=0 270=10", "no id"),
        ("279=0 269=0 278=x 270=10", "no size"),
        ("279=7 269=0 278=a 270=10 271=5", "action"),
        ("279=3 269=0 278=a", "no price"),
    ],
)
def test_M6_an_id_that_does_not_fit_makes_the_book_stale(entry: str, kind: str) -> None:
    found = book(*BY_ID)
    change = found.apply(update(entry))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.STALE, kind)


@pytest.mark.parametrize("tag", [299, 288])
def test_M5_originators_tell_quotes_at_one_price_apart(tag: int) -> None:
    found = book(f"269=0 270=10 271=1 {tag}=A", f"269=0 270=10 271=2 {tag}=B")
    found.apply(update(f"279=1 269=0 270=10 271=5 {tag}=A", "279=0 269=0 270=1.123456789 271=1 299=C"))
    found.apply(update(f"279=2 269=0 270=10 {tag}=B"))
    assert levels(found)[0] == [("10", "5"), ("1.123456789", "1")]


# --- M7, M12, M14 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [FIVE, BY_LEVEL, [f"{entry} 278={n}" for n, entry in enumerate(FIVE)]])
def test_M7_an_insert_pushes_the_deepest_level_out_of_an_implicit_book(entries: list[str]) -> None:
    found = book(*entries, depth=3, implicit_delete=True)
    found.apply(
        update(
            "279=0 269=0 270=9.5 271=7 278=z 1023=2"
            if "1023" in entries[0] or "278" in entries[0]
            else "279=0 269=0 270=9.5 271=7"
        )
    )
    assert [price for price, _ in levels(found)[0]] == ["10", "9.5", "9"]
    assert found.valid
    assert found.anomaly_count == 0


def test_M7_the_entries_of_levels_that_were_pushed_out_are_forgotten() -> None:
    found = book(*(f"{entry} 278={n}" for n, entry in enumerate(FIVE)), depth=3, implicit_delete=True)
    found.apply(update("279=0 269=0 278=z 270=9.5 271=7"))
    found.apply(update("279=0 269=0 278=2 270=1 271=7"))  # "2" was the one at 8
    assert found.valid


def test_M7_without_implicit_delete_too_many_levels_are_reported() -> None:
    change = book(depth=3).apply(update("279=0 269=0 270=9.5 271=7"))
    assert change is not None
    assert change.anomalies == (ff.Anomaly("depth", "4 levels where 3 were asked for"),)


def test_M12_zero_is_a_delete_unless_it_is_said_not_to_be() -> None:
    found = book()
    found.apply(update("279=1 269=0 270=9 271=0"))
    assert levels(found)[0] == [("10", "1"), ("8", "3")]
    kept = book(zero_deletes=False)
    kept.apply(update("279=1 269=0 270=9 271=0"))
    assert levels(kept)[0] == [("10", "1"), ("9", "0"), ("8", "3")]


def test_M12_a_crossed_book_is_reported_once_and_stays_live() -> None:
    found = book()
    change = found.apply(update("279=0 269=0 270=11.5 271=1"))
    assert change is not None
    assert [anomaly.kind for anomaly in change.anomalies] == ["crossed"]
    assert (found.valid, found.view.crossed, found.spread) == (True, True, Decimal("-0.5"))
    again = found.apply(update("279=1 269=0 270=11.5 271=2"))
    assert again is not None
    assert again.anomalies == ()
    allowed = book().apply(update("279=0 269=0 270=11 271=1 276=E"))
    assert allowed is not None
    assert allowed.anomalies == ()


def test_M12_a_price_twice_in_a_snapshot_adds_up_and_is_reported() -> None:
    found = book("269=0 270=10 271=1", "269=0 270=10 271=2", "269=1 271=5")
    assert found.bids() == [(Decimal(10), Decimal(3), 2)]
    assert [anomaly.kind for anomaly in found.anomalies] == ["duplicate", "no price"]


def test_M14_negative_prices_are_prices() -> None:
    found = book("269=0 270=-1.5 271=1", "269=0 270=-2 271=1", "269=1 270=-1.25 271=1", "269=1 270=0 271=1")
    assert levels(found) == ([("-1.5", "1"), ("-2", "1")], [("-1.25", "1"), ("0", "1")])
    assert (found.mid, found.spread) == (Decimal("-1.375"), Decimal("0.25"))


def test_M14_the_scale_grows_with_the_decimals_and_nothing_is_rounded() -> None:
    found = book()
    found.apply(update("279=0 269=0 270=9.000000000000000001 271=0.123456789012"))
    assert levels(found)[0] == [("10", "1"), ("9.000000000000000001", "0.123456789012"), ("9", "2"), ("8", "3")]
    by_id = book(*BY_ID)
    by_id.apply(update("279=1 278=a 271=0.000000000001"))
    by_id.apply(update("279=2 278=b"))
    assert levels(by_id)[0] == [("10", "0.000000000001"), ("9", "3")]


def test_M14_no_decimal_context_rounds_a_price() -> None:
    found = book("269=0 270=123456.123456 271=1234567890123456789012345678901234567890")
    with localcontext() as context:
        context.prec = 3
        assert levels(found)[0] == [("123456.123456", "1234567890123456789012345678901234567890")]
    assert getcontext().prec == 28


def test_a_price_beyond_18_decimals_makes_the_book_stale() -> None:
    found = book()
    change = found.apply(update(f"279=1 269=0 270=10.{'0' * 18}1 271=1"))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.STALE, "format")


@pytest.mark.parametrize("entry", ["279=1 269=0 270=1x 271=1", "279=1 269=0 270=10 271=1 83=x"])
def test_a_garbled_value_makes_the_book_stale(entry: str) -> None:
    change = book().apply(update(entry))
    assert change is not None
    assert change.anomalies[0].kind == "format"


# --- M8: trades and values ----------------------------------------------------------------------------------------


def test_M8_trades_go_to_the_tape_and_leave_the_levels_alone() -> None:
    found = book(tape=2)
    change = found.apply(
        update("279=0 269=2 270=10.5 271=3 278=t1 272=20260105 273=09:59:59.5 277=X 2446=1", "279=2 269=2 278=t0")
    )
    assert change is not None
    first, bust = change.trades
    assert first == ff.BookTrade(Decimal("10.5"), Decimal(3), 1767607199500000000, "t1", "0", "1", "X")
    assert (bust.entry_id, bust.action, bust.time_ns) == ("t0", "2", 1767607200000000000)
    assert levels(found) == (BIDS, OFFERS)
    found.apply(update("279=0 269=2 270=11 271=1"))
    assert [trade.price for trade in found.tape] == [Decimal(0), Decimal(11)]


@pytest.mark.parametrize(("time", "seconds"), [("09:00:00", -3600), ("23:59:59", -36001), ("21:00:00", 11 * 3600)])
def test_a_time_without_date_is_the_one_next_to_sending_time(time: str, seconds: int) -> None:
    change = book().apply(update(f"279=0 269=2 270=10.5 271=3 273={time}"))
    assert change is not None
    assert change.trades[0].time_ns == 1767607200_000000000 + seconds * 1_000_000_000


def test_a_trade_at_no_time_makes_the_book_stale() -> None:
    change = book().apply(update("279=0 269=2 270=10.5 271=3 273=9am"))
    assert change is not None
    assert change.anomalies[0].kind == "format"


def test_M8_high_low_open_and_close_are_values() -> None:
    found = book(*FIVE, "269=4 270=9.5", "269=7 270=12", "269=B 271=1000")
    assert found.values["4"] == ff.BookValue(Decimal("9.5"), None, 1767607200000000000)
    assert (found.values["B"].price, found.values["B"].qty) == (None, Decimal(1000))
    found.apply(update("279=0 269=7 270=12.5", "279=2 269=4"))
    assert {kind: value.price for kind, value in found.values.items()} == {"7": Decimal("12.5"), "B": None}
    assert levels(found) == (BIDS, OFFERS)


# --- M9: numbers --------------------------------------------------------------------------------------------------


def numbered(rpt_seq: int, price: int = 10, qty: int | None = None) -> ff.Message:
    return update(f"279=1 269=0 270={price} 271={rpt_seq if qty is None else qty} 83={rpt_seq}")


def at(rpt_seq: int) -> ff.Message:
    return snapshot(*(f"{entry} 83={rpt_seq}" for entry in FIVE))


def test_M9_known_numbers_are_ignored() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    assert found.apply(numbered(5)) is None
    assert found.apply(numbered(3)) is None
    assert levels(found) == (BIDS, OFFERS)
    assert found.apply(numbered(6)) is not None
    assert found.rpt_seq == 6


def test_M9_a_gap_makes_the_book_stale_at_once_and_a_newer_snapshot_heals_it() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    change = found.apply(numbered(7))
    assert change is not None
    assert (change.status, change.anomalies[0].kind) == (BookStatus.STALE, "gap")
    assert (found.valid, found.bids()) == (False, [])
    assert found.apply(numbered(8)) is None
    healed = found.apply(at(6))
    assert healed is not None
    assert (healed.before, healed.status) == (BookStatus.STALE, BookStatus.LIVE)
    assert (found.rpt_seq, found.best_bid) == (8, (Decimal(10), Decimal(8), None))


def test_M9_buffered_updates_that_the_snapshot_has_are_dropped() -> None:
    found = ff.Book(SYMBOL)
    for n in range(1, 6):
        if n > 1:
            found.apply(numbered(n))
    found.apply(at(4))
    assert (found.rpt_seq, found.best_bid) == (5, (Decimal(10), Decimal(5), None))


def test_M9_a_snapshot_that_is_too_old_leaves_the_book_stale_and_nothing_is_lost() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    for n in (7, 8, 9):
        found.apply(numbered(n))
    change = found.apply(at(5))
    assert change is not None
    assert change.status is BookStatus.STALE
    found.apply(at(7))
    assert (found.status, found.rpt_seq, found.best_bid) == (BookStatus.LIVE, 9, (Decimal(10), Decimal(9), None))


def test_M9_entries_of_one_message_may_share_a_number_or_count_each() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    found.apply(update("279=1 269=0 270=10 271=71 83=6", "279=1 269=0 270=9 271=72 83=6"))
    found.apply(update("279=1 269=0 270=10 271=73 83=7", "279=1 269=0 270=9 271=74 83=8"))
    assert (found.rpt_seq, levels(found)[0]) == (8, [("10", "73"), ("9", "74"), ("8", "3")])
    found.apply(update("279=1 269=0 270=10 271=1 83=8", "279=1 269=0 270=9 271=75 83=9"))
    assert levels(found)[0] == [("10", "73"), ("9", "75"), ("8", "3")]
    change = found.apply(update("279=1 269=0 270=10 271=1 83=10", "279=1 269=0 270=9 271=75 83=12"))
    assert change is not None
    assert change.status is BookStatus.STALE


def test_M9_a_book_that_begins_with_number_1_needs_no_snapshot() -> None:
    found = ff.Book(SYMBOL)
    found.apply(update("279=0 269=0 270=10 271=1 83=1"))
    assert levels(found) == ([("10", "1")], [])
    late = ff.Book(SYMBOL)
    assert late.apply(update("279=0 269=0 270=10 271=1 83=2")) is None
    assert late.status is BookStatus.ABSENT


def test_M9_number_1_again_means_that_the_venue_began_anew() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    change = found.apply(numbered(1))
    assert change is not None
    assert change.status is BookStatus.STALE
    found.apply(at(1))
    assert (found.status, found.rpt_seq) == (BookStatus.LIVE, 1)


def test_M11_an_older_snapshot_never_replaces_a_newer_book() -> None:
    found = ff.Book(SYMBOL)
    found.apply(at(5))
    found.apply(numbered(6))
    change = found.apply(at(4))
    assert change is not None
    assert change.anomalies[0].kind == "old snapshot"
    assert found.best_bid == (Decimal(10), Decimal(6), None)


def test_M13_what_waits_is_bounded_the_oldest_go() -> None:
    found = ff.Book(SYMBOL, ff.BookConfig(max_buffered=3))
    for n in range(2, 8):
        found.apply(numbered(n))
    found.apply(at(3))
    assert found.status is BookStatus.STALE  # 4 is gone
    found.apply(at(4))
    assert (found.status, found.rpt_seq) == (BookStatus.LIVE, 7)


def test_numbers_of_a_snapshot_may_stand_outside_of_its_entries() -> None:
    found = ff.Book(SYMBOL)
    found.apply(snapshot(*FIVE, extra="83=5"))
    assert found.apply(numbered(5)) is None
    assert found.rpt_seq == 5


# --- M10 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [BookStatus.INVALID, BookStatus.ENDED, BookStatus.REJECTED])
def test_M10_an_invalid_book_has_no_levels_and_takes_no_messages(status: BookStatus) -> None:
    found = book(*FIVE, "269=4 270=9.5")
    held: BookView = found.view
    change = found.invalidate(status)
    assert change == ff.BookChange(found, status, BookStatus.LIVE)
    assert (found.bids(), found.offers(), found.mid, found.values) == ([], [], None, {})
    assert found.apply(snapshot(*FIVE)) is None
    assert found.apply(update("279=0 269=0 270=3 271=1")) is None
    assert levels(held) == (BIDS, OFFERS)  # who kept a view knows what he does
    found.invalidate(BookStatus.ABSENT)
    found.apply(snapshot(*FIVE))
    assert levels(found) == (BIDS, OFFERS)


# --- arrays -------------------------------------------------------------------------------------------------------


def test_arrays_are_exact_and_at_the_smallest_common_scale() -> None:
    found = book("269=0 270=1.0850 271=1000000 346=3", "269=0 270=1.08 271=500000", "269=1 270=1.0851 271=2500000")
    arrays = found.arrays()
    assert (arrays.price_scale, arrays.qty_scale) == (4, 0)
    assert arrays.bid_price.tolist() == [10850, 10800]
    assert arrays.bid_qty.tolist() == [1000000, 500000]
    assert arrays.bid_orders.tolist() == [3, -1]
    assert arrays.offer_price.tolist() == [10851]
    assert arrays.bid_price.dtype == np.int64
    assert found.arrays(price_scale=6, qty_scale=2).offer_price.tolist() == [1085100]
    bid_price, _, offer_price, offer_qty = arrays.floats()
    assert bid_price.tolist() == [1.085, 1.08]
    assert (offer_price[0], offer_qty[0]) == (1.0851, 2500000.0)


def test_arrays_refuse_to_round_and_to_overflow() -> None:
    found = book("269=0 270=1.085 271=100000000000000000000")
    with pytest.raises(ValueError, match="price_scale=2 is not allowed: 3 to 18"):
        found.arrays(price_scale=2, qty_scale=0)
    with pytest.raises(ValueError, match="does not fit 64 bits"):
        found.arrays()


def test_arrays_of_an_empty_book_are_empty() -> None:
    arrays = ff.Book(SYMBOL).arrays()
    assert [array.tolist() for array in arrays[:6]] == [[]] * 6


# --- configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("keyed", "prices"),
        ("depth", -1),
        ("depth", True),
        ("depth", 1.0),
        ("tape", -1),
        ("max_buffered", 10**9),
        ("strict", 1),
        ("zero_deletes", None),
        ("sides", ("2",)),
        ("sides", "01"),
        ("implicit_delete", True),
    ],
)
def test_a_wrong_option_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.BookConfig(**{option: value})  # type: ignore[arg-type]
    assert caught.value.name == option


def test_a_book_shows_itself() -> None:
    assert repr(book()) == "<Book EUR/USD: <BookView live, 3 bids, 2 offers, 10 / 11>>"
