"""The files of a wire log: rotated, compressed, thinned out, private, written beside the loop, and never in its way."""

from __future__ import annotations

import gzip
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast import clock
from fixfast.engine.observing.wirefile import Archive, LogFile, Rotation
from fixfast.logs.reader import LogItem, LogReader
from tests.engine.harness import EAGER, Notes, news, run, them, to, until, us

ROOT = Path(__file__).resolve().parents[2]
SECOND = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


class Hand:
    """Fixfast's wall clock, set by hand."""

    def __init__(self, text: str) -> None:
        self.wall_ns = at(text)

    def now(self) -> ff.Now:
        return ff.Now(0, self.wall_ns)


def write(log: ff.WireLog, *texts: str) -> None:
    for text in texts:
        log.note(us().session_id, text)
    assert log.flush()


# --- rotation ------------------------------------------------------------------------------------------------


def test_a_full_file_is_rotated_and_compressed_and_no_line_is_lost(tmp_path: Path) -> None:
    with ff.WireLog(tmp_path / "wire.log", max_size=4096) as log:
        write(log, *(f"{i:04d} {'x' * 100}" for i in range(200)))
    names = files(tmp_path)
    assert len(names) > 5
    assert all(name.endswith(".log.gz") for name in names if name != "wire.log")
    lines = [line for name in names for line in text_of(tmp_path / name).splitlines()]
    assert [line.split(" = ")[1][:4] for line in lines] == [f"{i:04d}" for i in range(200)], "in order of the names"
    sizes = [len(text_of(tmp_path / name)) for name in names]
    assert max(sizes) <= 4096
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names} == {0o600}


def test_a_day_ends_by_the_clock_of_its_zone() -> None:
    newyork = Rotation(daily="17:00", tz="America/New_York")
    assert newyork.boundaries(at("2026-01-05 21:59:59")) == (at("2026-01-04 22:00"), at("2026-01-05 22:00"))
    assert newyork.boundaries(at("2026-01-05 22:00")) == (at("2026-01-05 22:00"), at("2026-01-06 22:00"))
    assert newyork.boundaries(at("2026-03-08 12:00"))[1] == at("2026-03-08 21:00"), "summer time began"
    assert Rotation().boundaries(at("2026-03-08 12:00")) == (0, 1 << 63)


def test_each_day_has_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand("2026-01-05 21:00")
    monkeypatch.setattr(clock, "now", hand.now)
    with ff.WireLog(tmp_path / "wire.log", daily="17:00", tz="America/New_York", compress=False) as log:
        write(log, "monday")
        hand.wall_ns = at("2026-01-05 22:00")
        write(log, "tuesday begins")
        hand.wall_ns = at("2026-01-06 21:59:59")
        write(log, "still tuesday")
        hand.wall_ns = at("2026-01-09 10:00")
        write(log, "friday")
    rotated = ["wire-20260105-220000-000.log", "wire-20260109-100000-000.log"]
    assert files(tmp_path) == [*rotated, "wire.log"]
    assert "monday" in text_of(tmp_path / rotated[0])
    assert text_of(tmp_path / rotated[1]).count("\n") == 2
    assert "friday" in text_of(tmp_path / "wire.log")


def test_a_process_that_starts_on_another_day_begins_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    path.write_text("of yesterday\n")
    os.utime(path, (time.time() - 86_400 * 2,) * 2)
    with ff.WireLog(path, daily="00:00", compress=False) as log:
        write(log, "today")
    assert len(files(tmp_path)) == 2
    with ff.WireLog(path, daily="00:00", compress=False) as log:
        write(log, "today again")
    assert text_of(path).count("\n") in (1, 2), "2, but at midnight"


def test_old_files_are_thinned_out_by_count(tmp_path: Path) -> None:
    with ff.WireLog(tmp_path / "wire.log", max_size=4096, keep=2) as log:
        write(log, *(f"{i:04d} {'x' * 100}" for i in range(200)))
    (tmp_path / "wire-keep.log").write_text("not ours")
    names = files(tmp_path)
    assert len(names) == 4, names
    newest = [text_of(tmp_path / name) for name in names if name.startswith("wire-2")]
    assert "0199" in text_of(tmp_path / "wire.log") or "0199" in newest[-1]
    assert not any("0000 " in text for text in newest)


