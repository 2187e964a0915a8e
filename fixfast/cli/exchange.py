"""`fixfast exchange`: the simulated exchange as a process, for people."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fixfast import clock
from fixfast.cli.exchange_console import Console, chances
from fixfast.cli.exchange_replay import replay as play
from fixfast.engine.observing.wirelog import WireLog
from fixfast.errors import ConfigError, MissingExtra, StoreError
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.config import ExchangeConfig, load_exchange_config
from fixfast.exchange.exchange import Exchange

__all__ = ["build", "spare_the_collector"]

_HELP = """Be an exchange to try bots against: FIX 4.2, 4.4 and 5.0 SP2 on one port, orders matched by price and time.

Without CONFIG anybody may log on and trade a handful of instruments. Type `help` while it runs: halts, busts, faults.
Ctrl-C ends it.

\b
  fixfast exchange                                 127.0.0.1:9878, in memory
  fixfast exchange --port 0 --journal state        any free port; orders and sessions survive the process
  fixfast exchange venue.toml --fault drop=0.05    instruments and accounts of your own, and some answers lost
  fixfast exchange --accounts sqlite:accounts.db   clients register at http://127.0.0.1:9880, and log on with passwords
  fixfast exchange --agents                        somebody to trade with: a market that lives
  fixfast exchange --replay day.log --speed 10     the market data of a captured log, to subscribe to
"""


def _say(text: str) -> None:
    if text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _recipe(exchange: Exchange) -> str:
    """Return what stands on the screen at first: where it is, what it trades, how to connect."""
    config, port = exchange.config, exchange.port
    versions = ", ".join("FIXT.1.1 (FIX 5.0 SP2)" if one == "FIXT.1.1" else one for one in config.versions)
    begin = "FIX.4.4" if "FIX.4.4" in config.versions else config.versions[0]
    extra = ', default_appl_ver_id="9"' if begin == "FIXT.1.1" else ""
    who = "BOT01" if config.open or not config.participants else config.participants[0].comp_id
    names = "any name" if config.open else "listed names only"
    more = ""
    if exchange.registration is not None:
        who, names, more = "YOUR_CLIENT_ID", "a client_id, with its password", ', password="..."'
    traded = "\n".join(
        f"  {one.symbol:<10} tick {one.tick}, lot {one.lot}" + (f", reference {one.reference}" if one.reference else "")
        for one in config.instruments
    )
    if exchange.registration is not None:
        traded += f"\naccounts: {exchange.registration.told}"
    state = f"state in {config.journal}" if config.journal else "state in memory only; --journal DIR keeps it"
    return (
        f"listening on {config.host}:{port}: {versions}\n"
        f"{traded}\n"
        f"connect as 49={who} ({names}) to 56={config.comp_id}, "
        "141=Y begins the numbers anew:\n"
        f'  config = ff.SessionConfig("{begin}", "{who}", "{config.comp_id}", reset_on_logon=True{extra}{more})\n'
        f'  async with ff.connect(config, ff.ConnectionConfig("{config.host}", {port})) as session: ...\n'
        f"{state}; seed {config.seed}; help lists what may be typed; Ctrl-C ends it"
    )


def spare_the_collector() -> None:
    """Let the garbage collector look seldom: orders and books are no garbage, and in no circles.

    PERF: it took 5 of 15 us of each order that trades.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


