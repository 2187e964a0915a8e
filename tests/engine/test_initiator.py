"""connect(): from nothing to logged on, why not, what can be sent, and that leaving leaves nothing."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, Venue, free_port, news, run, silent, them, to, until, us

# --- logging on ----------------------------------------------------------------------------------------------


def test_i01_i02_connect_waits_until_logged_on() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                assert isinstance(session, ff.LiveSession)
                assert session.state is ff.State.ACTIVE
                assert session.active
                assert session.connections == 1
                assert (session.next_in, session.next_out) == (2, 2)
                assert session.peer == f"{HOST}:{server.port}"
                await session.wait_active()
                assert "active" in repr(session)
            assert session.state is ff.State.DISCONNECTED
            assert not session.peer
            with pytest.raises(ff.NotActive):
                await session.wait_active()

    run(main())


def test_i01_one_logon_per_connection_with_the_number_of_the_store() -> None:
    async def main() -> None:
        seen: list[ff.Message] = []

        async def answer(peer: Peer) -> None:
            seen.append(await peer.expect("A"))
            peer.logon()
            while (message := await peer.read()) is not None:
                seen.append(message)
                if message.msg_type == "5":
                    peer.write("5")

        async with Venue(answer) as venue, ff.connect(us(), to(venue.port)):
            pass
        assert [(m.msg_type, m.msg_seq_num) for m in seen] == [("A", 1), ("5", 2)]

    run(main())


def failing(answer: object, config: ff.SessionConfig | None = None, **options: Any) -> ff.LogonFailed:
    """The LogonFailed that a venue's behaviour leads to."""

    async def main() -> ff.LogonFailed:
        async with Venue(answer) as venue:  # type: ignore[arg-type]
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(config or us(), to(venue.port, **options)):
                    raise AssertionError("logged on")
            assert venue.connections == 1, "tried again though the first logon failed"
        return caught.value

    return run(main())


def test_i07_refused_with_text_and_status() -> None:
    async def answer(peer: Peer) -> None:
        peer.begin_string = "FIXT.1.1"
        await peer.expect("A")
        peer.write("5", [(58, "account locked"), (1409, 3)])
        assert await peer.read() is None

    error = failing(answer, us(begin_string="FIXT.1.1"))
    assert (error.reason, error.text, error.status) == ("logon_refused", "account locked", 3)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.reason, copy.text, copy.status) == (error.reason, error.text, error.status)


def test_i10_silent_close_is_a_failed_logon() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")

    error = failing(answer)
    assert error.reason == "peer_closed"
    assert error.status is None


def test_i05_answer_of_another_comp_id() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer._me = "SOMEBODY"
        peer.logon()
        assert (await peer.expect("5"))[58]
        peer.write("5")

    assert failing(answer).reason == "identity"


def test_i06_first_answer_is_not_a_logon() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("0")
        await peer.expect("5")
        peer.write("5")

    assert failing(answer).reason == "not_logon"


def test_i04_answer_too_low() -> None:
    store = ff.MemoryStore()
    store.fill(1, 9)

    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.logon()
        assert "expecting 10" in (await peer.expect("5"))[58]
        peer.write("5")

    async def main() -> None:
        async with Venue(answer) as venue:
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(), to(venue.port), store=store):
                    pass
        assert caught.value.reason == "sequence_too_low"

    run(main())


def test_i10_no_answer_in_time() -> None:
    assert failing(silent, us(logon_timeout=0.05)).reason == "logon_timeout"


def test_i10_connect_timeout() -> None:
    async def answer(peer: Peer) -> None:
        await peer.reader.read()

    error = failing(answer, tls=True, connect_timeout=0.05)
    assert error.reason == "connect_timeout"


def test_i10_nobody_listens() -> None:
    async def main() -> None:
        with pytest.raises(ff.LogonFailed) as caught:
            async with ff.connect(us(), to(free_port())):
                pass
        assert caught.value.reason == "connect"
        assert caught.value.text
        assert isinstance(caught.value.__cause__, OSError)

    run(main())


@pytest.mark.parametrize("host", ["no host at all", "x" * 70])
def test_i10_a_host_that_cannot_be(host: str) -> None:
    async def main() -> None:
        with pytest.raises(ff.LogonFailed) as caught:
            async with ff.connect(us(), ff.ConnectionConfig(host, 9)):
                pass
        assert caught.value.reason == "connect"

    run(main())


