"""A broker's dictionary: its own groups, tags beyond 16 bits, its own length/data pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from tests.codec.support import Codec, message

XML = """<fix type="FIX" major="4" minor="4">
 <header><field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/></header>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <messages><message name="Custom" msgtype="UX" msgcat="app">
  <group name="NoLegs" required="N"><field name="LegID" required="Y"/><field name="LegNote" required="N"/>
   <group name="NoParts" required="N"><field name="PartID" required="Y"/><field name="PartNote" required="N"/></group>
  </group>
  <field name="BlobLen" required="N"/><field name="Blob" required="N"/><field name="After" required="N"/>
 </message></messages>
 <components/>
 <fields>
  <field number="8" name="BeginString" type="STRING"/><field number="9" name="BodyLength" type="LENGTH"/>
  <field number="35" name="MsgType" type="STRING"/><field number="10" name="CheckSum" type="STRING"/>
  <field number="70000" name="NoLegs" type="NUMINGROUP"/><field number="70001" name="LegID" type="STRING"/>
  <field number="5001" name="LegNote" type="STRING"/><field number="80000" name="NoParts" type="NUMINGROUP"/>
  <field number="80001" name="PartID" type="STRING"/><field number="80002" name="PartNote" type="STRING"/>
  <field number="200001" name="BlobLen" type="LENGTH"/><field number="200000" name="Blob" type="DATA"/>
  <field number="90000000" name="After" type="STRING"/>
 </fields>
</fix>"""

RAW = message(
    "35=UX|70000=2|70001=a|80000=2|80001=p|80002=x|999=?|80001=q|5001=n|70001=b|666666=!|200001=5|200000=|10=||"
    "90000000=end|80001=not in it|"
)


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Dictionary:
    path: Path = tmp_path_factory.mktemp("broker") / "broker.xml"
    path.write_text(XML, encoding="utf-8")
    return load_dictionary(path)


def texts(run: Any) -> list[str]:
    return [value for _, value in run]


def test_groups_of_large_tags_nest_and_end_where_they_should(codec: Codec, dictionary: Dictionary) -> None:
    m = codec.parse(RAW, dictionary=dictionary)
    first, second = m.group(70000)
    assert texts(first) == ["a", "2", "p", "x", "?", "q", "n"]
    assert texts(second) == ["b", "!"]
    assert [texts(part) for part in first.group(80000)] == [["p", "x", "?"], ["q"]]
    assert list(second.group(80000)) == []
    assert m[90000000] == "end"


def test_own_pairs_hold_for_parsing_and_for_what_is_read_again(codec: Codec, dictionary: Dictionary) -> None:
    m = codec.parse(bytearray(RAW), dictionary=dictionary)
    m.detach()
    assert m.bytes(200000) == b"\x0110=\x01"
    assert (200000, b"\x0110=\x01") in m.body()
    decoder = codec.StreamDecoder(dictionary)
    decoder.feed(RAW)
    [again] = decoder
    again.detach()
    assert list(again) == list(m)


def test_nested_body_and_dict_have_the_same_shape(codec: Codec, dictionary: Dictionary) -> None:
    m = codec.parse(RAW, dictionary=dictionary)
    parts = [[(80001, "p"), (80002, "x"), (999, "?")], [(80001, "q")]]
    assert m.body(nested=True)[0] == (
        70000,
        [[(70001, "a"), (80000, parts), (5001, "n")], [(70001, "b"), (666666, "!")]],
    )
    assert m.to_dict()["NoLegs"][0]["NoParts"] == [{"PartID": "p", "PartNote": "x", "999": "?"}, {"PartID": "q"}]
    assert "666666 = !" in m.pretty()
