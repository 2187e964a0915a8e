"""getter, in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixfast.codec.reference.fields import FieldRun, reader
from fixfast.codec.reference.groups import Group

__all__ = ["getter"]


def getter(*columns: tuple[int, str]) -> Callable[[FieldRun | Group], Any]:
    """Return a function that reads these columns from a message into a tuple, None where a tag is absent.

    Of a Group it returns a list with such a tuple for each entry.

    Args: columns: (tag, kind); kinds: str bytes int float decimal scaled:N bool time (ns) datetime.

    Raises: ValueError: an unknown kind. The function itself raises FieldFormatError.
    """
    readers = [reader(tag, kind) for tag, kind in columns]

    def get(run: FieldRun | Group) -> Any:
        if isinstance(run, Group):
            return [get(entry) for entry in run]
        if not isinstance(run, FieldRun):
            raise TypeError(f"a Message, an Entry or a Group expected, not {type(run).__name__}")
        return tuple(read(run) for read in readers)

    return get
