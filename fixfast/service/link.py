"""Link: one connection of the IPC on an asyncio event loop: messages in, messages out, neither without bounds.

Nothing here knows who is at the other end: service/wire.py makes links, and makes sure of that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, fields
from typing import cast

from fixfast.engine.controlkey import Credentials
from fixfast.errors import ConfigError, FixfastError
from fixfast.service.frames import GREETING_LIMIT, LIMIT, FrameError, Frames
from fixfast.service.messages import Message, Ping, Pong, Refused, decode
from fixfast.service.outbox import Outbox

__all__ = ["Link", "LinkLost", "LinkOptions", "LinkRefused"]

_log = logging.getLogger("fixfast.service")

#: bytes that the transport may hold: what waits longer is for the Outbox to choose from
_HIGH_WATER = 64 * 1024
#: bytes that are read at once
_ROOM = 32 * 1024
#: messages that wait for iteration before no more is read
_WAITING = 64


class LinkLost(FixfastError):
    """The connection ended; the text says why."""


class LinkRefused(LinkLost):
    """The other side said no.

    Attributes: code, text, retry_after: as in Refused.
    """

    def __init__(self, refused: Refused) -> None:
        self.code, self.text, self.retry_after = refused.code, refused.text, refused.retry_after
        later = f" (again in {self.retry_after} s)" if self.retry_after else ""
        super().__init__(f"refused: {self.text}{later}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Bounds of one connection.

    Args:
        greeting: seconds for all of it, until the other side has shown who it is.
        idle: seconds of silence, a Ping unanswered, after which the other side is taken for dead.
        slow: seconds that the other side may read nothing while something waits for it.
        waiting: bytes that may wait for it; with one more it is disconnected: it resumes from its number.
        spare: bytes that may wait before market prints and FIX messages to watch are left out.
        burst: messages that are dealt with before others have their turn.
        linger: seconds that the last bytes may take when a connection is closed.

    Raises: ConfigError: a value is not above 0.
    """

    greeting: float = 5.0
    idle: float = 30.0
    slow: float = 10.0
    waiting: int = 16 << 20
    spare: int = 256 << 10
    burst: int = 32
    linger: float = 2.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value, kind = getattr(self, one.name), int if one.type == "int" else (int, float)
            if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < float("inf"):
                what = "a whole number above 0" if kind is int else "seconds, above 0"
                raise ConfigError(one.name, value, what)


