"""The same fields of every entry of a group, as numpy arrays: plain Python twin of arrays.pyx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fixfast.codec.reference.fields import reader
from fixfast.errors import FieldFormatError, FieldMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fixfast.codec.reference.fields import FieldRun

__all__ = ["columns"]

_INT64 = range(-(1 << 63), 1 << 63)


def columns(
    entries: Sequence[FieldRun], given: tuple[int | tuple[int, str], ...], missing: int | None
) -> tuple[NDArray[Any], ...]:
    """Return an array for each column; see Group.columns()."""
    if missing is not None and missing not in _INT64:
        raise OverflowError("missing must fit 64 bits")
    return tuple(_array(entries, *_column(column), missing) for column in given)


def _column(column: int | tuple[int, str]) -> tuple[int, str]:
    if not isinstance(column, tuple):
        return column, "float"
    tag, kind = column
    return tag, kind


def _array(entries: Sequence[FieldRun], tag: int, kind: str, missing: int | None) -> NDArray[Any]:
    read = reader(tag, kind)
    name = kind.partition(":")[0]
    if name == "float":
        return np.array(_filled(entries, read, float("nan")), dtype="float64")
    if name in ("int", "scaled"):
        return np.array(_integers(entries, read, tag, missing), dtype="int64")
    if name == "time":
        return np.array(_filled(entries, read, -(1 << 63)), dtype="int64").view("datetime64[ns]")
    if name == "bytes":
        values = _filled(entries, read, b"")
        return np.array(values, dtype=f"S{max(map(len, values), default=1) or 1}")
    raise ValueError(f"no array holds {kind!r}: columns are float, int, scaled:N, time or bytes")


def _filled(entries: Sequence[FieldRun], read: Callable[[FieldRun], Any], missing: Any) -> list[Any]:
    values = (read(entry) for entry in entries)
    return [missing if value is None else value for value in values]


def _integers(entries: Sequence[FieldRun], read: Callable[[FieldRun], Any], tag: int, missing: int | None) -> list[int]:
    values = []
    for entry in entries:
        value = read(entry)
        if value is None:
            if missing is None:
                raise FieldMissing(tag)
            value = missing
        elif value not in _INT64:
            raise FieldFormatError(tag, "int", str(value).encode(), "does not fit 64 bits")
        values.append(value)
    return values
