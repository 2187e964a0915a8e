"""Compiled dictionaries as the codec takes them: whatever the bytes are, they are refused or safe to walk (row C13)."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import tracemalloc
from copy import copy
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from fixfast.dictionary.compile import HEADER_SIZE, compile_dictionary
from fixfast.dictionary.compiled import blob_of
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Code, Dictionary, Message
from fixfast.dictionary.validation import Fault, Validation
from fixfast.errors import DictionaryError
from tests.codec.support import Codec, message
from tests.dictionary.blobs import Blob, Node, field, group, member, model

pytest.importorskip("fixfast.codec.schema")

from fixfast.codec.schema import Schema

WORD = struct.Struct("=I")


@cache
def small() -> Dictionary:
    sides = tuple(Code(value, f"N{i}") for i, value in enumerate(["1", "2", "AB", "CD", "long"]))
    return model(
        Message(
            "D",
            "Order",
            "app",
            (
                member(11, True),
                group(453, member(448, True), member(54), group(802, member(523)), member(60)),
                member(54),
            ),
        ),
        Message("AE", "Report", "app", (group(33, member(58)), member(55))),
        fields=[field(54, "strings", codes=sides), field(60, "time")],
        header=[member(8, True), member(9, True), member(35, True), member(1128)],
        trailer=[member(10, True)],
        pairs={95: 96, 93: 89},
    )


@cache
def blob() -> bytes:
    return compile_dictionary(small())


def sealed(data: bytes) -> bytes:
    """Return the blob with the size and the digest that belong to it, so that the judge has to look inside."""
    return data[:8] + WORD.pack(len(data)) + sha256(data[HEADER_SIZE:]).digest() + data[44:]


def changed(*words: tuple[int, int]) -> bytes:
    """Return the small blob with these words (offset, value), sealed."""
    data = bytearray(blob())
    for at, value in words:
        WORD.pack_into(data, at, value & 0xFFFFFFFF)
    return sealed(bytes(data))


WALKED = [
    message("35=D|11=a|453=2|448=x|54=1 AB|802=2|523=a|9001=b|523=c|60=20260101-00:00:00|448=y|54=long|"),
    message("35=AE|33=2|58=a|58=b|55=c|453=1|448=x|0=1|96=z|"),
    message("35=ZZ|1128=9|58=x|33=1|"),
]


def walk(data: bytes) -> None:
    """Read groups and check messages by these bytes: nothing but an error of ours may come of it."""
    codec = Codec("compiled")
    carrier = copy(small())  # another dictionary, as far as the codec can tell
    with patch("fixfast.dictionary.compiled.blob_of", lambda source: data):
        for raw in WALKED:
            m = codec.parse(raw, dictionary=carrier)
            fault = m.validate(Validation())
            assert fault is None or isinstance(fault, Fault)
            m.body(nested=True)
            for tag in (453, 33, 11):
                for entry in m.group(tag):
                    list(entry)
                    for inner in entry.group(802):
                        list(inner)


def refusal(data: bytes) -> str:
    with pytest.raises(DictionaryError) as caught:
        Schema(data)
    assert caught.value.detail.startswith("compiled dictionary: ")
    return caught.value.detail.removeprefix("compiled dictionary: ")


# --- what is right ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standards_are_taken(version: str) -> None:
    data = compile_dictionary(load_dictionary(version))
    assert Schema(data).size == len(data) == Schema(blob_of(version)).size


def test_a_dictionary_of_nothing_is_taken() -> None:
    assert Schema(compile_dictionary(model())).size < 300


def test_any_buffer_is_taken_and_one_that_may_change_is_copied() -> None:
    data = bytearray(blob())
    odd = memoryview(b"x" + blob())[1:]  # not aligned
    schemas = [Schema(data), Schema(memoryview(data)), Schema(odd), Schema(memoryview(blob()))]
    data[:] = bytes(len(data))
    data.clear()  # nobody holds it
    assert [schema.size for schema in schemas] == [len(blob())] * 4
    for unfit in ("text", 5, None):
        with pytest.raises(TypeError):
            Schema(unfit)


def test_a_changed_buffer_does_not_change_what_was_checked() -> None:
    data = bytearray(blob())
    carrier = copy(small())
    codec = Codec("compiled")
    with patch("fixfast.dictionary.compiled.blob_of", lambda source: data):
        assert len(codec.parse(WALKED[0], dictionary=carrier).group(453)) == 2
        data[:] = b"\xff" * len(data)
        assert len(codec.parse(WALKED[0], dictionary=carrier).group(453)) == 2


# --- what is wrong ----------------------------------------------------------------------------------------------


def test_every_truncation_is_refused() -> None:
    for n in range(len(blob())):
        refusal(blob()[:n])
        if n >= HEADER_SIZE:
            refusal(sealed(blob()[:n]))


def test_what_is_too_long_is_refused() -> None:
    assert refusal(blob() + bytes(4)) == "not whole"
    assert refusal(blob() + b"\0") == "not the size of a compiled dictionary"


def test_a_damaged_byte_is_refused_by_the_digest() -> None:
    for at in range(12, len(blob()), 7):
        data = bytearray(blob())
        data[at] ^= 0x10
        refusal(bytes(data))


def test_other_formats_and_machines_are_refused() -> None:
    assert "another kind of machine" in refusal(blob()[3::-1] + blob()[4:])
    assert refusal(blob()[:4] + WORD.pack(2) + blob()[8:]) == "another version of the format"


def node_of(*path: int) -> Node:
    """Return the node of the order, or of a group in it."""
    read = Blob(blob())
    found = read.node(read.message_nodes()[b"D"])
    for tag in path:
        row = found.find(tag)
        assert row is not None
        found = read.node(row.child)
    return found


def row_at(node: Node, tag: int) -> int:
    """Return the offset of a member."""
    row = node.find(tag)
    assert row is not None
    return node.at + 16 + 4 * ((len(node.rows) + 31) // 32) + 16 * row.index


def broken_parts() -> dict[str, tuple[bytes, str]]:
    """Return what is broken, and what the judge says."""
    order, parties, subs = node_of(), node_of(453), node_of(453, 802)
    read = Blob(blob())
    party, sub, coded = row_at(order, 453), row_at(parties, 802), row_at(parties, 54)
    codes = WORD.unpack_from(blob(), coded + 12)[0]
    slots = subs.end - 2 * len(subs.slots)
    flags = WORD.unpack_from(blob(), party + 4)[0]
    fields, messages = 52, 44  # places in the header
    size = len(blob())
    one_slot = next(
        read.messages + 16 * i for i in range(read.message_mask + 1) if read.numbers(read.messages + 16 * i, "4I")[1]
    )
    return {
        "a group in itself": (changed((sub + 8, parties.at)), "parts overlap"),
        "a circle of two": (changed((row_at(subs, 523) + 8, parties.at)), "parts overlap"),
        "a message as a group": (changed((sub + 8, order.at)), "parts overlap"),
        "a group as a message": (changed((one_slot + 12, parties.at)), "where a group should be"),
        "a child outside": (changed((party + 8, size)), "lies outside"),
        "a child far outside": (changed((party + 8, 0xFFFFFFFC)), "lies outside"),
        "a child in the header": (changed((party + 8, 8)), "lies outside"),
        "a child between words": (changed((party + 8, parties.at + 2)), "lies outside"),
        "a child inside another": (changed((party + 8, parties.at + 4)), ""),
        "codes outside": (changed((coded + 12, size - 4)), "lies outside"),
        "codes that are a node": (changed((coded + 12, subs.at)), ""),
        "a table of codes without end": (changed((codes, 0xFFFFFFFF)), "lies outside"),
        "an odd table": (changed((codes, 2)), "no power of two"),
        "a wrong count of codes": (changed((codes + 4, 1)), "count of codes"),
        "a slot too far": (changed((slots, 0x00020001)), ""),
        "no empty slot": (changed((slots, 0x00010001)), "number is wrong"),
        "a node of 4097": (changed((parties.at + 4, 4097)), "counts are wrong"),
        "a node of 2**32 - 1": (
            changed((parties.at + 4, -1), (parties.at + 12, (2**32 + 30) // 32)),
            "counts are wrong",
        ),
        "a node without slots": (changed((parties.at, 0)), "counts are wrong"),
        "more words than members need": (changed((parties.at + 12, 2)), "counts are wrong"),
        "a delimiter that is no member": (changed((parties.at + 8, 9999)), "delimiter"),
        "a tag below 1": (changed((row_at(parties, 60), -5)), "a tag is not positive"),
        "an unknown kind": (changed((party + 4, flags | 0xFF000000)), "kind"),
        "an unknown section": (changed((party + 4, flags | 0x00030000)), "flags"),
        "a wrong index": (changed((party + 4, flags + 1)), "index"),
        "required and not flagged": (changed((order.at + 16, 0xFF)), "flagged"),
        "required beyond the members": (changed((parties.at + 16, 0x80000001)), "more is required"),
        "fields and messages in one place": (changed((messages, read.fields)), "parts overlap"),
        "a table of fields outside": (changed((fields + 4, 0x0FFFFFFF)), "lies outside"),
        "a table that is too large to count": (changed((fields + 4, 0xFFFFFFFF)), "lies outside"),
        "pairs out of order": (changed((read.pairs, 96)), "out of order"),
        "pairs outside": (changed((64, 0xFFFFFFFF)), "lies outside"),
        "a text outside": (changed((one_slot + 4, size)), "a text lies outside"),
        "no header": (changed((68, 0)), "lies outside"),
    }


@pytest.mark.parametrize("part", broken_parts())
def test_a_broken_part_is_refused(part: str) -> None:
    data, reason = broken_parts()[part]
    assert data != blob()
    assert reason in refusal(data)


def test_groups_nested_deeper_than_16_are_refused() -> None:
    """Made of two dictionaries, as the compiler refuses: the innermost group of 16 gets another one."""
    deepest = group(1016, member(1), member(2))
    for level in range(1015, 1000, -1):
        deepest = group(level, member(level + 1000), deepest)
    other = group(5001, group(5002, member(1)))
    data = compile_dictionary(model(Message("D", "Order", "app", (deepest, other))))
    read = Blob(data)
    top = read.node(read.message_nodes()[b"D"])
    inner = top
    for level in range(1001, 1017):
        row = inner.find(level)
        assert row is not None
        inner = read.node(row.child)
    single = top.find(5001)
    assert single is not None
    nested = read.node(single.child).find(5002)
    assert nested is not None
    assert Schema(data)
    for child, too_deep in ((0, False), (nested.child, True), (single.child, True)):
        changed_data = bytearray(data)
        WORD.pack_into(changed_data, row_at(inner, 2) + 8, child)
        if too_deep:
            assert "too deep" in refusal(sealed(bytes(changed_data)))
        else:
            assert Schema(sealed(bytes(changed_data)))


# --- what is random ---------------------------------------------------------------------------------------------


def test_every_word_of_a_small_dictionary_may_be_anything() -> None:
    """For each word some telling values: refused, or safe. A second reader must get through what is taken, too."""
    taken = 0
    for at in range(44, len(blob()), 4):
        word = WORD.unpack_from(blob(), at)[0]
        for value in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, word + 1, word - 1, word ^ 4, word << 1):
            data = changed((at, value))
            try:
                Schema(data)
            except DictionaryError:
                continue
            taken += 1
            assert sum(len(node.rows) for node in Blob(data).all_nodes()) < 100
            if taken % 10 == 0:
                walk(data)
    assert taken > 100, "texts and hashes may be anything: there must be something to walk"


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_in_a_real_dictionary_are_refused_or_safe(seed: int) -> None:
    rng = random.Random(seed)
    original = compile_dictionary(load_dictionary("FIX.4.0"))
    taken = refused = 0
    for _ in range(600):
        data = bytearray(original)
        for _ in range(rng.choice((1, 1, 2, 5))):
            data[rng.randrange(44, len(data))] ^= 1 << rng.randrange(8)
        try:
            Schema(sealed(bytes(data)))
        except DictionaryError:
            refused += 1
            continue
        taken += 1
        if taken % 5 == 0:
            walk(sealed(bytes(data)))
    assert taken > 20
    assert refused > 100


def test_random_bytes_are_refused() -> None:
    rng = random.Random(5)
    for n in (0, 1, 71, 72, 76, 400, 5000):
        for _ in range(20):
            refusal(rng.randbytes(n))
            if n >= HEADER_SIZE and n % 4 == 0:
                refusal(sealed(blob()[:12] + rng.randbytes(n - 12)))


# --- what it costs ----------------------------------------------------------------------------------------------


def test_all_nine_take_three_megabytes_of_shared_memory_and_next_to_none_besides() -> None:
    for version in VERSIONS:
        Schema(blob_of(version))  # imports what is imported
    tracemalloc.start()
    try:
        schemas = [Schema(blob_of(version)) for version in VERSIONS]
        private, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    mapped = sum(schema.size for schema in schemas)
    assert 2_000_000 < mapped < 3_000_000
    assert private < 9 * 2_000, "they are mapped: the pages are the file's, shared by all processes"
    assert peak < 50_000


@pytest.mark.parametrize(
    "read", ["m.group(268)", "m.body(nested=True)", "m.validate()"], ids=["group", "nested body", "validation"]
)
def test_the_compiled_dictionary_is_all_that_is_loaded(read: str) -> None:
    """No model is built, no reader of XML imported: the first group takes 5 ms instead of 30."""
    code = f"""
import sys, fixfast
m = fixfast.parse({message("35=W|55=x|268=1|269=0|270=1|")!r})
{read}
print(*(name for name in ("fixfast.dictionary.model", "fixfast.dictionary.load") if name in sys.modules))
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_it_is_one_schema_for_all_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary is compiled when it is first needed, once."""
    calls: list[object] = []

    def noted(source: Dictionary) -> Any:
        calls.append(source)
        return blob_of(source)

    monkeypatch.setattr("fixfast.dictionary.compiled.blob_of", noted)
    codec = Codec("compiled")
    carrier = copy(small())
    messages = [codec.parse(raw, dictionary=carrier) for raw in WALKED * 3]
    assert calls == []
    for m in messages:
        m.group(453)
        m.group(33)
    assert calls == [carrier]
