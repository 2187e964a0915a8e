"""A peer that logs on and does not read is disconnected, at a bounded cost, and gets everything later (H09)."""

from __future__ import annotations

import asyncio

import fixfast as ff
from tests.engine.harness import Notes, Peer, run, them, until

#: more than the socket's buffers hold
TEXT = "x" * 100_000
COUNT = 200


def test_h09_a_peer_that_does_not_read_is_disconnected_and_misses_nothing() -> None:
    async def main() -> None:
        notes = Notes()
        config = them(slow_consumer_timeout=0.3)
        async with ff.serve(notes, [config]) as server:
            (session,) = server.sessions.values()
            async with await Peer.connect(server.port) as peer:
                peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
                peer.logon()
                await until(lambda: session.active)
                for n in range(COUNT):
                    session.send_nowait("B", [(148, str(n)), (33, [[(58, TEXT)]])])
                await until(lambda: not session.active)
            assert len(notes.logouts) == 1
            assert "slow consumer" in notes.logouts[0] or "does not read" in notes.logouts[0]
            assert session.next_out == COUNT + 2
            assert session.stats().queued_bytes == 0
            async with await Peer.connect(server.port) as peer:
                peer.logon(seq=2)
                await peer.expect("A")
                peer.write("2", [(7, 1), (16, 0)])
                got: list[str] = []
                while len(got) < COUNT:
                    message = await peer.read()
                    assert message is not None
                    if message.msg_type == "B":
                        got.append(message[148])
                assert got == [str(n) for n in range(COUNT)]

    run(main(), limit=60)


def test_h09_a_program_that_never_waits_is_bounded_in_bytes() -> None:
    """It only uses send_nowait(), and the peer has all the time it wants: so much is queued for it, and no more."""

    async def main() -> None:
        notes = Notes()
        config = them(slow_consumer_timeout=600, send_queue_bytes=1_000_000)
        async with ff.serve(notes, [config]) as server:
            (session,) = server.sessions.values()
            async with await Peer.connect(server.port) as peer:
                peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
                peer.logon()
                await until(lambda: session.active)
                most = sent = 0
                while session.active:
                    session.send_nowait("B", [(148, str(sent)), (33, [[(58, TEXT)]])])
                    sent += 1
                    most = max(most, session.stats().queued_bytes)
                    await asyncio.sleep(0)
                assert most < 1_000_000 + 3 * len(TEXT)
                assert session.next_out == sent + 2, "what it did not get is in the store"

    run(main(), limit=60)
