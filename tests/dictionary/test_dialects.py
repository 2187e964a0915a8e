"""QuickFIX's XML as it is found in files of engines, venues and brokers: all of it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

import fixfast as ff
from fixfast.dictionary.load import SPEC_DIR, load_dictionary
from fixfast.dictionary.model import Dictionary, GroupRef
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError
from tests.dictionary.broker import broker, edited, field, member
from tests.dictionary.test_quickfix_xml import FIELDS, xml


def load(data: bytes | str) -> Dictionary:
    return resolve(read_quickfix_xml(data.encode() if isinstance(data, str) else data, "broker.xml"))


def root(attributes: str) -> str:
    """Return what `<fix attributes>` says of the version."""
    text = xml(body='<field name="Symbol"/>').decode().replace('type="FIX" major="4" minor="4"', attributes)
    return load(text).version


@pytest.mark.parametrize(
    ("attributes", "version"),
    [
        ('type="FIX" major="5" minor="0" servicepack="2"', "FIX.5.0SP2"),
        ('type="FIX" major="5" minor="0" servicepack="SP2"', "FIX.5.0SP2"),
        ('type="FIX" major="5" minor="0" servicepack="sp1"', "FIX.5.0SP1"),
        ('type="FIX" major="5" minor="0SP2"', "FIX.5.0SP2"),
        ('type="FIX" major="5" minor="0SP2" servicepack=""', "FIX.5.0SP2"),
        ('type="FIX" major="5" minor="0" servicepack="0"', "FIX.5.0"),
        ('type="FIX" major="4" minor="4" servicepack="0"', "FIX.4.4"),
        ('major="4" minor="4"', "FIX.4.4"),
        ('type="fix" major="4" minor="4"', "FIX.4.4"),
        ('major="5" type="FIX" servicepack="2" minor="0" name="FIX_Latest_EP302"', "FIX.5.0SP2"),
        ('type="FIXT" major="1" minor="1" servicepack="0"', "FIXT.1.1"),
    ],
)
def test_spellings_of_the_version(attributes: str, version: str) -> None:
    assert root(attributes) == version


@pytest.mark.parametrize(
    "attributes",
    ['major="5" minor="0" servicepack="two"', 'type="FIXR" major="7" minor="2"', 'major="4"', 'major="4" minor="x"'],
)
def test_versions_that_are_none(attributes: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        root(attributes)
    assert caught.value.element == "fix"


def test_sections_in_any_order() -> None:
    """Fields first, the trailer behind the messages."""
    text = xml(body='<field name="Symbol" required="Y"/>').decode()
    fields = text[text.index("  <fields>") : text.index("</fields>") + len("</fields>\n")]
    trailer = '  <trailer><field name="CheckSum" required="Y"/></trailer>\n'
    moved = text.replace(fields, "").replace(trailer, "").replace("  <header>", fields + "  <header>")
    moved = moved.replace("  <components>", trailer + "  <components>")
    assert moved.index("<fields>") < moved.index("<header>") < moved.index("<messages>") < moved.index("<trailer>")
    assert list(load(moved).members("D")) == list(load(text).members("D")) == [8, 55, 10]


def test_sections_left_out() -> None:
    text = xml(body='<field name="Symbol"/>').decode()
    start, end = text.index("  <components>"), text.index("</components>") + len("</components>\n")
    assert list(load(text[:start] + text[end:]).members("D")) == [8, 55, 10]
    d = load('<fix major="5" minor="0"><header/><trailer/><messages/><fields/></fix>')
    assert (d.begin_string, len(d.fields)) == ("FIXT.1.1", 0)


@pytest.mark.parametrize("left_out", [(), ("header",), ("trailer",), ("header", "trailer")])
def test_a_missing_header_is_fixts_in_fix_5(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    """An empty one, or none; session messages are FIXT's, too."""
    d = load_dictionary(edited(tmp_path, *((f"  <{name}/>\n", "") for name in left_out), spec="FIX50"))
    assert d.begin_string == "FIXT.1.1"
    assert [m.name for m in d.header] == [m.name for m in load_dictionary("FIXT.1.1").header]
    assert [m.name for m in d.trailer] == [m.name for m in load_dictionary("FIXT.1.1").trailer]
    assert d.messages["A"].name == "Logon"


def test_a_header_of_ones_own_without_session_messages_is_kept(tmp_path: Path) -> None:
    header = '<header><field name="BeginString" required="Y"/><field name="Account" required="N"/></header>'
    d = load_dictionary(edited(tmp_path, ("<header/>", header), spec="FIX50"))
    assert [m.name for m in d.header] == ["BeginString", "Account"]
    assert d.messages["A"].name == "Logon"
    assert [m.name for m in d.trailer] == ["SignatureLength", "Signature", "CheckSum"]


def without_frame(tmp_path: Path) -> Path:
    """Return the path of a FIX 4.4 file that has messages and fields only."""
    path = tmp_path / "broker.xml"
    path.write_text(
        """<fix major="4" minor="4"><messages>
          <message name="Ping" msgtype="U1"><field name="PingID" required="Y"/></message></messages>
          <fields><field number="9001" name="PingID" type="STRING"/></fields></fix>""",
        encoding="utf-8",
    )
    return path


