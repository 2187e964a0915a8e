"""Dictionaries from strangers: every fault is a DictionaryError that says where, and nothing grows without bound."""

from __future__ import annotations

import random
import time

import pytest

from fixfast.dictionary import quickfix_xml
from fixfast.dictionary import resolve as resolve_module
from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.load import SPEC_DIR
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.quickfix_xml import MAX_BYTES, MAX_DEPTH, read_quickfix_xml
from fixfast.dictionary.resolve import MAX_NESTING, resolve
from fixfast.errors import DictionaryError

FIELDS = """\
    <field number="8" name="BeginString" type="STRING"/>
    <field number="10" name="CheckSum" type="STRING"/>
    <field number="55" name="Symbol" type="STRING"/>
    <field number="54" name="Side" type="CHAR">
      <value enum="1" description="BUY"/>
      <value enum="2" description="SELL"/>
    </field>
    <field number="95" name="RawDataLength" type="LENGTH"/>
    <field number="96" name="RawData" type="DATA"/>
    <field number="453" name="NoParties" type="NUMINGROUP"/>
    <field number="448" name="PartyID" type="STRING"/>
    <field number="802" name="NoSubs" type="NUMINGROUP"/>
    <field number="523" name="SubID" type="STRING"/>
"""


def xml(*, body: str = "", components: str = "", fields: str = FIELDS, head: str = "", extra: str = "") -> bytes:
    return f"""<?xml version="1.0"?>
{head}<fix type="FIX" major="4" minor="4">
  <header><field name="BeginString" required="Y"/></header>
  <trailer><field name="CheckSum" required="Y"/></trailer>
  <messages>
    <message name="Order" msgtype="D" msgcat="app">
{body}
    </message>
  </messages>
  <components>
{components}
  </components>
  <fields>
{fields}
  </fields>
{extra}
</fix>
""".encode()


def load(data: bytes) -> Dictionary:
    return resolve(read_quickfix_xml(data, "broker.xml"))


def error(data: bytes) -> DictionaryError:
    with pytest.raises(DictionaryError) as caught:
        load(data)
    assert caught.value.file == "broker.xml"
    assert str(caught.value).startswith("broker.xml")
    return caught.value


def test_a_small_dictionary() -> None:
    d = load(
        xml(
            body="""<field name="Symbol" required="Y"/>
                    <component name="Parties" required="N"/>
                    <field name="RawDataLength" required="N"/><field name="RawData" required="N"/>""",
            components="""<component name="Parties">
                            <group name="NoParties" required="Y">
                              <field name="PartyID" required="Y"/>
                              <group name="NoSubs"><field name="SubID"/></group>
                            </group>
                          </component>""",
        )
    )
    assert d.version == d.begin_string == "FIX.4.4"
    assert d.data_pairs == {95: 96}
    assert list(d.members("D")) == [8, 55, 453, 95, 96, 10]
    assert not d.members("D")[453].required  # the component is optional
    group = d.group("D", 453)
    assert group is not None
    assert (group.delimiter, group.order, group.required) == (448, (448, 802), frozenset([448]))
    assert group.groups[802].delimiter == 523
    assert group.groups[802].tags == {523}
    assert d.fields["Side"].code_name("2") == "SELL"
    assert d.fields[54].code_name("9") is None


# --- hostile XML ------------------------------------------------------------------------------------------


def test_a_doctype_is_refused() -> None:
    bad = error(xml(head='<!DOCTYPE fix SYSTEM "file:///etc/passwd">\n'))
    assert (bad.line, bad.element) == (2, "!DOCTYPE")


def test_entities_are_refused() -> None:
    bad = error(xml(head='<!DOCTYPE fix [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n'))
    assert bad.element in ("!DOCTYPE", "!ENTITY")


def test_size_is_bounded_at_its_edge() -> None:
    data = xml()
    assert load(data + b" " * (MAX_BYTES - len(data)))
    assert "larger than" in error(data + b" " * (MAX_BYTES - len(data) + 1)).detail


