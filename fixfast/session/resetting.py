"""Resets of both sequence numbers on an established connection: the peer's, our own, and both at once (R03-R09)."""

from __future__ import annotations

from fixfast.session.checks import asks_for_reset
from fixfast.session.events import LoggedOn, LoggedOut, MessagesLost
from fixfast.session.liveness import SECOND
from fixfast.session.logon_answer import RESET_UNANSWERED, LogonAnswer
from fixfast.session.outbox import ADMIN
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Now

__all__ = ["Resets"]


class Resets(LogonAnswer):
    """Logons with ResetSeqNumFlag while logged on."""

    __slots__ = ()

    def _on_reset_logon(self, message: Message, n: int, now: Now) -> None:
        """A Logon with 141=Y while logged on: the peer begins again at 1 (R03), or answers our own (R06)."""
        if self._is_faulty_logon(message, n, now):
            return
        ours = self._reset is not None and self._reset.logon_sent
        if self._expects_too_much(message, 2 if ours else 1, now):  # N09
            return
        message.detach()
        self._reset = None
        self._deadline = None
        if not ours:
            self._abandon_gap("the peer reset its sequence numbers")
            self._new_epoch("peer")
            if not self._send_logon(message.int(108), True, (), now, message):
                return
        self._take_terms(message, now)
        self._inbox.count()
        self._outbox.release()
        self._round_trip = None  # I12: there is nothing left to be resent
        self._emit(LoggedOn(message, message.int(108), True))

    def _abandon_gap(self, why: str) -> None:
        """R09: what was missing will not come any more."""
        gap, self._gap = self._gap, None
        if gap is not None:
            self._give_up_gap(self._inbox.next_in, gap.target, why)
        if self._state is State.RECOVERING:
            self._set_state(State.ACTIVE, why)

    def _try_reset(self, now: Now) -> None:
        """R04: once the round trip is made and nothing is missing on either side, begin again at 1."""
        reset = self._reset
        if reset is None or reset.test_id or reset.logon_sent:
            return
        if self._gap is not None or self._outbox.replay is not None or self._outbox.queue:
            return
        interval = self._live.interval // SECOND
        self._new_epoch("operator", asking=True)
        if self._send_logon(interval, True, (), now):
            reset.logon_sent = True
            self._outbox.held = True
            self._set_deadline(self._logon_timeout(), now)

    def _while_resetting(self, message: Message, n: int, msg_type: str) -> None:
        """Our Logon with 141=Y is out: only its answer matters; everything else has a number of the old epoch."""
        if msg_type == "A":
            if not (n == 1 and asks_for_reset(message, self.config)):
                self._alarm(RESET_UNANSWERED)
                self._close(CloseReason.RESET_REFUSED)  # R05
        elif msg_type == "5":
            self._emit(LoggedOut((message.get(58) or ""), False))
            self._close(CloseReason.RESET_REFUSED)
        elif msg_type not in ADMIN:
            self._emit(MessagesLost(n, n, "sent before the peer knew of our sequence reset"))
            self._alarm(f"inbound message {n} of the old sequence came during a sequence reset and is lost")
