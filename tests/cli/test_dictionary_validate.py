"""`fixfast dictionary validate`: faults of a log counted, their first lines told, their values never."""

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
from tests.dictionary.broker import edited, field, member

CORPORA = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")
HEAD = "|49=ME|56=YOU|34=2|52=20240101-00:00:01.000|"
ORDER = f"35=D{HEAD}11=id-1|21=1|55=EUR/USD|54=1|60=20240101-00:00:01|38=100|40=2|44=1.5"


def message(text: str) -> bytes:
    body = text.replace("|", "\x01").encode() + b"\x01"
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


def run(*args: str, log: bytes = b"") -> Result:
    return CliRunner().invoke(build(), ["validate", *args], input=log, catch_exceptions=False)


def result(log: bytes, *args: str, dictionary: str = "FIX.4.4", status: int = 1) -> Any:
    done = run(dictionary, "-", "--json", *args, log=log)
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def faults(row: Any) -> list[tuple[str, int, int | None, int, int]]:
    return [(one["msg_type"], one["reason"], one["tag"], one["count"], one["line"]) for one in row["faults"]]


def test_a_clean_log_ends_with_0() -> None:
    done = run("FIX.4.4", "-", log=message(ORDER) + b"\n")
    assert done.exit_code == 0
    assert done.stdout == "-: 1 message, 0 at fault by FIX.4.4\n"


def test_faults_are_counted_by_message_reason_and_tag() -> None:
    strange, bad_side, short = ORDER + "|999=x", ORDER.replace("54=1", "54=Q"), ORDER.replace("|11=id-1", "")
    lines = [ORDER, strange, ORDER, bad_side, strange, short, f"35=ZZ{HEAD}58=a"]
    row = result(b"".join(b"in " + message(line) + b"\n" for line in lines))
    assert faults(row) == [("D", 0, 999, 2, 2), ("D", 5, 54, 1, 4), ("D", 1, 11, 1, 6), ("ZZ", 11, None, 1, 7)]
    assert row["messages"] == {"D": 6, "ZZ": 1}
    assert row["faulty"] == {"D": 4, "ZZ": 1}
    assert row["ok"] is False
    assert row["faults"][1]["field"] == "Side"


def test_the_table_is_for_people() -> None:
    text = run("FIX.4.4", "-", log=b"\n" * 41 + message(ORDER.replace("54=1", "54=Q")) + b"\n").stdout
    assert text == (
        "-: 1 message, 1 at fault by FIX.4.4\n"
        "\n"
        "NewOrderSingle (D): 1 of 1 at fault\n"
        "   count  first line  reason    tag\n"
        "       1          42       5     54  Side: Value is incorrect (out of range) for this tag\n"
    )


def test_lines_are_counted_across_reads(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_bytes((message(ORDER) + b"\n") * 2000 + b"noise\n\n" + message(ORDER + "|999=x") + b"\n")
    done = run("FIX.4.4", str(log), "--json")
    assert faults(json.loads(done.stdout)) == [("D", 0, 999, 1, 2003)]
    assert json.loads(done.stdout)["faults"][0]["offset"] == 2000 * (len(message(ORDER)) + 1) + 7


def test_garbled_messages_are_counted_and_are_no_success() -> None:
    row = result(b"\n" + message(ORDER).replace(b"38=100", b"38=101") + b"\n" + message(ORDER))
    assert row["garbled"] == {"count": 1, "line": 2}
    assert row["faults"] == []


def test_a_log_without_messages_says_so() -> None:
    done = run("FIX.4.4", "-", log=b"nothing here\n")
    assert (done.exit_code, done.stdout) == (1, "-: no FIX message in 13 bytes\n")


@pytest.mark.parametrize(
    ("text", "switch"),
    [
        (ORDER + "|999=x", "--no-unknown-tags"),
        (ORDER + "|6001=x", "--no-user-defined-tags"),
        (ORDER.replace("54=1", "54=Q"), "--no-codes"),
        (ORDER.replace("54=1", "54=Q"), "--structure"),
        (ORDER.replace("38=100", "38=1e2"), "--structure"),
        (ORDER + "|58=", "--no-empty"),
        (ORDER + "|50=me", "--no-order"),
    ],
)
def test_switches_are_those_of_validation(text: str, switch: str) -> None:
    assert len(faults(result(message(text)))) == 1
    assert faults(result(message(text), switch, status=0)) == []


def test_xml_is_checked_when_asked() -> None:
    log = message(ORDER.replace("|11=id-1", "|212=4|213=<a>x|11=id-1"))
    assert faults(result(log, dictionary="FIX.5.0SP2", status=0)) == []
    assert faults(result(log, "--xml", dictionary="FIX.5.0SP2")) == [("D", 12, 213, 1, 1)]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_value_is_ever_shown(options: tuple[str, ...]) -> None:
    """C8: what a log holds may be secret, in the right field or in a wrong one."""
    logon = f"35=A{HEAD}98=0|108=30|553=user|554=CANARY1|95=7|96=CANARY2|9999=CANARY3|141=CANARY4"
    for log in (message(logon), message(logon.replace("9999=", "108=")), message(logon).replace(b"10=", b"10=9")):
        done = run("FIX.4.4", "-", *options, log=log)
        assert done.exit_code == 1
        assert "CANARY" not in done.output


def test_a_hostile_type_is_shown_without_control_bytes() -> None:
    done = run("FIX.4.4", "-", log=message(f"35=\x1b[2J{HEAD}58=x"))
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert "\\x1b[2J" in done.stdout


def test_a_brokers_file_judges_its_own(tmp_path: Path) -> None:
    note = member("NewOrderSingle", '<field name="BrokerNote" required="Y"/>', "FIX44")
    broker = edited(tmp_path, field(6001, "BrokerNote"), note, spec="FIX44")
    log = message(ORDER) + message(ORDER + "|6001=x")
    assert faults(result(log, dictionary=str(broker))) == [("D", 1, 6001, 1, 1)]
    assert faults(result(log)) == [("D", 0, 6001, 1, 1)]


@pytest.mark.parametrize("args", [("FIX.9.9", "-"), ("FIX.4.4", "nowhere.log"), ("FIX.4.4", ".")])
def test_what_cannot_be_read_is_one_line(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("fixfast dictionary: ")


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
def test_a_pipe_will_do() -> None:
    command = f"printf '{ORDER.replace('|', '@')}' | '{sys.executable}' -m fixfast dictionary validate FIX.4.4 -"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no FIX message" in done.stdout


@pytest.mark.skipif(not CORPORA.is_dir(), reason="no ../shared/corpora; FIXFAST_CORPORA names another folder")
def test_the_corpus_of_orders_is_valid() -> None:
    done = run("FIX.5.0SP2", str(CORPORA / "fix50-orders.fix"))
    assert done.exit_code == 0, done.output