async def _run(config: ExchangeConfig, wire_log: WireLog | None, tied: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            loop.add_signal_handler(one, stop.set)
    spare_the_collector()
    options: dict[str, Any] = {} if wire_log is None else {"wire_log": wire_log}
    async with Exchange(config, **options) as exchange:
        _say(_recipe(exchange))
        console = Console(exchange, stop.set)

        def obey(line: str) -> None:
            _say(console.do(line))

        def listen() -> None:
            # A thread: standard input is a terminal, a pipe or a file, and only some of these can be watched.
            for line in sys.stdin:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(obey, line)
            if tied:  # who started it is gone: there is nobody to say anything to
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(stop.set)

        if sys.stdin is not None and not sys.stdin.closed:
            threading.Thread(target=listen, name="console", daemon=True).start()
        await stop.wait()
        if not tied:
            _say("closing: everybody is logged out")


def _settings(path: Path | None, given: dict[str, Any], fault: tuple[str, ...]) -> ExchangeConfig:
    config = ExchangeConfig(**given) if path is None else load_exchange_config(path, **given)
    if fault:
        config = replace(config, faults=config.faults.changed(**chances(list(fault))))
    if config.journal is None and not config.order_id_prefix:
        # A client may remember more than an exchange that keeps nothing: it must not see the ids of another run again.
        config = replace(config, order_id_prefix=f"{clock.now().wall_ns // 1_000_000_000:X}.")
    return config


def _registration(given: AccountsConfig | None, url: str | None, http: str | None) -> AccountsConfig:
    """Return how clients register: what the configuration says, changed by the options."""
    changed: dict[str, Any] = {} if url is None else {"url": url}
    if http is not None:
        host, colon, port = http.rpartition(":")
        if not colon or not port.isdecimal():
            raise ConfigError("http", http, "HOST:PORT, such as 127.0.0.1:9880")
        changed |= {"host": host.strip("[]"), "port": int(port)}
    return replace(given if given is not None else AccountsConfig(), **changed)


def _ports(config: ExchangeConfig) -> str:
    """Return what it wants to listen on."""
    registration = config.registration
    http = "" if registration is None or registration.port is None else f" or {registration.host}:{registration.port}"
    return f"{config.host}:{config.port}{http}"


def build() -> click.Command:
    """Return the command, for the `fixfast` group."""

    @click.command("exchange", help=_HELP)
    @click.argument("path", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path))
    @click.option("--host", help="The address to listen on (127.0.0.1: this machine only).")
    @click.option("--port", type=click.IntRange(0, 65535), help="The TCP port (9878); 0: any free one.")
    @click.option("--journal", type=click.Path(path_type=Path), help="A directory that keeps orders and sessions.")
    @click.option("--accounts", metavar="URL", help="Clients register: sqlite:PATH, or postgresql://...")
    @click.option("--http", metavar="HOST:PORT", help="Where they do (127.0.0.1:9880); port 0: any free one.")
    @click.option("--seed", type=int, help="Of everything that is drawn by lot.")
    @click.option("--fault", multiple=True, metavar="NAME=CHANCE", help="What goes wrong on purpose, e.g. drop=0.05.")
    @click.option("--agents", is_flag=True, help="Traders that make a market, by the seed.")
    @click.option("--replay", type=click.Path(path_type=Path), help="A log whose market data is played; no trading.")
    @click.option(
        "--speed", type=click.FloatRange(0, 1e6), default=1.0, help="Of --replay: 0 is as fast as it is read."
    )
    @click.option("--tied", is_flag=True, hidden=True, help="End when standard input does: with who started it.")
    @click.option("--wire-log", type=click.Path(path_type=Path), help="A file for every message.")
    def exchange(
        path: Path | None,
        host: str | None,
        port: int | None,
        journal: Path | None,
        accounts: str | None,
        http: str | None,
        seed: int | None,
        fault: tuple[str, ...],
        agents: bool,
        replay: Path | None,
        speed: float,
        tied: bool,
        wire_log: Path | None,
    ) -> None:
        given = {"host": host, "port": port, "journal": journal, "seed": seed}
        config = _settings(path, {name: value for name, value in given.items() if value is not None}, fault)
        if accounts is not None or http is not None:
            if replay is not None:
                raise click.UsageError("--accounts and --http are for an exchange that trades, not for --replay")
            config = replace(config, registration=_registration(config.registration, accounts, http))
        if agents and config.agents is None:
            config = replace(config, agents=AgentsConfig())
        with ExitStack() as stack:
            log = None if wire_log is None else stack.enter_context(WireLog(wire_log))
            try:
                asyncio.run(_run(config, log, tied) if replay is None else play(config, replay, speed, log, _say))
            except KeyboardInterrupt:
                pass
            except (StoreError, MissingExtra) as error:
                raise click.ClickException(str(error)) from None
            except OSError as error:
                raise click.ClickException(
                    f"{_ports(config)}: {error.strerror or error}. Is another exchange running? --port 0 "
                    "takes any free port"
                ) from None

    return exchange
