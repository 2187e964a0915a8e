"""HalfOpen: connections whose other side has not shown yet who it is, and which of them gives way to one more. No I/O.

There is room for some, so that strangers cost little. Were those who come later refused, one process that connects and
says nothing would keep everybody out for as long as a greeting may take. So the newest has the place, and of those from
where most are the oldest goes: who behaves has shown who he is long before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

__all__ = ["HalfOpen"]


class HalfOpen:
    """Those who may have to go, the oldest first.

    Args: most: how many there may be in all. of_one: from one process or address; None: as many.
    """

    def __init__(self, most: int, of_one: int | None) -> None:
        self._most = most
        self._of_one = most if of_one is None else of_one
        self._here: dict[object, tuple[str, Callable[[], object]]] = {}

    def add(self, one: object, source: str, end: Callable[[], object]) -> None:
        """Know one more; or another way to end one that is known.

        Args: source: the process or address it comes from. end: ends it.
        """
        self._here[one] = source, end

    def remove(self, one: object) -> bool:
        """Know that one has shown who it is, or is gone. Returns whether it was here."""
        return self._here.pop(one, None) is not None

    def give_way(self, source: str) -> bool:
        """End one, where there are as many as may be. Returns whether there is room now that was not there before."""
        count = Counter(of for of, _ in self._here.values())
        if count[source] >= self._of_one:
            crowded = source
        elif len(self._here) >= self._most:
            crowded = count.most_common(1)[0][0]
        else:
            return False
        goes = next(one for one, (of, _) in self._here.items() if of == crowded)
        self._here.pop(goes)[1]()
        return True
