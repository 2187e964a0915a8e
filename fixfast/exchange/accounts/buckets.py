"""How often each of many may do something: a token bucket for each, in bounded memory. Without I/O and clock."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Buckets"]

_MINUTE = 60_000_000_000
#: A record is about 150 bytes. Who has more addresses than this has fresh ones anyway.
_MOST = 10_000


class Buckets:
    """Args: per_minute: what each bucket holds, and what comes back in a minute. most: buckets that are remembered."""

    def __init__(self, per_minute: int, *, most: int = _MOST) -> None:
        self._cost = _MINUTE // per_minute
        self._whole: OrderedDict[str, int] = OrderedDict()  # key -> when its bucket is full again, ns
        self._most = most

    def __len__(self) -> int:
        """Return how many buckets are remembered."""
        return len(self._whole)

    def take(self, key: str, now_ns: int) -> int:
        """Take one token.

        Args: key: whose. now_ns: monotonic.

        Returns: 0, or the ns until there is one; then none was taken.
        """
        whole = max(self._whole.get(key, 0), now_ns) + self._cost
        wait = whole - now_ns - _MINUTE
        if wait > 0:
            return wait
        self._whole[key] = whole
        self._whole.move_to_end(key)
        if len(self._whole) > self._most:
            self._whole.popitem(last=False)
        return 0
