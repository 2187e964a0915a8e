"""A counterparty or a proxy for tests without an event loop: it runs in a thread of its own, its methods block."""

from __future__ import annotations

import asyncio
import inspect
import threading
from types import TracebackType
from typing import Any, Protocol

__all__ = ["Blocking", "blocking"]


class _Enterable(Protocol):
    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


def blocking(what: _Enterable) -> Blocking:
    """Use a Counterparty or a FaultProxy from plain functions: `with blocking(Counterparty(config)) as peer: ...`.

    For bots on `ff.sync`. Its methods are the same ones, without `await`; each waits until it is done. What is set or
    read is so at once.
    """
    return Blocking(what)


class Blocking:
    """What blocking() returns: the same attributes and methods, from any thread."""

    def __init__(self, what: _Enterable) -> None:
        vars(self).update(_what=what, _loop=asyncio.new_event_loop())
        vars(self)["_thread"] = threading.Thread(target=self._loop.run_forever, name="fixfast-testing", daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        try:
            self._wait(self._what.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait(self._what.__aexit__(kind, error, trace))
        finally:
            self._end()

    def __getattr__(self, name: str) -> Any:
        found = getattr(vars(self)["_what"], name)
        if not inspect.ismethod(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            async def inside() -> Any:
                result = found(*arguments, **options)
                return await result if inspect.isawaitable(result) else result

            return self._wait(inside())

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(vars(self)["_what"], name, value)

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, vars(self)["_loop"]).result()

    def _end(self) -> None:
        loop: asyncio.AbstractEventLoop = vars(self)["_loop"]
        loop.call_soon_threadsafe(loop.stop)
        vars(self)["_thread"].join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
