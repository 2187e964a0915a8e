"""The fields of a message in their groups, for people and for dictionaries of Python. Plain Python, on its own.

Works on any implementation of Message by its public interface. The rule is that of groups.pyx: a group is what follows
its count field, up to a tag that the group does not have and a level around it does. Nothing is ever lost: a count
field that its delimiter does not follow directly, or that occurs again in one level, is a field like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, NamedTuple

from fixfast.errors import DictionaryError

if TYPE_CHECKING:
    from fixfast.codec.message import Message
    from fixfast.dictionary.model import Dictionary, GroupDef

__all__ = ["Nested", "dictionary_of", "nested"]


class Nested(NamedTuple):
    """One field of a level. `entries`: of the group that it counts, None for any other field."""

    tag: int
    text: str
    entries: list[list[Nested]] | None = None


def dictionary_of(m: Message) -> Dictionary | None:
    """Return the message's dictionary, None if there is none for its version: people want to see it all the same."""
    try:
        return m.dictionary
    except DictionaryError:
        return None


def nested(m: Message, dictionary: Dictionary | None) -> list[Nested]:
    """Return every field of a message in its place; all at the top without a dictionary."""
    fields = list(m)
    if dictionary is None:
        return [Nested(tag, text) for tag, text in fields]
    msg_type, known = m.msg_type, dictionary

    def group_of(tag: int) -> GroupDef | None:
        return known.group(msg_type, tag)

    return _Nesting(fields).level(0, len(fields), group_of, (dictionary.members(msg_type),))


class _Nesting:
    def __init__(self, fields: list[tuple[int, str]]) -> None:
        self.fields = fields

    def level(
        self, first: int, last: int, group_of: Callable[[int], GroupDef | None], around: tuple[Container[int], ...]
    ) -> list[Nested]:
        """Return fields `first` to `last`. `around`: the tags of this level, behind those of the levels around it."""
        found: list[Nested] = []
        seen: set[int] = set()
        i = first
        while i < last:
            tag, text = self.fields[i]
            i += 1
            group = None if tag in seen else group_of(tag)
            seen.add(tag)
            if group is None or i == last or self.fields[i][0] != group.delimiter:
                found.append(Nested(tag, text))
                continue
            starts, end = self.walk(i, last, group, around)
            within = (*around, group.tags)
            entries = [
                self.level(a, b, group.groups.get, within) for a, b in zip(starts, [*starts[1:], end], strict=True)
            ]
            found.append(Nested(tag, text, entries))
            i = end
        return found

    def walk(self, first: int, last: int, group: GroupDef, around: tuple[Container[int], ...]) -> tuple[list[int], int]:
        """Return where the entries of a group begin whose fields begin at `first`, and where the group ends."""
        starts: list[int] = []
        i = first
        while i < last:
            tag = self.fields[i][0]
            if tag == group.delimiter:
                starts.append(i)
            elif tag not in group.tags and any(tag in tags for tags in around):
                break
            i += 1
            inner = group.groups.get(tag)
            if inner is not None:
                _, i = self.walk(i, last, inner, (*around, group.tags))
        return starts, i
