"""Invariant: a hostile peer that knows the grammar cannot make a session raise, lie, repeat itself, or forget a number.

The input is a stream of choices: which side we are, which version, what the peer says next, with which numbers, and
what time and our own program do meanwhile. When it is used up, the conversation is over. peers.py: what can be said.

What is checked after each step:

- no exception leaves the session, but those that its methods name;
- what it writes are whole messages, valid by the dictionary, from us to them, numbered without holes or repetitions;
- NIN and NOUT never fall within an epoch, and what is held of messages that came too early is within its limits;
- it does not say more than it is given: answers are bounded by what was asked, resends by what was stored;
- its timers come to rest: after poll() the next deadline is in the future.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import fixfast as ff
from fixfast.session.session import Session
from fixfast.store.base import StoreState
from fixfast.types import Garbled
from tests.fuzz.choices import Choices
from tests.fuzz.peers import Peer

__all__ = ["Conversation", "conversation"]

SECOND = 1_000_000_000
START = 1_767_614_400 * SECOND
VERSIONS = ("FIX.4.4", "FIX.4.2", "FIXT.1.1", "FIX.4.0", "FIX.4.1", "FIX.4.3")
#: what a session's own methods may raise to their caller
NAMED = (ff.LocalProtocolError, ff.EncodeError, ValueError)
#: messages that one message of the peer may be answered with, besides resends
ANSWERS = 4
QUEUE = 20


class Watched(ff.MemoryStore):
    """A store that counts its epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 1

    def reset(self, reason: str) -> int:
        self.epoch += 1
        return super().reset(reason)


def _config(choices: Choices) -> ff.SessionConfig:
    version = choices.of(VERSIONS)
    expecting: tuple[Any, ...] = (
        ("honour", "use", "ignore") if version in ("FIX.4.4", "FIXT.1.1") else ("honour", "ignore")
    )
    return ff.SessionConfig(
        version,
        "US",
        "THEM",
        heart_bt_int=choices.of((30, 1, 0)),
        validation=choices.of((ff.Validation("observe"), ff.Validation("reject"), None)),
        on_resend=choices.of((None, lambda *_: True, lambda _, message, age_ns: message.msg_seq_num % 2 == 0)),
        offline=choices.of(("refuse", "store")),
        reset_on_logon=choices.one_in(8),
        reset_on_logout=choices.one_in(8),
        reset_on_disconnect=choices.one_in(8),
        check_latency=not choices.one_in(4),
        queue_limit=QUEUE,
        max_message_size=8192,
        next_expected_msg_seq_num=choices.of(expecting),
    )


