"""The exchange's memory on disk: every command, appended before it takes effect, and now and then the whole state.

One file, `exchange.journal`, of lines: a CRC-32 in eight hexadecimal digits, a space, JSON. The first line is the head:
what the file is, the instruments it is for, and in how many lines the state follows that the commands begin with. Each
line behind that is a command, `[ns since 1970, kind, ...]`. One that was not written to its end is the last one, never
took effect, and is cut; any other damage is refused. People may read it, and nobody should write into it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from fixfast.errors import StoreCorrupt, StoreError
from fixfast.exchange.journal.pieces import join, split
from fixfast.exchange.journal.rewriting import Rewriting
from fixfast.exchange.venue.commands import Command, from_row, to_row
from fixfast.store.files import OsFiles

__all__ = ["CommandJournal"]

_FORMAT = 2
#: commands after which is looked whether a new file is ready
_LOOK_AGAIN = 50


def _encoder() -> Callable[[Any], str]:
    """Return what makes JSON of one value.

    PERF: JSONEncoder.encode() makes such an encoder anew for each value: that took more than the encoding.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # not CPython
        return json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
    default = json.JSONEncoder().default  # refuses what is no JSON
    chunks = make(None, default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


class CommandJournal:
    """Appends commands, gives them back, begins anew with a snapshot. One owner, who holds the directory's lock.

    Args:
        directory: where it is; made (0700) if it is not there.
        listing: what identifies the instruments: commands on others would mean something else.
        sync: each command is durable, not only safe from the end of the process.
        every: so many commands after which it should begin anew.

    Attributes:
        state: the snapshot that the file began with, None for a new one.
        commands: how many there are behind the last snapshot.
        due: with so many, look_after() has something to do.

    Raises: StoreLocked: another process has it. StoreCorrupt: it is damaged. StoreError: it is for other instruments,
        or cannot be read.
    """

    def __init__(
        self, directory: str | os.PathLike[str], listing: Any, *, sync: bool = False, every: int = 1 << 62
    ) -> None:
        self.path = Path(directory) / "exchange.journal"
        self._files = OsFiles()
        self._sync = sync
        self._listing = listing
        self._files.make_directory(os.fspath(directory))
        self._lock = self._files.lock(os.fspath(self.path.with_suffix(".lock")))
        self.state: Any = None
        self.commands = 0
        self.due = self._every = every
        self._rewriting: Rewriting | None = None
        self._rows: list[tuple[int, Command]] = []
        self._fd = -1
        self._broken = ""  # why nothing more can be written
        try:
            if self.path.exists():
                self._load()
            else:
                self._begin()
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

    def look_after(self, state: Callable[[], Any]) -> None:
        """Begin the file anew, or go on with that: call it when there are as many `commands` as are `due`.

        Args: state: gives the state of now; called when it is wanted.

        Raises: StoreError: it did not work. The file is as whole as it was, and it is tried again later.
        """
        if self._rewriting is None:
            self.snapshot(state())
        elif self._rewriting.done:
            self.switch()
        else:
            self.due = self.commands + _LOOK_AGAIN

    def snapshot(self, state: Any) -> None:
        """Let a thread write a new file with the whole state. Until switch() the old one is the journal.

        Args: state: plain data that nobody changes any more. Raises: StoreError.
        """
        if self._rewriting is not None:
            self.switch()

        def lines() -> Iterator[bytes]:
            pieces = split(state)
            yield _line({"fixfast exchange journal": _FORMAT, "instruments": self._listing, "pieces": len(pieces)})
            yield from map(_line, pieces)

        try:
            self._rewriting = Rewriting(self.path, os.fstat(self._fd).st_size, lines)
        except OSError as error:
            self.due = self.commands + self._every
            raise StoreError(f"{self.path}: {error.strerror or error}") from error
        self.commands, self.due = 0, _LOOK_AGAIN

    def switch(self) -> None:
        """Take the new file for the journal, with all that came to the old one meanwhile; waits for the thread.

        Raises: StoreError: it could not be written; the old one goes on.
        """
        rewriting, self._rewriting = self._rewriting, None
        if rewriting is None:
            return
        self.due = self.commands + self._every
        if self._broken:  # half a line is the last thing in the old file
            rewriting.give_up()
            return
        try:
            fd = rewriting.finish()
            try:
                if self._sync:
                    os.fsync(fd)
                self._files.replace(os.fspath(rewriting.new), os.fspath(self.path))
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error
        old, self._fd = self._fd, fd
        os.close(old)
        if self._sync:
            self._files.sync_directory(os.fspath(self.path.parent))
        self.due = self._every

    def close(self) -> None:
        """Make all durable, let go. Twice is once."""
        if self._fd >= 0:
            with suppress(StoreError):  # it was to be shorter: it is whole as it is
                self.switch()
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        if self._lock is not None:
            lock, self._lock = self._lock, None  # type: ignore[assignment]
            lock.release()

    # --- inside --------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Make a new file, without a state."""
        new = self.path.with_suffix(".new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            os.write(fd, _line({"fixfast exchange journal": _FORMAT, "instruments": self._listing, "pieces": 0}))
            os.fsync(fd)
            self._files.replace(os.fspath(new), os.fspath(self.path))
            self._files.sync_directory(os.fspath(self.path.parent))
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _load(self) -> None:
        whole = self.path.read_bytes()
        at = count = 0  # count: of the pieces of its state
        pieces: list[Any] = []
        for number, line in enumerate(whole.splitlines(keepends=True)):
            value = _read(line)
            if value is None:
                if number > count and at + len(line) == len(whole) and not line.endswith(b"\n"):
                    break  # it was never written to its end, so it never took effect
                raise StoreCorrupt(os.fspath(self.path), at, f"line {number + 1}")
            at += len(line)
            if number == 0:
                count = self._take_head(value)
            elif number <= count:
                pieces.append(value)
            else:
                try:
                    self._rows.append((value[0], from_row(value[1:])))
                except (ValueError, TypeError, IndexError, KeyError):
                    raise StoreCorrupt(os.fspath(self.path), at, f"line {number + 1} is no command") from None
        if at == 0:
            raise StoreCorrupt(os.fspath(self.path), 0, "it is empty")
        if len(pieces) < count:
            raise StoreCorrupt(os.fspath(self.path), at, "the state it begins with is not whole")
        self.state = join(pieces) if pieces else None
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        if at < len(whole):
            os.ftruncate(self._fd, at)
        self.commands = len(self._rows)

    def _take_head(self, head: Any) -> int:
        """Return in how many pieces the state follows. Raises: StoreError: it is not ours."""
        if not isinstance(head, dict) or head.get("fixfast exchange journal") != _FORMAT:
            raise StoreError(f"{self.path} is no journal of an exchange that this fixfast reads")
        if head["instruments"] != json.loads(_encode(self._listing)):
            raise StoreError(
                f"{self.path} is of an exchange with other instruments: give it the same configuration, or this "
                "exchange another directory"
            )
        return int(head["pieces"])


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
