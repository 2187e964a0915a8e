"""The ports of a login without an event loop: a SyncRegistrationClient, and sessions of sync.connect()."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from fixfast import clock
from fixfast.auth.messages import Veil, failure_of, judged_answer, user_request
from fixfast.auth.ports import Attempt, UserRequest
from fixfast.auth.registration import SyncRegistrationClient
from fixfast.auth.secret import Secret
from fixfast.auth.sessions import (
    LOG_OFF_SECONDS,
    SessionOptions,
    Watching,
    request_ids,
    tell_answer,
    tell_registration,
)
from fixfast.auth.state import AuthFailure, AuthReason, UserRequestType
from fixfast.engine.sync.initiator import connect
from fixfast.engine.sync.live import LiveSession
from fixfast.errors import FixfastError, NotActive

__all__ = ["ThreadAccounts", "ThreadSession", "Threads"]

_log = logging.getLogger("fixfast.auth")

_SECOND = 1_000_000_000
#: Seconds that a thread waits for a UserResponse; the coordinator has given up long before.
_ASK_SECONDS = 60.0
#: Seconds that an answer which came before a message has to be told before that.
_ANSWER_SECONDS = 1.0


class Threads:
    """The threads of a port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[threading.Thread] = []

    def start(self, what: str, work: Callable[..., None], *args: Any) -> threading.Thread:
        """Have a thread of its own do some work. Args: what: for its name."""
        thread = threading.Thread(target=work, args=args, name=f"fixfast auth {what}", daemon=True)
        with self._lock:
            self._running = [one for one in self._running if one.is_alive()]
            self._running.append(thread)
            thread.start()
        return thread

    def idle(self, seconds: float | None) -> bool:
        """Wait until nothing runs, so long at most. Return whether nothing does. Not to be called by one of them."""
        until = None if seconds is None else clock.mono_ns() + round(seconds * _SECOND)
        with self._lock:
            running = list(self._running)
        for thread in running:
            thread.join(None if until is None else max(0.0, (until - clock.mono_ns()) / _SECOND))
        return not any(thread.is_alive() for thread in running)


class ThreadAccounts:
    """The ApiPort on a SyncRegistrationClient."""

    def __init__(self, client: SyncRegistrationClient) -> None:
        self.client = client
        self.threads = Threads()

    def register(self, attempt: Attempt, username: str, password: Secret) -> None:
        """See ApiPort."""
        self.threads.start("registration", self._register, attempt, username, password)

    def give_up(self, attempt: Attempt) -> None:
        """Let the thread come to its end by itself: a call that blocks cannot be taken back."""

    def _register(self, attempt: Attempt, username: str, password: Secret) -> None:
        try:
            result = self.client.ask_for_account(username, password)
        except Exception as error:  # a file of TLS; the password was forgotten: nobody waits
            result = failure_of(error)[0]
        tell_registration(attempt, result)


