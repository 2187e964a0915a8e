"""The classes of a typed module for dictionaries unlike the standard: components that overlap, names that collide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.codec.typed import TypedMessage
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.naming import attribute, msg_type_members
from fixfast.dictionary.outline import BaseItem, FieldItem, GroupItem, Owner, outline
from fixfast.dictionary.render_stub import render_stub
from fixfast.dictionary.render_typed import render_typed
from fixfast.errors import DictionaryError

FIELDS = {1: "Alpha", 2: "Beta", 3: "Gamma", 4: "NoDeltas", 5: "Delta", 6: "NoOthers", 7: "DataLen", 8000: "Data"}


def dictionary(folder: Path, messages: str, components: str = "", fields: dict[int, str] | None = None) -> Dictionary:
    """Return a dictionary of FIX 4.4 with a header of four fields."""
    names = {8: "BeginString", 9: "BodyLength", 35: "MsgType", 10: "CheckSum"} | FIELDS | (fields or {})
    kinds = {"NoDeltas": "NUMINGROUP", "NoOthers": "NUMINGROUP", "DataLen": "LENGTH", "Data": "DATA"}
    rows = "".join(f'<field number="{t}" name="{n}" type="{kinds.get(n, "STRING")}"/>' for t, n in names.items())
    head = "".join(f'<field name="{names[tag]}" required="Y"/>' for tag in (8, 9, 35))
    path = folder / "made.xml"
    path.write_text(
        f'<fix type="FIX" major="4" minor="4"><header>{head}</header><messages>{messages}</messages>'
        f'<trailer><field name="CheckSum" required="Y"/></trailer><components>{components}</components>'
        f"<fields>{rows}</fields></fix>",
        encoding="utf-8",
    )
    return load_dictionary(path)


def message(inside: str, name: str = "News", msg_type: str = "B") -> str:
    return f'<message name="{name}" msgtype="{msg_type}" msgcat="app">{inside}</message>'


def field(name: str, required: str = "N") -> str:
    return f'<field name="{name}" required="{required}"/>'


def component(name: str, required: str = "N") -> str:
    return f'<component name="{name}" required="{required}"/>'


def module_of(d: Dictionary, name: str = "made") -> dict[str, Any]:
    """Return what the generated module of a dictionary has."""
    namespace: dict[str, Any] = {"__name__": name}
    exec(render_typed(d, "made.xml"), namespace)
    return namespace


def shape(owner: Owner) -> list[str]:
    """Return an owner's items as text: a base as <Name>, a group with its entry, ! behind what is required."""
    found = []
    for item in owner.items:
        if isinstance(item, BaseItem):
            text = f"<{item.name}>"
        elif isinstance(item, GroupItem):
            text = f"{item.attr}({' '.join(shape(item.entry))})"
        else:
            assert isinstance(item, FieldItem)
            text = item.attr
        found.append(text + ("!" if item.required else ""))
    return found


