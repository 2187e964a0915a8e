"""Messages out of logs: any delimiter, any prefix, any damage, any split."""

from __future__ import annotations

import os
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.logs.reader import LogItem, LogReader
from fixfast.types import Garbled, GarbledReason

DELIMITERS = [b"\x01", b"|", b"^A", b"\\x01", b"\\u0001", b"\\001", b"<SOH>", "\u2401".encode(), b";"]
CORPORA = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")


def message(*fields: tuple[int, bytes], begin: bytes = b"FIX.4.4") -> bytes:
    body = b"".join(b"%d=%b\x01" % field for field in fields)
    head = b"8=%b\x019=%d\x01" % (begin, len(body)) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


ORDER = message((35, b"D"), (49, b"A"), (56, b"B"), (34, b"2"), (11, b"x"), (55, b"EUR/USD"), (54, b"1"))
BEAT = message((35, b"0"), (49, b"A"), (56, b"B"), (34, b"3"), begin=b"FIXT.1.1")


def read(*chunks: bytes, **options: int) -> list[LogItem | Garbled]:
    reader = LogReader(**options)  # type: ignore[arg-type]
    items = [item for chunk in chunks for item in reader.feed(chunk)]
    items += reader.finish()
    assert reader.messages == sum(isinstance(item, LogItem) for item in items)
    assert reader.garbled == len(items) - reader.messages
    assert reader.size == sum(map(len, chunks))
    return items


def plain(items: list[LogItem | Garbled]) -> list[tuple[object, ...]]:
    return [
        (item.offset, item.message.raw, item.prefix, item.delimiter)
        if isinstance(item, LogItem)
        else (item.offset, item.reason, item.raw)
        for item in items
    ]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"", b" <- sent\n", b'"},'])
@pytest.mark.parametrize("last", [True, False])
def test_every_delimiter_and_line_end(delimiter: bytes, end: bytes, last: bool) -> None:
    """One per line or run together, with or without the last delimiter, behind a prefix with a time in it."""
    lines = []
    for raw in (ORDER, BEAT, ORDER):
        text = raw.replace(b"\x01", delimiter)
        if not last and end:
            text = text[: -len(delimiter)]
        lines.append(b"2024-01-01 12:00:00,123 INFO  > " + text + end)
    log = b"".join(lines)
    items = read(log)
    assert [item.message.raw for item in items if isinstance(item, LogItem)] == [ORDER, BEAT, ORDER]
    for item in items:
        assert isinstance(item, LogItem)
        assert item.delimiter == delimiter
        assert log[item.offset :].startswith(b"8=FIX")
        assert item.prefix.endswith("12:00:00,123 INFO  > ")


def test_raw_bytes_without_anything_between() -> None:
    items = read(ORDER + BEAT * 3)
    assert plain(items) == [
        (0, ORDER, "", b"\x01"),
        *((len(ORDER) + i * len(BEAT), BEAT, "", b"\x01") for i in range(3)),
    ]


def test_delimiters_may_change_within_a_log() -> None:
    log = b"\n".join(ORDER.replace(b"\x01", delimiter) for delimiter in DELIMITERS)
    assert [item.delimiter for item in read(log) if isinstance(item, LogItem)] == DELIMITERS


def test_the_prefix_is_that_of_its_line_and_bounded() -> None:
    log = b"noise\nIN  " + ORDER + b"\n" + b"p" * 5000 + ORDER + b"\xff\xfe" + ORDER
    assert [item.prefix for item in read(log) if isinstance(item, LogItem)] == ["IN  ", "p" * 512, "\\xff\\xfe"]


def test_a_field_that_looks_like_a_beginning_is_none() -> None:
    raw = message((35, b"D"), (58, b"FIX it; 8=FIX.4.4"), (108, b"FIX"))
    assert [item.message.raw for item in read(raw + ORDER) if isinstance(item, LogItem)] == [raw, ORDER]
    assert read(b"108=FIX.4.4|9=5| and 58=FIX\n") == []


@pytest.mark.parametrize("delimiter", [b"|", b";"])
def test_values_may_hold_the_delimiter(delimiter: bytes) -> None:
    """By BodyLength and CheckSum: a delimiter that no "tag=" follows is part of a value."""
    raw = message((35, b"D"), (58, b"a" + delimiter + b"b" + delimiter), (11, b"x"))
    (item,) = read(raw.replace(b"\x01", delimiter) + b"\n")
    assert isinstance(item, LogItem)
    assert item.message.raw == raw


