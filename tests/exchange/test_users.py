"""Registered clients at the FIX gateway: UserRequest, what may be done before it, and what is left afterwards."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.exchange.config import ExchangeConfig, ParticipantConfig
from tests.exchange.accounts import PASSWORD, cheap
from tests.exchange.floor import Floor, run
from tests.exchange.users import NEW, Venue, asks, logs_in, refused, versions, with_seq_num


@versions
def test_until_the_password_is_said_nothing_is_taken(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(version)
            before = venue.book()
            code = "0" if version == "FIX.4.2" else "6"  # 4.2 has no code for it
            refused = [
                *await bob.buys("1"),
                *await bob.cancels("2", "1"),
                *await bob.sends("V", (262, "m"), (263, 0), (264, 0), (267, [[(269, 0)]]), (146, [[(55, "AAPL")]])),
                *await bob.sends("g", (335, "s"), (263, 0)),
            ]
            assert [one.many(35, 380) for one in refused] == [("j", code)] * 4
            assert "no user is logged in" in (refused[0].get(58) or "")
            assert venue.book() == before
            assert await logs_in(bob) == ("1",)
            [report] = await bob.buys("3")
            assert report.many(35, 39) == ("8", "0")
            [snapshot] = await bob.sends(
                "V", (262, "m"), (263, 0), (264, 0), (267, [[(269, 0)]]), (146, [[(55, "AAPL")]])
            )
            assert snapshot.msg_type == "W"

    run(main())


@versions
def test_what_comes_right_behind_the_password_waits_for_it(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(version)
            bob.session.send_nowait("BE", [(923, "r"), (924, 1), (553, "bob"), (554, PASSWORD)])
            bob.session.send_nowait("D", bob.order("1"))
            assert [one.msg_type for one in await bob.hears()] == ["BF", "8"]

    run(main())


@versions
def test_each_user_request_has_its_answer(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(version)
            assert await asks(bob, 4) == ("2",)
            assert await logs_in(bob, "wrong") == ("4",)
            assert await asks(bob, 1, "nobody", (554, PASSWORD)) == ("3",)
            assert await asks(bob, 1, "BOB", (554, PASSWORD)) == ("1",)  # the username does, too
            assert await asks(bob, 4) == ("1",)
            assert await asks(bob, 3, None, (554, "wrong"), (925, NEW)) == ("4",)
            assert await asks(bob, 3, None, (554, PASSWORD), (925, "short")) == ("6",)
            assert await asks(bob, 3, None, (554, PASSWORD), (925, PASSWORD)) == ("6",)
            assert await asks(bob, 3, None, (554, PASSWORD), (925, NEW)) == ("5",)
            assert await asks(bob, 2) == ("2",)
            assert await asks(bob, 4) == ("2",)
            assert await logs_in(bob) == ("4",)
            assert await logs_in(bob, NEW) == ("1",)

    run(main())


def test_a_session_logs_in_its_own_user_only() -> None:
    async def main() -> None:
        async with Venue() as venue:
            ann = await venue.registers("ann")
            bob = await venue.bob()
            for name in ("ann", ann, "' OR 1=1 --", "../../etc/passwd", "<script>", " " + venue.client_id):
                assert await asks(bob, 1, name, (554, PASSWORD)) == ("3",)
                assert await asks(bob, 2, name) == ("3",)
                assert await asks(bob, 3, name, (554, PASSWORD), (925, NEW)) == ("3",)
                assert await asks(bob, 4, name) == ("3",)
            assert (await venue.accounts.check("ann", PASSWORD)).verdict.name == "OK"
            [refused] = await bob.buys("1")
            assert refused.msg_type == "j"

    run(main())


@versions
def test_wrong_passwords_lock_the_account_for_a_time(version: str) -> None:
    async def main() -> None:
        async with Venue(lock_after=3, lock_for=60, login_within=600) as venue:
            bob = await venue.bob(version)
            assert [await logs_in(bob, "wrong") for _ in range(3)] == [("4",)] * 3
            assert await logs_in(bob) == ("6",)
            [answer] = await bob.sends("BE", (923, "x"), (924, 1), (553, "bob"), (554, PASSWORD))
            assert "locked" in (answer.get(927) or "")
            await venue.advance(59)
            assert await logs_in(bob) == ("6",)
            await venue.advance(2)
            assert await logs_in(bob) == ("1",)

    run(main())


def test_a_guesser_is_slowed_down_and_then_cut_off() -> None:
    async def main() -> None:
        async with Venue(attempts_per_minute=5, lock_after=1000, login_within=1000) as venue:
            bob = await venue.bob()
            said = [await logs_in(bob, f"guess {n}") for n in range(25)]
            assert said == [("4",)] * 5 + [("6",)] * 20
            assert bob.session.active
            await bob.sends("BE", (923, "x"), (924, 1), (553, "bob"), (554, PASSWORD))
            assert bob.session.connections == 1
            assert not bob.session.active
            await venue.advance(70)
            assert bob.session.connections == 2
            assert await logs_in(bob) == ("1",)

    run(main())


def test_one_without_a_password_makes_so_many_answers_and_no_more() -> None:
    """They are stored: without a bound somebody with nothing but a name could fill the disk."""

    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(reset_on_logon=False)
            [session] = venue.exchange.server.sessions.values()
            for n in range(100):
                bob.session.send_nowait("D", bob.order(f"{n}"))
                bob.session.send_nowait("D", bob.order(f"{n}", f44=None, f38=None))
                bob.session.send_nowait("B", [(148, "news"), (33, [[(58, "x")]])])
            await bob.hears()
            assert bob.session.connections == 1
            assert not bob.session.active
            assert session.next_out <= 103  # a Logon, a hundred answers
            await venue.advance(2)
            assert bob.session.connections == 2
            await bob.hears()  # the answers again
            assert await logs_in(bob) == ("1",)
            assert (await bob.buys("again"))[0].msg_type == "8"

    run(main())


def test_what_a_user_request_lacks_is_said() -> None:
    async def main() -> None:
        async with Venue(validation="observe") as venue:
            bob = await venue.bob()
            for lacks, fields in (
                (554, [(923, "r"), (924, 1), (553, "bob")]),
                (925, [(923, "r"), (924, 3), (553, "bob"), (554, PASSWORD)]),
                (553, [(923, "r"), (924, 4)]),
                (924, [(923, "r"), (553, "bob")]),
            ):
                [answer] = await bob.sends("BE", *fields)
                assert answer.many(35, 380) == ("j", "5")
                assert str(lacks) in (answer.get(58) or "")
            assert await asks(bob, 9) == ("6",)

    run(main())


@versions
def test_an_unknown_kind_of_user_request_is_rejected_by_the_dictionary(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(version)
            [answer] = await bob.sends("BE", (923, "r"), (924, 9), (553, "bob"))
            assert answer.many(35, 371, 373) == ("3", "924", "5")

    run(main())


# --- others, and afterwards ----------------------------------------------------------------------------------


@versions
def test_participants_of_the_configuration_are_as_they_were(version: str) -> None:
    async def main() -> None:
        listed = ParticipantConfig("LISTED", password="sesame")
        async with Venue(participants=(listed,)) as venue:
            assert await refused(venue, version, name="LISTED") is not None
            client = await venue.bob(version, name="LISTED", password="sesame")
            assert (await client.buys("1"))[0].msg_type == "8"
            assert await asks(client, 1, "bob", (554, PASSWORD)) == ("3",)
            assert await asks(client, 4) == ("3",)
            await venue.advance(100)  # nobody waits for a password of theirs
            assert client.session.connections == 1

    run(main())


def test_logging_off_ends_subscriptions_and_where_agreed_orders() -> None:
    async def main() -> None:
        async with Venue(cancel_on_disconnect=True) as venue:
            bob = await venue.bob()
            await logs_in(bob)
            await bob.buys("1")
            await bob.sends("V", (262, "m"), (263, 1), (264, 0), (265, 1), (267, [[(269, 0)]]), (146, [[(55, "AAPL")]]))
            assert venue.exchange.market_data.watching == 1
            bob.session.send_nowait("BE", [(923, "r"), (924, 2), (553, "bob")])
            heard = await bob.hears()
            assert {one.msg_type for one in heard} == {"8", "BF"}
            assert venue.exchange.market_data.watching == 0
            assert not venue.exchange.venue.has_open(f"FIX.4.4:{venue.client_id}")
            await logs_in(bob)
            [snapshot] = await bob.sends(
                "V", (262, "n"), (263, 0), (264, 0), (267, [[(269, 0)]]), (146, [[(55, "AAPL")]])
            )
            assert snapshot.msg_type == "W"

    run(main())


def test_when_the_accounts_cannot_be_reached_nobody_gets_in_and_it_is_said() -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob()
            venue.accounts.store.close()
            assert await logs_in(bob) == ("6",)
            assert await asks(bob, 4) == ("6",)
            assert (await bob.buys("1"))[0].msg_type == "j"
            assert await refused(venue, name="X") == ("Not available at the moment", None)

    run(main())


def test_accounts_and_their_ids_outlive_the_exchange(tmp_path: Path) -> None:
    async def main() -> None:
        async with Venue(journal=tmp_path) as venue:
            client_id = venue.client_id
            bob = await venue.bob(password=PASSWORD)
            await bob.buys("1")
        config = ExchangeConfig(registration=cheap(port=None), journal=tmp_path)
        async with Floor(config) as floor:
            bob = await floor.client("FIX.4.4", client_id, password=PASSWORD, reset_on_logon=True)
            [report] = await bob.sends("H", *bob._fields({11: "1", 55: "AAPL", 54: "1"}, {"f60": None}))
            assert report.many(35, 39) == ("8", "0")
            for path in tmp_path.rglob("*"):
                assert path.is_dir() or PASSWORD.encode() not in path.read_bytes(), path

    run(main())


def test_what_took_effect_before_a_crash_is_not_refused_after_it() -> None:
    """A message that is redelivered comes before anybody can have logged in again."""

    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(password=PASSWORD)
            await bob.buys("1")
            gateway = venue.exchange.gateway
            [session] = venue.exchange.server.sessions.values()
            orders = [
                one.message for one in venue.wire
                if isinstance(one.message, ff.Message) and one.message.msg_type == "D"
            ]  # fmt: skip
            await bob.session.close()
            assert gateway.users is not None
            before = venue.book()
            seen, unseen = orders[0], with_seq_num(orders[0], 9)
            for message in (seen, unseen):
                message.redelivered = True
            assert gateway.on_message(session, seen) is None
            with pytest.raises(ff.BusinessReject):
                gateway.on_message(session, unseen)
            assert venue.book() == before

    run(main())


def test_the_audit_log_says_who_and_never_what(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Venue(lock_after=2) as venue:
            bob = await venue.bob()
            await logs_in(bob)
            await asks(bob, 3, None, (554, PASSWORD), (925, NEW))
            await asks(bob, 2)
            await asks(bob, 1, "c4nary-typed-as-a-name", (554, "c4nary-guess-1"))
            await logs_in(bob, "c4nary-guess-2")
            await logs_in(bob, "c4nary-guess-3")
            await bob.session.close()
            audited = [one.getMessage() for one in caplog.records if one.name == "fixfast.exchange.accounts"]
            words = (
                "registered",
                "logged in",
                "changed",
                "logged off",
                "unknown user",
                "wrong password",
                "locked",
            )
            for word in words:
                assert any(word in line and (venue.client_id in line) for line in audited), (word, audited)

    with caplog.at_level(logging.DEBUG):
        run(main())
    for secret in (PASSWORD, NEW, "c4nary"):
        assert secret not in caplog.text