def nested_groups(levels: int) -> tuple[str, str]:
    fields = FIELDS + "".join(f'<field number="{5000 + i}" name="No{i}" type="NUMINGROUP"/>' for i in range(levels))
    body = "".join(f'<group name="No{i}">' for i in range(levels)) + '<field name="Symbol"/>' + "</group>" * levels
    return body, fields


def test_depth_is_bounded_at_its_edge() -> None:
    most = MAX_DEPTH - 4  # fix, messages, message, and the field inside
    body, fields = nested_groups(most)
    assert load(xml(body=body, fields=fields)).members("D")
    body, fields = nested_groups(most + 1)
    assert f"deeper than {MAX_DEPTH}" in error(xml(body=body, fields=fields)).detail


def test_nesting_of_components_is_bounded_at_its_edge() -> None:
    def chain(levels: int) -> bytes:
        parts = [
            f'<component name="C{i}"><component name="C{i + 1}" required="Y"/></component>' for i in range(levels - 1)
        ]
        parts.append(f'<component name="C{levels - 1}"><field name="Symbol"/></component>')
        return xml(body='<component name="C0" required="Y"/>', components="\n".join(parts))

    assert list(load(chain(MAX_NESTING)).members("D")) == [8, 55, 10]
    assert f"deeper than {MAX_NESTING}" in error(chain(MAX_NESTING + 1)).detail


def test_components_that_double_at_each_level_cost_little() -> None:
    levels = 40
    parts = [
        f'<component name="C{i}">' + f'<component name="C{i + 1}"/>' * 2 + "</component>" for i in range(levels - 1)
    ]
    parts.append(f'<component name="C{levels - 1}"><field name="Symbol"/></component>')
    started = time.perf_counter()
    d = load(xml(body='<component name="C0"/>', components="\n".join(parts)))
    assert list(d.members("D")) == [8, 55, 10]
    assert time.perf_counter() - started < 5


def test_groups_that_double_at_each_level_cost_little() -> None:
    levels = 12  # 2 ** 24 paths if every one were walked
    fields = FIELDS + "".join(
        f'<field number="{5000 + 2 * i + k}" name="No{i}{k}" type="NUMINGROUP"/>' for i in range(levels) for k in (0, 1)
    )
    parts = [
        f'<component name="C{i}">'
        + "".join(f'<group name="No{i}{k}"><component name="C{i + 1}"/></group>' for k in (0, 1))
        + "</component>"
        for i in range(levels)
    ]
    parts.append(f'<component name="C{levels}"><field name="Symbol"/></component>')
    started = time.perf_counter()
    d = load(xml(body='<component name="C0"/>', components="\n".join(parts), fields=fields))
    assert d.group("D", 5000)
    assert len(compile_dictionary(d)) < 10_000
    assert time.perf_counter() - started < 5


def test_the_expansion_of_a_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    body = '<field name="Symbol"/><field name="Side"/><field name="PartyID"/>'
    monkeypatch.setattr(resolve_module, "MAX_EXPANDED", 3)
    assert load(xml(body=body))
    monkeypatch.setattr(resolve_module, "MAX_EXPANDED", 2)
    assert "Order has more than 2 members" in error(xml(body=body)).detail


def test_attributes_are_bounded() -> None:
    longest = "x" * quickfix_xml.MAX_ATTRIBUTE
    assert load(xml(fields=FIELDS + f'<field number="9000" name="{longest}" type="STRING"/>')).fields[9000]
    bad = error(xml(fields=FIELDS + f'<field number="9000" name="{longest}x" type="STRING"/>'))
    assert "longer than" in bad.detail


@pytest.mark.parametrize(
    "data", [b"", b"<fix", b"\x00\x01", b"8=FIX.4.4\x019=5\x01", b"<fix></fix><fix></fix>", b"<?xml version='9'?><x/>"]
)
def test_what_is_not_xml(data: bytes) -> None:
    assert error(data).detail


def test_an_unknown_encoding() -> None:
    assert "encoding" in error(b'<?xml version="1.0" encoding="klingon"?><fix/>').detail


