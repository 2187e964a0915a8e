"""MarketDataRequest (V): what is asked for, or why it cannot be had (M1, M2). No state, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fixfast.errors import MessageError
from fixfast.exchange.market_data.entries import KINDS, Window
from fixfast.session.wire import Message

__all__ = ["DISABLE", "SNAPSHOT", "DataRequest", "Refused", "Why", "kinds_of", "read_request"]


class Why:
    """MDReqRejReason(281): why a request is refused."""

    SYMBOL = "0"
    DUPLICATE = "1"
    BANDWIDTH = "2"
    PERMISSION = "3"
    REQUEST_TYPE = "4"
    DEPTH = "5"
    UPDATE_TYPE = "6"
    AGGREGATED = "7"
    ENTRY_TYPE = "8"
    SESSION = "9"
    SCOPE = "A"
    FLAG = "B"
    IMPLICIT_DELETE = "C"
    CREDIT = "D"


#: SubscriptionRequestType(263)
SNAPSHOT, UPDATES, DISABLE = "0", "1", "2"

_ALL = Window(0)


class Refused(Exception):
    """A request that gets a MarketDataRequestReject (Y).

    Attributes: reason: MDReqRejReason(281), None: the standard has none for it. text: Text(58).
    """

    def __init__(self, reason: str | None, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What a MarketDataRequest asks for.

    Attributes:
        name: MDReqID(262). action: SubscriptionRequestType(263); of "2" the rest is not read.
        window: MarketDepth(264), MDImplicitDelete(547), AggregatedBook(266). incremental: MDUpdateType(265)=1.
        kinds: the MDEntryTypes(269) asked for. symbols: each once, in the order asked for.
    """

    name: str
    action: str
    window: Window = _ALL
    incremental: bool = False
    kinds: frozenset[str] = frozenset()
    symbols: tuple[str, ...] = ()


def kinds_of(version: str) -> frozenset[str]:
    """Return the MDEntryTypes there are in a version: FIX.4.2 has no volume (B)."""
    return frozenset(kind for kind in KINDS if version != "FIX.4.2" or kind.isdigit())


def read_request(
    message: Message, known: frozenset[str], *, max_depth: int = 0, session_id: str = "", by_order: bool = False
) -> DataRequest:
    """Return what a MarketDataRequest (V) asks for.

    Args:
        message: the request.
        known: the MDEntryTypes there are, see kinds_of().
        max_depth: the largest MarketDepth(264) there is; 0: any, and the full book.
        session_id: the one TradingSessionID(336) there is; "": any is taken, and means nothing.
        by_order: whether the book can be had order by order, AggregatedBook(266)=N.

    Raises:
        Refused: a request that the peer is told about.
        MessageError: it has no MDReqID(262), so it cannot be refused as a request: BusinessMessageReject.
    """
    name = message[262]
    action = message.get(263)
    if action not in (SNAPSHOT, UPDATES, DISABLE):
        raise Refused(Why.REQUEST_TYPE, f"SubscriptionRequestType(263) {action or 'missing'}: 0, 1 or 2")
    if action == DISABLE:
        return DataRequest(name, action)
    window = Window(_depth(message, max_depth), _implicit(message), _by_order(message, by_order))
    incremental = _incremental(message, action)
    _check_rest(message)
    kinds = _kinds(message, known)
    return DataRequest(name, action, window, incremental, kinds, _symbols(message, session_id))


def _depth(message: Message, max_depth: int) -> int:
    try:
        depth = message.int(264)
    except MessageError:
        depth = -1
    if depth < 0:
        said = message.get(264) or "missing"
        raise Refused(Why.DEPTH, f"MarketDepth(264) {said}: 0 is the full book, 1 its top, or a number of levels")
    if max_depth and not 0 < depth <= max_depth:
        raise Refused(Why.DEPTH, f"MarketDepth(264) {depth}: 1 to {max_depth}")
    return depth


def _implicit(message: Message) -> bool:
    said = message.get(547, "N")
    if said not in ("Y", "N"):
        raise Refused(Why.IMPLICIT_DELETE, f"MDImplicitDelete(547) {said}: Y or N")
    return said == "Y"


def _by_order(message: Message, possible: bool) -> bool:
    said = message.get(266, "Y")
    if said not in ("Y", "N") or (said == "N" and not possible):
        there = "Y, by price, or N, order by order" if possible else "the book is by price, Y"
        raise Refused(Why.AGGREGATED, f"AggregatedBook(266) {said}: {there}")
    return said == "N"


def _incremental(message: Message, action: str) -> bool:
    said = message.get(265)
    if said is None and action == SNAPSHOT:
        return False
    if said not in ("0", "1"):
        raise Refused(Why.UPDATE_TYPE, f"MDUpdateType(265) {said or 'missing'}: 0 full refresh, 1 incremental")
    return said == "1"


#: optional field -> what of it is done, the reason if something else is asked for, and what is said then
_REST: Mapping[int, tuple[frozenset[str], str, str]] = MappingProxyType(
    {
        546: (frozenset("1"), Why.SCOPE, "Scope(546) {}: this market, 1"),
        286: (frozenset("01"), Why.FLAG, "OpenCloseSettlFlag(286) {}: 0 or 1, of this day"),
    }
)


def _check_rest(message: Message) -> None:
    for tag, (possible, reason, text) in _REST.items():
        said = message.get(tag)
        if said is not None and not possible.issuperset(said.split()):
            raise Refused(reason, text.format(said))


def _kinds(message: Message, known: frozenset[str]) -> frozenset[str]:
    asked = _members(message, 267, 269)
    if not asked:
        raise Refused(Why.ENTRY_TYPE, "NoMDEntryTypes(267) says what is wanted: at least one MDEntryType(269)")
    unknown = [kind for kind in asked if kind not in known]
    if unknown:
        raise Refused(Why.ENTRY_TYPE, f"MDEntryType(269) {' '.join(unknown)}: there are {' '.join(sorted(known))}")
    return frozenset(asked)


def _symbols(message: Message, session_id: str) -> tuple[str, ...]:
    asked = _members(message, 146, 55)
    if not asked:
        raise Refused(Why.SYMBOL, "NoRelatedSym(146) says of what: at least one Symbol(55)")
    if session_id:
        other = [said for said in _members(message, 146, 336) if said != session_id]
        if other:
            raise Refused(Why.SESSION, f"TradingSessionID(336) {other[0]}: there is {session_id}")
    return tuple(dict.fromkeys(asked))


def _members(message: Message, count_tag: int, tag: int) -> list[str]:
    """Return a field of all entries of a group; one that is cut or miscounted counts as far as it goes."""
    if count_tag not in message:
        return []
    return [value for entry in message.group(count_tag) if (value := entry.get(tag)) is not None]
