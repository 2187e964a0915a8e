"""Repeating groups: runs of fields that a count field announces.

With a dictionary, a group is what follows the count field:
- an entry begins at each delimiter tag; fields before the first delimiter belong to no entry;
- a tag that the entry's definition has belongs to the entry; one that counts a nested group opens that group, whose
  fields belong to the entry, too;
- a tag that an enclosing level has - the entry around the group, and so on out to the message with its header and
  trailer - ends the groups up to that level;
- every other tag (unknown, user-defined, known only elsewhere) stays with the innermost entry that is open.
The count itself is not believed: the entries found are given, whether it agrees is the validator's business.

Without a dictionary (`groups(count, delimiter)`):
- entries begin at the delimiter tags behind the count field, at most as many as it says;
- all but the last end where the next begins;
- the last ends at the first tag that none of the others had, or, when it is the only one, at the trailer (10, 89, 93).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, overload

from fixfast.codec.reference.fields import FieldRun
from fixfast.dictionary.model import GroupDef, GroupRef

if TYPE_CHECKING:
    import builtins

    from numpy.typing import NDArray

    from fixfast.codec.reference.message import Message
    from fixfast.codec.reference.scan import Field
    from fixfast.dictionary.model import Dictionary

__all__ = ["Entry", "Group", "Levels", "Top", "by_delimiter", "by_dictionary", "nest", "top_of"]

_TRAILER_TAGS = frozenset({10, 89, 93})


class Top(NamedTuple):
    """What a message may hold at its top level: the outermost of the levels that groups are in."""

    tags: Collection[int]
    groups: Mapping[int, GroupDef]


#: The message, and the groups in each other from the outside in.
Levels: TypeAlias = "tuple[Top | GroupDef, ...]"


def top_of(dictionary: Dictionary, msg_type: str) -> Top:
    """Return the top level of a message: header and trailer only, if the dictionary does not have it."""
    message = dictionary.messages.get(msg_type)
    if message is not None and message.msg_type != msg_type:
        msg_type = ""  # found by its name
    members = dictionary.members(msg_type)
    counts = (tag for tag, member in members.items() if isinstance(member, GroupRef))
    return Top(members.keys(), {tag: definition for tag in counts if (definition := dictionary.group(msg_type, tag))})


class Entry(FieldRun):
    """One entry of a group: fields `first` to `end` of its message. Answers like a message.

    `levels` are those around it and its group's own, empty if the group was found by its delimiter.
    """

    __slots__ = ("_message", "end", "first", "levels")

    def __init__(self, message: Message, first: builtins.int, end: builtins.int, levels: Levels) -> None:
        self._message = message
        self.first = first
        self.end = end
        self.levels = levels

    def table(self) -> list[Field]:
        return self._message.table()[self.first : self.end]

    def cut(self, start: builtins.int, end: builtins.int) -> builtins.bytes:
        return self._message.cut(start, end)

    @property
    def dictionary(self) -> Dictionary:
        """The message's dictionary. Raises: DictionaryError: there is none for its version."""
        return self._message.dictionary

    def group(self, count_tag: builtins.int) -> Group:
        """Return the entries of a group nested in this one; empty if absent."""
        if not self.levels:
            return Group([])
        return by_dictionary(self._message, count_tag, self.levels, self.first, self.end)

    def groups(self, count_tag: builtins.int, delimiter: builtins.int) -> Group:
        """Return the entries of a nested group without a dictionary."""
        return by_delimiter(self._message, count_tag, delimiter, self.first, self.end)

    def __repr__(self) -> str:
        return f"<Entry of {len(self)} fields>"


class Group(Sequence[Entry]):
    """The entries of one group, in order."""

    __slots__ = ("_entries",)

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def columns(self, *columns: int | tuple[int, str], missing: int | None = None) -> tuple[NDArray[Any], ...]:
        """Return the same fields of every entry as numpy arrays; see the compiled one."""
        from fixfast.codec.reference.arrays import columns as columns_of  # numpy: only where arrays are made

        return columns_of(self, columns, missing)

    def __repr__(self) -> str:
        return f"<Group of {len(self)} entries>"


def by_dictionary(message: Message, count_tag: int, levels: Levels, first: int, end: int) -> Group:
    """Return the entries of the group whose count field is the first `count_tag` among fields `first` to `end`.

    Empty when there is no such field, or when the dictionary knows no such group there. `levels`: of these fields.
    """
    table = message.table()
    count = _index(table, count_tag, first, end)
    definition = levels[-1].groups.get(count_tag)
    if count is None or definition is None:
        return Group([])
    return _entries(message, count + 1, end, (*levels, definition))[0]


def by_delimiter(message: Message, count_tag: int, delimiter: int, first: int, end: int) -> Group:
    """Return the entries of a group by the rule for no dictionary (see the module)."""
    table = message.table()
    count = _index(table, count_tag, first, end)
    if count is None:
        return Group([])
    announced = message.cut(*table[count][1:])
    starts = [i for i in range(count + 1, end) if table[i][0] == delimiter]
    if announced.isdigit():
        starts = starts[: int(announced[:9])]
    if not starts:
        return Group([])
    seen = {table[i][0] for i in range(starts[0], starts[-1])}
    stop = starts[-1] + 1
    while stop < end and table[stop][0] not in _TRAILER_TAGS and (len(starts) == 1 or table[stop][0] in seen):
        stop += 1
    ends = [*starts[1:], stop]
    return Group([Entry(message, a, b, ()) for a, b in zip(starts, ends, strict=True)])


def nest(message: Message, first: int, end: int, levels: Levels) -> Iterator[tuple[int, int, Group | None]]:
    """Walk fields `first` to `end`: (index, index behind, its entries or None) for each field or whole group.

    A count field that no delimiter follows directly is a plain field, so that nothing is lost. `levels`: of the fields.
    """
    table = message.table()
    i = first
    while i < end:
        definition = levels[-1].groups.get(table[i][0])
        if definition is not None and i + 1 < end and table[i + 1][0] == definition.delimiter:
            group, stop = _entries(message, i + 1, end, (*levels, definition))
            yield i, stop, group
            i = stop
        else:
            yield i, i + 1, None
            i += 1


def _entries(message: Message, first: int, end: int, levels: Levels) -> tuple[Group, int]:
    """Return the innermost group of `levels`, which begins at `first`, and where it ends."""
    starts, stop = _walk(message.table(), first, end, levels)
    ends = [*starts[1:], stop]
    return Group([Entry(message, a, b, levels) for a, b in zip(starts, ends, strict=False)]), stop


def _index(table: list[Field], tag: int, first: int, end: int) -> int | None:
    tag = index(tag)
    return next((i for i in range(first, end) if table[i][0] == tag), None)


def _walk(table: list[Field], first: int, end: int, levels: Levels) -> tuple[list[int], int]:
    """Return where the entries of the innermost group begin, and where the group ends."""
    own = len(levels) - 1
    path = list(levels)  # the groups that are open: this one, and behind it those nested in it
    starts: list[int] = []
    for i in range(first, end):
        tag = table[i][0]
        depth = next((k for k in reversed(range(len(path))) if tag in path[k].tags), None)
        if depth is None:
            continue
        if depth < own:
            return starts, i
        del path[depth + 1 :]
        level = path[depth]
        if depth == own and isinstance(level, GroupDef) and tag == level.delimiter:
            starts.append(i)
        nested = level.groups.get(tag)
        if nested is not None:
            path.append(nested)
    return starts, end
