"""`fixfast decode` as its users run it: files, pipes, terminals, damage."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")
FIXFAST = [sys.executable, "-m", "fixfast"]

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="no ../shared/corpora; FIXFAST_CORPORA names another folder")


def message(text: str) -> bytes:
    body = text.replace("|", "\x01").encode() + b"\x01"
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


LOGON = message("35=A|49=ME|56=YOU|34=1|52=20240101-00:00:00.000|98=0|108=30|553=user|554=hunter2|95=7|96=CANARY7")
ORDER = message("35=D|49=ME|56=YOU|34=2|52=20240101-00:00:01.000|11=id-1|55=EUR/USD|54=1|38=100|40=2|44=1.5")
BOOK = message(
    "35=X|49=ME|56=YOU|34=3|52=20240101-00:00:02|268=2|279=0|269=0|55=EUR/USD|270=1.1|279=1|269=1|55=EUR/USD|270=1.2"
)


def run(*args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*FIXFAST, "decode", *args], input=stdin, capture_output=True, timeout=120, env={**os.environ, **(env or {})}
    )


def rows(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_messages_are_shown_with_names_and_meanings() -> None:
    done = run(stdin=b"IN " + ORDER + b"\nIN " + BOOK)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    for part in ("@3", "NewOrderSingle (D)", "ME -> YOU", "seq 2", "20240101-00:00:01.000", "Side", "BUY", "EUR/USD"):
        assert part in text
    for part in ("MarketDataIncrementalRefresh (X)", "MDEntryPx", "1.2"):
        assert part in text
    assert b"2 messages: 1 D NewOrderSingle, 1 X MarketDataIncrementalRefresh; 0 garbled" in done.stderr
    assert b"\x1b" not in done.stdout, "no colours but on a terminal"
    assert b"\x01" not in done.stdout


@pytest.mark.parametrize("options", [(), ("--json",), ("--plain",)])
@pytest.mark.parametrize("damage", [False, True])
def test_secrets_are_masked(options: Sequence[str], damage: bool) -> None:
    """C8, in whole messages and in garbled ones."""
    raw = LOGON.replace(b"108=30", b"108=31") if damage else LOGON
    for log in (raw, raw.replace(b"\x01", b"|"), raw.replace(b"\x01", b"^A"), raw[:-20]):
        done = run(*options, stdin=log + b"\n")
        for secret in (b"hunter2", b"CANARY7"):
            assert secret not in done.stdout
            assert secret not in done.stderr
        assert b"user" in done.stdout


def test_json_is_one_object_per_line() -> None:
    bad = ORDER.replace(b"EUR", b"GBP")
    done = run("--json", stdin=b"> " + ORDER + b"\n" + bad + b"\n" + BOOK + b"\n" + ORDER[:30])
    first, garbled, book, cut = rows(done.stdout)
    assert first["offset"] == 2
    assert first["msg_type"] == "D"
    assert first["name"] == "NewOrderSingle"
    assert first["prefix"] == "> "
    assert "id-1" in json.dumps(first["message"])
    assert garbled["offset"] == len(ORDER) + 3
    assert garbled["garbled"] == "CheckSum is wrong"
    assert json.dumps(book["message"]).count("EUR/USD") == 2
    assert "not complete" in str(cut["garbled"])
    assert b"2 messages: 1 D NewOrderSingle, 1 X MarketDataIncrementalRefresh; 2 garbled" in done.stderr
    assert done.returncode == 0


def test_garbled_messages_are_shown_and_counted() -> None:
    done = run(stdin=ORDER.replace(b"38=100", b"38=101"))
    assert b"@0  GARBLED: CheckSum is wrong" in done.stdout
    assert b"35=D|49=ME" in done.stdout
    assert b"0 messages; 1 garbled" in done.stderr
    assert done.returncode == 1


def test_a_log_without_fix_says_so() -> None:
    done = run(stdin=b"nothing to see here\n")
    assert done.stdout == b""
    assert done.stderr == b"no FIX message found in 20 bytes\n"
    assert done.returncode == 1


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    done = run(str(tmp_path / "nowhere.log"))
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [f"fixfast decode: {tmp_path}/nowhere.log: No such file or directory"]


def test_a_directory_and_a_wrong_dictionary_are_one_line(tmp_path: Path) -> None:
    for args in ((str(tmp_path),), ("--dictionary", "FIX.9.9", "-"), ("--dictionary", str(tmp_path / "x.xml"), "-")):
        done = run(*args)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_control_bytes_never_reach_the_output() -> None:
    """C9: a peer writes escape sequences and line breaks into its texts."""
    evil = message("35=B|49=M\x1b[2JE|56=YOU|34=2|148=\x1b]0;owned\x07|58=a\nb\r\x7f\x08c|142=\x9b31m")
    for log in (evil, evil[:-9] + b"1" + evil[-8:], evil.replace(b"\x01", b"^A")):
        for options in ((), ("--json",)):
            done = run(*options, stdin=log)
            for line in done.stdout.decode().splitlines():
                assert line.isprintable(), line
            assert "\u009b" not in done.stdout.decode()


def test_bytes_that_are_no_text_are_shown_whatever_the_encoding() -> None:
    odd = message("35=B|49=ME|56=YOU|34=2|148=x").replace(b"148=x", b"148=\xff")
    odd = odd[:-4] + b"%03d\x01" % (sum(odd[:-7]) % 256)
    for env in ({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"}, {}):
        for options in ((), ("--json",)):
            done = run(*options, stdin=odd, env=env)
            assert done.returncode == 0, done.stderr
            assert b"Traceback" not in done.stderr


def test_limit_stops_early() -> None:
    done = run("--json", "--limit", "2", stdin=ORDER * 5)
    assert len(rows(done.stdout)) == 2
    assert b"2 messages" in done.stderr


def test_a_dictionary_can_be_named() -> None:
    done = run("--dictionary", "FIX.4.2", stdin=ORDER)
    assert b"NewOrderSingle" in done.stdout
    assert done.returncode == 0


@posix
def test_a_pipe_is_read_as_it_fills() -> None:
    """The first message is out before the second is in."""
    with subprocess.Popen(
        [*FIXFAST, "decode", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for raw in (ORDER, BOOK, ORDER):
            child.stdin.write(raw)
            child.stdin.flush()
            assert json.loads(child.stdout.readline())["offset"] >= 0
        child.stdin.close()
        assert child.wait(30) == 0


@posix
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_bytes(ORDER * 5000)
    command = f"'{sys.executable}' -m fixfast decode '{log}' | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60)
    assert done.stdout.startswith(b"@0")
    assert done.stderr == b""


@posix
def test_a_terminal_gets_colours(tmp_path: Path) -> None:
    import pty

    log = tmp_path / "x.log"
    log.write_bytes(ORDER + ORDER.replace(b"EUR", b"GBP"))
    for options, coloured in (((), True), (("--plain",), False), (("--json",), False)):
        ours, theirs = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
        env.pop("NO_COLOR", None)
        with subprocess.Popen(
            [*FIXFAST, "decode", str(log), *options], stdout=theirs, stderr=subprocess.DEVNULL, env=env
        ) as child:
            os.close(theirs)
            shown = b""
            try:
                while piece := os.read(ours, 4096):
                    shown += piece
            except OSError:  # Linux: the other side is closed
                pass
            os.close(ours)
            child.wait(30)
        assert (b"\x1b[" in shown) is coloured
        assert b"NewOrderSingle" in shown


@corpora
@pytest.mark.parametrize("options", [("--json",), ()])
def test_the_corpora(options: Sequence[str]) -> None:
    start = time.monotonic()
    done = run(*options, str(CORPORA / "fix50-marketdata.fix"))
    assert time.monotonic() - start < 30
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "13,888 messages: 11,365 X MarketDataIncrementalRefresh, 2,523 0 Heartbeat; 0 garbled\n"
    )
    if options:
        assert len(rows(done.stdout)) == 13_888
    done = run(*options, str(CORPORA / "fix50-orders.fix"))
    assert done.stderr.decode().startswith("65 messages: 18 0 Heartbeat, 16 A Logon, 15 D NewOrderSingle")


def test_without_click_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from fixfast import MissingExtra\n"
        "from fixfast.cli.decode import build\n"
        "try: build()\n"
        "except MissingExtra as exc: print(exc)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "fixfast decode needs an extra: pip install 'fixfast[cli]'\n"


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "wire-20260105-220000-000.log.gz"
    path.write_bytes(gzip.compress(b"IN " + ORDER + b"\nIN " + LOGON))
    done = run("--json", str(path))
    assert done.returncode == 0, done.stderr
    assert len(rows(done.stdout)) == 2
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    done = run(str(path))
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 2)
    path.write_bytes(b"no gzip")
    done = run(str(path))
    assert done.returncode == 2
    assert b"Not a gzipped file" in done.stderr
    assert b"Traceback" not in done.stderr
