"""What strangers, and worse, may try at a Launcher: each is told no, costs little, and hurts nobody who is in."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixfast.service.address import Address
from fixfast.service.credentials.apikey import new_key as random_key
from fixfast.service.frames import framed
from fixfast.service.launcher.attempts import Attempts
from fixfast.service.launcher.config import Guests, Times
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.link import LinkLost, LinkRefused
from fixfast.service.messages import (
    VERSION,
    Challenge,
    Hello,
    ListSessions,
    Login,
    Message,
    Proof,
    Ready,
    Resume,
    decode,
    encode,
)
from fixfast.service.wire import connect
from fixfast.transport.tls import TlsConfig
from tests.engine.certificates import Authority
from tests.service.launching import (
    FrontEnd,
    children,
    config_in,
    folder,
    launcher,
    log_in,
    new_key,
    on_loop,
    sessions,
    until,
)
from tests.service.test_credentials import HOSTILE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

SECOND = 1_000_000_000


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def open_to_all(**options: int) -> Guests:
    """Return limits that let a test be wrong as often as it likes, but for what it sets."""
    return replace(Guests(failures=100_000, account_failures=100_000), **options)


# --- keys and names --------------------------------------------------------------------------------------------------


@on_loop
async def test_wrong_keys_and_unknown_accounts_get_the_same_answer(path: Path) -> None:
    config = config_in(path, guests=open_to_all())
    key, bobs = new_key(config), new_key(config, "bob")
    carols = new_key(config, "carol")  # an account that the configuration does not have
    said = set()
    async with launcher(config) as running:
        for name, text in (
            ("alice", random_key().text()),
            ("alice", key[:-1] + ("0" if key[-1] != "0" else "1")),
            ("alice", bobs),
            ("nobody", key),
            ("nobody", random_key().text()),
            ("carol", carols),
            ("alice", ""),
            ("", key),
            ("alice", "ff_" + "0" * 3000),
        ):
            with pytest.raises(LinkRefused) as caught:
                await log_in(running, name, text)
            said.add((caught.value.code, caught.value.text, caught.value.retry_after))
        assert said == {("credentials", "this is not known here", 0)}
        assert running.sessions() == []
        await log_in(running, "alice", key)


@on_loop
async def test_C10_hostile_names_become_no_folder_and_open_no_session(path: Path) -> None:
    config = config_in(path, guests=open_to_all())
    key = new_key(config)
    async with launcher(config) as running:
        for name in HOSTILE:
            if len(name) > 1000 or not name.isprintable():
                continue
            for account, text, session in ((name, key, ""), ("alice", name, ""), ("alice", key, name or "x")):
                with pytest.raises(LinkRefused):
                    await log_in(running, account, text, session)
        assert running.sessions() == []
        assert not Path(config.state, "accounts").exists()


@on_loop
async def test_a_user_who_is_wrong_too_often_waits(path: Path) -> None:
    config = config_in(path, guests=Guests(failures=3, account_failures=1000, pause=60))
    key = new_key(config)
    async with launcher(config) as running:
        inside = await log_in(running, "alice", key)
        for _ in range(4):
            with pytest.raises(LinkRefused):
                await log_in(running, "alice", random_key().text())
        with pytest.raises(LinkRefused) as caught:
            await log_in(running, "alice", key)
        assert caught.value.code == "busy"
        assert 50 < caught.value.retry_after <= 60
        assert len(await sessions(inside)) == 1  # who is in stays in


@on_loop
async def test_an_account_that_is_tried_too_often_waits_and_a_name_that_is_none_does_too(path: Path) -> None:
    config = config_in(path, guests=Guests(failures=1000, account_failures=3, pause=60))
    key = new_key(config)
    async with launcher(config) as running:
        answers = {}
        for name in ("alice", "nobody"):
            codes = []
            for _ in range(5):
                with pytest.raises(LinkRefused) as caught:
                    await log_in(running, name, random_key().text())
                codes.append(caught.value.code)
            answers[name] = codes
        assert answers["alice"] == answers["nobody"] == ["credentials"] * 4 + ["busy"]
        with pytest.raises(LinkRefused, match="try again later"):
            await log_in(running, "alice", key)


def test_pauses_grow_and_end_and_leave_alone_who_has_been_in() -> None:
    attempts = Attempts(Guests(account_failures=2, pause=1, longest_pause=4))
    now = 10**15
    for _ in range(3):
        assert attempts.barred_ns("alice", "1.2.3.4", now) == 0
        attempts.failed("alice", now)
    assert attempts.barred_ns("alice", "1.2.3.4", now) == SECOND
    assert attempts.barred_ns("bob", "1.2.3.4", now) == 0
    attempts.failed("alice", now)
    attempts.failed("alice", now)
    attempts.failed("alice", now)
    assert attempts.barred_ns("alice", "1.2.3.4", now) == 4 * SECOND
    attempts.accepted("alice", "5.6.7.8")
    assert attempts.barred_ns("alice", "5.6.7.8", now) == 0
    assert attempts.barred_ns("alice", "1.2.3.4", now + 4 * SECOND) == 0


def test_what_is_remembered_of_names_is_bounded() -> None:
    attempts = Attempts(Guests(), most=100)
    for n in range(1000):
        attempts.failed(f"{n}" * 1000, n)
        attempts.accepted(f"{n}", "somewhere")
    assert len(attempts) == 200


@on_loop
async def test_a_flood_of_logins_is_told_to_come_back_and_who_is_in_does_not_notice(path: Path) -> None:
    config = config_in(path, guests=open_to_all(checks=4, pending=1000, pending_per_peer=1000))
    key = new_key(config)
    async with launcher(config) as running:
        inside = await log_in(running, "alice", key)
        tries = [log_in(running, "alice", random_key().text()) for _ in range(80)]  # as many as wait in the kernel
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(one, LinkRefused) for one in outcomes)
        assert {one.code for one in outcomes if isinstance(one, LinkRefused)} == {"credentials", "busy"}
        assert len(await sessions(inside)) == 1
        await log_in(running, "alice", key)


# --- frames and connections ------------------------------------------------------------------------------------------


async def raw(running: Launcher) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(Address.of(running.addresses[0]).path)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the end."""
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionError:
        return b""


