"""Driven: what a Poller does with a session: connect, read, acknowledge, look after its store, end."""

from __future__ import annotations

import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import get_ident
from typing import Any, NamedTuple, Protocol

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.attempts import Attempts, Wait
from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.failure import Failure
from fixfast.engine.listening import address_text
from fixfast.engine.observing.metered import Metered
from fixfast.engine.observing.records import about
from fixfast.engine.observing.wirelog import WireLog
from fixfast.engine.sync.beside import Beside
from fixfast.engine.sync.calling import Calling
from fixfast.engine.sync.dialing import Dialing
from fixfast.engine.sync.line import Line
from fixfast.engine.sync.listen import Listen
from fixfast.engine.telling import Telling
from fixfast.engine.throttle import Throttle
from fixfast.errors import ConcurrencyError, ConfigError, GaveUp, LogonFailed, NotActive, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected
from fixfast.session.reject import REJECTS
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.transport.busy import sharpen
from fixfast.transport.dial_blocking import BlockingDialer
from fixfast.transport.tls_context import reason_of, server_context
from fixfast.types import Now, Role

__all__ = ["Answer", "Driven", "Driver"]

_log = logging.getLogger("fixfast.engine")

#: while it connects or a disk is at work, it is looked at this often, ns; and at least once a second
_SOON, _SECOND = 2_000_000, 1_000_000_000
_LEAVING = frozenset({State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.CLOSING})


class Answer(NamedTuple):
    """A message among those that wait for the program which request() has given it already."""

    message: Message


class Driver(Protocol):
    """The part of a Poller that its sessions use."""

    def watch(self, sock: socket.socket, session: Any, receive: Callable[[], bool]) -> None: ...
    def forget(self, sock: socket.socket) -> None: ...
    def call(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]: ...
    def quietly(self, sessions: Any) -> None: ...
    def expect_disk(self) -> None: ...


