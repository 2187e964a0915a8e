"""What the kernel of this process makes of things, as JSON, for comparing it with what another one makes of them.

    FIXFAST_KERNEL=avx2 python -m tests.kernels.judging mutated ROUNDS SEED
    FIXFAST_KERNEL=avx2 python -m tests.kernels.judging hostile

mutated  A digest of each thousand rounds of the codec's differential test (the same messages for the same seed).
hostile  Of streams and messages made to cost time: what comes out of them, and CPU seconds, for them and for ones an
         eighth as long.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import fixfast as ff
from tests.codec.mutate import chunks, damaged_round
from tests.codec.samples import SAMPLES
from tests.codec.support import Codec, decode, message, parsed

__all__ = ["HOSTILE", "hostile", "mutated"]

CODEC = Codec("compiled")
BLOCK = 1000


def mutated(rounds: int, seed: int) -> dict[str, Any]:
    """Return digests of what parse() and a decoder make of damaged messages and streams."""
    pool, digests, accepted = list(SAMPLES.values()), [], 0
    for block in range(0, rounds, BLOCK):
        digest = hashlib.sha256()
        for number in range(block, min(block + BLOCK, rounds)):
            damaged, stream, random = damaged_round(pool, seed, number)
            found = parsed(CODEC, damaged)
            accepted += found[0] == "message"
            items = decode(CODEC, chunks(stream, random), max_message_size=4096)
            digest.update(repr((found, items)).encode())
        digests.append(digest.hexdigest()[:16])
    return {"digests": digests, "accepted": accepted}


def _noise(size: int) -> bytes:
    return Random(7).randbytes(size)


#: name -> a stream of about so many bytes
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "headers without a length": lambda size: b"8=FIX.4.4\x019=" * (size // 12),
    "a length of nine digits": lambda size: b"8=FIX.4.4\x019=999999999\x01" * (size // 22),
    "a length too large": lambda size: b"8=FIX.4.4\x019=99999999\x01" * (size // 21),
    "lengths that reach far": lambda size: b"8=FIX.4.4\x019=%07d\x0135=0\x01" % (size // 4) * (size // 25),
    "tiny fields": lambda size: message(b"35=0\x01" + b"1=a\x01" * (size // 4)),
    "empty values": lambda size: message(b"35=0\x01" + b"1=\x01" * (size // 3)),
    "tags of eight digits": lambda size: message(b"35=0\x01" + b"12345678=a\x01" * (size // 11)),
    "lengths and data": lambda size: message(b"35=0\x01" + b"95=1\x0196=\x01\x01" * (size // 10)),
    "one value": lambda size: message(b"35=0\x0158=" + b"x" * size + b"\x01"),
    "one data field of messages": lambda size: _inside(SAMPLES["heartbeat"] * (size // 80)),
    "wrong in the last field": lambda size: message(b"35=0\x01" + b"1=a\x01" * (min(size, 200_000) // 4) + b"x\x01"),
    "small messages, wrong": lambda size: message(b"35=0\x01x\x01") * (size // 30),
    "starts of messages": lambda size: b"8=FIX" * (size // 5),
    "SOH": lambda size: b"\x01" * size,
    "equals signs": lambda size: b"=" * size,
    "digits": lambda size: b"7" * size,
    "noise": _noise,
}


def _inside(data: bytes) -> bytes:
    return message(b"35=B\x0195=%d\x0196=%b\x01" % (len(data), data))


def _decoded(stream: bytes) -> tuple[dict[str, Any], float]:
    """Return what comes out of a stream in chunks of 64 KiB, and CPU seconds."""
    counts: Counter[str] = Counter()
    digest, began = hashlib.sha256(), time.process_time()
    decoder = ff.StreamDecoder(max_message_size=8_000_000)
    for at in range(0, len(stream), 65536):
        decoder.feed(stream[at : at + 65536])
        for item in decoder:
            reason = item.reason.name if isinstance(item, ff.Garbled) else f"{len(item)} fields"
            counts[reason] += 1
            digest.update(b"%d" % len(item.raw))
    spent = time.process_time() - began
    return {"items": dict(counts), "skipped": decoder.skipped, "digest": digest.hexdigest()[:16]}, spent


def hostile(size: int = 4_000_000) -> dict[str, Any]:
    """Return for each stream its outcome and (seconds of an eighth of it, of all of it)."""
    found: dict[str, Any] = {}
    for name, make in HOSTILE.items():
        small, large = make(size // 8), make(size)
        short = min(_decoded(small)[1] for _ in range(3))
        runs = [_decoded(large) for _ in range(3)]
        found[name] = {"outcome": runs[0][0], "seconds": (short, min(spent for _, spent in runs)), "bytes": len(large)}
    return found


def main(arguments: list[str]) -> None:
    said = mutated(int(arguments[1]), int(arguments[2])) if arguments[0] == "mutated" else hostile()
    json.dump({"kernel": ff.kernel(), **said}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
