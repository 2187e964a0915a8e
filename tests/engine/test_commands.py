"""What a person may ask of a live session, over real sockets and files."""

from __future__ import annotations

from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import Notes, news, run, them, to, until, us


def test_r04_reset_begins_both_numbers_again(tmp_path: Path) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server), store=ff.JournalStore(tmp_path / "a.journal")) as session:
                for n in range(5):
                    session.send_nowait(*news(n))
                await until(lambda: len(notes.messages) == 5)
                session.reset()
                with pytest.raises(ff.LocalProtocolError):
                    session.send_sequence_reset(50)  # one thing at a time
                await until(lambda: session.next_out == 2)
                assert session.send_nowait(*news("new")) == 2
                await until(lambda: notes.headlines[-1] == "new")
                assert session.active

    run(main())


def test_z13_sequence_reset_goes_out_at_once_and_the_peer_follows(tmp_path: Path) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server), store=ff.JournalStore(tmp_path / "a.journal")) as session:
                session.send_nowait(*news("old"))
                session.send_sequence_reset(700)
                assert session.send_nowait(*news("new")) == 700
                await until(lambda: "new" in notes.headlines)
                assert notes.headlines == ["old", "new"]
                assert [(lost.begin, lost.end) for lost in notes.named("MessagesLost")] == [(3, 699)]

    run(main())
    store = ff.JournalStore(tmp_path / "a.journal")
    assert store.load().next_out == 702  # with the Logout
    store.close()


def test_z14_a_new_store_is_refilled_by_the_peer(tmp_path: Path) -> None:
    """The bot's disk is lost; it begins above all numbers, and everything the venue ever sent comes again."""

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server), store=ff.JournalStore(tmp_path / "first.journal")) as session:
                (other,) = server.sessions.values()
                for n in range(4):
                    other.send_nowait(*news(n))
                async for message in session:
                    if message[148] == "3":
                        break
            store = ff.JournalStore(tmp_path / "second.journal")
            lost = ff.Session(us(), store)
            lost.send_sequence_reset(10_000, ff.Now(0, 1_767_614_400_000_000_000))
            async with ff.connect(us(), to(server), store=store) as session:
                again = []
                async for message in session:
                    assert message.poss_dup
                    again.append(message[148])
                    if len(again) == 4:
                        break
                assert again == ["0", "1", "2", "3"]
                number = session.send_nowait(*news("on"))
                assert number > 10_000
                await until(lambda: "on" in notes.headlines)

    run(main())
