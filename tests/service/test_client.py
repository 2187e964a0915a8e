"""The client with a real Launcher, Backends that are processes, and an exchange: orders, positions, and coming back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.errors import ConfigError, NotActive
from fixfast.service.client.client import Client, ClientOptions, CommandFailed
from fixfast.service.link import LinkLost, LinkRefused
from fixfast.service.messages import Submit
from fixfast.trading.update import OrderUpdate
from tests.engine.harness import to, us
from tests.service.fronts import QUICK, house
from tests.service.launching import folder, on_loop, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

AAPL: dict[str, Any] = {"symbol": "AAPL", "qty": 10, "price": "100"}
CHEAP: dict[str, Any] = {**AAPL, "side": "1", "price": "90"}


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a client look for its Backend by its token however long that takes to begin on a busy machine."""
    monkeypatch.setattr("fixfast.service.client.client._TOKEN_SECONDS", 60.0)


async def logged_on(client: Client) -> None:
    await client.log_on()
    await client.active()


async def trade(orders: Any) -> list[Any]:
    """Trade a little; the same whoever keeps the orders. Returns: what became of it."""
    bought = await orders.submit(side="1", **AAPL)
    await bought.acknowledged()
    sold = await (await orders.submit(side="2", **{**AAPL, "qty": 6})).filled()
    await bought.replace(qty=20, price="99.5")
    await bought.cancel()
    with pytest.raises(ff.OrderRejected):
        await (await orders.submit(side="1", symbol="NONE", qty=1, price=1)).acknowledged()
    kinds = [update.kind async for update in bought]
    return [kinds, *[(one.status, one.qty, one.price, one.cum_qty, one.avg_px) for one in (bought, sold)]]


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_orders_and_positions_are_as_those_of_a_session_in_this_process(path: Path, version: str) -> None:
    @on_loop
    async def main() -> None:
        async with house(path, version) as one, one.client() as client:
            ours = us(begin_string=version, sender="LOCAL", target="EXCHANGE")
            async with ff.connect(ours, to(one.venue.port)) as session:
                here, positions = session.orders(), ff.Positions()
                here.manager.subscribe(positions.on_update)
                expected = await trade(here)
            await logged_on(client)
            assert await trade(client.orders) == expected
            (held,), (local,) = client.positions, positions
            for name in ("symbol", "qty", "avg_px", "cash", "bought", "sold", "realised"):
                assert getattr(held, name) == getattr(local, name), name

    main()


@on_loop
async def test_two_front_ends_see_each_others_orders_and_name_their_own(path: Path) -> None:
    async with house(path) as one, one.client() as first, one.client() as second:
        await logged_on(first)
        mine = await first.orders.submit(**CHEAP)
        await second.active()
        await until(lambda: second.orders.open_orders)
        theirs: Any = second.orders[mine.cl_ord_id]
        assert theirs.qty == 10
        own = await second.orders.submit(**CHEAP)
        prefixes = [client.mirror.welcome.id_prefix for client in (first, second) if client.mirror.welcome]
        assert prefixes[0] != prefixes[1]
        assert (mine.cl_ord_id.startswith(prefixes[0]), own.cl_ord_id.startswith(prefixes[1])) == (True, True)
        await theirs.cancel()  # whose order it is does not matter
        await mine.done()
        assert mine.status is ff.OrdStatus.CANCELED
        with pytest.raises(CommandFailed) as error:
            await second.orders.submit(cl_ord_id=f"{prefixes[0]}X", **CHEAP)
        assert (error.value.code, error.value.field) == ("invalid", "cl_ord_id")


