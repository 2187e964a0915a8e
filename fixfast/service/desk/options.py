"""The desk's options."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fixfast.errors import ConfigError, StoreError
from fixfast.store.files import open_private

__all__ = ["DeskOptions"]

_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """What a desk is told.

    Args:
        launcher: the Launcher's address, "unix:PATH" or "tls:HOST:PORT".
        account: whose Backend it is.
        api_key: of that account, as `fixfast keys create` made it; or `key_file`, a file that only its owner reads.
        registration: the URL of the registration server; "": nobody can register.
        host, port: where browsers find it; 0: any free port.
        names: more names, "HOST:PORT", that browsers call it by: those of a proxy.
        symbols: what the ticket offers, and the ladder shows.
        user_request: the venue wants a UserRequest (35=BE) after the Logon.
        frames: how often a second a page is drawn, at most.
        depth: levels of the ladder.
        candle: seconds a candle.
        title: of the page.

    Raises: ConfigError.
    """

    launcher: str
    account: str
    api_key: str = field(default="", repr=False)
    key_file: Path | None = None
    registration: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    names: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    user_request: bool = True
    frames: int = 10
    depth: int = 8
    candle: str = "5s"
    title: str = "fixfast desk"

    def __post_init__(self) -> None:
        if bool(self.api_key) == (self.key_file is not None):
            raise ConfigError("api_key", "***" if self.api_key else "", "one of api_key and key_file")
        if self.host not in _LOOPBACK and not self.names:
            raise ConfigError("host", self.host, "127.0.0.1; another one needs `names`, and a proxy with TLS before it")
        if not 0 <= self.port <= 65535:
            raise ConfigError("port", self.port, "0 to 65535")
        if not 1 <= self.frames <= 60:
            raise ConfigError("frames", self.frames, "1 to 60 a second")
        if not 1 <= self.depth <= 50:
            raise ConfigError("depth", self.depth, "1 to 50")

    def key(self) -> str:
        """Return the API key. Raises: ConfigError: its file is open to others, or not there."""
        if self.key_file is None:
            return self.api_key
        try:
            fd = open_private(str(self.key_file), os.O_RDONLY)
            with os.fdopen(fd, encoding="ascii", errors="replace") as file:
                return file.read(1000).strip()
        except (OSError, StoreError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise ConfigError("key_file", str(self.key_file), f"a private file with the key: {said}") from None
