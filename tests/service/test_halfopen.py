"""A flood of connections that say nothing keeps nobody out: of a listener, a Backend, a Launcher."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.service.address import Address
from fixfast.service.frames import framed
from fixfast.service.halfopen import HalfOpen
from fixfast.service.messages import Done, Hello, encode
from fixfast.service.wire import LIMITS, connect, listen
from tests.engine.certificates import Authority
from tests.engine.harness import run, until
from tests.service.houses import backend, exchange, front_end, start_of
from tests.service.launching import config_in, folder, launcher, log_in, new_key
from tests.service.links import SECRET, echo, find

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

#: connects 500 times, says what it is told to say, and holds on; who is thrown out comes again
FLOOD = """
import socket, sys, time
place, said = sys.argv[1], bytes.fromhex(sys.argv[2])
def one():
    made = socket.socket(socket.AF_UNIX)
    made.connect(place)
    made.sendall(said)
    return made
def is_out(made):
    try:
        while made.recv(4096, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
crowd = [one() for _ in range(500)]
print("here", flush=True)
while True:
    for n in range(500):
        if is_out(crowd[n]):
            crowd[n].close()
            try:
                crowd[n] = one()
            except OSError:
                pass
    time.sleep(0.5)
"""


@asynccontextmanager
async def flooded(address: str, said: bytes = b"") -> AsyncIterator[None]:
    """Have other processes flood a listener, again and again: as many as it takes to have all places."""
    command = [sys.executable, "-c", FLOOD, Address.of(address).path, said.hex()]
    assert LIMITS.pending_per_ip is not None
    count = LIMITS.pending // LIMITS.pending_per_ip
    crowd = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for child in crowd:
            assert child.stdout is not None
            assert await child.stdout.readline() == b"here\n"
        yield
    finally:
        for child in crowd:
            child.kill()
            await child.wait()


def room(most: int, of_one: int | None) -> tuple[HalfOpen, list[str], Callable[[str, str], None]]:
    half, ended = HalfOpen(most, of_one), list[str]()
    return half, ended, lambda name, source: half.add(name, source, lambda: ended.append(name))


def test_the_oldest_of_where_most_are_from_gives_way() -> None:
    half, ended, add = room(6, 4)
    add("good", "p1")
    for n in range(4):
        assert not half.give_way("p2")
        add(f"bad{n}", "p2")
    assert half.give_way("p2")
    add("bad4", "p2")
    assert ended == ["bad0"]
    assert not half.give_way("p3")  # there is room for others
    add("other", "p3")
    assert half.give_way("p4")  # now there is none: for whoever comes
    assert ended == ["bad0", "bad1"]
    assert half.remove("good")
    assert not half.remove("good")
    assert not half.give_way("p1")


def test_without_a_limit_for_one_there_is_one_for_all() -> None:
    half, ended, add = room(2, None)
    add("a", "p1")
    assert not half.give_way("p1")
    add("b", "p2")
    assert half.give_way("p2")
    assert ended == ["a"]


@pytest.mark.parametrize(
    "said", [b"", b"\x00", framed(encode(Hello(1, "front_end", "?", bytes(32))))], ids=["nothing", "a byte", "a Hello"]
)
def test_a_front_end_gets_into_a_backend_that_is_flooded(tmp_path: Path, said: bytes) -> None:
    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            flooded(house.address, said),
        ):
            for _ in range(10):
                async with front_end(house.address) as desk:
                    await desk.resumed()
            assert house._listener is not None
            assert len(house._listener._pending) <= LIMITS.pending

    run(main(), limit=60)


@pytest.mark.parametrize("said", [b"", framed(encode(Hello(1, "login", "", bytes(32))))], ids=["nothing", "a Hello"])
def test_a_front_end_gets_into_a_launcher_that_is_flooded(said: bytes) -> None:
    async def main(path: Path) -> None:
        config = config_in(path)
        key = new_key(config)
        async with launcher(config) as running, flooded(running.addresses[0], said):
            for _ in range(3):
                one = await log_in(running, "alice", key)
                await one.link.close()

    with folder() as path:
        run(main(path), limit=60)


def test_over_tls_the_oldest_of_an_address_gives_way_in_its_handshake_or_after_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = ff.TlsConfig(certificate=authority.issue("server", "127.0.0.1"))
    trust = ff.TlsConfig(ca_file=authority.file)
    few = replace(LIMITS, pending=4, pending_per_ip=4)

    async def main() -> None:
        listener = await listen("tls:127.0.0.1:0", find, echo, tls=tls, limits=few)
        silent = []
        for n in range(20):
            context = trusting if n % 2 else None  # every other one shakes hands, and says nothing then
            silent.append(await asyncio.open_connection("127.0.0.1", Address.of(listener.address).port, ssl=context))
        link = await connect(listener.address, "front_end", SECRET, tls=trust)
        link.send(Done(1))
        assert await link.receive() == Done(1)
        for reader, _ in silent[:10]:
            with suppress(ConnectionError):
                await reader.read()  # it had to go
        await until(lambda: listener._crowd.pending <= 4)
        await link.close()
        for _, writer in silent:
            writer.close()
        await until(lambda: not listener._crowd.connections)
        await listener.close()

    trusting = ssl.create_default_context(cafile=authority.file)
    run(main())
