"""Seeded damage to compiled dictionaries: words exchanged, offsets crossed, the digest made right again."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from struct import Struct

from fixfast.dictionary.compile import HEADER_SIZE
from tests.codec.mutate import mutated

__all__ = ["broken_words", "sealed_blob"]

_WORD = Struct("=I")
#: Where ff_schema_header (codec/schema.h) has its size, and the end of its digest behind that.
_SIZE_AT, _DIGEST_END = 8, 44
_TELLING = (0, 1, 2, 3, 4, 15, 16, 31, 32, 4095, 4096, 4097, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def sealed_blob(data: bytes) -> bytes:
    """Return the blob with its size and digest made right, so that what is wrong inside is reached."""
    if len(data) < HEADER_SIZE:
        return data
    whole = data + bytes(-len(data) % 4)
    digest = sha256(whole[HEADER_SIZE:]).digest()
    return whole[:_SIZE_AT] + _WORD.pack(len(whole)) + digest + whole[_DIGEST_END:]


def broken_words(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return a blob with one to four words exchanged, or its bytes damaged; nine in ten are sealed again."""
    data = bytearray(random.choice(corpus))
    if random.random() < 0.15:
        data = bytearray(mutated(bytes(data), random.choice(corpus), random))
    for _ in range(random.choice((1, 1, 2, 4))):
        _break_word(data, random)
    return sealed_blob(bytes(data)) if random.random() < 0.9 else bytes(data)


def _break_word(data: bytearray, random: Random) -> None:
    words = len(data) // 4
    if not words:
        return
    # One in four in the header: a few words there decide where everything else is.
    at = 4 * random.randrange(min(words, HEADER_SIZE // 4) if random.random() < 0.25 else words)
    kind = random.randrange(8)
    value = _WORD.unpack_from(data, at)[0]
    other = _WORD.unpack_from(data, 4 * random.randrange(words))[0]
    if kind == 0:
        value = random.choice(_TELLING)
    elif kind == 1:
        value = other
    elif kind == 2:
        value += random.choice((-16, -12, -4, -1, 1, 4, 12, 16))
    elif kind == 3:
        value = 4 * random.randrange(words + 2)  # an offset, as like as not
    elif kind == 4:
        value ^= 1 << random.randrange(32)
    elif kind == 5:
        value = len(data) - random.choice((0, 1, 3, 4, 8))
    elif kind == 6:
        half = random.randrange(2) * 16
        value = value & ~(0xFFFF << half) | random.choice((0, 1, 2, 0x7FFF, 0xFFFF, other & 0xFFFF)) << half
    else:
        start, size = 4 * random.randrange(words), 4 * random.choice((1, 4, 8, 16))
        data[at : at + size] = data[start : start + size]
        return
    _WORD.pack_into(data, at, value & 0xFFFFFFFF)
