"""From a session's events to threads: calls for the one that calls back, items for those that iterate.

The blocking twin of engine/delivery.py. Every method is called with the session's lock held, and none of them waits.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from fixfast.engine.application import Hooks
from fixfast.engine.cancelling import CancelDue
from fixfast.engine.delivery import FULL, GAPS, MAX_EVENTS, PATIENT, ROOM, Ended
from fixfast.engine.metered import Arrivals
from fixfast.errors import ConcurrencyError
from fixfast.session.events import LoggedOn
from fixfast.session.wire import Message

__all__ = ["Call", "Handing"]

_getrefcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda one: 9)
#: References to a message that is handed out and not kept: `_order`, a local name, the argument of getrefcount(), and
#: the loop variable of the program.
_UNKEPT = 4


class Call(NamedTuple):
    """A callback to call, and the message it is about, if any."""

    name: str
    hook: Callable[..., Any]
    args: tuple[Any, ...]
    message: Message | None


class Handing:
    """What waits for the program, and what it was given and has not dealt with.

    Args:
        session: passed to the callbacks.
        hooks: the application's callbacks. With on_message the messages are the application's; without, they wait for
            iteration.
        acknowledge: called with a MsgSeqNum when everything up to it has been dealt with.
        pressure: called with True when reading should stop, with False when it may go on.
        patient: tells whether the program waits for one message, and cannot take others meanwhile.
        arrivals: records when messages are handed out, and how long the program takes; None: nothing is measured.

    Attributes:
        calls: for the thread that calls back.
        full: the program is behind: reading should pause.
        ended: nothing will come any more; what is there is still handed out.
        error: what iteration ends with, once.
        given: what an iterator handed out and the program has not come back from.
    """

    def __init__(
        self,
        session: object,
        hooks: Hooks,
        *,
        acknowledge: Callable[[int], None],
        pressure: Callable[[bool], None],
        patient: Callable[[], bool],
        arrivals: Arrivals | None = None,
    ) -> None:
        self._session = session
        self._hooks = hooks
        self._acknowledge = acknowledge
        self._pressure = pressure
        self._patient = patient
        self._arrivals = arrivals
        self.calls: deque[Call | Message] = deque()  # a message: for on_message
        self._queue: deque[object] = deque()  # for the iterators
        self._messages = 0  # in both
        self._events = 0  # in the queue
        self.full = False
        self._mode = ""  # what is iterated over: "", "messages" or "events"
        self.given: Message | None = None  # handed out by an iterator, not yet acknowledged
        # Messages, not numbers: after a reset of the numbers the old ones must not be taken for the new.
        self._order: deque[Message] = deque()  # delivered and not acknowledged, in order
        self._dealt: list[Message] = []  # those of them that were dealt with out of order
        self.ended = False
        self.error: BaseException | None = None
        self.plain = arrivals is None  #: nothing is measured
        self.large = False  #: the last read was: a message that is kept gets bytes of its own

    # --- in ------------------------------------------------------------------------------------------------

    def message(self, message: Message, *, again: bool = False) -> None:
        """Deliver an application message, a Reject or a BusinessMessageReject.

        Args: again: expect() was called for it, but nobody was there to take it.
        """
        if not again:
            self._order.append(message)
        self._messages += 1
        if self._arrivals is not None:
            self._arrivals.came(message)
        hooks = self._hooks
        if hooks.on_reject is not None and message.msg_type in ("3", "j"):
            self.calls.append(Call("on_reject", hooks.on_reject, (self._session, message), message))
        elif hooks.on_message is not None:
            self.calls.append(message)
        else:
            self._queue.append(message)
        if self._messages >= FULL:
            self.review()

    def expect(self, message: Message) -> None:
        """Know of a message that is delivered elsewhere; dealt_with() will be called for it."""
        self._order.append(message)

    def event(self, event: object) -> None:
        """Deliver anything that is not a message."""
        hooks, session = self._hooks, self._session
        if isinstance(event, LoggedOn):
            if hooks.on_logon is not None:
                self.calls.append(Call("on_logon", hooks.on_logon, (session,), None))
        elif isinstance(event, Ended):
            if hooks.on_logout is not None:
                self.calls.append(Call("on_logout", hooks.on_logout, (session, event.reason), None))
            return
        elif isinstance(event, GAPS) and hooks.on_gap is not None:
            self.calls.append(Call("on_gap", hooks.on_gap, (session, event), None))
        elif isinstance(event, CancelDue) and hooks.on_cancel_on_disconnect is not None:
            hook = hooks.on_cancel_on_disconnect
            self.calls.append(Call("on_cancel_on_disconnect", hook, (session, event.reason), None))
        if hooks.on_event is not None:
            self.calls.append(Call("on_event", hooks.on_event, (session, event), None))
        self._put_event(event)

    def failed(self, name: str, error: BaseException, message: Message | None) -> None:
        """Turn an exception of a callback into an event."""
        told = self._hooks.failed(name, error, message)
        if self._hooks.on_event is not None and name != "on_event":
            self.calls.append(Call("on_event", self._hooks.on_event, (self._session, told), None))
        self._put_event(told)

    def restart(self) -> None:
        """Forget what was not acknowledged: the numbers began anew, these are of the old epoch."""
        self._order.clear()
        self._dealt.clear()

    def forget(self) -> None:
        """Forget all messages that were not dealt with: the store has them, they come again."""
        calls = self.calls
        self.restart()
        self.given = None
        self.calls = deque(call for call in calls if isinstance(call, Call) and call.message is None)
        self._queue = deque(item for item in self._queue if not isinstance(item, Message))
        self._messages = 0
        if self._arrivals is not None:
            self._arrivals.clear()
        self.review()

    def finish(self, error: BaseException | None = None) -> None:
        """Hand out nothing more than what is there, and then end with an exception if there is one to raise."""
        if not self.ended:
            self.ended, self.error = True, error

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

    def settle(self) -> None:
        """Acknowledge what was handed out last: the program came for the next."""
        given = self.given
        if given is None:
            return
        self.given = None
        if self.large and _getrefcount(given) > _UNKEPT:
            given.detach()  # it is kept: what came with it must not be
        order = self._order
        if order and order[0] is given and not self._dealt and self._arrivals is None:
            order.popleft()  # PERF: the common case of dealt_with(), a call less
            self._acknowledge(given.msg_seq_num)
        else:
            self.dealt_with(given)

    def hand(self, message: Message) -> bool:
        """Hand a message to the thread that is just taking one, past the queue. False: deliver it as any other.

        PERF: 0.5 us, for a message that comes alone.
        """
        if self._queue or self.calls or not self.plain:
            return False
        self._order.append(message)
        self.given = message
        return True

    def take(self) -> object:
        """Return the next item of an iteration, None where there is none now."""
        queue = self._queue
        while queue:
            item = queue[0]
            if isinstance(item, Message):
                self.given = item  # first, for put_back()
                queue.popleft()
                self._messages -= 1
                if self.full:
                    self.review()
                if self._arrivals is not None:
                    self._arrivals.handed(item)
                return item
            queue.popleft()
            self._events -= 1
            if self._mode == "events":
                return item
        return None

    def put_back(self) -> None:
        """Take back what was handed out by a call that an exception ended: the program never saw it."""
        given, self.given = self.given, None
        if given is not None and not (self._queue and self._queue[0] is given):
            self._queue.appendleft(given)
            self._messages += 1

    def take_call(self) -> Call | Message | None:
        """Return the next callback to call, or message for on_message; None where there is none now.

        A message, and the one that a call is about, is dealt with when the next one is taken.
        """
        if not self.calls:
            return None
        call = self.calls.popleft()
        message = call.message if isinstance(call, Call) else call
        if message is not None:
            self._messages -= 1
            if self.full:
                self.review()
            if self._arrivals is not None:
                self._arrivals.handed(message)
            self.given = message
        return call

    def dealt_with(self, message: Message) -> None:
        """Acknowledge a message; what came before it and is not dealt with keeps it waiting."""
        if self._arrivals is not None:
            self._arrivals.dealt_with(message)
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
        full, room = (PATIENT, PATIENT - FULL) if self._patient() else (FULL, ROOM)
        if not self.full and self._messages >= full:
            self.full = True
            self._pressure(True)
        elif self.full and self._messages <= room:
            self.full = False
            self._pressure(False)

    def _put_event(self, event: object) -> None:
        if self._mode == "messages" or self._hooks.on_message is not None:
            return
        if self._events < MAX_EVENTS:
            self._events += 1
        else:
            oldest = next(i for i, item in enumerate(self._queue) if not isinstance(item, Message))
            del self._queue[oldest]
        self._queue.append(event)
