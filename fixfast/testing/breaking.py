"""How a TCP connection is reset."""

from __future__ import annotations

import asyncio
import socket
import struct

__all__ = ["reset"]


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with TCP RST: what either kernel still holds is thrown away."""
    sock = writer.get_extra_info("socket")
    if sock is not None:  # none in a network in memory
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
