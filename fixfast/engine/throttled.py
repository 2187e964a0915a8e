"""ThrottledSession: a session that sends no faster than its Throttle allows. No I/O, no clock, as any session.

All ways to send go through here, so every front end has it. What must wait stands in one place: messages that send()
has queued, and those who wait to call send(). Each message is offered its turn by poll(), at next_deadline().
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fixfast.engine.throttle import Limiter, Place, Throttle, Waiters
from fixfast.errors import EncodeError, FixfastError, NotActive, StoreError, Throttled
from fixfast.session.config import SessionConfig
from fixfast.session.liveness import SECOND
from fixfast.session.outbox import ADMIN
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.session.stats import SessionStats
from fixfast.session.wire import Message, Template, parse
from fixfast.store.base import Store
from fixfast.types import Now, Role

__all__ = ["Job", "Released", "ThrottledSession", "Unsent"]


@dataclass(frozen=True, slots=True)
class Released:
    """A message that was queued by a Throttle got its number and was sent.

    Attributes:
        message: as it stood in the queue; its own MsgSeqNum and SendingTime are not those it was sent with.
        msg_seq_num: its number.
        waited_ns: how long it was queued.
    """

    message: Message
    msg_seq_num: int
    waited_ns: int


@dataclass(frozen=True, slots=True)
class Unsent:
    """Messages that a Throttle had queued will not be sent: the session is not logged on any more, it failed, or they
    are older than the Throttle's max_age.

    Attributes:
        messages: in the order they would have gone. `message.body()` is what send() takes.
        why: in words.
    """

    messages: tuple[Message, ...]
    why: str


class Job:
    """What stands in line: a queued message (`send` is set), or somebody who waits to send one (`wake` is)."""

    __slots__ = ("granted", "raw", "send", "since", "wake")

    def __init__(
        self,
        raw: bytes,
        since: int,
        send: Callable[[Now], int] | None = None,
        wake: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self.raw = raw
        self.since = since
        self.send = send
        self.wake = wake
        self.granted = False  #: woken, and not back yet

    @property
    def message(self) -> Message:
        return parse(self.raw, max_message_size=len(self.raw))


class ThrottledSession(Session):
    """A Session with a Throttle. Session messages, resends and answers by reject() are never held back.

    send() and send_template() raise Throttled where the limits are used up or somebody waits already; with
    when_full="queue" they return 0 instead: the message has no number yet. `Released` tells of it when it has one,
    `Unsent` when it will never get one: what is queued when the session stops being logged on is not carried over.

    Messages that are stored while not logged on (offline="store") are not throttled: they go out as resends.

    Args: throttle: the limits. The rest: as Session.
    """

    def __init__(self, config: SessionConfig, store: Store | None, role: Role, throttle: Throttle) -> None:
        self.throttle = throttle
        self._limiter = Limiter(throttle.limits)
        self._line: Waiters[Job] = Waiters()
        self._turn_at = 0  # mono_ns when the first of the line may go
        self._max_age = None if throttle.max_age is None else round(throttle.max_age * SECOND)
        self._aging: deque[Place[Job]] = deque()  # what is queued, the oldest first; only with a max_age
        self._served: Job | None = None  # whose turn it is now
        self._exempt = False
        self._turned_away = b""  # what Throttled was raised for last
        self._throttled = 0
        #: numbers of messages that counted and are not on the wire yet; None: nothing else is to be counted
        self._counted: set[int] | None = set() if throttle.count_session_messages else None
        super().__init__(config, store, role)

    def go_on_counting(self, other: ThrottledSession) -> None:
        """Take over what counted in a session that this one replaces."""
        self._limiter = other._limiter
        self._throttled = other._throttled

    # --- sending --------------------------------------------------------------------------------------------

    def send(self, msg_type: str, fields: Iterable[Any], now: Now) -> int:
        """Do what Session.send() does, if the limits allow it.

        Raises: Throttled: they do not, or the queue is full. No number was used. EncodeError: also where the message is
            longer than a limit ever lets pass.
        """
        if self.throttle.when_full != "queue":
            return super().send(msg_type, fields, now)
        fields = list(fields)
        try:
            return super().send(msg_type, fields, now)
        except Throttled as full:
            if self._served is None:
                return self._enqueue(full, partial(super().send, msg_type, fields), now)
            raise

    def send_template(self, template: Template, *values_and_now: Any) -> int:
        """Do what Session.send_template() does, if the limits allow it.

        Raises: as send().
        """
        try:
            return super().send_template(template, *values_and_now)
        except Throttled as full:
            if self.throttle.when_full == "queue" and self._served is None:
                send = partial(super().send_template, template, *values_and_now[:-1])
                return self._enqueue(full, send, values_and_now[-1])
            raise

    def send_values(self, template: Template, values: tuple[Any, ...], now: Now) -> int:
        """Do what send_template() does."""
        return self.send_template(template, *values, now)

    def business_reject(self, message: Message, reason: int, text: str, ref_id: str, now: Now) -> int:
        """Answer a message with BusinessMessageReject(j): it counts, but never waits."""
        self._exempt = True
        try:
            return super().business_reject(message, reason, text, ref_id, now)
        finally:
            self._exempt = False

    def _commit(self, raw: bytes, now: Now) -> int:
        if not self._goes_out():
            return super()._commit(raw, now)
        limiter, size = self._limiter, len(raw)
        if self._exempt:
            n = super()._commit(raw, now)
            limiter.add(now.mono_ns, size)
            self._count(n)
            return n
        self._check_length(raw)
        wait = limiter.wait_ns(now.mono_ns, size) if self._served is not None else self._wait(raw, now)
        if wait:
            self._turned_away = raw
            if self._served is None:
                self._throttled += 1
            raise Throttled(wait)
        n = super()._commit(raw, now)
        limiter.passed(size)  # only now: what could not be sent does not count
        self._count(n)
        return n

    def _goes_out(self) -> bool:
        """Whether a message that is sent now is queued for the wire, and not only stored: as Session._commit() says."""
        state = self._state
        return state.active or (state is State.LOGON_SENT and not self.config.logon_test_request)

    def _count(self, n: int) -> None:
        if self._counted is not None:
            self._counted.add(n)

    def _wait(self, raw: bytes, now: Now) -> int:
        """Return for how many ns a message has to wait at least, by the limits and because others do."""
        wait = self._limiter.wait_ns(now.mono_ns, len(raw))
        return max(wait, self._turn_at - now.mono_ns, 1) if self._line else wait

    def _check_length(self, raw: bytes) -> None:
        largest = self._limiter.largest
        if largest is not None and len(raw) > largest:
            raise EncodeError(0, f"a message of {len(raw)} bytes can never pass a limit of {largest} bytes")

    def data_to_send(self) -> list[bytes]:
        """Do what Session.data_to_send() does; the session's own messages count here, if they are to."""
        safe = super().data_to_send()
        counted = self._counted
        if counted is not None:
            for raw in safe:
                begin = raw.index(b"\x0134=") + 4
                n = int(raw[begin : raw.index(b"\x01", begin)])
                if n in counted:
                    counted.discard(n)
                else:
                    self._limiter.add(self._now.mono_ns, len(raw))
        return safe

    # --- the line -------------------------------------------------------------------------------------------

    def line_up(
        self, msg_type: str, fields: list[Any], now: Now, wake: Callable[[BaseException | None], None]
    ) -> Place[Job] | None:
        """Take a place in line for a message; None: there is no need to, send() it.

        `wake(None)` says that it is this one's turn: send inside turn(), or leave_line(). Until then nobody behind it
        goes. `wake(error)` says that there will be no turn: the session is not logged on any more.

        Raises: EncodeError: the message cannot be written, or is longer than a limit ever lets pass. Throttled: too
            many wait already.
        """
        if not self._state.active or msg_type in ADMIN:
            return None  # send() says what is wrong with that
        limiter = self._limiter
        if limiter.largest is None and not self._line and not limiter.wait_ns(now.mono_ns):
            return None  # PERF: not encoded twice
        raw = self._outbox.encode(msg_type, fields, now.wall_ns)
        self._check_length(raw)
        wait = self._wait(raw, now)
        if not wait:
            return None
        self._throttled += 1
        return self._join(Job(raw, now.mono_ns, wake=wake), Throttled(wait), now)

    @contextmanager
    def turn(self, place: Place[Job], now: Now) -> Iterator[None]:
        """Let send() and send_template() pass the line for a moment; the place is given up then.

        Raises: Throttled: it is not its turn after all; the place is kept, and it will be woken again.
        """
        self._served, job = place.item, place.item
        job.granted = False
        try:
            yield
        except Throttled:
            job.raw = self._turned_away  # it may have become longer
            raise
        else:
            self._line.leave(place)
        finally:
            self._served = None
            self._serve(now)

    def leave_line(self, place: Place[Job], now: Now) -> None:
        """Give a place up, whether or not it was one's turn: nothing was counted. Twice is once."""
        if place.waiting:
            self._line.leave(place)
            self._serve(now)

    def _enqueue(self, full: Throttled, send: Callable[[Now], int], now: Now) -> int:
        if self._max_age is not None:
            self._expire(now)  # they make room
        place = self._join(Job(self._turned_away, now.mono_ns, send=send), full, now)
        if self._max_age is not None and place.waiting:
            aging = self._aging
            if len(aging) > 2 * len(self._line) + 64:  # those that went before their elders must not pile up
                self._aging = aging = deque(one for one in aging if one.waiting)
            aging.append(place)
        return 0

    def _expires_at(self) -> int | None:
        """Return the mono_ns at which the oldest message of the queue is too old, None for never."""
        aging = self._aging
        while aging and not aging[0].waiting:
            aging.popleft()
        return aging[0].item.since + self._max_age if aging and self._max_age is not None else None

    def _expire(self, now: Now) -> None:
        """Send away what is too old."""
        old: list[Message] = []
        while (due := self._expires_at()) is not None and due <= now.mono_ns:
            place = self._aging.popleft()
            self._line.leave(place)
            old.append(place.item.message)
        if old:
            self._emit(Unsent(tuple(old), f"older than {self.throttle.max_age:g} s"))

    def _join(self, job: Job, full: Throttled, now: Now) -> Place[Job]:
        if len(self._line) >= self.throttle.queue_limit:
            raise full
        message = job.message
        priority = self.throttle.priority_of(message)
        place = self._line.join(job, priority, key=message.get(11) or "", after=message.get(41) or "")
        self._serve(now)
        return place

    def _serve(self, now: Now) -> None:
        """Let those in line go that may, one after the other."""
        if self._aging:
            self._expire(now)
        while (place := self._line.first) is not None:
            job = place.item
            if job.granted:
                return  # it goes on when that one came
            wait = self._limiter.wait_ns(now.mono_ns, len(job.raw))
            if wait:
                self._turn_at = now.mono_ns + wait
                return
            if job.wake is not None:
                job.granted = True
                job.wake(None)
                return
            self._send_queued(place, now)

    def _send_queued(self, place: Place[Job], now: Now) -> None:
        job = place.item
        assert job.send is not None
        self._served = job
        try:
            n = job.send(now)
        except Throttled:
            job.raw = self._turned_away  # MsgSeqNum got a digit more, and a limit of bytes has no room for that now
            return
        except StoreError:
            return  # the session ends, and _set_state() sees to the line
        except FixfastError as error:
            self._emit(Unsent((job.message,), str(error)))
        else:
            self._emit(Released(job.message, n, now.mono_ns - job.since))
        finally:
            self._served = None
        self._line.leave(place)

    # --- time and state -------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """Return the mono_ns at which poll() is due next, None for never."""
        due = super().next_deadline()
        first = self._line.first
        if first is not None and not first.item.granted and (due is None or self._turn_at < due):
            due = self._turn_at
        expires = self._expires_at() if self._aging else None
        return due if expires is None or (due is not None and due <= expires) else expires

    def poll(self, now: Now) -> None:
        """Do what is due, and let those in line go that may."""
        super().poll(now)
        if self._line and now.mono_ns >= self._turn_at:
            self._serve(now)
        elif self._aging:
            self._expire(now)

    def _set_state(self, new: State, reason: str) -> None:
        super()._set_state(new, reason)
        if self._counted is not None and new is State.DISCONNECTED:
            self._counted.clear()
        if self._line and not new.active:
            jobs = self._line.clear()
            self._aging.clear()
            queued = tuple(job.message for job in jobs if job.send is not None)
            if queued:
                self._emit(Unsent(queued, reason))
            for job in jobs:
                if job.wake is not None:
                    job.wake(NotActive(new.value))

    def stats(self) -> SessionStats:
        """Return a snapshot of the session's numbers."""
        return replace(super().stats(), throttled=self._throttled, waiting=len(self._line))
