"""`fixfast desk`: a front end in the browser."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from fixfast.cli.launcher_file import why_refused
from fixfast.errors import FixfastError, MissingExtra

__all__ = ["build"]

_VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")

_HELP = """Trade in a browser: orders, positions, depth, candles, messages.

\b
  fixfast desk --demo                               exchange, accounts, Launcher and desk, all started here
  fixfast desk --launcher unix:PATH --account NAME --key-file FILE --registration URL

The address is printed. It is bound to this machine; Ctrl-C ends it, and with --demo all that was started.
"""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _run(listening: socket.socket, make: Callable[[AsyncExitStack], Any]) -> None:
    until = asyncio.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), until.set)
    from fixfast.service.desk.server import serve_desk

    async with AsyncExitStack() as stack:
        options, exchange = await make(stack)
        await serve_desk(options, listening, exchange=exchange, told=lambda url: _say(f"desk at {url}"), until=until)


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is started."""
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        text = f"{host}:{port}: {error.strerror or error}. --port takes another one, --port 0 any that is free"
        raise click.ClickException(text) from None


def _log_to(path: Path) -> None:
    """Have the log of this process in a file: a terminal is for what people need."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    path.chmod(0o600)


def build() -> click.Command:
    """Return the command, for the `fixfast` group."""

    @click.command("desk", help=_HELP)
    @click.option("--demo", is_flag=True, help="Start everything that is needed.")
    @click.option("--version", type=click.Choice(_VERSIONS), help="Of FIX, with --demo. [default: FIX.4.2]")
    @click.option("--state", type=click.Path(path_type=Path), help="With --demo: a folder that keeps it all.")
    @click.option("--launcher", metavar="ADDRESS", help="unix:PATH or tls:HOST:PORT.")
    @click.option("--account", metavar="NAME", help="Whose Backend it is.")
    @click.option("--key-file", type=click.Path(path_type=Path), help="The account's API key, mode 0600.")
    @click.option("--registration", metavar="URL", default="", help="Where people register.")
    @click.option("--symbol", "symbols", multiple=True, help="What the ticket offers.")
    @click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
    @click.option("--name", "names", multiple=True, metavar="HOST:PORT", help="What a proxy calls it.")
    @click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free one.")
    def desk(
        demo: bool,
        version: str | None,
        state: Path | None,
        launcher: str | None,
        account: str | None,
        key_file: Path | None,
        registration: str,
        symbols: tuple[str, ...],
        host: str,
        names: tuple[str, ...],
        port: int,
    ) -> None:
        _needed()
        from fixfast.service.desk.options import DeskOptions

        async def with_demo(stack: AsyncExitStack) -> Any:
            from fixfast.service.desk.demo import Demo
            from fixfast.service.desk.place import Place

            place = await stack.enter_async_context(Place(state, version))
            _log_to(place.folder / "desk.log")
            made = await stack.enter_async_context(Demo(place, told=_say))
            return replace(made.options, host=host, port=port, names=names), made

        async def without(stack: AsyncExitStack) -> Any:
            assert launcher is not None
            assert account is not None
            return DeskOptions(
                launcher=launcher, account=account, key_file=key_file, registration=registration, symbols=symbols,
                host=host, names=names, port=port,
            ), None  # fmt: skip

        if not demo and (state is not None or version is not None):
            raise click.UsageError("--state and --version are for --demo")
        if not demo and None in (launcher, account, key_file):
            raise click.UsageError(
                "which Launcher? --launcher, --account and --key-file; --demo starts all there is to it"
            )
        try:
            with _listen(host, port) as listening:
                asyncio.run(_run(listening, with_demo if demo else without))
        except KeyboardInterrupt:
            pass
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'desk'}: {error.strerror or error}") from None
        except FixfastError as error:
            raise click.ClickException(f"{error}{why_refused(error)}") from None

    return desk


def _needed() -> None:
    """Say in one line what is missing. Raises: MissingExtra."""
    if any(find_spec(name) is None for name in ("msgspec", "nicegui", "fastapi", "uvicorn", "httpx", "argon2")):
        raise MissingExtra("desk", "fixfast desk")