def test_i10_retry_first_goes_on_until_the_venue_is_there() -> None:
    async def main() -> None:
        port = free_port()
        policy = ff.Reconnect(initial=0.005, maximum=0.01, retry_first=True)
        task = asyncio.create_task(logged_on(to(port, policy)))
        async with ff.serve(Notes(), [them()], port=port):
            assert await task == 1

    async def logged_on(connection: ff.ConnectionConfig) -> int:
        async with ff.connect(us(), connection) as session:
            return session.connections

    run(main())


def test_i10_gave_up_before_the_first_logon() -> None:
    async def main() -> None:
        policy = ff.Reconnect(initial=0, max_attempts=3, retry_first=True)
        with pytest.raises(ff.GaveUp) as caught:
            async with ff.connect(us(), to(free_port(), policy)):
                pass
        assert caught.value.attempts == 3
        assert isinstance(caught.value.__cause__, ff.LogonFailed)

    run(main())


def test_i13_refusals_in_a_row_end_it() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("5", [(58, "MsgSeqNum too low, expecting 10 but received 1")])
        assert await peer.read() is None

    async def main() -> None:
        async with Venue(refuse) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True, max_refusals=3)
            with pytest.raises(ff.GaveUp, match="refused 3 times"):
                async with ff.connect(us(), to(venue.port, policy)):
                    pass
            assert venue.connections == 3

    run(main())


def test_a_connect_is_for_one_use() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            connecting = ff.connect(us(), to(server))
            async with connecting:
                with pytest.raises(RuntimeError):
                    await connecting.__aenter__()

    run(main())


def test_arguments_are_checked() -> None:
    good = ff.ConnectionConfig(HOST, 9)
    with pytest.raises(ff.ConfigError, match="config"):
        ff.connect("FIX.4.4", good)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="connection"):
        ff.connect(us(), (HOST, 9))  # type: ignore[arg-type]


def test_a_session_that_cannot_be_made_closes_its_store() -> None:
    closed = []

    class Closing(ff.MemoryStore):
        def close(self) -> None:
            closed.append(True)

    async def main() -> None:
        with pytest.raises(ff.DictionaryError):
            async with ff.connect(us(dictionary="FIX.9.9"), ff.ConnectionConfig(HOST, 9), store=Closing()):
                pass
        with pytest.raises(ff.ConfigError, match="manual_logon"):
            async with ff.connect(us(manual_logon=True), ff.ConnectionConfig(HOST, 9), store=Closing()):
                pass

    run(main())
    assert closed == [True, True]


# --- sending -------------------------------------------------------------------------------------------------


def test_send_nowait_send_and_template() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server)) as session:
            assert session.send_nowait(*news("one")) == 2
            assert await session.send(*news("two")) == 3
            template = session.template("B", [ff.Slot(148), (33, 1), (58, "x")])
            assert session.send_template(template, "three") == 4
            order = session.encoder("D", scale=2)
            assert session.send_template(order, "x", "EUR/USD", "1", 0, 100, "2", 150) == 5
            await until(lambda: len(notes.messages) == 4)
            assert [m[148] for m in notes.messages[:3]] == ["one", "two", "three"]
            assert notes.messages[3][44] == "1.50"
            assert [m.msg_seq_num for m in notes.messages] == [2, 3, 4, 5]
            assert session.stats().messages_out == 5

    run(main())


def test_i11_o07_nothing_is_sent_unless_logged_on() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                await session.close("good night")
                with pytest.raises(ff.NotActive):
                    session.send_nowait(*news("late"))
                with pytest.raises(ff.NotActive):
                    await session.send(*news("late"))
            assert session.next_out == 3

    run(main())


def test_wrong_fields_use_no_number() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            with pytest.raises(ff.EncodeTypeError, match="44"):
                session.send_nowait("D", [(44, 1.5)])
            with pytest.raises(ff.LocalProtocolError):
                session.send_nowait("5", [])
            assert session.next_out == 2

    run(main())


def test_to_send_sees_changes_and_stops_messages() -> None:
    class Censor(Notes):
        def to_send(self, session: ff.LiveSession, msg_type: str, fields: list[object]) -> list[object] | None:
            if fields[0] == (148, "stop"):
                raise ValueError("stopped")
            return [(148, "changed"), *fields[1:]] if fields[0] == (148, "change") else None

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server), Censor()) as session:
            with pytest.raises(ValueError, match="stopped"):
                session.send_nowait(*news("stop"))
            session.send_nowait(*news("change"))
            session.send_nowait(*news("keep"))
            await until(lambda: len(notes.messages) == 2)
            assert notes.headlines == ["changed", "keep"]

    run(main())
