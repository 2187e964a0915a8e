"""A second reader of compiled dictionaries, after codec/schema.h alone; and small dictionaries to compile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import calcsize, unpack_from
from typing import Any

from fixfast.dictionary.model import Dictionary, Field, FieldRef, Group, GroupRef, Index, Kind, Member, Message

__all__ = ["Blob", "Node", "Row", "field", "group", "member", "model"]

SECTIONS = ("header", "body", "trailer")


@dataclass(frozen=True)
class Row:
    """A member. `child` and `codes` are offsets, 0: none."""

    tag: int
    index: int
    section: str
    required: bool
    kind: int
    child: int
    codes: int


@dataclass(frozen=True)
class Node:
    at: int
    end: int
    delimiter: int
    required: frozenset[int]  # indexes
    rows: tuple[Row, ...]
    slots: tuple[int, ...]

    def find(self, tag: int) -> Row | None:
        slot = tag_hash(tag) & (len(self.slots) - 1)
        while self.slots[slot]:
            row = self.rows[self.slots[slot] - 1]
            if row.tag == tag:
                return row
            slot = (slot + 1) % len(self.slots)
        return None


class Blob:
    """Every access is checked by Python: reading outside raises struct.error."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.magic, self.format, self.size = self.numbers(0, "3I")
        self.digest = data[12:44]
        self.header_size = 72
        self.messages, self.message_mask, self.fields, self.field_mask, self.pairs, self.pair_count, self.common = (
            self.numbers(44, "7I")
        )

    def numbers(self, at: int, form: str) -> tuple[Any, ...]:
        assert at % 4 == 0
        return unpack_from(f"={form}", self.data, at)

    def text(self, at: int, length: int) -> bytes:
        assert at % 4 == 0
        assert at + length <= len(self.data)
        return self.data[at : at + length]

    def node(self, at: int) -> Node:
        mask, count, delimiter, words = self.numbers(at, "2IiI")
        assert words == (count + 31) // 32
        bits = self.numbers(at + 16, f"{words}I")
        start = at + 16 + 4 * words
        rows = []
        for i in range(count):
            tag, index, flags, kind, child, codes = self.numbers(start + 16 * i, "iHBBII")
            rows.append(Row(tag, index, SECTIONS[flags & 3], bool(flags & 4), kind, child, codes))
        required = frozenset(i for i in range(32 * words) if bits[i // 32] >> i % 32 & 1)
        slots = self.numbers(start + 16 * count, f"{mask + 1}H")
        return Node(at, start + 16 * count + 2 * (mask + 1), delimiter, required, tuple(rows), slots)

    def message_nodes(self) -> dict[bytes, int]:
        """Return {MsgType: node}, found by going through the table; see `message` for finding one by its hash."""
        return {
            self.text(text, length): node
            for text, length, _, node in (
                self.numbers(self.messages + 16 * slot, "4I") for slot in range(self.message_mask + 1)
            )
            if length
        }

    def message(self, msg_type: bytes) -> int | None:
        code = text_hash(msg_type)
        slot = code & self.message_mask
        while True:
            text, length, found, node = self.numbers(self.messages + 16 * slot, "4I")
            if not length:
                return None
            if found == code and self.text(text, length) == msg_type:
                return int(node)
            slot = slot + 1 & self.message_mask

    def field(self, tag: int) -> tuple[int, int] | None:
        """Return kind and codes."""
        slot = tag_hash(tag) & self.field_mask
        while True:
            found, kind, codes = self.numbers(self.fields + 12 * slot, "iII")
            if not found:
                return None
            if found == tag:
                return kind, codes
            slot = slot + 1 & self.field_mask

    def field_tags(self) -> set[int]:
        tags = (self.numbers(self.fields + 12 * slot, "i")[0] for slot in range(self.field_mask + 1))
        return {tag for tag in tags if tag}

    def codes(self, at: int) -> set[bytes]:
        mask, count, *single = self.numbers(at, "10I")
        found = {bytes([i]) for i in range(256) if single[i // 32] >> i % 32 & 1}
        longer = [self.numbers(at + 40 + 12 * slot, "3I") for slot in range(mask + 1)]
        texts = [self.text(text, length) for text, length, _ in longer if length]
        assert len(texts) == len(set(texts)) == count
        assert 2 * count <= mask + 1
        for text in texts:
            slot = text_hash(text) & mask
            while self.text(*longer[slot][:2]) != text:
                assert longer[slot][1], "not found by its hash"
                slot = slot + 1 & mask
        return found | set(texts)

    def pair_list(self) -> list[tuple[int, int]]:
        flat = self.numbers(self.pairs, f"{2 * self.pair_count}i")
        return list(zip(flat[::2], flat[1::2], strict=True))

    def all_nodes(self) -> Iterator[Node]:
        """Every node once; depth first."""
        seen: set[int] = set()
        left = [self.common, *self.message_nodes().values()]
        while left:
            at = left.pop()
            if at not in seen:
                seen.add(at)
                node = self.node(at)
                left += [row.child for row in node.rows if row.child]
                yield node


def tag_hash(tag: int) -> int:
    return (tag * 0x9E3779B1 & 0xFFFFFFFF) >> 16


def text_hash(text: bytes) -> int:
    code = 0x811C9DC5
    for byte in text:
        code = (code ^ byte) * 0x01000193 & 0xFFFFFFFF
    return code


assert calcsize("=iHBBII") == 16


# --- dictionaries made by hand ----------------------------------------------------------------------------------


def field(tag: int, kind: Kind = "str", **more: Any) -> Field:
    return Field(tag, f"F{tag}", "STRING", kind=kind, **more)


def member(tag: int, required: bool = False) -> FieldRef:
    return FieldRef(field(tag), required)


def group(tag: int, *members: Member, required: bool = False) -> GroupRef:
    return GroupRef(Group(field(tag, "uint"), members), required)


def model(
    *messages: Message,
    fields: Sequence[Field] = (),
    header: Sequence[Member] = (),
    trailer: Sequence[Member] = (),
    pairs: dict[int, int] | None = None,
) -> Dictionary:
    """Return a dictionary; fields that are members come by themselves, `fields` are those with more to say."""
    known: dict[int, Field] = {}

    def learn(members: Sequence[Member]) -> None:
        for item in members:
            assert isinstance(item, FieldRef | GroupRef)
            if isinstance(item, GroupRef):
                known.setdefault(item.tag, item.group.field)
                learn(item.group.members)
            else:
                known.setdefault(item.tag, item.field)

    for members in (header, trailer, *(message.members for message in messages)):
        learn(members)
    known |= {item.tag: item for item in fields}
    return Dictionary(
        version="FIX.4.4",
        begin_string="FIX.4.4",
        fields=Index(known, {item.name: item for item in known.values()}),
        messages=Index({m.msg_type: m for m in messages}, {m.name: m for m in messages}),
        components={},
        header=tuple(header),
        trailer=tuple(trailer),
        data_pairs=pairs or {},
    )