def test_a_file_without_a_header_takes_that_of_its_version(tmp_path: Path) -> None:
    d = load_dictionary(without_frame(tmp_path))
    assert [m.name for m in d.header] == [m.name for m in load_dictionary("FIX.4.4").header]
    assert set(d.messages) == {"U1", *"012345A"}
    detail = "no header or no trailer: FIX.4.4 gives what the session layer lacks"
    assert [warning.detail for warning in d.warnings] == [detail]
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
    assert ff.parse(ff.encode("FIX.4.4", "U1", [*head, (9001, "x")]), dictionary=d, validate=True).fault is None


@pytest.mark.parametrize("part", ["header", "trailer"])
def test_what_a_file_has_of_a_session_layer_counts(tmp_path: Path, part: str) -> None:
    text = (SPEC_DIR / "FIX42.xml").read_text(encoding="utf-8")
    begin, end = text.index(f"<{part}>"), text.index(f"</{part}>")
    text = text[:begin] + f"<{part}>" + text[end:]
    text = text.replace('<field name="TestReqID" required="Y"/>', '<field name="TestReqID" required="N"/>')
    (tmp_path / "broker.xml").write_text(text, encoding="utf-8")
    d = load_dictionary(tmp_path / "broker.xml")
    standard = load_dictionary("FIX.4.2")
    for section, theirs in ((d.header, standard.header), (d.trailer, standard.trailer)):
        assert [m.name for m in section] == [m.name for m in theirs]
    assert set(d.messages) == set(standard.messages)
    assert not d.members("1")[112].required
    assert standard.members("1")[112].required


def test_an_unknown_version_without_a_header_says_how_to_give_one(tmp_path: Path) -> None:
    path = without_frame(tmp_path)
    path.write_text(path.read_text().replace('minor="4"', 'minor="9"'), encoding="utf-8")
    with pytest.raises(DictionaryError, match=r"no <header> with members.*transport="):
        load_dictionary(path)


def test_a_session_layer_can_be_borrowed(tmp_path: Path) -> None:
    d = load_dictionary(without_frame(tmp_path), transport="FIX.4.4")
    assert d.begin_string == "FIX.4.4"
    assert [m.name for m in d.header] == [m.name for m in load_dictionary("FIX.4.4").header]
    assert set(d.messages) == {"U1", *"012345A"}
    assert 9001 in d.members("U1")
    assert 55 not in d.fields, "of a whole version, only what its session layer has is taken"
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
    assert ff.parse(ff.encode("FIX.4.4", "U1", [*head, (9001, "x")]), dictionary=d, validate=True).fault is None


@pytest.mark.parametrize(
    ("attribute", "required"),
    [
        ('required="Y"', True),
        ('required="y"', True),
        ('required="true"', True),
        ('required="N"', False),
        ('required="n"', False),
        ('required="C"', False),
        ('required=""', False),
        ("", False),
    ],
)
def test_spellings_of_required(attribute: str, required: bool) -> None:
    d = load(xml(body=f'<field name="Symbol" {attribute}/>'))
    assert d.members("D")[55].required is required


@pytest.mark.parametrize(("value", "is_open"), [("Y", True), ("true", True), ("N", False), ("false", False)])
def test_spellings_of_allow_other_values(value: str, is_open: bool) -> None:
    d = load(xml(fields=FIELDS.replace('type="CHAR"', f'type="CHAR" allowOtherValues="{value}"')))
    assert d.fields[54].open is is_open


def test_other_values_are_judged_by_format_only(tmp_path: Path) -> None:
    d = broker(tmp_path, ('name="Side" type="CHAR">', 'name="Side" type="CHAR" allowOtherValues="Y">'))
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
    order = [(11, "x"), (21, "1"), (55, "EUR/USD"), (60, "20260105-12:00:00"), (40, "1")]
    for value, reason in (("Z", None), ("ZZ", 6)):
        fault = ff.parse(ff.encode("FIX.4.2", "D", [*head, *order, (54, value)]), dictionary=d).validate()
        assert (fault and fault.reason) == reason


@pytest.mark.parametrize("category", ["admin", "ADMIN", "Admin", "app", "APP"])
def test_spellings_of_a_category(category: str) -> None:
    d = load(xml().decode().replace('msgcat="app"', f'msgcat="{category}"'))
    assert d.messages["D"].category == category.lower()


def test_a_category_left_out_is_the_applications() -> None:
    assert load(xml().decode().replace(' msgcat="app"', "")).messages["D"].category == "app"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("String", "str"), ("char", "char"), ("UTCTimestamp", "time"), ("MultipleStringValue", "strings"),
        ("MULTIPLECHARVALUE", "chars"), ("numInGroup", "uint"), ("Qty", "decimal"), ("XmlData", "xml"),
        ("UTCDATE", "date"), ("LocalMktDate", "date"), ("Language", "str"), ("TENOR", "tenor"),
    ],
)  # fmt: skip
def test_types_in_any_case(written: str, kind: str) -> None:
    d = load(xml(fields=FIELDS + f'<field number="9000" name="Own" type="{written}"/>'))
    assert (d.fields[9000].type, d.fields[9000].kind) == (written.upper(), kind)


