"""NextExpectedMsgSeqNum(789) in use on both sides: after a cut nobody asks, and nothing is lost (N01-N08)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import run
from tests.interop.harness import ROLES, Link, needs_quickfix, order, until

pytestmark = [needs_quickfix, pytest.mark.slow, pytest.mark.parametrize("version", ["FIX.4.4", "FIXT.1.1"])]


@pytest.mark.parametrize("role", ROLES)
def test_N01_N02_N03_N05_N08_T2_both_sides_resend_unasked(role: str, version: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with Link(
            role,
            version,
            tmp_path,
            "SendNextExpectedMsgSeqNum=Y",
            next_expected_msg_seq_num="use",
            offline="store",
            # QuickFIX's answer to a Logon that is too high names one number too many, and then waits for ever (T2).
            resend_before_expected=1 if role == "initiator" else 0,
        ) as link:
            await link.trade("before")
            mark = len(link.quickfix.lines)
            link.session.drop(reset=True)
            for i in range(5):
                link.session.send_nowait(*order(f"f-lost{i}"))
                link.quickfix.tell("order", f"q-lost{i}")
            await link.logged_on(mark)
            await until(lambda: {"f-lost4"} <= set(link.quickfix.got), lambda: str(link))
            await until(lambda: {"q-lost4"} <= set(link.trader.got), lambda: str(link))
            await link.settled()
            assert link.quickfix.got == ["f-before", *(f"f-lost{i}" for i in range(5))]
            assert link.trader.got == ["q-before", *(f"q-lost{i}" for i in range(5))]
            await link.trade("after")
            for way in ("in", "out"):
                assert not link.quickfix.session_messages(way, "2"), "somebody asked"
            link.no_rejects()

    run(main(), limit=30)


def test_N06_we_who_lost_messages_are_told_so(version: str, tmp_path: Path) -> None:
    """QuickFIX connects and expects a number that this side, whose store is new, never sent."""

    async def main() -> None:
        async with Link("acceptor", version, tmp_path, "SendNextExpectedMsgSeqNum=Y") as link:
            await link.trade("before")
            await link.quickfix.kill()
            notes = link.trader
            lost = ff.MemoryStore()
            lost.fill(1, link.session.next_in - 1)  # what it received it still knows
            port = int(link.quickfix._command[2])
        config = ff.SessionConfig(version, "SELL", "BUY", next_expected_msg_seq_num="use", heart_bt_int=1)
        async with ff.serve(notes, [config], port=port, stores=lambda _: lost):
            mark = len(notes.events)
            await link.quickfix.start()
            await until(lambda: any("lost messages it sent" in str(e) for e in notes.events[mark:]), lambda: str(link))
            assert any(getattr(event, "reason", None) is ff.CloseReason.NEXT_EXPECTED for event in notes.events[mark:])
            await asyncio.sleep(0)
            await link.quickfix.kill()

    run(main(), limit=30)
