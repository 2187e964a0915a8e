"""The exchange's memory on disk: every command, appended before it takes effect, and now and then the whole state.

One file, `exchange.journal`, of lines: a CRC-32 in eight hexadecimal digits, a space, JSON. The first line is the head:
what the file is, the instruments it is for, and the state that the commands behind it begin with. Each further line
is `[ns since 1970, kind, ...]`. A line that was not written to its end is the last one, never took effect, and is cut;
any other damage is refused. People may read it, and nobody should write into it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.exchange.venue.commands import Command, from_row, to_row
from fixfast.store.files import OsFiles

__all__ = ["CommandJournal"]

_FORMAT = 1
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


class CommandJournal:
    """Appends commands, gives them back, begins anew with a snapshot. One owner, who holds the directory's lock.

    Args:
        directory: where it is; made (0700) if it is not there.
        listing: what identifies the instruments: commands on others would mean something else.
        sync: each command is durable, not only safe from the end of the process.

    Attributes:
        state: the snapshot that the file began with, None for a new one.
        commands: how many are in the file behind it.

    Raises: StoreLocked: another process has it. StoreCorrupt: it is damaged. StoreError: it is for other instruments,
        or cannot be read.
    """

    def __init__(self, directory: str | os.PathLike[str], listing: Any, *, sync: bool = False) -> None:
        self.path = Path(directory) / "exchange.journal"
        self._files = OsFiles()
        self._sync = sync
        self._listing = listing
        self._files.make_directory(os.fspath(directory))
        self._lock = self._files.lock(os.fspath(self.path.with_suffix(".lock")))
        self.state: Any = None
        self.commands = 0
        self._rows: list[tuple[int, Command]] = []
        self._fd = -1
        self._broken = ""  # why nothing more can be written
        try:
            if self.path.exists():
                self._load()
            else:
                self._begin(None)
        except OSError as error:
            self.close()
            raise StoreError(f"{self.path}: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    def replay(self) -> Iterator[tuple[int, Command]]:
        """Yield (now_ns, command) as they were appended; once."""
        rows, self._rows = self._rows, []
        yield from rows

    def append(self, now_ns: int, command: Command) -> None:
        """Write a command down, before it takes effect.

        Raises: StoreError: it could not be written, and from now on nothing can.
        """
        if self._broken:
            raise StoreError(f"{self.path}: {self._broken}")
        data = _line([now_ns, *to_row(command)])
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._sync:
                os.fsync(self._fd)
        except OSError as error:
            # Half a line may be there, which the next start cuts off. Nothing may come behind it.
            self._broken = error.strerror or str(error)
            raise StoreError(f"{self.path}: {self._broken}") from error
        self.commands += 1

    def snapshot(self, state: Any) -> None:
        """Begin the file anew, with the whole state. Old or new, there is always one whole file.

        Raises: StoreError.
        """
        try:
            self._begin(state)
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Make all durable, let go. Twice is once."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        if self._lock is not None:
            lock, self._lock = self._lock, None  # type: ignore[assignment]
            lock.release()

    # --- inside --------------------------------------------------------------------------------------------

    def _begin(self, state: Any) -> None:
        head = {"fixfast exchange journal": _FORMAT, "instruments": self._listing, "state": state}
        new = self.path.with_suffix(".new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            data = _line(head)
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
            self._files.replace(os.fspath(new), os.fspath(self.path))
            self._files.sync_directory(os.fspath(self.path.parent))
        except BaseException:
            os.close(fd)
            raise
        old, self._fd = self._fd, fd
        if old >= 0:
            os.close(old)
        self.commands = 0

    def _load(self) -> None:
        whole = self.path.read_bytes()
        at = 0
        for number, line in enumerate(whole.splitlines(keepends=True)):
            value = _read(line)
            if value is None:
                if number and at + len(line) == len(whole) and not line.endswith(b"\n"):
                    break  # it was never written to its end, so it never took effect
                raise StoreCorrupt(os.fspath(self.path), at, f"line {number + 1}")
            at += len(line)
            if number == 0:
                self._take_head(value)
            else:
                try:
                    self._rows.append((value[0], from_row(value[1:])))
                except (ValueError, TypeError, IndexError, KeyError):
                    raise StoreCorrupt(os.fspath(self.path), at, f"line {number + 1} is no command") from None
        if at == 0:
            raise StoreCorrupt(os.fspath(self.path), 0, "it is empty")
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        if at < len(whole):
            os.ftruncate(self._fd, at)
        self.commands = len(self._rows)

    def _take_head(self, head: Any) -> None:
        if not isinstance(head, dict) or head.get("fixfast exchange journal") != _FORMAT:
            raise StoreError(f"{self.path} is no journal of an exchange that this fixfast reads")
        if head["instruments"] != json.loads(_encode(self._listing)):
            raise StoreError(
                f"{self.path} is of an exchange with other instruments: give it the same configuration, or this "
                "exchange another directory"
            )
        self.state = head["state"]


def _line(value: Any) -> bytes:
    text = _encode(value).encode("ascii")
    return b"%08x %s\n" % (crc32(text), text)


def _read(line: bytes) -> Any:
    """Return what a line says, None if it is damaged."""
    text = line[9:-1]
    if not line.endswith(b"\n") or line[8:9] != b" " or b"%08x" % crc32(text) != line[:8]:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
