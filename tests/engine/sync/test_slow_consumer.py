"""A peer that does not read costs a threaded session so many bytes, and no more (H09)."""

from __future__ import annotations

import time

import fixfast as ff
from tests.engine.harness import Notes, them
from tests.engine.sync.test_serve import dial, logon_bytes, until
from tests.engine.sync.venue import LIMIT

#: more than the socket's buffers hold, in a few dozen
TEXT = "x" * 100_000


def test_h09_a_program_that_never_waits_is_bounded_in_bytes() -> None:
    """It only uses send_nowait(), and the peer has all the time it wants: so much is queued for it, and no more."""
    notes = Notes()
    config = them(slow_consumer_timeout=600, send_queue_bytes=1_000_000)
    with ff.sync.serve(notes, [config]) as server, dial(server) as peer:
        (session,) = server.sessions.values()
        peer.sendall(logon_bytes())
        until(lambda: session.active)
        most = sent = 0
        end = time.monotonic() + LIMIT
        while session.connected:
            assert time.monotonic() < end
            try:
                session.send_nowait("B", [(148, str(sent)), (33, [[(58, TEXT)]])])
            except ff.NotActive:
                break
            sent += 1
            most = max(most, session.stats().queued_bytes)
            time.sleep(0.0005)  # the thread that looks has its turn
        until(lambda: not session.connected)
        assert most < 1_000_000 + 100 * len(TEXT)
        assert session.next_out >= sent + 2, "what it did not get is in the store"
        until(lambda: notes.logouts)
        assert "does not read" in notes.logouts[0] or "slow consumer" in notes.logouts[0]
