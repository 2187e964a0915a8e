"""Where to connect, and how to come back: frozen, validated when built."""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fixfast.errors import ConfigError
from fixfast.transport.proxy import ProxyConfig
from fixfast.transport.route import is_address, is_path
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import ClientTls

__all__ = ["ConnectionConfig", "Reconnect", "is_port", "positive"]


def positive(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse what is not a finite number above 0, or of at least 0.

    Raises: ConfigError.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(name, value, "a number")
    if not (value > 0 or (zero and value == 0)) or value == float("inf"):
        raise ConfigError(name, value, "a number of at least 0" if zero else "a number above 0")


def is_port(value: object) -> bool:
    """Tell whether a value can be the port of a peer."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Capped exponential back-off with jitter (I10, C17), and when to stop trying.

    The n-th wait in a row is `min(maximum, initial * factor**n)` seconds, less a random share of up to `jitter` of it.
    A connection that stayed logged on for longer than the last wait starts the series anew.

    Args:
        initial: the first wait, seconds.
        maximum: the longest wait, seconds.
        factor: growth from one wait to the next, at least 1.
        jitter: share of each wait that is random, 0 to 1. It keeps many clients from coming back in step.
        max_attempts: GaveUp after so many connections in a row that failed or did not last; None: no limit.
        max_refusals: GaveUp after so many Logons in a row that were refused (I13), those with SessionStatus 7 (logons
            are not allowed at this time) not counted; None: no limit.
        retry_first: keep trying when the very first logon fails; otherwise that raises LogonFailed, once every address
            was tried.
        seed: makes the jitter repeatable; None: the operating system's randomness.

    Raises:
        ConfigError: a value is out of range.
    """

    initial: float = 1.0
    maximum: float = 60.0
    factor: float = 2.0
    jitter: float = 0.2
    max_attempts: int | None = None
    max_refusals: int | None = 3
    retry_first: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        positive("initial", self.initial, zero=True)
        positive("maximum", self.maximum, zero=True)
        if self.maximum < self.initial:
            raise ConfigError("maximum", self.maximum, f"at least initial, {self.initial}")
        positive("factor", self.factor)
        if self.factor < 1:
            raise ConfigError("factor", self.factor, "at least 1")
        positive("jitter", self.jitter, zero=True)
        if self.jitter > 1:
            raise ConfigError("jitter", self.jitter, "a share between 0 and 1")
        for name in ("max_attempts", "max_refusals"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ConfigError(name, value, "None or a whole number of at least 1")

    def delays(self, rng: random.Random | None = None) -> Iterator[float]:
        """Yield the waits of one series of failures, in seconds, without end.

        Args: rng: where the jitter comes from; None: a new generator from `seed`.
        """
        rng = rng if rng is not None else random.Random(self.seed)
        wait = self.initial
        while True:
            yield wait * (1.0 - self.jitter * rng.random())
            # Not initial * factor**n: that overflows a float after about a thousand failures.
            wait = min(self.maximum, wait * self.factor)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """Where an initiator connects to, and how it gets there.

    Args:
        host: name or address, IPv4 or IPv6; or the path of a Unix socket, which has a slash in it.
        port: TCP port, 1 to 65535; 0 for a Unix socket.
        tls: None for plain TCP; True for TLS with the system's authorities, SNI and host name check; a TlsConfig to say
            more; or a context of your own.
        alternatives: (host, port) of the same venue, tried in turn where no logon comes of the last attempt (I10). A
            connection that was logged on and is lost is first tried again where it was.
        connect_timeout: seconds for TCP (and proxy, and TLS) to come up.
        reconnect: how to come back after a lost connection.
        proxy: a ProxyConfig, or its URL: "socks5://user:password@host:1080", "http://host:3128".
        source: the address of this machine to connect from; None: the system's choice.

    Raises:
        ConfigError: a value is out of range.
    """

    host: str
    port: int
    tls: TlsConfig | ssl.SSLContext | bool | None = None
    connect_timeout: float = 10.0
    reconnect: Reconnect = field(default_factory=Reconnect)
    alternatives: tuple[tuple[str, int], ...] = ()
    proxy: ProxyConfig | str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.host, str) or not self.host:
            raise ConfigError("host", self.host, "a host name or address")
        if not _fits(self.host, self.port):
            allowed = "0 for a Unix socket" if is_path(self.host) else "a whole number from 1 to 65535"
            raise ConfigError("port", self.port, allowed)
        given = self.alternatives
        if not isinstance(given, tuple) or not all(isinstance(one, tuple) and len(one) == 2 for one in given):
            raise ConfigError("alternatives", given, "a tuple of (host, port)")
        if not all(isinstance(host, str) and host and _fits(host, port) for host, port in given):
            raise ConfigError("alternatives", given, "host names or addresses with ports from 1 to 65535")
        if not (self.tls is None or isinstance(self.tls, (bool, TlsConfig, ssl.SSLContext))):
            raise ConfigError("tls", self.tls, "None, True, a TlsConfig or an ssl.SSLContext")
        positive("connect_timeout", self.connect_timeout)
        if not isinstance(self.reconnect, Reconnect):
            raise ConfigError("reconnect", self.reconnect, "a Reconnect")
        if self.proxy is not None and not isinstance(self.proxy, ProxyConfig):
            object.__setattr__(self, "proxy", ProxyConfig.parse(self.proxy))
        if self.source is not None and not (isinstance(self.source, str) and is_address(self.source)):
            raise ConfigError("source", self.source, "None or an address of this machine")
        if any(is_path(host) for host, _ in self.addresses):
            self._check_unix()

    def _check_unix(self) -> None:
        if self.tls and not (isinstance(self.tls, TlsConfig) and self.tls.server_name):
            raise ConfigError("tls", self.tls, "None, or a TlsConfig with a server_name: a Unix socket has no name")
        for name in ("proxy", "source"):
            if getattr(self, name) is not None:
                raise ConfigError(name, getattr(self, name), "None for a Unix socket")

    @classmethod
    def unix(cls, path: str | os.PathLike[str], **options: Any) -> ConnectionConfig:
        """Return where to connect to for a Unix socket.

        Args: path: of the socket. options: as for ConnectionConfig.
        """
        name = os.fspath(path)
        if not isinstance(name, str) or not name:
            raise ConfigError("path", path, "the path of a Unix socket")
        return cls(name if is_path(name) else f"./{name}", 0, **options)

    def route(self) -> dict[str, Any]:
        """Return the options of a Dialer or a BlockingDialer.

        Raises: ConfigError: an option of `tls` is for acceptors.
        """
        tls = ClientTls(self.tls) if self.tls else None
        return {"tls": tls, "proxy": self.proxy, "source": self.source, "timeout": self.connect_timeout}

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """All addresses, the first one first."""
        return ((self.host, self.port), *self.alternatives)


def _fits(host: str, port: object) -> bool:
    return (type(port) is int and port == 0) if is_path(host) else is_port(port)
