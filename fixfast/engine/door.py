"""The door of an acceptor: a connection from TCP accept to an accepted Logon, in bounded time and memory (C1)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, cast

from fixfast import clock
from fixfast.engine.limits import Limits
from fixfast.engine.observing.records import about
from fixfast.engine.strangers import Stranger
from fixfast.errors import FixfastError
from fixfast.session.gate import LogonAttempt, LogonGate
from fixfast.session.state import CloseReason
from fixfast.transport.aio import Pump
from fixfast.transport.proxy_protocol import ProxyHeader
from fixfast.transport.slim import slim_tls
from fixfast.transport.tls_context import reason_of, watch_handshake
from fixfast.transport.tls_start import begin_tls

__all__ = ["Decide", "Door", "House"]

_log = logging.getLogger("fixfast.engine")


#: Has hand_over() called, or returns to have the connection closed.
Decide: TypeAlias = "Callable[[Door, LogonAttempt], Awaitable[None]]"


class House(Protocol):
    """Who the door belongs to."""

    limits: Limits
    tls: ssl.SSLContext | None
    scratch: bytearray
    decide: Decide

    def admit(self, door: Door) -> bool:
        """Say whether there is room."""

    def through_proxy(self, door: Door) -> bool:
        """Say whether a proxy is to tell first who it is."""

    def identify(self, door: Door) -> bool:
        """Say whether there is room for whom the proxy told."""

    def leave(self, door: Door, *, logged_on: bool = False) -> None:
        """Know that the door is shut."""

    def failed(self, door: Door, kind: str, text: str = "", *args: object) -> None:
        """Know that the connection came to nothing by the peer's doing."""

    def note(self, kind: str, text: str, *args: object) -> bool:
        """Write down what happened to a stranger, or count it."""


