"""`fixfast dictionary` as its users run it: versions, a broker's file, mistakes, pipes and narrow terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fixfast.cli.dictionary import build
from fixfast.dictionary.load import VERSIONS
from tests.dictionary.broker import edited, field, member

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
NOTE = '<field name="BrokerNote" required="Y"/>'
CHANGES = (
    field(5001, "BrokerNote"),
    member("NewOrderSingle", NOTE),
    ('<value enum="1" description="BUY"/>', '<value enum="BS" description="BUY"/>'),
)


def run(*args: str) -> Result:
    return CliRunner().invoke(build(), args, catch_exceptions=False)


def good(*args: str, status: int = 0) -> str:
    done = run(*args)
    assert done.exit_code == status, done.output
    assert done.stderr == ""
    return done.stdout


def as_json(*args: str, status: int = 0) -> Any:
    return json.loads(good(*args, "--json", status=status))


def refused(*args: str) -> str:
    """Return the one line with which a command ends that cannot do what it was asked."""
    done = run(*args)
    assert done.exit_code == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("fixfast dictionary: ")
    return line.removeprefix("fixfast dictionary: ")


@pytest.fixture
def broker(tmp_path: Path) -> str:
    return str(edited(tmp_path, *CHANGES))


# --- show ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_overview_lists_every_message(version: str) -> None:
    text = good("show", version)
    assert text.startswith(version)
    lines = [line.split() for line in text.splitlines() if line.startswith("  ")]
    assert len(lines) == sum(len(rows) for rows in as_json("show", version)["messages"].values())
    assert ["A", "Logon"] in [line[:2] for line in lines]


def test_a_message_is_shown_as_a_tree() -> None:
    text = good("show", "FIX.4.4", "NewOrderSingle")
    assert text == good("show", "FIX.4.4", "D")
    lines = text.splitlines()
    assert lines[0] == "NewOrderSingle (D), application message of FIX.4.4"
    places = {line[:7] + line[7:].split("  ")[0] for line in lines}
    assert "*  11  ClOrdID" in places
    indents = {line.split()[1]: line.index(line.split()[1]) for line in lines[3:] if line.split()[0].isdigit()}
    assert indents["ClOrdLinkID"] + 2 == indents["NoPartyIDs"] == indents["PartyID"] - 2


def test_components_header_and_trailer_are_shown() -> None:
    assert good("show", "FIX.4.4", "Parties").startswith("Parties of FIX.4.4\n* required\n\n  453  NoPartyIDs ")
    assert good("show", "FIX.4.4", "header").startswith("the header of FIX.4.4\n* required\n\n*   8  BeginString ")
    assert "CheckSum" in good("show", "FIX.4.4", "trailer")
    assert "no members" in good("show", "FIX.4.4", "n")


def test_depth_keeps_a_tree_short() -> None:
    assert "NoPartyIDs" not in good("show", "FIX.4.4", "D", "--depth", "0")
    assert "PartyID " not in good("show", "FIX.4.4", "D", "--depth", "1")


def test_a_tree_is_one_json_object() -> None:
    row = as_json("show", "FIX.4.4", "D")
    assert (row["kind"], row["name"], row["msg_type"], row["version"]) == ("message", "NewOrderSingle", "D", "FIX.4.4")
    assert row["members"][0]["name"] == "ClOrdID"


@pytest.mark.parametrize(
    "args", [("FIX.4.4",), ("FIX.4.4", "D"), ("FIX.4.4", "8"), ("FIX.4.2", "D"), ("FIXT.1.1", "A")]
)
def test_what_is_shown_fits_a_narrow_terminal(args: tuple[str, ...]) -> None:
    assert [line for line in good("show", *args).splitlines() if len(line) > 80] == []


# --- field --------------------------------------------------------------------------------------------------


def test_a_field_is_shown_with_codes_and_uses() -> None:
    text = good("field", "FIX.4.4", "54")
    assert text == good("field", "FIX.4.4", "side")
    lines = text.splitlines()
    assert lines[0] == "54  Side"
    assert lines[1] == "type  CHAR: one character"
    assert "  1  BUY" in lines
    assert any(line.startswith("* D   NewOrderSingle") for line in lines)
    assert any(line.startswith("* s   NewOrderCross ") and "in NoSides" in line for line in lines)


def test_a_data_field_names_its_length() -> None:
    assert "its length is RawDataLength (95)" in good("field", "FIX.4.4", "RawData")
    assert "the length of RawData (96)" in good("field", "FIX.4.4", "95")
    assert as_json("field", "FIX.4.4", "96")["length"] == 95
    assert as_json("field", "FIX.4.4", "95")["length_of"] == 96


def test_a_field_is_one_json_object() -> None:
    row = as_json("field", "FIX.4.4", "Side")
    assert row["tag"] == 54
    assert row["codes"]["1"] == "BUY"
    assert {"kind": "message", "name": "NewOrderSingle", "msg_type": "D", "groups": [], "required": True} in row[
        "used_in"
    ]


def test_a_field_that_nobody_uses_says_so() -> None:
    assert "used in no message" in good("field", "FIX.4.2", "24")


# --- diff ---------------------------------------------------------------------------------------------------


def test_equal_dictionaries_end_with_0() -> None:
    assert "no difference" in good("diff", "FIX.4.4", "FIX44")
    assert as_json("diff", "FIX.4.4", "FIX.4.4")["equal"] is True


def test_what_a_broker_changed_ends_with_1(broker: str) -> None:
    text = good("diff", "FIX.4.2", broker, status=1)
    lines = text.splitlines()
    assert "  + 5001  BrokerNote  STRING" in lines
    assert "      + BS  BUY" in lines
    assert "      - 1  BUY" in lines
    place = lines.index("  NewOrderSingle (D)")
    assert lines[place + 1] == "    + BrokerNote (5001): required"
    assert lines[-1] == "fields: 1 added, 1 changed; messages: 1 changed"
    row = as_json("diff", "FIX.4.2", broker, status=1)
    assert row["fields"]["added"][0]["name"] == "BrokerNote"


def test_a_change_in_many_messages_is_said_once() -> None:
    text = good("diff", "FIX.4.3", "FIX.4.4", status=1)
    assert "and " in text
    assert text.count("NoPartyIDs > NoPartySubIDs (802): optional group") < 5


def test_names_alone_may_be_left_out(tmp_path: Path) -> None:
    path = str(edited(tmp_path, ('description="BUY"', 'description="BUYING"')))
    good("diff", "FIX.4.2", path, status=1)
    assert "no difference" in good("diff", "FIX.4.2", path, "--no-names")


# --- check --------------------------------------------------------------------------------------------------


def test_the_standard_is_clean_and_all_shows_its_oddities() -> None:
    for name in ("FIX.4.4", "FIX.5.0SP2", "FIXT.1.1", "FIX.4.4+FIXT.1.1"):
        assert "nothing looks wrong" in good("check", name)
    assert "delimiter" in good("check", "FIX.4.4", "--all")


def test_warnings_end_with_1(broker: str) -> None:
    text = good("check", broker, status=1)
    assert "1 warning" in text
    assert "CHAR: 'BS'" in text
    row = as_json("check", broker, status=1)
    assert row["ok"] is False
    assert [one["rule"] for one in row["remarks"] if not one["standard"]] == ["code-type"]


def test_notes_alone_end_with_0(tmp_path: Path) -> None:
    text = good("check", str(edited(tmp_path, field(5001, "BrokerNote"))))
    assert "1 note" in text
    assert "BrokerNote (5001)" in text


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (('<field name="Account" required="N"/>', '<field name="Acount"/>'), r"unknown field 'Acount'"),
        (('name="Price" type="PRICE"', 'name="Price" type="PRICES"'), "unknown type 'PRICES'"),
        (("<messages>", "<message>"), "not allowed in <fix>"),
        (("</fix>", ""), "not well-formed XML"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path: Path, edit: tuple[str, str], said: str) -> None:
    path = edited(tmp_path, edit)
    line = refused("check", str(path))
    assert said in line
    place = line.removeprefix(str(path))
    assert place.startswith(":")
    number = int(place[1:].split(":")[0].split(" ")[0])
    assert 1 < number <= path.read_text(encoding="utf-8").count("\n") + 1
    assert "<" in place or "not well-formed" in place


def test_a_transport_can_be_given(tmp_path: Path) -> None:
    edits = (
        ("  </header>", '<field name="ExecutionID" required="N"/></header>'),
        field(9999, "ExecutionID"),
    )
    path = str(edited(tmp_path, *edits, spec="FIXT11"))
    assert "ExecutionID" in good("show", "FIX.5.0SP2", "header", "--transport", path)
    assert "ExecutionID" not in good("show", "FIX.5.0SP2", "header")
    assert "ExecutionID" in good("diff", "FIX.5.0SP2", "FIX.5.0SP2", "--transport", path, status=1)


# --- mistakes -----------------------------------------------------------------------------------------------


def test_a_mistyped_message_suggests_the_near_ones() -> None:
    assert "did you mean NewOrderSingle" in refused("show", "FIX.4.4", "NewOrderSignle")


def test_a_tag_that_is_not_there() -> None:
    assert refused("field", "FIX.4.4", "5400") == "no field with tag 5400 in FIX.4.4"


@pytest.mark.parametrize("command", [("show",), ("field", "54"), ("diff", "FIX.4.4"), ("check",)])
def test_a_version_that_is_not_there_names_those_that_are(command: tuple[str, ...]) -> None:
    name, *rest = command
    assert "FIX.4.4" in refused(name, "FIX.9.9", *rest)


def test_a_file_that_is_not_a_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "bot.log"
    path.write_bytes(b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01")
    assert str(path) in refused("show", str(path))
    assert str(tmp_path) in refused("check", str(tmp_path))


def test_control_bytes_in_a_name_never_reach_the_terminal(tmp_path: Path) -> None:
    """C9: XML may say any character by its number."""
    path = str(
        edited(tmp_path, ('<value enum="1" description="BUY"/>', '<value enum="1" description="B&#x9b;31mUY"/>'))
    )
    for text in (
        good("field", path, "54"),
        good("field", path, "54", "--json"),
        good("diff", "FIX.4.2", path, status=1),
    ):
        assert all(line.isprintable() for line in text.splitlines())


ORCHESTRA = """<?xml version="1.0"?>
<fixr:repository xmlns:fixr="http://fixprotocol.io/2020/orchestra/repository" name="Venue" version="FIX.4.4">
  <fixr:datatypes>
    <fixr:datatype name="String"/><fixr:datatype name="char"/><fixr:datatype name="Length"/>
  </fixr:datatypes>
  <fixr:codeSets>
    <fixr:codeSet name="SideCodeSet" id="54" type="char">
      <fixr:code name="Buy" id="54001" value="1"/><fixr:code name="Sell" id="54002" value="2"/>
    </fixr:codeSet>
  </fixr:codeSets>
  <fixr:fields>
    <fixr:field id="8" name="BeginString" type="String"/><fixr:field id="9" name="BodyLength" type="Length"/>
    <fixr:field id="35" name="MsgType" type="String"/><fixr:field id="10" name="CheckSum" type="String"/>
    <fixr:field id="54" name="Side" type="SideCodeSet"/><fixr:field id="5001" name="DeskNote" type="String"/>
  </fixr:fields>
  <fixr:components>
    <fixr:component id="1024" name="StandardHeader"><fixr:fieldRef id="8" presence="required"/>
      <fixr:fieldRef id="9" presence="required"/><fixr:fieldRef id="35" presence="required"/></fixr:component>
    <fixr:component id="1025" name="StandardTrailer"><fixr:fieldRef id="10" presence="required"/></fixr:component>
  </fixr:components>
  <fixr:messages>
    <fixr:message id="14" name="NewOrderSingle" msgType="D"><fixr:structure>
      <fixr:componentRef id="1024"/><fixr:fieldRef id="54" presence="required"/><fixr:fieldRef id="5001"/>
      <fixr:componentRef id="1025"/>
    </fixr:structure></fixr:message>
  </fixr:messages>
