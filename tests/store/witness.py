"""Drives a journal, writes down what it promised, and checks that after whatever happened."""

from __future__ import annotations

from typing import Any

from fixfast import JournalStore
from tests.store.simdisk import SimDisk

PATH = "/disk/x.journal"


def take_up(disk: SimDisk, policy: Any, segment_size: int = 1 << 24, **options: Any) -> JournalStore:
    return JournalStore(
        PATH, sync=policy, lease_size=5, interval_ns=3, segment_size=segment_size, files=disk, **options
    )


class BusyDisk(SimDisk):
    """A disk during whose slow operations the owner of the store goes on appending, as an event loop does."""

    def __init__(self) -> None:
        super().__init__()
        self.witness: Witness | None = None
        self.store: JournalStore | None = None  # set while another thread would sync it
        self.interleaved = 0

    def step(self, name: str) -> bool:
        # Records of the owner are written while the syncing thread is in these; it holds no mutex then.
        store = self.store
        if store is not None and self.witness is not None and name in ("sync", "replace", "sync_directory", "truncate"):
            self.store = None
            self.interleaved += self.witness.append(store)
            self.store = store
        return super().step(name)


class Witness:
    """Drives a store and writes down what it was promised."""

    def __init__(self) -> None:
        self.epochs: set[int] = {1}  # the epochs that may be current
        self.wire: dict[tuple[int, int], bytes] = {}  # (epoch, n) -> what may have been seen by the peer
        self.asked: dict[tuple[int, int], bytes] = {}  # (epoch, n) -> what append_out was called with
        self.settled: set[tuple[int, int]] = set()  # (epoch, n) of inbound messages dealt with or filled
        self.reset_to: int | None = None
        self.durable = (1, 1, 1)  # epoch, NOUT and NIN, as of the last sync that returned
        self._waiting: list[tuple[int, int, int, bytes]] = []
        self._steps = 0
        self._salt = 0

    def work(self, store: JournalStore, steps: int, salt: int, disk: BusyDisk | None = None) -> None:
        """Do a bit of everything. disk: more is appended while sync() and lease() run on it."""
        self._waiting.clear()
        self._steps, self._salt = 0, salt
        for i in range(steps):
            self.append(store)
            if disk is not None:
                disk.witness, disk.store = self, store
            if i % 3 == 2 and (due := store.lease_due) is not None:
                store.lease(due)
            if i % 7 == 6:
                before = _position(store)
                store.sync()
                self.durable = before
            if disk is not None:
                disk.store = None
            self._release(store)
            if i % 11 == 10:
                epoch = store.load().epoch
                self.epochs.add(epoch + 1)
                self.reset_to = None
                store.reset("test")
                self.reset_to = epoch + 1

    def append(self, store: JournalStore) -> bool:
        """Append a few records. Not when that would need a sync and one is going on: then the owner would wait."""
        self._steps = i = self._steps + 1
        state, n = store.load(), store.load().next_out
        log = store._log
        if log is None or ((n >= log.free_below or store._eager) and store._syncing.locked()):
            return False
        raw = b"e%d n%d s%d " % (state.epoch, n, self._salt) * 4
        self.asked[state.epoch, n] = raw
        self._waiting.append((store.append_out(n, raw, 1000 + i), state.epoch, n, raw))
        if i % 4 == 2:
            store.append_in(state.received, state.received + 1, b"in%d" % state.received)
        if i % 4 in (2, 3) and state.pending_in:
            number = max(state.pending_in[0][0], state.next_in)
            self.settled |= {(state.epoch, k) for k in range(state.next_in, number + 1)}
            store.done(number)
        if i % 9 == 6:
            received = store.load().received
            self.settled.add((state.epoch, received))
            store.fill(received, received)
        return True

    def _release(self, store: JournalStore) -> None:
        synced = store.synced
        for entry in [w for w in self._waiting if w[0] <= synced]:
            self._waiting.remove(entry)
            _, epoch, number, content = entry
            assert self.wire.setdefault((epoch, number), content) == content, "one number, one content (B5.1)"

    def check(self, store: JournalStore, *, content: bool) -> None:
        """Check a store that was taken up again. content: nothing on the wire may be missing."""
        state = store.load()
        assert state.epoch in self.epochs
        if self.reset_to is not None:
            assert state.epoch >= self.reset_to, "a reset that returned is durable"
        epoch, next_out, next_in = self.durable
        assert state.epoch > epoch or (state.epoch, state.next_out >= next_out, state.next_in >= next_in) == (
            epoch,
            True,
            True,
        ), "epochs never fall, nor numbers in one (B5.7)"
        sent = [n for epoch, n in self.wire if epoch == state.epoch]
        assert state.next_out > max(sent, default=0), "no number is used twice (B5.3)"
        stored = {n: raw for n, _, raw in store.read_out(1, 1 << 40)}
        for n, raw in stored.items():
            assert raw == self.asked[state.epoch, n]
        if content:
            assert set(sent) <= set(stored)
        assert not [a for a, _, raw in state.pending_in if raw != b"in%d" % a]
        assert {(state.epoch, n) for n in range(1, state.next_in)} <= self.settled, "below NIN all is done (B5.4)"
        self.epochs = {state.epoch}
        self.asked = {k: v for k, v in self.asked.items() if k[0] == state.epoch and k[1] < state.next_out}
        self.settled = {k for k in self.settled if k[0] == state.epoch}


def _position(store: JournalStore) -> tuple[int, int, int]:
    state = store.load()
    return state.epoch, state.next_out, state.next_in
