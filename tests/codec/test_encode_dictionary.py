"""encode(dictionary=) and Template(dictionary=): names, types, the order in groups, data fields of one's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fixfast import fix44
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import MonthYear, Scaled, Slot, Tenor
from tests.codec.generate import Generator
from tests.codec.support import Codec, message

PLUS_530 = timezone(timedelta(hours=5, minutes=30))

#: a broker's: a data pair of its own at the top and in a group, and groups in groups whose delimiters are odd
BROKER = """<fix type="FIX" major="4" minor="4">
 <header><field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/></header>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <messages><message name="Custom" msgtype="UX" msgcat="app">
  <field name="BlobLen" required="N"/><field name="Blob" required="N"/><field name="After" required="N"/>
  <group name="NoLegs" required="N">
   <field name="LegID" required="Y"/><field name="NoteLen" required="N"/><field name="Note" required="N"/>
   <group name="NoParts" required="N"><field name="PartID" required="Y"/></group>
   <field name="LegPx" required="N"/></group>
  <group name="NoNests" required="N">
   <group name="NoParts" required="N"><field name="PartID" required="Y"/></group>
   <field name="NestID" required="N"/></group>
  <group name="NoBlobs" required="N"><field name="BlobALen" required="N"/><field name="BlobA" required="N"/></group>
 </message></messages>
 <components/>
 <fields>
  <field number="8" name="BeginString" type="STRING"/><field number="9" name="BodyLength" type="LENGTH"/>
  <field number="35" name="MsgType" type="STRING"/><field number="10" name="CheckSum" type="STRING"/>
  <field number="6000" name="BlobLen" type="LENGTH"/><field number="6001" name="Blob" type="DATA"/>
  <field number="6002" name="After" type="STRING"/><field number="6100" name="NoLegs" type="NUMINGROUP"/>
  <field number="6101" name="LegID" type="STRING"/><field number="6102" name="NoteLen" type="LENGTH"/>
  <field number="6103" name="Note" type="DATA"/><field number="6104" name="NoParts" type="NUMINGROUP"/>
  <field number="6105" name="PartID" type="INT"/><field number="6106" name="LegPx" type="PRICE"/>
  <field number="6200" name="NoNests" type="NUMINGROUP"/><field number="6201" name="NestID" type="STRING"/>
  <field number="6300" name="NoBlobs" type="NUMINGROUP"/><field number="6301" name="BlobALen" type="LENGTH"/>
  <field number="6302" name="BlobA" type="DATA"/>
 </fields>
