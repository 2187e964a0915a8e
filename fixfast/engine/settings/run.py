"""Running what a configuration file says with asyncio: its stores and logs opened, given to connect() and serve()."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType

from fixfast.engine.acceptor import Server, serve
from fixfast.engine.initiator import Initiator, connect
from fixfast.engine.live import LiveSession
from fixfast.engine.settings.running import Accepted, connection_of, initiator_options
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.watch import Watch
from fixfast.store.base import Store
from fixfast.types import SessionID

__all__ = ["Connection", "Servers", "opened"]


class Connection:
    """What Settings.connect() returns: an async context manager, for one use."""

    def __init__(self, chosen: SessionSettings, application: object | None, watch: Watch) -> None:
        self._connection = connection_of(chosen)
        self._chosen = chosen
        self._application = application
        self._watch = watch
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> LiveSession:
        chosen = self._chosen
        made: list[Initiator] = []
        async with AsyncExitStack() as stack:
            options = initiator_options(chosen, stack.enter_context(ExitStack()))
            # First: a person may want to know what it waits for, and why its first attempts fail.
            await stack.enter_async_context(self._watch.over(lambda: [one for each in made for one in each.sessions]))
            store = await opened(chosen)
            made.append(connect(chosen.config, self._connection, self._application, store, **options))
            live = await stack.enter_async_context(made[0])  # closes the store, whatever happens
            self._stack = stack.pop_all()
        return live

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)


async def opened(chosen: SessionSettings, session_id: SessionID | None = None) -> Store:
    """Open the store of a session in a worker thread.

    Cancelled, it ends when the store is closed again, so that it can be opened anew; cancelled twice, at once.

    Args: session_id: whose; None: as the settings say.

    Raises: StoreError.
    """
    identity = session_id if session_id is not None else chosen.session_id
    job = asyncio.get_running_loop().run_in_executor(None, chosen.stored.open, identity)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        job.add_done_callback(_close_late)
        await asyncio.wait([job])
        raise


def _close_late(job: asyncio.Future[Store]) -> None:
    if not job.cancelled() and job.exception() is None:
        job.result().close()


class Servers:
    """What Settings.serve() returns: an async context manager, for one use; a Server for each address.

    Attributes:
        servers: the Servers, in the order of the file.
        sessions: {SessionID: LiveSession} of all of them, live and read-only.

    Raises: ConfigError: there is no session; two sessions say different things of one address.
    """

    def __init__(self, chosen: Iterable[SessionSettings], application: object | None, watch: Watch) -> None:
        self._accepted = Accepted(chosen)
        self._application = application
        self._watch = watch
        self._stack = AsyncExitStack()
        self.servers: tuple[Server, ...] = ()
        self.sessions: Mapping[SessionID, LiveSession] = {}

    @property
    def port(self) -> int:
        """The TCP port of the first Server."""
        return self.servers[0].port

    async def __aenter__(self) -> Servers:
        await asyncio.to_thread(self._accepted.load)
        async with AsyncExitStack() as stack:
            servers = []
            for options in self._accepted.servers(stack.enter_context(ExitStack())):
                servers.append(await stack.enter_async_context(serve(self._application, **options)))
            self.servers = tuple(servers)
            self.sessions = ChainMap(*(server.sessions for server in servers))  # type: ignore[arg-type]
            await stack.enter_async_context(self._watch.over(lambda: list(self.sessions.values())))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
