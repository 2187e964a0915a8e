"""m.value() and m.value_ns(): a field by its type in the dictionary, on messages and on entries of groups."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast import fix44, fix50sp2
from fixfast.codec.datatypes import parse_value
from fixfast.dictionary.load import load_dictionary
from fixfast.errors import DictionaryError, FieldFormatError, FieldMissing
from fixfast.types import MonthYear, Tenor
from tests.codec.samples import EXECUTION_REPORT
from tests.codec.support import Codec, message
from tests.codec.values import BAD_VALUES

PLUS_530 = timezone(timedelta(hours=5, minutes=30))

# fmt: off
#: version, field, what is on the wire, what it means
VALUES: list[tuple[str, int, str, Any]] = [
    ("FIX.4.4", 31, "1.08450", Decimal("1.08450")), ("FIX.4.4", 38, "100", Decimal(100)),
    ("FIX.4.4", 44, "-0.0", Decimal("-0.0")),
    ("FIX.4.4", 34, "7", 7), ("FIX.4.4", 108, "-30", -30), ("FIX.4.4", 453, "0", 0), ("FIX.4.4", 58, "a b", "a b"),
    ("FIX.4.4", 43, "Y", True), ("FIX.4.4", 43, "N", False), ("FIX.4.4", 206, "x", "x"),
    ("FIX.4.4", 60, "20240102-03:04:05.678", datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)),
    ("FIX.4.4", 60, "20161231-23:59:60", datetime(2017, 1, 1, tzinfo=UTC)),
    ("FIX.4.4", 60, "20240102-03:04:05.123456789012", datetime(2024, 1, 2, 3, 4, 5, 123456, UTC)),
    ("FIX.4.4", 75, "20240102", date(2024, 1, 2)), ("FIX.4.4", 273, "16:30:00.5", time(16, 30, 0, 500000, UTC)),
    ("FIX.4.4", 200, "202401w2", MonthYear(2024, 1, 0, 2)), ("FIX.4.4", 200, "20240131", MonthYear(2024, 1, 31)),
    ("FIX.4.2", 205, "07", 7), ("FIX.4.4", 9001, "1.5", "1.5"), ("FIX.4.4", 55, "\udcff", "\udcff"),
    ("FIX.5.0SP2", 1132, "20060901-13:09+05:30", datetime(2006, 9, 1, 13, 9, tzinfo=PLUS_530)),
    ("FIX.5.0SP2", 1132, "20060901-13:09:00", datetime(2006, 9, 1, 13, 9)),
    ("FIX.5.0SP2", 1079, "07:39Z", time(7, 39, tzinfo=UTC)), ("FIX.5.0SP2", 1079, "07:39", time(7, 39)),
    ("FIX.4.0", 44, "1.5", Decimal("1.5")), ("FIX.4.0", 112, "xy", "xy"),
    # with codes: the member of the enum; by kind where the code is not listed
    ("FIX.4.4", 54, "2", fix44.Side.SELL), ("FIX.4.4", 54, "z", "z"),
    ("FIX.4.4", 35, "D", fix44.MsgType.NewOrderSingle),
    ("FIX.4.4", 380, "3", fix44.BusinessRejectReason.UNSUPPORTED_MESSAGE_TYPE), ("FIX.4.4", 380, "99", 99),
    ("FIX.4.4", 380, "-7", -7),
    ("FIX.4.4", 18, "1 G", (fix44.ExecInst.NOT_HELD, fix44.ExecInst.ALL_OR_NONE)),
    ("FIX.4.4", 18, "zz 1", ("zz", fix44.ExecInst.NOT_HELD)),
    ("FIX.5.0SP2", 54, "1", fix50sp2.Side.BUY), ("FIX.5.0SP2", 18, "1 é"[:1], (fix50sp2.ExecInst("1"),)),
]
#: version, field, what is on the wire, its kind, what was expected
WRONG: list[tuple[str, int, str, str, str]] = [
    ("FIX.4.4", 44, "abc", "decimal", "digits"), ("FIX.4.4", 44, "", "decimal", "digits"), ("FIX.4.4", 34, "-7",
    "uint", "digits"),
    ("FIX.4.4", 34, "+7", "uint", "digits"), ("FIX.4.4", 108, "1.5", "int", "digits"),
    ("FIX.4.4", 108, "9" * 41, "int", "40 digits"),
    ("FIX.4.4", 43, "y", "bool", "Y or N"), ("FIX.4.4", 60, "20240102", "time", "YYYYMMDD-HH:MM:SS"),
    ("FIX.4.4", 60, "20240230-00:00:00", "time", "no such"), ("FIX.4.4", 75, "20230229", "date", "no such date"),
    ("FIX.4.4", 75, "2024-01-01", "date", "YYYYMMDD"), ("FIX.4.4", 273, "24:00:00", "timeonly", "no such"),
    ("FIX.4.4", 200, "202413", "monthyear", "no such"), ("FIX.4.4", 200, "2024", "monthyear", "YYYYMM"),
    ("FIX.4.2", 205, "32", "day", "1 to 31"), ("FIX.4.4", 54, "zz", "char", "one byte"), ("FIX.4.4", 380, "x",
    "int", "digits"),
    ("FIX.4.4", 18, "1  G", "strings", "single spaces"), ("FIX.5.0SP2", 18, "12", "chars", "single bytes"),
    ("FIX.5.0SP2", 1132, "20060901-13:09+15", "tztimestamp", "zone"), ("FIX.5.0SP2", 1079, "7:39", "tztime", "HH:MM"),
]
#: version, field, what is on the wire, ns
NANOSECONDS: list[tuple[str, int, str, int]] = [
    ("FIX.4.4", 60, "20240102-03:04:05.678901234567", 1_704_164_645_678_901_234),
    ("FIX.4.4", 60, "19691231-23:59:59.999999999", -1),
    ("FIX.4.4", 60, "99991231-23:59:60", 253_402_300_800 * 10**9), ("FIX.4.4", 75, "19700102", 86_400 * 10**9),
    ("FIX.4.4", 273, "00:00:00.000000001", 1), ("FIX.5.0SP2", 1132, "19700101-05:30:00.5+05:30", 500_000_000),
    ("FIX.5.0SP2", 1132, "19700101-00:01", 60 * 10**9), ("FIX.5.0SP2", 1079, "01:00+05:30", 70_200 * 10**9),
]
# fmt: on


def holding(codec: Codec, version: str, tag: int, text: str) -> Any:
    """Return a message with one field."""
    begin_string, body = version, "35=D\x01"
    if version.startswith("FIX.5"):
        begin_string, body = "FIXT.1.1", "35=D\x011128=9\x01"
    if tag == 35:
        body = ""
    raw = f"{body}{tag}={text}\x01".encode("utf-8", "surrogateescape")
    return codec.parse(message(raw, begin_string))


@pytest.mark.parametrize(("version", "tag", "text", "expected"), VALUES)
def test_a_value_has_the_type_of_its_field(codec: Codec, version: str, tag: int, text: str, expected: Any) -> None:
    value = holding(codec, version, tag, text).value(tag)
    assert type(value) is type(expected)
    assert value == expected
    assert repr(value) == repr(expected)  # members, time zones, trailing zeros


@pytest.mark.parametrize(("version", "tag", "text", "kind", "words"), WRONG)
def test_a_bad_value_is_named(codec: Codec, version: str, tag: int, text: str, kind: str, words: str) -> None:
    """The error has the tag, the kind and what was expected; never the value in its text."""
    m = holding(codec, version, tag, text)
    with pytest.raises(FieldFormatError) as caught:
        m.value(tag)
    error = caught.value
    assert (error.tag, error.kind) == (tag, kind)
    assert words in error.detail
    assert str(error) == f"tag {tag}: not a valid {kind} ({error.detail})"
    assert len(text) < 3 or text not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


def test_members_are_those_of_the_versions_module(codec: Codec) -> None:
    assert holding(codec, "FIX.4.4", 54, "1").value(54) is fix44.Side.BUY
    assert holding(codec, "FIX.5.0SP2", 54, "1").value(54) is fix50sp2.Side.BUY
    assert holding(codec, "FIX.4.4", 54, "1").value(54) == "1"


def test_data_is_bytes_and_absence_has_a_default(codec: Codec) -> None:
    m = codec.parse(message(b"35=B\x0195=3\x0196=\x01\xff\x01\x01148=x\x01"))
    assert m.value(96) == b"\x01\xff\x01"
    assert m.value(95) == 3
    for call in (m.value, m.value_ns):
        assert call(60, None) is None
        assert call(60, default="x") == "x"
        with pytest.raises(FieldMissing):
            call(60)
        with pytest.raises(TypeError):
            call("60")


def test_entries_answer_like_messages(codec: Codec) -> None:
    m = codec.parse(EXECUTION_REPORT)
    entry = m.group(453)[0]
    assert entry.value(447) is fix44.PartyIDSource("D")
    assert (entry.value(448), entry.value(802), entry.value(55, "none")) == ("A", 2, "none")
    assert entry.group(802)[1].value(803) is fix44.PartySubIDType("2")
    w = codec.parse(message("35=W|268=2|269=0|270=1.10|273=01:02:03.5|269=1|272=20240102|"))
    bid, offer = w.group(268)
    assert (bid.value(269), bid.value(270)) == (fix44.MDEntryType.BID, Decimal("1.10"))
    assert bid.value_ns(273) == 3_723_500_000_000
    assert offer.value(272) == date(2024, 1, 2)
    assert offer.value_ns(272) == 1_704_153_600 * 10**9
    with pytest.raises(FieldMissing):
        offer.value(270)


@pytest.mark.parametrize(("version", "tag", "text", "ns"), NANOSECONDS)
def test_times_have_their_ns(codec: Codec, version: str, tag: int, text: str, ns: int) -> None:
    value = holding(codec, version, tag, text).value_ns(tag)
    assert (type(value), value) == (int, ns)


@pytest.mark.parametrize(
    ("tag", "text", "kind", "words"),
    [
        (44, "1.5", "time", "its type is PRICE"), (9001, "20240102-00:00:00", "time", "no such field"),
        (60, "20240102", "time", "YYYYMMDD-HH:MM:SS"), (75, "20240230", "date", "no such date"),
        (273, "1:00:00", "timeonly", "HH:MM:SS"),
    ],
)  # fmt: skip
def test_what_has_no_ns_is_named(codec: Codec, tag: int, text: str, kind: str, words: str) -> None:
    with pytest.raises(FieldFormatError) as caught:
        holding(codec, "FIX.4.4", tag, text).value_ns(tag)
    assert (caught.value.tag, caught.value.kind) == (tag, kind)
    assert words in str(caught.value)
    assert text not in str(caught.value)


def test_without_a_dictionary_there_is_no_type(codec: Codec) -> None:
    m = holding(codec, "FIX.9.9", 44, "1.5")
    for call in (m.value, m.value_ns):
        with pytest.raises(DictionaryError):
            call(44)
    assert m.value(55, "absent") == "absent"


def test_c8_errors_hold_no_value(codec: Codec) -> None:
    d = load_dictionary("FIX.5.0SP2")
    for kind in sorted({*BAD_VALUES} - {"strings", "day", "tenor"}):  # any word is right; SP2 has no such field
        tag = next(field.tag for field in map(d.fields.__getitem__, d.fields) if field.kind == kind)
        m = codec.parse(message(f"35=D|{tag}=hunter2|", "FIXT.1.1"), dictionary=d)
        with pytest.raises(FieldFormatError) as caught:
            m.value(tag)
        assert "hunter2" not in str(caught.value)


# --- a user's dictionary -------------------------------------------------------------------------------------

XML = """<fix type="FIX" major="4" minor="4">
 <header><field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/></header><trailer><field name="CheckSum" required="Y"/></trailer>
 <messages><message name="Custom" msgtype="UX" msgcat="app"><field name="Colour" required="N"/>
  <field name="Term" required="N"/><field name="Price" required="N"/></message></messages><components/>
 <fields>
  <field number="8" name="BeginString" type="STRING"/><field number="9" name="BodyLength" type="LENGTH"/>
  <field number="35" name="MsgType" type="STRING"/><field number="10" name="CheckSum" type="STRING"/>
  <field number="6000" name="Colour" type="INT"><value enum="1" description="RED"/>
   <value enum="02" description="BLUE"/></field>
  <field number="6001" name="Term" type="TENOR"/><field number="44" name="Price" type="STRING"/>
 </fields></fix>"""


def test_a_users_dictionary_says_what_its_fields_are(codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "broker.xml"
    path.write_text(XML, encoding="utf-8")
    d = load_dictionary(path)
    m = codec.parse(message("35=UX|6000=02|6001=M3|44=1.5|"), dictionary=d)
    assert m.value(6001) == Tenor("M", 3)
    assert m.value(44) == "1.5"
    assert codec.parse(message("35=UX|44=1.5|")).value(44) == Decimal("1.5")
    blue = m.value(6000)
    assert isinstance(blue, StrEnum)
    assert (blue.name, blue) == ("BLUE", "02")
    assert codec.parse(message("35=UX|6000=02|"), dictionary=d).value(6000) is blue
    assert codec.parse(message("35=UX|6000=2|"), dictionary=d).value(6000) == 2  # no code is spelt so


def test_unknown_tags_are_not_remembered() -> None:
    """A peer chooses the tags of its messages: asking for all of them must not fill the memory."""
    d = load_dictionary("FIX.4.4")
    m = ff.parse(message("35=D|" + "".join(f"{tag}=x|" for tag in range(20000, 20100))))
    before = len(d.readers)
    assert {m.value(tag) for tag in range(20000, 20100)} == {"x"}
    assert len(d.readers) == before


@given(
    st.sampled_from([31, 34, 38, 43, 54, 58, 60, 75, 108, 200, 273, 380, 18]),
    st.text("0123456789.-:YNw GZ", max_size=21),
)
def test_the_twins_read_the_same(twins: tuple[Codec, Codec], tag: int, text: str) -> None:
    found = []
    for codec in twins:
        m = codec.parse(message(f"35=D|{tag}={text}|"))
        try:
            found.append(("value", m.value(tag)))
        except FieldFormatError as error:
            found.append(("error", str(error)))
    assert found[0] == found[1]
    kind = load_dictionary("FIX.4.4").fields[tag].kind
    if tag not in (54, 380, 18, 43):
        try:
            assert found[0] == ("value", parse_value(kind, text.encode()))
        except ValueError:
            assert found[0][0] == "error"


# --- stubs ---------------------------------------------------------------------------------------------------

REVEALED = """
import fixfast as ff
from fixfast import load_dictionary

