"""Fields by a dictionary, made ready for the encoder: what encode(dictionary=), and Template, do before they write.

Names become tags and values text, by their types; entries of groups are put into the dictionary's order, with the
delimiter first; a data field of the user's own dictionary gets its length. Fields at the top stay in the order given.
Plain Python: who wants the last nanosecond gives tags and text.

A field that its group does not have is put behind a plain member of the entry: behind a nested group it would be read
as part of that group's last entry.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fixfast.codec._data_pairs import COUNT_TAGS, DATA_PAIRS, TIME_TAGS
from fixfast.codec.formatting import format_value
from fixfast.codec.verbatim import Verbatim
from fixfast.dictionary.model import Dictionary
from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Slot

if TYPE_CHECKING:
    from fixfast.dictionary.model import GroupDef, Kind

    #: (tag, bytes), (tag, Verbatim) or (count tag, [entry, ...])
    Ready: TypeAlias = tuple[int, Any]

__all__ = ["arrange", "own_pairs", "paired"]

_MAX_TAG = 999_999_999
_MAX_DEPTH = 32  # of groups in groups, as in the encoder
_FRAME = frozenset({8, 9, 10, 35})
_LENGTHS: Mapping[int, int] = MappingProxyType({data: length for length, data in DATA_PAIRS.items()})


def arrange(
    dictionary: Dictionary, msg_type: Any, fields: Iterable[Any], digits: int = 3, slots: bool = False
) -> list[Any]:
    """Return fields as encode() takes them without a dictionary.

    Args:
        dictionary: of the message. msg_type: MsgType(35), for its groups.
        fields: (tag or name, value) each, and Slots, if `slots` says that they have a place there. A value is what
            format_value() takes for the field's kind; a group is a list of entries, each a list of fields or a dict.
        digits: decimals of timestamps.
    Raises: EncodeError, EncodeTypeError: name the field, and for one in a group its entry ("NoPartyIDs (453) entry 2").
    """
    if not isinstance(dictionary, Dictionary):
        raise TypeError(
            f"dictionary must be a Dictionary, not {type(dictionary).__name__}; load_dictionary() makes one from a "
            "name or a file"
        )
    return _Arrangement(dictionary, msg_type, digits).top(fields, slots)


def own_pairs(dictionary: Dictionary) -> dict[int, int]:
    """Return {tag of a data field: tag of its length} for those that the standard does not have."""
    return {data: length for length, data in dictionary.data_pairs.items() if data not in _LENGTHS}


def paired(fields: list[Any], pairs: Mapping[int, int]) -> list[Any]:
    """Return the fields with the length of each of these data fields right in front of it, computed.

    Args:
        fields: as arrange() gives them; Slots, and data fields that are Verbatim already, stay as they are.
        pairs: as own_pairs().
    Raises: EncodeError: a length is there and says something else, or the data is empty. EncodeTypeError: no bytes.
    """
    found: list[Any] = []
    for item in fields:
        tag, value = (0, None) if isinstance(item, Slot) else item
        if tag not in pairs or isinstance(value, Verbatim):
            found.append(item)
            continue
        try:
            raw = format_value("data", value)
        except TypeError as error:
            raise EncodeTypeError(tag, str(error)) from None
        except ValueError as error:
            raise EncodeError(tag, str(error)) from None
        if not raw:
            raise EncodeError(tag, "the value is empty")
        if found and not isinstance(found[-1], Slot) and found[-1][0] == pairs[tag]:
            _check_length(pairs[tag], tag, found.pop()[1], raw, "")
        found += [(pairs[tag], b"%d" % len(raw)), (tag, Verbatim(raw))]
    return found


def _check_length(length_tag: int, tag: int, said: Any, data: bytes, where: str) -> None:
    said = said.encode() if isinstance(said, str) else said
    if not isinstance(said, bytes) or not said.isdigit() or int(said[:20]) != len(data):
        raise EncodeError(length_tag, f"{where}not the length of the data in {tag}: leave it out, it is computed")


class _Level(NamedTuple):
    """What encloses the fields in hand: `known` are the tags of each level around them, `where` names the entry."""

    known: tuple[Container[int], ...]
    where: str
    depth: int


class _Arrangement:
    def __init__(self, dictionary: Dictionary, msg_type: Any, digits: int) -> None:
        self.dictionary = dictionary
        self.msg_type = str(msg_type.value if isinstance(msg_type, Enum) else msg_type)
        self.digits = digits
        self.own = own_pairs(dictionary)
        self.lengths = {**_LENGTHS, **self.own} if self.own else _LENGTHS

    def top(self, fields: Iterable[Any], slots: bool) -> list[Any]:
        level = _Level((self.dictionary.members(self.msg_type),), "", 0)
        ready: list[Any] = []
        for item in fields:
            if slots and isinstance(item, Slot):
                ready.append(item._replace(tag=self.tag(item.tag, level)))
                continue
            tag, value = self.pair(item, level)
            ready.append(self.field(tag, value, self.dictionary.group(self.msg_type, tag), level))
        return paired(ready, self.own)

    # --- one field ------------------------------------------------------------------------------------------

    def pair(self, item: Any, level: _Level) -> tuple[int, Any]:
        if isinstance(item, Slot):
            raise EncodeTypeError(
                self.tag(item.tag, level), f"{level.where}a Slot has its place at the top of a Template"
            )
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise EncodeTypeError(0, f"{level.where}a field is a pair (tag, value), not {type(item).__name__}")
        return self.tag(item[0], level), item[1]

    def tag(self, key: Any, level: _Level) -> int:
        """Return the tag that a key is: a number, or a name of the dictionary."""
        if isinstance(key, int) and not isinstance(key, bool):
            tag = int(key)
            if not 0 < tag <= _MAX_TAG:
                raise EncodeError(tag, f"{level.where}{'' if tag else 'tag 0: '}outside 1 to {_MAX_TAG}")
        elif isinstance(key, str):
            field = self.dictionary.fields.get(key)
            if field is None:
                raise EncodeError(0, f"{level.where}{self.dictionary.version} has no field {key!r}")
            tag = int(field.tag)
        else:
            raise EncodeTypeError(0, f"{level.where}a tag is an int or a name, not {type(key).__name__}")
        if level.depth and tag in _FRAME:
            raise EncodeError(tag, f"{level.where}is written by the encoder itself")
        return tag

    def at(self, tag: int, level: _Level) -> str:
        """Return where a field stands, for errors."""
        field = self.dictionary.fields.get(tag)
        return level.where + (f"tag {tag}" if field is None else f"{field.name} ({tag})")

    def field(self, tag: int, value: Any, group: GroupDef | None, level: _Level) -> Ready:
        """Return a field with its value ready to be written."""
        # PERF: plain text needs nothing, and most values are text (a list of 9 fields 25 -> 20 us)
        if type(value) is str and value.isascii() and value and "\x01" not in value and tag not in self.lengths:
            return tag, value
        if type(value) in (list, tuple):
            if not value:
                return tag, ()
            if group is not None or tag in COUNT_TAGS or not _are_words(value):
                return tag, self.entries(tag, tuple(value), group, level)
        field = self.dictionary.fields.get(tag)
        kind: Kind = field.kind if field is not None else "time" if tag in TIME_TAGS else "str"
        try:
            raw = format_value("data" if tag in self.lengths else kind, value, self.digits)
        except TypeError as error:
            raise EncodeTypeError(tag, f"{self.at(tag, level)}: {error}") from None
        except ValueError as error:
            raise EncodeError(tag, f"{self.at(tag, level)}: {error}") from None
        if not raw:
            raise EncodeError(tag, f"{self.at(tag, level)}: the value is empty")
        if b"\x01" in raw and tag not in self.lengths:
            raise EncodeError(tag, f"{self.at(tag, level)}: the value holds SOH, the delimiter")
        return tag, raw

    # --- groups ---------------------------------------------------------------------------------------------

    def entries(self, tag: int, entries: tuple[Any, ...], group: GroupDef | None, level: _Level) -> list[list[Ready]]:
        if level.depth >= _MAX_DEPTH:
            raise EncodeError(tag, f"{level.where}groups in groups deeper than {_MAX_DEPTH}")
        known = level.known if group is None else (*level.known, group.tags)
        ready = []
        at = self.at(tag, level)
        for number, entry in enumerate(entries, start=1):
            inner = _Level(known, f"{at} entry {number}: ", level.depth + 1)
            if isinstance(entry, Mapping):
                entry = entry.items()
            elif isinstance(entry, (str, bytes)) or not isinstance(entry, Iterable):
                raise EncodeTypeError(tag, f"{inner.where}an entry is a list of fields, not {type(entry).__name__}")
            ready.append(self.entry(tag, [self.pair(item, inner) for item in entry], group, inner))
        return ready

    def entry(self, count: int, given: list[tuple[int, Any]], group: GroupDef | None, level: _Level) -> list[Ready]:
        """Return the fields of one entry, ready, in the dictionary's order; as given if it has no such group."""
        groups = {} if group is None else group.groups
        fields: dict[int, Any] = {}
        for tag, value in given:
            if tag in fields:
                raise EncodeError(tag, f"{self.at(tag, level)} occurs twice")
            ready = self.field(tag, value, groups.get(tag), level)[1]
            if ready != ():  # an empty group is left out
                fields[tag] = ready
        if not fields:
            raise EncodeError(count, f"{level.where}has no fields")
        self.take_lengths(fields, level)
        order = list(fields) if group is None else self.order(fields, group, level)
        found: list[Ready] = []
        for tag in order:
            if tag in self.own:
                found += [(self.own[tag], b"%d" % len(fields[tag])), (tag, Verbatim(fields[tag]))]
            else:
                found.append((tag, fields[tag]))
        return found

    def take_lengths(self, fields: dict[int, Any], level: _Level) -> None:
        """Take out the lengths of data fields, once they are checked: they are written with the data."""
        for tag in [tag for tag in fields if tag in self.lengths]:
            length = self.lengths[tag]
            if length in fields:
                _check_length(length, tag, fields.pop(length), fields[tag], level.where)

    def order(self, fields: dict[int, Any], group: GroupDef, level: _Level) -> list[int]:
        """Return the tags in the order in which they are read back as these fields of this entry."""
        # a data field stands for its length, too, which may be the delimiter
        implied = {self.lengths[tag] for tag in fields if tag in self.lengths}
        delimiter = group.delimiter
        if delimiter not in fields and delimiter not in implied:
            raise EncodeError(delimiter, f"{self.at(delimiter, level)}, which begins an entry, is missing")
        order = [tag for tag in group.order if tag in fields]
        strangers = [tag for tag in fields if tag not in group.tags]
        for tag in strangers:
            if any(tag in tags for tags in level.known):
                raise EncodeError(tag, f"{self.at(tag, level)} is no member of the group: it would end it")
        at = 0
        for i, tag in enumerate(order, start=1):
            if tag not in group.groups:
                at = i
            elif at:
                break
        if strangers and not at:
            raise EncodeError(strangers[0], f"{self.at(strangers[0], level)} would be read as part of a group")
        return [*order[:at], *strangers, *order[at:]]


def _are_words(values: Any) -> bool:
    """Tell the values of a MULTIPLE... field from the entries of a group."""
    first = values[0]
    return isinstance(first.value if isinstance(first, Enum) else first, str)
