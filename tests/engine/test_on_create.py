"""application.on_create: a program prepares before it is told anything, also of what the process before left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import Notes, news, run, them, to, until, us


def other_of(server: ff.Server) -> ff.LiveSession:
    (session,) = server.sessions.values()
    return session


class Course:
    """Writes down what is called, in its order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_create(self, session: Any) -> None:
        assert not session.active
        self.calls.append("create")
        session.orders()

    def on_message(self, session: Any, message: ff.Message) -> None:
        self.calls.append(message[148] + (" again" if message.redelivered else ""))

    def on_logon(self, session: Any) -> None:
        self.calls.append("logon")


class Dies:
    def on_create(self, session: Any) -> None:
        raise ValueError("no log for its orders")


async def left_over(server: ff.Server, config: ff.SessionConfig) -> ff.MemoryStore:
    """Return the store of a session that has dealt with one message of two."""
    store = ff.MemoryStore()
    with pytest.raises(KeyError):
        async with ff.connect(config, to(server), store=store) as session:
            for i in range(2):
                other_of(server).send_nowait(*news(i))
            async for message in session:
                if message[148] == "1":
                    raise KeyError
    return store


def test_it_comes_before_what_the_last_process_left() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            store = await left_over(server, us())
            course = Course()
            async with ff.connect(us(), to(server), course, store):
                assert sorted(course.calls[1:]) == ["1 again", "logon"]
                assert course.calls[0] == "create"

    run(main())


def test_orders_made_in_it_hear_a_fill_that_the_last_process_left() -> None:
    report = [(37, "o"), (17, "e"), (150, "F"), (39, "2"), (55, "X"), (54, "1"), (151, 0), (14, 5), (6, 1)]
    report += [(32, 5), (31, 1)]

    class Trader:
        def on_create(self, session: ff.LiveSession) -> None:
            self.orders = session.orders(log=log)

        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            pass

    async def main() -> None:
        store = ff.MemoryStore()
        async with ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), to(server), store=store) as session:
                order = await session.orders(log=log).submit(symbol="X", side="1", qty=5)
            with pytest.raises(KeyError):
                async with ff.connect(us(), to(server), store=store) as session:
                    other_of(server).send_nowait("8", [*report, (11, order.cl_ord_id)])
                    await anext(aiter(session))
                    raise KeyError
            trader = Trader()
            async with ff.connect(us(), to(server), trader, store):
                (known,) = trader.orders.manager.all_orders
                await until(lambda: known.cum_qty == 5)
                assert known.status is ff.OrdStatus.FILLED

    log = ff.MemoryOrderLog()
    run(main())


def test_what_it_raises_comes_out_of_connect_and_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    class Store(ff.MemoryStore):
        closed = False

        def close(self) -> None:
            self.closed = True

    async def main() -> None:
        store = Store()
        async with ff.serve(Notes(), [them()]) as server:
            with pytest.raises(ValueError, match="no log for its orders"):
                async with ff.connect(us(), to(server), Dies(), store):
                    pass
            assert store.closed

    run(main())
    assert "application.on_create failed: ValueError" in caplog.text


def test_an_acceptor_calls_it_for_each_session_and_refuses_the_logon_where_it_raises() -> None:
    async def main() -> None:
        course = Course()
        async with ff.serve(course, [them()]) as server:
            async with ff.connect(us(), to(server)):
                await until(lambda: course.calls == ["create", "logon"])
        with pytest.raises(ValueError, match="no log"):
            async with ff.serve(Dies(), [them()]):
                pass

        class Each(Dies):
            def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
                return them()

        async with ff.serve(Each()) as server:
            with pytest.raises(ff.LogonFailed):
                async with asyncio.timeout(10), ff.connect(us(), to(server)):
                    pass
            assert not server.sessions

    run(main())


def test_threads_and_pollers_call_it_too() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            await asyncio.to_thread(with_threads, server.port)
            await asyncio.to_thread(with_a_poller, server.port)

    def with_threads(port: int) -> None:
        course = Course()
        with ff.sync.connect(us(reset_on_logon=True), ff.ConnectionConfig("127.0.0.1", port), course):
            assert course.calls[0] == "create"
        with (
            pytest.raises(ValueError, match="no log"),
            ff.sync.connect(us(reset_on_logon=True), ff.ConnectionConfig("127.0.0.1", port), Dies()),
        ):
            pass

    def with_a_poller(port: int) -> None:
        course = Course()
        session = ff.sync.PolledSession(us(reset_on_logon=True), ff.ConnectionConfig("127.0.0.1", port), course)
        with ff.sync.Poller([session]) as poller:
            assert course.calls == ["create"]
            poller.wait_active(10)
        with pytest.raises(ValueError, match="no log"):
            ff.sync.Poller(
                [ff.sync.PolledSession(us(reset_on_logon=True), ff.ConnectionConfig("127.0.0.1", port), Dies())]
            )

    run(main())


def test_it_may_not_be_async() -> None:
    class Waits:
        async def on_create(self, session: ff.LiveSession) -> None: ...

    with pytest.raises(ff.ConfigError, match="on_create"):
        ff.connect(us(), ff.ConnectionConfig("127.0.0.1", 1), Waits())
