"""What index() and decode_columns() return: frozen classes of numpy arrays, one row per message.

A row is a message that parse() takes; what is none stands in `garbled`. The arrays belong to the caller alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fixfast.types import GarbledReason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Coded", "Columns", "GarbledSpans", "Index", "ScaledArray"]

_REASONS = tuple(GarbledReason)


class Coded(NamedTuple):
    """A column of text, each distinct value kept once: `categories[codes[row]]`; code -1 where the field is not there.

    Categories stand in the order of their first row, as str decoded like Message.get() does (UTF-8, surrogateescape).
    `pandas.Categorical.from_codes(*column)` takes it as it is.
    """

    codes: NDArray[np.int32]
    categories: tuple[str, ...]


class ScaledArray(NamedTuple):
    """A column of exact decimals: mantissa * 10**exponent, trailing zeros kept ("1.50" is 150, -2)."""

    mantissa: NDArray[np.int64]
    exponent: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class GarbledSpans:
    """Where the buffer holds no message though one was looked for.

    Attributes:
        offset: of the first byte, in bytes from the start of the buffer; int64.
        size: how many bytes were judged, as in Garbled.raw; int64. Spans may overlap messages found inside.
        reason: places in the order of GarbledReason; uint8.
    """

    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    reason: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.offset)

    def counts(self) -> dict[GarbledReason, int]:
        """Return how many there are of each reason, of those that occur."""
        found = Counter(self.reason.tolist())
        return {_REASONS[code]: found[code] for code in sorted(found)}


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Where the messages of a buffer are, and their fields: rows are messages, `first` leads to their fields (CSR).

    Attributes:
        offset: of each message, in bytes from the start of the buffer; int64.
        size: of each message in bytes of the buffer; uint32.
        msg_type: MsgType(35), dictionary-coded.
        first: the fields of row i are [first[i], first[i + 1]); int64, one more than rows.
        tag: of each field, 8, 9 and 10 included; int32. Empty where fields=False.
        start, end: of each field's value, in bytes from the start of its message; uint32.
        garbled: what is no message. CheckSum is right in every row: where it is wrong, the bytes stand here.
    """

    offset: NDArray[np.int64]
    size: NDArray[np.uint32]
    msg_type: Coded
    first: NDArray[np.int64]
    tag: NDArray[np.int32]
    start: NDArray[np.uint32]
    end: NDArray[np.uint32]
    garbled: GarbledSpans

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class Columns(Mapping[int, Any]):
    """The columns of decode_columns(): a mapping of tag to array, Coded or ScaledArray, one row per message.

    Attributes:
        values_by_tag: {tag: column}, in the order asked for.
        valid: {tag: bool array}: the field is there and its text is of the kind.
        malformed: {tag: rows whose field is there, but whose text is not of the kind}.
        offset: of each message, in bytes from the start of the buffer; int64.
        garbled: what is no message.
    """

    values_by_tag: dict[int, Any]
    valid: dict[int, NDArray[np.bool_]]
    malformed: dict[int, int]
    offset: NDArray[np.int64]
    garbled: GarbledSpans

    def __getitem__(self, tag: int) -> Any:
        return self.values_by_tag[tag]

    def __iter__(self) -> Iterator[int]:
        return iter(self.values_by_tag)

    def __len__(self) -> int:
        return len(self.values_by_tag)

    @property
    def rows(self) -> int:
        """How many messages there are."""
        return len(self.offset)
