"""Invariant: damaged bytes are never taken for a message, never crash, and both implementations judge them the same.

The differential test runs FIXFAST_DIFF_ROUNDS rounds (20,000) from FIXFAST_DIFF_SEED; a failure prints what repeats it.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from fixfast.errors import FixfastError
from fixfast.types import GarbledReason
from tests.codec.mutate import chunks, damaged_round
from tests.codec.samples import SAMPLES
from tests.codec.support import Codec, decode, parsed

ROUNDS = int(os.environ.get("FIXFAST_DIFF_ROUNDS", "20000"))
SEED = int(os.environ.get("FIXFAST_DIFF_SEED", "20240102"))
BLOCKS = 10

TELLING = b"\x01=0958-.AX|\x00\x7f\x80\xff"

samples = pytest.mark.parametrize("name", SAMPLES)


# --- cut at every byte ----------------------------------------------------------------------------------------


@samples
def test_f07_every_beginning_of_a_message_is_truncated(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    for i in range(len(raw)):
        assert parsed(codec, raw[:i]) == ("garbled", GarbledReason.TRUNCATED, i)
        # the same where bytes of the rest lie right behind
        assert parsed(codec, memoryview(raw)[:i]) == ("garbled", GarbledReason.TRUNCATED, i)


@samples
def test_f07_a_decoder_gives_nothing_before_the_last_byte(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    decoder = codec.StreamDecoder()
    for i in range(len(raw) - 1):
        decoder.feed(raw[i : i + 1])
        assert list(decoder) == [], f"after {i + 1} bytes"
    decoder.feed(raw[-1:])
    assert [m.raw for m in decoder] == [raw]
    assert decoder.skipped == 0


@samples
def test_no_end_of_a_message_is_a_message(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    for i in range(1, len(raw)):
        assert parsed(codec, raw[i:])[0] == "garbled"


@samples
def test_a_message_cut_short_does_not_hide_the_ones_behind_it_for_long(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    following = SAMPLES["heartbeat"] * (len(raw) // len(SAMPLES["heartbeat"]) + 3)
    for i in range(1, len(raw)):
        items, _ = decode(codec, [raw[:i] + following])
        found = [item for item in items if item[0] == "message"]
        assert found
        assert all(item[1] == SAMPLES["heartbeat"] for item in found)


# --- every byte changed ---------------------------------------------------------------------------------------


@samples
def test_f03_a_message_with_one_wrong_byte_is_never_accepted(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    for i in range(len(raw)):
        for value in {*TELLING, raw[i] ^ 1, (raw[i] + 1) % 256} - {raw[i]}:
            damaged = raw[:i] + bytes([value]) + raw[i + 1 :]
            assert parsed(codec, damaged)[0] == "garbled", f"byte {i} = {value}"


@samples
def test_a_wrong_byte_loses_no_message_but_its_own(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    good = SAMPLES["heartbeat"]
    following = good * (1000 // len(good) + 2)
    for i in range(len(raw)):
        damaged = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]
        items, _ = decode(codec, [good + damaged + following])
        found = [item[1] for item in items if item[0] == "message"]
        # a message in a data field is found when its outer one fails; a damaged BodyLength may claim all that follows
        assert set(found) <= {good} or name == "data fields"
        assert found[0] == good
        if not raw[:i].endswith(b"\x019=") and b"\x019=" not in raw[max(0, i - 5) : i]:
            assert found.count(good) >= following.count(good)


@samples
def test_a_byte_left_out_or_put_in_is_never_accepted(codec: Codec, name: str) -> None:
    raw = SAMPLES[name]
    for i in range(len(raw)):
        assert parsed(codec, raw[:i] + raw[i + 1 :])[0] == "garbled"
        for value in b"\x01=0x":
            longer = raw[:i] + bytes([value]) + raw[i:]
            assert parsed(codec, longer)[0] == "garbled", f"{value} at {i}"


# --- both implementations agree -------------------------------------------------------------------------------


def values_of(codec: Codec, raw: bytes, deep: bool) -> list[Any]:
    """Return what every accessor makes of every field of a message, errors included.

    Args: deep: by the dictionary too (slow).
    """
    m = codec.parse(raw)
    seen: list[Any] = [m.raw, len(m), m.body(), m.poss_dup, m.poss_resend, m.appl_ver_id, m.msg_type, m.begin_string]
    for tag in dict.fromkeys(tag for tag, _ in m):
        seen.append(m.all(tag))
        for read in (m.bytes, m.int, m.float, m.decimal, m.bool, m.time_ns, m.datetime, lambda t: m.scaled(t, 5)):
            try:
                value = read(tag)
                seen.append((type(value), str(value)))
            except FixfastError as error:
                seen.append((type(error), getattr(error, "tag", None), getattr(error, "value", None)))
    deep = deep and m.begin_string == "FIX.4.4"
    if deep:
        seen += [m.body(nested=True), m.pretty(), m.to_dict(), str(m)]
    for count, delimiter in ((453, 448), (268, 269), (802, 523), (33, 58)):
        seen.append(entries_of(m.groups(count, delimiter=delimiter)))
        if deep:
            seen.append(entries_of(m.group(count)))
    return seen


def entries_of(group: Any) -> list[Any]:
    """Return the fields of the entries and of the groups in them."""
    return [
        (list(entry), entries_of(entry.group(802)), entries_of(entry.groups(802, delimiter=523))) for entry in group
    ]


def compare(twins: tuple[Codec, Codec], damaged: bytes, stream: bytes, random: Random) -> None:
    reference, compiled = twins
    expected = parsed(reference, damaged)
    assert parsed(compiled, damaged) == expected
    if expected[0] == "message":
        deep = random.random() < 0.2
        assert values_of(compiled, damaged, deep) == values_of(reference, damaged, deep)
    items = decode(reference, [stream], max_message_size=4096)
    assert decode(compiled, [stream], max_message_size=4096) == items
    assert decode(compiled, chunks(stream, random), max_message_size=4096) == items


@pytest.mark.parametrize("block", range(BLOCKS))
def test_both_implementations_judge_damage_the_same(twins: tuple[Codec, Codec], block: int) -> None:
    pool = list(SAMPLES.values())
    accepted = 0
    for i in range(block, ROUNDS, BLOCKS):
        damaged, stream, random = damaged_round(pool, SEED, i)
        try:
            compare(twins, damaged, stream, random)
        except BaseException:
            print(f"FIXFAST_DIFF_SEED={SEED}, round {i}:\nmessage {damaged!r}\nstream {stream!r}")  # noqa: T201
            raise
        accepted += parsed(twins[0], damaged)[0] == "message"
    # the test is worth its time only if both outcomes are common
    assert ROUNDS < 1000 or ROUNDS // BLOCKS // 10 < accepted < ROUNDS // BLOCKS
