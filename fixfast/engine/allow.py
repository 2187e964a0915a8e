"""Lists of addresses: which may connect to an acceptor (L05), which are proxies (C22)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address, ip_network

from fixfast.engine.patterns import fits
from fixfast.errors import ConfigError

__all__ = ["Allow", "AllowList"]


class AllowList:
    """Addresses and networks; `address in list` asks.

    Args:
        entries: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"; "unix": peers at a Unix socket, whose address is "".
        name: of the option, for errors.

    Raises: ConfigError: an entry is none of these.
    """

    __slots__ = ("_networks", "_unix")

    def __init__(self, entries: Iterable[str], name: str = "allow") -> None:
        if isinstance(entries, str) or not isinstance(entries, Iterable):
            raise ConfigError(name, entries, "a list of addresses and networks")
        self._networks = []
        self._unix = False
        for entry in entries:
            if entry == "unix":
                self._unix = True
                continue
            try:
                if not isinstance(entry, str):  # ip_network() takes numbers, too
                    raise ValueError
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                raise ConfigError(name, entry, "addresses and networks, such as '10.0.0.0/8'") from None

    def __contains__(self, address: str) -> bool:
        if not address:
            return self._unix
        try:
            peer = ip_address(address.partition("%")[0])  # without the zone of a link-local address
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._networks)


class Allow:
    """Which addresses may connect, and log on as whom (L05, C4).

    Args: given: as serve(allow=) takes it: a list for all, or SenderCompIDs, with `*` for any text, and their lists.

    Raises: ConfigError.
    """

    __slots__ = ("_all", "_by_comp_id")

    def __init__(self, given: Iterable[str] | Mapping[str, Iterable[str]]) -> None:
        self._by_comp_id: dict[str, AllowList] = {}
        if isinstance(given, Mapping):
            for pattern, entries in given.items():
                if not isinstance(pattern, str) or not pattern:
                    raise ConfigError("allow", pattern, "SenderCompIDs, each with a list of addresses and networks")
                self._by_comp_id[pattern] = AllowList(entries)
            self._all = None
        else:
            self._all = AllowList(given)

    def connect(self, address: str) -> bool:
        """Tell whether somebody from there may log on at all."""
        lists = self._by_comp_id.values() if self._all is None else (self._all,)
        return any(address in one for one in lists)

    def log_on(self, address: str, comp_id: str) -> bool:
        """Tell whether a peer may have a SenderCompID from there: the first pattern that fits decides."""
        if self._all is not None:
            return True  # connect() was asked
        return next((address in one for name, one in self._by_comp_id.items() if fits(name, comp_id)), False)
