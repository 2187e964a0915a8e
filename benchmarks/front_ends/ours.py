"""fixfast's front ends, both sides of the same kind, with default options: only the store is chosen.

`asyncio` and `uvloop`: `ff.connect` and `ff.serve` with callbacks. `asyncio-for`: the bot iterates. `asyncio-tls`: over
TLS, certificates made on the spot. `by-hand`: a bare
`ff.Session` on a blocking socket, twenty lines without reconnecting or timers: the floor of the synchronous ones.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import fixfast as ff
from benchmarks.front_ends.base import BURST, LAST, Meter, Outcome, Plan, order_constants, report_constants
from benchmarks.front_ends.raw import HOST, accept, dial, run_loop
from fixfast import clock

__all__ = ["Desk", "Orders", "bot", "config", "open_store", "read_report", "venue"]

_read_order = ff.getter((11, "str"), (55, "str"), (54, "str"), (38, "int"), (44, "scaled:5"))
read_report = ff.getter((11, "str"), (39, "str"), (32, "int"), (31, "scaled:5"), (14, "int"))


def config(side: str) -> ff.SessionConfig:
    """Return the options of the bot or the venue."""
    names = ("BOT01", "VENUE") if side == "bot" else ("VENUE", "BOT01")
    return ff.SessionConfig("FIX.4.4", *names)


def open_store(plan: Plan, side: str) -> ff.Store:
    """Return a new store of the plan's kind."""
    kind, _, policy = plan.store.partition("-")
    if kind == "memory":
        return ff.MemoryStore(max_messages=100_000)
    options: Any = {"sync": policy}
    return ff.JournalStore(plan.folder, session_id=f"{side} {plan.store}", **options)


def _pair(tag: int, value: str) -> tuple[int, str]:
    return tag, value


class Orders:
    """The bot's side of the trade, for whatever session."""

    def __init__(self, session: Any) -> None:
        slots = [ff.Slot(11), ff.Slot(38, "int"), ff.Slot(44, "scaled:5")]
        self.template = session.template("D", [*slots, *order_constants(_pair)])

    @staticmethod
    def values(name: str) -> tuple[str, int, int]:
        """Return what changes: ClOrdID, quantity, price."""
        return name, 1_000_000, 110_235


class Desk:
    """The venue's side: counts orders, and says what to answer."""

    def __init__(self, session: Any) -> None:
        texts = [ff.Slot(tag) for tag in (37, 11, 17, 55, 54)]
        numbers = [ff.Slot(38, "int"), ff.Slot(44, "scaled:5"), ff.Slot(32, "int"), ff.Slot(31, "scaled:5")]
        slots = [*texts, *numbers, ff.Slot(14, "int")]
        self.template = session.template("8", [*slots, *report_constants(_pair)])
        self._received = 0

    def report(self, message: ff.Message) -> tuple[Any, ...] | None:
        """Return the values of the report on an order; None: it wants none."""
        name, symbol, side, quantity, price = _read_order(message)
        self._received += 1
        kind = name[0]
        if kind == BURST:
            return None
        total = self._received if kind == LAST else quantity
        return name, name, name, symbol, side, quantity, price, quantity, price, total


def venue(plan: Plan, ready: Callable[[int], None]) -> None:
    """Answer orders until the bot goes."""
    if plan.kind == "by-hand":
        _venue_by_hand(plan, ready)
    else:
        run_loop(plan.kind, _async_venue(plan, ready))


def bot(plan: Plan, port: int) -> Outcome:
    """Send orders, wait for reports."""
    if plan.kind == "by-hand":
        return _bot_by_hand(plan, port)
    outcome: Outcome = run_loop(plan.kind, _async_bot(plan, port))
    return outcome


# --- asyncio -------------------------------------------------------------------------------------------------


class _Venue:
    def __init__(self) -> None:
        self._desk: Desk | None = None
        self.gone = asyncio.Event()

    def on_logon(self, session: ff.LiveSession) -> None:
        self._desk = Desk(session)

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        desk = self._desk
        assert desk is not None
        values = desk.report(message)
        if values is not None:
            session.send_template(desk.template, *values)

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        self.gone.set()


async def _async_venue(plan: Plan, ready: Callable[[int], None]) -> None:
    app = _Venue()
    store = open_store(plan, "venue")
    tls = _server_tls(plan) if plan.kind.endswith("-tls") else None
    async with ff.serve(app, [config("venue")], host=HOST, port=0, stores=lambda _: store, tls=tls) as server:
        ready(server.port)
        await app.gone.wait()


