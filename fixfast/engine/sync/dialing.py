"""Connecting beside a thread that must not wait: names, TCP and TLS take their time in a thread of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from fixfast.transport.blocking import Waker

__all__ = ["Dialing"]


class Dialing:
    """One attempt to connect. Its thread ends by itself within the time-out of the connection.

    Args:
        prepare: what to do before, in that thread; drop() waits for it.
        connect: makes the connection. It is given what wakes it, and what says that it is not wanted any more.
    """

    __slots__ = ("_connect", "_dropped", "_error", "_lock", "_prepared", "_sock", "_waker")

    def __init__(
        self, prepare: Callable[[], object], connect: Callable[[Waker, Callable[[], bool]], socket.socket]
    ) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._dropped = False
        self._sock: socket.socket | None = None
        self._error: Exception | None = None
        self._prepared = threading.Event()
        self._waker = Waker()
        # A daemon: a name server that never answers must not keep the process from ending.
        work = threading.Thread(target=self._run, args=(prepare,), name="fixfast-connect", daemon=True)
        work.start()

    @property
    def done(self) -> bool:
        """Whether result() has something to say."""
        return self._sock is not None or self._error is not None

    def result(self) -> socket.socket:
        """Return the socket, once.

        Raises: what `connect` raised.
        """
        if self._error is not None:
            raise self._error
        sock, self._sock = self._sock, None
        assert sock is not None
        return sock

    def drop(self) -> None:
        """Want it no more: the socket is closed as soon as it is there."""
        with self._lock:
            self._dropped = True
            sock, self._sock = self._sock, None
            self._waker.wake()
        if sock is not None:
            sock.close()
        self._prepared.wait()

    def _run(self, prepare: Callable[[], object]) -> None:
        try:
            try:
                prepare()
            finally:
                self._prepared.set()
            sock: socket.socket | None = self._connect(self._waker, lambda: self._dropped)
        except Exception as error:
            self._error = error
            sock = None
        with self._lock:
            self._waker.close()
            if not self._dropped:
                self._sock = sock
                return
        if sock is not None:
            sock.close()