class ThreadSession:
    """The SessionPort on sync.connect(). One _Line at a time: the next one begins when the last one is gone."""

    def __init__(self, options: SessionOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._line: _Line | None = None
        self.threads = Threads()

    @property
    def session(self) -> LiveSession | None:
        """What there is of a session."""
        line = self._line
        return line.session if line is not None else None

    def open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        """See SessionPort."""
        with self._lock:
            before = self._line
            line = self._line = _Line(self._options, attempt, client_id, password, self.threads)
            line.thread = self.threads.start("session", line.run, before)
        if before is not None:
            before.close(None)

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        """See SessionPort."""
        line = self._line
        if line is not None and not attempt.over:
            line.ask(attempt, request)

    def close(self, attempt: Attempt, client_id: Secret | None) -> None:
        """See SessionPort."""
        line = self._line
        if line is not None:
            line.close(client_id)


class _Line:
    """One session: from open() to its end. A thread of its own enters and leaves it."""

    def __init__(
        self, options: SessionOptions, attempt: Attempt, client_id: Secret, password: Secret, threads: Threads
    ) -> None:
        self._options = options
        self._attempt = attempt
        self._client_id, self._password = client_id, password
        self._threads = threads
        self._lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.session: LiveSession | None = None
        self._telling: threading.Thread | None = None
        self._asking: threading.Thread | None = None
        self._asked = 0  # which UserRequest an answer is waited for; a loss of the line counts on
        self._leave = threading.Event()
        self._log_off: Secret | None = None
        self._entering = False
        self._ids = request_ids()
        self._hidden = [password]

    # --- called by the port --------------------------------------------------------------------------------

    def close(self, client_id: Secret | None) -> None:
        """Come to an end. Args: client_id: whom to log off first."""
        with self._lock:
            self._log_off = self._log_off or client_id
            self._asked += 1
            self._leave.set()
            entering = self.session if self._entering else None
        if entering is not None:
            entering.stop()  # who waits for the logon is woken
            entering.cut("given up")

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        """Send a UserRequest."""
        with self._lock:
            self._asked += 1
            asked = self._asked
            self._hidden[1:] = [one for one in (request.password, request.new_password) if one is not None]
        self._asking = self._threads.start("request", self._ask, attempt, request, asked)

    def run(self, before: _Line | None) -> None:
        """Connect, and see it through."""
        if before is not None and before.thread is not None:
            before.thread.join()
        if self._leave.is_set():
            return
        veil = Veil((self._client_id, self._password))
        veil.drop()
        failure = None
        try:
            failure = self._connected()
        finally:
            self.session = None
            veil.lift()
        if failure is not None and not self._leave.is_set():
            told, refused = failure
            (self._attempt.logon_refused if refused else self._attempt.disconnected)(told, clock.now())

    # --- told by the session -------------------------------------------------------------------------------

    def made(self, session: LiveSession) -> None:
        """It begins. If it is to end already, nobody is to wait for its logon."""
        with self._lock:
            self.session = session
            leave = self._leave.is_set()
        if leave:
            session.stop()

    def up(self, session: LiveSession) -> None:
        """It is logged on."""
        self._attempt.connected(clock.now())

    def down(self, reason: str) -> None:
        """It is logged on no more."""
        with self._lock:
            self._asked += 1
        if not self._leave.is_set():
            self._attempt.connection_lost(AuthFailure(AuthReason.CONNECTION_LOST, reason), clock.now())

    def over(self, error: Exception) -> None:
        """It will not come back."""
        if not self._entering and not self._leave.is_set():
            self._attempt.disconnected(failure_of(error)[0], clock.now())

    def logged_off(self, status: int, text: str) -> None:
        """The venue says so, and nobody asked. Told by a thread that has no lock of the session: one at a time."""
        if self._telling is None or not self._telling.is_alive():
            self._telling = self._threads.start("user response", self._tell_off, status, text)

    # --- inside --------------------------------------------------------------------------------------------

    def _connected(self) -> tuple[AuthFailure, bool] | None:
        """Return why there was no session, and whether it was refused; None: there was one, and it ended."""
        self._entering = True
        try:
            application = Watching(self._options.application, self, plain=True)
            initiator = connect(**self._options.connecting(self._client_id, self._password, application, self._hidden))
            session = initiator.__enter__()
        except Exception as error:  # on_create and `store` are the program's code
            return failure_of(error)
        finally:
            self._entering = False
        self._leave.wait()
        if self._log_off is not None and session.active:
            request = UserRequest(UserRequestType.LOG_OFF, self._log_off)
            with contextlib.suppress(FixfastError, TimeoutError):  # the Logout that follows says it, too
                session.request("BE", user_request(request, next(self._ids)), timeout=LOG_OFF_SECONDS)
        try:
            initiator.__exit__(None, None, None)
        except FixfastError as error:  # the store
            _log.error("%s: it did not end well: %s", session.id, error)
        return None

    def _tell_off(self, status: int, text: str) -> None:
        if self._asking is not None:
            self._asking.join(_ANSWER_SECONDS)
        self._attempt.user_response(None, status, text, clock.now())

    def _ask(self, attempt: Attempt, request: UserRequest, asked: int) -> None:
        session = self.session
        if session is None:
            return
        sent = False
        try:
            message = session.request("BE", user_request(request, next(self._ids)), timeout=_ASK_SECONDS)
            sent = True
            answer = judged_answer(message)
        except (NotActive, TimeoutError):
            return  # the line was lost, which is told; or nobody waits any more
        except FixfastError as error:  # among them: the password was forgotten, and nobody waits
            answer = failure_of(error)[0]
        with self._lock:
            if asked != self._asked:
                return
        tell_answer(attempt, request.type, answer, sent=sent)
