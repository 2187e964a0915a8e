"""Logging on, both roles, and the resets of sequence numbers that a Logon carries (A2, A3, A4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT, Fault
from fixfast.session.checks import asks_for_reset, comp_id_fault, logon_fault, seq_num, status_of, time_fault
from fixfast.session.config import LogonContext
from fixfast.session.core import ResetInProgress
from fixfast.session.events import LoggedOn, LogonRequested, MessagesLost
from fixfast.session.liveness import SECOND, Liveness
from fixfast.session.recovery import Recovery
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message, shadowed
from fixfast.types import Now, Role

__all__ = ["RESET_UNANSWERED", "STATUS_SEQ_NUM_TOO_LOW", "LogonHandlers"]

#: SessionStatus(1409), FIXT only
STATUS_SEQ_NUM_TOO_LOW = 9

RESET_UNANSWERED = "our ResetSeqNumFlag was not answered with one: only a person can say which numbers are right"


class LogonHandlers(Recovery):
    """From connected to logged on."""

    __slots__ = ()

    # --- our Logon ------------------------------------------------------------------------------------------

    def _begin_logon(self, now: Now) -> None:
        """Initiator: send the Logon, exactly once per connection (I01)."""
        reset = self.config.reset_on_logon
        if reset and not self._is_fresh():
            self._new_epoch("logon")
        reset = reset or self._resets_by_option()
        if self._send_logon(self.config.heart_bt_int, reset, (), now):
            if reset and self.config.begin_string != "FIX.4.0":
                self._reset = ResetInProgress("")
                self._reset.logon_sent = True
            self._outbox.held = True  # I11: nothing goes out before the answer is in
            self._set_state(State.LOGON_SENT, "Logon sent")

    def _is_fresh(self) -> bool:
        return self._inbox.next_in == 1 and self._outbox.next_out == 1

    def _resets_by_option(self) -> bool:
        """Whether to say 141=Y because our numbers were set to 1 when the last connection ended."""
        return (self.config.reset_on_logout or self.config.reset_on_disconnect) and self._is_fresh()

    def _send_logon(self, heart_bt_int: int, reset: bool, extra: Iterable[tuple[int, Any]], now: Now) -> bool:
        """Send a Logon; False when it could not be made, and the connection is given up."""
        outbox = self._outbox
        try:
            extra = list(extra)
            if self.role is Role.INITIATOR:
                extra += self._hook_fields(heart_bt_int, reset, now)
            raw = outbox.encode("A", self._logon_fields(heart_bt_int, reset, extra), now.wall_ns)
        except Exception as error:  # the hook is the application's code, and so are the fields it returns
            self._alarm(f"no Logon could be made: {error!r}")
            self._close(CloseReason.LOCAL, silently=True)
            return False
        self._logon_raw = raw
        outbox.withheld.add(outbox.commit(raw, now))
        return True

    def _hook_fields(self, heart_bt_int: int, reset: bool, now: Now) -> list[tuple[int, Any]]:
        config, outbox = self.config, self._outbox
        if config.logon is None:
            return []
        context = LogonContext(
            begin_string=config.begin_string,
            sender_comp_id=config.sender_comp_id,
            target_comp_id=config.target_comp_id,
            msg_seq_num=outbox.next_out,
            sending_time=outbox.timestamp(now.wall_ns).decode("ascii"),
            heart_bt_int=heart_bt_int,
            reset=reset,
        )
        return list(config.logon(context))

    def _logon_fields(self, heart_bt_int: int, reset: bool, extra: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Return the fields of a Logon; what `extra` says replaces our own."""
        config = self.config
        fields: list[tuple[int, Any]] = [(98, 0), (108, heart_bt_int)]
        if reset and config.begin_string != "FIX.4.0":
            fields.append((141, True))
        if config.test_message_indicator is not None:
            fields.append((464, config.test_message_indicator))
        if self.role is Role.INITIATOR:
            secrets = ((553, config.username), (554, config.password), (925, config.new_password))
            fields += [(tag, value) for tag, value in secrets if value]
        if config.begin_string == "FIXT.1.1":
            fields.append((1137, config.default_appl_ver_id))
        given = {field[0] for field in extra}
        return [field for field in fields if field[0] not in given] + extra

    # --- the peer's Logon -----------------------------------------------------------------------------------

    def _on_first_message(self, message: Message, now: Now) -> None:
        """Acceptor: nothing is said, and no number used, until it is known that this is our peer (L05, L08, L29)."""
        config = self.config
        if message.get(35) != "A" or message.poss_dup:  # L28: a resent Logon is no logon
            self._close(CloseReason.NOT_LOGON, silently=True)
        elif message.begin_string != config.begin_string or comp_id_fault(message, config) or shadowed(message):
            # V30: who it is must not depend on who reads it
            self._close(CloseReason.IDENTITY, silently=True)
        elif time_fault(message, config, now):
            self._close(CloseReason.SENDING_TIME, silently=True)  # L07
        else:
            self._set_state(State.LOGON_RECEIVED, "Logon of our peer")
            self._deadline = None
            self._judge_logon(message, now)

    def _judge_logon(self, message: Message, now: Now) -> None:
        n = seq_num(message)
        if n is None:
            self._end(CloseReason.MSG_SEQ_NUM, "MsgSeqNum(34) is missing or not valid", now)
        elif self._is_faulty_logon(message, n, now):
            return
        else:
            message.detach()
            self._logon = message
            if self.config.manual_logon:
                self._set_deadline(self.config.decision_timeout, now)
                self._emit(LogonRequested(message))
            else:
                self._accept((), now)

    def _is_faulty_logon(self, message: Message, n: int, now: Now) -> bool:
        """Refuse a Logon whose content is wrong: Reject where that has a reason, then Logout (L06, L14, L18)."""
        fault = logon_fault(message, self.config) or self._version_fault(message) or self._validity_fault(message)
        if fault is not None:
            own_text = fault.text not in ("", REJECT_TEXT[fault.reason])  # the standard's names no tag
            text = fault.text if own_text else f"{REJECT_TEXT[fault.reason]}: {fault.tag}"
            if fault.reason != 99 and n == self._inbox.next_in:
                self._reject_logon(message, fault, now)
                self._inbox.count()
            self._end(CloseReason.LOGON_INVALID, text, now)
            return True
        if asks_for_reset(message, self.config) and n != 1:
            # R02: nothing is reset
            self._reject_logon(message, Fault(5, 34), now)
            self._end(CloseReason.LOGON_INVALID, f"ResetSeqNumFlag needs MsgSeqNum 1, received {n}", now)
            return True
        return False

    def _reject_logon(self, message: Message, fault: Fault, now: Now) -> None:
        """Reject a Logon, if that may be said: before a session an initiator has only a Logout to say (I05, I11)."""
        if self._state is not State.LOGON_SENT:
            self._send_reject(message, fault.reason, fault.tag, now, fault.text)

    def _validity_fault(self, message: Message) -> Fault | None:
        """Return the fault that the dictionary finds in a Logon, if such are refused."""
        fault, validation = message.fault, self.config.session_validation
        if fault is None or fault.reason == 11 or validation is None:  # 11: as in _tolerates_admin()
            return None
        if validation.mode == "warn":
            self._warn("A", fault)
        return fault if validation.mode == "reject" else None

    def _accept(self, extra: Iterable[tuple[int, Any]], now: Now) -> None:
        """Acceptor: the Logon is good. Only now may it change anything in the store (T1)."""
        message = self._logon
        assert message is not None
        n = message.msg_seq_num
        reset = asks_for_reset(message, self.config)
        if reset:
            self._new_epoch("peer")
        elif self.config.reset_on_logon and not self._is_fresh():
            self._new_epoch("logon")
        if n < self._inbox.next_in:
            self._end(CloseReason.SEQUENCE_TOO_LOW, self._low_text(n), now, STATUS_SEQ_NUM_TOO_LOW)
            return
        if not reset and n == 1 and (self.config.reset_on_logon or self._resets_by_option()):
            reset = self._is_fresh()
        if self._send_logon(message.int(108), reset, extra, now):
            self._established(message, n, reset, now)

    def _on_logon_answer(self, message: Message, now: Now) -> None:
        """Initiator: the first message from the peer (I02-I09)."""
        config = self.config
        n = seq_num(message)
        msg_type = message.get(35)
        # not our peer: Logout with a reason (TC 1B.d); we were the ones who called
        if message.begin_string != config.begin_string and msg_type != "5":
            self._end(CloseReason.BEGIN_STRING, "Incorrect BeginString", now)
        elif comp_id_fault(message, config):
            self._end(CloseReason.IDENTITY, REJECT_TEXT[9], now)
        elif msg_type == "5":
            self._on_refusal(message, n)
        elif shadowed(message):
            self._end(CloseReason.LOGON_INVALID, REJECT_TEXT[13], now)  # V30
        elif msg_type != "A" or message.poss_dup:
            self._end(CloseReason.NOT_LOGON, "The first message is not a Logon", now)
        elif time_fault(message, config, now):
            self._end(CloseReason.SENDING_TIME, REJECT_TEXT[10], now)
        elif n is None:
            self._end(CloseReason.MSG_SEQ_NUM, "MsgSeqNum(34) is missing or not valid", now)
        elif self._reset is not None and not (asks_for_reset(message, config) and n == 1):
            # R05: the two sides disagree about the numbers; only people can know which are right
            self._alarm(RESET_UNANSWERED)
            self._close(CloseReason.RESET_REFUSED)
        elif not self._is_faulty_logon(message, n, now):
            self._take_answer(message, n, now)

    def _on_refusal(self, message: Message, n: int | None) -> None:
        """Initiator: a Logout instead of a Logon; its text is for the application (I07)."""
        self._refuse(CloseReason.LOGON_REFUSED, (message.get(58) or ""), status_of(message), by_us=False)
        if n == self._inbox.next_in:
            self._inbox.count()
        self._close(CloseReason.LOGON_REFUSED)

    def _take_answer(self, message: Message, n: int, now: Now) -> None:
        reset = self._reset is not None
        self._reset = None
        if asks_for_reset(message, self.config) and not reset and not self._follow_reset(now):
            return
        if n < self._inbox.next_in:
            # I04: no silent reset of ours
            self._alarm(f"the peer's Logon has MsgSeqNum {n}, {self._inbox.next_in} was expected: it lost its numbers")
            self._end(CloseReason.SEQUENCE_TOO_LOW, self._low_text(n), now, STATUS_SEQ_NUM_TOO_LOW)
            return
        message.detach()
        self._established(message, n, asks_for_reset(message, self.config), now)

    def _follow_reset(self, now: Now) -> bool:
        """The answer resets though we did not ask. If our Logon was number 1 it stays, else another is sent (R03)."""
        if self._outbox.next_out == 2 and self._inbox.next_in == 1:
            return True
        first = self._outbox.next_out == 2
        self._new_epoch("peer")
        if not first:
            return self._send_logon(self.config.heart_bt_int, True, (), now)
        self._outbox.withheld.add(self._outbox.commit(self._logon_raw, now, queue=False))
        return True

    def _low_text(self, n: int) -> str:
        return f"MsgSeqNum too low, expecting {self._inbox.next_in} but received {n}"  # X03

    # --- established ----------------------------------------------------------------------------------------

    def _established(self, message: Message, n: int, reset: bool, now: Now) -> None:
        """Both Logons are exchanged."""
        self._logged_on = True
        self._deadline = None
        self._logon_raw = b""
        self._take_terms(message, now)
        if n == self._inbox.next_in:
            self._inbox.count()
        self._set_state(State.ACTIVE, "logged on")
        self._emit(LoggedOn(message, message.int(108), reset))
        self._outbox.offline.clear()  # the peer knows of a hole by now, and asks for it
        self._outbox.release()
        if n > self._inbox.next_in:
            # L02, I03: NIN is not moved. The Logon only needs counting when its turn comes.
            self._hold_message(None, n, now)

    def _take_terms(self, message: Message, now: Now) -> None:
        """Go by what the peer's Logon says: HeartBtInt (L15, I08), MaxMessageSize (L24)."""
        self._live = Liveness(message.int(108) * SECOND, now)
        self._learn_versions(message)
        size = message.get(383) or ""
        bounded = size.isascii() and size.isdigit() and 0 < len(size) < 10 and int(size) > 0
        self._outbox.max_size = int(size) if bounded else None

    # --- resets on an established connection -----------------------------------------------------------------

    def _on_reset_logon(self, message: Message, n: int, now: Now) -> None:
        """A Logon with 141=Y while logged on: the peer begins again at 1 (R03), or answers our own (R06)."""
        if self._is_faulty_logon(message, n, now):
            return
        message.detach()
        ours = self._reset is not None and self._reset.logon_sent
        self._reset = None
        self._deadline = None
        if not ours:
            self._abandon_gap("the peer reset its sequence numbers")
            self._new_epoch("peer")
            if not self._send_logon(message.int(108), True, (), now):
                return
        self._take_terms(message, now)
        self._inbox.count()
        self._outbox.release()
        self._emit(LoggedOn(message, message.int(108), True))

    def _abandon_gap(self, why: str) -> None:
        """R09: what was missing will not come any more."""
        gap, self._gap = self._gap, None
        if gap is not None:
            self._emit(MessagesLost(self._inbox.next_in, gap.target, why))
            self._alarm(f"inbound messages {self._inbox.next_in}..{gap.target} are lost: {why}")
        if self._state is State.RECOVERING:
            self._set_state(State.ACTIVE, why)

    def _try_reset(self, now: Now) -> None:
        """R04: once the round trip is made and nothing is missing on either side, begin again at 1."""
        reset = self._reset
        if reset is None or reset.test_id or reset.logon_sent:
            return
        if self._gap is not None or self._outbox.replay is not None or self._outbox.pending:
            return
        interval = self._live.interval // SECOND
        self._new_epoch("operator")
        if self._send_logon(interval, True, (), now):
            reset.logon_sent = True
            self._outbox.held = True
            self._set_deadline(self._logon_timeout(), now)

    def _logon_timeout(self) -> float:
        default = 10 if self.role is Role.INITIATOR else 5
        return default if self.config.logon_timeout is None else self.config.logon_timeout
