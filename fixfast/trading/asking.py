"""What a MarketDataRequest (35=V) says, and what the answers to it mean (M1, M2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from fixfast.codec.message import Message
from fixfast.errors import ConfigError, SubscriptionRejected
from fixfast.trading.bookconfig import BookConfig

__all__ = ["SNAPSHOT", "SUBSCRIBE", "UNSUBSCRIBE", "MarketDataOptions", "Wanted", "rejection", "request_fields"]

Resync = Literal["snapshot", "resubscribe", "none"]

#: MDReqRejReason(281), as people say it. From 5.0 on there are more; one that is not here is told by its number.
_REASONS = {
    "0": "unknown symbol",
    "1": "MDReqID is in use already",
    "2": "insufficient bandwidth",
    "3": "insufficient permissions",
    "4": "this subscription type is not supported",
    "5": "this market depth is not supported",
    "6": "this update type is not supported",
    "7": "an aggregated book is not supported, or nothing else is",
    "8": "this entry type is not supported",
    "9": "this trading session is not supported",
    "A": "this scope is not supported",
    "B": "open, close and settlement cannot be had so",
    "C": "implicit deletes are not supported",
    "D": "insufficient credit",
}
#: SubscriptionRequestType(263)
SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE = "0", "1", "2"


def _instrument(symbol: str) -> list[tuple[int, str]]:
    return [(55, symbol)]


@dataclass(frozen=True, slots=True)
class MarketDataOptions:
    """What a venue wants, and how much it may send.

    Args:
        instrument: symbol -> the fields that name it in a request: [(55, symbol)], or with SecurityID (48, 22) ...
        book: how its entries are to be understood; `depth` and `implicit_delete` come from each subscription.
        resync: what a stale book does. "snapshot": asks for one, with a request of its own (263=0). "resubscribe": ends
            the subscription and makes it anew, for venues that give no snapshots otherwise. "none": nothing; the
            program does, or the venue sends snapshots by itself.
        max_resyncs: how often in a row a book asks before it gives up, and stays stale.
        resync_timeout: seconds without an answer after which it asks again, when the next update comes.
        max_books, max_symbols, max_entries: books in all, symbols in one request, entries in one message (M13).

    Raises:
        ConfigError: a value is out of range.
    """

    instrument: Callable[[str], Sequence[tuple[int, Any]]] = _instrument
    book: BookConfig = field(default_factory=BookConfig)
    resync: Resync = "snapshot"
    max_resyncs: int = 5
    resync_timeout: float = 10.0
    max_books: int = 10_000
    max_symbols: int = 1000
    max_entries: int = 10_000

    def __post_init__(self) -> None:
        if self.resync not in get_args(Resync):
            raise ConfigError("resync", self.resync, " or ".join(map(repr, get_args(Resync))))
        for name in ("max_resyncs", "max_books", "max_symbols", "max_entries"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 1_000_000:
                raise ConfigError(name, value, "a whole number from 1 to 1000000")
        timeout = self.resync_timeout
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0.001 <= timeout <= 86_400:
            raise ConfigError("resync_timeout", timeout, "seconds, from 0.001 to 86400")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one subscription asks for.

    Args:
        symbols: at least one, each once.
        depth: MarketDepth(264): levels of each side; 0: the full book.
        entry_types: MDEntryType(269) of each: "0" bids, "1" offers, "2" trades, "4" opening price ...
        full_refresh: MDUpdateType(265): snapshots only, instead of incremental refreshes; None: leave it out.
        aggregated: AggregatedBook(266); None: leave it out.
        implicit_delete: MDImplicitDelete(547), and whether books drop levels beyond `depth`; None: leave it out, and
            they do not.
        extra: more (tag, value) pairs.

    Raises:
        ConfigError: a value is out of range.
    """

    symbols: tuple[str, ...]
    depth: int = 0
    entry_types: tuple[str, ...] = ("0", "1")
    full_refresh: bool | None = False
    aggregated: bool | None = None
    implicit_delete: bool | None = None
    extra: tuple[tuple[Any, Any], ...] = ()

    def __post_init__(self) -> None:
        symbols = self.symbols
        if not symbols or not all(isinstance(symbol, str) and symbol for symbol in symbols):
            raise ConfigError("symbols", symbols, "at least one Symbol(55), none of them empty")
        if len(set(symbols)) != len(symbols):
            raise ConfigError("symbols", symbols, "each symbol once")
        if type(self.depth) is not int or self.depth < 0:
            raise ConfigError("depth", self.depth, "MarketDepth(264): levels, or 0 for the full book")
        if not self.entry_types or not all(isinstance(one, str) and len(one) == 1 for one in self.entry_types):
            raise ConfigError(
                "entry_types", self.entry_types, 'MDEntryTypes(269): "0" bids, "1" offers, "2" trades ...'
            )
        for name in ("full_refresh", "aggregated", "implicit_delete"):
            if getattr(self, name) not in (True, False, None):
                raise ConfigError(name, getattr(self, name), "True, False or None")

    def book_config(self, base: BookConfig) -> BookConfig:
        """Return how the books of this subscription are kept."""
        sides = tuple(kind for kind in ("0", "1") if kind in self.entry_types)
        implicit = bool(self.implicit_delete and self.depth)
        return replace(base, depth=self.depth, implicit_delete=implicit, sides=sides)


def request_fields(
    wanted: Wanted, req_id: str, kind: str, options: MarketDataOptions, symbols: Iterable[str]
) -> list[tuple[Any, Any]]:
    """Return the body of a V. Args: kind: SubscriptionRequestType(263). symbols: those of `wanted` it is about."""
    fields: list[tuple[Any, Any]] = [(262, req_id), (263, kind), (264, wanted.depth)]
    if wanted.full_refresh is not None and kind != SNAPSHOT:
        fields.append((265, 0 if wanted.full_refresh else 1))
    if wanted.aggregated is not None:
        fields.append((266, wanted.aggregated))
    if wanted.implicit_delete is not None:
        fields.append((547, wanted.implicit_delete))
    fields.append((267, [[(269, one)] for one in wanted.entry_types]))
    fields.append((146, [list(options.instrument(symbol)) for symbol in symbols]))
    return [*fields, *wanted.extra]


def rejection(m: Message, req_id: str, symbols: tuple[str, ...]) -> SubscriptionRejected:
    """Return what a Y, or a Reject (3, j) of a V, says, as an exception to be raised where somebody waits."""
    text = m.get(58) or ""
    if m.msg_type == "Y":
        reason = m.get(281)
        meaning = "no reason given" if reason is None else _REASONS.get(reason, f"MDReqRejReason (281) {reason}")
    else:
        reason = m.get(380 if m.msg_type == "j" else 373)
        name = "BusinessMessageReject" if m.msg_type == "j" else "Reject"
        meaning = f"the request was answered with a {name}" + (f", reason {reason}" if reason is not None else "")
    return SubscriptionRejected(req_id, symbols, reason, meaning, text)
