"""The exchange's journal: what went in comes back; cut anywhere it is an earlier state; damage is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.journal.memory import restore, snapshot
from fixfast.exchange.venue.commands import (
    BustTrade,
    CancelOrders,
    Command,
    CorrectTrade,
    NewDay,
    RefuseRequest,
    RestateOrder,
    SessionEpoch,
    SetPhase,
    Tick,
    from_row,
    to_row,
)
from fixfast.exchange.venue.requests import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from fixfast.exchange.venue.venue import Venue

LISTING = [["AAPL", 2, 0]]
U = 10**8


def day(seed: int, count: int = 300) -> list[tuple[int, Command]]:
    """Return a day of commands: orders that trade, cancels, replaces, expiries, phases, mistakes."""
    lot = random.Random(seed)
    commands: list[tuple[int, Command]] = []
    for n in range(count):
        owner, side = lot.choice(["FIX.4.2:A", "FIX.4.4:B", "FIXT.1.1:C"]), lot.choice("12")
        price = (23_000 + lot.randint(-5, 5)) * 10**6
        command: Command
        chance = lot.random()
        if chance < 0.7:
            tif = lot.choice("0001346")
            expire = n * 10 + lot.randint(1, 200) if tif == "6" else None
            display = 2 * U if lot.random() < 0.1 and tif in "01" else None
            qty = lot.randint(0, 9) * U
            command = NewOrder(
                owner, n, f"c{n}", None, "AAPL", side, qty, "2", price, None, tif, False, None, display, expire
            )
        elif chance < 0.8:
            command = CancelOrder(owner, n, f"c{n}", f"c{lot.randrange(n + 1)}")
        elif chance < 0.9:
            command = ReplaceOrder(owner, n, f"c{n}", f"c{lot.randrange(n + 1)}", lot.randint(1, 20) * U, price)
        else:
            others: list[Command] = [
                MassCancel(owner, n, f"c{n}", "7"),
                SetPhase(lot.choice(["halted", "continuous", "continuous", "pre-open"]), "AAPL"),
                RefuseRequest("limit", NewOrder(owner, n, f"c{n}", None, "AAPL", side, U, "2", price)),
                BustTrade("AAPL", lot.randrange(1, n + 2)),
                CorrectTrade("AAPL", lot.randrange(1, n + 2), price),
                RestateOrder(f"O{lot.randrange(1, n + 2)}", None, price),
                CancelOrders(owner=owner, text="enough"),
                SessionEpoch(owner, n),
                Tick(),
                NewDay(),
            ]
            command = lot.choice(others)
        commands.append((n * 10, command))
    return commands


def played(venue: Venue, commands: list[tuple[int, Command]]) -> list[object]:
    reports: list[object] = []
    for now_ns, command in commands:
        try:
            reports += venue.apply(command, now_ns)
        except ff.LocalProtocolError as error:
            reports.append(str(error))
    return reports


def new_venue() -> Venue:
    return Venue(ExchangeConfig(pending_replies=True, pending_time=50e-9))


@pytest.mark.parametrize("seed", range(8))
def test_the_same_commands_give_the_same_reports_and_the_same_state(seed: int) -> None:
    commands = day(seed)
    one, two = new_venue(), new_venue()
    assert played(one, commands) == played(two, commands)
    assert snapshot(one) == snapshot(two)


@pytest.mark.parametrize("seed", range(8))
def test_a_snapshot_anywhere_goes_on_as_if_there_had_been_none(seed: int, tmp_path: Path) -> None:
    commands = day(seed)
    at = random.Random(seed).randrange(len(commands))
    whole = new_venue()
    played(whole, commands[:at])
    journal = CommandJournal(tmp_path, LISTING)
    journal.append(1, Tick())
    journal.snapshot(snapshot(whole))
    journal.close()
    again = CommandJournal(tmp_path, LISTING)
    assert list(again.replay()) == []
    restored = new_venue()
    restore(restored, again.state)
    again.close()
    assert played(whole, commands[at:]) == played(restored, commands[at:])
    assert snapshot(whole) == snapshot(restored)


def test_every_command_comes_back_from_its_row() -> None:
    for _, command in day(1, 2000):
        assert from_row(to_row(command)) == command
    for row in ([], ["nothing"], ["D", 1], ["bust"], ["refuse", "limit"]):
        with pytest.raises(ValueError, match="no command"):
            from_row(row)


def test_commands_come_back_and_a_line_cut_anywhere_never_took_effect(tmp_path: Path) -> None:
    commands = day(2, 12)
    journal = CommandJournal(tmp_path, LISTING)
    for now_ns, command in commands:
        journal.append(now_ns, command)
    journal.close()
    data = journal.path.read_bytes()
    starts = [at + 1 for at, byte in enumerate(data) if byte == 10]
    for cut in range(starts[-2], len(data) + 1):
        journal.path.write_bytes(data[:cut])
        again = CommandJournal(tmp_path, LISTING)
        assert list(again.replay()) == (commands if cut == len(data) else commands[:-1])
        again.append(999, Tick())
        again.close()
        once_more = CommandJournal(tmp_path, LISTING)
        assert list(once_more.replay())[-1] == (999, Tick())
        once_more.close()


def test_damage_is_refused_and_named(tmp_path: Path) -> None:
    journal = CommandJournal(tmp_path, LISTING)
    for now_ns, command in day(3, 5):
        journal.append(now_ns, command)
    journal.close()
    data = journal.path.read_bytes()
    for at in range(0, len(data) - 1, 7):
        journal.path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ff.StoreCorrupt, match=r"exchange\.journal"):
            CommandJournal(tmp_path, LISTING)
    journal.path.write_bytes(b"")
    with pytest.raises(ff.StoreCorrupt, match="empty"):
        CommandJournal(tmp_path, LISTING)


def test_a_journal_has_one_owner_and_one_set_of_instruments(tmp_path: Path) -> None:
    journal = CommandJournal(tmp_path, LISTING)
    with pytest.raises(ff.StoreLocked):
        CommandJournal(tmp_path, LISTING)
    journal.close()
    with pytest.raises(ff.StoreError, match="other instruments"):
        CommandJournal(tmp_path, [["MSFT", 2, 0]])
    CommandJournal(tmp_path, LISTING).close()
