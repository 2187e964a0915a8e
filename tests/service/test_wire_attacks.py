"""What strangers, and front ends that do not behave, can do to a listener: cost a little, and be gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path

import pytest

from fixfast.service.frames import GREETING_LIMIT, LIMIT, framed
from fixfast.service.ipc import Connecting, name_of, new_secret
from fixfast.service.link import Link, LinkOptions
from fixfast.service.messages import (
    BookNow,
    Done,
    Hello,
    Message,
    Ping,
    Proof,
    Refused,
    WatchMessages,
    WireMessage,
    encode,
)
from fixfast.service.wire import LIMITS, OPTIONS, Listener
from tests.engine.harness import run, until
from tests.service.houses import TOKENS, FrontEnd, backend, exchange, front_end, start_of
from tests.service.links import SECRET, Peer, joined, listening


async def works(listener: Listener) -> None:
    """A front end that behaves is served."""
    async with joined(listener) as link:
        link.send(Done(1))
        assert await link.receive() == Done(1)


def test_another_user_is_refused_by_the_kernels_word(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path, uids=[os.geteuid() + 1]) as listener, Peer(listener) as peer:
            refused = await peer.receive()
            assert isinstance(refused, Refused)
            assert refused.code == "credentials"
            assert await peer.receive() is None
            assert not listener.links

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        (GREETING_LIMIT + 1).to_bytes(4, "big"),
        b"\xff" * 8,
        framed(b""),
        framed(b"{}"),
        framed(b"\xc1"),
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b"\x93\x01\x02\x03"),
    ],
)
def test_what_is_no_greeting_ends_the_connection(tmp_path: Path, data: bytes) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            async with Peer(listener) as peer:
                await peer.send(data)
                assert await peer.receive() is None
            await works(listener)

    run(main())


def test_a_greeting_byte_by_byte_is_a_greeting(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener, Peer(listener) as peer:
            one = Connecting("front_end", SECRET)
            for byte in framed(encode(one.hello)):
                await peer.send(bytes([byte]))
                await asyncio.sleep(0)
            challenge = await peer.receive()
            assert challenge is not None
            proof = one.answer(challenge)
            assert proof is not None
            await peer.send(proof, Done(1))
            assert await peer.receive() == Done(1)

    run(main())


def test_who_stops_in_the_middle_is_gone_after_a_while(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path, options=LinkOptions(greeting=0.05)) as listener:
            for data in (b"", b"\x00\x00", framed(b"x" * 100)[:50]):
                async with Peer(listener) as peer:
                    await peer.send(data)
                    assert await peer.receive() == Refused("timeout", "not in 0.05 s")
                    assert await peer.receive() is None

    run(main())


def test_a_frame_above_the_limit_ends_a_front_end_and_no_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener, Peer(listener) as peer:
            await peer.greet()
            await peer.send((LIMIT + 1).to_bytes(4, "big"))
            assert await peer.receive() is None
            await works(listener)

    run(main())


def test_five_hundred_half_open_connections_are_bounded_and_hurt_nobody_who_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener, contextlib.AsyncExitStack() as stack:
            link = await stack.enter_async_context(joined(listener))
            peers = []
            for _ in range(500):
                peers.append(await stack.enter_async_context(Peer(listener)))
                await asyncio.sleep(0)
            assert LIMITS.pending_per_ip is not None
            most = 500 - LIMITS.pending_per_ip  # the oldest ones gave way
            await until(lambda: sum(map(heard, peers)) == most)
            for peer in filter(heard, peers):
                refused = await peer.receive()
                assert isinstance(refused, Refused)
                assert refused.code == "busy"
            link.send(Done(1))
            assert await link.receive() == Done(1)
            for peer in peers:
                peer.socket.close()
            await until(lambda: not listener._pending)
            await works(listener)

    def heard(peer: Peer) -> bool:
        try:
            return bool(peer.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    run(main())


def test_who_guesses_tokens_is_made_to_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            refused: list[Message | None] = []
            for _ in range(30):
                async with Peer(listener) as peer:
                    try:
                        await peer.send(Hello(1, "front_end", name_of(SECRET), bytes(32)))
                        first = await peer.receive()
                        if not isinstance(first, Refused):
                            await peer.send(Proof(os.urandom(32)))
                            first = await peer.receive()
                    except ConnectionError:
                        continue
                    refused.append(first)
            codes = [one.code for one in refused if isinstance(one, Refused)]
            assert codes[:10] == ["credentials"] * 10
            assert codes[-1] == "busy"
            last = refused[-1]
            assert isinstance(last, Refused)
            assert 1 <= last.retry_after <= 5

    with caplog.at_level(logging.WARNING, "fixfast.service"):
        run(main())
    assert len(caplog.records) <= 3  # one line a second, however many they are
    assert SECRET.hex() not in caplog.text


def test_a_seen_connection_played_again_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            one = Connecting("front_end", SECRET)
            async with Peer(listener) as peer:
                await peer.send(one.hello)
                challenge = await peer.receive()
                assert challenge is not None
                proof = one.answer(challenge)
                assert proof is not None
                await peer.send(proof, Done(1))
                assert await peer.receive() == Done(1)
            async with Peer(listener) as again:
                await again.send(one.hello)
                await again.receive()
                await again.send(proof, Done(1))
                assert await again.receive() == Refused("credentials", "this is not known here")

    run(main())


def test_an_unknown_name_costs_what_a_known_one_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as listener:
            for name in (name_of(new_secret()), "", "x" * 1000, "'; DROP TABLE keys; --", "../../etc/passwd"):
                async with Peer(listener) as peer:
                    await peer.send(Hello(1, "front_end", name, bytes(32)), Proof(bytes(32)))
                    await peer.receive()  # a Challenge, as always
                    assert await peer.receive() == Refused("credentials", "this is not known here")

    run(main())


def test_who_does_not_read_is_disconnected_before_it_costs_much(tmp_path: Path) -> None:
    made: list[Link] = []

    async def main() -> None:
        options = LinkOptions(waiting=1 << 20)
        async with listening(tmp_path, made.append, options=options) as listener, Peer(listener) as peer:
            await peer.greet()
            await until(lambda: made)
            sent = 0
            while made[0].error is None and sent < 10_000:
                made[0].send(Done(sent, 1 << 60))
                made[0].send(WireMessage("in", sent, "x" * 1000))
                sent += 1
                if not sent % 100:
                    await asyncio.sleep(0)
            assert "it does not read" in str(made[0].error)
            assert 1000 < sent < 2000

    run(main())


def test_who_reads_nothing_for_too_long_is_disconnected(tmp_path: Path) -> None:
    made: list[Link] = []

    async def main() -> None:
        options = LinkOptions(slow=0.05)
        async with listening(tmp_path, made.append, options=options) as listener, Peer(listener) as peer:
            await peer.greet()
            await until(lambda: made)
            for number in range(3000):
                made[0].send(WireMessage("in", number, "x" * 1000))
            await until(lambda: made[0].error is not None)
            assert "it read nothing for 0.05 s" in str(made[0].error)

    run(main())


def test_a_slow_reader_gets_every_order_and_only_the_latest_book(tmp_path: Path) -> None:
    made: list[Link] = []

    async def main() -> None:
        async with listening(tmp_path, made.append) as listener, Peer(listener) as peer:
            await peer.greet()
            await until(lambda: made)
            link, left_out = made[0], 0
            for number in range(2000):
                link.send(Done(number, 1))
                link.conflate("book", lambda n=number: BookNow("A", "live", [], [], n))  # type: ignore[misc]
                left_out += not link.offer(WireMessage("in", number, "x" * 1000))
                if not number % 50:
                    await asyncio.sleep(0)
            got: list[Message | None] = []
            while not got or got[-1] != BookNow("A", "live", [], [], 1999):
                got.append(await peer.receive())
            assert [one.id for one in got if isinstance(one, Done)] == list(range(2000))
            assert left_out > 500
            assert len([one for one in got if isinstance(one, WireMessage)]) == 2000 - left_out
            assert len([one for one in got if isinstance(one, BookNow)]) < 100

    run(main())


def test_a_flood_of_commands_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """Each front end has so many commands a turn: another one's is dealt with long before the flood is."""

    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            front_end(house.address) as flood,
            front_end(house.address, "B") as other,
        ):
            for number in range(20_000):
                flood.link.send(Ping(number + 1))
                flood.link.send(Done(number))  # no command at all
            await answered(other)
            assert len(flood.said) < 20_000
            await until(lambda: len(flood.said) > 20_000)

    async def answered(desk: FrontEnd) -> None:
        await desk.do(WatchMessages)

    run(main(), limit=30)


