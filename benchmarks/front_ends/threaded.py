"""fixfast's front end for threads: `ff.sync.serve` with callbacks, `ff.sync.connect` with iteration."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import fixfast as ff
from benchmarks.front_ends.base import Meter, Outcome, Plan
from benchmarks.front_ends.ours import Desk, Orders, config, open_store, read_report
from benchmarks.front_ends.raw import HOST

__all__ = ["bot", "venue"]


class _Venue:
    def __init__(self) -> None:
        self._desk: Desk | None = None
        self.gone = threading.Event()

    def on_logon(self, session: ff.sync.LiveSession) -> None:
        self._desk = Desk(session)

    def on_message(self, session: ff.sync.LiveSession, message: ff.Message) -> None:
        desk = self._desk
        assert desk is not None
        values = desk.report(message)
        if values is not None:
            session.send_template(desk.template, *values)

    def on_logout(self, session: Any, reason: str) -> None:
        self.gone.set()


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    app = _Venue()
    with ff.sync.serve(app, [config("venue")], host=HOST, stores=lambda _: open_store(plan, "venue")) as server:
        ready(server.port)
        app.gone.wait()


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    meter = Meter(plan)
    to = ff.ConnectionConfig(HOST, port)
    with ff.sync.connect(config("bot"), to, store=open_store(plan, "bot")) as session:
        orders = Orders(session)
        send, template, values = session.send_template, orders.template, orders.values
        send(template, *values(meter.name()))
        for message in session:
            read_report(message)
            if not meter.replied():
                break
            send(template, *values(meter.name()))
        meter.start_burst()
        while count := meter.more():
            with session.batch():
                for _ in range(count):
                    send(template, *values(meter.burst_name()))
        send(template, *values(meter.last_name()))
        last = session.receive()
        assert last is not None
        return meter.ended(last.int(14))
