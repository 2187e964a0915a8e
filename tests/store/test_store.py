"""What every store promises: the same suite on the memory store and on the journal, under every sync policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fixfast import JournalStore, MemoryStore, SessionID, SqliteStore, Store, StoreError
from fixfast.store.base import StoreState

ID = SessionID("FIX.4.4", "A", "B")


def message(n: int, body: bytes = b"35=D\x0111=x\x01") -> bytes:
    data = b"34=%d\x01%b" % (n, body)
    head = b"8=FIX.4.4\x019=%d\x01" % len(data) + data
    return head + b"10=%03d\x01" % (sum(head) % 256)


@pytest.fixture(
    params=[
        "memory",
        "none",
        "interval",
        "lease",
        "group",
        "every",
        *("sqlite-" + p for p in ("none", "interval", "lease", "group", "every")),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """A function that takes up the store: the first time, and again as after a restart."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: memory
        return
    open_stores: list[Store] = []
    if request.param.startswith("sqlite"):

        def sq() -> Store:
            while open_stores:
                open_stores.pop().close()
            open_stores.append(SqliteStore(tmp_path / "x.db", session_id=ID, sync=request.param[7:], lease_size=7))
            return open_stores[-1]

        yield sq
        for store in open_stores:
            store.close()
        return

    def journal() -> Store:
        while open_stores:
            open_stores.pop().close()
        open_stores.append(JournalStore(tmp_path, session_id=ID, sync=request.param, lease_size=7))
        return open_stores[-1]

    yield journal
    for store in open_stores:
        store.close()


def test_a_new_store_is_at_one_and_one(make: Callable[[], Store]) -> None:
    assert make().load() == StoreState(epoch=1, next_out=1, next_in=1, created_ns=None, clean=True)


def test_it_satisfies_the_protocol(make: Callable[[], Store]) -> None:
    assert isinstance(make(), Store)


def test_outbound_messages_come_back_in_order_with_their_times(make: Callable[[], Store]) -> None:
    store = make()
    for n in range(1, 31):
        store.append_out(n, message(n), 1000 + n)
    assert store.load().next_out == 31
    assert store.load().created_ns == 1001
    again = make()
    assert list(again.read_out(5, 8)) == [(n, 1000 + n, message(n)) for n in range(5, 9)]
    assert [n for n, _, _ in again.read_out(1, 999)] == list(range(1, 31))
    assert list(again.read_out(31, 40)) == []
    assert list(again.read_out(8, 5)) == []
    assert again.load().next_out == 31


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken_and_copied(make: Callable[[], Store], kind: Any) -> None:
    store = make()
    source = bytearray(message(1))
    store.append_out(1, kind(source), 1)
    source[:] = bytes(len(source))
    assert [raw for _, _, raw in store.read_out(1, 1)] == [message(1)]


def test_payloads_with_nul_and_soh_come_back_whole(make: Callable[[], Store]) -> None:
    """Trap T9: a store that takes a message for a C string cuts it at the first NUL."""
    store = make()
    raw = message(1, b"35=B\x0195=9\x0196=a\0b\x01c\0\0\x01d\x0110=000\x01")
    store.append_out(1, raw, 1)
    store.append_in(1, 1, raw)
    again = make()
    assert [data for _, _, data in again.read_out(1, 1)] == [raw]
    assert again.load().pending_in == ((1, 1, raw),)


def test_a_number_is_used_once(make: Callable[[], Store]) -> None:
    store = make()
    store.append_out(1, message(1), 1)
    store.append_out(5, message(5), 1)
    for n in (5, 4, 0, -1):
        with pytest.raises(ValueError, match="are used"):
            store.append_out(n, message(9), 1)
    assert [n for n, _, _ in store.read_out(1, 9)] == [1, 5]
    assert store.load().next_out == 6


def test_a_number_that_does_not_fit_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=ID)
    with pytest.raises(ValueError, match="does not fit"):
        store.append_out(1 << 70, message(1), 1)
    store.append_out(1, message(1), 1)
    store.close()


def test_what_the_application_has_not_done_is_pending(make: Callable[[], Store]) -> None:
    store = make()
    store.append_in(1, 1, message(1))
    store.append_in(2, 4, message(2) + message(3) + message(4))
    store.done(1)
    state = make().load()
    assert (state.next_in, state.received) == (2, 5)
    assert state.pending_in == ((2, 4, message(2) + message(3) + message(4)),)
    store = make()
    store.done(3)
    assert (make().load().next_in, len(make().load().pending_in)) == (4, 1)
    store = make()
    store.done(4)
    state = make().load()
    assert (state.next_in, state.received, state.pending_in) == (5, 5, ())


