"""fixfast's front end for threads: `ff.sync.connect` and `ff.sync.serve`, each side iterating on one thread."""

from __future__ import annotations

from collections.abc import Callable

import fixfast as ff
from benchmarks.front_ends.base import TOGETHER, Meter, Outcome, Plan
from benchmarks.front_ends.ours import Desk, Orders, config, open_store, read_report
from benchmarks.front_ends.raw import HOST

__all__ = ["bot", "venue"]


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    store = open_store(plan, "venue")
    with ff.sync.serve(None, [config("venue")], host=HOST, port=0, stores=lambda _: store) as server:
        (session,) = server.sessions.values()
        ready(server.port)
        session.wait_active()
        desk = Desk(session)
        report, send, template = desk.report, session.send_template, desk.template
        for message in session:
            values = report(message)
            if values is not None:
                send(template, *values)


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    meter = Meter(plan)
    with ff.sync.connect(config("bot"), ff.ConnectionConfig(HOST, port), store=open_store(plan, "bot")) as session:
        orders = Orders(session)
        send, template, values = session.send_template, orders.template, orders.values
        messages = iter(session)
        while True:
            send(template, *values(meter.name()))
            read_report(next(messages))
            if not meter.replied():
                break
        meter.start_burst()
        while meter.more():
            with session.batch():
                for _ in range(TOGETHER):
                    send(template, *values(meter.burst_name()))
        send(template, *values(meter.last_name()))
        return meter.ended(next(messages).int(14))
