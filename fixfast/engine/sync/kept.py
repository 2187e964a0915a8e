"""Kept: what a background thread does for a session: connections, timers, and reading while nobody waits."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from threading import Thread, Timer, current_thread, get_ident

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.cancelling import CancelDue, Cancelling, CancelOnDisconnect
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.sync.line import Line
from fixfast.engine.sync.pacing import Pacing
from fixfast.engine.sync.shared import Shared
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConcurrencyError, NotActive, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.state import State
from fixfast.store.base import Store
from fixfast.transport.blocking import wait_for
from fixfast.types import Role

__all__ = ["LAST_STEP", "Kept"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: The keeper reads when no thread has done so for this long, seconds: to wake it for each message would cost more than
#: the message.
_AWAY = 0.1
#: How often it looks while a thread waits for the peer, seconds.
_LED = 1.0
#: How often while that thread has not yet read what is there.
_NAP = 0.002
#: Seconds that callbacks may still take when the session ends.
_LAST_CALLS = 3.0
#: Seconds for the keeper to come to its end; only a name server that hangs makes it take any.
LAST_STEP = 5.0


class Kept(Shared):
    """The half of a LiveSession that connect() and serve() call."""

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
        cancelling: CancelOnDisconnect | None = None,
    ) -> None:
        super().__init__(config, role, hooks=hooks, store=store, wire_log=wire_log, throttle=throttle, latency=latency)
        self._pacing = (
            Pacing(self._lock, lambda: self._session, self._soon, self.waker) if throttle is not None else None
        )
        if cancelling is not None:
            self._cancelling = Cancelling(cancelling, self._later, self._cancel_due)
        self._calls_back = False
        self._threads: list[tuple[Thread, float]] = []  # and how long each may take to come to its end, seconds

    def call_back(self) -> None:
        """Call the application's callbacks, one after the other, until the session ended. One thread of its own."""
        raise NotImplementedError

    def _later(self, seconds: float, call: Callable[[], None]) -> Timer:
        def locked() -> None:
            with self._lock:
                call()

        timer = Timer(seconds, locked)
        timer.daemon = True
        timer.start()
        return timer

    def _cancel_due(self, event: CancelDue) -> None:
        self._on_event(event)
        self._wake()  # there is no connection, so the thread of the callbacks rests

    def start(self, work: Callable[[], None], what: str, seconds: float) -> None:
        """Start a thread of this session.

        Args: what: for its name. seconds: that it may take to end when the session does.
        """
        thread = Thread(target=work, name=f"fixfast {self.id} {what}".rstrip(), daemon=True)
        self._threads.append((thread, seconds))
        thread.start()

    def attach(
        self,
        sock: socket.socket,
        *,
        first: bytes = b"",
        text: str = "",
        status: int | None = None,
        kept: bool = False,
        peer: str = "",
        make: Callable[..., Line] = Line,
    ) -> None:
        """Begin on a new connection.

        Args:
            sock: connected, with TLS where there is TLS.
            first: what was read from it already.
            text, status: Text(58) and SessionStatus(1409) of our Logon, where that is the answer to the peer's.
            kept: this thread will call look_after(): finish() waits for it.
            peer: the peer's address, where the socket does not know it.
            make: makes the line.

        Raises: ConcurrencyError: there is a connection, or the session is to end; the socket is the caller's still.
        """
        with self._lock:
            if self._line is not None or self.stopping.is_set():
                raise ConcurrencyError(f"{self.id} is connected already")
            if kept:
                self._threads = [entry for entry in self._threads if entry[0].is_alive()]
                self._threads.append((current_thread(), LAST_STEP))
            config = self.config
            self._failure = None
            self._session.poll(clock.now())  # D07: a new window's epoch begins before there is a connection
            self._session.answer_with([(58, text)] if text else [], status=status)
            tap = self._witness.tap(config.max_message_size)
            line = make(
                self._session, sock, first=first, tap=tap, slow_after=config.slow_consumer_timeout, patient=True
            )
            line.peer = peer
            self._line = line
            self._turning = get_ident()
            try:
                line.open()
            except BaseException as error:
                self._turning = 0
                self._torn(error)
                raise
            self._turning = 0
            self.turn()
            if not self._calls_back and self._hooks.calls_back:
                self._calls_back = True
                self.start(self.call_back, "callbacks", _LAST_CALLS)
        if self._unsafe:
            self.mind_store()

    def prepare(self) -> None:
        """Before a connection: get the store a lease, which its first message would otherwise wait for."""
        with self._lock:
            work = None if self._at_store or self.store_error is not None else self._chores.lease()
            if work is None:
                return
            self._at_store = True
        try:
            work()
        except StoreError as error:
            with self._lock:
                self._store_failed(error)
        finally:
            with self._lock:
                self._at_store = False

    def look_after(self) -> None:
        """Do what is due, and read while nobody else does, until the connection is gone. One thread, the keeper's."""
        seen = -1
        while True:
            try:
                line, seconds = self._step(seen)
                if line is None:
                    return
                seen = self.leads
                reads = self.kept
                self.mind_store(everything=True)
                ready = (reads and line.pending) or wait_for(
                    line.sock, self.waker, read=reads, write=line.unsent, seconds=seconds
                )
                with self._lock:
                    self.unuse(line)
                    self._look(line, ready, reads)
            except Exception:  # a hook of the program's, or our own fault: the connection was dropped for it
                _log.exception("%s: the keeper goes on", self.id)

    def _step(self, seen: int) -> tuple[Line | None, float | None]:
        """Do what is due. Return the line to wait for, in use from now on, and how long; None: it is gone."""
        with self._lock:
            line = self._line
            if line is None:
                return None, 0
            napping = False
            due = line.deadline()
            if due is not None and due <= clock.now().mono_ns:
                # H08: who waits for the peer reads what is there before we judge it silent.
                napping = line.awaited and wait_for(line.sock, None, read=True, seconds=0)
                if not napping:
                    self._tick(line)
                    line = self._line
                    if line is None:
                        return None, 0
                    due = line.deadline()
            line.users.add(get_ident())
            self.kept = not self.led and not line.paused and (seen == self.leads or line.leaving)
            return line, self._patience(line, due, napping)

    def _patience(self, line: Line, due: int | None, napping: bool) -> float | None:
        if napping:
            return _NAP
        limits = [] if due is None else [max(0, due - clock.now().mono_ns) / _SECOND]
        if self.led:
            limits.append(_LED)
        elif not self.kept and not line.paused:
            limits.append(_AWAY)
        if self._chores.interval_ns:
            limits.append(self._chores.interval_ns / (2 * _SECOND))
        return min(limits) if limits else None

    def _tick(self, line: Line) -> None:
        try:
            line.tick()
        except BaseException as error:
            self._torn(error)
            raise
        self.turn()

    def _look(self, line: Line, ready: bool, reads: bool) -> None:
        """Read and write, after the wait. With the lock held."""
        self.kept = False
        if line is not self._line or not ready:
            return
        if reads and not self.led:
            try:
                more = line.receive()
                while more and not line.over:
                    self.turn()
                    more = line.pending and line.receive()
            except BaseException as error:
                self._torn(error)
                raise
        if line is self._line:
            was = line.unsent
            self.turn()
            if was and not line.unsent and self._followers:
                self._changed.notify_all()  # who waits to send may go on

    # --- the end -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Let the session end for good when its connection does."""
        with self._lock:
            self.stopping.set()
            self._wake()
        self.waker.wake()

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        with self._lock:
            if self._line is not None:
                self._line.abort(reason)
                self.turn()

    def say_goodbye(self, text: str = "") -> None:
        """Send a Logout and do not wait for the answer: what can be done for the peer when the program fails."""
        with self._lock:
            if self._session.state.active and self._line is not None:
                self._goodbye = text
                self._session.logout(text, clock.now())
                self.turn()
        if self._unsafe and self._turning != get_ident():
            self.mind_store()

    def give_up(self, error: BaseException | None) -> None:
        """End the iteration and all waiting, with an exception if there is one."""
        with self._lock:
            self.error = self.error or error
            self.stopping.set()
            if self._cancelling is not None:
                self._cancelling.close()
            self._requests.fail(error or NotActive("closed"))
            self._delivery.finish(error)
            self._wake()
        self.waker.wake()

    def finish(self, error: BaseException | None = None, *, acknowledge: bool = False) -> None:
        """End for good: cut the connection, end the iteration, close the store. No thread or socket is left.

        Args:
            error: what waiting callers get.
            acknowledge: all is in good order: the message handed out last was dealt with, callbacks may end.

        Raises: StoreError: the store could not be closed well.
        """
        self.stop()
        self.cut("ended")
        self.give_up(error)
        with self._lock:
            threads = [entry for entry in self._threads if entry[0] is not current_thread()]
        for thread, seconds in threads:
            thread.join(seconds)
            if thread.is_alive():
                _log.warning("%s: thread %r did not end in %g s and is left alone", self.id, thread.name, seconds)
        with self._lock:
            if acknowledge:
                self._delivery.settle()
            self._delivery.forget()
        self.waker.close()
        self._store.close()

    def _is_leaving(self) -> bool:
        return self._session.state in (State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.CLOSING)
