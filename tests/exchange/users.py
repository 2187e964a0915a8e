"""Registered clients for tests: an exchange on virtual time where Bob is registered, and what he asks."""

from __future__ import annotations

from typing import Any

import pytest

import fixfast as ff
from fixfast.exchange.accounts.account import Account
from fixfast.exchange.config import ExchangeConfig
from tests.exchange.accounts import PASSWORD, cheap
from tests.exchange.floor import VERSIONS, Client, Floor

Said = tuple[str | None, ...]
NEW = "another good password"

versions = pytest.mark.parametrize("version", VERSIONS)


class Venue(Floor):
    """A floor whose clients register. `client_id` is Bob's."""

    client_id: str

    def __init__(self, **options: Any) -> None:
        exchange = {name: options.pop(name) for name in list(options) if name in ExchangeConfig.__dataclass_fields__}
        super().__init__(ExchangeConfig(registration=cheap(**({"port": None} | options)), **exchange))

    async def __aenter__(self) -> Venue:
        await super().__aenter__()
        self.client_id = await self.registers("bob")
        return self

    @property
    def accounts(self) -> Any:
        assert self.exchange.registration is not None
        return self.exchange.registration.accounts

    async def registers(self, name: str) -> str:
        made = await self.accounts.register(name, PASSWORD)
        assert isinstance(made, Account), made
        return made.client_id

    async def bob(self, version: str = "FIX.4.4", name: str = "", **options: Any) -> Client:
        options.setdefault("reset_on_logon", True)
        if version == "FIX.4.2":
            options["dictionary"] = "FIX.4.2+auth"
        return await self.client(version, name or self.client_id, **options)


async def asks(client: Client, kind: object, name: str | None = None, *more: Any) -> Said:
    """Send a UserRequest, and return UserStatus and its text."""
    who = name if name is not None else client.session.id.sender_comp_id
    [answer] = await client.sends("BE", (923, f"r{kind}"), (924, kind), (553, who), *more)
    assert answer.msg_type == "BF", str(answer)
    assert answer.many(923, 553) == (f"r{kind}", who)
    assert answer.get(927)
    return answer.many(926)


async def logs_in(client: Client, password: str = PASSWORD) -> Said:
    return await asks(client, 1, None, (554, password))


def with_seq_num(message: ff.Message, number: int) -> ff.Message:
    """Return the same message with another MsgSeqNum."""
    fields = [(tag, number if tag == 34 else value) for tag, value in message if tag not in (8, 9, 35, 10)]
    return ff.parse(ff.encode(message.begin_string, message.msg_type, fields))


async def refused(venue: Venue, version: str = "FIX.4.4", **options: Any) -> tuple[str | None, int | None]:
    """Log on in vain. Returns: Text and SessionStatus of the Logout, None where there was none."""
    with pytest.raises(ff.LogonFailed) as caught:
        await venue.bob(version, **options)
    text = caught.value.text
    return None if text.startswith("closed before") else text, caught.value.status
