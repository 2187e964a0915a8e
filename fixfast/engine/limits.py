"""Limits: what an acceptor spends on strangers, and takes from its peers. Frozen, validated when built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fixfast.engine.throttle import RateLimit
from fixfast.errors import ConfigError

__all__ = ["Limits"]

_SECONDS = ("logon_timeout", "handshake_timeout", "authenticate_timeout", "pause", "longest_pause")
_COUNTS = ("logon_bytes", "pending", "connections", "sessions", "addresses")
_COUNTS_OR_NONE = (
    "pending_per_ip",
    "connections_per_ip",
    "connects_per_minute",
    "connects_per_minute_per_ip",
    "failed_logons_per_minute",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an acceptor spends on strangers before a Logon is accepted (C1, C17, L30), and takes from peers after it.

    "per IP" is per address for IPv4, and per /64 for IPv6, where one customer has that many addresses. A peer on a Unix
    socket has no address: of these limits only `connections` and `pending` hold for it. What a limit refuses is closed
    at once, without a byte read or written; a session that is logged on is never hurt. A peer that was logged on from
    an address before is let in from there although strangers use up `pending` and `connects_per_minute`.

    Args:
        logon_bytes: bytes read before a whole Logon must have arrived.
        logon_timeout: seconds from TCP accept, or from the end of the TLS handshake, to a whole Logon.
        handshake_timeout: seconds for a PROXY header, and for a TLS handshake.
        authenticate_timeout: seconds the application's authenticate() may take.
        pending: connections not logged on at one time.
        pending_per_ip: the same for one IP; None: no limit.
        connections: connections in all, logged on or not.
        connections_per_ip: the same for one IP; None: no limit.
        connects_per_minute: new connections, in all: so many at once, and so many a minute from then on; None: no
            limit.
        connects_per_minute_per_ip: the same for one IP, refused ones included; None: no limit.
        failed_logons_per_minute: for one IP, counted the same way. After one more, connections from that IP are
            refused for a while, see `pause`. Counted are Logons that were refused and connections that sent something
            else than a Logon; None: no limit.
        pause: seconds an IP is refused after too many failed logons; each time twice as long.
        longest_pause: seconds, the end of that growth. An IP that was good for so long begins with `pause` again.
        sessions: sessions that logons may make: those that authenticate() or a template gave, and that were not added
            before.
        addresses: IPs that are remembered; the one that was heard of least recently is forgotten first.
        inbound: how fast each session that is logged on may send: RateLimit(1000, kind="bucket"); None: as fast as it
            can.
        when_exceeded: "pause": nothing is read from it until its budget has room: TCP makes the peer wait, nothing is
            lost. "reject": each application message that is too much is answered with a BusinessMessageReject instead
            of on_message. "logout": the session ends with a Logout. "pause" and "logout" count all messages, the
            session's own too, "reject" those for on_message.

    Raises:
        ConfigError: a value is out of range.
    """

    logon_bytes: int = 4096
    logon_timeout: float = 5.0
    handshake_timeout: float = 5.0
    authenticate_timeout: float = 10.0
    pending: int = 256
    pending_per_ip: int | None = 128
    connections: int = 4096
    connections_per_ip: int | None = 1024
    connects_per_minute: int | None = 6000
    connects_per_minute_per_ip: int | None = 1200
    failed_logons_per_minute: int | None = 30
    pause: float = 5.0
    longest_pause: float = 300.0
    sessions: int = 4096
    addresses: int = 10_000
    inbound: RateLimit | None = None
    when_exceeded: Literal["pause", "reject", "logout"] = "pause"

    def __post_init__(self) -> None:
        for name in _SECONDS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(name, value, "a number of seconds")
            if not 0 < value < float("inf"):
                raise ConfigError(name, value, "a number of seconds above 0")
        for name in (*_COUNTS, *_COUNTS_OR_NONE):
            value = getattr(self, name)
            if value is None and name in _COUNTS_OR_NONE:
                continue
            if type(value) is not int or value < 1:
                none = "None or " if name in _COUNTS_OR_NONE else ""
                raise ConfigError(name, value, f"{none}a whole number of at least 1")
        if self.longest_pause < self.pause:
            raise ConfigError("longest_pause", self.longest_pause, f"at least pause, {self.pause}")
        if self.inbound is not None and (not isinstance(self.inbound, RateLimit) or self.inbound.kind != "bucket"):
            raise ConfigError("inbound", self.inbound, "None or a RateLimit(..., kind='bucket')")
        if self.when_exceeded not in ("pause", "reject", "logout"):
            raise ConfigError("when_exceeded", self.when_exceeded, "'pause', 'reject' or 'logout'")
