"""A disk in memory: it loses what was not synced, tears, fills up, fails and rots, each at an operation that is named.

A `Disk` is the hardware and the file system; a `Mount` is what one process has of it (the FileSystem of a journal) and
ends with that process: what code of a dead process still does - finalizers, generators - reaches nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random

from fixfast.errors import StoreLocked
from fixfast.types import Buffer

__all__ = ["HOW", "Crash", "Disk", "Mount"]

#: What may happen at an operation of the disk, see Disk.arm().
HOW = ("EIO", "ENOSPC", "short", "read", "crash", "crash-after", "torn", "power", "power-after")
#: Pieces that survive a power loss or not, each by itself. Real sectors are larger; records here are short.
SECTOR = 128


class Crash(BaseException):
    """The process dies here. Not an Exception: no code under test may catch it."""


class Inode:
    """A file's content: as readers see it, and as it would be after a power loss."""

    __slots__ = ("cached", "durable", "durable_size", "pending", "size")

    def __init__(self) -> None:
        self.cached = bytearray()  # up to the last byte written
        self.size = 0  # zeros from len(cached) up to here
        self.durable = bytearray()
        self.durable_size = 0
        self.pending: list[tuple[int, bytes | None]] = []  # not durable, in order; None: cut at that offset

    def write(self, offset: int, data: bytes) -> None:
        _put(self.cached, offset, data)
        self.size = max(self.size, offset + len(data))
        self.pending.append((offset, data))

    def cut(self, size: int) -> None:
        del self.cached[size:]
        self.size = size
        self.pending.append((size, None))

    def read(self, size: int, offset: int) -> bytes:
        found = bytes(self.cached[offset : offset + size])
        missing = min(size, self.size - offset) - len(found)
        return found + bytes(missing) if missing > 0 else found

    def settle(self, count: int, size: int) -> None:
        """The first `count` pending changes are durable."""
        for offset, data in self.pending[:count]:
            if data is None:
                del self.durable[offset:]
            else:
                _put(self.durable, offset, data)
        del self.pending[:count]
        self.durable_size = max(size, len(self.durable))

    def lose(self, random: Random) -> None:
        """Of what was not synced any sectors survive, whatever their order was; one may be torn at a byte."""
        image, size = self.durable, self.durable_size
        share = random.choice((0.0, 0.3, 0.8, 1.0))
        for offset, data in self.pending:
            if data is None:
                if random.random() < share:
                    del image[offset:]
                    size = offset
                continue
            for at in range(0, len(data), SECTOR):
                if random.random() < share:
                    piece = data[at : at + SECTOR]
                    if random.random() < 0.1:
                        piece = piece[: random.randrange(len(piece))]
                    _put(image, offset + at, piece)
        self.pending.clear()
        self.size = max(len(image), random.choice((size, self.size)))
        self.durable_size = self.size
        self.cached = bytearray(image)


def _put(image: bytearray, offset: int, data: bytes) -> None:
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


