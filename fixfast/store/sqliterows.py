"""The rows of a SQLite store: statements, checksums, reading a range of messages.

SQLite has no checksums, so every row has a CRC-32 of its own; and a message names the one before it, so that a row that
is gone is noticed as well (invariant B5.11).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

__all__ = [
    "ALL_ROWS",
    "DEALT_WITH",
    "DROP",
    "FORGET",
    "NEW_ROW",
    "OLD",
    "Damaged",
    "Rows",
    "in_row",
    "out_row",
    "row_crc",
]

#: rows read at a time
_BATCH = 64

_OUT = "INSERT INTO outbound VALUES(?,?,?,?,?,?,?,?)"
_IN = "INSERT INTO inbound VALUES(?,?,?,?,?,?)"
DEALT_WITH = "DELETE FROM inbound WHERE session=? AND b<?"
FORGET = "DELETE FROM inbound WHERE session=? AND b>=?"
OLD = "SELECT epoch, n FROM outbound WHERE session=? AND epoch<? ORDER BY epoch, n LIMIT ?"
DROP = "DELETE FROM outbound WHERE session=? AND (epoch, n) <= (?, ?)"
_COLUMNS = "SELECT n, previous, wall_ns, blanked, raw, crc FROM outbound WHERE session=? AND epoch=?"
_RANGE = f"{_COLUMNS} AND n>=? ORDER BY n LIMIT ?"
_LAST = f"{_COLUMNS} ORDER BY n DESC LIMIT 1"
_RECEIPTS = "SELECT a, b, blanked, raw, crc FROM inbound WHERE session=? AND b>=? ORDER BY a"
ALL_ROWS = (
    "SELECT id, identity, name, epoch, next_in, received, fills, skip_first, skip_last, last, lease_end, clean, "
    "in_use, doubt_from, boot_id, reason, crc FROM session"
)
NEW_ROW = "INSERT INTO session VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_UPDATE = (
    "UPDATE session SET epoch=?, next_in=?, received=?, fills=?, skip_first=?, skip_last=?, last=?, lease_end=?, "
    "clean=?, in_use=?, doubt_from=?, boot_id=?, reason=?, crc=? WHERE id=?"
)
_pack_out = struct.Struct("<5qB").pack
_pack_in = struct.Struct("<3qB").pack

Query = Callable[[str, tuple[Any, ...]], list[Any]]


class Damaged(Exception):
    """A row is not what was stored; the text says which."""


def out_row(session: int, epoch: int, n: int, previous: int, wall_ns: int, blanked: int, raw: bytes) -> tuple[str, Any]:
    """Return the statement that stores a message to be sent.

    Raises: ValueError: a number does not fit.
    """
    try:
        crc = crc32(raw, crc32(_pack_out(session, epoch, n, previous, wall_ns, blanked)))
    except struct.error as exc:
        raise ValueError(f"a number does not fit into a record: {n}, {wall_ns}") from exc
    return _OUT, (session, epoch, n, previous, wall_ns, blanked, raw, crc)


def in_row(session: int, a: int, b: int, blanked: int, raw: bytes) -> tuple[str, Any]:
    """Return the statement that stores received messages."""
    return _IN, (session, a, b, blanked, raw, crc32(raw, crc32(_pack_in(session, a, b, blanked))))


def row_crc(values: tuple[Any, ...]) -> int:
    """Return the checksum of a session's own row."""
    return crc32(repr(values).encode())


class Rows:
    """Reads the rows of one session and checks each.

    Args: query: runs a SELECT. session: the session's number.
    """

    def __init__(self, query: Query, session: int) -> None:
        self._query = query
        self._session = session
        self.whose: tuple[Any, ...] = ()  # the part of the session's row that never changes

    def state(self) -> list[Any]:
        """Return what the session's row says, from `epoch` on, in the order of its columns."""
        ((*row, crc),) = self._query(f"{ALL_ROWS} WHERE id=?", (self._session,))
        if crc != row_crc(tuple(row)):
            raise Damaged("its row is damaged")
        self.whose = tuple(row[:3])
        return list(row[3:])

    def update(self, state: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement that brings that row up to date."""
        return _UPDATE, (*state, row_crc(self.whose + state), self._session)

    def receipts(self, next_in: int) -> list[tuple[int, int, int, bytes]]:
        """Return (a, b, blanked, bytes) of what was received and not all dealt with."""
        found = []
        for a, b, blanked, raw, crc in self._query(_RECEIPTS, (self._session, next_in)):
            if not _is_whole(raw, crc, _pack_in, self._session, a, b, blanked):
                raise Damaged(f"the receipt of {a}..{b} is damaged")
            found.append((a, b, blanked, raw))
        return found

    def ends(self, epoch: int, least: int) -> tuple[int, int | None]:
        """Return the last number of an epoch (0: there is none; `least` or above) and the time of its first."""
        first = self._query(_RANGE, (self._session, epoch, 0, 1))
        last = self._query(_LAST, (self._session, epoch))
        for row in first + last:
            self._check(row, epoch)
        if least > (last[0][0] if last else 0):
            raise Damaged(f"outbound message {least} is gone")
        if len(first) != len(last):
            raise Damaged("the index of outbound messages is damaged")
        return (last[0][0], first[0][2]) if last else (0, None)

    def messages(self, epoch: int, a: int, b: int, last: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield (n, wall_ns, blanked, bytes) of messages a..b; `last` is the last number there is."""
        before: int | None = None  # the number of the row before, once there is one
        while a <= b:
            rows = self._query(_RANGE, (self._session, epoch, a, _BATCH))
            for row in rows:
                self._check(row, epoch)
                n, previous, wall_ns, blanked, raw, _ = row
                if previous != before if before is not None else previous >= a:
                    raise Damaged(f"outbound message {previous} is gone")
                if n > b:
                    return
                before, a = n, n + 1
                yield n, wall_ns, blanked, raw
            if len(rows) < _BATCH:
                if a <= min(b, last):
                    raise Damaged(f"outbound message {last} is gone")
                return

    def _check(self, row: Any, epoch: int) -> None:
        n, previous, wall_ns, blanked, raw, crc = row
        if not _is_whole(raw, crc, _pack_out, self._session, epoch, n, previous, wall_ns, blanked):
            raise Damaged(f"outbound message {n} is damaged")


def _is_whole(raw: Any, crc: Any, pack: Callable[..., bytes], *values: Any) -> bool:
    try:
        return bool(crc == crc32(raw, crc32(pack(*values))))
    except (TypeError, struct.error):  # SQLite keeps any type in any column
        return False
