"""Listen: where a polled session waits for its one peer, and who that may be."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fixfast.errors import ConfigError
from fixfast.transport.blocking import Waker, shake_hands
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import server_context

__all__ = ["Listen"]

#: seconds for a TLS handshake
_HANDSHAKE = 5.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for the peer of one session, instead of connecting to it: the acceptor's side of a polled session.

    One connection at a time; another one waits until the first is over. For a peer on a line of your own; where
    strangers can come, or many sessions, use `fixfast.serve`.

    Args:
        host: the address to listen on.
        port: the TCP port; 0: any free one, see `PolledSession.port`.
        tls: a TlsConfig with a certificate, or a server-side context; None: plain TCP. Whose certificate may not log on
            as the session's peer (`TlsConfig.identities`) is dropped (C4, C5). Handshakes are made in a thread of their
            own, and have 5 seconds.

    Raises: ConfigError: a value is out of range, a file of `tls` cannot be used.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: TlsConfig | ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.host, str) or not self.host:
            raise ConfigError("host", self.host, "an address of this machine")
        if type(self.port) is not int or not 0 <= self.port <= 65535:
            raise ConfigError("port", self.port, "a whole number from 0 to 65535")
        server_context(self.tls)

    def secured(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        comp_id: str,
        waker: Waker,
        cancelled: Callable[[], bool],
    ) -> socket.socket:
        """Return a connection with TLS on it, whose peer may log on with this CompID.

        Raises: OSError, Interrupted: it came to nothing, and is closed.
        """
        waits: dict[str, Any] = {"seconds": _HANDSHAKE, "waker": waker, "cancelled": cancelled}
        secure = shake_hands(sock, context, server_side=True, **waits)
        if isinstance(self.tls, TlsConfig) and not self.tls.may_log_on(secure.getpeercert() or None, comp_id):
            secure.close()
            raise ConnectionError(f"its certificate is not for {comp_id}")
        return secure
