"""connect() and serve() on virtual time, with every option they have; ff.testing.pair() has only some."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import fixfast as ff
from fixfast.testing import World
from tests.engine.harness import EAGER, Notes, them, us


@dataclass
class Virtual:
    """A venue and a bot that is logged on to it."""

    world: World
    server: ff.Server
    venue: ff.LiveSession
    bot: ff.LiveSession
    at_bot: Notes
    at_venue: Notes

    async def advance(self, seconds: float = 0, *, ns: int = 0) -> None:
        await self.world.advance(seconds, ns=ns)

    def sent(self, sender: str = "BOT", *, admin: bool = False) -> list[tuple[int, str, int]]:
        """(virtual ns, MsgType, MsgSeqNum) of every message on the wire, application messages only unless told."""
        return [
            (passed.time_ns, passed.message.msg_type, passed.message.msg_seq_num)
            for passed in self.world.wire
            if isinstance(passed.message, ff.Message)
            and passed.message.sender_comp_id == sender
            and (admin or passed.message.msg_type not in "01245A")
        ]

    def fields(self, tag: int, sender: str = "BOT") -> list[str | None]:
        """One field of every application message on the wire, in order."""
        return [
            passed.message.get(tag)
            for passed in self.world.wire
            if isinstance(passed.message, ff.Message)
            and passed.message.sender_comp_id == sender
            and passed.message.msg_type not in "01245A"
        ]


@asynccontextmanager
async def virtual(
    *,
    bot: dict[str, Any] | None = None,
    venue: dict[str, Any] | None = None,
    application: Any = None,
    venue_application: Any = None,
    config: dict[str, Any] | None = None,
    reconnect: ff.Reconnect = EAGER,
) -> AsyncIterator[Virtual]:
    """Run both sides in this task's loop. bot, venue: options of connect() and serve(). config: of both sessions."""
    at_bot, at_venue = application or Notes(), venue_application or Notes()
    async with World() as world:
        config = config or {}
        connection = ff.ConnectionConfig("venue", 1, reconnect=reconnect)
        async with ff.serve(at_venue, [them(**config)], port=1, **(venue or {})) as server:
            async with ff.connect(us(**config), connection, at_bot, **(bot or {})) as session:
                (other,) = server.sessions.values()
                await other.wait_active()
                await world.advance()
                yield Virtual(world, server, other, session, at_bot, at_venue)
