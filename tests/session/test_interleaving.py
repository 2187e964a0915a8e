"""Two sessions, anything in any order: nothing is lost, nothing comes twice unmarked, the numbers agree in the end."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from fixfast.session.events import Alarm, MessagesLost
from fixfast.session.state import State
from fixfast.session.wire import Message, StreamDecoder
from fixfast.store.journal import JournalStore, SyncPolicy
from tests.session.harness import VERSIONS, Pair

#: runs per version; each has up to this many steps
RUNS, STEPS = 40, 120

#: alarms that a slow wire and a small queue explain
HARMLESS = ("queue of messages behind a gap", "peer is silent", "was asked for twice", "does not read")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resends come in such small batches that everything else happens in the middle of them, too."""
    monkeypatch.setattr("fixfast.session.resend.BATCH_MESSAGES", 3)


class World:
    """A Pair driven by a random number generator, and an account of everything sent and delivered."""

    def __init__(self, seed: int, version: str, journals: Path | None = None) -> None:
        self.random = random.Random(f"{version}-{seed}")
        self.journals = journals
        options: dict[str, Any] = {"offline": "store", "max_resend_requests": 10**9, "heart_bt_int": 5}
        options["queue_limit"] = self.random.choice((0, 2, 1000))
        self.pair = Pair(version, a=options, b=options)
        if journals is not None:
            policies: list[SyncPolicy] = ["none", "lease", "group", "every"]
            self.policy = self.random.choice(policies)
            for i in (0, 1):
                self.pair.stores[i] = JournalStore(journals / f"{i}.0.journal", sync=self.policy, lease_size=10)
                self.pair.restart(i)
        self.sent: tuple[list[str], list[str]] = ([], [])
        self.delivered: tuple[list[Message], list[Message]] = ([], [])

    def run(self) -> None:
        steps = (self.send, self.send, self.carry, self.carry, self.carry, self.take, self.take, self.advance)
        rare = (self.cut, self.restart, self.logout, self.connect, self.connect)
        self.connect(0)
        for _ in range(self.random.randrange(STEPS)):
            step = self.random.choice(rare if self.random.random() < 0.12 else steps)
            step(self.random.randrange(2))
            self.check_closing()
        self.heal()

    # --- steps ----------------------------------------------------------------------------------------------

    def send(self, i: int) -> None:
        for _ in range(self.random.choice((1, 1, 2, 10))):
            text = f"{i}-{len(self.sent[i])}"
            self.pair.sessions[i].send("8", [(58, text)], self.pair.now)
            self.sent[i].append(text)

    def carry(self, i: int) -> None:
        self.sync(1 - i)
        self.pair.carry(i, self.random.choice((1, 10, 100, 1000, None)))

    def sync(self, i: int) -> None:
        """What an engine does off its loop, now and then."""
        if self.pair.sessions[i].sync_needed and self.random.random() < 0.5:
            self.pair.stores[i].sync()

    def take(self, i: int) -> None:
        """Take some events, perhaps not all; the one taken last may stay unacknowledged."""
        for _ in range(self.random.choice((0, 1, 3, 1000))):
            event = next(self.pair.sessions[i].events(), None)
            if event is None:
                break
            self.note(i, event)

    def note(self, i: int, event: Any) -> None:
        assert not isinstance(event, MessagesLost), event
        assert not isinstance(event, Alarm) or any(word in event.text for word in HARMLESS), event
        if isinstance(event, Message):
            event.detach()
            self.delivered[i].append(event)

    def advance(self, i: int) -> None:
        self.pair.clock.advance(self.random.choice((0.1, 1, 6)))
        self.pair.poll()

    def cut(self, i: int) -> None:
        if self.pair.sessions[0].state is not State.DISCONNECTED:
            self.pair.cut()

    def restart(self, i: int) -> None:
        """Kill one process. A journal is taken over as it stands at that moment, without a clean stop."""
        self.cut(i)
        if self.journals is not None:
            old = self.pair.stores[i]
            stem, number, _ = Path(old.path).name.split(".")
            new = self.journals / f"{stem}.{int(number) + 1}.journal"
            new.write_bytes(Path(old.path).read_bytes())
            old.close()
            self.pair.stores[i] = JournalStore(new, sync=self.policy, lease_size=10)
        self.pair.restart(i)

    def logout(self, i: int) -> None:
        self.pair.sessions[i].logout("", self.pair.now)

    def connect(self, i: int) -> None:
        if all(session.state is State.DISCONNECTED for session in self.pair.sessions):
            self.pair.connect()

    def check_closing(self) -> None:
        if any(session.close_requested and session.state is State.CLOSING for session in self.pair.sessions):
            self.cut(0)

    # --- the end --------------------------------------------------------------------------------------------

    def heal(self) -> None:
        self.cut(0)
        for i in (0, 1):
            for event in self.pair.sessions[i].events():
                self.note(i, event)
        self.pair.connect()
        for _ in range(40):
            self.pair.clock.advance(1)
            self.pair.poll()
            moved = 1
            while moved:
                for store in self.pair.stores:
                    store.sync()
                moved = self.pair.carry(0) + self.pair.carry(1)
            for i in (0, 1):
                for event in self.pair.sessions[i].events():
                    self.note(i, event)

    def check(self) -> None:
        for i in (0, 1):
            ours, theirs = self.pair.sessions[i], self.pair.sessions[1 - i]
            assert ours.state is State.ACTIVE
            assert ours.next_in == theirs.next_out, (ours, theirs)
            state = self.pair.stores[i].load()
            assert state.next_in == state.received == ours.next_in
            fresh = [m[58] for m in self.delivered[i] if not m.redelivered]
            anyhow = {m[58] for m in self.delivered[i]}
            # each at least once; those not redelivered at most once and in order
            assert anyhow == set(self.sent[1 - i])
            assert fresh == sorted(set(fresh), key=lambda text: int(text.partition("-")[2]))
            numbers = [m.msg_seq_num for m in self.delivered[i] if not m.redelivered]
            assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(RUNS))