</fix>"""


@pytest.fixture(scope="module")
def d() -> Dictionary:
    return load_dictionary("FIX.4.4")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Dictionary:
    path: Path = tmp_path_factory.mktemp("broker") / "broker.xml"
    path.write_text(BROKER, encoding="utf-8")
    return load_dictionary(path)


def refusal(codec: Codec, fields: Any, dictionary: Dictionary, msg_type: str = "D") -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        codec.encode("FIX.4.4", msg_type, fields, dictionary=dictionary)
    error: EncodeError = caught.value
    for make in (codec.Template, codec.encode_session):
        arguments: tuple[Any, ...] = ([],) if make is codec.encode_session else ()
        with pytest.raises(EncodeError) as again:
            make("FIX.4.4", msg_type, *arguments, fields, dictionary=dictionary)
        assert (again.value.tag, again.value.detail) == (error.tag, error.detail)
    return error


# --- names and types -----------------------------------------------------------------------------------------


def test_names_are_taken_for_tags(codec: Codec, d: Dictionary) -> None:
    raw = codec.encode("FIX.4.4", "D", [("ClOrdID", "x"), (55, "EUR/USD"), ("Side", "1")], dictionary=d)
    assert raw == message("35=D|11=x|55=EUR/USD|54=1|")


# fmt: off
TYPED: list[tuple[str, int | str, Any, str]] = [
    ("FIX.4.4", "Price", Decimal("1.50"), "44=1.50"), ("FIX.4.4", "Price", Scaled(108455, -5), "44=1.08455"),
    ("FIX.4.4", "Price", 5, "44=5"), ("FIX.4.4", "OrderQty", Decimal("1E+3"), "38=1000"), ("FIX.4.4", "Price",
    "n/a", "44=n/a"),
    ("FIX.4.4", "Side", fix44.Side.SELL, "54=2"), ("FIX.4.4", "Side", 2, "54=2"), ("FIX.4.4",
    "PossDupFlag", True, "43=Y"),
    ("FIX.4.4", "TransactTime", datetime(2024, 1, 2, 3, tzinfo=PLUS_530), "60=20240101-21:30:00.000"),
    ("FIX.4.4", "TransactTime", 1_704_164_645_678_901_234, "60=20240102-03:04:05.678"),
    ("FIX.4.4", "TradeDate", date(2024, 1, 2), "75=20240102"), ("FIX.4.4", "TradeDate", 20240102, "75=20240102"),
    ("FIX.4.4", "MDEntryTime", time(1, 2, 3, 4000, UTC), "273=01:02:03.004"),
    ("FIX.4.4", "MaturityMonthYear", MonthYear(2024, 1, 0, 2), "200=202401w2"), ("FIX.4.4",
    "MaturityMonthYear", date(2024, 1, 2), "200=20240102"),
    ("FIX.4.4", "ExecInst", (fix44.ExecInst.WORK, "G"), "18=2 G"), ("FIX.4.4", "ExecInst", ["1"], "18=1"),
    ("FIX.4.4", "Text", "\udcff", "58=\udcff"), ("FIX.4.4", 9001, 5, "9001=5"),
    ("FIX.4.4", 9001, date(2024, 1, 2), "9001=20240102"),
    ("FIX.4.4", 9001, Tenor("M", 3), "9001=M3"), ("FIX.4.2", "MaturityDay", 7, "205=7"),
    ("FIX.5.0SP2", "TZTransactTime", datetime(2024, 1, 2, 3, 4, 5, 6000, PLUS_530), "1132=20240102-03:04:05.006+05:30"),
    ("FIX.5.0SP2", "TZTransactTime", datetime(2024, 1, 2, 3, 4, 5), "1132=20240102-03:04:05.000"),
    ("FIX.5.0SP2", "TZTransactTime", 1_704_164_645_678_901_234, "1132=20240102-03:04:05.678Z"),
    ("FIX.5.0SP2", "MaturityTime", time(7, 39, tzinfo=PLUS_530), "1079=07:39:00+05:30"),
    ("FIX.5.0SP2", "TradSesOpenTime", datetime(2024, 1, 2, tzinfo=UTC), "342=20240102-00:00:00.000"),
    ("FIX.4.4", "RawData", b"a\x01b", "95=3|96=a|b"), ("FIX.4.4", "RawData", "a", "95=1|96=a"),
]
# fmt: on


@pytest.mark.parametrize(("version", "key", "value", "text"), TYPED)
def test_values_are_written_by_type(codec: Codec, version: str, key: int | str, value: Any, text: str) -> None:
    begin_string = "FIXT.1.1" if version.startswith("FIX.5") else version
    body = b"35=D|58=x|".replace(b"|", b"\x01") + text.replace("|", "\x01").encode("utf-8", "surrogateescape") + b"\x01"
    raw = codec.encode(version, "D", [(58, "x"), (key, value)], dictionary=load_dictionary(version))
    assert raw == message(body, begin_string)


def test_timestamps_have_the_digits_asked_for(codec: Codec, d: Dictionary) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)
    for digits, text in ((0, ""), (3, ".678"), (6, ".678901"), (9, ".678901000")):
        raw = codec.encode("FIX.4.4", "D", [("TransactTime", moment)], dictionary=d, timestamp_digits=digits)
        assert raw == message(f"35=D|60=20240102-03:04:05{text}|")


# --- groups --------------------------------------------------------------------------------------------------


def test_members_of_groups_are_put_in_order_at_every_depth(codec: Codec, d: Dictionary) -> None:
    """F14-F16 of the house: delimiter first, counts computed, data behind their lengths."""
    fields = [
        ("ClOrdID", "x"),
        (
            "NoPartyIDs",
            [
                [
                    ("PartyRole", 1),
                    ("NoPartySubIDs", [[("PartySubIDType", 1), (523, "s")]]),
                    (447, "D"),
                    ("PartyID", "A"),
                ],
                {"PartyIDSource": "D", 448: "B", "NoPartySubIDs": []},
            ],
        ),
        ("Symbol", "EUR/USD"),
        ("Account", "a"),
    ]
    expected = "35=D|11=x|453=2|448=A|447=D|452=1|802=1|523=s|803=1|448=B|447=D|55=EUR/USD|1=a|"
    assert codec.encode("FIX.4.4", "D", fields, dictionary=d) == message(expected)
    assert codec.Template("FIX.4.4", "D", fields, dictionary=d).encode() == message(expected)


def test_what_a_group_does_not_have_is_read_back_in_its_entry(codec: Codec, d: Dictionary) -> None:
    sub = [[(523, "s"), (9002, "in sub")]]
    entries = [[(9001, "x"), (802, sub), (448, "A"), (9003, "y")], [(448, "B"), (9001, "z")]]
    m = codec.parse(codec.encode("FIX.4.4", "D", [(453, entries), (55, "s")], dictionary=d))
    first, second = m.group(453)
    assert [tag for tag, _ in first] == [448, 9001, 9003, 802, 523, 9002]
    assert 9001 not in first.group(802)[0]
    assert first.group(802)[0][9002] == "in sub"
    assert second[9001] == "z"


def test_a_group_that_the_dictionary_does_not_have_is_written_as_given(codec: Codec, d: Dictionary) -> None:
    raw = codec.encode(
        "FIX.4.4", "D", [(9100, [[(9102, "b"), ("ClOrdID", "x")], [(9102, 1)]]), (58, "t")], dictionary=d
    )
    assert raw == message("35=D|9100=2|9102=b|11=x|9102=1|58=t|")


def test_the_flat_form_is_written_as_given_and_counted(codec: Codec, d: Dictionary) -> None:
    flat = [("NoPartyIDs", 2), ("PartyID", "A"), (447, "D"), (448, "B")]
    assert codec.encode("FIX.4.4", "D", flat, dictionary=d) == message("35=D|453=2|448=A|447=D|448=B|")
    with pytest.raises(EncodeError) as caught:
        codec.encode("FIX.4.4", "D", flat[:-1], dictionary=d)
    assert caught.value.tag == 453


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIX.5.0", "FIX.5.0SP2"])
def test_shuffled_entries_come_back_in_order(codec: Codec, version: str) -> None:
    """Whatever the order in which members of entries are given, the message is the same one."""
    d = load_dictionary(version)
    random = Random(version)
    generator = Generator(d, random, share=0.25, most=60)
    kinds = [t for t, message_ in d.messages.items() if not message_.session]
    groups = 0
    for msg_type in random.sample(kinds, min(12, len(kinds))):
        m = codec.parse(generator.message(msg_type), dictionary=d)
        fields = m.body(nested=True)
        groups += sum(isinstance(value, list) for _, value in fields)
        plain = codec.encode(version, msg_type, fields)
        assert codec.encode(version, msg_type, shuffled(fields, random), dictionary=d) == plain
    assert groups > 5


def shuffled(fields: list[Any], random: Random) -> list[Any]:
    def entry(members: list[Any]) -> list[Any]:
        found = shuffled(members, random)
        random.shuffle(found)
        return found

    return [(tag, [entry(e) for e in value] if isinstance(value, list) else value) for tag, value in fields]


# --- data fields of one's own --------------------------------------------------------------------------------


def test_an_own_data_field_may_hold_any_byte(codec: Codec, broker: Dictionary) -> None:
    for given in (
        [("Blob", b"\x0110=\x01")], [("BlobLen", 5), (6001, b"\x0110=\x01")], [(6000, "5"), (6001, "\x0110=\x01")],
    ):  # fmt: skip
        raw = codec.encode("FIX.4.4", "UX", [*given, ("After", "z")], dictionary=broker)
        assert raw == message(b"35=UX\x016000=5\x016001=\x0110=\x01\x016002=z\x01")
        assert codec.parse(raw, dictionary=broker).bytes(6001) == b"\x0110=\x01"
    session = codec.encode_session("FIX.4.4", "UX", [(49, "A")], [("Blob", b"\x01")], dictionary=broker)
    assert session == message(b"35=UX\x0149=A\x016000=1\x016001=\x01\x01")


def test_an_own_data_field_in_a_group_has_its_length(codec: Codec, broker: Dictionary) -> None:
    entries = [[("Note", b"\x01"), ("LegPx", Decimal("1.5")), ("NoParts", [{"PartID": 7}]), ("LegID", "a")],
               [("NoteLen", 2), ("LegID", "b"), ("Note", "no")]]  # fmt: skip
    raw = codec.encode("FIX.4.4", "UX", [("NoLegs", entries)], dictionary=broker)
    assert raw == message(
        b"35=UX|6100=2|6101=a|6102=1|6103=\x00|6104=1|6105=7|6106=1.5|6101=b|6102=2|6103=no|"
        .replace(b"|", b"\x01").replace(b"\x00", b"\x01")
    )  # fmt: skip
    m = codec.parse(raw, dictionary=broker)
    assert [len(leg.group(6104)) for leg in m.group(6100)] == [1, 0]


def test_a_length_may_be_the_delimiter(codec: Codec, broker: Dictionary) -> None:
    entries = [[("BlobA", b"\x01\x01")], [("BlobA", "x"), ("BlobALen", 1)]]
    raw = codec.encode("FIX.4.4", "UX", [("NoBlobs", entries)], dictionary=broker)
    assert raw == message(b"35=UX\x016300=2\x016301=2\x016302=\x01\x01\x016301=1\x016302=x\x01")


def test_a_stranger_behind_a_delimiter_that_is_a_group_is_kept_apart(codec: Codec, broker: Dictionary) -> None:
    parts = [{"PartID": 1}]
    raw = codec.encode(
        "FIX.4.4", "UX", [("NoNests", [{9001: "x", "NestID": "n", "NoParts": parts}])], dictionary=broker
    )
    assert raw == message("35=UX|6200=1|6104=1|6105=1|6201=n|9001=x|")
    error = refusal(codec, [("NoNests", [{9001: "x", "NoParts": parts}])], broker, "UX")
    assert error.tag == 9001
    assert error.detail.startswith("NoNests (6200) entry 1: ")


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ([(6000, 4), (6001, b"abc")], 6000), ([(6000, "-3"), (6001, b"abc")], 6000), ([(6001, b"")], 6001),
        ([(6001, 5)], 6001), ([("NoLegs", [[("LegID", "a"), ("NoteLen", 2), ("Note", b"x")]])], 6102),
        ([("NoLegs", [[("LegID", "a\x01")]])], 6101),
    ],
)  # fmt: skip
def test_a_wrong_length_is_refused(codec: Codec, broker: Dictionary, given: Any, tag: int) -> None:
    assert refusal(codec, given, broker, "UX").tag == tag


# --- templates -----------------------------------------------------------------------------------------------


def test_a_template_fills_slots_by_name(codec: Codec, d: Dictionary) -> None:
    template = codec.Template(
        "FIX.4.4", "D",
        [Slot("ClOrdID"), ("NoPartyIDs", [{"PartyRole": 1, "PartyID": "A"}]), Slot(44, "scaled:5"),
         ("TradeDate", date(2024, 1, 2))],
        dictionary=d,
    )  # fmt: skip
    assert [slot.tag for slot in template.slots] == [11, 44]
    assert template.encode("x", 108455) == message("35=D|11=x|453=1|448=A|452=1|44=1.08455|75=20240102|")
    assert template.encode("y", None) == message("35=D|11=y|453=1|448=A|452=1|75=20240102|")


@pytest.mark.parametrize("value", [b"\x0110=\x01", "\x01", "plain", b"x" * 5000])
def test_a_slot_of_an_own_data_field_takes_any_byte(codec: Codec, broker: Dictionary, value: Any) -> None:
    for fields in ([Slot("Blob")], [Slot(6000, "int"), Slot("Blob")]):
        template = codec.Template("FIX.4.4", "UX", [*fields, Slot("After"), ("LegID", "a")], dictionary=broker)
        data = value if isinstance(value, bytes) else value.encode()
        lengths = [None] * (len(fields) - 1)
        expected = message(b"35=UX\x016000=%d\x016001=%b\x016002=z\x016101=a\x01" % (len(data), data))
        assert template.encode(*lengths, value, "z") == expected
        if len(fields) == 2:
            assert template.encode(len(data), value, "z") == expected
            with pytest.raises(EncodeError) as caught:
                template.encode(len(data) + 1, value, "z")
            assert caught.value.tag == 6000
        for wrong in ("", "\ud800", 5):
            with pytest.raises(EncodeError) as caught:
                template.encode(*lengths, wrong, "z")
            assert caught.value.tag == 6001
    fixed = codec.Template("FIX.4.4", "UX", [(6001, value), Slot("After")], dictionary=broker)
    assert fixed.encode("z") == message(b"35=UX\x016000=%d\x016001=%b\x016002=z\x01" % (len(data), data))


def test_a_slot_inside_a_group_is_refused(codec: Codec, d: Dictionary) -> None:
    with pytest.raises(EncodeTypeError) as caught:
        codec.Template("FIX.4.4", "D", [(453, [[Slot("PartyID")]])], dictionary=d)
    assert caught.value.tag == 448
    assert "NoPartyIDs (453) entry 1: a Slot has its place at the top" in caught.value.detail


# --- refusals ------------------------------------------------------------------------------------------------

GOOD: dict[Any, Any] = {"PartyID": "A"}
# fmt: off
REFUSED: list[tuple[str, Any, int, type[EncodeError], str]] = [
    ("unknown name", [("ClOrdId", "x")], 0, EncodeError, "FIX.4.4 has no field 'ClOrdId'"),
    ("key of another type", [(5.0, "x")], 0, EncodeTypeError, "a tag is an int or a name, not float"),
    ("bool as key", [(True, "x")], 0, EncodeTypeError, "bool"), ("tag 0", [(0, "x")], 0, EncodeError, "outside 1 to"),
    ("no pair", [5], 0, EncodeTypeError, "pair"), ("a Slot", [Slot(448),
    (453, [[Slot(448)]])], 448, EncodeTypeError, "Slot"),
    ("wrong type", [("Price", True)], 44, EncodeError, "Price (44): digits with an optional minus"),
    ("float", [("Price", 1.5)], 44, EncodeTypeError, "Price (44): float"),
    ("None", [("Price", None)], 44, EncodeTypeError, "leave"),
    ("empty", [("Text", "")], 58, EncodeError, "Text (58): the value is empty"),
    ("SOH", [("Text", "a\x01")], 58, EncodeError, "Text (58): the value holds SOH"),
    ("date", [("TransactTime", date(2024, 1, 2))], 60, EncodeError, "TransactTime (60): YYYYMMDD-HH:MM:SS"),
    ("naive", [("TransactTime", datetime(2024, 1, 2))], 60, EncodeError, "UTC"),
    ("unknown field", [(9001, 1.5)], 9001, EncodeTypeError, "tag 9001: float"),
    ("entry", [("NoPartyIDs", [GOOD, {"PartyID": ""}])], 448, EncodeError,
     "NoPartyIDs (453) entry 2: PartyID (448): the value is empty"),
    ("deep", [("NoPartyIDs", [GOOD, {**GOOD, "NoPartySubIDs": [{"PartySubID": "s"}, {523: 1.5}]}])], 523,
     EncodeTypeError, "NoPartyIDs (453) entry 2: NoPartySubIDs (802) entry 2: PartySubID (523): float"),
    ("no delimiter", [("NoPartyIDs", [GOOD, {"PartyRole": 1}])], 448, EncodeError,
     "entry 2: PartyID (448), which begins an entry, is missing"),
    ("twice", [("NoPartyIDs", [[(448, "A"), (448, "B")]])], 448, EncodeError, "entry 1: PartyID (448) occurs twice"),
    ("ends the group", [("NoPartyIDs", [{**GOOD, "Symbol": "x"}])], 55, EncodeError,
     "entry 1: Symbol (55) is no member of the group"),
    ("trailer in a group", [("NoPartyIDs", [{**GOOD, 93: 1}])], 93, EncodeError, "no member"),
    ("empty entry", [("NoPartyIDs", [{}])], 453, EncodeError, "entry 1: has no fields"),
    ("entry of empty groups", [("NoPartyIDs", [{"NoPartySubIDs": []}])], 453, EncodeError, "has no fields"),
    ("entry as text", [("NoPartyIDs", ["448=A"])], 453, EncodeTypeError,
     "entry 1: an entry is a list of fields, not str"),
    ("entry as number", [("NoPartyIDs", [5])], 453, EncodeTypeError, "not int"),
    ("owned in a group", [("NoPartyIDs", [{**GOOD, 10: "x"}])], 10, EncodeError, "entry 1: is written by the encoder"),
    ("unknown name in a group", [("NoPartyIDs", [{"PartyId": "x"}])], 0, EncodeError,
     "entry 1: FIX.4.4 has no field 'PartyId'"),
    ("bad word", [("ExecInst", ["1 2"])], 18, EncodeError, "ExecInst (18): an element"),
]
# fmt: on


@pytest.mark.parametrize("row", REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_names_field_and_entry(codec: Codec, d: Dictionary, row: Any) -> None:
    _, fields, tag, error, words = row
    if row[0] == "a Slot":
        with pytest.raises(EncodeTypeError) as caught:
            codec.encode("FIX.4.4", "D", fields, dictionary=d)
        assert caught.value.tag == tag
        return
    found = refusal(codec, fields, d)
    assert (found.tag, type(found)) == (tag, error)
    assert words in str(found)


def test_the_frame_stays_the_encoders(codec: Codec, d: Dictionary) -> None:
    for key in (8, "BodyLength", "MsgType", 10):
        with pytest.raises(EncodeError, match="written by"):
            codec.encode("FIX.4.4", "D", [(key, "x")], dictionary=d)
    with pytest.raises(EncodeError) as caught:
        codec.encode_session("FIX.4.4", "D", [], [("MsgSeqNum", 5)], dictionary=d)
    assert caught.value.tag == 34


def test_groups_that_hold_themselves_end_somewhere(codec: Codec, d: Dictionary) -> None:
    entry: list[Any] = [(9001, "x")]
    entry.append((9000, [entry]))
    with pytest.raises(EncodeError, match="deeper"):
        codec.encode("FIX.4.4", "D", [(9000, [entry])], dictionary=d)


@pytest.mark.parametrize("given", ["FIX.4.4", Path("broker.xml"), {}, 44])
def test_a_dictionary_is_a_dictionary(codec: Codec, given: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: codec.encode("FIX.4.4", "D", [], dictionary=given),
        lambda: codec.encode_session("FIX.4.4", "D", [], [], dictionary=given),
        lambda: codec.Template("FIX.4.4", "D", [], dictionary=given),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="load_dictionary"):
            call()


@pytest.mark.parametrize("tag", [554, 925, 1402, 1404, 96])
def test_c8_a_refusal_with_a_dictionary_holds_no_secret(codec: Codec, d: Dictionary, tag: int) -> None:
    secret = "hunter2"
    for value in (f"{secret}\ud800", {secret: 1}, [[(55, f"{secret}\x01")]], (f"{secret} ",), [(secret, 1)]):
        error = refusal(codec, [(tag, value)], d, "A")
        shown: BaseException | None = error
        while shown is not None:
            assert secret not in str(shown)
            shown = shown.__cause__ if shown.__suppress_context__ else shown.__context__
