"""Where processes of the service meet: "unix:PATH" or "tls:HOST:PORT". TCP without TLS there is not (C20)."""

from __future__ import annotations

from dataclasses import dataclass

from fixfast.errors import ConfigError

__all__ = ["Address"]

_ALLOWED = "unix:PATH or tls:HOST:PORT; there is no TCP without TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """One place.

    Attributes:
        path: of a Unix socket; empty: it is TCP with TLS.
        host, port: of that; port 0, for who listens: any free one.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def of(cls, text: str) -> Address:
        """Return what a text says. Raises: ConfigError: it is none of the two."""
        kind, _, rest = text.partition(":") if isinstance(text, str) else ("", "", "")
        if kind == "unix" and rest and "\0" not in rest:
            return cls(path=rest)
        host, _, port = rest.rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if kind == "tls" and host and port.isascii() and port.isdecimal() and int(port) <= 65535:
            return cls(host=host, port=int(port))
        raise ConfigError("address", text, _ALLOWED)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"tls:[{self.host}]:{self.port}" if ":" in self.host else f"tls:{self.host}:{self.port}"