def mypy(folder: Path, d: Dictionary, program: str) -> list[str]:
    """Return what mypy --strict says of a program, and of the stub `made` that it imports."""
    pytest.importorskip("mypy")
    (folder / "made.pyi").write_text(render_stub(d, "made.xml"), encoding="utf-8")
    (folder / "program.py").write_text(program, encoding="utf-8")
    options = ["--strict", "--no-error-summary", "--cache-dir", str(folder / "cache")]
    command = [sys.executable, "-m", "mypy", *options, "program.py", "made.pyi"]
    # an editable install is found by a hook, which mypy does not ask
    environment = {**os.environ, "MYPYPATH": str(Path(ff.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, env=environment)
    return [line for line in done.stdout.splitlines() if "note: " not in line or "Revealed" in line]


OVERLAPPING = (
    f'<component name="One">{field("Alpha", "Y")}{field("Beta")}</component>'
    f'<component name="Two">{field("Beta", "Y")}{field("Gamma", "Y")}</component>'
    f'<component name="Three">{component("One", "Y")}{component("Two", "Y")}</component>'
)


def test_components_that_overlap_are_bases_once_and_the_first_place_counts(tmp_path: Path) -> None:
    inside = component("Two") + component("Three", "Y") + component("One")
    d = dictionary(tmp_path, message(inside), OVERLAPPING)
    owners = outline(d)
    assert shape(owners["One"]) == ["alpha!", "beta"]
    assert shape(owners["Two"]) == ["beta!", "gamma!"]
    # Two overlaps with One: its rest is Three's own
    assert shape(owners["Three"]) == ["<One>!", "gamma!"]
    # Three repeats fields of Two: of it, One's alpha is left, and that is required
    assert shape(owners["News"]) == ["<Two>", "alpha!"]
    news = module_of(d)["__getattr__"]("News")
    assert issubclass(news, TypedMessage)
    assert [item.tag for item, _ in news.layout.places] == [2, 3, 1]
    assert news(alpha="a", gamma="g").body() == [(3, "g"), (1, "a")]
    with pytest.raises(TypeError, match=r"^News needs alpha \(1\)$"):
        news(beta="b")
    program = 'import made\nmade.News(beta="b")\nmade.News(alpha="a").gamma\nreveal_type(made.News(alpha="a").alpha)\n'
    assert mypy(tmp_path, d, program) == [
        'program.py:2: error: Missing named argument "alpha" for "News"  [call-arg]',
        'program.py:4: note: Revealed type is "str"',
    ]


def test_what_opens_an_entry_is_required_wherever_it_stands(tmp_path: Path) -> None:
    outer = f'<component name="Outer">{component("One")}{field("Gamma")}</component>'
    inside = f'<group name="NoDeltas" required="N">{component("Outer")}{field("Delta")}</group>'
    data = f'<group name="NoOthers" required="Y">{field("DataLen", "Y")}{field("Data")}</group>'
    components = f'<component name="One">{field("Alpha")}{field("Beta")}</component>{outer}'
    d = dictionary(tmp_path, message(inside + data), components)
    assert shape(outline(d)["News"]) == ["no_deltas(<Outer> delta)", "no_others(data_len data!)!"]
    module = module_of(d)["__getattr__"]
    news = module("News")
    with pytest.raises(TypeError, match=r"^News.NoDeltas needs alpha \(1\)$"):
        news.NoDeltas(delta="d")
    with pytest.raises(TypeError, match=r"^News.NoOthers needs data \(8000\)$"):
        news.NoOthers()
    made = news(no_deltas=[news.NoDeltas(alpha="a", delta="d")], no_others=[news.NoOthers(data=b"x")])
    assert made.body()[0] == (4, [[(1, "a"), (5, "d")]])
    program = (
        "import made\n"
        'made.News.NoDeltas(delta="d")\n'
        "made.News.NoOthers(data_len=1)\n"
        'made.News(no_deltas=[made.News.NoDeltas(alpha="a")], no_others=[made.News.NoOthers(data=b"x")])\n'
        'reveal_type(made.News.NoDeltas(alpha="a").alpha)\n'
        "made.News()\n"
    )
    assert mypy(tmp_path, d, program) == [
        'program.py:2: error: Missing named argument "alpha" for "NoDeltas"  [call-arg]',
        'program.py:3: error: Missing named argument "data" for "NoOthers"  [call-arg]',
        'program.py:5: note: Revealed type is "str"',
        'program.py:6: error: Missing named argument "no_others" for "News"  [call-arg]',
    ]


def test_a_message_keeps_a_name_it_shares_with_a_component(tmp_path: Path) -> None:
    components = f'<component name="News">{field("Alpha")}</component>'
    d = dictionary(tmp_path, message(component("News")), components)
    assert shape(outline(d)["News"]) == ["<NewsBlock>"]
    module = module_of(d)["__getattr__"]
    assert issubclass(module("News"), module("NewsBlock"))
    assert module("News").__mro__[0].msg_type == "B"


def test_names_that_become_one_in_python_are_refused(tmp_path: Path) -> None:
    d = dictionary(tmp_path, message(field("Alpha")), fields={8001: "ClOrdID", 8002: "ClOrdId"})
    with pytest.raises(DictionaryError, match=r"^FIX\.4\.4: two things are called cl_ord_id in Python$"):
        outline(d)
    d = dictionary(tmp_path, message(field("Alpha"), name="Tag"))
    with pytest.raises(DictionaryError, match="two things are called Tag in Python"):
        outline(d)


def test_codes_that_a_table_cannot_hold_are_refused(tmp_path: Path) -> None:
    d = dictionary(tmp_path, message(field("Alpha")))
    d = d.overlay(fields={"Alpha": {"codes": {"a|b": "ODD"}}})
    with pytest.raises(ValueError, match=r"^Alpha \(1\) has a value that the table cannot hold$"):
        render_typed(d, "made.xml")


def test_messages_with_one_name_but_for_punctuation_have_two_members(tmp_path: Path) -> None:
    d = dictionary(tmp_path, message("", "A B", "U1") + message("", "A-B", "U2"))
    assert msg_type_members(d) == {"A_B_U1": "U1", "A_B_U2": "U2"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ClOrdID", "cl_ord_id"),
        ("NoPartyIDs", "no_party_ids"),
        ("MDEntryPx", "md_entry_px"),
        ("IOIID", "ioi_id"),
        ("IOIid", "ioi_id"),
        ("NoIOIQualifiers", "no_ioi_qualifiers"),
        ("DerivativeInstrumentPartySubIDsGrp", "derivative_instrument_party_sub_ids_grp"),
        ("NoLegReturnRateFXConversions", "no_leg_return_rate_fx_conversions"),
        ("URLLink", "url_link"),
        ("Nested2PartyID", "nested2_party_id"),
        ("Price2", "price2"),
        ("Yield", "yield_"),
        ("Body", "body_"),
        ("Extra", "extra_"),
        ("30E", "n30_e"),
        ("_X", "n_x"),
    ],
)
def test_attributes_are_names_in_snake_case(name: str, expected: str) -> None:
    assert attribute(name) == expected


def test_every_field_of_every_version_has_an_attribute_of_its_own() -> None:
    assert ff.load_dictionary("FIX.5.0SP2").fields
    for version in ("FIX.4.2", "FIX.5.0SP2"):
        fields = load_dictionary(version).fields.values()
        assert len({attribute(item.name) for item in fields}) == len(fields)
