"""FileOrderLog: what was written is there after a kill, what a crash cut is cut, and damage is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.store.files import write_private
from tests.store.limits import room_for

RECORDS = [("<", 5, b"8=FIX.4.4\x01"), (">", 6, b""), ("#", -7, b"\0" * 100), ("!", 2**62, os.urandom(3000))]


def written(path: Path) -> bytes:
    with ff.FileOrderLog(path) as log:
        for record in RECORDS:
            log.append(*record)
        assert list(log.read()) == RECORDS
    return path.read_bytes()


def test_records_come_back_after_a_restart_and_more_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    written(path)
    with ff.FileOrderLog(path, sync="always") as log:
        assert list(log.read()) == RECORDS
        log.append("<", 1, b"one more")
        assert list(log.read()) == [*RECORDS, ("<", 1, b"one more")]
        log.append("<", 2, b"and more")
    with ff.FileOrderLog(path) as log:
        assert [data for _, _, data in log.read()][-2:] == [b"one more", b"and more"]
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600


def test_whatever_a_crash_leaves_of_the_last_record_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    whole = written(path)
    with ff.FileOrderLog(path) as log:
        log.append("<", 9, b"the last one")
    longer = path.read_bytes()
    for end in range(len(whole), len(longer)):
        for tail in (b"", b"\0" * 5000):
            path.write_bytes(longer[:end] + tail)
            with ff.FileOrderLog(path) as log:
                assert list(log.read()) == RECORDS, f"cut at {end}"
                log.append("<", 1, b"goes on")
            with ff.FileOrderLog(path) as log:
                assert list(log.read()) == [*RECORDS, ("<", 1, b"goes on")]


def test_a_file_that_was_cut_in_its_first_bytes_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    for size in range(8):
        path.write_bytes(b"FFORDER1"[:size])
        with ff.FileOrderLog(path) as log:
            assert list(log.read()) == []


def test_damage_in_front_of_other_records_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    whole = written(path)
    last = len(whole) - 3000 - 9
    for at in range(8, last):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ff.StoreCorrupt):
            ff.FileOrderLog(path)
        assert path.read_bytes() == damaged


def test_what_is_no_order_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my own notes")
    with pytest.raises(ff.StoreCorrupt, match="not an order log"):
        ff.FileOrderLog(path)
    with pytest.raises(ff.ConfigError, match="sync"):
        ff.FileOrderLog(path, sync="sometimes")
    with pytest.raises(ff.StoreError):
        ff.FileOrderLog(tmp_path)


def test_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    with ff.FileOrderLog(path):
        code = f"import fixfast as ff; ff.FileOrderLog({str(path)!r})"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "StoreLocked" in result.stderr
    ff.FileOrderLog(path).close()


def test_a_closed_log_and_a_full_disk_say_so(tmp_path: Path) -> None:
    log = ff.FileOrderLog(tmp_path / "orders.log")
    log.close()
    log.close()
    with pytest.raises(ff.StoreError, match="closed"):
        log.append("<", 1, b"")
    if os.path.exists("/dev/full"):
        with ff.FileOrderLog(tmp_path / "orders.log") as log:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, log._fd)
            os.close(full)
            for _ in range(2):
                with pytest.raises(ff.StoreError, match="cannot be written"):
                    log.append("<", 1, b"x")


def test_a_killed_process_loses_no_order(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    code = f"""
import os, decimal, fixfast as ff
log = ff.FileOrderLog({str(path)!r})
numbers = iter(range(1, 1000))
manager = ff.OrderManager(lambda msg_type, fields: next(numbers), log=log)
now = ff.Now(0, 1767614400000000000)
for n in range(50):
    party = [[(448, "A"), (447, "D"), (452, 1)]]
    extra = ((453, party), (58, "caf\\u00e9"), (110, ff.Scaled(15, -1)), (114, True))
    manager.submit(ff.OrderRequest("X", "1", decimal.Decimal("1.50"), decimal.Decimal(7), extra=extra), now)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": os.getcwd()})
    with ff.FileOrderLog(path) as log:
        manager = ff.OrderManager(lambda msg_type, fields: 1, log=log)
        assert len(manager.all_orders) == 50
        order = manager.all_orders[0]
        assert order.uncertain
        assert order.request is not None
        assert order.request.extra == (
            (453, [[(448, "A"), (447, "D"), (452, 1)]]),
            (58, "café"),
            (110, "1.5"),
            (114, True),
        )
        assert str(order.qty) == "1.50"
        assert manager.submit(ff.OrderRequest("X", "1", order.qty), ff.Now(0, 0)).cl_ord_id not in [
            one.cl_ord_id for one in manager.all_orders[:50]
        ]


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    for record in (("?", 1, b""), (">", 1, b"no json"), ("<", 1, b"no message"), (">", 1, b"{}")):
        log = ff.MemoryOrderLog()
        log.append(*record)
        with pytest.raises(ff.StoreCorrupt, match="record 0"):
            ff.OrderManager(lambda msg_type, fields: 1, log=log)


SHORTER = [("=", 7, b"what came of it"), ("=", 8, b"")]


