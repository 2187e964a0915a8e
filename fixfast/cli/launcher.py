"""`fixfast launcher`: let front ends in, and keep Backends running for them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import click

from fixfast.cli.launcher_file import read_launcher_file
from fixfast.cli.paint import write
from fixfast.engine.observing.records import JsonFormatter
from fixfast.errors import FixfastError
from fixfast.service.launcher.config import LauncherConfig, load_launcher_config
from fixfast.service.launcher.launcher import Launcher

__all__ = ["build"]

_HELP = """Wait for front ends, let in those with an API key, and keep a Backend running for each account.

CONFIG is a TOML file: [launcher], [defaults], and [account.NAME] for each account. Keys are made by `fixfast keys`.
Ctrl-C or SIGTERM stops all Backends, and ends it.

\b
  fixfast launcher launcher.toml --check      all that is wrong in it
  fixfast keys --config launcher.toml create alice --out alice.key
  fixfast launcher launcher.toml
  fixfast launcher launcher.toml --log-json   for machines

Exit status: 0 it was stopped; 1 it cannot run; 2 wrong arguments, or CONFIG cannot be used.
"""


async def _run(config: LauncherConfig, tied: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if tied:
        threading.Thread(target=_watch_input, args=(loop, stop), name="tied", daemon=True).start()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            loop.add_signal_handler(one, stop.set)
    async with Launcher(config) as launcher:
        write("".join(f"listening on {address}\n" for address in launcher.addresses))
        await stop.wait()


def _watch_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """End with standard input. os.read: a thread in a buffered read of sys.stdin holds up the interpreter's end."""
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(stop.set)


def _log_to(as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("fixfast")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _summary(config: LauncherConfig) -> str:
    accounts, addresses = ", ".join(config.accounts), ", ".join(config.addresses)
    number = len(config.accounts)
    return f"nothing wrong: {number} account{'s' * (number != 1)} ({accounts}), to listen on {addresses}\n"


def build() -> click.Command:
    """Return the command, for the `fixfast` group."""

    @click.command("launcher", help=_HELP)
    @click.argument("path", metavar="CONFIG", type=click.Path(path_type=Path))
    @click.option("--check", is_flag=True, help="Only say what is wrong in CONFIG.")
    @click.option("--log-json", is_flag=True, help="The log, on standard error, as JSON lines.")
    @click.option("--tied", is_flag=True, hidden=True, help="End when standard input does: with who started it.")
    def launcher(path: Path, check: bool, log_json: bool, tied: bool) -> None:
        config = read_launcher_file(load_launcher_config, path)
        if check:
            write(_summary(config))
            return
        _log_to(log_json)
        try:
            asyncio.run(_run(config, tied))
        except KeyboardInterrupt:
            pass
        except OSError as error:
            raise click.ClickException(f"{error.filename or path}: {error.strerror or error}") from None
        except FixfastError as error:
            raise click.ClickException(str(error)) from None

    return launcher
