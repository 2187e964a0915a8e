"""HeaderCheck: one call says whether the header of a message is as in the common case."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fixfast.types import Garbled, Now
from tests.codec.support import Codec, message

SECOND = 1_000_000_000
NOW = 1_772_445_600 * SECOND  # 2026-03-02 10:00:00
HEADER = {35: "8", 49: "THEM", 56: "US", 34: "7", 52: "20260302-10:00:00"}


def raw(changes: dict[int, str | None] | None = None, *extra: tuple[int, str], begin_string: str = "FIX.4.4") -> bytes:
    fields = [(tag, value) for tag, value in {**HEADER, **(changes or {})}.items() if value is not None]
    return message("".join(f"{tag}={value}|" for tag, value in [*fields, *extra]), begin_string)


def is_clean(codec: Codec, data: bytes, expected: int = 7, **options: Any) -> bool:
    options.setdefault("tolerance", 120 * SECOND)
    return bool(codec.HeaderCheck("FIX.4.4", "THEM", "US", **options).clean(codec.parse(data), expected, NOW))


def test_the_common_case_is_clean(codec: Codec) -> None:
    assert is_clean(codec, raw())
    assert is_clean(codec, raw(None, (58, "x"), (43, "N"), (97, "Y")))
    assert is_clean(codec, raw({34: "0007"}))
    assert is_clean(codec, raw({34: "9223372036854775807"}), (1 << 63) - 1)


@pytest.mark.parametrize(
    "changes",
    [
        {34: "8"},
        {34: "6"},
        {34: "7.0"},
        {34: "-7"},
        {34: "18446744073709551623"},  # 7 in 64 bits
        {34: None},
        {49: "them"},
        {49: "THEM2"},
        {49: "THE"},
        {49: None},
        {56: "THEM"},
        {56: None},
        {52: None},
        {52: "20260302-10:00"},
        {52: "20260230-10:00:00"},
        {43: "Y"},
    ],
)
def test_anything_else_is_not_clean(codec: Codec, changes: dict[int, str | None]) -> None:
    assert not is_clean(codec, raw(changes))


def test_another_version_is_not_clean(codec: Codec) -> None:
    for begin_string in ("FIX.4.2", "FIXT.1.1", "FIX.4.40"):
        assert not is_clean(codec, raw(begin_string=begin_string))


@pytest.mark.parametrize("tag", [8, 9, 35, 34, 49, 56, 52, 43])
def test_what_comes_twice_is_not_clean(codec: Codec, tag: int) -> None:
    again = {8: "FIX.4.4", 9: "70", 43: "N", **HEADER}[tag]
    extra = [(43, "N")] if tag == 43 else []
    assert not is_clean(codec, raw(None, (58, "x"), *extra, (tag, again)))


def test_session_messages_are_not_clean(codec: Codec) -> None:
    session = "01245A"
    for msg_type in [*map(chr, range(33, 124)), "AA", "UAB", "00", "\xe9"]:
        assert is_clean(codec, raw({35: msg_type})) is (msg_type not in session), msg_type
    types = frozenset(("8", "0", "\xe9"))
    assert is_clean(codec, raw(), msg_types=types)
    assert is_clean(codec, raw({35: "\xe9".encode().decode("latin-1")}), msg_types=types)
    assert not is_clean(codec, raw({35: "0"}), msg_types=types)
    assert not is_clean(codec, raw({35: "9"}), msg_types=types)


def test_the_window_of_sending_time_has_two_edges(codec: Codec) -> None:
    for time, clean in (
        ("20260302-10:02:00", True),
        ("20260302-10:02:00.000000001", False),
        ("20260302-09:58:00", True),
        ("20260302-09:57:59.999999999", False),
        ("16770921-00:12:43.145224192", False),
        ("22620411-23:47:16.854775807", False),
    ):
        assert is_clean(codec, raw({52: time})) is clean, time
        assert is_clean(codec, raw({52: time}), tolerance=None)
    assert is_clean(codec, raw(), tolerance=0)
    for tolerance in (-1, (1 << 62) + 1):
        with pytest.raises(ValueError, match="tolerance"):
            codec.HeaderCheck("FIX.4.4", "THEM", "US", tolerance=tolerance)


def test_a_fault_is_clean_unless_it_matters(codec: Codec) -> None:
    faulty = codec.StreamDecoder(validate=True)
    faulty.feed(raw())
    m = next(faulty)
    assert m.fault is not None
    assert codec.HeaderCheck("FIX.4.4", "THEM", "US").clean(m, 7, NOW)
    assert not codec.HeaderCheck("FIX.4.4", "THEM", "US", with_faults=False).clean(m, 7, NOW)
    m.detach()
    assert codec.HeaderCheck("FIX.4.4", "THEM", "US").clean(m, 7, NOW)


def test_comp_ids_of_any_bytes(codec: Codec) -> None:
    check = codec.HeaderCheck("FIX.4.4", "TH\udcffM", "\xfcs")
    data = raw({49: "TH\xffM", 56: "\xfcs".encode().decode("latin-1")})
    assert check.clean(codec.parse(data), 7, NOW)


def test_a_run_ends_at_the_first_other_item(codec: Codec) -> None:
    check = codec.HeaderCheck("FIX.4.4", "THEM", "US")
    decoder = codec.StreamDecoder()
    now = Now(0, NOW)
    assert check.take(decoder, b"", 7, now) == ([], b"", None)
    numbers = [7, 8, 9, 11, 12]
    stream = b"".join(raw({34: str(n)}) for n in numbers) + b"garbage\x01" + raw({34: "13"})
    run, data, item = check.take(decoder, stream[:-3], 7, now)
    assert [m.msg_seq_num for m in run] == [7, 8, 9]
    assert data == b"".join(raw({34: str(n)}) for n in (7, 8, 9))
    assert item.msg_seq_num == 11
    run, _, item = check.take(decoder, b"", 12, now)
    assert [m.msg_seq_num for m in run] == [12]
    assert isinstance(item, Garbled)
    assert check.take(decoder, b"", 13, now) == ([], b"", None)
    run, _, item = check.take(decoder, stream[-3:], 13, now)
    assert [m.msg_seq_num for m in run] == [13]
    assert item is None


def test_a_run_may_be_one_message_at_most(codec: Codec) -> None:
    check, decoder = codec.HeaderCheck("FIX.4.4", "THEM", "US", singly=True), codec.StreamDecoder()
    numbers, now = [7, 8, 10], Now(0, NOW)
    run, data, item = check.take(decoder, b"".join(raw({34: str(n)}) for n in numbers), 7, now)
    assert ([m.msg_seq_num for m in run], data, item) == ([7], raw({34: "7"}), None)
    run, data, item = check.take(decoder, b"", 8, now)
    assert ([m.msg_seq_num for m in run], data, item) == ([8], raw({34: "8"}), None)
    run, data, item = check.take(decoder, b"", 9, now)
    assert (run, data, item.msg_seq_num) == ([], b"", 10)
    assert check.take(decoder, b"", 9, now) == ([], b"", None)


def test_a_run_needs_bytes(codec: Codec) -> None:
    check, decoder = codec.HeaderCheck("FIX.4.4", "THEM", "US"), codec.StreamDecoder()
    with pytest.raises(TypeError):
        check.take(decoder, "text", 7, Now(0, NOW))


def test_joined_messages_are_their_bytes(codec: Codec) -> None:
    data = [raw({34: str(n)}) for n in range(50)]
    decoder = codec.StreamDecoder()
    decoder.feed(b"".join(data))
    messages = list(decoder)
    assert codec.joined([]) == b""
    assert codec.joined(messages) == b"".join(data)
    assert codec.joined(messages[3:4]) == data[3]
    assert codec.joined(messages[::-1]) == b"".join(data[::-1])
    messages[5].detach()
    assert codec.joined(messages) == b"".join(data)


@pytest.mark.slow
def test_both_say_the_same_of_mutated_headers(twins: tuple[Codec, Codec]) -> None:
    rng = random.Random(11)
    checks = [codec.HeaderCheck("FIX.4.4", "THEM", "US", tolerance=SECOND) for codec in twins]
    clean = 0
    for _ in range(20_000):
        fields = [(tag, value) for tag, value in HEADER.items() if tag != 35]
        fields.append((58, "text"))
        for _ in range(rng.choice((0, 0, 1, 2))):
            i = rng.randrange(len(fields))
            tag, value = fields[i]
            what = rng.randrange(4)
            if what == 0:
                del fields[i]
            elif what == 1:
                fields.insert(rng.randrange(len(fields) + 1), (rng.choice((tag, 9, 10, 35, 43, 60, 98)), value))
            elif what == 2:
                at = rng.randrange(len(value))
                fields[i] = (tag, value[:at] + rng.choice("0179.-YNTUS") + value[at + 1 :])
            else:
                fields[i] = (tag, value + rng.choice("0.5 "))
            if not fields:
                break
        rng.shuffle(fields)
        body = f"35={rng.choice('80A3')}|" + "".join(f"{tag}={value}|" for tag, value in fields)
        data = message(body)
        said = [check.clean(codec.parse(data), 7, NOW) for codec, check in zip(twins, checks, strict=True)]
        assert said[0] == said[1], data
        clean += said[0]
    assert clean > 1000
