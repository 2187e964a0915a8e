"""Shared: a session that many threads use. One lock, and at any time one thread that reads for all.

Who waits for something reads by itself (it *leads*), so that an answer needs no switch of threads; others that wait
meanwhile *follow*: they sleep until the leader tells them that something happened. While nobody waits, the keeper's
thread reads (keeper.py). Reading is non-blocking and under the lock, but for the leader's wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Event, RLock, get_ident

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.chores import Chores
from fixfast.engine.handover import Ended
from fixfast.engine.observing.metered import Metered
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.sync.handing import Handing
from fixfast.engine.sync.line import READ, Line
from fixfast.engine.telling import Telling
from fixfast.engine.throttle import Throttle
from fixfast.engine.turns import made_again
from fixfast.errors import ConcurrencyError, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.transport.blocking import Waker, wait_for, wait_on
from fixfast.types import Role

__all__ = ["Shared"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: A message that came with more than so many bytes, and is kept by the program, gets bytes of its own.
_LARGE = 4096
#: Who follows looks by itself so often, too, seconds: a wait without a limit hears no Ctrl-C on Windows.
_LOOK_AGAIN = 1.0


class Shared(Telling):
    """The half of a LiveSession that waits, reads and writes. `_lock` guards everything that has no other note."""

    _delivery: Handing

    def __init__(
        self,
        config: SessionConfig,
        role: Role,
        *,
        hooks: Hooks,
        store: Store | None,
        wire_log: WireLog | None,
        throttle: Throttle | None = None,
        latency: bool = False,
    ) -> None:
        super().__init__(config, role, hooks=hooks, store=store, wire_log=wire_log, throttle=throttle, latency=latency)
        self._role = role
        self._lock = RLock()  # reentrant: a hook that the session calls may ask it things
        self._changed = Condition(self._lock)  # for those who would lead
        self._moved = Condition(self._lock)  # for those who only want to know of logon and end
        self._calling = Condition(self._lock)  # for the thread that calls back, where it must not lead
        self._resting = False  # it waits for that
        self._would_lead = False  # ... and for its turn to read
        self._line: Line | None = None
        self._delivery = Handing(
            self,
            hooks,
            acknowledge=self._acknowledge,
            pressure=self._on_pressure,
            patient=lambda: bool(self._requests),
            arrivals=self._session.arrivals if isinstance(self._session, Metered) else None,
        )
        self._chores = Chores(self._store)
        self._gated = not isinstance(self._store, MemoryStore)  # what is sent may have to wait for a sync
        self._unsafe = False  # it does: who comes by first syncs
        self._at_store = False  # a thread does the store's chores, without the lock
        self.waker = Waker()  # of the keeper
        self.stopping = Event()  # the session is to end for good when its connection does
        self.led = 0  # the thread that waits for the peer, or reads for all
        self.leads = 0  # how often one did
        self.kept = False  # the keeper reads: who leads must wake it
        self._judging = self._witness.watches_faults  # faults of messages are noted; who does not look does not pay
        self._followers: set[int] = set()
        self._led_on: Line | None = None  # what `led` waits for: for abandon()
        self._held_back = 0  # threads in batch()
        self._taking = 0  # the thread that waits for the next message
        self._turning = 0  # the thread that takes the session's events

    def _unmade(self) -> None:
        self.waker.close()

    # --- turns: called with the lock held ------------------------------------------------------------------

    def turn(self, first: object = None) -> None:
        """Take the session's events and write what came of them. After everything that the line was told.

        Args: first: an event that was taken already.
        """
        line = self._line
        if line is None or self._turning:
            return
        self._turning = get_ident()
        try:
            self._end_turn(line, self._take_events(first))
        except BaseException as error:
            self._turning = 0
            self._torn(error)
            raise
        self._turning = 0
        if line.over:
            self._let_go(line)
        if self._followers:
            self._changed.notify_all()
        if self._resting and (self._would_lead or self._delivery.calls):
            self._calling.notify_all()

    def _take_events(self, first: object = None) -> bool:
        """Deliver the session's events. Return whether they were all messages."""
        only_messages = True
        requests, deliver = self._requests, self._delivery.message
        events = self._session.events()
        if self._ordering is not None:
            events = self._ordering.tap(events)
        if self._booking is not None:
            events = self._booking.tap(events)
        if self._overhearing is not None:
            events = self._overhearing.tap(events)
        event = first if first is not None else next(events, None)
        while event is not None:
            if type(event) is Message:
                if event.msg_type in REJECTS:
                    self._rejects_in += 1
                if self._judging and event.fault is not None:
                    self._faults += 1
                    self._witness.fault(event, event.fault)
                if not (requests and self._answers(event)):
                    deliver(event)
            else:
                only_messages = False
                self._on_event(event)
            event = next(events, None)
        return only_messages

    def _end_turn(self, line: Line, only_messages: bool) -> None:
        """Write what there is to write."""
        # PERF: of messages alone nothing comes but what the session has to say to the peer; 0.3 us less than flush()
        if only_messages and not line.unsent:
            if line.hurry():
                line.flush()
            elif self._gated and self._session.sync_needed:
                self._unsafe = True
        elif not line.flush() and self._gated and self._session.sync_needed:
            self._unsafe = True
        if line.over:
            self._take_events()

    def _soon(self) -> None:
        """Write what was queued."""
        line = self._line
        if line is None or self._turning or self._held_back:
            return
        try:
            # PERF: the common case
            if not (line.unsent or line.leaving) and line.hurry() and not (line.unsent or line.over):
                return
            wrote = line.flush()
        except BaseException as error:
            self._torn(error)
            raise
        if line.over or line.leaving:
            self.turn()
        elif line.unsent:
            self.waker.wake()  # the keeper waits until the peer reads
        elif not wrote and self._gated and self._session.sync_needed:
            self._unsafe = True

    def _acknowledge(self, n: int) -> None:
        try:
            self._session.done(n)
        except StoreError as error:
            self._store_broke(error)

    def _let_go(self, line: Line) -> None:
        """Know that the connection is gone."""
        if self._line is line:
            self._line = None
            self._pressed = False
            self._witness.note(line.over)
            if line.users:
                line.wake()
            else:
                line.release()
            self._wake()
            self.waker.wake()

    def _torn(self, error: BaseException) -> None:
        """Know that an exception came up in the middle of something."""
        self._tear("internal error" if isinstance(error, Exception) else "interrupted")

    def _tear(self, reason: str) -> None:
        """End the connection, and make the session anew from its store: something was left half done in it.

        What the program had not dealt with is delivered again.
        """
        line = self._line
        _log.error("%s: %s: the connection is dropped, and the session taken up again from its store", self.id, reason)
        try:
            if line is not None:
                line.abort(reason)
                self._take_events()
        except Exception as error:
            _log.debug("%s: %r", self.id, error)
        if line is not None:
            line.over = line.over or reason
            self._let_go(line)
        if self._logged_on:
            self._logged_on = False
            self._delivery.event(Ended(reason))
        try:
            config = replace(self.config, manual_done=True)
            self._session = made_again(self._session, config, self._store, self._role)
        except StoreError as error:
            self.store_error = error
            return
        self._delivery.forget()
        self._take_events()

    @property
    def connected(self) -> bool:
        """There is a connection, logged on or not."""
        return self._line is not None

    def _pause(self, pause: bool) -> None:
        if self._line is not None:
            self._line.paused = pause
            if not pause:
                self.waker.wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        self._moved.notify_all()
        self._calling.notify_all()

    # --- waiting: called without the lock ------------------------------------------------------------------

    def wait_until(self, ready: Callable[[], object], until: int | None = None, *, on: Condition | None = None) -> bool:
        """Wait until something holds, reading for all if nobody else does.

        Args: ready: asked with the lock held. until: mono_ns, None for ever. on: only follow, and wait for this.

        Returns: whether it does.

        Raises: ConcurrencyError: called by a hook of the session itself.
        """
        try:
            if self._turning == get_ident():
                raise ConcurrencyError("a hook that the session calls cannot wait for that session")
            while True:
                with self._lock:
                    if ready():
                        return True
                    if until is not None and clock.now().mono_ns >= until:
                        return False
                    line = self.claim(until) if on is None else None
                    if line is None:
                        self._follow(until, on)
                        continue
                self.lead(line, until)
        except Exception:
            raise
        except BaseException:
            with self._lock:
                self.abandon()
            raise

    def abandon(self) -> None:
        """Set right what an exception in the middle of waiting left: Ctrl-C comes between any two steps.

        With the lock held, by the thread that it came to.
        """
        me = get_ident()
        if self._turning == me:
            self._turning = 0
            self._tear("interrupted")
        if self._taking == me:
            self._taking = 0
        self._followers.discard(me)
        line = self._led_on
        if self.led == me and line is not None:
            line.awaited = False
            self._end_lead(line, turn=False)

    def claim(self, until: int | None) -> Line | None:
        """Return the line if this thread is to lead(), which it must then do; None: follow. With the lock held."""
        line = self._line
        if self.led or line is None or line.paused:
            return None
        me = get_ident()
        self._led_on = line
        self.led = me
        line.users.add(me)
        line.awaited = until is None and line.patient
        if self.kept:
            self.kept = False
            self.waker.wake()
        return line

    def _follow(self, until: int | None, on: Condition | None = None) -> None:
        """Wait until the leader, or the keeper, says that something happened. With the lock held, once."""
        seconds = _LOOK_AGAIN if until is None else min(_LOOK_AGAIN, max(0, until - clock.now().mono_ns) / _SECOND)
        if on is not None:
            wait_on(on, seconds)
            return
        me = get_ident()
        self._followers.add(me)
        try:
            wait_on(self._changed, seconds)
        finally:
            self._followers.discard(me)

    def lead(self, line: Line, until: int | None) -> None:
        """Wait for the peer and read, on a line that was claimed."""
        if line.awaited:
            self._lead_patiently(line)
        else:
            self._lead(line, until)
        if self._unsafe:
            self.mind_store()

    def _lead_patiently(self, line: Line) -> None:
        """Wait in the one system call that also reads.

        PERF: 1.1 us less than to be told first and to read then.
        """
        try:
            data = line.recv(READ)
        except BaseException as error:
            self.interrupted(line, error)
            if not isinstance(error, OSError):
                raise
            return
        with self._lock:
            self.came(line, data)

    def came(self, line: Line, data: bytes, taking: bool = False) -> Message | None:
        """Take what was read, and let another thread lead. With the lock held.

        Args: taking: this thread wants the next message of the iteration, and none is queued.

        Returns: that message, if it came and was handed out by this; it may be queued all the same.
        """
        me = self.led
        line.awaited = False
        line.users.discard(me)
        self.leads += 1
        self.led = 0
        if line is not self._line:
            if not line.users:
                line.release()
            return None
        session, delivery = self._session, self._delivery
        delivery.large = len(data) > _LARGE
        self._turning = me
        first: Message | None = None
        try:
            if not data or line.leaving or line.tap is not None:
                line.came(data)
            else:
                session.receive_data(data, clock.now())  # PERF: line.came() without two calls
            tapped = self._ordering is not None or self._booking is not None or self._overhearing is not None
            if taking and not (self._requests.waiting or self._judging or tapped):
                # PERF: a message that comes alone goes past the queue
                first = session.only_message()
                if first is not None and first.msg_type not in REJECTS and delivery.hand(first):
                    if self._gated or line.unsent:
                        self._end_turn(line, True)
                    elif line.hurry():
                        line.flush()
                    self._turning = 0
                    if line.over or self._followers or self._would_lead:
                        self.turn()
                    return first
        except BaseException as error:
            self._turning = 0
            self._torn(error)
            raise
        self._turning = 0
        self.turn(first)
        return None

    def interrupted(self, line: Line, error: BaseException) -> None:
        """Know that recv() raised: the connection failed, or Ctrl-C.

        An interrupt may come between the read and us, and take with it what was read: then there is a gap in the peer's
        numbers, which is asked for as any other.
        """
        failed = isinstance(error, OSError)
        with self._lock:
            line.awaited = False
            if isinstance(error, OSError) and line is self._line:
                line.failed(error)
            self._end_lead(line, turn=failed)

    def _lead(self, line: Line, until: int | None) -> None:
        seconds = None if until is None else max(0, until - clock.now().mono_ns) / _SECOND
        try:
            ready = line.pending or wait_for(line.sock, None, read=True, seconds=seconds)
        except BaseException:
            with self._lock:
                self._end_lead(line, turn=False)
            raise
        with self._lock:
            try:
                if ready:
                    line.receive()
            except BaseException as error:
                self._torn(error)
                raise
            finally:
                self._end_lead(line)

    def _end_lead(self, line: Line, turn: bool = True) -> None:
        """Let another thread lead. With the lock held."""
        self.leads += 1
        self.unuse(line)
        self.led = 0
        if turn and line is self._line:
            self.turn()
            return
        if self._followers:
            self._changed.notify_all()
        if self._would_lead:
            self._calling.notify_all()

    def unuse(self, line: Line) -> None:
        """Know that this thread does not wait for the socket any more. With the lock held."""
        line.users.discard(get_ident())
        if line is not self._line and not line.users:
            line.release()

    # --- the store -----------------------------------------------------------------------------------------

    def mind_store(self, everything: bool = False) -> None:
        """Do what the store wants, on this thread and without the lock, unless another thread does. Then write on.

        Many threads that send share the syncs: what was stored while one syncs is covered by its next.

        Args: everything: leases and upkeep, too, and not only what bytes wait for.
        """
        with self._lock:
            self._unsafe = False
            work = None if self._at_store else self._next_chore(everything)
            self._at_store = self._at_store or work is not None
        while work is not None:
            failure: BaseException | None = None
            try:
                work()
            except BaseException as error:
                failure = error
            with self._lock:
                if failure is None:
                    self._soon()
                    work = self._next_chore(everything)
                    self._at_store = work is not None
                else:
                    self._at_store = False
                    self._store_failed(failure)
                self._unsafe = False
                if not self._at_store and self._followers:
                    self._changed.notify_all()
            if failure is not None:
                if not isinstance(failure, Exception):
                    raise failure
                return

    def _next_chore(self, everything: bool) -> Callable[[], object] | None:
        if self.store_error is not None:
            return None
        if everything:
            return self._chores.next(self._session) or self._chores.overdue(clock.now().mono_ns)
        return self._store.sync if self._session.sync_needed else None

    def _store_failed(self, error: BaseException) -> None:
        """The store is poisoned: not even a Logout can be numbered any more (O10)."""
        _log.error("%s: syncing the store failed: %s", self.id, error, extra=about("store_failed", self.id))
        self.store_error = error
        if self._line is not None:
            self._line.abort("the store could not be synced")
            self.turn()
