"""What a person may ask of a live session: to begin its numbers again, to go on from others, to send messages again."""

from __future__ import annotations

from fixfast import clock
from fixfast.session.session import Session

__all__ = ["Commands"]


class Commands:
    """The commands, as methods of LiveSession. No program should give them by itself."""

    _session: Session

    def reset(self, *, tell: bool = False) -> None:
        """Begin both sequence numbers at 1: at once without a connection, else by a Logon with 141=Y.

        On a session it takes a moment: nothing may be missing on either side. An event LoggedOn with `reset` set tells
        that it is done. What was not delivered to the peer by then never will be.

        Args: tell: without a connection, too: the next Logon says 141=Y; not in FIX 4.0.

        Raises: LocalProtocolError: FIX 4.0 with a connection, or while logging on or out. StoreError: the session ends.
        """
        try:
            self._session.reset(clock.now(), tell=tell)
        finally:
            self._soon()

    def set_next_out(self, n: int) -> None:
        """Continue with MsgSeqNum n: where a peer insists on a higher number than ours (I13). Between two connections.

        The peer is told nothing; it is durable when this returns.

        Args: n: next_out or above.

        Raises: LocalProtocolError: another number, or there is a connection. StoreError: the session ends.
        """
        self._session.set_next_out(n, clock.now())

    def send_sequence_reset(self, new_seq_no: int) -> None:
        """Skip outbound numbers, and tell the peer by a SequenceReset-Reset; also the way back after a store was lost.

        See Session.send_sequence_reset. It waits for the disk.

        Args: new_seq_no: MsgSeqNum of our next message, above next_out, by config.max_sequence_jump at most.

        Raises: LocalProtocolError: another number; while logging on or out. StoreError: the session ends.
        """
        try:
            self._session.send_sequence_reset(new_seq_no, clock.now())
        finally:
            self._soon()

    def resend(self, begin: int, end: int = 0) -> None:
        """Send stored messages again, as if the peer had asked for them. See Session.resend.

        Args: begin, end: the numbers, both included; end 0: all from `begin` on.

        Raises: LocalProtocolError: not logged on, or numbers that were not used. StoreError: the session ends.
        """
        try:
            self._session.resend(begin, end, clock.now())
        finally:
            self._soon()

    def _soon(self) -> None:
        raise NotImplementedError
