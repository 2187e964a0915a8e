"""Where an acceptor listens: IPv4, IPv6, Unix sockets, inherited sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, free_port, news, run, them, to, until, us

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6")


class Asked(Notes):
    """Lets everybody in, and keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ff.LogonRequest] = []

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
        self.requests.append(request)
        seen = request.session_id
        return request.config or ff.SessionConfig(seen.begin_string, seen.sender_comp_id, seen.target_comp_id)


async def log_on(peer: Peer) -> None:
    peer.logon()
    await peer.expect("A")


# --- TCP -----------------------------------------------------------------------------------------------------


@ipv6
@pytest.mark.parametrize("host", [None, ["127.0.0.1", "::1"], "::1"], ids=str)
def test_ipv4_and_ipv6_on_one_port(host: Any) -> None:
    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, host=host) as server:
            assert all(address.endswith(f":{server.port}") for address in server.addresses)
            async with ff.connect(us(), ff.ConnectionConfig("::1", server.port)):
                (session,) = server.sessions.values()
                assert session.peer.startswith("[::1]:")
            assert asked.requests[0].address.startswith("[::1]:")
            if host == "::1":
                assert server.addresses == [f"[::1]:{server.port}"]
                return
            async with ff.connect(us(sender="V4"), to(server)):
                pass
            assert asked.requests[1].address.startswith("127.0.0.1:"), "not ::ffff:127.0.0.1"

    run(main())


def test_a_name_is_looked_up() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], host="localhost", port=0) as server, ff.connect(us(), to(server)):
            assert server.port > 0

    run(main())


def test_what_cannot_be_listened_on_is_said_plainly() -> None:
    async def main() -> None:
        for host in ("no-such-host.invalid", ["127.0.0.1", "no-such-host.invalid"]):
            with pytest.raises(OSError, match=r"no-such-host\.invalid"):
                await ff.serve(None, host=host)
        with socket.socket() as sock:
            sock.bind((HOST, 0))
            sock.listen()
            port = sock.getsockname()[1]
            with pytest.raises(OSError, match="in use"):
                await ff.serve(None, host=[HOST, "127.0.0.2"], port=port)

    run(main())


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT")
def test_two_acceptors_share_a_port() -> None:
    async def main() -> None:
        async with ff.serve(Asked(), reuse_port=True) as first:
            async with ff.serve(Asked(), port=first.port, reuse_port=True) as second:
                assert first.port == second.port
                for number in range(40):
                    async with ff.connect(us(sender=f"BOT{number}"), to(first)):
                        pass
                    if first.sessions and second.sessions:
                        return
                raise AssertionError("the kernel gave all to one")

    run(main())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("host", ""),
        ("host", []),
        ("host", ["127.0.0.1", 5]),
        ("port", -1),
        ("port", True),
        ("path", ""),
        ("path_mode", 0o1777),
        ("path_mode", "600"),
        ("backlog", 0),
        ("backlog", None),
        ("reuse_port", 1),
        ("sock", "launchd"),
        ("allow", "10.0.0.0/8"),
        ("proxies", ["lb.example.com"]),
        ("proxies", [10]),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError, match=option):
        ff.serve(None, **{option: value})


# --- Unix sockets --------------------------------------------------------------------------------------------


async def unix_peer(path: Path, me: str = "BOT") -> Peer:
    return Peer(*await asyncio.open_unix_connection(path), me, "SIM")


@unix
def test_a_unix_socket_is_ours_alone_and_goes_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"

    async def main() -> None:
        asked = Asked()
        async with ff.serve(asked, path=path, allow=["192.0.2.0/24"]) as server:
            assert server.addresses == [str(path)]
            with pytest.raises(RuntimeError, match="TCP"):
                _ = server.port
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            async with await unix_peer(path) as peer:
                await log_on(peer)
                assert asked.requests[0].address == "unix"
                peer.write("5")
                await peer.expect("5")
        assert not path.exists()

    before = os.umask(0o022)
    os.umask(before)
    run(main())
    assert os.umask(before) == before


