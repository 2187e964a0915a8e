"""From one segment of a journal to the next, beside the appends, and at no moment without a journal.

    prepare   make `x.journal.next` with a header in it, give the present file the name it will be sealed under, and
              make both names durable. Records still go to the present file.
    switch    write the state as the first record of the new file; from here on records go there. Only this is done
              with the append path held up, and it is one write to space that is allocated.
    finish    seal the old file and make it durable, make the new one durable, and only then put it in the place of
              `x.journal`. Remove what is not to be kept.

A process that dies before the switch leaves a `.next` without a first record: it is removed. One that dies behind it
leaves two files that both hold records, and fixfast.store.startup reads them both. Once `x.journal` is the new file,
everything before it is durable, and start-up reads nothing else.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass

from fixfast.store.files import FileSystem, JournalFile
from fixfast.store.recordfile import RecordFile, write_all
from fixfast.store.records import HEADER_SIZE, Header, Kind, pack_header, pack_record
from fixfast.store.replay import Index, JournalState, Sealed
from fixfast.store.segments import NEXT, archive_path, pack_index, pack_state, segment_path

__all__ = ["Retention", "Rotation", "Sealing", "remove_dropped"]

#: allocated with a new segment, so that the first records behind the switch need not wait for that
_AHEAD = 1 << 18
#: a new file cannot be had now; the old one still takes records
_NOT_NOW = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of an epoch is kept; None: all of it. What pending receipts need is kept whatever this says."""

    keep_bytes: int | None = None
    keep_messages: int | None = None

    def apply(self, sealed: list[Sealed], state: JournalState) -> list[Sealed]:
        """Return the segments to keep: the newest of these."""
        needed = state.pending[0].at if state.pending else None
        size = sum(segment.end for segment in sealed)
        drop = 0
        for segment in sealed:
            if needed is not None and segment.base + segment.end > needed:
                break
            too_many = self.keep_bytes is not None and size > self.keep_bytes
            too_old = self.keep_messages is not None and segment.next_out <= state.next_out - self.keep_messages
            if not too_many and not too_old:
                break
            size -= segment.end
            drop += 1
        return sealed[drop:]


@dataclass(frozen=True, slots=True)
class Sealing:
    """A segment that is being sealed: its open file, what is said of it, and its index by offset."""

    file: JournalFile
    header: Header
    segment: Sealed
    index: Index


class Rotation:
    """Begins segments. Its methods are called with the store's sync mutex held, by any thread."""

    def __init__(self, files: FileSystem, path: str, retention: Retention) -> None:
        self._files = files
        self._path = path
        self._retention = retention

    def rotate(self, log: RecordFile, state: JournalState, wall_ns: int) -> bool:
        """Seal the present segment and go on in the next; False: there is no room for one now, nothing has changed.

        Raises: StoreError: the journal is of no use any more.
        """
        try:
            file, header = self._prepare(log, state)
        except OSError as exc:
            if exc.errno not in _NOT_NOW:
                raise log.poison("new segment", exc) from exc
            log.space_low = log.space_low or exc.errno in (errno.ENOSPC, errno.EDQUOT)
            with suppress(OSError):  # start-up removes it just as well
                self._files.remove(self._path + NEXT)
            return False
        try:
            self.finish(log, state, self._switch(log, state, file, header, wall_ns), wall_ns)
        except OSError as exc:
            raise log.poison("new segment", exc) from exc
        return True

    def _prepare(self, log: RecordFile, state: JournalState) -> tuple[JournalFile, Header]:
        files, path = self._files, self._path
        files.remove(path + NEXT)
        header = Header(files.file_id(), log.header.epoch, log.header.identity, state.boot_id)
        file = files.open(path + NEXT, create=True)
        try:
            write_all(file.pwrite, pack_header(header), 0)
            file.allocate(HEADER_SIZE, _AHEAD)
            files.link(path, segment_path(path, header.epoch, state.segment))
            files.sync_directory(os.path.dirname(path))
        except BaseException:
            file.close()
            raise
        return file, header

    def _switch(self, log: RecordFile, state: JournalState, file: JournalFile, header: Header, wall_ns: int) -> Sealing:
        with log.mutex:
            log.check()
            base, nin = log.position, state.ledger.next_in
            segment = Sealed(
                state.segment, log.header.file_id, log.base, base - log.base, state.first_out, state.next_out
            )
            sealed = [*state.sealed, segment]
            kept = self._retention.apply(sealed, state)
            dropped = sealed[: len(sealed) - len(kept)]
            payload = pack_state(state, kept, base)
            data = pack_record(header, Kind.SEGMENT, state.segment + 1, segment.end, nin, wall_ns, payload)
            if dropped:
                first, last = dropped[0].number, dropped[-1].number
                epoch = header.epoch.to_bytes(4, "little")
                data += pack_record(header, Kind.DROP, first, last, nin, wall_ns, epoch)
            write_all(file.pwrite, data, HEADER_SIZE)
            sealing = Sealing(log.file, log.header, segment, state.index())
            log.switch(file, header, HEADER_SIZE + len(data))
            state.begin_segment(header, base, log.position, kept)
            if dropped:
                state.dropped.append((header.epoch, first, last))
        return sealing

    def finish(self, log: RecordFile, state: JournalState, sealing: Sealing, wall_ns: int) -> None:
        """Make a switch final. Raises: OSError, StoreError."""
        segment, file = sealing.segment, sealing.file
        payload = pack_index(log.header.file_id, sealing.index)
        last = pack_record(sealing.header, Kind.SEALED, segment.number, segment.end, 0, wall_ns, payload)
        write_all(file.pwrite, last, segment.end)
        file.truncate(segment.end + len(last))
        file.sync()
        log.synced = max(log.synced, segment.base + segment.end)
        log.sync(wall_ns)
        self._files.replace(self._path + NEXT, self._path)
        self._files.sync_directory(os.path.dirname(self._path))
        remove_dropped(self._files, self._path, state)


def remove_dropped(files: FileSystem, path: str, state: JournalState) -> None:
    """Remove the files of what is not kept any more. Twice is once. Raises: OSError."""
    for epoch, first, last in state.dropped:
        for number in range(first, last + 1):
            files.remove(segment_path(path, epoch, number))
        if epoch < state.header.epoch:
            files.remove(archive_path(path, epoch))
    state.dropped.clear()