def test_mutated_dictionaries_never_crash() -> None:
    original = (SPEC_DIR / "FIX40.xml").read_bytes()
    rng = random.Random(40)
    refused = []
    for _ in range(150):
        data = bytearray(original)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            if rng.random() < 0.5:
                data[at] = rng.randrange(256)
            else:
                del data[at : at + rng.randint(1, 40)]
        try:
            load(bytes(data))
        except DictionaryError as bad:
            refused.append(bad)
    assert len(refused) > 30
    assert {bad.file for bad in refused} == {"broker.xml"}


# --- wrong, and where --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "components", "detail", "element"),
    [
        ('<field name="Nope"/>', "", "unknown field 'Nope' in Order", "field"),
        ('<group name="Nope"><field name="Symbol"/></group>', "", "unknown field 'Nope' in Order", "group"),
        ('<component name="Nope"/>', "", "unknown component 'Nope' in Order", "component"),
        ('<field name="Symbol" required="maybe"/>', "", "required='maybe': Y or N", "field"),
        ("<field/>", "", "attribute 'name' is missing or empty", "field"),
        ('<field name=""/>', "", "attribute 'name' is missing or empty", "field"),
        ('<value enum="1"/>', "", "not allowed in <message>", "value"),
        ('<field name="Symbol"><field name="Side"/></field>', "", "not allowed in <field>", "field"),
        ('<group name="NoParties"></group>', "", "a group without members", "group"),
    ],
)
def test_faults_in_a_message(body: str, components: str, detail: str, element: str) -> None:
    bad = error(xml(body=body, components=components))
    assert (bad.detail, bad.element, bad.line) == (detail, element, 7)


def test_a_group_that_is_empty_once_expanded() -> None:
    bad = error(
        xml(
            body='<group name="NoParties"><component name="Empty"/></group>',
            components='<component name="Empty"></component>',
        )
    )
    assert bad.detail == "group NoParties has no members once expanded in Order"
    assert bad.line == 7


def test_a_component_inside_itself() -> None:
    bad = error(
        xml(
            components="""<component name="A"><component name="B"/></component>
<component name="B"><group name="NoParties"><component name="C"/></group></component>
<component name="C"><component name="A"/></component>"""
        )
    )
    assert bad.detail == "component inside itself: A > B > C > A"
    assert bad.element == "component"


def test_a_component_that_is_itself() -> None:
    bad = error(xml(components='<component name="A"><component name="A"/></component>'))
    assert bad.detail == "component inside itself: A > A"


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ('<field number="9000" name="New" type="BANANA"/>', "field New (9000) has the unknown type 'BANANA'"),
        ('<field number="9000" name="Symbol" type="INT"/>', "field Symbol (9000) is defined twice"),
        ('<field number="55" name="New" type="INT"/>', "field New (55) is defined twice"),
        ('<field number="0" name="New" type="INT"/>', "number='0': a tag has 1 to 9 digits and is not 0"),
        ('<field number="-5" name="New" type="INT"/>', "number='-5': a tag has 1 to 9 digits and is not 0"),
        ('<field number="\u0665" name="New" type="INT"/>', "number='\u0665': a tag has 1 to 9 digits and is not 0"),
        (
            '<field number="1234567890" name="N" type="INT"/>',
            "number='1234567890': a tag has 1 to 9 digits and is not 0",
        ),
        ('<field number="9000" name="New"/>', "attribute 'type' is missing or empty"),
    ],
)
def test_faults_in_a_field(field: str, detail: str) -> None:
    bad = error(xml(fields=FIELDS + field))
    assert (bad.detail, bad.element) == (detail, "field")
    assert (
        bad.line
        == xml(fields=FIELDS + field).decode()[: xml(fields=FIELDS + field).decode().index(field)].count("\n") + 1
    )


def test_a_code_defined_twice() -> None:
    bad = error(xml(fields=FIELDS + '<field number="1" name="A" type="INT"><value enum="1"/><value enum="1"/></field>'))
    assert (bad.detail, bad.element) == ("value '1' is defined twice", "value")


