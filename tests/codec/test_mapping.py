"""Messages as dicts and JSON, and back: to_dict, to_json, from_dict."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast import fix44
from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.codec.mapping import from_dict
from fixfast.codec.nesting import Nested, nested
from fixfast.codec.present import is_secret
from fixfast.dictionary.load import load_dictionary
from fixfast.errors import DictionaryError, EncodeError, EncodeTypeError
from tests.codec.generate import Generator
from tests.codec.samples import EXECUTION_REPORT, LOGON, SAMPLES
from tests.codec.support import Codec, message

VERSIONS = ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"]
FOLDER = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")


def again(m: Any, **options: Any) -> list[bytes]:
    """Return the message as it comes back from its dict, and from its JSON."""
    return [from_dict(d, **options).raw for d in (m.to_dict(), json.loads(m.to_json()))]


# --- to_dict -------------------------------------------------------------------------------------------------


def test_names_groups_and_unknown_tags_have_their_place(codec: Codec) -> None:
    m = codec.parse(EXECUTION_REPORT)
    d = m.to_dict()
    assert list(d)[:8] == [
        "BeginString", "BodyLength", "MsgType", "SenderCompID", "TargetCompID", "MsgSeqNum", "SendingTime", "OrderID",
    ]  # fmt: skip
    assert d["NoPartyIDs"] == [
        {
            "PartyID": "A", "PartyIDSource": "D", "PartyRole": "1",
            "NoPartySubIDs": [
                {"PartySubID": "s1", "PartySubIDType": "1"}, {"PartySubID": "s2", "PartySubIDType": "2"},
            ],
        },
        {"PartyID": "B", "PartyIDSource": "D", "PartyRole": "3"},
    ]  # fmt: skip
    assert d["LastPx"] == "1.08451"
    odd = codec.parse(message("35=D|453=1|448=A|9001=x|55=s|9002=|")).to_dict()
    assert odd["NoPartyIDs"] == [{"PartyID": "A", "9001": "x"}]
    assert (odd["Symbol"], odd["9002"]) == ("s", "")


def test_without_a_dictionary_every_name_is_a_tag(codec: Codec) -> None:
    m = codec.parse(message("35=D|11=x|453=1|448=A|", "FIX.9.9"))
    assert m.to_dict() == {
        "8": "FIX.9.9", "9": m[9], "35": "D", "11": "x", "453": "1", "448": "A", "10": m[10],
    }  # fmt: skip
    assert again(m) == [m.raw, m.raw]


@pytest.mark.parametrize(
    ("body", "key", "expected"),
    [
        ("58=a|58=b|58=|", "Text", ["a", "b", ""]),
        ("453=2|448=A|448=B|453=1|448=C|", "NoPartyIDs", [{"PartyID": "A"}, {"PartyID": "B"}, "1"]),
        ("453=0|453=1|448=C|", "NoPartyIDs", ["0", "1"]),
        ("453=1|447=D|448=A|", "NoPartyIDs", "1"),
        ("453=|58=x|", "NoPartyIDs", ""),
    ],
)
def test_nothing_is_lost_of_what_is_out_of_order(codec: Codec, body: str, key: str, expected: Any) -> None:
    m = codec.parse(message("35=D|" + body))
    assert m.to_dict()[key] == expected
    assert again(m) == [m.raw, m.raw]


def test_a_tag_of_a_level_around_it_ends_a_group(codec: Codec) -> None:
    """In Parties of NewOrderList the header's OnBehalfOfCompID ends a group of any depth, 11 its own entry's groups."""
    m = codec.parse(message("35=E|66=l|73=2|11=a|453=1|448=A|802=1|523=s|9001=x|67=1|11=b|115=o|9002=y|"))
    first, second = m.to_dict()["NoOrders"]
    assert first["NoPartyIDs"] == [{"PartyID": "A", "NoPartySubIDs": [{"PartySubID": "s", "9001": "x"}]}]
    assert (first["ListSeqNo"], second) == ("1", {"ClOrdID": "b"})
    assert m.to_dict()["9002"] == "y"


def test_dict_pretty_and_groups_see_the_same_entries(twins: tuple[Codec, Codec]) -> None:
    """Damaged messages included: what nesting.py finds in the flat fields is what the walk of groups.pyx finds."""
    random = Random(5)
    d = load_dictionary("FIX.4.4")
    generator = Generator(d, random, share=0.3, most=40)
    data = {*DATA_PAIRS, *DATA_PAIRS.values()}
    compared = 0
    for msg_type in random.sample([*d.messages], 40):
        fields = [one for one in generator.fields(msg_type) if one[0] not in data]
        for _ in range(4):
            body = b"35=%b\x01" % msg_type.encode() + b"".join(b"%d=%b\x01" % one for one in fields)
            reference, compiled = (codec.parse(message(body)) for codec in twins)
            assert reference.to_dict() == compiled.to_dict()
            assert reference.pretty() == compiled.pretty()
            counts = [tag for tag, _ in fields if d.fields[tag].type == "NUMINGROUP"]
            if len({*counts}) == len(counts):  # one that occurs again in a level is plain here, and nested there
                found = as_body(nested(compiled, d))
                assert found == compiled.body(nested=True)
                compared += any(isinstance(value, list) for _, value in found)
            random.shuffle(fields)
    assert compared > 20


def as_body(run: list[Nested]) -> list[tuple[int, Any]]:
    left_out = {8, 9, 10, 34, 35, 43, 49, 52, 56, 122}
    return [
        (tag, text if entries is None else [as_body(entry) for entry in entries])
        for tag, text, entries in run
        if tag not in left_out
    ]


# --- there and back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_come_back_byte_for_byte(codec: Codec, name: str) -> None:
    m = codec.parse(SAMPLES[name])
    assert again(m) == [m.raw, m.raw]


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_of_every_version_come_back_byte_for_byte(codec: Codec, version: str) -> None:
    d = load_dictionary(version)
    generator = Generator(d, Random(version), share=0.2, most=60)
    kinds = [*d.messages]
    for msg_type in kinds if codec.name == "compiled" else kinds[::7]:
        m = codec.parse(generator.message(msg_type), dictionary=d)
        assert again(m, dictionary=d) == [m.raw, m.raw]


@pytest.mark.parametrize("name", ["fix50-marketdata.fix", "fix50-orders.fix"])
def test_real_logs_come_back_byte_for_byte(name: str) -> None:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no {name}; FIXFAST_CORPORA names the folder")
    decoder = ff.StreamDecoder()
    decoder.feed(path.read_bytes()[:300_000])
    seen = 0
    for m in decoder:
        assert isinstance(m, ff.Message)
        assert from_dict(json.loads(m.to_json())).raw == m.raw
        seen += 1
    assert seen > 50


@given(st.binary(max_size=40), st.binary(max_size=20).map(lambda raw: raw.replace(b"\x01", b"")))
def test_any_bytes_survive_json(data: bytes, text: bytes) -> None:
    """Bytes that are no UTF-8 are lone surrogates in JSON, in data fields and in text."""
    m = ff.parse(message(b"35=B\x0195=%d\x0196=%b\x0158=%b\x01" % (len(data), data, text)))
    line = m.to_json()
    assert line.isascii()
    assert "\n" not in line
    found = ff.from_dict(json.loads(line))
    assert found.raw == m.raw
    assert (found.bytes(96), found.bytes(58)) == (data, text)


# --- from_dict -----------------------------------------------------------------------------------------------


def test_a_message_made_by_hand_has_types_lengths_and_counts() -> None:
    m = from_dict(
        {
            "BeginString": "FIX.4.4", "MsgType": fix44.MsgType.NewOrderSingle, 49: "A", "56": "B", "MsgSeqNum": 7,
            "SendingTime": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "Price": Decimal("1.50"), "Side": fix44.Side.SELL,
            "ExecInst": ("1", "G"), "TradeDate": date(2024, 1, 2), "SolicitedFlag": True, "9001": 5,
            "NoPartyIDs": [{"PartyRole": 1, "PartyID": "A", "NoPartySubIDs": [{"PartySubID": "s"}]}, {"PartyID": "B"}],
            "EncodedText": b"a\x01\xff", "RawData": b"x", "Text": ["a", "b"], "NoAllocs": [],
        }
    )  # fmt: skip
    assert m.raw == message(
        b"35=D|49=A|56=B|34=7|52=20240102-03:04:05.000|44=1.50|54=2|18=1 G|75=20240102|377=Y|9001=5|453=2|452=1|448=A|"
        b"802=1|523=s|448=B|354=3|355=a\x00\xff|95=1|96=x|58=a|58=b|".replace(b"|", b"\x01").replace(b"\x00", b"\x01")
    )  # fmt: skip


def test_the_version_chooses_the_dictionary() -> None:
    for begin_string, wire, extra in (
        ("FIX.4.2", "FIX.4.2", {}), ("FIXT.1.1", "FIXT.1.1", {}), ("FIX.5.0SP2", "FIXT.1.1", {}),
        ("FIXT.1.1", "FIXT.1.1", {"ApplVerID": "6"}), ("FIXT.1.1", "FIXT.1.1", {1128: "9"}),
    ):  # fmt: skip
        m = from_dict({"BeginString": begin_string, "MsgType": "D", **extra, "ClOrdID": "x"})
        assert (m.begin_string, m[11]) == (wire, "x")
    own_set = ff.DictionarySet(default="6")
    over_fixt = from_dict({"BeginString": "FIXT.1.1", "MsgType": "D", "ClOrdID": "x"}, own_set)
    assert over_fixt.dictionary.version.startswith("FIX.4.4")
    own = load_dictionary("FIX.4.2")
    assert from_dict({"BeginString": "FIX.4.2", "MsgType": "D", "ClOrdID": "x"}, own).dictionary is own
    assert from_dict({8: "FIX.9.9", 35: "D", "11": "x"}).raw == message("35=D|11=x|", "FIX.9.9")
    assert from_dict({"BeginString": "FIX.9.9", "MsgType": "D"}).raw == message("35=D|", "FIX.9.9")


def test_a_bare_data_field_stays_bare_as_venues_send_it() -> None:
    m = ff.parse(message("35=A|96=abc|"))
    assert m.to_dict()["RawData"] == "abc"
    assert again(m) == [m.raw, m.raw]
    odd = ff.parse(message("35=A|95=x|96=abc|"))  # nobody can go by this length
    assert again(odd) == [odd.raw, odd.raw]
    d = {"BeginString": "FIX.4.4", "MsgType": "A"}
    with pytest.raises(EncodeError):
        from_dict({**d, "RawDataLength": "x", "RawData": "a\x01"})
    assert from_dict({**d, "RawData": b"abc"}).raw == message("35=A|95=3|96=abc|")
    assert from_dict({**d, "RawDataLength": "003", "RawData": "abc"}).raw == message("35=A|95=003|96=abc|")


BASE = {"BeginString": "FIX.4.4", "MsgType": "D"}
# fmt: off
REFUSED: list[tuple[Any, int, type[EncodeError], str]] = [
    ({"MsgType": "D"}, 8, EncodeError, "BeginString is missing"),
    ({"BeginString": "FIX.4.4"}, 35, EncodeError, "MsgType is missing"),
    ({"BeginString": "FIX", "MsgType": "D"}, 8, EncodeError, "BeginString"),
    ({**BASE, "BeginString": ["FIX.4.4"]}, 8, EncodeError, ""),
    ({**BASE, "CheckSum": ["000", "1"]}, 10, EncodeError, "more than once"),
    ({**BASE, "Nonsense": "x"}, 0, EncodeError, "no field is called 'Nonsense'"),
    ({**BASE, 5.0: "x"}, 0, EncodeTypeError, "float"),
    ({**BASE, "Price": 1.5}, 44, EncodeTypeError, "Price (44): float"),
    ({**BASE, "Price": True}, 44, EncodeError, "Price (44): digits"),
    ({**BASE, "Text": "a\x01"}, 58, EncodeError, "SOH"), ({**BASE, "Text": b""}, 58, EncodeError, "empty"),
    ({**BASE, "Text": None}, 58, EncodeTypeError, "None"),
    ({**BASE, "RawDataLength": 2, "RawData": "abc"}, 95, EncodeError, "length"),
    ({**BASE, "NoPartyIDs": [{"PartyID": "A"}, {"PartyID": 1.5}]}, 448, EncodeTypeError,
     "NoPartyIDs (453) entry 2: PartyID (448): float"),
    ({**BASE, "NoPartyIDs": [{"PartyID": "A", "NoPartySubIDs": [{"Nonsense": 1}]}]}, 0, EncodeError,
     "NoPartyIDs (453) entry 1: NoPartySubIDs (802) entry 1: no field"),
    ({**BASE, "NoPartyIDs": [{}]}, 453, EncodeError, "entry 1: has no fields"),
    ({**BASE, "NoPartyIDs": [[("PartyID", "A")]]}, 453, EncodeTypeError, "tuple"),
    ({**BASE, 10**12: "x"}, 0, EncodeError, ""),
]
# fmt: on


@pytest.mark.parametrize("row", REFUSED, ids=[f"{row[1]}-{row[3][:12]}" for row in REFUSED])
def test_what_is_wrong_is_named(row: Any) -> None:
    d, tag, error, words = row
    with pytest.raises(EncodeError) as caught:
        from_dict(d)
    assert (caught.value.tag, type(caught.value)) == (tag, error)
    assert words in str(caught.value)


def test_a_dict_that_holds_itself_ends_somewhere() -> None:
    entry: dict[str, Any] = {"9001": "x"}
    entry["9000"] = [entry]
    with pytest.raises(EncodeError, match="deeper"):
        from_dict({**BASE, "9000": [entry]})


def test_an_unfitting_dictionary_is_said() -> None:
    with pytest.raises(TypeError):
        from_dict(BASE, "FIX.4.4")  # type: ignore[arg-type]
    with pytest.raises(DictionaryError):
        from_dict({"BeginString": "FIX.9.9", "MsgType": "D"}, ff.DictionarySet())


# --- secrets -------------------------------------------------------------------------------------------------


def test_c8_masked_dicts_hold_no_secret_at_any_depth(codec: Codec) -> None:
    """554, 925, 1402, 1404, 89, 91 anywhere, 96 in a Logon, and the lengths that announce them."""
    body = "35=A|95=7|96=hunter1|554=hunter2|925=hunter3|1401=7|1402=hunter4|1403=7|1404=hunter5|90=7|91=hunter6|"
    m = codec.parse(message(body + "384=1|372=D|554=hunter7|93=7|89=hunter8|"))
    for shown in (m.to_json(mask=True), repr(m.to_dict(mask=True)), m.pretty()):
        assert "hunter" not in shown
    masked = m.to_dict(mask=True)
    assert {masked[name] for name in ("RawDataLength", "SecureDataLen", "SignatureLength")} == {"***"}
    assert "hunter" in m.to_json()
    assert codec.parse(LOGON).to_dict(mask=True)["Username"] == "me"


def test_c8_what_is_a_secret_depends_on_the_message() -> None:
    assert is_secret(96, "A")
    assert not is_secret(96, "B")
    assert all(is_secret(tag, "BE") for tag in (554, 925, 1402, 1404, 89, 90, 91, 93, 1401, 1403))


def test_c8_refusals_of_from_dict_hold_no_secret() -> None:
    for value in ("hunter2\x01", "hunter2\ud800", {"hunter2"}, ("hunter2", 5), [["hunter2 "]]):
        with pytest.raises(EncodeError) as caught:
            from_dict({**BASE, "Password": value})
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
