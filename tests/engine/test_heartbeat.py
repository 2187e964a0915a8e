"""Heartbeats of an engine: the timers of session, pump and loop together, to the nanosecond."""

from __future__ import annotations

import fixfast as ff
from tests.engine.harness import Notes, run, them, us

SECOND = 1_000_000_000


def test_h01_h04_heartbeat_then_test_request_then_life_goes_on() -> None:
    async def main() -> None:
        quiet = them(target="QUIET")
        async with ff.testing.World() as world, ff.serve(Notes(), [them(), quiet]) as server:
            async with (
                ff.connect(us(heart_bt_int=10), ff.ConnectionConfig("venue", server.port)) as session,
                ff.testing.Counterparty(quiet, connect=("venue", server.port)) as peer,
            ):
                peer.alive = False
                peer.logon(heart_bt_int=10)
                await peer.expect("A")
                assert (await peer.expect("0", timeout=60)).get(112) is None
                assert world.elapsed_ns == 10 * SECOND
                test = await peer.expect("1", timeout=60)  # it heard nothing from us
                assert world.elapsed_ns == 12 * SECOND
                peer.send("0", [(112, test[112])])
                await world.advance(9)
                assert server.sessions[quiet.session_id].active
                # the two engines keep each other alive meanwhile
                assert (session.next_in, session.next_out) == (4, 4)
                assert session.connections == 1

    run(main())
