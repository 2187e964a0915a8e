"""QuickFIX (C++) by its Python binding, in its fastest ways.

One Message kept and refilled by setField(int, str), fields read by getField(int), no dictionary, TCP_NODELAY. Its
engine has a thread of its own; reports, and all orders but the first, are sent from the callback.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.front_ends.base import BURST, LAST, Meter, Outcome, Plan, order_constants, report_constants

__all__ = ["bot", "free_port", "settings", "venue"]

HOST = "127.0.0.1"
_CALLBACKS = ("onCreate", "onLogon", "onLogout", "toAdmin", "toApp", "fromAdmin", "fromApp")


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def settings(side: str, port: int, more: list[str]) -> str:
    """Return a configuration as QuickFIX and fixcore read it."""
    role, us, them = ("initiator", "BOT01", "VENUE") if side == "bot" else ("acceptor", "VENUE", "BOT01")
    lines = ["[DEFAULT]", f"ConnectionType={role}", "HeartBtInt=30", "StartTime=00:00:00", "EndTime=00:00:00"]
    lines += ["UseDataDictionary=N", "SocketNodelay=Y", "ReconnectInterval=1", *more, "[SESSION]"]
    lines += ["BeginString=FIX.4.4", f"SenderCompID={us}", f"TargetCompID={them}"]
    lines += [f"SocketConnectHost={HOST}", f"SocketConnectPort={port}", f"SocketAcceptHost={HOST}"]
    return "\n".join([*lines, f"SocketAcceptPort={port}", "SocketReuseAddress=Y", ""])


class _Engine:
    """A started engine. The binding counts no references, so all its parts are kept here."""

    def __init__(self, plan: Plan, side: str, port: int, callbacks: dict[str, Callable[..., None]]) -> None:
        fix = self.fix = import_module("quickfix")
        folder = Path(plan.folder, side)
        folder.mkdir(exist_ok=True)
        path = folder / "config"
        path.write_text(settings(side, port, [f"FileStorePath={folder}"]))
        self._settings = fix.SessionSettings(str(path))
        stores = fix.FileStoreFactory(self._settings) if plan.store == "file" else fix.MemoryStoreFactory()
        quiet: dict[str, Callable[..., None]] = dict.fromkeys(_CALLBACKS, lambda *arguments: None)
        self._application = type("Program", (fix.Application,), {**quiet, **callbacks})()
        make = fix.SocketInitiator if side == "bot" else fix.SocketAcceptor
        self._engine = make(self._application, stores, self._settings)
        self._stores = stores
        names = ("BOT01", "VENUE") if side == "bot" else ("VENUE", "BOT01")
        self.session = fix.SessionID("FIX.4.4", *names)
        self._engine.start()

    def message(self, msg_type: str, constants: Callable[[Callable[[int, str], Any]], list[Any]]) -> Any:
        """Return a message with what never changes."""
        message = self.fix.Message()
        message.getHeader().setField(35, msg_type)
        constants(message.setField)
        return message


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    gone, received, engine = threading.Event(), 0, None

    def on_message(program: Any, message: Any, session: Any) -> None:
        nonlocal received
        read, put = message.getField, report.setField
        name, symbol, side, quantity, price = read(11), read(55), read(54), int(read(38)), float(read(44))
        received += 1
        if name[0] == BURST:
            return
        total = received if name[0] == LAST else quantity
        for tag in (37, 11, 17):
            put(tag, name)
        put(55, symbol)
        put(54, side)
        for tag in (38, 32):
            put(tag, str(quantity))
        for tag in (44, 31):
            put(tag, f"{price:.5f}")
        put(14, str(total))
        assert engine is not None
        engine.fix.Session.sendToTarget(report, engine.session)

    port = free_port()
    callbacks = {"fromApp": on_message, "onLogout": lambda *arguments: gone.set()}
    engine = _Engine(plan, "venue", port, callbacks)
    report = engine.message("8", report_constants)
    ready(port)
    gone.wait()


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    meter = Meter(plan)
    logged_on, trips_done, ended = threading.Event(), threading.Event(), threading.Event()
    counted = 0

    def send(name: str) -> None:
        put = order.setField
        put(11, name)
        put(38, "1000000")
        put(44, "1.10235")
        to_target(order, session)

    def on_message(program: Any, message: Any, session: Any) -> None:
        nonlocal counted
        read = message.getField
        _, _, _, _, counted = read(11), read(39), int(read(32)), float(read(31)), int(read(14))
        if trips_done.is_set():
            ended.set()
        elif meter.replied():
            send(meter.name())
        else:
            trips_done.set()

    engine = _Engine(plan, "bot", port, {"fromApp": on_message, "onLogon": lambda *arguments: logged_on.set()})
    order = engine.message("D", order_constants)
    to_target, session = engine.fix.Session.sendToTarget, engine.session
    logged_on.wait()
    send(meter.name())
    trips_done.wait()
    meter.start_burst()
    while count := meter.more():
        for _ in range(count):
            send(meter.burst_name())
    send(meter.last_name())
    ended.wait()
    outcome = meter.ended(counted)
    outcome.keep = engine  # its thread runs on: to be freed now would crash the process
    return outcome