def test_old_files_are_thinned_out_by_size(tmp_path: Path) -> None:
    with ff.WireLog(tmp_path / "wire.log", max_size=4096, keep_bytes=9000, compress=False) as log:
        write(log, *(f"{i:04d} {'x' * 100}" for i in range(200)))
    rotated = [path for path in tmp_path.iterdir() if path.name != "wire.log"]
    assert len(rotated) == 2
    assert sum(path.stat().st_size for path in rotated) <= 9000


def test_what_a_killed_process_left_is_dealt_with_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "wire-20260101-000000-000.log").write_text("left\n")
    (tmp_path / "wire-20260101-000000-001.log.gz.part").write_text("half")
    ff.WireLog(tmp_path / "wire.log").close()
    assert files(tmp_path) == ["wire-20260101-000000-000.log.gz", "wire.log"]
    assert text_of(tmp_path / "wire-20260101-000000-000.log.gz") == "left\n"


def test_two_rotations_in_one_second_have_two_names(tmp_path: Path) -> None:
    archive = Archive(Rotation(compress=False))
    path = tmp_path / "wire.log"
    names = []
    for _ in range(3):
        name = archive.name_for(path, at("2026-01-05 10:00"))
        name.write_text("")
        names.append(name.name)
    assert names == [f"wire-20260105-100000-00{n}.log" for n in range(3)]
    assert [file.name for file in archive.files(path)] == names
    for one in names:
        (tmp_path / one).unlink()
    assert archive.name_for(path, at("2026-01-05 10:00")).name == "wire-20260105-100000-003.log", "no name comes twice"
    assert archive.name_for(path, at("2026-01-05 09:00")).name == "wire-20260105-100000-004.log", "nor an older one"
    (tmp_path / "wire-20260105-110000-1000.log.gz").write_text("")
    later = Archive(Rotation())
    assert later.name_for(path, at("2026-01-05 10:30")).name == "wire-20260105-110000-1001.log"
    assert later.name_for(path, at("2026-01-05 12:00")).name == "wire-20260105-120000-000.log"


def test_another_program_may_rotate_on_sighup(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    with ff.WireLog(path) as log:
        write(log, "before")
        path.rename(tmp_path / "moved.log")
        before = signal.signal(signal.SIGHUP, lambda *_: log.reopen())
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            write(log, "after")
        finally:
            signal.signal(signal.SIGHUP, before)
    assert "before" in text_of(tmp_path / "moved.log")
    assert "after" in text_of(path)


# --- privacy -------------------------------------------------------------------------------------------------


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    open_file = tmp_path / "open.log"
    open_file.write_text("")
    open_file.chmod(0o644)
    ff.WireLog(folder / "wire.log").close()
    ff.WireLog(open_file).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "wire.log").stat().st_mode) == 0o600
    assert stat.S_IMODE(open_file.stat().st_mode) == 0o600


def test_sc8_secret_comp_ids_are_nowhere(tmp_path: Path) -> None:
    key = "A1B2-API-KEY"

    async def main(log: ff.WireLog) -> None:
        notes = Notes()
        async with ff.serve(notes, [them(target=key)], wire_log=log) as server:
            async with ff.connect(us(sender=key, username=key, password="hunter2"), to(server, EAGER)) as session:
                session.send_nowait("B", [(148, "hello"), (33, [[(58, f"from {key}, with love")]])])
                await until(lambda: notes.headlines)

    for per_session in (False, True):
        path = tmp_path / str(per_session)
        with ff.WireLog(path, per_session=per_session, secret_comp_ids=True) as log:
            run(main(log))
        whole = list(path.rglob("*")) if per_session else [path]
        text = b"".join(file.read_bytes() for file in whole)
        assert key.encode() not in text
        assert not any(key in str(file) for file in whole)
        assert b"hunter2" not in text
        reader = LogReader()
        items = [*reader.feed(text), *reader.finish()]
        messages = [item.message for item in items if isinstance(item, LogItem)]
        assert [m.msg_type for m in messages] == ["A", "A", "B", "5", "5"], "lengths and checksums are right"
        assert len({m[49] for m in messages}) == 2, "and the two sides can be told apart"


