"""Which addresses may connect to an acceptor (L05)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from fixfast.errors import ConfigError

__all__ = ["AllowList"]


class AllowList:
    """Addresses and networks; `address in list` asks.

    Args: entries: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".

    Raises: ConfigError: an entry is none of these.
    """

    __slots__ = ("_networks",)

    def __init__(self, entries: Iterable[str]) -> None:
        if isinstance(entries, str) or not isinstance(entries, Iterable):
            raise ConfigError("allow", entries, "a list of addresses and networks")
        self._networks = []
        for entry in entries:
            try:
                if not isinstance(entry, str):  # ip_network() takes numbers, too
                    raise ValueError
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                raise ConfigError("allow", entry, "addresses and networks, such as '10.0.0.0/8'") from None

    def __contains__(self, address: str) -> bool:
        try:
            peer = ip_address(address.partition("%")[0])  # without the zone of a link-local address
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._networks)
