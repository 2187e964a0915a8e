"""What a thread needs that polls sockets instead of sleeping on them: readiness by one system call, a core of its own.

Everything here is there where the platform has it, and a fallback where it has not.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

__all__ = ["Watch", "freeze", "pin", "sharpen"]

_log = logging.getLogger("fixfast.transport")

#: nothing is ready
_NOTHING: tuple[tuple[int, int], ...] = ()
#: Linux; Python has no name for it before 3.13
_SO_BUSY_POLL = getattr(socket, "SO_BUSY_POLL", 46 if sys.platform == "linux" else None)


class Watch:
    """Tells which of some sockets can be read, or have come to their end. One thread uses it.

    PERF: asking costs 0.4 us with epoll, for any number of sockets; a non-blocking recv that raises BlockingIOError
    1.4 us for each (CPython 3.11, Linux).

    Attributes: ask: `ask(seconds)` waits so long at most, 0 for not at all, and returns (fd, mask) pairs.
    """

    __slots__ = ("_epoll", "_fds", "_poll", "ask")

    def __init__(self) -> None:
        self._fds: set[int] = set()
        self._epoll: select.epoll | None = None
        self._poll: select.poll | None = None
        self.ask: Callable[[float], Sequence[tuple[int, int]]]
        if hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self.ask = self._epoll.poll
        elif hasattr(select, "poll"):
            self._poll = select.poll()
            self.ask = self._ask_poll
        else:
            self.ask = self._ask_select

    def add(self, fd: int) -> None:
        """Watch a socket."""
        self._fds.add(fd)
        if self._epoll is not None:
            self._epoll.register(fd, select.EPOLLIN)
        elif self._poll is not None:
            self._poll.register(fd, select.POLLIN)

    def remove(self, fd: int) -> None:
        """Watch it no more; before it is closed. Twice is once."""
        if fd in self._fds:
            self._fds.remove(fd)
            if self._epoll is not None:
                self._epoll.unregister(fd)
            elif self._poll is not None:
                self._poll.unregister(fd)

    def close(self) -> None:
        """Let go. Twice is once."""
        self._fds.clear()
        if self._epoll is not None:
            self._epoll.close()

    def _ask_poll(self, seconds: float) -> Sequence[tuple[int, int]]:
        assert self._poll is not None
        return self._poll.poll(seconds * 1000)

    def _ask_select(self, seconds: float) -> Sequence[tuple[int, int]]:
        if not self._fds:
            return _NOTHING  # Windows refuses to select among none
        ready, _, broken = select.select(self._fds, (), self._fds, seconds)
        return [(fd, 0) for fd in {*ready, *broken}]


def pin(cpu: int) -> bool:
    """Keep the calling thread on one processor.

    Returns: whether the platform can; where it cannot, that is logged as a warning, and the thread runs where it likes.

    Raises: OSError: there is no such processor, or this process may not use it.
    """
    if not hasattr(os, "sched_setaffinity"):
        _log.warning("cpu=%d has no effect: this platform cannot keep a thread on one processor", cpu)
        return False
    os.sched_setaffinity(0, {cpu})
    return True


def sharpen(sock: socket.socket, *, busy_poll_us: int = 0) -> None:
    """Set what makes a TCP socket answer at once: no waiting for more to send, acknowledgements right away.

    Args: busy_poll_us: Linux: so many us may the kernel itself poll the network card when it is asked for data (0: as
        the system is set up). More than net.core.busy_read needs CAP_NET_ADMIN; without it nothing changes.
    """
    if sock.family not in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        return
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    if hasattr(socket, "TCP_QUICKACK"):
        options.append((socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1))
    if busy_poll_us and _SO_BUSY_POLL is not None:
        options.append((socket.SOL_SOCKET, _SO_BUSY_POLL, busy_poll_us))
    for level, name, value in options:
        with suppress(OSError):  # gone already, or not allowed
            sock.setsockopt(level, name, value)


def freeze(*, disable: bool = False) -> None:
    """Have the garbage collector forget what is there: collect once, then leave all that survived out of collections.

    Args: disable: no automatic collections from now on, either: whoever makes cycles calls gc.collect() in quiet times.
    """
    gc.collect()
    gc.freeze()
    if disable:
        gc.disable()
