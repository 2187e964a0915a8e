"""Messages out of a dictionary: random ones that are right in every respect, and single changes to them.

Right means: required members there, some optional ones, in the dictionary's order, groups with as many entries as they
announce, every value of its type and in its code set. What a reader could not tell apart is left out: a member of the
message behind a group whose entries have the same tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.dictionary.model import Dictionary, Field, FlatMember, GroupRef, first_wins, flatten
from tests.codec.values import BAD_VALUES, GOOD_VALUES

__all__ = ["Conflict", "Fields", "Generator", "changed", "framed"]

#: (tag, value) in the order of the wire, without 8, 9, 35 and 10
Fields = list[tuple[int, bytes]]

#: Stay out: it cannot be read (7), or decides what the rest means.
_LEFT_OUT = frozenset({8, 9, 35, 10, 90, 91, 1128})


class Conflict(Exception):
    """A member has to stand where a group takes it for its own, and neither can go. Has the group's count tag."""

    def __init__(self, count_tag: int) -> None:
        super().__init__(count_tag)
        self.count_tag = count_tag


@dataclass
class Generator:
    """Makes messages of one dictionary.

    Args: share: of the optional members that are taken, 0 to 1. most: fields from which on no more are taken.
    """

    dictionary: Dictionary
    random: Random
    share: float = 0.3
    most: int = 120
    _banned: set[int] = field(default_factory=set)

    def message(self, msg_type: str) -> bytes:
        """Return a whole message."""
        return framed(self.dictionary.begin_string, msg_type, self.fields(msg_type))

    def fields(self, msg_type: str) -> Fields:
        """Return the fields of one."""
        self._banned = set()
        while True:
            try:
                wire = _Wire(frozenset(self.dictionary.members(msg_type)))
                self._members(wire, self.dictionary.members(msg_type).values(), 0)
            except Conflict as conflict:
                if conflict.count_tag in self._banned:
                    raise
                self._banned.add(conflict.count_tag)
                continue
            return self._with_lengths(wire.fields)

    def _members(self, wire: _Wire, members: Iterable[FlatMember], depth: int, first: bool = False) -> None:
        for member in members:
            if member.tag in _LEFT_OUT:
                continue
            wanted = self.random.random() < self.share and len(wire.fields) < self.most
            if not (member.required or first or wanted) or (member.tag in self._banned and not first):
                continue
            if isinstance(member, GroupRef):
                self._group(wire, member, depth, needed=first or member.required)
            elif wire.takes(member.tag, depth, needed=first or member.required):
                wire.add(member.tag, self.value(member.field), depth)
            first = False

    def _group(self, wire: _Wire, member: GroupRef, depth: int, needed: bool) -> None:
        if not wire.takes(member.tag, depth, needed):
            return
        members = first_wins(flatten(member.group.members))
        codes = [int(code.value) for code in member.group.field.codes]  # FIX 4.4: NoSides is 1 or 2
        entries = self.random.choice(codes or (1, 1, 2, 3)) if len(wire.fields) < self.most else (codes or [1])[0]
        wire.add(member.tag, b"%d" % entries, depth)
        wire.enter(member.tag, frozenset(inner.tag for inner in members))
        for _ in range(entries):
            self._members(wire, members, depth + 1, first=True)

    def value(self, definition: Field) -> bytes:
        """Return a right value of a field."""
        codes = [code.value for code in definition.codes if code.value]
        if not codes or definition.kind == "bool":
            return self.random.choice(GOOD_VALUES[definition.kind]).encode()
        if definition.kind in ("chars", "strings"):
            return " ".join(self.random.choices(codes, k=self.random.choice((1, 1, 2, 3)))).encode()
        return self.random.choice(codes).encode()

    def _with_lengths(self, fields: Fields) -> Fields:
        """Give length fields in front of their data the right value, and the data an SOH now and then."""
        pairs = {**DATA_PAIRS, **self.dictionary.data_pairs}
        for i in range(1, len(fields)):
            tag, value = fields[i]
            if pairs.get(fields[i - 1][0]) == tag:
                if self.dictionary.fields[tag].kind == "data":
                    value += self.random.choice((b"", b"\x01", b"\x0110=000\x01"))
                fields[i] = tag, value
                fields[i - 1] = fields[i - 1][0], b"%d" % len(value)
        return fields


class _Wire:
    """Fields as a reader of them sees the levels that are open."""

    def __init__(self, top: frozenset[int]) -> None:
        self.fields: Fields = []
        self.open: list[tuple[int, frozenset[int]]] = [(0, top)]

    def takes(self, tag: int, depth: int, needed: bool) -> bool:
        """Tell whether a tag would be read at this depth. Raises: Conflict: it would not, but has to be there."""
        inner = next((count for count, tags in reversed(self.open[depth + 1 :]) if tag in tags), 0)
        if inner and needed:
            raise Conflict(inner)
        return not inner

    def add(self, tag: int, value: bytes, depth: int) -> None:
        del self.open[depth + 1 :]
        self.fields.append((tag, value))

    def enter(self, count_tag: int, tags: frozenset[int]) -> None:
        self.open.append((count_tag, tags))


def framed(begin_string: str, msg_type: str, fields: Fields) -> bytes:
    """Return a whole message around these fields."""
    body = b"".join(b"%d=%b\x01" % one for one in [(35, msg_type.encode()), *fields])
    data = b"8=%b\x019=%d\x01%b" % (begin_string.encode(), len(body), body)
    return data + b"10=%03d\x01" % (sum(data) % 256)


def changed(fields: Fields, tags: list[int], random: Random) -> Fields:
    """Return the fields with one change: dropped, repeated, swapped, another tag, another value, another count.

    Args: tags: that a field may get, in place of its own.
    """
    fields = list(fields)
    at, other = random.randrange(len(fields)), random.randrange(len(fields))
    tag, value = fields[at]
    kind = random.randrange(8)
    if kind == 0:
        del fields[at]
    elif kind == 1:
        fields.insert(random.choice((at, other)), (tag, value))
    elif kind == 2:
        fields[at], fields[other] = fields[other], fields[at]
    elif kind == 3:
        fields[at] = random.choice((*tags, 0, -1, 999, 4999, 5000, 20000, fields[other][0])), value
    elif kind == 4:
        fields.insert(at, (random.choice((*tags, 5000)), value))
    elif kind == 5:
        fields[at] = tag, b""
    elif kind == 6:
        values = random.choice(list(BAD_VALUES.values()) + list(GOOD_VALUES.values()))
        fields[at] = tag, random.choice(values).encode()
    elif value.isdigit():
        fields[at] = (
            tag,
            random.choice(
                (b"0", b"1", b"4", b"-1", b"01", b"99999999999999999999999", b"x", b"%d" % (int(value[:9]) + 1))
            ),
        )
    return fields
