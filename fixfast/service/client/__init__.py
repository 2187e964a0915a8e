"""The front end's side of a Backend: its orders, positions, books and status, as if the session were here.

See docs/client.md. The same for threads: fixfast.service.client.blocking.
"""

from __future__ import annotations

from fixfast.errors import MissingExtra

try:
    from fixfast.service.client.client import Client, ClientEnded, ClientOptions, CommandFailed, Connected, connect
except ImportError as error:
    if error.name not in ("msgspec", "msgspec.structs"):
        raise
    raise MissingExtra("service", "a client of a Backend") from None

__all__ = ["Client", "ClientEnded", "ClientOptions", "CommandFailed", "Connected", "connect"]
