"""NumberedLog: an order log whose records are counted from 1, for ever: record N is update N of a Backend.

It can be made shorter: what came of all records so far takes the places, and the numbers, of the last of them. So the
next number stays what it was, and who knows all until then goes on as if nothing had been; who does not begins anew,
with what there is. The first number is written in the file, with the requests of the latest day: a front end may ask
for one of them once more (answering.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from fixfast.errors import StoreCorrupt
from fixfast.service.messages import Record
from fixfast.trading.log import LogKind, pack

__all__ = ["NumberedLog"]

#: records that are kept in memory: who was away for a moment costs no reading of the file
_RECENT = 20_000
#: records of our own, in front of the others and without numbers: {"first": N, "since": M}; a number and a request
_HEAD, _ASKED = "N", "A"
_REQUESTED, _NUMBERED, _VOID = LogKind.REQUESTED, LogKind.NUMBERED, LogKind.VOID
#: for so long a request is known whose order is forgotten; no front end is on its way back for longer
_DAY_NS = 86_400 * 1_000_000_000


class _Log(Protocol):
    def append(self, kind: str, wall_ns: int, data: bytes) -> None: ...
    def read(self) -> Iterator[tuple[str, int, bytes]]: ...
    def replace(self, records: Iterable[tuple[str, int, bytes]]) -> None: ...


class NumberedLog:
    """A CompactLog on another one, with numbers.

    Args: log: where records are.

    Attributes:
        first: the number of the oldest record that is there.
        since: records from here on tell what happened; those before it, where there are any, what came of all before.
        next: the number the next one will have.
        asked: ClOrdID of each request that was written down, and is not forgotten -> its record, which may be older
            than `first`.
        on_append: each is called with each new record, when it is written.
        on_late: called when a record waits to be written, see append(): who sets it calls settle() soon. on_append is
            called for it later, and before it is for any that came after it.
        beside: returns what is to be kept of other things than orders when the log is made shorter: contents of more
            LogKind.STATE.

    Raises: StoreCorrupt: a record of ours, or a request, cannot be read.
    """

    def __init__(self, log: _Log) -> None:
        self._log = log
        self._recent: list[Record] = []
        self.first = self.since = self.next = 1
        self.asked: dict[str, Record] = {}
        self.on_append: list[Callable[[Record], object]] = []
        self.on_late: Callable[[], object] | None = None
        self._late: list[tuple[str, int, bytes]] = []
        self.beside: Callable[[], Iterable[bytes]] = tuple
        for kind, wall_ns, data in log.read():
            if kind in (_HEAD, _ASKED):
                self._take_own(kind, wall_ns, data)
            else:
                self._keep(Record(self.next, kind, wall_ns, data))

    def append(self, kind: str, wall_ns: int, data: bytes) -> None:
        """Add one record. See OrderLog. The MsgSeqNum of a request may wait for the next one, or for settle(); so does
        that one was not sent, where it cannot be written.

        PERF: its message is on the way to the venue by then: 5 of 58 us. A process that is killed in between knows the
        request without its number, as one is that was killed a moment earlier: it asks for the order's status (E4.11).
        """
        if kind == _VOID:  # it was not sent, whether that can be written or not
            self.asked.pop(_id_of(Record(0, kind, wall_ns, data)), None)
        if kind == _VOID or (kind == _NUMBERED and self.on_late is not None):
            self._late.append((kind, wall_ns, data))
            if self.on_late is not None:
                self.on_late()
            if kind == _VOID:
                self.settle()
            return
        if self._late:
            self.settle()
        self._add(kind, wall_ns, data)

    def settle(self) -> None:
        """Write what waits. Raises: StoreError: it waits still."""
        late = self._late
        while late:
            self._add(*late[0])
            del late[0]

    def read(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield all records, oldest first. See OrderLog."""
        self.settle()
        return (record for record in self._log.read() if record[0] not in (_HEAD, _ASKED))

    def replace(self, records: Iterable[tuple[str, int, bytes]]) -> None:
        """Put what came of all records in their place. See CompactLog. Where that is not less, all stays as it was."""
        self.settle()
        state = list(records)
        wall_ns = state[0][1]
        state += ((LogKind.STATE, wall_ns, data) for data in self.beside())
        first = self.next - len(state)
        if first <= self.first:
            return
        living = {name for _, _, data in state for name in json.loads(data).get("names", ())}
        asked = {
            name: record for name, record in self.asked.items() if name in living or record.wall_ns > wall_ns - _DAY_NS
        }
        head = (_HEAD, wall_ns, pack({"first": first, "since": self.next}))
        own = [(_ASKED, record.wall_ns, b"%d " % record.n + record.data) for record in asked.values()]
        self._log.replace([head, *own, *state])
        self.first, self.since, self.asked = first, self.next, asked
        self._recent = [Record(n, *one) for n, one in enumerate(state, first)]

    def records(self, n: int) -> Iterator[Record]:
        """Yield the records from `n` on; when it ends, there are no more just now. It may take its time.

        When the log is made shorter meanwhile it ends: look at `since`, and begin anew.
        """
        n, since = max(n, self.first), self.since
        while n < self.next and since == self.since:
            start = self.next - len(self._recent)
            if n >= start:
                yield self._recent[n - start]
                n += 1
                continue
            for number, (kind, wall_ns, data) in enumerate(self.read(), self.first):
                if number == n:
                    yield Record(number, kind, wall_ns, data)
                    n += 1
                if since != self.since:
                    return

    # --- inside --------------------------------------------------------------------------------------------

    def _add(self, kind: str, wall_ns: int, data: bytes) -> None:
        self._log.append(kind, wall_ns, data)
        record = Record(self.next, kind, wall_ns, data)
        self._keep(record)
        for call in self.on_append:
            call(record)

    def _take_own(self, kind: str, wall_ns: int, data: bytes) -> None:
        try:
            if kind == _HEAD:
                head = json.loads(data)
                self.first, self.since = int(head["first"]), int(head["since"])
                self.next = self.first
                return
            number, _, request = data.partition(b" ")
            record = Record(int(number), _REQUESTED, wall_ns, request)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreCorrupt("order log", self.next, f"what it begins with: {error}") from error
        self.asked[_id_of(record)] = record

    def _keep(self, record: Record) -> None:
        self.next = record.n + 1
        recent = self._recent
        recent.append(record)
        if len(recent) > 2 * _RECENT:
            del recent[:_RECENT]
        if record.kind == _REQUESTED:
            self.asked.setdefault(_id_of(record), record)
        elif record.kind == _VOID:
            self.asked.pop(_id_of(record), None)  # it was not sent


def _id_of(record: Record) -> str:
    # PERF: how pack() begins: {"type":"D","id":"..." where no character of the id had to be escaped; 0.5 us, not 3
    parts = record.data.split(b'"', 8)
    if len(parts) == 9 and parts[5] == b"id" and b"\\" not in parts[7]:
        return parts[7].decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(record.data)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt("order log", record.n, f"record {record.n}: {error}") from error
