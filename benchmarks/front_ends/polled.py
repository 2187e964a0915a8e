"""fixfast's busy-polling front end, a `ff.sync.Poller` on each side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fixfast as ff
from benchmarks.front_ends.base import Meter, Outcome, Plan
from benchmarks.front_ends.ours import Desk, Orders, config, open_store, read_report
from benchmarks.front_ends.raw import HOST
from fixfast.engine.sync.poller import Idle

__all__ = ["bot", "venue"]

_IDLE: dict[str, Idle] = {"spin": "spin", "yield": "yield"}


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    session = ff.sync.PolledSession(config("venue"), ff.sync.Listen(HOST), store=open_store(plan, "venue"))
    with ff.sync.Poller([session], idle=_IDLE[plan.idle]) as poller:
        ready(session.port)
        poller.wait_active(10)
        desk = Desk(session)
        poll, report, send, template = poller.poll, desk.report, session.send_template, desk.template
        while session.active:
            for _, message in poll():
                values = report(message)
                if values is not None:
                    send(template, *values)


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    meter = Meter(plan)
    session = ff.sync.PolledSession(config("bot"), ff.ConnectionConfig(HOST, port), store=open_store(plan, "bot"))
    with ff.sync.Poller([session], idle=_IDLE[plan.idle]) as poller:
        poller.wait_active(10)
        orders = Orders(session)
        return _trade(poller, session, orders, meter)


def _messages(poller: ff.sync.Poller) -> Iterator[ff.Message]:
    while True:
        for _, message in poller.poll():
            yield message


def _trade(poller: ff.sync.Poller, session: Any, orders: Orders, meter: Meter) -> Outcome:
    poll, send, template, values = poller.poll, session.send_template, orders.template, orders.values
    send(template, *values(meter.name()))
    more = True
    while more:
        for _, message in poll():
            read_report(message)
            more = meter.replied()
            if more:
                send(template, *values(meter.name()))
    meter.start_burst()
    while count := meter.more():
        with session.batch():
            for _ in range(count):
                send(template, *values(meter.burst_name()))
        while session.congested:
            for _ in poll():
                pass
    send(template, *values(meter.last_name()))
    return meter.ended(next(_messages(poller)).int(14))
