"""What a session asks of a message store, and nothing more.

A store keeps one session: every message sent (for resending), every message received and not yet dealt with (for
redelivery after a crash), and so the two sequence numbers. The numbers are *derived* from what is stored; there is
no second place that could disagree (requirements B1).

The order of calls is the promise (B2):

    out:  append_out(n, bytes) -> position; the bytes may go on the wire once `synced >= position`
    in:   append_in(a, b, bytes); the application sees the messages; done(n) for each
    in:   fill(a, b) for numbers that no application sees: session messages, gap fills, resets upwards
    both: reset(reason) is durable before it returns

All calls are made by the one owner of the session, except `sync()` and `lease()`, which an engine may run in another
thread while the owner goes on appending.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fixfast.types import Buffer

__all__ = ["InboundLedger", "Store", "StoreState", "check_out"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a store knows when a session takes it up. A new store has epoch 1, both numbers 1, `created_ns` None.

    Attributes:
        epoch: counts the resets; never falls.
        next_out: NOUT, the number the next message sent will get. Above every number that can have reached the peer.
        next_in: NIN, the lowest inbound number that is not dealt with. Everything below it is.
        pending_in: (a, b, bytes) of messages received, in sequence, and not all dealt with, in order: deliver them
            again, with `redelivered` set. The bytes are whole messages back to back. The first entry may begin below
            `next_in`, and a number in it may be filled: see `received`.
        created_ns: wall time of the epoch's first outbound message, ns since the Unix epoch; None: there is none yet.
        clean: the last owner closed the store (or nothing was ever stored).
        received: the inbound number to expect from the peer: `next_in`, or one past the end of `pending_in`.
        lost_out: outbound numbers (first, last) that may have been used before a power loss and whose content is lost:
            gap-fill them and tell the application. None nearly always.
        why: what reset() was told when the epoch began; of the first epoch, and of a store that does not keep it, "".
            A session with a schedule notes the window there.
        out_in_doubt: numbers from `next_out` on may have been used before a power loss, and nobody knows which: tell a
            person. (A journal with sync="none".)
    """

    epoch: int = 1
    next_out: int = 1
    next_in: int = 1
    pending_in: tuple[tuple[int, int, bytes], ...] = ()
    created_ns: int | None = None
    clean: bool = True
    received: int = 1
    lost_out: tuple[int, int] | None = None
    why: str = ""
    out_in_doubt: bool = False


