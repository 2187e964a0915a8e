"""Connections through a proxy, SOCKS5 or HTTP CONNECT: what to say to it and what it answers, without I/O.

The same handshake is driven on an event loop (transport.dial) and on a thread (transport.dial_blocking). Neither reads
a byte more than the handshake asks for: what follows the proxy's answer is the peer's.
"""

from __future__ import annotations

import base64
import ipaddress
import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from fixfast.errors import ConfigError, LogonFailed

__all__ = ["ProxyConfig", "ProxyHandshake"]

_KINDS = ("socks5", "http")
#: A status line and headers are some hundred bytes; what is longer is no answer to a CONNECT.
_MAX_HEAD = 16 * 1024

_SOCKS_REPLIES = {
    1: "it failed",
    2: "its rules do not allow this connection",
    3: "the network cannot be reached",
    4: "the host cannot be reached, or is not known",
    5: "the host refused the connection",
    6: "the host did not answer in time",
    7: "it does not do CONNECT",
    8: "it does not do addresses of this kind",
}


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """A proxy between an initiator and its venue: for `ConnectionConfig(proxy=...)`.

    The proxy looks the venue's name up, and TLS with the venue goes through it untouched: host name check and SNI are
    those of the venue.

    Args:
        kind: "socks5" or "http" (CONNECT).
        host: the proxy's name or address.
        port: its TCP port.
        username, password: what it wants to know, if anything. They reach the proxy as they are, unencrypted.

    Raises:
        ConfigError: a value is out of range.
    """

    kind: Literal["socks5", "http"]
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ConfigError("kind", self.kind, "'socks5' or 'http'")
        if not isinstance(self.host, str) or not self.host or any(c.isspace() for c in self.host):
            raise ConfigError("host", self.host, "a host name or address")
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 1 <= self.port <= 65535:
            raise ConfigError("port", self.port, "a whole number from 1 to 65535")
        for name in ("username", "password"):
            value = getattr(self, name)
            shown = value if name == "username" else "(hidden)"
            if value is not None and not isinstance(value, str):
                raise ConfigError(name, shown, "None or a text")
            if value is not None and self.kind == "socks5" and not 1 <= len(value.encode()) <= 255:
                raise ConfigError(name, shown, "1 to 255 bytes, for a SOCKS5 proxy")
        if self.username is None and self.password is not None:
            raise ConfigError("password", "(hidden)", "given with a username")
        if self.username is not None and self.password is None:
            raise ConfigError("username", self.username, "given with a password")
        if self.kind == "http" and self.username is not None and ":" in self.username:
            raise ConfigError("username", self.username, "without a colon, for an HTTP proxy")

    @classmethod
    def parse(cls, url: str) -> ProxyConfig:
        """Return what "socks5://user:password@host:1080" or "http://host:3128" says.

        Letters that have a meaning in a URL are written as %40 (for @), %3A (for :) and so on.

        Raises: ConfigError: it is no such URL. What stands before the @ is not told.
        """
        if not isinstance(url, str):
            raise ConfigError("proxy", type(url).__name__, "a ProxyConfig, or the URL of one")
        shown = url if "@" not in url else f"{url.partition('://')[0]}://(hidden)@{url.rpartition('@')[2]}"
        allowed = 'a URL like "socks5://user:password@host:1080" or "http://host:3128"'
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError("proxy", shown, allowed) from None
        kind = {"socks5": "socks5", "socks5h": "socks5", "http": "http"}.get(parts.scheme)
        if parts.scheme in ("https", "socks4", "socks4a"):
            raise ConfigError("proxy", shown, f"{allowed}: {parts.scheme} proxies are not supported")
        if kind is None or not host or port is None or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ConfigError("proxy", shown, allowed)
        username = unquote(parts.username) if parts.username is not None else None
        password = unquote(parts.password) if parts.password is not None else None
        return cls(kind, host, port, username, password)  # type: ignore[arg-type]

    def handshake(self, host: str, port: int) -> ProxyHandshake:
        """Return what has to be said to be connected with a venue.

        Raises: LogonFailed: the venue's name cannot be told to a proxy.
        """
        talk = _socks5 if self.kind == "socks5" else _http_connect
        return ProxyHandshake(talk(self, _ascii(host), port))


#: Yields (what to send, how many bytes to read); gets exactly these bytes.
_Talk = Generator[tuple[bytes, int], bytes, None]


