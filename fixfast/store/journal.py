"""JournalStore: a session's history in append-only files, safe against a killed process and a power loss.

`dir/FIX.4.4-A-B-<hash>.journal` holds the current epoch, or its last segment (see rotation.py: when a file has grown
large the next one goes on with the state so far); a `.lock` file beside it is held while the store is open. Each record
is whole or absent (CRC-32); both sequence numbers are derived from the records. A reset writes the next epoch's file,
makes it durable and only then puts it in the place of the old one, so there is no moment without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock as Mutex
from typing import Literal, TypeAlias, get_args

from fixfast.errors import ConfigError, StoreCorrupt, StoreError
from fixfast.store.base import StoreState, check_out
from fixfast.store.files import FileSystem, Lock, OsFiles, file_stem, identity_hash
from fixfast.store.recordfile import RecordFile, write_all
from fixfast.store.records import BLANKED, Header, Kind, pack_header, pack_record
from fixfast.store.replay import JournalState, Pending, Sealed
from fixfast.store.rotation import Retention, Rotation, remove_dropped
from fixfast.store.secrets import has_secrets, without_secrets
from fixfast.store.segments import SealedSegments, archive_path, out_messages, segment_path
from fixfast.store.startup import Recovery, sealed_before, take_up
from fixfast.types import Buffer, SessionID

__all__ = ["JournalStore", "Recovery", "SyncPolicy"]

SyncPolicy: TypeAlias = Literal["none", "interval", "lease", "group", "every"]

_NEVER = 1 << 62
# PERF: plain ints; an IntEnum member costs 0.1 us to look up and 0.07 us more to pack (of 2.5 us per record).
_OUT, _IN, _DONE, _FILL = Kind.OUT.value, Kind.IN.value, Kind.DONE.value, Kind.FILL.value


class JournalStore:
    """A store in files of its own per session. One owner; sync() and lease() may run in another thread meanwhile.

    Args:
        path: the directory for the journal of `session_id`; without a session_id the journal file itself.
        session_id: whose journal it is. Gives the file its name (safe for any CompID) and is checked on opening.
        sync: what survives (requirement B3):
            "lease" (default): a killed process loses nothing; after a power loss the tail may be gone but no outbound
                number is ever reused: the numbers in doubt are skipped (`StoreState.lost_out`).
            "interval": the same, and at most `interval_ns` of messages is lost.
            "group": what goes on the wire was durable before; sync() once per loop turn moves `synced`.
            "every": every record is durable before the call returns.
            "none": a killed process loses nothing; after a power loss numbers may be reused.
        lease_size: numbers per lease; one disk sync per that many messages.
        interval_ns: for "interval".
        keep_epochs: how many journals of former epochs to keep, as `....<epoch>.journal`.
        segment_size: bytes of records after which the next sync() or lease() begins another file, the next segment; an
            append does so itself at twice that. Start-up reads the last segment only.
        keep_bytes: remove the oldest segments of the epoch while all but the last one are larger than this; None: none
            is removed for its size.
        keep_messages: remove segments without any of the last so many outbound numbers; None: none is removed for its
            age. What is removed is not resent any more (`kept_from`). Receipts that wait for the application are kept.
        secret_comp_ids: keep the CompIDs out of the file name.
        files: the file system; another one for fault injection and simulation.

    Attributes:
        path: the journal file.
        recovered: what opening it had to cut off its end, or None.

    Raises: StoreLocked, StoreCorrupt (nothing was changed on disk), StoreError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        session_id: SessionID | str | None = None,
        sync: SyncPolicy = "lease",
        lease_size: int = 1000,
        interval_ns: int = 1_000_000_000,
        keep_epochs: int = 1,
        segment_size: int = 1 << 24,
        keep_bytes: int | None = None,
        keep_messages: int | None = None,
        secret_comp_ids: bool = False,
        files: FileSystem | None = None,
    ) -> None:
        if sync not in get_args(SyncPolicy):
            raise ConfigError("sync", sync, f"one of {', '.join(get_args(SyncPolicy))}")
        for name, value, least in (
            ("lease_size", lease_size, 1),
            ("interval_ns", interval_ns, 0),
            ("keep_epochs", keep_epochs, 0),
            ("segment_size", segment_size, 1),
            ("keep_bytes", keep_bytes, 1),
            ("keep_messages", keep_messages, 1),
        ):
            if value is not None and value < least:
                raise ConfigError(name, value, f"{least} or more")
        self.path = os.path.abspath(os.fspath(path))
        if session_id is not None:
            self.path = os.path.join(self.path, file_stem(session_id, secret=secret_comp_ids) + ".journal")
        self.recovered: Recovery | None = None
        self._identity = identity_hash(session_id) if session_id is not None else bytes(32)
        self._policy: SyncPolicy = sync
        self._leasing = sync in ("lease", "interval")
        self._gated = sync in ("group", "every")
        self._eager = sync in ("every", "interval")
        self._lease_size = lease_size
        self._interval_ns = interval_ns
        self._keep_epochs = keep_epochs
        self._files: FileSystem = files if files is not None else OsFiles()
        self._syncing = Mutex()  # one disk sync at a time; taken before the log's mutex
        self._segment_size = segment_size
        self._rotation = Rotation(self._files, self.path, Retention(keep_bytes, keep_messages))
        self._older = SealedSegments(self._files, self.path)
        self._wall_ns = 0
        self._sync_at = 0
        self._lock: Lock | None = None
        self._log: RecordFile | None = None
        try:
            self._files.make_directory(os.path.dirname(self.path))
            self._lock = self._files.lock(self.path + ".lock")
            self._take_up(self._lock)
        except OSError as exc:
            self._let_go()
            raise StoreError(f"{self.path}: cannot be opened: {exc}") from exc
        except BaseException:
            self._let_go()
            raise

    # --- opening --------------------------------------------------------------------------------------------------

    def _take_up(self, lock: Lock) -> None:
        files = self._files
        boot_id = files.boot_id()
        files.remove(self.path + ".new")  # a reset or a creation that did not come to its end
        if files.exists(self.path):
            # A process killed inside reset() may have left a new name that is not durable yet: this epoch must not be
            # worked in and then be undone by a power loss.
            files.sync_directory(os.path.dirname(self.path))
            self._resume(boot_id)
        elif lock.note:
            raise StoreCorrupt(self.path, 0, "the journal is gone, though there was one (see its .lock file)")
        else:
            self._make_epoch(1, "created", boot_id)
        if not lock.note:
            lock.write_note(b"this journal exists; the lock file must stay beside it\n")

    def _resume(self, boot_id: bytes) -> None:
        """Read the journal, note who goes on with it, and skip the outbound numbers a power loss has put in doubt."""
        taken = take_up(self._files, self.path, self._identity)
        state, self.recovered, self._wall_ns = taken.state, taken.recovered, taken.wall_ns
        self._log = log = RecordFile(self.path, taken.file, state.header, taken.end, state.base)
        self._state = state
        if taken.sealing is not None:
            self._rotation.finish(log, state, taken.sealing, self._wall_ns)
        same_boot = bool(boot_id) and state.boot_id == boot_id
        # A killed process loses nothing of what it wrote. A cut, or another boot, and numbers may be missing.
        if state.lease_end > state.next_out and (taken.in_doubt or not (same_boot or state.clean)):
            first, last = state.next_out, state.lease_end - 1
            log.put(Kind.SKIP, first, last, state.ledger.next_in, self._wall_ns)
            state.skip(first, last)
        if not same_boot or (self._policy == "none" and (state.stopped or taken.in_doubt)):
            state.stopped = state.stopped and not taken.in_doubt
            # Behind SKIP: a later start that finds this record finds that one too.
            log.put(Kind.OPEN, 0, 0, state.ledger.next_in, self._wall_ns, boot_id)
            state.opened()
            state.boot_id = boot_id
        # What a killed process left in the page cache, a lease above all, counts only once it is durable.
        self._sync_now()
        log.free_below = state.lease_end if self._leasing else _NEVER
        remove_dropped(self._files, self.path, state)
        self._plan_rotation(state.body + self._segment_size)

    def _make_epoch(self, epoch: int, reason: str, boot_id: bytes) -> None:
        """Write the file of a new epoch, make it durable, put it in the place of the old one, and use it."""
        files, new = self._files, self.path + ".new"
        files.remove(new)
        header = Header(files.file_id(), epoch, self._identity, boot_id)
        why = reason.encode("utf-8", "replace")[:1000]
        dropped = self._epoch_to_drop(epoch - 1 - self._keep_epochs)
        data = pack_header(header) + pack_record(header, Kind.EPOCH, epoch, epoch, 1, self._wall_ns, why)
        for old, first, last in dropped:
            data += pack_record(header, Kind.DROP, first, last, 1, self._wall_ns, old.to_bytes(4, "little"))
        data += pack_record(header, Kind.SYNCED, len(data), len(data), 1, self._wall_ns, header.mark)
        file = files.open(new, create=True)
        try:
            write_all(file.pwrite, data, 0)
            file.sync()
            if epoch > 1 and self._keep_epochs:
                files.link(self.path, archive_path(self.path, epoch - 1))
            files.replace(new, self.path)
            files.sync_directory(os.path.dirname(self.path))
        except BaseException:
            file.close()
            raise
        base = 0
        if self._log is not None:
            base = self._log.position
            with suppress(OSError):  # the epoch is over; it may as well keep its zeros
                self._log.give_back()
            self._log.close("the store was reset")
            # A rotation for which there was no room may have left this name of the file.
            files.remove(segment_path(self.path, epoch - 1, self._state.segment))
        self._older.forget()
        self._log = log = RecordFile(self.path, file, header, len(data), base)
        log.mark_synced()
        self._state = JournalState(header, base)
        self._state.dropped += dropped
        self._state.why = reason if epoch > 1 else ""
        log.free_below = 1 if self._leasing else _NEVER
        remove_dropped(files, self.path, self._state)
        self._plan_rotation(base + self._segment_size)

    def _epoch_to_drop(self, epoch: int) -> list[tuple[int, int, int]]:
        """Return what of a former epoch is to be removed: (epoch, first segment, last segment)."""
        if epoch < 1:
            return []
        if not self._keep_epochs:
            sealed = self._state.sealed
        else:
            archive = archive_path(self.path, epoch)
            if not self._files.exists(archive):
                return []
            sealed = sealed_before(self._files, archive)
        return [(epoch, sealed[0].number, sealed[-1].number) if sealed else (epoch, 1, 0)]

    # --- the Store Protocol ---------------------------------------------------------------------------------------

    def load(self) -> StoreState:
        """Return what is stored (see Store.load).

        Receipts that cannot be redelivered, because their secrets were not kept, are given up with all behind them:
        the peer will be asked for them again.
        """
        log, state = self._checked(), self._state
        blanked = next((p for p in state.pending if p.flags & BLANKED), None)
        if blanked is not None:
            first = max(blanked.a, state.ledger.next_in)
            with log.mutex:
                log.put(Kind.FORGET, first, first, state.ledger.next_in, self._wall_ns)
                state.forget(first)
        return StoreState(
            epoch=log.header.epoch,
            next_out=state.next_out,
            next_in=state.ledger.next_in,
            pending_in=tuple((p.a, p.b, self._payload_of(log, p)) for p in state.pending),
            created_ns=state.created_ns,
            clean=state.clean,
            received=state.ledger.received,
            lost_out=state.lost_out,
            why=state.why,
            out_in_doubt=self._policy == "none" and state.doubt_from == state.next_out,
        )

    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int:
        """Write a message to be sent (see Store.append_out). Secrets in it are blanked (C8)."""
        log, state = self._log or self._checked(), self._state
        if n >= log.free_below:
            self.lease(n + self._lease_size)
        flags = 0
        if has_secrets(buf) and (blanked := without_secrets(buf)) is not None:
            buf, flags = blanked, BLANKED
        with log.mutex:
            if n < state.next_out:
                log.check()  # after a failed sync the number that could not be sent is not used twice
                check_out(n, state.next_out)
            at = log.position
            end = log.put(_OUT, n, n, state.ledger.next_in, wall_ns, buf, flags)
            state.sent(n, at, wall_ns)
        self._wall_ns = wall_ns
        return self._sync_by_policy(end) if self._eager else end

    def append_in(self, a: int, b: int, buf: Buffer) -> int:
        """Write received messages (see Store.append_in). Secrets in them are blanked (C8)."""
        flags = 0
        if has_secrets(buf) and (blanked := without_secrets(buf)) is not None:
            buf, flags = blanked, BLANKED
        log, state = self._log or self._checked(), self._state
        with log.mutex:
            # PERF: here and in done(), the common case without a call (0.1 and 0.25 us of 2.5)
            if a != state.ledger.received or b < a:
                state.ledger.check_receipt(a, b)
            at = log.position
            end = log.put(_IN, a, b, state.ledger.next_in, self._wall_ns, buf, flags)
            state.received(a, b, at, flags)
        return self._sync_by_policy(end) if self._eager else end

    def done(self, n: int) -> int:
        """Write that everything up to n is dealt with (see Store.done)."""
        log, state = self._log or self._checked(), self._state
        ledger = state.ledger
        if n < ledger.next_in:
            log.check()
            return log.position
        with log.mutex:
            nin = ledger.nin_after_done(n) if ledger.fills else n + 1
            end = log.put(_DONE, n, n, nin, self._wall_ns)
            state.settled(ledger.done(n))
        return self._sync_by_policy(end) if self._eager else end

    def fill(self, a: int, b: int) -> int:
        """Write that a..b need no delivery (see Store.fill)."""
        log, state = self._log or self._checked(), self._state
        ledger = state.ledger
        with log.mutex:
            ledger.check_fill(a, b)
            end = log.put(_FILL, a, b, ledger.nin_after_fill(a, b), self._wall_ns)
            state.settled(ledger.fill(a, b))
        return self._sync_by_policy(end) if self._eager else end

    def reset(self, reason: str) -> int:
        """Begin the next epoch in a new file (see Store.reset). `keep_epochs` of the old files stay."""
        log = self._checked()
        with self._syncing:
            self._sync_now()
            try:
                self._make_epoch(log.header.epoch + 1, reason, self._files.boot_id())
            except (OSError, StoreError) as exc:
                # The new epoch may be in its place already, and what failed came after it (B5.12).
                raise (self._log or log).poison("reset", exc) from exc
            return self._checked().position

    def lease(self, n: int) -> int:
        """Make it durable that outbound numbers below n may be used; under other policies the same as sync()."""
        with self._syncing:
            log, state = self._checked(), self._state  # not before: reset() may have been running
            if self._leasing:
                with log.mutex:
                    state.lease_end = max(state.lease_end, n)
                    state.clean = False
                    log.put(Kind.LEASE, n, n, state.ledger.next_in, self._wall_ns)
            self._sync_now()
            if log.position >= self._rotate_at:
                self._rotate(log)
            log.free_below = state.lease_end if self._leasing else _NEVER
            return log.position

    @property
    def lease_due(self) -> int | None:
        """What to call lease() with, from another thread; None: there is nothing to do.

        It is due when half of the lease is used, or the segment has reached its size. Without such a call append_out()
        does the same itself when the lease has run out or the segment is twice that large, and waits for the disk.
        """
        log, next_out = self._log, self._state.next_out
        if log is not None and (
            (self._leasing and log.free_below - next_out <= self._lease_size // 2) or log.position >= self._rotate_at
        ):
            return next_out + self._lease_size
        return None

    def sync(self) -> None:
        """Make everything appended so far durable (see Store.sync)."""
        with self._syncing:
            self._sync_now()
            log = self._checked()
            if log.position >= self._rotate_at:
                self._rotate(log)

    @property
    def synced(self) -> int:
        """Messages at positions up to this one may go on the wire under the policy: all, when it waits for nothing."""
        log = self._log or self._checked()
        return log.synced if self._gated else _NEVER

    @property
    def kept_from(self) -> int:
        """The lowest outbound number of the epoch that is not removed yet (see `keep_bytes`, `keep_messages`)."""
        sealed = self._state.sealed
        return sealed[0].first_out if sealed else self._state.first_out

    @property
    def sync_interval_ns(self) -> int:
        """Under "interval", the time in which sync() should be called, in another thread; 0: no such time."""
        return self._interval_ns if self._policy == "interval" else 0

    @property
    def dirty(self) -> bool:
        """Whether sync() would have anything to do."""
        return self._log is not None and self._log.dirty

    @property
    def space_low(self) -> bool:
        """Whether the disk is full; what was allocated ahead still takes a few messages, a Logout for example."""
        return self._log is not None and self._log.space_low

    def read_out(self, a: int, b: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (n, wall_ns, bytes) of a..b, in order, in bounded memory (see Store.read_out).

        Raises:
            StoreCorrupt: a record is damaged; the messages before it were yielded. StoreError: reset, closed.
        """
        log, state = self._checked(), self._state
        b = min(b, state.next_out - 1)  # a forged record of an older segment may claim a number not used yet
        if b < a:
            return iter(())
        with log.mutex:  # sync() may be beginning a segment
            older = [s for s in state.sealed if s.first_out <= b and a < s.next_out]
            file, header, index, end = log.file, log.header, state.index(), log.position - log.base
            next_out = state.next_out
        latest = out_messages(lambda offset: log.records(file, header, offset, end), index, next_out, a, b)
        return self._read_range(a, b, log, older, latest)

    def _read_range(
        self, a: int, b: int, log: RecordFile, older: list[Sealed], latest: Iterator[tuple[int, int, bytes]]
    ) -> Iterator[tuple[int, int, bytes]]:
        for segment in older:
            try:
                messages = self._older.messages(log, segment, a, b)
            except StoreError:
                if segment.number in {s.number for s in self._state.sealed}:
                    raise
                continue  # removed since read_out() was called
            yield from messages
        yield from latest

    def close(self) -> None:
        """Write the mark of a clean stop, make all durable, release the lock. Twice is once."""
        log = self._log
        if log is None:
            return
        try:
            with self._syncing:
                if log.failure is None:
                    if not self._state.clean:
                        with log.mutex:
                            log.put(Kind.MARK, 0, 0, self._state.ledger.next_in, self._wall_ns)
                    self._sync_now()
                    log.give_back()
        except OSError as exc:
            raise log.poison("close", exc) from exc
        finally:
            self._let_go()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _checked(self) -> RecordFile:
        if self._log is None:
            raise StoreError(f"{self.path}: closed")
        self._log.check()
        return self._log

    def _sync_now(self) -> None:
        """Sync and leave a SYNCED record. The caller holds `_syncing`."""
        log = self._checked()
        log.sync(self._wall_ns)
        self._sync_at = self._wall_ns + self._interval_ns

    def _sync_by_policy(self, end: int) -> int:
        wall_ns = self._wall_ns
        # A wall clock that was set back must not stretch the interval.
        if self._policy == "every" or wall_ns >= self._sync_at or wall_ns < self._sync_at - self._interval_ns:
            with self._syncing:
                self._sync_now()
        return end

    def _rotate(self, log: RecordFile) -> None:
        """Begin the next segment, or try again when a little more is written. The caller holds `_syncing`."""
        if self._rotation.rotate(log, self._state, self._wall_ns):
            self._plan_rotation(log.position + self._segment_size)
        else:
            self._plan_rotation(log.position + self._segment_size // 8)

    def _plan_rotation(self, position: int) -> None:
        log = self._log
        assert log is not None
        self._rotate_at = position
        with log.mutex:
            log.set_limit(position + self._segment_size)

    def _payload_of(self, log: RecordFile, receipt: Pending) -> bytes:
        """Return the bytes of a receipt, which may stand in an older segment."""
        with log.mutex:
            state, file, header, base = self._state, log.file, log.header, log.base
            segment = next((s for s in reversed(state.sealed) if s.base <= receipt.at < s.base + s.end), None)
            end = log.position - base
        if segment is not None:
            path = segment_path(self.path, header.epoch, segment.number)
            record = self._older.record_at(log, segment, receipt.at - segment.base)
        else:
            path = self.path
            record = next(log.records(file, header, receipt.at - base, end))
        if record.kind != Kind.IN or (record.number, record.last) != (receipt.a, receipt.b):
            # Whole, and another one: bytes before it went missing, or came.
            raise StoreCorrupt(path, record.offset, f"this is not the receipt of {receipt.a} to {receipt.b}")
        return record.payload

    def _let_go(self) -> None:
        log, self._log = self._log, None
        lock, self._lock = self._lock, None
        try:
            if log is not None:
                log.close()
        finally:
            if lock is not None:
                lock.release()
