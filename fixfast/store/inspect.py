"""Looking into journals without owning them: no lock is taken and nothing is changed, so a session may be running.

A live journal may end in the middle of a record, and may begin a segment while it is looked at: both are part of the
picture, not damage. Only what was durable can be damaged (see startup.py for how that is known).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fixfast.codec.frame import StreamDecoder
from fixfast.errors import StoreCorrupt
from fixfast.store.files import ReadOnlyFiles
from fixfast.store.records import BLANKED, HEADER_SIZE, Damage, Kind, Record, parse_header, read_records
from fixfast.store.replay import JournalState, Sealed
from fixfast.store.secrets import blank_secrets, has_secrets
from fixfast.store.segments import NEXT, segment_path, unpack_index
from fixfast.store.startup import Scan, scan, sealed_before
from fixfast.types import Garbled

__all__ = ["Direction", "Epoch", "Finding", "Journal", "StoredMessage", "find_journals"]

Direction: TypeAlias = Literal["out", "in"]

_ARCHIVE = re.compile(r"(.+)\.(\d+)\.journal")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of a journal.

    Attributes:
        number: its MsgSeqNum. wall_ns: when it was stored, ns since the Unix epoch; None: inbound, where it is not.
        raw: its bytes, secrets blanked. blanked: there were secrets, so it is neither resent nor redelivered.
        path, offset: where its record begins.
    """

    direction: Direction
    epoch: int
    number: int
    wall_ns: int | None
    raw: bytes
    blanked: bool
    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something verify() has to say. `serious`: durable data is damaged or gone; else it is only good to know."""

    path: str
    offset: int
    text: str
    serious: bool


def find_journals(path: str | os.PathLike[str]) -> list[str]:
    """Return the journals in a directory (those of former epochs belong to their journal), or the one file given.

    Raises: OSError: there is no such file or directory.
    """
    path = os.fspath(path)
    if not os.path.isdir(path):
        os.stat(path)
        return [path]
    names = {name for name in os.listdir(path) if name.endswith(".journal")}
    former = {name for name in names if (found := _ARCHIVE.fullmatch(name)) and found[1] + ".journal" in names}
    return [os.path.join(path, name) for name in sorted(names - former)]


class Journal:
    """A journal and what is kept of its former epochs, as they are now.

    Args: path: the file of the current epoch, or that of a former one, which is then the only one.

    Attributes: epochs: oldest first, the current one last.

    Raises: StoreCorrupt: a file is damaged at its very beginning. OSError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))
        stem = self.path.removesuffix(".journal")
        self.epochs = [Epoch(name, self.path) for name in _archives(stem)]
        self.epochs.append(Epoch(self.path, self.path))
        self.epochs.sort(key=lambda epoch: epoch.number)

    @property
    def current(self) -> Epoch:
        """The latest epoch."""
        return self.epochs[-1]

    def epoch(self, number: int) -> Epoch | None:
        """Return an epoch that is kept; None: it is not."""
        return next((epoch for epoch in self.epochs if epoch.number == number), None)

    def verify(self) -> Iterator[Finding]:
        """Read everything and yield what is wrong, and what is good to know. Nothing serious: all is well."""
        for epoch in self.epochs:
            yield from epoch.verify()


