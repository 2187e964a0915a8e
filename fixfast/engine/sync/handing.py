"""From a session's events to threads: calls for the one that calls back, items for those that iterate.

The blocking twin of engine/delivery.py. Every method is called with the session's lock held, and none of them waits.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

from fixfast.engine.application import Hooks
from fixfast.engine.handover import FULL, Call, HandOver
from fixfast.engine.observing.metered import Arrivals
from fixfast.session.wire import Message

__all__ = ["Handing"]

_getrefcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda one: 9)
#: References to a message that is handed out and not kept: `_order`, a local name, the argument of getrefcount(), and
#: the loop variable of the program.
_UNKEPT = 4


class Handing(HandOver):
    """What waits for the program, and what it was given and has not dealt with.

    Args, beside those of HandOver:
        arrivals: records when messages are handed out, and how long the program takes; None: nothing is measured.

    Attributes:
        calls: for the thread that calls back.
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
        super().__init__(session, hooks, acknowledge=acknowledge, pressure=pressure, patient=patient)
        self._arrivals = arrivals
        self.calls: deque[Call | Message] = deque()  # a message: for on_message
        self.given: Message | None = None  # handed out by an iterator, not yet acknowledged
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

    # --- out -----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Acknowledge what was handed out last: the program came for the next."""
        n = self.settled()
        if n:
            self._acknowledge(n)

    def settled(self) -> int:
        """Do what settle() does, but for the acknowledgement in the common case.

        Returns: the number that the caller is to acknowledge; 0: that is done, or has to wait.
        """
        given = self.given
        if given is None:
            return 0
        self.given = None
        if self.large and _getrefcount(given) > _UNKEPT:
            given.detach()  # it is kept: what came with it must not be
        order = self._order
        if order and order[0] is given and not self._dealt and self._arrivals is None:
            order.popleft()  # PERF: the common case of dealt_with(), two calls less
            return given.msg_seq_num or 0
        self.dealt_with(given)
        return 0

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
        super().dealt_with(message)

    def _call(self, call: Call) -> None:
        self.calls.append(call)
