"""The real Session and JournalStore with an oracle looking over their shoulders. They behave as they do elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fixfast.errors import StoreError
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.store.journal import JournalStore
from fixfast.types import Buffer, Garbled, Now

if TYPE_CHECKING:
    from tests.simulation.coverage import Cells
    from tests.simulation.oracle import Oracle

__all__ = ["SILENT", "WatchedSession", "WatchedStore"]

#: the Alarm of a session whose peer says nothing
SILENT = "the peer is silent"


class WatchedStore(JournalStore):
    """Tells the oracle what was stored, once it was."""

    oracle: Oracle | None = None
    side = 0

    @property
    def epoch(self) -> int:
        return self._log.header.epoch if self._log is not None else 0

    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int:
        oracle = self.oracle
        if oracle is None:
            return super().append_out(n, buf, wall_ns)
        old = oracle.storing(self.side, self.epoch, n, bytes(buf))
        try:
            position = super().append_out(n, buf, wall_ns)
        except StoreError:
            oracle.not_stored(self.side, n, old)
            raise
        oracle.stored(self.side, n)
        return position

    def reset(self, reason: str) -> int:
        if self.oracle is None:
            return super().reset(reason)
        self.oracle.resetting(self.side, self.epoch)
        position = super().reset(reason)
        self.oracle.has_reset(self.side, self.epoch)
        return position


class WatchedSession(Session):
    """Notes which cells of (state, MsgType, number, PossDup) were met."""

    __slots__ = ("cells", "heard", "silences", "steps")
    cells: Cells
    heard: int  #: mono_ns of the last message that was not garbled
    steps: int
    silences: list[int]  #: ns without a word of the peer, when that was told; the application may hear of it much later

    def _alarm(self, text: str) -> None:
        if text == SILENT:
            self.silences.append(self._now.mono_ns - self.heard)
        super()._alarm(text)

    def receive_data(self, data: Buffer, now: Now) -> None:
        inbox = self._inbox
        before, steps, count = self._state, self.steps, inbox.messages_in
        super().receive_data(data, now)
        new = inbox.messages_in - count
        if new:
            self.heard = now.mono_ns
            if before is State.ACTIVE and steps == self.steps:
                for message in list(inbox.events)[-new:]:
                    self.cells.met(before, message, 0)

    def _step(self, item: Message | Garbled, now: Now) -> None:
        self.steps += 1
        if isinstance(item, Message):
            self.cells.met(self._state, item, self._inbox.next_in)
            self.heard = now.mono_ns
        super()._step(item, now)


def make_session(config: Any, store: WatchedStore, role: Any, cells: Cells) -> WatchedSession:
    """Return a session on a store."""
    session = WatchedSession.__new__(WatchedSession)
    session.cells, session.steps, session.heard, session.silences = cells, 0, 0, []
    session.__init__(config, store, role)  # type: ignore[misc]
    return session
