"""`fixfast demo`: an exchange and a bot as two processes, a cut, a kill, and the books compared afterwards."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from fixfast.cli.demo_child import private_directory
from fixfast.cli.demo_children import Child, DemoError
from fixfast.cli.demo_report import Outcome, add_up, show
from fixfast.errors import MissingExtra

__all__ = ["build", "run_demo"]

#: exit status after Ctrl-C or SIGTERM
_INTERRUPTED = 130


async def run_demo(orders: int, seed: int, directory: Path, on_progress: Callable[[int], None]) -> Outcome:
    """Run the demo.

    Args:
        orders: how many the bot sends, at least 1.
        seed: of prices, quantities and the fate of each order.
        directory: for logs and journals; it exists and is empty.
        on_progress: called with the number of orders answered so far.

    Raises: DemoError: one of the processes failed.
    """
    settings: dict[str, Any] = {"directory": str(directory), "seed": seed, "password": secrets.token_urlsafe(12)}
    # First the exchange cuts the connection, with reports on their way; later the bot is killed, with an order on its
    # way, and another process takes its place.
    cut_after, kill_after = (orders + 1) // 2, orders * 3 // 4
    async with Child("demo-exchange", directory, {**settings, "cut_after": cut_after}) as exchange:
        settings |= {"port": (await exchange.expect("listening"))["port"], "orders": orders}
        lives: list[dict[str, Any]] = []
        for kill in (kill_after, 0) if kill_after else (0,):
            async with Child("demo-bot", directory, {**settings, "kill_after": kill}) as bot:
                lives.append(await exchange.outlive(_watch(bot, on_progress)))
        await exchange.tell("stop")
        report = await exchange.expect("report")
        await exchange.finish()
    return Outcome(add_up(lives), report, directory, seed)


async def _watch(bot: Child, on_progress: Callable[[int], None]) -> dict[str, Any]:
    """Return the bot's report: once it has ended well, or was killed in the middle of its work."""
    async for event in bot.events():
        match event["event"]:
            case "report":
                await bot.finish()
                return event
            case "doomed":
                await bot.kill()
                return event
            case _:
                on_progress(event["answered"])
    raise AssertionError("events() does not end")


@contextmanager
def _progress(orders: int, *, plain: bool, silent: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that shows progress on standard error: a bar on a terminal, else a line now and then."""
    if silent:
        yield lambda answered: None
        return
    if plain or not sys.stderr.isatty():
        shown = 0

        def say(answered: int) -> None:
            nonlocal shown
            if answered * 4 // orders > shown:
                shown = answered * 4 // orders
                sys.stderr.write(f"{answered:,} of {orders:,} orders answered\n")

        yield say
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("orders answered", total=orders)
        yield lambda answered: bar.update(task, completed=answered)


def _demo(orders: int, seed: int, directory: Path, *, as_json: bool, plain: bool) -> int:
    async def main() -> Outcome:
        # SIGTERM ends this like Ctrl-C does: the children first.
        task = asyncio.current_task()
        assert task is not None
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with _progress(orders, plain=plain, silent=as_json) as on_progress:
            return await run_demo(orders, seed, directory, on_progress)

    try:
        outcome = asyncio.run(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write(f"interrupted; logs and journals are in {directory}\n")
        return _INTERRUPTED
    except (DemoError, OSError) as error:
        if as_json:
            print(json.dumps({"ok": False, "faults": [str(error)], "directory": str(directory)}))
        sys.stderr.write(f"fixfast demo: {error}\nlogs and journals are in {directory}\n")
        return 1
    if as_json:
        print(json.dumps(outcome.to_dict()))
    else:
        show(outcome, plain=plain)
    for fault in outcome.faults:
        sys.stderr.write(f"fixfast demo: {fault}\n")
    return 1 if outcome.faults else 0


def _empty_directory(path: Path | None) -> Path:
    """Return an empty directory: the given one, or a new one that is kept."""
    if path is None:
        return Path(tempfile.mkdtemp(prefix="fixfast-demo-"))
    try:
        private_directory(path)
        if any(path.iterdir()):
            raise click.BadParameter(f"{path} is not empty: give a new directory", param_hint="--dir")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--dir") from None
    return path.resolve()


def build() -> click.Command:
    """Return the command, for the `fixfast` group."""

    @click.command("demo")
    @click.option(
        "--orders", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="Orders to send."
    )
    @click.option("--seed", type=int, default=None, help="Repeat a day: the same orders, traders and fills.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
    @click.option("--plain", is_flag=True, help="No colours, no box drawing, no progress bar.")
    @click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path),
        help="Where logs and journals go; kept. Default: a new one.",
    )
    @click.pass_context
    def demo(
        ctx: click.Context, orders: int, seed: int | None, as_json: bool, plain: bool, directory: Path | None
    ) -> None:
        """Trade over a real FIX session, lose the connection, be killed, recover, and check it all.

        A simulated exchange and a bot run as two processes and log on with FIX.4.4 over loopback TCP. In the middle the
        exchange cuts the connection with reports on their way; later the bot is killed with an order on its way, and a
        new process takes its place. Both recover; then positions, money and orders of both sides are compared.

        Exit status: 0 when everything agrees, 1 with a reason otherwise, 130 when interrupted.
        """
        if not as_json and find_spec("rich") is None:  # click alone came with something else
            raise MissingExtra("cli", "fixfast demo")
        if seed is None:
            seed = secrets.randbelow(1_000_000)
        ctx.exit(_demo(orders, seed, _empty_directory(directory), as_json=as_json, plain=plain))

    return demo