def _server_tls(plan: Plan) -> ssl.SSLContext:
    trustme: Any = import_module("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(Path(plan.folder, "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


class _Bot:
    """The callbacks of the bot; the same program as _iterate()."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.orders: Orders
        self.trips_done = asyncio.Event()
        self.counted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def go(self, session: ff.LiveSession) -> None:
        session.send_template(self.orders.template, *self.orders.values(self._meter.name()))

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        *_, total = read_report(message)
        if self.trips_done.is_set():
            self.counted.set_result(total)
        elif self._meter.replied():
            self.go(session)
        else:
            self.trips_done.set()


async def _async_bot(plan: Plan, port: int) -> Outcome:
    meter = Meter(plan)
    tls = ssl.create_default_context(cafile=Path(plan.folder, "ca.pem")) if plan.kind.endswith("-tls") else None
    to, store = ff.ConnectionConfig(HOST, port, tls=tls), open_store(plan, "bot")
    if plan.kind.endswith("-for"):
        async with ff.connect(config("bot"), to, store=store) as session:
            return await _iterate(session, meter)
    app = _Bot(meter)
    async with ff.connect(config("bot"), to, app, store=store) as session:
        app.orders = Orders(session)
        app.go(session)
        await app.trips_done.wait()
        await _async_burst(session, meter, app.orders)
        return meter.ended(await app.counted)


async def _iterate(session: ff.LiveSession, meter: Meter) -> Outcome:
    orders = Orders(session)
    send, template, values = session.send_template, orders.template, orders.values
    send(template, *values(meter.name()))
    async for message in session:
        read_report(message)
        if not meter.replied():
            break
        send(template, *values(meter.name()))
    await _async_burst(session, meter, orders)
    async for message in session:
        return meter.ended(message.int(14))
    raise AssertionError("the session ended")


async def _async_burst(session: ff.LiveSession, meter: Meter, orders: Orders) -> None:
    send, template, values = session.send_template, orders.template, orders.values
    meter.start_burst()
    while count := meter.more():
        for _ in range(count):
            send(template, *values(meter.burst_name()))
        if session._pump is not None:
            await session._pump.drain()  # what `await session.send()` does
    send(template, *values(meter.last_name()))


# --- a bare session ------------------------------------------------------------------------------------------


class _Line:
    """A Session on a blocking socket: what the synchronous front ends cannot be quicker than."""

    def __init__(self, plan: Plan, side: str, role: ff.Role, sock: socket.socket) -> None:
        self._sock = sock
        self._store = open_store(plan, side)
        self._session = ff.Session(config(side), self._store, role)
        self._session.connected(clock.now())
        self.template = self._session.template
        self.flush()
        while not self._session.state.active:
            if not self._receive():
                raise AssertionError("no logon")
            for _ in self._session.events():
                pass
            self.flush()

    def _receive(self) -> int:
        session = self._session
        n = self._sock.recv_into(session.get_buffer(-1))
        if n:
            session.buffer_updated(n, clock.now())
        return n

    def send(self, template: Any, *values: Any) -> None:
        self._session.send_template(template, *values, clock.now())

    def flush(self) -> None:
        session = self._session
        if session.sync_needed:
            self._store.sync()
        while data := session.data_to_send():
            self._sock.sendall(data[0] if len(data) == 1 else b"".join(data))

    def messages(self) -> Iterator[ff.Message]:
        """Yield messages, waiting for them, until the peer closes."""
        while self._receive():
            for event in self._session.events():
                if isinstance(event, ff.Message):
                    yield event
            if getattr(self._store, "upkeep_due", False):
                self._store.upkeep()  # type: ignore[attr-defined]

    def close(self) -> None:
        self._store.close()


def _venue_by_hand(plan: Plan, ready: Callable[[int], None]) -> None:
    with accept(ready) as sock:
        line = _Line(plan, "venue", ff.Role.ACCEPTOR, sock)
        desk = Desk(line)
        for message in line.messages():
            values = desk.report(message)
            if values is not None:
                line.send(desk.template, *values)
                line.flush()
        line.close()


def _bot_by_hand(plan: Plan, port: int) -> Outcome:
    meter = Meter(plan)
    with dial(port) as sock:
        line = _Line(plan, "bot", ff.Role.INITIATOR, sock)
        orders = Orders(line)
        send, flush, template, values = line.send, line.flush, orders.template, orders.values
        messages = line.messages()
        while True:
            send(template, *values(meter.name()))
            flush()
            read_report(next(messages))
            if not meter.replied():
                break
        meter.start_burst()
        while count := meter.more():
            for _ in range(count):
                send(template, *values(meter.burst_name()))
            flush()
        send(template, *values(meter.last_name()))
        flush()
        outcome = meter.ended(next(messages).int(14))
        line.close()
    return outcome