class ProxyHandshake:
    """The talk with a proxy before the connection is the peer's.

    While not `done`: send what data_to_send() returns, read at most `wanted` bytes, give them to receive().

    Attributes:
        done: the next byte is the peer's.
        wanted: how many bytes may be read now, at most.
    """

    __slots__ = ("_out", "_part", "_talk", "done", "wanted")

    def __init__(self, talk: _Talk) -> None:
        self._talk = talk
        self._part = b""  # of what was asked for
        self.done = False
        self._out, self.wanted = next(talk)

    def data_to_send(self) -> bytes:
        """Return what to send next, and forget it."""
        data, self._out = self._out, b""
        return data

    def receive(self, data: bytes) -> None:
        """Take what the proxy sent; b"" when it closed the connection.

        Raises: LogonFailed: it said no, or what no proxy says.
        """
        if not data:
            raise _failed("it closed the connection")
        if len(data) > self.wanted:
            raise ValueError("more was read than was wanted: that may be the peer's")
        self._part += data
        self.wanted -= len(data)
        if self.wanted:
            return
        part, self._part = self._part, b""
        try:
            self._out, self.wanted = self._talk.send(part)
        except StopIteration:
            self.done = True


# --- SOCKS5: RFC 1928, RFC 1929 ------------------------------------------------------------------------------


def _socks5(proxy: ProxyConfig, host: str, port: int) -> _Talk:
    methods = b"\x00\x02" if proxy.username is not None else b"\x00"
    answer = yield bytes((5, len(methods))) + methods, 2
    if answer[0] != 5:
        raise _failed("it does not speak SOCKS5" + (" but HTTP" if answer == b"HT" else ""))
    if answer[1] == 2 and proxy.username is not None and proxy.password is not None:
        username, password = proxy.username.encode(), proxy.password.encode()
        secret = bytes((1, len(username))) + username + bytes((len(password),)) + password
        answer = yield secret, 2
        if answer[1] != 0:
            raise _failed("it does not accept username and password")
    elif answer[1] != 0:
        way = "wants a username and password" if proxy.username is None else "wants another way to authenticate"
        raise _failed(f"it {way}")
    head = yield b"\x05\x01\x00" + _socks5_address(host) + struct.pack(">H", port), 4
    if head[0] != 5:
        raise _failed("its answer is not SOCKS5")
    if head[1] != 0:
        raise _failed(_SOCKS_REPLIES.get(head[1], f"it says {head[1]}, which SOCKS5 does not know"))
    length = {1: 4, 4: 16}.get(head[3], 0)  # its own address, and port: of no interest
    if head[3] == 3:
        length = (yield b"", 1)[0]
    elif not length:
        raise _failed("its answer is not SOCKS5")
    yield b"", length + 2


def _socks5_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes((3, len(host))) + host.encode("ascii")
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


# --- HTTP CONNECT: RFC 9110, section 9.3.6 -------------------------------------------------------------------


def _http_connect(proxy: ProxyConfig, host: str, port: int) -> _Talk:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username is not None:
        secret = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {secret}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii")
    while True:
        head = yield request, 2
        if head != b"HT":
            raise _failed("it does not speak HTTP" + (" but SOCKS5" if head[:1] == b"\x05" else ""))
        head += yield b"", len(b"TP/1.1 200")
        status = _http_status(head)
        while not head.endswith((b"\r\n\r\n", b"\n\n")):
            if len(head) >= _MAX_HEAD:
                raise _failed(f"its answer has more than {_MAX_HEAD} bytes")
            # The empty line is at least so far away.
            head += yield b"", 1 if head.endswith((b"\r", b"\n")) else 2
        if status >= 200:
            break
        request = b""  # it says that there will be an answer
    if status == 407:
        said = "wants a username and password" if proxy.username is None else "does not accept username and password"
        raise _failed(f"it {said}")
    if status >= 300:
        line = head.splitlines()[0].partition(b" ")[2][:100]
        raise _failed(f"it says {line.decode('ascii', 'replace')}")


def _http_status(head: bytes) -> int:
    version, _, status = head.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not status[:3].isdigit() or len(status) < 3:
        raise _failed("its answer is not HTTP")
    return int(status[:3])


def _ascii(host: str) -> str:
    """Return a host as a proxy is told of it.

    Raises: LogonFailed: there is no way to.
    """
    if "%" in host:
        raise LogonFailed("proxy", f"{host} is an address of this machine's own network: no proxy can reach it")
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    # A space or a line break would be another request.
    if not 1 <= len(name) <= 255 or not all("!" <= c <= "~" for c in name):
        raise LogonFailed("proxy", f"{host[:300]!r} is no host name that a proxy could be told")
    return name


def _failed(text: str) -> LogonFailed:
    return LogonFailed("proxy", f"no connection through the proxy: {text}")