@pytest.mark.parametrize("written", ["NUMINGROUP", "INT", "LENGTH"])
def test_the_type_of_a_count(written: str) -> None:
    fields = FIELDS.replace('name="NoParties" type="NUMINGROUP"', f'name="NoParties" type="{written}"')
    d = load(xml(body='<group name="NoParties"><field name="PartyID"/></group>', fields=fields))
    group = d.group("D", 453)
    assert group is not None
    assert group.order == (448,)


def test_components_in_groups_and_groups_in_components() -> None:
    d = load(
        xml(
            body='<group name="NoParties" required="Y"><component name="Party" required="Y"/></group>',
            components="""<component name="Party"><field name="PartyID" required="Y"/>
                <component name="Subs"/></component>
                <component name="Subs"><group name="NoSubs"><field name="SubID"/></group></component>""",
        )
    )
    group = d.group("D", 453)
    assert group is not None
    assert (group.order, group.required) == ((448, 802), frozenset([448]))
    assert group.groups[802].order == (523,)


def test_a_component_named_as_a_field_a_group_or_a_message() -> None:
    components = """<component name="Symbol"><field name="Symbol"/></component>
        <component name="NoParties"><group name="NoParties"><field name="PartyID"/></group></component>
        <component name="Order"><field name="Side"/></component>"""
    body = '<component name="Symbol"/><component name="NoParties"/><component name="Order"/>'
    assert list(load(xml(body=body, components=components)).members("D")) == [8, 55, 453, 54, 10]


def test_what_nobody_has_heard_of_beside_what_is_known() -> None:
    """Attributes; comments; CDATA and stray characters between elements."""
    d = load(
        xml(
            body='<!-- ours --><field number="55" name="Symbol" required="Y" comment="x"/>> <![CDATA[ <field/> ]]>',
            fields=FIELDS.replace('enum="1" description="BUY"', 'enum="1" description="BUY" group="Long" x="y"'),
            extra="<!-- the end -->",
        )
    )
    assert list(d.members("D")) == [8, 55, 10]
    assert d.fields[54].code_name("1") == "BUY"


def test_a_default_namespace() -> None:
    """As QuickFIX/J's schema wants it."""
    data = xml(body='<field name="Symbol"/>').replace(b"<fix ", b'<fix xmlns="http://quickfixj.org/xml/dictionary" ')
    assert list(load(data).members("D")) == [8, 55, 10]


def test_apostrophes() -> None:
    assert list(load(xml(body="<field name='Symbol' required='Y' />")).members("D")) == [8, 55, 10]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = xml(fields=FIELDS + '<field number="9000" name="Prämie" type="INT"/>').decode()
    label = encoding.removesuffix("-sig")
    data = text.replace('<?xml version="1.0"?>', f'<?xml version="1.0" encoding="{label}"?>').encode(encoding)
    assert load(data).fields[9000].name == "Prämie"
    path = tmp_path / "broker.xml"
    path.write_bytes(data)
    assert load_dictionary(path).fields["Prämie"].tag == 9000


def test_a_description_left_out_is_the_value() -> None:
    d = load(xml(fields=FIELDS.replace(' description="BUY"', "")))
    assert d.fields[54].code_name("1") == "1"


LIMIT_RESPONSE = """<message name="LimitResponse" msgcat="app" msgtype="XLR"><group name="NoLimitIndicators">
<field name="LimitType" required="Y"/></group></message>
</messages>"""


def test_a_venues_own_messages_header_fields_and_groups(tmp_path: Path) -> None:
    """As Binance has them: message types of three letters, tags beyond 5000, session messages left out."""
    path = edited(
        tmp_path,
        field(25000, "RecvWindow"),
        field(25003, "NoLimitIndicators", "NUMINGROUP"),
        field(25004, "LimitType", "char", '<value enum="2" description="MESSAGE_LIMIT"/>'),
        ("  </header>", '    <field name="RecvWindow" required="N"/>\n  </header>'),
        ("  </messages>", LIMIT_RESPONSE),
        spec="FIX44",
    )
    d = load_dictionary(path)
    assert isinstance(d.members("XLR")[25003], GroupRef)
    head = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00"), (25000, 5000)]
    data = ff.encode("FIX.4.4", "XLR", [*head, (25003, [[(25004, "2")]])])
    m = ff.parse(data, dictionary=d, validate=True)
    assert [entry[25004] for entry in m.group(25003)] == ["2"]


def test_members_added_to_a_message_of_the_standard(tmp_path: Path) -> None:
    d = broker(tmp_path, field(9001, "Strategy"), member("NewOrderSingle", '<field name="Strategy" required="Y"/>'))
    assert d.members("D")[9001].required
