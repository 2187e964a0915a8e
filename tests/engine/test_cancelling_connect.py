"""Entering connect() can be cancelled at any step of the loop: no task, no socket and no open store is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, Notes, free_port, run, them, until, us
from tests.engine.proxies import Proxy

#: More steps than entering takes; each is a test of its own.
MOST = 2000


class Watched(ff.MemoryStore):
    """A store that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()


class WatchedJournal(ff.JournalStore):
    """The same on a disk, whose syncs are waited for."""

    closed = 0

    def close(self) -> None:
        super().close()
        self.closed += 1


class Slow(Notes):
    """Callbacks that take some passes of the loop each."""

    async def on_logon(self, session: ff.LiveSession) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def on_logout(self, session: ff.LiveSession, reason: str) -> None:  # type: ignore[override]
        for _ in range(5):
            await asyncio.sleep(0)


async def cancelled_after(steps: int, main: Callable[[], Awaitable[None]]) -> bool:
    """Run a coroutine as a task and cancel it after so many passes of the loop. Return whether it was over before."""
    task = asyncio.ensure_future(main())
    for _ in range(steps):
        if task.done():
            break
        await asyncio.sleep(0)
    over = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, ff.LogonFailed, ff.GaveUp):
        await task
    return over


def sockets_open() -> int:
    """How many descriptors of this process are sockets."""
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        except OSError:
            continue
    return count


def ways(folder: Path) -> dict[str, dict[str, Any]]:
    authority = Authority(folder)
    secure = {
        "serving": ff.TlsConfig(certificate=authority.issue("venue", "localhost", HOST)),
        "tls": ff.TlsConfig(ca_file=authority.file),
    }
    return {
        "plain": {},
        "name": {"host": "localhost"},
        "two addresses": {"host": "two.example"},  # one of them refuses
        "both addresses": {"host": "both.example"},
        "tls": secure,
        "wrong name": {**secure, "host": "127.0.0.2"},  # connects twice
        "socks5": {"proxy": "socks5"},
        "http and tls": {"proxy": "http", **secure},
        "callbacks": {"application": Slow()},
        "journal": {},
        "nobody": {"port": 0, "reconnect": ff.Reconnect(initial=0, max_attempts=2, retry_first=True)},
    }


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell which files are open")
@pytest.mark.parametrize(
    "way",
    [
        "plain",
        "name",
        "two addresses",
        "both addresses",
        "tls",
        "wrong name",
        "socks5",
        "http and tls",
        "callbacks",
        "journal",
        "nobody",
    ],
)
def test_cancelled_at_each_step_of_the_loop(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = {"two.example": ["127.0.0.2", HOST], "both.example": [HOST, HOST]}
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: [i for one in book.get(host, [host]) for i in look_up(one, *rest, **more)],
    )
    options = ways(tmp_path)[way]
    serving, kind = options.pop("serving", None), options.pop("proxy", None)
    tried = 0

    async def main() -> None:
        nonlocal tried
        async with ff.serve(Notes(), [them()], tls=serving) as server, Proxy(kind or "http") as proxy:
            if kind:
                options["proxy"] = f"{kind}://{HOST}:{proxy.port}"
            host, port = options.pop("host", HOST), options.pop("port", server.port) or free_port()
            application = options.pop("application", None)
            connection = ff.ConnectionConfig(host, port, **{"reconnect": EAGER, **options})
            (other,) = server.sessions.values()
            await asyncio.to_thread(int)  # the threads of name look-ups are there, with what they hold
            before = sockets_open()
            for steps in range(MOST):
                store: Watched | WatchedJournal = Watched()
                if way == "journal":  # the last one was let go, or this fails
                    store = WatchedJournal(tmp_path / "journal", session_id=us().session_id, sync="every")

                async def enter(store: Watched | WatchedJournal = store) -> None:
                    async with ff.connect(us(reset_on_logon=True), connection, application, store):
                        pass

                over = await cancelled_after(steps, enter)
                clean = asyncio.timeout(20)
                try:
                    async with clean:
                        await until(lambda: not other.connected and not proxy._running and sockets_open() <= before)
                        if not steps:
                            store.close()  # connect() never got it
                        while not store.closed:
                            await asyncio.sleep(0.001)
                except TimeoutError:
                    raise AssertionError(
                        f"cancelled after {steps} passes: store closed {store.closed} times, "
                        f"{sockets_open() - before} sockets more than before, acceptor connected: {other.connected}"
                    ) from None
                assert store.closed <= 1
                tried = steps
                if over:
                    break

    run(main(), limit=60)
    gc.collect()
    assert 10 < tried < MOST