def test_everything_sent_arrives_in_order_whatever_happens(version: str, seed: int) -> None:
    world = World(seed, version)
    world.run()
    world.check()


@pytest.mark.parametrize("seed", range(40))
def test_everything_sent_arrives_in_order_from_journals_too(tmp_path: Path, seed: int) -> None:
    world = World(seed, VERSIONS[seed % len(VERSIONS)], tmp_path)
    world.run()
    world.check()
    for store in world.pair.stores:
        store.close()


@pytest.mark.parametrize("seed", range(10))
def test_same_seed_same_run(seed: int) -> None:
    worlds = [World(seed, "FIX.4.4") for _ in range(2)]
    for world in worlds:
        world.run()
    first, second = ([m.raw for m in world.delivered[0]] for world in worlds)
    assert first == second


@pytest.mark.parametrize("version", VERSIONS)
def test_connection_cut_at_every_byte(version: str) -> None:
    """A short exchange, cut after each byte that one side reads: the other connection completes it."""
    total = 0
    cut_at = 0
    while cut_at <= total:
        pair = Pair(version, a={"max_resend_requests": 99}, b={"max_resend_requests": 99})
        pair.connect()
        pair.settle()
        for i, session in enumerate(pair.sessions):
            for n in range(3):
                session.send("8", [(58, f"{i}-{n}")], pair.now)
        for i in (0, 1):
            read = pair.carry(i, cut_at)
            total = max(total, read + len(pair.pipes[i]))
        pair.cut()
        pair.connect()
        pair.settle()
        for i in (0, 1):
            texts = [event[58] for event in pair.events[i] if isinstance(event, Message)]
            assert texts == [f"{1 - i}-{n}" for n in range(3)], cut_at
            assert pair.sessions[i].next_in == pair.sessions[1 - i].next_out
        cut_at += 1
    assert total > 150


def test_numbers_on_the_wire_have_one_content(version: str) -> None:
    """B5.1: of the messages without PossDupFlag, one number has one content, whatever happened in between."""
    world = World(4711, version)
    seen: tuple[dict[int, bytes], dict[int, bytes]] = ({}, {})

    class Tap:
        def __init__(self, i: int) -> None:
            self.decoder = StreamDecoder()
            self.seen = seen[i]

        def feed(self, data: bytes) -> None:
            self.decoder.feed(data)
            for m in self.decoder:
                assert isinstance(m, Message)
                if not m.poss_dup:
                    assert self.seen.setdefault(m.msg_seq_num, m.raw) == m.raw

    original = world.pair.carry
    taps = [Tap(0), Tap(1)]

    def carry(i: int, limit: int | None = None) -> int:
        data = world.pair.sessions[1 - i].data_to_send()
        for part in data:
            taps[i].feed(part)
            world.pair.pipes[i] += part
        return original(i, limit)

    world.pair.carry = carry  # type: ignore[method-assign]
    world.run()
    world.check()
    assert seen[0]
    assert seen[1]
