"""From a session's events to the program: callbacks or iteration, in order, bounded, acknowledged when dealt with."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from fixfast.engine.application import Hooks
from fixfast.engine.handover import FULL, Call, HandOver
from fixfast.errors import BusinessReject, ConcurrencyError
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message

__all__ = ["Delivery", "Stream"]

#: seconds that async callbacks may still take when the program leaves in good order
_LAST_CALLS = 3.0


class Delivery(HandOver):
    """Hands a session's events and messages on, one at a time.

    Args, beside those of HandOver:
        answer: sends a BusinessMessageReject for a message.
        woken: called when an iterating program was woken: it will run in the next pass of the loop, and may send.
    """

    def __init__(
        self,
        session: object,
        hooks: Hooks,
        *,
        acknowledge: Callable[[int], None],
        answer: Callable[[Message, BusinessReject], None],
        pressure: Callable[[bool], None],
        patient: Callable[[], bool],
        woken: Callable[[], None],
    ) -> None:
        super().__init__(session, hooks, acknowledge=acknowledge, pressure=pressure, patient=patient)
        self._answer = answer
        self._woken = woken
        self._backlog: deque[Call] = deque()  # behind an async callback that is running
        self._running: asyncio.Task[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._given: Message | None = None  # handed out by an iterator, not yet acknowledged
        self._coming: Awaitable[None] | None = None  # what the running task awaits, until it does

    # --- in ------------------------------------------------------------------------------------------------

    def message(self, message: Message) -> bool:
        """Deliver an application message, a Reject or a BusinessMessageReject.

        Returns: it was dealt with, as everything before it: the caller acknowledges it.
        """
        hook = self._hooks.on_message
        if hook is None or self._running is not None or self._order or self._hooks.on_reject is not None:
            self._order.append(message)
            self.hand_over(message)
            return False
        # PERF: the common case, nothing in front of it: no record of the call, no place in the order: 1.1 us less
        try:
            waiting = hook(self._session, message)
        except Exception as error:
            self._order.append(message)
            self._fail(self._call_for(message), error)
            return False
        if waiting is None or not inspect.isawaitable(waiting):
            return True
        self._order.append(message)
        self._start(waiting, self._call_for(message))
        return False

    def hand_over(self, message: Message) -> None:
        """Deliver a message that has its place in the order already."""
        if self._hooks.on_message is None and not (self._hooks.on_reject is not None and message.msg_type in REJECTS):
            message.detach()  # it stays: its chunk must not
            self._put(message)
        else:
            self._call(self._call_for(message))

    def _call_for(self, message: Message) -> Call:
        hooks = self._hooks
        if hooks.on_reject is not None and message.msg_type in REJECTS:
            return Call("on_reject", hooks.on_reject, (self._session, message), message)
        assert hooks.on_message is not None
        return Call("on_message", hooks.on_message, (self._session, message), message)

    def finish(self, error: BaseException | None = None) -> None:
        """End the iteration, with an exception if there is one to raise. What is queued is still handed out."""
        super().finish(error)
        self._wake()

    async def close(self, *, acknowledge: bool) -> None:
        """Let go: end the callbacks, acknowledge what was handed out last if asked to.

        Args:
            acknowledge: the program left in good order, so it has dealt with the message it was given, and callbacks
                that run or wait (on_logout above all) get a little time.
        """
        self.finish()
        running = self._running
        mine = running is asyncio.current_task()
        try:
            if acknowledge and running is not None and not mine:
                await asyncio.wait([running], timeout=_LAST_CALLS)
        finally:
            self._backlog.clear()
            if running is not None and not mine:
                running.cancel()
                await asyncio.wait([running])
                self._running = None
                if inspect.iscoroutine(self._coming):
                    self._coming.close()  # the task was stopped before its first step: Python would warn
        if acknowledge and self._given is not None:
            self.dealt_with(self._given)
        self._given = None
        self._queue.clear()  # the store has them, they come again with the next session
        self._order.clear()

    @property
    def backlog(self) -> int:
        """How many messages wait for the program."""
        return self._messages

    # --- callbacks -----------------------------------------------------------------------------------------

    def _call(self, call: Call) -> None:
        if self._running is not None:
            if call.message is not None:
                call.message.detach()
                self._count(1)
            self._backlog.append(call)
            return
        waiting = self._begin(call)
        if waiting is not None:
            self._start(waiting, call)

    def _start(self, waiting: Awaitable[None], call: Call) -> None:
        if call.message is not None:
            call.message.detach()
        self._coming = waiting
        self._running = asyncio.get_running_loop().create_task(self._follow(waiting, call))

    def _begin(self, call: Call) -> Awaitable[None] | None:
        try:
            waiting: Awaitable[None] | None = call.hook(*call.args)
        except Exception as error:
            self._fail(call, error)
            return None
        if waiting is not None and inspect.isawaitable(waiting):
            return waiting
        if call.message is not None:
            self.dealt_with(call.message)
        return None

    async def _follow(self, waiting: Awaitable[None] | None, call: Call) -> None:
        self._coming = None
        try:
            while waiting is not None:
                try:
                    await waiting
                except Exception as error:
                    self._fail(call, error)
                else:
                    if call.message is not None:
                        self.dealt_with(call.message)
                waiting = None
                while self._backlog and waiting is None:
                    call = self._backlog.popleft()
                    if call.message is not None:
                        self._count(-1)
                    waiting = self._begin(call)
        finally:
            self._running = None

    def _fail(self, call: Call, error: Exception) -> None:
        """Turn an exception of a callback into an event, and count the message as dealt with: no poison loop."""
        message = call.message
        if isinstance(error, BusinessReject) and message is not None:
            self._answer(message, error)
        else:
            self.failed(call.name, error, message)
        if message is not None:
            self.dealt_with(message)

    # --- iteration -----------------------------------------------------------------------------------------

    def stream(self, mode: str) -> Stream:
        """Return an iterator over "messages" or "events".

        Raises: ConcurrencyError: the messages go to callbacks, or the other kind of iteration has begun.
        """
        self.claim(mode)
        return Stream(self)

    async def take(self) -> object:
        """Return the next item; acknowledge the one before.

        Raises: StopAsyncIteration at the end, GaveUp if reconnecting ended; ConcurrencyError: a second consumer.
        """
        if self._wakeup is not None:
            raise ConcurrencyError("another task waits for this session's next message: one consumer only")
        if self._given is not None:
            given, self._given = self._given, None
            self.dealt_with(given)
        while True:
            while not self._queue:
                if self.ended:
                    error, self.error = self.error, None
                    raise error if error is not None else StopAsyncIteration
                self._wakeup = asyncio.get_running_loop().create_future()
                try:
                    await self._wakeup
                finally:
                    self._wakeup = None
            item = self._queue.popleft()
            if isinstance(item, Message):
                self._count(-1)
                self._given = item
                return item
            self._events -= 1
            if self._mode == "events":
                return item

    def _put(self, message: Message) -> None:
        self._count(1)
        self._queue.append(message)
        self._wake()

    def _put_event(self, event: object) -> None:
        super()._put_event(event)
        if self._queue:
            self._wake()

    def _count(self, step: int) -> None:
        self._messages += step
        if self.full or self._messages >= FULL:
            self.review()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)
            self._woken()


class Stream:
    """An async iterator over a session. Leaving it half-way is fine; a new one goes on where it stopped."""

    __slots__ = ("_delivery",)

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def __aiter__(self) -> Stream:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._delivery.take()
