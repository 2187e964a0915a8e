"""Running what a configuration file says with threads: the twin of settings/run.py, public as `settings.sync`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType

from fixfast.engine.settings.running import Accepted, connection_of, initiator_options
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.watch import ThreadWatch
from fixfast.engine.sync.acceptor import Server, serve
from fixfast.engine.sync.initiator import Initiator, connect
from fixfast.engine.sync.live import LiveSession
from fixfast.types import Role, SessionID

__all__ = ["SyncConnection", "SyncServers", "SyncSettings"]


class SyncSettings:
    """What `Settings.sync` is: connect() and serve() of a file's sessions for threads.

    The control socket and the metrics of the file know the sessions that are run by this one, and not those that
    Settings.connect() and serve() run on an event loop: a process has one kind, or two files.
    """

    def __init__(
        self, sessions: Mapping[str, SessionSettings], find: Callable[[str], SessionSettings], watch: ThreadWatch
    ) -> None:
        self._sessions = sessions
        self._find = find
        self._watch = watch

    def connect(self, name: str, application: object | None = None) -> SyncConnection:
        """Connect an initiator: `with settings.sync.connect("orders", application) as session: ...`.

        As fixfast.sync.connect(), with the store and the wire log that the file says; both are closed in the end.

        Raises: ConfigError: there is no such session, or it is an acceptor's. On entering: what connect() raises,
            StoreError, OSError: the wire log cannot be opened.
        """
        return SyncConnection(self._find(name), application, self._watch)

    def serve(self, application: object | None = None) -> SyncServers:
        """Wait for all sessions of the role acceptor: `with settings.sync.serve(application) as servers: ...`.

        There is a Server of `fixfast.sync` for each address that the sessions name.

        Raises: ConfigError: there is no acceptor; two sessions say different things of one address. On entering: what
            serve() raises.
        """
        acceptors = [one for one in self._sessions.values() if one.role is Role.ACCEPTOR]
        return SyncServers(acceptors, application, self._watch)


class SyncConnection:
    """What SyncSettings.connect() returns: a context manager, for one use."""

    def __init__(self, chosen: SessionSettings, application: object | None, watch: ThreadWatch) -> None:
        self._connection = connection_of(chosen)
        self._chosen = chosen
        self._application = application
        self._watch = watch
        self._stack = ExitStack()

    def __enter__(self) -> LiveSession:
        chosen = self._chosen
        opened: list[Initiator] = []
        with ExitStack() as stack:
            options = initiator_options(chosen, stack)
            # First: a person may want to know what it waits for, and why its first attempts fail.
            stack.enter_context(self._watch.over(lambda: [one for each in opened for one in each.sessions]))
            opened.append(connect(chosen.config, self._connection, self._application, chosen.store(), **options))
            live = stack.enter_context(opened[0])  # closes the store, whatever happens
            self._stack = stack.pop_all()
        return live

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class SyncServers:
    """What SyncSettings.serve() returns: a context manager, for one use; a Server for each address.

    Attributes:
        servers: the Servers, in the order of the file.
        sessions: {SessionID: LiveSession} of all of them, live and read-only.

    Raises: ConfigError: there is no session; two sessions say different things of one address.
    """

    def __init__(self, chosen: Iterable[SessionSettings], application: object | None, watch: ThreadWatch) -> None:
        self._accepted = Accepted(chosen)
        self._application = application
        self._watch = watch
        self._stack = ExitStack()
        self.servers: tuple[Server, ...] = ()
        self.sessions: Mapping[SessionID, LiveSession] = {}

    @property
    def port(self) -> int:
        """The TCP port of the first Server."""
        return self.servers[0].port

    def __enter__(self) -> SyncServers:
        self._accepted.load()
        with ExitStack() as stack:
            servers = [serve(self._application, **options) for options in self._accepted.servers(stack)]
            self.servers = tuple(stack.enter_context(server) for server in servers)
            self.sessions = ChainMap(*(server.sessions for server in servers))  # type: ignore[arg-type]
            stack.enter_context(self._watch.over(lambda: list(self.sessions.values())))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
