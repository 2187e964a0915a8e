"""PROXY headers: both versions, split anywhere, never read past their end, hostile ones refused (SC22)."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_address

import pytest

from fixfast.transport.proxy_protocol import ProxyHeader

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(command: int, family: int, body: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def addresses(source: str, port: int, target: str = "", target_port: int = 9878) -> bytes:
    packed = ip_address(source).packed
    return packed + (ip_address(target).packed if target else packed) + struct.pack("!HH", port, target_port)


TLV = b"\x04\x00\x03abc"
GOOD: dict[bytes, tuple[str, int] | None] = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n": ("192.0.2.7", 56324),
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 0\r\n": ("1.1.1.1", 1),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": ("255.255.255.255", 65535),
    b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n": ("2001:db8::7", 56324),
    b"PROXY TCP6 :: :: 1 1\r\n": ("::", 1),
    b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n": (":".join(["ffff"] * 8), 65535),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n": None,
    b"PROXY UNKNOWN whatever, even this\r\n": None,
    v2(0x21, 0x11, addresses("192.0.2.7", 56324)): ("192.0.2.7", 56324),
    v2(0x21, 0x11, addresses("192.0.2.7", 56324) + TLV * 100): ("192.0.2.7", 56324),
    v2(0x21, 0x21, addresses("2001:db8::7", 56324)): ("2001:db8::7", 56324),
    v2(0x21, 0x21, addresses("2001:db8::7", 1) + bytes(2048 - 36)): ("2001:db8::7", 1),
    v2(0x21, 0x31, bytes(216)): None,
    v2(0x21, 0x00, b""): None,
    v2(0x21, 0x00, TLV): None,
    v2(0x20, 0x00, b""): None,
    v2(0x20, 0x11, addresses("192.0.2.7", 56324)): None,
    v2(0x20, 0xFF, TLV): None,
}
BAD = [
    b"8=FIX.4.4\x019=60\x0135=A",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
    b"GET / HTTP/1.1\r\n\r\n",
    b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r \r\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 -1\r\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1  1\r\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
    b"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n",
    b"PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n",
    b"PROXY TCP4 localhost 1.1.1.1 1 1\r\n",
    b"PROXY TCP4 ::1 1.1.1.1 1111 1111\r\n",
    b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n",
    b"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n",
    "PROXY TCP4 1.1.1.1 1.1.1.1 \u0661 1\r\n".encode(),
    b"PROXY UNKNOWN " + b"x" * 200,
    b"PROXY TCP4 " + b"1" * 200,
    b"PROXY " * 30,
    v2(0x11, 0x11, addresses("192.0.2.7", 1)),
    v2(0x22, 0x11, addresses("192.0.2.7", 1)),
    v2(0x21, 0x12, addresses("192.0.2.7", 1)),
    v2(0x21, 0x22, addresses("::1", 1)),
    v2(0x21, 0x11, addresses("192.0.2.7", 1)[:11]),
    v2(0x21, 0x21, addresses("192.0.2.7", 1)),
    v2(0x21, 0x00, b"", 2049),
    v2(0x20, 0x00, b"", 65535),
    SIGNATURE[:-1] + b"\r" + bytes(20),
]


def read(data: bytes, sizes: list[int] | None = None) -> tuple[ProxyHeader, int]:
    """Read a header as a connection would give it: never more than is wanted; also how many bytes were taken."""
    header, taken, turn = ProxyHeader(), 0, 0
    while header.wanted and taken < len(data):
        step = header.wanted if sizes is None else min(header.wanted, sizes[turn % len(sizes)])
        turn += 1
        header.feed(data[taken : taken + step])
        taken = min(len(data), taken + step)
    return header, taken


@pytest.mark.parametrize("data", GOOD)
@pytest.mark.parametrize("sizes", [None, [1], [2], [3, 1], [7], [14, 1]], ids=str)
def test_sc22_a_header_is_read_to_its_end_and_not_further(data: bytes, sizes: list[int] | None) -> None:
    header, taken = read(data + b"8=FIX.4.4\x01 or a TLS hello", sizes)
    assert (header.whole, header.error, header.source, taken) == (True, "", GOOD[data], len(data))
    with pytest.raises(ValueError, match="wanted"):
        header.feed(b"x")


@pytest.mark.parametrize("data", GOOD)
def test_sc22_few_reads_are_enough(data: bytes) -> None:
    header, reads, taken = ProxyHeader(), 0, 0
    while header.wanted:
        reads, end = reads + 1, taken + header.wanted
        header.feed(data[taken:end])
        taken = end
    assert reads <= 47, "most bytes of a line are known to be the header's before they are read"


@pytest.mark.parametrize("data", GOOD)
def test_sc22_a_header_that_is_cut_is_not_whole(data: bytes) -> None:
    for end in range(len(data)):
        header, taken = read(data[:end])
        assert (header.whole, header.error, taken) == (False, "", end)
        assert 0 < header.wanted <= len(data) - end


@pytest.mark.parametrize("data", BAD)
@pytest.mark.parametrize("sizes", [None, [1], [5]], ids=str)
def test_sc22_what_is_no_header_is_refused_within_bounds(data: bytes, sizes: list[int] | None) -> None:
    header, taken = read(data, sizes)
    assert header.error
    assert not header.whole
    assert header.source is None
    assert taken <= 107
    with pytest.raises(ValueError, match="wanted"):
        header.feed(b"x")


@pytest.mark.parametrize("seed", range(20))
def test_sc22_changed_headers_are_read_or_refused_and_never_run_on(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        data = bytearray(rng.choice([*GOOD, *BAD]))
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.choice(b"\x00\x01\r\n 19.:FPx\xff")
        header, taken = read(bytes(data) + b"1 " * 1200, [rng.randrange(1, 20) for _ in range(5)])
        assert not header.wanted
        assert header.whole is not bool(header.error)
        assert taken <= 16 + 2048
        if header.source is not None:
            ip_address(header.source[0])
            assert 0 <= header.source[1] < 65536
