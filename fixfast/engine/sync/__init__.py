"""fixfast.sync: sessions without an event loop, for threads. Names are loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixfast.engine.sync.acceptor import Server, serve
    from fixfast.engine.sync.initiator import connect
    from fixfast.engine.sync.listen import Listen
    from fixfast.engine.sync.live import LiveSession
    from fixfast.engine.sync.polled import PolledSession
    from fixfast.engine.sync.poller import Poller

#: public name -> the module that defines it
_HOME = {
    "Listen": "fixfast.engine.sync.listen",
    "LiveSession": "fixfast.engine.sync.live",
    "PolledSession": "fixfast.engine.sync.polled",
    "Poller": "fixfast.engine.sync.poller",
    "Server": "fixfast.engine.sync.acceptor",
    "connect": "fixfast.engine.sync.initiator",
    "serve": "fixfast.engine.sync.acceptor",
}

__all__ = ["Listen", "LiveSession", "PolledSession", "Poller", "Server", "connect", "serve"]


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'fixfast.sync' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
