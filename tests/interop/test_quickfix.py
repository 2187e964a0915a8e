"""Both roles against QuickFIX over loopback: orders, gaps, real loss, resets, logouts.

Where QuickFIX does what the standard does not say, the test says so in a comment; fixfast is not bent to it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import run
from tests.interop.harness import ROLES, VERSIONS, Link, needs_quickfix, order, until

pytestmark = [
    needs_quickfix,
    pytest.mark.slow,
    pytest.mark.parametrize("version", VERSIONS),
    pytest.mark.parametrize("role", ROLES),
]


def test_L01_I02_O01_O03_orders_both_ways_and_logout_from_each_side(role: str, version: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with Link(role, version, tmp_path) as link:
            for i in range(20):
                await link.trade(str(i))
            assert [name for name in link.trader.got if name.startswith("q-")] == [f"q-{i}" for i in range(20)]
            await asyncio.sleep(1.2)  # heartbeats of either side
            assert link.quickfix.session_messages("in", "0")
            # our Logout
            mark = len(link.quickfix.lines)
            await link.session.logout("see you")
            assert link.trader.logouts
            assert any(line.startswith("in 5 ") and "see you" in line for line in link.quickfix.lines[mark:])
            await link.logged_on(mark)
            await link.settled()
            await link.trade("again")
            # QuickFIX's Logout: it closes at once when it has our answer (X02 asks for the side that was told to)
            mark, logouts = len(link.quickfix.lines), len(link.trader.logouts)
            link.quickfix.tell("logout")
            await until(lambda: len(link.trader.logouts) > logouts, lambda: str(link))
            assert "enough" in link.trader.logouts[-1]
            link.quickfix.tell("logon")
            await link.logged_on(mark)
            await link.settled()
            await link.trade("and_again")
            link.no_rejects()

    run(main(), limit=40)


def test_S02_G01_P01_Z01_gap_on_each_side(role: str, version: str, tmp_path: Path) -> None:
    """Numbers left out: the one who sees the hole asks, the other gap-fills."""

    async def main() -> None:
        async with Link(role, version, tmp_path) as link:
            await link.trade("before")
            # QuickFIX leaves out five numbers; fixfast asks, and is given a GapFill.
            _, theirs = await link.quickfix.status()
            link.quickfix.tell("sender", theirs + 5)
            await link.trade("its_hole")
            await link.settled()
            assert link.trader.named("GapDetected")
            assert link.trader.named("GapFilled")
            assert link.quickfix.session_messages("in", "2")
            # fixfast leaves out numbers while it is away; QuickFIX asks, and is given GapFills.
            mark = len(link.quickfix.lines)
            link.session.drop()
            await until(lambda: link.session.state is ff.State.DISCONNECTED)
            link.session.set_next_out(link.session.next_out + 7)
            await link.logged_on(mark)
            await link.settled()
            await link.trade("our_hole")
            assert any(line.startswith("out 2 ") for line in link.quickfix.lines[mark:])
            assert any(line.startswith("in 4 ") for line in link.quickfix.lines[mark:])
            link.no_rejects()

    run(main(), limit=40)


def test_P01_P21_S06_real_loss_on_each_side_is_resent_with_poss_dup(role: str, version: str, tmp_path: Path) -> None:
    """What is sent while the line is down, and what a TCP reset swallows, comes later: once, in order, marked."""

    async def main() -> None:
        async with Link(role, version, tmp_path, offline="store") as link:
            await link.trade("before")
            mark = len(link.quickfix.lines)
            for i in range(50):
                link.session.send_nowait(*order(f"f-lost{i}"))
                link.quickfix.tell("order", f"q-lost{i}")
                if i == 25:
                    await asyncio.sleep(0.01)
                    link.session.drop(reset=True)
                    await asyncio.sleep(0)
            await link.logged_on(mark)
            await until(lambda: {"f-lost49"} <= set(link.quickfix.got), lambda: str(link))
            await until(lambda: {"q-lost49"} <= set(link.trader.got), lambda: str(link))
            await link.settled()
            ours, theirs = link.quickfix.got[1:], link.trader.got[1:]
            assert theirs == [f"q-lost{i}" for i in range(50)]
            assert ours == [f"f-lost{i}" for i in range(50)]
            assert link.quickfix.marked("f-lost30")
            await link.trade("after")
            link.no_rejects()

    run(main(), limit=40)


def test_R01_R10_reset_at_logon(role: str, version: str, tmp_path: Path) -> None:
    """Whoever calls says 141=Y: ours by reset_on_logon, QuickFIX's by ResetOnLogon."""

    async def main() -> None:
        settings = ("ResetOnLogon=Y",) if role == "acceptor" else ()
        async with Link(role, version, tmp_path, *settings, reset_on_logon=role == "initiator") as link:
            for i in range(3):
                await link.trade(str(i))
            assert link.session.next_out >= 4
            mark = len(link.quickfix.lines)
            link.session.drop()
            await link.logged_on(mark)
            await link.settled()
            assert any(line.startswith("in A 1 ") for line in link.quickfix.lines[mark:])
            assert link.trader.named("LoggedOn")[-1].reset
            assert link.session.next_out <= 4  # 2, and perhaps heartbeats
            await link.trade("new_numbers")
            link.no_rejects()

    run(main(), limit=40)


