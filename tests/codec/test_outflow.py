"""Outflow: stored before it is queued, handed out once it is safe."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fixfast.errors import EncodeTypeError, StoreError
from fixfast.types import Now, Slot
from tests.codec.support import Codec

NOW = Now(7, 1_772_445_600_000_000_000)
NONE_NEAR = 1 << 62


class Store:
    """Notes what it is told; what is synced is up to the test."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bytes, int]] = []
        self.synced: int = NONE_NEAR
        self.fails = False

    def append_out(self, n: int, buf: bytes, wall_ns: int) -> int:
        if self.fails:
            raise StoreError("no space left")
        self.calls.append((n, buf, wall_ns))
        return len(self.calls)


def flow_of(codec: Codec, next_out: int = 1, limit: int = NONE_NEAR, near: Any = None) -> tuple[Any, Store]:
    store = Store()
    return codec.Outflow(store, next_out, limit, near), store


def test_a_message_is_stored_then_queued_then_handed_out_once(codec: Codec) -> None:
    flow, store = flow_of(codec, 5)
    assert flow.commit(b"one", NOW) == 5
    assert store.calls == [(5, b"one", NOW.wall_ns)]
    assert flow.queue == [(1, 5, b"one")]
    assert (flow.next_out, flow.last_sent) == (6, 7)
    assert flow.take() == [b"one"]
    assert flow.take() == []
    assert (flow.messages_out, flow.bytes_out) == (1, 3)


def test_what_cannot_be_stored_is_not_queued_and_its_number_is_free(codec: Codec) -> None:
    flow, store = flow_of(codec)
    store.fails = True
    with pytest.raises(StoreError):
        flow.commit(b"x", NOW)
    assert (flow.next_out, flow.queue, flow.last_sent) == (1, [], 0)
    store.fails = False
    assert flow.commit(b"y", NOW) == 1


def test_only_what_is_safe_is_handed_out_in_order(codec: Codec) -> None:
    flow, store = flow_of(codec)
    for text in (b"a", b"b", b"c", b"d"):
        flow.commit(text, NOW)
    store.synced = 0
    assert flow.take() == []
    store.synced = 2
    assert flow.take() == [b"a", b"b"]
    assert [item[2] for item in flow.queue] == [b"c", b"d"]
    store.synced = 4
    assert flow.take() == [b"c", b"d"]
    assert (flow.messages_out, flow.bytes_out) == (4, 4)


def test_held_messages_wait_behind_and_others_stay_in_the_store(codec: Codec) -> None:
    flow, _ = flow_of(codec)
    flow.held = True
    flow.commit(b"waits", NOW)
    assert flow.take() == []
    assert flow.waiting == [(1, 1, b"waits")]
    assert flow.commit(b"kept", NOW, queue=False) == 2
    assert flow.offline == [2]
    flow.held = False
    flow.queue += flow.waiting
    flow.waiting = []
    assert flow.take() == [b"waits"]


def test_the_owner_is_asked_about_numbers_near_the_limit(codec: Codec) -> None:
    asked: list[int] = []

    def near(n: int) -> None:
        asked.append(n)
        if n == 11:
            raise ValueError("used up")

    flow, store = flow_of(codec, 9, 10, near)
    assert [flow.commit(b"x", NOW), flow.commit(b"x", NOW)] == [9, 10]
    assert asked == [10]
    with pytest.raises(ValueError, match="used up"):
        flow.commit(b"x", NOW)
    assert (asked, flow.next_out, len(store.calls)) == ([10, 11], 11, 2)


def test_what_was_taken_stays_as_it_was(codec: Codec) -> None:
    flow, _ = flow_of(codec)
    flow.commit(b"a", NOW)
    first = flow.take()
    flow.commit(b"b", NOW)
    assert (first, flow.take()) == ([b"a"], [b"b"])


