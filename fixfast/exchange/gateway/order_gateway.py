"""The FIX side of the exchange: who may log on, what is done with each message, what is answered."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from fixfast import clock
from fixfast.engine.authentication import Accept, LogonRequest, Refuse
from fixfast.engine.cancelling import CancelOnDisconnect
from fixfast.engine.live import LiveSession
from fixfast.errors import BusinessReject, FieldFormatError, FieldMissing, StoreError
from fixfast.exchange.gateway.outlet import Outlet
from fixfast.exchange.gateway.status import StatusBoard, definitions, security_list
from fixfast.exchange.gateway.users import Users
from fixfast.exchange.market_data.publishing import application_version
from fixfast.exchange.venue.commands import CancelOrders, RefuseRequest
from fixfast.exchange.venue.reasons import CANCEL_REASONS, MASS_REASONS, ORDER_REASONS
from fixfast.exchange.venue.reports import Execution, Outgoing, comp_id_of
from fixfast.exchange.venue.requests import CancelOrder, MassCancel, NewOrder, ReplaceOrder, RequestReader
from fixfast.session.config import SessionConfig
from fixfast.session.events import SequenceReset
from fixfast.session.wire import Message

if TYPE_CHECKING:
    from fixfast.exchange.exchange import Exchange

__all__ = ["Handler", "OrderGateway", "owner_of"]

_log = logging.getLogger("fixfast.exchange")

_UNSUPPORTED, _NOT_AVAILABLE, _MISSING = 3, 4, 5  # BusinessRejectReason(380)
#: ExecRestatementReason(378): cancelled because the connection was lost
_CONNECTION_LOST = 12
_GONE = "Cancelled: the session ended"
_LEFT = "Cancelled: the user logged off"


class Handler(Protocol):
    """Deals with messages of a type that is not the order gateway's: market data, for instance.

    What comes behind the message waits for an awaitable that this returns.
    """

    def __call__(self, session: LiveSession, message: Message) -> object: ...


def owner_of(session: LiveSession) -> str:
    """Return how an exchange names a session: "FIX.4.4:BOT01"."""
    return f"{session.id.begin_string}:{session.id.target_comp_id}"


class OrderGateway:
    """The Application of an exchange's acceptor.

    Attributes:
        outlets: owner -> its way out.
        handlers: MsgType -> who deals with it. What is not listed is answered with 35=j.
        dont_know_trades: how many DontKnowTrade (Q) came.
        users: the registered clients, where there are any.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        config = self._config = exchange.config
        self.outlets: dict[str, Outlet] = {}
        self.dont_know_trades = 0
        self.users: Users | None = None
        self._reader = RequestReader(ZoneInfo(config.timezone))
        self._readers: Mapping[str, Callable[[Message, str], Any]] = self._reader.readers
        self._owners: dict[LiveSession, str] = {}
        self._responses = 0
        self.board = StatusBoard(exchange.phases)
        self.handlers: dict[str, Handler] = {
            "x": self._on_security_list_request,
            "c": self._on_security_definition_request,
            "g": self._on_session_status_request,
            "e": self._on_security_status_request,
            "Q": self._on_dont_know_trade,
        }
        copies: dict[str, list[str]] = {}
        for one in config.participants:
            for source in one.drop_copy_of:
                copies.setdefault(source, []).append(one.comp_id)
        self._copies = copies

    # --- who comes and goes --------------------------------------------------------------------------------

    def authenticate(self, request: LogonRequest) -> SessionConfig | Refuse | Awaitable[Accept | Refuse]:
        """Decide on a Logon."""
        comp_id = request.session_id.target_comp_id
        known = self._config.participant(comp_id)
        if known is None and request.config is not None and self.users is not None:
            return self.users.authenticate(request)
        if request.config is None or (known is None and not self._config.open):
            return Refuse(silent=True)
        if known is not None and known.versions and request.session_id.begin_string not in known.versions:
            return Refuse(silent=True)
        password = None if known is None else known.password
        if password is not None and not hmac.compare_digest(password.encode(), request.password.encode()):
            return Refuse("Invalid username or password", status=5)
        return request.config

    def take_up(self, session: LiveSession) -> Outlet:
        """Return the way out to a session, which is made when it is seen first."""
        owner = owner_of(session)
        outlet = self.outlets.get(owner)
        if outlet is None or outlet.session is not session:
            outlet = self.outlets[owner] = Outlet(session, self._exchange.faults)
            self._owners[session] = owner
            if self.users is not None:
                self.users.take_up(session)
            self._exchange.know_epoch(owner)
        return outlet

    def on_logon(self, session: LiveSession) -> None:
        """Remember whose reports go where."""
        self._exchange.catch_up()
        self.take_up(session)
        self._exchange.tell("on_logon", owner_of(session), session)

    def on_logout(self, session: LiveSession, reason: str) -> None:
        """End the subscriptions of one who is gone."""
        owner = owner_of(session)
        self.board.forget(owner)
        if self.users is not None:
            self.users.on_logout(session)
        self._exchange.tell("on_logout", owner, session)

    def cancelling(self, config: SessionConfig) -> CancelOnDisconnect | None:
        """Return whether orders of a session are cancelled when it ends."""
        known = self._config.participant(config.target_comp_id)
        own = None if known is None else known.cancel_on_disconnect
        wanted = self._config.cancel_on_disconnect if own is None else own
        return CancelOnDisconnect(on_logout=True) if wanted else None

    def cancel_for_the_gone(self, owners: Iterable[str]) -> None:
        """Cancel the orders of sessions that ended with the process before this one, where that is agreed."""
        for owner in owners:
            outlet = self.outlets.get(owner)
            if outlet is not None and self.cancelling(outlet.session.config) and self._exchange.venue.has_open(owner):
                self._exchange.do(CancelOrders(owner, restated=_CONNECTION_LOST, text=_GONE))

    def on_cancel_on_disconnect(self, session: LiveSession, reason: str) -> None:
        """Cancel the orders of one who is gone. Where the exchange itself closes, they go when it opens again."""
        if not self._exchange.closing:
            self._exchange.do(CancelOrders(owner_of(session), restated=_CONNECTION_LOST, text=_GONE))

    def on_user_left(self, session: LiveSession) -> None:
        """End what a user had who logged off, and whose session stays."""
        owner = owner_of(session)
        self.board.forget(owner)
        self._exchange.market_data.join(owner, application_version(session), session)  # as if it came anew
        if self.cancelling(session.config) is not None:
            self._exchange.do(CancelOrders(owner, text=_LEFT))

    def on_event(self, session: LiveSession, event: object) -> None:
        """Know when numbers begin anew, and who logged on."""
        if self.users is not None:
            self.users.on_event(session, event)
        if isinstance(event, SequenceReset):
            self._exchange.know_epoch(owner_of(session), again=True)

    # --- messages ------------------------------------------------------------------------------------------

    def on_message(self, session: LiveSession, message: Message) -> Any:
        """Deal with one message. Returns: None, or an awaitable, which what comes behind waits for.

        Raises: BusinessReject: not something this exchange does, or a field is missing or malformed.
        """
        exchange = self._exchange
        if exchange.behind:
            exchange.catch_up()
        owner = self._owners.get(session)
        if owner is None:
            self.take_up(session)
            owner = self._owners[session]
        msg_type = message.msg_type
        reader = self._readers.get(msg_type)
        took_effect = message.redelivered and message.msg_seq_num <= exchange.venue.last_seq.get(owner, 0)
        if self.users is not None and not (took_effect and reader) and not self.users.takes(session, message):
            return None
        try:
            if reader is None or (msg_type in ("q", "AF") and owner.startswith("FIX.4.2")):
                handler = self.handlers.get(msg_type)
                if handler is None:
                    raise BusinessReject(_UNSUPPORTED, "Unsupported Message Type", message.get(11) or "")
                return handler(session, message)
            request = reader(message, owner)
        except (FieldFormatError, FieldMissing) as error:
            raise BusinessReject(_MISSING, str(error), message.get(11) or "") from None
        if took_effect:
            return None  # it took effect before the exchange died, and what it led to was sent when it came back
        if request.__class__ is NewOrder:
            self._check(request)
        if exchange.faults.on:
            request = self._perhaps_refuse(request)
        try:
            exchange.do(request)
        except StoreError as error:  # nothing has changed, and nothing will: nobody may believe that it has
            _log.critical("no request is taken any more: the journal cannot be written: %s", error)
            text = "The exchange cannot keep its journal"
            raise BusinessReject(_NOT_AVAILABLE, text, getattr(request, "cl_ord_id", "") or "") from None
        return None

    def _check(self, request: NewOrder) -> None:
        """Refuse an order that lacks what its type needs. Raises: BusinessReject."""
        for tag, name, types, value in ((44, "Price", "24", request.price), (99, "StopPx", "34", request.stop_px)):
            if value is None and request.ord_type in types and not request.bad:
                raise BusinessReject(
                    _MISSING, f"Conditionally required field missing: {name} ({tag})", request.cl_ord_id
                )
        if request.qty is None and not request.bad:
            raise BusinessReject(_MISSING, "Conditionally required field missing: OrderQty (38)", request.cl_ord_id)

    def _perhaps_refuse(self, request: Any) -> Any:
        reasons: Mapping[str, object] | None = None
        if isinstance(request, NewOrder):
            reasons = ORDER_REASONS
        elif isinstance(request, CancelOrder | ReplaceOrder):
            reasons = CANCEL_REASONS
        elif isinstance(request, MassCancel):
            reasons = MASS_REASONS
        if reasons is None:
            return request
        found = self._exchange.faults.refuses(len(reasons))
        return request if found is None else RefuseRequest(list(reasons)[found], request)

    # --- out -----------------------------------------------------------------------------------------------

    def send(self, reports: list[Outgoing], asker: str | None = None) -> None:
        """Send reports to their owners, and copies to those who get copies.

        Args: asker: whose request led to them: the first of its reports is the answer; None: nobody's.
        """
        outlets, copies = self.outlets, self._copies
        for report in reports:
            owner = report.owner
            outlet = outlets.get(owner)
            if outlet is not None:
                outlet.send(report, owner == asker)
                if owner == asker:
                    asker = None
            if copies and type(report) is Execution:
                self.copy(report)

    @property
    def holding(self) -> bool:
        """Whether reports are held back, and in no store yet."""
        return any(outlet.holding for outlet in self.outlets.values())

    def copy(self, report: Execution) -> None:
        """Send copies of a report to those who get them."""
        if report.exec_type == "I":
            return
        for outlet in self.copies_of(report.owner):
            if report.exec_type != "L" or outlet.session.id.begin_string == "FIXT.1.1":  # others have no code for it
                outlet.copy(report)

    def copies_of(self, owner: str) -> list[Outlet]:
        """Return where copies of an owner's reports go."""
        comp_id = comp_id_of(owner)
        to = [*self._copies.get(comp_id, ()), *self._copies.get("*", ())]
        return [outlet for who, outlet in self.outlets.items() if comp_id_of(who) in to and comp_id_of(who) != comp_id]

    def phase_changed(self, symbol: str) -> None:
        """Tell those who subscribed to the status of an instrument, or of the market."""
        for owner, msg_type, fields in self.board.changed(symbol):
            outlet = self.outlets.get(owner)
            if outlet is not None:
                outlet.say(msg_type, fields)

    # --- what is not orders --------------------------------------------------------------------------------

    def _on_security_list_request(self, session: LiveSession, message: Message) -> None:
        version = session.id.begin_string
        if version == "FIX.4.2":
            raise BusinessReject(_UNSUPPORTED, "Unsupported Message Type")
        session.send_nowait("y", security_list(message, self._exchange.listings, version, self._response_id()))

    def _on_security_definition_request(self, session: LiveSession, message: Message) -> None:
        version = session.id.begin_string
        for fields in definitions(message, self._exchange.listings, version, self._response_id()):
            session.send_nowait("d", fields)

    def _on_session_status_request(self, session: LiveSession, message: Message) -> None:
        for msg_type, fields in self.board.session_request(owner_of(session), message):
            session.send_nowait(msg_type, fields)

    def _on_security_status_request(self, session: LiveSession, message: Message) -> None:
        for msg_type, fields in self.board.security_request(owner_of(session), message):
            session.send_nowait(msg_type, fields)

    def _on_dont_know_trade(self, session: LiveSession, message: Message) -> None:
        self.dont_know_trades += 1
        order_id, exec_id, reason, text = message.many(37, 17, 127, 58)
        _log.warning("%s does not know trade %s of order %s: reason %s %s", session.id, exec_id, order_id, reason, text)

    def _response_id(self) -> str:
        self._responses += 1
        return f"R{clock.now().wall_ns // 1_000_000_000}.{self._responses}"
