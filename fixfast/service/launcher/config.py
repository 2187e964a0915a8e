"""What a Launcher is told: where it listens, what it allows, which FIX session each account has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from fixfast.engine.limits import Limits
from fixfast.engine.settings.file import SESSION_KEYS, homes, read_session
from fixfast.engine.settings.keys import FilePath, keys_of
from fixfast.engine.settings.nodes import MAX_BYTES, Node, merge, read_toml
from fixfast.engine.settings.read import Reader
from fixfast.engine.settings.remarks import ConfigFileError, ConfigRemark
from fixfast.engine.settings.session import SessionSettings
from fixfast.errors import ConfigError
from fixfast.service.address import Address
from fixfast.service.credentials.apikey import account_name
from fixfast.service.launcher.restarts import Restarting
from fixfast.service.start import BackendOptions
from fixfast.store.hashing import HashCost
from fixfast.transport.tls import TlsConfig
from fixfast.types import Role

__all__ = [
    "AccountConfig",
    "AccountOptions",
    "Guests",
    "LauncherConfig",
    "Times",
    "load_launcher_config",
    "load_launcher_table",
]


def _seconds(options: object) -> None:
    """Refuse durations that are none. Raises: ConfigError."""
    for one in fields(options):  # type: ignore[arg-type]
        value = getattr(options, one.name)
        if one.type == "float" and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6
        ):
            raise ConfigError(one.name, value, "seconds, above 0")


def _counts(options: object) -> None:
    for one in fields(options):  # type: ignore[arg-type]
        value = getattr(options, one.name)
        if one.type == "int" and (type(value) is not int or not 1 <= value <= 1_000_000):
            raise ConfigError(one.name, value, "a whole number from 1 to 1,000,000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long each step may take, in seconds.

    Args:
        greeting: from connecting to a Login that was read, and the key checked.
        tell: for a new Backend to read its pipe.
        connect: for it to connect back, and to show that it is the one.
        ready: for it to listen, from then on.
        grant: for it to take a token.
        wait: for a front end until its Backend is up, and has its token.
        stop: for a Backend to finish when it is told to: orders, Logout.
        terminate: for it to end after SIGTERM; then it is killed.
        idle: of silence after which the other side of a connection is taken for dead.

    Raises: ConfigError.
    """

    greeting: float = 5.0
    tell: float = 5.0
    connect: float = 15.0
    ready: float = 15.0
    grant: float = 5.0
    wait: float = 30.0
    stop: float = 15.0
    terminate: float = 5.0
    idle: float = 30.0

    def __post_init__(self) -> None:
        _seconds(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guests:
    """What front ends may cost before they are let in, and how often they may be wrong.

    Args:
        pending: connections that have not shown a key yet.
        pending_per_peer: the same of one address, or one process of this machine.
        connections: connections in all.
        failures: wrong keys in a minute from one address or process; with one more it is refused for a while.
        account_failures: the same for one account, from wherever; who has been in from there is not held up.
        pause: seconds of that while, each time twice as long.
        longest_pause: seconds, the end of that growth.
        checks: keys that may wait to be checked; for more it is "busy".

    Raises: ConfigError.
    """

    pending: int = 128
    pending_per_peer: int = 64
    connections: int = 1024
    failures: int = 10
    account_failures: int = 20
    pause: float = 5.0
    longest_pause: float = 300.0
    checks: int = 16

    def __post_init__(self) -> None:
        _seconds(self)
        _counts(self)
        if self.longest_pause < self.pause:
            raise ConfigError("longest_pause", self.longest_pause, f"at least pause, {self.pause}")

    def limits(self) -> Limits:
        """Return them as the limits of a listener."""
        return Limits(
            pending=self.pending,
            pending_per_ip=self.pending_per_peer,
            connections=self.connections,
            connections_per_ip=None,
            failed_logons_per_minute=self.failures,
            pause=self.pause,
            longest_pause=self.longest_pause,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """What there is to say of an account besides its FIX session.

    Args:
        backend: what its Backend does besides keeping the session.
        idle: seconds without a front end after which its Backend is stopped; None: it stays.
        stopping: what becomes of open orders when the Launcher stops it: they stay ("leave"), or are cancelled
            ("cancel").

    Raises: ConfigError.
    """

    backend: BackendOptions = field(default_factory=BackendOptions)
    idle: float | None = None
    stopping: Literal["leave", "cancel"] = "leave"

    def __post_init__(self) -> None:
        if self.idle is not None and (isinstance(self.idle, bool) or not 0 < self.idle < 1e6):
            raise ConfigError("idle", self.idle, "seconds above 0, or None")
        if self.stopping not in ("leave", "cancel"):
            raise ConfigError("stopping", self.stopping, '"leave" or "cancel"')


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig(AccountOptions):
    """An account: who it is at the venue, and how its Backend behaves.

    Args: session: its FIX session, an initiator.

    Raises: ConfigError.
    """

    session: SessionSettings

    def __post_init__(self) -> None:
        AccountOptions.__post_init__(self)
        if self.session.role is not Role.INITIATOR:
            raise ConfigError("role", self.session.role.value, "initiator: a Backend connects to its venue")


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherConfig:
    """A Launcher.

    Args:
        state: a folder of its own, made with mode 0700: sockets, accounts' folders, the key store.
        listen: where front ends find it: "unix:PATH", "tls:HOST:PORT", or an array of such; empty: the Unix socket
            "launcher.sock" in the folder `sockets`.
        tls: the certificate for "tls:...". There is no TCP without.
        uids: users that may connect over a Unix socket; None: the one this process runs as.
        sockets: a folder for Unix sockets, whose paths may have 103 bytes; empty: "run" in `state`.
        keys: the credential store: the path of a file of SQLite, or postgresql://...; empty: "keys.db" in `state`.
        sessions: how many Backends may run.
        tokens: how many front ends of one account may be let in; a Backend takes as many (its `max_front_ends`).
        recheck: seconds after which it is looked whether the keys of those who are in are still good.
        accounts: {name: AccountConfig}.
        hash: what checking a key costs.
        times: how long each step may take.
        guests: what strangers may cost.
        restart: how Backends that die are started again.

    Raises: ConfigError.
    """

    state: FilePath = "state"
    listen: tuple[str, ...] = ()
    tls: TlsConfig | None = None
    uids: tuple[int, ...] | None = None
    sockets: FilePath = ""
    keys: str = field(default="", repr=False)
    sessions: int = 64
    tokens: int = 64
    recheck: float = 30.0
    accounts: Mapping[str, AccountConfig] = field(default_factory=dict)
    hash: HashCost = field(default_factory=HashCost)
    times: Times = field(default_factory=Times)
    guests: Guests = field(default_factory=Guests)
    restart: Restarting = field(default_factory=Restarting)

    def __post_init__(self) -> None:
        if not isinstance(self.state, str) or not self.state:
            raise ConfigError("state", self.state, "the path of a folder")
        _seconds(self)
        _counts(self)
        if self.uids is not None and not all(type(uid) is int and uid >= 0 for uid in self.uids):
            raise ConfigError("uids", self.uids, "numbers of users")
        try:
            places = [Address.of(one) for one in self.listen]
        except ConfigError as error:
            raise ConfigError("listen", error.value, error.allowed) from None
        if any(place.host for place in places) != (self.tls is not None):
            raise ConfigError(
                "tls", None if self.tls is None else "a table", "given with tls:HOST:PORT in `listen`, and only then"
            )
        if self.tls is not None and self.tls.certificate is None:
            raise ConfigError("tls", "tls", "with a certificate: who listens has one")
        for name in self.accounts:
            account_name(name)
        object.__setattr__(self, "accounts", MappingProxyType(dict(self.accounts)))

    @property
    def socket_folder(self) -> Path:
        """Where Unix sockets lie."""
        return Path(self.sockets or os.path.join(self.state, "run"))

    @property
    def key_store(self) -> str:
        """The credential store."""
        return self.keys or os.path.join(self.state, "keys.db")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where front ends find it."""
        return self.listen or (f"unix:{self.socket_folder / 'launcher.sock'}",)


# --- files ----------------------------------------------------------------------------------------------------------

_OWN_KEYS = tuple(keys_of(AccountOptions))


def load_launcher_config(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> LauncherConfig:
    """Read a Launcher's configuration file: `[launcher]`, `[defaults]` and `[account.NAME]`. See docs/launcher.md.

    Args: environ: the variables for `${NAME}` and `{ env = "NAME" }`; None: those of the process.

    Raises: ConfigFileError: all that is wrong, each with file, line, key and the way out.
    """
    name = os.fspath(path)
    reader, root, config = _begin(name, environ)
    reader.table(root, "", ("launcher", "defaults", "account"))
    accounts = _accounts(reader, root, config, name)
    return replace(_whole(reader, config), accounts=accounts)


def load_launcher_table(path: str | os.PathLike[str]) -> tuple[LauncherConfig, frozenset[str]]:
    """Read `[launcher]` alone, for tools beside it: accounts may have secrets that only the Launcher can read.

    Returns: the configuration, without accounts, and their names.

    Raises: ConfigFileError.
    """
    reader, root, config = _begin(os.fspath(path), None)
    named = root.value.get("account", Node({}))
    return _whole(reader, config), frozenset(named.value if named.is_table else ())


def _begin(name: str, environ: Mapping[str, str] | None) -> tuple[Reader, Node, LauncherConfig | None]:
    """Read a file, and its [launcher]; None: something is wrong, which is noted. Raises: ConfigFileError: no TOML."""
    try:
        with open(name, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        said = getattr(error, "strerror", None) or str(error)
        raise ConfigFileError([ConfigRemark("error", name, 0, "", said)]) from None
    root = read_toml(data, name)
    if isinstance(root, ConfigRemark):
        raise ConfigFileError([root])
    folder = Path(os.path.abspath(name)).parent
    reader = Reader(folder, os.environ if environ is None else environ)
    return reader, root, _launcher(reader, root.value.get("launcher", Node({}, file=name)), folder)


def _whole(reader: Reader, config: LauncherConfig | None) -> LauncherConfig:
    """Return a configuration of which nothing is wrong. Raises: ConfigFileError."""
    if reader.remarks or config is None:
        raise ConfigFileError(sorted(reader.remarks, key=lambda remark: remark.line))
    return config


def _launcher(reader: Reader, node: Node, folder: Path) -> LauncherConfig | None:
    if node.is_table:
        if "accounts" in node.value:
            reader.remark(node.value["accounts"], "launcher.accounts", "write [account.NAME] for each account")
            return None
        node.value.setdefault("state", Node("state", node.line, "launcher.state", node.file))
        listen = node.value.get("listen")
        if listen is not None and isinstance(listen.value, str):
            node.value["listen"] = Node([listen], listen.line, listen.name, listen.file)
    config = reader.build(LauncherConfig, node, "launcher")
    if config is None:
        return None
    keys = config.keys
    if keys and "://" not in keys:
        keys = os.path.join(folder, os.path.expanduser(keys.removeprefix("sqlite:")))
    return replace(config, keys=keys, listen=tuple(_absolute(one, folder) for one in config.listen))


def _absolute(address: str, folder: Path) -> str:
    """Return an address whose path is relative to the file's folder no more."""
    where = Address.of(address)
    return str(Address(path=os.path.join(folder, os.path.expanduser(where.path)))) if where.path else address


def _accounts(reader: Reader, root: Node, config: LauncherConfig | None, file: str) -> dict[str, AccountConfig]:
    defaults, named = (root.value.get(key, Node({}, file=file)) for key in ("defaults", "account"))
    keys = SESSION_KEYS | set(_OWN_KEYS)
    found: dict[str, AccountConfig] = {}
    if not reader.table(defaults, "defaults", keys, homes("defaults")):
        return found
    if not named.is_table or not named.value:
        reader.remark(named, "account", "there is no account: [account.NAME] begins one")
        return found
    for name, own in named.value.items():
        path = f"account.{name}"
        try:
            account_name(name)
        except ConfigError as error:
            reader.remark(own, path, f"{name!r} is not allowed: {error.allowed}")
            continue
        if reader.table(own, path, keys, homes(path)):
            state = config.state if config is not None else ""
            made = _account(reader, name, defaults, own, path, os.path.join(state, "accounts", name))
            if made is not None:
                found[name] = made
    return found


def _account(reader: Reader, name: str, defaults: Node, own: Node, path: str, folder: str) -> AccountConfig | None:
    """Return what a file says of an account; None: something is wrong, which is noted."""
    table = reader.build(AccountOptions, merge(_own_part(defaults), _own_part(own)), path)
    session = read_session(reader, name, _session_table(defaults, own, folder), _own_part(own, False), path)
    if table is None or session is None:
        return None
    try:
        return AccountConfig(session=session, **{key: getattr(table, key) for key in _OWN_KEYS})
    except ConfigError as error:
        reader.remark(own.value.get(error.name, own), path, f"{error.value} is not allowed: {error.allowed}")
        return None


def _own_part(node: Node, own: bool = True) -> Node:
    """Return a table with the keys that are an account's own, or with those of its FIX session."""
    kept = {key: one for key, one in node.value.items() if (key in _OWN_KEYS) is own}
    return Node(kept, node.line, node.name, node.file)


def _session_table(defaults: Node, own: Node, folder: str) -> Node:
    """Return the defaults of an account's session: FIX.4.2 with passwords, a journal in the account's folder."""
    assumed: dict[str, Any] = {"role": "initiator", "begin_string": "FIX.4.2"}
    said = [node.value.get("begin_string") for node in (own, defaults)]
    begin = next((node.value for node in said if node is not None), assumed["begin_string"])
    if begin == "FIX.4.2":
        assumed["dictionary"] = "FIX.4.2+auth"
    table = {key: Node(value, own.line, file=own.file) for key, value in assumed.items()}
    kind = Node("journal", own.line, file=own.file)
    table["store"] = Node(
        {"kind": kind, "path": Node(os.path.join(folder, "journals"), own.line, file=own.file)}, own.line
    )
    return merge(Node(table, own.line, file=own.file), _own_part(defaults, False))
