"""`fixfast journal` as its users run it: on live journals, whole ones, torn ones and damaged ones."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fixfast as ff

FIXFAST = [sys.executable, "-m", "fixfast"]
ID = ff.SessionID("FIX.4.4", "A", "B")
WALL = 1_767_614_400_000_000_000


def run(*args: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*FIXFAST, "journal", *map(str, args)], capture_output=True, timeout=120)


def out(*args: object, status: int = 0) -> str:
    done = run(*args)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode()


def order(n: int, text: str = "x") -> bytes:
    return bytes(ff.encode("FIX.4.4", "D", [(34, n), (49, "A"), (56, "B"), (52, "20260105-11:59:59"), (58, text)]))


def store(path: Path, **options: object) -> ff.JournalStore:
    return ff.JournalStore(path, session_id=ID, **options)  # type: ignore[arg-type]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a directory with a journal: a former epoch in segments, a current one that waits for its application."""
    kept = store(tmp_path, segment_size=1500)
    for n in range(1, 41):
        kept.append_out(n, order(n), WALL + n * 1_000_000)
        if (due := kept.lease_due) is not None:
            kept.lease(due)
    kept.reset("day\x1b[31m")
    kept.append_out(1, ff.encode("FIX.4.4", "A", [(34, 1), (554, "hunter2"), (96, "CANARY")]), WALL)
    kept.append_out(2, order(2, "esc\x1b[31m"), WALL + 1_000_000)
    kept.append_in(1, 2, order(1, "in one") + order(2, "in two"))
    kept.append_in(3, 3, b"not FIX\x01\x1b")
    kept.close()
    return tmp_path


def test_messages_are_shown_with_what_a_person_needs(journal: Path) -> None:
    lines = out("show", journal).splitlines()
    assert lines[0].endswith("epoch 2")
    logon, sent, one, two, odd = lines[1:]
    assert logon.split()[:3] == ["out", "1", "20260105-12:00:00.000000"]
    assert sent.split()[:4] == ["out", "2", "20260105-12:00:00.001000", "D"]
    assert sent.split()[4].startswith("8=FIX.4.4|9=")
    assert one.split()[:4] == ["in", "1", "-", "D"]
    assert "in two" in two
    assert "not FIX|" in odd


def test_C9_SC9_control_bytes_never_reach_the_terminal(journal: Path) -> None:
    for args in (["show", journal], ["show", journal, "--state"], ["show", journal, "--records"]):
        done = run(*args)
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"\x01" not in done.stdout
    assert "\\x1b[31m" in out("show", journal)


def test_C8_no_secret_is_shown_or_exported(journal: Path) -> None:
    for args in (["show"], ["show", "--records"], ["show", "--state"], ["export"], ["export", "--json"], ["verify"]):
        done = run(args[0], journal, *args[1:])
        for secret in (b"hunter2", b"CANARY"):
            assert secret not in done.stdout + done.stderr
    assert "554=***" in out("show", journal)


def test_messages_are_chosen_by_number_direction_and_epoch(journal: Path) -> None:
    assert [line.split()[:2] for line in out("show", journal, "--direction", "in", "--from", "2").splitlines()[1:]] == [
        ["in", "2"],
        ["in", "3"],
    ]
    text = out("show", journal, "--epoch", "1", "--from", "7", "--to", "30")
    assert [int(line.split()[1]) for line in text.splitlines()[1:]] == list(range(7, 31))
    done = run("show", journal, "--epoch", "7")
    assert done.returncode == 2
    assert b"there are 1, 2" in done.stderr


def test_the_state_is_told_to_people_and_to_programs(journal: Path) -> None:
    text = out("show", journal, "--state")
    for part in ("epoch       2", "kept: 1, 2", "NOUT        3", "NIN         1", "pending     2: 1..2, 3", "yes"):
        assert part in text
    found = json.loads(out("show", journal, "--state", "--json"))
    assert found["next_out"] == 3
    assert (found["next_in"], found["received"], found["pending"]) == (1, 4, [[1, 2], [3, 3]])
    assert found["why"].startswith("day")
    assert len(found["segments"]) == 1
    assert len(json.loads(out("show", journal, "--state", "--json", "--epoch", "1"))["segments"]) > 2


def test_records_are_shown(journal: Path) -> None:
    text = out("show", journal, "--records", "--epoch", "1")
    for kind in ("EPOCH", "OUT", "LEASE", "SYNCED", "SEGMENT"):
        assert kind in text


