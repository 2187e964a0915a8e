"""The oracle: what must hold at each step, at each restart, and in the end. See docs/simulation.md for the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fixfast.session.events import Alarm, Disconnected, LoggedOn, MessagesLost, Rejected, SequenceReset
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from tests.simulation.account import Account, Sent, Violation, read
from tests.simulation.watched import SILENT
from tests.simulation.wire import WireOracle

if TYPE_CHECKING:
    from fixfast.store.base import StoreState
    from tests.simulation.node import Node
    from tests.simulation.watched import WatchedStore
    from tests.simulation.world import World

__all__ = ["Oracle"]

#: Ends that one side blames on the other. Honest peers give no reason, unless something made them look guilty.
BLAME = frozenset(
    {
        CloseReason.NOT_LOGON,
        CloseReason.LOGON_INVALID,
        CloseReason.IDENTITY,
        CloseReason.GARBLED,
        CloseReason.TOO_LARGE,
        CloseReason.MSG_SEQ_NUM,
        CloseReason.SEQUENCE_TOO_LOW,
        CloseReason.SEQUENCE_JUMP,
        CloseReason.BEGIN_STRING,
        CloseReason.COMP_ID,
        CloseReason.SENDING_TIME,
        CloseReason.RESET_REFUSED,
        CloseReason.TOO_MANY_REJECTS,
        CloseReason.UNEXPECTED_LOGON,
    }
)


class Oracle(WireOracle):
    """Sees everything, changes nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sides = (Account(), Account())

    # --- the store -------------------------------------------------------------------------------------------

    def storing(self, i: int, epoch: int, n: int, raw: bytes) -> Sent | None:
        """Side i is about to store number n. Returns what the number stood for before."""
        side = self.sides[i]
        if epoch != side.epoch:
            raise Violation("B5.7", f"side {i}: stores in epoch {epoch}, it was in {side.epoch}")
        old = side.sent.get(n)
        if n != self.world.nodes[i].expected_out:
            raise Violation("S-f", f"side {i} numbers {n}, {self.world.nodes[i].expected_out} was next")
        if old is not None and old.wired and not side.reused:
            raise Violation("B5.3", f"side {i}: number {n} is used again: {old.raw!r}, {raw!r}")
        message = Sent(raw, read(raw))
        side.sent[n] = message
        if message.is_app:
            side.by_id[message.id] = (epoch, n)
        elif message.msg_type == b"3" and message.fields.get(b"58") != b"by the application":
            refused = (
                self.sides[1 - i]
                .out.get(side.peer_epoch or self.sides[1 - i].epoch, {})
                .get(int(message.fields[b"45"]))
            )
            if refused is not None:
                refused.excuse = refused.excuse or "rejected"
        return old

    def not_stored(self, i: int, n: int, old: Sent | None) -> None:
        """The store has refused number n, which may stand in its file all the same: the next start will tell."""
        side = self.sides[i]
        side.refused.setdefault(n, []).append(side.sent[n])
        if old is not None:
            side.sent[n] = old

    def stored(self, i: int, n: int) -> None:
        side = self.sides[i]
        side.sent[n].accepted = True
        side.stored = n
        self.world.nodes[i].expected_out = n + 1

    def resetting(self, i: int, epoch: int) -> None:
        self.sides[i].resetting = epoch + 1
        link = self.world.nodes[i].link
        if link is not None and link.accounts[1 - i].stranger:
            raise Violation("L29", f"side {i} resets its numbers for a stranger")

    def has_reset(self, i: int, epoch: int) -> None:
        """A reset of side i is durable, says the store."""
        side = self.sides[i]
        if epoch != side.resetting:
            raise Violation("B5.12", f"side {i}: reset to epoch {epoch}, {side.resetting} was expected")
        self._begin_epoch(i, epoch)

    def _begin_epoch(self, i: int, epoch: int) -> None:
        side = self.sides[i]
        for message in side.sent.values():
            message.excuse = message.excuse or "reset"
        self.world.note("epoch", i, epoch)
        side.epoch, side.resetting = epoch, 0
        side.refused.clear()
        side.last_peer_epoch = side.peer_epoch or side.last_peer_epoch
        side.stored = side.peer_epoch = 0
        side.next_in = side.next_out = 1
        self.world.nodes[i].expected_out = self.world.nodes[i].durable_in = 1
        for node in self.world.nodes:
            if node.link is not None:
                node.link.accounts[i].last_new = 0
                node.link.accounts[i].asked.clear()
                node.link.accounts[1 - i].asked.clear()

    # --- the application -------------------------------------------------------------------------------------

    def given(self, j: int, message: Message) -> None:
        """Side j's application is given a message."""
        me, peer = self.sides[j], self.sides[1 - j]
        raw = message.raw
        fields = read(raw)
        sent_id = fields.get(b"11") or fields.get(b"148") or fields.get(b"58", b"")
        at = peer.by_id.get(sent_id)
        if raw not in peer.wires:
            raise Violation("B5.11", f"side {j} was given what nobody sent: {raw!r}")
        if fields[b"35"] in (b"3", b"j"):
            return
        if at is None:
            raise Violation("B5.11", f"side {j} was given an unknown message: {raw!r}")
        before = me.given.get(sent_id)
        me.given[sent_id] = (me.life, me.power_losses)
        if self.world.lenient:
            return
        if before is None:
            if at <= me.last_fresh:
                raise Violation("S-b", f"side {j} was given {at} (epoch, number) after {me.last_fresh}")
            me.last_fresh = at
        elif message.redelivered:
            if before[0] == me.life:
                raise Violation("B5.5", f"side {j} was given {at} again without a restart")
        elif not (message.poss_dup and before[1] < me.power_losses):
            raise Violation("B5.5", f"side {j} was given {at} twice, unmarked")

    def dealt_with(self, j: int, message: Message) -> None:
        """The application's effect of a message is there to stay."""
        fields = read(message.raw)
        self.sides[j].delivered.add(fields.get(b"11") or fields.get(b"148") or fields.get(b"58", b""))

    def told(self, i: int, event: Any) -> None:
        """Side i's owner is told something."""
        side, world = self.sides[i], self.world
        kind = type(event)
        if kind is LoggedOn:
            self._logged_on(i, event)
        elif kind is Alarm:
            side.alarms.append(event.text)
            world.note("alarm", i, event.text)
            if event.text == SILENT:
                self._check_silence(i)
        elif kind is Disconnected:
            world.note("end", i, event.reason.name)
            if event.reason in BLAME:
                side.alarms.append(event.reason.value)
            if event.reason in BLAME and not world.may(event.reason.name):
                raise Violation("peace", f"side {i} blames its honest peer: {event.reason.value}; {side.alarms[-1:]}")
        elif kind is MessagesLost:
            if not world.may("lost"):
                raise Violation("B5.4", f"side {i}: {event}")
        elif kind is Rejected:
            n = event.message.msg_seq_num
            refused = self.sides[1 - i].out.get(side.peer_epoch or self.sides[1 - i].epoch, {}).get(n)
            if refused is not None:
                refused.excuse = refused.excuse or "rejected"
        elif kind is SequenceReset:
            world.note("reset", i, event.why)

    def _check_silence(self, i: int) -> None:
        """G13: a peer whose messages come, in or out of order, is not silent."""
        node = self.world.nodes[i]
        if node.session is not None and node.session._live.interval:
            silence = node.session.silences.pop(0)
            if silence < 2 * node.session._live.interval:
                raise Violation("G13", f"side {i}: the peer was heard {silence / 1e9:.3f} s ago")

    def _logged_on(self, i: int, event: LoggedOn) -> None:
        """The peer's Logon says which of its epochs our inbound numbers count from now on."""
        raw = event.message.raw
        peer = self.sides[1 - i]
        for epoch in sorted(peer.out, reverse=True):
            message = peer.out[epoch].get(event.message.msg_seq_num)
            if message is not None and message.raw == raw:
                me = self.sides[i]
                torn = epoch == me.last_peer_epoch if not me.peer_epoch else epoch != me.peer_epoch
                if torn and not event.reset:
                    self.world.allow("torn reset")  # one side began again, the other did not hear of it
                me.peer_epoch = epoch
                return

    # --- each step -------------------------------------------------------------------------------------------

    def check(self, node: Node) -> None:
        """B5.7 and S-d, after everything that a node does."""
        side, session = self.sides[node.i], node.session
        if session is None:
            return
        next_in, next_out = session.next_in, session.next_out
        if next_in < side.next_in or next_out < side.next_out:
            raise Violation("B5.7", f"side {node.i}: {session!r}, was in {side.next_in} out {side.next_out}")
        side.next_in, side.next_out = next_in, next_out
        hold = session._hold
        if hold:
            held = sum(message is not None for message in hold._items.values())
            if held > node.config.queue_limit or len(hold) > node.config.queue_limit + 16:
                raise Violation("S-d", f"side {node.i} holds {len(hold)} messages of {hold.size} bytes")
            if min(hold._items) < next_in and session.state.active:
                raise Violation("Z06", f"side {node.i} expects {next_in} and still holds {min(hold._items)}")

    # --- restarts --------------------------------------------------------------------------------------------

    def died(self, i: int, *, power: bool) -> None:
        side = self.sides[i]
        side.life += 1
        if power:
            side.power_losses += 1

    def restarted(self, node: Node, store: WatchedStore, state: StoreState, *, power: bool) -> None:
        """A process has taken up the journal: does it know all that it must know? (B5.3, 4, 7, 12)"""
        i = node.i
        side = self.sides[i]
        self.world.note("restart", i, state.epoch, state.next_out, state.next_in, state.received)
        if state.epoch != side.epoch:
            if state.epoch != side.resetting:
                raise Violation("B5.12", f"side {i}: epoch {state.epoch}, was {side.epoch}, {side.resetting} begun")
            self._begin_epoch(i, state.epoch)
        elif state.epoch == side.resetting:
            raise Violation("B5.12", f"side {i}: still in epoch {state.epoch} after its reset")
        side.resetting = 0
        wired = side.highest_wired.get(side.epoch, 0)
        if state.next_out <= wired:
            if not (side.power_losses and node.policy == "none") and not node.rotten:
                raise Violation("B5.3", f"side {i}: next is {state.next_out}, {wired} was on the wire")
            side.reused = True
            self.world.allow("SEQUENCE_TOO_LOW", "lost", "reused")
        self._check_survivors(node, store, state, power=power)
        self._check_undelivered(i, state)
        if not power and not node.rotten and state.next_in < node.durable_in:
            raise Violation("B5.7", f"side {i}: NIN {state.next_in}, was {node.durable_in}")
        node.durable_in = side.next_in = state.next_in
        side.next_out = node.expected_out = state.next_out
        side.stored = state.next_out - 1

    def _check_survivors(self, node: Node, store: WatchedStore, state: StoreState, *, power: bool) -> None:
        """What was stored is there: all of it after a kill, what was durable after a power loss."""
        side = self.sides[node.i]
        found = {n: raw for n, _, raw in store.read_out(1, 1 << 40)}
        for n, tried in side.refused.items():
            for message in tried:
                if found.get(n) == message.raw and not side.sent[n].wired:
                    side.sent[n] = message
        side.refused.clear()
        for n, message in side.sent.items():
            raw = found.get(n)
            if raw is not None and raw != message.raw and not side.reused:
                raise Violation("B5.2", f"side {node.i}: stored {raw!r}, was {message.raw!r}")
            if raw is not None:
                message.accepted = True  # the process died before it heard of it
                continue
            if not message.accepted:
                message.excuse = "lost"
            if not message.accepted or message.hidden:
                continue
            must = not power or node.policy == "every" or (node.policy == "group" and message.wired)
            told = node.rotten and node.told_of_damage
            if must and not told and message.excuse != "lost":
                raise Violation("B5.2", f"side {node.i} ({node.policy}): number {n} is not in its journal any more")
            message.excuse = "lost"

    def _check_undelivered(self, i: int, state: StoreState) -> None:
        """B5.4: nothing below NIN is undelivered."""
        side, peer = self.sides[i], self.sides[1 - i]
        if self.world.lenient:
            return
        for n, message in peer.out.get(side.peer_epoch, {}).items():
            if n < state.next_in and message.is_app and not message.excuse and message.id not in side.delivered:
                raise Violation("B5.4", f"side {i}: NIN is {state.next_in}, and {n} was never dealt with")

    # --- the end ---------------------------------------------------------------------------------------------

    def converged(self) -> bool:
        """B5.13, and everything accepted has arrived."""
        a, b = (node.session for node in self.world.nodes)
        if a is None or b is None or a.state is not State.ACTIVE or b.state is not State.ACTIVE:
            return False
        if a.next_in != b.next_out or b.next_in != a.next_out:
            return False
        for node, session in zip(self.world.nodes, (a, b), strict=True):
            if session._inbox.events or node.unfinished or node.unacknowledged:
                return False
        return not any(self.missing(i) for i in (0, 1))

    def missing(self, i: int) -> list[bytes]:
        """Ids that side i sent and its peer was not given."""
        delivered = self.sides[1 - i].delivered
        return [
            message.id
            for message in self.sides[i].sent.values()
            if message.is_app and message.accepted and not message.excuse and message.id not in delivered
        ]

    def final(self) -> None:
        """What must hold when all is healed and quiet."""
        told = any(side.alarms for side in self.sides) or any(node.told_of_damage for node in self.world.nodes)
        if any(side.reused for side in self.sides) and not told:
            raise Violation("B5.3", "numbers were used again, and nobody was told")
        for i in (0, 1):
            store = self.world.nodes[i].store
            session = self.world.nodes[i].session
            assert store is not None
            assert session is not None
            state = store.load()
            if state.next_in != session.next_in or state.next_out != session.next_out:
                raise Violation("B5.13", f"side {i}: {session!r}, its store says {state.next_in} {state.next_out}")