class Epoch:
    """One epoch: the files it is in, in order.

    Attributes:
        number: counts from 1.
        paths: its segments; the last one is the file that records go to, or went to.
    """

    def __init__(self, path: str, journal: str) -> None:
        self._path = path
        self._journal = journal
        self._files = ReadOnlyFiles()
        for _ in range(_TRIES):  # a rotation between two looks: look again
            before = os.stat(path).st_ino
            self.number, sealed = _beginning(self._files, path)
            following = path + NEXT if path == journal and _continues(self._files, path) else None
            if os.stat(path).st_ino == before:
                break
        self._sealed = sealed
        self._last = [path] if following is None else [path, following]

    @property
    def paths(self) -> list[str]:
        """The files of the epoch's segments, in order."""
        return [self._segment_path(segment) for segment in self._sealed] + self._last

    def state(self) -> JournalState:
        """Return what the epoch adds up to, as its last segment says. Raises: StoreCorrupt."""
        return self._scan(self._last[-1]).state

    def records(self) -> Iterator[tuple[str, Record]]:
        """Yield (path, record) of all records, in order, in bounded memory. A torn tail ends them.

        Raises: StoreCorrupt: behind the records that came before it, something is damaged. OSError.
        """
        for path in self.paths:
            file = self._files.open(path)
            try:
                header = parse_header(file.pread(HEADER_SIZE, 0))
                read = lambda offset, size, file=file: file.pread(size, offset)  # noqa: E731
                for record in read_records(read, HEADER_SIZE, file.size(), header):
                    yield path, record
            except Damage as found:
                if path not in self._last or self._scan(path).vouched(found.offset) is not None:
                    raise StoreCorrupt(path, found.offset, found.detail) from None
                return
            finally:
                file.close()

    def messages(
        self, direction: Direction | None = None, first: int = 0, last: int | None = None
    ) -> Iterator[StoredMessage]:
        """Yield the messages first..last of one direction or both, in the order they were stored.

        Raises: as records().
        """
        for path, record in self.records():
            if record.kind == Kind.OUT and direction != "in":
                raw, blanked = _safe(record)
                number, wall_ns, offset = record.number, record.wall_ns, record.offset
                found = [StoredMessage("out", self.number, number, wall_ns, raw, blanked, path, offset)]
            elif record.kind == Kind.IN and direction != "out":
                found = list(_received(self.number, path, record))
            else:
                continue
            for message in found:
                if message.number >= first and (last is None or message.number <= last):
                    yield message

    def verify(self) -> Iterator[Finding]:
        """Read everything and yield what is wrong, and what is good to know."""
        end: JournalState | None = None
        for path in self.paths:
            try:
                seen = self._scan(path)
            except StoreCorrupt as exc:
                yield Finding(path, exc.offset, exc.detail, True)
                end = None
                continue
            except FileNotFoundError:
                yield Finding(path, 0, "this segment is gone", True)
                end = None
                continue
            yield from self._judge(path, seen)
            if end is not None:
                yield from _follows(path, seen, end)
            end = seen.state

    def _judge(self, path: str, seen: Scan) -> Iterator[Finding]:
        """Yield what is to be said of one file by itself."""
        if seen.end == HEADER_SIZE:
            yield Finding(path, HEADER_SIZE, "the segment's first record is missing or damaged", True)
        if seen.damage is not None:
            offset, detail = seen.damage.offset, seen.damage.detail
            vouched = seen.vouched(offset)
            if path not in self._last:
                yield Finding(path, offset, detail, True)
            elif vouched is not None:
                yield Finding(path, offset, f"{detail}; it was durable up to byte {vouched}", True)
            else:
                yield Finding(path, offset, f"{seen.size - offset} bytes at the end were never synced: {detail}", False)
        elif path not in self._last:
            if seen.seal is None:
                yield Finding(path, seen.end, "the segment is not sealed", True)
            elif not _index_is_right(seen):
                yield Finding(path, seen.seal.offset, "the index does not fit the records; it is only a cache", False)
        elif path != self._last[-1] or seen.seal is None:
            return
        else:
            yield Finding(path + NEXT, 0, "the segment that goes on from here is gone", True)

    def _scan(self, path: str) -> Scan:
        return scan(self._files, path)

    def _segment_path(self, segment: Sealed) -> str:
        name = segment_path(self._journal, self.number, segment.number)
        if not os.path.exists(name) and (found := _ARCHIVE.fullmatch(self._journal)):
            other = segment_path(found[1] + ".journal", self.number, segment.number)
            if os.path.exists(other):
                return other
        return name


def _archives(stem: str) -> list[str]:
    folder, name = os.path.split(stem)
    found = []
    for entry in os.listdir(folder or "."):
        match = _ARCHIVE.fullmatch(entry)
        if match and match[1] == name:
            found.append(os.path.join(folder, entry))
    return found


def _beginning(files: ReadOnlyFiles, path: str) -> tuple[int, list[Sealed]]:
    """Return a file's epoch, and the segments before it."""
    file = files.open(path)
    try:
        epoch = parse_header(file.pread(HEADER_SIZE, 0)).epoch
    except Damage as found:
        raise StoreCorrupt(path, found.offset, found.detail) from None
    finally:
        file.close()
    return epoch, sealed_before(files, path)


def _continues(files: ReadOnlyFiles, path: str) -> bool:
    """Whether records go to `.next` already: a rotation is going on, or was interrupted."""
    try:
        sealed = sealed_before(files, path + NEXT)
        file = files.open(path)
    except FileNotFoundError:
        return False
    try:
        return bool(sealed) and parse_header(file.pread(HEADER_SIZE, 0)).file_id == sealed[-1].file_id
    finally:
        file.close()


def _follows(path: str, seen: Scan, end: JournalState) -> Iterator[Finding]:
    """Yield what does not fit between a segment and the one before it."""
    if seen.before is not None and seen.before != end.header.file_id:
        yield Finding(path, HEADER_SIZE, "this does not continue the segment before it", True)
    elif seen.state.first_out != end.next_out:
        text = f"this begins at outbound number {seen.state.first_out}, the segment before it ends at {end.next_out}"
        yield Finding(path, HEADER_SIZE, text, True)


def _index_is_right(seen: Scan) -> bool:
    assert seen.seal is not None
    return unpack_index(seen.seal.payload) == seen.state.index()


def _safe(record: Record) -> tuple[bytes, bool]:
    """Return a payload without secrets, also such that this fixfast knows and the one that wrote it did not."""
    if has_secrets(record.payload):
        return blank_secrets(record.payload), bool(record.flags & BLANKED)
    return record.payload, bool(record.flags & BLANKED)


def _received(epoch: int, path: str, record: Record) -> Iterator[StoredMessage]:
    """Yield the messages of a receipt one by one; as a whole where they cannot be told apart."""
    raw, blanked = _safe(record)
    decoder = StreamDecoder(max_message_size=max(len(raw), 1))
    decoder.feed(raw)
    items = list(decoder)
    numbers = range(record.number, record.last + 1)
    # not len(numbers): a forged record may claim more numbers than len() can say
    if len(items) == record.last - record.number + 1 and not any(isinstance(item, Garbled) for item in items):
        for number, item in zip(numbers, items, strict=True):
            yield StoredMessage("in", epoch, number, None, bytes(item.raw), blanked, path, record.offset)
    else:
        yield StoredMessage("in", epoch, record.number, None, raw, blanked, path, record.offset)
