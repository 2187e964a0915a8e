"""AccountsConfig: where accounts are kept, how they are registered over HTTP, what passwords and locks are like."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from fixfast.errors import ConfigError
from fixfast.store.postgres_url import is_postgres_url, shown_url

__all__ = ["AccountsConfig"]

_WHOLE = {
    "shortest_password": (8, 64),
    "lock_after": (1, 1000),
    "registrations_per_minute": (1, 100_000),
    "attempts_per_minute": (1, 100_000),
    "hash_time": (1, 100),
    "hash_memory": (8, 1 << 22),
    "hash_lanes": (1, 64),
    "max_accounts": (1, 1_000_000_000),
}
_LONGEST = 86_400 * 366


@dataclass(frozen=True, slots=True)
class AccountsConfig:
    """Accounts that clients register over HTTP, and then log on with over FIX. See docs/accounts.md.

    Args:
        url: where they are kept: "sqlite:PATH", or "postgresql://user@host/name" as PostgreSQL writes it. None:
            accounts.db in the exchange's `journal` directory; without a journal in memory, gone with the process.
        host: the address the HTTP API listens on. Beyond this machine give `certificate` too: passwords travel on it.
        port: its TCP port; 0: any free one; None: no HTTP API.
        certificate: a PEM file with the certificate and what signed it: HTTPS instead of HTTP.
        private_key: a PEM file with its key, where that is not in `certificate`.
        shortest_password: characters a password has at least. It has 128 at most.
        lock_after: wrong passwords in a row after which an account is locked.
        lock_for: for how many seconds.
        require_user_request: a registered client may trade only when it has said its password: in a UserRequest
            (35=BE), or on its Logon. False: its name alone is enough, as for clients that are not registered.
        require_logon_password: a Logon must have the password already (553, 554). Without it whoever knows a client_id
            may log on, hears what is said to that client, and keeps it out for `login_within` seconds.
        login_within: seconds from the Logon to the password, then the session is logged out.
        registrations_per_minute: of one address (IPv6: one /64).
        attempts_per_minute: passwords that one address may try, and that may be tried for one name.
        hash_time, hash_memory, hash_lanes: of argon2id: passes, KiB, lanes. Who logs in after a change has the
            password hashed anew with them.
        max_accounts: how many there may be.

    Raises: ConfigError: names the option.
    """

    url: str | None = None
    host: str = "127.0.0.1"
    port: int | None = 9880
    certificate: Path | None = None
    private_key: Path | None = None
    shortest_password: int = 10
    lock_after: int = 5
    lock_for: float = 900.0
    require_user_request: bool = True
    require_logon_password: bool = False
    login_within: float = 30.0
    registrations_per_minute: int = 10
    attempts_per_minute: int = 30
    hash_time: int = 3
    hash_memory: int = 65_536
    hash_lanes: int = 4
    max_accounts: int = 100_000

    def __post_init__(self) -> None:
        if self.url is not None and not _is_url(self.url):
            shown = "***" if isinstance(self.url, str) else self.url  # it may have a password in it
            raise ConfigError("url", shown, '"sqlite:accounts.db" or "postgresql://user@host/name"; signs as %40 for @')
        if not isinstance(self.host, str) or not self.host:
            raise ConfigError("host", self.host, "an address of this machine")
        if self.port is not None and (type(self.port) is not int or not 0 <= self.port < 65536):
            raise ConfigError("port", self.port, "a TCP port, 0 to 65535, or None: no HTTP API")
        if self.private_key is not None and self.certificate is None:
            raise ConfigError("private_key", self.private_key, "the key of a certificate: give that, too")
        for name, (least, most) in _WHOLE.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ConfigError(name, value, f"a whole number from {least} to {most}")
        if self.hash_memory < 8 * self.hash_lanes:
            raise ConfigError("hash_memory", self.hash_memory, f"KiB: at least 8 for each of {self.hash_lanes} lanes")
        for name in ("lock_for", "login_within"):
            value = getattr(self, name)
            if isinstance(value, bool) or not 0 < value <= _LONGEST:
                raise ConfigError(name, value, "seconds, above 0, up to a year")
        for name in ("require_user_request", "require_logon_password"):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(name, getattr(self, name), "True or False")

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{one.name}={(self.shown_url if one.name == 'url' else getattr(self, one.name))!r}"
            for one in fields(self)
            if getattr(self, one.name) != one.default
        )
        return f"AccountsConfig({shown})"

    @property
    def shown_url(self) -> str:
        """The URL for people: without a password."""
        return shown_url(self.url or "")

    def inside(self, folder: Path) -> AccountsConfig:
        """Return the same with a relative path of an SQLite file taken as relative to a folder."""
        if self.url is None or not self.url.startswith("sqlite:"):
            return self
        path = self.url.removeprefix("sqlite:")
        return self if path == ":memory:" else replace(self, url=f"sqlite:{folder / path}")


def _is_url(url: object) -> bool:
    if not isinstance(url, str):
        return False
    return is_postgres_url(url) or (url.startswith("sqlite:") and url.isprintable() and url != "sqlite:")