@unix
def test_a_unix_socket_beside_tcp_with_permissions_for_a_group(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"

    async def main() -> None:
        async with ff.serve(Asked(), path=path, path_mode=0o660, port=0) as server:
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert server.addresses == [str(path), f"127.0.0.1:{server.port}"]
            async with await unix_peer(path) as peer, ff.connect(us(sender="TCP"), to(server)):
                await log_on(peer)
                assert len(server.sessions) == 2

    run(main())


@unix
def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    async def main() -> None:
        async with ff.serve(Asked(), path=path):
            with pytest.raises(OSError, match=r"fix\.sock.*in use"):
                await ff.serve(Asked(), path=path)
            async with await unix_peer(path) as peer:
                await log_on(peer)
        path.write_text("precious")
        with pytest.raises(OSError, match="no socket"):
            await ff.serve(Asked(), path=path)
        assert path.read_text() == "precious"
        with pytest.raises(OSError, match=r"fix\.sock"):
            await ff.serve(Asked(), path=tmp_path / "no such folder" / "fix.sock")

    run(main())


@unix
def test_of_many_that_start_at_once_one_listens(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    async def main() -> None:
        servers = [ff.serve(Asked(), path=path) for _ in range(10)]
        started = await asyncio.gather(*(server._start() for server in servers), return_exceptions=True)
        assert sum(isinstance(one, ff.Server) for one in started) == 1
        async with await unix_peer(path) as peer:
            await log_on(peer)
        for server in servers:
            await server.close(timeout=0)
        assert not path.exists()

    run(main())


@unix
def test_a_path_that_another_has_taken_over_stays(tmp_path: Path) -> None:
    path = tmp_path / "fix.sock"

    async def main() -> None:
        async with ff.serve(Asked(), path=path):
            path.unlink()
            second = await ff.serve(Asked(), path=path)
        async with await unix_peer(path) as peer:
            await log_on(peer)
        await second.close(timeout=0)

    run(main())


# --- sockets that are there ----------------------------------------------------------------------------------


def test_a_socket_that_was_bound_before() -> None:
    async def main() -> None:
        sock = socket.create_server((HOST, 0))
        async with ff.serve(Asked(), sock=sock) as server, ff.connect(us(), to(server)):
            assert server.addresses == [f"{HOST}:{sock.getsockname()[1]}"]
        assert sock.fileno() == -1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            with pytest.raises(ff.ConfigError, match="sock"):
                await ff.serve(None, sock=datagrams)

    run(main())


@unix
def test_sockets_of_a_service_manager(tmp_path: Path) -> None:
    """As systemd does it: descriptors from 3 on, and two variables of the environment."""
    program = """
import asyncio, os, fixfast as ff
os.environ["LISTEN_PID"] = str(os.getpid())
async def main():
    async with ff.serve(None, [ff.SessionConfig("FIX.4.4", "SIM", "BOT")], sock="systemd") as server:
        print(*server.addresses, flush=True)
        await asyncio.to_thread(input)
asyncio.run(main())
"""
    with socket.create_server((HOST, 0)) as sock:
        port = sock.getsockname()[1]

        def place() -> None:
            os.dup2(sock.fileno(), 3)

        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(3,) if sock.fileno() == 3 else (3, sock.fileno()),
            preexec_fn=place,
            env={**os.environ, "LISTEN_FDS": "1"},
        )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [f"{HOST}:{port}"]

        async def main() -> None:
            async with ff.connect(us(), to(port)):
                pass

        run(main())
        process.communicate("\n")
    assert process.returncode == 0


def test_a_service_manager_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        for variables in ({}, {"LISTEN_PID": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}):
            for name in ("LISTEN_PID", "LISTEN_FDS"):
                monkeypatch.delenv(name, raising=False)
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            with pytest.raises(ff.ConfigError, match="systemd"):
                await ff.serve(None, sock="systemd")

    run(main())


# --- leaving -------------------------------------------------------------------------------------------------


def test_drain_lets_nobody_in_and_keeps_the_sessions() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them(), them(target="LATE")]) as server, ff.connect(us(), to(server)) as session:
            port = server.port
            waiting = await Peer.connect(port, "LATE")
            await until(lambda: server._reception.doors)
            server.drain()
            server.drain()
            assert server.addresses == []
            with pytest.raises(ConnectionError):
                await Peer.connect(port)
            waiting.logon()  # was in before
            await waiting.expect("A")
            session.send_nowait(*news("still here"))
            await until(lambda: notes.headlines == ["still here"])
            async with ff.serve(Notes(), [them(target="NEXT")], port=port) as successor:
                async with ff.connect(us(sender="NEXT"), to(successor)):
                    assert session.active
            await waiting.close()

    run(main())


def test_a_free_port_is_free_again_after_closing() -> None:
    async def main() -> None:
        port = free_port()
        for _ in range(3):
            async with ff.serve(Notes(), [them()], port=port) as server, ff.connect(us(), to(server)):
                pass

    run(main())
