"""What the demo's two processes report, compared with each other, and shown."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from fixfast.cli.decode import Decoder
from fixfast.logs.reader import LogReader
from fixfast.trading.lifecycle import OrdStatus

__all__ = ["Outcome", "add_up", "log_tail", "show"]

#: messages shown of the end of the bot's log
_TAIL_MESSAGES = 3
_TAIL_BYTES = 8192
_LISTS = "reports", "round_trips"


def add_up(lives: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what the bot reports: the last of its processes what it knows, and all of them what they counted.

    Args: lives: what each process said; `figures` are their counts.
    """
    figures = [life["figures"] for life in lives]
    total: dict[str, Any] = {key: sum(one[key] for one in figures) for key in figures[0] if key not in _LISTS}
    total["reports"] = dict(sorted(sum((Counter(one["reports"]) for one in figures), Counter[str]()).items()))
    total["round_trips"] = sorted(time for one in figures for time in one["round_trips"])
    return {**lives[-1], **total, "kills": len(lives) - 1}


def _named(state: str) -> str:
    return OrdStatus(state).name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: the reports of both processes, and where their files lie.

    Attributes:
        bot, exchange: their reports.
        directory: logs and journals.
        seed: what the run can be repeated with.
    """

    bot: dict[str, Any]
    exchange: dict[str, Any]
    directory: Path
    seed: int
    checks: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", tuple(_checks(self.bot, self.exchange)))

    @property
    def faults(self) -> list[str]:
        """What did not hold, in words; empty when all is well."""
        return [f"{name}: {fault}" for name, fault in self.checks if fault]

    @property
    def messages(self) -> tuple[int, int]:
        """Messages on the wire, bot to exchange and back, session messages and resent ones included."""
        return self.bot["messages_out"], self.exchange["messages_out"]

    @property
    def messages_per_second(self) -> float:
        """Messages both ways per second of trading, the cut and the recovery included."""
        return float(sum(self.messages) / self.bot["seconds"])

    def round_trip_us(self, percent: float) -> float | None:
        """Return a percentile of the time from an order to its first report, in us; None without any."""
        times = self.bot["round_trips"]
        return times[min(len(times) - 1, int(len(times) * percent / 100))] / 1000 if times else None

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        bot, exchange = self.bot, self.exchange
        return {
            "ok": not self.faults,
            "faults": self.faults,
            "checks": [name for name, _ in self.checks],
            "seed": self.seed,
            "orders": bot["orders"],
            "states": {_named(state): count for state, count in bot["states"].items()},
            "positions": {"bot": bot["positions"], "exchange": exchange["positions"]},
            "filled": bot["filled"],
            "cash": {"bot": bot["cash"], "exchange": exchange["cash"]},
            "profit": bot["profit"],
            "reports": bot["reports"],
            "risk_refused": bot["risk_refused"],
            "book_updates": bot["book_updates"],
            "messages": {"bot_to_exchange": self.messages[0], "exchange_to_bot": self.messages[1]},
            "round_trip_us": {f"p{percent:g}": self.round_trip_us(percent) for percent in (50, 99, 99.9)},
            "seconds": bot["seconds"],
            "messages_per_second": self.messages_per_second,
            "recovery": self.recovery(),
            "directory": str(self.directory),
            "logs": {"bot": bot["wire_log"], "exchange": exchange["wire_log"]},
            "journals": {"bot": bot["journal"], "exchange": exchange["journal"]},
            "order_log": bot["order_log"],
        }

    def recovery(self) -> dict[str, int]:
        """Return what the cut connection and the killed bot cost, and how it was made good."""
        bot, exchange = self.bot, self.exchange
        return {
            "cuts": exchange["cuts"],
            "kills": bot["kills"],
            "reconnects": exchange["connections"] - 1,
            "reports_resent": exchange["resent"],
            "bot_messages_recovered": bot["gaps_filled"],
            "orders_sent_again": exchange["again"],
            "orders_asked_about": bot["status_answers"],
            "reports_repeated": bot["repeated"],
        }


def _checks(bot: dict[str, Any], exchange: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what was checked, what is wrong or "")."""
    same = (
        ("positions agree to the share", "positions"),
        ("money agrees to the cent, and beyond", "cash"),
        ("filled quantities agree", "filled"),
        ("orders by state agree", "states"),
        ("each single order agrees: state, quantity, money", "digest"),
        ("every report was applied exactly once", "reports"),
        ("both sides know the same number of orders", "orders"),
    )
    checks = [
        (name, "" if bot[key] == exchange[key] else f"bot {bot[key]}, exchange {exchange[key]}") for name, key in same
    ]
    unanswered = bot["unanswered"]
    checks.append(("every ClOrdID was answered", f"not {', '.join(unanswered[:5])}" if unanswered else ""))
    checks.append(("no report contradicts another", "; ".join(bot["faults"][:5])))
    cuts, kills, connections = exchange["cuts"], bot["kills"], exchange["connections"]
    good = cuts == 1 and connections == 1 + cuts + kills
    fault = "" if good else f"{cuts} cuts, {kills} kills, {connections} connections"
    checks.append(("the connection was cut, the bot was killed, and both came back", fault))
    return checks


