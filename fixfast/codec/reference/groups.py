"""Repeating groups: runs of fields that a count field announces.

With a dictionary, a group is what follows the count field:
- an entry begins at each delimiter tag; fields before the first delimiter belong to no entry;
- a nested count tag opens a nested group, whose fields belong to this entry too;
- a tag that the message knows (at any level, header and trailer included) but the group does not ends the group;
- a tag that the message does not know stays with the entry it stands in.
The count itself is not believed: the entries found are given, whether it agrees is the validator's business.

Without a dictionary (`groups(count, delimiter)`):
- entries begin at the delimiter tags behind the count field, at most as many as it says;
- all but the last end where the next begins;
- the last ends at the first tag that none of the others had, or, when it is the only one, at the trailer (10, 89, 93).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, cast, overload

from fixfast.codec import present
from fixfast.codec.reference.fields import FieldRun

if TYPE_CHECKING:
    import builtins

    from fixfast.codec.groups import Entry as CompiledEntry
    from fixfast.codec.reference.message import Message
    from fixfast.codec.reference.scan import Field
    from fixfast.dictionary.model import Dictionary, GroupDef

__all__ = ["Entry", "Group", "by_delimiter", "by_dictionary", "nest"]

_TRAILER_TAGS = frozenset({10, 89, 93})


class Entry(FieldRun):
    """One entry of a group: fields `first` to `end` of its message. Answers like a message."""

    __slots__ = ("_message", "definition", "end", "first")

    def __init__(self, message: Message, first: builtins.int, end: builtins.int, definition: GroupDef | None) -> None:
        self._message = message
        self.first = first
        self.end = end
        self.definition = definition

    def table(self) -> list[Field]:
        return self._message.table()[self.first : self.end]

    def cut(self, start: builtins.int, end: builtins.int) -> builtins.bytes:
        return self._message.cut(start, end)

    @property
    def dictionary(self) -> Dictionary:
        """The message's dictionary. Raises: DictionaryError: there is none for its version."""
        return self._message.dictionary

    def value(self, tag: builtins.int) -> Any:
        """Return a value by its type in the dictionary. Raises: FieldMissing, FieldFormatError, DictionaryError."""
        # the same interface as the compiled entry: the tests prove it
        return present.value(cast("CompiledEntry", self), tag)

    def group(self, count_tag: builtins.int) -> Group:
        """Return the entries of a group nested in this one; empty if absent."""
        definition = None if self.definition is None else self.definition.groups.get(count_tag)
        return by_dictionary(self._message, count_tag, definition, self.first, self.end)

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

    def __repr__(self) -> str:
        return f"<Group of {len(self)} entries>"


def by_dictionary(message: Message, count_tag: int, definition: GroupDef | None, first: int, end: int) -> Group:
    """Return the entries of the group whose count field is the first `count_tag` among fields `first` to `end`.

    Empty when there is no such field, or when the dictionary knows no such group there.
    """
    table = message.table()
    count = _index(table, count_tag, first, end)
    if count is None or definition is None:
        return Group([])
    starts, stop = _walk(table, count + 1, end, definition, message.known_tags())
    ends = [*starts[1:], stop]
    return Group([Entry(message, a, b, definition) for a, b in zip(starts, ends, strict=False)])


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
    return Group([Entry(message, a, b, None) for a, b in zip(starts, ends, strict=True)])


def nest(message: Message, first: int, end: int, definitions: Any) -> Iterator[tuple[int, int, Group | None]]:
    """Walk fields `first` to `end`: (index, index behind, its entries or None) for each field or whole group.

    Args: definitions: callable(count tag) -> GroupDef or None.
    A count field that no delimiter follows directly is a plain field, so that nothing is lost.
    """
    table = message.table()
    i = first
    while i < end:
        definition = definitions(table[i][0])
        if definition is not None and i + 1 < end and table[i + 1][0] == definition.delimiter:
            starts, stop = _walk(table, i + 1, end, definition, message.known_tags())
            ends = [*starts[1:], stop]
            yield i, stop, Group([Entry(message, a, b, definition) for a, b in zip(starts, ends, strict=True)])
            i = stop
        else:
            yield i, i + 1, None
            i += 1


def _index(table: list[Field], tag: int, first: int, end: int) -> int | None:
    tag = index(tag)
    return next((i for i in range(first, end) if table[i][0] == tag), None)


def _walk(
    table: list[Field], first: int, end: int, definition: GroupDef, known: frozenset[int]
) -> tuple[list[int], int]:
    """Return where the entries begin, and where the group ends."""
    starts: list[int] = []
    i = first
    while i < end:
        tag = table[i][0]
        if tag == definition.delimiter:
            starts.append(i)
        elif tag not in definition.tags and tag in known:
            break
        nested = definition.groups.get(tag)
        if nested is None:
            i += 1
        else:
            _, i = _walk(table, i + 1, end, nested, known)
    return starts, i
