"""LiveSession of the threaded front end: what a program calls, from any thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from fixfast import clock
from fixfast.engine.requests import match_by_id
from fixfast.engine.sync.line import READ, Line
from fixfast.engine.sync.ordered import Ordered
from fixfast.errors import ConcurrencyError, NotActive, StoreError
from fixfast.session.wire import Message, Template

__all__ = ["LiveSession"]

_log = logging.getLogger("fixfast.engine")

_SECOND = 1_000_000_000
#: seconds more than the session's own limit that close() waits before it cuts the connection
_GRACE = 3.0


class LiveSession(Ordered):
    """A FIX session that is, or will be again, connected. Any thread may call it.

    Made by `fixfast.sync.connect` and `fixfast.sync.serve`, not by hand.

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
        line = self._line
        return line.peername if line is not None else ""

    # --- sending -------------------------------------------------------------------------------------------

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Number, store and write a message; what the kernel does not take at once is written later.

        `to_send` of the application is called before the lock is taken.

        Args:
            msg_type: MsgType(35).
            fields: (tag, value) pairs as `fixfast.encode` takes them, without the tags the session owns.

        Returns: its MsgSeqNum; 0 where a Throttle has queued it: it has no number yet, see `Released` and `Unsent`.

        Raises:
            NotActive: not logged on (with offline="store" it is stored instead).
            Throttled: faster than the session's Throttle allows. No number was used.
            EncodeError: names the tag. No number was used.
            StoreError: the store failed; the session ends.
        """
        if self._hooks.to_send is not None:
            fields = list(fields)
            changed = self._hooks.to_send(self, msg_type, fields)
            fields = fields if changed is None else changed
        elif not isinstance(fields, (list, tuple)):
            fields = list(fields)  # the program's own code does not run under the lock
        seq = self._put(msg_type, fields)
        if self._unsafe:
            self.mind_store()
        return seq

    def send(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Do send_nowait(), then wait while the peer does not read what was written before; never for an answer.

        With a Throttle that says when_full="wait" it waits for its turn first, and raises NotActive when the session
        ends meanwhile.
        """
        seq = self.send_nowait(msg_type, fields) if self._pacing is None else self._send_in_turn(msg_type, fields)
        line = self._line
        if line is not None and line.unsent:
            self._drain()
        return seq

    def _send_in_turn(
        self,
        msg_type: str,
        fields: Iterable[Any],
        *,
        until: int | None = None,
        sent: Callable[[int], object] | None = None,
    ) -> int:
        """Do what send_nowait() does, when a Throttle allows it. `to_send` is called before the wait.

        Args: until: mono_ns. sent: called with the number while nobody else can do anything; one must be had, then.
        """
        assert self._pacing is not None
        if self._turning == get_ident():
            raise ConcurrencyError("a hook that the session calls cannot wait for that session")
        fields = list(fields)
        if self._hooks.to_send is not None:
            changed = self._hooks.to_send(self, msg_type, fields)
            fields = fields if changed is None else list(changed)

        def send(msg_type: str, fields: Any) -> int:
            try:
                seq = self._session.send(msg_type, fields, clock.now())
            except BaseException as error:
                self._not_sent(error)
                raise
            if sent is not None:
                sent(seq)
            return seq

        seq = self._pacing.send(send, msg_type, fields, until=until, wait=sent is not None)
        if self._unsafe:
            self.mind_store()
        return seq

    def send_template(self, template: Template, *values: Any) -> int:
        """Do what send_nowait() does, with a template of this session and the values of its slots."""
        with self._lock:
            try:
                seq = self._session.send_values(template, values, clock.now())
            except BaseException as error:
                self._not_sent(error)
                raise
            line = self._line
            if line is None or line.unsent or line.leaving or self._turning or self._held_back:
                self._soon()
            else:
                # PERF: the common case of _soon(), without its call
                try:
                    hurried = line.hurry()
                except BaseException as error:
                    self._torn(error)
                    raise
                if not hurried or line.unsent or line.over:
                    self._soon()
            if not seq:
                self.waker.wake()  # a Throttle has queued it: there is a new deadline
        if self._unsafe:
            self.mind_store()
        return seq

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Write what is sent in this `with` block by as few system calls as possible, at its end.

        What other threads send meanwhile is written then, too.
        """
        with self._lock:
            self._held_back += 1
        try:
            yield
        finally:
            with self._lock:
                self._held_back -= 1
                self._soon()
            if self._unsafe:
                self.mind_store()

    def request(
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
            timeout: seconds to wait; None: for ever.

        Returns: the answer, or the reject: look at `msg_type`.

        Raises:
            TimeoutError: no answer in time.
            NotActive, EncodeError, StoreError: as send_nowait().
            GaveUp: reconnecting ended while waiting.
            ValueError: match is needed: nothing is known of how this type is answered.
        """
        fields = list(fields)
        if match is None:
            match = match_by_id(msg_type, fields)
        until = _until(timeout)
        answer: Future[Message] = Future()
        asks = match
        if self._pacing is None:
            with self._lock:
                self._requests.add(match, self.send_nowait(msg_type, fields), answer)
        else:
            self._send_in_turn(msg_type, fields, until=until, sent=lambda seq: self._requests.add(asks, seq, answer))
        with self._lock:
            self._delivery.review()
        message = None
        try:
            if not self.wait_until(answer.done, until):
                raise TimeoutError(f"no answer to 35={msg_type} in {timeout} s")
            message = answer.result()
        finally:
            with self._lock:
                self._requests.forget(answer)
                if message is not None:
                    self._delivery.dealt_with(message)
                elif answer.done() and answer.exception() is None:
                    self._delivery.message(answer.result(), again=True)  # not lost
                self._delivery.review()
        return message

    def reject(self, message: Message, reason: int, text: str = "", ref_id: str = "") -> int:
        """Answer a message with BusinessMessageReject (j).

        Args:
            message: what is rejected.
            reason: BusinessRejectReason(380).
            text: Text(58).
            ref_id: BusinessRejectRefID(379).

        Raises: NotActive, StoreError; LocalProtocolError: the message is a reject itself.
        """
        with self._lock:
            seq = super().reject(message, reason, text, ref_id)
        if self._unsafe:
            self.mind_store()
        return seq

    # --- receiving -----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Message]:
        """Iterate over application messages, Rejects and BusinessMessageRejects, across reconnects.

        Taking the next message acknowledges the last: after a crash, what was not acknowledged comes again with
        `redelivered` set. Ends when the session is closed. One thread at a time.

        Raises: GaveUp: reconnecting ended for good. ConcurrencyError: the messages go to callbacks, or events().
        """
        self._delivery.claim("messages")
        return iter(self._next, None)

    def events(self) -> Iterator[Any]:
        """Iterate over everything: messages and the events of `fixfast.session.events`. One thread at a time."""
        self._delivery.claim("events")
        return iter(self._next, None)

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, as iteration gives it.

        Args: timeout: seconds to wait for it; 0: only what is there; None: for ever.

        Returns: None: the session was closed.

        Raises: TimeoutError: none in time. GaveUp, ConcurrencyError: as iteration.
        """
        self._delivery.claim("messages")
        message: Message | None = self._next(_until(timeout))
        return message

    def wait_active(self, timeout: float | None = None) -> None:
        """Wait until the session is logged on.

        Raises: GaveUp; NotActive: the session was closed; TimeoutError.
        """
        if not self.wait_until(lambda: self._logged_on or self.stopping.is_set(), _until(timeout), on=self._moved):
            raise TimeoutError(f"not logged on in {timeout} s")
        if not self._logged_on:
            raise self.error if self.error is not None else NotActive("closed")

    # --- ending --------------------------------------------------------------------------------------------

    def close(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out, wait for the peer's answer, close the connection, and do not come back.

        Args:
            text: Text(58) of the Logout.
            timeout: seconds for all of it; then the connection is cut. None: the session's own limits.
            status: SessionStatus(1409) of the Logout, FIXT.1.1 only; None for none.
        """
        self.stop()
        try:
            self.logout(text, timeout=timeout, status=status)
        finally:
            self.give_up(None)

    def logout(self, text: str = "", *, timeout: float | None = None, status: int | None = None) -> None:
        """Log out and close this connection. An initiator will come back, an acceptor will let the peer come back.

        Args: text, timeout, status: as for close().
        """
        line = self.leave(text, status=status)
        steps = 2 if self.config.logout_test_request else 1
        limit = timeout if timeout is not None else steps * self.config.logout_timeout + _GRACE
        self.await_end(line, _until(limit))

    def leave(self, text: str = "", *, status: int | None = None) -> Line | None:
        """Begin logout(): send the Logout. Return the connection that is to end, None where there is none."""
        with self._lock:
            line = self._line
            if line is None:
                return None
            try:
                if self.active:
                    self._goodbye = text
                    self._session.logout(text, clock.now(), status=status)
                elif not self._is_leaving():
                    line.abort("closed before logon")
            except BaseException as error:
                self._torn(error)
                raise
            self.turn()
        if self._unsafe:
            self.mind_store()
        self.waker.wake()  # there are new deadlines
        return line

    def await_end(self, line: Line | None, until: int | None) -> None:
        """Wait until a connection has ended, so long at most: then it is cut."""
        if line is not None and not self.wait_until(lambda: self._line is not line, until):
            self.cut("no end of the connection in time")

    def drop(self, *, reset: bool = False) -> None:
        """Cut the connection this instant, without Logout: what was sent and not yet written stays unwritten.

        Numbers and store are kept; what the peer misses it will ask for after the next logon. For programs that must
        stop at once, and to try what happens then.

        Args: reset: throw away what the kernel has not delivered, too (TCP RST).
        """
        with self._lock:
            if self._line is not None:
                self._line.abort("dropped by us", reset=reset)
                self.turn()

    # --- commands of a person ------------------------------------------------------------------------------

    def reset(self, *, tell: bool = False) -> None:
        """Begin both sequence numbers at 1: see the asyncio LiveSession."""
        with self._lock:
            super().reset(tell=tell)
            self.turn()
        self.waker.wake()

    def set_next_out(self, n: int) -> None:
        """Continue with MsgSeqNum n: see the asyncio LiveSession."""
        with self._lock:
            super().set_next_out(n)

    def send_sequence_reset(self, new_seq_no: int) -> None:
        """Skip outbound numbers: see the asyncio LiveSession."""
        with self._lock:
            super().send_sequence_reset(new_seq_no)

    def resend(self, begin: int, end: int = 0) -> None:
        """Send stored messages again: see the asyncio LiveSession."""
        with self._lock:
            super().resend(begin, end)

    # --- inside --------------------------------------------------------------------------------------------

    def _next(self, until: int | None = None) -> Any:
        """Return the next item of the iteration, None at its end.

        PERF: what wait_until() and lead() do, in one piece for the common case: 2.5 us less of 7.4.
        """
        if self._turning and self._turning == get_ident():
            raise ConcurrencyError("a hook that the session calls cannot wait for that session")
        delivery = self._delivery
        try:
            tried = False  # in here: Ctrl-C at the loop's end comes, in CPython 3.11, to the line before it
            while True:
                with self._lock:
                    if self._taking and not tried:
                        raise ConcurrencyError(
                            "another thread waits for this session's next message: one consumer only"
                        )
                    if delivery.given is not None and (n := delivery.settled()):
                        try:
                            self._session.done(n)
                        except StoreError as error:
                            self._store_broke(error)
                    item = delivery.take()
                    if item is None and delivery.ended:
                        return self._last_item()
                    if item is not None:
                        self._taking = 0
                        return item
                    if tried and until is not None and clock.now().mono_ns >= until:
                        self._taking = 0
                        break
                    tried = True
                    line = self.claim(until)
                    if line is None:
                        self._taking = get_ident()
                        self._follow(until)
                        continue
                    self._taking = self.led
                if not line.awaited:
                    self.lead(line, until)
                    continue
                try:
                    data = line.recv(READ)
                except OSError as error:
                    self.interrupted(line, error)
                    continue
                with self._lock:
                    self._taking = 0
                    item = self.came(line, data, True)
                if self._unsafe:
                    self.mind_store()
                if item is not None:
                    return item
        except Exception:
            if self._taking == get_ident():
                self._taking = 0
            raise
        except BaseException:  # Ctrl-C
            with self._lock:
                self.abandon()
                delivery.put_back()
            raise
        raise TimeoutError("no message in time")

    def _last_item(self) -> None:
        """End the iteration, with the exception that is to be raised once."""
        self._taking = 0
        error, self._delivery.error = self._delivery.error, None
        if error is not None:
            raise error

    def _drain(self) -> None:
        """Wait while the line has something that the kernel did not take; slow consumers are dropped in the end."""
        line = self._line
        with self._lock:
            while line is not None and line is self._line and line.unsent:
                self._follow(None)


def _until(seconds: float | None) -> int | None:
    return None if seconds is None else clock.now().mono_ns + max(0, int(seconds * _SECOND))
