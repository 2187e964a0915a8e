"""The Launcher of the soak, as a process that is killed, and its Backends, which are, too."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fixfast import clock
from fixfast.service.credentials.keys import Keys
from fixfast.service.credentials.store import open_store
from fixfast.service.link import LinkLost
from fixfast.service.messages import Granted, ListSessions, Login, Sessions
from fixfast.service.wire import connect
from fixfast.store.hashing import HashCost, Hasher
from tests.soak.setup import ACCOUNTS, FRONT_ENDS, key_file

__all__ = ["House"]

_CHEAP = HashCost(time=1, memory=8, lanes=1)
_OPERATOR = "operator"


class House:
    """Knows the Launcher's files and its Backends.

    Args: folder: of everything it keeps. sockets: one with a short path. port: of the exchange.

    Attributes: config: the Launcher's file. address: where it listens.
    """

    def __init__(self, folder: Path, sockets: Path, port: str) -> None:
        self._folder = folder
        self.config = folder / "launcher.toml"
        self.address = f"unix:{sockets / 'launcher.sock'}"
        self.config.write_text(self._settings(sockets, port))
        state = folder / "house"
        state.mkdir(mode=0o700)
        with open_store(str(state / "keys.db")) as store:
            keys, now_ns = Keys(store, Hasher(_CHEAP)), clock.now().wall_ns
            for name, account in FRONT_ENDS.items():
                key_file(folder, name).write_text(keys.create(account, now_ns)[0].text())
            self._key = keys.create(_OPERATOR, now_ns, roles=("admin",))[0].text()

    async def kill_backend(self, choose: Callable[[list[int]], int]) -> bool:
        """Send SIGKILL to a Backend. Returns: False: there is none just now, or no Launcher."""
        try:
            pids = [pid for pid in await self._pids() if pid]
        except LinkLost:
            return False
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(choose(pids), signal.SIGKILL)
        return True

    async def _pids(self) -> list[int]:
        link = await connect(self.address, "login")
        try:
            link.send(Login(_OPERATOR, self._key))
            assert isinstance(await asyncio.wait_for(link.receive(), 10), Granted)
            link.send(ListSessions(1))
            answer = await asyncio.wait_for(link.receive(), 10)
        finally:
            await link.close()
        assert isinstance(answer, Sessions), answer
        return [one.pid for one in answer.sessions]

    def _settings(self, sockets: Path, port: str) -> str:
        lines = [
            "[launcher]",
            f"state = {json.dumps(str(self._folder / 'house'))}",
            f"sockets = {json.dumps(str(sockets))}",
            "tokens = 1000",
            "hash = { time = 1, memory = 8, lanes = 1 }",
            "restart = { initial = 0.02, maximum = 0.5, attempts = 1000, within = 10 }",
            "[defaults]",
            'target_comp_id = "EXCHANGE"',
            "max_resend_requests = 1000",
            "[defaults.connection]",
            f'host = "127.0.0.1"\nport = {port}',
            'reconnect = { initial = 0.02, maximum = 0.2, max_refusals = "none", retry_first = true }',
        ]
        for account, version in ACCOUNTS.items():
            lines += [f"[account.{account}]", f'sender_comp_id = "{account}"', f'begin_string = "{version}"']
            if version == "FIXT.1.1":
                lines.append('default_appl_ver_id = "9"')
            lines += [f"[account.{account}.backend]", "launcher_grace = 0.5", "grace = 0.5"]
        return "\n".join(lines) + "\n"
