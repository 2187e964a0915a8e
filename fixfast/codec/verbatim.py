"""A value that the encoder writes as it is. A module of its own, because importing the encoder must cost little."""

from __future__ import annotations

__all__ = ["Verbatim"]


class Verbatim:
    """Bytes that may hold SOH: data, by a user's dictionary, behind its length. Made by arrange.py only."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data
