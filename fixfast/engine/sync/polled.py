"""PolledSession: a session that a Poller drives, on the one thread that owns both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from fixfast import clock
from fixfast.engine.requests import match_by_id
from fixfast.engine.sync.books import PolledBooks
from fixfast.engine.sync.driven import Answer, Driven
from fixfast.engine.sync.orders import PolledOrders
from fixfast.errors import ConcurrencyError, NotActive
from fixfast.session.reject import REJECTS
from fixfast.session.wire import Message, Template, parse
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.log import OrderLog
from fixfast.trading.orders import Check
from fixfast.trading.request import OrderOptions

__all__ = ["PolledSession"]


class PolledSession(Driven):
    """A FIX session for a Poller: given to it, and what its poll() gives back with each message.

    The thread that polls owns it: every method but post() is for that thread.

    Args:
        config: the session's options.
        connection: where to connect and how to come back; or a Listen, to be the acceptor.
        application: callbacks, all of them plain functions: see Application. With on_message the messages go there, and
            poll() does not return them.
        store: the session's history; it is closed in the end. None: a MemoryStore, forgotten in the end.
        wire_log: every message goes there; it stays open.
        throttle: what may be sent in what time; see Throttle. Nothing waits here: with when_full="wait", as with
            "reject", what is too much raises Throttled; "queue" sends it when it may.
        latency: measure durations, see `session.latency`.
        busy_poll_us: see `fixfast.transport.busy.sharpen`.

    Attributes:
        id: the session's identity as seen from our side.
        connections: how often it was logged on.
        error: why it ended for good, where that was not asked for (GaveUp, LogonFailed).
        store_error: what the store failed with; the session can never be used again then (O10).
        ended: it will not connect again.

    Raises: ConfigError: an argument is of the wrong kind, or a callback is async. StoreError: the store cannot be read.
    """

    # --- for the program -----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port it listens on; 0 for one that connects, or has not begun."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    @property
    def peer(self) -> str:
        """The peer's address while connected, else empty."""
        return self._line.peername if self._line is not None else ""

    @property
    def congested(self) -> bool:
        """The peer does not read, and what is sent now waits in memory: poll until that is over."""
        return self._line is not None and self._line.unsent

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Do what send() does."""
        self._check_thread()
        return super().send_nowait(msg_type, fields)

    def send(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Number, store, queue and write a message: what the kernel takes is on its way when this returns.

        Args:
            msg_type: MsgType(35).
            fields: (tag, value) pairs as `fixfast.encode` takes them, without the tags the session owns.

        Returns: its MsgSeqNum.

        Raises:
            NotActive: not logged on (with offline="store" it is stored instead).
            EncodeError: names the tag. No number was used.
            StoreError: the store failed; the session ends.
            ConcurrencyError: another thread polls this session: use post().
        """
        return self.send_nowait(msg_type, fields)

    def send_template(self, template: Template, *values: Any) -> int:
        """Do what send() does, with a template or encoder of this session and the values of its slots."""
        if self.owner != get_ident():
            self._check_thread()
        # PERF: what _soon() does, in place
        try:
            n = self._session.send_values(template, values, clock.now())
        except BaseException:
            self._soon()  # a store that failed ends the connection
            raise
        line = self._line
        if line is not None and not self._together:
            if line.unsent or line.leaving or not line.hurry():
                line.flush()
            if self._gated and self._session.sync_needed:
                self._look_after_store()
        return n

    def request(
        self,
        msg_type: str,
        fields: Iterable[Any],
        *,
        match: Callable[[Message], object] | None = None,
        timeout: float | None = None,
    ) -> Message:
        """Send a message, and poll until its answer is there, which is then not delivered anywhere else.

        It waits, and so does everything else of this thread; other messages of this session are kept for the next
        poll(). For questions before the first order, and in quiet times: in the loop, send and look at what comes.

        Args:
            msg_type, fields: as for send().
            match: tells the answer from other messages. Without it: the next message with the same request id (262 for
                V, 11 for D and H, 923 for BE ...). A Reject or BusinessMessageReject of the request is always taken.
            timeout: seconds to wait; None: as long as it takes.

        Returns: the answer, or the reject: look at `msg_type`.

        Raises:
            TimeoutError: no answer in time; should it come later, poll() returns it.
            NotActive: not logged on, or no Poller drives this session. GaveUp, LogonFailed: it will not connect again.
            EncodeError, StoreError, Throttled, ConcurrencyError: as send().
            ValueError: match is needed: nothing is known of how this type is answered.
        """
        self._check_thread()
        fields = list(fields)
        if match is None:
            match = match_by_id(msg_type, fields)
        driver = self._driver
        if driver is None:
            raise NotActive("not polled")
        ends = None if timeout is None else clock.mono_ns() + int(timeout * 1e9)
        looked_at = len(self.pending)  # what was there before is no answer
        asked = str(self.send(msg_type, fields))
        while True:
            driver.quietly((self,))
            for i in range(looked_at, len(self.pending)):
                message = self.pending[i]
                if isinstance(message, Message) and (
                    message.get(45) == asked if message.msg_type in REJECTS else match(message)
                ):
                    return self._answered(i, message)
            looked_at = len(self.pending)
            if self.ended:
                raise self.error if self.error is not None else NotActive("closed")
            if ends is not None and clock.mono_ns() > ends:
                raise TimeoutError(f"no answer to 35={msg_type} in {timeout} s")

    def _answered(self, i: int, message: Message) -> Message:
        """Take an answer out of what is pending; it is acknowledged when what came before it is."""
        if i == 0 and self.given is None:
            self.pending.popleft()
            self.passed = message
            self.finish_turn()
        else:
            self.pending[i] = Answer(message)
        return message

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Write what is sent in this `with` block by one system call at its end."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._soon()

    def post(self, msg_type: str, fields: Iterable[Any]) -> Future[int]:
        """Have a message sent by the thread that polls, soon. Any thread may call this; it does not wait.

        Returns: a future of the MsgSeqNum, or of what send() raises. `fields` must not be changed meanwhile.

        Raises: NotActive: no Poller drives this session.
        """
        return self.call(self.send, msg_type, fields)

    def warm(self, template: Template, *values: Any, times: int = 2000) -> None:
        """Walk the way of an order without sending one: no number is used, nothing is stored or written.

        The message is encoded as the next one would be, parsed as one that was received, and the connection is asked
        whether there is something to write: caches and branch predictors know the code then. For the time before the
        first order, and for quiet times.

        Args: template, values: as for send_template(). times: how often.

        Raises: EncodeError: a value cannot be written.
        """
        line = self._line
        for _ in range(times):
            raw = template.encode(self._session.next_out, clock.now().wall_ns, *values)
            parse(raw).get(35)
            if line is not None:
                line.flush()

    def orders(
        self,
        options: OrderOptions | None = None,
        *,
        log: OrderLog | None = None,
        checks: Sequence[Check] = (),
    ) -> PolledOrders:
        """Return the orders of this session; the first call makes them. They hear each message before the program does.

        To be called before the first poll(), or in on_create. Args, Raises: as for the asyncio LiveSession.
        """
        if isinstance(self._ordering, PolledOrders):
            if options is not None or log is not None or checks:
                raise ConcurrencyError("orders() was called already: give its arguments in the first call")
            return self._ordering
        orders = PolledOrders(self, self.send, options, log=log, checks=checks)
        self._ordering = orders
        self.events = self._tapped
        orders.take_up(())
        return orders

    def books(self, options: MarketDataOptions | None = None) -> PolledBooks:
        """Return the books of this session; the first call makes them. They hear each message before the program does.

        To be called before the first poll(), or in on_create. Args, Raises: as for the asyncio LiveSession.
        """
        if isinstance(self._booking, PolledBooks):
            if options is not None:
                raise ConcurrencyError("books() was called already: give its arguments in the first call")
            return self._booking
        self._booking = books = PolledBooks(self, self.send, options)
        self.events = self._tapped
        return books

    def _tapped(self) -> Iterator[Any]:
        events = self._session.events()
        if self._ordering is not None:
            events = self._ordering.tap(events)
        if self._booking is not None:
            events = self._booking.tap(events)
        return events

    def logout(self, text: str = "", *, status: int | None = None) -> None:
        """Log out, and close this connection when the peer has answered. An initiator will come back.

        Args: text: Text(58). status: SessionStatus(1409), FIXT.1.1 only.
        """
        self._log_out(text, status)

    def drop(self, *, reset: bool = False) -> None:
        """Cut the connection this instant, without Logout. Numbers and store are kept.

        Args: reset: throw away what the kernel has not delivered, too (TCP RST).
        """
        if self._line is not None:
            self._line.abort("dropped by us", reset=reset)
