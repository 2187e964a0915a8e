"""What a program may read of a session and send through it: the same for every front end, without I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from fixfast import clock
from fixfast.engine.application import Hooks
from fixfast.engine.commands import Commands
from fixfast.engine.observing.latency import Latency
from fixfast.engine.observing.metered import Metered
from fixfast.engine.observing.records import about
from fixfast.errors import BusinessReject, FixfastError, StoreError
from fixfast.session.config import SessionConfig
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.session.stats import SessionStats
from fixfast.session.wire import Message, Template
from fixfast.types import SessionID

__all__ = ["Sending"]

_log = logging.getLogger("fixfast.engine")


class Sending(Commands):
    """The half of a live session that no transport is needed for.

    A front end sets the attributes below, and has _soon() see to it that what was queued is written.
    """

    id: SessionID
    config: SessionConfig
    connections: int
    _session: Session
    _hooks: Hooks
    _rejects_in = 0
    _faults = 0
    #: Up to this MsgSeqNum callbacks dealt with all messages, and the store was not told yet; 0: it was.
    # PERF: told once for a run of messages, where the store is in memory; one at a time it took 1.1 us of each.
    _owed = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state.value}>"

    # --- what it is ----------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The session's main state."""
        return self._session.state

    @property
    def active(self) -> bool:
        """Logged on: send() is allowed."""
        return self._session.state.active

    @property
    def next_in(self) -> int:
        """The MsgSeqNum expected from the peer."""
        return self._session.next_in

    @property
    def next_out(self) -> int:
        """The MsgSeqNum our next message gets."""
        return self._session.next_out

    @property
    def unwritten(self) -> int:
        """How many messages were sent that the transport has not taken yet: more and more, while the peer is slow."""
        return self._session.unwritten

    @property
    def latency(self) -> Latency | None:
        """What was measured, where the session was made with `latency=True`."""
        session = self._session
        return session.arrivals.latency if isinstance(session, Metered) else None

    def stats(self) -> SessionStats:
        """Return the session's numbers as they are now."""
        return replace(self._session.stats(), logons=self.connections, rejects_in=self._rejects_in, faults=self._faults)

    # --- sending -------------------------------------------------------------------------------------------

    def send_nowait(self, msg_type: str, fields: Iterable[Any]) -> int:
        """Number, store and queue a message; it is written before the loop sleeps.

        Args:
            msg_type: MsgType(35).
            fields: (tag, value) pairs as `fixfast.encode` takes them, without the tags the session owns.

        Returns: its MsgSeqNum; 0 where a Throttle has queued it: it has no number yet, see `Released` and `Unsent`.

        Raises:
            NotActive: not logged on (with offline="store" it is stored instead).
            Throttled: faster than the session's Throttle allows. No number was used.
            EncodeError: names the tag. No number was used.
            StoreError: the store failed; the session ends.
            What application.to_send raises: no number was used, and there is a CallbackFailed event.
        """
        if self._owed:
            self._settle()
        if self._hooks.to_send is not None:
            fields = list(fields)
            try:
                changed = self._hooks.to_send(self, msg_type, fields)
            except Exception as error:
                self._session.tell(self._hooks.failed("to_send", error))
                self._soon()
                raise
            fields = fields if changed is None else changed
        try:
            return self._session.send(msg_type, fields, clock.now())
        finally:
            self._soon()

    def template(self, msg_type: str, fields: Sequence[Any]) -> Template:
        """Return a Template for send_template(); the session adds the fields it owns."""
        return self._session.template(msg_type, fields)

    def encoder(self, msg_type: str, *, scale: int | None = None) -> Template:
        """Return an encoder of one of the common messages for send_template().

        Args: msg_type: D, F, G, 8, V or W. scale: prices and quantities are ints that count 10**-scale.
        """
        return self._session.encoder(msg_type, scale=scale)

    def send_template(self, template: Template, *values: Any) -> int:
        """Do what send_nowait() does, with a template of this session and the values of its slots."""
        if self._owed:
            self._settle()
        try:
            return self._session.send_values(template, values, clock.now())
        finally:
            self._soon()

    def reject(self, message: Message, reason: int, text: str = "", ref_id: str = "") -> int:
        """Answer a message with BusinessMessageReject (j).

        Args:
            message: what is rejected.
            reason: BusinessRejectReason(380).
            text: Text(58).
            ref_id: BusinessRejectRefID(379).

        Raises: NotActive, StoreError; LocalProtocolError: the message is a reject itself.
        """
        if self._owed:
            self._settle()
        try:
            return self._session.business_reject(message, reason, text, ref_id, clock.now())
        finally:
            self._soon()

    # --- inside --------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Tell the store what callbacks dealt with.

        At the end of a run of messages that came together, and before anything is sent in it: an answer is never on
        record, and on the wire, before the messages in front of the answered one are done with.
        """
        n, self._owed = self._owed, 0
        try:
            self._session.done(n)
        except StoreError as error:
            self._store_broke(error)

    def _store_broke(self, error: StoreError) -> None:
        raise NotImplementedError

    def _business_reject(self, message: Message, error: BusinessReject) -> None:
        try:
            self.reject(message, error.reason, error.text, error.ref_id)
        except FixfastError as refused:  # not logged on, a text that cannot be written, the store
            extra = about("not_rejected", self.id, msg_seq_num=message.msg_seq_num, msg_type=message.msg_type)
            _log.warning("%s: no BusinessMessageReject for %d: %s", self.id, message.msg_seq_num, refused, extra=extra)
