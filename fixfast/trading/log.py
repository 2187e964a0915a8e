"""What an OrderManager writes down, so that another one can be built that knows the same.

Why not the session's own store: that keeps inbound messages only until the program has dealt with them, and begins
anew with every reset of the numbers; at venues that reset with each Logon it would know nothing of an order from an
hour ago. So what changes orders is logged here, requests before they are sent, and a manager is built again by going
through it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, runtime_checkable

from fixfast.trading.exact import EXACT
from fixfast.types import Scaled

__all__ = [
    "CompactLog", "LogKind", "MemoryOrderLog", "OrderLog", "Record", "as_json", "pack", "plain", "unpack",
    "written",
]  # fmt: skip


class LogKind:
    """What a record is: one character."""

    RECEIVED = "<"  # a message, whole
    REQUESTED = ">"  # a request of ours, about to be sent
    NUMBERED = "#"  # ... its MsgSeqNum
    VOID = "x"  # ... it could not be sent
    EVENT = "!"  # something happened to the session
    STATE = "="  # what came of all that was written before (snapshot.py)


class Record(NamedTuple):
    """One record: its kind, when it was written (wall ns), and its content."""

    kind: str
    wall_ns: int
    data: bytes


class OrderLog(Protocol):
    """Where records go: `ff.FileOrderLog` for a file; any object with these two methods."""

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        """Add one record. When this returns, a crash of the process does not lose it.

        Args: kind: one ASCII character. wall_ns: when. data: any bytes.

        Raises: StoreError: it could not be written.
        """

    def read(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield all records, (kind, wall_ns, data), oldest first."""


@runtime_checkable
class CompactLog(OrderLog, Protocol):
    """An OrderLog that can be made shorter."""

    def replace(self, records: Iterable[tuple[str, int, bytes]]) -> None:
        """Put these records in the place of all others: all of it or nothing, whatever stops the process.

        Raises: StoreError: it could not be done; the log is as it was.
        """


class MemoryOrderLog:
    """An OrderLog that lives as long as the process: for tests, and to look at what a manager writes down."""

    __slots__ = ("records",)

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        """Add one record."""
        self.records.append(Record(kind, wall_ns, data))

    def read(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield all records that are there now."""
        yield from list(self.records)

    def replace(self, records: Iterable[tuple[str, int, bytes]]) -> None:
        """Put these records in the place of all others."""
        self.records[:] = [Record(*record) for record in records]


def pack(values: dict[str, Any]) -> bytes:
    """Return what a request is, as JSON; exact numbers as text."""
    if values.get("extra"):
        values = {**values, "extra": written(values["extra"])}
    return as_json(values).encode()


def unpack(data: bytes) -> dict[str, Any]:
    """Return what pack() was given; numbers are text."""
    values: dict[str, Any] = json.loads(data)
    values["extra"] = _fields(values.get("extra", []))
    return values


def plain(number: Decimal) -> str:
    """Return an exact number as text, without an exponent."""
    text = str(number)  # PERF: and nearly always that is it: 0.1 us, format() 0.7
    return format(number, "f") if "E" in text or "e" in text else text


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


#: PERF: json.dumps() makes an encoder for each call, 3 us
as_json = json.JSONEncoder(default=_plain, separators=(",", ":")).encode


def written(pairs: Iterable[Any]) -> list[Any]:
    """Return fields for JSON: only groups are lists."""
    fields: list[Any] = []
    for tag, value in pairs:
        if isinstance(value, Scaled):
            value = Decimal(value.mantissa).scaleb(value.exponent, EXACT)
        elif isinstance(value, (list, tuple)):
            value = [written(entry) for entry in value]
        fields.append((tag, value))
    return fields


def _fields(pairs: list[Any]) -> tuple[tuple[Any, Any], ...]:
    """Return fields as they were: pairs are tuples, a group is a list of entries."""
    return tuple(
        (tag, [list(_fields(entry)) for entry in value] if isinstance(value, list) else value) for tag, value in pairs
    )
