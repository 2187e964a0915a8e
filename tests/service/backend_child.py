"""A Backend that is none: it says what a Backend says to its Launcher, and nothing to a venue. It can be bad, too.

    python backend_child.py MODE --pipe FD

It writes what it was told and did to `child.log` in its folder, so that tests can look for what should not be there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from fixfast.service.ipc import name_of
from fixfast.service.link import Link, LinkLost
from fixfast.service.messages import (
    Done,
    Grant,
    Message,
    Ready,
    Refused,
    Revoke,
    SessionStatus,
    Stop,
    Welcome,
)
from fixfast.service.start import Start, unpack
from fixfast.service.wire import Listener, connect, listen


class Child:
    def __init__(self, mode: str, start: Start) -> None:
        self.mode = mode
        self.start = start
        self.tokens: dict[str, Grant] = {}
        self.links: dict[str, Link] = {}
        self.over = asyncio.Event()
        self.launcher: Link
        self.listener: Listener

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ended, "SIGTERM")
        secret = os.urandom(32) if self.mode == "wrong secret" else self.start.secret()
        self.listener = await listen(
            self.start.listen,
            lambda role, name: self.tokens[name].token if name in self.tokens else None,
            self.front_end,
        )
        try:
            self.launcher = await connect(self.start.launcher, "backend", secret, on_message=self.obey)
        except LinkLost as error:
            log(f"no launcher: {error}")
            raise SystemExit(3) from None
        self.launcher.on_closed.append(lambda link: self.ended("launcher gone"))
        if self.mode != "never ready":
            self.launcher.send(Ready(os.getpid(), self.listener.address))
        await self.over.wait()
        await self.listener.close(Refused("unavailable", "the Backend ends", 1))
        self.launcher.end()
        await asyncio.wait([self.launcher.closed])

    def ended(self, why: str) -> None:
        if self.over.is_set():
            return
        log(why)
        if why == "SIGTERM" and self.mode == "hangs":
            return
        self.over.set()

    def obey(self, message: Message) -> None:
        if isinstance(message, Grant):
            log(f"grant {message.prefix} {message.role}")
            self.tokens[name_of(message.token)] = message
            if self.mode != "grants nothing":
                self.launcher.send(Done(message.id))
        elif isinstance(message, Revoke):
            log("revoke")
            del self.tokens[message.name]
            self.launcher.send(Done(message.id))
            if message.name in self.links:
                self.links.pop(message.name).end(Refused("credentials", "revoked"))
        elif isinstance(message, Stop):
            log(f"stop {message.orders}")
            self.launcher.send(Done(message.id))
            if self.mode not in ("hangs", "hangs at stop"):
                self.over.set()

    def front_end(self, link: Link) -> None:
        link.on_message = lambda message: None
        self.links[link.name] = link
        link.on_closed.append(lambda link: self.count())
        prefix = self.tokens[link.name].prefix
        link.send(Welcome(self.start.session, "FIX.4.2", "", "BOT", "VENUE", prefix, 1, 1))
        self.count()

    def count(self) -> None:
        number = len([link for link in self.links.values() if link.error is None])
        self.launcher.send(SessionStatus("disconnected", number, 0))


def log(text: str) -> None:
    with Path("child.log").open("a") as file:
        file.write(f"{os.getpid()} {text}\n")


def main() -> None:
    mode, fd = sys.argv[1], int(sys.argv[3])
    log(f"begun {mode}")
    if mode == "dies at once":
        raise SystemExit(7)
    if mode == "never reads":
        time.sleep(60)
    start = unpack(fd)
    if mode == "never connects":
        time.sleep(60)
    asyncio.run(Child(mode, start).run())


if __name__ == "__main__":
    main()
