"""What the tests of the wire share: a listener in a private folder, and a peer that is a plain socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fixfast.service.frames import LIMIT, Frames, framed
from fixfast.service.ipc import Connecting, name_of, new_secret
from fixfast.service.link import Link
from fixfast.service.messages import Message, decode, encode
from fixfast.service.wire import Listener, connect, listen

__all__ = ["SECRET", "Peer", "echo", "find", "joined", "listening"]

SECRET = new_secret()


def find(role: str, name: str) -> bytes | None:
    return SECRET if name == name_of(SECRET) else None


def echo(link: Link) -> None:
    """A program that sends back whatever it gets."""
    link.on_message = link.send


@contextlib.asynccontextmanager
async def listening(
    folder: Path, on_link: Callable[[Link], object] = echo, name: str = "x.sock", **options: Any
) -> AsyncIterator[Listener]:
    listener = await listen(f"unix:{folder / 'run' / name}", find, on_link, **options)
    try:
        yield listener
    finally:
        await listener.close()


@contextlib.asynccontextmanager
async def joined(listener: Listener, **options: Any) -> AsyncIterator[Link]:
    link = await connect(listener.address, "front_end", SECRET, **options)
    try:
        yield link
    finally:
        await link.close()


class Peer:
    """The other end by hand: bytes out, messages in."""

    def __init__(self, listener: Listener) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.connect(listener.address.removeprefix("unix:"))
        self._frames = Frames(LIMIT)

    async def send(self, *what: Message | bytes) -> None:
        data = b"".join(framed(encode(one)) if isinstance(one, Message) else one for one in what)
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self) -> Message | None:
        """Return the next message; None: the connection has ended."""
        while (content := self._frames.take()) is None:
            try:
                data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._frames.feed(data)
        return decode(content)

    async def greet(self, role: str = "front_end", secret: bytes | None = SECRET) -> None:
        """Show that we have the secret."""
        asking = Connecting(role, secret)
        await self.send(asking.hello)
        challenge = await self.receive()
        assert challenge is not None
        proof = asking.answer(challenge)
        if proof is not None:
            await self.send(proof)

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.socket.close()
