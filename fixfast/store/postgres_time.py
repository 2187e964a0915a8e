"""InTime: a server of PostgreSQL that answers nothing any more is not waited for longer than so many seconds.

`statement_timeout` is the server's own, and no help where the server hangs, or the network has lost it: then psycopg
waits for as long as TCP does, a quarter of an hour or for ever.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from fixfast.errors import StoreError

__all__ = ["InTime"]


class _Connection(Protocol):
    def fileno(self) -> int: ...


class InTime:
    """Limits what is done with a connection in a `with` block: then it is cut, and what waits for it ends.

    Args: connection: of psycopg. seconds: for all of it. name: of the store, for who is told.

    Raises: StoreError: (leaving, instead of what that raised) it was cut.
    """

    def __init__(self, connection: _Connection, seconds: float, name: str) -> None:
        self._seconds, self._name = seconds, name
        self._late = False
        self._socket: socket.socket | None = None
        if sys.platform != "win32":  # a number of its own: the connection's may be another file's by then
            self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> InTime:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
        if self._late and isinstance(error, Exception):
            raise StoreError(f"{self._name}: no answer in {self._seconds:g} s") from None

    def _cut(self) -> None:
        if self._socket is not None:
            self._late = True
            with suppress(OSError):  # it is closed, or was lost meanwhile
                self._socket.shutdown(socket.SHUT_RDWR)
