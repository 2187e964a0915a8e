"""Typed messages: what may be given, what is written, what is read back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast import fix42, fix44, fix50sp2, fixt11
from fixfast.codec.typed_module import typed_module
from tests.codec.orders import HEAD, NOW, NS, order


def tags(item: fix44.NewOrderSingle) -> list[int]:
    return [tag for tag, _ in item.body()]


def pipes(raw: bytes) -> str:
    return raw.decode("latin-1").replace("\x01", "|")


# --- the bytes ------------------------------------------------------------------------------------------------


def test_an_order_is_written_byte_for_byte() -> None:
    sub = fix44.Parties.NoPartyIDs.NoPartySubIDs(party_sub_id="S", party_sub_id_type=1)
    made = order(
        order_qty=100,
        no_party_ids=[
            fix44.Parties.NoPartyIDs(party_role=fix44.PartyRole.CLIENT_ID, party_id="P1", no_party_sub_ids=[sub]),
            fix44.Parties.NoPartyIDs(party_id="P2"),
        ],
        exec_inst=[fix44.ExecInst.HELD, "G"],
    )
    assert pipes(made.encode(**HEAD, sender_sub_id="desk")) == (
        "8=FIX.4.4|9=170|35=D|49=A|56=B|34=7|50=desk|52=20240102-03:04:05.678|11=x|453=2|448=P1|452=3|802=1|523=S|803=1|"
        "448=P2|18=5 G|55=EUR/USD|54=1|60=20240102-03:04:05.678|38=100|40=2|44=1.50|10=037|"
    )


def test_market_data_of_fix_50_travels_as_fixt() -> None:
    entry = fix50sp2.MDFullGrp.NoMDEntries
    made = fix50sp2.MarketDataSnapshotFullRefresh(
        symbol="EUR/USD",
        md_req_id="R",
        last_update_time=NOW,
        no_md_entries=[
            entry(md_entry_type=fix50sp2.MDEntryType.BID, md_entry_px="1.07", md_entry_size=ff.Scaled(25, 5)),
            entry(md_entry_type="1", md_entry_px=Decimal("1.08"), md_entry_time=time(3, 4, 5, tzinfo=UTC)),
        ],
    )
    raw = made.encode(**HEAD, appl_ver_id=fix50sp2.ApplVerID("9"))
    assert pipes(raw) == (
        "8=FIXT.1.1|9=160|35=W|1128=9|49=A|56=B|34=7|52=20240102-03:04:05.678|262=R|55=EUR/USD|"
        "779=20240102-03:04:05.678|268=2|269=0|270=1.07|271=2500000|269=1|270=1.08|273=03:04:05.000|10=250|"
    )
    assert fix50sp2.MarketDataSnapshotFullRefresh.from_message(ff.parse(raw)).no_md_entries == made.no_md_entries


def test_session_messages_are_in_the_merged_versions() -> None:
    raw = fix50sp2.Logon(encrypt_method="0", heart_bt_int=30, default_appl_ver_id="9", password="secret").encode(**HEAD)
    assert pipes(raw).startswith("8=FIXT.1.1|9=")
    assert ff.parse(raw).validate() is None
    read = fixt11.Logon.from_message(ff.parse(raw))
    assert read.heart_bt_int == 30
    assert "secret" not in repr(read)
    assert "password=***" in repr(read)


# --- what may be given -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "wire", "read"),
    [
        ("price", 5, "5", Decimal(5)),
        ("price", "1.50", "1.50", Decimal("1.50")),
        ("price", ff.Scaled(150, -2), "1.50", Decimal("1.50")),
        ("side", "2", "2", fix44.Side.SELL),
        ("exec_inst", "G 1", "G 1", (fix44.ExecInst.ALL_OR_NONE, fix44.ExecInst.NOT_HELD)),
        ("exec_inst", fix44.ExecInst.HELD, "5", (fix44.ExecInst.HELD,)),
        ("transact_time", NS // 10**6 * 10**6, "20240102-03:04:05.678", NOW),
        ("transact_time", NOW.astimezone(timezone(timedelta(hours=2))), "20240102-03:04:05.678", NOW),
        ("maturity_month_year", "202403", "202403", ff.MonthYear(2024, 3)),
        ("settl_date", date(2024, 3, 1), "20240301", date(2024, 3, 1)),
        ("solicited_flag", "N", "N", False),
        ("solicited_flag", fix44.SolicitedFlag.YES, "Y", True),
        ("price_type", 2, "2", fix44.PriceType.PER_UNIT),
        ("encoded_text", "a\x01b", "a\x01b", b"a\x01b"),
        ("text", fix44.Side.BUY, "1", "1"),
    ],
)
def test_values_are_taken_in_every_sensible_form(name: str, given: Any, wire: str, read: Any) -> None:
    made = order(**{name: given})
    assert getattr(made, name) == read
    assert type(getattr(made, name)) is type(read)
    m = ff.parse(made.encode(**HEAD))
    tag = fix44.NewOrderSingle.layout.attributes[name].tag
    assert m[tag] == wire
    assert getattr(fix44.NewOrderSingle.from_message(m), name) == read
    made = order()
    setattr(made, name, given)
    assert getattr(made, name) == read


@pytest.mark.parametrize(
    ("name", "given", "error", "text"),
    [
        ("price", 1.5, TypeError, "Price (44): a float is not exact"),
        ("price", "1e5", ValueError, "Price (44): digits with an optional minus"),
        ("price", True, TypeError, "Price (44): Decimal, int, Scaled or str expected, not a bool"),
        ("price", b"1", TypeError, "Price (44): Decimal, int, Scaled or str expected, not a bytes"),
        ("cl_ord_id", 7, TypeError, "ClOrdID (11): str expected, not an int"),
        ("side", "x", ValueError, "Side (54): no such code: there are 1 (BUY), 2 (SELL)"),
        ("side", fix44.OrdType.LIMIT, TypeError, "Side (54): a Side, or its value, expected, not a OrdType"),
        ("side", fix42.Side.BUY, TypeError, "Side (54): a Side"),
        ("side", 1, TypeError, "Side (54): a Side, or its value, expected, not an int"),
        ("side", "", ValueError, "Side (54): no such code"),
        ("price_type", True, TypeError, "PriceType (423)"),
        ("price_type", 99, ValueError, "PriceType (423): no such code"),
        ("exec_inst", ["1", "?"], ValueError, "ExecInst (18): no such code"),
        ("exec_inst", [], ValueError, "ExecInst (18): words separated"),
        ("exec_inst", 5, TypeError, "ExecInst (18): a list of ExecInst expected"),
        ("transact_time", datetime(2024, 1, 1), ValueError, "TransactTime (60): a datetime without time zone"),
        ("transact_time", "20240101-00:00:00", TypeError, "TransactTime (60): a datetime, or ns"),
        ("settl_date", NOW, TypeError, "SettlDate (64): a date expected, not a datetime"),
        ("maturity_month_year", "202413", ValueError, "MaturityMonthYear (200): YYYYMM"),
        ("solicited_flag", 1, TypeError, "SolicitedFlag (377): bool expected, not an int"),
        ("solicited_flag", "yes", ValueError, "SolicitedFlag (377): Y or N"),
        ("encoded_text", "", ValueError, "EncodedText (355): the value is empty"),
        ("encoded_text", [1], TypeError, "EncodedText (355): bytes or str"),
        ("no_party_ids", "x", TypeError, "NoPartyIDs (453): a list of Parties.NoPartyIDs expected"),
        ("no_party_ids", [{"party_id": "A"}], TypeError, "NoPartyIDs (453): entry 1: Parties.NoPartyIDs expected"),
        ("no_party_ids", 5, TypeError, "NoPartyIDs (453): a list of"),
        ("handl_inst", 1.5, TypeError, "HandlInst (21): a HandlInst, or its value, expected, not a float"),
        ("maturity_month_year", 202403, TypeError, "MaturityMonthYear (200): a MonthYear or str expected, not an int"),
        ("account_type", None.__class__, TypeError, "AccountType (581)"),
        ("encoded_text", fix44.Side.BUY, TypeError, "EncodedText (355): bytes or str"),
    ],
)
def test_wrong_values_are_refused_by_the_name_of_the_field(
    name: str, given: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(ff.EncodeError) as caught:
        order(**{name: given})
    assert isinstance(caught.value, error)
    assert isinstance(caught.value, TypeError) == (error is TypeError)
    assert text in str(caught.value)
    made = order()
    with pytest.raises(ff.EncodeError):
        setattr(made, name, given)
    assert made == order()


def test_values_are_never_in_an_error() -> None:
    with pytest.raises(ff.EncodeError) as caught:
        fix44.Logon(encrypt_method="hunter2", heart_bt_int=1)  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_required_fields_are_required_and_all_named() -> None:
    with pytest.raises(
        TypeError, match=r"^NewOrderSingle needs cl_ord_id \(11\), transact_time \(60\), ord_type \(40\)$"
    ):
        fix44.NewOrderSingle(symbol="X", side="1")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^NewOrderSingle needs cl_ord_id \(11\)$"):
        order(cl_ord_id=None)


def test_an_entry_needs_the_field_that_opens_it() -> None:
    with pytest.raises(TypeError, match=r"^Parties.NoPartyIDs needs party_id \(448\)$"):
        fix44.Parties.NoPartyIDs(party_role=1)  # type: ignore[call-arg]
    # the first field of a component that is not required itself
    with pytest.raises(TypeError, match=r"^InstrmtLegGrp.NoLegs needs leg_symbol \(600\)$"):
        fix44.InstrmtLegGrp.NoLegs(leg_currency="EUR")  # type: ignore[call-arg]


def test_unknown_keywords_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"^NewOrderSingle has no field 'cl_ordid'; did you mean cl_ord_id\?$"):
        order(cl_ordid="x")
    with pytest.raises(TypeError, match=r"^NewOrderSingle has no field 'zzzzzzzz'$"):
        order(zzzzzzzz="x")


def test_none_is_a_field_that_is_not_there() -> None:
    made = order(price=None, account=None)
    assert made.price is None
    assert made.account is None
    assert 44 not in tags(made)


def test_components_are_bases_and_no_objects() -> None:
    assert isinstance(order(), fix44.Instrument)
    assert issubclass(fix44.NewOrderSingle, fix44.Parties)
    assert "symbol" not in vars(fix44.NewOrderSingle)
    with pytest.raises(TypeError, match=r"^Instrument is a component: its fields are keywords of the messages"):
        fix44.Instrument(symbol="x")  # type: ignore[arg-type]


# --- the fields of an object -----------------------------------------------------------------------------------


def test_attributes_can_be_set_and_deleted() -> None:
    made = order()
    made.price = Decimal("2.5")
    made.side = fix44.Side.SELL
    assert (made.price, made.side) == (Decimal("2.5"), fix44.Side.SELL)
    del made.price
    assert 44 not in tags(made)
    made.account = "ACC"
    made.account = None
    assert 1 not in tags(made)
    with pytest.raises(TypeError, match=r"^Side \(54\) is required in NewOrderSingle$"):
        made.side = None  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="prise"):
        made.prise = 1  # type: ignore[attr-defined]


def test_fields_are_written_in_the_order_of_the_dictionary_however_they_came() -> None:
    made = order(account="ACC", time_in_force="0")
    made.currency = "EUR"
    assert tags(made) == [11, 1, 55, 54, 60, 40, 44, 15, 59]


def test_an_optional_group_that_is_empty_is_left_out() -> None:
    assert 453 not in tags(order(no_party_ids=[]))
    made = order(no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A")])
    assert made.no_party_ids[0].party_id == "A"
    made.no_party_ids = ()
    assert 453 not in tags(made)
    assert made.no_party_ids == ()


def test_a_required_group_that_is_empty_has_a_count_of_zero() -> None:
    """V20."""
    made = fix44.MarketDataSnapshotFullRefresh(symbol="X", no_md_entries=[])
    assert made.body() == [(55, "X"), (268, "0")]
    m = ff.parse(made.encode(**HEAD))
    assert m.validate() is None
    assert fix44.MarketDataSnapshotFullRefresh.from_message(m) == made


def test_the_length_of_data_is_computed() -> None:
    made = order(encoded_text=b"a\x01b")
    assert made.encoded_text_len == 3
    assert made.body()[-2:] == [(354, 3), (355, b"a\x01b")]
    made.encoded_text = b"abcd"
    assert made.encoded_text_len == 4
    made.encoded_text = None
    assert made.encoded_text_len is None
    assert 354 not in tags(made)


def test_ns_are_kept() -> None:
    made = order(transact_time=NS)
    assert made.value_ns("transact_time") == NS
    raw = made.encode(**HEAD, timestamp_digits=9)
    read = fix44.NewOrderSingle.from_message(ff.parse(raw))
    assert read.value_ns("transact_time") == NS
    assert read == made
    assert read != order(transact_time=NS + 1)
    assert order().value_ns("transact_time") == NS // 1_000_000 * 1_000_000
    assert order(settl_date=date(1970, 1, 2)).value_ns("settl_date") == 86_400 * 10**9
    with pytest.raises(AttributeError, match="NewOrderSingle has no settl_date"):
        order().value_ns("settl_date")
    with pytest.raises(TypeError, match=r"Price \(44\): it holds no time"):
        order().value_ns("price")
    with pytest.raises(TypeError, match=r"NoPartyIDs \(453\): it holds no time"):
        order(no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A")]).value_ns("no_party_ids")


def test_times_with_a_zone_keep_it_and_as_many_decimals_as_they_have() -> None:
    zone = timezone(timedelta(hours=-5))
    for given, wire in [
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=zone), "20240102-03:04:05-05"),
        (datetime(2024, 1, 2, 3, 4, 5, 120000, tzinfo=zone), "20240102-03:04:05.120-05"),
        (datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=zone), "20240102-03:04:05.123456-05"),
        (datetime(2024, 1, 2, 3, 4, 5), "20240102-03:04:05"),  # local, says the standard
    ]:
        made = fix50sp2.TradeCaptureReport.layout.attributes["tz_transact_time"]
        kept: dict[str, Any] = {}
        made.put(kept, given, frozenset())
        assert kept["tz_transact_time"] == wire


# --- extra -----------------------------------------------------------------------------------------------------


def test_extra_fields_stand_where_they_are_not_taken_for_part_of_a_group() -> None:
    entry = fix44.Parties.NoPartyIDs(
        party_id="A",
        extra=[(9002, "in")],
        no_party_sub_ids=[fix44.Parties.NoPartyIDs.NoPartySubIDs(party_sub_id="S")],
    )
    made = order(no_party_ids=[entry], extra=[(9001, "out")])
    m = ff.parse(made.encode(**HEAD))
    read = fix44.NewOrderSingle.from_message(m)
    assert read == made
    assert read.extra == [(9001, "out")]
    assert read.no_party_ids[0].extra == [(9002, "in")]
    assert "extra=[(9001, 'out')]" in repr(read)


def test_an_entry_that_begins_with_a_group_has_no_place_for_extra_fields() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    _, get, _ = typed_module(
        module,
        "FIX.4.4",
        "Outer=1 Inner=2 Leaf=3",
        "News=B",
        "",
        "News|B|1( 2( 3 ) )\nStandardHeader||\nStandardTrailer||",
    )
    news = get("News")
    inner = news.Outer.Inner(leaf="x")
    entry = news.Outer(inner=[inner])
    assert news(outer=[entry]).body() == [(1, [[(2, [[(3, "x")]])]])]
    entry.extra.append((9, "y"))
    with pytest.raises(ff.EncodeError, match="tag 9: would be read as part of a group"):
        news(outer=[entry]).body()


def test_fields_of_the_header_go_into_the_header() -> None:
    made = order(extra=[(50, "desk"), (9001, "x"), (97, "Y")])
    raw = made.encode(**HEAD, on_behalf_of_comp_id="C", signature=b"sig")
    assert pipes(raw).startswith(
        "8=FIX.4.4|9=142|35=D|49=A|56=B|115=C|34=7|50=desk|97=Y|52=20240102-03:04:05.678|11=x|"
    )
    assert pipes(raw).split("|")[-5:-1] == ["9001=x", "93=3", "89=sig", pipes(raw).split("|")[-2]]
    assert ff.parse(raw).validate(ff.Validation(user_defined_tags=False)) is None
    hop = fix44.StandardHeader.NoHops(hop_comp_id="H")
    assert "|52=20240102-03:04:05.678|627=1|628=H|11=x|" in pipes(order().encode(**HEAD, no_hops=[hop]))
    with pytest.raises(TypeError, match="no header a field of that name"):
        order().encode(**HEAD, price=1)  # type: ignore[call-arg]
    assert "|50=a|" in pipes(order(extra=[(50, "b")]).encode(**HEAD, sender_sub_id="a"))  # the keyword counts


def test_errors_of_the_encoder_have_the_name_of_the_field() -> None:
    with pytest.raises(ff.EncodeError, match=r"tag 58: Text \(58\): the value is empty"):
        order(text="").encode(**HEAD)
    with pytest.raises(ff.EncodeTypeError, match=r"tag 34: MsgSeqNum \(34\): "):
        order().encode(**(HEAD | {"msg_seq_num": 1.5}))
    with pytest.raises(ff.EncodeError, match=r"^tag 9001: the value is empty"):
        order(extra=[(9001, "")]).encode(**HEAD)
