"""The inbound pipeline: the order of its steps is normative (requirements 0.1)."""

from __future__ import annotations

from fixfast.dictionary.validation import REJECT_TEXT, Fault
from fixfast.errors import LocalProtocolError, StoreError
from fixfast.session.admin import TWICE, AdminHandlers
from fixfast.session.checks import (
    asks_for_reset,
    comp_id_fault,
    poss_dup_fault,
    seq_num,
    seq_num_beyond_bounds,
    time_fault,
)
from fixfast.session.events import Duplicate, GarbledReceived
from fixfast.session.logon import STATUS_SEQ_NUM_TOO_LOW
from fixfast.session.reject import REJECTS
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message, shadowed
from fixfast.types import Buffer, Garbled, GarbledReason, Now

__all__ = ["Pipeline"]

# PERF: reading a member of an Enum class costs 60 ns in Python 3.11, a global 5
_ACTIVE, _LOGON_RECEIVED = State.ACTIVE, State.LOGON_RECEIVED
#: no bytes to feed (a singleton, of course)
_NOTHING = b""


class Pipeline(AdminHandlers):
    """From decoded items to turns."""

    __slots__ = ()

    def receive_data(self, data: Buffer, now: Now) -> None:
        """Take bytes from the peer, in any pieces, and deal with every whole message there is.

        Raises: LocalProtocolError: there is no connection.
        """
        self._now = now
        try:
            while True:
                if self._state is _ACTIVE and self._reset is None and self._check is None:
                    # THE COMMON CASE, first and fast: logged on, nothing missing, application messages with the
                    # expected numbers. Steps 1 to 7 for a run of them at once (S01), up to the first item that is
                    # anything else.
                    # PERF: one C call, from the bytes to the queue of events; see Inbox.
                    taken, item = self._inbox.receive(self._header_check, self._decoder, data, now)
                    if taken:
                        self._live.last = now
                        self._garbled_run = 0
                else:
                    item = self._other_item(data, now)
                if item is None:
                    return
                data = _NOTHING
                self._step(item, now)
                self._bound_rejects(now)
        except StoreError as error:
            self._store_failed(error)

    def _other_item(self, data: Buffer, now: Now) -> Message | Garbled | None:
        """Feed the decoder and take an item where it is not as simple; None: there is none, or not now."""
        if self._state is State.DISCONNECTED:
            raise LocalProtocolError("receive_data() without a connection")
        if data is not _NOTHING:
            self._inbox.detach()
        while self._check is not None and self._state is _ACTIVE and self._reset is None:
            # The common case, but the owner has rules of its own: each message has a turn of its own.
            run, _, item = self._header_check.take(self._decoder, data, self._inbox.next_in, now)
            if not run:
                return item
            self._live.last = now
            self._garbled_run = 0
            self._ask_owner(run[0], now)
            data = _NOTHING
        state = self._state
        if not state.connected:
            return None  # closing: what came is not looked at (F13)
        self._decoder.feed(data)
        if state is _LOGON_RECEIVED:
            self._bound_waiting(len(data))
            return None  # undecided: the bytes wait in the decoder
        return next(self._decoder, None)

    def _bound_waiting(self, n: int) -> None:
        """L30: what comes while a Logon is decided on waits in the decoder, and not without limit."""
        self._waiting_bytes += n
        if self._waiting_bytes > self.config.max_message_size:
            self._close(CloseReason.TOO_LARGE, silently=True)

    def _ask_owner(self, message: Message, now: Now) -> None:
        """Deliver a message that is as in the common case if the owner's own rules have nothing against it."""
        check = self._check
        fault = comp_id_fault(message, self.config) if self.config.check_sub_ids else None
        if fault is not None:
            self._refuse_header(message, message.msg_seq_num, fault, CloseReason.COMP_ID, now)  # C04
        elif check is None or message.get(35) in REJECTS or self._passes_check(message, check, now):
            self._inbox.deliver([message])
        self._bound_rejects(now)

    def _bound_rejects(self, now: Now) -> None:
        if self._reject_limit.exceeded and self._state.active:
            limit = self.config.max_rejects
            self._alarm(f"more than {limit} messages of the peer were rejected in {self.config.reject_window} s")
            self._end(CloseReason.TOO_MANY_REJECTS, "Too many rejected messages", now)  # V25

    # --- step by step ---------------------------------------------------------------------------------------

    def _step(self, item: Message | Garbled, now: Now) -> None:
        """Step 1, and step 3 where the state leaves no choice."""
        if isinstance(item, Garbled):
            self._on_garbled(item, now)
            return
        self._live.last = now  # G13: in or out of sequence
        self._garbled_run = 0
        self._stepped += 1
        if self._state is State.CONNECTING:
            self._on_first_message(item, now)
        elif self._state is State.LOGON_SENT:
            self._on_logon_answer(item, now)
        elif self._end_reason is None:
            self._check_header(item, now)
        elif item.get(35) == "5":
            self._finish_logout(item)
        # else: after an error only the answer to our Logout is waited for

    def _on_garbled(self, garbled: Garbled, now: Now) -> None:
        """Drop, tell, never advance, never refresh liveness (F01-F05)."""
        self._counters["garbled"] += 1
        self._garbled_run += 1
        self._emit(GarbledReceived(garbled))
        many = self._garbled_share.exceeded(self._inbox.messages_in + self._stepped)
        if garbled.reason is GarbledReason.TOO_LARGE or _is_long_length(garbled):
            if self.config.announce_max_message_size and self._state.active:
                self._send_logout(f"Message above our MaxMessageSize {self.config.max_message_size}", None, now)  # L25
            self._close(CloseReason.TOO_LARGE)  # F08
        elif not self._logged_on:
            self._close(CloseReason.GARBLED, silently=True)  # F12
        elif self._garbled_run >= self.config.max_garbled:
            self._alarm(f"{self._garbled_run} garbled messages in a row")
            self._end(CloseReason.GARBLED, "Too many garbled messages", now)  # F11
        elif many:
            self._alarm(f"more than {self.config.max_garbled_percent} % of the latest messages are garbled")
            self._end(CloseReason.GARBLED, "Too many garbled messages", now)

    def _check_header(self, message: Message, now: Now) -> None:
        """Steps 2 to 6."""
        config = self.config
        n = seq_num(message)
        msg_type = message.get(35)
        if n is None:
            if msg_type == "5" and self._is_leaving():
                self._finish_logout(message)  # O02: whatever its number
            elif seq_num_beyond_bounds(message):
                self._send_reject(message, 5, 34, now)  # S19: as if it had not come
            else:
                self._end(CloseReason.MSG_SEQ_NUM, "MsgSeqNum(34) is missing or not valid", now)  # F10
            return
        if msg_type == "5" and self._is_leaving():
            if n == self._inbox.next_in:
                self._inbox.count()
            self._finish_logout(message)  # O02, O06: whatever else it says
            return
        twice = shadowed(message)
        if twice:
            self._on_shadowed(message, twice, n, now)
            return
        if message.begin_string != config.begin_string and msg_type != "5":
            self._end(CloseReason.BEGIN_STRING, "Incorrect BeginString", now)  # C01, C02
            return
        fault = comp_id_fault(message, config)
        if fault is not None and fault.reason == 9:
            self._refuse_header(message, n, fault, CloseReason.COMP_ID, now)  # C03
            return
        if fault is not None and msg_type in ("4", "A"):
            # what is not subject to the sequence gets no turn at which it could be rejected
            self._send_reject(message, fault.reason, fault.tag, now)
            if n == self._inbox.next_in:
                self._inbox.count()
                self._drain(now)
            return
        fault = time_fault(message, config, now)
        if fault is not None:
            self._refuse_header(message, n, fault, CloseReason.SENDING_TIME, now)  # C08, C09
            return
        self._check_sequence(message, n, msg_type or "", now)

    def _on_shadowed(self, message: Message, tag: int, n: int, now: Now) -> None:
        """A header field comes twice (V30): refused at its turn, and nothing in it is acted on before."""
        expected = self._inbox.next_in
        if n == expected:
            self._in_turn(message, n, now)
            self._drain(now)
        elif n > expected and tag != 34 and self._reset is None and not self._is_leaving():
            self._hold_message(message, n, now)
        else:
            self._send_reject(message, TWICE, tag, now)

    def _refuse_header(self, message: Message, n: int, fault: Fault, reason: CloseReason, now: Now) -> None:
        """Reject, advance where it was the expected number, Logout, disconnect.

        Behind our own Logout nothing is said, and so NIN stays: see _reject_and_count().
        """
        if not self._is_leaving():
            self._send_reject(message, fault.reason, fault.tag, now)
            if n == self._inbox.next_in:
                self._inbox.count()
        self._end(reason, REJECT_TEXT[10 if reason is CloseReason.SENDING_TIME else 9], now)

    def _check_sequence(self, message: Message, n: int, msg_type: str, now: Now) -> None:
        """Step 7; what resets the numbers is not subject to them."""
        reset = self._reset
        if reset is not None and reset.logon_sent:
            self._while_resetting(message, n, msg_type)
            if msg_type == "A" and self._state.active:
                self._on_reset_logon(message, n, now)
            return
        if msg_type == "A" and self._state.active and not message.poss_dup and asks_for_reset(message, self.config):
            self._on_reset_logon(message, n, now)
            return
        if msg_type == "4" and message.get(123) != "Y":
            self._on_reset_mode(message, now)
            return
        expected = self._inbox.next_in
        if n == expected:
            self._in_turn(message, n, now)
            self._drain(now)
        elif n > expected:
            self._too_high(message, n, msg_type, now)
        else:
            self._too_low(message, n, msg_type, now)

    def _too_high(self, message: Message, n: int, msg_type: str, now: Now) -> None:
        """Something before it is missing (S02): NIN stays, whatever it is (T3, T4, T5)."""
        held: Message | None = message
        if msg_type == "2" and self._answer_early(message, now):
            held = None
        if self._is_leaving() or not self._state.connected:
            return  # nothing but resends after a Logout; the rest comes after the next logon
        if msg_type == "5" and self._state is not State.LOGOUT_RECEIVED:
            self._on_early_logout(message, now)
        self._hold_message(held, n, now)

    def _too_low(self, message: Message, n: int, msg_type: str, now: Now) -> None:
        """Either a repetition (S05), or the peer has lost its numbers (S04)."""
        if message.poss_dup:
            fault = poss_dup_fault(message)
            self._counters["duplicates"] += 1
            if self.config.report_duplicates:
                message.detach()
                self._emit(Duplicate(message))
            if fault is not None and self._state.active:
                self._send_reject(message, fault.reason, fault.tag, now)  # S10
                if fault.reason == 10:
                    self._end(CloseReason.SENDING_TIME, REJECT_TEXT[10], now)  # S08
        elif msg_type == "5" or not self._state.active:
            self._close(CloseReason.SEQUENCE_TOO_LOW)  # O05
        elif msg_type == "4" and self.config.low_gap_fill == "discard":
            self._alarm(f"a GapFill with MsgSeqNum {n} without PossDupFlag is discarded")  # Z04
        else:
            self._alarm(f"the peer sent MsgSeqNum {n}, {self._inbox.next_in} was expected")
            self._end(CloseReason.SEQUENCE_TOO_LOW, self._low_text(n), now, STATUS_SEQ_NUM_TOO_LOW)


def _is_long_length(garbled: Garbled) -> bool:
    """Whether BodyLength has more digits than any message may (F08)."""
    if garbled.reason is not GarbledReason.BODY_LENGTH:
        return False
    digits = garbled.raw.partition(b"\x019=")[2]
    return len(digits) > 8 and digits.isdigit()
