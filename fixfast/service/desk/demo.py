"""A desk with all that it needs: exchange, registration API, Launcher, as processes of their own; gone when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from fixfast import clock
from fixfast.service.credentials.keys import Keys
from fixfast.service.credentials.store import open_store
from fixfast.service.desk.children import Child
from fixfast.service.desk.options import DeskOptions
from fixfast.service.desk.place import Place
from fixfast.store.files import write_private
from fixfast.store.hashing import HashCost, Hasher

__all__ = ["Demo"]

_ACCOUNT, _LABEL = "desk", "demo"
SYMBOLS = ("AAPL", "MSFT", "EUR/USD")


class Demo:
    """An exchange with traders of its own, where people register; a Launcher with a key for the desk. `async with`.

    Args: place: for all state, entered. told: called with lines for people.

    Attributes: options: for the desk.
    """

    def __init__(self, place: Place, told: Callable[[str], object] = print) -> None:
        self._place = place
        self._told = told
        folder = place.folder
        self.exchange = Child(
            folder / "exchange.log", "exchange", "--port", "0", "--accounts", f"sqlite:{folder / 'accounts.db'}",
            "--http", "127.0.0.1:0", "--journal", str(folder / "exchange"), "--agents",
        )  # fmt: skip
        self._launcher = Child(folder / "launcher.log", "launcher", str(folder / "launcher.toml"))
        self.options: DeskOptions

    def buttons(self, symbol: str) -> list[tuple[str, str]]:
        """Return what can be done to the exchange, for the desk."""
        return [
            ("lose every tenth answer", "fault drop=0.1"),
            ("answer slowly", "fault slow=1 slow_by=0.5"),
            ("double reports", "fault duplicate=0.3"),
            ("break connections", "fault disconnect=0.2"),
            ("no faults", "fault off"),
            (f"halt {symbol}", f"halt {symbol}"),
            (f"resume {symbol}", f"resume {symbol}"),
        ]

    async def say(self, line: str) -> str:
        """Type a line into the exchange."""
        return await self.exchange.say(line)

    async def __aenter__(self) -> Demo:
        place, folder = self._place, self._place.folder
        try:
            where, api = await self.exchange.start(
                (r"listening on (\S+): ", r"accounts: POST (http\S+)/accounts;"), (place.held,)
            )
            key = await asyncio.to_thread(_new_key, folder / "keys.db")
            write_private(str(folder / "launcher.toml"), _config(place, where).encode())
            (address,) = await self._launcher.start((r"listening on (unix:\S+)",), (place.held,))
        except BaseException:
            await self._stop()
            raise
        self._told(f"exchange on {where}, accounts at {api}, logs and state in {folder}")
        self.options = DeskOptions(
            launcher=address, account=_ACCOUNT, api_key=key, registration=api, symbols=SYMBOLS, port=0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await self._launcher.stop()
        await self.exchange.stop()


def _new_key(path: Path) -> str:
    """Make an API key in the Launcher's store, and return it. It is kept nowhere, so those of earlier demos go."""
    now_ns = clock.now().wall_ns
    with open_store(str(path)) as store:
        keys = Keys(store, Hasher(HashCost()))
        for record in keys.records(_ACCOUNT):
            if record.label == _LABEL and record.state(now_ns) == "active":
                keys.revoke(record.id, now_ns)
        key, _ = keys.create(_ACCOUNT, now_ns, label=_LABEL)
        return key.text()


def _config(place: Place, where: str) -> str:
    """Return the Launcher's configuration. Args: where: the exchange listens, HOST:PORT."""
    version = place.version
    fixt = version.startswith("FIX.5")
    begin = 'begin_string = "FIXT.1.1"\ndefault_appl_ver_id = "9"' if fixt else f'begin_string = "{version}"'
    host, _, port = where.rpartition(":")
    return f"""
[launcher]
state = {json.dumps(str(place.folder))}
sockets = {json.dumps(str(place.sockets))}

[account.{_ACCOUNT}]
{begin}
dictionary = {json.dumps("FIX.4.2+auth" if version == "FIX.4.2" else version)}
sender_comp_id = "DESK"
target_comp_id = "EXCHANGE"
connection = {{ host = {json.dumps(host)}, port = {port}, reconnect = {{ max_refusals = 1 }} }}
heart_bt_int = 10
"""
