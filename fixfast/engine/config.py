"""The options of engines: what strangers may cost, and what of a session's options is in files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from fixfast.dictionary.load import load_dictionary
from fixfast.engine.connection import ConnectionConfig, Reconnect, positive
from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig

__all__ = ["ConnectionConfig", "Limits", "Reconnect", "with_dictionary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an acceptor spends on strangers before their Logon is accepted (C1, L30).

    Args:
        logon_bytes: bytes read before a whole Logon must have arrived.
        logon_timeout: seconds from TCP accept (and TLS handshake) to a whole Logon.
        authenticate_timeout: seconds the application's authenticate() may take.
        pending: connections not logged on at one time; the next is closed at once.
        connections: connections in all, logged on or not.

    Raises:
        ConfigError: a value is out of range.
    """

    logon_bytes: int = 4096
    logon_timeout: float = 5.0
    authenticate_timeout: float = 10.0
    pending: int = 256
    connections: int = 4096

    def __post_init__(self) -> None:
        for name in ("logon_timeout", "authenticate_timeout"):
            positive(name, getattr(self, name))
        for name in ("logon_bytes", "pending", "connections"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigError(name, value, "a whole number of at least 1")


async def with_dictionary(config: SessionConfig) -> SessionConfig:
    """Return the options of a session with the dictionary that they name, which is read in a worker thread.

    A large file takes a second, in which other sessions of the loop must go on.

    Raises: DictionaryError: there is no such version or file, or the file is wrong.
    """
    if not isinstance(config.dictionary, str):
        return config
    loop = asyncio.get_running_loop()
    return replace(config, dictionary=await loop.run_in_executor(None, load_dictionary, config.dictionary))
