"""From a session's events to the program: callbacks or iteration, in order, bounded, acknowledged when dealt with."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from fixfast.engine.application import Hooks
from fixfast.engine.cancelling import CancelDue
from fixfast.errors import BusinessReject, ConcurrencyError
from fixfast.session.events import GapDetected, GapFilled, LoggedOn, MessagesLost
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message

__all__ = ["FULL", "GAPS", "MAX_EVENTS", "PATIENT", "ROOM", "Delivery", "Ended", "Stream"]

#: messages waiting for the program above which reading from the peer stops, and below which it goes on
FULL, ROOM = 1024, 256
#: ... and while the program waits for the answer to a request, which may be behind them
PATIENT = 64 * FULL
#: seconds that async callbacks may still take when the program leaves in good order
_LAST_CALLS = 3.0
#: events kept for events() while nobody takes them; the oldest go first. Messages are never dropped.
MAX_EVENTS = 1024

GAPS = (GapDetected, GapFilled, MessagesLost)


class Ended(NamedTuple):
    """A logged-on session ended; internal: turned into on_logout."""

    reason: str


class _Call(NamedTuple):
    name: str
    hook: Callable[..., Any]
    args: tuple[Any, ...]
    message: Message | None


class Delivery:
    """Hands a session's events and messages on, one at a time.

    Args:
        session: passed to the callbacks.
        hooks: the application's callbacks. With on_message the messages are the application's; without, they wait for
            `async for`.
        acknowledge: called with a MsgSeqNum when everything up to it has been dealt with.
        answer: sends a BusinessMessageReject for a message.
        pressure: called with True when reading should stop, with False when it may go on.
        patient: tells whether the program waits for one message, and cannot take others meanwhile.
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
        self._session = session
        self._hooks = hooks
        self._acknowledge = acknowledge
        self._answer = answer
        self._pressure = pressure
        self._patient = patient
        self._woken = woken
        self._backlog: deque[_Call] = deque()  # behind an async callback that is running
        self._running: asyncio.Task[None] | None = None
        self._queue: deque[object] = deque()  # for the iterators
        self._messages = 0  # of them, and of the backlog
        self._events = 0  # in the queue
        self.full = False  # the program is behind: reading should pause
        self._mode = ""  # what is iterated over: "", "messages" or "events"
        self._wakeup: asyncio.Future[None] | None = None
        self._given: Message | None = None  # handed out by an iterator, not yet acknowledged
        # Messages, not numbers: after a reset of the numbers the old ones must not be taken for the new.
        self._order: deque[Message] = deque()  # delivered and not acknowledged, in order
        self._dealt: list[Message] = []  # those of them that were dealt with out of order
        self._coming: Awaitable[None] | None = None  # what the running task awaits, until it does
        self._ended = False
        self._error: BaseException | None = None

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

    def _call_for(self, message: Message) -> _Call:
        hooks = self._hooks
        if hooks.on_reject is not None and message.msg_type in REJECTS:
            return _Call("on_reject", hooks.on_reject, (self._session, message), message)
        assert hooks.on_message is not None
        return _Call("on_message", hooks.on_message, (self._session, message), message)

    def expect(self, message: Message) -> None:
        """Know of a message that is delivered elsewhere; dealt_with() will be called for it."""
        self._order.append(message)

    def event(self, event: object) -> None:
        """Deliver anything that is not a message."""
        hooks, session = self._hooks, self._session
        if isinstance(event, LoggedOn):
            if hooks.on_logon is not None:
                self._call(_Call("on_logon", hooks.on_logon, (session,), None))
        elif isinstance(event, Ended):
            if hooks.on_logout is not None:
                self._call(_Call("on_logout", hooks.on_logout, (session, event.reason), None))
            return
        elif isinstance(event, GAPS) and hooks.on_gap is not None:
            self._call(_Call("on_gap", hooks.on_gap, (session, event), None))
        elif isinstance(event, CancelDue) and hooks.on_cancel_on_disconnect is not None:
            hook = hooks.on_cancel_on_disconnect
            self._call(_Call("on_cancel_on_disconnect", hook, (session, event.reason), None))
        if hooks.on_event is not None:
            self._call(_Call("on_event", hooks.on_event, (session, event), None))
        if self._mode != "messages" and hooks.on_message is None:
            self._put(event)

    def restart(self) -> None:
        """Forget what was not acknowledged: the numbers began anew, these are of the old epoch."""
        self._order.clear()
        self._dealt.clear()

    def finish(self, error: BaseException | None = None) -> None:
        """End the iteration, with an exception if there is one to raise. What is queued is still handed out."""
        if not self._ended:
            self._ended, self._error = True, error
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

    def dealt_with(self, message: Message) -> None:
        """Acknowledge a message; what came before it and is not dealt with keeps it waiting."""
        order, dealt = self._order, self._dealt
        if order and order[0] is message:
            order.popleft()
            while dealt and order and order[0] in dealt:  # answers to request() may be dealt with before their turn
                message = order.popleft()
                dealt.remove(message)
            self._acknowledge(message.msg_seq_num)
        elif message in order:
            dealt.append(message)

    @property
    def backlog(self) -> int:
        """How many messages wait for the program."""
        return self._messages

    # --- callbacks -----------------------------------------------------------------------------------------

    def _call(self, call: _Call) -> None:
        if self._running is not None:
            if call.message is not None:
                call.message.detach()
                self._count(1)
            self._backlog.append(call)
            return
        waiting = self._begin(call)
        if waiting is not None:
            self._start(waiting, call)

    def _start(self, waiting: Awaitable[None], call: _Call) -> None:
        if call.message is not None:
            call.message.detach()
        self._coming = waiting
        self._running = asyncio.get_running_loop().create_task(self._follow(waiting, call))

    def _begin(self, call: _Call) -> Awaitable[None] | None:
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

    async def _follow(self, waiting: Awaitable[None] | None, call: _Call) -> None:
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

    def _fail(self, call: _Call, error: Exception) -> None:
        """Turn an exception of a callback into an event, and count the message as dealt with: no poison loop."""
        message = call.message
        if isinstance(error, BusinessReject) and message is not None:
            self._answer(message, error)
        else:
            failed = self._hooks.failed(call.name, error, message)
            if self._hooks.on_event is not None and call.name != "on_event":
                self._call(_Call("on_event", self._hooks.on_event, (self._session, failed), None))
            if self._mode != "messages" and self._hooks.on_message is None:
                self._put(failed)
        if message is not None:
            self.dealt_with(message)

    # --- iteration -----------------------------------------------------------------------------------------

    def stream(self, mode: str) -> Stream:
        """Return an iterator over "messages" or "events".

        Raises: ConcurrencyError: the messages go to callbacks, or the other kind of iteration has begun.
        """
        if self._hooks.on_message is not None:
            raise ConcurrencyError("application.on_message takes the messages of this session")
        if self._mode not in ("", mode):
            raise ConcurrencyError(f"this session's {self._mode} are being iterated over: one consumer only")
        self._mode = mode
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
                if self._ended:
                    error, self._error = self._error, None
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

    def _put(self, item: object) -> None:
        if isinstance(item, Message):
            self._count(1)
        elif self._events < MAX_EVENTS:
            self._events += 1
        else:
            self._drop_an_event()
        self._queue.append(item)
        self._wake()

    def _drop_an_event(self) -> None:
        for i, item in enumerate(self._queue):
            if not isinstance(item, Message):
                del self._queue[i]
                return

    def _count(self, step: int) -> None:
        self._messages += step
        if self.full or self._messages >= FULL:
            self.review()

    def review(self) -> None:
        """Look whether reading should pause or go on: messages came or went, or a request began or ended."""
        full, room = (PATIENT, PATIENT - FULL) if self._patient() else (FULL, ROOM)
        if not self.full and self._messages >= full:
            self.full = True
            self._pressure(True)
        elif self.full and self._messages <= room:
            self.full = False
            self._pressure(False)

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
