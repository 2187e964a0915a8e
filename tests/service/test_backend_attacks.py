"""What strangers, and front ends that do not behave, can do to a Backend: nothing, and it is served who behaves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fixfast.service.address import Address
from fixfast.service.backend import Backend
from fixfast.service.frames import GREETING_LIMIT, LIMIT, framed
from fixfast.service.ipc import Connecting, name_of, new_secret
from fixfast.service.link import LinkLost, LinkRefused
from fixfast.service.messages import (
    Done,
    Hello,
    LogOff,
    LogOn,
    Message,
    Proof,
    Refused,
    Resume,
    Revoke,
    StatusNow,
    Stop,
    UserRequest,
    WatchMessages,
    Welcome,
    encode,
)
from fixfast.service.wire import connect
from tests.engine.harness import run, until
from tests.service.houses import TOKENS, Process, backend, exchange, front_end, start_of, trading
from tests.service.launching import folder
from tests.service.links import Peer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")

WRONG = Refused("credentials", "this is not known here")


@asynccontextmanager
async def attacked(path: Path) -> AsyncIterator[Backend]:
    """A Backend that serves who behaves, also when all is over."""
    async with exchange() as venue, backend(start_of(path, venue.port)) as house:
        yield house
        async with front_end(house.address) as desk:
            await desk.resumed()
            await desk.logged_on()
            await desk.submit("1", price="90")
            await desk.order("1", "0")


def peer(house: Backend) -> Peer:
    assert house._listener is not None
    return Peer(house._listener)


def test_nobody_gets_in_but_with_a_token_that_was_granted(tmp_path: Path) -> None:
    async def main() -> None:
        async with attacked(tmp_path) as house:
            start = house._start
            others = [start.secret(), start.token, start.api_key.encode(), bytes(32), new_secret()]
            for secret in others:
                with pytest.raises(LinkLost, match="does not have the secret"):
                    await connect(house.address, "front_end", secret)
            for role in ("backend", "root", ""):
                with pytest.raises(LinkLost):
                    await connect(house.address, role, TOKENS["A"])
            with pytest.raises(LinkRefused, match="not known here"):
                await connect(house.address, "login")
            revoked = new_secret()
            house.grant(revoked, "D")
            assert house.revoke(name_of(revoked))
            with pytest.raises(LinkLost, match="does not have the secret"):
                await connect(house.address, "front_end", revoked)
            assert not house._front_ends

    run(main())


def test_a_seen_connection_played_again_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with attacked(tmp_path) as house:
            one = Connecting("front_end", TOKENS["A"])
            async with peer(house) as first:
                await first.send(one.hello)
                challenge = await first.receive()
                assert challenge is not None
                proof = one.answer(challenge)
                assert proof is not None
                await first.send(proof)
                assert isinstance(await first.receive(), Welcome)
            async with peer(house) as again:
                await again.send(one.hello, proof, Resume(1))
                await again.receive()
                assert await again.receive() == WRONG
                assert await again.receive() is None

    run(main())


GUESSING = """
import asyncio, os, sys
from fixfast.service.ipc import Connecting
from fixfast.service.link import LinkOptions, Link
from fixfast.service.messages import Hello, Proof, Refused
from fixfast.transport.dial import Dialer

async def main():
    codes = []
    for _ in range(30):
        link = Link(LinkOptions(), lambda link: None)
        await Dialer(timeout=5).dial(link, sys.argv[1], 0)
        link.send(Hello(1, "front_end", sys.argv[2], bytes(32)))
        link.send(Proof(os.urandom(32)))
        try:
            while True:
                await link.receive()
        except Exception as error:
            codes.append(getattr(error, "code", "lost"))
        await link.close()
    print(*codes)