</fixr:repository>"""

# --- whatever is a dictionary ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["FIX.4.2+auth", "fix42+auth", "FIX.4.4+FIXT.1.1", "FIX.5.0SP2", "own.toml", "own.xml"]
)
def test_every_command_takes_names_overlays_and_files(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    edited(tmp_path, name="own.xml")
    (tmp_path / "own.toml").write_text(
        'base = "FIX.4.2"\n[fields.Note]\ntag = 5001\ntype = "STRING"\n', encoding="utf-8"
    )
    log = tmp_path / "empty.log"
    log.write_bytes(b"")
    assert "Logon" in good("show", source)
    assert "HeartBtInt" in good("show", source, "Logon")
    assert "BUY" in good("field", source, "54")
    assert "no difference" in good("diff", source, source)
    assert good("check", source)
    assert "no FIX message" in good("validate", source, str(log), status=1)


def test_orchestra_is_a_dictionary_too(tmp_path: Path) -> None:
    path = tmp_path / "venue.xml"
    path.write_text(ORCHESTRA, encoding="utf-8")
    assert "*   54  Side              CHAR, 2 codes" in good("show", str(path), "D").splitlines()
    assert "  1  BUY" in good("field", str(path), "Side").upper().splitlines()
    rules = [one["rule"] for one in as_json("check", str(path), status=1)["remarks"] if not one["standard"]]
    assert rules == ["header"] * 4 + ["session-messages"] * 7
    path.write_text(ORCHESTRA.replace('fieldRef id="5001"', 'fieldRef id="5002"'), encoding="utf-8")
    line = refused("check", str(path))
    before = ORCHESTRA.partition('<fixr:fieldRef id="5001"')[0]
    assert line.startswith(f"{path}:{1 + before.count(chr(10))} <fieldRef>: ")


def test_an_overlay_that_is_wrong_names_its_key(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('base = "FIX.4.2"\n[messages.NewOrderSingle]\nadd = ["Nonsense"]\n', encoding="utf-8")
    line = refused("check", str(path))
    assert str(path) in line
    assert "Nonsense" in line
    assert "auth" in refused("show", "FIX.4.2+aut")


# --- the installed command -----------------------------------------------------------------------------------


def fixfast(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fixfast", "dictionary", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **env})


def test_the_installed_command(broker: str) -> None:
    done = fixfast("show", "FIX.4.4", "D", COLUMNS="40")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == good("show", "FIX.4.4", "D"), "piped: no colours, no wrapping"
    assert fixfast("diff", "FIX.4.2", broker).returncode == 1
    assert fixfast("show", "FIX.4.4", "Nonsense").returncode == 2


def test_help_says_what_there_is() -> None:
    text = good("--help")
    for name in ("show", "field", "diff", "check"):
        assert f"fixfast dictionary {name} " in text
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "..." not in text.partition("Commands:")[2], "no summary is cut"


def test_any_encoding_will_do(tmp_path: Path) -> None:
    path = str(edited(tmp_path, ('<value enum="1" description="BUY"/>', '<value enum="1" description="KÄUFE"/>')))
    done = fixfast("field", path, "54", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "K\\xc4UFE" in done.stdout


@posix
def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"'{sys.executable}' -m fixfast dictionary diff FIX.4.2 FIX.5.0SP2 | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout == "- FIX.4.2: 405 fields, 46 messages, 0 components\n"
    assert done.stderr == ""
