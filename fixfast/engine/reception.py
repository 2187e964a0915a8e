"""Reception: where strangers wait on an event loop. Who they are and what they may cost is in engine/strangers.py."""

from __future__ import annotations

import asyncio
from typing import Any

from fixfast import clock
from fixfast.engine.door import Decide, Door
from fixfast.engine.limits import Limits
from fixfast.engine.strangers import Strangers

__all__ = ["Reception"]


class Reception(Strangers[Door]):
    """The doors of one acceptor that are open, and the count of all its connections.

    Args:
        limits: see Limits.
        decide: called with a door and the Logon that came through it.
        options: as for Strangers.
    """

    def __init__(self, limits: Limits, decide: Decide, **options: Any) -> None:
        super().__init__(limits, **options)
        self.decide = decide
        self._timer: asyncio.TimerHandle | None = None

    def door(self) -> Door:
        """Return the protocol of a connection that was accepted."""
        return Door(self)

    async def close(self) -> None:
        """Let nobody in any more, and show everybody out."""
        self.shut()
        for door in list(self.doors):
            await door.close()
        if self._timer is not None:
            self._timer.cancel()
            self._on_timer()

    def _kept_back(self) -> None:
        due = self._quiet.due
        if due is not None and self._timer is None:
            wait = max(0, due - clock.now().mono_ns) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()
