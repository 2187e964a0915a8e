"""getter, in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixfast.codec.reference.fields import FieldRun, reader

__all__ = ["getter"]


def getter(*columns: tuple[int, str]) -> Callable[[FieldRun], tuple[Any, ...]]:
    """Return a function that reads these columns from a message into a tuple, None where a tag is absent.

    Args: columns: (tag, kind); kinds: str bytes int float decimal scaled:N bool time (ns) datetime.

    Raises: ValueError: an unknown kind. The function itself raises FieldFormatError.
    """
    readers = [reader(tag, kind) for tag, kind in columns]

    def get(message: FieldRun) -> tuple[Any, ...]:
        return tuple(read(message) for read in readers)

    return get
