"""The journal on the real file system, in real processes: killed, locked out, out of space, wrong permissions."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast import ConfigError, JournalStore, SessionID, StoreError, StoreLocked
from fixfast.store.files import file_stem

ID = SessionID("FIX.4.4", "A", "B")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

_WRITER = """
    import os, sys
    from fixfast.store.journal import JournalStore
    store = JournalStore(sys.argv[1], sync=sys.argv[2], lease_size=50)
    n = store.load().next_out
    received = store.load().received
    while True:
        store.append_out(n, b"message %d " % n * 10, n)
        if n % 3 == 0:
            store.append_in(received, received, b"in %d" % received)
            store.done(received)
            received += 1
        if n % 400 == 0:
            store.sync()
        os.write(1, b"%d\\n" % n)  # what the peer has seen
        n += 1
"""


def _spawn(path: Path, policy: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_WRITER), str(path), policy], stdout=subprocess.PIPE, bufsize=0
    )


@posix
@pytest.mark.parametrize("policy", ["none", "lease", "group"])
def test_B5_1_B5_3_kill_9_loses_nothing(tmp_path: Path, policy: str) -> None:
    """A killed process: every number it reported is there with its content, and none is skipped."""
    path = tmp_path / "x.journal"
    rng = random.Random(policy)
    for _ in range(4):
        with _spawn(path, policy) as writer:
            assert writer.stdout is not None
            seen = b""
            stop = time.monotonic() + rng.uniform(0.0, 0.08)
            while not seen or time.monotonic() < stop:
                seen += writer.stdout.read(4096)
            writer.send_signal(signal.SIGKILL)
            writer.wait(10)
            seen += writer.stdout.read()
        # The last line may be cut by the kill.
        told = int(seen.rsplit(b"\n", 2)[-2])
        store = JournalStore(path)
        assert store.recovered is None or store.recovered.dropped < 500
        state = store.load()
        assert state.next_out > told
        # A write that the kill cut in two could as well be damage, so the lease is skipped: safe, and rare.
        assert state.lost_out is None or store.recovered is not None
        assert state.clean is False
        out = {n: raw for n, _, raw in store.read_out(1, told)}
        assert out == {n: b"message %d " % n * 10 for n in range(1, told + 1)}
        assert state.next_in >= told // 3 - 1
        store.close()


def test_T17_two_processes_cannot_own_one_session(tmp_path: Path) -> None:
    """Trap T17."""
    path = tmp_path / "x.journal"
    store = JournalStore(path)
    code = "import sys, fixfast as ff\ntry: ff.JournalStore(sys.argv[1])\nexcept ff.StoreLocked as exc: print(exc)"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "in use by another process" in run.stdout
    with pytest.raises(StoreLocked):
        JournalStore(path)
    store.close()
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout == ""


@posix
def test_SC10_files_are_private(tmp_path: Path) -> None:
    """C10: the directory is 0700, the files are 0600 whatever the umask; loose ones are tightened."""
    old = os.umask(0)
    try:
        store = JournalStore(tmp_path / "a" / "b", session_id=ID, keep_epochs=1)
        store.reset("for an archive")
        store.close()
    finally:
        os.umask(old)
    directory = tmp_path / "a" / "b"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = list(directory.iterdir())
    assert len(files) == 3
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        file.chmod(0o644)
    store = JournalStore(directory, session_id=ID)
    assert stat.S_IMODE(Path(store.path).stat().st_mode) == 0o600
    store.close()


@posix
def test_SC10_a_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="private"):
        JournalStore(tmp_path, session_id=ID)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_SC10_symbolic_links_are_not_followed(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / f"x.journal{suffix}").symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"):
        JournalStore(tmp_path / "x.journal")
    assert target.read_bytes() == b"precious"


@posix
def test_SC10_what_is_not_a_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.journal")
    with pytest.raises(StoreError, match="plain file"):
        JournalStore(tmp_path / "x.journal")


def test_a_directory_in_the_way_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "x.journal").mkdir()
    with pytest.raises(StoreError, match=r"x\.journal"):
        JournalStore(tmp_path / "x.journal")
    with pytest.raises(StoreError):
        JournalStore(tmp_path / "x.journal.lock" / "y" / "z", session_id=ID)


@pytest.mark.parametrize(
    "hostile",
    [
        "../../x",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a\0b",
        "a/b\\c:d",
        "x" * 100_000,
        "CON",
        "\ud800",
        "é中",
        "a b\n\r\x01",
        "~",
    ],
)
def test_SC10_a_comp_id_cannot_escape_the_directory(tmp_path: Path, hostile: str) -> None:
    """C10: '../../x' is a name like any other."""
    home = tmp_path / "home"
    for session_id in (SessionID("FIX.4.4", hostile, "B"), SessionID("FIX.4.4", "A", "B", hostile), hostile):
        store = JournalStore(home, session_id=session_id)
        store.append_out(1, b"x", 1)
        store.close()
        again = JournalStore(home, session_id=session_id)
        assert again.load().next_out == 2
        again.close()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert all(path.is_file() for path in home.iterdir())


@given(a=st.tuples(st.text(), st.text(), st.text()), b=st.tuples(st.text(), st.text(), st.text()))
def test_SC10_file_names_are_safe_and_distinct(a: tuple[str, str, str], b: tuple[str, str, str]) -> None:
    first, second = (SessionID("FIX.4.4", *parts) for parts in (a, b))
    stem = file_stem(first)
    assert set(stem) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert len(stem) < 120
    assert not stem.startswith((".", "-"))
    assert (stem == file_stem(second)) == (first == second)
    assert file_stem(first, secret=True).startswith("session-")


def test_C8_secret_comp_ids_stay_out_of_the_file_name(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=SessionID("FIX.4.4", "APIKEY123", "SPOT"), secret_comp_ids=True)
    store.close()
    for path in tmp_path.iterdir():
        assert "APIKEY123" not in path.name
        assert b"APIKEY123" not in path.read_bytes()


def test_another_sessions_journal_is_refused(tmp_path: Path) -> None:
    paths = []
    for session_id in (ID, SessionID("FIX.4.4", "C", "D")):
        store = JournalStore(tmp_path, session_id=session_id)
        paths.append(Path(store.path))
        store.close()
    paths[0].replace(paths[1])
    with pytest.raises(StoreError, match="another session"):
        JournalStore(tmp_path, session_id=SessionID("FIX.4.4", "C", "D"))


def test_B5_3_a_dropped_store_ends_like_a_killed_process(tmp_path: Path) -> None:
    JournalStore(tmp_path, session_id=ID).append_out(1, b"x", 1)
    store = JournalStore(tmp_path, session_id=ID)
    assert (store.load().next_out, store.load().clean) == (2, False)
    store.close()


def test_C8_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    """C8: grep of all artefacts for a canary."""
    store = JournalStore(tmp_path, session_id=ID)
    for n, fields in enumerate(
        (b"35=A\x01553=u\x01554=CANARY\x01", b"35=BE\x01925=CANARY\x01", b"35=A\x0195=6\x0196=CANARY\x01"), start=1
    ):
        store.append_out(n, b"8=FIX.4.4\x019=1\x01" + fields + b"10=000\x01", n)
        store.append_in(n, n, b"8=FIX.4.4\x019=1\x01" + fields + b"10=000\x01")
    store.reset("archive it")
    store.close()
    for path in tmp_path.iterdir():
        assert b"CANARY" not in path.read_bytes(), path


def test_C8_a_receipt_whose_secrets_were_not_kept_is_asked_for_again(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=ID)
    store.append_in(1, 1, b"8=FIX.4.4\x019=5\x0135=D\x0110=000\x01")
    store.append_in(2, 2, b"8=FIX.4.4\x019=5\x0135=BE\x01554=x\x0110=000\x01")
    store.append_in(3, 3, b"8=FIX.4.4\x019=5\x0135=D\x0110=000\x01")
    store.close()
    for _ in range(2):
        again = JournalStore(tmp_path, session_id=ID)
        state = again.load()
        assert (state.next_in, state.received, [a for a, _, _ in state.pending_in]) == (1, 2, [1])
        again.close()
    again = JournalStore(tmp_path, session_id=ID)
    again.append_in(2, 2, b"8=FIX.4.4\x019=5\x0135=4\x0110=000\x01")
    again.done(2)
    assert again.load().next_in == 3
    again.close()


@pytest.mark.parametrize("segment_size", [1 << 24, 3000])
def test_T16_another_thread_may_sync_and_lease_meanwhile(tmp_path: Path, segment_size: int) -> None:
    store = JournalStore(tmp_path, session_id=ID, sync="group", segment_size=segment_size)
    stop = threading.Event()
    failures: list[BaseException] = []

    def syncer() -> None:
        try:
            while not stop.is_set():
                store.sync()
                store.lease(1)
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=syncer)
    thread.start()
    for n in range(1, 1501):
        position = store.append_out(n, b"m%d" % n, n)
        store.append_in(n, n, b"i")
        store.done(n)
        if n % 50 == 0:
            found = [(k, raw) for k, _, raw in store.read_out(n - 40, n)]
            assert found == [(k, b"m%d" % k) for k in range(n - 40, n + 1) if k > 0]
        if n == 750:
            assert [k for k, _, _ in store.read_out(1, n)] == list(range(1, n + 1))
            store.reset("under load")
            for k in range(1, 20):
                position = store.append_out(k, b"k", k)
            break
    stop.set()
    thread.join()
    assert not failures
    store.sync()
    assert store.synced >= position
    store.close()
    again = JournalStore(tmp_path, session_id=ID)
    assert again.recovered is None
    assert again.load().next_out == 20
    again.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=ID)
    reader_source = store.append_out(1, b"x", 1)
    reader = store.read_out(1, 1)
    store.close()
    assert reader_source > 0
    for call in (
        store.load,
        lambda: store.append_out(2, b"", 1),
        lambda: store.done(1),
        store.sync,
        lambda: next(reader),
    ):
        with pytest.raises(StoreError, match="closed"):
            call()


@pytest.mark.parametrize(
    ("name", "value"), [("sync", "sometimes"), ("lease_size", 0), ("interval_ns", -1), ("keep_epochs", -1)]
)
def test_wrong_options_are_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        JournalStore(tmp_path, **{name: value})  # type: ignore[arg-type]


def test_the_interval_policy_syncs_by_the_clock_it_is_given(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=ID, sync="interval", interval_ns=100)
    dirty = []
    # (the last two: the clock is set back)
    for n, wall_ns in enumerate((1000, 1050, 1101, 1102, 10, 11), start=1):
        store.append_out(n, b"x", wall_ns)
        dirty.append(store.dirty)
    assert dirty == [False, True, False, True, False, True]
    store.close()
