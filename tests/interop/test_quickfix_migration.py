"""A program moves from QuickFIX to fixfast between two orders: its settings file as it is, its numbers taken over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.engine.settings.file import look_at_config
from tests.engine.harness import free_port, run
from tests.interop.harness import VERSIONS, QuickFix, Trader, needs_quickfix, order, until
from tests.interop.quickfix_peer import NAMES, settings

pytestmark = [needs_quickfix, pytest.mark.slow, pytest.mark.parametrize("version", VERSIONS)]

SESSION = f"{NAMES['initiator']}-{NAMES['acceptor']}"


def convert(folder: Path) -> str:
    command = [sys.executable, "-m", "fixfast", "config", "convert", "x.cfg", "-o", "x.toml", "--numbers"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


def test_the_initiator_is_replaced_by_fixfast(version: str, tmp_path: Path) -> None:
    venue_folder, store = tmp_path / "venue", tmp_path / "store"
    for folder in (venue_folder, store):
        folder.mkdir()
    port = free_port()
    (tmp_path / "x.cfg").write_text(settings("initiator", version, port, store, []))

    async def main() -> None:
        venue = QuickFix("acceptor", version, port, venue_folder)
        old = QuickFix("initiator", version, port, store)
        try:
            await venue.start()
            await old.start()
            await old.logged_on(0)
            for n in range(3):
                old.tell("order", f"old{n}")
            await until(lambda: len(venue.got) == 3, lambda: str(venue.lines))
            expected, _ = await venue.status()
            await old.kill()

            said = convert(tmp_path)
            assert f"{SESSION}: goes on with " in said
            mark = len(venue.lines)
            settings_now = ff.load_config(tmp_path / "x.toml")
            trader = Trader()
            async with settings_now.connect(SESSION, trader) as session:
                assert session.active
                session.send_nowait(*order("new"))
                await until(lambda: "new" in venue.got, lambda: str(venue.lines))
                venue.tell("order", "q-1")
                await until(lambda: "q-1" in trader.got)
            later = venue.lines[mark:]
            assert not [line for line in later if line.split()[:2] in (["out", "2"], ["in", "2"], ["out", "4"])], later
            first = next(line for line in later if line.startswith("in A "))
            assert int(first.split()[2]) >= expected, "the Logon has the number that comes next"
        finally:
            await old.kill()
            await venue.kill()

    run(main(), limit=60)


def test_the_acceptor_is_replaced_by_fixfast(version: str, tmp_path: Path) -> None:
    bot_folder, store = tmp_path / "bot", tmp_path / "store"
    for folder in (bot_folder, store):
        folder.mkdir()
    port = free_port()
    (tmp_path / "x.cfg").write_text(settings("acceptor", version, port, store, []))

    async def main() -> None:
        bot = QuickFix("initiator", version, port, bot_folder)
        old = QuickFix("acceptor", version, port, store)
        try:
            await old.start()
            await bot.start()
            await bot.logged_on(0)
            bot.tell("order", "before")
            await until(lambda: "before" in old.got)
            await old.kill()
            mark = len(bot.lines)
            convert(tmp_path)
            trader = Trader()
            async with ff.load_config(tmp_path / "x.toml").serve(trader) as servers:
                await bot.logged_on(mark)
                bot.tell("order", "after")
                await until(lambda: "after" in trader.got, lambda: str(bot.lines[mark:]))
                (session,) = servers.sessions.values()
                session.send_nowait(*order("q-1"))
                await until(lambda: "q-1" in bot.got)
                assert "before" not in trader.got, "QuickFIX has dealt with that one"
        finally:
            await bot.kill()
            await old.kill()

    run(main(), limit=60)


def test_nothing_in_that_file_is_told_as_a_mistake(version: str, tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_text(settings("initiator", version, 1, tmp_path, []))
    remarks = look_at_config(tmp_path / "x.cfg", files=True).remarks
    assert not [remark for remark in remarks if remark.severity != "note"]
