"""A journal that begins anew: written beside the old one, on a thread, while the exchange goes on.

The old file stays whole, and is appended to, until the new one has all that it has: who dies in between finds the old.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["Rewriting"]

#: so much may be left for finish() to copy, which keeps everybody waiting
_LITTLE = 1 << 16


class Rewriting:
    """A new file in the making.

    Args:
        path: the old file, of which what is behind `at` is copied.
        at: how long it is now.
        lines: gives what the new one begins with; called and used up by the thread.
    """

    def __init__(self, path: Path, at: int, lines: Callable[[], Iterable[bytes]]) -> None:
        self.new = path.with_suffix(".new")
        self.error: OSError | None = None
        self._old = os.open(path, os.O_RDONLY)
        self._at = at
        self._lines = lines
        self._fd = -1
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="exchange-journal", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the thread has ended: finish() has little left to do."""
        return not self._thread.is_alive()

    def finish(self) -> int:
        """Wait for the thread, and copy what is left. Returns: the new file, open for appending.

        Raises: OSError: it could not be written; it is gone.
        """
        self._thread.join()
        try:
            if self.error is not None:
                raise self.error
            self._copy(1 << 62)
        except OSError:
            self.give_up()
            raise
        os.close(self._old)
        return self._fd

    def give_up(self) -> None:
        """End it, and leave the old file as it is."""
        self._given_up = True
        self._thread.join()
        os.close(self._old)
        if self._fd >= 0:
            os.close(self._fd)
        with suppress(OSError):
            self.new.unlink()

    # --- on the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._fd = os.open(self.new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            for line in self._lines():
                if self._given_up:
                    return
                self.write(line)  # lets others have the interpreter, after each line
            os.fsync(self._fd)
            while self._copy(_LITTLE) == _LITTLE and not self._given_up:
                pass
        except OSError as error:
            self.error = error

    def write(self, data: bytes) -> None:
        """Append to the new file. Raises: OSError."""
        while data:
            data = data[os.write(self._fd, data) :]

    def _copy(self, most: int) -> int:
        """Copy what came to the old file meanwhile. Returns: how much it was, at most `most` bytes."""
        copied = 0
        os.lseek(self._old, self._at, os.SEEK_SET)
        while copied < most and (data := os.read(self._old, min(_LITTLE, most - copied))):
            self.write(data)
            copied += len(data)
        self._at += copied
        return copied