HELLO = framed(encode(Hello(VERSION, "login", "", bytes(32))))


NO_GREETINGS = (
    b"\xff\xff\xff\xff",
    (4097).to_bytes(4, "big") + b"x" * 4097,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    framed(b""),
    framed(b"\xc1"),
    framed(b"\x81\xa4type\xa5login"),
    framed(encode(Resume(1))),
    framed(encode(Ready(1, "unix:/x"))),
    framed(encode(Login("alice", "x"))),
    framed(encode(Hello(VERSION, "login", "", b"short"))),
    framed(encode(Hello(VERSION + 1, "login", "", bytes(32)))),
    framed(encode(Hello(VERSION, "backend", "0" * 16, bytes(32)))) + framed(encode(Hello(1, "x", "", b""))),
    framed(encode(Hello(VERSION, "root", "' OR 1=1", bytes(32)))) + framed(encode(Proof(bytes(32)))),
    HELLO + (5000).to_bytes(4, "big"),
    HELLO + framed(encode(Resume(1))),
    HELLO + HELLO,
    HELLO + framed(encode(Login("a" * 3000, "b" * 900))),
)


@pytest.mark.parametrize("number", range(len(NO_GREETINGS)))
@on_loop
async def test_what_is_no_greeting_ends_the_connection(path: Path, number: int) -> None:
    config = config_in(path, guests=open_to_all())
    key = new_key(config)
    async with launcher(config) as running:
        reader, writer = await raw(running)
        writer.write(NO_GREETINGS[number])
        frames = await rest(reader)
        assert b"granted" not in frames
        assert b"timeout" not in frames  # at once, not when the time for a greeting is over
        writer.close()
        await until(lambda: all(not listener.links for listener in running._listeners))
        await log_in(running, "alice", key)


