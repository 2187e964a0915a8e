"""Ordered: a session that threads share, its orders and its books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from threading import get_ident
from typing import Any, TypeVar

from fixfast import clock
from fixfast.engine.sync.books import Books
from fixfast.engine.sync.calling_back import CallingBack
from fixfast.engine.sync.orders import Orders
from fixfast.engine.tapping import Overhearing
from fixfast.errors import ConcurrencyError
from fixfast.session.wire import Message
from fixfast.trading.asking import MarketDataOptions
from fixfast.trading.log import OrderLog
from fixfast.trading.orders import Check
from fixfast.trading.request import OrderOptions

__all__ = ["Ordered"]

_T = TypeVar("_T")
_SECOND = 1_000_000_000
#: A thread that reads for all is woken by the peer alone: what another thread does to a book it sees so late, at most.
_LOOK_AGAIN_NS = _SECOND // 2


class Ordered(CallingBack):
    """The part of a LiveSession that has orders and books, and numbers what they send."""

    def orders(
        self,
        options: OrderOptions | None = None,
        *,
        log: OrderLog | None = None,
        checks: Sequence[Check] = (),
        consume: bool = False,
    ) -> Orders:
        """Return the orders of this session; the first call makes them. They hear each message before the program does.

        Messages that wait for the program already are heard, too. Args, Raises: as for the asyncio LiveSession.
        """
        with self._lock:
            if isinstance(self._ordering, Orders):
                if options is not None or log is not None or checks or consume:
                    raise ConcurrencyError("orders() was called already: give its arguments in the first call")
                return self._ordering
            passed = self._delivery.pass_by if consume else None
            orders = Orders(self, options, log=log, checks=checks, passed=passed)
            self._ordering = orders
            self._requests.ends.append(orders.end)
            orders.take_up(self._delivery.waiting())
            return orders

    def books(self, options: MarketDataOptions | None = None, *, consume: bool = True) -> Books:
        """Return the books of this session; the first call makes them. They hear each message before the program does.

        Args, Raises: as for the asyncio LiveSession.
        """
        with self._lock:
            if isinstance(self._booking, Books):
                if options is not None or not consume:
                    raise ConcurrencyError("books() was called already: give its arguments in the first call")
                return self._booking
            books = Books(self, options, passed=self._delivery.pass_by if consume else None)
            self._booking = books
            self._requests.ends.append(books.end)
            books.take_up(self._delivery.waiting())
            return books

    def overhear(self, msg_type: str, told: Callable[[Message], object]) -> None:
        """Have told(message) called with each message of a type that answers no request, before the program sees it.

        One for each session. It is called with the session's lock, and must neither wait nor call the session.
        """
        with self._lock:
            self._overhearing = Overhearing(self, msg_type, self._requests.answered_by, told)

    # --- for them -------------------------------------------------------------------------------------------

    @property
    def lock(self) -> AbstractContextManager[object]:
        """What guards everything here."""
        return self._lock

    def _put(self, msg_type: str, fields: Iterable[Any]) -> int:
        with self._lock:
            try:
                seq = self._session.send(msg_type, fields, clock.now())
            except BaseException as error:
                self._not_sent(error)
                raise
            self._soon()
            if not seq:
                self.waker.wake()  # a Throttle has queued it: there is a new deadline
        return seq

    def put(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Do what send_nowait() does but look after the store: for who holds the lock, and calls act()."""
        if self._hooks.to_send is not None:
            fields = list(fields)
            changed = self._hooks.to_send(self, msg_type, fields)
            fields = fields if changed is None else changed
        return self._put(msg_type, fields)

    def in_turn(self, msg_type: str, fields: list[Any], act: Callable[[], _T]) -> _T:
        """Do something that sends one message, like these fields, under the lock, when a Throttle allows it."""
        done: list[_T] = []

        def send(msg_type: str, fields: Any) -> int:
            done.append(act())
            return 1

        if self._pacing is not None:
            if self._turning == get_ident():
                raise ConcurrencyError("a hook that the session calls cannot wait for that session")
            self._pacing.send(send, msg_type, fields)
        else:
            with self._lock:
                send(msg_type, fields)
        if self._unsafe and self._turning != get_ident():
            self.mind_store()
        return done[0]

    def wait_so(self, so: Callable[[], bool], check: Callable[[], None], timeout: float | None) -> bool:
        """Wait until something is so; both are asked under the lock, and what they raise is raised.

        Args: check: raises when it never will be. timeout: seconds; None: for ever. Returns: False: not in time.
        """
        errors: list[BaseException] = []

        def over() -> bool:
            try:
                if so():
                    return True
                check()
            except Exception as error:
                errors.append(error)
                return True
            return False

        look = clock.now().mono_ns
        until = None if timeout is None else look + max(0, int(timeout * _SECOND))
        while True:
            look += _LOOK_AGAIN_NS
            if self.wait_until(over, look if until is None else min(look, until)):
                break
            if until is not None and look >= until:
                return False
        if errors:
            raise errors[0]
        return True

    def _not_sent(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self._soon()  # a store that failed ends the connection
        else:
            self._torn(error)
