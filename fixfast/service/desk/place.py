"""Where a demo keeps what it has: a folder of its own, for one demo at a time; and what killed ones left behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from fixfast.errors import ConfigError, StoreError
from fixfast.service.launcher.child import StepFailed, private_folder
from fixfast.store.files import open_locked, write_private

__all__ = ["Place"]

_PREFIX = "fixfast-desk-"
_NOTE = "demo.json"
#: held by the demo itself; held by its children, too, which end a little later than a demo that is killed
_OURS, _CHILDREN = "desk.lock", "children.lock"
#: Bytes that the path of a Unix socket may have, and the longest name that a Launcher gives to one.
_LONGEST, _NAME = 103, len("/0123456789abcdef.sock")
#: seconds that the children of a demo that was killed have to end
_PATIENCE = 30.0


class Place:
    """A demo's folder: `async with Place(folder, version)`.

    Args:
        folder: it is kept, and may be one of an earlier demo; None: a temporary one.
        version: of FIX; None: the folder's, or FIX.4.2.

    Attributes:
        folder: with mode 0700.
        sockets: where paths are short enough for Unix sockets.
        version.
        held: a descriptor for children: the folder is free again when they have ended.

    Raises (on entering): ConfigError: a folder of something else, of another version, or of a demo that runs. OSError.
    """

    def __init__(self, folder: Path | None, version: str | None) -> None:
        self._kept = folder is not None
        self._locks: list[int] = []
        self._scratch: list[Path] = []
        self._given = version
        # Absolute: what a file in there says is relative to that file.
        self.folder = folder.expanduser().absolute() if folder is not None else Path()
        self.sockets = Path()
        self.version = version or "FIX.4.2"
        self.held = -1

    async def __aenter__(self) -> Place:
        try:
            await self._open()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    async def _open(self) -> None:
        _clean_up()
        if not self._kept:
            self.folder = self._temporary()
        try:
            private_folder(self.folder)
        except StepFailed as error:
            raise ConfigError("state", str(self.folder), str(error)) from None
        note = self._look()
        self._lock(self.folder, _OURS)
        self.held = await self._wait_for(_CHILDREN)
        if not note.exists():
            write_private(str(note), json.dumps({"version": self.version}).encode())
        self.sockets = self.folder / "run"
        if len(os.fsencode(self.sockets)) + _NAME > _LONGEST:
            scratch = self._temporary()
            self._lock(scratch, _OURS)
            self.sockets = scratch / "run"

    def _look(self) -> Path:
        """Look whose folder it is, and of which version; return the note that says so. Raises: ConfigError."""
        note, name = self.folder / _NOTE, str(self.folder)
        if not note.exists():
            if {path.name for path in self.folder.iterdir()} - {_OURS, _CHILDREN}:
                raise ConfigError("state", name, "an empty folder, or one that fixfast desk --demo has made")
            return note
        try:
            there = str(json.loads(note.read_text("utf-8"))["version"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                "state", name, f"a folder of fixfast desk --demo, with a {note.name} that is whole"
            ) from None
        if self._given not in (None, there):
            raise ConfigError(
                "version", self._given, f"{there}, as {name} has it; another version needs another folder"
            )
        self.version = there
        return note

    def _temporary(self) -> Path:
        """Make a folder that is gone in the end."""
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        if len(os.fsencode(path / "run")) + _NAME > _LONGEST:  # TMPDIR is long
            path.rmdir()
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
        self._scratch.append(path)
        return path

    def _lock(self, folder: Path, name: str) -> int:
        """Hold a lock. Raises: ConfigError: another demo does."""
        fd = open_locked(os.fspath(folder / name))
        if fd is None:
            raise ConfigError("state", str(folder), "a folder of this demo alone: another one runs there")
        self._locks.append(fd)
        return fd

    async def _wait_for(self, name: str) -> int:
        """Hold the children's lock, when those of an earlier demo have ended. Raises: ConfigError."""
        for _ in range(round(_PATIENCE * 10)):
            if (fd := open_locked(os.fspath(self.folder / name))) is not None:
                self._locks.append(fd)
                return fd
            await asyncio.sleep(0.1)
        text = "a folder of this demo alone: exchange or Launcher of an earlier one do not end"
        raise ConfigError("state", str(self.folder), text)

    def _close(self) -> None:
        for path in self._scratch:
            shutil.rmtree(path, ignore_errors=True)
        for fd in self._locks:
            os.close(fd)
        self._locks.clear()


def _clean_up() -> None:
    """Remove temporary folders of demos that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        held: list[int | None] = []
        try:
            if path.is_symlink() or not (path / _OURS).exists():  # one that is being made
                continue
            held = [open_locked(os.fspath(path / name)) for name in (_OURS, _CHILDREN)]
            if None not in held:
                shutil.rmtree(path, ignore_errors=True)
        except (OSError, StoreError):
            pass  # somebody else's
        finally:
            for fd in held:
                if fd is not None:
                    os.close(fd)
