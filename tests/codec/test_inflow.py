"""Inflow: stored before it is queued, acknowledged by taking the next event."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.types import Garbled, Now
from tests.codec.support import Codec, message

SECOND = 1_000_000_000
NOW = Now(0, 1_772_445_600 * SECOND)  # 2026-03-02 10:00:00
LAST = (1 << 63) - 1


def raw(n: int, text: str = "x", msg_type: str = "8") -> bytes:
    return message(f"35={msg_type}|49=THEM|56=US|34={n}|52=20260302-10:00:00|58={text}|")


class Store:
    """Notes what it is told, and may fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails = False

    def _note(self, *call: Any) -> int:
        if self.fails:
            raise StoreError("no space left")
        self.calls.append(call)
        return len(self.calls)

    def append_in(self, a: int, b: int, buf: bytes) -> int:
        return self._note("in", a, b, bytes(buf))

    def done(self, n: int) -> int:
        return self._note("done", n)


class Line:
    """An Inflow with all it needs."""

    def __init__(self, codec: Codec, *, next_in: int = 1, manual: bool = False, **options: Any) -> None:
        self.store = Store()
        self.failures: list[StoreError] = []
        self.flow = codec.Inflow(self.store, next_in, manual, self.failures.append)
        self.check = codec.HeaderCheck("FIX.4.4", "THEM", "US", **options)
        self.decoder = codec.StreamDecoder()

    def give(self, *messages: bytes) -> tuple[int, Any]:
        taken, item = self.flow.receive(self.check, self.decoder, b"".join(messages), NOW)
        return taken, item

    def take(self, n: int | None = None) -> list[str]:
        events = self.flow.iterate()
        found: list[str] = []
        while n is None or len(found) < n:
            event = next(events, None)
            if event is None:
                break
            found.append(event if isinstance(event, str) else event[58])
        return found


def test_a_run_is_stored_once_then_queued(codec: Codec) -> None:
    line = Line(codec)
    first, second = raw(1, "a"), raw(2, "b")
    assert line.give(first, second) == (2, None)
    assert line.store.calls == [("in", 1, 2, first + second)]
    assert (line.flow.next_in, line.flow.messages_in, len(line.flow.events)) == (3, 2, 2)
    assert line.take() == ["a", "b"]
    assert line.store.calls[1:] == [("done", 2)]


def test_it_stops_at_what_is_not_clean(codec: Codec) -> None:
    line = Line(codec)
    taken, item = line.give(raw(1), raw(2, msg_type="0"), raw(3))
    assert (taken, item.msg_type, line.flow.next_in) == (1, "0", 2)
    line.flow.next_in = 3
    assert line.give() == (1, None)
    taken, item = line.give(b"8=FIX.4.4\x01garbage\x01" + raw(4))
    assert (taken, type(item)) == (0, Garbled)
    assert line.give() == (1, None)
    assert line.give() == (0, None)


def test_singly(codec: Codec) -> None:
    line = Line(codec, singly=True)
    assert line.give(raw(1), raw(2)) == (1, None)
    assert line.give() == (1, None)


def test_the_last_number_has_no_successor(codec: Codec) -> None:
    line = Line(codec, next_in=LAST - 1)
    taken, item = line.give(raw(LAST - 1), raw(LAST))
    assert (taken, item.msg_seq_num, line.flow.next_in) == (1, LAST, LAST)
    run, _, item = line.check.take(codec.StreamDecoder(), raw(LAST), LAST, NOW)
    assert (run, item.msg_seq_num) == ([], LAST)


def test_what_cannot_be_stored_is_not_queued(codec: Codec) -> None:
    line = Line(codec)
    line.store.fails = True
    with pytest.raises(StoreError):
        line.give(raw(1))
    with pytest.raises(StoreError):
        line.flow.deliver([codec.parse(raw(1))])
    assert (line.flow.next_in, line.flow.messages_in, len(line.flow.events)) == (1, 0, 0)
    line.flow.deliver([])
    assert line.store.calls == []


