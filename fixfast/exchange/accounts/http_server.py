"""The HTTP server of accounts: uvicorn on the loop that is there, with bounds on what a connection may cost.

Imported when it is used: uvicorn is in the extra `[accounts]`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
from collections import OrderedDict
from contextlib import nullcontext
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fixfast.exchange.accounts.config import AccountsConfig

__all__ = ["HttpServer"]

_log = logging.getLogger("fixfast.exchange.http")
#: what uvicorn says of connections: a line for each request that is none would be a line a stranger may write
_quiet = logging.Logger("fixfast.exchange.http", logging.ERROR)  # noqa: LOG001
_quiet.parent = _log

#: connections at one time; what is above pushes out the one that has waited longest with its request
_MOST = 256
#: seconds from the connection (over TLS: from the end of its handshake) to the end of the headers, however they drip
_HEAD_TIME = 5.0
#: bytes of all headers
_MAX_HEAD = 8192
#: seconds for answers that are on their way when the server closes
_LAST = 2


class HttpServer:
    """Serves an ASGI application: `await server.start()`, `await server.close()`.

    Args: app: the application. config: where it listens, and its certificate.

    Raises: OSError: the address cannot be listened on, or the certificate cannot be read.
    """

    def __init__(self, app: Any, config: AccountsConfig) -> None:
        assert config.port is not None
        self._socket = _listening(config.host, config.port)
        self.host, self.port = self._socket.getsockname()[:2]
        self.https = config.certificate is not None
        made = uvicorn.Config(
            app,
            http=_bounded(),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=_MAX_HEAD,
            timeout_keep_alive=1,
            timeout_graceful_shutdown=_LAST,
            ssl_certfile=config.certificate,
            ssl_keyfile=config.private_key,
        )
        self._server = _Server(made)
        self._task: asyncio.Task[None] | None = None
        try:
            made.load()
        except BaseException:
            self._socket.close()
            raise
        if not self.https and not _is_local(self.host):
            _log.warning("passwords travel to %s in the clear: give a certificate", self.url)

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.https else ''}://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises: whatever uvicorn fails with."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="fixfast-accounts-http")
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Answer what is being asked, and let go of the port. Twice is once."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


class _Server(uvicorn.Server):
    """Leaves signals to the program it is a part of, and ends TLS handshakes that take too long."""

    def capture_signals(self) -> Any:
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        config = self.config
        made: dict[str, Any] = {"config": config, "server_state": self.server_state, "app_state": self.lifespan.state}
        limit = _HEAD_TIME if config.ssl is not None else None
        self.servers = [
            await asyncio.get_running_loop().create_server(
                lambda: config.http_protocol_class(**made),
                sock=sock,
                ssl=config.ssl,
                backlog=config.backlog,
                ssl_handshake_timeout=limit,
            )
            for sock in sockets or ()
        ]
        self.started = True


def _listening(host: str, port: int) -> socket.socket:
    family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, number)
    try:
        if os.name == "posix":  # elsewhere it would let others have the port, too
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _is_local(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _bounded() -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with two bounds of its own: connections at one time, and time for the headers."""
    waiting: OrderedDict[Any, asyncio.TimerHandle] = OrderedDict()  # for the rest of their requests, oldest first
    count = 0

    class Bounded(H11Protocol):
        """A connection. It has one request."""

        def connection_made(self, transport: Any) -> None:
            nonlocal count
            super().connection_made(transport)
            self.logger = _quiet
            count += 1
            waiting[self] = self.loop.call_later(_HEAD_TIME, self._too_slow)
            if count > _MOST:
                oldest, timer = waiting.popitem(last=False)  # this one at worst
                timer.cancel()
                oldest.transport.abort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None:
                timer = waiting.get(self)
                if timer is not None:
                    timer.cancel()  # the application has its own for the body
                    if not self.cycle.more_body:
                        del waiting[self]

        def connection_lost(self, exc: Exception | None) -> None:
            nonlocal count
            count -= 1
            timer = waiting.pop(self, None)
            if timer is not None:
                timer.cancel()
            super().connection_lost(exc)

        def _too_slow(self) -> None:
            self.transport.abort()

    return Bounded