def test_R03_R04_reset_in_session_by_each_side(role: str, version: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with Link(role, version, tmp_path) as link:
            for i in range(5):
                await link.trade(str(i))
            mark = len(link.quickfix.lines)
            link.session.reset()
            await until(lambda: link.trader.named("SequenceReset"), lambda: str(link))
            await link.settled()
            assert link.session.next_out < 6
            await link.trade("our_reset")
            link.no_rejects()
            # By QuickFIX: a Logon with 141=Y that its application sends.
            mark = len(link.quickfix.lines)
            link.quickfix.tell("restart")
            await until(lambda: len(link.trader.named("SequenceReset")) == 2, lambda: str(link))
            if role == "initiator":
                # Against the standard: a QuickFIX acceptor answers our answer with one more Logon, 34=2 and 141=Y. That
                # is refused (R02), the connection ends, and the next one agrees on the new numbers.
                await until(lambda: len(link.trader.named("Disconnected")) == 1, lambda: str(link))
                assert [event.ref_tag for event in link.trader.named("Rejected")] == [34]
                await link.logged_on(mark)
            await link.settled()
            await link.trade("its_reset")
            assert link.session.next_out < 12

    run(main(), limit=40)


def test_Z06_Z13_sequence_reset_by_each_side(role: str, version: str, tmp_path: Path) -> None:
    """SequenceReset-Reset: the numbers jump, and what would have had them is lost, which fixfast says."""

    async def main() -> None:
        async with Link(role, version, tmp_path) as link:
            await link.trade("before")
            link.session.send_sequence_reset(link.session.next_out + 10)
            await link.trade("our_jump")
            await link.settled()
            assert link.quickfix.session_messages("in", "4")
            _, theirs = await link.quickfix.status()
            link.quickfix.tell("skip", theirs + 15)
            await link.trade("its_jump")
            await link.settled()
            [lost] = link.trader.named("MessagesLost")
            assert lost.end - lost.begin >= 13
            link.no_rejects()

    run(main(), limit=40)


def test_R04_B5_12_reset_that_is_cut_off_is_asked_for_again(role: str, version: str, tmp_path: Path) -> None:
    """The line breaks between our new numbers and QuickFIX's answer: the next Logons agree."""

    async def main() -> None:
        async with Link(role, version, tmp_path) as link:
            for i in range(5):
                await link.trade(str(i))
            mark = len(link.quickfix.lines)
            link.trader.drop_at_reset = True
            link.session.reset()
            await until(lambda: link.trader.named("SequenceReset"), lambda: str(link))
            await link.logged_on(mark)
            await link.settled()
            await link.trade("new_numbers")
            assert link.session.next_out < 12

    run(main(), limit=40)
