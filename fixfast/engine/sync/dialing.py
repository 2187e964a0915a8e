"""Connecting beside a thread that must not wait: names, TCP and TLS take their time in a thread of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from fixfast.engine.connection import ConnectionConfig
from fixfast.engine.failure import Failure
from fixfast.errors import LogonFailed
from fixfast.transport.tls_context import ClientTls

__all__ = ["Dialing", "open_socket", "unreachable"]


class Dialing:
    """One attempt to connect. Its thread ends by itself within the time-out of what it calls.

    Args:
        prepare: what to do before, in that thread; drop() waits for it.
        connect: returns a connected socket, or raises.
    """

    __slots__ = ("_dropped", "_error", "_lock", "_prepared", "_sock")

    def __init__(self, prepare: Callable[[], object], connect: Callable[[], socket.socket]) -> None:
        self._lock = threading.Lock()
        self._dropped = False
        self._sock: socket.socket | None = None
        self._error: Exception | None = None
        # A daemon: a name server that never answers must not keep the process from ending.
        self._prepared = threading.Event()
        threading.Thread(target=self._run, args=(prepare, connect), name="fixfast-connect", daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether result() has something to say."""
        return self._sock is not None or self._error is not None

    def result(self) -> socket.socket:
        """Return the socket, once.

        Raises: whatever connecting raised.
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
        if sock is not None:
            sock.close()
        self._prepared.wait()

    def _run(self, prepare: Callable[[], object], connect: Callable[[], socket.socket]) -> None:
        try:
            try:
                prepare()
            finally:
                self._prepared.set()
            sock = connect()
        except Exception as error:
            self._error = error
            return
        with self._lock:
            if not self._dropped:
                self._sock = sock
                return
        sock.close()


def open_socket(connection: ConnectionConfig, host: str, port: int) -> socket.socket:
    """Return a connected socket, TLS hands shaken.

    Raises: OSError (TimeoutError, ssl.SSLError); UnicodeError: no host can have such a name.
    """
    sock = socket.create_connection((host, port), timeout=connection.connect_timeout)
    if not connection.tls:
        return sock
    try:
        tls = ClientTls(connection.tls)
        shaken: socket.socket = tls.context().wrap_socket(sock, server_hostname=tls.server_name(host))
        return shaken
    except BaseException:
        sock.close()
        raise


def unreachable(connection: ConnectionConfig, error: Exception) -> Failure:
    """Return what a failed attempt means for the session."""
    if isinstance(error, TimeoutError):
        failed = LogonFailed("connect_timeout", f"no connection in {connection.connect_timeout:g} s")
    else:
        failed = LogonFailed("connect", str(error))
    failed.__cause__ = error
    return Failure(failed, refused=False)