asyncio.run(main())
"""


def test_a_process_that_guesses_tokens_is_made_to_wait_and_no_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with attacked(tmp_path) as house:
            place = Address.of(house.address).path
            command = [sys.executable, "-c", GUESSING, place, name_of(TOKENS["A"])]
            child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            said, _ = await child.communicate()
            codes = said.decode().split()
            assert codes[:10] == ["credentials"] * 10
            assert set(codes[12:]) == {"busy"}

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        (GREETING_LIMIT + 1).to_bytes(4, "big"),
        b"\xff" * 8,
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b""),
        framed(b"\xc1"),
        framed(encode(Resume(1))),
        framed(encode(Hello(1, "front_end", "x", b"short"))),
        framed(encode(Hello(1, "front_end", "../../etc/passwd", bytes(32)))) + framed(encode(Proof(bytes(32)))),
    ],
)
def test_what_is_no_greeting_ends_the_connection(tmp_path: Path, data: bytes) -> None:
    async def main() -> None:
        async with attacked(tmp_path) as house, peer(house) as stranger:
            await stranger.send(data)
            said: list[Message | None] = [await stranger.receive()]
            while said[-1] is not None:
                said.append(await stranger.receive())
            assert not [one for one in said if isinstance(one, Welcome)]

    run(main())


def test_frames_of_a_front_end_may_come_in_parts_and_not_be_too_long(tmp_path: Path) -> None:
    async def main() -> None:
        async with attacked(tmp_path) as house:
            async with peer(house) as slow:
                await slow.greet("front_end", TOKENS["A"])
                for byte in framed(encode(WatchMessages(7))):
                    await slow.send(bytes([byte]))
                    await asyncio.sleep(0)
                said = [await slow.receive() for _ in range(3)]
                assert [type(one) for one in said] == [Welcome, StatusNow, Done]
                await slow.send(framed(encode(WatchMessages(8)))[:-1])  # and is gone in the middle
            async with peer(house) as large:
                await large.greet("front_end", TOKENS["B"])
                assert isinstance(await large.receive(), Welcome)
                assert isinstance(await large.receive(), StatusNow)
                await large.send((LIMIT + 1).to_bytes(4, "big"))
                assert await large.receive() is None
            await until(lambda: not house._front_ends)

    run(main())


AS_NOBODY = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
made = socket.socket(socket.AF_UNIX)
made.settimeout(10)
made.connect(sys.argv[1])
said = b""
while part := made.recv(4096):
    said += part
print(said.hex())
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
def test_C19_another_user_is_refused_by_the_kernels_word_even_where_the_folder_is_open() -> None:
    async def main(path: Path) -> None:
        async with attacked(path) as house:
            place = Path(Address.of(house.address).path)
            for opened in (path, place.parent):
                opened.chmod(0o755)
            place.chmod(0o666)
            command = [sys.executable, "-c", AS_NOBODY, str(place)]
            child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            said, _ = await child.communicate()
            assert bytes.fromhex(said.decode()) == framed(encode(WRONG))

    with folder() as path:
        run(main(path))


def test_C10_a_hostile_user_id_becomes_no_path(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, log_on=False) as (_, _, desk):
            for name in ("../../../outside", "/tmp/outside", "..", "a/b", "nul\0", "new\nline", "x" * 5000):
                await desk.ask(LogOn, user_id=name)
                await desk.ask(LogOff)

    (tmp_path / "deep" / "er").mkdir(parents=True)
    outside = tmp_path.parent / "outside"
    run(main())
    assert not outside.exists()
    assert {one.name for one in tmp_path.iterdir()} == {"deep", "run", "state"}
    assert {one.name for one in (tmp_path / "state").iterdir()} <= {"identity.json", "journals", "orders.log"}


def test_C19_who_changed_the_session_for_everybody_is_written_down(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, Process(tmp_path, venue.port) as house:
            async with front_end(house.address) as desk:
                await desk.logged_on(first_seq_num=1, username="bot", password="CANARY")
                await desk.failed(LogOn, user_id="OTHER")
                await desk.failed(UserRequest, kind=1, username="bot", password="CANARY")
                await desk.do(LogOff)
            house.link.send(Revoke(8, name_of(TOKENS["B"])))
            await until(lambda: Done(8) in house.heard)
            house.link.send(Stop(9))
            assert await house.ended() == 0

    run(main(), limit=40)
    text = (tmp_path / "state" / "backend.log").read_text()
    audit = [line for line in map(json.loads, text.splitlines()) if line.get("event") == "audit"]
    done = [(line["command"].split()[0], line.get("outcome", "")) for line in audit]
    assert [one for one in done if one[0] != "grant"] == [
        ("LogOn", "begun"), ("LogOn", "done"), ("LogOn", "begun"), ("LogOn", "failed: LocalProtocolError"),
        ("UserRequest", "begun"), ("UserRequest", "failed: _Refused"), ("LogOff", "begun"), ("LogOff", "done"),
        ("revoke", ""), ("stop", ""),
    ]  # fmt: skip
    assert done.count(("grant", "")) == len(TOKENS)
    by_front_end = [line for line in audit if "prefix" in line and line["command"] != "grant"]
    assert {(line["prefix"], line["where"]) for line in by_front_end} == {("A", f"uid {os.geteuid()}")}
    assert "first_seq_num=1" in audit[len(TOKENS)]["command"]
    assert "CANARY" not in text
    assert TOKENS["B"].hex() not in text
