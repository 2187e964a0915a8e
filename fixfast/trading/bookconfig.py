"""BookConfig: how a venue's books are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fixfast.errors import ConfigError

__all__ = ["BookConfig", "Keyed"]

Keyed = Literal["auto", "price", "level", "id"]

#: More levels than any venue shows of one instrument
_DEEPEST = 100_000
_MOST_BUFFERED = 1_000_000


@dataclass(frozen=True, slots=True)
class BookConfig:
    """How the entries of one book are to be understood.

    Args:
        keyed: what entries are known by (M5). "auto": by MDEntryID(278), or by price and originator (299, 288), or by
            OrderID(37), where the first entry of a snapshot has one; by MDPriceLevel(1023) where it has that;
            else by price.
        depth: levels of each side that were asked for, MarketDepth(264); 0: all.
        implicit_delete: the venue sends no Delete for a level that an insert pushed out of `depth`: drop it (M7).
        zero_deletes: a quantity of 0 means that the entry is gone (M12).
        strict: an update that does not fit - a New that is there, a Change or Delete of what is not - makes the book
            stale until a snapshot comes (M6). False: it is reported, and what it says is done as far as can be.
        start_empty: updates may come without a snapshot first: the book begins empty, and live. (Without this, a
            book whose first update has RptSeq(83) 1 begins so, too.)
        sides: entry types of the book that snapshots replace: ("0", "1"), or what of them was asked for (M3).
        tape: how many of the last trades are kept.
        max_buffered: entries that wait for a snapshot, at most; the oldest go first (M13).

    Raises:
        ConfigError: a value is out of range.
    """

    keyed: Keyed = "auto"
    depth: int = 0
    implicit_delete: bool = False
    zero_deletes: bool = True
    strict: bool = True
    start_empty: bool = False
    sides: tuple[str, ...] = ("0", "1")
    tape: int = 1000
    max_buffered: int = 10_000

    def __post_init__(self) -> None:
        if self.keyed not in get_args(Keyed):
            raise ConfigError("keyed", self.keyed, " or ".join(map(repr, get_args(Keyed))))
        for name, most in (("depth", _DEEPEST), ("tape", _MOST_BUFFERED), ("max_buffered", _MOST_BUFFERED)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise ConfigError(name, value, f"a whole number from 0 to {most}")
        for name in ("implicit_delete", "zero_deletes", "strict", "start_empty"):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(name, getattr(self, name), "True or False")
        if not isinstance(self.sides, tuple) or not set(self.sides) <= {"0", "1"}:
            raise ConfigError("sides", self.sides, 'a tuple of "0" (bids) and "1" (offers)')
        if self.implicit_delete and not self.depth:
            raise ConfigError("implicit_delete", True, "only with a depth")
