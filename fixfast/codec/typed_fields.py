"""The fields of typed messages, as attributes of their classes: what may be given, what is kept, what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from fixfast.errors import EncodeError, EncodeTypeError

if TYPE_CHECKING:
    from fixfast.codec.typed import Typed, TypedGroup
    from fixfast.dictionary.tables import FieldRow

__all__ = ["NOTHING", "Attribute", "FieldAttribute", "GroupAttribute"]

NOTHING: frozenset[str] = frozenset()
_NO_TYPES: frozenset[type] = frozenset()


@cache
def _values() -> Any:
    from fixfast.codec import typed_values  # here: it needs decimal, datetime and patterns, and no tag or enum does

    return typed_values


class FieldAttribute:
    """A field as an attribute of a class. On the class itself it gives this object, which says tag, name and kind.

    Attributes:
        attr: the name. tag, name, kind: the field's. open: whether it takes other values than its codes.
        pair: of a data field, the attribute of its length, else "".
        exact: types of values that are kept as they are.
    """

    __slots__ = ("_build_enum", "_enum", "_final", "attr", "exact", "kind", "name", "open", "pair", "tag")

    def __init__(self, row: FieldRow, attr: str, build_enum: Callable[[], type[StrEnum]] | None) -> None:
        self.tag, self.name, self.kind, self.open = row.tag, row.name, row.kind, row.open
        self.attr = attr
        self.pair = ""
        self._build_enum = build_enum
        self._enum: type[StrEnum] | None = None
        plain = build_enum is None
        self.exact: frozenset[type] = _values().EXACT.get(row.kind, _NO_TYPES) if plain else _NO_TYPES
        self._final: type | None = _values().FINAL.get(row.kind) if plain else None

    @property
    def enum(self) -> type[StrEnum] | None:
        """The enum of the field's codes, None if it has none."""
        if self._enum is None and self._build_enum is not None:
            self._enum = self._build_enum()
        return self._enum

    def __get__(self, owner: Typed | None, kind: type) -> Any:
        if owner is None:
            return self
        kept = owner.kept.get(self.attr)
        return kept if kept is None or type(kept) is self._final else self.read(kept)

    def __set__(self, owner: Typed, value: Any) -> None:
        if value is None:
            self.__delete__(owner)
        else:
            self.put(owner.kept, value, owner.layout.required)

    def __delete__(self, owner: Typed) -> None:
        _drop(owner, self)
        if self.pair:
            owner.kept.pop(self.pair, None)

    def __repr__(self) -> str:
        return f"<{self.name} ({self.tag}) {self.kind}>"

    def put(self, kept: dict[str, Any], value: Any, required: frozenset[str]) -> None:
        """Keep a value that a program gave. Raises: EncodeError, EncodeTypeError: name the field."""
        try:
            kept[self.attr] = value = self._accept(value)
        except TypeError as error:
            raise EncodeTypeError(self.tag, f"{self.name} ({self.tag}): {error}") from None
        except ValueError as error:
            raise EncodeError(self.tag, f"{self.name} ({self.tag}): {error}") from None
        if self.pair:
            kept[self.pair] = len(value)

    def _accept(self, value: Any) -> Any:
        enum = self.enum
        if enum is None:
            return _values().accept(self.kind, value)
        if self.kind in ("chars", "strings"):
            return _values().accept_codes(self.kind, value, enum, self.open)
        if type(value) is enum:
            # PERF: members are kept, and from now on without a call (0.4 -> 0.1 us)
            self.exact = frozenset({enum})
            self._final = enum
            return value
        return _values().accept_code(self.kind, value, enum, self.open)

    def read(self, kept: Any) -> Any:
        """Return what is kept by its type; text that has not the form of its type, or is no code, as text."""
        read = _values().read
        enum = self.enum
        if enum is None:
            return read(self.kind, kept)
        members: Mapping[Any, StrEnum] = cast("Any", enum)._value2member_map_
        if self.kind in ("chars", "strings"):
            parts = read(self.kind, kept)
            return tuple([members.get(part, part) for part in parts]) if isinstance(parts, tuple) else parts
        member = members.get(str(kept))
        return read(self.kind, kept) if member is None else member

    def read_ns(self, kept: Any) -> int:
        """Return a time in ns. Raises: TypeError: the field holds none. ValueError: its text has not the form."""
        try:
            return int(_values().read_ns(self.kind, kept))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name} ({self.tag}): {error}") from None

    def meaning(self, kept: Any) -> Any:
        """Return what two kept values have in common that mean the same: the value, a moment in ns."""
        if self.kind in ("time", "tztimestamp"):
            try:
                return self.read_ns(kept)
            except ValueError:
                return kept
        return self.read(kept)


class GroupAttribute:
    """A group as an attribute of a class: a tuple of entries, () if there are none.

    Attributes: attr: the name. tag, name: those of the field that counts the entries.
    """

    __slots__ = ("_build", "_entry", "attr", "name", "tag")

    #: what FieldAttribute has, too
    exact: ClassVar[frozenset[type]] = _NO_TYPES

    def __init__(self, row: FieldRow, attr: str, build: Callable[[], type[TypedGroup]]) -> None:
        self.tag, self.name, self.attr = row.tag, row.name, attr
        self._build = build
        self._entry: type[TypedGroup] | None = None

    @property
    def entry(self) -> type[TypedGroup]:
        """The class of the entries."""
        if self._entry is None:
            self._entry = self._build()
        return self._entry

    def __get__(self, owner: Typed | None, kind: type) -> Any:
        return self if owner is None else owner.kept.get(self.attr, ())

    def __set__(self, owner: Typed, value: Any) -> None:
        if value is None:
            self.__delete__(owner)
        else:
            self.put(owner.kept, value, owner.layout.required)

    def __delete__(self, owner: Typed) -> None:
        _drop(owner, self)

    def __repr__(self) -> str:
        return f"<{self.name} ({self.tag}) group>"

    def put(self, kept: dict[str, Any], value: Any, required: frozenset[str]) -> None:
        """Keep the entries that a program gave. An empty group is none; where one is required, a count of 0 (V20).

        Raises: EncodeTypeError: names the group, and the entry.
        """
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise self._wrong(f"a list of {self.entry.__qualname__} expected, not {type(value).__name__}")
        entries = tuple(value)
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, self.entry):
                raise self._wrong(f"entry {number}: {self.entry.__qualname__} expected, not {type(entry).__qualname__}")
        if entries or self.attr in required:
            kept[self.attr] = entries
        else:
            kept.pop(self.attr, None)

    def _wrong(self, detail: str) -> EncodeTypeError:
        return EncodeTypeError(self.tag, f"{self.name} ({self.tag}): {detail}")

    def read_ns(self, kept: Any) -> int:
        """Refuse: a group is no time."""
        raise TypeError(f"{self.name} ({self.tag}): it holds no time")

    def meaning(self, kept: Any) -> Any:
        return kept


Attribute: TypeAlias = FieldAttribute | GroupAttribute


def _drop(owner: Typed, attribute: Attribute) -> None:
    if attribute.attr in owner.layout.required:
        raise TypeError(f"{attribute.name} ({attribute.tag}) is required in {type(owner).__qualname__}")
    owner.kept.pop(attribute.attr, None)
