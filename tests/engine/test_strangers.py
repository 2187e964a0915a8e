"""Strangers at real sockets: floods, storms and slow drips, of which live sessions feel nothing (C1, C17)."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, news, run, them, to, until, us


def silent_sockets(port: int, count: int) -> list[socket.socket]:
    """Connect and say nothing."""
    return [socket.create_connection((HOST, port)) for _ in range(count)]


def closed_by_peer(sock: socket.socket) -> bool:
    """Tell whether the other side has ended a connection."""
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_sc1_hundreds_of_idle_sockets_cost_no_session_and_no_buffer() -> None:
    async def main() -> None:
        limits = ff.Limits(pending=1000, pending_per_ip=None)
        async with ff.serve(Notes(), [them()], limits=limits) as server, ff.connect(us(), to(server)) as session:
            loop = asyncio.get_running_loop()
            idle = await loop.run_in_executor(None, silent_sockets, server.port, 500)
            await until(lambda: len(server._reception.doors) == 500)
            assert server._reception.crowd.connections == 501
            session.send_nowait(*news("alive"))
            (live,) = server.sessions.values()
            await until(lambda: live.next_in == 3)
            for sock in idle:
                sock.close()
            await until(lambda: server._reception.crowd.connections == 1)

    run(main())


def test_sc1_idle_sockets_are_cut_after_the_time_for_a_logon() -> None:
    async def main() -> None:
        limits = ff.Limits(logon_timeout=0.05)
        async with ff.serve(Notes(), [them()], limits=limits) as server:
            idle = silent_sockets(server.port, 20)
            await until(lambda: all(map(closed_by_peer, idle)))
            for sock in idle:
                sock.close()
            assert server._reception.crowd.connections == 0

    run(main())


def test_sc1_many_slow_drips_hold_up_no_logon() -> None:
    async def main() -> None:
        limits = ff.Limits(logon_timeout=0.2, failed_logons_per_minute=None)
        async with ff.serve(Notes(), [them()], limits=limits) as server:

            async def drip() -> None:
                async with await Peer.connect(server.port) as peer:
                    reading = asyncio.create_task(peer.read())
                    for byte in b"8=FIX.4.4\x019=70\x0135=A\x01" + b"1=2\x01" * 1000:
                        if reading.done():
                            break
                        peer.writer.write(bytes([byte]))
                        await asyncio.sleep(0.005)
                    assert await reading is None

            drips = [asyncio.create_task(drip()) for _ in range(20)]
            await until(lambda: len(server._reception.doors) == 20)
            async with ff.connect(us(), to(server)):
                await asyncio.gather(*drips)

    run(main())


def test_sc17_a_storm_of_connects_leaves_the_others_alone_and_the_log_short(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        limits = ff.Limits(connects_per_minute_per_ip=50, logon_timeout=60)
        async with ff.serve(Notes(), [them()], limits=limits) as server, ff.connect(us(), to(server)) as session:
            loop = asyncio.get_running_loop()
            caplog.clear()
            storm = await loop.run_in_executor(None, silent_sockets, server.port, 300)
            while sum(map(closed_by_peer, storm)) + len(server._reception.doors) < 300:
                await asyncio.sleep(0.05)
            assert 49 <= len(server._reception.doors) <= 70, "50, and one each 1.2 s"
            session.send_nowait(*news("alive"))
            (live,) = server.sessions.values()
            await until(lambda: live.next_in == 3)
            for sock in storm:
                sock.close()
            await until(lambda: not server._reception.doors)

    run(main(), limit=40)
    lines = [record.message for record in caplog.records]
    assert "too many new connections from there" in lines[0]
    assert any(" x too many new connections from there" in line for line in lines), lines
    assert len(lines) < 40, "not more than one a second"


def test_sc17_a_whole_venue_of_bots_comes_back() -> None:
    """All connections are cut at once; all are back, though only few are let in at a time."""

    async def main() -> None:
        names = [f"BOT{i}" for i in range(30)]
        limits = ff.Limits(pending=5)
        again = ff.Reconnect(initial=0.01, maximum=0.2, max_refusals=None, retry_first=True, seed=1)
        async with ff.serve(Notes(), [them(target=name) for name in names], limits=limits) as server:

            async def bot(name: str) -> None:
                async with ff.connect(us(sender=name), to(server, again)) as session:
                    await until(lambda: session.connections == 2)
                    await session.wait_active()

            async def venue() -> None:
                await until(lambda: all(session.active for session in server.sessions.values()))
                for session in server.sessions.values():
                    session.drop()

            await asyncio.gather(venue(), *map(bot, names))

    run(main(), limit=30)


def test_sc1_wrong_passwords_bar_the_address_and_not_the_session(caplog: pytest.LogCaptureFixture) -> None:
    class Doorman(Notes):
        asked = 0

        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            self.asked += 1
            assert request.config is not None
            return request.config if request.password == "right" else ff.Refuse("wrong")

    async def guess(server: ff.Server, password: str) -> ff.Message | None:
        async with await Peer.connect(server.port, "OTHER") as peer:
            peer.logon((554, password))
            return await peer.read()

    async def main() -> None:
        doorman = Doorman()
        limits = ff.Limits(failed_logons_per_minute=3, pause=0.3)
        async with ff.serve(doorman, [them(), them(target="OTHER")], limits=limits) as server:
            async with ff.connect(us(password="right"), to(server)) as session:
                for i in range(4):
                    logout = await guess(server, f"guess {i}")
                    assert logout is not None
                    assert logout.msg_type == "5"
                asked = doorman.asked
                assert await guess(server, "right") is None, "barred: not even read"
                assert doorman.asked == asked
                session.send_nowait(*news("still here"))
                await until(lambda: doorman.headlines == ["still here"])
                await until(lambda: "refused for 0.3 s" in caplog.text)

                async def back() -> bool:
                    return await guess(server, "right") is not None

                while not await back():
                    await asyncio.sleep(0.01)

    run(main())
    assert "guess" not in caplog.text


def test_sc1_a_connection_that_says_nothing_is_not_a_failed_logon() -> None:
    """Health checks of load balancers and port scans connect and leave."""

    async def main() -> None:
        limits = ff.Limits(failed_logons_per_minute=1, logon_timeout=0.03)
        async with ff.serve(Notes(), [them()], limits=limits) as server:
            for _ in range(5):
                async with await Peer.connect(server.port):
                    pass
            async with await Peer.connect(server.port) as peer:
                assert await peer.read() is None  # cut after logon_timeout
            async with ff.connect(us(), to(server)):
                pass

    run(main())


def test_sc1_sessions_that_logons_make_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    class Open(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            return them(target=request.session_id.target_comp_id)

    async def main() -> None:
        async with ff.serve(Open(), [them(target="ADDED")], limits=ff.Limits(sessions=2)) as server:
            for name in ("A", "B", "ADDED"):
                async with ff.connect(us(sender=name), to(server)):
                    pass
            async with await Peer.connect(server.port, "C") as peer:
                peer.logon()
                assert await peer.read() is None
            await server.remove(them(target="A").session_id)
            async with ff.connect(us(sender="C"), to(server)):
                pass

    run(main())
    assert "limits.sessions is reached" in caplog.text


def test_a_hook_that_raises_for_every_stranger_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            raise KeyError("broken")

    async def main() -> None:
        async with ff.serve(Broken(), [them()], limits=ff.Limits(failed_logons_per_minute=None)) as server:
            for _ in range(30):
                async with await Peer.connect(server.port) as peer:
                    peer.logon()
                    assert await peer.read() is None

    with caplog.at_level(logging.WARNING):
        run(main())
    assert "KeyError" in caplog.text
    assert len(caplog.records) <= 6


@pytest.mark.parametrize("option", ["pending", "sessions", "addresses", "connections", "logon_bytes"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "9"])
def test_limits_name_a_wrong_count(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError, match=option):
        ff.Limits(**{option: value})


@pytest.mark.parametrize("option", ["pause", "handshake_timeout", "logon_timeout", "authenticate_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, None, "9"])
def test_limits_name_a_wrong_time(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError, match=option):
        ff.Limits(**{option: value})


def test_limits_name_what_does_not_fit_together() -> None:
    with pytest.raises(ff.ConfigError, match="longest_pause"):
        ff.Limits(pause=10, longest_pause=5)
    with pytest.raises(ff.ConfigError, match=r"pending_per_ip.*None or"):
        ff.Limits(pending_per_ip=0)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of open files")
def test_sc1_strangers_do_not_get_the_last_file_descriptors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import resource

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            idle: list[socket.socket] = []
            for _ in range(50):
                idle.append(socket.create_connection((HOST, server.port)))
                await asyncio.sleep(0.001)
            await until(lambda: sum(map(closed_by_peer, idle)) + len(server._reception.doors) == 50)
            assert 5 < len(server._reception.doors) < 45
            (tmp_path / "a file").write_text("can still be written")
            session.send_nowait(*news("alive"))
            (live,) = server.sessions.values()
            await until(lambda: live.next_in == 3)
            for sock in idle:
                sock.close()

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as last:
        # Each connection takes two here: the peers are in this process as well.
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 120, before[1]))
        try:
            run(main())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "closed at once: too many open files" in caplog.text


def test_sc8_comp_ids_of_strangers_can_be_hidden(caplog: pytest.LogCaptureFixture) -> None:
    """Where a CompID is an API key, also a refused one must not be in a log."""

    async def main() -> None:
        async with ff.serve(Notes(), [them(target="SOMEBODY")]) as server:
            for _ in range(5):
                async with await Peer.connect(server.port, "CANARY") as peer:
                    peer.logon()
                    assert await peer.read() is None

    hide = ff.HideCompIDs()
    caplog.handler.addFilter(hide)
    try:
        run(main())
    finally:
        caplog.handler.removeFilter(hide)
    assert "4 more: 4 x logons refused" in caplog.text
    assert "CANARY" not in caplog.text
