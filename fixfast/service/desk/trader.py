"""Trader: what the pages of a desk share: the client of the Backend, the login, candles, what was entered when."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import TracebackType
from typing import Protocol

from fixfast import clock
from fixfast.auth.aio_ports import AioAccounts
from fixfast.auth.config import AuthTimeouts
from fixfast.auth.coordinator import AuthCoordinator
from fixfast.auth.registration import RegistrationClient
from fixfast.auth.secret import Secret
from fixfast.auth.state import AuthState
from fixfast.errors import FixfastError
from fixfast.service.client.client import Client, ClientOptions, connect
from fixfast.service.client.orders import RemoteOrder
from fixfast.service.desk.options import DeskOptions
from fixfast.service.desk.port import BackendPort
from fixfast.service.desk.recent import Recent
from fixfast.service.desk.screen import Screen
from fixfast.service.messages import Printed, Reset
from fixfast.trading.candles import Candles
from fixfast.trading.update import OrderUpdate

__all__ = ["Trader", "VenueControl"]

_SECOND = 1_000_000_000
#: orders that pages show, the latest
_ORDERS = 200


class VenueControl(Protocol):
    """A simulated exchange that can be made to fail."""

    def buttons(self, symbol: str) -> list[tuple[str, str]]:
        """Return (label, line) of what can be done to it."""

    async def say(self, line: str) -> str:
        """Do it; return what it answers."""


class Trader:
    """A desk without its pages.

    Attributes:
        client: of the Backend.
        auth: the AuthCoordinator.
        candles: symbol -> Candles of the market's trades, since the desk began.
        exchange: the simulated one, where the desk runs against one of its own.
        recent: the orders that pages show.
        screens: of the pages that are open.
    """

    def __init__(
        self,
        options: DeskOptions,
        *,
        exchange: VenueControl | None = None,
        coming_back: ClientOptions | None = None,
    ) -> None:
        self.options = options
        self.exchange = exchange
        self.client: Client = connect(
            options.launcher, account=options.account, api_key=options.key(), options=coming_back
        )
        self._accounts = AioAccounts(RegistrationClient(options.registration)) if options.registration else None
        self.port = BackendPort(self.client)
        self.auth = AuthCoordinator(
            self._accounts, self.port, timeouts=AuthTimeouts(), user_request=options.user_request
        )
        self.auth.observe(self._moved)
        self.candles: dict[str, Candles] = {}
        self.recent = Recent(_ORDERS)
        self.screens: set[Screen] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self.client.listen(self._told)

    async def __aenter__(self) -> Trader:
        self._loop = asyncio.get_running_loop()
        if self._accounts is not None:
            self._accounts.tasks.begin(self._loop)
        await self.client.__aenter__()
        await self.client.watch_messages()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._accounts is not None:
            await self._accounts.tasks.end(cancel=True)
            await self._accounts.client.aclose()
        await self.client.close()

    # --- market data -----------------------------------------------------------------------------------------

    async def follow(self, symbol: str) -> None:
        """Have a symbol's book and trades told. Raises: CommandFailed."""
        if symbol not in self.candles:
            self.candles[symbol] = Candles(self.options.candle)
            await self.client.subscribe(symbol, depth=self.options.depth)

    # --- logging in ------------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Somebody is logged in."""
        return self.auth.state is AuthState.ACTIVE

    def register(self, username: str, password: str) -> None:
        """Ask for an account; what comes of it is in `auth.snapshot`."""
        self.auth.register_account(username, password, clock.now())

    def login(self, client_id: str, password: str) -> None:
        """Log on and in."""
        self.auth.login(client_id, password, clock.now())

    def logout(self) -> None:
        """Log the user off, and the session."""
        self.auth.logout(clock.now())

    async def is_user(self, client_id: str, password: str) -> str:
        """Return "" if this is who is logged in already, else why not: for a second browser."""
        held = self.auth.client_id
        if held is None or self._accounts is None:
            return "somebody is logged in here already"
        if Secret.of(client_id) != held:
            return "somebody else is logged in here"
        try:
            await self._accounts.client.profile(client_id, password)
        except FixfastError as error:
            return str(error)
        return ""

    # --- inside ----------------------------------------------------------------------------------------------

    def _moved(self, update: object) -> None:
        """The coordinator did something: have it called when its next time-out is due."""
        self._tell(update)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.auth.next_deadline()
        if due is not None:
            delay = max(0, due - clock.now().mono_ns) / _SECOND
            self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.auth.tick(clock.now())

    def _told(self, event: object) -> None:
        if isinstance(event, OrderUpdate):
            if event.order is not None:
                self.recent.note(event.order, self.client.mirror.replica.wall_ns)
                if isinstance(event.order, RemoteOrder):
                    event.order.history.clear()  # nobody awaits it here, and it keeps the bytes of every report
            else:  # a new day
                self.recent.begin(self.client.orders.all_orders)
        elif isinstance(event, Reset):
            self.recent.begin(())
        elif isinstance(event, Printed):
            candles = self.candles.get(event.symbol)
            if candles is not None:
                candles.add(Decimal(event.px), Decimal(event.qty or 0), event.wall_ns)
        self._tell(event)

    def _tell(self, event: object) -> None:
        for screen in self.screens:
            screen.note(event)
