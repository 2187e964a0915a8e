"""Outbox: orders wait, the market is conflated or left out; nothing overtakes what must come in order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from fixfast.service.frames import LIMIT, Frames
from fixfast.service.messages import Message, Ping, Pong, decode
from fixfast.service.outbox import Outbox


def read(data: bytes) -> list[Message]:
    frames = Frames(LIMIT)
    frames.feed(data)
    found = []
    while (content := frames.take()) is not None:
        found.append(decode(content))
    assert not frames.pending
    return found


def pong(number: int) -> Callable[[], Message]:
    return lambda: Pong(number)


@given(st.lists(st.integers(0, 2**40), max_size=50), st.integers(1, 200))
def test_all_that_is_put_comes_in_its_order(numbers: list[int], most: int) -> None:
    outbox = Outbox(spare=1)
    for number in numbers:
        outbox.put(Ping(number))
    found = []
    while data := outbox.take(most):
        found += read(data)
    assert found == [Ping(number) for number in numbers]
    assert not outbox
    assert outbox.size == 0


def test_of_what_is_conflated_only_the_latest_is_made_after_all_else() -> None:
    outbox = Outbox(spare=100)
    outbox.conflate("a", pong(1))
    outbox.put(Ping(7))
    outbox.conflate("b", pong(2))
    outbox.conflate("a", pong(3))
    assert read(outbox.take(1000)) == [Ping(7), Pong(3), Pong(2)]
    assert not outbox


def test_what_is_forgotten_or_has_nothing_to_tell_is_not_written() -> None:
    outbox = Outbox(spare=100)
    outbox.conflate("a", pong(1))
    outbox.conflate("b", lambda: None)
    outbox.forget("a")
    outbox.forget("a")
    assert outbox
    assert outbox.take(1000) == b""
    assert not outbox


def test_what_may_be_left_out_is_when_too_much_waits() -> None:
    outbox = Outbox(spare=40)
    taken = [outbox.offer(Ping(number)) for number in range(10)]
    assert taken[0]
    assert not taken[-1]
    assert taken == sorted(taken, reverse=True)
    outbox.put(Ping(99))  # but not this
    assert len(read(outbox.take(1000))) == sum(taken) + 1
    assert outbox.offer(Ping(5))
