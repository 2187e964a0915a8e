"""Crowd: who is connected to an acceptor, who came how often, who failed: counted in O(1) and in bounded memory (C1).

No I/O and no clock: time comes in. What it must withstand is a stranger with a million addresses: what is remembered
of an address is one small record, the number of records is bounded, and those of addresses from which somebody was
logged on are kept apart, so that strangers cannot push them out.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from fixfast.engine.limits import Limits

__all__ = ["Crowd", "Guest", "ip_of"]

_MINUTE = 60_000_000_000
_SECOND = 1_000_000_000


def ip_of(host: str) -> str:
    """Return what counts as one IP: an IPv4 address, the /64 of an IPv6 address; "" for what is no address."""
    try:
        address = ip_address(host.partition("%")[0])  # without the zone of a link-local address
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
        address = address.ipv4_mapped
    return str(address)


class _Record:
    """What is remembered of an IP: times in mono_ns, of when each budget will be whole again."""

    __slots__ = ("barred_until", "connects", "failures", "pauses")

    def __init__(self) -> None:
        self.connects = 0
        self.failures = 0
        self.pauses = 0
        self.barred_until = 0


class Guest:
    """One connection that was let in. `ip` is "" while the address is not known yet, and for a Unix socket."""

    __slots__ = ("ip", "pending")

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.pending = True


class Crowd:
    """The connections of one acceptor.

    Args: limits: how many, how often.

    Attributes:
        connections: how many there are, `pending` of them not logged on.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.connections = 0
        self.pending = 0
        self._here: dict[str, list[int]] = {}  # IP -> [connections, pending]; as many as there are connections
        self._strangers: OrderedDict[str, _Record] = OrderedDict()  # the one heard of last is the last
        self._known: OrderedDict[str, _Record] = OrderedDict()  # somebody was logged on from there
        self._connects = 0  # when the budget of all is whole again
        self._pause = int(limits.pause * _SECOND)
        self._longest_pause = int(limits.longest_pause * _SECOND)

    def __len__(self) -> int:
        """Return how many IPs are remembered."""
        return len(self._strangers) + len(self._known)

    def admit(self, ip: str | None, now: int) -> Guest | str:
        """Let a new connection in, or say why not.

        Args:
            ip: what ip_of() gave; "" for a Unix socket; None: not known yet, a proxy will tell: identify() follows.
            now: mono_ns.
        """
        if ip and (why := self._why_not(ip, now)):
            return why
        limits = self._limits
        if self.connections >= limits.connections:
            return "too many connections"
        if ip not in self._known and self.pending >= limits.pending:
            return "too many connections that are not logged on"
        if ip and (why := self._too_often(ip, now)):
            return why
        guest = Guest("")
        self.connections += 1
        self.pending += 1
        self._is_here(guest, ip or "")
        return guest

    def identify(self, guest: Guest, ip: str, now: int) -> str:
        """Know the IP of a connection that came through a proxy; return why it may not stay, "" if it may."""
        if ip:
            why = self._why_not(ip, now) or self._too_often(ip, now)
            if why:
                return why
            self._is_here(guest, ip)
        return ""

    def logged_on(self, guest: Guest) -> None:
        """Know that a connection is a session's now: its IP is one of those that strangers do not push aside."""
        guest.pending = False
        self.pending -= 1
        ip = guest.ip
        if ip:
            self._here[ip][1] -= 1
            record = self._known.pop(ip, None) or self._strangers.pop(ip, None) or _Record()
            self._known[ip] = record
            if len(self._known) > self._limits.addresses:
                self._known.popitem(last=False)

    def failed(self, guest: Guest, now: int) -> float:
        """Know that a connection came to nothing, by the peer's doing; return for how long, in s, its IP is barred"""
        limit, ip = self._limits.failed_logons_per_minute, guest.ip
        if limit is None or not ip:
            return 0
        record = self._record(ip)
        due = max(record.failures, now) + _MINUTE // limit
        if due - now <= _MINUTE:
            record.failures = due
            return 0
        if now - record.barred_until > self._longest_pause:
            record.pauses = 0
        pause = min(self._longest_pause, self._pause << min(record.pauses, 60))
        record.pauses += 1
        record.barred_until = max(record.barred_until, now + pause)
        return pause / _SECOND

    def barred_ns(self, ip: str, now: int) -> int:
        """Return for how long an IP is barred from now on."""
        record = self._known.get(ip) or self._strangers.get(ip)
        return max(0, record.barred_until - now) if record is not None else 0

    def leave(self, guest: Guest) -> None:
        """Know that a connection has ended."""
        self.connections -= 1
        self.pending -= guest.pending
        ip = guest.ip
        if ip:
            here = self._here[ip]
            here[0] -= 1
            here[1] -= guest.pending
            if not here[0]:
                del self._here[ip]

    # --- inside --------------------------------------------------------------------------------------------

    def _is_here(self, guest: Guest, ip: str) -> None:
        if ip:
            guest.ip = ip
            here = self._here.setdefault(ip, [0, 0])
            here[0] += 1
            here[1] += 1

    def _why_not(self, ip: str, now: int) -> str:
        """Look at what is known of an IP. Costs nothing that others could miss."""
        limits = self._limits
        record = self._known.get(ip) or self._strangers.get(ip)
        if record is not None:
            if record.barred_until > now:
                return "too many failed logons from there"
            often = limits.connects_per_minute_per_ip
            if often is not None and max(record.connects, now) + _MINUTE // often - now > _MINUTE:
                return "too many new connections from there"
        here = self._here.get(ip)
        if here is not None:
            if limits.connections_per_ip is not None and here[0] >= limits.connections_per_ip:
                return "too many connections from there"
            if limits.pending_per_ip is not None and here[1] >= limits.pending_per_ip:
                return "too many connections from there that are not logged on"
        return ""

    def _too_often(self, ip: str, now: int) -> str:
        """Take one connection out of the budget of all, then out of the IP's, which _why_not() found to be enough."""
        limits = self._limits
        often = limits.connects_per_minute
        if often is not None and ip not in self._known:
            due = max(self._connects, now) + _MINUTE // often
            if due - now > _MINUTE:
                return "too many new connections"
            self._connects = due
        often = limits.connects_per_minute_per_ip
        if often is not None:
            record = self._record(ip)
            record.connects = max(record.connects, now) + _MINUTE // often
        return ""

    def _record(self, ip: str) -> _Record:
        record = self._known.get(ip)
        if record is not None:
            self._known.move_to_end(ip)
            return record
        strangers = self._strangers
        record = strangers.get(ip)
        if record is not None:
            strangers.move_to_end(ip)
            return record
        record = strangers[ip] = _Record()
        if len(strangers) > self._limits.addresses:
            strangers.popitem(last=False)
        return record
