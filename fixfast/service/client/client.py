"""Client: a front end's connection to its Backend, which comes back by itself and misses nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from msgspec.structs import replace

from fixfast.auth.state import UserStatus
from fixfast.errors import ConfigError, FixfastError, NotActive
from fixfast.service import wire
from fixfast.service.client.mirror import Mirror, RemoteBook
from fixfast.service.client.orders import CommandFailed, RemoteOrders
from fixfast.service.frames import FrameError
from fixfast.service.link import Link, LinkOptions, LinkRefused
from fixfast.service.messages import (
    Done,
    Failed,
    Fault,
    Granted,
    Login,
    LogOff,
    LogOn,
    Message,
    Refused,
    Resume,
    StatusNow,
    Subscribe,
    Unsubscribe,
    UserAnswer,
    UserRequest,
    WatchMessages,
    Welcome,
)
from fixfast.session.state import State
from fixfast.trading.positions import Positions
from fixfast.transport.tls import TlsConfig

__all__ = ["Client", "ClientEnded", "ClientOptions", "CommandFailed", "Connected", "connect"]

#: seconds for which a lost Backend is looked for where it was: started again it knows our token, and what is asked then
#: is asked by the ids that it had. After that the Launcher is asked, who gives a new one.
_TOKEN_SECONDS = 2.0


class ClientEnded(NotActive):
    """There is no FIX session for this client, or no Backend any more. `state` says why, in words."""

    def __init__(self, why: str) -> None:
        FixfastError.__init__(self, why)
        self.state = why


class Connected(NamedTuple):
    """An event of the client's own: whether the Backend is there, and why not."""

    connected: bool
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a client comes back.

    Args:
        first_wait, longest_wait: seconds between attempts; they double, with jitter.
        give_up: seconds without a Backend after which the client ends; None: never.
        login: seconds for a Launcher's answer: it may have to start a Backend.
        link: bounds of each connection.

    Raises: ConfigError: a value is not above 0.
    """

    first_wait: float = 0.1
    longest_wait: float = 5.0
    give_up: float | None = None
    login: float = 60.0
    link: LinkOptions = field(default_factory=LinkOptions)

    def __post_init__(self) -> None:
        for name in ("first_wait", "longest_wait", "give_up", "login"):
            value = getattr(self, name)
            if value is None and name == "give_up":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ConfigError(name, value, "seconds, above 0")


class Client:
    """A front end's view of its Backend. Made by connect(); one event loop's.

    Attributes:
        orders: the orders, to submit and to await.
        mirror: all that was told: status, positions, books, messages, faults.
        connected: the Backend is there, and all that it had to tell is known.
        session: its id; empty before the first connection.
    """

    def __init__(
        self, launcher: str, account: str, api_key: str, *, session: str, tls: TlsConfig | None, options: ClientOptions
    ) -> None:
        self._launcher, self._account, self._api_key = launcher, account, api_key
        self._tls, self._options = tls, options
        self._wanted, self.session = session, ""
        self.orders = RemoteOrders(self)
        self.mirror = Mirror(self.orders.make)
        self.mirror.listen(self.orders.on_update)
        self.mirror.listen(self._woken)
        self.connected = False
        self.error: BaseException | None = None
        self._link: Link | None = None
        self._granted: Granted | None = None
        self._commands = 0
        self._pending: dict[int, tuple[Message, asyncio.Future[Done]]] = {}
        self._subscribed: dict[str, Subscribe] = {}
        self._watching = False
        self._logging_on: LogOn | None = None  # what it takes to be logged on again, after a restart
        self._stays_on = False  # it was not refused, nor logged off by another front end
        self._user_answers: dict[int, UserAnswer] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        there = "connected" if self.connected else "not connected"
        return f"<Client {self._account} {self.session} {there}>"

    # --- what there is --------------------------------------------------------------------------------------

    @property
    def status(self) -> StatusNow | None:
        """The FIX session, as it was told last."""
        return self.mirror.status

    @property
    def is_active(self) -> bool:
        """The Backend is there, and its FIX session is logged on."""
        return self.connected and self.status is not None and State(self.status.state).active

    @property
    def positions(self) -> Positions:
        """Positions of all that was ever traded in the session, valued by the books that are subscribed to."""
        return self.mirror.positions

    @property
    def books(self) -> dict[str, RemoteBook]:
        """symbol -> book, of those subscribed to."""
        return self.mirror.books

    def listen(self, callback: Callable[[object], object]) -> Callable[[], None]:
        """Have a callback called with every OrderUpdate, event of the Backend (messages.Event) and Connected.

        It must not wait for anything. Returns: what ends that.
        """
        return self.mirror.listen(callback)

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so; it is asked after every event.

        Raises: NotActive: the client was closed; what ended it.
        """
        while not so():
            self.check()
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(change)
            try:
                await change
            finally:
                self._waiting.discard(change)

    def check(self) -> None:
        """Raise why nothing more will come."""
        if self.error is not None:
            raise self.error

    # --- what a program asks for ----------------------------------------------------------------------------

    async def log_on(
        self,
        user_id: str = "",
        *,
        first_seq_num: int = 0,
        heart_bt_int: int = 0,
        username: str = "",
        password: str = "",
    ) -> None:
        """Have the Backend log on to the venue, and stay so; returns when it has begun. See active().

        A Backend that was started again does not know the password: it is told again, until log_off() or the end.

        Args: as messages.LogOn: the SenderCompID, MsgSeqNum to begin with, seconds; nothing: as configured.

        Raises: CommandFailed.
        """
        self._logging_on, self._stays_on = LogOn(0, user_id, 0, heart_bt_int, username, password), True
        try:
            await self.command(lambda n: LogOn(n, user_id, first_seq_num, heart_bt_int, username, password))
        except CommandFailed:
            self._logging_on = None
            raise

    async def user_request(self, kind: int, username: str, password: str = "", new_password: str = "") -> UserAnswer:
        """Have a UserRequest(35=BE) sent, and wait for its UserResponse(35=BF).

        Args: kind: UserRequestType(924).

        Raises: CommandFailed: it could not be sent, or no answer came; NotActive.
        """
        done = await self.command(lambda n: UserRequest(n, kind, username, password, new_password))
        answer, logon = self._user_answers.pop(done.id), self._logging_on
        if answer.status == UserStatus.PASSWORD_CHANGED and logon is not None and logon.username == username:
            self._logging_on = replace(logon, password=new_password if logon.password else "")
        return answer

    async def log_off(self, text: str = "") -> None:
        """Have it log out, and stay so until log_on()."""
        self._logging_on = None
        await self.command(lambda n: LogOff(n, text))

    async def active(self) -> None:
        """Wait until the FIX session is logged on. Raises: NotActive: it was refused, or ended; the text says why."""

        def over() -> bool:
            status = self.status
            if self.connected and status is not None and not status.wanted and status.reason:
                raise ClientEnded(status.reason)
            return self.is_active

        await self.until(over)

    async def subscribe(self, symbol: str, *, depth: int = 10, trades: bool = True) -> RemoteBook:
        """Have a symbol's book told, from now on and after every reconnect. Raises: CommandFailed."""
        await self.command(lambda n: Subscribe(n, symbol, depth, trades))
        self._subscribed[symbol] = Subscribe(0, symbol, depth, trades)
        return self.books.setdefault(symbol, RemoteBook(symbol))

    async def unsubscribe(self, symbol: str) -> None:
        """Have it told no more."""
        self._subscribed.pop(symbol, None)
        await self.command(lambda n: Unsubscribe(n, symbol))
        self.books.pop(symbol, None)

    async def watch_messages(self, on: bool = True) -> None:
        """Have FIX messages told as they come and go, secrets masked; or no more."""
        self._watching = on
        await self.command(lambda n: WatchMessages(n, on))

    async def command(self, make: Callable[[int], Message]) -> Done:
        """Send a command and wait for its outcome; offered again when the connection breaks meanwhile.

        Raises: CommandFailed; NotActive: the client was closed, and the outcome is not known.
        """
        self.check()
        self._commands += 1
        number = self._commands
        message = make(number)
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._pending[number] = message, future
        if self.connected and self._link is not None:
            self._link.send(message)
        try:
            return await future
        finally:
            self._pending.pop(number, None)

    async def close(self) -> None:
        """End the connection; the Backend and its orders go on by its policy."""
        self._end(ClientEnded("the client was closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._link is not None:
            await self._link.close()

    async def __aenter__(self) -> Client:
        await self._log_in()
        self._task = asyncio.create_task(self._keep(), name=f"fixfast client {self._account}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- connecting -----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Come back whenever the connection ends."""
        loop = asyncio.get_running_loop()
        while self.error is None:
            assert self._link is not None
            await asyncio.wait([self._link.closed])
            why = str(self._link.error)
            self._lost(why)
            lost, wait = loop.time(), self._options.first_wait
            has_token_until = lost + _TOKEN_SECONDS
            while self.error is None and not self.connected:
                if self._options.give_up is not None and loop.time() - lost > self._options.give_up:
                    self._end(ClientEnded(f"no Backend for {self._options.give_up:g} s: {why}"))
                    return
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, self._options.longest_wait)
                try:
                    if self._granted is not None and loop.time() < has_token_until:
                        await self._join(self._granted)
                    else:
                        await self._log_in()
                except LinkRefused as error:
                    why = str(error)
                    if self._granted is None and error.code in ("credentials", "version"):
                        self._end(error)
                        return
                    wait = max(wait, error.retry_after)
                except (OSError, FixfastError, TimeoutError) as error:
                    why = str(error)
                    self.mirror.tell(Connected(False, why))

    async def _log_in(self) -> None:
        """Connect to the Backend through the Launcher."""
        self._granted = None
        granted = await self._ask_launcher()
        await self._join(granted)
        self._granted = granted

    async def _ask_launcher(self) -> Granted:
        link = await wire.connect(self._launcher, "login", None, options=self._options.link, tls=self._tls)
        try:
            link.send(Login(self._account, self._api_key, self._wanted))
            answer = await asyncio.wait_for(link.receive(), self._options.login)
        finally:
            await link.close()
        if not isinstance(answer, Granted):
            raise FrameError(f"{type(answer).__name__} instead of Granted")
        self.session = answer.session
        return answer

    async def _join(self, granted: Granted) -> None:
        """Connect with a token, and catch up."""
        link = await wire.connect(
            granted.address, "front_end", granted.token, options=self._options.link, tls=self._tls
        )
        caught_up, before = self._number(), self.mirror.welcome
        try:
            welcome = await asyncio.wait_for(link.receive(), self._options.login)
            if not isinstance(welcome, Welcome):
                raise FrameError(f"{type(welcome).__name__} instead of Welcome")
            self.mirror.welcomed(welcome)
            link.send(Resume(caught_up, self.mirror.next_record))
            while not self.mirror.caught_up:
                message = await asyncio.wait_for(link.receive(), self._options.login)
                if isinstance(message, Failed):
                    raise CommandFailed(message)
                if not isinstance(message, Done):
                    self.mirror.take(message)
        except BaseException:
            await link.close()
            raise
        self._link = link
        self._go_on(link, again=before is not None and before.begun_ns != welcome.begun_ns)

    def _go_on(self, link: Link, *, again: bool) -> None:
        """All is known: send what waits for an outcome, and what is to be told again. `again`: to another process."""
        link.hear(self._on_message)
        if again and self._logging_on is not None and self._stays_on:
            link.send(replace(self._logging_on, id=self._number()))
        for subscribe in self._subscribed.values():
            link.send(Subscribe(self._number(), subscribe.symbol, subscribe.depth, subscribe.trades))
        if self._watching:
            link.send(WatchMessages(self._number()))
        for message, future in list(self._pending.values()):
            if not future.done():
                link.send(message)
        self.connected = True
        self.mirror.tell(Connected(True))

    def _number(self) -> int:
        self._commands += 1
        return self._commands

    # --- what comes -----------------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> None:
        if isinstance(message, (Done, Failed)):
            found = self._pending.get(message.id)
            if found is not None and not found[1].done():
                if isinstance(message, Done):
                    found[1].set_result(message)
                else:
                    found[1].set_exception(CommandFailed(message))
            elif found is None and isinstance(message, Failed):  # of what was said again, by itself
                self.mirror.take(Fault("again", f"{message.text} ({message.code})"))
        elif isinstance(message, Refused):
            raise FrameError(message.text)
        elif isinstance(message, UserAnswer) and message.id:
            self._user_answers[message.id] = message
        else:
            if isinstance(message, StatusNow):
                self._stays_on = message.wanted
            self.mirror.take(message)

    def _woken(self, event: object) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)

    def _lost(self, why: str) -> None:
        self.connected = False
        self.mirror.caught_up = False
        for book in self.books.values():
            book.lose(why)
        self.mirror.tell(Connected(False, why))

    def _end(self, error: BaseException) -> None:
        """Know that nothing more will come."""
        if self.error is not None:
            return
        self.error = error
        self.connected = False
        self._api_key = ""
        self._granted = self._logging_on = None
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(error)
        self.orders.wake_all()
        self.mirror.tell(Connected(False, str(error)))


def connect(
    launcher: str,
    *,
    account: str,
    api_key: str,
    session: str = "",
    tls: TlsConfig | None = None,
    options: ClientOptions | None = None,
) -> Client:
    """Return a Client for `async with`: it shows the API key to the Launcher, and goes on to its Backend.

    Args:
        launcher: its address: "unix:/run/user/1000/fixfast/launcher.sock", "tls:HOST:PORT".
        account, api_key: as `fixfast keys create` made them.
        session: join this one; empty: the account's, begun when there is none.
        tls: for "tls:" addresses.
        options: how it comes back.

    Raises: (entering) LinkRefused: the key is wrong, or there is no Backend to be had. LinkLost: nobody listens, or not
        as it should.
    """
    return Client(launcher, account, api_key, session=session, tls=tls, options=options or ClientOptions())