def test_data_fields_with_soh_and_newlines() -> None:
    raw = message((35, b"B"), (95, b"9"), (96, b"a\x0110=000\x01"[:9]), (58, b"x"))
    raw2 = message((35, b"B"), (95, b"3"), (96, b"a\nb"))
    items = read(b"> " + raw + b"\n> " + raw2 + b"\n")
    assert [item.message.bytes(96) for item in items if isinstance(item, LogItem)] == [b"a\x0110=000\x01"[:9], b"a\nb"]


@pytest.mark.parametrize("delimiter", [b"\x01", b"|", b"^A"])
def test_damage_is_told_with_reason_and_offset(delimiter: bytes) -> None:
    """Each kind of damage, between two whole messages that must both be found."""
    good = ORDER.replace(b"\x01", delimiter)
    d = delimiter
    body = b"35=D" + d + b"11=x" + d
    size = len(body.replace(d, b"\x01"))
    cases = {
        b"8=FIX.4.4 9=5": GarbledReason.BEGIN_STRING,
        b"8=FIX.4.4" + d + b"35=D" + d + body: GarbledReason.BODY_LENGTH,
        b"8=FIX.4.4" + d + b"9=12345678901" + d + body: GarbledReason.BODY_LENGTH,
        b"8=FIX.4.4" + d + b"9=99999999" + d + body: GarbledReason.TOO_LARGE,
        b"8=FIX.4.4" + d + b"9=%d" % size + d + b"11=x" + d + b"35=D" + d: GarbledReason.MSG_TYPE,
        b"8=FIX.4.4" + d + b"9=%d" % size + d + body + b"10=000" + d: GarbledReason.CHECKSUM,
        b"8=FIX.4.4" + d + b"9=%d" % size + d + body + b"58=1x" + d: GarbledReason.TRAILER,
    }
    for bad, reason in cases.items():
        log = good + b"\nIN " + bad + b" \nIN " + good + b"\n"
        first, middle, last = read(log)
        assert isinstance(first, LogItem)
        assert isinstance(middle, Garbled)
        assert isinstance(last, LogItem)
        wanted = {reason, GarbledReason.TRUNCATED} if reason is GarbledReason.TRAILER else {reason}
        assert middle.reason in wanted
        assert middle.offset == log.index(b"IN ") + 3
        assert bad.startswith(middle.raw) or middle.raw.startswith(bad)
        assert last.message.raw == ORDER


@pytest.mark.parametrize("delimiter", [b"\x01", b"|", b"^A", b"\\x01"])
def test_a_message_cut_anywhere_costs_no_other(delimiter: bytes) -> None:
    good = ORDER.replace(b"\x01", delimiter)
    # Without its last delimiter a message is still whole.
    for cut in range(5, len(good) - len(delimiter)):
        items = read(good + b"\nIN " + good[:cut] + b"\nIN " + good + b"\n" + good)
        assert [type(item) for item in items] == [LogItem, Garbled, LogItem, LogItem], cut
        middle = items[1]
        assert isinstance(middle, Garbled)
        assert middle.raw == good[:cut]
        # ... and the last thing in the log.
        first, last = read(good + b"\n" + good[:cut])
        assert isinstance(first, LogItem)
        assert isinstance(last, Garbled)
        assert last.reason in (GarbledReason.TRUNCATED, GarbledReason.BEGIN_STRING)


@pytest.mark.parametrize("delimiter", [b"\x01", b"|", b"^A"])
def test_every_changed_byte_is_told_or_outside(delimiter: bytes) -> None:
    good = ORDER.replace(b"\x01", delimiter)
    for at in range(5, len(good) - len(delimiter)):
        bad = bytearray(good)
        bad[at] ^= 0x02
        items = read(good + b"\n" + bytes(bad) + b"\n" + good + b"\n")
        assert isinstance(items[0], LogItem)
        assert isinstance(items[-1], LogItem)
        assert any(isinstance(item, Garbled) for item in items[1:-1]), at
        assert sum(isinstance(item, LogItem) for item in items) == 2