def test_done_twice_is_done_once(make: Callable[[], Store]) -> None:
    store = make()
    store.append_in(1, 2, message(1) + message(2))
    store.done(2)
    before = store.load()
    store.done(2)
    store.done(1)
    assert store.load() == before


def test_a_fill_does_not_pass_what_is_not_done(make: Callable[[], Store]) -> None:
    """Invariant B5.4: a Heartbeat counted above an unacknowledged fill must not move NIN past the fill."""
    store = make()
    store.fill(1, 1)
    store.append_in(2, 2, message(2))
    store.fill(3, 3)
    store.fill(4, 9)
    state = store.load()
    assert (state.next_in, state.received) == (2, 10)
    store = make()
    store.append_in(10, 10, message(10))
    store.done(2)
    state = make().load()
    assert (state.next_in, state.received) == (10, 11)
    assert [a for a, _, _ in state.pending_in] == [10]


def test_a_message_of_a_batch_can_be_filled(make: Callable[[], Store]) -> None:
    store = make()
    store.append_in(1, 5, b"".join(message(n) for n in range(1, 6)))
    store.fill(5, 5)
    store.fill(3, 3)
    store.done(2)
    assert store.load().next_in == 4
    store = make()
    store.done(4)
    assert make().load().next_in == 6


def test_inbound_numbers_never_leave_a_hole(make: Callable[[], Store]) -> None:
    store = make()
    store.append_in(1, 1, message(1))
    for call in (store.append_in, lambda a, b, buf: store.fill(a, b)):
        with pytest.raises(ValueError, match="next inbound number is 2"):
            call(3, 3, message(3))
    with pytest.raises(ValueError, match="next inbound number is 2"):
        store.append_in(1, 1, message(1))
    with pytest.raises(ValueError, match="next inbound number is 2"):
        store.append_in(2, 1, message(1))
    assert (store.load().next_in, store.load().received) == (1, 2)


def test_done_without_a_receipt_moves_the_number(make: Callable[[], Store]) -> None:
    """The at-most-once mode writes no receipts."""
    store = make()
    store.done(3)
    assert (make().load().next_in, make().load().received) == (4, 4)


def test_reset_begins_the_next_epoch(make: Callable[[], Store]) -> None:
    store = make()
    store.append_out(1, message(1), 1)
    store.append_in(1, 1, message(1))
    position = store.reset("141=Y")
    assert position <= store.synced
    assert store.load() == StoreState(epoch=2, next_out=1, next_in=1, created_ns=None, clean=store.load().clean)
    store.append_out(1, message(1, b"35=8\x01"), 77)
    again = make()
    assert (again.load().epoch, again.load().next_out, again.load().created_ns) == (2, 2, 77)
    assert [raw for _, _, raw in again.read_out(1, 9)] == [message(1, b"35=8\x01")]
    again.reset("again")
    again.reset("and again")
    assert make().load().epoch == 4


@pytest.mark.parametrize("make", ["memory", "lease"], indirect=True)
def test_D12_why_an_epoch_began_is_kept_with_it(make: Callable[[], Store]) -> None:
    assert make().load().why == ""
    make().reset("peer, window 2026-03-02")
    assert make().load().why == "peer, window 2026-03-02"
    make().append_out(1, message(1), 1)
    assert make().load().why == "peer, window 2026-03-02"
    make().reset("operator")
    assert make().load().why == "operator"


def test_a_reader_notices_a_reset(make: Callable[[], Store]) -> None:
    store = make()
    for n in range(1, 4):
        store.append_out(n, message(n), n)
    reader = store.read_out(1, 3)
    next(reader)
    store.reset("while reading")
    with pytest.raises(StoreError, match="reset"):
        next(reader)


def test_a_reader_goes_on_while_messages_are_appended(make: Callable[[], Store]) -> None:
    store = make()
    for n in range(1, 4):
        store.append_out(n, message(n), n)
    seen = []
    for n, _, _ in store.read_out(1, 3):
        seen.append(n)
        store.append_out(3 + n, message(3 + n), n)
    assert seen == [1, 2, 3]
    assert [n for n, _, _ in store.read_out(1, 9)] == [1, 2, 3, 4, 5, 6]