def log_tail(path: Path) -> str:
    """Return the last messages of a wire log, decoded with names."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        data = file.read()
    if size > _TAIL_BYTES:
        data = data[data.index(b"\n") + 1 :]
    lines = [line for line in data.splitlines(keepends=True) if b" < 8=FIX" in line or b" > 8=FIX" in line]
    out = io.StringIO()
    tail = iter([b"".join(lines[-_TAIL_MESSAGES:])])
    Decoder(out, LogReader()).run(lambda: next(tail, b""))
    return out.getvalue().rstrip("\n")


def _facts(outcome: Outcome) -> list[tuple[str, str]]:
    bot, exchange, recovery = outcome.bot, outcome.exchange, outcome.recovery()
    sent, received = outcome.messages
    times = [(percent, outcome.round_trip_us(percent)) for percent in (50, 99, 99.9)]
    killed = f"{recovery['kills']} kill -9, {recovery['orders_asked_about']:,} orders asked about"
    return [
        ("messages", f"{sent:,} to the exchange, {received:,} back, {outcome.messages_per_second:,.0f} per second"),
        ("round trip, us", ", ".join(f"p{percent:g} {value:,.0f}" for percent, value in times if value is not None)),
        ("recovery", f"{recovery['cuts']} cut, {recovery['reports_resent']:,} reports resent"),
        ("", f"{killed}, {recovery['orders_sent_again']:,} sent again"),
        ("", f"{recovery['reports_repeated']:,} reports came twice, and were applied once"),
        ("risk check", f"{bot['risk_refused']:,} orders refused before they were sent"),
        ("market data", f"{bot['book_updates']:,} updates of books"),
        ("wire logs", bot["wire_log"]),
        ("", exchange["wire_log"]),
        ("journals", bot["journal"]),
        ("", exchange["journal"]),
        ("seed", str(outcome.seed)),
    ]


def show(outcome: Outcome, *, plain: bool) -> None:
    """Print a run to standard output, with rich."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(no_color=plain, highlight=not plain, soft_wrap=plain)
    style = box.ASCII if plain else box.ROUNDED
    bot = outcome.bot

    table = Table(title="Orders by state", box=style, title_justify="left")
    table.add_column("state")
    table.add_column("orders", justify="right")
    for state, count in bot["states"].items():
        table.add_row(_named(state), f"{count:,}")
    table.add_row("all", f"{bot['orders']:,}", style="" if plain else "bold")
    console.print(table)

    other = outcome.exchange
    table = Table(title="Positions", box=style, title_justify="left")
    for column in ("symbol", "filled", "bot", "exchange"):
        table.add_column(column, justify="left" if column == "symbol" else "right")
    for symbol, position in bot["positions"].items():
        table.add_row(symbol, f"{bot['filled'][symbol]:,}", f"{position:+,}", f"{other['positions'][symbol]:+,}")
    console.print(table)

    table = Table(title="Money", box=style, title_justify="left")
    for column in ("symbol", "bot", "exchange", "profit at the bot's book"):
        table.add_column(column, justify="left" if column == "symbol" else "right")
    for symbol, profit in bot["profit"].items():
        cash = (f"{Decimal(one['cash'][symbol]):+,f}" for one in (bot, other))
        table.add_row(symbol, *cash, "" if profit is None else f"{Decimal(profit):+,.2f}")
    console.print(table)

    console.print()
    for name, text in _facts(outcome):
        console.print(f"{name:<15} {text}", markup=False, highlight=False, soft_wrap=True)
    console.print("\nThe end of the bot's log, as `fixfast decode` shows it:\n")
    console.print(log_tail(Path(bot["wire_log"])), markup=False, highlight=False, soft_wrap=True)
    console.print()
    for name, fault in outcome.checks:
        mark, colour = ("FAILED", "red") if fault else ("ok", "green")
        text = f"{mark:6} {name}" + (f": {fault}" if fault else "")
        console.print(text, style="" if plain else colour, markup=False, highlight=False)
