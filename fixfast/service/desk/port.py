"""BackendPort: the SessionPort of an AuthCoordinator whose FIX session is a Backend's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from fixfast import clock
from fixfast.auth.ports import Attempt, UserRequest
from fixfast.auth.secret import Secret, without
from fixfast.auth.state import AuthFailure, AuthReason, UserRequestType
from fixfast.errors import FixfastError, NotActive
from fixfast.service.client.client import Client, CommandFailed, Connected
from fixfast.service.messages import StatusNow, UserAnswer

__all__ = ["BackendPort"]

_LOG_OFF_SECONDS = 3.0


class BackendPort:
    """Logs the Backend's session on and off, and sends UserRequests through it. On the client's event loop.

    The client keeps the password while the user is logged in: a Backend that was killed has forgotten it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._attempt: Attempt | None = None
        self._secrets: tuple[Secret, Secret] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._was_active = self._opening = False
        client.listen(self._told)

    # --- called by the coordinator ---------------------------------------------------------------------------

    def open(self, attempt: Attempt, client_id: Secret, password: Secret) -> None:
        """Have the Backend log on as client_id."""
        self._forget()
        self._attempt, self._secrets = attempt, (Secret.of(client_id), Secret.of(password))
        self._was_active = False
        self._start(self._log_on(attempt))

    def ask(self, attempt: Attempt, request: UserRequest) -> None:
        """Have it send a UserRequest."""
        self._start(self._ask(attempt, request))

    def close(self, attempt: Attempt, client_id: Secret | None) -> None:
        """Have the user logged off, and the session."""
        held = Secret.of(client_id) if client_id is not None else None
        self._forget()
        self._attempt = None
        self._start(self._log_off(held))

    @property
    def trouble(self) -> str:
        """Why the session that is wanted is not up yet; "" where nothing is known."""
        status = self._client.status
        return _said(status) if status is not None and status.wanted and not self._client.is_active else ""

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- inside ----------------------------------------------------------------------------------------------

    async def _log_on(self, attempt: Attempt) -> None:
        """Log on; what comes of it is told by the session's status."""
        if self._secrets is None or self._opening:
            return
        self._opening = True
        secrets = self._secrets
        client_id, password = (secret.reveal() for secret in secrets)
        try:
            await self._client.log_on(client_id, username=client_id, password=password)
        except CommandFailed as error:
            failure = AuthFailure(AuthReason.LOGON_REFUSED, without(error.text, secrets))
            attempt.logon_refused(failure, clock.now())
        except FixfastError as error:
            attempt.disconnected(AuthFailure(AuthReason.UNREACHABLE, str(error)), clock.now())
        finally:
            self._opening = False
        self._look()

    async def _ask(self, attempt: Attempt, request: UserRequest) -> None:
        try:
            answer = await self._client.user_request(
                int(request.type),
                request.client_id.reveal(),
                request.password.reveal() if request.password is not None else "",
                request.new_password.reveal() if request.new_password is not None else "",
            )
        except CommandFailed as error:
            reason = AuthReason.NOT_SUPPORTED if error.code == "unsupported" else AuthReason.UNANSWERED
            attempt.disconnected(AuthFailure(reason, without(error.text, (request.password,))), clock.now())
        except FixfastError as error:
            attempt.disconnected(AuthFailure(AuthReason.CONNECTION_LOST, str(error)), clock.now())
        else:
            text = without(answer.text, (request.password, request.new_password))
            attempt.user_response(request.type, answer.status, text, clock.now())

    async def _log_off(self, client_id: Secret | None) -> None:
        try:
            async with asyncio.timeout(_LOG_OFF_SECONDS):
                if client_id is not None and self._client.is_active:
                    await self._client.user_request(int(UserRequestType.LOG_OFF), client_id.reveal())
        except (FixfastError, TimeoutError):
            pass  # it is over anyway
        finally:
            if client_id is not None:
                client_id.wipe()
        try:
            async with asyncio.timeout(_LOG_OFF_SECONDS):
                await self._client.log_off()
        except (FixfastError, TimeoutError):
            pass

    def _told(self, event: object) -> None:
        if isinstance(event, (StatusNow, Connected)):
            self._look()
        elif isinstance(event, UserAnswer) and self._attempt is not None:  # the venue has logged the user off
            text = without(event.text, self._secrets or ())
            self._attempt.user_response(None, event.status, text, clock.now())

    def _look(self) -> None:
        """Tell the coordinator how the session is. After a crash of the Backend the client has it log on again."""
        attempt, client, status = self._attempt, self._client, self._client.status
        if attempt is None or attempt.over:
            return
        if isinstance(client.error, NotActive):
            attempt.disconnected(AuthFailure(AuthReason.CONNECTION_LOST, str(client.error)), clock.now())
        elif client.is_active:
            if not self._was_active and not self._opening:
                self._was_active = True
                attempt.connected(clock.now())
        else:
            if self._was_active:
                self._was_active = False
                why = status.reason if client.connected and status is not None else "the Backend is gone"
                attempt.connection_lost(AuthFailure(AuthReason.CONNECTION_LOST, why), clock.now())
            if client.connected and status is not None and not status.wanted and status.reason and not self._opening:
                attempt.logon_refused(AuthFailure(AuthReason.LOGON_REFUSED, _said(status)), clock.now())

    def _forget(self) -> None:
        for secret in self._secrets or ():
            secret.wipe()
        self._secrets = None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _said(status: StatusNow) -> str:
    """Return what a person wants of "gave up after ...: logon failed: ...; WHAT THE VENUE SAID": the end of it."""
    return status.reason.rpartition("; ")[2]
