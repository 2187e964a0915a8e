"""How often keys of one account may be wrong, wherever they come from. Without I/O and clock, in bounded memory.

Addresses are counted where connections come in (service/wire.py). This is for who has many. It is the same for names
that are accounts and for those that are none: a pause tells nothing. Who has been let in for an account stays welcome
from there, so that nobody is kept out by a stranger who tries his account's name.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from fixfast.service.launcher.config import Guests

__all__ = ["Attempts"]

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
#: A record is about 200 bytes. The one that was heard of least recently goes.
_MOST = 10_000


class _Record:
    __slots__ = ("barred_until", "failures", "pauses")

    def __init__(self) -> None:
        self.failures = 0  # mono ns of when the budget is whole again
        self.barred_until = 0
        self.pauses = 0


class Attempts:
    """Wrong keys, by account. Times are monotonic ns.

    Args: guests: how many, and how long the pauses are. most: how many names are remembered.
    """

    def __init__(self, guests: Guests, most: int = _MOST) -> None:
        self._cost = _MINUTE // guests.account_failures
        self._pause = int(guests.pause * _SECOND)
        self._longest = int(guests.longest_pause * _SECOND)
        self._most = most
        self._records: OrderedDict[bytes, _Record] = OrderedDict()
        self._welcome: OrderedDict[tuple[bytes, str], None] = OrderedDict()

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._records) + len(self._welcome)

    def barred_ns(self, account: str, peer: str, now: int) -> int:
        """Return for how long no key of an account is looked at that comes from a peer; 0: it is."""
        name = _short(account)
        if (name, peer) in self._welcome:
            return 0
        record = self._records.get(name)
        return 0 if record is None else max(0, record.barred_until - now)

    def failed(self, account: str, now: int) -> None:
        """Know of a wrong key."""
        name = _short(account)
        record = self._records.setdefault(name, _Record())
        self._records.move_to_end(name)
        if len(self._records) > self._most:
            self._records.popitem(last=False)
        due = max(record.failures, now) + self._cost
        if due - now <= _MINUTE:
            record.failures = due
            return
        if now - record.barred_until > self._longest:
            record.pauses = 0
        record.barred_until = now + min(self._longest, self._pause << min(record.pauses, 40))
        record.pauses += 1

    def accepted(self, account: str, peer: str) -> None:
        """Know of a right key."""
        self._welcome[_short(account), peer] = None
        self._welcome.move_to_end((_short(account), peer))
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)


def _short(account: str) -> bytes:
    """Return what stands for a name, which may be of any length."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).digest()[:16]