def test_taking_the_next_acknowledges_the_last(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1, "a"), raw(2, "b"), raw(3, "c"))
    events = line.flow.iterate()
    assert [next(events)[58], next(events)[58]] == ["a", "b"]
    events.close()
    assert line.store.calls[-1] == ("done", 1)
    assert list(events) == []
    del events
    gc.collect()
    assert line.store.calls[-1] == ("done", 1)  # once
    assert line.take() == ["c"]
    assert line.store.calls[-2:] == [("done", 1), ("done", 3)]


def test_an_iterator_that_is_dropped_has_told_the_store(codec: Codec) -> None:
    line = Line(codec)
    for round_ in range(3):  # what an iterator leaves behind does not change the next one
        line.give(raw(3 * round_ + 1), raw(3 * round_ + 2), raw(3 * round_ + 3))
        for position, _ in enumerate(line.flow.iterate()):
            if position == 1:
                break
        gc.collect()
        assert line.store.calls[-1] == ("done", 3 * round_ + 1)
        assert len(line.take()) == 1


def test_an_iterator_that_was_not_begun_says_nothing(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1), raw(2))
    assert len(line.take(1)) == 1
    line.flow.iterate().close()
    assert len(line.store.calls) == 1
    events = line.flow.iterate()
    del events
    gc.collect()
    assert len(line.store.calls) == 1
    assert len(line.take()) == 1


def test_events_that_are_no_messages_acknowledge_those_before(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1, "a"))
    line.flow.events.append("told")
    assert line.take(2) == ["a", "told"]
    assert line.store.calls[-1] == ("done", 1)
    assert line.take() == []
    assert len(line.store.calls) == 2


def test_an_iterator_that_is_over_stays_over(codec: Codec) -> None:
    line = Line(codec)
    events = line.flow.iterate()
    assert list(events) == []
    line.give(raw(1))
    assert list(events) == []
    assert line.take() == ["x"]


def test_manual_acknowledges_nothing(codec: Codec) -> None:
    line = Line(codec, manual=True)
    line.give(raw(1), raw(2))
    assert len(line.take()) == 2
    line.flow.flush()
    assert [call[0] for call in line.store.calls] == ["in"]


def test_a_message_alone_is_taken_without_an_iterator(codec: Codec) -> None:
    line = Line(codec, manual=True)
    assert line.flow.only_message() is None
    line.give(raw(1, "a"))
    assert line.flow.only_message()[58] == "a"
    assert (line.flow.only_message(), line.take()) == (None, [])
    line.give(raw(2, "b"))
    assert line.take() == ["b"]


def test_what_is_not_alone_or_no_message_stays(codec: Codec) -> None:
    line = Line(codec, manual=True)
    line.give(raw(1, "a"), raw(2, "b"))
    assert line.flow.only_message() is None
    assert line.take() == ["a", "b"]
    line.flow.events.append("told")
    assert line.flow.only_message() is None
    assert line.take() == ["told"]
    line.give(raw(3, "c"))
    line.flow.stale = 1
    assert line.flow.only_message() is None
    by_itself = Line(codec)
    by_itself.give(raw(1))
    assert by_itself.flow.only_message() is None  # taking the next one has to acknowledge it


def test_a_message_taken_alone_and_kept_outlives_its_chunk(codec: Codec) -> None:
    line = Line(codec, manual=True)
    line.give(raw(1, "a"))
    kept = line.flow.only_message()
    line.give(raw(2, "b"))
    line.give(raw(3, "c"))
    assert kept[58] == "a"
    assert line.take() == ["b", "c"]


def test_done_tells_the_store_what_was_received_and_nothing_else(codec: Codec) -> None:
    line = Line(codec, manual=True)
    line.give(raw(1), raw(2))
    line.flow.done(2)
    assert line.store.calls[-1] == ("done", 2)
    with pytest.raises(LocalProtocolError, match="the next inbound message is 3"):
        line.flow.done(3)
    line.flow.stale = 1
    line.flow.done(3)  # of an earlier epoch: nothing to say
    assert line.store.calls[-1] == ("done", 2)
    with pytest.raises(LocalProtocolError, match="manual_done"):
        Line(codec).flow.done(1)


