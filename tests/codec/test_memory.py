"""The compiled codec's memory: what is kept, what is given back, what never moves under a living message.

What both implementations promise about ownership is in test_ownership.py. Under AddressSanitizer (make sanitize) these
tests are where a wrong offset or a table freed too early would show.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from fixfast.errors import GarbledMessage
from fixfast.types import GarbledReason
from tests.codec.samples import DATA_FIELDS, HEARTBEAT, LOGON, MARKET_DATA, SAMPLES
from tests.codec.support import message, wire_fields

if not os.environ.get("CI"):
    pytest.importorskip("fixfast.codec.frame", exc_type=ImportError)

from fixfast.codec.frame import StreamDecoder
from fixfast.codec.getter import getter
from fixfast.codec.groups import Entry, Group
from fixfast.codec.message import Message
from fixfast.codec.parse import parse
from fixfast.codec.scan import kernels

#: 176 bytes in 18 fields: what the goals of the design speak of
ORDER = message(
    "35=D|34=1234|49=CLNT|52=20240102-03:04:05.678|56=BROKER|11=o-000001|1=ACC4|21=1|55=EUR/USD|54=1|"
    "60=20240102-03:04:05.678|38=1000000|40=2|44=1.08455|59=0|"
)
CHUNK = 65536


@pytest.fixture
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


# --- how much is kept -----------------------------------------------------------------------------------------


def test_a_kept_order_is_as_small_as_promised(traced: None) -> None:
    assert (len(ORDER), ORDER.count(b"\x01")) == (176, 18)
    raws = [bytes(bytearray(ORDER)) for _ in range(1000)]
    kept: list[Message | None] = [None] * len(raws)
    before = allocated()
    for i, raw in enumerate(raws):
        kept[i] = parse(raw)
    own = (allocated() - before) / len(raws)
    bytes_object = sys.getsizeof(raws[0])
    assert own + bytes_object <= 560
    for m in kept:
        assert m is not None
        m.detach()
        assert m[55] == "EUR/USD"  # the table is scanned again
    assert own * 1.05 >= (allocated() - before) / len(raws) >= 200


def test_a_detached_order_is_as_small_as_promised(traced: None) -> None:
    kept: list[Message | None] = [None] * 1000
    decoder = StreamDecoder()
    before = allocated()
    for i in range(len(kept)):
        decoder.feed(ORDER + HEARTBEAT[:10])
        for m in decoder:
            assert isinstance(m, Message)
            m.detach()
            kept[i] = m
        decoder.feed(HEARTBEAT[10:])
        list(decoder)
    del decoder, m
    assert (allocated() - before) / len(kept) <= 340
    assert all(m is not None and m.raw == ORDER and m.int(38) == 1000000 for m in kept)


@pytest.mark.parametrize("kind", [bytes, bytearray, lambda raw: memoryview(bytearray(raw)), memoryview])
def test_a_detached_order_is_small_wherever_it_came_from(traced: None, kind: Callable[[bytes], Any]) -> None:
    kept: list[Message | None] = [None] * 1000
    before = allocated()
    for i in range(len(kept)):
        m = kept[i] = parse(kind(bytes(bytearray(ORDER))))
        m.detach()
    del m
    assert (allocated() - before) / len(kept) <= 340
    assert all(m is not None and m.raw == ORDER and m.int(38) == 1000000 for m in kept)


def test_parsing_leaks_nothing(traced: None) -> None:
    decoder = StreamDecoder()
    get = getter((11, "str"), (44, "decimal"), (9999, "int"))

    def work(rounds: int) -> None:
        for i in range(rounds):
            m = parse(ORDER)
            get(m)
            m.get(58)
            list(m)
            decoder.feed(ORDER)
            decoder.feed(MARKET_DATA if i % 50 == 0 else HEARTBEAT)
            for item in decoder:
                assert isinstance(item, Message)
                for entry in item.group(268):
                    entry.many(269, 270)
            if i % 10 == 0:
                with pytest.raises(GarbledMessage):
                    parse(bytearray(ORDER[:-1]))
                parse(bytearray(LOGON)).detach()

    work(2000)
    before = allocated()
    work(30_000)
    assert allocated() - before < 20_000


def test_200_000_messages_leave_no_reference_behind() -> None:
    raw = bytes(bytearray(ORDER))
    buffer = bytearray(ORDER)
    before = sys.getrefcount(raw), sys.getrefcount(buffer)
    for _ in range(100_000):
        parse(raw)
        parse(buffer)
    m = parse(raw)
    assert sys.getrefcount(raw) == before[0] + 1
    entries = parse(MARKET_DATA).group(268)[2:4]
    assert sys.getrefcount(raw) == before[0] + 1
    m.detach()
    del m, entries
    assert (sys.getrefcount(raw), sys.getrefcount(buffer)) == before
    buffer.append(0)


def test_what_a_peer_can_make_a_decoder_keep_is_bounded(traced: None) -> None:
    limit = 1 << 20
    claim = b"8=FIX.4.4\x019=%d\x0135=0\x01" % limit
    before = allocated()
    decoder = StreamDecoder(max_message_size=limit)
    tracemalloc.reset_peak()
    for _ in range(60):
        for piece in (claim * 1000, b"x" * 3000, b"\x01"):
            decoder.feed(piece)
            for _ in decoder:
                pass
    # While it goes over to the next one, there are two.
    assert tracemalloc.get_traced_memory()[1] - before < 2 * (limit * 5 // 4 + 2 * CHUNK)


# --- tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [500, *range(506, 514), 1018, 1019, 1020, 1021, 5000])
@pytest.mark.parametrize("tail", ["", "95=3|96=a|b|"])
def test_tables_grow_where_the_scratch_ends(count: int, tail: str) -> None:
    body = "35=B|" + "".join(f"58={i}|" for i in range(count))
    raw = message(body + tail)
    m = parse(raw)
    fields = wire_fields(m)
    assert len(m) == len(fields) == count + 4 + 2 * bool(tail)
    assert m.all(58) == [str(i) for i in range(count)]
    assert m.bytes(96, default=None) == (b"a\x01b" if tail else None)
    assert fields[-1] == (10, raw[-4:-1])
    own = parse(memoryview(raw))
    own.detach()
    assert wire_fields(own) == fields


@pytest.mark.parametrize(("count", "good"), [(65532, True), (65533, False), (200_000, False)])
def test_there_is_a_limit_to_fields(count: int, good: bool) -> None:
    raw = message(b"35=B\x01" + b"1=\x01" * count)
    if good:
        assert len(parse(raw)) == 65536
        return
    with pytest.raises(GarbledMessage) as caught:
        parse(raw)
    assert caught.value.reason is GarbledReason.TOO_MANY_FIELDS
    assert raw[: caught.value.offset].count(b"\x01") == 65536


@pytest.mark.parametrize("count", range(1, 70))
def test_look_ups_find_every_place(count: int) -> None:
    m = parse(message("35=B|" + "".join(f"{1000 + i}={i}|" for i in range(count))))
    assert m.many(*(1000 + i for i in range(count))) == tuple(str(i) for i in range(count))
    assert m[10] == m.raw[-4:-1].decode()
    assert not any(tag in m for tag in (1000 + count, -1, 10**30))


# --- objects that nobody parsed -------------------------------------------------------------------------------


def test_messages_groups_and_entries_cannot_be_made_by_hand() -> None:
    for cls in (Message, Group, Entry):
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(TypeError):

            class Derived(cls):  # type: ignore[misc,valid-type]
                pass


def test_an_empty_message_is_harmless() -> None:
    m = Message.__new__(Message)
    assert len(m) == 0
    m.detach()
    reads: list[Callable[[], object]] = [
        lambda: m[55],
        lambda: m.msg_type,
        lambda: 55 in m,
        lambda: m.dictionary,
        m.pretty,
        m.to_dict,
        lambda: m.group(268),
        lambda: m.groups(268, 269),
        lambda: m.value(44),
        lambda: getter((55, "str"))(m),
    ]
    for read in reads:
        with pytest.raises(TypeError):
            read()
    assert list(m) == m.body() == m.body(nested=True) == []


# --- chunks ---------------------------------------------------------------------------------------------------


def test_a_chunk_in_use_is_never_received_into_again() -> None:
    random = Random(11)
    decoder = StreamDecoder()
    samples = list(SAMPLES.values())
    kept: list[tuple[Any, bytes]] = []
    for _ in range(4000):
        raw = random.choice(samples)
        position = 0
        while position < len(raw):
            if random.random() < 0.7:
                view = decoder.get_buffer(random.choice([-1, 1, 10_000, 1 << 40]))
                n = min(len(view), len(raw) - position, random.choice([1, 50, 1000, 9999]))
                view[:n] = raw[position : position + n]
                decoder.buffer_updated(n)
            else:
                n = random.choice([10, 5000])
                decoder.feed(raw[position : position + n])
            position += n
        for m in decoder:
            assert m.raw == raw
            if random.random() < 0.05:
                kept.append((m, raw))
        if len(kept) == 100:
            kept = random.sample(kept, 40)
    assert len(kept) > 20
    for m, raw in kept:
        assert m.raw == raw
        assert wire_fields(m) == wire_fields(parse(raw))


def test_chunks_are_used_again_when_nobody_needs_them(traced: None) -> None:
    decoder = StreamDecoder()

    def pump(rounds: int) -> None:
        for _ in range(rounds):
            view = decoder.get_buffer()
            n = min(len(view), len(MARKET_DATA))
            view[:n] = MARKET_DATA[:n]
            decoder.buffer_updated(n)
            for _ in decoder:
                pass

    pump(1000)
    before = allocated()
    tracemalloc.reset_peak()
    pump(5000)
    assert tracemalloc.get_traced_memory()[1] - before < 2 * CHUNK


def test_a_view_that_is_kept_keeps_its_chunk_from_being_used_again() -> None:
    decoder = StreamDecoder()
    view = decoder.get_buffer()
    for _ in range(3 * CHUNK // len(ORDER)):
        room = decoder.get_buffer()
        room[: len(ORDER)] = ORDER
        decoder.buffer_updated(len(ORDER))
        assert [m.raw for m in decoder] == [ORDER]
    assert bytes(view[: len(ORDER)]) == ORDER
    with pytest.raises((AttributeError, TypeError)):
        view.obj.clear()  # type: ignore[attr-defined]


def test_buffer_updated_takes_only_what_was_lent() -> None:
    decoder = StreamDecoder()
    for n in (1, -1, 1 << 70):
        with pytest.raises(ValueError):
            decoder.buffer_updated(n)
    size = len(decoder.get_buffer())
    for n in (size + 1, -1, -(1 << 70)):
        with pytest.raises(ValueError):
            decoder.buffer_updated(n)
    decoder.buffer_updated(0)
    with pytest.raises(ValueError):
        decoder.buffer_updated(1)  # once only
    decoder.get_buffer()
    decoder.feed(ORDER)
    with pytest.raises(ValueError):
        decoder.buffer_updated(1)  # what was lent now holds what was fed
    for hint in (0, -5, 1 << 70, -(1 << 70)):
        assert 1 <= len(decoder.get_buffer(hint)) <= 1 << 20
    for wrong in ("1", None, 1.5):
        with pytest.raises(TypeError):
            decoder.get_buffer(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            decoder.buffer_updated(wrong)  # type: ignore[arg-type]
    assert [m.raw for m in decoder] == [ORDER]


def test_what_was_lent_can_be_fed() -> None:
    decoder = StreamDecoder()
    decoder.feed(ORDER[:40])
    view = decoder.get_buffer()
    view[: len(ORDER) - 40] = ORDER[40:]
    decoder.feed(view[: len(ORDER) - 40])
    assert [m.raw for m in decoder] == [ORDER]


@pytest.mark.parametrize("limit", [0, -1, -(1 << 70)])
def test_a_size_limit_is_positive(limit: int) -> None:
    with pytest.raises(ValueError):
        StreamDecoder(max_message_size=limit)
    with pytest.raises(ValueError):
        parse(ORDER, max_message_size=limit)


def test_a_huge_size_limit_is_fine() -> None:
    assert parse(ORDER, max_message_size=1 << 70).raw == ORDER
    assert [m.raw for m in _decoded(StreamDecoder(None, 1 << 70), ORDER)] == [ORDER]


def _decoded(decoder: StreamDecoder, data: bytes) -> list[Any]:
    decoder.feed(data)
    return list(decoder)


# --- bytes that change under a message ------------------------------------------------------------------------


def test_bytes_overwritten_before_detaching_are_an_error_not_a_crash() -> None:
    random = Random(5)
    for _ in range(300):
        decoder = StreamDecoder()
        view = decoder.get_buffer()
        view[: len(DATA_FIELDS)] = DATA_FIELDS
        decoder.buffer_updated(len(DATA_FIELDS))
        [m] = decoder
        assert isinstance(m, Message)
        entries = m.groups(33, 58)
        for _ in range(random.choice([1, 3, 30])):
            view[random.randrange(len(DATA_FIELDS))] = random.choice(b"\x01=0195,x\xff")
        m.detach()
        try:
            fields = list(m)
        except RuntimeError:
            continue
        assert len(fields) == len(m)
        assert [len(entry) for entry in entries] == [len(list(entry)) for entry in entries]


def test_a_writable_buffer_may_change_at_any_time() -> None:
    random = Random(6)
    for _ in range(300):
        buffer = bytearray(DATA_FIELDS)
        m = parse(buffer)
        offsets = [len(value) for _, value in wire_fields(m)]
        for _ in range(50):
            buffer[random.randrange(len(buffer))] = random.randrange(256)
        assert [len(value) for _, value in wire_fields(m)] == offsets
        m.detach()
        assert [len(value) for _, value in wire_fields(m)] == offsets


# --- threads --------------------------------------------------------------------------------------------------


def test_any_thread_may_read_detach_and_free() -> None:
    decoder = StreamDecoder()
    wrong: list[str] = []
    queue: list[Any] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set() or queue:
            try:
                m = queue.pop()
            except IndexError:
                time.sleep(0)
                continue
            if m.int(38) != 1000000 or len(m.raw) != len(ORDER):
                wrong.append(str(m))
            m.detach()
            if m[55] != "EUR/USD":
                wrong.append(str(m))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        decoder.feed(bytearray(ORDER * 20))
        queue.extend(decoder)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- time -----------------------------------------------------------------------------------------------------


def nested_frames(count: int, tail: bytes) -> bytes:
    """Return frames inside each other that all end at one trailer, right for each: every header sums up to 0."""
    headers: list[bytes] = []
    rest = len(tail)
    for _ in range(count):
        rest += len(b"35=abc\x01")
        head = b"8=FIX.4.4\x019=%d\x0135=" % rest
        need = (-sum(head) - 1) % 256
        # three bytes from 0x80 on, which is more than 256 sums
        need = (need - 3 * 0x80) % 256
        padding = bytes(0x80 + max(0, min(127, need - 127 * i)) for i in range(3))
        headers.append(head + padding + b"\x01")
        assert sum(headers[-1]) % 256 == 0
        rest += len(head) - 3
    return b"".join(reversed(headers)) + tail + b"10=%03d\x01" % (sum(tail) % 256)


@pytest.mark.parametrize("reason", [GarbledReason.CHECKSUM, GarbledReason.FIELD])
def test_frames_inside_frames_cost_linear_time(reason: GarbledReason) -> None:
    # 0.4 MB; were each frame summed up and scanned in vain, it would take minutes
    stream = nested_frames(10_000, b"58=x\x01" * 20_000 + (b"4x=\x01" if reason is GarbledReason.FIELD else b""))
    if reason is GarbledReason.CHECKSUM:
        stream = stream[:-4] + b"%03d\x01" % ((int(stream[-4:-1]) + 1) % 256)
    decoder = StreamDecoder()
    began = time.process_time()
    items = _decoded(decoder, stream + ORDER)
    assert time.process_time() - began < 1
    assert {item.reason for item in items[:-1]} == {reason}
    assert items[-1].raw == ORDER
    assert decoder.skipped == len(stream)


# --- kernels --------------------------------------------------------------------------------------------------


def test_the_kernel_in_use_is_one_of_those_there_are() -> None:
    assert kernels.name() in kernels.available()
    assert kernels.available()[-1] == "scalar"


@pytest.mark.parametrize(("name", "fails"), [("scalar", False), ("", False), ("mmx", True)])
def test_a_kernel_can_be_forced_and_an_unknown_one_is_refused(name: str, fails: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import fixfast.codec.message"],
        env={**os.environ, "FIXFAST_KERNEL": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is fails
    assert ("FIXFAST_KERNEL=mmx" in done.stderr) is fails
