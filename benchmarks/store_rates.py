"""`python -m benchmarks.store_rates`: messages per second for each store and sync policy, beside QuickFIX's stores.

Peers take turns in one run; medians. Everything is done where it is measured: leases, disk syncs and checkpoints, which
an engine does in other threads, are charged to the messages here. So `group` shows what the disk gives, and not what
the loop pays. The folder decides much: `--folder` names one on the disk that matters. On a busy machine
`--cpu` says more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_args

import fixfast as ff
from benchmarks.runner import describe_machine, measure, pin
from benchmarks.workload import Entry, Workload
from fixfast.store.journal import SyncPolicy

__all__ = ["COLUMNS", "SURVIVES", "Peer", "main", "peers", "rate_table", "store_workloads"]

#: messages sent in one turn of the loop, where there are many
BATCH = 32
COLUMNS = (
    "store one to send",
    f"{BATCH} a turn",
    "store one received",
    "Session: send one",
    f"Session: {BATCH} a turn",
)
_FIELDS = [(11, "order-00001234"), (1, "ACC-7"), (21, "1"), (55, "MSFT"), (54, "1"), (60, "20260105-00:00:00.000")]
_FIELDS += [(38, "100"), (40, "2"), (44, "412.35"), (59, "0")]
#: an order of 150 bytes
RAW = ff.encode("FIX.4.4", "D", [(34, 1234), (49, "BOT01"), (56, "VENUE"), (52, 1_767_571_200 * 10**9), *_FIELDS])
_NOW = ff.Now(1_000_000_000, 1_767_571_200 * 10**9)
SURVIVES = {
    "none": "killed process",
    "interval": "killed process; power loss but for a second of messages, no number used twice",
    "lease": "killed process; power loss: last messages may be gone, no number used twice",
    "group": "power loss: all that went on the wire",
    "every": "power loss: everything",
}


class Peer(NamedTuple):
    """One store: its name, what it survives, and for each of COLUMNS a call that handles one turn, or None."""

    name: str
    survives: str
    calls: tuple[Callable[[Any], object] | None, ...]


def _calls(store: Any, session_store: Any) -> tuple[Callable[[Any], object], ...]:
    """Return the calls of one of our stores; the second store is for the session."""
    append, receive, done, sync = store.append_out, store.append_in, store.done, store.sync
    state = store.load()
    out, into, turns = state.next_out, state.received, 0

    def upkeep() -> None:
        nonlocal turns
        turns += 1
        if turns % 256 == 0 and getattr(store, "upkeep_due", False):
            store.upkeep()

    def send(count: int) -> Callable[[Any], object]:
        def turn(_: Any) -> None:
            nonlocal out
            position = 0
            for _ in range(count):
                position = append(out, RAW, _NOW.wall_ns)
                out += 1
            if store.synced < position:
                sync()
            upkeep()

        return turn

    def received(_: Any) -> None:
        nonlocal into
        receive(into, into, RAW)
        done(into)
        into += 1
        upkeep()

    session = _session(session_store)

    def whole(count: int) -> Callable[[Any], object]:
        def turn(_: Any) -> None:
            for _ in range(count):
                session.send("D", _FIELDS, _NOW)
            if session.sync_needed:
                session_store.sync()
            session.data_to_send()

        return turn

    return send(1), send(BATCH), received, whole(1), whole(BATCH)


def _session(store: ff.Store) -> ff.Session:
    config = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE", check_latency=False)
    session = ff.Session(config, store, role=ff.Role.INITIATOR)
    session.connected(_NOW)
    store.sync()
    session.data_to_send()
    answer = [(49, "VENUE"), (56, "BOT01"), (34, 1), (52, _NOW.wall_ns), (98, 0), (108, 30)]
    session.receive_data(ff.encode("FIX.4.4", "A", answer), _NOW)
    list(session.events())
    if not session.state.active:
        raise AssertionError("not logged on")
    return session


def _ours(folder: Path) -> Iterator[Peer]:
    bounded = [ff.MemoryStore(max_messages=10_000) for _ in range(2)]
    yield Peer("fixfast MemoryStore", "nothing", _calls(*bounded))
    for policy in get_args(SyncPolicy):
        journals = [ff.JournalStore(folder, session_id=f"{policy} {i}", sync=policy) for i in range(2)]
        yield Peer(f"fixfast JournalStore {policy}", SURVIVES[policy], _calls(*journals))
    for policy in get_args(SyncPolicy):
        bases = [ff.SqliteStore(folder / f"{policy}{i}.db", session_id="x", sync=policy) for i in range(2)]
        yield Peer(f"fixfast SqliteStore {policy}", SURVIVES[policy], _calls(*bases))


def _quickfix(folder: Path) -> Iterator[Peer]:
    """QuickFIX C++ by its Python binding: message stores called directly, and Session.sendToTarget without a peer."""
    try:
        fix: Any = import_module("quickfix")
    except ImportError:
        return
    text = RAW.decode("latin-1")
    for name, survives in (
        ("MemoryStore", "nothing"),
        ("FileStore", "killed process (page cache, never synced); what is received is counted, not stored"),
    ):
        path = folder / name
        path.mkdir()
        lines = ["[DEFAULT]", "ConnectionType=initiator", "HeartBtInt=30", "StartTime=00:00:00", "EndTime=00:00:00"]
        lines += ["UseDataDictionary=N", f"FileStorePath={path}", "[SESSION]", "BeginString=FIX.4.4", "SenderCompID=A"]
        lines += [f"TargetCompID={name}", "SocketConnectHost=127.0.0.1", "SocketConnectPort=1", ""]
        (path / "config").write_text("\n".join(lines))
        settings = fix.SessionSettings(str(path / "config"))
        factory = fix.FileStoreFactory(settings) if name == "FileStore" else fix.MemoryStoreFactory()
        application = type("Quiet", (fix.Application,), dict.fromkeys(_CALLBACKS, lambda *arguments: None))()
        initiator = fix.SocketInitiator(application, factory, settings)
        (path / "alone").mkdir()
        alone = fix.FileStoreFactory(str(path / "alone")) if name == "FileStore" else fix.MemoryStoreFactory()
        store = alone.create(fix.UtcTimeStamp(), fix.SessionID("FIX.4.4", "A", "B"))
        keep = (settings, factory, application, initiator, alone)  # the binding counts no references
        yield Peer(f"quickfix {name}", survives, _quickfix_calls(fix, store, text, name, keep))


_CALLBACKS = ("onCreate", "onLogon", "onLogout", "toAdmin", "toApp", "fromAdmin", "fromApp")


def _quickfix_calls(fix: Any, store: Any, text: str, name: str, keep: object) -> tuple[Callable[[Any], object], ...]:
    number = 0
    session = fix.SessionID("FIX.4.4", "A", name)

    def send(count: int) -> Callable[[Any], object]:
        def turn(_: Any) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                store.set(number, text)
                store.incrNextSenderMsgSeqNum()

        return turn

    def received(_: Any) -> None:
        store.incrNextTargetMsgSeqNum()

    def whole(count: int) -> Callable[[Any], object]:
        def turn(_: Any, keep: object = keep) -> None:
            for _ in range(count):
                message = fix.Message()
                message.getHeader().setField(35, "D")
                for tag, value in _FIELDS:
                    message.setField(tag, value)
                fix.Session.sendToTarget(message, session)

        return turn

    return send(1), send(BATCH), received, whole(1), whole(BATCH)


def _disk(folder: Path) -> Peer:
    """What the disk itself gives: a write, and a write made durable."""
    fd = os.open(folder / "disk", os.O_RDWR | os.O_CREAT, 0o600)
    os.posix_fallocate(fd, 0, 1 << 22)
    sync = getattr(os, "fdatasync", os.fsync)
    at = 0

    def turn(_: Any) -> None:
        nonlocal at
        os.pwrite(fd, RAW, at)
        at = (at + len(RAW)) % (1 << 21)
        sync(fd)

    return Peer("(pwrite + fdatasync)", "power loss", (turn, None, None, None, None))


def peers(folder: Path) -> list[Peer]:
    """Return all that take part, opened in `folder`."""
    return [*_ours(folder), *_quickfix(folder), _disk(folder)]


def store_workloads(everyone: Sequence[Peer]) -> list[Workload]:
    """Return one workload for each column."""
    found = []
    for column, name in enumerate(COLUMNS):
        items = BATCH if "a turn" in name else 1
        entries = [Entry(peer.name, call, range(4096), items) for peer in everyone if (call := peer.calls[column])]
        found.append(Workload(name, entries))
    return found


def rate_table(everyone: Sequence[Peer], results: dict[tuple[str, str], float]) -> str:
    """Return the Markdown table; results: (column, peer) -> ns per message."""
    rows = [f"| messages per second | survives | {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * len(COLUMNS)]
    for peer in everyone:
        rates = [results.get((column, peer.name)) for column in COLUMNS]
        cells = [f"{1e9 / ns:,.0f}" if ns else "-" for ns in rates]
        rows.append(f"| {peer.name} | {peer.survives} | {' | '.join(cells)} |")
    return "\n".join(rows)


async def _measure(folder: Path, rounds: int, seconds: float, clock: Callable[[], int]) -> str:
    """Measure inside a running loop, where SQLite stores commit once a turn."""
    everyone = peers(folder)
    results = {
        (result.workload, result.label): result.ns
        for workload in store_workloads(everyone)
        for result in measure(workload, rounds, seconds, clock)
    }
    return rate_table(everyone, results)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, measure, print a table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_rates", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns that each peer gets (default 15)")
    parser.add_argument("--seconds", type=float, default=0.05, help="about how long one turn lasts (default 0.05)")
    parser.add_argument("--folder", type=Path, help="where the stores go (default: a temporary folder)")
    parser.add_argument("--cpu", action="store_true", help="count processor time: waiting for the disk is free then")
    options = parser.parse_args(arguments)
    clock = time.thread_time_ns if options.cpu else time.perf_counter_ns
    core = pin()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        table = asyncio.run(_measure(Path(folder), options.rounds, options.seconds, clock))
    print(describe_machine([], [], core))
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