_PIECES = st.sampled_from(
    [
        *(raw.replace(b"\x01", d) for raw in (ORDER, BEAT) for d in (b"\x01", b"|", b"^A", b"\\x01")),
        ORDER[:-1],
        ORDER[:20],
        ORDER.replace(b"9=", b"9=9"),
        BEAT.replace(b"\x01", b"^A").replace(b"9=", b"9=9"),
        ORDER.replace(b"EUR", b"GBP"),
        b"8=FIX",
        b"8=FIX.4.4|9=7|35=",
        b"8=FIX.4.4^A9=20^A35=D^A",
        b"10=000^A",
        b"\n",
        b"\r\n",
        b"2024-01-01 IN ",
        b"text, 1",
        b"^",
        b"|",
        b"\x01",
    ]
)


@given(
    pieces=st.lists(_PIECES | st.binary(max_size=30), max_size=12),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
    limit=st.sampled_from([1 << 20, 60]),
)
def test_any_split_gives_the_same_items(pieces: list[bytes], cuts: list[int], limit: int) -> None:
    log = b"".join(pieces)
    whole = plain(read(log, max_message_size=limit))
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    parts = [log[a:b] for a, b in pairwise(edges)]
    assert plain(read(*parts, max_message_size=limit)) == whole
    assert plain(read(*(log[i : i + 1] for i in range(len(log))), max_message_size=limit)) == whole


@given(log=st.lists(_PIECES | st.binary(max_size=30), max_size=20).map(b"".join))
def test_items_do_not_overlap_and_are_what_stands_there(log: bytes) -> None:
    end = 0
    for item in read(log):
        assert item.offset >= end
        if isinstance(item, LogItem):
            text = item.message.raw[:-1].replace(b"\x01", item.delimiter)
            assert log.startswith(text, item.offset)
            end = item.offset + len(text)
        else:
            assert item.raw
            assert log.startswith(item.raw, item.offset)
            end = item.offset + len(item.raw)


@pytest.mark.parametrize(
    "piece",
    [
        b"8=FIX.4.4|9=900000|35=D|",
        b"8=FIX.4.4^A9=900000^A35=D^A",
        b"8=FIX.4.4^A9=900000^A35=D",
        b"8=FIX",
        b"8=FIX.4.4\x019=",
        b"18=FIX",
        b"x",
        b"8=FIX.4.4|9=60|35=D|" + b"8=FIX.4.4|9=40|35=D|" * 2 + b"10=000|",
        b"\n",
        b"10=000^A",
    ],
)
def test_hostile_logs_take_linear_time_and_bounded_memory(piece: bytes) -> None:
    """2 MB of beginnings that never end; the reader keeps back no more than one message and a prefix."""
    log = piece * (2_000_000 // len(piece))
    reader = LogReader()
    start = time.process_time()
    for at in range(0, len(log), 10_000):
        reader.feed(log[at : at + 10_000])
        assert len(reader._buf) < (1 << 20) * 2 + 20_000
    reader.finish()
    assert time.process_time() - start < 20


def test_messages_within_messages_take_linear_time() -> None:
    """30,000 nested messages whose trailers are all in place: each would be summed up whole."""
    trailer = b"10=000|"
    head = b"8=FIX.4.4|9=%07d|35=D|"
    width = len(head % 0)
    count = 30_000
    log = b"".join(head % ((count - i) * width - (width - 5)) for i in range(count)) + trailer
    start = time.process_time()
    items = read(log)
    assert time.process_time() - start < 20
    assert not any(isinstance(item, LogItem) for item in items)


def test_a_reader_that_finished_takes_no_more() -> None:
    reader = LogReader()
    reader.finish()
    with pytest.raises(ValueError, match="finish"):
        reader.feed(b"")


@pytest.mark.skipif(not CORPORA.is_dir(), reason="no ../shared/corpora; FIXFAST_CORPORA names another folder")
@pytest.mark.parametrize("delimiter", [b"\x01", b"|", b"^A"])
def test_the_corpora(delimiter: bytes) -> None:
    for name, wanted in (
        ("fix50-marketdata.fix", {"X": 11365, "0": 2523}),
        ("fix50-orders.fix", {"A": 16, "0": 18, "D": 15, "5": 14, "1": 1, "2": 1}),
    ):
        data = (CORPORA / name).read_bytes().replace(b"\x01", delimiter)
        items = read(*(data[at : at + 65536] for at in range(0, len(data), 65536)))
        assert Counter(item.message.msg_type for item in items if isinstance(item, LogItem)) == wanted
        assert not any(isinstance(item, Garbled) for item in items)
