"""Both sides of recovery: asking for what we miss, and resending what the peer misses."""

from __future__ import annotations

from fixfast.session.events import GapDetected, GapFilled, Resent
from fixfast.session.gap import Gap
from fixfast.session.liveness import SECOND
from fixfast.session.resend import Replay
from fixfast.session.state import CloseReason, State
from fixfast.session.validity import Validity
from fixfast.session.wire import Message
from fixfast.types import Now

__all__ = ["Recovery"]

#: EndSeqNo that means "and all that follow" (G01, P04)
_INFINITY_OLD = 999_999
_OLD = ("FIX.4.0", "FIX.4.1")
#: Orders: a peer must not get an old one as if it were meant now (Q01, P13).
_STALE_TYPES = frozenset({"D", "F", "G"})
#: ResendRequests that may wait while one is answered. More only repeat each other.
_MAX_RANGES = 16
#: Without heartbeats or with fast ones, a resend is still given this long.
_MIN_PROGRESS = 10 * SECOND


class Recovery(Validity):
    """Gaps and replays."""

    __slots__ = ()

    # --- asking (A7) ----------------------------------------------------------------------------------------

    def _open_gap(self, received: int, now: Now, ask: bool = True) -> None:
        """Message `received` came, and those before it did not: ask for them, once (S02, S03).

        Args: ask: False: the peer knows already; it is asked if nothing comes in time (N08).
        """
        begin = self._inbox.next_in
        self._gap = Gap(begin, received)
        self._counters["gaps"] += 1
        self._emit(GapDetected(begin, received - 1))
        if self._state is State.ACTIVE:
            self._set_state(State.RECOVERING, f"messages {begin}..{received - 1} are missing")
        self._gap.deadline = now.mono_ns + self._progress_time()
        if ask:
            self._ask(self._gap, now)

    def _ask(self, gap: Gap, now: Now) -> None:
        """Send a ResendRequest from NIN on, unless a Logout of ours was the last we have to say."""
        if not self._recovering():
            return
        begin = self._inbox.next_in
        if not self._requests.allow(begin):
            # G09: it did not help the last times, either
            self._alarm(f"message {begin} was asked for {self.config.max_resend_requests} times and did not come")
            self._end(CloseReason.RESEND_TIMEOUT, f"Message {begin} was requested repeatedly and not resent", now)
            return
        gap.asked = begin
        end = self._request_end(begin, gap)
        gap.bounded = end is not None
        gap.asked_target = gap.target if end is None else end
        gap.progress = begin
        gap.deadline = now.mono_ns + self._progress_time()
        if end is None:
            end = _INFINITY_OLD if self.config.begin_string in _OLD else 0
        self._say("2", [(7, begin), (16, end)], now)

    def _request_end(self, begin: int, gap: Gap) -> int | None:
        """Return the last number to ask for; None: everything (G01, G02, G03)."""
        config = self.config
        if config.resend_range == "open" and not config.resend_chunk:
            return None
        end = max(begin, gap.target - 1)
        return min(end, begin + config.resend_chunk - 1) if config.resend_chunk else end

    def _recovering(self) -> bool:
        """Whether missing messages are asked for: logged on, and no Logout of ours is out."""
        return self._state.active or (self._state is State.LOGOUT_RECEIVED and not self._logout_answered)

    def _progress_time(self) -> int:
        if self.config.resend_timeout is not None:
            return int(self.config.resend_timeout * SECOND)
        return max(2 * self._live.interval, _MIN_PROGRESS)

    def _hold_message(self, message: Message | None, n: int, now: Now) -> None:
        """Keep a message whose number is too high until its turn, and see that what is missing was asked for.

        Args: message: None: it was dealt with and only has to be counted.
        """
        resent = message is not None and message.poss_dup
        if not self._hold.put(n, message) and self._hold.dropped == 1:
            self._alarm("the queue of messages behind a gap is full: the newest are dropped and asked for again later")
        gap = self._gap
        if gap is None:
            self._open_gap(n, now)
            return
        gap.target = max(gap.target, n)
        expected = self._inbox.next_in
        if resent and gap.asked_for_skip != expected and expected not in self._hold:
            # G05: the resent stream leaves out the very number that is missing. Once for each such number.
            gap.asked_for_skip = expected
            self._ask(gap, now)

    def _check_gap(self, now: Now) -> None:
        """After NIN moved: is the gap closed, or is there another hole behind it?"""
        gap = self._gap
        if gap is None:
            return
        if self._inbox.next_in <= gap.target:
            self._note_progress(gap, now)
            if self._inbox.next_in > gap.asked_target and (self._hold or gap.bounded):
                self._ask(gap, now)  # G07, G03: what was asked for has come, and behind it something is missing
            return
        self._gap = None
        self._emit(GapFilled(gap.begin, gap.target))
        if self._state is State.RECOVERING:
            self._set_state(State.ACTIVE, "nothing is missing")

    def _note_progress(self, gap: Gap, now: Now) -> None:
        if self._inbox.next_in != gap.progress:
            gap.progress = self._inbox.next_in
            gap.deadline = now.mono_ns + self._progress_time()
            gap.repeated = False

    def _check_progress(self, now: Now) -> None:
        """The resend must get on: one more request, then the end (G08)."""
        gap = self._gap
        if gap is None or now.mono_ns < gap.deadline:
            return
        if gap.repeated:
            missing = self._inbox.next_in
            self._alarm(f"message {missing} was asked for twice and did not come")
            self._end(CloseReason.RESEND_TIMEOUT, f"Message {missing} was not resent", now)
        else:
            gap.repeated = True
            self._ask(gap, now)

    # --- answering (A6) -------------------------------------------------------------------------------------

    def _asks_too_often(self, begin: int, end: int, now: Now) -> bool:
        """Whether the peer asks for the same again and again; then the session ends here (P17, C15)."""
        limit = self.config.max_repeated_requests
        repeats = self._repeats.repeats(begin, end, now.mono_ns)
        if repeats == limit:
            self._alarm(f"the peer asked {repeats} times for messages it had asked for before: {begin}..{end} now")
        if repeats <= limit:
            return False
        self._alarm(f"messages {begin}..{end} are not resent once more")
        self._end(CloseReason.REQUESTED_AGAIN, f"Messages {begin} to {end} were requested again and again", now)
        return True

    def _start_replay(self, begin: int, end: int, now: Now, first: int = 0) -> None:
        """Resend begin..end, behind what is queued already and before everything that is sent from now on (P12).

        Args: first: where no replay is under way, first..begin-1 goes before it, as a range of its own: one GapFill
            over both would be void for a peer that has what comes first.
        """
        outbox = self._outbox
        end = min(end, outbox.last_resendable())
        if begin > end:
            return  # all of it waits behind the replay under way and comes by itself
        if outbox.replay is None:
            outbox.replay = Replay(first or begin, begin - 1 if first else end, self._resendable, self._lost_out)
            if first:
                outbox.replay.queue.append((begin, end))
            outbox.held = True
            self._pump_replay(now)
        elif (begin, end) not in outbox.replay.queue:
            if len(outbox.replay.queue) < _MAX_RANGES:
                outbox.replay.queue.append((begin, end))
            else:
                self._alarm(f"too many ResendRequests at once: {begin}..{end} is not answered")

    def _pump_replay(self, now: Now) -> None:
        """Queue the next batch of a replay, when the last one has been taken (P16)."""
        outbox = self._outbox
        replay = outbox.replay
        while replay is not None and not outbox.queue:
            stamp = outbox.timestamp(now.wall_ns)
            buffers = replay.batch(self._store, stamp, lambda first, new: outbox.gap_fill(first, new, now))
            outbox.add_resent(buffers, now)
            if not replay.finished:
                return  # a batch, or a long stretch without anything to resend
            self._counters["resent"] += replay.resent
            self._emit(Resent(replay.begin, replay.end, replay.resent))
            if not replay.next_range():
                outbox.replay = replay = None
                outbox.release()

    def _resendable(self, message: Message, wall_ns: int) -> bool:
        """Whether an application message may go out again."""
        hook = self.config.on_resend
        if hook is not None:
            try:
                return bool(hook(self, message, self._now.wall_ns - wall_ns))  # type: ignore[arg-type]
            except Exception as error:
                # A callback's trouble never costs the session, nor the peer its fill.
                self._alarm(f"on_resend failed for message {message.msg_seq_num}: {error!r}")
        return message.msg_type not in _STALE_TYPES

    def _lost_out(self, first: int, last: int, damaged: bool) -> None:
        """The store does not have (or cannot read) a number that was used: GapFill and alarm (P14).

        Logons and other messages with secrets are not given back by a store; which numbers of earlier processes those
        were is not known here, so only this process's are complained about.
        """
        outbox = self._outbox
        if damaged:
            self._alarm(f"outbound messages {first}..{last} cannot be read from the store: gap-filled")
            return
        kept_from = getattr(self._store, "kept_from", 1)
        if first < kept_from:
            older = min(last, kept_from - 1)
            self._alarm(f"outbound messages {first}..{older} are older than the store keeps: gap-filled")
            first = older + 1
        missing = [n for n in range(max(first, outbox.lost_below), last + 1) if n not in outbox.withheld]
        if missing:
            self._alarm(f"outbound messages {missing[0]}..{missing[-1]} are not in the store any more: gap-filled")
