"""One side: a machine with disk and clock, a process on it with a real Session and JournalStore, and an application.

The process is driven as `engine` and `transport` do it: bytes in, events to the application, bytes out, a timer, syncs
beside the loop. Everything else here is how it can die.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fixfast.errors import FixfastError, LocalProtocolError, StoreCorrupt, StoreError, StoreLocked
from fixfast.session.events import LogonRequested, SequenceReset
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.types import Now, Role
from tests.simulation.account import Violation
from tests.simulation.application import Application, HandlerFailed
from tests.simulation.disk import Crash, Disk, Mount
from tests.simulation.link import MS, SECOND, Link
from tests.simulation.watched import WatchedSession, WatchedStore, make_session

if TYPE_CHECKING:
    from tests.simulation.plan import SidePlan
    from tests.simulation.world import World

__all__ = ["Node"]

PATH = "/sim/x.journal"
#: 2026-03-02 10:00:00 UTC
START = 1_772_445_600 * SECOND


class Clock:
    """Both clocks of a machine: the monotonic one may drift, the wall clock may be wrong and be set."""

    def __init__(self, mono: int, ppm: int, offset: int) -> None:
        self._mono, self._ppm = mono, ppm
        self.offset = offset

    def read(self, true_ns: int) -> Now:
        return Now(self._mono + true_ns + true_ns * self._ppm // 1_000_000, START + true_ns + self.offset)

    def when(self, mono_ns: int) -> int:
        """When the monotonic clock will show this, in true time; never too early."""
        return -((self._mono - mono_ns) * 1_000_000 // (1_000_000 + self._ppm)) + 1


class Node:
    """Side i of the world."""

    def __init__(self, world: World, i: int, plan: SidePlan) -> None:
        self.world, self.i, self.plan = world, i, plan
        self.config = plan.config
        self.policy = plan.policy
        self.gated = plan.policy in ("group", "every")
        self.role = Role.INITIATOR if i == 0 else Role.ACCEPTOR
        self.disk = Disk(world.random)
        self.disk.allocates = plan.allocates
        self.clock = Clock(plan.mono, plan.ppm, plan.offset)
        self.app = Application(self)
        self.rotten = False  # a bit of its disk has flipped
        self.told_of_damage = False  # the store said that it had to cut something off
        self.durable_in = 1  # NIN that a killed process has left in its journal
        self.expected_out = 1  # the number that must be used next
        self.powered = False  # the last death was a power loss
        self.session: WatchedSession | None = None
        self.store: WatchedStore | None = None
        self.mount: Mount = self.disk.mount()
        self.life = 0
        self.agreed = 0  # the epoch that the operators of both sides agreed to leave
        self.for_ever_down = ""  # why it must not be started again
        self._forget_process()

    def _forget_process(self) -> None:
        self.session = self.store = None
        self.link: Link | None = None
        self.ending = False  # our side of the connection is closed; we wait for the other
        self.peer_closed = False
        self.timer_at = 0
        self.job = False  # a sync runs beside the loop
        self.stalled_until = 0
        self.backlog: list[tuple[Callable[..., None], tuple[Any, ...]]] = []  # what waits for the end of a stall
        self.slow_until = 0
        self.unacknowledged: list[int] = []
        self.crash_at_write = ""
        self.unfinished = False  # the event taken last is not acknowledged

    # --- the process -----------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return self.clock.read(self.world.now)

    def start(self) -> None:
        """Start the process: take up the journal."""
        if self.session is not None or self.for_ever_down:
            return
        self.mount = self.disk.mount()
        try:
            self.store = self._open(self.mount)
            state = self.store.load()
            if self.world.chance(0.1):
                state = self._open_again(state)
            self.world.oracle.restarted(self, self.store, state, power=self.powered)
            self.store.oracle, self.store.side = self.world.oracle, self.i
            self.session = make_session(self.config, self.store, self.role, self.world.cells)
        except Crash as crash:
            self.world.note("crash in recovery", self.i)
            self.die(power=str(crash).startswith("power"))
            return
        except StoreCorrupt as error:
            self._refused(error)
            return
        except StoreError as error:
            self.world.note("no start", self.i, type(error).__name__)
            self.die()
            return
        self.powered = False
        self.guarded(self.reset_as_agreed)
        self.guarded(self._begin)

    def _open(self, mount: Mount) -> WatchedStore:
        plan = self.plan
        store = WatchedStore(
            PATH,
            session_id=None,
            sync=plan.policy,
            lease_size=plan.lease_size,
            interval_ns=plan.interval_ns,
            keep_epochs=plan.keep_epochs,
            segment_size=plan.segment_size,
            files=mount,
        )
        if store.recovered is not None:
            self.told_of_damage = True
            self.world.note("recovered", self.i, store.recovered.offset)
        return store

    def _open_again(self, state: Any) -> Any:
        """B5.9: recovery twice is recovery once."""
        self.mount.kill()
        self.mount = self.disk.mount()
        self.store = self._open(self.mount)
        again = self.store.load()
        told = (state.epoch, state.next_out, state.next_in, state.received, len(state.pending_in))
        if told != (again.epoch, again.next_out, again.next_in, again.received, len(again.pending_in)):
            raise Violation("B5.9", f"side {self.i}: {state}, opened again {again}")
        return again

    def _refused(self, error: StoreCorrupt) -> None:
        """The journal is damaged, says the store: right if it is, and then a person has to come."""
        self.mount.kill()
        self.store = None
        if not self.rotten:
            raise Violation("B5.10", f"side {self.i}: {error}")
        self.for_ever_down = str(error)
        self.world.note("damage found", self.i)
        self.world.over = "damage found"

    def _begin(self) -> None:
        if self.i == 0:
            self.world.after(self.world.random.randrange(SECOND), self.connect, self.life)

    def reset_as_agreed(self) -> None:
        """Without a connection; again by the next process, where this one dies before it is done."""
        if self.session is not None and self.store is not None and self.store.epoch == self.agreed:
            with suppress(StoreError, LocalProtocolError):
                self.session.reset(self.now)

    def die(self, *, power: bool = False) -> None:
        """The process ends here, or the machine does."""
        store = self.store
        if store is not None and not power and store._log is not None:
            self.durable_in = store._state.ledger.next_in
        link = self.link
        self.mount.kill()
        self.disk.disarm()
        if store is not None:
            store.oracle = None
        if power:
            self.disk.lose_power()
            self.powered = True
            self.durable_in = 1
        self.world.note("died", self.i, power)
        self.world.oracle.died(self.i, power=power)
        self.life += 1
        self._forget_process()
        if link is not None:
            if power:
                link.vanish(self.i)
            elif self.world.chance(0.5):
                link.leave(self.i)
            else:
                link.gone[self.i] = True
                link.reset(sides=(1 - self.i,))
        self.world.after(self.world.restart_delay(), self.start)

    def stop(self) -> None:
        """Stop in good order, without a Logout: the store is closed, the process ends."""
        try:
            self.take()
            if self.store is not None:
                self.durable_in = self.store._state.ledger.next_in
                self.store.close()
        except (StoreError, Crash):
            pass
        if self.session is not None:
            self.die()

    def guarded(self, call: Callable[..., None], *args: Any) -> None:
        """Run something in the process, then a turn of its loop. It may die in it; it may stand still."""
        if self.session is None:
            return
        if self.stalled_until > self.world.now or self.backlog:
            if not self.backlog:
                self.world.at(self.stalled_until, self.wake, self.life)
            self.backlog.append((call, args))
            return
        self._run(call, args)

    def wake(self, life: int) -> None:
        """The process goes on: what it did not do meanwhile it does now, in order."""
        if life != self.life:
            return
        if self.stalled_until > self.world.now:
            self.world.at(self.stalled_until, self.wake, life)
            return
        backlog, self.backlog = self.backlog, []
        for call, args in backlog:
            if life == self.life:
                self._run(call, args)

    def _run(self, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        if self.session is None:
            return
        try:
            call(*args)
            self.turn()
        except Crash as crash:
            self.world.note("crash", self.i, str(crash))
            self.die(power=str(crash).startswith("power"))
            return
        self.world.oracle.check(self)
        if self.session is not None and self.session._failure is not None and self.link is None:
            self.world.note("store failed", self.i)
            self.die()  # the engine gives the session up; somebody starts it again

    def _later(self, life: int, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        if life == self.life:
            self.guarded(call, *args)

    # --- the connection --------------------------------------------------------------------------------------

    def connect(self, life: int) -> None:
        """Initiator: call the acceptor, unless there is a connection; again and again."""
        if life != self.life or self.session is None or self.link is not None:
            return
        peer = self.world.nodes[1]
        busy = peer.session is None or peer.link is not None or bool(peer.backlog or self.backlog)
        busy = busy or peer.stalled_until > self.world.now
        if busy or self.world.refusing or self.session._failure is not None or self.stalled_until > self.world.now:
            self.world.after(self.world.backoff(), self.connect, life)
            return
        link = Link(self.world)
        self.world.link = link
        self.world.note("connected")
        peer.guarded(peer.on_connected, link)
        self.guarded(self.on_connected, link)

    def on_connected(self, link: Link) -> None:
        assert self.session is not None
        if self.link is not None:
            link.leave(self.i)  # as an engine refuses a second connection of the same session (L04)
            return
        self.link, self.ending, self.peer_closed = link, False, False
        self.session.connected(self.now)

    def on_bytes(self, link: Link, data: bytes) -> None:
        self.guarded(self._read, link, data)

    def _read(self, link: Link, data: bytes) -> None:
        if link is not self.link or self.session is None:
            return
        link.accounts[self.i].read += len(data)
        if self.ending:
            return  # F13
        session = self.session
        if self.world.chance(0.5) and len(data) <= 4096:
            view = session.get_buffer()
            if len(data) <= len(view):
                view[: len(data)] = data
                del view
                session.buffer_updated(len(data), self.now)
                return
        session.receive_data(data, self.now)

    def on_eof(self, link: Link) -> None:
        self.guarded(self._eof, link)

    def _eof(self, link: Link) -> None:
        if link is not self.link or self.session is None:
            return
        self.peer_closed = True
        if self.ending:
            self._closed(link, "closed")
        else:
            self.session.receive_eof(self.now)

    def on_lost(self, link: Link, reason: str) -> None:
        self.guarded(self._closed, link, reason)

    def _closed(self, link: Link, reason: str) -> None:
        """The socket is gone."""
        if link is not self.link or self.session is None:
            return
        link.leave(self.i)
        self.link = None
        self.session.disconnected(reason, self.now)
        if self.i == 0:
            self.world.after(self.world.backoff(), self.connect, self.life)

    def on_writable(self, link: Link) -> None:
        if link is self.link and not self.ending and self.session is not None:
            outbox = self.session._outbox
            if outbox.replay is not None or outbox.queue:
                self.guarded(self._nothing)

    # --- a turn of the loop ----------------------------------------------------------------------------------

    def turn(self) -> None:
        self.take()
        self.flush()
        self.arm()

    def take(self) -> None:
        """Let the application have what there is, as far as it is fast enough."""
        session, world = self.session, self.world
        if session is None or not (session._inbox.events or self.unfinished):
            return
        if self.slow_until > world.now:
            world.at(self.slow_until, self._later, self.life, self._nothing, ())
            return
        self.unfinished = False
        left = 2 if world.chance(world.plan.dawdle) else 1 << 30
        events = session.events()
        try:
            for event in events:
                if isinstance(event, Message):
                    self.app.handle(event)
                else:
                    self._on_event(event)
                left -= 1
                if not left:
                    self.unfinished = True
                    world.after(world.random.randrange(1, 200 * MS), self._later, self.life, self._nothing, ())
                    break
        except HandlerFailed:
            self.unfinished = True
            world.after(0, self._later, self.life, self._nothing, ())
        finally:
            events.close()  # type: ignore[attr-defined]
        self.app.acknowledge()

    def _nothing(self) -> None:
        pass

    def _on_event(self, event: Any) -> None:
        self.world.oracle.told(self.i, event)
        if isinstance(event, LogonRequested):
            self.world.after(
                self.world.random.randrange(2 * SECOND), self._later, self.life, self._decide, (self.link,)
            )
        elif isinstance(event, SequenceReset):
            self.unacknowledged.clear()

    def _decide(self, link: Link) -> None:
        if link is self.link and self.session is not None and self.session.state is State.LOGON_RECEIVED:
            self.session.accept_logon((), self.now)

    def flush(self) -> None:
        """Write what may be written."""
        link, session = self.link, self.session
        if link is None or session is None:
            self._see_to_syncs()
            return
        oracle = self.world.oracle
        if not self.ending:
            while not link.full(self.i):
                data = session.data_to_send()
                if not data:
                    break
                for raw in data:
                    oracle.on_wire(self.i, raw, link)
                    oracle._pending += len(raw)
                oracle._pending = 0
                self._write(link, b"".join(data))
            else:
                self.world.count("would-block")
        self._see_to_syncs()
        if session.close_requested is not None and not self.ending:
            self.ending = True
            link.finish(self.i)
            if self.peer_closed:
                self._closed(link, "closed by the peer")
                self.take()
            else:
                self.world.after(2 * SECOND, self._later, self.life, self._closed, (link, "closed by us"))

    def _write(self, link: Link, data: bytes) -> None:
        how, self.crash_at_write = self.crash_at_write, ""
        if how == "before":
            raise Crash("before a write")
        if how == "half":
            link.write(self.i, data[: len(data) // 2])
            raise Crash("in a write")
        link.write(self.i, data)
        if how == "after":
            raise Crash("after a write")

    def arm(self) -> None:
        """Set the timer that the session asks for."""
        session = self.session
        if session is None:
            return
        due = session.next_deadline()
        if due is None:
            return
        at = max(self.clock.when(due), self.world.now)
        if self.timer_at <= self.world.now or at < self.timer_at:
            self.timer_at = at
            self.world.at(at, self._on_timer, self.life, at)

    def _on_timer(self, life: int, at: int) -> None:
        if life == self.life and at == self.timer_at:
            self.timer_at = 0
            self.guarded(self._poll)

    def _poll(self) -> None:
        if self.session is not None:
            self.session.poll(self.now)

    # --- syncs beside the loop -------------------------------------------------------------------------------

    def _see_to_syncs(self) -> None:
        session, store = self.session, self.store
        if self.job or session is None or store is None or session._failure is not None:
            return
        if session.sync_needed:
            self._run_job(store.sync)
        elif (due := store.lease_due) is not None:
            self._run_job(lambda: store.lease(due))

    def _run_job(self, work: Callable[[], Any]) -> None:
        self.job = True
        delay = self.world.random.randrange(1, self.plan.sync_ns)
        self.world.after(delay, self._later, self.life, self._sync, (work,))

    def _sync(self, work: Callable[[], Any]) -> None:
        """What the executor's thread does. The loop goes on meanwhile: the disk calls us back in the middle of it."""
        self.job = False
        self.mount.meanwhile = self._meanwhile if self.world.chance(0.3) else None
        try:
            work()
        except StoreError as error:
            session = self.session
            if session is not None and session._failure is None:
                session._store_failed(error)
        finally:
            self.mount.meanwhile = None

    def _meanwhile(self) -> None:
        self.mount.meanwhile = None
        store = self.store
        if self.disk.fail_at or self.disk.space is not None:
            return  # a failing send would end in a Logout, which waits for the sync to end: here for ever
        if store is None or store._eager or store._log is None or self.expected_out >= store._log.free_below:
            return  # the loop would wait for the sync to end
        self.world.count("send during a sync")
        self.app.send(1)

    # --- for faults ------------------------------------------------------------------------------------------

    def vetoes(self, app_id: bytes) -> bool:
        """Whether its application does not want this message resent."""
        return self.plan.vetoes and app_id.endswith(b"3")

    def twin(self) -> None:
        """T17: a second process on the same journal must be refused."""
        try:
            self._open(self.disk.mount())
        except (StoreLocked, Crash):
            return
        except FixfastError as error:
            raise Violation("T17", f"side {self.i}: a second process: {error!r}") from None
        raise Violation("T17", f"side {self.i}: two processes have the journal open")
