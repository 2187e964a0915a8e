"""What is said while logging on reaches the programs of both sides, and nothing else does (L19-L21, I06, I07, I13)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.allow import AllowList
from tests.engine.harness import HOST, Notes, Peer, Venue, free_port, run, silent, them, to, until, us


class Doorman(Notes):
    """An application that authenticates by a function."""

    def __init__(self, decide: Any) -> None:
        super().__init__()
        self._decide = decide

    def authenticate(self, request: ff.LogonRequest) -> Any:
        return self._decide(request)


def fixt(side: Any, **options: Any) -> ff.SessionConfig:
    made: ff.SessionConfig = side(begin_string="FIXT.1.1", **options)
    return made


# --- an authenticator's decision -----------------------------------------------------------------------------


def test_l20_l21_an_authenticator_changes_a_password_and_says_so_on_our_logon() -> None:
    passwords = {"me": "old"}

    def decide(request: ff.LogonRequest) -> ff.Accept | ff.Refuse:
        if passwords.get(request.username) != request.password:
            return ff.Refuse("unknown user or password", status=5)
        if not request.new_password:
            return ff.Accept(fixt(them), status=2, text="expires in 3 days")
        if len(request.new_password) < 8:
            return ff.Refuse("choose a better one", status=3)
        passwords[request.username] = request.new_password
        return ff.Accept(fixt(them), status=1)

    async def log_on(server: ff.Server, **secrets: str) -> tuple[str | None, str | None]:
        notes = Notes()
        async with ff.connect(fixt(us, username="me", reset_on_logon=True, **secrets), to(server), notes):
            [event] = notes.named("LoggedOn")
            return event.message.get(1409), event.message.get(58)

    async def main() -> None:
        async with ff.serve(Doorman(decide), [fixt(them)]) as server:
            assert await log_on(server, password="old") == ("2", "expires in 3 days")
            with pytest.raises(ff.LogonFailed) as caught:
                await log_on(server, password="old", new_password="short")
            assert (caught.value.text, caught.value.status) == ("choose a better one", 3)
            assert await log_on(server, password="old", new_password="much better") == ("1", None)
            with pytest.raises(ff.LogonFailed) as caught:
                await log_on(server, password="old")
            assert caught.value.status == 5
            assert await log_on(server, password="much better") == ("2", "expires in 3 days")

    run(main())


def test_l21_a_logout_of_an_engine_has_its_status() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(Notes(), [fixt(them)]) as server, ff.connect(fixt(us), to(server), notes) as session:
            [theirs] = server.sessions.values()
            await theirs.close("account locked", status=6)
            assert not session.active
            [event] = notes.named("LoggedOut")
            assert (event.text, event.status) == ("account locked", 6)

    run(main())


def test_l19_i07_who_was_refused_at_first_logs_on_later() -> None:
    """The Logout of a refusal is numbered 1, like the Logon that comes when all is well: it is not counted."""
    answers = [ff.Refuse("not yet", status=7), ff.Refuse("not yet", status=7), fixt(them)]

    async def main() -> None:
        async with ff.serve(Doorman(lambda request: answers.pop(0)), [fixt(them)]) as server:
            policy = ff.Reconnect(initial=0, retry_first=True)
            async with ff.connect(fixt(us), to(server, policy)) as session:
                assert session.active
                [theirs] = server.sessions.values()
                await until(lambda: theirs.next_in == session.next_out == 4)
                assert session.next_in == theirs.next_out

    run(main())


@pytest.mark.parametrize("verdict", [ff.Accept(None), ff.Accept(them(target="SOMEBODY"))])  # type: ignore[arg-type]
def test_an_accept_of_something_else_lets_nobody_in(verdict: ff.Accept) -> None:
    async def main() -> None:
        async with ff.serve(Doorman(lambda request: verdict), [them()]) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                assert await peer.read() is None

    run(main(), limit=5)


@pytest.mark.parametrize("tag", [554, 925])
def test_l19_sc23_a_refusal_that_repeats_a_password_is_replaced(tag: int) -> None:
    async def main() -> None:
        doorman = Doorman(lambda request: ff.Refuse("no such password: " + (request.password or request.new_password)))
        async with ff.serve(doorman, [them()]) as server, await Peer.connect(server.port) as peer:
            peer.logon((tag, "canary"))
            assert (await peer.expect("5"))[58] == "Logon refused"

    run(main(), limit=5)


def test_sc23_what_an_authenticator_raises_stays_here() -> None:
    def decide(request: ff.LogonRequest) -> ff.Refuse:
        raise LookupError(f"no row for {request.username}/{request.password}")

    async def main() -> None:
        async with ff.serve(Doorman(decide), [them()]) as server, await Peer.connect(server.port) as peer:
            peer.logon((553, "u"), (554, "canary"))
            assert await peer.read() is None

    run(main(), limit=5)


@pytest.mark.parametrize("silent", [True, False])
def test_sc4_l29_t1_a_name_alone_changes_not_one_byte_of_the_store(tmp_path: Path, silent: bool) -> None:
    """Who only knows both names, and asks for a reset, gets nothing: credentials come first."""

    def decide(request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
        if request.password == "secret":
            return them()
        return ff.Refuse("no", silent=silent)

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}

    async def main() -> None:
        doorman = Doorman(decide)
        async with ff.serve(
            doorman,
            [them()],
            stores=lambda config: ff.JournalStore(str(tmp_path), session_id=config.session_id, sync="none"),
        ) as server:
            async with ff.connect(us(password="secret"), to(server)) as session:
                session.send_nowait("B", [(148, "x"), (33, [[(58, "y")]])])
            [theirs] = server.sessions.values()
            before, numbers = files(), (theirs.next_in, theirs.next_out)
            assert numbers == (4, 3)
            async with await Peer.connect(server.port) as thief:
                thief.logon((141, "Y"), (554, "guess"), seq=1)
                answer = await thief.read()
                assert (answer is None) is silent
            assert files() == before
            assert (theirs.next_in, theirs.next_out) == numbers

    run(main())


@pytest.mark.parametrize(
    ("allow", "in_"),
    [
        (["127.0.0.1"], True),
        (["10.0.0.0/8", "127.0.0.0/8"], True),
        (["10.0.0.0/8", "::1", "127.0.0.2/32"], False),
        ([], False),
        (None, True),
    ],
)
def test_l05_sc5_an_address_that_is_not_on_the_list_is_closed_unread(allow: list[str] | None, in_: bool) -> None:
    seen: list[ff.LogonRequest] = []

    def decide(request: ff.LogonRequest) -> ff.SessionConfig:
        seen.append(request)
        return them()

    async def main() -> None:
        async with ff.serve(Doorman(decide), [them()], allow=allow) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                answer = await peer.read()
            assert (answer is not None) is in_
            assert len(seen) == in_

    run(main(), limit=5)


@pytest.mark.parametrize("allow", ["127.0.0.1", ["localhost"], ["10.0.0.0/33"], [5], 7])
def test_an_allow_list_is_checked(allow: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.serve(None, allow=allow)
    assert caught.value.name == "allow"


def test_l05_an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() -> None:
    allowed = AllowList(["10.0.0.0/8", "fe80::/10"])
    assert "::ffff:10.1.2.3" in allowed
    assert "fe80::1%eth0" in allowed
    assert "::ffff:11.1.2.3" not in allowed
    assert "" not in allowed


# --- what a venue says reaches the program -------------------------------------------------------------------


def test_i06_i07_a_reject_of_our_logon_is_why_it_failed() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("3", [(45, 1), (371, 554), (372, "A"), (373, 5), (58, "invalid api key")])
        await peer.expect("5")

    async def main() -> None:
        async with Venue(answer) as venue:
            with pytest.raises(ff.LogonFailed, match="api key; rejected with reason 5; because of tag 554") as failed:
                async with ff.connect(us(), to(venue.port)):
                    pass
        for error in (failed.value, pickle.loads(pickle.dumps(failed.value))):
            assert (error.reason, error.text, error.status) == ("logon_refused", "invalid api key", None)
            assert (error.reject_reason, error.ref_tag) == (5, 554)

    run(main())


@pytest.mark.parametrize("refusal", [("3", [(45, 1)]), ("5", []), ("j", [(380, 4), (58, "down")])])
def test_i07_a_refusal_without_a_word_is_one_and_ends_the_attempts(refusal: tuple[str, list[Any]]) -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.write(*refusal)
        if await peer.read() is not None:  # a Reject is followed by our Logout
            peer.write("5")

    async def main() -> None:
        async with Venue(answer) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True, max_refusals=2)
            with pytest.raises(ff.GaveUp, match="refused 2 times"):
                async with ff.connect(us(), to(venue.port, policy)):
                    pass
            assert venue.connections == 2

    run(main())


def test_i10_a_line_that_breaks_is_no_refusal() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")

    async def main() -> None:
        async with Venue(answer) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True, max_refusals=1, max_attempts=4)
            with pytest.raises(ff.GaveUp, match="no connection lasted"):
                async with ff.connect(us(), to(venue.port, policy)):
                    pass
            assert venue.connections == 4

    run(main())


def test_i10_the_next_address_is_tried_where_no_logon_comes() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.expect("A")

    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as good, Venue(deaf) as bad:
            connection = ff.ConnectionConfig(
                HOST,
                free_port(),
                alternatives=((HOST, bad.port), (HOST, good.port)),
                reconnect=ff.Reconnect(initial=0, retry_first=True),
            )
            async with ff.connect(us(), connection) as session:
                assert (session.connections, bad.connections) == (1, 1)
                session.drop()
                await until(lambda: session.connections == 2)
                assert bad.connections == 1  # it was good here: the same again

    run(main())


def test_i10_every_address_is_tried_before_the_first_logon_has_failed() -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as good:
            connection = ff.ConnectionConfig(
                HOST, free_port(), alternatives=((HOST, good.port),), reconnect=ff.Reconnect(initial=0)
            )
            async with ff.connect(us(), connection):
                pass
        nobody = ff.ConnectionConfig(
            HOST, free_port(), alternatives=((HOST, free_port()),), reconnect=ff.Reconnect(initial=0)
        )
        with pytest.raises(ff.LogonFailed, match="connect"):
            async with ff.connect(us(), nobody):
                pass

    run(main())


def test_i13_an_engine_stops_when_its_number_is_too_low_again_and_again() -> None:
    async def answer(peer: Peer) -> None:
        await peer.expect("A")
        peer.write("5", [(58, "MsgSeqNum too low, expecting 100 but received 1")])
        assert await peer.read() is None

    async def main() -> None:
        async with Venue(answer) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True, max_refusals=None)
            with pytest.raises(ff.GaveUp, match="too low") as caught:
                async with ff.connect(us(max_too_low_logouts=4), to(venue.port, policy)):
                    pass
            assert venue.connections == 4
            assert isinstance(caught.value.__cause__, ff.LogonFailed)
            assert "expecting 100" in caught.value.__cause__.text

    run(main())


def test_i13_a_person_sets_the_number_between_two_connections() -> None:
    class Person(Notes):
        def on_event(self, session: ff.LiveSession, event: object) -> None:
            super().on_event(session, event)
            if session.state is ff.State.DISCONNECTED and self.named("LogonRefused"):
                session.set_next_out(100)

    async def answer(peer: Peer) -> None:
        logon = await peer.expect("A")
        if logon.msg_seq_num == 2:
            peer.write("5", [(58, "MsgSeqNum too low, expecting 100 but received 2")])
            assert await peer.read() is None
        else:
            peer.logon(seq=1 if logon.msg_seq_num == 1 else 2)
            if logon.msg_seq_num > 1:
                await silent(peer)

    async def main() -> None:
        async with Venue(answer) as venue:
            async with ff.connect(us(), to(venue.port), Person()) as session:
                await until(lambda: session.connections == 2)
                assert session.next_out == 101
                with pytest.raises(ff.LocalProtocolError):
                    session.set_next_out(200)
                session.drop()
            assert venue.connections == 3

    run(main())


def test_i13_an_engine_takes_the_number_over_by_option() -> None:
    async def answer(peer: Peer) -> None:
        logon = await peer.expect("A")
        if logon.msg_seq_num < 100:
            peer.write("5", [(58, f"MsgSeqNum too low, expecting 100 but received {logon.msg_seq_num}")])
        else:
            peer.logon(seq=1)
            await peer.expect("5")
            peer.write("5")
        assert await peer.read() is None

    async def main() -> None:
        async with Venue(answer) as venue:
            policy = ff.Reconnect(initial=0, retry_first=True)
            async with ff.connect(us(adopt_expected_seq_num=True), to(venue.port, policy)) as session:
                assert session.next_out == 101
            assert venue.connections == 2

    run(main())
