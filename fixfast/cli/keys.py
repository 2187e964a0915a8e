"""`fixfast keys`: API keys of front ends in a credential store: made, listed, shown, revoked."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from fixfast import clock
from fixfast.cli.launcher_file import read_launcher_file
from fixfast.cli.paint import CONTROL, Styles, write
from fixfast.errors import ConfigError, FixfastError, MissingExtra
from fixfast.service.credentials.apikey import ROLES, KeyRecord, new_key
from fixfast.service.credentials.keys import Keys
from fixfast.service.credentials.store import open_store
from fixfast.store.hashing import HashCost, Hasher

__all__ = ["build"]

_HELP = """Make, list and revoke the API keys that front ends show to a Launcher.

They are in a credential store: that of a Launcher (--config launcher.toml), or a file of SQLite (--store keys.db), or
PostgreSQL (--store postgresql://...). Without either it is the variable FIXFAST_STORE. The store keeps hashes: a key is
shown once, when it is made.

\b
  fixfast keys --config launcher.toml create alice --out alice.key
  fixfast keys --config launcher.toml list
  fixfast keys --config launcher.toml revoke 0123456789abcdef

Exit status: 0 done; 1 it could not be; 2 wrong arguments.
"""
_STYLES: Styles = (
    (r"^ID .*$", "bold"),
    (r"(?<= )active(?= |$)", "green"),
    (r"(?<= )(revoked|expired)(?= |$)", "yellow"),
)
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SECOND = 1_000_000_000
#: as long as a key with its end of line: there is room for it on the disk before it is in the store
_ROOM = b" " * len(new_key().text() + "\n")


@dataclass(frozen=True)
class _Place:
    """The store. Attributes: accounts: those of the Launcher's file; None: there is none. hash: what a hash costs."""

    url: str
    as_json: bool
    accounts: frozenset[str] | None = None
    file: Path | None = None
    hash: HashCost = field(default_factory=HashCost)

    @contextmanager
    def keys(self, *, make: bool = False) -> Iterator[Keys]:
        """Open the store; what goes wrong is one line. Args: make: a file that is not there is made."""
        if not self.url:  # only now: `fixfast keys create --help` needs none
            raise click.UsageError("which store? --config launcher.toml, --store keys.db, or a variable FIXFAST_STORE")
        path = self.url.removeprefix("sqlite:")
        if not make and "://" not in path and not os.path.exists(os.path.expanduser(path)):
            raise click.ClickException(f"{path}: there is no such store; `keys create` makes one")
        try:
            with open_store(self.url) as store:
                yield Keys(store, Hasher(self.hash))
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        except FixfastError as error:
            raise click.ClickException(str(error)) from None


def _who() -> str:
    try:
        return f"user {getpass.getuser()}"
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _time(ns: int | None, never: str = "-") -> str:
    if ns is None:
        return never
    return datetime.fromtimestamp(ns // _SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _expires(text: str | None, now_ns: int) -> int | None:
    """Return a time in ns: that of a date, of a date with a time (UTC where it does not say), or of "90d" from now."""
    if text is None:
        return None
    span = re.fullmatch(r"(\d{1,5})([mhdw])", text, re.ASCII)
    if span is not None:
        return now_ns + int(span[1]) * _UNITS[span[2]] * _SECOND
    try:
        when = datetime.fromisoformat(text)
        found = int((when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r}: 90d, 12h, 2027-01-31 or 2027-01-31T18:00Z", param_hint="--expires"
        ) from None
    if found <= now_ns:
        raise click.BadParameter(f"{text}: this is over", param_hint="--expires")
    return found


def _fields(record: KeyRecord, now_ns: int) -> dict[str, Any]:
    """Return what is shown of a key: not its hash."""
    return {
        "id": record.id,
        "account": record.account,
        "roles": list(record.roles),
        "state": record.state(now_ns),
        "label": record.label,
        **{
            name: None if ns is None else _time(ns)
            for name, ns in (
                ("created", record.created_ns),
                ("expires", record.expires_ns),
                ("revoked", record.revoked_ns),
                ("used", record.used_ns),
            )
        },
    }


def _lines(shown: dict[str, Any]) -> str:
    texts = {name: ", ".join(value) if isinstance(value, list) else value for name, value in shown.items()}
    return "".join(f"{name:<8} {text or '-'}\n" for name, text in texts.items())


F = TypeVar("F", bound=Callable[..., Any])


def _as_json(context: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        context.obj = replace(context.obj, as_json=True)


def _common(command: F) -> F:
    """Add what every sub-command takes: --json, which may stand at the end as well."""
    option = click.option("--json", is_flag=True, expose_value=False, callback=_as_json, help="The answer as JSON.")
    return option(click.pass_obj(command))  # type: ignore[return-value]


@click.command("create", short_help="Make a key, and show it once.")
@click.argument("account")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="trade, read, admin; may be given again."
)
@click.option("--label", default="", help="What to know it by.")
@click.option("--expires", metavar="WHEN", help="90d, 12h, 2027-01-31 or 2027-01-31T18:00Z (UTC).")
@click.option("--out", type=click.Path(path_type=Path), help="Write the key to a new file, mode 0600; do not show it.")
@_common
def _create(
    place: _Place, account: str, roles: tuple[str, ...], label: str, expires: str | None, out: Path | None
) -> None:
    """Make a key for ACCOUNT. On standard output stands the key alone, this once; what it is, on standard error.

    The role "trade" (where none is given) may do all with the account's session, "read" only look, "admin" see and stop
    the sessions of all.
    """
    now_ns = clock.now().wall_ns
    until = _expires(expires, now_ns)
    # The file first: a key that nobody has must not be in the store.
    fd = None if out is None else _new_file(out)
    try:
        with place.keys(make=True) as keys:
            key, record = keys.create(
                account, now_ns, roles=roles or ("trade",), label=label, expires_ns=until, who=_who()
            )
            if fd is not None:
                os.pwrite(fd, key.text().encode() + b"\n", 0)
    except BaseException:
        if out is not None:
            out.unlink(missing_ok=True)
        raise
    finally:
        if fd is not None:
            os.close(fd)
    shown = _fields(record, now_ns)
    place_of_key = {"file": str(out)} if out is not None else {"api_key": key.text()}
    if place.as_json:
        write(json.dumps({**shown, **place_of_key}) + "\n")
        return
    sys.stderr.write(_lines(shown).translate({**CONTROL, 10: "\n"}))
    if out is None:
        sys.stderr.write("the key, shown this once:\n")
        write(key.text() + "\n")
    else:
        sys.stderr.write(f"the key is in {out}\n")
    if place.accounts is not None and account not in place.accounts and record.roles != ("admin",):
        sys.stderr.write(f"{place.file} has no [account.{account}] yet: the key is good for nothing until then\n")


def _new_file(path: Path) -> int:
    fd = -1
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        os.write(fd, _ROOM)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already: a key is written to a new file") from None
    except OSError as error:
        if fd >= 0:
            os.close(fd)
            path.unlink(missing_ok=True)
        raise click.ClickException(f"{path}: {error.strerror}") from None
    return fd


@click.command("list", short_help="All keys, or those of an account.")
@click.argument("account", required=False)
@click.option("--all", "whole", is_flag=True, help="Those that are revoked or expired, too.")
@_common
def _list(place: _Place, account: str | None, whole: bool) -> None:
    """List the keys that are worth something, of all accounts or of one."""
    now_ns = clock.now().wall_ns
    with place.keys() as keys:
        shown = [_fields(record, now_ns) for record in keys.records(account)]
    shown = [one for one in shown if whole or one["state"] == "active"]
    write(json.dumps(shown) + "\n" if place.as_json else _table(shown), styles=_STYLES)


def _table(shown: list[dict[str, Any]]) -> str:
    if not shown:
        return "no keys\n"
    head = ["ID", "ACCOUNT", "ROLES", "STATE", "CREATED", "EXPIRES", "USED", "LABEL"]
    rows = [
        [", ".join(one[name.lower()]) if name == "ROLES" else str(one[name.lower()] or "-") for name in head]
        for one in shown
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))
    return "".join(f"{line.rstrip()}\n" for line in lines)


@click.command("show", short_help="What is known of a key, and what was done with it.")
@click.argument("key_id", metavar="ID")
@_common
def _show(place: _Place, key_id: str) -> None:
    """Show all that is known of a key but the key itself, and the last things that were done with it."""
    now_ns = clock.now().wall_ns
    with place.keys() as keys:
        record = keys.show(key_id)
        audits = keys.audits(record.id, 20)
    shown = _fields(record, now_ns)
    if place.as_json:
        done = [{"at": _time(one.at_ns), "what": one.what, "who": one.who, "detail": one.detail} for one in audits]
        write(json.dumps({**shown, "audit": done}) + "\n")
        return
    lines = [f"{_time(one.at_ns)}  {one.what:<8}  {one.who}  {one.detail}".rstrip() for one in audits]
    write(_lines(shown) + "".join(f"{line}\n" for line in lines), styles=_STYLES)


@click.command("revoke", short_help="Let a key be worth nothing from now on.")
@click.argument("key_id", metavar="ID")
@_common
def _revoke(place: _Place, key_id: str) -> None:
    """Let a key be worth nothing from now on. A Launcher that runs ends what was begun with it within a minute."""
    now_ns = clock.now().wall_ns
    with place.keys() as keys:
        shown = _fields(keys.revoke(key_id, now_ns, who=_who()), now_ns)
    write(json.dumps(shown) + "\n" if place.as_json else f"{shown['id']} of {shown['account']} is revoked\n")


def build() -> click.Command:
    """Return the command group, for `fixfast`."""

    @click.group("keys", help=_HELP, commands=[_create, _list, _show, _revoke], no_args_is_help=True)
    @click.option("--config", type=click.Path(path_type=Path), help="A Launcher's file, which says where its store is.")
    @click.option("--store", "url", metavar="URL", envvar="FIXFAST_STORE", help="A file of SQLite, or postgresql://...")
    @click.option("--json", "as_json", is_flag=True, help="Answers as JSON.")
    @click.pass_context
    def keys(context: click.Context, config: Path | None, url: str | None, as_json: bool) -> None:
        if config is None:
            context.obj = _Place(url or "", as_json)
            return
        if context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--config or --store: one of them says where the store is")
        try:
            from fixfast.service.launcher.config import load_launcher_table
        except ImportError as error:
            if error.name != "msgspec":
                raise
            raise MissingExtra("service", "fixfast keys --config") from None
        found, accounts = read_launcher_file(load_launcher_table, config)
        context.obj = _Place(found.key_store, as_json, accounts, config, found.hash)

    return keys
