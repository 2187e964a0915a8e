"""run(): asyncio.run(), on uvloop where that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fixfast.errors import ConfigError, MissingExtra

__all__ = ["run"]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, uvloop: bool = False, debug: bool | None = None) -> T:
    """Run a program's coroutine to its end and return its result, as asyncio.run() does.

    Everything in fixfast works on whatever loop runs; nothing looks for uvloop by itself. This is the place to ask.

    Args:
        main: the coroutine.
        uvloop: on uvloop's loop, which moves small messages with less work. It does not come for Windows.
        debug: asyncio's debug mode; None: as the environment says.

    Raises: MissingExtra: uvloop is asked for and not installed; `main` did not begin. What `main` raises.
    """
    try:
        factory = _factory(uvloop)
    except BaseException:
        main.close()  # it will not run: Python need not warn
        raise
    with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
        return runner.run(main)


def _factory(uvloop: object) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if uvloop is False:
        return None
    if uvloop is not True:
        raise ConfigError("uvloop", uvloop, "True or False")
    try:
        from uvloop import new_event_loop
    except ImportError:
        raise MissingExtra("uvloop", "run(uvloop=True)") from None
    made: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return made
