"""Who owns the bytes: exports held, released, copied; slices and offsets (architecture: Memory)."""

from __future__ import annotations

import array
import gc
import mmap
import threading
from pathlib import Path
from typing import Any

import pytest

from fixfast.errors import GarbledMessage
from tests.codec.samples import HEARTBEAT, MARKET_DATA, NEW_ORDER
from tests.codec.support import Codec, wire_fields


def resizable(buffer: bytearray) -> bool:
    """Tell whether nobody holds an export of the buffer."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


def test_bytes_bytearray_and_memoryview_read_the_same(codec: Codec) -> None:
    expected = wire_fields(codec.parse(NEW_ORDER))
    for data in (
        bytearray(NEW_ORDER),
        memoryview(NEW_ORDER),
        memoryview(bytearray(NEW_ORDER)),
        array.array("B", NEW_ORDER),
    ):
        m = codec.parse(data)
        assert wire_fields(m) == expected
        assert m.raw == NEW_ORDER


def test_mmap_is_read_in_place(codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "message.fix"
    path.write_bytes(NEW_ORDER)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        m = codec.parse(mapped)
        assert m.raw == NEW_ORDER
        with pytest.raises(BufferError):
            mapped.close()
        m.detach()
    assert m[55] == "EUR/USD"


def test_a_slice_of_a_memoryview_is_read_in_place(codec: Codec) -> None:
    stream = HEARTBEAT + NEW_ORDER + MARKET_DATA
    start = len(HEARTBEAT)
    m = codec.parse(memoryview(stream)[start : start + len(NEW_ORDER)])
    assert m.raw == NEW_ORDER
    assert m[55] == "EUR/USD"


@pytest.mark.parametrize("data", ["text", 5, None, [1, 2], object()], ids=lambda data: type(data).__name__)
def test_what_is_no_buffer_is_a_type_error(codec: Codec, data: Any) -> None:
    with pytest.raises(TypeError):
        codec.parse(data)


def test_a_gappy_memoryview_is_a_type_error(codec: Codec) -> None:
    doubled = bytes(byte for byte in NEW_ORDER for _ in range(2))
    with pytest.raises((TypeError, BufferError)):
        codec.parse(memoryview(doubled)[::2])


def test_the_options_are_keyword_only(codec: Codec) -> None:
    with pytest.raises(TypeError):
        codec.parse(NEW_ORDER, None)


def test_a_bytearray_cannot_be_resized_while_the_message_lives(codec: Codec) -> None:
    buffer = bytearray(NEW_ORDER)
    m = codec.parse(buffer)
    assert not resizable(buffer)
    del m
    gc.collect()
    assert resizable(buffer)


def test_writing_into_the_buffer_changes_what_the_message_reads(codec: Codec) -> None:
    buffer = bytearray(NEW_ORDER)
    m = codec.parse(buffer)
    at = buffer.index(b"EUR/USD")
    buffer[at : at + 3] = b"GBP"
    assert m[55] == "GBP/USD"


def test_detach_takes_a_copy_and_releases_the_buffer(codec: Codec) -> None:
    buffer = bytearray(NEW_ORDER)
    m = codec.parse(buffer)
    m.detach()
    assert resizable(buffer)
    buffer[:] = b"x" * 10
    assert m.raw == NEW_ORDER
    assert wire_fields(m) == wire_fields(codec.parse(NEW_ORDER))
    m.detach()
    assert m.raw == NEW_ORDER


def test_entries_stay_good_when_their_message_is_detached(codec: Codec) -> None:
    buffer = bytearray(MARKET_DATA)
    m = codec.parse(buffer)
    entries = m.group(268)
    m.detach()
    buffer[:] = b""
    assert entries[9][270] == "1.08409"


def test_entries_keep_their_message_alive(codec: Codec) -> None:
    buffer = bytearray(MARKET_DATA)
    entry = codec.parse(buffer).group(268)[3]
    gc.collect()
    assert entry[270] == "1.08403"
    assert not resizable(buffer)
    del entry
    gc.collect()
    assert resizable(buffer)


def test_copy_takes_a_copy_at_once(codec: Codec) -> None:
    buffer = bytearray(NEW_ORDER)
    m = codec.parse(buffer, copy=True)
    assert resizable(buffer)
    buffer[:] = b"x" * len(NEW_ORDER)
    assert m.raw == NEW_ORDER


@pytest.mark.parametrize("bad", [b"", b"nonsense", NEW_ORDER[:-1], NEW_ORDER + b"x", NEW_ORDER.replace(b"55=", b"5x=")])
@pytest.mark.parametrize("copy", [False, True])
def test_a_failed_parse_releases_the_buffer_even_while_its_error_is_kept(codec: Codec, bad: bytes, copy: bool) -> None:
    buffer = bytearray(bad)
    with pytest.raises(GarbledMessage) as caught:
        codec.parse(buffer, copy=copy)
    assert caught.value.offset >= 0
    assert resizable(buffer)


def test_feeding_a_decoder_holds_no_export(codec: Codec) -> None:
    buffer = bytearray(NEW_ORDER)
    decoder = codec.StreamDecoder()
    decoder.feed(buffer)
    messages = list(decoder)
    assert resizable(buffer)
    assert len(messages) == 1


def test_a_decoders_message_can_be_detached(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.feed(NEW_ORDER + HEARTBEAT)
    first, second = decoder
    first.detach()
    assert (first.raw, second.raw) == (NEW_ORDER, HEARTBEAT)


def test_messages_are_read_and_freed_by_any_thread(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    wrong: list[bytes] = []

    def read(messages: list[Any]) -> None:
        while messages:
            m = messages.pop()
            if m.raw != NEW_ORDER or m[55] != "EUR/USD" or m.int(38) != 1000000:
                wrong.append(m.raw)

    threads = []
    for _ in range(20):
        decoder.feed(NEW_ORDER * 50)
        threads.append(threading.Thread(target=read, args=(list(decoder),)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_many_messages_can_live_and_die_in_any_order(codec: Codec) -> None:
    from random import Random

    random = Random(3)
    samples = [HEARTBEAT, NEW_ORDER, MARKET_DATA]
    alive: list[tuple[Any, bytes]] = []
    for _ in range(2000):
        raw = random.choice(samples)
        alive.append((codec.parse(random.choice([bytes, bytearray])(raw)), raw))
        if random.random() < 0.5:
            m, expected = alive.pop(random.randrange(len(alive)))
            assert m.raw == expected
            assert m[10] == expected[-4:-1].decode()
    for m, expected in alive:
        assert m.raw == expected
        assert len(m) == expected.count(b"\x01")
