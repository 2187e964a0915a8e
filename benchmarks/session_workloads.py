"""What a session does with messages it receives: the whole path, with the store in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.rivals import Fixfast, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["logged_on", "session_workloads"]

#: messages that come together
RUNS = (1, 4, 16)


def logged_on(ff: Any) -> tuple[Any, Any, Any]:
    """Return a session that is logged on, its store, and a Now."""
    config = ff.SessionConfig("FIX.4.4", "BOT01", "VENUE", check_latency=False)
    store = ff.MemoryStore(max_messages=10_000)
    session = ff.Session(config, store, role=ff.Role.INITIATOR)
    now = ff.Now(1_000_000_000, 1_767_571_200 * 10**9)
    session.connected(now)
    session.data_to_send()
    answer = [(49, "VENUE"), (56, "BOT01"), (34, 1), (52, now.wall_ns), (98, 0), (108, 30)]
    session.receive_data(ff.encode("FIX.4.4", "A", answer), now)
    events = list(session.events())
    if not session.state.active:
        raise AssertionError(f"not logged on: {events}")
    return session, store, now


def session_workloads(corpus: Corpus, rivals: Sequence[Rival]) -> list[Workload]:
    """Return the workloads. Only fixfast takes part: what rivals call a session is a process."""
    ours = next((r for r in rivals if isinstance(r, Fixfast)), None)
    return [] if ours is None else [_received(ours.module, corpus, size) for size in RUNS]


def _received(ff: Any, corpus: Corpus, size: int) -> Workload:
    """ExecutionReports in sequence: parsed, judged, stored, taken, acknowledged. Default options."""
    numbered = [_from_venue(raw, n) for n, raw in enumerate(corpus.messages["ER"], 2)]
    inputs = [(i + 2, b"".join(numbered[i : i + size])) for i in range(0, len(numbered) - size + 1, size)]
    name = "receive ER, session" if size == 1 else f"receive ER, session, {size} at once"
    return Workload(name, [Entry("fixfast", _receiver(ff, inputs[0], size), inputs, size, spread=True)])


def _from_venue(raw: bytes, n: int) -> bytes:
    """Return a message from the other side, with another number."""
    fields = [field.partition(b"=") for field in raw.split(b"\x01")[2:-2]]
    changed = {b"34": b"%d" % n, b"49": b"VENUE", b"56": b"BOT01"}
    body = b"".join(tag + b"=" + changed.get(tag, value) + b"\x01" for tag, _, value in fields)
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


def _receiver(ff: Any, first: tuple[int, bytes], size: int) -> Callable[..., object]:
    session, store, now = logged_on(ff)
    inbox, receive, events = session._inbox, session.receive_data, session.events

    def received(n: int, data: bytes) -> None:
        if inbox.next_in != n:  # the inputs begin again
            inbox.next_in = store._next_in = store._received = n
        receive(data, now)
        for _ in events():
            pass

    received(*first)
    if session.stats().messages_in != size or store.load().next_in != 2 + size:
        raise AssertionError(f"not received: {session.stats()}")
    return received