def test_sc9_control_characters_are_replaced_and_the_message_can_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"

    async def main(log: ff.WireLog) -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], wire_log=log) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait(*news("a\nb\x1b[2Jc\x7fd\x9be"))
            await until(lambda: notes.headlines)

    with ff.WireLog(path) as log:
        run(main(log))
    data = path.read_bytes()
    assert not set(data) & ({*range(32), 127} - {1, 10})
    assert "\x9b" not in data.decode()
    reader = LogReader()
    items = [*reader.feed(data), *reader.finish()]
    assert [i.message[148] for i in items if isinstance(i, LogItem) and 148 in i.message] == ["a?b?[2Jc?d??e"]


# --- many sessions -------------------------------------------------------------------------------------------


class Refusing:
    """A venue without market data."""

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        raise ff.BusinessReject(3, "no market data")


def test_a_file_for_each_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.engine.observing.wirelog._OPEN_FILES", 2)

    async def main(log: ff.WireLog) -> None:
        names = [f"BOT{i}" for i in range(5)]
        async with ff.serve(Refusing(), [them(target=name) for name in names], wire_log=log) as server:
            for name in names:
                async with ff.connect(us(sender=name), to(server)) as session:
                    await session.request("V", [(262, name), (263, "0"), (264, 1)], match=lambda message: True)

    with ff.WireLog(tmp_path / "wire", per_session=True) as log:
        run(main(log))
    found = sorted((tmp_path / "wire").iterdir())
    assert len(found) == 5
    for i, path in enumerate(found):
        assert path.name.startswith(f"FIX.4.4-SIM-BOT{i}-")
        text = path.read_bytes()
        assert b"262=BOT%d\x01" % i in text
        assert {line.split(b" ")[1] for line in text.splitlines()} == {b"FIX.4.4:SIM->BOT%d" % i}


# --- a disk that is slow, full or gone -------------------------------------------------------------------------


