"""The traps T1-T17 as mutants: each puts one mistake of other engines into the real code. The simulator must see it.

`python -m tests.simulation --mutants` runs seeds with each mutant until one fails. A mutant that survives fails the
command: it shows where the simulator is blind. What the T-numbers mean stands in the requirements (A16); where our
design has no such part the nearest equivalent stands here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from unittest import mock
from zlib import crc32

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.session import pipeline, recovery, resend
from fixfast.session.checks import asks_for_reset
from fixfast.session.gap import HoldQueue
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.store import records
from fixfast.store.journal import JournalStore
from fixfast.store.recordfile import RecordFile
from tests.simulation.disk import Mount, SimLock

__all__ = ["MUTANTS", "Mutant", "mutated"]


class Mutant(NamedTuple):
    """A mistake. `apply` makes the patches, which end with the context."""

    effect: str
    apply: Callable[[contextlib.ExitStack], None]


def _patch(stack: contextlib.ExitStack, where: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace where.name by what make() makes of it."""
    stack.enter_context(mock.patch.object(where, name, make(getattr(where, name))))


@contextlib.contextmanager
def mutated(name: str) -> Iterator[None]:
    """Run with a mutant in place."""
    with contextlib.ExitStack() as stack:
        MUTANTS[name].apply(stack)
        yield


# --- logon and gaps ------------------------------------------------------------------------------------------


