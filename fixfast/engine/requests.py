"""Requests that wait for their answer: which message answers which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fixfast.engine.delivery import Delivery
from fixfast.session.wire import Message

__all__ = ["Answer", "Requests", "match_by_id"]

#: request type -> the tag whose value its answer repeats
_REPLY_TAG = {
    **dict.fromkeys(("D", "F", "G", "H", "AC"), 11),
    "V": 262,
    "BE": 923,
    "AF": 584,
    "R": 131,
    "c": 320,
    "e": 324,
    "g": 335,
    "x": 320,
    "z": 320,
    "AN": 710,
    "AD": 568,
    "o": 513,
    "q": 530,
    "CA": 1346,
}


class Answer(Protocol):
    """Where an answer goes: a future of asyncio, or one of threads."""

    def done(self) -> bool: ...
    def set_result(self, result: Message, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


class _Waiter(NamedTuple):
    match: Callable[[Message], object]
    seq: int
    answer: Answer


class Requests:
    """The requests of one session that wait."""

    __slots__ = ("ends", "waiting")

    def __init__(self) -> None:
        self.waiting: list[_Waiter] = []
        #: called with the error that ends all waiting: for others who let programs wait
        self.ends: list[Callable[[BaseException], None]] = []

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def add(self, match: Callable[[Message], object], seq: int, answer: Answer) -> None:
        """Let `answer` wait for a message that `match` accepts, or a reject of our message `seq`."""
        self.waiting.append(_Waiter(match, seq, answer))

    async def wait(self, answer: asyncio.Future[Message], delivery: Delivery, timeout: float | None) -> Message:
        """Return what add() waits for; it is delivered as any other message if it comes too late for us.

        Raises: TimeoutError; what `match` or fail() ended the waiting with.
        """
        delivery.review()
        try:
            async with asyncio.timeout(timeout):
                message = await answer
        except BaseException:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                delivery.hand_over(answer.result())  # not lost
            raise
        finally:
            self.forget(answer)
            delivery.review()
        delivery.dealt_with(message)
        return message

    def forget(self, answer: Answer) -> None:
        """Wait no longer."""
        self.waiting = [waiter for waiter in self.waiting if waiter.answer is not answer]

    def answered_by(self, message: Message) -> Answer | None:
        """Return the oldest request that a message answers; None: there is none. A failing `match` ends its request."""
        reject = message.msg_type in ("3", "j")
        for waiter in self.waiting:
            if waiter.answer.done():
                continue
            try:
                matches = message.get(45) == str(waiter.seq) if reject else waiter.match(message)
            except Exception as error:  # the program's function: its request() raises this
                if not waiter.answer.done():
                    waiter.answer.set_exception(error)
                continue
            if matches and not waiter.answer.done():  # match() may have cancelled its own request
                return waiter.answer
        return None

    def fail(self, error: BaseException) -> None:
        """End all waiting."""
        for waiter in self.waiting:
            if not waiter.answer.done():
                waiter.answer.set_exception(error)
        for end in self.ends:
            end(error)


def match_by_id(msg_type: str, fields: list[Any]) -> Callable[[Message], object]:
    """Return what tells the answer of a request by the request id it repeats.

    Raises: ValueError: nothing is known of how this type is answered, or the id is not among the fields.
    """
    tag = _REPLY_TAG.get(msg_type)
    value = next((str(pair[1]) for pair in fields if pair[0] == tag), None)
    if tag is None or value is None:
        raise ValueError(f"request({msg_type!r}): no request id to match the answer by; give match=")
    return lambda message: message.get(tag) == value