def test_so_many_messages_of_one_read_are_dealt_with_and_then_it_is_anothers_turn(tmp_path: Path) -> None:
    heard: list[Link] = []

    def note(link: Link) -> None:
        link.on_message = lambda message: heard.append(link)

    async def main() -> None:
        async with listening(tmp_path, note) as listener, Peer(listener) as flood, Peer(listener) as other:
            for peer in (flood, other):
                await peer.greet()
            await until(lambda: len(listener.links) == 2)
            flood.socket.send(framed(encode(Done(1))) * 3000)  # as much as one read may bring
            other.socket.send(framed(encode(Done(1))))
            await until(lambda: len(set(heard)) == 2)
            turn = next(n for n, link in enumerate(heard) if link is not heard[0])
            assert turn <= 2 * OPTIONS.burst
            await until(lambda: len(heard) > 3000)

    run(main())


def test_what_is_no_command_is_answered_and_what_is_no_message_ends_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, backend(start_of(tmp_path, venue.port)) as house:
            assert house._listener is not None
            async with Peer(house._listener) as peer:
                await peer.greet("front_end", TOKENS["A"])
                await peer.receive()  # Welcome
                await peer.receive()  # StatusNow
                await peer.send(Refused("busy", "no"))
                assert await peer.receive() is None
            async with Peer(house._listener) as peer:
                await peer.greet("front_end", TOKENS["A"])
                await peer.receive()
                await peer.receive()
                await peer.send(framed(b"\xc1"))
                assert await peer.receive() is None

    run(main())


def test_no_secret_is_in_what_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        test_who_guesses_tokens_is_made_to_wait(tmp_path / "a", caplog)
        test_a_seen_connection_played_again_is_refused(tmp_path / "b")
    assert SECRET.hex() not in caplog.text
    assert repr(SECRET)[2:-1] not in caplog.text