def _t1(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def first(self: Any, message: Any, now: Any) -> None:
            if message.get(35) == "A" and asks_for_reset(message, self.config):
                self._new_epoch("peer")
            original(self, message, now)

        return first

    _patch(stack, Session, "_on_first_message", make)


def _t2(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def fields(self: Any, answered: int) -> list[tuple[int, int]]:
            return [(789, n + 1 if answered > n else n) for _, n in original(self, answered)]

        return fields

    _patch(stack, Session, "_expected_fields", make)


def _t3(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def early(self: Any, message: Any, now: Any) -> None:
            self._inbox.count(message.msg_seq_num)
            original(self, message, now)

        return early

    _patch(stack, Session, "_on_early_logout", make)


def _t4(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def too_high(self: Any, message: Any, n: int, msg_type: str, now: Any) -> None:
            if msg_type == "3":
                self._inbox.count()
            original(self, message, n, msg_type, now)

        return too_high

    _patch(stack, Session, "_too_high", make)


def _t5(stack: contextlib.ExitStack) -> None:
    """What is durable says "all up to the highest number seen"; what is in memory is right."""

    def hold(original: Any) -> Any:
        def hold_message(self: Any, message: Any, n: int, now: Any) -> None:
            notes = self._store._files.disk.notes
            notes["highest"] = b"%d" % max(n, int(notes.get("highest", b"0")))
            original(self, message, n, now)

        return hold_message

    def load(original: Any) -> Any:
        def loaded(self: Any) -> Any:
            state, notes = original(self), self._files.disk.notes
            highest = int(notes.pop("highest", b"0"))
            if highest >= state.received:
                self.fill(state.received, highest)
                return original(self)
            return state

        return loaded

    _patch(stack, Session, "_hold_message", hold)
    _patch(stack, JournalStore, "load", load)
    _patch(stack, JournalStore, "reset", _forgetting("highest"))


def _forgetting(note: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def reset(self: Any, reason: str) -> Any:
            self._files.disk.notes.pop(note, None)
            return original(self, reason)

        return reset

    return make


def _t6(stack: contextlib.ExitStack) -> None:
    def step(original: Any) -> Any:
        def stepped(self: Any, item: Any, now: Any) -> None:
            last = self._live.last
            original(self, item, now)
            if self._state is State.RECOVERING and self._gap is not None and self._inbox.next_in == self._gap.progress:
                self._live.last = last

        return stepped

    _patch(stack, Session, "_step", step)


def _t7(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def poll(self: Any, now: Any) -> None:
            if self._live.interval or not self._logged_on:
                original(self, now)

        return poll

    def deadline(original: Any) -> Any:
        def next_deadline(self: Any) -> int | None:
            return original(self) if self._live.interval or not self._logged_on else None

        return next_deadline

    _patch(stack, Session, "poll", make)
    _patch(stack, Session, "next_deadline", deadline)


def _t8(stack: contextlib.ExitStack) -> None:
    """OrigSendingTime is looked at only in messages that are too low."""
    stack.enter_context(mock.patch("fixfast.session.admin.poss_dup_fault", return_value=None))


# --- resending -----------------------------------------------------------------------------------------------


def _t9(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def poss_dup(raw: bytes, *rest: Any) -> bytes:
            whole = original(raw, *rest)
            if b"\0" not in whole:
                return bytes(whole)
            head = whole[: whole.index(b"\0")] + b"\x01"
            body = head[head.index(b"\x01", 12) + 1 :]
            message = b"%b\x019=%d\x01%b" % (whole[: whole.index(b"\x01")], len(body), body)
            return b"%b10=%03d\x01" % (message, sum(message) % 256)

        return poss_dup

    _patch(stack, resend, "poss_dup", make)


def _t11(stack: contextlib.ExitStack) -> None:
    _patch(stack, HoldQueue, "drop_below", lambda original: lambda self, n: None)


def _t12(stack: contextlib.ExitStack) -> None:
    """The range stays "asked for" when the socket is gone, and nothing looks whether it ever comes."""

    def make(original: Any) -> Any:
        def begin(self: Any, now: Any) -> None:
            gap = getattr(self, "_gap", None)
            original(self, now)
            self._gap = gap
            if gap is not None:
                gap.deadline = 1 << 62

        return begin

    _patch(stack, Session, "_begin_connection", make)


def _t13(stack: contextlib.ExitStack) -> None:
    """The next chunk is asked for only when the last one ended exactly where it was to end."""

    def make(original: Any) -> Any:
        def check(self: Any, now: Any) -> None:
            gap = self._gap
            overshot = gap is not None and gap.bounded and self._inbox.next_in > gap.asked_target + 1
            if overshot and self._inbox.next_in <= gap.target:
                gap.deadline = 1 << 62
                return
            original(self, now)

        return check

    _patch(stack, Session, "_check_gap", make)


def _t14(stack: contextlib.ExitStack) -> None:
    def make(original: Any) -> Any:
        def put(self: Any, n: int, message: Any) -> Any:
            self._max_items = self._max_bytes = 1 << 62
            return original(self, n, message)

        return put

    _patch(stack, HoldQueue, "put", make)


def _t15(stack: contextlib.ExitStack) -> None:
    """What cannot be read is resent with a header only."""

    def make(original: Any) -> Any:
        def read_range(self: Any, a: int, *rest: Any) -> Iterator[tuple[int, int, bytes]]:
            n = a
            try:
                for n, wall_ns, raw in original(self, a, *rest):
                    yield n, wall_ns, raw
                    n += 1
            except (StoreError, StoreCorrupt):
                head = b"35=B\x0149=INIT\x0156=ACPT\x0134=%d\x0152=20260302-10:00:00\x01" % n
                message = b"8=FIX.4.4\x019=%d\x01%b" % (len(head), head)
                yield n, 0, b"%b10=%03d\x01" % (message, sum(message) % 256)

        return read_range

    _patch(stack, JournalStore, "_read_range", make)


# --- the store -----------------------------------------------------------------------------------------------


def _t10_no_sync(stack: contextlib.ExitStack) -> None:
    """The store says "durable" and never asked the disk."""

    def make(original: Any) -> Any:
        def sync(self: Any, wall_ns: int) -> None:
            with mock.patch.object(self.file, "sync", return_value=None):
                original(self, wall_ns)

        return sync

    _patch(stack, RecordFile, "sync", make)


def _t10_fresh_start(stack: contextlib.ExitStack) -> None:
    """A journal that cannot be read starts again at 1/1, and nobody is told."""

    def make(original: Any) -> Any:
        def take_up(self: Any, lock: Any) -> None:
            try:
                original(self, lock)
            except StoreCorrupt:
                self._log = None
                self._files.remove(self.path)
                self._make_epoch(1, "created", self._files.boot_id())

        return take_up

    _patch(stack, JournalStore, "_take_up", make)


def _t10_torn_tail(stack: contextlib.ExitStack) -> None:
    """A torn record is taken for a whole one: no checksum."""

    class Anything(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__
        __ne__ = lambda self, other: False  # noqa: E731

    stack.enter_context(mock.patch.object(records, "crc32", lambda data, seed=0: Anything(crc32(data, seed))))


def _t16_goes_on(stack: contextlib.ExitStack) -> None:
    """After a failed write the store takes the next message as if nothing had happened."""

    def make(original: Any) -> Any:
        def poison(self: Any, doing: str, error: Any) -> Any:
            self.position += 7  # where the file's position was left
            return StoreError(f"{doing}: {error}")

        return poison

    def failed(original: Any) -> Any:
        return lambda self, error: None

    _patch(stack, RecordFile, "poison", make)
    _patch(stack, Session, "_store_failed", failed)


def _t16_stuck(stack: contextlib.ExitStack) -> None:
    """After a disk was full the session neither ends nor goes on."""

    def failed(original: Any) -> Any:
        def store_failed(self: Any, error: Any) -> None:
            self._outbox.held = True

        return store_failed

    _patch(stack, Session, "_store_failed", failed)


def _t17(stack: contextlib.ExitStack) -> None:
    _patch(stack, Mount, "lock", lambda original: lambda self, path: SimLock(self, path))


# --- beside the traps: the promises of B2 and B5 ------------------------------------------------------------


def _wire_first(stack: contextlib.ExitStack) -> None:
    """Bytes go out before they are durable."""
    stack.enter_context(mock.patch.object(JournalStore, "synced", property(lambda self: 1 << 62)))


def _done_first(stack: contextlib.ExitStack) -> None:
    """A message counts as dealt with when it is received."""

    def make(original: Any) -> Any:
        def append_in(self: Any, a: int, b: int, buf: Any) -> Any:
            original(self, a, b, buf)
            return self.done(b)

        return append_in

    _patch(stack, JournalStore, "append_in", make)


def _fill_all(stack: contextlib.ExitStack) -> None:
    """Every resend is a GapFill."""
    _patch(stack, recovery.Recovery, "_resendable", lambda original: lambda self, message, wall_ns: False)


def _no_lease(stack: contextlib.ExitStack) -> None:
    """Numbers in doubt after a power loss are used again."""

    def make(original: Any) -> Any:
        def loaded(self: Any) -> Any:
            state = original(self)
            if state.lost_out is not None:
                self._state.next_out = state.lost_out[0]
                return replace(state, next_out=state.lost_out[0], lost_out=None)
            return state

        return loaded

    _patch(stack, JournalStore, "load", make)


def _reject_rejects(stack: contextlib.ExitStack) -> None:
    """A Reject is rejected like anything else."""
    stack.enter_context(mock.patch.object(pipeline, "REJECTS", frozenset()))

    def make(original: Any) -> Any:
        def send_reject(self: Any, message: Any, reason: int, ref_tag: Any, now: Any, text: str = "") -> None:
            if message.get(35) == "3" and not self._is_leaving():
                self._say("3", [(45, message.msg_seq_num), (58, "no")], now)
            original(self, message, reason, ref_tag, now, text)

        return send_reject

    _patch(stack, Session, "_send_reject", make)


MUTANTS: dict[str, Mutant] = {
    "T1": Mutant("a Logon with 141=Y resets before it is known who sent it", _t1),
    "T2": Mutant("789 of an answer is NIN + 1 also when the Logon was too high", _t2),
    "T3": Mutant("a Logout that is too high moves NIN behind it", _t3),
    "T4": Mutant("a Reject that is too high moves NIN by one", _t4),
    "T5": Mutant("the durable NIN is the highest number seen", _t5),
    "T6": Mutant("messages that are too high do not count as signs of life", _t6),
    "T7": Mutant("with HeartBtInt 0 no time-out runs", _t7),
    "T8": Mutant("OrigSendingTime above SendingTime is seen only in low messages", _t8),
    "T9": Mutant("resent data ends at its first NUL", _t9),
    "T10 no sync": Mutant("durable is what was only written", _t10_no_sync),
    "T10 fresh start": Mutant("an unreadable journal begins again at 1/1", _t10_fresh_start),
    "T10 torn tail": Mutant("a torn record is taken for a whole one", _t10_torn_tail),
    "T11": Mutant("SequenceReset-Reset leaves stale messages in the queue", _t11),
    "T12": Mutant("a request whose socket was gone counts as outstanding", _t12),
    "T13": Mutant("a GapFill beyond the chunk stops the chunks", _t13),
    "T14": Mutant("the queue behind a gap has no limit", _t14),
    "T15": Mutant("what cannot be read is resent as a header", _t15),
    "T16 goes on": Mutant("a store goes on behind a failed write", _t16_goes_on),
    "T16 stuck": Mutant("a session whose store failed neither ends nor goes on", _t16_stuck),
    "T17": Mutant("two processes on one journal", _t17),
    "B2 wire first": Mutant("bytes go out before they are durable", _wire_first),
    "B2 done first": Mutant("received is dealt with", _done_first),
    "B3 no lease": Mutant("numbers in doubt are used again", _no_lease),
    "B5.8": Mutant("every resend is a GapFill", _fill_all),
    "O15": Mutant("a Reject is rejected", _reject_rejects),
}
