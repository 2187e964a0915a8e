"""What a person or a program decides about a session: Logons to accept, numbers to begin again, its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.checks import MAX_SEQ_NUM
from fixfast.session.core import Farewell, ResetInProgress
from fixfast.session.liveness import SECOND
from fixfast.session.pipeline import Pipeline
from fixfast.session.state import CloseReason, State
from fixfast.types import Now

__all__ = ["Deciding"]

#: How long the round trip before a reset may take when there are no heartbeats.
_ROUND_TRIP = 30 * SECOND


class Deciding(Pipeline):
    """The decisions, as methods of Session."""

    __slots__ = ()

    # --- sequence numbers -----------------------------------------------------------------------------------

    def reset(self, now: Now, *, tell: bool = False) -> None:
        """Begin both sequence numbers at 1: at once without a connection, else by Logon with 141=Y (R04).

        On a session it takes a round trip first, and waits while messages are missing on either side. LoggedOn with
        `reset` set tells that it is done.

        Args: tell: without a connection, too: the next Logon of an initiator says 141=Y, until it is answered (R04);
            not in FIX 4.0, which has no such field (R08).

        Raises: LocalProtocolError: FIX 4.0 with a connection, or neither logged on nor disconnected. StoreError.
        """
        self._now = now
        if self._state is State.DISCONNECTED:
            self._new_epoch("operator", asking=tell)
            self._lows = 0
        elif not self._state.active or self.config.begin_string == "FIX.4.0":
            raise LocalProtocolError(f"no reset in {self.config.begin_string} while {self._state.value}")
        elif self._reset is None:
            try:
                self._reset = ResetInProgress(self._test_request(now))
            except StoreError as error:
                self._store_failed(error)
                raise
            self._deadline = now.mono_ns + max(3 * self._live.interval, _ROUND_TRIP)

    def set_next_out(self, n: int, now: Now) -> None:
        """Continue with MsgSeqNum n: what a person does when the peer insists on a higher number (I13).

        The peer is told nothing: the numbers left out were never sent, and are gap-filled when asked for. It is durable
        when this returns; Logons are sent again.

        Args: n: next_out or above.

        Raises: LocalProtocolError: another number, or there is a connection. StoreError: the session ends.
        """
        self._now = now
        if self._state is not State.DISCONNECTED:
            raise LocalProtocolError(f"set_next_out() while {self._state.value}")
        if not self._outbox.next_out <= n <= MAX_SEQ_NUM:
            raise LocalProtocolError(f"set_next_out({n}): {self._outbox.next_out} or above")
        if n > self._outbox.next_out:
            try:
                self._outbox.skip_to(n, now, queue=False)
                self._store.sync()
            except StoreError as error:
                self._store_failed(error)
                raise
        self._lows = 0

    @property
    def held_back(self) -> bool:
        """Whether no Logon is sent until a person gives a command: the peer keeps saying that it is too low (I13)."""
        return self._lows >= self.config.max_too_low_logouts

    def send_sequence_reset(self, new_seq_no: int, now: Now) -> None:
        """Skip outbound numbers, and tell the peer by a SequenceReset-Reset; durable before it is sent (Z13).

        The peer will never ask for what had the numbers in between. Logged on, the message goes out behind what is
        queued. Without a connection it goes out right behind the next Logon, unless other messages were numbered
        meanwhile: then the peer asks, because that Logon is too high, and is answered with a gap fill.

        This is also the way back after a store was lost (Z14): on the new one, whose numbers are 1, call it before the
        first connection, with a number above every one that the peer can have seen. The peer then resends from 1 on
        what it ever sent; it comes with PossDupFlag, and what of it was dealt with is for the application to know.

        Args: new_seq_no: MsgSeqNum of our next message, above next_out, by config.max_sequence_jump at most.

        Raises:
            LocalProtocolError: another number; while logging on or out; a reset is under way.
            StoreError: the session ends.
        """
        self._now = now
        outbox, farthest = self._outbox, self._outbox.next_out + self.config.max_sequence_jump
        if not outbox.next_out < new_seq_no <= min(farthest, MAX_SEQ_NUM):
            raise LocalProtocolError(f"NewSeqNo {new_seq_no}: a number from {outbox.next_out + 1} to {farthest}")
        connected = self._state.active
        if self._reset is not None or not (connected or self._state is State.DISCONNECTED):
            raise LocalProtocolError(f"no SequenceReset while {self._state.value}")
        try:
            outbox.skip_to(new_seq_no, now, queue=connected)
            self._store.sync()
        except StoreError as error:
            self._store_failed(error)
            raise
        if not connected:
            self._jumped_to = new_seq_no
            self._lows = 0

    def resend(self, begin: int, end: int, now: Now) -> None:
        """Send stored messages again, as if the peer had asked for them: behind what is queued, with PossDupFlag.

        What is not resent (session messages, orders by default) is gap-filled. A peer that has these numbers drops
        them; this is for one that lost them, and cannot or does not ask.

        Args: begin, end: the numbers, both included; end 0: all from `begin` on.

        Raises: LocalProtocolError: not logged on, or numbers that were not used.
        """
        self._now = now
        last = self._outbox.next_out - 1
        if not self._state.active:
            raise LocalProtocolError(f"no resend while {self._state.value}")
        if not (1 <= begin <= (end or last) <= last):
            raise LocalProtocolError(f"resend({begin}, {end}): numbers from 1 to {last} were used")
        try:
            self._start_replay(begin, end or last, now)
        except StoreError as error:
            self._store_failed(error)
            raise

    # --- the end --------------------------------------------------------------------------------------------

    def logout(self, text: str, now: Now, *, status: int | None = None) -> None:
        """Log out: the peer's resend requests are still answered, its answer is waited for, then close (O01).

        With config.logout_test_request that happens once a TestRequest is answered, within logout_timeout, so that
        nothing of what was sent is still on its way; another call does not wait for it. Without a session yet, the
        connection is closed at once; without a connection nothing happens.

        Args: text: Text(58), may be empty. status: SessionStatus(1409), FIXT.1.1 only (L21); None for none.
        """
        self._now = now
        state = self._state
        if state.active:
            if self._reset is not None and self._reset.logon_sent:
                self._outbox.release()
            self._reset = None
            try:
                if self.config.logout_test_request and self._farewell is None:
                    self._farewell = Farewell(self._test_request(now), text, status)
                    self._set_deadline(self.config.logout_timeout, now)
                else:
                    self._log_out(text, status, now)
            except StoreError as error:
                self._store_failed(error)
        elif state in (State.CONNECTING, State.LOGON_SENT, State.LOGON_RECEIVED):
            self._close(CloseReason.LOCAL, silently=True)

    # --- Logons of the peer ---------------------------------------------------------------------------------

    def answer_with(self, fields: Iterable[tuple[int, Any]], *, status: int | None = None) -> None:
        """Acceptor: add fields to the next answer to a Logon; said before that comes in (L20, L21).

        Args: status: SessionStatus(1409), FIXT.1.1 only, such as 1 (password changed) or 2 (due to expire).
        """
        self._answer_fields = self._with_status(fields, status)

    def _with_status(self, fields: Iterable[tuple[int, Any]], status: int | None) -> list[tuple[int, Any]]:
        added = [(1409, status)] if status is not None and self.config.begin_string == "FIXT.1.1" else []
        return [*added, *fields]

    def accept_logon(self, fields: Iterable[tuple[int, Any]], now: Now, *, status: int | None = None) -> None:
        """Acceptor with manual_logon: let the peer in.

        Args: fields: added to our Logon. status: its SessionStatus(1409), FIXT.1.1 only (L20, L21); None for none.
        """
        self._check_deciding()
        self._now = now
        try:
            self._accept(self._with_status(fields, status), now)
        except StoreError as error:
            self._store_failed(error)
            return
        self.receive_data(b"", now)  # what came meanwhile

    def refuse_logon(self, text: str | None, status: int | None, now: Now) -> None:
        """Acceptor with manual_logon: do not let the peer in.

        Args:
            text: Text(58) of the Logout; None: close without a word and without using a number. A text that repeats a
                password of the Logon is replaced (C23).
            status: SessionStatus(1409), FIXT.1.1 only; None for none.
        """
        self._check_deciding()
        self._now = now
        try:
            self._turn_away(CloseReason.LOGON_REFUSED, text, status, now)
        except StoreError as error:
            self._store_failed(error)

    def _check_deciding(self) -> None:
        if self._state is not State.LOGON_RECEIVED:
            raise LocalProtocolError(f"no Logon is being decided on: the session is {self._state.value}")
