"""The door of an acceptor: a connection from TCP accept to an accepted Logon, in bounded time and memory (C1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol, cast

from fixfast import clock
from fixfast.engine.config import Limits
from fixfast.errors import FixfastError
from fixfast.session.gate import LogonAttempt, LogonGate
from fixfast.transport.aio import Pump

__all__ = ["Door", "House"]

_log = logging.getLogger("fixfast.engine")


class House(Protocol):
    """Who the door belongs to."""

    def admit(self, door: Door) -> bool:
        """Say whether there is room."""

    def leave(self, door: Door) -> None:
        """Know that the door is shut."""

    async def decide(self, door: Door, attempt: LogonAttempt) -> None:
        """Call hand_over(), or return to have the connection closed."""


class Door(asyncio.BufferedProtocol):
    """Reads one Logon, no more than `limits.logon_bytes`, and then nothing until it is decided on.

    A stranger costs a few kilobytes and one timer: no session, no store, no dictionary.
    """

    def __init__(self, limits: Limits, house: House) -> None:
        self._house = house
        self._gate = LogonGate(max_bytes=limits.logon_bytes, timeout=limits.logon_timeout)
        self._buffer = bytearray(limits.logon_bytes)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._shut = False
        self.address = self.host = ""
        self.certificate: Mapping[str, Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a stranger in, if there is room."""
        # uvloop's transports are no asyncio.Transport by class
        transport = cast(asyncio.Transport, transport)
        self._transport = transport
        name = transport.get_extra_info("peername")
        self.host = str(name[0]) if isinstance(name, tuple) else ""
        self.address = f"{self.host}:{name[1]}" if isinstance(name, tuple) else str(name or "")
        if not self._house.admit(self):
            transport.abort()
            return
        self.certificate = transport.get_extra_info("peercert") or None
        now = clock.now()
        self._gate.poll(now)
        self._arm()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Look for the Logon."""
        if self._shut or self._task is not None:
            return
        attempt = self._gate.receive_data(bytes(memoryview(self._buffer)[:nbytes]), clock.now())
        if attempt is not None:
            assert self._transport is not None
            self._transport.pause_reading()  # what follows waits in the kernel
            self._stop_timer()
            self._task = asyncio.get_running_loop().create_task(self._decide(attempt))
        elif self._gate.close_requested:
            self._refuse()

    def eof_received(self) -> bool:
        """Close: nobody who wants a session hangs up."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and the decision that may be under way."""
        self._leave()
        if self._task is not None:
            self._task.cancel()

    # --- called by the house -------------------------------------------------------------------------------

    def hand_over(self, pump: Pump) -> None:
        """Give the connection to a session's pump."""
        transport = self._transport
        assert transport is not None
        self._leave()
        transport.set_protocol(pump)
        pump.connection_made(transport)
        if not transport.is_closing():
            transport.resume_reading()

    def say(self, data: bytes) -> None:
        """Write a last word; the connection is closed after it."""
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        """End the connection."""
        transport, task = self._transport, self._task
        self._leave()
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0)  # abort() takes effect in the next pass of the loop

    # --- inside --------------------------------------------------------------------------------------------

    async def _decide(self, attempt: LogonAttempt) -> None:
        try:
            await self._house.decide(self, attempt)
        except (FixfastError, OSError) as error:
            _log.error("%s: no session for a logon from %s: %s", attempt.session_id, self.address, error)
        except Exception:  # the program's: what makes its stores
            _log.exception("%s: no session for a logon from %s", attempt.session_id, self.address)
        finally:
            if not self._shut:  # not handed over
                self._refuse()

    def _refuse(self) -> None:
        transport = self._transport
        self._leave()
        if transport is not None:
            transport.close()

    def _leave(self) -> None:
        self._stop_timer()
        if not self._shut:
            self._shut = True
            self._house.leave(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        due = self._gate.next_deadline()
        if due is not None:
            wait = max(0, due - clock.now().mono_ns) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._gate.poll(clock.now())
        if self._gate.close_requested:
            self._refuse()
        else:
            self._arm()
