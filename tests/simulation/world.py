"""The world of one run: two nodes, at most one connection, one heap of things to come, one random number generator.

No clock is read, no thread started, nothing waits: time is what the next thing on the heap says.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.state import State
from tests.simulation.account import Violation
from tests.simulation.coverage import Cells
from tests.simulation.faults import FAULTS
from tests.simulation.hostile import Hostile, HostileOracle
from tests.simulation.link import SECOND, Link
from tests.simulation.node import Node
from tests.simulation.oracle import Oracle
from tests.simulation.plan import CANARY, Plan

__all__ = ["World"]

#: A run that does not come to rest is cut here.
MAX_EVENTS = 20_000
#: Messages each side may need for logging on, heartbeats, and one of anything, once all is healed.
MESSAGES = 60


class World:
    """One run.

    Attributes:
        now: true time, ns since the run began.
        counts: faults that happened, by kind; beside them what the network did anyway (split, merge, would-block).
        over: why the run ends here, without the healing and what follows; empty: it does not.
    """

    def __init__(self, plan: Plan, *, cells: Cells | None = None) -> None:
        self.plan = plan
        self.random = Random(~plan.seed)
        self.now = 0
        self.events = 0
        self.counts: Counter[str] = Counter()
        self.trace: list[tuple[Any, ...]] = []
        self.cells = cells or Cells()
        self.messages = [0, 0]
        self.corrupted = False
        self.refusing = False
        self.healed = False
        self.over = ""
        #: a fault that is to happen after so many events
        self.interrupt: tuple[int, str] | None = None
        self.link: Link | None = None
        self._allowed: set[str] = set()
        self._heap: list[tuple[int, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._serial = 0
        self.oracle = Oracle(self) if plan.enemy < 0 else HostileOracle(self, plan.enemy)
        sides = [(Hostile if i == plan.enemy else Node)(self, i, plan.sides[i]) for i in (0, 1)]
        self.nodes = (sides[0], sides[1])

    # --- the heap --------------------------------------------------------------------------------------------

    def at(self, when: int, call: Callable[..., Any], *args: Any) -> None:
        self._serial += 1
        heappush(self._heap, (when, self._serial, call, args))

    def after(self, delay: int, call: Callable[..., Any], *args: Any) -> None:
        self.at(self.now + delay, call, *args)

    def step(self) -> bool:
        """Let the next thing happen; False when there is none."""
        if not self._heap:
            return False
        self.now, _, call, args = heappop(self._heap)
        self.events += 1
        call(*args)
        if self.interrupt is not None and self.events >= self.interrupt[0] and not self.healed:
            kind, self.interrupt = self.interrupt[1], None
            self.inject(kind)
        return True

    # --- chance and notes ------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def latency(self) -> int:
        return self.random.randrange(*self.plan.latency)

    def backoff(self) -> int:
        return SECOND + self.random.randrange(2 * SECOND)

    def restart_delay(self) -> int:
        return self.random.choice((0, SECOND // 10, 3 * SECOND)) + self.random.randrange(SECOND)

    def note(self, *what: Any) -> None:
        """Write a line of the trace."""
        self.trace.append((self.now, *what))

    def count(self, kind: str) -> None:
        self.counts[kind] += 1

    def allow(self, *what: str) -> None:
        """From now on this may happen between honest peers."""
        self._allowed.update(what)

    def may(self, what: str) -> bool:
        return what in self._allowed or self.plan.enemy >= 0

    @property
    def lenient(self) -> bool:
        """Whether a side has lost what it had to know: its numbers (policy "none"), or the bits of its disk."""
        lost = any(side.reused for side in self.oracle.sides) or any(node.rotten for node in self.nodes)
        return lost or self.may("torn reset")

    # --- what happens in it ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until all is healed and quiet. Raises: Violation."""
        plan = self.plan
        for node in self.nodes:
            self.at(0, node.start)
        for when, i, action, count in plan.actions:
            self.at(when, self.act, i, action, count)
        for when, kind in plan.faults:
            self.at(when, self.inject, kind)
        self.at(plan.heal_at, self.heal)
        while not self.healed and not self.over and self.events < MAX_EVENTS:
            self.step()
        if not self.over and plan.enemy < 0:
            self._converge()
        self._finish()

    def act(self, i: int, action: str, count: int) -> None:
        """The application of side i, or its operator, does something."""
        node = self.nodes[i]
        if action in ("send", "burst"):
            node.guarded(node.app.send, count if action == "send" else 15)
        else:
            node.guarded(self.act_on, node, action, count)

    def act_on(self, node: Node, action: str, count: int) -> None:
        session = node.session
        if session is None:
            return
        self.note(action, node.i)
        try:
            if action == "logout":
                session.logout("", node.now)
            elif action == "reset":
                self._reset(node)
        except (LocalProtocolError, StoreError):
            pass

    def _reset(self, node: Node) -> None:
        """An operator wants the numbers to begin again: within the session, or without one, agreed, on both sides."""
        peer = self.nodes[1 - node.i]
        down = all(n.session is not None and n.session.state is State.DISCONNECTED for n in self.nodes)
        assert node.session is not None
        if node.session.state.active or down:
            self.allow("RESET_REFUSED", "lost", "SEQUENCE_TOO_LOW", "reset")
            if not down:
                node.session.reset(node.now)
                return
            for each in self.nodes:
                assert each.store is not None
                each.agreed = each.store.epoch
            try:
                node.reset_as_agreed()
            finally:
                peer.guarded(peer.reset_as_agreed)

    def inject(self, kind: str) -> None:
        if FAULTS[kind].apply(self):
            self.note("fault", kind)
            self.counts[kind] += 1

    def listen(self) -> None:
        self.refusing = False

    # --- healing ---------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """All faults end; what is down is started."""
        self.healed = True
        self.note("healed")
        self.refusing = False
        for node in self.nodes:
            node.disk.space = None
            node.disk.disarm()
            node.clock.offset = 0
            node.stalled_until = node.slow_until = 0
            node.crash_at_write = node.app.fail_next = ""
            self.after(0, node.wake, node.life)
        self.plan.dawdle = self.plan.echo = 0.0
        self.plan.split = min(self.plan.split, 0.1)
        if self.link is not None:
            for pipe in self.link.pipes:
                pipe.stalled_until, pipe.window = 0, 1 << 16
        for node in self.nodes:
            node.start()
            if not self.plan.heart_bt_int:
                # nobody would ever notice a connection that is dead: only a Logout that is not answered shows it
                node.guarded(self.act_on, node, "logout", 1)

    def _converge(self) -> None:
        """Liveness: within 10 heartbeat intervals both sides agree, and everything accepted has arrived (B5.13)."""
        limit = self.now + 10 * (self.plan.heart_bt_int or 30) * SECOND
        oracle = self.oracle
        missing = [0, 0]
        before = list(self.messages)
        while not oracle.converged():
            if self.over:
                return
            self._note_missing(missing)
            # in pieces of three it takes a round trip for three
            patience = sum(missing) * self.plan.latency[1] if self.plan.in_pieces else 0
            if not self.step() or self.now > limit + patience or self.events > MAX_EVENTS:
                if self._excused():
                    return
                states = [(node.session, oracle.missing(node.i)[:5]) for node in self.nodes]
                raise Violation("liveness", f"not at rest after 10 heartbeat intervals: {states}")
        for i in (0, 1):
            spent = self.messages[i] - before[i]
            if spent > 4 * sum(missing) + MESSAGES and not self.may("reject"):
                raise Violation("liveness", f"side {i} sent {spent} messages, missing were {missing}")
        oracle.final()

    def _note_missing(self, missing: list[int]) -> None:
        """Note how many messages of side i its peer does not know, at worst."""
        a, b = (node.session for node in self.nodes)
        if a is not None and b is not None:
            missing[0] = max(missing[0], a.next_out - b.next_in)
            missing[1] = max(missing[1], b.next_out - a.next_in)

    def _excused(self) -> bool:
        """Whether this run may end without agreement: numbers were lost, and somebody was told so."""
        if self.may("reject"):
            return True  # each message that was sent with a wrong time costs a connection
        if self.lenient or self.may("reset"):
            return any(side.alarms for side in self.oracle.sides)
        return False

    def _finish(self) -> None:
        for node in self.nodes:
            if self.oracle.holds_canary(node, CANARY.encode()):
                raise Violation("S-i", f"the password stands on the disk of side {node.i}")

    @property
    def hash(self) -> str:
        """What happened, as one number: the same on every run of this seed, on every Python."""
        digest = hashlib.sha256()
        for line in self.trace:
            digest.update(repr(line).encode())
        return digest.hexdigest()[:16]
