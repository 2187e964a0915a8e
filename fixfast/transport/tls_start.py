"""TLS on a connection that an acceptor has accepted already: start_tls(), and what uvloop does differently."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

__all__ = ["begin_tls"]


async def begin_tls(
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    *,
    early: bytes = b"",
    timeout: float,
) -> asyncio.Transport:
    """Shake hands as the server, and return the transport of what is inside.

    uvloop goes on reading when connection_made() pauses that, so the peer's first bytes may have come already; they are
    given to TLS before anything else is read.

    Args:
        transport: not reading.
        protocol: gets what is inside; its connection_made() is not called again.
        early: what it got before.
        timeout: seconds.

    Raises: OSError (ssl.SSLError): it came to nothing.
    """
    loop = asyncio.get_running_loop()
    beginning = loop.start_tls(
        transport, protocol, context, server_side=True, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
    )
    if early:
        secure = await _with(beginning, transport, early)
    else:
        secure = await beginning
    if secure is None:  # abort() was called meanwhile: asyncio returns then as if all were well
        raise ConnectionAbortedError("the connection was cut in the TLS handshake")
    return secure


async def _with(
    beginning: Coroutine[Any, Any, asyncio.Transport | None], transport: asyncio.Transport, early: bytes
) -> asyncio.Transport | None:
    task = asyncio.ensure_future(beginning)
    try:
        await asyncio.sleep(0)  # it runs up to where it waits, with its own callbacks scheduled ...
        asyncio.get_running_loop().call_soon(_feed, transport.get_protocol(), early)  # ... and this before any reading
        return await task
    except BaseException:
        task.cancel()
        raise


def _feed(inside: Any, data: bytes) -> None:
    view = memoryview(data)
    while view:
        room = memoryview(inside.get_buffer(len(view)))
        n = min(len(room), len(view))
        room[:n] = view[:n]
        room.release()
        inside.buffer_updated(n)
        view = view[n:]
