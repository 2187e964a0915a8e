"""The simulated exchange's FIX.4.4 side: an Application for `fixfast.serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from fixfast import clock
from fixfast.engine.live import LiveSession
from fixfast.errors import BusinessReject, MessageError
from fixfast.exchange.simulator import Report, SeededExchange
from fixfast.session.wire import Message

__all__ = ["ExchangeApplication"]

#: how long a fill in several parts is spread when no other order comes, seconds
_PAUSE = 0.001


class ExchangeApplication:
    """Answers NewOrderSingle (D) and OrderStatusRequest (H) with ExecutionReports (8), anything else with 35=j.

    Its sessions should be configured with `offline="store"`: a fill that falls into a lost connection is then numbered
    and stored, and reaches its owner by the resend after the next logon.

    Args:
        exchange: decides.
        after_order: called after the reports of each order were sent, with the session and the number of orders so
            far. The demo cuts the connection in here.
    """

    def __init__(
        self, exchange: SeededExchange, *, after_order: Callable[[LiveSession, int], None] | None = None
    ) -> None:
        self.exchange = exchange
        self.orders = 0  # D received
        self.repeated = 0  # ... of them with PossResend(97)=Y
        self.queries = 0  # H received
        self._after_order = after_order
        self._sessions: dict[str, LiveSession] = {}
        self._pause: asyncio.TimerHandle | None = None

    def on_logon(self, session: LiveSession) -> None:
        """Remember whose reports go where."""
        self._sessions[session.id.target_comp_id] = session

    def on_message(self, session: LiveSession, message: Message) -> None:
        """Answer one message.

        Raises: BusinessReject: not something this exchange does, or a field is missing or malformed.
        """
        try:
            if message.msg_type == "D":
                self._on_order(session, message)
            elif message.msg_type == "H":
                self._on_query(session, message)
            else:
                raise BusinessReject(3, "Unsupported Message Type")
        except MessageError as error:
            raise BusinessReject(5, str(error), message.get(11) or "") from None

    def close(self) -> None:
        """Stop the timer of the fills to come."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _on_order(self, session: LiveSession, message: Message) -> None:
        cl_ord_id, symbol, side = message[11], message[55], message[54]
        qty, price = message.int(38), message.decimal(44)
        self.orders += 1
        self.repeated += message.poss_resend
        self._send(self.exchange.later())  # what came earlier is filled on first
        owner = session.id.target_comp_id
        self._send(self.exchange.new_order(owner, cl_ord_id, symbol, side, qty, price, poss_resend=message.poss_resend))
        if self.exchange.waiting and self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(_PAUSE, self._later)
        if self._after_order is not None:
            self._after_order(session, self.orders)

    def _on_query(self, session: LiveSession, message: Message) -> None:
        self.queries += 1
        while self.exchange.waiting:  # so that the answer is final, unless other orders come
            self._send(self.exchange.later())
        self._send([self.exchange.status(session.id.target_comp_id, message[11], message[55], message[54])])

    def _later(self) -> None:
        self._pause = None
        self._send(self.exchange.later())
        if self.exchange.waiting:
            self._pause = asyncio.get_running_loop().call_later(_PAUSE, self._later)

    def _send(self, reports: Iterable[Report]) -> None:
        for report in reports:
            self._sessions[report.owner].send_nowait("8", report.fields(clock.now().wall_ns))
