"""`fixfast exchange --replay LOG`: a recorded day, to subscribe to."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from fixfast.engine.observing.wirelog import WireLog
from fixfast.errors import ConfigError
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.replay.exchange import ReplayExchange

__all__ = ["replay"]

#: instruments that are named; of the rest it is said how many there are
_NAMED = 8


async def replay(
    config: ExchangeConfig, log: Path, speed: float, wire_log: WireLog | None, say: Callable[[str], None]
) -> None:
    """Play a log to whoever subscribes, until SIGINT or SIGTERM.

    Raises: ClickException: the log cannot be played. OSError: the port cannot be had.
    """
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
    options: dict[str, Any] = {} if wire_log is None else {"wire_log": wire_log}
    try:
        past = ReplayExchange(log, config, speed=speed, **options)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except (OSError, EOFError) as error:
        raise click.ClickException(f"{log}: {getattr(error, 'strerror', None) or error}") from None
    async with past as exchange:
        say(_told(exchange, speed))
        finished = asyncio.ensure_future(exchange.finished.wait())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([finished, stopped], return_when=asyncio.FIRST_COMPLETED)
        if finished.done():
            say(f"{exchange.replay.played} messages were played; snapshots can still be had. Ctrl-C ends it")
        finished.cancel()
        await stopped


def _told(exchange: ReplayExchange, speed: float) -> str:
    """Return what stands on the screen at first."""
    recording, config = exchange.recording, exchange.config
    symbols = sorted(recording.instruments)
    named = ", ".join(symbols[:_NAMED]) + (f" and {len(symbols) - _NAMED} more" if len(symbols) > _NAMED else "")
    pace = f"at {speed:g} times its pace" if speed else "as fast as it is read"
    skipped = f"; {recording.skipped} cannot be read, and are left out" if recording.skipped else ""
    return (
        f"listening on {config.host}:{exchange.port}: {', '.join(config.versions)}\n"
        f"{recording.path}: {recording.messages} messages in {recording.seconds:.0f} s, {pace}{skipped}\n"
        f"instruments: {named}\n"
        f"entry types (269): {' '.join(sorted(recording.kinds))}\n"
        f"log on as anybody to 56={config.comp_id}; it begins with the first subscription (35=V, 263=1). Ctrl-C ends it"
    )