class Jam:
    """A disk that does not answer until it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        real = LogFile.flush

        def flush(file: LogFile) -> None:
            self.go.wait(20)
            real(file)

        monkeypatch.setattr(LogFile, "flush", flush)


def test_what_finds_no_room_is_counted_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jam = Jam(monkeypatch)
    log = ff.WireLog(tmp_path / "wire.log", queue_bytes=1 << 16)
    for i in range(2000):
        log.note(us().session_id, f"{i} {'x' * 1000}")
    assert log.dropped > 1500, "and the caller did not wait"
    dropped = log.dropped
    jam.go.set()
    log.close()
    text = text_of(log.path)
    told = [int(number) for number in re.findall(r"(\d+) reads or writes are missing here", text)]
    assert sum(told) == dropped
    assert text.count(" = ") == 2000 - dropped
    assert "the disk is slower than the wire" in caplog.text


def test_a_stream_with_a_piece_missing_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jam = Jam(monkeypatch)
    log = ff.WireLog(tmp_path / "wire.log", queue_bytes=1 << 16)
    tap = log.tap(us().session_id)
    message = ff.encode("FIX.4.4", "B", [(49, "A"), (56, "B"), (34, 1), (52, 0), (148, "x" * 30_000)])
    for half in range(20):
        tap.inbound(message[:100] if half % 2 == 0 else message[100:])
    assert log.dropped
    jam.go.set()
    assert log.flush()
    tap.inbound(message)
    log.close()
    last = log.path.read_bytes().splitlines()[-1]
    assert last.endswith(message)


def test_a_full_disk_is_said_once_and_what_is_missing_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = [60]
    real = os.write

    def write_some(fd: int, data: Any) -> int:
        if not isinstance(data, memoryview):
            return real(fd, data)
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        n = real(fd, data[: room[0]])
        room[0] -= n
        return n

    monkeypatch.setattr("fixfast.engine.observing.wirefile.os.write", write_some)
    with ff.WireLog(tmp_path / "wire.log") as log:
        for text in ("one", "two", "three"):
            write(log, text)
        room[0] = 1 << 20
        write(log, "four")
    lines = text_of(log.path).splitlines()
    assert [line.partition(" = ")[2] for line in lines if " = " in line] == ["one", "four"]
    assert any("2 lines are missing here: [Errno 28]" in line for line in lines)
    assert caplog.text.count("lines are lost") == 1
    assert caplog.text.count("written again") == 1


def test_a_crash_of_the_interpreter_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import fixfast as ff, sys; log = ff.WireLog(sys.argv[1]); "
        "log.note(ff.SessionID('FIX.4.4', 'A', 'B'), 'the last word'); raise RuntimeError('crash')"
    )
    path = tmp_path / "wire.log"
    ran = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 1
    assert "the last word" in text_of(path)
    assert "RuntimeError: crash" in ran.stderr
    assert ran.stderr.count("Traceback") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")
def test_a_child_process_has_a_writer_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    code = (
        "import fixfast as ff, os, sys; log = ff.WireLog(sys.argv[1]); name = ff.SessionID('FIX.4.4', 'A', 'B')\n"
        "log.note(name, 'parent'); log.flush(); child = os.fork()\n"
        "log.note(name, 'both'); log.close()\n"
        "if child: os.waitpid(child, 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    assert [line.rpartition(" ")[2] for line in text_of(path).splitlines()] == ["parent", "both", "both"]


def test_the_log_can_be_decoded_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"

    async def main(log: ff.WireLog) -> None:
        async with ff.testing.pair(us(password="hunter2")) as pair:
            del pair
        async with ff.serve(None, [them()]) as server, ff.connect(us(), to(server), wire_log=log):
            pass

    with ff.WireLog(path) as log:
        run(main(log))
    command = [sys.executable, "-m", "fixfast", "decode", "--json", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n") == 4


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_size", 100),
        ("keep", -1),
        ("keep_bytes", 1.5),
        ("daily", "25:00"),
        ("daily", 17),
        ("tz", "Mars/Olympus"),
        ("compress", 1),
        ("queue_bytes", 10),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError, match=option):
        ff.WireLog(tmp_path / "wire.log", **{option: value})
    assert files(tmp_path) == []


def test_a_file_that_cannot_be_rotated_grows_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def rename(source: object, target: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("fixfast.engine.observing.wirefile.os.rename", rename)
    with ff.WireLog(tmp_path / "wire.log", max_size=4096) as log:
        write(log, *(f"{i:04d} {'x' * 100}" for i in range(100)))
    assert files(tmp_path) == ["wire.log"]
    assert text_of(log.path).count(" = ") == 100
    assert 1 < caplog.text.count("cannot be rotated, it grows") < 10


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_sc10_a_file_of_another_user_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    path.write_text("")
    os.chown(path, 12345, -1)
    with pytest.raises(PermissionError, match="another user"):
        ff.WireLog(path)


def test_a_bug_in_the_writer_costs_a_line_not_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = ff.WireLog._add

    def add(log: ff.WireLog, chunk: Any) -> None:
        if chunk.data == b"bad":
            raise ZeroDivisionError("on purpose")
        real(log, chunk)

    monkeypatch.setattr(ff.WireLog, "_add", add)
    with ff.WireLog(tmp_path / "wire.log") as log:
        write(log, "one", "bad", "two")
    assert [line.rpartition(" ")[2] for line in text_of(log.path).splitlines()] == ["one", "two"]
    assert "a line is lost" in caplog.text


def test_many_threads_log_into_one_file(tmp_path: Path) -> None:
    with ff.WireLog(tmp_path / "wire.log", max_size=8192, compress=False) as log:

        def work(number: int) -> None:
            for i in range(200):
                log.note(us().session_id, f"{number}.{i}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = [line.rpartition(" ")[2] for name in files(tmp_path) for line in text_of(tmp_path / name).splitlines()]
    assert sorted(lines) == sorted(f"{number}.{i}" for number in range(8) for i in range(200))
    for number in range(8):
        mine = [line for line in lines if line.startswith(f"{number}.")]
        assert mine == [f"{number}.{i}" for i in range(200)], "each thread's lines in their order"
