"""Poller: several sessions on one thread that never sleeps."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import get_ident
from types import TracebackType
from typing import Any, Literal

from fixfast import clock
from fixfast.engine.connection import positive
from fixfast.engine.sync.driven import Answer
from fixfast.engine.sync.polled import PolledSession
from fixfast.errors import ConcurrencyError, ConfigError, FixfastError, NotActive
from fixfast.session.wire import Message
from fixfast.transport.busy import Watch, freeze, pin

__all__ = ["Idle", "Poller"]

Idle = Literal["spin", "yield"] | float

#: Timers, connecting, and the disk are looked at this often, ns. FIX counts in seconds.
_LOOK_AGAIN = 5_000_000
#: seconds that a poll() which brought nothing sleeps while a message waits for the disk. PERF: the thread at the disk
#: needs the interpreter when it is done; from one that spins it gets it after 5 ms.
_NAP = 20e-6
#: seconds more than the sessions' own limit that close() waits before it cuts connections
_GRACE = 3.0
#: seconds that close() sleeps at most when nothing happens
_PATIENCE = 0.01

_NOTHING: tuple[tuple[PolledSession, Message], ...] = ()
_monotonic_ns = time.monotonic_ns


class Poller:
    """Drives sessions from one thread, by asking the sockets again and again.

        market_data = ff.sync.PolledSession(config, connection)
        orders = ff.sync.PolledSession(other_config, other_connection, store=ff.JournalStore(...))
        with ff.sync.Poller([market_data, orders], cpu=3) as poller:
            poller.wait_active(10)
            while running:
                for session, message in poller.poll():
                    ...
                    orders.send(...)              # written at once

    The thread that first polls owns the poller and its sessions: it alone may call their methods. From others,
    `session.post(...)` and `poller.call(...)`.

    Args:
        sessions: at least one; each belongs to one Poller only.
        cpu: keep the polling thread on this processor; None: where the system likes.
        idle: what poll() does when nothing came: "spin": return at once; "yield": let another thread of this processor
            run first; a number of seconds: wait for the sockets so long at most.

    Raises: ConfigError: an argument is of the wrong kind. ConcurrencyError: a session belongs to another Poller.
        OSError: there is no such processor; an address cannot be listened on.
    """

    def __init__(self, sessions: Iterable[PolledSession], *, cpu: int | None = None, idle: Idle = "spin") -> None:
        self.sessions: tuple[PolledSession, ...] = tuple(sessions)
        if not self.sessions or not all(isinstance(one, PolledSession) for one in self.sessions):
            raise ConfigError("sessions", [type(one).__name__ for one in self.sessions], "at least one PolledSession")
        if cpu is not None and (type(cpu) is not int or cpu < 0):
            raise ConfigError("cpu", cpu, "None or the number of a processor, from 0")
        if isinstance(idle, str):
            if idle not in ("spin", "yield"):
                raise ConfigError("idle", idle, '"spin", "yield" or a number of seconds')
        else:
            positive("idle", idle)
        self._cpu = cpu
        self._patience = self._wait = 0.0 if isinstance(idle, str) else float(idle)
        #: what to do when nothing came; None: nothing
        self._relax: Callable[[], object] | None = getattr(os, "sched_yield", _yield) if idle == "yield" else None
        self._watch = Watch()
        self._ask = self._watch.ask
        self._by_fd: dict[int, tuple[PolledSession | None, Callable[[], bool]]] = {}
        self._unfinished: deque[PolledSession] = deque()  # may have events; in front of what is read next
        self._posted: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._look_at = 0  # mono_ns at which timers are looked at
        self._disk = False  # a message waits for it
        self._raised: set[PolledSession] = set()
        self._owner = 0
        self._closed = False
        if self._patience:
            self._hang_bell()
        try:
            for session in self.sessions:
                session.begin(self)
        except BaseException:
            self._shut()
            raise

    # --- the loop ------------------------------------------------------------------------------------------

    def poll(self) -> Iterable[tuple[PolledSession, Message]]:
        """Do all there is to do at this moment, and return the messages it brought, to be iterated over at once.

        Read what came, do what is due (heartbeats, reconnecting), call what other threads posted. With idle="spin"
        it never waits for anything but, when there is nothing else to do, 20 us at a time for a disk that a message
        of ours waits for. Taking the next message of a session, or polling again, acknowledges its last one; a
        loop that is left early finds the rest in the next poll(). A message that is kept is to be detached.

        Returns: (session, message) pairs: application messages, Rejects and BusinessMessageRejects of sessions without
            callbacks for them.

        Raises:
            GaveUp, LogonFailed: a session will not connect again, `session.error` says the same; told once, and the
                others go on.
            NotActive: the poller is closed. ConcurrencyError: another thread polls.
        """
        # PERF: an idle call makes no generator and asks the kernel once: 0.9 us.
        if _monotonic_ns() >= self._look_at:
            self._look_around()
        if self._posted:
            self._do_posted()
        ready = self._ask(0)
        if ready or self._unfinished:
            return self._deliver(ready)
        if self._disk:
            time.sleep(_NAP)
        elif self._relax is not None:
            self._relax()
            if len(self._by_fd) == 1:
                # PERF: one socket is read without asking first, 0.6 us; in vain that is dearer, but then there is time
                ((session, receive),) = self._by_fd.values()
                if not receive() or session is None:
                    return _NOTHING
                self._unfinished.append(session)
                return self._deliver(ready)
            ready = self._ask(0)
        elif self._patience:
            ready = self._ask(self._wait)
        return self._deliver(ready) if ready else _NOTHING

    def _deliver(self, ready: Sequence[tuple[int, int]]) -> Iterator[tuple[PolledSession, Message]]:
        unfinished = self._unfinished
        for fd, _ in ready:
            session, receive = self._by_fd[fd]
            if receive() and session is not None:  # None: the bell
                unfinished.append(session)
        while unfinished:
            session = unfinished[0]
            if session.given is not None:
                session.passed = session.given  # the loop before was left early, and this one is the next
            while session.pending:
                message = session.pending.popleft()
                if isinstance(message, Answer):
                    session.passed = message.message
                elif session.plain or not session.takes(message):
                    session.given = message
                    yield session, message
                    session.passed = message
            if session.plain:
                for event in session.events():
                    if type(event) is Message:
                        session.given = event
                        yield session, event
                        session.passed = event
                    else:
                        session.hear(event)
            else:
                for event in session.events():
                    if type(event) is not Message:
                        session.hear(event)
                    elif not session.takes(event):
                        session.given = event
                        yield session, event
                        session.passed = event
            if not (session.finish_turn() or session.pending):  # pending: of a request() by the program
                unfinished.popleft()

    def wait_active(self, timeout: float | None = None) -> None:
        """Poll until every session is logged on. Messages that come meanwhile are returned by the next poll().

        Args: timeout: seconds; None: as long as it takes.

        Raises: TimeoutError: not all are. GaveUp, LogonFailed: one of them never will be. Others as poll().
        """
        ends = None if timeout is None else _monotonic_ns() + int(timeout * 1e9)
        while True:
            waiting = [session for session in self.sessions if not session.active]
            if not waiting:
                return
            if ends is not None and _monotonic_ns() > ends:
                raise TimeoutError(f"not logged on: {', '.join(str(session.id) for session in waiting)}")
            self.quietly(waiting)

    def quietly(self, sessions: Sequence[PolledSession]) -> None:
        """Do what poll() does, and keep the messages of these sessions; those of others stay where they are."""
        self._look_around()
        if self._posted:
            self._do_posted()
        unfinished = self._unfinished
        for fd, _ in self._ask(_PATIENCE):
            session, receive = self._by_fd[fd]
            if session is None:
                receive()
            elif (session in sessions or session not in unfinished) and receive():
                unfinished.append(session)
        for session in sessions:
            if session in unfinished or session.connected:
                more = True
                while more:
                    for event in session.events():
                        if type(event) is Message:
                            event.detach()
                            session.pending.append(event)
                        else:
                            session.hear(event)
                    more = session.finish_turn()
                if session not in unfinished:
                    unfinished.append(session)  # to look for what is pending

    # --- from other threads --------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called by the thread that polls, soon. Any thread may call this; it does not wait.

        Returns: a future of what it returns or raises; it fails with NotActive when the poller is closed first.
        """
        future: Future[Any] = Future()
        self._posted.append((future, function, arguments))
        if self._closed:
            self._refuse_posted()
        elif self._bell is not None:
            with suppress(OSError):  # full: it rings already
                self._bell[1].send(b"\0")
        return future

    def _do_posted(self) -> None:
        for _ in range(len(self._posted)):  # those posted from here wait for the next round
            future, function, arguments = self._posted.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    result = function(*arguments)
                except Exception as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)

    def _refuse_posted(self) -> None:
        with suppress(IndexError):
            while True:
                future, _, _ = self._posted.popleft()
                if future.set_running_or_notify_cancel():
                    future.set_exception(NotActive("the poller is closed"))

    # --- the end -------------------------------------------------------------------------------------------

    def close(self, text: str = "", *, timeout: float | None = None) -> None:
        """Log all sessions out, wait for the answers, close connections and stores. Twice is once.

        Messages that come meanwhile are not returned: they are not acknowledged, and come again in the next session.

        Args: text: Text(58) of the Logouts. timeout: seconds for all of it; then connections are cut. None: the
            sessions' own limits.

        Raises: StoreError: a store could not be closed; the others are.
        """
        if self._closed:
            return
        self._take_over()
        limit = timeout
        if limit is None:
            steps = (
                session.config.logout_timeout * (1 + session.config.logout_test_request) for session in self.sessions
            )
            limit = max(steps) + _GRACE
        ends = _monotonic_ns() + int(limit * 1e9)
        for session in self.sessions:
            session.leave(text, acknowledge=True)
        self._linger(ends)
        self._end()

    def _linger(self, ends: int) -> None:
        """See the connections to their end. Messages that come are not acknowledged."""
        while (open_ := [session for session in self.sessions if session.connected]) and _monotonic_ns() < ends:
            for fd, _ in self._ask(_PATIENCE):
                self._by_fd[fd][1]()
            now = clock.now()
            for session in open_:
                session.service(now)
                more = True
                while more:
                    for event in session.events():
                        if type(event) is not Message:
                            session.hear(event)
                    more = session.finish_turn()

    def _end(self) -> None:
        self._closed = True
        failed: Exception | None = None
        for session in self.sessions:
            try:
                session.finish()
            except FixfastError as error:
                failed = error
        self._shut()
        if failed is not None:
            raise failed

    def _shut(self) -> None:
        self._closed = True
        self._look_at = 0  # the next poll() says so
        self._refuse_posted()
        for session in self.sessions:
            session.stop()
        self._unfinished.clear()
        self._by_fd.clear()
        self._watch.close()
        if self._bell is not None:
            for end in self._bell:
                end.close()

    def __enter__(self) -> Poller:
        self._take_over()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif not self._closed:
            for session in self.sessions:
                session.leave("", acknowledge=False)
            self._end()

    # --- the garbage collector -----------------------------------------------------------------------------

    @staticmethod
    def freeze(*, disable: bool = False) -> None:
        """Collect garbage once, and keep what there is now out of all later collections. For after wait_active().

        Args: disable: no automatic collections from now on: then call gc.collect() in quiet times if the program makes
            cycles. fixfast makes none for a message.
        """
        freeze(disable=disable)

    # --- for the sessions ----------------------------------------------------------------------------------

    def watch(self, sock: socket.socket, session: PolledSession, receive: Callable[[], bool]) -> None:
        """Ask about a session's socket from now on; `receive` reads, and says whether events may have come of it."""
        self._by_fd[sock.fileno()] = session, receive
        self._watch.add(sock.fileno())

    def expect_disk(self) -> None:
        """Look at once, and until it is done, whether the disk has what a message waits for."""
        self._disk = True
        self._look_at = 0

    def forget(self, sock: socket.socket) -> None:
        """Ask no more; before the socket is closed."""
        if self._by_fd.pop(sock.fileno(), None) is not None:
            self._watch.remove(sock.fileno())

    # --- inside --------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Note the thread, and pin it, the first time.

        Raises: NotActive, ConcurrencyError.
        """
        if self._closed:
            raise NotActive("the poller is closed")
        mine = get_ident()
        if self._owner == mine:
            return
        if self._owner:
            raise ConcurrencyError("another thread polls: one only")
        self._owner = mine
        for session in self.sessions:
            session.owner = mine
        if self._cpu is not None:
            pin(self._cpu)

    def _look_around(self) -> None:
        """Do what is due, now and then.

        Raises: as poll().
        """
        self._take_over()
        now = clock.now()
        self._disk = False
        for session in self.sessions:
            if session.service(now) and session not in self._unfinished:
                self._unfinished.append(session)
        self._look_at = 0 if self._disk else now.mono_ns + _LOOK_AGAIN
        if self._patience and not self._disk:
            due = min(session.due_ns(now) for session in self.sessions)
            self._wait = min(self._patience, due / 1e9)
            self._look_at = now.mono_ns + min(due, int(self._patience * 1e9))
        for session in self.sessions:
            error = session.error
            if error is not None and session not in self._raised:
                self._raised.add(session)
                error.add_note(f"session {session.id}")
                raise error

    def _hang_bell(self) -> None:
        """Have something that wakes a poll() which waits."""
        self._bell = ring, _ = socket.socketpair()
        for end in self._bell:
            end.setblocking(False)
        self._by_fd[ring.fileno()] = None, self._silence_bell
        self._watch.add(ring.fileno())

    def _silence_bell(self) -> bool:
        assert self._bell is not None
        with suppress(OSError):
            self._bell[0].recv(4096)
        return False


def _yield() -> None:
    time.sleep(0)