def f(m: ff.Message) -> None:
    e = m.group(453)[0]
    reveal_type(m.int(34))
    reveal_type(e.int(34, None))
    reveal_type(m.get(58))
    reveal_type(e.get(58, ""))
    reveal_type(m.decimal(44))
    reveal_type(e.datetime(60, 0))
    reveal_type(m.value(44))
    reveal_type(e.value_ns(60))
    reveal_type(m.value_ns(60, None))
    reveal_type(e.many(1, 2))
    reveal_type([x for x in e])
    reveal_type(m.dictionary)
    reveal_type(e.group(802)[1:])
    reveal_type(ff.from_dict({"BeginString": "FIX.4.4"}))
    d = load_dictionary("FIX.4.4")
    reveal_type(ff.encode("FIX.4.4", "D", [("ClOrdID", "x")], dictionary=d))
    ff.encode("FIX.4.4", "D", [("ClOrdID", "x")])
    ff.Template("FIX.4.4", "D", [ff.Slot("ClOrdID"), (55, "x")], dictionary=d)
    class Mine(ff.Message): ...
"""
EXPECTED = [
    "int", "int | None", "str | None", "str", "decimal.Decimal",
    "datetime.datetime | int", "Any", "int", "int | None",
    "tuple[str | None, ...]", "list[tuple[int, str]]",
    "fixfast.dictionary.model.Dictionary", "list[fixfast.codec.groups.Entry]", "fixfast.codec.message.Message",
    "bytes",
]  # fmt: skip


def test_type_checkers_know_what_messages_and_entries_answer(tmp_path: Path) -> None:
    """Style 43: stubs are tested with reveal_type. One run of mypy."""
    pytest.importorskip("mypy")
    path = tmp_path / "revealed.py"
    path.write_text(REVEALED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path), str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    lines = done.stdout.splitlines()
    revealed = [
        line.split('"')[1].replace("builtins.", "").replace("_decimal", "decimal")
        for line in lines
        if "Revealed" in line
    ]
    errors = [line.rpartition("[")[2] for line in lines if ": error:" in line]
    assert revealed == EXPECTED
    assert errors == ["list-item]", "misc]"], done.stdout
