"""connect(): from nothing to logged on, why not, what can be sent, and that leaving leaves nothing."""

from __future__ import annotations

import asyncio
import pickle
import socket
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, HOST, Notes, Peer, Venue, news, run, them, to, until, us


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


async def silent(peer: Peer) -> None:
    """Read and say nothing."""
    while await peer.read() is not None:
        pass


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
            await until(lambda: len(notes.messages) == 3)
            assert notes.headlines == ["one", "two", "three"]
            assert [m.msg_seq_num for m in notes.messages] == [2, 3, 4]
            assert session.stats().messages_out == 4

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


# --- leaving -------------------------------------------------------------------------------------------------


def test_o01_o02_leaving_logs_out() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            async with ff.connect(us(), to(server)) as session:
                await session.close("end of day")
            await until(lambda: notes.logouts)
            assert notes.logouts == ["Logout: end of day"]
            assert (session.next_in, session.next_out) == (3, 3)
            assert next(iter(server.sessions.values())).state is ff.State.DISCONNECTED

    run(main())


def test_o03_the_peer_logs_out() -> None:
    async def main() -> None:
        mine = Notes()
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server), mine) as session:
            await next(iter(server.sessions.values())).logout("maintenance")
            await until(lambda: session.connections == 2)  # and we come back
            await session.wait_active()
            assert mine.logouts == ["Logout: maintenance"]

    run(main())


def test_o06_both_log_out_together() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            other = next(iter(server.sessions.values()))
            await asyncio.gather(session.close("mine"), other.close("yours"))
            assert session.state is other.state is ff.State.DISCONNECTED

    run(main())


def test_a_failing_body_says_goodbye_and_waits_for_nothing() -> None:
    async def main() -> None:
        heard = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            await peer.expect("5")
            heard.set()  # and no answer

        async with Venue(answer) as venue:
            with pytest.raises(KeyError, match="body"):
                async with ff.connect(us(), to(venue.port)):
                    raise KeyError("body")
            await heard.wait()

    run(main(), limit=5)


def test_close_cuts_a_peer_that_does_not_answer() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.logon()
        await silent(peer)

    async def main() -> None:
        async with Venue(answer) as venue, ff.connect(us(), to(venue.port)) as session:
            await session.close(timeout=0.02)
            assert session.state is ff.State.DISCONNECTED

    run(main(), limit=5)


def test_leaving_while_a_connection_is_being_made_again() -> None:
    """The venue went away: leaving waits neither for a logon nor for the back-off."""

    async def main() -> None:
        server = await ff.serve(Notes(), [them()])
        async with ff.connect(us(), to(server, ff.Reconnect(initial=30))) as session:
            await server.close()
            await until(lambda: not session.active)

    run(main(), limit=3)


def test_leaving_while_the_logon_is_not_answered() -> None:
    async def main() -> None:
        first = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            if not first.is_set():
                first.set()
                peer.logon()
                return  # hangs up
            await silent(peer)

        async with Venue(answer) as venue, ff.connect(us(), to(venue.port)) as session:
            await until(lambda: session.state is ff.State.LOGON_SENT)

    run(main(), limit=3)


# --- cancellation --------------------------------------------------------------------------------------------


async def _hold(connection: ff.ConnectionConfig) -> None:
    async with ff.connect(us(reset_on_logon=True), connection):
        await asyncio.Event().wait()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "the cancelled connect() left a task"


def test_cancel_at_every_step_of_logging_on() -> None:
    """Whatever pass of the loop the cancellation falls into: no task, no socket (a warning would fail the test)."""

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            session = next(iter(server.sessions.values()))
            for passes in range(25):
                task = asyncio.create_task(_hold(to(server)))
                for _ in range(passes):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
                await until(lambda: not session.connected)

    run(main())


def test_cancel_at_every_step_of_coming_back() -> None:
    """The same for a connection that was lost and is being made anew."""

    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            (session,) = server.sessions.values()
            for passes in range(0, 40, 2):
                before = notes.logons
                task = asyncio.create_task(_hold(to(server, ff.Reconnect(initial=0, maximum=0))))
                await until(lambda before=before: notes.logons > before)  # type: ignore[misc]
                session.drop(reset=True)
                for _ in range(passes):
                    await asyncio.sleep(0)
                await _cancelled(task)
                await until(lambda: not session.connected)

    run(main())


@pytest.mark.parametrize("cycles", range(0, 24, 2))
def test_leaving_at_every_step_of_coming_back(cycles: int) -> None:
    """Not cancelled, but left in good order: it takes no time-out to end, whatever the connection is doing."""

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            (other,) = server.sessions.values()
            async with ff.connect(us(), to(server, ff.Reconnect(initial=0, maximum=0))):
                other.drop(reset=True)
                for _ in range(cycles):
                    await asyncio.sleep(0)
            await until(lambda: not other.connected)

    run(main(), limit=2)


@pytest.mark.parametrize("tls", [None, True], ids=["logon not answered", "handshake not answered"])
def test_cancel_while_the_peer_is_silent(tls: bool | None) -> None:
    async def main() -> None:
        reached = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.reader.read(10)
            reached.set()
            await peer.reader.read()

        async with Venue(answer) as venue:
            task = asyncio.create_task(_hold(to(venue.port, tls=tls)))
            await reached.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    run(main(), limit=5)


def test_connect_timeout() -> None:
    async def answer(peer: Peer) -> None:
        await peer.reader.read()

    error = failing(answer, tls=True, connect_timeout=0.05)
    assert error.reason == "connect_timeout"


def test_cancel_between_attempts() -> None:
    async def main() -> None:
        policy = ff.Reconnect(initial=30, retry_first=True)
        task = asyncio.create_task(_hold(to(free_port(), policy)))
        await asyncio.sleep(0.02)
        await _cancelled(task)

    run(main(), limit=3)


def test_cancel_while_logging_out() -> None:
    async def main() -> None:
        leaving = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.expect("A")
            peer.logon()
            await peer.expect("5")
            leaving.set()
            await silent(peer)

        async def come_and_go(port: int) -> None:
            async with ff.connect(us(), to(port)):
                pass

        async with Venue(answer) as venue:
            task = asyncio.create_task(come_and_go(venue.port))
            await leaving.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    run(main(), limit=3)


def test_cancel_in_the_body() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            task = asyncio.create_task(_hold(to(server, EAGER)))
            await until(lambda: notes.logons)
            await _cancelled(task)
            await until(lambda: notes.logouts)

    run(main(), limit=5)
