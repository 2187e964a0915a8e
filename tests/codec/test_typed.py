"""Typed messages: what may be given, what is written, what is read back."""

from __future__ import annotations

import copy
import pickle
import threading
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast import fix42, fix44, fix50sp2, fixt11
from fixfast.codec.typed_build import typed_module

NOW = datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)
NS = 1_704_164_645_678_901_234
HEAD: dict[str, Any] = {"sender_comp_id": "A", "target_comp_id": "B", "msg_seq_num": 7, "sending_time": NOW}


def order(**more: Any) -> fix44.NewOrderSingle:
    fields: dict[str, Any] = {
        "cl_ord_id": "x",
        "symbol": "EUR/USD",
        "side": fix44.Side.BUY,
        "transact_time": NOW,
        "ord_type": fix44.OrdType.LIMIT,
        "price": Decimal("1.50"),
    }
    return fix44.NewOrderSingle(**(fields | more))


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


# --- from_message ----------------------------------------------------------------------------------------------


def message(body: str, msg_type: str = "D") -> ff.Message:
    text = f"35={msg_type}|49=A|56=B|34=1|52=20240102-03:04:05|{body}".replace("|", "\x01").encode(
        "utf-8", "surrogateescape"
    )
    raw = b"8=FIX.4.4\x019=%d\x01%s" % (len(text), text)
    return ff.parse(raw + b"10=%03d\x01" % (sum(raw) % 256))


BODY = "11=x|55=EUR/USD|54=1|60=20240102-03:04:05|40=2|"


def same(m: ff.Message) -> None:
    def sort(pairs: Any) -> Any:
        return sorted((tag, [sort(e) for e in v] if isinstance(v, list) else v) for tag, v in pairs)

    assert sort(fix44.NewOrderSingle.from_message(m).body()) == sort(m.body(nested=True))


@pytest.mark.parametrize(
    ("body", "name", "expected", "extra"),
    [
        ("44=01.500|", "price", Decimal("1.500"), []),
        ("44=abc|", "price", "abc", []),
        ("38=|", "order_qty", "", []),
        ("59=Q|", "time_in_force", "Q", []),
        (
            "60=20240102-03:04:05.123456789|",
            "transact_time",
            NOW.replace(microsecond=0),
            [(60, "20240102-03:04:05.123456789")],
        ),
        ("423=99|", "price_type", 99, []),
        ("18=G ?|", "exec_inst", (fix44.ExecInst.ALL_OR_NONE, "?"), []),
        ("18=G  1|", "exec_inst", "G  1", []),
        ("9001=a|9001=b|", "price", None, [(9001, "a"), (9001, "b")]),
        ("58=a|58=b|", "text", "a", [(58, "b")]),
        ("453=0|", "no_party_ids", (), []),
        ("453=2|15=EUR|", "no_party_ids", (), [(453, "2")]),
        ("453=x|", "no_party_ids", (), [(453, "x")]),
        ("50=desk|97=Y|", "price", None, [(50, "desk"), (97, "Y")]),
        ("354=3|355=a\x01b|", "encoded_text", b"a\x01b", []),
        ("58=\udcff|", "text", "\udcff", []),
        ("999=1|", "price", None, [(999, "1")]),
        ("453=1|448=A|9001=q|", "price", None, []),
    ],
)
def test_nothing_of_a_message_is_lost(body: str, name: str, expected: Any, extra: list[Any]) -> None:
    m = message(BODY + body)
    read = fix44.NewOrderSingle.from_message(m)
    assert getattr(read, name) == expected
    assert read.extra == extra
    same(m)


def test_required_fields_may_be_missing_in_what_was_received() -> None:
    read = fix44.NewOrderSingle.from_message(message("11=x|"))
    assert read.side is None
    assert read.body() == [(11, "x")]


def test_groups_are_read_at_any_depth_and_entries_keep_their_strangers() -> None:
    m = message(BODY + "453=2|448=A|9001=q|802=1|523=S|9002=r|448=B|447=D|58=t|")
    same(m)
    read = fix44.NewOrderSingle.from_message(m)
    first, second = read.no_party_ids
    assert (first.party_id, first.extra) == ("A", [(9001, "q")])
    assert first.no_party_sub_ids[0].extra == [(9002, "r")]
    assert (second.party_id_source, read.text) == (fix44.PartyIDSource.PROPRIETARY, "t")


def test_entries_are_read_by_themselves() -> None:
    m = message(BODY + "453=1|448=A|9001=q|802=2|523=S|803=1|523=T|")
    entry = fix44.Parties.NoPartyIDs.from_message(m.group(453)[0])
    assert entry == fix44.NewOrderSingle.from_message(m).no_party_ids[0]
    assert [sub.party_sub_id for sub in entry.no_party_sub_ids] == ["S", "T"]
    assert entry.body() == [(448, "A"), (9001, "q"), (802, [[(523, "S"), (803, "1")], [(523, "T")]])]


