"""From a session's events to its program: what front ends have in common. Bounds, order, acknowledgement; no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from fixfast.engine.application import Hooks
from fixfast.engine.cancelling import CancelDue
from fixfast.errors import ConcurrencyError
from fixfast.session.events import GapDetected, GapFilled, LoggedOn, MessagesLost
from fixfast.session.wire import Message

__all__ = ["FULL", "Call", "Ended", "HandOver"]

#: messages waiting for the program above which reading from the peer stops, and below which it goes on
FULL, _ROOM = 1024, 256
#: ... and while the program waits for the answer to a request, which may be behind them
_PATIENT = 64 * FULL
#: events kept for events() while nobody takes them; the oldest go first. Messages are never dropped.
_MAX_EVENTS = 1024

_GAPS = (GapDetected, GapFilled, MessagesLost)


class Ended(NamedTuple):
    """A logged-on session ended; internal: turned into on_logout."""

    reason: str


class Call(NamedTuple):
    """A callback to call, and the message it is about, if any."""

    name: str
    hook: Callable[..., Any]
    args: tuple[Any, ...]
    message: Message | None


class HandOver:
    """What waits for the program, and what it was given and has not dealt with. A front end says how it is called.

    Args:
        session: passed to the callbacks.
        hooks: the application's callbacks. With on_message the messages are the application's; without, they wait for
            iteration.
        acknowledge: called with a MsgSeqNum when everything up to it has been dealt with.
        pressure: called with True when reading should stop, with False when it may go on.
        patient: tells whether the program waits for one message, and cannot take others meanwhile.

    Attributes:
        full: the program is behind: reading should pause.
        ended: nothing will come any more; what is there is still handed out.
        error: what iteration ends with, once.
    """

    def __init__(
        self,
        session: object,
        hooks: Hooks,
        *,
        acknowledge: Callable[[int], None],
        pressure: Callable[[bool], None],
        patient: Callable[[], bool],
    ) -> None:
        self._session = session
        self._hooks = hooks
        self._acknowledge = acknowledge
        self._pressure = pressure
        self._patient = patient
        self._queue: deque[object] = deque()  # for the iterators
        self._messages = 0  # that wait, here and for callbacks
        self._events = 0  # in the queue
        self.full = False
        self._mode = ""  # what is iterated over: "", "messages" or "events"
        # Messages, not numbers: after a reset of the numbers the old ones must not be taken for the new.
        self._order: deque[Message] = deque()  # delivered and not acknowledged, in order
        self._dealt: list[Message] = []  # those of them that were dealt with out of order
        self.ended = False
        self.error: BaseException | None = None

    def _call(self, call: Call) -> None:
        """Call a callback, now or in its turn."""
        raise NotImplementedError

    # --- in ------------------------------------------------------------------------------------------------

    def expect(self, message: Message) -> None:
        """Know of a message that is delivered elsewhere; dealt_with() will be called for it."""
        self._order.append(message)

    def event(self, event: object) -> None:
        """Deliver anything that is not a message."""
        hooks, session = self._hooks, self._session
        if isinstance(event, LoggedOn):
            if hooks.on_logon is not None:
                self._call(Call("on_logon", hooks.on_logon, (session,), None))
        elif isinstance(event, Ended):
            if hooks.on_logout is not None:
                self._call(Call("on_logout", hooks.on_logout, (session, event.reason), None))
            return
        elif isinstance(event, _GAPS) and hooks.on_gap is not None:
            self._call(Call("on_gap", hooks.on_gap, (session, event), None))
        elif isinstance(event, CancelDue) and hooks.on_cancel_on_disconnect is not None:
            hook = hooks.on_cancel_on_disconnect
            self._call(Call("on_cancel_on_disconnect", hook, (session, event.reason), None))
        if hooks.on_event is not None:
            self._call(Call("on_event", hooks.on_event, (session, event), None))
        self._put_event(event)

    def failed(self, name: str, error: BaseException, message: Message | None) -> None:
        """Turn an exception of a callback into an event."""
        told = self._hooks.failed(name, error, message)
        if self._hooks.on_event is not None and name != "on_event":
            self._call(Call("on_event", self._hooks.on_event, (self._session, told), None))
        self._put_event(told)

    def restart(self) -> None:
        """Forget what was not acknowledged: the numbers began anew, these are of the old epoch."""
        self._order.clear()
        self._dealt.clear()

    def finish(self, error: BaseException | None = None) -> None:
        """Hand out nothing more than what is there, and then end with an exception if there is one to raise."""
        if not self.ended:
            self.ended, self.error = True, error

    def waiting(self) -> tuple[Message, ...]:
        """Return the messages that were delivered and are not acknowledged, in order."""
        return tuple(self._order)

    def pass_by(self, message: Message) -> None:
        """Acknowledge, in its turn, a message that the program is not to see."""
        self.expect(message)
        self.dealt_with(message)

    # --- out -----------------------------------------------------------------------------------------------

    def claim(self, mode: str) -> None:
        """Begin to iterate over "messages" or "events".

        Raises: ConcurrencyError: the messages go to callbacks, or the other kind of iteration has begun.
        """
        if self._hooks.on_message is not None:
            raise ConcurrencyError("application.on_message takes the messages of this session")
        if self._mode not in ("", mode):
            raise ConcurrencyError(f"this session's {self._mode} are being iterated over: one consumer only")
        self._mode = mode

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

    def review(self) -> None:
        """Look whether reading should pause or go on: messages came or went, or a request began or ended."""
        full, room = (_PATIENT, _PATIENT - FULL) if self._patient() else (FULL, _ROOM)
        if not self.full and self._messages >= full:
            self.full = True
            self._pressure(True)
        elif self.full and self._messages <= room:
            self.full = False
            self._pressure(False)

    def _put_event(self, event: object) -> None:
        if self._mode == "messages" or self._hooks.on_message is not None:
            return
        if self._events < _MAX_EVENTS:
            self._events += 1
        else:
            oldest = next(i for i, item in enumerate(self._queue) if not isinstance(item, Message))
            del self._queue[oldest]
        self._queue.append(event)
