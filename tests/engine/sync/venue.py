"""An asyncio acceptor in a thread of its own, for programs without a loop to connect to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

import fixfast as ff

T = TypeVar("T")

LIMIT = 20.0


class Venue:
    """`with Venue(application, [config]) as venue: ... venue.port`."""

    def __init__(self, application: object | None, configs: list[ff.SessionConfig], **options: Any) -> None:
        self._arguments = (application, configs)
        self._options = options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="venue")
        self._error: BaseException | None = None

    def __enter__(self) -> Venue:
        self._thread.start()
        assert self._ready.wait(LIMIT)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        try:
            async with ff.serve(*self._arguments, **self._options) as self.server:
                self.port = self.server.port
                self._ready.set()
                await self._over.wait()
        except BaseException as error:
            self._error = error
            self._ready.set()
            raise

    def run(self, work: Callable[[ff.Server], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the venue's loop and return what it gives."""
        return asyncio.run_coroutine_threadsafe(work(self.server), self._loop).result(LIMIT)

    def call(self, work: Callable[[ff.Server], T]) -> T:
        """Call a function on the venue's loop and return what it gives."""

        async def work_there(server: ff.Server) -> T:
            return work(server)

        return self.run(work_there)
