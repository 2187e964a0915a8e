"""`fixfast sessions`: see and stop the sessions of a Launcher that runs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from fixfast.cli.launcher_file import read_launcher_file, why_refused
from fixfast.cli.paint import CONTROL, Styles, write
from fixfast.engine.controlkey import read_private
from fixfast.errors import FixfastError
from fixfast.service.launcher.config import load_launcher_table
from fixfast.service.link import LinkLost
from fixfast.service.messages import Failed, Granted, ListSessions, Login, Message, SessionInfo, Sessions, StopSession
from fixfast.service.wire import connect
from fixfast.transport.tls import TlsConfig

__all__ = ["build"]

_HELP = """See and stop the sessions of a Launcher that runs: of an account, or of all with an administrator's key.

The key is read from a file that only its owner can read (`fixfast keys create ... --out FILE`), never an argument.

\b
  fixfast keys --config launcher.toml create root --role admin --out root.key
  fixfast sessions --config launcher.toml --account root --key-file root.key list
  fixfast sessions --config launcher.toml --account root --key-file root.key stop 0123456789abcdef
  fixfast sessions --at tls:launcher.example:9443 --account root --key-file root.key list

Exit status: 0 done; 1 the Launcher refused, or nobody listens; 2 wrong arguments.
"""
_STYLES: Styles = (
    (r"^SESSION .*$", "bold"),
    (r"(?<= )running(?= )", "green"),
    (r"(?<= )(starting|restarting|stopping)(?= )", "yellow"),
    (r"^! .*$", "bold red"),
)


class _Asked:
    """The Launcher, and who asks it."""

    def __init__(
        self, config: Path | None, address: str | None, account: str | None, key_file: Path | None,
        ca_file: str | None, as_json: bool,
    ) -> None:  # fmt: skip
        self._config, self._address, self._account, self._key_file = config, address, account, key_file
        self._tls = TlsConfig(ca_file=ca_file) if ca_file is not None else None
        self.as_json = as_json

    def ask(self, message: Message) -> Message:
        """Log in, ask, and return the answer; what goes wrong is one line."""
        # Only now: `fixfast sessions list --help` needs none of it.
        if (self._config is None) is (self._address is None):
            raise click.UsageError("where is the Launcher? --config launcher.toml, or --at unix:PATH")
        if self._account is None or self._key_file is None:
            raise click.UsageError("who are you? --account NAME and --key-file FILE")
        address = self._address
        if self._config is not None:
            address = _address(read_launcher_file(load_launcher_table, self._config)[0].addresses)
        assert address is not None
        try:
            key = read_private(self._key_file).decode("ascii", "replace").strip()
            return asyncio.run(self._ask(address, Login(self._account, key, "none"), message))
        except OSError as error:
            raise click.ClickException(f"{self._key_file}: {error.strerror or error}") from None
        except FixfastError as error:
            raise click.ClickException(f"{error}{why_refused(error)}".translate(CONTROL)) from None

    async def _ask(self, address: str, login: Login, message: Message) -> Message:
        link = await connect(address, "login", tls=self._tls)
        try:
            link.send(login)
            granted = await link.receive()
            if not isinstance(granted, Granted):
                raise LinkLost(f"{address}: {type(granted).__name__} instead of Granted")
            link.send(message)
            return await link.receive()
        finally:
            await link.close()


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _fields(one: SessionInfo) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _table(sessions: list[SessionInfo]) -> str:
    if not sessions:
        return "no sessions\n"
    head = ["SESSION", "ACCOUNT", "STATE", "PROCESS", "SINCE", "RESTARTS", "FRONT ENDS"]
    rows = [
        [
            one.session, one.account, one.state, str(one.pid or "-"), _time(one.started_ns), str(one.restarts),
            str(one.front_ends),
        ]
        for one in sessions
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    lines += [f"! {one.session}: {one.text}" for one in sessions if one.text]
    return "".join(f"{line.rstrip()}\n" for line in lines)


@click.command("list")
@click.pass_obj
def _list(asked: _Asked) -> None:
    """List sessions: their Backends' processes, since when, how often started again."""
    answer = asked.ask(ListSessions(1))
    assert isinstance(answer, Sessions)
    if asked.as_json:
        write(json.dumps([_fields(one) for one in answer.sessions]) + "\n")
    else:
        write(_table(answer.sessions), styles=_STYLES)


@click.command("stop")
@click.argument("session")
@click.option("--orders", type=click.Choice(["leave", "cancel"]), default="leave", help="What becomes of open orders.")
@click.pass_obj
def _stop(asked: _Asked, session: str, orders: str) -> None:
    """Stop a session's Backend, and wait for that."""
    answer = asked.ask(StopSession(1, session, orders))
    if isinstance(answer, Failed):
        raise click.ClickException(answer.text)
    write(json.dumps({"stopped": session}) + "\n" if asked.as_json else f"{session} is stopped\n")


def _address(addresses: tuple[str, ...]) -> str:
    """Return where to find a Launcher that listens there: on this machine, where it does so."""
    return next((one for one in addresses if one.startswith("unix:")), addresses[0])


def build() -> click.Command:
    """Return the command group, for `fixfast`."""

    @click.group("sessions", help=_HELP, commands=[_list, _stop], no_args_is_help=True)
    @click.option("--config", type=click.Path(path_type=Path), help="The Launcher's file, which says where it listens.")
    @click.option("--at", "address", metavar="ADDRESS", help="The Launcher: unix:PATH, tls:HOST:PORT.")
    @click.option("--account", help="The key's.")
    @click.option("--key-file", type=click.Path(path_type=Path), help="Where the API key is, mode 0600.")
    @click.option("--ca-file", help="For tls: who vouches for it, where that is no public authority.")
    @click.option("--json", "as_json", is_flag=True, help="Answers as JSON.")
    @click.pass_context
    def sessions(
        context: click.Context, config: Path | None, address: str | None, account: str | None, key_file: Path | None,
        ca_file: str | None, as_json: bool,
    ) -> None:  # fmt: skip
        context.obj = _Asked(config, address, account, key_file, ca_file, as_json)

    return sessions
