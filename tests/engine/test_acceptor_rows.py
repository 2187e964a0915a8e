"""The rows of Logons and Logouts that an acceptor answers, over real sockets and against a peer spoken by hand."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, news, run, them, until

HOUR = 3600 * 1_000_000_000


async def peer_of(server: ff.Server, begin_string: str = "FIX.4.4") -> Peer:
    peer = await Peer.connect(server.port)
    peer.begin_string = begin_string
    return peer


def raw_logon(*fields: Any, seq: Any = 1, sending_time: int | None = None, begin_string: str = "FIX.4.4") -> bytes:
    """A Logon with exactly these fields behind the header."""
    when = sending_time or time.time_ns()
    return bytes(ff.encode(begin_string, "A", [(49, "BOT"), (56, "SIM"), (34, seq), (52, when), *fields]))


def refused(
    logon: bytes, *answers: tuple[str, dict[int, str]], config: ff.SessionConfig | None = None, numbers: tuple[int, int]
) -> None:
    """A Logon gets these answers, then the connection ends; the session has these numbers."""

    async def main() -> None:
        async with ff.serve(Notes(), [config or them()]) as server, await peer_of(server) as peer:
            peer.writer.write(logon)
            for msg_type, fields in answers:
                answer = await peer.expect(msg_type)
                assert {tag: answer.get(tag) for tag in fields} == fields
            if answers and answers[-1][0] == "5":
                peer.writer.write_eof()
            assert await peer.read() is None
            (session,) = server.sessions.values()
            assert (session.next_in, session.next_out) == numbers
            assert not session.connections

    run(main())


async def logged_on(server: ff.Server, *fields: Any, seq: int = 1, **options: Any) -> Peer:
    peer = await peer_of(server)
    peer.logon(*fields, seq=seq, **options)
    await peer.expect("A")
    return peer


def the(server: ff.Server) -> ff.LiveSession:
    (session,) = server.sessions.values()
    return session


# --- Logon ---------------------------------------------------------------------------------------------------


def test_l02_too_high_is_answered_and_what_is_missing_asked_for() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await peer_of(server) as peer:
            peer.logon(seq=5)
            await peer.expect("A")
            request = await peer.expect("2")
            assert (request[7], the(server).next_in) == ("1", 1)
            peer.write("4", [(123, True), (36, 6)], seq=1)
            await until(lambda: the(server).next_in == 6)

    run(main())


def test_l03_too_low_is_refused_with_both_numbers() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            async with await logged_on(server) as peer:
                peer.write(*news("x"))
                await until(lambda: the(server).next_in == 3)
            await until(lambda: not the(server).connected)
            async with await peer_of(server) as peer:
                peer.logon(seq=1)
                logout = await peer.expect("5")
                assert logout[58] == "MsgSeqNum too low, expecting 3 but received 1"
                peer.writer.write_eof()
                assert await peer.read() is None
            assert the(server).next_in == 3

    run(main())


@pytest.mark.parametrize(
    "fields", [[(98, 0), (108, -1)], [(98, 0), (108, "x")], [(98, 0)], [(108, 30)]], ids=["-1", "x", "no 108", "no 98"]
)
def test_l06_l18_faulty_content_ends_with_a_logout(fields: list[tuple[int, Any]]) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await peer_of(server) as peer:
            peer.writer.write(raw_logon(*fields))
            answers = []
            while (answer := await peer.read()) is not None:
                answers.append(answer.msg_type)
                if answer.msg_type == "5":
                    assert answer.get(58)
                    peer.writer.write_eof()
            assert answers in (["5"], ["3", "5"])
            assert not the(server).connections

    run(main())


def test_l07_a_logon_of_another_hour_is_refused() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await peer_of(server) as peer:
            peer.writer.write(raw_logon((98, 0), (108, 30), sending_time=time.time_ns() - HOUR))
            while (answer := await peer.read()) is not None:
                assert answer.msg_type in ("3", "5")
                if answer.msg_type == "5":
                    peer.writer.write_eof()
            assert not the(server).connections

    run(main())


@pytest.mark.parametrize("version", ["FIX.4.4", "FIXT.1.1"])
def test_l14_another_encrypt_method_is_rejected_and_counted(version: str) -> None:
    async def main() -> None:
        config = them(begin_string=version)
        async with ff.serve(Notes(), [config]) as server, await peer_of(server, version) as peer:
            extra = [(1137, "9")] if version == "FIXT.1.1" else []
            peer.writer.write(raw_logon((98, 1), (108, 30), *extra, begin_string=version))
            reject = await peer.expect("3")
            assert (reject[373], reject[45]) == ("7", "1")
            await peer.expect("5")
            peer.writer.write_eof()
            assert await peer.read() is None
            assert the(server).next_in == 2

    run(main())


def test_l13_l15_the_answer_says_the_same_98_and_108() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await peer_of(server) as peer:
            peer.logon(heart_bt_int=17)
            answer = await peer.expect("A")
            assert (answer[98], answer[108], answer[34]) == ("0", "17", "1")

    run(main())


def test_l16_a_heart_bt_int_that_is_not_wanted() -> None:
    async def main() -> None:
        config = them(heart_bt_int=20, heart_bt_int_policy="fixed")
        async with ff.serve(Notes(), [config]) as server, await peer_of(server) as peer:
            peer.logon(heart_bt_int=30)
            logout = await peer.expect("5")
            assert "20" in logout[58]
            peer.writer.write_eof()
            assert await peer.read() is None

    run(main())


def test_l09_l11_a_logon_without_default_appl_ver_id_is_refused() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them(begin_string="FIXT.1.1")]) as server:
            async with await peer_of(server, "FIXT.1.1") as peer:
                peer.logon()
                while (answer := await peer.read()) is not None:
                    assert answer.msg_type in ("3", "5")
                    if answer.msg_type == "5":
                        peer.writer.write_eof()
                assert not the(server).connections
            async with await peer_of(server, "FIXT.1.1") as peer:
                peer.logon((1137, "8"), seq=the(server).next_in)
                assert (await peer.expect("A"))[1137] == "9", "L11: the acceptor's own"

    run(main())


def test_l20_l21_a_new_password_and_what_is_answered() -> None:
    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.Accept | ff.Refuse:
            assert request.config is not None
            if request.password != "old":
                return ff.Refuse("wrong user name or password", status=5)
            if len(request.new_password) < 8:
                return ff.Accept(request.config, status=3, text="too short: it was not changed")
            return ff.Accept(request.config, status=1)

    async def main() -> None:
        async with ff.serve(Doorman(), [them(begin_string="FIXT.1.1")]) as server:
            seq = 1
            for password, new, status in (("old", "longer than that", "1"), ("old", "x", "3"), ("bad", "x", "5")):
                async with await peer_of(server, "FIXT.1.1") as peer:
                    peer.logon((1137, "9"), (553, "ann"), (554, password), (925, new), seq=seq)
                    answer = await peer.expect("A" if status != "5" else "5")
                    assert answer[1409] == status
                    assert new not in (answer.get(58) or "").split()
                await until(lambda: not the(server).connected)
                seq = the(server).next_in

    run(main())


def test_l27_a_second_logon_without_a_reset_ends_the_session() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, await logged_on(server) as peer:
            peer.logon(seq=2)
            while (answer := await peer.read()) is not None:
                assert answer.msg_type in ("3", "5")
                if answer.msg_type == "5":
                    peer.writer.write_eof()
            await until(lambda: notes.logouts)

    run(main())


def test_l28_a_logon_with_poss_dup_flag_logs_nobody_on() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await peer_of(server) as peer:
            peer.writer.write(raw_logon((43, "Y"), (122, time.time_ns()), (98, 0), (108, 30)))
            peer.writer.write_eof()
            while (answer := await peer.read()) is not None:
                assert answer.msg_type != "A"
            assert not the(server).connections

    run(main())


def test_l29_sc4_sc14_a_reset_without_credentials_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            assert request.config is not None
            return request.config if request.password == "right" else ff.Refuse("no")

    def store(config: ff.SessionConfig) -> ff.Store:
        return ff.JournalStore(tmp_path, session_id=config.session_id, sync="none")

    def content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}

    async def main() -> None:
        async with ff.serve(Doorman(), [them()], stores=store) as server:
            async with await logged_on(server, (554, "right")) as peer:
                peer.write(*news("x"))
                await until(lambda: the(server).next_in == 3)
            await until(lambda: not the(server).connected)
            before = content()
            assert before
            for extra in ([(141, "Y"), (554, "wrong")], [(141, "Y")], [(554, "wrong")]):
                async with await peer_of(server) as peer:
                    peer.logon(*extra, seq=1)
                    await peer.expect("5")
                    assert await peer.read() is None
            assert content() == before
            assert (the(server).next_in, the(server).next_out) == (3, 2)

    run(main())


# --- Logout and the end --------------------------------------------------------------------------------------


def test_o02_the_answer_to_our_logout_closes_at_once_whatever_its_number() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await logged_on(server) as peer:
            leaving = asyncio.create_task(the(server).logout("enough"))
            assert (await peer.expect("5"))[58] == "enough"
            peer.write("5", seq=99)
            assert await peer.read() is None
            peer.writer.close()
            await leaving

    run(main())


def test_o03_the_peers_logout_is_answered() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, await logged_on(server) as peer:
            peer.write("5", [(58, "good night")])
            await peer.expect("5")
            await peer.close()
            await until(lambda: not the(server).connected)
            assert the(server).next_in == 3
        assert notes.logouts == ["Logout: good night"]

    run(main())


def test_o04_a_logout_too_high_is_answered_after_what_is_missing_was_asked_for() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, await logged_on(server) as peer:
            peer.write("5", seq=4)
            request = await peer.expect("2")
            assert request[7] == "2"
            for seq in (2, 3):
                peer.write("B", [(43, "Y"), (122, time.time_ns()), *news(f"number {seq}")[1]], seq=seq)
            await peer.expect("5")
            await peer.close()
            await until(lambda: not the(server).connected)
            assert notes.headlines == ["number 2", "number 3"]

    run(main())


def test_o05_a_logout_too_low_ends_without_being_counted() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, await logged_on(server) as peer:
            peer.write("5", seq=1)
            while (answer := await peer.read()) is not None:
                assert answer.msg_type == "5"
                peer.writer.write_eof()
            assert the(server).next_in == 2

    run(main())


def test_o06_two_logouts_that_cross() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, await logged_on(server) as peer:
            leaving = asyncio.create_task(the(server).logout("ours"))
            peer.write("5", [(58, "theirs")])
            await peer.expect("5")
            peer.writer.write_eof()
            assert await peer.read() is None, "one Logout of ours, not two"
            await leaving
            assert len(notes.logouts) == 1

    run(main())


def test_o08_a_connection_that_just_closes_keeps_the_numbers() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            peer = await logged_on(server)
            peer.write(*news("x"))
            await until(lambda: notes.headlines)
            peer.writer.transport.abort()
            await until(lambda: notes.logouts)
            assert "Logout" not in notes.logouts[0]
            async with await logged_on(server, seq=3):
                assert the(server).next_in == 4
            await peer.close()

    run(main())


def test_o09_no_logout_where_no_session_was() -> None:
    refused(raw_logon((98, 0), (108, 30)), config=them(target="SOMEBODY"), numbers=(1, 1))
    refused(raw_logon((98, 0), (108, 30), begin_string="FIX.4.2"), numbers=(1, 1))


def test_o12_half_closed_is_closed_after_what_came_before() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, await logged_on(server) as peer:
            for i in range(50):
                peer.write(*news(i))
            peer.writer.write_eof()
            await until(lambda: notes.logouts)
            assert len(notes.headlines) == 50
            assert await peer.read() is None

    run(main())