def test_a_message_or_component_defined_twice() -> None:
    again = '</message><message name="{}" msgtype="{}" msgcat="app">'
    assert error(xml(body=again.format("Order", "E"))).detail == "message Order (E) is defined twice"
    assert error(xml(body=again.format("Other", "D"))).detail == "message Other (D) is defined twice"
    twice = '<component name="A"><field name="Symbol"/></component>' * 2
    assert error(xml(components=twice)).detail == "component A is defined twice"


def test_a_section_given_twice() -> None:
    assert error(xml(extra="<fields/>")).detail == "given twice"
    assert error(xml(extra="<header/>")).detail == "given twice"


def test_a_category_or_version_that_cannot_be() -> None:
    again = '</message><message name="X" msgtype="X" msgcat="other">'
    assert error(xml(body=again)).detail == "msgcat='other': admin or app"
    assert "numbers" in error(b'<fix type="FIX" major="four" minor="4"/>').detail
    assert "FIX or FIXT" in error(b'<fix type="FAST" major="1" minor="1"/>').detail
    assert error(b"<dictionary/>").detail == "the first element must be <fix>"


def test_a_header_is_needed_before_fix_5() -> None:
    bad = error(b'<fix type="FIX" major="4" minor="4"/>')
    assert bad.detail == 'no <header> with members; one can be borrowed: load_dictionary(..., transport="FIX.4.4")'
    assert load(b'<fix type="FIX" major="5" minor="0"/>').begin_string == "FIXT.1.1"


# --- odd, and accepted -------------------------------------------------------------------------------------


def test_a_member_given_twice_is_a_warning() -> None:
    d = load(xml(body='<field name="Symbol" required="Y"/><field name="Side"/><field name="Symbol" required="N"/>'))
    assert [str(warning) for warning in d.warnings] == ["Order: Symbol (55) is a member twice: the first counts"]
    assert d.members("D")[55].required


def test_one_length_for_two_data_fields_is_a_warning() -> None:
    fields = FIELDS + '<field number="9001" name="More" type="DATA"/>'
    body = """<field name="RawDataLength"/><field name="RawData"/>
              <group name="NoParties"><field name="RawDataLength"/><field name="More"/></group>"""
    d = load(xml(body=body, fields=fields))
    assert d.data_pairs == {95: 96}
    assert [warning.tag for warning in d.warnings] == [9001]


def test_a_data_field_alone_has_no_length() -> None:
    assert load(xml(body='<field name="Symbol"/><field name="RawData"/>')).data_pairs == {}


@pytest.mark.parametrize(
    ("kind", "name", "paired"),
    [("LENGTH", "Size", True), ("INT", "BlobLen", True), ("INT", "RawLengthOf", True), ("INT", "HeartBtInt", False)],
)
def test_a_number_in_front_of_data_is_its_length_if_it_says_so(kind: str, name: str, paired: bool) -> None:
    fields = FIELDS + f'<field number="9001" name="{name}" type="{kind}"/>'
    fields += '<field number="9002" name="Blob" type="DATA"/>'
    d = load(xml(body=f'<field name="{name}"/><field name="Blob"/>', fields=fields))
    assert (d.data_pairs.get(9001) == 9002) is paired


def test_what_dictionaries_in_the_wild_leave_out_or_add() -> None:
    data = xml(
        body='<field name="Symbol" required="y" comment="ours"/>',
        fields=FIELDS + '<field number="9000" name="A" type="Int"><value enum="7"/></field>',
        head="<!-- a broker's -->\n",
    )
    d = load(data)
    assert d.members("D")[55].required
    assert d.fields["A"].type == "INT"
    assert d.fields["A"].code_name("7") == "7"  # a value without a description names itself


def test_latin_1_is_read() -> None:
    data = xml(fields=FIELDS + '<field number="9000" name="Prämie" type="INT"/>').decode()
    d = load(data.replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="iso-8859-1"?>').encode("latin-1"))
    assert d.fields[9000].name == "Prämie"
