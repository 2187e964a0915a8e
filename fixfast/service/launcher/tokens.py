"""The front ends of one session: their tokens, and what their ClOrdIDs begin with. Without I/O and clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fixfast.service.ipc import name_of, new_secret

__all__ = ["FrontEnd", "FrontEnds"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MS = 1_000_000


@dataclass(slots=True, eq=False)
class FrontEnd:
    """One that was let in.

    Attributes:
        token: it alone has it. name: of the token, as in Hello.
        prefix: what its ClOrdIDs begin with: no other's of this session do.
        key_id: of the API key that it showed. roles: what that is good for.
        here: its connection to the Launcher is open.
    """

    token: bytes
    name: str
    prefix: str
    key_id: str
    roles: tuple[str, ...]
    here: bool = True

    @property
    def role(self) -> str:
        """What its Backend lets it do: "trade", or "read"."""
        return "trade" if "trade" in self.roles else "read"

    def __repr__(self) -> str:
        return f"FrontEnd(name={self.name!r}, prefix={self.prefix!r}, key_id={self.key_id!r})"


class FrontEnds:
    """Those of one session. All prefixes have eight characters, so none is the beginning of another.

    Args: most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_name: dict[str, FrontEnd] = {}
        self._last = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_name)

    def __iter__(self) -> Iterator[FrontEnd]:
        """Iterate over them, oldest first."""
        return iter(list(self._by_name.values()))

    def spare(self) -> FrontEnd | None:
        """Return one that has to go for another one: the oldest that is not connected to the Launcher any more.

        None: there is room.
        """
        if len(self._by_name) < self._most:
            return None
        return next((one for one in self if not one.here), None)

    @property
    def full(self) -> bool:
        """Whether there is no room, and nobody has to go."""
        return len(self._by_name) >= self._most and self.spare() is None

    def add(self, key_id: str, roles: tuple[str, ...], wall_ns: int) -> FrontEnd:
        """Let one in. Args: wall_ns: now; prefixes come from it, so that they differ from those of other runs."""
        token = new_secret()
        self._last = max(self._last + 1, wall_ns // _MS)
        one = FrontEnd(token, name_of(token), _text(self._last), key_id, roles)
        self._by_name[one.name] = one
        return one

    def remove(self, one: FrontEnd) -> None:
        """Let one go. Twice is once."""
        self._by_name.pop(one.name, None)


def _text(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(8, "0")
