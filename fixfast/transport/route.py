"""How an initiator gets to its venue, and what it means when it does not: the same for every front end, without I/O."""

from __future__ import annotations

import ipaddress
import re
import ssl

from fixfast.errors import LogonFailed
from fixfast.transport.proxy import ProxyConfig
from fixfast.transport.tls_context import ClientTls
from fixfast.transport.tls_trouble import explain, explain_reason, is_tls_trouble

__all__ = ["Route", "is_address", "is_path"]

#: "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] ...": how an ssl.SSLError begins as text
_OPENSSL = re.compile(r"\[SSL: (\w+)\]")
#: OpenSSL's codes for: the certificate is good, but for another name or address
_NOT_THIS_HOST = (62, 64)


class Route:
    """What is between an initiator and its venue.

    Args:
        tls: None: plain text.
        proxy: None: directly.
        source: the address of ours to connect from; None: the system's choice.
        timeout: seconds for everything until bytes of the session may be sent.

    Attributes:
        step: what is being done just now: "connecting".
    """

    def __init__(
        self,
        *,
        tls: ClientTls | None = None,
        proxy: ProxyConfig | None = None,
        source: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.tls = tls
        self.proxy = proxy
        self.source = source
        self.timeout = timeout
        self.step = "connecting"
        self._names: list[str] = []  # in the certificate of a peer that has another name
        self._probed = False

    def context(self) -> ssl.SSLContext | None:
        """Return the context of the next connection, None for plain text."""
        return self.tls.context() if self.tls is not None else None

    def lost(self, error: BaseException | str | None, host: str) -> LogonFailed | None:
        """Return what it means that a connection was lost before the logon, if TLS is why.

        A peer that speaks TLS 1.3 refuses our certificate only when we have taken the handshake for done.

        Args: error: what it was lost with, or the text of that.
        """
        if self.tls is None or error is None:
            return None
        if isinstance(error, str):
            found = _OPENSSL.search(error)
            return LogonFailed("tls", explain_reason(found[1], self.tls, host)) if found else None
        if not isinstance(error, ssl.SSLError):
            return None
        failed = LogonFailed("tls", explain(error, self.tls, host))
        failed.__cause__ = error
        return failed

    # --- called by those who dial --------------------------------------------------------------------------

    def too_late(self) -> LogonFailed:
        """Return the failure of an attempt that took too long."""
        return LogonFailed("connect_timeout", f"no connection in {self.timeout:g} s, while {self.step}")

    def wants_names(self, error: BaseException) -> bool:
        """Tell whether to connect once more, to learn which names the peer's certificate has.

        Once: it costs the venue a connection.
        """
        wanted = (
            self.tls is not None
            and self.tls.can_probe
            and not self._probed
            and getattr(error, "verify_code", 0) in _NOT_THIS_HOST
        )
        self._probed = self._probed or wanted
        return wanted

    def learned(self, names: list[str]) -> None:
        """Take the names in the peer's certificate."""
        self._names = names

    def trouble(self, error: OSError | UnicodeError, host: str) -> LogonFailed:
        """Return what an exception means that a connection was not made with."""
        if self.tls is None or not is_tls_trouble(error):
            return LogonFailed("connect", str(error) or type(error).__name__)
        return LogonFailed("tls", explain(error, self.tls, host, self._names))

    def no_proxy(self, error: BaseException) -> LogonFailed:
        """Return the failure of an attempt that did not get as far as the proxy."""
        assert self.proxy is not None
        return LogonFailed("proxy", f"the proxy {self.proxy.host}:{self.proxy.port} cannot be reached: {error}")

    def lost_proxy(self, error: BaseException) -> LogonFailed:
        """Return the failure of an attempt whose connection to the proxy was lost."""
        return LogonFailed("proxy", f"the connection to the proxy was lost: {error}")


def is_path(host: str) -> bool:
    """Tell whether a host is the path of a Unix socket: no name and no address has a slash."""
    return "/" in host


def is_address(host: str) -> bool:
    """Tell whether a host is an IPv4 or IPv6 address, not a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
