"""RptSeq: which updates of an instrument are next, known or too early, and those that wait for a snapshot (M9)."""

from __future__ import annotations

from collections import deque

from fixfast.trading.bookview import Scales
from fixfast.trading.entries import Row, rescaled

__all__ = ["RptSeq", "Waiting"]


class RptSeq:
    """RptSeq(83) of the last entry that was applied. `last` is None where the venue gives no numbers."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int | None = None

    def due(self, rows: list[Row], live: bool = True) -> list[Row] | None:
        """Return those of the rows that come next, and count them; [] if all are known; None if some are missing.

        Several entries of one message may have the same number, and some none.

        Args:
            live: the rows have just come. A 1 then, where more were counted, means that the venue began anew: what
                came before it is missing as well. One that has waited for a snapshot is just an old one.
        """
        last = self.last
        number = rows[0][11]
        if len(rows) == 1 and (number is None or last is None or number == last + 1):  # PERF: nearly all
            if number is not None:
                self.last = number
            return rows
        seen = last
        due: list[Row] = []
        for row in rows:
            number = row[11]
            if number is not None:
                if seen is None or number == seen + 1:
                    seen = number
                elif last is not None and number <= last:
                    if live and number == 1 < last:
                        return None
                    continue
                elif number != seen:
                    return None
            due.append(row)
        self.last = seen
        return due


class Waiting:
    """Updates that wait for a snapshot. Args: limit: entries that are kept, at most; the oldest go first (M13)."""

    __slots__ = ("_count", "_limit", "_updates")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._updates: deque[tuple[list[Row], Scales, int]] = deque()

    def __len__(self) -> int:
        return self._count

    def keep(self, rows: list[Row], scales: Scales, sent_ns: int) -> None:
        """Keep an update. Of one without numbers nothing is kept: the snapshot that is sent after it has it in."""
        if rows[0][11] is None:
            return
        self._updates.append((rows, scales, sent_ns))
        self._count += len(rows)
        while self._count > self._limit:
            self._count -= len(self._updates.popleft()[0])

    def take(self, scales: Scales) -> deque[tuple[list[Row], int]]:
        """Return all (rows, sent_ns), at these scales, oldest first. None is kept."""
        taken = deque(
            (rows if was == scales else rescaled(rows, was, scales), sent_ns) for rows, was, sent_ns in self._updates
        )
        self.clear()
        return taken

    def clear(self) -> None:
        """Forget all."""
        self._updates.clear()
        self._count = 0
