"""What is measured of a session, where that is asked for: the session as its transport sees it, and the hand-out.

Sub-classes, so that a session that is not measured pays nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from fixfast import clock
from fixfast.engine.delivery import Delivery
from fixfast.engine.observing.latency import Latency
from fixfast.session.session import Session
from fixfast.session.wire import Message, Template
from fixfast.types import Buffer, Now

__all__ = ["Arrivals", "Metered", "MeteredDelivery", "delivery_for"]


class Arrivals:
    """The messages between the read that brought them and the end of the program's work on them.

    They are known by id(): each is in somebody's queue or hands until handed() or dealt_with() takes it out.
    """

    __slots__ = ("_given", "_read", "latency", "read_at")

    def __init__(self) -> None:
        self.latency = Latency()
        self.read_at = 0  #: mono_ns of the read that is being dealt with
        self._read: dict[int, int] = {}  # when those that wait were read
        self._given: dict[int, int] = {}  # when those that are worked on were handed out

    def came(self, message: Message) -> None:
        """Know that a message is on its way to the program."""
        self._read[id(message)] = self.read_at

    def handed(self, message: Message) -> None:
        """Record that a message is given to the program now."""
        now = self._given[id(message)] = clock.mono_ns()
        read_at = self._read.pop(id(message), 0)
        if read_at:  # one of an earlier process was not read by this one
            self.latency.receive.record(now - read_at)

    def dealt_with(self, message: Message) -> None:
        """Record that the program is done with a message."""
        since = self._given.pop(id(message), 0)
        if since:
            self.latency.callback.record(clock.mono_ns() - since)

    def clear(self) -> None:
        """Forget the messages: nobody will be given them."""
        self._read.clear()
        self._given.clear()


class Metered(Session):
    """Mixin: records when bytes came in, and how long what is sent takes to the transport.

    A message counts as written when the transport comes back for more. `arrivals` is set once the session is made.
    """

    arrivals: Arrivals

    def __init__(self, *args: Any, **options: Any) -> None:
        self.arrivals = Arrivals()
        self._sent_at: dict[int, int] = {}  # MsgSeqNum -> mono_ns, of what is not written yet
        self._writing: list[int] = []  # when what was handed to the transport last was sent
        super().__init__(*args, **options)

    def connected(self, now: Now) -> None:
        self._sent_at.clear()
        self._writing.clear()
        super().connected(now)

    def receive_data(self, data: Buffer, now: Now) -> None:
        self.arrivals.read_at = now.mono_ns
        super().receive_data(data, now)

    def send(self, msg_type: str, fields: Iterable[Any], now: Now) -> int:
        n = super().send(msg_type, fields, now)
        if n and self._state.active:
            self._sent_at[n] = now.mono_ns
        return n

    def send_template(self, template: Template, *values_and_now: Any) -> int:
        n = super().send_template(template, *values_and_now)
        if n and self._state.active:
            self._sent_at[n] = values_and_now[-1].mono_ns
        return n

    def send_values(self, template: Template, values: tuple[Any, ...], now: Now) -> int:
        return self.send_template(template, *values, now)

    def data_to_send(self) -> list[bytes]:
        if self._writing:
            now, record = clock.mono_ns(), self.arrivals.latency.send.record
            for since in self._writing:
                record(now - since)
            self._writing.clear()
        safe = super().data_to_send()
        sent = self._sent_at
        if sent:
            for raw in safe:
                begin = raw.find(b"\x0134=") + 4
                since = sent.pop(int(raw[begin : raw.index(b"\x01", begin)]), 0)
                if since:
                    self._writing.append(since)
        return safe


class MeteredDelivery(Delivery):
    """A Delivery that records when messages are handed out, and how long the program takes. Made with `arrivals`."""

    def __init__(self, *args: Any, arrivals: Arrivals, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrivals = arrivals

    def message(self, message: Message) -> bool:
        self._arrivals.came(message)
        self.expect(message)
        self.hand_over(message)  # each call on record
        return False

    def _begin(self, call: Any) -> Awaitable[None] | None:
        if call.message is not None:
            self._arrivals.handed(call.message)
        return super()._begin(call)

    async def take(self) -> object:
        item = await super().take()
        if isinstance(item, Message):
            self._arrivals.handed(item)
        return item

    def dealt_with(self, message: Message) -> None:
        self._arrivals.dealt_with(message)
        super().dealt_with(message)

    async def close(self, *, acknowledge: bool) -> None:
        await super().close(acknowledge=acknowledge)
        self._arrivals.clear()


def delivery_for(session: Session) -> Callable[..., Delivery]:
    """Return what makes the Delivery of a session."""
    return partial(MeteredDelivery, arrivals=session.arrivals) if isinstance(session, Metered) else Delivery