@pytest.mark.parametrize("wrong", [(bytearray(b"x"), NOW), ("x", NOW), (None, NOW), (b"x", None), (b"x", (1, 2, 3))])
def test_wrong_arguments_use_no_number(codec: Codec, wrong: tuple[Any, Any]) -> None:
    flow, store = flow_of(codec)
    with pytest.raises(TypeError):
        flow.commit(*wrong)
    assert (flow.next_out, store.calls) == (1, [])


SLOTS = [Slot(34, "int"), Slot(52, "time"), Slot(58), Slot(38, "int")]


def template_of(codec: Codec) -> Any:
    return codec.Template("FIX.4.4", "D", SLOTS)


def test_posting_is_encoding_with_the_next_number_and_committing(codec: Codec) -> None:
    flow, store = flow_of(codec, 7)
    template = template_of(codec)
    assert flow.post(template, ("hello", 100), NOW) == 7
    raw = template.encode(7, NOW.wall_ns, "hello", 100)
    assert store.calls == [(7, raw, NOW.wall_ns)]
    assert flow.queue == [(1, 7, raw)]
    assert (flow.next_out, flow.last_sent) == (8, NOW.mono_ns)


def test_what_is_no_template_but_can_encode_can_be_posted(codec: Codec) -> None:
    class Loud:
        def encode(self, n: int, wall_ns: int, *values: str) -> bytes:
            return f"{n}:{wall_ns}:{values}".encode()

    flow, store = flow_of(codec, 3)
    assert flow.post(Loud(), ("a",), NOW) == 3
    assert store.calls == [(3, f"3:{NOW.wall_ns}:('a',)".encode(), NOW.wall_ns)]


def test_more_values_than_fit_on_the_stack_are_posted_all_the_same(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [*SLOTS[:2], *(Slot(5000 + i) for i in range(80))])
    values = tuple(f"v{i}" for i in range(80))
    flow, store = flow_of(codec)
    assert flow.post(template, values, NOW) == 1
    assert store.calls[0][1] == template.encode(1, NOW.wall_ns, *values)


@pytest.mark.parametrize("values", [(), ("a",), ("a", 1, 2), ("a", "no number"), ["a", 1], None])
def test_values_that_do_not_fit_a_template_use_no_number(codec: Codec, values: Any) -> None:
    flow, store = flow_of(codec)
    with pytest.raises((TypeError, EncodeTypeError)):
        flow.post(template_of(codec), values, NOW)
    assert (flow.next_out, flow.queue, store.calls) == (1, [], [])


@pytest.mark.parametrize("now", [None, 7, (1, 2, 3), "ab"])
def test_posting_without_a_time_uses_no_number(codec: Codec, now: Any) -> None:
    flow, store = flow_of(codec)
    with pytest.raises(TypeError):
        flow.post(template_of(codec), ("a", 1), now)
    assert (flow.next_out, store.calls) == (1, [])


def test_a_post_that_cannot_be_stored_uses_no_number(codec: Codec) -> None:
    flow, store = flow_of(codec)
    store.fails = True
    with pytest.raises(StoreError):
        flow.post(template_of(codec), ("a", 1), NOW)
    assert (flow.next_out, flow.queue, flow.last_sent) == (1, [], 0)


@pytest.mark.parametrize("seed", range(5))
def test_both_do_the_same(seed: int) -> None:
    """Any calls in any order leave both in the same state."""
    pick = random.Random(seed)
    flows = [flow_of(Codec(name)) for name in ("compiled", "reference")]
    for step in range(300):
        action, choice = pick.randrange(6), pick.random()
        for flow, store in flows:
            if action < 2:
                flow.commit(b"m%d" % step, NOW, choice < 0.8)
            elif action == 2:
                flow.held = choice < 0.5
            elif action == 3:
                store.synced = int(choice * (len(store.calls) + 2))
            elif action == 4:
                flow.queue += flow.waiting
                flow.waiting.clear()
        taken = [flow.take() if action == 5 else None for flow, _ in flows]
        assert taken[0] == taken[1]
        states = [
            (f.next_out, f.queue, f.waiting, f.held, f.offline, f.last_sent, f.messages_out, f.bytes_out)
            for f, _ in flows
        ]
        assert states[0] == states[1]
