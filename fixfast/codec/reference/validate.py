"""Checking a message by its dictionary, in plain Python (rows V00-V30).

A message is walked once, field by field, with the levels that are open: the message, and inside it the groups, each
with its open entry. A group is what follows its count field, unless that says 0 and no delimiter follows it; the
delimiter opens an entry. A field belongs to the innermost level that has its tag, which ends the groups inside that
level. A stranger, a tag that no open level has, changes nothing. Every fault is noted. The one that counts has the
lowest rank; among equals the first in the message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.parsers import expat

from fixfast.codec.reference.formats import day_in_range, is_count, well_formed
from fixfast.dictionary.model import FlatMember, GroupRef, first_wins, flatten
from fixfast.dictionary.validation import REJECT_TEXT, Fault, Validation
from fixfast.errors import DictionaryError

if TYPE_CHECKING:
    from fixfast.codec.reference.message import Message
    from fixfast.dictionary.model import Dictionary, Field

__all__ = ["shadowed", "validate"]

#: SessionRejectReasons, the one that counts most first (V23)
RANKS = (18, 11, 0, 3, 2, 4, 7, 13, 14, 15, 16, 17, 12, 6, 5, 1, 99)

_FIRST_USER_DEFINED = 5000
_SECURE_DATA = 91
_APPL_VER_ID = 1128
_APPL_VER_ID_PLACE = 3  # right behind 8, 9, 35 (V26)
_HEADER, _BODY, _TRAILER = range(3)
_MANY_DIGITS = 19  # more than any message has entries
#: What would be read differently by those who take the first and those who take the last (V30)
_UNIQUE = frozenset({8, 9, 35, 34, 49, 56, 52, 43, 10})


def validate(m: Message, validation: Validation | None = None) -> Fault | None:
    """Return what is wrong with a message by its dictionary: the first fault by RANKS, None if it is right.

    Args: validation: what is checked; None: everything.
    """
    try:
        if not m.choice.supported:
            return _fault(18, _APPL_VER_ID)
        dictionary = m.dictionary
    except DictionaryError:
        return Fault(99, 8, "No dictionary describes this BeginString")
    message = dictionary.messages.get(m.msg_type)
    if message is None or message.msg_type != m.msg_type:  # messages are found by name, too
        return _fault(11, None)
    return _Walk(m, dictionary, validation or Validation()).run()


def shadowed(m: Message) -> int:
    """Return the first tag of 8 9 35 34 49 56 52 43 10 that comes a second time in a message, 0 if none does (V30)."""
    seen = set()
    for tag, _, _ in m.table():
        if tag in seen:
            return tag
        if tag in _UNIQUE:
            seen.add(tag)
    return 0


def _fault(reason: int, tag: int | None) -> Fault:
    return Fault(reason, tag, REJECT_TEXT[reason])


class _Level:
    """The message, or a group: its members, and what was seen of them in the message or in the open entry."""

    def __init__(self, members: Iterable[FlatMember]) -> None:
        self.members = {member.tag: member for member in members}
        self.order = {tag: index for index, tag in enumerate(self.members)}
        self.seen: set[int] = set()

    def missing(self) -> int | None:
        """Return the first required member that was not seen."""
        return next((tag for tag, member in self.members.items() if member.required and tag not in self.seen), None)


class _Group(_Level):
    """A group whose count field is field `at` of the message."""

    def __init__(self, group: GroupRef, at: int, announced: int | None) -> None:
        super().__init__(first_wins(flatten(group.group.members)))
        self.count_tag = group.tag
        self.at = at
        self.announced = announced  # None: the count field does not say
        self.entries = 0
        self.delimiter = next(iter(self.members))


class _Walk:
    """One walk over one message."""

    def __init__(self, m: Message, dictionary: Dictionary, options: Validation) -> None:
        self.m = m
        self.options = options
        self.dictionary = dictionary
        self.top = _Level(dictionary.members(m.msg_type).values())
        self.groups: list[_Group] = []  # open, the outermost first
        self.header = {member.tag for member in flatten(dictionary.header)}
        # What several sections have belongs to the first of them: header, body, trailer.
        body = {member.tag for member in flatten(dictionary.messages[m.msg_type].members)}
        self.trailer = {member.tag for member in flatten(dictionary.trailer)} - body
        self.section = _HEADER
        self.found: list[tuple[int, int, Fault]] = []  # rank, place, fault
        self.ends = 0  # of levels, so far

    def run(self) -> Fault | None:
        for i, (tag, start, end) in enumerate(self.m.table()):
            self.field(i, tag, self.m.cut(start, end))
        self.leave(0)
        self.miss(self.top)
        return min(self.found)[2] if self.found else None

    def note(self, reason: int, at: int, tag: int, text: str = "") -> None:
        self.found.append((RANKS.index(reason), at, Fault(reason, tag, text or REJECT_TEXT[reason])))

    # --- levels ---------------------------------------------------------------------------------------------

    def field(self, i: int, tag: int, value: bytes) -> None:
        """Find the level that a field belongs to, and judge it there."""
        depth = next((n for n in range(len(self.groups), 0, -1) if tag in self.groups[n - 1].members), 0)
        if depth == 0 and tag not in self.top.members:
            self.stranger(i, tag)
            return
        self.leave(depth)
        if depth:
            level: _Level = self.groups[-1]
            self.in_group(i, tag, self.groups[-1])
        else:
            level = self.top
            self.at_top(i, tag)
        if tag in level.seen:
            self.note(13, i, tag)
        level.seen.add(tag)
        member = level.members[tag]
        if not value:
            if self.options.empty:
                self.note(4, i, tag)
        elif isinstance(member, GroupRef):
            self.count(i, tag, member.group.field, value)
        else:
            self.value(i, tag, member.field, value)
        if isinstance(member, GroupRef):
            self.enter(i, member, value)

    def enter(self, i: int, member: GroupRef, value: bytes) -> None:
        """Open the group that field `i` counts. A group of 0 entries is absent (V20), if it has none."""
        announced = int(value.lstrip(b"0")[:_MANY_DIGITS] or b"0") if is_count(value) else None
        group = _Group(member, i, announced)
        table = self.m.table()
        if announced != 0 or (i + 1 < len(table) and table[i + 1][0] == group.delimiter):
            self.groups.append(group)

    def leave(self, depth: int) -> None:
        """End groups, the innermost first, until `depth` are open."""
        while len(self.groups) > depth:
            group = self.groups.pop()
            if group.entries:
                self.miss(group)
            limit = self.options.max_group_entries
            if group.entries > limit:
                self.note(16, group.at, group.count_tag, f"More than {limit} entries in a repeating group")
            elif group.announced not in (None, group.entries):
                self.note(16, group.at, group.count_tag)

    def miss(self, level: _Level) -> None:
        """Note what a level that ends here lacks. The first level to end comes first."""
        tag = level.missing()
        if tag is not None:
            self.note(1, self.ends, tag)
        self.ends += 1

    # --- where a field stands -------------------------------------------------------------------------------

    def stranger(self, i: int, tag: int) -> None:
        """Judge a tag that has no place here: the dictionary may know it, or not."""
        user_defined = tag >= _FIRST_USER_DEFINED
        if self.options.user_defined_tags if user_defined else self.options.unknown_tags:
            self.note(2 if tag in self.dictionary.fields else 0, i, tag)

    def at_top(self, i: int, tag: int) -> None:
        """Judge where a field of the message itself stands: header, body, trailer; ApplVerID right behind MsgType."""
        section = _HEADER if tag in self.header else _TRAILER if tag in self.trailer else _BODY
        if self.options.order and (section < self.section or (tag == _APPL_VER_ID and i != _APPL_VER_ID_PLACE)):
            self.note(14, i, tag)
        self.section = max(self.section, section)
        if tag == _SECURE_DATA:
            self.note(7, i, tag)

    def in_group(self, i: int, tag: int, group: _Group) -> None:
        """Open an entry where one begins: at a delimiter, or at the group's first field. Judge the order inside it."""
        if tag == group.delimiter or not group.entries:
            if tag != group.delimiter:
                self.note(15, i, tag)
            if group.entries:
                self.miss(group)
            group.entries += 1
            group.seen = set()
        elif self.options.order and any(group.order[tag] < group.order[seen] for seen in group.seen):
            self.note(15, i, tag)

    # --- what stands in it ----------------------------------------------------------------------------------

    def count(self, i: int, tag: int, field: Field, value: bytes) -> None:
        """Judge a count field; its form at every level, because entries cannot be compared with what is no number."""
        if not is_count(value):
            self.note(6, i, tag)
        elif self.options.level == "full" and self.options.codes and not _in_codes(field, value):
            self.note(5, i, tag)

    def value(self, i: int, tag: int, field: Field, value: bytes) -> None:
        if field.kind == "xml" and self.options.xml and not _is_xml(value):
            self.note(12, i, tag)
        if self.options.level != "full":
            return
        if not well_formed(field.kind, value):
            self.note(6, i, tag)
        elif (field.kind == "day" and not day_in_range(value)) or (self.options.codes and not _in_codes(field, value)):
            self.note(5, i, tag)


def _in_codes(field: Field, value: bytes) -> bool:
    """Tell whether a value, or every element of a list, is in the code set; Y and N are judged by their form."""
    codes = {code.value.encode("utf-8", "surrogateescape") for code in field.codes if code.value}
    if not codes or field.open or field.kind == "bool":
        return True
    return codes.issuperset(value.split(b" ") if field.kind in ("chars", "strings") else [value])


def _is_xml(value: bytes) -> bool:
    """Tell whether a value is a well-formed document without a DTD (V12, C13)."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(value, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


def _refuse(*_: object) -> None:
    raise ValueError("a DTD")
