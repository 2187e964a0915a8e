"""fixfast.sync: sessions without an event loop, for threads. Names are loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixfast.engine.sync.acceptor import Server, serve
    from fixfast.engine.sync.initiator import connect
    from fixfast.engine.sync.live import LiveSession

#: public name -> the module that defines it
_HOME = {
    "LiveSession": "fixfast.engine.sync.live",
    "Server": "fixfast.engine.sync.acceptor",
    "connect": "fixfast.engine.sync.initiator",
    "serve": "fixfast.engine.sync.acceptor",
}

__all__ = ["LiveSession", "Server", "connect", "serve"]


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'fixfast.sync' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
