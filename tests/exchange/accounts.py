"""Accounts for tests: cheap hashes, an HTTP API on a free port, and requests by hand, so that they may be wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fixfast.exchange.accounts.accounts import Accounts, open_store
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.accounts.http_app import AccountsApi
from fixfast.exchange.accounts.http_server import HttpServer

HOST = "127.0.0.1"
PASSWORD = "correct horse battery"


def cheap(**options: Any) -> AccountsConfig:
    """Return a configuration whose hashes cost nothing, and which lets one try often."""
    given: dict[str, Any] = {"hash_time": 1, "hash_memory": 8, "hash_lanes": 1, "port": 0}
    given |= {"registrations_per_minute": 10_000, "attempts_per_minute": 10_000}
    return AccountsConfig(**(given | options))


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    json: Any
    raw: bytes

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


class Api:
    """An HTTP API, and who asks it."""

    def __init__(self, port: int, accounts: Accounts | None = None) -> None:
        self.port = port
        self.accounts = accounts

    async def connect(self, source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.port, local_addr=(source, 0))

    async def raw(self, request: bytes, *, source: str = HOST) -> Reply:
        """Send bytes, and read the answer to the end of the connection."""
        reader, writer = await self.connect(source)
        writer.write(request)
        try:
            await writer.drain()
            said = await reader.read()
        finally:
            writer.close()
        return reply(said)

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}, *, source: str = HOST
    ) -> Reply:
        """Send a request. Args: body: bytes as they are, anything else as JSON."""
        lines = {"Host": f"{HOST}:{self.port}"}
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        lines |= headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        return await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data, source=source)

    async def register(self, username: Any = "bob", password: Any = PASSWORD, **options: Any) -> Reply:
        return await self.ask("POST", "/accounts", {"username": username, "password": password}, **options)

    async def me(self, client_id: str, password: str = PASSWORD, **options: Any) -> Reply:
        return await self.ask("GET", "/accounts/me", headers=basic(client_id, password), **options)


def basic(client_id: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{password}".encode()).decode()}


def reply(said: bytes) -> Reply:
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    is_json = headers.get("content-type") == "application/json"
    return Reply(int(first.split(" ")[1]), headers, json.loads(body) if is_json and body else None, said)


@asynccontextmanager
async def api(**options: Any) -> AsyncIterator[Api]:
    """Run an HTTP API alone, with accounts in memory."""
    config = cheap(**options)
    accounts = Accounts(config, open_store(config.url, None))
    server = HttpServer(AccountsApi(accounts, https=config.certificate is not None).app, config)
    await server.start()
    try:
        yield Api(server.port, accounts)
    finally:
        await server.close()
        accounts.close()
