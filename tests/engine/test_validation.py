"""What programs see of messages that are not as the dictionary says; options pass through, nothing is silent."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, Venue, run, them, to, until, us

STRICT = ff.Validation("reject")
CANCEL: list[tuple[int, Any]] = [(41, "o"), (11, "c"), (55, "X"), (54, "1"), (60, 1_772_445_600_000_000_000), (38, 1)]
STRANGE = [*CANCEL, (9999, "secret value")]


def test_a_fill_with_an_unknown_tag_reaches_callbacks_and_loops_with_its_fault() -> None:
    notes = Notes()

    async def main() -> None:
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                session.send_nowait("F", STRANGE)
                await until(lambda: notes.messages)
                server.sessions[them().session_id].send_nowait("F", STRANGE)
                async for message in session:
                    assert message.fault == ff.Fault(0, 9999, "Invalid tag number")
                    break

    run(main())
    assert notes.messages[0].fault == ff.Fault(0, 9999, "Invalid tag number")
    assert notes.named("Rejected") == []


@pytest.mark.parametrize("side", ["connect", "serve"])
def test_v00_options_pass_through_and_both_sides_are_told(side: str) -> None:
    ours, theirs = Notes(), Notes()
    strict: dict[str, Any] = {"validation": STRICT, "supported_msg_types": {"F"}}
    free: dict[str, Any] = {}

    async def main() -> None:
        a, b = (strict, free) if side == "connect" else (free, strict)
        async with ff.serve(theirs, [them(**b)]) as server, ff.connect(us(**a), to(server), ours) as session:
            other = server.sessions[them().session_id]
            sender, heard = (other, theirs) if side == "connect" else (session, ours)
            for msg_type, fields in (
                ("F", STRANGE),
                ("D", CANCEL),
                ("B", [(148, "h"), (33, [[(58, "x")]])]),
                ("F", CANCEL),
            ):
                sender.send_nowait(msg_type, fields)
            await until(lambda: len(heard.messages) == 3)

    run(main())
    strict_notes, free_notes = (ours, theirs) if side == "connect" else (theirs, ours)
    assert [m[11] for m in strict_notes.messages] == ["c"]
    rejected = [event for event in strict_notes.events if isinstance(event, ff.Rejected)]
    assert [(e.reason, e.ref_tag, e.business, e.message.msg_type) for e in rejected] == [
        (0, 9999, False, "F"), (2, 41, False, "D"), (3, None, True, "B")
    ]  # fmt: skip
    assert [(m.msg_type, m.int(45)) for m in free_notes.messages] == [("3", 2), ("3", 3), ("j", 4)]


def test_rejects_and_alarms_are_logged_and_no_value_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "wire.log"
    notes = Notes()
    caplog.set_level(logging.WARNING, "fixfast.engine")

    async def main() -> None:
        with ff.WireLog(path) as log:
            config = them(validation=ff.Validation("warn"), session_validation=STRICT)
            async with ff.serve(notes, [config], wire_log=log) as server, ff.connect(us(), to(server)) as session:
                session.send_nowait("F", STRANGE)
                session.send_nowait("F", STRANGE)
                await until(lambda: len(notes.messages) == 2)

    run(main())
    said = [record.getMessage() for record in caplog.records]
    text = "the peer's messages of type 'F' are not as the dictionary says: Invalid tag number (tag 9999)"
    assert said == [f"FIX.4.4:SIM->BOT: {text}"]
    assert [event.text for event in notes.events if isinstance(event, ff.Alarm)] == [text]
    marks = [line.split(b" ", 3)[3] for line in path.read_bytes().splitlines() if line.split(b" ", 3)[2] == b"="]
    assert marks.count(b"message 2 (35='F'): Invalid tag number (tag 9999)") == 1
    assert marks.count(b"message 3 (35='F'): Invalid tag number (tag 9999)") == 1
    assert not any(b"secret" in mark for mark in marks)


def test_a_reject_is_logged_with_number_and_type(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "wire.log"
    caplog.set_level(logging.WARNING, "fixfast.engine")

    async def main() -> None:
        with ff.WireLog(path) as log:
            server = ff.serve(Notes(), [them(validation=STRICT)], wire_log=log)
            async with server as house, ff.connect(us(), to(house)) as session:
                session.send_nowait("F", STRANGE)
                session.send_nowait("Z\n", [(11, "x")])
                for _ in range(2):
                    assert (await anext(session.__aiter__())).msg_type == "3"

    run(main())
    first, second = (
        "message 2 (35='F') rejected: Invalid tag number (tag 9999)",
        "(35='Z\\n') rejected: Invalid MsgType",
    )
    assert [
        record.getMessage().endswith(text) for record, text in zip(caplog.records, (first, second), strict=True)
    ] == [True] * 2
    assert first.encode() in path.read_bytes()


# --- the acceptor's door ----------------------------------------------------------------------------------------


def test_l06_a_malformed_logon_is_refused_after_authentication_by_what_it_returned() -> None:
    asked: list[str] = []

    class Desk:
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            asked.append(request.username)
            return them(session_validation=STRICT) if request.username == "strict" else them()

    async def main() -> None:
        async with ff.serve(Desk()) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon((553, "strict"), (25035, 1))
                reject = await peer.expect("3")
                assert (reject.int(373), reject.int(371)) == (0, 25035)
                assert "25035" in (await peer.expect("5"))[58]
                peer.write("5")
                assert await peer.read() is None

    run(main())
    assert asked == ["strict"]


def test_l31_a_venue_s_own_tags_let_a_bot_in_and_a_bot_s_own_let_it_in() -> None:
    async def venue(peer: Peer) -> None:
        assert (await peer.expect("A"))[25035] == "1"
        peer.logon((25037, "uuid"), (9001, "Y"))
        await peer.expect("5")
        peer.write("5")

    async def main() -> None:
        config = us(logon=lambda context: [(25035, 1)])
        async with Venue(venue) as house, ff.connect(config, to(house.port)) as session:
            assert session.active

    run(main())


def test_v30_a_logon_that_says_two_things_never_reaches_authenticate() -> None:
    class Desk:
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            raise AssertionError("asked")

    async def main() -> None:
        async with ff.serve(Desk()) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon((49, "SOMEBODY"))
                assert await peer.read() is None
            assert not server.sessions

    run(main())


# --- dictionaries in files --------------------------------------------------------------------------------------


def overlay(path: Path) -> str:
    path.write_text(
        'base = "FIX.4.4"\n[fields.Strategy]\ntag = 10001\ntype = "CHAR"\n'
        '[messages.OrderCancelRequest]\nadd = ["Strategy!"]\n'
    )
    return str(path)


def test_a_dictionary_is_named_by_its_path_on_either_side(tmp_path: Path) -> None:
    name = overlay(tmp_path / "broker.toml")
    notes = Notes()

    async def main() -> None:
        strict = them(dictionary=name, validation=STRICT)
        async with ff.serve(notes, [strict]) as server, ff.connect(us(dictionary=name), to(server)) as session:
            assert isinstance(session.config.dictionary, ff.Dictionary)
            session.send_nowait("F", [*CANCEL, (10001, "V")])
            session.send_nowait("F", CANCEL)
            reject = await anext(session.__aiter__())
            assert (reject.int(371), reject.dictionary.fields[10001].name) == (10001, "Strategy")

    run(main())
    assert [m.value(10001) for m in notes.messages] == ["V"]


def test_a_dictionary_that_cannot_be_loaded_is_the_caller_s_to_know(tmp_path: Path) -> None:
    closed: list[str] = []

    class Store(ff.MemoryStore):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    missing = str(tmp_path / "nowhere.xml")

    async def main() -> None:
        with pytest.raises(ff.DictionaryError, match="nowhere"):
            async with ff.connect(us(dictionary=missing), to(1), store=Store()):
                pass
        with pytest.raises(ff.DictionaryError, match="nowhere"):
            async with ff.serve(Notes(), [them(dictionary=missing)]):
                pass

    run(main())
    assert closed == ["closed"]


def test_l05_a_dictionary_that_authenticate_names_and_is_not_there_is_no_session(tmp_path: Path) -> None:
    class Desk:
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            return them(dictionary=str(tmp_path / "nowhere.xml"))

    async def main() -> None:
        async with ff.serve(Desk()) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            assert await peer.read() is None
            assert not server.sessions

    run(main())


def test_loading_a_dictionary_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(source: str) -> ff.Dictionary:
        time.sleep(0.2)
        return ff.load_dictionary("FIX.4.4")

    monkeypatch.setattr("fixfast.engine.config.load_dictionary", slow)
    passes = 0

    async def main() -> None:
        nonlocal passes
        server = ff.serve(Notes(), [them(dictionary="slow.xml")])
        opening = asyncio.ensure_future(server._start())
        while not opening.done():
            passes += 1
            await asyncio.sleep(0.01)
        await (await opening).close()

    run(main())
    assert passes > 5


# --- business rejects -------------------------------------------------------------------------------------------


def test_b03_b07_an_application_s_business_reject_is_sent_for_orders_and_never_for_rejects() -> None:
    class Desk(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            super().on_message(session, message)
            raise ff.BusinessReject(5, "no Account", message.get(11) or "")

    desk, ours = Desk(), Notes()

    async def main() -> None:
        async with ff.serve(desk, [them()]) as server, ff.connect(us(), to(server), ours) as session:
            session.send_nowait("F", CANCEL)
            session.send_nowait("3", [(45, 1)])
            session.send_nowait("j", [(45, 1), (372, "D"), (380, 3)])
            session.send_nowait("F", CANCEL)
            await until(lambda: len(desk.messages) == 4 and len(ours.messages) == 2)

    run(main())
    assert [(m.msg_type, m.int(45), m.int(380), m[379]) for m in ours.messages] == [("j", 2, 5, "c"), ("j", 5, 5, "c")]


def test_b06_an_application_that_has_a_specific_reject_sends_that_alone() -> None:
    class Desk:
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            session.send_nowait(
                "9", [(37, "NONE"), (11, message[11]), (41, message[41]), (39, "8"), (434, "1"), (102, 1)]
            )

    ours = Notes()

    async def main() -> None:
        async with ff.serve(Desk(), [them()]) as server, ff.connect(us(), to(server), ours) as session:
            session.send_nowait("F", CANCEL)
            await until(lambda: ours.messages)

    run(main())
    assert [m.msg_type for m in ours.messages] == ["9"]


@pytest.mark.parametrize("reason", [1, 2, 4, 6, 7, 99])
def test_b02_b04_b05_session_reject_answers_with_any_reason(reason: int) -> None:
    class Desk:
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            session.reject(message, reason, "no", message[11])

    async def main() -> None:
        async with ff.serve(Desk(), [them()]) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait("F", CANCEL)
            answer = await anext(session.__aiter__())
            assert (answer.msg_type, answer.int(380), answer[379], answer[58]) == ("j", reason, "c", "no")

    run(main())


# --- too many ---------------------------------------------------------------------------------------------------


def test_v25_too_many_rejects_end_the_connection_and_it_comes_back() -> None:
    ours, theirs = Notes(), Notes()

    async def main() -> None:
        strict = them(validation=STRICT, max_rejects=3)
        async with ff.serve(theirs, [strict]) as server, ff.connect(us(), to(server), ours) as session:
            for _ in range(10):
                session.send_nowait("8", STRANGE)
            await until(lambda: session.connections == 3 and session.active)  # 4 rejects a connection
            session.send_nowait("F", CANCEL)
            await until(lambda: theirs.messages)

    run(main())
    rejected = [event.message.msg_seq_num for event in theirs.named("Rejected")]
    assert len(rejected) == len(set(rejected)) == 10, "each once, none forgotten"
    assert [event.reason.name for event in theirs.named("Disconnected")][:2] == ["TOO_MANY_REJECTS"] * 2
    assert ours.logouts[:2] == ["Logout: Too many rejected messages"] * 2
