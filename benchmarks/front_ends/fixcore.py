"""fixcore-engine, asyncio in pure Python: no dictionary, one Message a send (it keeps what it is given)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.front_ends.base import BURST, LAST, Meter, Outcome, Plan, order_constants, report_constants
from benchmarks.front_ends.quickfix import free_port, settings

__all__ = ["bot", "venue"]


def _parts(plan: Plan, side: str, port: int, callbacks: dict[str, Any]) -> Any:
    """Return an initiator or acceptor, not started."""
    module = import_module("fixcore.session.session_settings")
    log = import_module("fixcore.log.base")
    stores = import_module("fixcore.store.factory")
    transport = import_module(f"fixcore.transport.{'initiator' if side == 'bot' else 'acceptor'}")
    silent = type("Silent", (log.Log,), dict.fromkeys(("on_incoming", "on_outgoing", "on_event"), lambda *args: None))
    logs = type("Logs", (log.LogFactory,), {"create": lambda self, session: silent()})()
    application = type("Program", (import_module("fixcore").Application,), callbacks)()
    store = stores.FileStoreFactory(f"{plan.folder}/{side}") if plan.store == "file" else stores.MemoryStoreFactory()
    make = transport.SocketInitiator if side == "bot" else transport.SocketAcceptor
    return make(module.SessionSettings.from_string(settings(side, port, [])), application, store, logs)


def _message(msg_type: str, fields: list[tuple[int, str]]) -> Any:
    message = import_module("fixcore.message.message").Message()
    put = message.set_field
    put(35, msg_type)
    for tag, value in fields:
        put(tag, value)
    return message


def _pair(tag: int, value: str) -> tuple[int, str]:
    return tag, value


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    asyncio.run(_venue(plan, ready))


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    return asyncio.run(_bot(plan, port))


async def _venue(plan: Plan, ready: Callable[[int], None]) -> None:
    gone, received = asyncio.Event(), 0
    tasks: set[asyncio.Future[None]] = set()
    constants = report_constants(_pair)

    def on_message(program: Any, message: Any, session_id: Any) -> None:
        nonlocal received
        body = message.body
        name, symbol, side, quantity, price = body[11], body[55], body[54], int(body[38]), float(body[44])
        received += 1
        if name[0] == BURST:
            return
        total = received if name[0] == LAST else quantity
        fields = [(37, name), (11, name), (17, name), (55, symbol), (54, side), (38, str(quantity))]
        fields += [(44, f"{price:.5f}"), (32, str(quantity)), (31, f"{price:.5f}"), (14, str(total)), *constants]
        task = asyncio.ensure_future(acceptor.sessions[session_id].send_app(_message("8", fields)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    port = free_port()
    callbacks = {"from_app": on_message, "on_logout": lambda *args: gone.set()}
    acceptor = _parts(plan, "venue", port, callbacks)
    async with acceptor:
        ready(port)
        await gone.wait()


async def _bot(plan: Plan, port: int) -> Outcome:
    meter = Meter(plan)
    logged_on, trips_done, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    constants, counted = order_constants(_pair), 0
    tasks: set[asyncio.Future[None]] = set()

    def order(name: str) -> Any:
        return _message("D", [(11, name), (38, "1000000"), (44, "1.10235"), *constants])

    def on_message(program: Any, message: Any, session_id: Any) -> None:
        nonlocal counted
        body = message.body
        _, _, _, _, counted = body[11], body[39], int(body[32]), float(body[31]), int(body[14])
        if trips_done.is_set():
            ended.set()
        elif meter.replied():
            task = asyncio.ensure_future(session.send_app(order(meter.name())))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        else:
            trips_done.set()

    initiator = _parts(plan, "bot", port, {"from_app": on_message, "on_logon": lambda *args: logged_on.set()})
    (session,) = initiator.sessions.values()
    async with initiator:
        await logged_on.wait()
        await session.send_app(order(meter.name()))
        await trips_done.wait()
        meter.start_burst()
        while count := meter.more():
            for _ in range(count):
                await session.send_app(order(meter.burst_name()))
        await session.send_app(order(meter.last_name()))
        await ended.wait()
        return meter.ended(counted)