def test_a_running_session_does_not_mind_and_a_torn_tail_is_no_damage(tmp_path: Path) -> None:
    live = store(tmp_path, segment_size=1500)
    for n in range(1, 31):
        live.append_out(n, order(n), WALL)
        if (due := live.lease_due) is not None:
            live.lease(due)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(out("show", tmp_path).splitlines()) == 31
    assert "OK" in out("verify", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with open(live.path, "r+b") as file:  # a record that is being written
        file.seek(live._log.position - live._log.base)  # type: ignore[union-attr]
        file.write(b"\x40\0\0\0\x01")
    assert len(out("show", tmp_path).splitlines()) == 31
    text = out("verify", tmp_path)
    assert "never synced" in text
    assert "OK" in text
    live.append_out(31, order(31), WALL)
    assert len(out("show", tmp_path).splitlines()) == 32
    live.close()


@pytest.mark.parametrize("which", ["segment", "archive", "current"])
def test_B5_11_damage_is_named_and_ends_with_status_1(journal: Path, which: str) -> None:
    names = {
        "segment": next(iter(sorted(journal.glob("*.1.2.segment")))),
        "archive": next(iter(sorted(journal.glob("*.1.journal")))),
        "current": next(path for path in journal.glob("*.journal") if not path.name.endswith(".1.journal")),
    }
    path = names[which]
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if which == "segment" else 160] ^= 4
    path.write_bytes(data)
    done = run("verify", journal)
    assert done.returncode == 1
    text = done.stdout.decode()
    assert f"DAMAGED {path} at byte " in text
    assert 0 < int(text.split(f"DAMAGED {path} at byte ")[1].split(":")[0]) <= len(data) // 2
    shown = run("show", journal, "--epoch", "2" if which == "current" else "1")
    assert shown.returncode == 1
    assert str(path).encode() in shown.stderr


def test_T10_a_lost_segment_is_named(journal: Path) -> None:
    lost = next(iter(journal.glob("*.1.2.segment")))
    lost.unlink()
    done = run("verify", journal)
    assert done.returncode == 1
    assert f"DAMAGED {lost} at byte 0: this segment is gone" in done.stdout.decode()


def test_an_export_is_a_log(journal: Path, tmp_path: Path) -> None:
    raw = run("export", journal, "--epoch", "1").stdout
    assert raw == b"".join(order(n) + b"\n" for n in range(1, 41))
    decoded = subprocess.run([*FIXFAST, "decode", "--json"], input=raw, capture_output=True, timeout=60)
    assert len(decoded.stdout.splitlines()) == 40
    line = run("export", journal, "--timestamps", "--direction", "in", "--to", "1").stdout
    assert line == b"20260105-11:59:59 IN  " + order(1, "in one") + b"\n"
    row = json.loads(run("export", journal, "--json", "--direction", "out", "--from", "2").stdout)
    assert (row["epoch"], row["direction"], row["number"], row["time_ns"]) == (2, "out", 2, WALL + 1_000_000)
    assert row["raw"].encode("latin-1") == order(2, "esc\x1b[31m")


def test_SC10_an_exported_file_is_private(journal: Path, tmp_path: Path) -> None:
    target = tmp_path / "day.log"
    assert run("export", journal, "--output", target).returncode == 0
    assert len(target.read_bytes().splitlines()) == 5
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_directory_may_hold_many_journals(journal: Path) -> None:
    other = ff.JournalStore(journal, session_id=ff.SessionID("FIX.4.4", "C", "D"))
    other.close()
    text = out("verify", journal)
    assert text.count("OK") == 2
    done = run("export", journal)
    assert done.returncode == 2
    assert b"2 journals" in done.stderr
    assert run("export", other.path).returncode == 0


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_what_is_not_there_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "x.journal").write_bytes(b"no journal at all" * 20)
    for path, status in ((tmp_path / "nothing", 2), (tmp_path / "x.journal", 1)):
        done = run(command, path)
        assert done.returncode == status
        assert len((done.stderr or done.stdout.splitlines()[-1]).splitlines()) == 1
        assert b"Traceback" not in done.stderr
    (tmp_path / "empty").mkdir()
    assert b"no journal in this directory" in run(command, tmp_path / "empty").stderr


def test_a_reader_that_leaves_is_no_error(journal: Path) -> None:
    command = f"{sys.executable} -m fixfast journal show {journal} --epoch 1 | head -2"
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == b""
