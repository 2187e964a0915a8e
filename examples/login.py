"""An account is registered over HTTP, its user logs in over FIX, trades, loses the line, changes the password.

`python examples/login.py [--version FIX.4.2]` needs nothing beside it: the exchange runs in this process.
"""

from __future__ import annotations

import argparse
import asyncio

import fixfast as ff
from fixfast.exchange import AccountsConfig, Exchange, ExchangeConfig


def told(update: ff.auth.AuthUpdate) -> None:
    """Show what a user interface would: the state, a spinner while it waits, a label with what went wrong."""
    snapshot = update.snapshot
    spinner = "..." if snapshot.state.waiting else ""
    print(f"  {snapshot.state.value}{spinner} {snapshot.failure or ''}".rstrip())


async def trade(api: str, venue: ff.ConnectionConfig, version: str) -> None:
    config = ff.SessionConfig(version, "ANY", "EXCHANGE")  # the client_id takes the place of "ANY"
    async with ff.auth.AuthClient(config, venue, api=api) as auth:
        auth.observe(told)
        print("registering")
        client_id = await auth.register_account("trader", "correct horse battery")
        print("logging in with a wrong password")
        try:
            await auth.login(client_id, "a guess that is wrong")
        except ff.AuthFailed as error:
            print(f"  -> {error.reason}")
        print("logging in")
        session = await auth.login(client_id, "correct horse battery")
        order = await session.orders().submit(symbol="AAPL", side=ff.Side.BUY, qty=100, price="100.00")
        await order.acknowledged()
        print(f"an order of 100 AAPL is {order.status.name}")
        print("losing the line")
        session.drop()
        await auth.wait(ff.auth.AuthState.CONNECTING)
        await auth.wait(ff.auth.AuthState.ACTIVE)
        print("changing the password")
        await auth.change_password("correct horse battery", "staple on every page")
        await order.cancel()
        print(f"the order is {order.status.name}; logging out")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="FIX.4.2", choices=["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
    options = parser.parse_args()
    async with Exchange(ExchangeConfig(port=0, registration=AccountsConfig(port=0))) as exchange:
        assert exchange.registration is not None
        venue = ff.ConnectionConfig("127.0.0.1", exchange.port, reconnect=ff.Reconnect(initial=0.1))
        await trade(exchange.registration.url, venue, options.version)


if __name__ == "__main__":
    asyncio.run(main())