@on_loop
async def test_after_a_crash_of_the_backend_it_goes_on_and_no_update_is_missing_or_doubled(path: Path) -> None:
    async with house(path) as one, one.client() as client, one.client() as other:
        told: list[OrderUpdate] = []
        client.orders.subscribe(told.append)
        await logged_on(client)
        bought = await client.orders.submit(side="1", **{**AAPL, "qty": 30})
        for _ in range(3):
            number = client.mirror.next_record
            pid = one.kill()
            await client.until(lambda: not client.connected)
            await client.active()
            assert [info.pid for info in one.launcher.sessions()] != [pid]
            assert client.mirror.next_record > number  # it went on, and did not begin anew
            sold = await client.orders.submit(side="2", **AAPL)
            await sold.filled()
        await bought.filled()
        assert bought is client.orders[bought.cl_ord_id]
        trades = [update.trade for update in told if update.trade is not None]
        assert len(trades) == len({(trade.exec_id, trade.side) for trade in trades}) == 6
        assert [update async for update in bought] == [update for update in told if update.order is bought]
        await until(lambda: other.mirror.next_record == client.mirror.next_record)
        assert [repr(order) for order in other.orders.all_orders] == [repr(o) for o in client.orders.all_orders]
        assert len(one.venue.venue.telling.orders) == 4


@on_loop
async def test_a_command_under_way_when_the_connection_breaks_is_done_once(path: Path) -> None:
    async with house(path) as one, one.client() as client:
        await logged_on(client)
        # cut before the answer comes, and before the command goes: in both cases it is offered again
        for cut_first in (False, True):
            link = client._link
            assert link is not None
            if cut_first:
                link.end()
            under_way = asyncio.ensure_future(client.orders.submit(**CHEAP))
            await asyncio.sleep(0)
            if not cut_first:
                await link.drain()
                link.end()
            order = await under_way
            await order.acknowledged()
        assert len(one.venue.venue.telling.orders) == len(client.orders.open_orders) == 2


@on_loop
async def test_a_command_that_the_backend_never_had_fails_when_it_is_back(path: Path, patient: None) -> None:
    async with house(path) as one, one.client() as client:
        await logged_on(client)
        one.kill()
        await client.until(lambda: not client.connected)
        with pytest.raises(CommandFailed) as error:  # it is back before it is logged on
            await client.orders.submit(**CHEAP)
        assert error.value.code == "not_active"
        await client.active()
        assert client.orders.all_orders == []
        await (await client.orders.submit(**CHEAP)).acknowledged()


@on_loop
async def test_a_backend_that_had_the_command_says_so_after_its_crash(path: Path, patient: None) -> None:
    async with house(path) as one, one.client() as client:
        await logged_on(client)
        sent = await client.orders.submit(**CHEAP)
        welcome = client.mirror.welcome
        one.kill()
        await client.until(lambda: not client.connected)
        again = lambda n: Submit(n, sent.cl_ord_id, "AAPL", "1", "10", "90")  # noqa: E731
        done = await client.command(again)
        assert 0 < done.record < client.mirror.next_record
        await client.active()
        assert client.mirror.welcome is not None
        assert welcome is not None
        assert client.mirror.welcome.id_prefix == welcome.id_prefix  # the token is good for the next process, too
        await sent.acknowledged()
        assert len(one.venue.venue.telling.orders) == 1


@on_loop
async def test_who_logs_off_stays_so_over_a_crash(path: Path) -> None:
    async with house(path) as one, one.client() as client, one.client() as other:
        await logged_on(client)
        await other.active()
        await other.log_off()
        await client.until(lambda: client.status is not None and not client.status.wanted)
        one.kill()
        await client.until(lambda: not client.connected)
        await client.until(lambda: client.connected)
        await client.watch_messages()  # answered after what was said again
        assert client.status is not None
        assert (client.status.state, client.status.wanted) == ("disconnected", False)
        with pytest.raises(CommandFailed) as error:
            await client.orders.submit(**CHEAP)
        assert error.value.code == "not_active"


@on_loop
async def test_who_is_logged_on_is_so_again_at_a_backend_that_takes_the_place_of_one_that_ended(path: Path) -> None:
    async with house(path) as one, one.client() as client, one.client() as other:
        await logged_on(client)
        order = await client.orders.submit(**CHEAP)
        await other.log_off()  # and on again: that is as before
        await client.until(lambda: client.status is not None and not client.status.wanted)
        await other.log_on()
        await client.active()
        await other.close()
        (info,) = one.launcher.sessions()
        await one.launcher.stop(info.session)  # it logs out by itself, and ends
        await client.until(lambda: client.session not in ("", info.session))
        await client.active()
        assert client.orders[order.cl_ord_id].status is ff.OrdStatus.NEW


