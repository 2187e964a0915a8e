"""A log file that is rotated by size and by day, its old parts compressed and thinned out."""

from __future__ import annotations

import errno
import gzip
import logging
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fixfast.errors import ConfigError
from fixfast.session.wire import format_time

__all__ = ["Archive", "LogFile", "Rotation"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
_NEVER = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When a new file is begun, and what becomes of the old ones.

    Args:
        max_size: bytes above which a file is rotated; None: no limit.
        daily: local time, "HH:MM", at which it is rotated each day; None: not by time.
        tz: IANA zone of `daily`.
        keep: rotated files kept, the newest; None: all.
        keep_bytes: their size in all, as they lie on the disk; None: no limit.
        compress: with gzip, in a thread of its own.

    Raises: ConfigError: a value is out of range.
    """

    max_size: int | None = 128 << 20
    daily: str | None = None
    tz: str = "UTC"
    keep: int | None = None
    keep_bytes: int | None = None
    compress: bool = True

    def __post_init__(self) -> None:
        for name, least in (("max_size", 4096), ("keep", 0), ("keep_bytes", 0)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise ConfigError(name, value, f"None or a whole number of at least {least}")
        if self.daily is not None and not (
            isinstance(self.daily, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.daily)
        ):
            raise ConfigError("daily", self.daily, "None or a local time such as '17:00'")
        try:
            ZoneInfo(self.tz)
        except (OSError, ValueError, TypeError, KeyError):
            raise ConfigError("tz", self.tz, "a time zone such as 'UTC' or 'America/New_York'") from None
        if not isinstance(self.compress, bool):
            raise ConfigError("compress", self.compress, "True or False")

    def boundaries(self, wall_ns: int) -> tuple[int, int]:
        """Return the last time of rotation up to now and the next one, ns; (0, for ever) without `daily`."""
        if self.daily is None:
            return 0, _NEVER
        zone = ZoneInfo(self.tz)
        today = datetime.fromtimestamp(wall_ns // _SECOND, UTC).astimezone(zone).date()
        instants = [self._instant(today + timedelta(days=n), zone) for n in (-1, 0, 1, 2)]
        return max(i for i in instants if i <= wall_ns), min(i for i in instants if i > wall_ns)

    def _instant(self, day: date, zone: ZoneInfo) -> int:
        assert self.daily is not None
        local = datetime.combine(day, time.fromisoformat(self.daily), zone)
        return int(local.timestamp()) * _SECOND


class LogFile:
    """One file that lines are added to. Used by one thread at a time.

    What the disk refuses is lost, and said once: a warning of the logger, and a line when it can be written again.

    Args:
        path: the file, made with mode 0600 if it is not there; its folder, with 0700.
        rotation: when it is rotated, and what then.
        archive: takes care of rotated files.
    """

    def __init__(self, path: Path, rotation: Rotation, archive: Archive) -> None:
        self.path = path
        self._rotation = rotation
        self._archive = archive
        self._fd = -1
        self._size = 0
        self._begun = _NEVER  # when it was written to last, before we came
        self._until = _NEVER
        self._lines: list[bytes] = []
        self._waiting = 0  # bytes of them
        self._lost = 0  # lines the disk refused, lately
        self._why = ""
        self._torn = False  # the last line was cut by a full disk
        self._now = 0  # of the last line

    def add(self, line: bytes, wall_ns: int) -> None:
        """Take a line; it is written by flush(), or before if the file is rotated."""
        self._now = wall_ns
        if self._fd < 0 and not self._lines:
            self._try(self.open)
        full = self._rotation.max_size
        size = self._size + self._waiting
        if wall_ns >= self._until or (full is not None and size and size + len(line) > full):
            self.flush()
            self._try(self._rotate)
        self._lines.append(line)
        self._waiting += len(line)

    def flush(self) -> None:
        """Write what waits, in one system call if the system can."""
        lines, self._lines = self._lines, []
        self._waiting = 0
        if not lines:
            return
        missing = f"{self._lost} lines are missing here: {self._why}"
        if self._lost:
            lines.insert(0, format_time(self._now, 9) + b" - ! " + missing.encode("utf-8", "replace") + b"\n")
        if self._try(self._write, b"".join(lines)):
            if self._lost:
                _log.warning("%s: written again; %s", self.path, missing)
            self._lost = 0
        else:
            self._lost += len(lines) - bool(self._lost)

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            self.open()
        view = memoryview(b"\n" + data if self._torn else data)
        while view:
            n = os.write(self._fd, view)
            self._torn = view[n - 1] != 10
            self._size += n
            view = view[n:]

    def _try(self, step: Callable[..., None], *args: bytes) -> bool:
        try:
            step(*args)
        except OSError as error:
            if not self._lost or str(error) != self._why:
                _log.error("%s: lines are lost: %s", self.path, error)
            self._why = str(error)
            return False
        return True

    def reopen(self) -> None:
        """Open the path anew: somebody else has moved the file away."""
        self.flush()
        self.close()
        self._try(self.open)

    def close(self) -> None:
        """Close; flush() first. The next line opens it again."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def open(self) -> None:
        """Open the file; make it, and its folder, if it is not there.

        Raises: OSError.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self.path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
        status = os.fstat(self._fd)
        self._size = 0
        if stat.S_ISREG(status.st_mode):
            self._size = status.st_size
            self._keep_private(status)
        self._begun = status.st_mtime_ns if self._size else _NEVER
        self._until = 0 if self._rotation.daily is not None else _NEVER  # the first line tells what time it is

    def _keep_private(self, status: os.stat_result) -> None:
        """See that nobody else reads along (C10)."""
        if sys.platform != "win32" and status.st_uid != os.geteuid():
            self.close()
            raise PermissionError(errno.EPERM, "the file belongs to another user", str(self.path))
        if sys.platform != "win32" and stat.S_IMODE(status.st_mode) != 0o600:
            os.fchmod(self._fd, 0o600)

    def _rotate(self) -> None:
        """Begin a new file, if the time or the size is right."""
        last, until = self._rotation.boundaries(self._now)
        first_look, self._until = self._until == 0, until
        if (first_look and self._begun >= last) or not self._size:
            return
        self.close()
        try:
            name = self._archive.name_for(self.path, self._now)
            os.rename(self.path, name)
        except OSError as error:
            _log.error("%s: cannot be rotated, it grows: %s", self.path, error)
            self.open()
            self._size = 0  # tried again when as much again was written
        else:
            self.open()
            self._archive.take(self.path, name)
        self._until = until


class Archive:
    """Rotated files: names them, compresses them, deletes what is too much. One thread, started when it is needed."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation
        self._executor: ThreadPoolExecutor | None = None
        self._given: dict[Path, tuple[str, int]] = {}  # the last name of each log

    def name_for(self, path: Path, wall_ns: int) -> Path:
        """Return where a file goes: `wire.log` to `wire-20260105-100000-000.log`.

        Names sort by age, also when the clock was set back, and when files with higher names are gone already.
        """
        stamp, number = datetime.fromtimestamp(wall_ns // _SECOND, UTC).strftime("%Y%m%d-%H%M%S"), 0
        there = [_stamp_of(old, path) for old in self.files(path)[-1:]]
        newest = max([*there, self._given.get(path, ("", 0))])
        if stamp <= newest[0]:
            stamp, number = newest[0], newest[1] + 1
        self._given[path] = (stamp, number)
        return path.with_name(f"{path.stem}-{stamp}-{number:03d}{path.suffix}")

    def files(self, path: Path) -> list[Path]:
        """Return the rotated files of a log, the oldest first."""
        pattern = re.compile(rf"{re.escape(path.stem)}-\d{{8}}-\d{{6}}-\d{{3,}}{re.escape(path.suffix)}(\.gz)?")
        try:
            found = [path.with_name(name) for name in os.listdir(path.parent) if pattern.fullmatch(name)]
        except OSError:
            return []
        return sorted(found, key=lambda old: _stamp_of(old, path))

    def take(self, path: Path, old: Path | None = None) -> None:
        """Have a rotated file of a log dealt with; None: what an earlier process left."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="fixfast-wirelog-archive")
        try:
            self._executor.submit(self._work, path, old)
        except RuntimeError:
            _log.debug("%s: the process ends: rotated files are dealt with when the next one begins", path)

    def close(self) -> None:
        """Wait for what is under way."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None

    def after_fork(self) -> None:
        """Forget the thread, which a child process does not have."""
        self._executor = None

    def _work(self, path: Path, old: Path | None) -> None:
        try:
            if self._rotation.compress:
                for part in path.parent.glob(f"{path.stem}-*{path.suffix}.gz.part"):
                    part.unlink()  # of a process that was killed while it compressed
                for one in self.files(path) if old is None else [old]:
                    if one.suffix != ".gz" and one.exists():  # else it was too much before its turn came
                        _compress(one)
            self._thin_out(path)
        except OSError as error:
            _log.warning("%s: rotated files: %s", path, error)

    def _thin_out(self, path: Path) -> None:
        keep, keep_bytes = self._rotation.keep, self._rotation.keep_bytes
        if keep is None and keep_bytes is None:
            return
        total = 0
        for count, old in enumerate(reversed(self.files(path)), 1):
            total += old.stat().st_size
            if (keep is not None and count > keep) or (keep_bytes is not None and total > keep_bytes):
                old.unlink()


def _stamp_of(old: Path, path: Path) -> tuple[str, int]:
    """Return the time and the number in the name of a rotated file."""
    name = old.name.removesuffix(".gz").removesuffix(path.suffix).removeprefix(f"{path.stem}-")
    stamp, _, number = name.rpartition("-")
    return stamp, int(number)


def _compress(old: Path) -> None:
    """Put a file's content into a .gz beside it, which is there whole or not at all."""
    part = old.with_name(old.name + ".gz.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(fd, "wb") as raw, gzip.GzipFile(old.name, "wb", 6, raw) as packed, old.open("rb") as source:
        shutil.copyfileobj(source, packed, 1 << 18)
    os.replace(part, old.with_name(old.name + ".gz"))
    old.unlink()
