"""Which dictionary describes a message: the choice itself, and FIX 4.x over FIXT. On messages: codec/test_select.py."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.dictionary.load import SPEC_DIR, VERSIONS, load_dictionary
from fixfast.dictionary.versions import APPL_VERSIONS, Choice, DictionarySet, versions_in
from fixfast.errors import DictionaryError

HEAD = [(49, "A"), (56, "B"), (34, 1), (52, "20260105-12:00:00")]
ORDER = [(11, "x"), (55, "EUR/USD"), (54, "1"), (60, "20260105-12:00:00"), (38, 100), (40, "1")]


# --- choose ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < "FIX.5"])
def test_before_fix_5_begin_string_says_all(version: str) -> None:
    everything = DictionarySet(default="9", by_msg_type={"D": "8"})
    assert everything.choose(version, "D", "7") == Choice(version, assumed=False, supported=True)


@pytest.mark.parametrize("msg_type", "012345A")
def test_v27_session_messages_follow_fixt_whatever_else_is_said(msg_type: str) -> None:
    everything = DictionarySet(default="9", by_msg_type={msg_type: "8"})
    assert everything.choose("FIXT.1.1", msg_type, "7") == Choice("FIXT.1.1")


def test_the_order_of_what_is_said() -> None:
    """1128, the default of the MsgType, that of the session, FIX.5.0SP2 with a flag (V26)."""
    said = DictionarySet(default="7", by_msg_type={"8": "8"})
    assert said.choose("FIXT.1.1", "8", "9") == Choice("FIX.5.0SP2")
    assert said.choose("FIXT.1.1", "8", None) == Choice("FIX.5.0SP1")
    assert said.choose("FIXT.1.1", "D", None) == Choice("FIX.5.0")
    assert DictionarySet().choose("FIXT.1.1", "D", None) == Choice("FIX.5.0SP2", assumed=True)
    assert said.choose("FIXT.1.1", "8", "") == Choice("FIX.5.0SP1"), "an empty 1128 says nothing"


@pytest.mark.parametrize(("code", "version"), APPL_VERSIONS.items())
def test_every_appl_ver_id_has_a_dictionary_that_loads(code: str, version: str) -> None:
    choice = DictionarySet().choose("FIXT.1.1", "D", code)
    assert choice.supported
    assert choice.source == (version if version > "FIX.5" else f"{version}+FIXT.1.1")
    d = load_dictionary(str(choice.source))
    assert (d.version, d.begin_string) == (version, "FIXT.1.1")


@pytest.mark.parametrize("code", ["0", "1", "10", "A", "FIX.4.4", " 9"])
def test_v18_an_appl_ver_id_of_nobody(code: str) -> None:
    assert DictionarySet().choose("FIXT.1.1", "D", code) == Choice("FIX.5.0SP2", supported=False)


@pytest.mark.parametrize("begin_string", ["FIX.4.9", "FIX.5.1", "FIXT.1.2", "", "fix.4.4"])
def test_an_unknown_begin_string(begin_string: str) -> None:
    with pytest.raises(DictionaryError, match="BeginString"):
        DictionarySet(default="9").choose(begin_string, "D", "9")


def test_a_begin_string_that_the_standard_does_not_have_but_says_its_version() -> None:
    assert DictionarySet().choose("FIX.5.0", "D", None) == Choice("FIX.5.0")


def test_ones_own_dictionaries_come_first() -> None:
    sp2, old, fixt = (load_dictionary(name).overlay() for name in ("FIX.5.0SP1", "FIX.4.2", "FIXT.1.1"))
    own = DictionarySet(dictionaries={"9": sp2, "FIX.4.2": old, "FIXT.1.1": fixt})
    assert own.choose("FIXT.1.1", "D", "9").source is sp2
    assert own.choose("FIX.4.2", "D", None).source is old
    assert own.choose("FIXT.1.1", "A", "9").source is fixt
    assert own.choose("FIX.4.4", "D", None).source == "FIX.4.4"
    venue = DictionarySet(dictionaries={"FIX.9.9": old})
    assert venue.choose("FIX.9.9", "D", None).source is old


def test_sets_are_frozen_and_public() -> None:
    assert ff.DictionarySet is DictionarySet
    with pytest.raises(AttributeError):
        DictionarySet().default = "9"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(Choice("FIX.4.4"))) == Choice("FIX.4.4")


# --- FIX 4.x over FIXT -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [version for version in VERSIONS if version.startswith("FIX.4")])
def test_fix_4_over_fixt(version: str) -> None:
    """Header, trailer and session messages are FIXT's, the rest is the version's."""
    d, plain, fixt = load_dictionary(f"{version}+FIXT.1.1"), load_dictionary(version), load_dictionary("FIXT.1.1")
    assert (d.version, d.begin_string) == (version, "FIXT.1.1")
    assert [m.name for m in d.header] == [m.name for m in fixt.header]
    assert [m.name for m in d.trailer] == [m.name for m in fixt.trailer]
    for msg_type, message in d.messages.items():
        theirs = fixt if message.session else plain
        expected = theirs.messages.get(msg_type) or fixt.messages[msg_type]
        assert [m.name for m in message.members] == [m.name for m in expected.members]
    assert plain.messages.keys() <= d.messages.keys()
    assert 1128 in d.members("D")
    assert 1137 in d.members("A")


def test_the_same_by_transport() -> None:
    named, given = load_dictionary("FIX.4.4+FIXT.1.1"), load_dictionary("FIX.4.4", transport="FIXT.1.1")
    assert [*named.messages.values()] == [*given.messages.values()]
    assert (named.header, named.version) == (given.header, given.version)
    assert load_dictionary("fix44+fixt11") is named


def test_only_one_transport() -> None:
    for source, transport in (("FIX.4.4+FIXT.1.1", "FIXT.1.1"), ("FIX.4.4+FIXT.1.1+FIXT.1.1", None)):
        with pytest.raises(DictionaryError, match="one transport at most"):
            load_dictionary(source, transport=transport)


def test_an_order_of_fix_4_4_over_fixt_is_right() -> None:
    data = ff.encode("FIX.5.0SP2", "D", [(1128, "6"), *HEAD, *ORDER])
    m = ff.parse(data, validate=True)
    assert m.dictionary is load_dictionary("FIX.4.4+FIXT.1.1")
    logon = ff.encode("FIX.5.0SP2", "A", [*HEAD, (98, 0), (108, 30), (1137, "6")])
    assert ff.parse(logon, validate=True).fault is None


def test_a_version_with_both_an_overlay_and_a_transport() -> None:
    d = load_dictionary("FIX.4.2+FIXT.1.1+auth")
    assert d.begin_string == "FIXT.1.1"
    assert d.messages["BE"].name == "UserRequest"
    assert {553, 554, 925, 1137} <= d.members("A").keys()
    reverse = load_dictionary("FIX.4.2+auth+FIXT.1.1")
    assert [*d.messages.values()] == [*reverse.messages.values()]


# --- the files ---------------------------------------------------------------------------------------------


def test_what_lies_in_the_folder_is_what_there_is(tmp_path: Path) -> None:
    for name in ("FIX44.xml", "FIX50SP3.xml", "FIXT12.xml"):
        (tmp_path / name).touch()
    assert versions_in(tmp_path) == {"FIX.4.4": "FIX44", "FIX.5.0SP3": "FIX50SP3", "FIXT.1.2": "FIXT12"}
    (tmp_path / "FIXED.xml").touch()
    with pytest.raises(DictionaryError, match=r"FIXED\.xml"):
        versions_in(tmp_path)


def test_the_names_are_those_of_the_files() -> None:
    assert versions_in(SPEC_DIR) == dict(VERSIONS)
    assert all(load_dictionary(version).version == version for version in VERSIONS)