@on_loop
async def test_books_and_prints_are_live_and_come_again_after_a_crash(path: Path) -> None:
    async with house(path) as one, one.client() as client:
        await logged_on(client)
        book = await client.subscribe("AAPL", depth=5)
        rested = await client.orders.submit(**CHEAP)
        await client.orders.submit(side="2", **{**AAPL, "price": "110"})
        await client.until(lambda: book.mid == 100)
        assert (book.bids[0].price, book.bids[0].qty, book.offers[0].price) == (90, 10, 110)
        await (await client.orders.submit(side="2", **{**AAPL, "qty": 4, "price": "90"})).filled()
        await client.until(lambda: bool(book.trades))
        assert (book.trades[-1].px, book.trades[-1].qty) == ("90", "4")
        assert client.positions["", "AAPL"].mark == 100
        one.kill()
        await client.until(lambda: not client.connected)
        assert (book.status, book.mid) == (ff.BookStatus.INVALID, None)  # not to be traded on
        await client.active()
        await client.until(lambda: book.mid == 100)
        assert book.bids[0].qty == 6
        await rested.cancel()
        await client.until(lambda: not book.bids)
        await client.unsubscribe("AAPL")
        assert client.books == {}


@on_loop
async def test_messages_are_watched_with_secrets_masked(path: Path) -> None:
    async with house(path) as one, one.client() as client:
        await client.watch_messages()
        await client.log_on(username="alice", password="canary-4711")
        await client.active()
        texts = [message.text for message in client.mirror.messages]
        assert any("35=A" in text for text in texts)
        assert "canary" not in repr(texts)
        assert "canary" not in repr(client._logging_on)


@on_loop
async def test_a_user_request_is_answered_or_said_to_be_unknown(path: Path) -> None:
    async with house(path, "FIX.4.4") as one, one.client() as client:
        with pytest.raises(CommandFailed) as error:
            await client.user_request(1, "alice", "secret")
        assert error.value.code == "not_active"
        await logged_on(client)
        with pytest.raises(CommandFailed) as error:  # this exchange keeps no accounts
            await client.user_request(1, "alice", "secret")
        assert error.value.code == "unsupported"


@on_loop
async def test_a_wrong_key_or_account_is_refused_at_once(path: Path) -> None:
    async with house(path) as one:
        wrong: dict[str, str]
        for wrong in ({"api_key": one.key[:-1] + "x"}, {"account": "bob"}, {"session": "0123456789abcdef"}):
            with pytest.raises(LinkRefused):
                async with one.client(QUICK, **wrong):
                    pass
        with pytest.raises(LinkLost):
            async with one.client(launcher=f"unix:{path}/nobody.sock"):
                pass


@on_loop
async def test_the_client_ends_when_the_backend_is_gone_for_too_long(path: Path) -> None:
    options = ClientOptions(first_wait=0.01, longest_wait=0.02, give_up=0.1)
    async with house(path) as one, one.client(options) as client:
        waiting = asyncio.ensure_future(client.active())
        (info,) = one.launcher.sessions()
        await one.launcher.stop(info.session)
        with pytest.raises((NotActive, LinkRefused)):
            await waiting
        with pytest.raises((NotActive, LinkRefused)):
            await client.orders.submit(**CHEAP)


@on_loop
async def test_after_closing_nothing_waits_any_more(path: Path) -> None:
    async with house(path) as one:
        async with one.client() as client:
            await logged_on(client)
            order = await client.orders.submit(**CHEAP)
            waiting = asyncio.ensure_future(order.filled())
            await asyncio.sleep(0)
        with pytest.raises(NotActive):
            await waiting
        with pytest.raises(NotActive):
            await client.command(lambda n: Submit(n, "x", "AAPL", "1", "1"))


def test_options_that_cannot_be_are_refused() -> None:
    for name in ("first_wait", "longest_wait", "give_up", "login"):
        for wrong in (0, -1, float("nan"), "1", True):
            with pytest.raises(ConfigError, match=name):
                ClientOptions(**{name: wrong})  # type: ignore[arg-type]
    assert QUICK.longest_wait == 0.1