def test_other_records_take_the_place_of_all_and_more_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    written(path)
    with ff.FileOrderLog(path) as log:
        log.replace(SHORTER)
        assert list(log.read()) == SHORTER
        log.append("<", 1, b"one more")
        with pytest.raises(ff.StoreLocked):
            ff.FileOrderLog(path)
    with ff.FileOrderLog(path) as log:
        assert list(log.read()) == [*SHORTER, ("<", 1, b"one more")]
    assert [file.name for file in tmp_path.iterdir()] == ["orders.log"]
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ff.StoreError, match="closed"):
        log.replace(SHORTER)


def test_records_that_cannot_be_written_leave_the_log_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    written(path)
    (tmp_path / "orders.log.new").mkdir()
    with ff.FileOrderLog(path) as log:
        with pytest.raises(ff.StoreError, match=r"orders\.log could not be written anew"):
            log.replace(SHORTER)
        log.append("<", 1, b"goes on")
        assert list(log.read()) == [*RECORDS, ("<", 1, b"goes on")]


def test_what_is_left_of_a_log_that_was_being_written_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    written(path)
    (tmp_path / "orders.log.new").write_bytes(b"FFORDER1 and then it stopped")
    with ff.FileOrderLog(path) as log:
        assert list(log.read()) == RECORDS
    assert not (tmp_path / "orders.log.new").exists()


KILLED = """
import os, sys, decimal, fixfast as ff
from fixfast.store import files, orderlog
path, point = sys.argv[1], int(sys.argv[2])
count = 0
def doomed(call):
    def instead(*arguments, **options):
        global count
        count += 1
        if count == point:
            if call is write:  # half of it
                write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            os.kill(os.getpid(), 9)
        return call(*arguments, **options)
    return instead
log = ff.FileOrderLog(path)
manager = ff.OrderManager(lambda msg_type, fields: 1, log=log)
write = os.write
os.write, os.replace, os.open, os.close, os.fsync = map(doomed, (write, os.replace, os.open, os.close, os.fsync))
orderlog.sync_fd = doomed(orderlog.sync_fd)
manager.compact(ff.Now(0, 1767614400000000000))
sys.exit(count < point)
"""


@pytest.mark.skipif(os.name == "nt", reason="there the file has no name for a moment")
def test_a_process_that_is_killed_while_it_makes_its_log_shorter_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    now = ff.Now(0, 1_767_614_400_000_000_000)
    numbers = iter(range(1, 100))
    with ff.FileOrderLog(path) as log:
        manager = ff.OrderManager(lambda msg_type, fields: next(numbers), log=log)
        order = manager.submit(ff.OrderRequest("X", "1", Decimal(100), Decimal(7)), now)
        head = [(34, 1), (52, now.wall_ns), (37, "V1"), (11, order.cl_ord_id), (17, "E1"), (150, "F"), (39, "1")]
        sums = [(55, "X"), (54, "1"), (32, 40), (31, 7), (14, 40), (151, 60)]
        manager.on_message(ff.parse(ff.encode("FIX.4.4", "8", [*head, *sums])), now)
        manager.cancel(order, now)
    order.uncertain = True
    whole, status, point, shorter = path.read_bytes(), -9, 0, False
    while status == -9:
        point += 1
        path.write_bytes(whole)
        command = [sys.executable, "-c", KILLED, str(path), str(point)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        status = done.returncode
        assert status in (-9, 1), done.stderr
        with ff.FileOrderLog(path) as log:
            shorter = next(log.read())[0] == "="
            assert shorter or point < 20
            again = ff.OrderManager(lambda msg_type, fields: 1, log=log)
            assert [one.state() for one in again.all_orders] == [order.state()], f"killed at {point}"
            assert len(path.read_bytes()) > 0
    assert shorter
    assert 10 < point < 60


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
@pytest.mark.parametrize("sync", ["none", "always"])
def test_with_room_again_records_are_taken_again_and_nothing_is_left_of_the_one_that_was_cut(
    tmp_path: Path, sync: str
) -> None:
    path = tmp_path / "orders.log"
    with ff.FileOrderLog(path, sync=sync) as log:
        log.append(">", 1, b"before")
        whole = path.read_bytes()
        for more in (0, 1, 12, 40):
            with room_for(path, more):
                for _ in range(2):
                    with pytest.raises(ff.StoreError, match=r"cannot be written.*too large"):
                        log.append("<", 2, b"x" * 50)
            assert path.read_bytes() == whole
        log.append("<", 3, b"after")
        assert [data for _, _, data in log.read()] == [b"before", b"after"]
    with ff.FileOrderLog(path) as log:
        assert [data for _, _, data in log.read()] == [b"before", b"after"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_what_could_not_be_written_anew_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    written(path)
    with ff.FileOrderLog(path) as log:
        with room_for(path, 0), pytest.raises(ff.StoreError, match="could not be written anew"):
            log.replace([("=", 1, b"x" * 10_000)])
        assert os.listdir(tmp_path) == ["orders.log"]
        log.append("<", 1, b"goes on")
        assert list(log.read()) == [*RECORDS, ("<", 1, b"goes on")]


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_file_for_whose_next_content_there_is_no_room_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    write_private(str(path), b"BOT")
    with room_for(path, 0), pytest.raises(OSError, match="too large"):
        write_private(str(path), b"OTHER")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"BOT", ["identity.json"])
    write_private(str(path), b"OTHER")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"OTHER", 0o600)