@on_loop
async def test_a_login_cut_at_every_place_is_waited_for_and_no_longer_than_allowed(path: Path) -> None:
    config = config_in(path, guests=open_to_all(pending=1000, pending_per_peer=1000), times=Times(greeting=1))
    key = new_key(config)
    whole = HELLO + framed(encode(Login("alice", key)))
    async with launcher(config) as running:
        cut = []
        for n in range(0, len(whole), 7):
            reader, writer = await raw(running)
            writer.write(whole[:n])
            cut.append((reader, writer))
        for reader, writer in cut:
            frames = await rest(reader)
            assert b"timeout" in frames
            assert b"granted" not in frames
            writer.close()
        reader, writer = await raw(running)
        for n in range(len(whole)):
            writer.write(whole[n : n + 1])
            await writer.drain()
        challenge = await message(reader)
        assert isinstance(challenge, Challenge)
        granted = await message(reader)
        assert type(granted).__name__ == "Granted"
        writer.close()


async def message(reader: asyncio.StreamReader) -> Message:
    async with asyncio.timeout(20):
        length = int.from_bytes(await reader.readexactly(4), "big")
        return decode(await reader.readexactly(length))


@on_loop
async def test_500_half_open_connections_keep_nobody_out(path: Path) -> None:
    config = config_in(path, times=Times(greeting=1.5))
    key = new_key(config)
    async with launcher(config) as running:
        inside = await log_in(running, "alice", key)
        place = Address.of(running.addresses[0]).path
        crowd = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(500)]
        try:
            for one in crowd:
                one.setblocking(False)
                for _ in range(100):
                    try:
                        one.connect(place)
                        break
                    except BlockingIOError:  # the queue of the kernel is full
                        await asyncio.sleep(0.01)
            assert len(await sessions(inside)) == 1
            pending = sum(len(listener._pending) for listener in running._listeners)
            assert pending <= config.guests.pending_per_peer
            await until(lambda: not any(listener._pending for listener in running._listeners))
        finally:
            for one in crowd:
                one.close()
        await log_in(running, "alice", key)


@on_loop
async def test_another_user_of_this_machine_is_refused_by_the_kernels_word(path: Path) -> None:
    config = config_in(path, uids=(os.getuid() + 4711,))
    key = new_key(config)
    async with launcher(config) as running:
        with pytest.raises(LinkLost):
            await log_in(running, "alice", key)
        assert running.sessions() == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be somebody else")
@on_loop
async def test_C19_another_user_does_not_even_reach_the_socket(path: Path) -> None:
    path.chmod(0o755)
    config = config_in(path)
    async with launcher(config) as running:
        command = ["ls", Address.of(running.addresses[0]).path]

        def as_nobody() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                command, user=65534, group=65534, extra_groups=(), capture_output=True, check=False, cwd="/"
            )

        ran = await asyncio.to_thread(as_nobody)
        assert ran.returncode != 0
        assert b"Permission denied" in ran.stderr


# --- Backends that are none ------------------------------------------------------------------------------------------


@on_loop
async def test_nobody_becomes_a_backend_by_an_api_key(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config) as running:
        one = await log_in(running, "alice", key)
        place = f"unix:{config.socket_folder / 'backends.sock'}"
        for secret in (key.encode(), one.granted.token, bytes(32), os.urandom(32)):
            with pytest.raises(LinkLost):
                await connect(place, "backend", secret)
        for role in ("front_end", "login"):
            with pytest.raises(LinkLost):
                await (await connect(place, role, None if role == "login" else one.granted.token)).receive()
        assert running.sessions()[0].state == "running"


@on_loop
async def test_another_process_with_a_backends_secret_is_refused(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config, "never connects") as running:
        waiting = asyncio.ensure_future(log_in(running, "alice", key))
        await until(lambda: running._backends._expected)
        (expected,) = running._backends._expected.values()
        link = await connect(running._backends.address, "backend", expected.secret)
        with pytest.raises(LinkRefused, match="not known here"):
            await link.receive()
        assert not expected.came.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert "is not that Backend" in caplog.text


