"""The ports of a login on an event loop: a RegistrationClient, and sessions of connect()."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fixfast import clock
from fixfast.auth.messages import Veil, failure_of, judged_answer, user_request
from fixfast.auth.ports import Attempt, UserRequest
from fixfast.auth.registration import RegistrationClient
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
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.errors import FixfastError, NotActive

__all__ = ["AioAccounts", "AioSession", "on_loop"]

_log = logging.getLogger("fixfast.auth")


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *args: Any) -> None:
    """Call on the loop's thread: now, if this is it."""
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        call(*args)
    else:
        loop.call_soon_threadsafe(call, *args)


class _Tasks:
    """The tasks of a port, begun from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, call: Callable[..., object], *args: Any) -> None:
        """Call on the loop's thread."""
        assert self._loop is not None
        on_loop(self._loop, call, *args)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._loop is not None
        task = self._loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def end(self, *, cancel: bool) -> None:
        """Leave no task."""
        if cancel:
            for task in self._running:
                task.cancel()
        try:
            await self.idle()
        finally:
            for task in self._running:  # this was cancelled
                task.cancel()


class AioAccounts:
    """The ApiPort on a RegistrationClient."""

    def __init__(self, client: RegistrationClient) -> None:
        self.client = client
        self.tasks = _Tasks()
        self._task: asyncio.Task[None] | None = None

    def register(self, attempt: Attempt, username: str, password: Secret) -> None:
        self.tasks.call(self._start, attempt, username, password)

    def give_up(self, attempt: Attempt) -> None:
        self.tasks.call(self._stop)

    def _start(self, attempt: Attempt, username: str, password: Secret) -> None:
        self._task = self.tasks.start(self._register(attempt, username, password))

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _register(self, attempt: Attempt, username: str, password: Secret) -> None:
        try:
            result = await self.client.ask_for_account(username, password)
        except (FixfastError, OSError) as error:  # a file of TLS; the password was forgotten: nobody waits
            result = failure_of(error)[0]
        tell_registration(attempt, result)


class AioSession:
    """The SessionPort on connect(). One _Line at a time: the next one begins when the last one is gone."""

    def __init__(self, options: SessionOptions) -> None:
        self._options = options
        self.tasks = _Tasks()
        self._line: _Line | None = None

    @property
    def session(self) -> LiveSession | None:
        return self._line.session if self._line is not None else None

    def open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        self.tasks.call(self._open, attempt, client_id, password)

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        self.tasks.call(self._ask, attempt, request)

    def close(self, attempt: Attempt, client_id: Secret | None) -> None:
        self.tasks.call(self._close, client_id)

    def _open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        before = self._line
        if before is not None:
            before.close(None)
        self._line = _Line(self._options, attempt, client_id, password, self.tasks)
        self._line.task = self.tasks.start(self._line.run(before.task if before is not None else None))

    def _ask(self, attempt: Attempt, request: UserRequest) -> None:
        if self._line is not None and not attempt.over:
            self._line.ask(attempt, request)

    def _close(self, client_id: Secret | None) -> None:
        if self._line is not None:
            self._line.close(client_id)


class _Line:
    """One session: from open() to its end."""

    def __init__(
        self, options: SessionOptions, attempt: Attempt, client_id: Secret, password: Secret, tasks: _Tasks
    ) -> None:
        self._options = options
        self.attempt = attempt
        self._client_id, self._password = client_id, password
        self._tasks = tasks
        self.task: asyncio.Task[None] | None = None
        self.session: LiveSession | None = None
        self._asking: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._log_off: Secret | None = None
        self._entering = False
        self._ids = request_ids()
        self._hidden = [password]

    # --- called by the port --------------------------------------------------------------------------------

    def close(self, client_id: Secret | None) -> None:
        """Come to an end. Args: client_id: whom to log off first."""
        self._log_off = self._log_off or client_id
        self._leave.set()
        self._stop_asking()
        if self._entering and self.task is not None:
            self.task.cancel()

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        """Send a UserRequest."""
        self._stop_asking()
        self._hidden[1:] = [one for one in (request.password, request.new_password) if one is not None]
        self._asking = self._tasks.start(self._ask(attempt, request))

    async def run(self, before: asyncio.Task[None] | None) -> None:
        """Connect, and see it through."""
        veil = Veil((self._client_id, self._password))
        if before is not None:
            await asyncio.wait([before])
        if self._leave.is_set():
            return
        veil.drop()
        failure = None
        try:
            failure = await self._connected()
        finally:
            veil.lift()
            self.session = None
        if failure is not None and not self._leave.is_set():
            told, refused = failure
            (self.attempt.logon_refused if refused else self.attempt.disconnected)(told, clock.now())

    # --- told by the session -------------------------------------------------------------------------------

    def made(self, session: LiveSession) -> None:
        """It begins."""
        self.session = session

    def up(self, session: LiveSession) -> None:
        """It is logged on."""
        self.attempt.connected(clock.now())

    def down(self, reason: str) -> None:
        """It is logged on no more."""
        self._stop_asking()
        if not self._leave.is_set():
            self.attempt.connection_lost(AuthFailure(AuthReason.CONNECTION_LOST, reason), clock.now())

    def over(self, error: Exception) -> None:
        """It will not come back."""
        if not self._entering and not self._leave.is_set():
            self.attempt.disconnected(failure_of(error)[0], clock.now())

    def logged_off(self, status: int, text: str) -> None:
        """The venue says so, and nobody asked. Told behind the read that brought it."""
        loop = asyncio.get_running_loop()
        loop.call_soon(self.attempt.user_response, None, status, text, clock.now())

    # --- inside --------------------------------------------------------------------------------------------

    async def _connected(self) -> tuple[AuthFailure, bool] | None:
        """Return why there was no session, and whether it was refused; None: there was one, and it ended."""
        self._entering = True
        try:
            application = Watching(self._options.application, self)
            initiator = connect(**self._options.connecting(self._client_id, self._password, application, self._hidden))
            session = await initiator.__aenter__()
        except Exception as error:  # on_create and `store` are the program's code
            return failure_of(error)
        finally:
            self._entering = False
        try:
            await self._leave.wait()
            if self._log_off is not None and session.active:
                await self._say_goodbye(session, self._log_off)
        except BaseException as error:
            await initiator.__aexit__(type(error), error, None)
            raise
        try:
            await initiator.__aexit__(None, None, None)
        except FixfastError as error:  # the store
            _log.error("%s: it did not end well: %s", session.id, error)
        return None

    async def _say_goodbye(self, session: LiveSession, client_id: Secret) -> None:
        request = UserRequest(UserRequestType.LOG_OFF, client_id)
        with contextlib.suppress(FixfastError, TimeoutError):  # the Logout that follows says it, too
            await session.request("BE", user_request(request, next(self._ids)), timeout=LOG_OFF_SECONDS)

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self, attempt: Attempt, request: UserRequest) -> None:
        session = self.session
        if session is None:
            return
        sent = False
        try:
            message = await session.request("BE", user_request(request, next(self._ids)))
            sent = True
            answer = judged_answer(message)
        except NotActive:
            return  # the line was lost, which is told
        except FixfastError as error:  # among them: the password was forgotten, and nobody waits
            answer = failure_of(error)[0]
        tell_answer(attempt, request.type, answer, sent=sent)
