"""What goes out: number, encode, store, and only then queue. Nothing leaves but through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from fixfast.dictionary.model import Dictionary
from fixfast.errors import EncodeError, LocalProtocolError
from fixfast.session.checks import ALARM_SEQ_NUM, MAX_SEQ_NUM, SENTINEL_VERSIONS
from fixfast.session.config import SessionConfig
from fixfast.session.limits import SendWatch
from fixfast.session.resend import Replay
from fixfast.session.sequence import Inbox
from fixfast.session.wire import Outflow, Template, encode_session, encoder, format_time
from fixfast.store.base import Store
from fixfast.types import Now, Slot

__all__ = ["ADMIN", "Outbox"]

#: MsgTypes the session itself sends and answers. Reject(3) is one of FIX's session messages too, but it is surfaced to
#: the application like its own messages (O14), so it is not listed.
ADMIN = frozenset({"0", "1", "2", "4", "5", "A"})


class _Processed:
    """A Template whose third slot, LastMsgSeqNumProcessed, is filled in here (C12): the others do not pay for it."""

    __slots__ = ("_inbox", "_template")

    def __init__(self, template: Template, inbox: Inbox) -> None:
        self._template = template
        self._inbox = inbox

    def encode(self, msg_seq_num: int, wall_ns: int, *values: Any) -> bytes:
        return self._template.encode(msg_seq_num, wall_ns, self._inbox.next_in - 1, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._template, name)


class Outbox(Outflow):
    """Numbers and stores outbound messages and hands them over once they are safe. One owner: a Session.

    Messages are in `waiting` until the end of a replay (P12), or the Logon answer.

    PERF: what happens to every message is compiled, in codec/outflow.pyx (the same in plain Python, for reading and as
    its oracle, in codec/reference/outflow.py).
    """

    __slots__ = (
        "_begin_string",
        "_digits",
        "_header",
        "_inbox",
        "_more",
        "_near_limit",
        "_store",
        "_sub_ids",
        "lost_below",
        "max_size",
        "replay",
        "withheld",
    )

    def __init__(
        self,
        config: SessionConfig,
        store: Store,
        next_out: int,
        inbox: Inbox,
        near_limit: Callable[[], None] = lambda: None,
    ) -> None:
        limit = ALARM_SEQ_NUM if config.begin_string in SENTINEL_VERSIONS else MAX_SEQ_NUM
        super().__init__(store, next_out, limit, self._check_number)
        self._store = store
        self._inbox = inbox if config.last_msg_seq_num_processed else None
        self._near_limit = near_limit  #: told when numbers get near the 999999 that means infinity (S20)
        self._begin_string = config.begin_string
        # C10: FIX 4.0 and 4.1 know whole seconds only
        self._digits = 0 if config.begin_string in ("FIX.4.0", "FIX.4.1") else config.timestamp_digits
        self._header = [(49, config.sender_comp_id), (56, config.target_comp_id)]
        self._sub_ids = list(config.sub_ids.items())
        self._more = bool(self._sub_ids) or self._inbox is not None  # PERF: one question for each message, not two
        #: numbers below were used before this object began: which of them carried secrets is not known any more
        self.lost_below = next_out
        self.replay: Replay | None = None
        self.max_size: int | None = None  #: the peer's MaxMessageSize(383), L24
        self.withheld: set[int] = set()  #: numbers of this epoch whose bytes the store does not give back (C8)

    # --- one message ----------------------------------------------------------------------------------------

    def timestamp(self, wall_ns: int) -> bytes:
        """Return the text SendingTime(52) has at this wall time."""
        return bytes(format_time(wall_ns, self._digits))

    def encode(self, msg_type: str, fields: Iterable[tuple[int, Any]], wall_ns: int) -> bytes:
        """Return the message that would have the next number; nothing is used up yet."""
        header: list[tuple[int, Any]] = [*self._header, (34, self.next_out), (52, wall_ns)]
        if self._more:
            fields = list(fields)
            given = {field[0] for field in fields if isinstance(field, tuple)}
            header += [item for item in self._more_header() if item[0] not in given]
        raw = encode_session(self._begin_string, msg_type, header, fields, self._digits)
        return bytes(raw)

    def _more_header(self) -> list[tuple[int, Any]]:
        """Return the header fields that only some sessions have: sub ids, and how far we are (C12)."""
        if self._inbox is None:
            return self._sub_ids
        return [*self._sub_ids, (369, self._inbox.next_in - 1)]

    def gap_fill(self, begin: int, new_seq_no: int, now: Now) -> bytes:
        """Return a SequenceReset-GapFill over begin..new_seq_no-1 (P02). It has an old number and is not stored."""
        header: list[tuple[int, Any]] = [*self._header, (34, begin), (43, "Y"), (52, now.wall_ns), (122, now.wall_ns)]
        header += self._more_header()
        fields = [(123, "Y"), (36, new_seq_no)]
        return bytes(encode_session(self._begin_string, "4", header, fields, self._digits))

    def template(self, msg_type: str, fields: Iterable[tuple[int, Any] | Slot]) -> Template:
        """Return a Template with the session's header; its first two slots are MsgSeqNum and SendingTime."""
        fields = list(fields)
        given = {field[0] for field in fields}
        header = self._template_header()
        header += [item for item in self._sub_ids if item[0] not in given]
        template = Template(self._begin_string, msg_type, fields, timestamp_digits=self._digits, header=header)
        return self._processing(template)

    def _template_header(self) -> list[tuple[int, Any] | Slot]:
        header: list[tuple[int, Any] | Slot] = [*self._header, Slot(34, "int"), Slot(52, "time")]
        return header if self._inbox is None else [*header, Slot(369, "int")]

    def _processing(self, template: Template) -> Template:
        """Return the template itself, or one that fills its third slot."""
        return template if self._inbox is None else cast(Template, _Processed(template, self._inbox))

    def encoder(self, msg_type: str, scale: int | None, dictionary: Dictionary) -> Template:
        """Return an encoder with the session's header; its first two arguments are MsgSeqNum and SendingTime."""
        header = [*self._template_header(), *self._sub_ids]
        digits = self._digits
        made = encoder(
            self._begin_string, msg_type, header, timestamp_digits=digits, scale=scale, dictionary=dictionary
        )
        return self._processing(made)

    def check_size(self, raw: bytes) -> None:
        """Refuse a message the peer said it will not take (L24), before a number is used."""
        if self.max_size is not None and len(raw) > self.max_size:
            raise EncodeError(0, f"a message of {len(raw)} bytes is above the peer's MaxMessageSize {self.max_size}")

    def _check_number(self, n: int) -> None:
        """Know of a number near the last one there is (S20).

        Raises: LocalProtocolError: numbers are used up.
        """
        if n >= MAX_SEQ_NUM:
            raise LocalProtocolError("outbound sequence numbers are used up: reset the session")
        self._near_limit()

    def skip_to(self, new_seq_no: int, now: Now, queue: bool) -> None:
        """Store a SequenceReset-Reset after which `new_seq_no` comes next, and perhaps queue it (Z13).

        Its own number, which a peer ignores, is the one before that: so the store, which derives NOUT from what it
        holds, needs to know nothing else.

        Raises: as commit(); nothing changed.
        """
        before = self.next_out
        self.next_out = new_seq_no - 1
        try:
            self.commit(self.encode("4", [(123, "N"), (36, new_seq_no)], now.wall_ns), now, queue)
        except BaseException:
            self.next_out = before
            raise
        self.lost_below = new_seq_no  # what is not there is no loss

    # --- the queue ------------------------------------------------------------------------------------------

    @property
    def sync_needed(self) -> bool:
        """Whether bytes are queued that only store.sync() makes safe."""
        return bool(self.queue) and self.queue[0][0] > self._store.synced

    @property
    def behind(self) -> int:
        """How many messages wait behind a replay or a Logon."""
        return len(self.waiting)

    def stuck_until(self, watch: SendWatch, mono_ns: int) -> int | None:
        """Return until when the transport must take something of what it may; None: there is nothing (H09)."""
        if not self.queue or self.sync_needed:
            return None
        return watch.deadline(self.messages_out, self.queue, self.waiting, mono_ns)

    @property
    def queued_bytes(self) -> int:
        """How much is queued, what waits behind a replay included."""
        return sum(len(raw) for _, _, raw in self.queue + self.waiting)

    def release(self) -> None:
        """Let the messages that waited go out, and new ones go straight to the queue."""
        self.held = False
        self.queue += self.waiting
        self.waiting.clear()

    def shelve(self) -> None:
        """Leave the messages that waited in the store, and let new ones go straight to the queue."""
        self.held = False
        self.offline += [n for _, n, _ in self.waiting]
        self.waiting.clear()

    def clear(self) -> None:
        """Forget what is queued (it stays in the store), e.g. because the connection is gone (P18)."""
        self.offline += [n for _, n, _ in self.queue + self.waiting if n]
        self.queue.clear()
        self.waiting.clear()
        self.held = False
        self.replay = None

    def begin_epoch(self) -> tuple[int, ...]:
        """Start again at 1 after store.reset(). Return the old numbers that never left this object."""
        self.clear()
        unsent = tuple(sorted(self.offline))
        self.offline.clear()
        self.withheld.clear()
        self.next_out = self.lost_below = 1
        return unsent

    # --- replays --------------------------------------------------------------------------------------------

    def last_resendable(self) -> int:
        """Return the highest number a replay may cover: those that wait have not been on the wire yet."""
        return (self.waiting[0][1] if self.waiting else self.next_out) - 1

    def add_resent(self, buffers: list[bytes], now: Now) -> None:
        """Queue messages of a replay. They are stored already; they wait for what is in front of them."""
        position = self.queue[-1][0] if self.queue else 0
        self.queue += [(position, 0, raw) for raw in buffers]
        if buffers:
            self.last_sent = now.mono_ns
