"""A seeded mutator of FIX bytes, for machines without atheris: same seed, same inputs."""

from __future__ import annotations

import re
from random import Random

__all__ = ["mutated", "repaired"]

#: Bytes that decide something in tag=value.
_TELLING = b"\x01=0123456789-+.|8FIXYN\x00\xff\n"
_TOKENS = (
    b"8=FIX.4.4\x01",
    b"\x018=FIX",
    b"\x019=",
    b"\x0110=",
    b"\x0135=",
    b"9=99999999\x01",
    b"95=4\x0196=a\x01b=\x01",
    b"96=bare\x01",
    b"10=000\x01",
    b"268=2\x01269=0\x01269=1\x01",
    b"0=x\x01",
    b"-1=x\x01",
    b"01=x\x01",
    b"=\x01",
    b"55=\x01",
    b"2147483648=x\x01",
)


def mutated(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Return `data` after one to six edits; half of the time with BodyLength and CheckSum made right again."""
    out = bytearray(data)
    for _ in range(random.randrange(1, 7)):
        at = random.randrange(len(out) + 1)
        edit = random.randrange(7)
        if edit == 0 and at < len(out):
            out[at] = random.choice(_TELLING)
        elif edit == 1 and at < len(out):
            out[at] = random.randrange(256)
        elif edit == 2:
            del out[at : at + random.choice((1, 1, 2, 5, 20))]
        elif edit == 3:
            out[at:at] = random.choice(_TOKENS)
        elif edit == 4:
            out[at:at] = bytes([random.choice(_TELLING)])
        elif edit == 5:
            start = random.randrange(len(out) + 1)
            out[at:at] = out[start : start + random.randrange(40)]
        else:
            out += random.choice(others)
    return repaired(bytes(out)) if random.random() < 0.5 else bytes(out)


def repaired(data: bytes) -> bytes:
    """Return `data` with BodyLength and CheckSum that fit, so that a mutation reaches past the framing."""
    match = re.match(rb"(8=FIX[^\x01]*\x01)9=[^\x01]*\x01(.*\x01)10=[^\x01]*\x01$", data, re.DOTALL)
    if match is None:
        return data
    head = match[1] + b"9=%d\x01" % len(match[2]) + match[2]
    return head + b"10=%03d\x01" % (sum(head) % 256)