class Door(asyncio.BufferedProtocol, Stranger):
    """Reads one Logon, no more than `limits.logon_bytes`, and then nothing until it is decided on.

    A stranger costs a few kilobytes and one timer: no session, no store, no dictionary. TLS begins here, not in the
    listening socket: who is refused costs no handshake, handshakes under way are counted, and a PROXY header comes
    before.
    """

    def __init__(self, house: House) -> None:
        Stranger.__init__(self)
        self._house = house
        self._header: ProxyHeader | None = None  # while it is read
        self._gate: LogonGate | None = None  # from the moment that a Logon may come
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._early = b""  # came in the packet that ended the TLS handshake
        self._heard = False
        self._shut = self._left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a stranger in, if there is room."""
        # uvloop's transports are no asyncio.Transport by class
        transport = cast(asyncio.Transport, transport)
        self._transport = transport
        self.is_from(transport.get_extra_info("peername"))
        sock = transport.get_extra_info("socket")
        self.descriptor = sock.fileno() if sock is not None else -1
        if not self._house.admit(self):
            transport.abort()
        elif self._house.through_proxy(self):
            self._header = ProxyHeader()
            self._timer = asyncio.get_running_loop().call_later(
                self._house.limits.handshake_timeout, self._turn_away, "no PROXY header in time"
            )
        else:
            self._begin()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        scratch = memoryview(self._house.scratch)
        # Not a byte beyond a header: what follows is for TLS.
        return scratch if self._header is None else scratch[: self._header.wanted]

    def buffer_updated(self, nbytes: int) -> None:
        """Look for a header, then for the Logon."""
        if self._shut:
            return
        self._heard = True
        data = bytes(memoryview(self._house.scratch)[:nbytes])
        if self._header is not None:
            self._read_header(self._header, data)
        elif self._gate is None:
            self._early += data
            if len(self._early) > self._house.limits.logon_bytes:
                self._turn_away(CloseReason.TOO_LARGE.value)
        elif self._task is None:
            self._receive(self._gate, data)

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
        self._leave(logged_on=True)
        pump.peer = self.address
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

    def _read_header(self, header: ProxyHeader, data: bytes) -> None:
        header.feed(data)
        if header.error:
            self._turn_away(header.error)
        elif header.whole:
            self._header = None
            self._stop_timer()
            self.is_for(header.source)
            if self._house.identify(self):
                self._begin()
            else:
                self._refuse()

    def _begin(self) -> None:
        if self._house.tls is None:
            self._open()
            return
        assert self._transport is not None
        self._transport.pause_reading()  # the first bytes are the handshake's
        self._task = asyncio.get_running_loop().create_task(self._secure(self._house.tls))

    async def _secure(self, context: ssl.SSLContext) -> None:
        transport = self._transport
        assert transport is not None
        limit = self._house.limits.handshake_timeout
        watched = watch_handshake()
        transport.pause_reading()  # uvloop does not do so in connection_made()
        early, self._early = self._early, b""
        try:
            secure = await begin_tls(transport, self, context, early=early, timeout=limit)
        except (OSError, ssl.SSLError) as ended:
            error = watched.error or ended
            # A port scan or a health check ends here, too: who did not say anything that is wrong has not failed.
            if isinstance(error, (ssl.SSLError, ssl.CertificateError)):
                text = "connection from %s closed: no TLS handshake (%s)"
                self._house.failed(self, "no TLS handshake", text, self.address, reason_of(error))
            transport.abort()
            self._leave()
            return
        slim_tls(transport)
        self._transport, self._task = secure, None
        if self._shut:
            secure.abort()
            return
        self._open()
        if self._early:
            early, self._early = self._early, b""
            assert self._gate is not None
            self._receive(self._gate, early)

    def _open(self) -> None:
        """From here on, a Logon may come."""
        assert self._transport is not None
        limits = self._house.limits
        self.certificate = self._transport.get_extra_info("peercert") or None
        self._gate = LogonGate(max_bytes=limits.logon_bytes, timeout=limits.logon_timeout)
        self._gate.poll(clock.now())
        self._arm(self._gate)

    def _receive(self, gate: LogonGate, data: bytes) -> None:
        attempt = gate.receive_data(data, clock.now())
        if attempt is not None:
            assert self._transport is not None
            self._transport.pause_reading()  # what follows waits in the kernel
            self._stop_timer()
            self._task = asyncio.get_running_loop().create_task(self._decide(attempt))
        elif gate.close_requested:
            self._turn_away(gate.close_requested.value)

    async def _decide(self, attempt: LogonAttempt) -> None:
        try:
            await self._house.decide(self, attempt)
        except (FixfastError, OSError) as error:
            text = "%s: no session for a logon from %s: %s"
            self._house.note("logons that could not be dealt with", text, attempt.session_id, self.address, error)
        except Exception:  # the program's: what makes its stores
            args = attempt.session_id, self.address
            if self._house.note("logons that could not be dealt with", "%s: no session for a logon from %s", *args):
                _log.exception("%s: no session", attempt.session_id, extra=about("failed", attempt.session_id))
        finally:
            if not self._shut:  # not handed over
                self._refuse()

    def _turn_away(self, why: str) -> None:
        """Close, by the peer's doing. Who did not send a byte has done nothing."""
        if self._heard:
            self._house.failed(self, why)
        self._refuse()

    def _refuse(self) -> None:
        """Close. It counts until it is closed: over TLS the peer has a say in that, for a while."""
        self._stop_timer()
        self._shut = True
        if self._transport is not None:
            self._transport.close()

    def _leave(self, *, logged_on: bool = False) -> None:
        self._stop_timer()
        self._shut = True
        if not self._left:
            self._left = True
            self._house.leave(self, logged_on=logged_on)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, gate: LogonGate) -> None:
        due = gate.next_deadline()
        if due is not None:
            wait = max(0, due - clock.now().mono_ns) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer, gate)

    def _on_timer(self, gate: LogonGate) -> None:
        self._timer = None
        gate.poll(clock.now())
        if gate.close_requested:
            self._turn_away(gate.close_requested.value)
        else:
            self._arm(gate)
