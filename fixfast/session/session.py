"""Session: the sans-IO FIX session. Bytes and time come in as arguments; bytes, events and a deadline go out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fixfast.errors import LocalProtocolError, NotActive, StoreError
from fixfast.session.deciding import Deciding
from fixfast.session.events import Event
from fixfast.session.liveness import SECOND
from fixfast.session.outbox import ADMIN
from fixfast.session.reading import own_dictionary
from fixfast.session.reject import REJECTS
from fixfast.session.state import CloseReason, State
from fixfast.session.stats import SessionStats
from fixfast.session.wire import Message, Template
from fixfast.types import Now, Role, SessionID

__all__ = ["Session"]

#: States that the end of a window puts an end to; in the others the end has come already.
_KEEPS_HOURS = frozenset({State.CONNECTING, State.LOGON_SENT, State.LOGON_RECEIVED, State.ACTIVE, State.RECOVERING})

#: Above every time of a monotonic clock.
_NEVER = 1 << 64

# PERF: reading a member of an Enum class costs 60 ns in Python 3.11, a global 5
_LOGON_SENT, _LOGON_RECEIVED, _ACTIVE = State.LOGON_SENT, State.LOGON_RECEIVED, State.ACTIVE
_DISCONNECTED = State.DISCONNECTED


class Session(Deciding):
    """One FIX session, either role. It does no I/O, starts no thread and reads no clock; one thread owns it.

        session.connected(now)                     # a transport is there
        session.receive_data(data, now)            # or get_buffer() and buffer_updated()
        for event in session.events(): ...         # messages and everything else, in order
        transport.write(session.data_to_send())    # again until it is empty; not while the peer does not read
        if session.close_requested: ...            # flush, close, then session.disconnected()
        session.poll(now)                          # when session.next_deadline() has come

    `now` is a `fixfast.Now`; deadlines are its mono_ns. Every message sent is stored before it is queued, every message
    received is stored before it is an event, and taking the next event acknowledges the last, so a new Session on the
    same store goes on where this one stopped. When the store fails the session ends (O10) and can never be used again.

    Args:
        config: what and how.
        store: its history; MemoryStore() if None.
        role: who sends the first Logon.

    Raises: StoreError: the store cannot be read. DictionaryError: config.dictionary cannot be loaded.
    """

    __slots__ = ()

    # --- transport ------------------------------------------------------------------------------------------

    def connected(self, now: Now) -> None:
        """Begin on a new connection: an initiator's Logon is queued (I01).

        Outside config.schedule an initiator has `close_requested` set instead, to CloseReason.SCHEDULE.

        Raises: LocalProtocolError: there is a connection already.
        """
        if self._state is not State.DISCONNECTED:
            raise LocalProtocolError(f"connected() while {self._state.value}")
        self._begin_connection(now)
        self.close_requested = None
        self._set_state(State.CONNECTING, "connected")
        if self._failure is not None:
            self._close(CloseReason.STORE, silently=True)
            return
        self._check_clock(now)
        try:
            self._enter_window(now)  # D07
            if self.held_back:
                self._close(CloseReason.SEQUENCE_TOO_LOW, silently=True)
            elif self.role is Role.INITIATOR and self._hours is not None and not self._hours.open(now.wall_ns):
                self._close(CloseReason.SCHEDULE, silently=True)
            else:
                self._set_deadline(self._logon_timeout(), now)
                if self.role is Role.INITIATOR:
                    self._begin_logon(now)
        except StoreError as error:
            self._store_failed(error)

    def get_buffer(self, hint: int = -1) -> memoryview:
        """Return where the next bytes should go: the decoder's own chunk. buffer_updated() must follow."""
        self._scratch = not self._state.connected
        if self._scratch:
            return memoryview(bytearray(4096))  # read and dropped (F13)
        self._inbox.detach()
        return self._decoder.get_buffer(hint)

    def buffer_updated(self, n: int, now: Now) -> None:
        """Take the `n` bytes that were received into the buffer of get_buffer()."""
        if not self._scratch:
            self._decoder.buffer_updated(n)
            if self._state is _LOGON_RECEIVED:
                self._bound_waiting(n)
            if self._state is not _DISCONNECTED:
                self.receive_data(b"", now)

    def receive_eof(self, now: Now) -> None:
        """The peer closed its side: the connection is over (O12). What came before was dealt with."""
        self._now = now
        if self._state.connected:
            self._close(self._end_of_connection(CloseReason.PEER_CLOSED))

    def disconnected(self, reason: str, now: Now) -> None:
        """The connection is gone, for whatever reason (O08). Numbers are kept; what was not sent is in the store.

        Args: reason: what the transport knows, for people; or a CloseReason.
        """
        self._now = now
        if self._state is State.DISCONNECTED:
            return
        default = reason if isinstance(reason, CloseReason) else CloseReason.CONNECTION_LOST
        why = self.close_requested or self._end_of_connection(default)
        try:
            self._disconnect(why, reason)
        except StoreError as error:
            self._store_failed(error)

    def _end_of_connection(self, default: CloseReason) -> CloseReason:
        if self._end_reason is not None:
            return self._end_reason
        return CloseReason.LOGOUT if self._logout_answered else default

    def data_to_send(self) -> list[bytes]:
        """Return the buffers to write next, in order, and forget them: only what the store calls safe.

        Call it until it returns an empty list; a long resend comes in batches. While the peer does not read, do not
        call it: that is what bounds memory (P16).
        """
        outbox = self._outbox
        if outbox.queue and (safe := outbox.take()):
            return safe
        if outbox.replay is None and self._reset is None:
            return []
        try:
            self._pump_replay(self._now)
            self._try_reset(self._now)
        except StoreError as error:
            self._store_failed(error)
        return outbox.take()

    @property
    def sync_needed(self) -> bool:
        """Whether bytes wait for store.sync()."""
        outbox = self._outbox
        return bool(outbox.queue) and outbox.sync_needed  # PERF: asked after every turn, and nearly always empty

    @property
    def unwritten(self) -> int:
        """How many messages data_to_send() has not handed out yet."""
        return len(self._outbox.queue) + len(self._outbox.waiting)

    # --- timers ---------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """Return the mono_ns at which poll() is due next, None for never."""
        # PERF: asked for after every turn; a running minimum where a list, a generator and min() took twice as long.
        state, outbox = self._state, self._outbox
        calm = self._gap is None and self._deadline is None and self._hours is None and self._reset is None
        if calm and state is _ACTIVE and not outbox.queue and outbox.replay is None:
            # PERF: the common case, 200 of 450 ns
            live = self._live
            interval = live.interval
            if not interval:
                return None
            idle = outbox.last_sent + interval
            if idle <= live.last.mono_ns + interval * 6 // 5:
                # PERF: without a call. No TestRequest waits for its answer: it would have been sent later than that.
                return idle
            silent = live.deadline()
            return idle if idle < silent else silent
        if not state.connected:
            return None
        due = _NEVER if self._deadline is None else self._deadline
        if outbox.queue:
            stuck = outbox.stuck_until(self._send_watch, self._now.mono_ns)
            if stuck is not None and stuck < due:
                due = stuck
        elif outbox.replay is not None:
            return self._now.mono_ns  # the next batch
        if state.active or self._recovering():
            if self._gap is not None and self._gap.deadline < due:
                due = self._gap.deadline
            live = self._live
            if live.interval and (self._reset is None or not self._reset.logon_sent):
                due = min(due, outbox.last_sent + live.interval, live.deadline())
        if self._hours is not None and state in _KEEPS_HOURS:
            due = min(due, self._hours.deadline(self._now))
        return None if due == _NEVER else due

    def poll(self, now: Now) -> None:
        """Do what is due: heartbeats, test requests, time-outs, the next batch of a resend, the end of a window.

        Without a connection it is of use with a schedule only: numbers of a window that is over begin again at 1.
        """
        self._now = now
        self._check_clock(now)
        try:
            if self._hours is not None and self._hours.over(now.wall_ns):
                self._end_window(now)
            if self._deadline is not None and now.mono_ns >= self._deadline:
                self._deadline = None
                self._on_deadline(now)
            if self._recovering():
                self._check_progress(now)
            if self._beating():
                self._check_liveness(now)
            self._watch_numbers()
            self._check_consumer(now)
            if self._state.connected:
                self._pump_replay(now)
                self._try_reset(now)
        except StoreError as error:
            self._store_failed(error)

    def _check_clock(self, now: Now) -> None:
        """C11: the two clocks of `now` advance alike, unless the wall clock was set."""
        offset = now.wall_ns - now.mono_ns
        before, self._clock_offset = self._clock_offset, offset
        if before is not None and abs(offset - before) > self.config.sending_time_tolerance * SECOND:
            self._alarm(f"our clock was set by {(offset - before) / SECOND:+.3f} s: SendingTime follows it")

    def _end_window(self, now: Now) -> None:
        """The window of our numbers is over (D09, O11): log out; once disconnected, begin again at 1."""
        if self._state is State.DISCONNECTED:
            self._enter_window(now)
        elif self._state.active:
            self.logout("The session's hours are over", now)
        elif self._state in _KEEPS_HOURS:
            self._close(CloseReason.SCHEDULE, silently=True)

    def _beating(self) -> bool:
        """Whether heartbeats are sent and expected: logged on, no Logout of ours, no reset under way."""
        if self._reset is not None and self._reset.logon_sent:
            return False
        return self._recovering()

    def _check_liveness(self, now: Now) -> None:
        live = self._live
        if live.is_dead(now):
            self._alarm("the peer is silent")
            if self.config.dead_peer == "close":
                self._close(CloseReason.HEARTBEAT_TIMEOUT)
            else:
                self._end(CloseReason.HEARTBEAT_TIMEOUT, "Heartbeat timeout", now)  # H07, X08
        elif live.should_probe(now):
            live.probed(self._test_request(now), now)  # H04
        else:
            due = live.heartbeat_at(self._outbox.last_sent)
            if due is not None and now.mono_ns >= due:
                self._say("0", [], now)  # H01

    def _check_consumer(self, now: Now) -> None:
        """Give up on a peer that does not read; what it did not get is in the store (H09)."""
        until = self._outbox.stuck_until(self._send_watch, now.mono_ns)
        if until is not None and now.mono_ns >= until and self._state.connected:
            self._alarm("the peer does not read what we send: disconnected")
            self._close(CloseReason.SLOW_CONSUMER, silently=True)

    def _on_deadline(self, now: Now) -> None:
        """The time for the present step is over."""
        state = self._state
        if state is State.CONNECTING or state is State.LOGON_SENT:
            self._close(CloseReason.LOGON_TIMEOUT, silently=True)
        elif state is State.LOGON_RECEIVED:
            self._close(CloseReason.LOGON_UNDECIDED, silently=True)
        elif state is State.LOGOUT_SENT:
            self._close(self._end_reason or CloseReason.LOGOUT_TIMEOUT)
        elif state is State.LOGOUT_RECEIVED:
            if self._logout_answered or self._early_logout is None:
                self._close(CloseReason.LOGOUT)
            else:
                self._answer_logout(self._early_logout, now)  # O04: NIN stays at the first missing number
        elif self._farewell is not None:
            self._log_out(self._farewell.text, self._farewell.status, now)
        elif self._round_trip is not None:
            self._round_trip_late(now)
        elif self._reset is not None:
            sent, self._reset = self._reset.logon_sent, None
            self._alarm("the sequence reset was not answered in time")
            if sent:
                self._close(CloseReason.RESET_REFUSED)

    # --- application ----------------------------------------------------------------------------------------

    def send(self, msg_type: str, fields: Iterable[Any], now: Now) -> int:
        """Number, encode, store and queue an application message.

        Args:
            msg_type: MsgType(35); not one of the session's own (0, 1, 2, 4, 5, A).
            fields: (tag, value) pairs as `fixfast.encode` takes them, without the session's own tags 8, 9, 10, 34, 35,
                43, 49, 52, 56, 122 (S15).

        Returns: its MsgSeqNum.

        Raises:
            NotActive: not logged on, unless config.offline is "store" (Q01).
            EncodeError, EncodeTypeError: naming the tag; no number was used.
            LocalProtocolError: a session message.
            StoreError: it could not be stored, so it is not sent; the session ends.
        """
        if msg_type in ADMIN:
            raise LocalProtocolError(f"messages of type {msg_type} are the session's own")
        if not self._state.active:
            self._check_offline(now)
        outbox = self._outbox
        n = self._commit(outbox.encode(msg_type, fields, now.wall_ns), now)
        if msg_type == "BE":
            outbox.withheld.add(n)  # it has a password (C8)
        return n

    def template(self, msg_type: str, fields: Iterable[Any]) -> Template:
        """Return a Template for send_template(); the session's own fields are added in front.

        Args: fields: (tag, value) pairs and Slots.

        Raises: EncodeError: a field is the session's own, or cannot be written. LocalProtocolError: a session message.
        """
        if msg_type in ADMIN:
            raise LocalProtocolError(f"messages of type {msg_type} are the session's own")
        return self._outbox.template(msg_type, fields)

    def encoder(self, msg_type: str, *, scale: int | None = None) -> Template:
        """Return what `fixfast.encoder` returns, for send_template(): the session's own fields are added in front.

        Args: msg_type: D, F, G, 8, V or W, by the config's dictionary, under FIXT.1.1 that of our DefaultApplVerID.
            scale: prices and quantities are ints that count 10**-scale.

        Raises: ValueError: no encoder for this MsgType. LocalProtocolError: a session message.
        """
        if msg_type in ADMIN:
            raise LocalProtocolError(f"messages of type {msg_type} are the session's own")
        return self._outbox.encoder(
            msg_type, scale, own_dictionary(self.config, self._decoder_dictionary, msg_type, self._own_version)
        )

    def send_template(self, template: Template, *values_and_now: Any) -> int:
        """Do what send() does with what template() or encoder() of this session gave.

        Args: the values of its Slots in order (of an encoder, those behind the needed ones may be left away), and `now`
            last. MsgSeqNum and SendingTime, its first two, are the session's.

        Raises: as send(); TypeError: another number of values.
        """
        now: Now = values_and_now[-1]
        if not self._state.active:
            self._check_offline(now)
        return self._commit(template.encode(self._outbox.next_out, now.wall_ns, *values_and_now[:-1]), now)

    def send_values(self, template: Template, values: tuple[Any, ...], now: Now) -> int:
        """Do what send_template() does, for a front end that was given the values as a tuple."""
        outbox = self._outbox
        if self._state is _ACTIVE and outbox.max_size is None:
            # PERF: the common case of _commit(), in one call
            try:
                return outbox.post(template, values, now)
            except StoreError as error:
                self._store_failed(error)
                raise
        if not self._state.active:
            self._check_offline(now)
        return self._commit(template.encode(outbox.next_out, now.wall_ns, *values), now)

    def _check_offline(self, now: Now) -> None:
        """Raise NotActive unless a message may be stored while not logged on (Q01).

        With a schedule it goes into the window that is open or opens next, and never into one that is over.
        """
        if self.config.offline != "store":
            raise NotActive(self._state.value)
        if self._hours is not None:
            if self._state is State.DISCONNECTED:
                self._enter_window(now)
            elif self._hours.doomed(now.wall_ns):
                raise NotActive(self._state.value)

    def _commit(self, raw: bytes, now: Now) -> int:
        outbox = self._outbox
        if outbox.max_size is not None:
            outbox.check_size(raw)
        state = self._state
        try:
            # Not logged on, it only goes to the store; it waits when the Logon is out already (I11).
            queue = state.active or (state is _LOGON_SENT and not self.config.logon_test_request)
            return outbox.commit(raw, now, queue=queue)
        except StoreError as error:
            self._store_failed(error)
            raise

    def business_reject(self, message: Message, reason: int, text: str, ref_id: str, now: Now) -> int:
        """Answer a message with BusinessMessageReject(j), in FIX 4.0 and 4.1 with a Reject(3) (B01).

        Args: reason: BusinessRejectReason(380). text: Text(58). ref_id: BusinessRejectRefID(379), "" for none.

        Raises: as send(); LocalProtocolError: the message is a reject itself (B07).
        """
        if message.msg_type in REJECTS:
            raise LocalProtocolError("a reject is never answered with a reject")
        return self.send(*self._business_reject(message, reason, text, ref_id), now)

    def events(self) -> Iterator[Event]:
        """Return an iterator over what happened. Taking the next event, or the end, acknowledges the last message.

        After a restart the messages that were received and not acknowledged come first, with `redelivered` set.
        """
        return self._inbox.iterate()

    def only_message(self) -> Message | None:
        """With config.manual_done: take the one event there is, if it is a message; None: look at events()."""
        return self._inbox.only_message()

    def done(self, n: int) -> None:
        """With config.manual_done: everything up to message n is dealt with, and need not be delivered again.

        Once the session has failed nothing is: it comes again with the next one.

        Raises: LocalProtocolError: n was not received yet, or manual_done is off. StoreError: the session ends.
        """
        if self._failure is not None:
            return
        try:
            self._inbox.done(n)
        except StoreError as error:
            self._store_failed(error)
            raise

    def fail(self, error: StoreError, now: Now) -> None:
        """End as if the store had failed: what its owner keeps beside it cannot be written (O10).

        The messages that are not done by now come again with the next session on the store.
        """
        self._now = now
        self._store_failed(error)

    # --- what it is -----------------------------------------------------------------------------------------

    @property
    def session_id(self) -> SessionID:
        """The identity, as seen from our side."""
        return self.config.session_id

    @property
    def failure(self) -> StoreError | None:
        """What the store failed with; None: it did not."""
        return self._failure

    @property
    def next_in(self) -> int:
        """NIN: the MsgSeqNum expected from the peer."""
        return self._inbox.next_in

    @property
    def next_out(self) -> int:
        """NOUT: the MsgSeqNum our next message gets."""
        return self._outbox.next_out

    def stats(self) -> SessionStats:
        """Return a snapshot of the session's numbers."""
        inbox, outbox, hold = self._inbox, self._outbox, self._hold
        last = self._live.last
        return SessionStats(
            state=self._state,
            next_in=inbox.next_in,
            next_out=outbox.next_out,
            messages_in=inbox.messages_in,
            bytes_in=self._bytes_in + self._decoder.received,
            messages_out=outbox.messages_out,
            bytes_out=outbox.bytes_out,
            held=len(hold),
            held_bytes=hold.size,
            dropped=hold.dropped,
            queued=outbox.behind,
            queued_bytes=outbox.queued_bytes,
            unacknowledged=len(inbox.events),
            last_in_ns=self._last_in_ns if last is self._connected_at else last.wall_ns,
            last_out_ns=outbox.last_sent and outbox.last_sent + self._now.wall_ns - self._now.mono_ns,
            peer_processed=self._peer_processed,
            **self._counters,
        )

    def __repr__(self) -> str:
        return f"<Session {self.session_id} {self._state.value} in {self.next_in} out {self.next_out}>"
