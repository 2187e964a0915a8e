"""An exchange that comes back: its commands once more, and which of the reports did not go out any more.

A command is written down before it takes effect, and its reports are numbered and stored by the sessions right behind
that. When the process dies, the reports of the last command may be missing, and those that were held back on purpose.
Reports go to a session in order: behind the last one that its store has, all are missing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

from fixfast.codec.parse import parse
from fixfast.errors import LocalProtocolError
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.venue.commands import SessionEpoch
from fixfast.exchange.venue.reports import CancelReject, Execution, MassCancelReport, Outgoing
from fixfast.exchange.venue.venue import Venue
from fixfast.store.base import Store

__all__ = ["Recovery", "marks_in"]

_log = logging.getLogger("fixfast.exchange")

#: Reports of a session that are looked at: more are not held back behind each other, and memory is no journal.
_KEPT = 1000
#: Messages in a store that are no reports: heartbeats, status messages, copies.
_OTHERS = 1000


class Recovery:
    """What is not certain after a journal was played.

    Attributes: last: the reports of the last command.
    """

    def __init__(self) -> None:
        self.last: list[Outgoing] = []
        self._of: dict[str, deque[Outgoing]] = {}  # owner -> its last reports, in its epoch of numbers

    def replay(self, journal: CommandJournal, venue: Venue) -> None:
        """Give a venue all commands of a journal."""
        for now_ns, command in journal.replay():
            if isinstance(command, SessionEpoch):
                self._of.pop(command.owner, None)  # its store holds nothing of before
            try:
                self.last = venue.apply(command, now_ns)
            except LocalProtocolError:
                self.last = []  # an operator's mistake, then as now
            except Exception:  # then, too: the session went on, and so do we
                _log.exception("%s: a command failed: %r", journal.path, command)
                self.last = []
            for report in self.last:
                if mark_of(report):
                    self._of.setdefault(report.owner, deque(maxlen=_KEPT)).append(report)

    def unsent(self, owner: str, sent: set[str], *, same_epoch: bool) -> Iterator[Outgoing]:
        """Yield the reports that a session did not get any more.

        Args:
            sent: the marks of what its store has.
            same_epoch: its numbers are those of the journal's last note; else it has reports that nobody can find.
        """
        reports = self._of.get(owner, ())
        if not same_epoch:
            reports = deque(one for one in self.last if one.owner == owner and mark_of(one))
        known = [n for n, report in enumerate(reports) if mark_of(report) in sent]
        behind = known[-1] + 1 if known else 0
        yield from list(reports)[behind:]

    def missing(self, sent: set[str]) -> Iterator[Execution]:
        """Yield the reports of the last command that a store of copies does not have."""
        for report in self.last:
            if isinstance(report, Execution) and mark_of(report) and mark_of(report) not in sent:
                yield report


def marks_in(store: Store) -> set[str]:
    """Return the marks of the reports among the last messages that a session sent."""
    end = store.load().next_out
    found = set()
    for _, _, raw in store.read_out(max(1, end - _KEPT - _OTHERS), end - 1):
        message = parse(raw)
        found.add(_mark(message.msg_type, *message.many(17, 11, 37)))
    return found


def mark_of(report: Outgoing) -> str:
    """Return what tells a report from others; "" for one that changes nothing."""
    if isinstance(report, Execution):
        return _mark("8", report.exec_id, None, None) if report.exec_id != "0" else ""
    if isinstance(report, CancelReject):
        return _mark("9", None, report.cl_ord_id, None)
    if isinstance(report, MassCancelReport):
        return _mark("r", None, None, report.report_id)
    return ""


def _mark(msg_type: str, exec_id: str | None, cl_ord_id: str | None, order_id: str | None) -> str:
    return {"8": f"8 {exec_id}", "9": f"9 {cl_ord_id}", "r": f"r {order_id}"}.get(msg_type, "")
