"""Outbox: what waits for a front end that is slower than what happens, sans-IO. Orders wait, the market does not.

Three ways in. What must come, in its order: put(). What only the latest is of use of: conflate(), by a key; it is made
when it can be written, so that it is the latest. What may be left out: offer(), which says whether it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from fixfast.service.frames import framed
from fixfast.service.messages import Message, encode

__all__ = ["Outbox"]


class Outbox:
    """Frames that wait to be written.

    Args: spare: bytes that may wait before offer() leaves out what it is given.

    Attributes: size: bytes that wait, but for what is conflated.
    """

    __slots__ = ("_frames", "_latest", "_spare", "size")

    def __init__(self, spare: int) -> None:
        self._spare = spare
        self._frames: deque[bytes] = deque()
        self._latest: dict[Hashable, Callable[[], Message | None]] = {}
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._frames or self._latest)

    def put(self, message: Message) -> None:
        """Have a message wait for its turn. Raises: FrameError: it is too large for a frame."""
        frame = framed(encode(message))
        self._frames.append(frame)
        self.size += len(frame)

    def offer(self, message: Message) -> bool:
        """Do the same, unless too much waits already. Returns whether it was taken."""
        if self.size >= self._spare:
            return False
        self.put(message)
        return True

    def conflate(self, key: Hashable, make: Callable[[], Message | None]) -> None:
        """Have a message made and written when nothing else waits, once, however often this was called meanwhile.

        Args: make: returns it as it is then; None: there is nothing to tell any more.
        """
        self._latest[key] = make

    def forget(self, key: Hashable) -> None:
        """Make it no more."""
        self._latest.pop(key, None)

    def take(self, most: int) -> bytes:
        """Return frames to write: as many as fit into `most` bytes, and one at least; b"": nothing waits."""
        frames, size = self._frames, 0
        taken: list[bytes] = []
        while frames and (not taken or size + len(frames[0]) <= most):
            frame = frames.popleft()
            taken.append(frame)
            size += len(frame)
        self.size -= size
        while not frames and self._latest and size < most:
            key = next(iter(self._latest))
            message = self._latest.pop(key)()
            if message is not None:
                frame = framed(encode(message))
                taken.append(frame)
                size += len(frame)
        return taken[0] if len(taken) == 1 else b"".join(taken)
