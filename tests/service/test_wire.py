"""Links over real sockets: who gets in, what comes through, how they end."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.errors import ConfigError
from fixfast.service.address import Address
from fixfast.service.ipc import new_secret
from fixfast.service.link import Link, LinkLost, LinkOptions, LinkRefused
from fixfast.service.messages import Done, Failed, Login, LogOff, Ping, Refused
from fixfast.service.wire import connect, listen
from tests.engine.certificates import Authority
from tests.engine.harness import run, until
from tests.service.links import SECRET, Peer, echo, find, joined, listening


def test_what_is_sent_comes_in_its_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener, joined(listener) as link:
            for number in range(2000):  # more than a burst, and than may wait
                link.send(LogOff(number, "x" * 100))
            for number in range(2000):
                assert await link.receive() == LogOff(number, "x" * 100)

    run(main())


def test_messages_come_to_a_callback_where_there_is_one(tmp_path: Path) -> None:
    got: list[object] = []

    async def main() -> None:
        async with listening(tmp_path) as listener, joined(listener, on_message=got.append) as link:
            link.send(Done(1))
            link.send(Done(2))
            await until(lambda: len(got) == 2)

    run(main())
    assert got == [Done(1), Done(2)]


def test_a_callback_gets_what_waits_already_and_then_the_rest(tmp_path: Path) -> None:
    got: list[object] = []

    async def main() -> None:
        async with listening(tmp_path) as listener, joined(listener) as link:
            for number in range(500):  # more than may wait: the link reads no more until somebody listens
                link.send(Done(number))
            got.append(await link.receive())
            await asyncio.sleep(0.05)
            link.hear(got.append)
            await until(lambda: len(got) == 500)

    run(main())
    assert got == [Done(number) for number in range(500)]


def test_iteration_ends_when_we_close_and_raises_when_they_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            link = await connect(listener.address, "front_end", SECRET)
            link.send(Done(1))
            async for message in link:
                assert message == Done(1)
                link.end()
            other = await connect(listener.address, "front_end", SECRET)
            await until(lambda: [one for one in listener.links if one.error is None])
            (theirs,) = listener.links
            theirs.end(Refused("unavailable", "going down", 3))
            with pytest.raises(LinkRefused, match="going down") as refused:
                await anext(aiter(other))
            assert (refused.value.code, refused.value.retry_after) == ("unavailable", 3)
            await other.closed

    run(main())


def test_the_last_words_are_delivered(tmp_path: Path) -> None:
    def leave(link: Link) -> None:
        for number in range(3000):
            link.send(Failed(number, "unknown", "x" * 100))
        link.end()

    async def main() -> None:
        async with listening(tmp_path, leave) as listener:
            link = await connect(listener.address, "front_end", SECRET)
            for number in range(3000):
                assert await link.receive() == Failed(number, "unknown", "x" * 100)
            with pytest.raises(LinkLost, match="the other side closed"):
                await link.receive()

    run(main())


def test_the_socket_is_for_its_owner_alone_and_goes_with_the_listener(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            path = Path(listener.address.removeprefix("unix:"))
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert not path.exists()

    run(main())


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)

    async def main() -> None:
        with pytest.raises(ConfigError, match="chmod 700"):
            async with listening(tmp_path):
                pass

    run(main())


def test_a_socket_that_a_killed_process_left_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            path = Path(listener.address.removeprefix("unix:"))
            with pytest.raises(ConfigError, match="another one has it"):
                async with listening(tmp_path):
                    pass
            async with joined(listener) as link:
                link.send(Done(1))
                assert await link.receive() == Done(1)
            os.link(path, path.with_suffix(".left"))
        os.rename(path.with_suffix(".left"), path)
        async with listening(tmp_path) as again, joined(again) as link:
            link.send(Done(1))
            assert await link.receive() == Done(1)

    run(main())


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(LinkLost, match=r"x\.sock"):
            await connect(f"unix:{tmp_path}/x.sock", "front_end", SECRET)

    run(main())


def test_a_token_that_is_not_known_gets_nowhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            with pytest.raises(LinkLost, match="does not have the secret"):
                await connect(listener.address, "front_end", new_secret())
            with pytest.raises(LinkLost, match="does not have the secret"):
                await connect(listener.address, "backend", SECRET)  # roles are ("front_end",)
            with pytest.raises(LinkRefused, match="not known here"):
                await connect(listener.address, "login")
            assert not listener.links

    run(main())


def test_a_login_is_admitted_when_the_program_says_so(tmp_path: Path) -> None:
    async def judge(link: Link) -> None:
        message = await link.receive()
        assert isinstance(message, Login)
        if message.api_key == "right":
            link.admit()
            link.send(Done(1))
        else:
            link.end(Refused("credentials", "no such key"))

    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        def judged(link: Link) -> None:
            tasks.append(asyncio.create_task(judge(link)))

        async with listening(tmp_path, judged, roles=("login",)) as listener:
            for key in ("right", "wrong"):
                link = await connect(listener.address, "login")
                link.send(Login("alice", key))
                if key == "right":
                    assert await link.receive() == Done(1)
                    assert len(listener.links) == 1
                else:
                    with pytest.raises(LinkRefused, match="no such key"):
                        await link.receive()
                await link.close()

    run(main())


def test_pings_are_answered_by_the_link(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener, Peer(listener) as peer:
            await peer.greet()
            await peer.send(Ping(7), Done(1))
            assert repr(await peer.receive()) == "Pong(id=7)"
            assert await peer.receive() == Done(1)

    run(main())


def test_who_says_nothing_is_asked_and_then_taken_for_dead(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path, options=LinkOptions(idle=0.15)) as listener, Peer(listener) as peer:
            await peer.greet()
            assert await peer.receive() == Ping(0)
            (link,) = listener.links
            await link.closed
            assert "nothing was heard of it" in str(link.error)

    run(main())


def test_who_answers_pings_lives(tmp_path: Path) -> None:
    async def main() -> None:
        options = LinkOptions(idle=0.09)
        async with listening(tmp_path, options=options) as listener, joined(listener, options=options) as link:
            await asyncio.sleep(0.4)
            assert link.error is None
            link.send(Done(1))
            assert await link.receive() == Done(1)

    run(main())


def test_over_tcp_there_is_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours = ff.TlsConfig(certificate=authority.issue("server", "127.0.0.1"))

    async def main() -> None:
        listener = await listen("tls:127.0.0.1:0", find, echo, tls=ours)
        assert not listener.address.endswith(":0")
        link = await connect(listener.address, "front_end", SECRET, tls=ff.TlsConfig(ca_file=authority.file))
        for number in range(500):
            link.send(LogOff(number, "x" * 1000))
        for number in range(500):
            assert await link.receive() == LogOff(number, "x" * 1000)
        with pytest.raises(LinkLost, match="certificate"):
            await connect(listener.address, "front_end", SECRET)  # nobody vouches for it
        await link.close()
        await listener.close()

    run(main())


@pytest.mark.parametrize(
    "text", ["tcp:127.0.0.1:9000", "127.0.0.1:9000", "unix:", "tls:host", "tls::1", "tls:host:99999", "", "unix:a\0b"]
)
def test_an_address_is_a_unix_socket_or_tls(text: str) -> None:
    with pytest.raises(ConfigError, match="there is no TCP without TLS"):
        Address.of(text)


@pytest.mark.parametrize("text", ["unix:/run/x.sock", "unix:x", "tls:host:1", "tls:[::1]:65535", "tls:127.0.0.1:0"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(Address.of(text)) == text


def test_tls_and_certificates_belong_together(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="needs a certificate"):
            await listen("tls:127.0.0.1:0", find, echo)
        with pytest.raises(ConfigError, match="left out with a Unix socket"):
            await listen(f"unix:{tmp_path}/x", find, echo, tls=ff.TlsConfig())

    run(main())


@pytest.mark.parametrize("options", [{"idle": 0}, {"greeting": -1}, {"burst": 1.5}, {"slow": True}, {"waiting": "x"}])
def test_bounds_are_above_nothing(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        LinkOptions(**options)  # type: ignore[arg-type]
