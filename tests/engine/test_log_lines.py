"""What a peer says cannot forge a line of a log, nor move a terminal's cursor (C9)."""

from __future__ import annotations

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, Peer, Venue, run, them, to, until, us

#: a line that looks like one of ours, a screen cleared, bytes that are no UTF-8
EVIL = b"no\n2026-01-01 ERROR all is lost\x1b[2J\x07\x9b2J\xff"


def is_one_plain_line(text: str) -> bool:
    return all(char.isprintable() for char in text)


def test_sc9_the_text_of_a_refusal_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("5", [(58, EVIL)])
        await peer.read()

    async def main() -> ff.LogonFailed:
        async with Venue(answer) as venue:
            with pytest.raises(ff.GaveUp) as caught:
                async with ff.connect(
                    us(), to(venue.port, ff.Reconnect(initial=0.001, retry_first=True, max_attempts=2))
                ):
                    raise AssertionError("logged on")
        error = caught.value.__cause__
        assert isinstance(error, ff.LogonFailed)
        return error

    error = run(main())
    assert error.text == EVIL.decode("utf-8", "surrogateescape")  # the program gets what was said
    assert is_one_plain_line(str(error))
    assert "all is lost\\x1b[2J\\x07\\x9b2J\\xff" in str(error)
    assert caplog.records
    assert all(is_one_plain_line(record.getMessage()) for record in caplog.records)
    caplog.text.encode("utf-8")


def test_sc9_the_names_of_a_stranger_are_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            for me, you in ((EVIL.decode("utf-8", "surrogateescape"), "SIM"), ("BOT", "S\nIM")):
                async with await Peer.connect(server.port, me, you) as peer:
                    peer.logon()
                    assert await peer.read() is None
            async with ff.connect(us(), to(server, EAGER)) as session:  # the rightful one
                await until(lambda: session.active)

    run(main())
    assert sum("refused" in record.getMessage() for record in caplog.records) == 2
    assert all(is_one_plain_line(record.getMessage()) for record in caplog.records)
    caplog.text.encode("utf-8")


def test_sc9_a_name_without_such_bytes_is_shown_as_it_is() -> None:
    assert str(ff.SessionID("FIX.4.4", "ZÜRICH", "東京", "a b")) == "FIX.4.4:ZÜRICH->東京:a b"
    assert str(ff.SessionID("FIX.4.4", "A\x1b", "B\udcff", "")) == "FIX.4.4:A\\x1b->B\\xff"