class Conversation:
    """One session, one peer, a clock."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.config = _config(choices)
        self.role = choices.of((ff.Role.ACCEPTOR, ff.Role.INITIATOR))
        self.store = Watched()
        self.mono = 0
        self.wall = START
        self.session = Session(self.config, self.store, self.role)
        self.peer = Peer(self)
        self.given = self.said = self.granted = 0  # messages in, new messages out, resent ones
        self.bytes_in = self.bytes_out = 0  # bytes_out: of new messages
        self._numbers = (1, 1, 1)  # epoch, NIN, NOUT
        self._decoder = self._new_decoder()
        self._expected: int | None = None  # number of the next new message on this connection
        self._highest = (1, 0)  # (epoch, number) of the last new message on any connection

    @property
    def now(self) -> ff.Now:
        return ff.Now(self.mono, self.wall)

    def _new_decoder(self) -> ff.StreamDecoder:
        dictionary = ff.DictionarySet("9") if self.config.begin_string == "FIXT.1.1" else None
        return ff.StreamDecoder(dictionary, validate=ff.Validation("reject"))

    # --- the world ------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Make a connection where there is none."""
        if self.session.state is ff.State.DISCONNECTED:
            self._decoder, self._expected = self._new_decoder(), None
            self.session.connected(self.now)

    def drop(self) -> None:
        """Lose the connection."""
        if self.session.state is not ff.State.DISCONNECTED:
            self.session.disconnected("lost", self.now)

    def restart(self) -> None:
        """The process dies and comes back on the same store."""
        self.session = Session(self.config, self.store, self.role)

    def give(self, data: bytes) -> None:
        """Bring bytes from the peer, in one piece or in several."""
        self.given += data.count(b"8=FIX") + 1
        self.bytes_in += len(data)
        cut = self.choices.below(len(data) + 1) if self.choices.one_in(4) else len(data)
        for part in (data[:cut], data[cut:]):
            if self.session.state is not ff.State.DISCONNECTED:
                self.session.receive_data(part, self.now)

    def wait(self, seconds: float, step_of_wall: float = 0) -> None:
        """Let time pass, running the timers at their moments."""
        self.wall += int(step_of_wall * SECOND)
        end = self.mono + int(seconds * SECOND)
        polls = 0
        while (due := self.session.next_deadline()) is not None and due <= end and polls < 20:
            self._move(max(due, self.mono))
            self.session.poll(self.now)
            self.given += 1  # a timer may make it speak, too
            self.listen()
            polls += 1
        self._move(end)
        for _ in range(20):
            self.session.poll(self.now)
            self.given += 1
            self.listen()
            due = self.session.next_deadline()
            if due is None or due > self.mono:
                return
        raise AssertionError(f"timers do not come to rest: due {due}, now {self.mono}")

    def _move(self, mono: int) -> None:
        self.wall += mono - self.mono
        self.mono = mono

    def send(self) -> None:
        """Let our program send a message, if it may."""
        self.given += 1
        headline = [] if self.config.begin_string == "FIX.4.0" else [(148, "news")]
        with suppress(*NAMED):
            self.session.send("B", [*headline, (33, [[(58, "x" * self.choices.below(200) + ".")]])], self.now)

    def act(self) -> None:
        """Do what our own program may do at any time."""
        choices, session = self.choices, self.session
        self.given += 2
        try:
            match choices.below(7):
                case 0 | 1:
                    self.send()
                case 2:
                    session.logout("bye", self.now)
                case 3:
                    session.reset(self.now)
                case 4:
                    session.send_sequence_reset(session.next_out + choices.number(), self.now)
                case 5:
                    session.set_next_out(session.next_out + choices.number(), self.now)
                case _:
                    session.receive_eof(self.now)
        except NAMED:
            pass

    # --- what must hold --------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Take what the session has to say, and check it."""
        if not self.choices.one_in(3):
            for _ in self.session.events():
                pass
        for _ in range(10_000):
            data = self.session.data_to_send()
            if not data:
                break
            self._decoder.feed(b"".join(data))
            for item in self._decoder:
                self._heard(item)
        else:
            raise AssertionError("it does not come to an end")
        self._check_state()
        if self.session.close_requested is not None:
            self.drop()

    def _heard(self, item: ff.Message | Garbled) -> None:
        assert isinstance(item, ff.Message), f"it wrote garbled bytes: {item}"
        assert item.fault is None, f"it wrote an invalid message: {item.fault} in {item}"
        assert (item.sender_comp_id, item.target_comp_id) == ("US", "THEM")
        item.detach()
        self.peer.heard(item)
        if item.poss_dup:
            self.granted += 1
            return
        self.said += 1
        self.bytes_out += len(item.raw)
        n, epoch = item.msg_seq_num, self.store.epoch
        if item.msg_type == "A" and n == 1 and self._highest[0] < epoch:
            self._expected = 1
        # A SequenceReset-Reset jumps. Else only what waits for the next connection, or the Logon answer, is left out
        # (I11, Q01): the peer asks for it.
        holds = self._expected in (None, n) or (
            n > self._expected and (item.msg_type == "4" or self._all_wait(self._expected, n - 1))
        )
        assert holds, f"{n} on the wire, {self._expected} was next: {item}"
        self._expected = n + 1
        assert (epoch, n) > self._highest, f"{(epoch, n)} behind {self._highest}: {item}"
        self._highest = (epoch, n)
        if item.msg_type == "4":
            self._expected = item.int(36)

    def _all_wait(self, first: int, last: int) -> bool:
        """Whether only our program's messages have these numbers."""
        kept = [raw for _, _, raw in self.store.read_out(first, last) if b"\x0135=B\x01" in raw]
        return len(kept) == last - first + 1

    def _check_state(self) -> None:
        session, stats = self.session, self.session.stats()
        numbers = (self.store.epoch, session.next_in, session.next_out)
        before = self._numbers
        if numbers[0] == before[0]:
            assert numbers[1] >= before[1], f"NIN fell: {before} -> {numbers}"
            assert numbers[2] >= before[2], f"NOUT fell: {before} -> {numbers}"
        self._numbers = numbers
        # 16 ResendRequests that were answered before their turn have room above the limit
        assert stats.held <= QUEUE + 16, f"held: {stats.held}"
        assert stats.held_bytes <= self.config.queue_bytes + 16 * 256
        stored: StoreState = self.store.load()
        assert stored.next_in <= session.next_in
        assert stored.next_out <= session.next_out
        assert self.bytes_out <= 2 * self.bytes_in + 400 * self.given + 2000, f"{self.bytes_out} for {self.bytes_in}"
        assert self.said <= ANSWERS * self.given + 10, f"{self.said} messages for {self.given} given"


def conversation(data: bytes) -> None:
    """Have one conversation, until the choices are used up."""
    choices = Choices(data)
    world = Conversation(choices)
    world.connect()
    world.listen()
    while choices.left:
        world.peer.speak()
        world.listen()
    world.wait(200)
