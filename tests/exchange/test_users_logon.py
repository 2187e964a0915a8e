"""Registered clients at the FIX gateway: passwords on the Logon, and Logons without."""

from __future__ import annotations

import hashlib

import fixfast as ff
from tests.exchange.accounts import PASSWORD
from tests.exchange.floor import run
from tests.exchange.users import NEW, Venue, asks, logs_in, refused, versions


@versions
def test_the_password_may_be_on_the_logon(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            for name in (venue.client_id, "bob", ""):
                bob = await venue.bob(version, username=name, password=PASSWORD)
                [report] = await bob.buys(f"o{name}")
                assert report.msg_type == "8"
                assert await asks(bob, 4) == ("1",)
                await bob.session.close()

    run(main())


@versions
def test_a_logon_with_anything_wrong_is_refused_without_a_word_of_what(version: str) -> None:
    async def main() -> None:
        async with Venue() as venue:
            await venue.registers("ann")
            wrong = [
                {"username": "bob", "password": "wrong"},
                {"username": "ann", "password": PASSWORD},
                {"username": "nobody", "password": PASSWORD},
                {"username": "bob"},
                {"password": "x" * 200},
            ]
            status = 5 if version == "FIXT.1.1" else None
            for options in wrong:
                assert await refused(venue, version, **options) == ("Invalid username or password", status)

    run(main())


def test_who_is_not_registered_gets_silence() -> None:
    async def main() -> None:
        async with Venue() as venue:
            for name in ("BOT", "' OR 1=1 --", "bob", venue.client_id.lower(), "*"):
                assert await refused(venue, name=name) == (None, None)
                assert await refused(venue, name=name, username="bob", password=PASSWORD) == (None, None)

    run(main())


def test_wrong_passwords_on_logons_lock_too() -> None:
    async def main() -> None:
        async with Venue(lock_after=2) as venue:
            for _ in range(2):
                assert (await refused(venue, "FIXT.1.1", password="wrong"))[1] == 5
            assert await refused(venue, "FIXT.1.1", password=PASSWORD) == ("Account locked", 6)
            bob = await venue.bob()  # the name alone is let in, and no further
            assert await logs_in(bob) == ("6",)

    run(main())


def test_a_logon_proves_nothing_for_the_next_one() -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob(password=PASSWORD)
            await bob.session.close()
            other = await venue.bob()
            [answer] = await other.buys("1")
            assert answer.msg_type == "j"

    run(main())


def test_the_proof_of_one_connection_is_not_that_of_another() -> None:
    """Two come at one time, one of them with the password: it is his Logon that counts, whoever is answered first."""

    async def main() -> None:
        async with Venue() as venue:
            users = venue.exchange.gateway.users
            assert users is not None
            bob = await venue.bob()
            [session] = venue.exchange.server.sessions.values()
            users._proofs[session.id] = hashlib.sha256(b"the Logon of somebody who knows").digest()
            bob.session.drop()
            await venue.advance(2)
            assert bob.session.connections == 2
            [answer] = await bob.buys("1")
            assert answer.msg_type == "j"
            assert not users._proofs

    run(main())


def test_a_lost_connection_ends_the_login() -> None:
    async def main() -> None:
        async with Venue() as venue:
            bob = await venue.bob()
            assert await logs_in(bob) == ("1",)
            bob.session.drop()
            await venue.advance(2)
            assert bob.session.connections == 2
            [answer] = await bob.buys("1")
            assert answer.msg_type == "j"
            assert await logs_in(bob) == ("1",)
            [answer] = await bob.buys("2")
            assert answer.msg_type == "8"

    run(main())


def test_the_password_may_be_changed_with_the_logon() -> None:
    async def main() -> None:
        async with Venue() as venue:
            for new, said in (("short", ("3", True)), (NEW, ("1", False))):
                bob = await venue.bob("FIXT.1.1", password=PASSWORD, new_password=new)
                logon = next(
                    one.message for one in reversed(venue.wire)
                    if isinstance(one.message, ff.Message) and one.message.msg_type == "A"
                )  # fmt: skip
                assert (logon.get(1409), "not taken" in (logon.get(58) or "")) == said
                assert await asks(bob, 4) == ("1",)
                await bob.session.close()
            assert (await refused(venue, password=PASSWORD))[0]
            await venue.bob(password=NEW)

    run(main())


def test_a_logon_without_password_can_be_refused() -> None:
    async def main() -> None:
        async with Venue(require_logon_password=True, lock_after=2) as venue:
            for _ in range(3):  # which is no attempt at a password, and locks nothing
                assert await refused(venue) == ("Invalid username or password", None)
            bob = await venue.bob(password=PASSWORD)
            assert (await bob.buys("1"))[0].msg_type == "8"

    run(main())


def test_who_never_says_the_password_is_logged_out() -> None:
    async def main() -> None:
        async with Venue(login_within=10) as venue:
            bob = await venue.bob()
            await venue.advance(9)
            assert bob.session.connections == 1
            await venue.advance(2)
            assert bob.session.connections == 2 or not bob.session.active
            await venue.advance(2)
            assert await logs_in(bob) == ("1",)
            connections = bob.session.connections
            await venue.advance(60)
            assert bob.session.connections == connections
            assert await asks(bob, 2) == ("2",)
            await venue.advance(12)
            assert bob.session.connections == connections + 1

    run(main())


def test_the_password_need_not_be_asked_for() -> None:
    async def main() -> None:
        async with Venue(require_user_request=False) as venue:
            bob = await venue.bob()
            assert (await bob.buys("1"))[0].msg_type == "8"
            assert await asks(bob, 4) == ("2",)
            assert await logs_in(bob) == ("1",)
            assert await refused(venue, name="BOT") == (None, None)
            await venue.advance(100)
            assert bob.session.connections == 1

    run(main())
