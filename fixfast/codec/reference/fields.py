"""Reading values out of a run of fields: what messages and group entries have in common."""

from __future__ import annotations

import builtins
import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fixfast.codec import reading
from fixfast.codec.reference import convert
from fixfast.errors import FieldFormatError, FieldMissing

if TYPE_CHECKING:
    from fixfast.codec.message import Message as CompiledMessage
    from fixfast.codec.reference.scan import Field
    from fixfast.dictionary.model import Dictionary

__all__ = ["FieldRun", "reader"]

T = TypeVar("T")
D = TypeVar("D")

#: "no default given": None is a default like any other
_MISSING: Any = object()


class FieldRun:
    """Fields in the order of the wire, nested ones included. Look-ups give the first occurrence.

    Raises: TypeError: by all look-ups, for a tag that is no int.
    """

    __slots__ = ()

    def table(self) -> list[Field]:
        """Return (tag, start, end) of each field."""
        raise NotImplementedError

    def cut(self, start: builtins.int, end: builtins.int) -> builtins.bytes:
        """Return these bytes of the message."""
        raise NotImplementedError

    def _find(self, tag: builtins.int) -> builtins.bytes | None:
        tag = index(tag)
        for field, start, end in self.table():
            if field == tag:
                return self.cut(start, end)
        return None

    def _convert(self, tag: builtins.int, kind: str, default: Any, to_value: Callable[[builtins.bytes], T]) -> T | Any:
        raw = self._find(tag)
        if raw is None:
            if default is _MISSING:
                raise FieldMissing(tag)
            return default
        try:
            return to_value(raw)
        except ValueError as error:
            raise FieldFormatError(tag, kind, raw, str(error)) from None

    # --- text -----------------------------------------------------------------------------------------------

    def __getitem__(self, tag: builtins.int) -> str:
        raw = self._find(tag)
        if raw is None:
            raise FieldMissing(tag)
        return _text(raw)

    def get(self, tag: builtins.int, default: D | None = None) -> str | D | None:
        """Return the text of the first field with this tag, else `default`."""
        raw = self._find(tag)
        return default if raw is None else _text(raw)

    def all(self, tag: builtins.int) -> list[str]:
        """Return the text of every field with this tag, in order."""
        tag = index(tag)
        return [value for field, value in self if field == tag]

    def many(self, *tags: builtins.int) -> tuple[str | None, ...]:
        """Return the text of the first field of each tag, None where there is none."""
        return tuple(self.get(tag) for tag in tags)

    def __contains__(self, tag: builtins.int) -> builtins.bool:
        return self._find(tag) is not None

    def __len__(self) -> builtins.int:
        return len(self.table())

    def __iter__(self) -> Iterator[tuple[builtins.int, str]]:
        for tag, start, end in self.table():
            yield tag, _text(self.cut(start, end))

    # --- typed ----------------------------------------------------------------------------------------------

    def bytes(self, tag: builtins.int, default: D = _MISSING) -> builtins.bytes | D:
        """Return the value as it stands. Raises: FieldMissing: no such field and no default."""
        return self._convert(tag, "bytes", default, builtins.bytes)

    def int(self, tag: builtins.int, default: D = _MISSING) -> builtins.int | D:
        """Return the value as an int. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "int", default, convert.parse_int)

    def float(self, tag: builtins.int, default: D = _MISSING) -> builtins.float | D:
        """Return the value as the nearest float. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "float", default, convert.parse_float)

    def decimal(self, tag: builtins.int, default: D = _MISSING) -> Decimal | D:
        """Return the value as a Decimal, exactly. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "decimal", default, convert.parse_decimal)

    def scaled(self, tag: builtins.int, digits: builtins.int, default: D = _MISSING) -> builtins.int | D:
        """Return the value times 10**digits, never rounded. Raises: FieldMissing, FieldFormatError."""
        convert.check_scale(digits)
        return self._convert(tag, "scaled", default, lambda raw: convert.parse_scaled(raw, digits))

    def bool(self, tag: builtins.int, default: D = _MISSING) -> builtins.bool | D:
        """Return True for Y, False for N. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "bool", default, convert.parse_bool)

    def time_ns(self, tag: builtins.int, default: D = _MISSING) -> builtins.int | D:
        """Return a UTCTimestamp in ns since the Unix epoch. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "time", default, convert.parse_time_ns)

    def datetime(self, tag: builtins.int, default: D = _MISSING) -> dt.datetime | D:
        """Return a UTCTimestamp as an aware datetime, cut to microseconds. Raises: FieldMissing, FieldFormatError."""
        return self._convert(tag, "datetime", default, convert.parse_datetime)

    # --- by the dictionary ----------------------------------------------------------------------------------

    @property
    def dictionary(self) -> Dictionary:
        """The dictionary that describes the message. Raises: DictionaryError: there is none for this version."""
        raise NotImplementedError

    def value(self, tag: builtins.int, default: Any = _MISSING) -> Any:
        """Return a value by its type in the dictionary. Raises: FieldMissing, FieldFormatError, DictionaryError."""
        if default is not _MISSING and tag not in self:
            return default
        return reading.value(_same(self), tag)

    def value_ns(self, tag: builtins.int, default: D = _MISSING) -> builtins.int | D:
        """Return a time by its type in the dictionary, in ns. Raises: as value()."""
        if default is not _MISSING and tag not in self:
            return default
        return reading.value_ns(_same(self), tag)


def _same(run: FieldRun) -> CompiledMessage:
    """Say to the type checker what the tests prove: the two have the same interface."""
    return cast("CompiledMessage", run)


def reader(tag: int, kind: str) -> Callable[[FieldRun], Any]:
    """Return a function that reads this tag as `kind`, None where it is absent.

    Raises: ValueError: no such kind.
    """
    name, colon, digits = kind.partition(":")
    if name == "scaled" and colon and digits.isascii() and digits.isdigit():
        scale = int(digits)
        convert.check_scale(scale)
        return lambda run: run.scaled(tag, scale, default=None)
    methods: dict[str, Callable[[FieldRun], Any]] = {
        "str": lambda run: run.get(tag),
        "bytes": lambda run: run.bytes(tag, default=None),
        "int": lambda run: run.int(tag, default=None),
        "float": lambda run: run.float(tag, default=None),
        "decimal": lambda run: run.decimal(tag, default=None),
        "bool": lambda run: run.bool(tag, default=None),
        "time": lambda run: run.time_ns(tag, default=None),
        "datetime": lambda run: run.datetime(tag, default=None),
    }
    if kind not in methods:
        raise ValueError(f"unknown kind {kind!r}: one of {', '.join(methods)} or scaled:N")
    return methods[kind]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