def test_stale_events_are_not_acknowledged(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1, "a"), raw(2, "b"))
    assert line.take(1) == ["a"]
    line.flow.forget_taken()
    line.flow.next_in = 1
    line.flow.stale = len(line.flow.events) + 1
    line.flow.events.append("reset")
    line.give(raw(1, "new"))
    assert line.take() == ["b", "reset", "new"]
    assert [call for call in line.store.calls if call[0] == "done"] == [("done", 1)]
    assert line.flow.stale == 0


def test_flush_tells_the_store_at_once(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1), raw(2))
    events = line.flow.iterate()
    next(events), next(events)
    line.flow.flush()
    assert line.store.calls[-1] == ("done", 1)
    line.flow.flush()
    assert len(line.store.calls) == 2


def test_a_store_that_fails_at_the_end_of_an_iteration_is_reported(codec: Codec) -> None:
    line = Line(codec)
    line.give(raw(1), raw(2))
    line.store.fails = True
    assert len(line.take()) == 2
    assert [str(error) for error in line.failures] == ["no space left"]
    line.store.fails = False
    assert line.take() == []
    assert len(line.store.calls) == 1  # the owner was told: it is not tried again


def test_messages_that_stay_in_the_queue_are_detached(codec: Codec) -> None:
    line = Line(codec)
    data = raw(1, "first") + raw(2, "second")
    alone = sys.getrefcount(data)
    line.flow.receive(line.check, line.decoder, data, NOW)
    assert line.take(1) == ["first"]
    assert line.give() == (0, None)  # no bytes, no wake-up
    assert (sys.getrefcount(data) > alone) == (codec.name == "compiled")  # the other one copies at once
    line.give(raw(3, "third"))
    gc.collect()
    assert sys.getrefcount(data) == alone
    assert line.take() == ["second", "third"]


def test_none_where_an_object_is_needed(codec: Codec) -> None:
    line = Line(codec)
    with pytest.raises((TypeError, AttributeError)):
        line.flow.receive(None, line.decoder, b"", NOW)
    with pytest.raises((TypeError, AttributeError)):
        line.flow.receive(line.check, None, b"", NOW)
    with pytest.raises((TypeError, AttributeError)):
        line.flow.deliver([None])


def test_events_come_from_an_inflow() -> None:
    from fixfast.codec.inflow import Events

    with pytest.raises(TypeError):
        Events()


def walk(codec: Codec, seed: int) -> Iterator[Any]:
    """Do random things; yield all that can be seen of it."""
    rng = random.Random(seed)
    line = Line(codec, manual=rng.random() < 0.1)
    events: Any = None
    for step in range(60):
        flow, kind = line.flow, rng.randrange(9)
        line.store.fails = rng.random() < 0.05
        try:
            if kind < 4:
                some = [raw(flow.next_in + i, f"{step}.{i}") for i in range(rng.randrange(4))]
                if rng.random() < 0.2:
                    some.append(raw(flow.next_in, msg_type="0"))
                data = b"".join(some)
                taken, item = line.give(data[: rng.choice((len(data), rng.randrange(len(data) + 1)))])
                yield taken, item and item.raw
            elif kind == 4:
                flow.events.append(f"event {step}")
            elif kind == 5 and rng.random() < 0.3:
                flow.next_in = 1
                flow.forget_taken()
                flow.stale = len(flow.events)
            elif kind == 5:
                flow.flush()
            elif kind == 6:
                events = None
                gc.collect(0)
            else:
                events = events or flow.iterate()
                for _ in range(rng.randrange(4)):
                    event = next(events, None)
                    yield event if event is None or isinstance(event, str) else (event.raw, event.redelivered)
        except StoreError as error:
            yield str(error)
        yield flow.next_in, flow.messages_in, flow.stale, len(flow.events), len(line.failures)
    events = None
    yield line.store.calls


def test_both_do_the_same(twins: tuple[Codec, Codec]) -> None:
    for seed in range(300):
        reference, compiled = (list(walk(codec, seed)) for codec in twins)
        assert reference == compiled, seed
