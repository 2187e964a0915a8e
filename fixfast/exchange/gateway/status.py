"""What an exchange says about its instruments and its hours: lists, definitions, and their status.

SecurityListRequest (x) is answered by a SecurityList (y); SecurityDefinitionRequest (c), which is what FIX 4.2 has, by
a SecurityDefinition (d) for each instrument. TradingSessionStatusRequest (g) and SecurityStatusRequest (e) are answered
by h and f, and with SubscriptionRequestType(263)=1 by another one at each change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fixfast.errors import BusinessReject
from fixfast.exchange.matching.outcome import Phase
from fixfast.exchange.venue.listing import Listing
from fixfast.session.wire import Message

__all__ = ["SESSION_ID", "StatusBoard", "definitions", "security_list"]

#: TradingSessionID(336): there is one, the day
SESSION_ID = "DAY"

Fields = list[tuple[int, Any]]

#: TradSesStatus(340) of each phase
_SESSION = {
    Phase.PRE_OPEN: 4,
    Phase.OPENING_AUCTION: 4,
    Phase.CONTINUOUS: 2,
    Phase.CLOSING_AUCTION: 5,
    Phase.HALTED: 1,
    Phase.CLOSED: 3,
}
#: SecurityTradingStatus(326) of each phase in FIX 4.2, and from 4.4 on
_SECURITY = {
    Phase.PRE_OPEN: (18, 21),
    Phase.OPENING_AUCTION: (5, 22),
    Phase.CONTINUOUS: (17, 17),
    Phase.CLOSING_AUCTION: (5, 5),
    Phase.HALTED: (2, 2),
    Phase.CLOSED: (18, 18),
}


class _Watch(NamedTuple):
    """One subscription. `symbol` None: the trading session's."""

    owner: str
    req_id: str
    symbol: str | None


class StatusBoard:
    """Who asked for status messages, and what they say.

    Args: phases: gives the phase of each instrument, as it is now.
    """

    def __init__(self, phases: Callable[[], Mapping[str, Phase]]) -> None:
        self._phases = phases
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._session: Phase | None = None

    def session_request(self, owner: str, message: Message) -> list[tuple[str, Fields]]:
        """Answer a TradingSessionStatusRequest (g). Raises: BusinessReject: a field is missing."""
        req_id, kind, session = message.many(335, 263, 336)
        if req_id is None or kind is None:
            raise BusinessReject(5, "TradSesReqID and SubscriptionRequestType are needed", req_id or "")
        if session not in (None, SESSION_ID):
            return [("h", [(335, req_id), (336, session), (340, 6 if owner[:7] != "FIX.4.2" else 3)])]
        return self._subscribe(_Watch(owner, req_id, None), kind)

    def security_request(self, owner: str, message: Message) -> list[tuple[str, Fields]]:
        """Answer a SecurityStatusRequest (e). Raises: BusinessReject: a field is missing, or an unknown symbol."""
        req_id, kind, symbol = message.many(324, 263, 55)
        if req_id is None or kind is None or symbol is None:
            raise BusinessReject(5, "SecurityStatusReqID, Symbol and SubscriptionRequestType are needed", req_id or "")
        if symbol not in self._phases():
            raise BusinessReject(2, "Unknown security", req_id)
        return self._subscribe(_Watch(owner, req_id, symbol), kind)

    def changed(self, symbol: str) -> list[tuple[str, str, Fields]]:
        """Return who is to be told what, (owner, MsgType, fields), after the phase of an instrument changed."""
        session = self._session_phase()
        both = session is not self._session
        self._session = session
        return [
            (watch.owner, *self._message(watch, unsolicited=True))
            for watch in self._watches.values()
            if watch.symbol == symbol or (watch.symbol is None and both)
        ]

    def forget(self, owner: str) -> None:
        """End the subscriptions of a session that is gone."""
        self._watches = {key: watch for key, watch in self._watches.items() if watch.owner != owner}

    def _subscribe(self, watch: _Watch, kind: str) -> list[tuple[str, Fields]]:
        key = watch.owner, watch.req_id
        if kind == "2":
            self._watches.pop(key, None)
            return []
        if kind == "1":
            self._session = self._session_phase()
            self._watches[key] = watch
        return [self._message(watch)]

    def _message(self, watch: _Watch, *, unsolicited: bool = False) -> tuple[str, Fields]:
        if watch.symbol is None:
            status = _SESSION[self._session_phase()]
            return "h", [(335, watch.req_id), (336, SESSION_ID), (325, unsolicited), (340, status)]
        code = _SECURITY[self._phases()[watch.symbol]][not watch.owner.startswith("FIX.4.2")]
        return "f", [(324, watch.req_id), (55, watch.symbol), (336, SESSION_ID), (325, unsolicited), (326, code)]

    def _session_phase(self) -> Phase:
        """Return the phase of the whole: that of all instruments, else continuous."""
        phases = set(self._phases().values())
        return phases.pop() if len(phases) == 1 else Phase.CONTINUOUS


def security_list(message: Message, listings: Mapping[str, Listing], version: str, response_id: str) -> Fields:
    """Return the SecurityList (y) that answers a SecurityListRequest (x).

    Raises: BusinessReject: a field is missing.
    """
    req_id, kind, symbol = message.many(320, 559, 55)
    if req_id is None or kind is None:
        raise BusinessReject(5, "SecurityReqID and SecurityListRequestType are needed", req_id or "")
    found: list[Listing] = []
    result = 0
    if kind == "4":
        found = list(listings.values())
    elif kind == "0" and symbol is not None and symbol in listings:
        found = [listings[symbol]]
    else:
        result = 2 if kind == "0" else 1
    fields: Fields = [(320, req_id), (322, response_id), (560, result)]
    if found:
        fields += [(393, len(found)), (893, True), (146, [_entry(one, version) for one in found])]
    return fields


def definitions(message: Message, listings: Mapping[str, Listing], version: str, response_id: str) -> Iterable[Fields]:
    """Yield the SecurityDefinitions (d) that answer a SecurityDefinitionRequest (c).

    Raises: BusinessReject: a field is missing.
    """
    req_id, kind, symbol = message.many(320, 321, 55)
    if req_id is None or kind is None:
        raise BusinessReject(5, "SecurityReqID and SecurityRequestType are needed", req_id or "")
    if kind == "3":
        found = list(listings.values())
    else:
        known = listings.get(symbol or "")
        found = [known] if kind in ("0", "1") and known is not None else []
    head: Fields = [(320, req_id)]
    total: Fields = [(393, len(found))] if version == "FIX.4.2" else []
    if not found:
        refused: Fields = [(323, 5), *total]
        return [[*head, (322, response_id), *refused, *([(55, symbol)] if symbol is not None else [])]]
    answer = 4 if kind == "3" and version == "FIX.4.2" else 1  # a list; later versions have no code for it
    return [
        [*head, (322, f"{response_id}.{n}"), (323, answer), *total, *_entry(one, version)]
        for n, one in enumerate(found, 1)
    ]


def _entry(listing: Listing, version: str) -> Fields:
    config = listing.config
    lot, tick = Decimal(config.lot), Decimal(config.tick)
    fields: Fields = [(55, config.symbol), (167, config.security_type)]
    if version == "FIXT.1.1":
        fields.append((969, tick))
    fields += [(15, config.currency)]
    if version == "FIX.4.4":
        fields += [(561, lot), (562, Decimal(config.min_qty or config.lot))]
    if version != "FIXT.1.1":
        fields.append((58, f"tick {tick} lot {lot}"))
    return fields
