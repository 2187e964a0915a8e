"""The compiler of dictionaries: from the model to the block of bytes ("blob") that the codec reads.

`codec/schema.h` is the specification of these bytes: one position-independent block without pointers. The same compiler
serves the build, which ships a blob for each of the standard's versions, and programs that bring a dictionary of
their own. The result is a function of the model alone, byte for byte.

Every text, code set and group is in it once, however many messages use it: without that, FIX 5.0 SP2 would be 60 times
as large.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import NoReturn, TypeAlias, get_args

from fixfast.dictionary.blob import FORMAT, HEADER, HEADER_SIZE, MAGIC
from fixfast.dictionary.model import Component, ComponentRef, Dictionary, Field, Group, GroupRef, Kind, Member
from fixfast.errors import DictionaryError

__all__ = ["COMPILER", "HEADER_SIZE", "MAX_DEPTH", "MAX_MEMBERS", "compile_dictionary"]

#: To be raised when the same model comes to give other bytes, so that no cache hands out what an older compiler made.
COMPILER = 1
#: Groups in groups, and members of one message or group (FF_SCHEMA_DEPTH, FF_SCHEMA_MEMBERS).
MAX_DEPTH = 16
MAX_MEMBERS = 4096

_KINDS: Mapping[str, int] = MappingProxyType({kind: number for number, kind in enumerate(get_args(Kind))})
_LITTLE = sys.byteorder == "little"
#: The second word of a member in memory: 16 bits of index, 8 of flags, 8 of kind.
_INDEX, _FLAG, _KIND = (1, 1 << 16, 1 << 24) if _LITTLE else (1 << 16, 1 << 8, 1)
_HEADER_SECTION, _BODY_SECTION, _TRAILER_SECTION, _REQUIRED = 0 * _FLAG, 1 * _FLAG, 2 * _FLAG, 4 * _FLAG
_SECTIONS = 3 * _FLAG
_MAX_TAG = 2**31 - 1

#: A member: tag, flags and kind, child, codes. Its index is added where its place is known.
_Row: TypeAlias = tuple[int, int, int, int]
_Rows: TypeAlias = dict[int, _Row]


def compile_dictionary(dictionary: Dictionary) -> bytes:
    """Return the dictionary as the bytes that `fixfast.codec.schema.Schema` reads.

    Raises:
        DictionaryError: more than the format holds - groups nested deeper than `MAX_DEPTH`, more than `MAX_MEMBERS`
            members in one message or group - or what cannot be on the wire: a tag that is not 1 to 2**31 - 1, an
            empty MsgType, a member that is not a field of the dictionary, an empty group.
    """
    return _Compiler(dictionary).blob()


class _Compiler:
    """One run. The blob grows at its end, each part after those it points to, so that every offset is known."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.out = bytearray(HEADER_SIZE)
        self.texts: dict[bytes, tuple[int, int, int]] = {}  # where it is, its length, its hash
        self.parts: dict[bytes, int] = {}  # nodes and code sets: equal ones are one
        self.fields: dict[int, tuple[int, int]] = {}  # tag -> kind, codes
        self.hashes: dict[int, int] = {}  # tag -> ff_tag_hash
        self.levels: dict[int, int] = {}  # node of a group -> levels of groups, itself one
        # By identity; the dictionary keeps them alive.
        self.groups: dict[int, int] = {}  # nodes
        self.components: dict[tuple[int, bool], _Rows] = {}

    def blob(self) -> bytes:
        dictionary = self.dictionary
        for tag in dictionary.fields:
            self._field(dictionary.fields[tag])
        field_mask, fields = self._field_table()
        pairs = [tag for pair in sorted(dictionary.data_pairs.items()) for tag in pair]
        pairs_at = self._put(array("i", pairs).tobytes())
        header = self._section(dictionary.header, "header", _HEADER_SECTION)
        trailer = self._section(dictionary.trailer, "trailer", _TRAILER_SECTION)
        common = self._node(_first_wins(header, trailer), "header and trailer")
        nodes = {}
        for msg_type in dictionary.messages:
            message = dictionary.messages[msg_type]
            body = self._rows(message.members, message.name)
            nodes[message.msg_type] = self._node(_first_wins(header, body, trailer), message.name)
        message_mask, messages = self._message_table(nodes)
        size = len(self.out)
        digest = sha256(memoryview(self.out)[HEADER_SIZE:]).digest()
        numbers = (messages, message_mask, fields, field_mask, pairs_at, len(pairs) // 2, common)
        HEADER.pack_into(self.out, 0, MAGIC, FORMAT, size, digest, *numbers)
        return bytes(self.out)

    # --- fields and codes ------------------------------------------------------------------------------------

    def _field(self, field: Field) -> None:
        if not 0 < field.tag <= _MAX_TAG:
            self._fail(f"field {field.name} has the tag {field.tag}")
        # Y and N are the form of a Boolean; of a field that is open, no value is wrong.
        codes = 0 if field.open or field.kind == "bool" else self._codes(field)
        self.fields[field.tag] = _KINDS[field.kind], codes
        self.hashes[field.tag] = (field.tag * 0x9E3779B1 & 0xFFFFFFFF) >> 16

    def _codes(self, field: Field) -> int:
        values = [self._bytes(code.value, field.name) for code in field.codes if code.value]
        if not values:
            return 0
        single = [0] * 8
        for value in values:
            if len(value) == 1:
                single[value[0] >> 5] |= 1 << (value[0] & 31)
        longer = [self._text(value) for value in dict.fromkeys(values) if len(value) > 1]
        mask, table = _hashed([(text[2], text) for text in longer], 3, 1)
        return self._part([mask, len(longer), *single, *table])

    def _field_table(self) -> tuple[int, int]:
        rows = [(self.hashes[tag], (tag, *content)) for tag, content in self.fields.items()]
        mask, table = _hashed(rows, 3, 0)
        return mask, self._put(array("I", table).tobytes())

    def _message_table(self, nodes: Mapping[str, int]) -> tuple[int, int]:
        rows = []
        for msg_type, node in nodes.items():
            if not msg_type:
                self._fail("a message has an empty MsgType")
            text = self._text(self._bytes(msg_type, "MsgType"))
            rows.append((text[2], (*text, node)))
        mask, table = _hashed(rows, 4, 1)
        return mask, self._put(array("I", table).tobytes())

    # --- members ---------------------------------------------------------------------------------------------

    def _section(self, members: Iterable[Member], owner: str, section: int) -> _Rows:
        rows = self._rows(members, owner)
        return {tag: (tag, row[1] & ~_SECTIONS | section, *row[2:]) for tag, row in rows.items()}

    def _rows(self, members: Iterable[Member], owner: str) -> _Rows:
        """Return the members by tag, components expanded; of a tag that is there twice the first counts."""
        rows: _Rows = {}
        for member in members:
            if isinstance(member, ComponentRef):
                for tag, row in self._component(member.component, member.required).items():
                    rows.setdefault(tag, row)
                continue
            tag = member.tag
            if tag in rows:
                continue
            if tag not in self.fields:
                self._fail(f"{member.name} ({tag}) in {owner} is not a field of the dictionary")
            kind, codes = self.fields[tag]
            child = self._group(member.group, owner) if isinstance(member, GroupRef) else 0
            flags = _BODY_SECTION | _REQUIRED if member.required else _BODY_SECTION
            rows[tag] = tag, flags | kind * _KIND, child, codes
        return rows

    def _component(self, component: Component, required: bool) -> _Rows:
        # PERF: a component is expanded once, not once for each owner: FIX 5.0 SP2 takes 43 instead of 64 ms.
        rows = self.components.get((id(component), required))
        if rows is None:
            rows = self._rows(component.members, component.name)
            if not required:
                rows = {tag: (tag, row[1] & ~_REQUIRED, *row[2:]) for tag, row in rows.items()}
            self.components[id(component), required] = rows
        return rows

    def _group(self, group: Group, owner: str) -> int:
        found = self.groups.get(id(group))
        if found is None:
            name = f"{owner} > {group.field.name}"
            rows = self._rows(group.members, name)
            if not rows:
                self._fail(f"group {name} has no members")
            node = self._node(rows, name, delimiter=next(iter(rows)))
            levels = 1 + max((self.levels[row[2]] for row in rows.values() if row[2]), default=0)
            if levels > MAX_DEPTH:
                self._fail(f"groups in {name} are nested deeper than {MAX_DEPTH} levels")
            self.levels[node] = levels
            found = self.groups[id(group)] = node
        return found

    def _node(self, rows: _Rows, owner: str, delimiter: int = 0) -> int:
        count = len(rows)
        if count > MAX_MEMBERS:
            self._fail(f"{owner} has {count} members, more than {MAX_MEMBERS}")
        required = 0
        members: list[int] = []
        mask = max(2, 1 << (2 * count - 1).bit_length()) - 1 if count else 1
        slots = array("H", bytes(2 * (mask + 1)))
        for number, (tag, bits, child, codes) in enumerate(rows.values(), start=1):
            members += tag, bits + (number - 1) * _INDEX, child, codes
            if bits & _REQUIRED:
                required |= 1 << number - 1
            slot = self.hashes[tag] & mask
            while slots[slot]:
                slot = slot + 1 & mask
            slots[slot] = number
        words = [required >> shift & 0xFFFFFFFF for shift in range(0, count, 32)]
        return self._part([mask, count, delimiter, len(words), *words, *members, *array("I", slots.tobytes())])

    # --- bytes -----------------------------------------------------------------------------------------------

    def _part(self, words: list[int]) -> int:
        data = array("I", words).tobytes()
        found = self.parts.get(data)
        if found is None:
            found = self.parts[data] = self._put(data)
        return found

    def _put(self, data: bytes) -> int:
        at = len(self.out)
        if at + len(data) > _MAX_TAG:
            self._fail("more than 2 GiB")
        self.out += data
        self.out += bytes(-len(data) % 4)
        return at

    def _text(self, value: bytes) -> tuple[int, int, int]:
        found = self.texts.get(value)
        if found is None:
            code = 0x811C9DC5
            for byte in value:
                code = (code ^ byte) * 0x01000193 & 0xFFFFFFFF
            found = self.texts[value] = self._put(value), len(value), code
        return found

    def _bytes(self, text: str, owner: str) -> bytes:
        try:
            return text.encode("utf-8", "surrogateescape")  # as messages are decoded
        except UnicodeEncodeError:
            self._fail(f"{owner}: {text!r} cannot be on the wire")

    def _fail(self, detail: str) -> NoReturn:
        raise DictionaryError(detail, self.dictionary.version)


def _first_wins(*sections: _Rows) -> _Rows:
    """Return all of them in order; where two have a tag, the first one's row."""
    rows: _Rows = {}
    for section in sections:
        rows |= section  # the order of first appearance
    for section in reversed(sections):
        rows |= section
    return rows


def _hashed(rows: Sequence[tuple[int, tuple[int, ...]]], width: int, used: int) -> tuple[int, list[int]]:
    """Return the mask and the words of a hash table, probed linearly, at most half full.

    Args: rows: (hash, words). width: words of a row. used: which of them is never 0 in a row.
    """
    mask = (1 << (2 * len(rows) - 1).bit_length()) - 1 if rows else 0
    table = [0] * (width * (mask + 1))
    for code, words in rows:
        slot = code & mask
        while table[slot * width + used]:
            slot = slot + 1 & mask
        table[slot * width : (slot + 1) * width] = words
    return mask, table
