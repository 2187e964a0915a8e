"""SqliteStore: the history of a session in a SQLite database that it may share with many, safe like a journal.

    database = ff.SqliteDatabase("bot.db", sync="group")
    server = await ff.serve(app, configs, stores=lambda config: ff.SqliteStore(database, session_id=config.session_id))

Every message is one row; the sequence numbers are derived from the rows. What cannot be derived is one row for each
session, written in the same transaction as what it speaks of.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Unpack

from fixfast.errors import ConfigError, StoreCorrupt, StoreError
from fixfast.store.base import InboundLedger, StoreState, check_out
from fixfast.store.secrets import has_secrets, without_secrets
from fixfast.store.sqlitedb import SqliteDatabase, SqliteOptions
from fixfast.store.sqlitefile import SqliteFile
from fixfast.store.sqliterows import DEALT_WITH, DROP, FORGET, OLD, Damaged, Rows, in_row, out_row
from fixfast.types import Buffer, SessionID

__all__ = ["SqliteStore"]

_NEVER = 1 << 62
#: receipts left behind before they are deleted; rows of old epochs deleted at a time
_LEFT_BEHIND, _CHUNK = 64, 500


class _Receipt(NamedTuple):
    a: int
    b: int
    blanked: int


class SqliteStore:
    """The store of one session in a SQLite database. One owner; sync(), lease(), upkeep() may run in another thread.

    Args:
        path: the database file, which the store then has to itself and closes in the end; or a SqliteDatabase, which
            many stores share.
        session_id: whose store it is.
        options: for a path, those of SqliteDatabase.

    Attributes: path: the database file.

    Raises: StoreLocked: the session has an owner. StoreCorrupt, StoreError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | SqliteDatabase,
        *,
        session_id: SessionID | str,
        **options: Unpack[SqliteOptions],
    ) -> None:
        self._owns = not isinstance(path, SqliteDatabase)
        if isinstance(path, SqliteDatabase):
            if options:
                raise ConfigError(", ".join(options), tuple(options.values()), "given to the SqliteDatabase")
            database = path
        else:
            database = SqliteDatabase(path, **options)
        self.path = database.path
        self._database = database
        policy = database.policy
        self._leasing = policy in ("lease", "interval")
        self._gated = policy == "group"
        self._interval_ns = database.interval_ns if policy == "interval" else 0
        self._lease_size = database.lease_size
        self._wall_ns = 0
        self._sync_at = 0
        self._open: SqliteFile | None = None
        self._number = 0
        try:
            self._number = database.take(session_id)
            self._rows = Rows(database.file.query, self._number)
            with database.file.mutex:
                self._take_up()
            self._resume(database.file)
        except BaseException:
            self._let_go()
            raise
        self._open = database.file

    # --- opening --------------------------------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Derive the state from the rows; refuse damage."""
        try:
            state = self._rows.state()
            self._epoch, next_in, received, fills, self._skip_first, self._skip_last, least = state[:7]
            self._leased, self._clean, self._in_use, self._doubt_from, self._boot_id, self._why = state[7:]
            receipts = self._rows.receipts(next_in)
            self._last, self._created_ns = self._rows.ends(self._epoch, least)
        except Damaged as exc:
            raise self._corrupt(exc) from None
        self._pending = deque(_Receipt(a, b, blanked) for a, b, blanked, _ in receipts)
        self._ledger = ledger = InboundLedger(next_in)
        ledger.receive(max([received - 1, *(b for _, b, _ in self._pending)]))
        for text in fills.split():
            a, _, b = text.partition("-")
            ledger.fill(int(a), int(b))
        reach = next_in
        for a, b in sorted([(p.a, p.b) for p in self._pending] + ledger.fills):
            reach = max(reach, b + 1) if a <= reach else reach
        if reach != ledger.received:
            raise self._corrupt(f"the receipt of inbound message {reach} is gone")
        self._next_out = max(self._last, self._skip_last) + 1
        self._left_behind = _LEFT_BEHIND  # what is left of last time goes with the first that is dealt with
        self._stale = self._epoch - 1 > self._database.keep_epochs  # there are rows of epochs that need not be kept

    def _resume(self, file: SqliteFile) -> None:
        """Note who goes on, and skip the outbound numbers that a power loss has put in doubt."""
        boot_id = self._database.boot_id
        same_boot = bool(boot_id) and self._boot_id == boot_id
        with file.mutex:
            if self._leased > self._next_out and not (same_boot or self._clean):
                self._skip_first, self._skip_last = self._next_out, self._leased - 1
                self._next_out = self._leased
                self._clean = 0
                file.touch(self)
            if self._in_use and not same_boot:
                self._doubt_from = self._next_out
                file.touch(self)
            # With no syncs to come, a power loss could leave the mark of the last clean stop: noted here, durably.
            in_use = int(self._database.policy == "none")
            must_last = in_use > self._in_use
            if not same_boot or in_use != self._in_use:
                self._boot_id, self._in_use = boot_id, in_use
                file.touch(self)
            file.flush()
        if must_last:
            file.sync()
        # What a killed process left in the page cache, a lease above all, counts only once it is durable. So the lease
        # is made anew, which syncs all of this: before a connection, for all sessions together.
        self._lease_end = self._next_out if self._leasing else _NEVER

    # --- the Store Protocol ---------------------------------------------------------------------------------------

    def load(self) -> StoreState:
        """Return what is stored (see Store.load).

        Receipts that cannot be redelivered, because their secrets were not kept, are given up with all behind them:
        the peer will be asked for them again.
        """
        file, ledger = self._open or self._closed(), self._ledger
        with file.mutex:
            file.check()
            blanked = next((p for p in self._pending if p.blanked), None)
            if blanked is not None:
                first = max(blanked.a, ledger.next_in)
                ledger.forget(first)
                while self._pending and self._pending[-1].b >= first:
                    self._pending.pop()
                file.put(FORGET, (self._number, first))
                self._change(file)
            try:
                receipts = self._rows.receipts(ledger.next_in) if self._pending else []
            except Damaged as exc:
                raise self._corrupt(exc) from None
        if [(p.a, p.b) for p in self._pending] != [receipt[:2] for receipt in receipts]:
            raise self._corrupt("a receipt is gone")
        skipped = self._skip_last and self._next_out == self._skip_last + 1
        return StoreState(
            epoch=self._epoch,
            next_out=self._next_out,
            next_in=ledger.next_in,
            pending_in=tuple((a, b, raw) for a, b, _, raw in receipts),
            created_ns=self._created_ns,
            clean=bool(self._clean),
            received=ledger.received,
            lost_out=(self._skip_first, self._skip_last) if skipped else None,
            why=self._why,
            out_in_doubt=self._doubt_from == self._next_out,
        )

    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int:
        """Store a message to be sent (see Store.append_out). Secrets in it are blanked (C8)."""
        if n >= self._lease_end:
            self.lease(n + self._lease_size)
        blanked = 0
        if has_secrets(buf) and (without := without_secrets(buf)) is not None:
            buf, blanked = without, 1
        raw = buf if type(buf) is bytes else bytes(buf)
        file = self._open or self._closed()
        with file.mutex:
            if file.failure is not None:
                file.check()
            if n < self._next_out:
                check_out(n, self._next_out)
            sql, row = out_row(self._number, self._epoch, n, self._last, wall_ns, blanked, raw)
            position = file.put(sql, row, len(raw))
            self._last = n
            self._next_out = n + 1
            if self._created_ns is None:
                self._created_ns = wall_ns
            if self._clean:
                self._change(file)
            file.settle()
        self._wall_ns = wall_ns
        if self._interval_ns:
            self._sync_by_clock(wall_ns)
        return position

    def append_in(self, a: int, b: int, buf: Buffer) -> int:
        """Store received messages (see Store.append_in). Secrets in them are blanked (C8)."""
        blanked = 0
        if has_secrets(buf) and (without := without_secrets(buf)) is not None:
            buf, blanked = without, 1
        raw = buf if type(buf) is bytes else bytes(buf)
        file, ledger = self._open or self._closed(), self._ledger
        with file.mutex:
            if file.failure is not None:
                file.check()
            ledger.check_receipt(a, b)
            sql, row = in_row(self._number, a, b, blanked, raw)
            position = file.put(sql, row, len(raw))
            ledger.receive(b)
            self._pending.append(_Receipt(a, b, blanked))
            if self._clean:
                self._change(file)
            file.flush()  # before the application sees them (B5.5)
        return position

    def done(self, n: int) -> int:
        """Note that everything up to n is dealt with (see Store.done)."""
        file, ledger = self._open or self._closed(), self._ledger
        with file.mutex:
            if file.failure is not None:
                file.check()
            if n < ledger.next_in:
                return file.position
            return self._moved(file, ledger.done(n))

    def fill(self, a: int, b: int) -> int:
        """Note that a..b need no delivery (see Store.fill)."""
        file, ledger = self._open or self._closed(), self._ledger
        with file.mutex:
            if file.failure is not None:
                file.check()
            ledger.check_fill(a, b)
            return self._moved(file, ledger.fill(a, b))

    def reset(self, reason: str) -> int:
        """Begin the next epoch in one durable transaction (see Store.reset)."""
        file = self._open or self._closed()
        with file.mutex:
            file.flush()
            self._epoch += 1
            self._next_out, self._last, self._created_ns = 1, 0, None
            self._skip_first = self._skip_last = 0
            self._leased = 1
            self._ledger = InboundLedger()
            self._pending.clear()
            self._doubt_from = 0
            self._why = reason.encode("utf-8", "replace").decode()[:1000]
            file.put(FORGET, (self._number, 0))
            position = self._change(file)
            self._lease_end = 1 if self._leasing else _NEVER
            self._stale = self._epoch - 1 > self._database.keep_epochs
        file.sync()
        return position

    def lease(self, n: int) -> int:
        """Make it durable that outbound numbers below n may be used; under other policies the same as sync()."""
        file = self._open or self._closed()
        if not 0 <= n < _NEVER:
            raise ValueError(f"a number does not fit into a record: {n}")
        with file.mutex:
            file.check()
            epoch = self._epoch
            if self._leasing:
                self._leased = max(self._leased, n)
                self._change(file)
            leased, position = self._leased, file.position
        file.sync()
        with file.mutex:
            if self._leasing and self._epoch == epoch:  # else reset() came in between
                self._lease_end = max(self._lease_end, leased)
        return position

    @property
    def lease_due(self) -> int | None:
        """What to call lease() with, from another thread, now that half of the lease is used; None: nothing to do."""
        next_out: int = self._next_out
        if not self._leasing or self._lease_end - next_out > self._lease_size // 2:
            return None
        return next_out + self._lease_size

    def sync(self) -> None:
        """Make everything appended so far durable (see Store.sync), by one sync for all sessions of the database."""
        file = self._open or self._closed()
        wall_ns = self._wall_ns
        file.sync()
        self._sync_at = wall_ns + self._interval_ns

    @property
    def synced(self) -> int:
        """Messages at positions up to this one may go on the wire under the policy.

        Reading it commits what was appended. Should that fail, it does not rise any more, and sync() says why.
        """
        file = self._open or self._closed()
        return file.durable if self._gated else file.settled()

    @property
    def sync_interval_ns(self) -> int:
        """Under "interval", the time in which sync() should be called, in another thread; 0: no such time."""
        return self._interval_ns

    @property
    def dirty(self) -> bool:
        """Whether sync() would have anything to do."""
        return self._open is not None and self._open.durable != self._open.position

    @property
    def upkeep_due(self) -> bool:
        """Whether upkeep() has something to do."""
        file = self._open
        return file is not None and (self._stale or file.checkpoint_due)

    def upkeep(self) -> None:
        """Do what need not be done at once, in another thread: a checkpoint, deleting epochs not kept."""
        file = self._open or self._closed()
        while self._stale and self._open is not None:
            with file.mutex:
                self._stale = self._drop_some(file)
        if file.checkpoint_due:
            file.checkpoint()

    @property
    def space_low(self) -> bool:
        """Whether the disk was found full."""
        return self._open is not None and self._open.space_low

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of a..b, in order, in bounded memory (see Store.read_out).

        Raises: StoreCorrupt: a message is damaged or gone; those before it were yielded. StoreError: reset, closed.
        """
        (self._open or self._closed()).check()
        return self._read(max(a, 1), b, self._epoch, self._last)

    def close(self) -> None:
        """Mark a clean stop, make all durable, let go of the session. Twice is once."""
        file = self._open
        if file is None:
            return
        try:
            if file.failure is None:
                if self._owns:
                    self.upkeep()
                with file.mutex:
                    if self._in_use or not self._clean:
                        self._clean, self._in_use = 1, 0
                        # The lease ends here: see JournalState.apply().
                        self._leased = self._next_out
                        file.touch(self)
                file.sync()
        finally:
            self._let_go()

    # --- inside: the caller holds the file's mutex ------------------------------------------------------------------

    def row_write(self) -> tuple[str, tuple[Any, ...]]:
        """Return what brings the session's row up to date (for SqliteFile)."""
        ledger = self._ledger
        fills = " ".join(f"{a}-{b}" for a, b in ledger.fills) if ledger.fills else ""
        numbers = (self._epoch, ledger.next_in, ledger.received, fills, self._skip_first, self._skip_last, self._last)
        notes = (self._leased, self._clean, self._in_use, self._doubt_from, self._boot_id, self._why)
        return self._rows.update(numbers + notes)

    def _change(self, file: SqliteFile) -> int:
        self._clean = 0
        return file.touch(self)

    def _moved(self, file: SqliteFile, nin: int) -> int:
        """NIN is nin now: have that written, and drop receipts below it, many at a time."""
        pending = self._pending
        while pending and pending[0].b < nin:
            pending.popleft()
            self._left_behind += 1
        if self._left_behind >= _LEFT_BEHIND:
            self._left_behind = 0
            file.put(DEALT_WITH, (self._number, nin))
        position = self._change(file)
        file.settle()
        return position

    def _drop_some(self, file: SqliteFile) -> bool:
        """Delete some messages of an epoch that is not kept; return whether there may be more."""
        oldest = self._epoch - self._database.keep_epochs
        found = file.query(OLD, (self._number, oldest, _CHUNK))
        if found:
            file.put(DROP, (self._number, *found[-1]))
            file.flush()
        return len(found) == _CHUNK

    # --- inside ---------------------------------------------------------------------------------------------------

    def _read(self, a: int, b: int, epoch: int, last: int) -> Iterator[tuple[int, int, bytes]]:
        file = self._open or self._closed()

        def query(sql: str, parameters: Any) -> list[Any]:
            with file.mutex:
                return file.query(sql, parameters)

        try:
            for n, wall_ns, blanked, raw in Rows(query, self._number).messages(epoch, a, b, last):
                if not blanked:
                    yield n, wall_ns, raw
                    (self._open or self._closed()).check()
                    if self._epoch != epoch:
                        raise StoreError(f"{self.path}: the store was reset")
        except Damaged as exc:
            raise self._corrupt(exc) from None

    def _sync_by_clock(self, wall_ns: int) -> None:
        # A wall clock that was set back must not stretch the interval.
        if wall_ns >= self._sync_at or wall_ns < self._sync_at - self._interval_ns:
            self.sync()

    def _corrupt(self, what: object) -> StoreCorrupt:
        return StoreCorrupt(self.path, -1, f"session {self._number}: {what}")

    def _closed(self) -> SqliteFile:
        raise StoreError(f"{self.path}: closed")

    def _let_go(self) -> None:
        self._open = None
        try:
            if self._number:
                self._database.release(self._number)
        finally:
            if self._owns:
                self._database.close()
