"""Sessions that come and go at run time: templates, who may be whom, add, remove and replace in every order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.allow import Allow
from fixfast.engine.patterns import fits
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, Notes, Peer, news, run, them, to, until, us

VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")


async def refused_without_a_word(server: ff.Server, me: str, you: str = "SIM") -> None:
    async with await Peer.connect(server.port, me, you) as peer:
        peer.logon()
        assert await peer.read() is None


# --- patterns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("BOT", ["BOT"], ["", "BOT1", "bot"]),
        ("*", ["", "BOT"], []),
        ("BOT*", ["BOT", "BOT1"], ["BO", "ABOT"]),
        ("*BOT", ["BOT", "ABOT"], ["BOT1"]),
        ("A*A", ["AA", "ABA"], ["A", "AB"]),
        ("A*B*C", ["ABC", "AxBxC", "ABBC"], ["AC", "ACB", "ABCx"]),
        ("A*BC*CD", ["ABCCD", "AxBCxCD"], ["ABCD"]),
        ("**", ["", "x"], []),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, good: list[str], bad: list[str]) -> None:
    assert all(fits(pattern, text) for text in good)
    assert not any(fits(pattern, text) for text in bad)


def test_sc3_a_pattern_takes_linear_time() -> None:
    assert not fits("*a" * 20 + "b", "a" * 4000)


# --- templates -----------------------------------------------------------------------------------------------


def test_a_template_makes_sessions_for_a_pattern_of_names() -> None:
    async def main() -> None:
        notes = Notes()
        templates = [them(target="BOT*", max_rejects=99), them(begin_string="FIX.4.2", target="*")]
        async with ff.serve(notes, [them(target="BOT7", max_rejects=5)], templates=templates) as server:
            for name, begin_string in (("BOT1", "FIX.4.4"), ("BOT7", "FIX.4.4"), ("X", "FIX.4.2")):
                config = us(sender=name, begin_string=begin_string)
                store = ff.MemoryStore()
                for _ in range(2):
                    async with ff.connect(config, to(server), store=store) as session:
                        session.send_nowait(*news(name))
            assert [str(identity) for identity in server.sessions] == [
                "FIX.4.4:SIM->BOT7",
                "FIX.4.4:SIM->BOT1",
                "FIX.4.2:SIM->X",
            ]
            assert server.sessions[them(target="BOT7").session_id].config.max_rejects == 5, "its own options go first"
            await refused_without_a_word(server, "X")
            await refused_without_a_word(server, "BOT1", "OTHER")
        assert sorted(notes.headlines) == ["BOT1", "BOT1", "BOT7", "BOT7", "X", "X"]

    run(main())


def test_authenticate_is_offered_what_a_template_says() -> None:
    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            if request.config is None or request.password != f"of {request.session_id.target_comp_id}":
                return ff.Refuse("no")
            return request.config

    async def main() -> None:
        async with ff.serve(Doorman(), templates=[them(target="BOT*")]) as server:
            async with ff.connect(us(sender="BOT1", password="of BOT1"), to(server)):
                pass
            for name, password in (("BOT2", "of BOT1"), ("OTHER", "of OTHER")):
                with pytest.raises(ff.LogonFailed, match="no"):
                    async with ff.connect(us(sender=name, password=password), to(server)):
                        pass
            assert list(server.sessions) == [them(target="BOT1").session_id]

    run(main())


def test_templates_are_checked() -> None:
    for wrong in ([them()], ["BOT*"], [None]):
        with pytest.raises(ff.ConfigError, match="templates"):
            ff.serve(None, templates=wrong)  # type: ignore[arg-type]


def test_sc10_a_name_from_a_template_cannot_leave_the_folder_of_the_stores(tmp_path: Path) -> None:
    def store(config: ff.SessionConfig) -> ff.Store:
        return ff.JournalStore(tmp_path / "journals", session_id=config.session_id)

    async def main() -> None:
        async with ff.serve(Notes(), templates=[them(target="*")], stores=store) as server:
            for name in ("../../x", "/etc/x", "a" * 3000):
                async with await Peer.connect(server.port, name) as peer:
                    peer.logon()
                    await peer.read()  # a Logon, or nothing
        assert [path.name for path in tmp_path.iterdir()] == ["journals"]

    run(main())


# --- one port, many versions ---------------------------------------------------------------------------------


def test_l01_one_port_for_all_versions() -> None:
    async def main() -> None:
        notes = Notes()
        configs = [them(begin_string=version) for version in VERSIONS]
        async with ff.serve(notes, configs) as server:

            async def client(version: str) -> None:
                async with ff.connect(us(begin_string=version), to(server)) as session:
                    session.send_nowait("B", [(148, version), (33, [[(58, "x")]])])
                    await until(lambda: version in notes.headlines)

            await asyncio.gather(*map(client, VERSIONS))
            assert {message.begin_string for message in notes.messages} == set(VERSIONS)
            # The same CompIDs in another version are another session, and not a known one
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(begin_string="FIX.4.4", sender="OTHER"), to(server)):
                    pass

    run(main())


# --- from where ----------------------------------------------------------------------------------------------


def test_sc4_a_comp_id_is_bound_to_addresses(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        allow = {"BOT": ["127.0.0.0/8"], "B*": ["192.0.2.0/24"], "HERE*": ["127.0.0.1", "::1"]}
        async with ff.serve(Notes(), templates=[them(target="*")], allow=allow) as server:
            for name in ("BOT", "HERE1"):
                async with ff.connect(us(sender=name), to(server)):
                    pass
            await refused_without_a_word(server, "BOT2")
            await refused_without_a_word(server, "NOBODY")
            assert len(server.sessions) == 2

    run(main())
    assert "BOT2: logon from 127.0.0.1" in caplog.text.replace("SIM->", "")


def test_l05_an_address_that_nobody_may_come_from_is_not_read() -> None:
    one = Allow({"A*": ["192.0.2.0/24"], "*": ["10.0.0.0/8"]})
    assert [one.connect(host) for host in ("192.0.2.1", "10.1.1.1", "127.0.0.1", "")] == [True, True, False, False]
    assert one.log_on("192.0.2.1", "AB")
    assert not one.log_on("10.0.0.1", "AB"), "the first that fits decides"
    assert one.log_on("10.0.0.1", "B")
    assert not Allow({"A": ["10.0.0.0/8"]}).log_on("10.0.0.1", "B")


@pytest.mark.parametrize("allow", [{"": ["::1"]}, {5: ["::1"]}, {"A": "::1"}, {"A": ["nowhere"]}, "10.0.0.1"])
def test_who_from_where_is_checked(allow: Any) -> None:
    with pytest.raises(ff.ConfigError, match="allow"):
        ff.serve(None, allow=allow)


# --- races ---------------------------------------------------------------------------------------------------


class Stores:
    """Memory stores that say when one is opened twice at a time; opening may be held up."""

    def __init__(self) -> None:
        self.open: set[ff.SessionID] = set()
        self.opened = 0

    def __call__(self, config: ff.SessionConfig) -> ff.Store:
        identity, stores = config.session_id, self
        assert identity not in self.open, "opened twice"
        self.open.add(identity)
        self.opened += 1

        class Counted(ff.MemoryStore):
            def close(self) -> None:
                stores.open.discard(identity)

        return Counted()


class Slow(Notes):
    """An authenticate() that waits to be told."""

    def __init__(self, config: ff.SessionConfig | None = None) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self._config = config

    async def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
        self.asked.set()
        await self.go.wait()
        return self._config or request.config or ff.Refuse("unknown")


def test_two_that_add_the_same_session_at_once() -> None:
    async def main() -> None:
        stores = Stores()
        async with ff.serve(Notes(), stores=stores) as server:
            results = await asyncio.gather(*(server.add(them()) for _ in range(5)), return_exceptions=True)
            assert sum(isinstance(result, ff.LiveSession) for result in results) == 1
            assert all(isinstance(result, (ff.LiveSession, ff.ConfigError)) for result in results)
            assert stores.opened == 1
            with pytest.raises(ff.ConfigError, match="not there yet"):
                await server.add(them(qualifier="blue"))
        assert not stores.open

    run(main())


def test_removed_while_a_logon_is_decided_on() -> None:
    """The logon comes to nothing, though authenticate() gives the options: the session is not made anew."""

    async def main() -> None:
        slow = Slow(them())
        async with ff.serve(slow, [them()], stores=Stores()) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            await slow.asked.wait()
            await server.remove(them().session_id)
            slow.go.set()
            assert await peer.read() is None
            assert not server.sessions

    run(main())


def test_replaced_while_a_logon_is_decided_on() -> None:
    async def main() -> None:
        slow = Slow()
        stores = Stores()
        async with ff.serve(slow, [them()], stores=stores) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            await slow.asked.wait()
            new = await server.replace(them(max_rejects=7))
            slow.go.set()
            assert await peer.read() is None, "decided on the old options"
            assert list(server.sessions.values()) == [new]
            assert new.config.max_rejects == 7
            assert stores.opened == 2
            async with ff.connect(us(), to(server)):
                await until(lambda: new.active)

    run(main())


def test_added_while_a_logon_is_decided_on() -> None:
    async def main() -> None:
        slow = Slow(them())
        stores = Stores()
        async with ff.serve(slow, stores=stores) as server, await Peer.connect(server.port) as peer:
            peer.logon()
            await slow.asked.wait()
            added = await server.add(them(max_rejects=3))
            slow.go.set()
            await peer.expect("A")
            assert list(server.sessions.values()) == [added]
            assert stores.opened == 1

    run(main())


def test_a_session_that_is_going_lets_nobody_in() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], stores=Stores(), templates=[them(target="*")]) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await peer.expect("A")
                removing = asyncio.create_task(server.remove(them().session_id, "bye"))
                await peer.expect("5")
                await refused_without_a_word(server, "BOT")
                with pytest.raises(ff.ConfigError, match="at this moment"):
                    await server.add(them())
                with pytest.raises(KeyError):
                    await server.remove(them().session_id)
                peer.write("5")
                assert await peer.read() is None
            await removing
            await server.add(them())

    run(main())


def test_replace_gives_other_options_and_the_numbers_go_on(tmp_path: Path) -> None:
    def store(config: ff.SessionConfig) -> ff.Store:
        return ff.JournalStore(tmp_path, session_id=config.session_id)

    async def main() -> None:
        async with ff.serve(Notes(), [them()], stores=store) as server:
            async with ff.connect(us(), to(server, EAGER)) as session:
                old = server.sessions[them().session_id]
                new = await server.replace(them(max_rejects=9), "new options")
                assert old.store_error is None
                await until(lambda: session.connections == 2)
                await session.wait_active()
                assert new.config.max_rejects == 9
                await until(lambda: new.next_in >= 4)  # two Logons and a Logout, and no reset
            with pytest.raises(KeyError):
                await server.replace(them(target="UNKNOWN"))
            with pytest.raises(ff.ConfigError):
                await server.replace("FIX.4.4")  # type: ignore[arg-type]

    run(main())


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_no_store_is_opened_twice_and_all_are_closed(seed: int) -> None:
    import random

    async def main() -> None:
        rng = random.Random(seed)
        stores = Stores()
        names = ["A", "B", "C"]
        async with ff.serve(Notes(), stores=stores, templates=[them(target="*")]) as server:

            async def change() -> None:
                for _ in range(12):
                    config = them(target=rng.choice(names))
                    try:
                        what = rng.random()
                        if what < 0.4:
                            await server.add(config)
                        elif what < 0.7:
                            await server.remove(config.session_id, timeout=0)
                        else:
                            await server.replace(config, timeout=0)
                    except (ff.ConfigError, KeyError):
                        await asyncio.sleep(0)

            async def visit() -> None:
                for _ in range(8):
                    async with await Peer.connect(server.port, rng.choice(names)) as peer:
                        peer.logon((141, "Y"))
                        if rng.random() < 0.5:
                            await peer.read()

            await asyncio.gather(*(change() for _ in range(3)), *(visit() for _ in range(4)))
            assert stores.open == {session.id for session in server.sessions.values()}
        assert not stores.open

    run(main(), limit=30)


# --- whose certificate ---------------------------------------------------------------------------------------


def test_sc4_sc5_a_certificate_is_for_its_comp_ids_and_anybody_else_is_dropped_silently(tmp_path: Path) -> None:
    """Without authenticate(): the certificate is what proves who it is."""
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(
        certificate=authority.issue("venue", "localhost"),
        client_ca=authority.file,
        identities={"bot.example": "BOT", "desk.example": ["DESK1", "DESK2"]},
    )

    async def main() -> None:
        async with ff.serve(Notes(), [them()], templates=[them(target="DESK*")], tls=serving) as server:

            def calling(name: str) -> ff.ConnectionConfig:
                own = authority.issue(name, name)
                tls = ff.TlsConfig(ca_file=authority.file, certificate=own)
                return ff.ConnectionConfig("localhost", server.port, tls=tls, reconnect=EAGER)

            for certificate, name in (("bot.example", "BOT"), ("desk.example", "DESK2")):
                async with ff.connect(us(sender=name), calling(certificate)):
                    pass
            for certificate, name in (("desk.example", "BOT"), ("bot.example", "DESK1"), ("desk.example", "DESK3")):
                with pytest.raises(ff.LogonFailed) as caught:
                    async with ff.connect(us(sender=name), calling(certificate)):
                        pass
                assert caught.value.reason in ("peer_closed", "tls"), "no word of ours"
            assert len(server.sessions) == 2

    run(main())
