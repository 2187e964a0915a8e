"""Exchange: the simulated exchange, whole. In a test on virtual time, in a program, or as `fixfast exchange`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, get_args
from zoneinfo import ZoneInfo

from fixfast import clock
from fixfast.dictionary.validation import Validation
from fixfast.engine.acceptor import Server, serve
from fixfast.errors import StoreError
from fixfast.exchange.accounts.registration import Registration
from fixfast.exchange.agents.trading import TradingAgents
from fixfast.exchange.config import ExchangeConfig
from fixfast.exchange.faults import FaultConfig, Faults
from fixfast.exchange.gateway.order_gateway import Handler, OrderGateway, owner_of
from fixfast.exchange.hours import Change, DayEnd, Hours
from fixfast.exchange.journal.file import CommandJournal
from fixfast.exchange.journal.memory import restore, snapshot
from fixfast.exchange.journal.recovery import Recovery, marks_in
from fixfast.exchange.market_data.publishing import Publishing
from fixfast.exchange.market_data.queues import Resting
from fixfast.exchange.matching.outcome import Event, Phase, PhaseChanged
from fixfast.exchange.operators import Operators
from fixfast.exchange.venue.commands import Command, RefuseRequest, SessionEpoch, Tick
from fixfast.exchange.venue.listing import Listing
from fixfast.exchange.venue.market import Changes, Market
from fixfast.exchange.venue.reports import Outgoing
from fixfast.exchange.venue.requests import MassStatus, OrderStatus, Request
from fixfast.exchange.venue.venue import Venue
from fixfast.session.config import SessionConfig
from fixfast.session.session import Session
from fixfast.session.wire import Message
from fixfast.store.base import Store
from fixfast.store.journal import JournalStore
from fixfast.store.memory import MemoryStore

__all__ = ["Exchange", "Listener"]

_log = logging.getLogger("fixfast.exchange")
_SECOND = 1_000_000_000
_HEARD = ("on_batch", "on_reports", "on_logon", "on_logout")  # the methods of a Listener
_REQUESTS = frozenset(get_args(Request))
_QUESTIONS = frozenset((OrderStatus, MassStatus))  # they change nothing, and need no record


class Listener(Protocol):
    """What is told of everything that happens. All methods are optional."""

    def on_batch(self, symbol: str, events: list[Event], changes: Changes, now_ns: int) -> object:
        """Hear of what one command did to one book, and of the levels that changed, after its reports were sent."""

    def on_reports(self, reports: list[Outgoing], now_ns: int) -> object:
        """Hear of the reports of one command."""

    def on_logon(self, owner: str, session: Any) -> object:
        """Hear of a client that logged on: "FIX.4.4:BOT01" and its LiveSession."""

    def on_logout(self, owner: str, session: Any) -> object:
        """Hear of a client that is gone."""


class Exchange(Operators):
    """A simulated exchange: `async with Exchange(config) as exchange: ...`.

    It listens on one port for FIX 4.2, 4.4 and 5.0 SP2, matches by price and time, and tells everybody what they are
    to know. In fixfast.testing.World it runs on virtual time.

    Args:
        config: what it is; None: the default, which lets anybody in.
        serve_options: further arguments of `fixfast.serve`: tls, limits, wire_log, throttle ...

    Attributes:
        config: as it was given.
        venue: the exchange without FIX: its orders, its markets.
        gateway: its FIX side; `gateway.handlers` says who deals with which MsgType.
        faults: what goes wrong on purpose; see set_faults().
        market_data: what it says about its markets.
        registration: the accounts of its clients, and where they are made; None without `config.registration`.
    """

    def __init__(self, config: ExchangeConfig | None = None, **serve_options: Any) -> None:
        self.config = config if config is not None else ExchangeConfig()
        self.venue = Venue(self.config, self._published)
        self.listings: dict[str, Listing] = {symbol: market.listing for symbol, market in self.venue.markets.items()}
        self.faults = Faults(self.config.faults, self.config.seed)
        self.gateway = OrderGateway(self)
        self.closing = False
        self._serve_options = serve_options
        self._server: Server | None = None
        self._journal: CommandJournal | None = None
        self._stores: dict[str, Store] = {}
        self._listeners: list[Any] = []
        self._hearing: dict[str, list[Callable[..., object]]] = {name: [] for name in _HEARD}  # those of the listeners
        self._batches: list[tuple[str, list[Event], Changes, int, list[Resting]]] = []
        self.behind = True  # reports of the time before may not have been sent yet
        self._recovery = Recovery()
        self._timer: asyncio.TimerHandle | None = None
        self._hours = Hours(self.config.phases, ZoneInfo(self.config.timezone), self.config.day_ends)
        self._hours_at = 0
        self._publishing = Publishing(self, self.config.market_data)
        self.market_data = self._publishing.data
        wanted = self.config.registration
        self.registration = None if wanted is None else Registration(self, wanted)
        self._agents = None if self.config.agents is None else TradingAgents(self, self.config.agents)

    # --- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Exchange:
        config = self.config
        known = self._remember()
        now_ns = clock.now().wall_ns
        self._server = serve(
            self.gateway,
            [self._session(*owner.split(":", 1)) for owner in known],
            host=config.host,
            port=config.port,
            stores=self._open_store,
            templates=[self._session(version, "*") for version in config.versions],
            cancel_on_disconnect=self.gateway.cancelling,
            **self._serve_options,
        )
        try:
            if self.registration is not None:
                await self.registration.open()
            await self._server
        except BaseException:
            await self._let_go()
            raise
        self.catch_up()
        self.gateway.cancel_for_the_gone(known)
        self._keep_hours(self._hours.missed(self.venue.now_ns, self.venue.day_ended_ns, now_ns), now_ns)
        if self._agents is not None:
            self._agents.open()
        self._schedule()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, text: str = "The exchange closes") -> None:
        """Log everybody out, keep what there is to keep, let go of port and files. Twice is once."""
        if self.closing:
            return
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._publishing.close()
        if self._agents is not None:
            self._agents.close()
        for outlet in self.gateway.outlets.values():
            outlet.close()
        try:
            if self._server is not None:
                await self._server.close(text)
        finally:
            await self._let_go()

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        if self._server is None:
            raise RuntimeError("the exchange is not open: `async with Exchange(...) as exchange:` around this")
        return self._server.port

    @property
    def server(self) -> Server:
        """The acceptor, with its sessions."""
        if self._server is None:
            raise RuntimeError("the exchange is not open: `async with Exchange(...) as exchange:` around this")
        return self._server

    # --- commands ------------------------------------------------------------------------------------------

    def do(self, command: Command) -> list[Outgoing]:
        """Do a command now: written down, done, everybody told.

        Returns: the reports, which are on their way already.

        Raises: LocalProtocolError: it names what there is not. StoreError: the journal failed; nothing was done.
        """
        now_ns = clock.now().wall_ns
        journal = self._journal
        if journal is not None and type(command) not in _QUESTIONS:
            journal.append(now_ns, command)
        venue = self.venue
        reports = venue.apply(command, now_ns)
        request: Any = command.request if type(command) is RefuseRequest else command
        self.gateway.send(reports, request.owner if type(request) in _REQUESTS else None)
        for heard in self._hearing["on_reports"]:
            heard(reports, now_ns)
        if self._batches:
            self._tell_batches()
        if venue.waits:
            self._schedule()
        if journal is not None and journal.commands >= journal.due and not self.gateway.holding:
            try:
                journal.look_after(lambda: snapshot(venue))
            except StoreError as error:  # what was written is whole, and goes on: only start-up gets no shorter
                _log.error("no snapshot: %s", error)
        return reports

    def submit(self, request: Request) -> list[Outgoing]:
        """Take a request of a participant in the same process; its owner is any name without a colon.

        Raises: ValueError: an owner with a colon is a session.
        """
        if ":" in request.owner:
            raise ValueError(f"owner {request.owner!r}: a colon is for sessions")
        return self.do(request)

    def set_faults(self, **chances: float) -> None:
        """Change the chances of faults: `exchange.set_faults(drop=0.1)`. Raises: ConfigError."""
        self.faults.config = self.faults.config.changed(**chances)

    def clear_faults(self) -> None:
        """Let nothing go wrong from now on."""
        self.faults.config = FaultConfig()

    # --- who is told ---------------------------------------------------------------------------------------

    def subscribe(self, listener: object) -> Callable[[], None]:
        """Tell a Listener of everything from now on. Returns: a function that ends it."""
        if not self._hearing.get("on_batch"):
            for market in self.venue.markets.values():
                market.book.take_changes()  # what was before is no news
        self._listeners.append(listener)
        self._look_at_listeners()

        def end() -> None:
            self._listeners.remove(listener)
            self._look_at_listeners()

        return end

    def handle(self, msg_type: str, handler: Handler) -> None:
        """Let messages of a type be dealt with by `handler(session, message)`, which may raise BusinessReject."""
        self.gateway.handlers[msg_type] = handler

    def tell(self, what: str, *values: Any) -> None:
        """Call a method of all listeners that have it."""
        for heard in self._hearing[what]:
            heard(*values)

    def _look_at_listeners(self) -> None:
        self._hearing = {name: [getattr(one, name) for one in self._listeners if hasattr(one, name)] for name in _HEARD}

    def phases(self) -> dict[str, Phase]:
        """Return the trading phase of each instrument."""
        return {symbol: market.book.phase for symbol, market in self.venue.markets.items()}

    # --- sessions and their stores -------------------------------------------------------------------------

    def know_epoch(self, owner: str, *, again: bool = False) -> None:
        """Note in the journal that a client's numbers began anew, if they did."""
        store = self._stores.get(owner)
        if self._journal is None or store is None:
            return
        epoch = store.load().epoch
        if epoch != self.venue.epochs.get(owner):
            self.do(SessionEpoch(owner, epoch))

    def _session(self, version: str, comp_id: str) -> SessionConfig:
        strict = self.config.validation == "reject"
        return SessionConfig(
            version,
            self.config.comp_id,
            comp_id,
            max_resend_requests=1000,  # connections are cut on purpose, in the middle of a recovery, too
            on_resend=_worth_resending,
            offline="store",  # a report that falls into a lost connection is kept, and resent after the next logon
            default_appl_ver_id="9" if version == "FIXT.1.1" else "",
            dictionary="FIX.4.2+auth" if version == "FIX.4.2" and self.config.registration is not None else None,
            validation=Validation("reject", unknown_tags=False, user_defined_tags=False)
            if strict
            else Validation("observe"),
        )

    def _open_store(self, config: SessionConfig) -> Store:
        store: Store
        if self.config.journal is None:
            store = MemoryStore()
        else:
            path = Path(self.config.journal) / "sessions"
            store = JournalStore(path, session_id=config.session_id, sync=self.config.sync)
        self._stores[f"{config.begin_string}:{config.target_comp_id}"] = store
        return store

    # --- coming back ---------------------------------------------------------------------------------------

    def _remember(self) -> list[str]:
        """Take up the journal. Returns the sessions that are known from it, and those with copies to get."""
        config, venue = self.config, self.venue
        listed = [
            f"{version}:{one.comp_id}"
            for one in config.participants
            if one.drop_copy_of and one.versions
            for version in one.versions
        ]
        if config.journal is None:
            return listed
        what = [[one.listing.symbol, one.listing.price_scale, one.listing.qty_scale] for one in venue.markets.values()]
        Path(config.journal).mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = self._journal = CommandJournal(
            config.journal, what, sync=config.sync == "group", every=config.snapshot_every
        )
        if journal.state is not None:
            try:
                restore(venue, journal.state)
            except ValueError as error:
                raise StoreError(f"{journal.path}: {error}") from None
        publish, venue.publish = venue.publish, None
        self._recovery.replay(journal, venue)
        venue.publish = publish
        for market in venue.markets.values():
            market.book.take_changes()
        known = {kept.owner for kept in venue.telling.orders.values()} | set(venue.epochs)
        return sorted({owner for owner in known if ":" in owner} | set(listed))

    def catch_up(self) -> None:
        """Send what had not reached the sessions' stores when the process ended."""
        server = self._server
        if server is None or not self.behind:
            return
        self.behind = False
        epochs = {owner: store.load().epoch for owner, store in self._stores.items()}
        same = {owner for owner, epoch in epochs.items() if epoch == self.venue.epochs.get(owner)}
        outlets = {owner_of(session): self.gateway.take_up(session) for session in server.sessions.values()}
        if self._journal is None:
            return
        sent = {owner: marks_in(self._stores[owner]) for owner in outlets}
        for owner, outlet in outlets.items():
            for report in self._recovery.unsent(owner, sent[owner], same_epoch=owner in same):
                outlet.send(report, poss_resend=True)
        for owner, outlet in outlets.items():
            for report in self._recovery.missing(sent[owner]):
                if outlet in self.gateway.copies_of(report.owner):
                    outlet.copy(report)

    # --- time ----------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Wake up when the next thing is due."""
        if self.closing or self._server is None:
            return
        now_ns = clock.now().wall_ns
        due = [at for at in (self.venue.next_due(), self._hours.next_ns(now_ns)) if at is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due:
            # A day at most: the wall clock may be set meanwhile.
            wait = min(max(0, min(due) - now_ns) / _SECOND, 3600.0)
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now_ns = clock.now().wall_ns
        due = self.venue.next_due()
        if due is not None and due <= now_ns:
            self.do(Tick())
        self._keep_hours(self._hours.changes(self._hours_at, now_ns), now_ns)
        self._schedule()

    def _keep_hours(self, due: Iterable[Change | DayEnd], now_ns: int) -> None:
        for one in due:
            if isinstance(one, DayEnd):
                self.end_day(one.at_ns)
            else:
                for symbol in one.symbols or (None,):
                    self._set_phase(one.phase, symbol)
        self._hours_at = now_ns

    def _set_phase(self, phase: str, symbol: str | None) -> None:
        wanted = [symbol] if symbol is not None else list(self.venue.markets)
        if any(self.venue.markets[one].book.phase != phase for one in wanted):
            self.set_phase(phase, symbol)

    # --- inside --------------------------------------------------------------------------------------------

    def _published(self, market: Market, events: list[Event], now_ns: int) -> None:
        symbol = market.listing.symbol
        changes: Changes = []
        # PERF: with nobody to hear of them the changes stay in the book, which keeps one for each level.
        if symbol in self.market_data.watched or self._hearing.get("on_batch"):
            changes = market.book.take_changes()
        elif self._publishing.note(symbol, events, now_ns):
            return
        self._batches.append((symbol, events, changes, now_ns, self._publishing.touched(market, events)))

    def _tell_batches(self) -> None:
        batches, self._batches = self._batches, []
        for symbol, events, changes, now_ns, orders in batches:
            if PhaseChanged in map(type, events):
                self.gateway.phase_changed(symbol)
            self._publishing.publish(symbol, events, changes, now_ns, orders)
            self.tell("on_batch", symbol, events, changes, now_ns)

    async def _let_go(self) -> None:
        if self.registration is not None:
            await self.registration.close()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()


def _worth_resending(session: Session, message: Message, age_ns: int) -> bool:
    """Tell whether an old message is sent again: market data is not, its reader asks for new (M11)."""
    return message.msg_type not in ("W", "X", "Y")
