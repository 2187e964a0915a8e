"""A large state in pieces, each of which is encoded in a moment: what writes them keeps nobody else waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["join", "split"]

#: rows of a list in one piece
_ROWS = 50


def split(state: Any) -> list[Any]:
    """Return a state as pieces: the whole without its long lists, then these, as [path, rows]."""
    long: list[tuple[list[str], list[Any]]] = []

    def short(value: Any, path: list[str]) -> Any:
        if isinstance(value, dict):
            return {key: short(one, [*path, key]) for key, one in value.items()}
        if isinstance(value, list) and len(value) > _ROWS:
            long.append((path, value))
            return []
        return value

    pieces = [short(state, [])]
    for path, rows in long:
        pieces += [[path, rows[at : at + _ROWS]] for at in range(0, len(rows), _ROWS)]
    return pieces


def join(pieces: Iterable[Any]) -> Any:
    """Return the state that split() made pieces of."""
    first, *others = pieces
    for path, rows in others:
        place = first
        for key in path:
            place = place[key]
        place += rows
    return first