@runtime_checkable
class Store(Protocol):
    """A message store of one session. Every method may raise StoreError; after a failed write all of them do.

    One more attribute is used by a session where a store has it. `kept_from`: outbound numbers below it are not kept
    any more, by what the store was told to keep. It says so when it has to gap-fill them.
    """

    def load(self) -> StoreState:
        """Return what is stored. May be called again, by the next session on this store, at any time."""

    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int:
        """Store one message to be sent, before it is sent.

        Args:
            n: its MsgSeqNum; `next_out` or above (numbers left out are holes and will be gap-filled).
            buf: its bytes. They are copied or written before this returns.
            wall_ns: ns since the Unix epoch.

        Returns: the position of the record; the message may go on the wire when `synced` has reached it.

        Raises: ValueError: n was used before in this epoch.
        """

    def append_in(self, a: int, b: int, buf: Buffer) -> int:
        """Store received messages a..b (whole, back to back), in sequence, before the application sees the first.

        Raises: ValueError: a is not the number after the last one received or filled.
        """

    def done(self, n: int) -> int:
        """Note that the application has dealt with everything up to n. Below `next_in`: nothing happens."""

    def fill(self, a: int, b: int) -> int:
        """Note that inbound a..b need no delivery. NIN passes them as soon as everything below is done.

        Raises: ValueError: a leaves a hole after the last number received or filled.
        """

    def reset(self, reason: str) -> int:
        """Begin the next epoch, both numbers at 1. Durable, as a whole or not at all, before this returns.

        Args: reason: why, for people and for `StoreState.why`; 200 characters at most.
        """

    def lease(self, n: int) -> int:
        """Make it durable that outbound numbers below n may have been used (policy "lease"); else like sync()."""

    def sync(self) -> None:
        """Make everything appended so far durable, and move `synced` there."""

    @property
    def synced(self) -> int:
        """Messages at positions up to this one may go on the wire under the store's policy."""

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of the stored messages a..b of this epoch, in order, reading as it goes.

        Numbers never stored are left out, and so are messages that carried secrets (their bytes were blanked, C8):
        both are gap-filled. The iterator ends with StoreError when the epoch changes or a record turns out damaged.
        """

    def close(self) -> None:
        """Mark a clean stop, make all durable, let go of the store. Twice is once."""


class InboundLedger:
    """Derives NIN from receipts, fills and acknowledgements. Both stores keep their inbound side in one of these.

    `next_in` is the lowest number not dealt with, `received` the number to expect from the peer. Fills above
    `next_in` wait in `fills` until what lies below is done: in order, and none touches another, so that the heartbeats
    behind one message that an application is slow to deal with are one entry, not work for each (C3). Never out of step
    with the records it is fed.
    """

    __slots__ = ("fills", "next_in", "received")

    def __init__(self, next_in: int = 1) -> None:
        self.next_in = next_in
        self.received = next_in
        self.fills: list[tuple[int, int]] = []

    def check_receipt(self, a: int, b: int) -> None:
        """Raise ValueError unless a..b may be received next."""
        if a != self.received or b < a:
            raise ValueError(f"append_in({a}, {b}): the next inbound number is {self.received}")

    def check_fill(self, a: int, b: int) -> None:
        """Raise ValueError unless filling a..b leaves no hole."""
        if not 0 < a <= self.received or b < a:
            raise ValueError(f"fill({a}, {b}): the next inbound number is {self.received}")

    def nin_after_done(self, n: int) -> int:
        """Return what NIN will be after done(n)."""
        if not self.fills:
            return n + 1 if n >= self.next_in else self.next_in
        return self._settle(max(self.next_in, n + 1))

    def nin_after_fill(self, a: int, b: int) -> int:
        """Return what NIN will be after fill(a, b)."""
        return self._settle(b + 1) if a <= self.next_in <= b else self.next_in

    def receive(self, b: int) -> None:
        """Note the receipt of everything up to b."""
        self.received = b + 1

    def done(self, n: int) -> int:
        """Apply done(n) and return NIN."""
        if self.fills:
            self._move(self.nin_after_done(n))
        elif n >= self.next_in:
            # PERF: the common case without the calls (250 ns)
            self.next_in = n + 1
            if n >= self.received:
                self.received = n + 1
        return self.next_in

    def fill(self, a: int, b: int) -> int:
        """Apply fill(a, b) and return NIN."""
        nin = self.nin_after_fill(a, b)
        if a > nin:
            self._keep(a, b)
        self.received = max(self.received, b + 1)
        self._move(nin)
        return self.next_in

    def forget(self, n: int) -> None:
        """Count everything from n on as not received."""
        if n < self.next_in:
            raise ValueError(f"forget({n}): {self.next_in - 1} is dealt with")
        self.received = min(self.received, n)
        self.fills = [(a, min(b, n - 1)) for a, b in self.fills if a < n]

    def _keep(self, a: int, b: int) -> None:
        fills = self.fills
        if fills and a <= fills[-1][1] + 1:
            # The usual case but one: it goes on where the last one ends. (It may also lie anywhere below that.)
            first = len(fills) - 1
            while first and a <= fills[first - 1][1] + 1:
                first -= 1
            last = len(fills)
            while last > first and fills[last - 1][0] > b + 1:
                last -= 1
            joined = [(min(a, fills[first][0]), max(b, fills[last - 1][1]))] if last > first else [(a, b)]
            fills[first:last] = joined
        else:
            fills.append((a, b))

    def _move(self, nin: int) -> None:
        self.next_in = nin
        self.received = max(self.received, nin)
        fills = self.fills
        passed = 0
        while passed < len(fills) and fills[passed][1] < nin:
            passed += 1
        del fills[:passed]

    def _settle(self, nin: int) -> int:
        for a, b in self.fills:
            if a > nin:
                break
            if b >= nin:
                nin = b + 1
        return nin


def check_out(n: int, next_out: int) -> None:
    """Raise ValueError when number n was used before: one number, one content (invariant B5.1)."""
    if n < next_out:
        raise ValueError(f"append_out({n}): numbers below {next_out} are used")
