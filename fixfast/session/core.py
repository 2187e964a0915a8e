"""SessionCore: the parts of a session, its one state setter, and the ways a session says something or ends."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT, Fault
from fixfast.errors import LocalProtocolError, StoreCorrupt, StoreError
from fixfast.session.checks import ALARM_SEQ_NUM, SENTINEL_VERSIONS, owner_check
from fixfast.session.config import SessionConfig
from fixfast.session.events import (
    Alarm,
    Disconnected,
    LoggedOn,
    LogonRefused,
    MessagesLost,
    Rejected,
    SequenceReset,
    StateChanged,
)
from fixfast.session.gap import Gap, HoldQueue, RequestCounter
from fixfast.session.hours import Hours
from fixfast.session.limits import GarbledShare, RepeatLimit, SendWatch, SlidingWindow
from fixfast.session.liveness import SECOND, Liveness
from fixfast.session.outbox import ADMIN, Outbox
from fixfast.session.reading import first_dictionary, header_check
from fixfast.session.reject import REJECTS, reject_fields
from fixfast.session.sequence import Inbox
from fixfast.session.state import TRANSITIONS, CloseReason, State
from fixfast.session.wire import Message, StreamDecoder, parse
from fixfast.store.base import Store
from fixfast.store.memory import MemoryStore
from fixfast.types import Now, Role

__all__ = ["Farewell", "ResetInProgress", "RoundTrip", "SessionCore"]

#: How long the peer has to read our Logout when something was wrong (TC 2.c).
ERROR_LOGOUT_TIMEOUT = 2 * SECOND


#: How a store remembers that an epoch began with a Logon of ours that says so, and the reasons that imply it.
ASKING = "by Logon"
_ASKS = frozenset({"logon", "logout", "disconnect", ASKING})

#: ends of a connection without a Logon that nobody said no to
_NOBODY_REFUSED = frozenset(
    {
        CloseReason.PEER_CLOSED,
        CloseReason.LOGON_TIMEOUT,
        CloseReason.LOGON_UNDECIDED,
        CloseReason.LOCAL,
        CloseReason.SCHEDULE,
        CloseReason.STORE,
    }
)
#: ends of a connection that are nobody's decision
_LOST = frozenset({CloseReason.PEER_CLOSED, CloseReason.CONNECTION_LOST})


def _asks(why: str) -> bool:
    """Whether what a store says of an epoch's beginning means that the peer was, or will be, told by our Logon."""
    return not _ASKS.isdisjoint(why.split(", "))


class ResetInProgress:
    """A sequence reset that we began (R04): first a round trip, then our Logon with 141=Y, then the answer."""

    __slots__ = ("logon_sent", "old_next_in", "test_id")

    def __init__(self, test_id: str) -> None:
        self.test_id = test_id  #: "": the Heartbeat for it is in, or none is needed
        self.logon_sent = False
        #: the inbound number expected before: messages of the old epoch may still be on their way
        self.old_next_in = 0


class Farewell:
    """A Logout of ours that waits for a last round trip (O01)."""

    __slots__ = ("status", "test_id", "text")

    def __init__(self, test_id: str, text: str, status: int | None) -> None:
        self.test_id = test_id
        self.text = text
        self.status = status


class RoundTrip:
    """The TestRequest behind our Logons (I12), and the event that its Heartbeat lets out."""

    __slots__ = ("logged_on", "test_id")

    def __init__(self, test_id: str, logged_on: LoggedOn) -> None:
        self.test_id = test_id
        self.logged_on = logged_on


