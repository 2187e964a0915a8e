"""Random lives of a registered client beside a model of ten lines: each answer is the one the model gives."""

from __future__ import annotations

import random

import pytest

import fixfast as ff
from tests.exchange.accounts import PASSWORD
from tests.exchange.floor import VERSIONS, Client, run
from tests.exchange.users import Venue, asks

LOCK_AFTER, LOCK_FOR = 3, 60
PASSWORDS = [PASSWORD, "another good password", "a third one, why not"]


class Model:
    """What an account and its session are like. Time in seconds."""

    def __init__(self) -> None:
        self.password, self.failures, self.locked_until, self.logged_in = PASSWORD, 0, 0.0, False

    def tries(self, password: str, now: float) -> str:
        """Return the UserStatus of a password that is tried."""
        if now < self.locked_until:
            return "6"
        if password == self.password:
            self.failures = 0
            return "1"
        self.failures += 1
        if self.failures == LOCK_AFTER:
            self.failures, self.locked_until = 0, now + LOCK_FOR
        return "4"


class Life:
    """A client that does something at random, and the model that knows what comes of it."""

    def __init__(self, venue: Venue, version: str, seed: int) -> None:
        self.venue, self.version = venue, version
        self.random = random.Random(f"{version} {seed}")
        self.model = Model()
        self.orders = 0
        self.client: Client

    @property
    def now(self) -> float:
        return self.venue.now.mono_ns / 1e9

    async def step(self) -> None:
        kinds = {
            self.log_in: 6, self.log_off: 1, self.change: 2, self.status: 2, self.strange: 1, self.trade: 5,
            self.come_again: 2, self.wait: 2,
        }  # fmt: skip
        [action] = self.random.choices(list(kinds), list(kinds.values()))
        await action()

    def a_password(self) -> str:
        return self.model.password if self.random.random() < 0.6 else self.random.choice([*PASSWORDS, "wrong"])

    async def log_in(self) -> None:
        password = self.a_password()
        expected = self.model.tries(password, self.now)
        assert await asks(self.client, 1, None, (554, password)) == (expected,)
        self.model.logged_in |= expected == "1"

    async def log_off(self) -> None:
        self.model.logged_in = False
        assert await asks(self.client, 2) == ("2",)

    async def change(self) -> None:
        old, new = self.a_password(), self.random.choice([*PASSWORDS, "short"])
        expected = self.model.tries(old, self.now)
        if expected == "1":
            expected = "6" if new in (old, "short") else "5"
            self.model.password = new if expected == "5" else old
        assert await asks(self.client, 3, "bob", (554, old), (925, new)) == (expected,)

    async def status(self) -> None:
        assert await asks(self.client, 4) == ("1" if self.model.logged_in else "2",)

    async def strange(self) -> None:
        assert await asks(self.client, self.random.choice("14"), "ann", (554, self.model.password)) == ("3",)

    async def trade(self) -> None:
        self.orders += 1
        [answer] = await self.client.buys(f"o{self.orders}")
        assert answer.msg_type == ("8" if self.model.logged_in else "j")

    async def come_again(self) -> None:
        await self.client.session.close()
        self.model.logged_in = False
        await self.come(self.a_password() if self.random.random() < 0.5 else "")

    async def come(self, password: str = "") -> None:
        expected = self.model.tries(password, self.now) if password else ""
        if expected in ("4", "6"):
            with pytest.raises(ff.LogonFailed):
                await self.venue.bob(self.version, password=password)
            password = expected = ""
        self.client = await self.venue.bob(self.version, password=password)
        self.model.logged_in = expected == "1"

    async def wait(self) -> None:
        await self.venue.advance(self.random.choice([1, 20, LOCK_FOR]))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(3))
def test_a_life_goes_as_the_model_says(version: str, seed: int) -> None:
    async def main() -> None:
        options = {"lock_after": LOCK_AFTER, "lock_for": LOCK_FOR, "login_within": 100_000}
        async with Venue(**options) as venue:
            await venue.registers("ann")
            life = Life(venue, version, seed)
            await life.come()
            for _ in range(100):
                await life.step()

    print(f"seed {seed}")  # noqa: T201
    run(main())
