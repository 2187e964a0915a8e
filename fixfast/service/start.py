"""What a Launcher tells a Backend before anything else: through a pipe that only the two of them have.

Nothing of it is in arguments or in the environment, which others can read (C19).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from dataclasses import dataclass, field
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
from fixfast.trading.request import OrderOptions
from fixfast.trading.risk import RiskLimits
from fixfast.transport.tls import TlsConfig

__all__ = ["BackendOptions", "Start", "pack", "settings_text", "unpack"]

#: of what goes through the pipe; and the most of it
_VERSION, _LIMIT = 1, 1 << 20
#: the way out for who runs `fixfast backend`
_BY_HAND = "nobody starts a Backend by hand, but `fixfast launcher CONFIG` does"

Orders = Literal["leave", "cancel"]

_CHOICES = {
    "front_ends_gone": ("leave", "cancel"),
    "launcher_gone": ("leave", "cancel"),
    "log_on": ("command", "start"),
    "sync": ("none", "always"),
}


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
        log_on: "command": the Backend logs on when a front end says LogOn; "start": at once, as configured.
        launcher_grace: seconds that the Launcher has to come back.
        cancel_wait: seconds that cancels may take to be answered when the Backend ends.
        symbols: whose market data is asked for from the beginning, so that positions can be valued.
        depth: levels of a book to ask the venue for; 0: all. Each front end gets as many of them as it wants.
        orders: what the venue is like, and what is done without being asked; its `version` is the session's. Without
            `days` they are those of the session's schedule; without that they begin at midnight UTC.
        risk: what is looked at before an order leaves; None: nothing.
        sync: "none": a loss of power may lose the latest orders; "always": each is on the disk before it is sent.
        max_front_ends: how many may be connected. As many as a Launcher lets in (its `tokens`): one that has a token
            and is not taken would come again and again.
        uvloop: run on uvloop's event loop (extra `uvloop`).

    Raises: ConfigError.
    """

    front_ends_gone: Orders = "leave"
    launcher_gone: Orders = "leave"
    grace: float = 10.0
    listen: str = ""
    tls: TlsConfig | None = None
    log_on: Literal["command", "start"] = "command"
    launcher_grace: float = 10.0
    cancel_wait: float = 5.0
    symbols: tuple[str, ...] = ()
    depth: int = 0
    orders: OrderOptions = field(default_factory=OrderOptions)
    risk: RiskLimits | None = None
    sync: Literal["none", "always"] = "none"
    max_front_ends: int = 64
    uvloop: bool = False

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), " or ".join(f'"{one}"' for one in allowed))
        for name in ("grace", "launcher_grace", "cancel_wait"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
                raise ConfigError(name, value, "seconds, from 0 to a day")
        for name, least in (("depth", 0), ("max_front_ends", 1)):
            if type(getattr(self, name)) is not int or getattr(self, name) < least:
                raise ConfigError(name, getattr(self, name), f"a whole number from {least}")
        if self.listen and not (isinstance(self.listen, str) and self.listen.startswith("tls:")):
            raise ConfigError("listen", self.listen, '"tls:HOST:PORT", or left out: a Unix socket')
        if self.listen:
            Address.of(self.listen)
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
        launcher: the address to connect to; empty: there is none, and nobody is let in but by Backend.grant().
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
    data = b""
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            raise ConfigError("pipe", fd, f"a pipe that a Launcher writes into: {_BY_HAND}")
        with open(fd, "rb", buffering=0) as pipe:
            while len(data) <= _LIMIT and (more := pipe.read(1 << 16)):
                data += more
    except OSError as error:
        allowed = f"an inherited pipe that can be read ({error.strerror}): {_BY_HAND}"
        raise ConfigError("pipe", fd, allowed) from None
    try:
        start = msgspec.msgpack.decode(data, type=Start)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Not what is wrong with it: there are secrets in it.
        raise ConfigError("pipe", f"{len(data)} bytes", f"what a Launcher writes: {_BY_HAND}") from None
    if start.version != _VERSION:
        raise ConfigError("pipe", f"version {start.version}", f"version {_VERSION}: a Launcher of this fixfast")
    return start
