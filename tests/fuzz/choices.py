"""Decisions out of bytes: a fuzzer that changes a byte changes one decision, and keeps those before it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

__all__ = ["Choices", "changed_choices", "made_choices"]

T = TypeVar("T")

#: numbers that have troubled somebody
_NUMBERS = (1, 2, 3, 5, 0, -1, 100, 999_999, 1_000_000, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, 10**25)


class Choices:
    """Takes a byte for each decision; when they are used up, the answer is always the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data[:2000]
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def _byte(self) -> int:
        if not self.left:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def below(self, n: int) -> int:
        """Return a number from 0 to n - 1."""
        return (self._byte() if n <= 256 else self._byte() << 8 | self._byte()) % max(n, 1)

    def one_in(self, n: int) -> bool:
        """Return True once in n times; False when there is nothing left."""
        return self._byte() % n == n - 1

    def of(self, values: Sequence[T]) -> T:
        """Return one of some values."""
        return values[self.below(len(values))]

    def number(self) -> int:
        """Return a small number, mostly, or an absurd one."""
        value = self._byte()
        return value % 8 + 1 if value < 200 else _NUMBERS[value % len(_NUMBERS)]


def made_choices() -> Sequence[bytes]:
    """Return some to begin with."""
    random = Random(1)
    return [random.randbytes(random.choice((20, 60, 200, 600))) for _ in range(60)]


def changed_choices(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return some of the corpus, changed; or new ones."""
    data = bytearray(random.choice(corpus))
    if not data or random.random() < 0.3:
        return random.randbytes(random.choice((10, 30, 100, 400)))
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(4)
        if kind == 0:
            data[at : at + 1] = random.randbytes(1)
        elif kind == 1:
            data[at:at] = random.randbytes(random.randrange(1, 6))
        elif kind == 2:
            del data[at : at + random.randrange(1, 6)]
        else:
            other = random.choice(corpus)
            data[at:] = other[random.randrange(len(other) + 1) :]
    return bytes(data)