class Disk:
    """One machine's disk.

    Attributes:
        operations: so many were done.
        space: bytes a file may grow to, None: no limit.
        allocates: the file system can allocate ahead.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names: dict[str, Inode] = {}
        self.durable_names: dict[str, Inode] = {}
        self.notes: dict[str, bytes] = {}
        self.locked: dict[str, Mount] = {}
        self.boot = 1
        self.operations = 0
        self.space: int | None = None
        self.allocates = True
        self.how = ""
        self.fail_at = 0
        self.hit = ""  #: the operation that went wrong last
        self.dropped = False  #: a sync has failed: pages are in the cache, look clean, and are not on the disk
        self._files = 0

    def arm(self, how: str, operations: int) -> None:
        """Let the operation so many from now go wrong (`how`: one of HOW), 1 being the next that can."""
        self.how, self.fail_at, self.hit = how, self.operations + operations, ""

    def disarm(self) -> None:
        self.fail_at = 0

    def mount(self) -> Mount:
        return Mount(self)

    def lose_power(self) -> None:
        """The machine is gone, with all processes (their mounts have to be killed beside)."""
        self.boot += 1
        self.names = dict(self.durable_names)
        done: list[Inode] = []
        for name in sorted(self.names):
            inode = self.names[name]
            if not any(inode is other for other in done):
                done.append(inode)
                inode.lose(self.random)

    def rot(self) -> tuple[str, int] | None:
        """Flip one bit of what was written. Returns where."""
        inodes = [(name, inode) for name, inode in sorted(self.names.items()) if inode.cached]
        if not inodes:
            return None
        name, inode = self.random.choice(inodes)
        at = self.random.randrange(len(inode.cached))
        bit = 1 << self.random.randrange(8)
        for image in (inode.cached, inode.durable):
            if at < len(image):
                image[at] ^= bit
        return name, at

    def holds(self, raw: bytes) -> bool:
        """Whether these bytes are durable somewhere."""
        return any(inode.durable.rfind(raw) >= 0 for inode in self.durable_names.values())

    def sees(self, raw: bytes) -> bool:
        """Whether these bytes stand in any file."""
        return any(raw in inode.cached or raw in inode.durable for inode in self.names.values())

    def new_id(self) -> bytes:
        """16 bytes for the id of a file: another one each time, the same in each run."""
        return self.random.getrandbits(128).to_bytes(16, "little")


class Mount:
    """The FileSystem of one process."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.alive = True
        #: called in the middle of a sync: what another thread does meanwhile
        self.meanwhile: Callable[[], None] | None = None

    def kill(self) -> None:
        """The process is gone: locks end, the page cache stays."""
        self.alive = False
        for path in [path for path, mount in self.disk.locked.items() if mount is self]:
            del self.disk.locked[path]

    def step(self, name: str) -> str:
        """Count an operation. Raises where it is the one to fail; returns what else is to happen."""
        disk = self.disk
        if not self.alive:
            return "dead"
        disk.operations += 1
        if not disk.fail_at or disk.operations < disk.fail_at:
            return ""
        how = disk.how
        if (how == "read") is not (name == "pread") or (how in ("short", "torn") and name != "pwrite"):
            return ""
        disk.fail_at = 0
        disk.hit = name
        if how in ("crash", "power"):
            raise Crash(how if how == "power" else name)
        if how in ("EIO", "ENOSPC", "read"):
            raise OSError(getattr(errno, how, errno.EIO), f"injected at {name}")
        return how

    def done(self, what: str) -> None:
        """The operation is done; the process may die before it hears of that."""
        if what in ("crash-after", "torn", "power-after"):
            raise Crash(what)

    # --- FileSystem ------------------------------------------------------------------------------------------

    def make_directory(self, path: str) -> None:
        pass

    def lock(self, path: str) -> SimLock:
        if path in self.disk.locked:
            raise StoreLocked(path)
        if self.alive:
            self.disk.locked[path] = self
        return SimLock(self, path)

    def open(self, path: str, *, create: bool = False) -> SimFile:
        what = self.step("create") if create else ""
        if create and what != "dead":
            assert path not in self.disk.names, path
            self.disk.names[path] = Inode()
        inode = self.disk.names.get(path)
        if inode is None:
            raise FileNotFoundError(path)
        self.done(what)
        return SimFile(self, inode)

    def exists(self, path: str) -> bool:
        return path in self.disk.names

    def list(self, directory: str) -> list[str]:
        """The names of the files in a directory."""
        return sorted(path.removeprefix(directory + "/") for path in self.disk.names if path.startswith(directory))

    def remove(self, path: str) -> None:
        if path in self.disk.names:
            what = self.step("remove")
            if what != "dead":
                del self.disk.names[path]
            self.done(what)

    def link(self, source: str, target: str) -> None:
        what = self.step("link")
        if what != "dead":
            self.disk.names[target] = self.disk.names[source]
        self.done(what)

    def replace(self, source: str, target: str) -> None:
        what = self.step("replace")
        if what != "dead":
            self.disk.names[target] = self.disk.names.pop(source)
        self.done(what)

    def sync_directory(self, path: str) -> None:
        what = self.step("sync_directory")
        if what != "dead":
            self.disk.durable_names = dict(self.disk.names)
        self.done(what)

    def boot_id(self) -> bytes:
        return b"boot-%d" % self.disk.boot

    def file_id(self) -> bytes:
        return self.disk.new_id()


class SimLock:
    """A lock file; its note survives everything."""

    def __init__(self, mount: Mount, path: str) -> None:
        self._mount, self._path = mount, path
        self.note = mount.disk.notes.get(path, b"")

    def write_note(self, note: bytes) -> None:
        what = self._mount.step("note")
        if what != "dead":
            self._mount.disk.notes[self._path] = self.note = note
        self._mount.done(what)

    def release(self) -> None:
        if self._mount.disk.locked.get(self._path) is self._mount:
            del self._mount.disk.locked[self._path]


class SimFile:
    """An open file of a Mount."""

    def __init__(self, mount: Mount, inode: Inode) -> None:
        self._mount, self._inode = mount, inode
        self.pwrite: Callable[[Buffer, int], int] = self._write
        self.pread: Callable[[int, int], bytes] = self._read

    def _write(self, data: Buffer, offset: int) -> int:
        mount = self._mount
        what = mount.step("pwrite")
        piece = bytes(data)
        if what:
            if what == "dead":
                return len(piece)
            if what in ("short", "torn"):
                piece = piece[: mount.disk.random.randrange(len(piece))]
        space = mount.disk.space
        if space is not None and offset + len(piece) > max(space, self._inode.size):
            raise OSError(errno.ENOSPC, "disk full")
        self._inode.write(offset, piece)
        if what:
            mount.done(what)
        return len(piece)

    def _read(self, size: int, offset: int) -> bytes:
        self._mount.step("pread")
        return self._inode.read(size, offset)

    def size(self) -> int:
        return self._inode.size

    def sync(self) -> None:
        mount, inode = self._mount, self._inode
        count, size = len(inode.pending), inode.size
        try:
            what = mount.step("sync")
        except OSError:
            # as Linux does: what could not be written is dropped, and a later sync says nothing of it
            inode.pending.clear()
            mount.disk.dropped = True
            raise
        if what == "dead":
            return
        if mount.meanwhile is not None:
            mount.meanwhile()
        inode.settle(count, size)
        mount.done(what)

    def truncate(self, size: int) -> None:
        what = self._mount.step("truncate")
        if what != "dead":
            self._inode.cut(size)
        self._mount.done(what)

    def allocate(self, offset: int, size: int) -> bool:
        if not self._mount.disk.allocates:
            return False
        what = self._mount.step("allocate")
        if what != "dead":
            space = self._mount.disk.space
            if space is not None and offset + size > space:
                raise OSError(errno.ENOSPC, "disk full")
            self._inode.size = max(self._inode.size, offset + size)
        self._mount.done(what)
        return True

    def close(self) -> None:
        pass
