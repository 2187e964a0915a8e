"""What goes out to one client: in order, with the faults that meet it, and copies for drop copy sessions."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Any

from fixfast.engine.live import LiveSession
from fixfast.errors import EncodeError, FixfastError, NotActive
from fixfast.exchange.faults import Fate, Faults
from fixfast.exchange.venue.reports import Outgoing, ReportWriter

__all__ = ["Outlet"]

_log = logging.getLogger("fixfast.exchange")


class Outlet:
    """One session's way out.

    Args:
        session: where reports go.
        faults: what goes wrong on the way.
    """

    def __init__(self, session: LiveSession, faults: Faults) -> None:
        self.session = session
        self.faults = faults
        self._writer = ReportWriter(session, session.id.begin_string)
        self._held: deque[tuple[float, Outgoing, Fate]] = deque()  # until when, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None

    def send(self, report: Outgoing, first: bool = False, *, poss_resend: bool = False) -> None:
        """Send a report, with the faults that meet it. Args: first: it is the first answer to a request."""
        if not self.faults.on and not self._held:
            self._write(report, poss_resend)
            return
        fate = self.faults.report(first_answer=first)
        if fate.drop:
            return
        if not fate.delay and not self._held:
            self._go(report, fate)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + fate.delay
        self._held.append((max(due, self._held[-1][0]) if self._held else due, report, fate))
        if self._timer is None:
            self._timer = loop.call_at(due, self._let_go)

    @property
    def holding(self) -> bool:
        """Whether reports are held back."""
        return bool(self._held)

    def copy(self, report: Outgoing) -> None:
        """Send a copy of somebody else's report."""
        self._write(report, copy=True)

    def say(self, msg_type: str, fields: Any) -> None:
        """Send any other message, if the session is logged on."""
        with suppress(NotActive):
            self.session.send_nowait(msg_type, fields)

    def leave_gap(self) -> None:
        """Use up a MsgSeqNum for nothing: the client sees a gap, asks, and gets a GapFill.

        A message that is lost on its way looks the same. (A session has no command for that while it is connected,
        and no program should: so this reaches inside.)
        """
        session: Any = self.session
        session._session._outbox.next_out += 1  # noqa: SLF001

    def close(self) -> None:
        """Send what is held back, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._held:
            self._write(self._held.popleft()[1])

    def _let_go(self) -> None:
        """Send the report that has waited, and those behind it that wait for nothing else."""
        self._timer = None
        loop = asyncio.get_running_loop()
        due = self._held[0][0]
        while self._held and self._held[0][0] <= due:
            _, report, fate = self._held.popleft()
            self._go(report, fate)
        if self._held:
            self._timer = loop.call_at(self._held[0][0], self._let_go)

    def _go(self, report: Outgoing, fate: Fate) -> None:
        if fate.gap and self.session.active:
            self.leave_gap()
        self._write(report)
        if fate.duplicate:
            self._write(report, poss_resend=True)
        if fate.disconnect:
            self.session.drop()

    def _write(self, report: Outgoing, poss_resend: bool = False, copy: bool = False) -> None:
        try:
            self._writer.send(report, poss_resend, copy)
        except EncodeError as error:
            _log.error("%s: a report could not be written: %s", self.session.id, error)
        except FixfastError as error:  # the store failed, the session is over: the journal has the order
            _log.warning("%s: a report was not sent: %s", self.session.id, error)
