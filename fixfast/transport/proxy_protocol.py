"""The PROXY protocol, versions 1 and 2: what a proxy says first about the connection that it passes on (C22).

Without I/O: bytes come in. The header is hostile input until it is whole: its length is bounded, and nothing in it is
believed but the one address. Whether to believe that is the caller's: only if the connection is from a listed proxy.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["ProxyHeader"]

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
#: The longest line that version 1 has, with its CR LF.
_LONGEST_LINE = 107
#: Addresses and TLVs of version 2. The largest addresses take 216; what clouds and proxies add are some hundred bytes.
_LONGEST_BODY = 2048
#: No header is shorter than this: `PROXY UNKNOWN` and CR LF.
_SHORTEST = 15
#: family and transport -> bytes of both addresses and ports; TCP over IPv4, over IPv6, and a Unix stream socket
_SIZES = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}
#: least bytes of the fields of a line, and how many it has
_LEAST = {b"TCP4": (4, 7, 7, 1, 1), b"TCP6": (4, 2, 2, 1, 1)}


class ProxyHeader:
    """Reads one header, in any split.

    Never ask for more than `wanted` bytes of the connection: what follows the header belongs to somebody else, often to
    a TLS handshake.

    Attributes:
        wanted: how many bytes may be read next, all of them the header's; 0: it is whole, or wrong.
        error: why it is no header, "" while it may become one.
        source: address and port that the proxy was connected from; None where the header does not say: the connection
            is the proxy's own (LOCAL, a health check), or not from an IP address.
    """

    __slots__ = ("_data", "error", "source", "wanted")

    def __init__(self) -> None:
        self._data = bytearray()
        self.wanted = _SHORTEST
        self.error = ""
        self.source: tuple[str, int] | None = None

    @property
    def whole(self) -> bool:
        """The header is complete and right."""
        return not self.wanted and not self.error

    def feed(self, data: bytes) -> None:
        """Take bytes, `wanted` at most."""
        if not self.wanted or len(data) > self.wanted:
            raise ValueError(f"{len(data)} bytes given, {self.wanted} wanted")
        self._data += data
        begin = bytes(self._data[: len(_V2)])
        if begin.startswith(_V1) or _V1.startswith(begin):
            self._line()
        elif begin == _V2:
            self._binary()
        elif _V2.startswith(begin):
            self.wanted = _SHORTEST - len(begin)
        else:
            self._fail("no PROXY header")

    def _fail(self, error: str) -> None:
        self.error, self.wanted = error, 0

    # --- version 1: a line of text -------------------------------------------------------------------------

    def _line(self) -> None:
        data = bytes(self._data)
        if data.endswith(b"\r\n"):
            self.wanted = 0
            self._parse(data[len(_V1) : -2])
        elif b"\n" in data or b"\r" in data[:-1] or len(data) >= _LONGEST_LINE:
            self._fail("a PROXY line that does not end")
        elif data.endswith(b"\r"):
            self.wanted = 1
        elif len(data) < _SHORTEST:
            self.wanted = _SHORTEST - len(data)
        else:
            self.wanted = min(_missing(data[len(_V1) :]), _LONGEST_LINE - len(data))

    def _parse(self, line: bytes) -> None:
        fields = line.split(b" ")
        if fields[0] == b"UNKNOWN":
            return  # whatever follows means nothing
        if fields[0] not in _LEAST or len(fields) != 5 or not line.isascii():
            self._fail("a PROXY line that is none")
            return
        hosts = [field.decode() for field in fields[1:3]]
        try:
            if fields[0] == b"TCP4":
                addresses = [str(IPv4Address(host)) for host in hosts]
            else:
                addresses = [str(IPv6Address(host)) for host in hosts]
                if "%" in hosts[0] + hosts[1]:
                    raise AddressValueError
        except AddressValueError:
            self._fail("a PROXY line without an address")
            return
        if not all(port.isdigit() and len(port) <= 5 and int(port) < 65536 for port in fields[3:]):
            self._fail("a PROXY line without a port")
            return
        self.source = addresses[0], int(fields[3])

    # --- version 2: binary ---------------------------------------------------------------------------------

    def _binary(self) -> None:
        data = self._data
        if len(data) < 16:
            self.wanted = 16 - len(data) if len(data) >= _SHORTEST else _SHORTEST - len(data)
            return
        length = int.from_bytes(data[14:16], "big")
        command, family = data[12], data[13]
        if command not in (0x20, 0x21):
            self._fail("a PROXY header of an unknown version or command")
        elif length > _LONGEST_BODY:
            self._fail("a PROXY header that is too long")
        elif command == 0x21 and (family not in _SIZES or length < _SIZES[family]):
            self._fail("a PROXY header without a stream's addresses")
        else:
            self.wanted = 16 + length - len(data)
            if not self.wanted and command == 0x21:
                self._addresses(bytes(data[16:]), family)

    def _addresses(self, body: bytes, family: int) -> None:
        # Behind the addresses are TLVs: of no use here.
        if family == 0x11:
            self.source = str(IPv4Address(body[:4])), int.from_bytes(body[8:10], "big")
        elif family == 0x21:
            self.source = str(IPv6Address(body[:16])), int.from_bytes(body[32:34], "big")


def _missing(line: bytes) -> int:
    """Return how many bytes must at least follow until the line is complete: so many are the header's for certain."""
    fields = line.split(b" ")
    least = _LEAST.get(fields[0])
    if least is None:
        return 2  # CR LF
    here = max(0, least[min(len(fields), 5) - 1] - len(fields[-1]))
    return 2 + here + sum(1 + size for size in least[len(fields) :])