def test_groups_of_a_brokers_dictionary_are_kept() -> None:
    d = ff.load_dictionary("FIX.4.4").overlay(
        fields={"NoOwn": {"tag": 9100, "type": "NUMINGROUP"}, "Own": {"tag": 9101, "type": "STRING"}},
        messages={"NewOrderSingle": {"groups": [{"name": "NoOwn", "members": ["Own!"]}]}},
    )
    raw = message(BODY + "9100=2|9101=a|9101=b|").raw
    m = ff.parse(raw, dictionary=d)
    read = fix44.NewOrderSingle.from_message(m)
    assert read.extra == [(9100, [[(9101, "a")], [(9101, "b")]])]
    same(m)
    assert ff.parse(read.encode(**HEAD), dictionary=d).group(9100)[1][9101] == "b"


def test_another_message_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a message of type '8' is no NewOrderSingle \(D\)$"):
        fix44.NewOrderSingle.from_message(message("37=1|", "8"))


# --- as values -------------------------------------------------------------------------------------------------


def test_equality_is_of_meaning() -> None:
    assert order() == order(price="1.5", side="1", transact_time=NS // 1_000_000 * 1_000_000)
    assert order() != order(price="1.6")
    assert order() != order(account="x")
    assert order() != order(extra=[(9001, "x")])
    assert order() != "x"
    assert order() != fix50sp2.NewOrderSingle(
        cl_ord_id="x", symbol="EUR/USD", side="1", transact_time=NOW, ord_type="2", price="1.5"
    )
    with pytest.raises(TypeError, match="unhashable"):
        hash(order())


def test_repr_names_the_fields_and_masks_secrets() -> None:
    made = fix44.Logon(
        encrypt_method="0", heart_bt_int=30, raw_data=b"signature", password="hunter2", extra=[(925, "n")]
    )
    assert repr(made) == (
        "Logon(encrypt_method=<EncryptMethod.NONE: '0'>, heart_bt_int=30, raw_data_length=***, raw_data=***, "
        "password=***, extra=[(925, '***')])"
    )
    assert repr(fix44.Parties.NoPartyIDs(party_id="A")) == "Parties.NoPartyIDs(party_id='A')"
    assert repr(fix44.NewOrderSingle.price) == "<Price (44) decimal>"
    assert repr(fix44.NewOrderSingle.no_party_ids) == "<NoPartyIDs (453) group>"


def test_copies_and_pickles_are_equal_and_apart() -> None:
    made = order(no_party_ids=[fix44.Parties.NoPartyIDs(party_id="A")], extra=[(9001, "x")])
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        other.price = Decimal(9)
        other.extra.append((9002, "y"))
        assert made.price == Decimal("1.50")
        assert made.extra == [(9001, "x")]


def test_open_fields_take_other_values_and_names_with_punctuation_work() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    fields = "Kind=9000:c*~ Yield=236:n Body=9001 Word=9002:S*~ Reason=9003:i*~"
    enums = "Kind|A=a|B=b\nWord|X=xx|Y=yy\nReason|OTHER=99"
    _, get, _ = typed_module(module, "FIX.4.4", fields, "News=B", enums, "News|B|9000 236 9001 9002 9003")
    news = get("News")
    made = news(kind="z", yield_="1", body_="t", word=["xx", "zz"], reason=150)
    assert made.body() == [(9000, "z"), (236, "1"), (9001, "t"), (9002, "xx zz"), (9003, "150")]
    assert made.kind == "z"
    assert made.word == (get("Word").X, "zz")
    assert made.reason == 150
    made.reason = "99"
    assert made.reason is get("Reason").OTHER
    for name, value in [("reason", "x"), ("kind", "zz"), ("kind", ""), ("word", "a  b")]:
        with pytest.raises(ff.EncodeError, match=f"{name.title()} .900.*: .* expected"):
            setattr(made, name, value)


def test_threads_build_one_class() -> None:
    module: dict[str, Any] = {"__name__": "example"}
    _, get, _ = typed_module(module, "FIX.4.4", "A=1 B=2 C=3", "News=B", "", "News|B|Part! 2( 3 )\nPart||1")
    barrier = threading.Barrier(4)
    found: list[Any] = []

    def look() -> None:
        barrier.wait()
        found.append((get("News"), get("News").B, get("Part")))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


def test_what_a_class_remembers_of_orders_is_bounded() -> None:
    names = [name for name, item in fix44.News.layout.attributes.items() if type(item).__name__ == "FieldAttribute"]
    for i in range(len(names)):
        for j in range(i):
            made = fix44.News.__new__(fix44.News)
            made.kept, made.extra = {names[i]: "1", names[j]: "1"}, []
            assert len(made.body()) == 2
    assert len(fix44.News.layout._plans) <= 256
