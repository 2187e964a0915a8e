"""For tests of your own: a pair of sessions on virtual time, and what every message store promises.

async with ff.testing.pair(config) as pair:              # docs/testing-your-bot.md
    pair.initiator.send_nowait("D", [...])
    await pair.advance(30)

class TestMyStore(ff.testing.StoreContract):             # docs/stores.md
    def open(self, directory):
        return MyStore(directory / "my.store")
"""

from __future__ import annotations

from fixfast.testing.counterparty import Counterparty
from fixfast.testing.expectation import ScriptFailed
from fixfast.testing.faults import FaultProxy
from fixfast.testing.link import Passed
from fixfast.testing.model import StoreModel
from fixfast.testing.pairs import Pair, mirrored, pair
from fixfast.testing.stores import StoreContract, fix_message
from fixfast.testing.threaded import Blocking, blocking
from fixfast.testing.virtual import VirtualTime
from fixfast.testing.world import World

__all__ = [
    "Blocking",
    "Counterparty",
    "FaultProxy",
    "Pair",
    "Passed",
    "ScriptFailed",
    "StoreContract",
    "StoreModel",
    "VirtualTime",
    "World",
    "blocking",
    "fix_message",
    "mirrored",
    "pair",
]
