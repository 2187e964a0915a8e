"""Seeded damage to messages, for the tests that compare the two implementations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

__all__ = ["chunks", "damaged_round", "mutated", "repaired"]

#: bytes that mean something to a scanner, and those next to them
_TELLING = b"\x01=0123456789-8FIX.|\x00\x7f\x80\xff:/<>"
_SNIPPETS = [
    b"\x01", b"=", b"\x01\x01", b"8=FIX", b"\x018=FIX.4.4\x019=5\x0135=0\x01", b"10=000\x01", b"\x0110=",
    b"95=3\x0196=a\x01b\x01", b"95=", b"96=", b"\x0193=2\x0189=", b"-", b"0", b"00", b"9999999999", b"=\x01", b"35=",
    b"9=", b"55=\x01", b"0=a\x01", b"-1=a\x01", b"x" * 70, b"1=a\x01" * 20, b"453=2\x01", b"\x01448=A\x01",
    b"\xc3\xa9", b"\xff\xfe",
]  # fmt: skip
_WHOLE = re.compile(rb"(8=FIX[^\x01]*\x01)9=[^\x01]*\x01(.*?)(10=[^\x01]*\x01?)?\Z", re.DOTALL)


def mutated(raw: bytes, other: bytes, random: Random) -> bytes:
    """Return the bytes with one to four pieces of damage; some are taken from `other`."""
    data = bytearray(raw)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        at = random.randrange(len(data) + 1)
        size = random.choice((1, 1, 2, 3, 5, 8, 20, 70))
        kind = random.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = random.choice(_TELLING)
        elif kind == 2:
            data[at:at] = bytes([random.choice(_TELLING)])
        elif kind == 3:
            data[at:at] = random.choice(_SNIPPETS)
        elif kind == 4:
            del data[at : at + size]
        elif kind == 5:
            data[at:at] = data[at : at + size]
        elif kind == 6:
            start = random.randrange(len(other))
            data[at:at] = other[start : start + size]
        else:
            start = random.randrange(len(other))
            data[at : at + size] = other[start : start + size]
    return bytes(data)


def repaired(raw: bytes) -> bytes:
    """Return the bytes with BodyLength and CheckSum made right, so that what is wrong inside is reached."""
    match = _WHOLE.match(raw)
    if not match:
        return raw
    data = b"%b9=%d\x01%b" % (match[1], len(match[2]), match[2])
    return data + b"10=%03d\x01" % (sum(data) % 256)


def damaged_round(pool: Sequence[bytes], seed: int, number: int) -> tuple[bytes, bytes, Random]:
    """Return a round of the differential tests: a message, damaged, a stream with it inside, and more randomness."""
    random = Random(f"{seed}/{number}")
    damaged = mutated(random.choice(pool), random.choice(pool), random)
    if random.random() < 0.7:
        damaged = repaired(damaged)
    stream = b"".join(random.choice([damaged, random.choice(pool)]) for _ in range(random.randrange(1, 4)))
    if random.random() < 0.3:
        stream = mutated(stream, damaged or b"x", random)
    return damaged, stream, random


def chunks(stream: bytes, random: Random) -> list[bytes]:
    """Return the stream in pieces of random sizes, some of them empty."""
    sizes = random.choice([(1,), (1, 2, 3), (0, 1, 7, 30), (50, 200), (5, 1000)])
    pieces = []
    at = 0
    while at < len(stream):
        size = random.choice(sizes)
        pieces.append(stream[at : at + size])
        at += size
    return pieces