# --- front ends that are in, and too many ----------------------------------------------------------------------------


@on_loop
async def test_front_ends_and_sessions_have_a_limit(path: Path) -> None:
    config = config_in(path, tokens=2, sessions=1)
    key = new_key(config)
    async with launcher(config) as running:
        ones = [await log_in(running, "alice", key) for _ in range(2)]
        with pytest.raises(LinkRefused, match="2 front ends are in already") as caught:
            await log_in(running, "alice", key)
        assert caught.value.code == "limit"
        with pytest.raises(LinkRefused, match="1 sessions are there already"):
            await log_in(running, "bob", new_key(config, "bob"))
        link, _ = await ones[0].backend()
        await ones[0].link.close()  # it is the oldest, and has left the Launcher: it makes room
        await until(lambda: sum(len(listener.links) for listener in running._listeners) == 1)
        await log_in(running, "alice", key)
        with pytest.raises(LinkRefused, match="revoked"):
            await link.receive()


@on_loop
async def test_a_launcher_does_not_do_what_is_for_a_backend(path: Path) -> None:
    config = config_in(path)
    async with launcher(config) as running:
        one: FrontEnd = await log_in(running, "alice", new_key(config))
        for wrong in (Resume(4), Login("alice", "x")):
            answer = await one.ask(wrong)
            assert getattr(answer, "code", "") == "unsupported"


@on_loop
async def test_a_flood_of_commands_keeps_nobody_else_waiting(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config) as running:
        flood = await log_in(running, "alice", key)
        answered: list[Message] = []
        flood.link.hear(answered.append)
        for number in range(20_000):
            flood.link.send(ListSessions(number))
        other = await log_in(running, "alice", key)
        assert len(await sessions(other)) == 1
        assert len(answered) < 20_000
        await until(lambda: len(answered) == 20_000)


@on_loop
async def test_C20_over_tcp_there_is_tls_and_a_key(path: Path) -> None:
    authority = Authority(path)
    tls = TlsConfig(certificate=authority.issue("launcher", "localhost"))
    config = config_in(path, listen=("tls:localhost:0",), tls=tls)
    key = new_key(config)
    trust = TlsConfig(ca_file=authority.file)
    async with launcher(config) as running:
        (address,) = running.addresses
        link = await connect(address, "login", tls=trust)
        link.send(Login("alice", key))
        assert type(await link.receive()).__name__ == "Granted"
        await link.close()
        wrong = await connect(address, "login", tls=trust)
        wrong.send(Login("alice", random_key().text()))
        with pytest.raises(LinkRefused):
            await wrong.receive()
        with pytest.raises(LinkLost):
            await connect(address, "login")  # the certificate is of nobody whom the system knows
        where = Address.of(address)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(HELLO)
        assert b"challenge" not in await rest(reader)
        writer.close()


@on_loop
async def test_the_store_being_gone_is_no_way_in_and_no_end(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_in(path, recheck=0.1)
    key = new_key(config)
    async with launcher(config) as running:
        inside = await log_in(running, "alice", key)
        assert running._logins._store is not None
        running._logins._store.close()
        with pytest.raises(LinkRefused) as caught:
            await log_in(running, "alice", key)
        assert (caught.value.code, caught.value.text) == ("unavailable", "keys cannot be checked now")
        await until(lambda: caplog.text.count("closed") >= 3)
        assert len(await sessions(inside)) == 1


@on_loop
async def test_what_is_logged_moves_no_cursor(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = config_in(path, guests=open_to_all())
    new_key(config)
    async with launcher(config) as running:
        with pytest.raises(LinkRefused):
            await log_in(running, "\x1b[2J\r\nroot: all is well", "\x1b[31m")
    assert "\x1b" not in caplog.text
    assert "all is well" not in caplog.text


def test_no_child_is_left(path: Path) -> None:
    assert not [pid for pid in children() if "backend_child" in cmdline(pid)]


def cmdline(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