def test_positions_rise_and_sync_covers_them(make: Callable[[], Store]) -> None:
    store = make()
    last = 0
    for n in range(1, 12):
        for position in (store.append_out(n, message(n), n), store.append_in(n, n, message(n)), store.done(n)):
            assert position > last
            last = position
        if n == 6:
            store.sync()
            assert store.synced >= last
            last = max(last, store.reset("positions rise across epochs too"))
            break
    for n in range(1, 5):
        position = store.append_out(n, message(n), n)
        assert position > last
        last = position
    store.sync()
    assert store.synced >= last
    store.lease(100)
    assert store.synced >= last


@pytest.mark.parametrize("secret", [b"554=hunter2\x01", b"925=hunter2\x01", b"1401=7\x011402=hunter2\x01"])
def test_messages_with_secrets_are_left_out_of_resends(make: Callable[[], Store], secret: bytes) -> None:
    store = make()
    store.append_out(1, message(1, b"35=A\x0198=0\x01" + secret), 1)
    store.append_out(2, message(2), 1)
    store.append_out(3, message(3, b"35=BE\x01923=1\x01" + secret), 1)
    assert [n for n, _, _ in store.read_out(1, 9)] == [2]
    assert [n for n, _, _ in make().read_out(1, 9)] == [2]
    assert make().load().next_out == 4


def test_close_is_a_clean_stop(make: Callable[[], Store]) -> None:
    store = make()
    store.append_out(1, message(1), 1)
    assert store.load().clean is False
    store.close()
    store.close()
    assert make().load().clean is True


class _SameAsMemory(RuleBasedStateMachine):
    """A journal, restarted at will, and a memory store never disagree."""

    policy: Any = "none"

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.directory = tempfile.TemporaryDirectory()
        self.memory = MemoryStore()
        self.journal = self.take_up()

    def take_up(self) -> JournalStore:
        return JournalStore(self.directory.name, session_id=ID, sync=self.policy, lease_size=3)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.directory.cleanup()

    @rule(skip=st.integers(0, 2), body=st.binary(max_size=300), wall=st.integers(0, 1 << 60))
    def send(self, skip: int, body: bytes, wall: int) -> None:
        n = self.memory.load().next_out + skip
        raw = message(n, b"35=D\x0195=%d\x0196=%b\x01" % (len(body), body))
        for store in (self.memory, self.journal):
            store.append_out(n, raw, wall)

    @rule(count=st.integers(1, 3))
    def receive(self, count: int) -> None:
        a = self.memory.load().received
        raw = b"".join(message(n) for n in range(a, a + count))
        for store in (self.memory, self.journal):
            store.append_in(a, a + count - 1, raw)

    @rule(back=st.integers(0, 3))
    def done(self, back: int) -> None:
        n = self.memory.load().received - 1 - back
        for store in (self.memory, self.journal):
            store.done(n)

    @rule(back=st.integers(0, 3), count=st.integers(1, 5))
    def fill(self, back: int, count: int) -> None:
        a = max(self.memory.load().received - back, 1)
        for store in (self.memory, self.journal):
            store.fill(a, a + count - 1)

    @rule()
    def reset(self) -> None:
        for store in (self.memory, self.journal):
            store.reset("rule")

    @rule()
    def sync(self) -> None:
        self.journal.sync()

    @precondition(lambda self: hasattr(self, "journal"))
    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = self.take_up()
        assert self.journal.recovered is None

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "journal"):
            return
        ours, theirs = self.journal.load(), self.memory.load()
        for name in ("epoch", "next_out", "next_in", "pending_in", "created_ns", "received", "lost_out"):
            assert getattr(ours, name) == getattr(theirs, name), name
        end = theirs.next_out
        assert list(self.journal.read_out(1, end)) == list(self.memory.read_out(1, end))
        middle = end // 2
        assert list(self.journal.read_out(middle, middle + 1)) == list(self.memory.read_out(middle, middle + 1))


class _LeaseSameAsMemory(_SameAsMemory):
    policy = "lease"


TestJournalIsLikeMemory = _SameAsMemory.TestCase
TestJournalIsLikeMemory.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestLeaseJournalIsLikeMemory = _LeaseSameAsMemory.TestCase
TestLeaseJournalIsLikeMemory.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_a_bounded_memory_store_keeps_the_latest() -> None:
    store = MemoryStore(max_messages=10)
    for n in range(1, 101):
        store.append_out(n, message(n), n)
    kept = [n for n, _, _ in store.read_out(1, 100)]
    assert kept == list(range(kept[0], 101))
    assert 10 <= len(kept) <= 20
    assert store.load().next_out == 101
    with pytest.raises(ValueError, match="max_messages"):
        MemoryStore(max_messages=-1)
