"""What a Launcher tells a Backend before anything else: through a pipe that only the two of them have.

Nothing of it is in arguments or in the environment, which others can read (C19).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from fixfast.engine.settings.file import read_session
from fixfast.engine.settings.nodes import Node, read_toml
from fixfast.engine.settings.read import Reader
from fixfast.engine.settings.remarks import ConfigFileError, ConfigRemark
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.settings import Settings
from fixfast.engine.settings.write import dump, nodes_of, table_of
from fixfast.errors import ConfigError
from fixfast.service.address import Address
from fixfast.transport.tls import TlsConfig

__all__ = ["BackendOptions", "Start", "pack", "settings_text", "unpack"]

#: of what goes through the pipe; and the most of it
_VERSION, _LIMIT = 1, 1 << 20

Orders = Literal["leave", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What a Backend does besides keeping its FIX session.

    Args:
        front_ends_gone: what becomes of open orders when the last front end is gone, after `grace`: they stay as they
            are ("leave"), or are cancelled ("cancel"). The session goes on.
        launcher_gone: the same when the Launcher is gone; then the Backend logs out and ends.
        grace: seconds that a front end has to come back.
        listen: where front ends find it: "tls:HOST:PORT" (port 0: any free one), by a name that they can reach; empty:
            a Unix socket in the Launcher's folder.
        tls: the certificate for that.

    Raises: ConfigError.
    """

    front_ends_gone: Orders = "leave"
    launcher_gone: Orders = "leave"
    grace: float = 10.0
    listen: str = ""
    tls: TlsConfig | None = None

    def __post_init__(self) -> None:
        for name in ("front_ends_gone", "launcher_gone"):
            if getattr(self, name) not in ("leave", "cancel"):
                raise ConfigError(name, getattr(self, name), '"leave" or "cancel"')
        if isinstance(self.grace, bool) or not isinstance(self.grace, int | float) or not 0 <= self.grace <= 86_400:
            raise ConfigError("grace", self.grace, "seconds, from 0 to a day")
        if self.listen and not (isinstance(self.listen, str) and Address.of(self.listen).host):
            raise ConfigError("listen", self.listen, '"tls:HOST:PORT", or left out: a Unix socket')
        if bool(self.listen) != (self.tls is not None):
            raise ConfigError("tls", None if self.tls is None else "a table", "given with `listen`, and only then")
        if self.tls is not None and self.tls.certificate is None:
            raise ConfigError("tls", "tls", "with a certificate: who listens has one")


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a Backend is told.

    Attributes:
        session: its id; in Granted, in Welcome, in logs.
        account: whose it is.
        folder: for all that it keeps, of mode 0700: stores, order log.
        launcher: the address to connect to.
        listen: the address for front ends.
        api_key: the one that is allowed; with `token` it is what the Launcher knows it by, see secret().
        token: the session's: 32 bytes that a Launcher makes for each start of a Backend.
        settings: the FIX session and BackendOptions, as TOML; options() reads them.
        version: of all this.
    """

    session: str
    account: str
    folder: str
    launcher: str
    listen: str
    api_key: str
    token: bytes
    settings: str
    version: int = _VERSION

    def __repr__(self) -> str:
        return f"Start(session={self.session!r}, account={self.account!r}, api_key='***', token='***')"

    def secret(self) -> bytes:
        """Return the secret of the handshake with the Launcher: who has the API key alone is no Backend."""
        return hmac.new(self.token, b"fixfast backend\0" + self.api_key.encode(), hashlib.sha256).digest()

    def options(self) -> tuple[SessionSettings, BackendOptions]:
        """Return the FIX session's settings, and the other options. Raises: ConfigFileError."""
        root = read_toml(self.settings.encode(), "pipe")
        if isinstance(root, ConfigRemark):
            raise ConfigFileError([root])
        reader = Reader(Path(self.folder), {})
        nothing = Node({}, file="pipe")
        session = read_session(reader, self.account, nothing, root.value["session"].value[self.account], "session")
        options = reader.build(BackendOptions, root.value.get("backend", nothing), "backend")
        if session is None or options is None:
            raise ConfigFileError(reader.remarks)
        return session, options


def settings_text(session: SessionSettings, options: BackendOptions) -> str:
    """Return the text for Start.settings. Raises: ConfigError: an option is an object that no text can hold."""
    tables = nodes_of(Settings({session.name: session}))
    tables.value["backend"] = table_of(options)
    return dump(tables)


def pack(start: Start) -> bytes:
    """Return what goes through the pipe."""
    return msgspec.msgpack.encode(start)


def unpack(fd: int) -> Start:
    """Read it, to the end, and close the pipe. Raises: ConfigError: it is none."""
    with open(fd, "rb", buffering=0) as pipe:
        data = b""
        while len(data) <= _LIMIT and (more := pipe.read(1 << 16)):
            data += more
    try:
        start = msgspec.msgpack.decode(data, type=Start)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Not what is wrong with it: there are secrets in it.
        raise ConfigError(
            "pipe", f"{len(data)} bytes", "what a Launcher writes: nobody starts a Backend by hand"
        ) from None
    if start.version != _VERSION:
        raise ConfigError("pipe", f"version {start.version}", f"version {_VERSION}: a Launcher of this fixfast")
    return start
