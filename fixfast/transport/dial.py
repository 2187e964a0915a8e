"""Connections out, with asyncio: look the name up, connect to what it means, speak TLS; one clear error if it fails."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any

from fixfast.errors import LogonFailed
from fixfast.transport.certificate import hosts_of
from fixfast.transport.tls_context import ClientTls
from fixfast.transport.tls_trouble import explain, is_tls_trouble

__all__ = ["Dialer"]

#: Seconds that an address of a name gets before the next one is tried beside it (RFC 8305, section 5).
_HEAD_START = 0.25
#: OpenSSL's codes for: the certificate is good, but for another name or address
_NOT_THIS_HOST = (62, 64)


class Dialer:
    """Makes the connections of one initiator.

    Args:
        tls: None: plain TCP.
        source: the address of ours to connect from, and a port, 0 for any; None: the system's choice.
        timeout: seconds for everything until bytes of the session may be sent.
    """

    def __init__(
        self, *, tls: ClientTls | None = None, source: tuple[str, int] | None = None, timeout: float = 10.0
    ) -> None:
        self._tls = tls
        self._source = source
        self._timeout = timeout
        self._step = ""
        self._names: list[str] = []  # in the certificate of a peer that has another name
        self._probed = False

    async def prepare(self) -> None:
        """Read the certificates, in a worker thread: the system's are many.

        Raises: ConfigError: a file cannot be used.
        """
        if self._tls is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._tls.context)

    async def dial(self, protocol: asyncio.BaseProtocol, host: str, port: int) -> None:
        """Connect a protocol. When this returns, its connection_made() was called.

        Raises: LogonFailed: why not; `reason` is connect_timeout, connect or tls.
        """
        self._step = "connecting"
        try:
            async with asyncio.timeout(self._timeout):
                await self._dial(protocol, host, port, self._tls.context() if self._tls is not None else None)
        except TimeoutError as error:
            reason, text = "connect_timeout", f"no connection in {self._timeout:g} s, while {self._step}"
            raise _failed(reason, text, error) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            failure = await self._trouble(error, host, port)
            raise failure from error

    def lost(self, error: BaseException | None, host: str) -> LogonFailed | None:
        """Return what it means that a connection was lost before the logon with this exception, if TLS is why.

        A peer that speaks TLS 1.3 refuses our certificate only when we have taken the handshake for done.
        """
        if self._tls is None or not isinstance(error, ssl.SSLError):
            return None
        return _failed("tls", explain(error, self._tls, host), error)

    # --- inside --------------------------------------------------------------------------------------------

    async def _dial(
        self, protocol: asyncio.BaseProtocol, host: str, port: int, context: ssl.SSLContext | None
    ) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        native = isinstance(loop, asyncio.BaseEventLoop)
        options: dict[str, Any] = {}
        if context is not None:
            assert self._tls is not None
            name = self._tls.server_name(host)
            options = {"ssl": context, "server_hostname": name, "ssl_handshake_timeout": self._timeout}

        def connected() -> asyncio.BaseProtocol:
            if context is not None and native:  # other loops call this before they connect
                self._step = "in the TLS handshake"
            return protocol

        if native and not _is_address(host):
            options["happy_eyeballs_delay"] = _HEAD_START
        transport, _ = await loop.create_connection(connected, host, port, local_addr=self._source, **options)
        return transport

    async def _trouble(self, error: OSError | UnicodeError, host: str, port: int) -> LogonFailed:
        tls = self._tls
        if tls is None or not is_tls_trouble(error):
            return _failed("connect", str(error) or type(error).__name__, error)
        if getattr(error, "verify_code", 0) in _NOT_THIS_HOST and tls.can_probe and not self._probed:
            self._probed = True  # once: it costs the venue a connection
            self._names = await self._names_at(tls, host, port)
        return _failed("tls", explain(error, tls, host, self._names), error)

    async def _names_at(self, tls: ClientTls, host: str, port: int) -> list[str]:
        """Connect once more, to see which names the peer's certificate has; everything else about it is checked."""
        try:
            async with asyncio.timeout(self._timeout):
                transport = await self._dial(asyncio.Protocol(), host, port, tls.probe())
        except (OSError, TimeoutError):
            return []
        certificate = transport.get_extra_info("peercert")
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
        return hosts_of(certificate) if certificate else []


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _failed(reason: str, text: str, cause: BaseException) -> LogonFailed:
    error = LogonFailed(reason, text)
    error.__cause__ = cause
    return error
