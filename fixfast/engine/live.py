"""LiveSession: a session with its connection, its store and its program. The same for initiators and acceptors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fixfast import clock
from fixfast.engine.books import Books
from fixfast.engine.bound import Bound
from fixfast.engine.delivery import Stream
from fixfast.engine.orders import Orders
from fixfast.engine.requests import match_by_id
from fixfast.engine.tapping import Overhearing
from fixfast.errors import ConcurrencyError, NotActive
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.log import OrderLog
from fixfast.trading.orders import Check
from fixfast.trading.request import OrderOptions

__all__ = ["LiveSession"]

#: seconds more than the session's own limit that close() waits before it cuts the connection
_GRACE = 3.0


class LiveSession(Bound):
    """A FIX session that is, or will be again, connected. One event loop owns it; no other thread may touch it.

    Made by `fixfast.connect` and `fixfast.serve`, not by hand.

    Attributes:
        id: the session's identity as seen from our side.
        config: its options.
        connections: how often it was logged on.
        error: why it ended for good, where that was not asked for (GaveUp).
        logon_error: why the last attempt came to no logon; None once there is one.
        store_error: what the store failed with; the session can never be used again then (O10).
    """

    @property
    def peer(self) -> str:
        """The peer's address while connected, else empty."""
        return self._pump.peername if self._pump is not None else ""

    # --- sending -------------------------------------------------------------------------------------------

    async def send(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Do send_nowait(), then wait while the send buffer is full, never for an answer of the peer.

        With a Throttle that says when_full="wait" it waits for its turn first, and raises NotActive when the session
        ends meanwhile. Cancelled while it waits, nothing was sent and no number was used.
        """
        if self._turns is None:
            seq = self.send_nowait(msg_type, fields)
        else:
            seq = await self._turns.send(self.send_nowait, msg_type, fields)
        if self._pump is not None:
            await self._pump.drain()
        return seq

    async def request(
        self,
        msg_type: str,
        fields: Iterable[Any],
        *,
        match: Callable[[Message], object] | None = None,
        timeout: float | None = None,
    ) -> Message:
        """Send a message and wait for its answer, which is then not delivered anywhere else.

        Args:
            msg_type, fields: as for send_nowait().
            match: tells the answer from other messages. Without it: the next message with the same request id (262 for
                V, 11 for D and H, 923 for BE ...). A Reject or BusinessMessageReject of the request is always taken.
            timeout: seconds to wait, for the turn a Throttle gives and for the answer; None: for ever.

        Returns: the answer, or the reject: look at `msg_type`.

        Raises:
            TimeoutError: no answer in time.
            NotActive, Throttled, EncodeError, StoreError: as send_nowait().
            GaveUp: reconnecting ended while waiting.
            ValueError: match is needed: nothing is known of how this type is answered.
        """
        fields = list(fields)
        if match is None:
            match = match_by_id(msg_type, fields)
        if self._turns is None:
            seq = self.send_nowait(msg_type, fields)
        else:
            seq, timeout = await self._turns.request(self.send_nowait, msg_type, fields, timeout)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._requests.add(match, seq, answer)
        return await self._requests.wait(answer, self._delivery, timeout)

    def flush(self) -> None:
        """Write what was sent by now, without waiting for the loop's next pass; after a burst, not in it.

        PERF: a program that was woken by another socket has its messages on the wire one pass of the loop sooner.
        """
        if self._pump is not None:
            self._pump.flush()

    # --- receiving -----------------------------------------------------------------------------------------

    def __aiter__(self) -> Stream:
        """Iterate over application messages, Rejects and BusinessMessageRejects, across reconnects.

        Taking the next message acknowledges the last: after a crash, what was not acknowledged comes again with
        `redelivered` set. Ends when the session is closed.

        Raises: GaveUp: reconnecting ended for good. ConcurrencyError: a second consumer.
        """
        return self._delivery.stream("messages")

    def events(self) -> Stream:
        """Iterate over everything: messages and the events of `fixfast.session.events`. One consumer only."""
        return self._delivery.stream("events")

    async def wait_active(self) -> None:
        """Wait until the session is logged on.

        Raises: GaveUp, or NotActive when the session was closed.
        """
        while not self._logged_on:
            self._raise_if_over()
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(change)
            try:
                await change
            finally:
                self._waiting.discard(change)

    def orders(
        self,
        options: OrderOptions | None = None,
        *,
        log: OrderLog | None = None,
        checks: Sequence[Check] = (),
        consume: bool = False,
    ) -> Orders:
        """Return the orders of this session; the first call makes them. They hear each message before the program does.

        Messages that wait for the program already are heard, too: called before the first one is taken, nothing is
        missed. With `application.on_message`, call it in on_create.

        Args:
            options: what the venue is like; without, the version is the session's.
            log: where everything is written down that changes orders, to know them again after a restart.
            checks: each is called with every order before it is sent, and raises to refuse it.
            consume: the program does not get the messages about orders.

        Raises: ConcurrencyError: they were made already, and arguments were given again. StoreError: the log.
        """
        if isinstance(self._ordering, Orders):
            if options is not None or log is not None or checks or consume:
                raise ConcurrencyError("orders() was called already: give its arguments in the first call")
            return self._ordering
        passed = self._delivery.pass_by if consume else None
        orders = Orders(
            self, options, log=log, checks=checks, turns=self._turns, woken=self._write_behind, passed=passed
        )
        self._ordering = orders
        self._requests.ends.append(orders.end)
        orders.take_up(self._delivery.waiting())
        return orders

    def books(self, options: MarketDataOptions | None = None, *, consume: bool = True) -> Books:
        """Return the books of this session; the first call makes them. They hear each message before the program does.

        Args:
            options: what the venue wants, and limits.
            consume: the program does not get the messages about market data.

        Raises: ConcurrencyError: they were made already, and arguments were given again.
        """
        if isinstance(self._booking, Books):
            if options is not None or not consume:
                raise ConcurrencyError("books() was called already: give its arguments in the first call")
            return self._booking
        passed = self._delivery.pass_by if consume else None
        books = Books(self, options, turns=self._turns, woken=self._write_behind, passed=passed)
        self._booking = books
        self._requests.ends.append(books.end)
        books.take_up(self._delivery.waiting())
        return books

    def overhear(self, msg_type: str, told: Callable[[Message], object]) -> None:
        """Have told(message) called with each message of a type that answers no request, before the program sees it.

        One for each session. It is called inside the read that brought the message, and must not wait.
        """
        self._overhearing = Overhearing(self, msg_type, self._requests.answered_by, told)

    # --- ending --------------------------------------------------------------------------------------------

    async def close(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out, wait for the peer's answer, close the connection, and do not come back.

        Args:
            text: Text(58) of the Logout.
            timeout: seconds for all of it; then the connection is cut. None: the session's own limits.
            status: SessionStatus(1409) of the Logout, FIXT.1.1 only; None for none.
        """
        self.stop()
        try:
            await self.logout(text, timeout=timeout, status=status)
        finally:
            self._requests.fail(NotActive("closed"))
            self._delivery.finish()

    async def logout(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out and close this connection. An initiator will come back, an acceptor will let the peer come back.

        Args: text, timeout, status: as for close().
        """
        pump = self._pump
        if pump is None:
            return
        leaving = (State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.CLOSING)
        if self.active:
            self._goodbye = text
            self._session.logout(text, clock.now(), status=status)
            pump.turn()
        elif self.state not in leaving and not pump.abort("closed before logon"):
            return  # it is not up yet, and will not come up
        steps = 2 if self.config.logout_test_request else 1
        limit = timeout if timeout is not None else steps * self.config.logout_timeout + _GRACE
        _, pending = await asyncio.wait([pump.closed], timeout=limit)
        if pending:
            await self.cut("no end of the connection in time")

    def drop(self, *, reset: bool = False) -> None:
        """Cut the connection this instant, without Logout: what was sent and not yet written stays unwritten.

        Numbers and store are kept; what the peer misses it will ask for after the next logon. For programs that must
        stop at once, and to try what happens then.

        Args: reset: throw away what the kernel has not delivered, too (TCP RST).
        """
        if self._pump is not None:
            self._pump.abort("dropped by us", reset=reset)

    # --- inside --------------------------------------------------------------------------------------------

    def _raise_if_over(self) -> None:
        if self.error is not None:
            raise self.error
        if self._stopping.is_set():
            raise NotActive("closed")
