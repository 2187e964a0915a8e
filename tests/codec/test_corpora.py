"""Real logs: every message is found, and both implementations read the same fields.

They are read from FIXFAST_CORPORA, or from `shared/corpora` beside the project.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.codec.support import Codec, decode, wire_fields

FOLDER = Path(os.environ.get("FIXFAST_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")

MARKET_DATA = "fix50-marketdata.fix"
ORDERS = "fix50-orders.fix"


def corpus(name: str) -> bytes:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no {name} in ../shared/corpora; FIXFAST_CORPORA names another folder")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "types"),
    [(MARKET_DATA, {"X": 11_365, "0": 2_523}), (ORDERS, {"A": 16, "0": 18, "D": 15, "5": 14, "1": 1, "2": 1})],
)
def test_every_message_of_a_real_log_is_found(codec: Codec, name: str, types: dict[str, int]) -> None:
    data = corpus(name)
    decoder = codec.StreamDecoder()
    found: Counter[str] = Counter()
    for i in range(0, len(data), 65536):
        decoder.feed(data[i : i + 65536])
        found.update(item.msg_type for item in decoder)
    assert found == types
    assert decoder.skipped == 0


@pytest.mark.parametrize("name", [MARKET_DATA, ORDERS])
@pytest.mark.parametrize("size", [1000, 65536])
def test_both_implementations_read_the_same_fields(twins: tuple[Codec, Codec], name: str, size: int) -> None:
    reference, compiled = twins
    data = corpus(name)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert decode(compiled, pieces) == decode(reference, pieces)


def test_groups_of_a_real_feed_are_read_the_same(twins: tuple[Codec, Codec]) -> None:
    data = corpus(MARKET_DATA)[:200_000]
    seen = []
    for codec in twins:
        decoder = codec.StreamDecoder()
        decoder.feed(data)
        updates = [m for m in decoder if m.msg_type == "X"]
        assert [len(m.group(268)) for m in updates] == [m.int(268) for m in updates]
        seen.append([[wire_fields(entry) for entry in m.group(268)] for m in updates])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 331


def test_a_message_of_a_real_log_is_encoded_as_it_was(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    decoder.feed(corpus(ORDERS))
    for m in decoder:
        fields = [(tag, value) for tag, value in m if tag not in (8, 9, 35, 10)]
        assert codec.encode(m.begin_string, m.msg_type, fields) == m.raw