class Driven(Telling):
    """The half of a PolledSession that the Poller calls; a program uses the other one."""

    def __init__(
        self,
        config: SessionConfig,
        connection: ConnectionConfig | Listen,
        application: object | None = None,
        store: Store | None = None,
        *,
        wire_log: WireLog | None = None,
        throttle: Throttle | None = None,
        latency: bool = False,
        busy_poll_us: int = 0,
    ) -> None:
        if not isinstance(config, SessionConfig):
            raise ConfigError("config", type(config).__name__, "a SessionConfig")
        if not isinstance(connection, (ConnectionConfig, Listen)):
            raise ConfigError("connection", type(connection).__name__, "a ConnectionConfig or a Listen")
        role = Role.ACCEPTOR if isinstance(connection, Listen) else Role.INITIATOR
        super().__init__(
            config,
            role,
            hooks=Hooks(application),
            store=store,
            wire_log=wire_log,
            throttle=throttle,
            latency=latency,
        )
        #: the thread that polls; 0: none has yet
        self.owner = 0
        # What is sent may have to wait for a sync, and the store wants leases, syncs, upkeep.
        self._gated = type(self._store) is not MemoryStore
        self._tls = False
        self.ended = False
        self.events: Callable[[], Iterator[Any]] = self._session.events
        #: taken from the session before there was anybody to take them
        self.pending: deque[Message | Answer] = deque()
        #: the message that the program was given last, and the last one that it has dealt with
        self.given: Message | None = None
        self.passed: Message | None = None
        self._delivery: Calling = Calling(self, self._hooks, answer=self._business_reject, restarted=self._forget_given)
        self._watched = self._witness.watches_faults
        self._arrivals = self._session.arrivals if isinstance(self._session, Metered) else None
        self._worked_on: Message | None = None  # what is measured: given out, and the program is not back yet
        #: poll() can give messages out without asking: no callback takes them, nothing is noted or measured of them
        self.plain = not (self._delivery.takes_messages or self._watched)
        self._connection = connection
        self._busy_poll_us = busy_poll_us
        self._beside = Beside(self._store)
        self._driver: Driver | None = None
        self._line: Line | None = None
        self._attempts: Attempts | None = None
        self._dialer: BlockingDialer
        self._dialing: Dialing | None = None
        self._listener: socket.socket | None = None
        self._not_before = 0
        self._context: ssl.SSLContext | None = None  # to listen with
        self._caller = ""  # the address of a peer that shakes hands
        self._before = 0  # `connections` when the attempt that runs began
        self._together = False

    def call(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have something done by the thread that polls, soon. Any thread may call this; it does not wait.

        Raises: NotActive: no Poller drives this session.
        """
        if self._driver is None:
            raise NotActive("not polled")
        return self._driver.call(function, *arguments)

    # --- for the Poller ------------------------------------------------------------------------------------

    def begin(self, driver: Driver) -> None:
        """Start to connect, or listen.

        Raises: ConcurrencyError: another Poller has it. ConfigError: a certificate cannot be used. OSError: that
            address cannot be listened on.
        """
        if self._driver is not None:
            raise ConcurrencyError(f"{self.id} belongs to a Poller already")
        self._driver = driver
        self.created()
        connection = self._connection
        if isinstance(connection, Listen):
            self._context = server_context(connection.tls)
            family = socket.AF_INET6 if ":" in connection.host else socket.AF_INET
            self._listener = socket.create_server((connection.host, connection.port), family=family)
            self._listener.setblocking(False)
            driver.watch(self._listener, self, self._accept)
        else:
            self._dialer = BlockingDialer(**connection.route())
            self._dialer.prepare()
            self._attempts = Attempts(connection.addresses, connection.reconnect, self.config.schedule)

    def takes(self, message: Message) -> bool:
        """Give a message to the callbacks. False: it is for who polls."""
        if self._watched and message.fault is not None:
            self._faults += 1
            self._witness.fault(message, message.fault)
        if message.msg_type in REJECTS:
            self._rejects_in += 1
        if self._arrivals is not None:
            self._measure(message)
            self._arrivals.came(message)
            self._arrivals.handed(message)
        if not self._delivery.takes(message):
            return False
        self.given = self.passed = message  # also after an exception: no poison loop
        return True

    def _measure(self, next_one: Message | None) -> None:
        """Know that the program is done with one message, and given another."""
        if self._arrivals is not None and self._worked_on is not None:
            self._arrivals.dealt_with(self._worked_on)
        self._worked_on = next_one

    def hear(self, event: object) -> None:
        """Deal with an event that is not a message."""
        self._on_event(event)
        if isinstance(event, Disconnected) and not self.ended:
            failure = self.take_failure()
            if failure is not None and self._attempts is not None:
                lost = self._dialer.lost(failure.error.text, self._connection.host)
                failure = failure.explained(lost, tls=self._dialer.tls is not None)
            self._over(failure)

    def finish_turn(self) -> bool:
        """Acknowledge, write what came of the events, see to the store, and notice the end of the connection.

        Returns: whether there may be more events: take them, and come again.
        """
        passed = self.passed
        if passed is not None:  # PERF: _pass() in place
            self.given = self.passed = None
            if self._worked_on is not None:
                self._measure(None)
            try:
                self._session.done(passed.msg_seq_num)
            except StoreError as error:
                self._store_failed(error)
        line = self._line
        if line is None:
            return False
        # PERF: mostly there is nothing: flush() without its call. What ends a session is an event, but for a store that
        # fails in the middle of something: then close_requested says so.
        if line.unsent or line.leaving or line.hurry() or self._session.close_requested is not None:
            line.flush()
        if line.over:
            self._close_line(line)
            return True
        if self._gated:
            self._look_after_store()
        return self._tls and line.pending and line.receive()

    def service(self, now: Now) -> bool:
        """Do what is due: timers of the session, syncs of its store, the next step of connecting.

        Returns: whether events may have come of it.

        Raises: GaveUp, LogonFailed: it will not connect again; told once.
        """
        line = self._line
        if line is None:
            return self._advance(now)
        due = line.deadline()
        if line.over or (due is not None and now.mono_ns >= due):
            line.tick()
            return True
        if line.unsent:
            line.flush()
        if self._gated:
            self._look_after_store()
        return False

    def due_ns(self, now: Now) -> int:
        """Return in how many ns, at most, service() is to be called again."""
        line = self._line
        if line is None or self._beside.busy:
            return _SOON
        due = line.deadline()
        return _SECOND if due is None else min(_SECOND, max(0, due - now.mono_ns))

    def stop(self) -> None:
        """Connect no more."""
        self.ended = True
        if self._dialing is not None:
            self._dialing.drop()
            self._dialing = None
        if self._listener is not None and self._driver is not None:
            self._driver.forget(self._listener)
            self._listener.close()
            self._listener = None

    def leave(self, text: str, *, acknowledge: bool) -> None:
        """Connect no more, and log out.

        Args: acknowledge: the program has dealt with the message that it was given last.
        """
        if acknowledge:
            self.passed = self.given
        self.stop()
        if self.passed is not None:
            self._pass()
        if self.active:
            self._log_out(text, None)
        elif self._line is not None and self.state not in _LEAVING:
            self._line.abort("closed before logon")

    def _pause(self, pause: bool) -> None:
        """Who does not poll does not read."""

    def _wake(self) -> None:
        """Nobody waits."""

    @property
    def connected(self) -> bool:
        """There is a connection, logged on or not."""
        return self._line is not None

    def finish(self) -> None:
        """End for good: cut what is left of the connection, close the store.

        Raises: StoreError: that failed.
        """
        self.stop()
        line = self._line
        if line is not None:
            line.abort("ended")
            self._close_line(line)
        for event in self.events():
            if type(event) is not Message:
                self.hear(event)
        self._beside.close()
        if self._ordering is not None:
            self._ordering.end(self.error or NotActive("closed"))
        if self._booking is not None:
            self._booking.end(self.error or NotActive("closed"))

    # --- inside --------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        """Write at once."""
        line = self._line
        if line is not None and not self._together:
            line.flush()
            if self._gated and self._session.sync_needed:
                self._look_after_store()

    def _log_out(self, text: str, status: int | None) -> None:
        self._goodbye = text
        self._session.logout(text, clock.now(), status=status)
        self._soon()

    def _check_thread(self) -> None:
        if self.owner and self.owner != get_ident():
            raise ConcurrencyError(f"{self.id} is polled by another thread: use post()")

    def _pass(self) -> None:
        """Acknowledge everything up to `passed`."""
        message = self.passed
        assert message is not None
        if message is self.given:
            self.given = None
        self.passed = None
        try:
            self._session.done(message.msg_seq_num)
        except StoreError as error:
            self._store_failed(error)

    def _store_failed(self, error: StoreError) -> None:
        self.store_error = error
        _log.error("%s: the store failed: %s", self.id, error, extra=about("store_failed", self.id))

    def _forget_given(self) -> None:
        """The numbers began anew: what was given out is of the old epoch."""
        self.given = self.passed = None

    def _look_after_store(self) -> None:
        beside, line = self._beside, self._line
        if beside.check(self._session, clock.mono_ns()) and line is not None:
            if beside.error is not None:
                # The store is poisoned: not even a Logout can be numbered any more (O10).
                self.store_error = beside.error
                line.abort("the store could not be synced")
            else:
                line.flush()
        if beside.busy and self._driver is not None and self._session.sync_needed:
            self._driver.expect_disk()

    def _advance(self, now: Now) -> bool:
        """Take the next step towards a connection."""
        dialing, attempts = self._dialing, self._attempts
        if self.ended:
            return False
        if dialing is not None:
            if not dialing.done:
                return False
            self._dialing = None
            try:
                sock = dialing.result()
            except Exception as error:  # a StoreError shows again when the session uses its store
                if attempts is None:
                    self._unwelcome(error)
                    return False
                failed = error if isinstance(error, LogonFailed) else LogonFailed("connect", str(error))
                self._over(Failure(failed, refused=False))
                return True
            self._attach(sock)
            return True
        if attempts is None or now.mono_ns < self._not_before:
            return False
        try:
            step = attempts.next(now)
        except GaveUp as error:
            self._give_up(error)
            return False
        if isinstance(step, Wait):
            if step.note:
                _log.info("%s: %s", self.id, step.note, extra=about("waiting", self.id))
            self._not_before = now.mono_ns + int(step.seconds * 1e9)
            return False
        self._failure, self._before = None, self.connections
        self._session.poll(now)  # D07: a new window's epoch begins before there is a connection
        dialer, (host, port) = self._dialer, step.address
        self._dialing = Dialing(
            self._beside.prepare, lambda waker, cancelled: dialer.dial(host, port, waker=waker, cancelled=cancelled)
        )
        return True

    def _accept(self) -> bool:
        assert self._listener is not None
        try:
            sock, name = self._listener.accept()
        except OSError:
            return False  # it went again
        assert self._driver is not None
        # A peer that comes back before the end of its old connection was seen waits.
        self._driver.forget(self._listener)
        there = self._connection
        if isinstance(there, Listen) and (context := self._context) is not None:
            self._caller, peer = address_text(name), self.config.target_comp_id
            self._dialing = Dialing(
                self._beside.prepare, lambda waker, cancelled: there.secured(sock, context, peer, waker, cancelled)
            )
            return False
        self._attach(sock)
        return True

    def _unwelcome(self, error: Exception) -> None:
        """Know that who connected to us is not to be talked to; wait for the next one."""
        why = reason_of(error) if isinstance(error, ssl.SSLError) else str(error) or type(error).__name__
        text = "%s: connection from %s closed: no TLS handshake (%s)"
        _log.warning(text, self.id, self._caller, why, extra=about("stranger", self.id, reason="no TLS handshake"))
        if self._listener is not None and self._driver is not None:
            self._driver.watch(self._listener, self, self._accept)

    def _attach(self, sock: socket.socket) -> None:
        assert self._driver is not None
        if isinstance(self._connection, Listen):
            self._before = self.connections
            self._session.poll(clock.now())  # D07: as above
        tap = self._witness.tap(self.config.max_message_size)
        line = Line(self._session, sock, tap=tap, slow_after=self.config.slow_consumer_timeout)
        sharpen(sock, busy_poll_us=self._busy_poll_us)
        self._line = line
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._driver.watch(sock, self, line.read)  # who polls is never behind
        line.open()

    def _close_line(self, line: Line) -> None:
        self._line = None
        if self._driver is not None:
            self._driver.forget(line.sock)
            if self._listener is not None:
                self._driver.watch(self._listener, self, self._accept)
        line.release()
        self._witness.note(line.over)

    def _over(self, failure: Failure | None) -> None:
        """Learn from the end of a connection, or from one that was never made."""
        if failure is not None and failure.error.reason != "schedule":
            extra = about("no_logon", self.id, reason=failure.error.reason)
            _log.warning("%s: %s", self.id, failure.error, extra=extra)
            self.logon_error = failure.error
        if self._attempts is None:
            return
        try:
            self._attempts.ended(
                clock.now(),
                failure,
                logged_on=self.connections > self._before,
                store_error=self.store_error,
                held_back=self.held_back,
            )
        except (GaveUp, LogonFailed) as error:
            self._give_up(error)
        self._not_before = 0

    def _give_up(self, error: Exception) -> None:
        self.error = error
        self.stop()
        self._delivery.tell("on_give_up", error)