class Link(asyncio.BufferedProtocol):
    """One connection. Made by listen() and connect().

    Messages come to `on_message`, or, while that is None, to who iterates or calls receive().

    Attributes:
        role, name: of the other side, as in Hello; of who connected, its own.
        peer: who it is by the kernel's word, over a Unix socket; else its address is in `where`.
        where: "uid 1000", "127.0.0.1:40123".
        admitted: the other side has shown who it is: larger frames, no hurry.
        on_message: called with each message, at once. What it raises is a bug, and ends the connection.
        on_burst: called when the messages of one read were dealt with.
        on_admitted: called when it has shown that.
        keep: of who was let in to show it: it does not have to go for another one any more (halfopen.py).
        on_closed: each is called once, when `error` is known.
        error: why it ended; None while it has not.
        fault: it ended because the other side did not keep to the rules, or did not have the secret.
        closed: done when the connection is gone.
    """

    def __init__(self, options: LinkOptions, on_made: Callable[[Link], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._on_made = on_made
        self._transport: asyncio.Transport | None = None
        self._frames = Frames(GREETING_LIMIT)
        self._room = memoryview(bytearray(_ROOM))
        self._outbox = Outbox(options.spare)
        self._waiting: deque[Message] = deque()
        self._came: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None  # greeting, then silence, then lingering
        self._slow: asyncio.TimerHandle | None = None
        self._soon = self._going = self._held = self._paused = self._asked = False
        self._heard = True
        self.role = self.name = self.where = ""
        self.peer = Credentials()
        self.admitted = self.fault = False
        self.on_message: Callable[[Message], object] | None = None
        self.on_burst: Callable[[], object] = _nothing
        self.on_admitted: Callable[[], object] = _nothing
        self.keep: Callable[[], object] = _nothing
        self.on_closed: list[Callable[[Link], object]] = []
        self.error: LinkLost | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()

    @property
    def transport(self) -> asyncio.Transport:
        """What moves its bytes, while it is connected."""
        assert self._transport is not None
        return self._transport

    # --- for the program -----------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Have a message written, in its order, with what else this turn of the loop brings; nothing if it is over.

        Too much that waits ends the connection: never is one message of several left out.
        """
        if self.error is None:
            self._outbox.put(message)
            if self._outbox.size > self._options.waiting:
                self._fail(f"it does not read: {self._outbox.size:,} bytes wait for it")
            self._flush_soon()

    def offer(self, message: Message) -> bool:
        """Do the same, unless the other side is behind. Returns whether it will be written."""
        taken = self.error is None and self._outbox.offer(message)
        if taken:
            self._flush_soon()
        return taken

    def conflate(self, key: Hashable, make: Callable[[], Message | None]) -> None:
        """Have a message made and written as soon as there is room: the latest, see Outbox."""
        if self.error is None:
            self._outbox.conflate(key, make)
            self._flush_soon()

    def forget(self, key: Hashable) -> None:
        """Write that no more."""
        self._outbox.forget(key)

    async def drain(self) -> None:
        """Wait until all that was sent is on its way. Raises: LinkLost."""
        while self._outbox and self.error is None:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)
        if self.error is not None:
            raise self.error

    async def receive(self) -> Message:
        """Return the next message. Raises: LinkLost, LinkRefused."""
        while not self._waiting:
            if self.error is not None:
                raise self.error
            self._came = self._loop.create_future()
            try:
                await self._came
            finally:
                self._came = None
        message = self._waiting.popleft()
        if self._held and len(self._waiting) < _WAITING // 4:
            self._receive_soon()
        return message

    def hear(self, callback: Callable[[Message], object]) -> None:
        """Have messages come to a callback from now on, those first that wait already. For who has called receive()."""
        while self._waiting:
            callback(self._waiting.popleft())
        self.on_message = callback
        if self._held:
            self._receive_soon()

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Iterate over messages, to the end. Raises: LinkLost, LinkRefused: it did not end by our close()."""
        while True:
            try:
                message = await self.receive()
            except LinkLost:
                if self._closed_by_us:
                    return
                raise
            yield message

    def admit(self) -> None:
        """Know that the other side is who it should be."""
        if not self.admitted and self.error is None:
            self.admitted = True
            self._frames.limit = LIMIT
            self._rearm(self._options.idle / 3, self._look)
            self.on_admitted()

    def end(self, refused: Refused | None = None) -> None:
        """Close, when what was sent is written; `refused` is the last of it."""
        if self.error is None:
            if refused is not None:
                self.fault = refused.code == "credentials"
                self._outbox.put(refused)
            self._finish(LinkLost(refused.text if refused is not None else _OURS))

    async def close(self, refused: Refused | None = None) -> None:
        """Do so, and wait for it."""
        self.end(refused)
        await asyncio.wait([self.closed])

    # --- called by asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        if self.error is not None:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._rearm(self._options.greeting, self._too_late)
        self._on_made(self)
        self._receive()  # with TLS there may be something already

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where bytes are to be read into.

        PERF: without that asyncio makes room for 256 KiB with each read: the kernel maps it, and takes it back, three
        system calls for a frame of a hundred bytes.
        """
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._heard = True
        self._frames.feed(self._room[:nbytes])
        if not self._held and self._transport is not None:
            self._receive()

    def eof_received(self) -> bool:
        """Have nobody speak to one who has hung up."""
        return False

    def pause_writing(self) -> None:
        """Keep what is sent: the other side is slow."""
        self._paused = True
        self._slow = self._loop.call_later(self._options.slow, self._too_slow)

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        if self._slow is not None:
            self._slow.cancel()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        if self.error is None:
            self._over(LinkLost(str(exc) if exc is not None else "the other side closed the connection"))
        for timer in (self._timer, self._slow):
            if timer is not None:
                timer.cancel()
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    # --- inside --------------------------------------------------------------------------------------------

    @property
    def _closed_by_us(self) -> bool:
        return self.error is not None and str(self.error) == _OURS

    def _receive(self) -> None:
        """Deal with frames: so many, and then it is another's turn."""
        self._going = False
        try:
            for _ in range(self._options.burst):
                if self.error is not None or (content := self._frames.take()) is None:
                    self.on_burst()
                    return self._hold(False)
                self._deal(decode(content))
                if len(self._waiting) >= _WAITING:  # receive() goes on
                    return self._hold(True)
        except FrameError as error:
            self.fault = True
            return self._fail(str(error))
        self.on_burst()
        self._receive_soon()
        return self._hold(True)

    def _receive_soon(self) -> None:
        if not self._going:
            self._going = True
            self._loop.call_soon(self._receive)

    def _hold(self, held: bool) -> None:
        """Read no more, or go on."""
        if held is not self._held:
            self._held = held
            if self._transport is not None and self.error is None:
                (self._transport.pause_reading if held else self._transport.resume_reading)()

    def _deal(self, message: Message) -> None:
        kind = type(message)
        if kind is Ping:
            self.send(Pong(cast(Ping, message).id))
        elif kind is Refused:
            self._over(LinkRefused(cast(Refused, message)))
        elif kind is Pong and not cast(Pong, message).id:
            pass  # it was heard: that is all
        elif self.on_message is None:
            self._waiting.append(message)
            self._wake()
        else:
            try:
                self.on_message(message)
            except FrameError:
                raise
            except Exception:  # a bug of ours must not take other connections with it
                _log.exception("%s: %s failed", self.where, kind.__name__)
                self._fail("internal error")

    def _flush_soon(self) -> None:
        if not self._soon and not self._paused:
            self._soon = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._soon = False
        transport = self._transport
        while transport is not None and not self._paused and self._outbox and not transport.is_closing():
            data = self._outbox.take(_HIGH_WATER)
            if data:
                transport.write(data)
        if not self._outbox and self._drained is not None:
            self._drained.set_result(None)
            self._drained = None

    def _wake(self) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    # --- ends ----------------------------------------------------------------------------------------------

    def _rearm(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, call)

    def _look(self) -> None:
        """Look whether the other side was heard of lately; ask it; take it for dead."""
        if self._asked and not self._heard:
            self._fail(f"nothing was heard of it for {self._options.idle:g} s")
            return
        self._asked = not self._heard
        self._heard = False
        if self._asked:
            self.send(Ping(0))
        self._rearm(self._options.idle / 3, self._look)

    def _too_late(self) -> None:
        self.end(Refused("timeout", f"not in {self._options.greeting:g} s"))

    def _too_slow(self) -> None:
        self._fail(f"it read nothing for {self._options.slow:g} s")

    def _fail(self, why: str) -> None:
        """End at once."""
        if self.error is None:
            self._over(LinkLost(why))

    def _over(self, error: LinkLost) -> None:
        """Know the end, and cut the connection."""
        self._tell(error)
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, error: LinkLost) -> None:
        """Know the end, and close the connection when all is written."""
        transport = self._transport
        if transport is not None:
            while self._outbox and not transport.is_closing():
                transport.write(self._outbox.take(_HIGH_WATER))
            self._rearm(self._options.linger, transport.abort)
            transport.close()
        self._tell(error)
        if transport is None and not self.closed.done():
            self.closed.set_result(None)

    def _tell(self, error: LinkLost) -> None:
        self.error = error
        self._wake()
        if self._drained is not None:
            self._drained.set_result(None)
            self._drained = None
        for call in self.on_closed:
            call(self)


_OURS = "closed"


def _nothing() -> None:
    pass
