"""Heartbeats over real time, once: the timers of session, pump and loop together."""

from __future__ import annotations

import asyncio

import fixfast as ff
from tests.engine.harness import Notes, Peer, run, them, to, until, us


def test_h01_h04_heartbeat_then_test_request_then_life_goes_on() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them(), them(target="QUIET")]) as server:
            async with (
                ff.connect(us(heart_bt_int=1), to(server)) as session,
                await Peer.connect(server.port, "QUIET") as peer,
            ):
                began = asyncio.get_running_loop().time()
                peer.logon(heart_bt_int=1)
                await peer.expect("A")
                assert (await peer.expect("0")).get(112) is None
                assert 0.8 < asyncio.get_running_loop().time() - began < 1.6
                test = await peer.expect("1")  # it heard nothing from us
                peer.write("0", [(112, test[112])])
                await peer.expect("0")
                # the two engines keep each other alive meanwhile
                await until(lambda: session.next_in >= 3 and session.next_out >= 3)
                assert session.connections == 1
                assert server.sessions[them(target="QUIET").session_id].active

    run(main(), limit=8)
