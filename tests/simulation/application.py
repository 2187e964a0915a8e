"""The application of one side: it sends, it deals with what it is given, it fails at times, it remembers for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fixfast.errors import FixfastError, NotActive, StoreError
from fixfast.session.wire import Message
from fixfast.types import Slot
from tests.simulation.disk import Crash

if TYPE_CHECKING:
    from tests.simulation.node import Node

__all__ = ["Application", "HandlerFailed"]

#: In the versions that have no TransactTime in an order.
_PLAIN = ("FIX.4.0", "FIX.4.1")
#: Data that looks like the end of a message, with a NUL (T9, F14).
_DATA = b"a\x00b\x0110=000\x018=FIX.4.4\x01"


class HandlerFailed(Exception):
    """The application's callback raised."""


class Application:
    """Survives its process: what it has dealt with stands in its own books."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.count = 0
        self.fail_next = ""  # "before", "after": the process dies around the next effect; "raise": an exception

    # --- sending ---------------------------------------------------------------------------------------------

    def send(self, count: int) -> None:
        """Send so many messages, if it is allowed now."""
        node = self.node
        for _ in range(count):
            session = node.session
            if session is None or session._failure is not None:
                return
            if not session.state.active and node.config.offline != "store":
                return
            self.count += 1
            msg_type, fields = self.message(f"{node.i}-{self.count}")
            node.world.note("send", node.i, self.count)
            try:
                if self.count % 4 == 0 and msg_type == "B":
                    self._send_by_template(fields)
                else:
                    session.send(msg_type, fields, node.now)
            except (NotActive, StoreError):
                return

    def _send_by_template(self, fields: list[tuple[int, Any]]) -> None:
        session = self.node.session
        assert session is not None
        at = 2 if self.node.config.begin_string == "FIX.4.0" else 0
        slotted: list[Any] = list(fields)
        slotted[at] = Slot(fields[at][0])
        session.send_template(session.template("B", slotted), fields[at][1], self.node.now)

    def message(self, app_id: str) -> tuple[str, list[tuple[int, Any]]]:
        """Return an order or some news, as the version's dictionary wants them."""
        version = self.node.config.begin_string
        if self.node.plan.orders and app_id[-1] in "57":
            order: list[tuple[int, Any]] = [(11, app_id), (21, "1"), (55, "X"), (54, "1")]
            if version not in _PLAIN:
                order.append((60, self.node.now.wall_ns))
            return "D", [*order, (38, 5), (40, "1")]
        if version == "FIX.4.0":
            news: list[tuple[int, Any]] = [(61, "0"), (33, 1), (58, app_id)]
        else:
            news = [(148, app_id), (33, 1), (58, "text")]
        if app_id[-1] in "29":
            news.append((96, _DATA))
        return "B", news

    # --- being given -----------------------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Deal with a message; dying before or after its effect is there."""
        node = self.node
        oracle = node.world.oracle
        node.world.note("given", node.i, message.msg_seq_num, message.redelivered)
        oracle.given(node.i, message)
        how, self.fail_next = self.fail_next, ""
        if how == "before":
            raise Crash("in a callback, before its effect")
        oracle.dealt_with(node.i, message)
        if how == "after":
            raise Crash("in a callback, after its effect")
        if node.config.manual_done:
            node.unacknowledged.append(message.msg_seq_num)
        if how == "raise":
            raise HandlerFailed
        if node.world.chance(node.world.plan.echo):
            self.send(1)
        if node.world.chance(node.plan.rejects):
            self._reject(message)

    def _reject(self, message: Message) -> None:
        """Answer with a BusinessMessageReject; in FIX 4.0 and 4.1 that is a Reject(3)."""
        node = self.node
        if node.session is None or message.msg_type in ("3", "j") or not node.session.state.active:
            return
        try:
            node.session.business_reject(message, 0, "by the application", "", node.now)
        except (NotActive, StoreError):
            return

    def acknowledge(self) -> None:
        """With manual_done: say what is dealt with, in one go."""
        node = self.node
        if not node.unacknowledged or node.session is None or node.session._failure is not None:
            return
        n = node.unacknowledged[-1]
        node.unacknowledged.clear()
        try:
            node.session.done(n)
        except FixfastError as error:
            if not isinstance(error, StoreError):
                raise