class SessionCore:
    """State and parts; the handlers of the sub-classes use them. See Session for what it is all for."""

    __slots__ = (
        "_answer_fields",
        "_asked",
        "_bytes_in",
        "_check",
        "_clock_offset",
        "_connected_at",
        "_counters",
        "_deadline",
        "_decoder",
        "_decoder_dictionary",
        "_early_logout",
        "_end_reason",
        "_eof",
        "_failure",
        "_farewell",
        "_gap",
        "_garbled_run",
        "_garbled_share",
        "_header_check",
        "_hold",
        "_hours",
        "_inbox",
        "_jumped_to",
        "_last_in_ns",
        "_live",
        "_logged_on",
        "_logon",
        "_logon_raw",
        "_logout_answered",
        "_lows",
        "_near_infinity",
        "_now",
        "_outbox",
        "_own_version",
        "_peer_processed",
        "_peer_version",
        "_refused",
        "_reject_limit",
        "_repeats",
        "_requests",
        "_reset",
        "_round_trip",
        "_scratch",
        "_send_watch",
        "_state",
        "_stepped",
        "_store",
        "_test_count",
        "_validate",
        "_waiting_bytes",
        "_warned",
        "close_requested",
        "config",
        "role",
    )

    def __init__(self, config: SessionConfig, store: Store | None = None, role: Role = Role.INITIATOR) -> None:
        self.config = config
        self.role = role
        self._store: Store = MemoryStore() if store is None else store
        state = self._store.load()
        self._decoder_dictionary = first_dictionary(config)
        self._validate = (config.validation, config.session_validation)
        #: this epoch began with a Logon of ours that says so, or is about to be sent
        self._asked = _asks(state.why)
        self._inbox = Inbox(self._store, state, config.manual_done, self._store_failed, self._new_decoder)
        self._reject_limit = SlidingWindow(config.max_rejects, config.reject_window)
        self._check = owner_check(config)
        self._header_check = header_check(config, singly=self._check is not None)
        #: kinds of faults that an alarm was raised about
        self._warned: set[tuple[str, int, int | None]] = set()
        self._outbox = Outbox(config, self._store, state.next_out, self._inbox, self._watch_numbers)
        self._jumped_to = 0  # by send_sequence_reset(), and the peer was not told yet
        self._near_infinity = False  # an alarm was raised about it in this epoch
        self._hold = HoldQueue(config.queue_limit, config.queue_bytes)
        self._requests = RequestCounter(config.max_resend_requests)
        self._repeats = RepeatLimit(config.max_repeated_requests, config.repeat_window)
        self._garbled_share = GarbledShare(config.max_garbled_percent, config.garbled_window)
        self._send_watch = SendWatch(config.slow_consumer_timeout, config.send_queue_bytes)
        self._counters = dict.fromkeys(("garbled", "rejects_sent", "duplicates", "resent", "gaps"), 0)
        schedule = config.schedule
        self._hours = Hours(schedule, state) if schedule is not None and schedule.days else None
        self._state = State.DISCONNECTED
        self._failure: StoreError | None = None
        #: why the transport should flush data_to_send() and close; None: it should not
        self.close_requested: CloseReason | None = None
        self._test_count = 0
        #: "too low" Logouts in a row, across connections (I13)
        self._lows = 0
        #: what is added to our next answer to a Logon
        self._answer_fields: list[tuple[int, Any]] = []
        #: wall clock less monotonic clock, ns, when they were last compared; None: not yet (C11)
        self._clock_offset: int | None = None
        self._bytes_in = 0  # of earlier connections
        self._decoder = self._new_decoder(self.config.max_message_size)
        self._last_in_ns = 0  # of earlier connections: wall clock when the last message came
        self._connected_at = Now(0, 0)
        self._live = Liveness(0, self._connected_at)
        self._begin_connection(self._connected_at)
        if state.lost_out is not None:
            first, last = state.lost_out
            self._alarm(f"outbound messages {first}..{last} may have been sent before a power loss and are not stored")
        if state.out_in_doubt:
            self._alarm(f"outbound numbers from {state.next_out} on may have been used before a power loss")

    def _begin_connection(self, now: Now) -> None:
        """Forget everything that belongs to one connection (G10, G11, P18)."""
        self._now = now
        self._bytes_in += self._decoder.received
        self._decoder = self._new_decoder(self.config.max_message_size)
        self._peer_processed: int | None = None
        self._peer_version = ""  # DefaultApplVerID of the peer's Logon
        self._reject_limit.clear()
        self._repeats.begin_connection()
        self._garbled_share.clear()
        self._send_watch.clear()
        if self._live.last is not self._connected_at:
            self._last_in_ns = self._live.last.wall_ns
        self._connected_at = Now(*now)  # not `now` itself: what comes with the connection may have the same
        self._live = Liveness(0, self._connected_at)
        self._gap: Gap | None = None
        self._reset: ResetInProgress | None = None
        self._round_trip: RoundTrip | None = None
        self._farewell: Farewell | None = None
        self._own_version = self.config.default_appl_ver_id  # DefaultApplVerID of our Logon
        self._hold.clear()
        self._outbox.clear()
        self._outbox.max_size = None
        self._deadline: int | None = None
        self._end_reason: CloseReason | None = None
        self._logged_on = False
        self._refused = False
        self._eof = False
        self._logout_answered = False
        self._logon: Message | None = None
        self._logon_raw = b""
        self._early_logout: Message | None = None
        self._garbled_run = 0
        self._stepped = -self._inbox.messages_in  # with messages_in: how many items were good, by whichever path
        self._waiting_bytes = 0
        self._scratch = False  # the buffer lent last is not the decoder's

    def _new_decoder(self, max_message_size: int) -> StreamDecoder:
        return StreamDecoder(self._decoder_dictionary, max_message_size, self._validate, self.config.resync)

    # --- state ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session stands; `state.active` while messages may be sent."""
        return self._state

    def _set_state(self, new: State, reason: str) -> None:
        """Change the main state. The only place that does, and only along TRANSITIONS."""
        old = self._state
        if new is old:
            return
        if new not in TRANSITIONS[old]:
            raise LocalProtocolError(f"a session cannot go from {old.name} to {new.name} ({reason})")
        self._state = new
        self._inbox.events.append(StateChanged(old, new, reason))

    def _emit(self, event: Any) -> None:
        self._inbox.events.append(event)

    def tell(self, event: Any) -> None:
        """Put an event of a front end among the session's own: it is taken in its turn."""
        self._inbox.events.append(event)

    def _alarm(self, text: str) -> None:
        self._inbox.events.append(Alarm(text))

    def _watch_numbers(self) -> None:
        """Raise an alarm, once an epoch, when a number gets near the 999999 that means infinity (S20)."""
        if self._near_infinity or self.config.begin_string not in SENTINEL_VERSIONS:
            return
        highest = max(self._inbox.next_in, self._outbox.next_out)
        if highest >= ALARM_SEQ_NUM:
            self._near_infinity = True
            self._alarm(
                f"MsgSeqNum {highest} is near 999999, which means infinity in {self.config.begin_string}: reset"
            )

    def _set_deadline(self, seconds: float, now: Now) -> None:
        self._deadline = now.mono_ns + int(seconds * SECOND)

    # --- saying something -----------------------------------------------------------------------------------

    def _say(self, msg_type: str, fields: Iterable[tuple[int, Any]], now: Now) -> int:
        """Number, store and queue a message of the session itself."""
        outbox = self._outbox
        return outbox.commit(outbox.encode(msg_type, fields, now.wall_ns), now)

    def _send_reject(self, message: Message, reason: int, ref_tag: int | None, now: Now, text: str = "") -> None:
        """Send a Reject(3), unless the message is one itself (O15) or our Logout was the last we had to say (O01).

        Raises: EncodeError: `text` cannot be written; nothing happened.
        """
        if self._is_leaving():
            return
        text = text or REJECT_TEXT.get(reason, REJECT_TEXT[99])
        if message.get(35) != "3":
            self._say("3", reject_fields(self.config, message, Fault(reason, ref_tag, text)), now)
        self._note_reject(Rejected(message, reason, ref_tag, text), now)

    def _note_reject(self, event: Rejected, now: Now) -> None:
        """Tell the owner that a message of the peer is not delivered but rejected; count it (V25)."""
        self._counters["rejects_sent"] += 1
        self._reject_limit.add(now.mono_ns)
        event.message.detach()
        self._emit(event)

    def _reject_and_count(self, message: Message, reason: int, ref_tag: int | None, now: Now, text: str = "") -> None:
        """Reject the message whose turn it is, and advance exactly once (V22).

        The Reject is stored first: a crash between the two rejects twice, but never counts what was not rejected.
        After our Logout nothing is said, and so NIN stays: the peer resends the message in the next session.
        """
        if not self._is_leaving():
            self._send_reject(message, reason, ref_tag, now, text)
            self._inbox.count()

    def _is_leaving(self) -> bool:
        """Whether a Logout of ours is out: nothing may follow it but what the peer wants resent."""
        return self._state is State.LOGOUT_SENT or self._logout_answered

    def _send_logout(self, text: str, status: int | None, now: Now) -> None:
        fields: list[tuple[int, Any]] = []
        if status is not None and self.config.begin_string == "FIXT.1.1":
            fields.append((1409, status))
        if text:
            fields.append((58, text))
        self._say("5", fields, now)

    def _log_out(self, text: str, status: int | None, now: Now) -> None:
        """Say that we leave, and wait for the answer (O01)."""
        self._farewell = None
        self._send_logout(text, status, now)
        self._set_state(State.LOGOUT_SENT, text or "Logout sent")
        self._set_deadline(self.config.logout_timeout, now)

    def _test_request(self, now: Now) -> str:
        """Send a TestRequest with a fresh TestReqID, or the configured one (X05), and return that."""
        self._test_count += 1
        test_id = self.config.test_req_id or f"{now.wall_ns}-{self._test_count}"
        self._say("1", [(112, test_id)], now)
        return test_id

    # --- ending ---------------------------------------------------------------------------------------------

    def _end(self, reason: CloseReason, text: str, now: Now, status: int | None = None) -> None:
        """End because something is wrong: Logout with the reason, a short wait for the answer, close."""
        self._refuse(reason, text, status, by_us=True)
        if self._state in (State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.CLOSING):
            self._close(reason)
            return
        self._outbox.replay = None  # what is not resent now the peer can ask for again
        if self._logged_on:
            self._outbox.release()
        else:
            self._outbox.shelve()  # I11: nothing of the application goes out before both Logons did
        self._send_logout(text, status, now)
        self._end_reason = reason
        self._set_state(State.LOGOUT_SENT, text)
        self._deadline = now.mono_ns + ERROR_LOGOUT_TIMEOUT

    def _close(self, reason: CloseReason, silently: bool = False) -> None:
        """Ask the transport to close, after what is queued (nothing, if silently). Reading ends here (F13)."""
        if self._state is State.CLOSING:
            return
        if silently:
            self._outbox.clear()
        self._refuse(reason, "", None, by_us=reason not in _NOBODY_REFUSED)
        self._set_state(State.CLOSING, reason.value)
        self.close_requested = reason
        self._deadline = None

    def _refuse(
        self,
        reason: CloseReason,
        text: str,
        status: int | None,
        by_us: bool,
        reject_reason: int | None = None,
        ref_tag: int | None = None,
    ) -> None:
        """Tell the owner, once, that this connection does not become a session."""
        if not self._logged_on and not self._refused and self._state is not State.DISCONNECTED:
            self._refused = True
            self._emit(LogonRefused(reason, text, status, by_us, reject_reason, ref_tag))

    def _store_failed(self, error: StoreError) -> None:
        """The store is not to be trusted with another number: say so if that can be stored, and stop (O10)."""
        first = self._failure is None
        self._failure = self._failure or error
        if first:
            self._alarm(f"the message store failed: {error}")
        if self._state.active:
            self._outbox.replay = None
            self._outbox.release()
            with suppress(StoreError):  # as is to be expected: a store refuses everything after a failed write
                self._send_logout("Out of order", None, self._now)
        if self._state.connected:
            self._close(CloseReason.STORE)

    def _new_epoch(self, why: str, *, asking: bool = False) -> None:
        """Begin both numbers at 1: durable before anything is sent or answered (B2).

        Args: asking: the peer is going to be told by our Logon.

        Raises:
            StoreError: the store could not; the session is over, as _store_failed() says.
        """
        old_in, old_out = self._inbox.next_in, self._outbox.next_out
        # Nothing of an epoch that the peer never agreed to was sent but its Logon.
        waiting = self._stored_orders() if self._reset_is_unanswered() else []
        why_stored = f"{why}, {ASKING}" if asking else why
        try:
            self._inbox.flush()
            if self._hours is not None:
                why_stored = self._hours.begin_epoch(why_stored, self._now.wall_ns)
            self._store.reset(why_stored)
        except StoreError as error:
            self._store_failed(error)
            raise
        self._asked = _asks(why_stored)
        self._inbox.begin_epoch()
        unsent = tuple(sorted({*waiting, *self._outbox.begin_epoch()}))
        self._jumped_to = 0
        self._near_infinity = False
        self._requests.begin_epoch()
        self._repeats.begin_epoch()
        self._hold.clear()
        self._emit(SequenceReset(why, old_in, old_out, unsent))

    def _reset_is_unanswered(self) -> bool:
        """Whether this epoch began with a question to the peer, a Logon with 141=Y, that it has not answered.

        The peer may have the old numbers still, or new ones: only asking again brings both together (R04, B2). Its
        answer would have been the first message of the epoch.
        """
        return self._asked and self._inbox.next_in == 1 and self.config.begin_string != "FIX.4.0"

    def _stored_orders(self) -> list[int]:
        """Return the numbers of the application messages in the store, for an epoch that has few."""
        try:
            stored = list(self._store.read_out(1, self._outbox.next_out - 1))
        except StoreCorrupt:
            return []
        return [n for n, _, raw in stored if parse(raw, max_message_size=len(raw)).get(35) not in ADMIN | REJECTS]

    def _disconnect(self, reason: CloseReason, detail: str) -> None:
        """The connection is gone: clear what belonged to it, reset the numbers where configured (R10, D09, O11)."""
        self._refuse(reason, detail, None, by_us=False)
        recovering = self._state is State.RECOVERING
        self._set_state(State.DISCONNECTED, detail or reason.value)
        gap, next_in = self._gap, self._inbox.next_in
        lost = recovering and reason in _LOST and gap is not None and gap.asked == next_in
        if lost and gap is not None and self._now.mono_ns < gap.deadline and self._requests.cut_short():
            self._alarm(f"message {next_in} was asked for again and again, and the line was lost each time")
        self._begin_connection(self._now)
        self._emit(Disconnected(reason, detail))
        config = self.config
        wanted = config.reset_on_disconnect or (config.reset_on_logout and reason is CloseReason.LOGOUT)
        if wanted and self._failure is None and not self._is_fresh():
            self._new_epoch("disconnect" if config.reset_on_disconnect else "logout")
        self._enter_window(self._now)
        if gap is not None and self._inbox.next_in < next_in:
            self._give_up_gap(next_in, gap.target, "the sequence numbers were reset")

    def _give_up_gap(self, begin: int, end: int, why: str) -> None:
        """R09: what was missing will not come any more."""
        self._emit(MessagesLost(begin, end, why))
        self._alarm(f"inbound messages {begin}..{end} are lost: {why}")

    def _is_fresh(self) -> bool:
        return self._inbox.next_in == 1 and self._outbox.next_out == 1

    def _enter_window(self, now: Now) -> None:
        """Begin at 1 if the numbers are of a window that is over, once (D07, D08, D12). Not while logged on."""
        hours = self._hours
        if hours is not None and self._failure is None and hours.enter(now.wall_ns) and not self._is_fresh():
            self._new_epoch("schedule")
            self._lows = 0
