"""FixSide: the FIX session of a Backend: logged on and off by command, its orders and positions over all of that."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fixfast import clock
from fixfast.auth.messages import Veil, credentials, judged_answer, logged_off
from fixfast.auth.secret import Secret, without
from fixfast.auth.state import AuthFailure, UserStatus
from fixfast.engine.initiator import connect
from fixfast.engine.live import LiveSession
from fixfast.engine.observing.records import about
from fixfast.engine.ordering import version_of
from fixfast.engine.settings.run import opened
from fixfast.engine.settings.session import SessionSettings
from fixfast.errors import ConfigError, FixfastError, GaveUp, LocalProtocolError, LogonFailed, NotActive, StoreError
from fixfast.service.backend.market import Market
from fixfast.service.backend.numbered import NumberedLog
from fixfast.service.backend.watching import Watched
from fixfast.service.messages import Fault, LogOn, Message, Record, StatusNow, UserAnswer, UserRequest
from fixfast.service.start import BackendOptions
from fixfast.session.checks import MAX_SEQ_NUM
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected, LoggedOut
from fixfast.session.schedule import Schedule
from fixfast.session.state import State
from fixfast.session.wire import Message as FixMessage
from fixfast.store.files import write_private
from fixfast.trading.log import LogKind, pack
from fixfast.trading.orders import OrderManager
from fixfast.trading.positions import Positions
from fixfast.trading.replica import Replica
from fixfast.trading.risk import RiskCheck
from fixfast.trading.update import Question

__all__ = ["FixSide"]

_log = logging.getLogger("fixfast.service")

#: seconds between looks at a session that is not logged on: a connection that is refused tells of itself no event
_LOOK = 0.5
#: seconds for a UserResponse
_ANSWER = 15.0
#: where neither the configuration nor the session says what a day is: without days a log grows for ever
_DAYS = Schedule.daily("00:00", "00:00", tz="UTC")
#: what ClOrdIDs begin with that no front end asked for: status requests, cancels by policy
OWN_PREFIX = "BE."


class FixSide:
    """Keeps the session, and what there is of it when it is down.

    Args:
        chosen: the session.
        options: of the Backend.
        log: of orders.
        state: a folder; who logged on last is remembered there.
        tell: called with what all front ends are to know: StatusNow, Fault.

    Attributes:
        manager: the orders: of the session, or as they were when there was none.
        positions: of all that was traded.
        market: the books.
        watched: the messages.
        session: None: it is not to be logged on.

    Raises: StoreError, StoreCorrupt: the log.
    """

    def __init__(
        self,
        chosen: SessionSettings,
        options: BackendOptions,
        log: NumberedLog,
        state: Path,
        tell: Callable[[Message], object],
    ) -> None:
        self._chosen = chosen
        self._options = options
        self._log = log
        self._identity = state / "identity.json"
        self._tell = tell
        self._wire_log = chosen.log.open() if chosen.log is not None else None
        self._config = chosen.config
        self._task: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._turn = asyncio.Lock()  # of several front ends that want it on and off
        self._goodbye = ""
        self._first_seq = 0
        self._told: tuple[object, ...] = ()
        self._since_ns = clock.now().wall_ns
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self._last_question: Question | None = None
        given = options.orders
        prefix = given.id_prefix or OWN_PREFIX
        days = given.days or chosen.config.schedule or _DAYS
        self.order_options = replace(given, version=version_of(chosen.config), id_prefix=prefix, days=days)
        self.session: LiveSession | None = None
        self.wanted = False
        self.market = Market(options.symbols, options.depth, lambda text: tell(Fault("market data", text)))
        self._hidden: list[Secret] = []  # passwords that are held now: what a venue says is told without them
        self.watched = Watched(self._wire_log, self._hidden)
        self.positions = self._of_all(log)
        log.beside = lambda: map(pack, self.positions.state())
        self.on_active: list[Callable[[], object]] = []
        self._asking = False
        self._user_requests = itertools.count(1)
        log.on_append.append(self._written)
        self.manager = OrderManager(_nowhere, self.order_options, log=log)

    # --- what there is -------------------------------------------------------------------------------------

    @property
    def config(self) -> SessionConfig:
        """The session's options, as it was logged on last."""
        return self._config

    @property
    def active(self) -> bool:
        """It is logged on."""
        return self.session is not None and self.session.active

    def flush(self) -> None:
        """Write to the venue what commands brought."""
        if self.session is not None:
            self.session.flush()

    def status(self) -> StatusNow:
        """Return how the session is."""
        live, config = self.session, self._config
        state = live.state if live is not None else State.DISCONNECTED
        return StatusNow(
            state.value, self._why(), config.sender_comp_id, config.target_comp_id,
            live.next_in if live is not None else 0, live.next_out if live is not None else 0,
            self._since_ns, self.wanted,
        )  # fmt: skip

    # --- on and off ----------------------------------------------------------------------------------------

    async def log_on(self, command: LogOn) -> None:
        """Begin to log on, and to stay so.

        Raises: ConfigError: a field is not allowed. LocalProtocolError: it is logged on already, as somebody else.
        """
        async with self._turn:
            config = self._config_of(command)
            if self._task is not None and self.wanted:
                if config == self._config:
                    return
                raise LocalProtocolError("the session is up with other terms: LogOff first")
            await self._off()
            self._forget()
            self._config = config
            self._hidden += _secrets(config.password)
            self._first_seq = command.first_seq_num
            self._leave = asyncio.Event()
            self._goodbye = self._reason = ""
            self.wanted = True
            self._task = asyncio.get_running_loop().create_task(self._keep(config))
            self.look()

    async def log_off(self, text: str = "") -> None:
        """Log out, and stay so."""
        async with self._turn:
            self._goodbye = text
            self.wanted = False
            await self._off()
            self._forget()
            self.look()

    async def user_request(self, command: UserRequest) -> UserAnswer | None:
        """Have a UserRequest(35=BE) sent; return its answer, None where the venue does not know such messages.

        Raises: NotActive. TimeoutError: there was none. EncodeError.
        """
        live = self.session
        if live is None:
            raise NotActive(State.DISCONNECTED.value)
        fields: list[tuple[int, Any]] = [(923, f"user-{next(self._user_requests)}"), (924, command.kind)]
        given = (553, command.username), (554, command.password), (925, command.new_password)
        fields += [(tag, value) for tag, value in given if value]
        secrets = _secrets(command.password, command.new_password)
        self._hidden += secrets
        try:
            answer = judged_answer(await live.request("BE", fields, timeout=_ANSWER))
            if isinstance(answer, AuthFailure):
                return None
            status, text = answer
            config = self._config
            if status == UserStatus.PASSWORD_CHANGED and command.username == config.username and config.password:
                self._config = replace(config, password=command.new_password)  # of the next Logon
                self._hidden += _secrets(command.new_password)
            return UserAnswer(command.id, status, self._clean(text))
        finally:
            self._hidden[:] = [held for held in self._hidden if not any(held is one for one in secrets)]

    async def close(self) -> None:
        """End for good. Front ends are not told that the session is not wanted: another process may go on with it."""
        async with self._turn:
            await self._off()
        if self._timer is not None:
            self._timer.cancel()
        if self._wire_log is not None:
            await asyncio.to_thread(self._wire_log.close)

    def look(self) -> None:
        """Tell front ends of the session, if it is not what they were told last."""
        status = self.status()
        now = (status.state, status.reason, status.sender_comp_id, status.wanted)
        if now != self._told:
            if now[0] != (self._told or ("",))[0]:
                self._since_ns = clock.now().wall_ns
            self._told = now
            self._tell(self.status())
            if self.active:
                self._remember(self._config)  # whose orders will be here; a name that was refused has none
                for call in self.on_active:
                    call()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.wanted and not self.active:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self.look)

    # --- inside --------------------------------------------------------------------------------------------

    def _config_of(self, command: LogOn) -> SessionConfig:
        if not 0 <= command.first_seq_num <= MAX_SEQ_NUM:
            raise ConfigError("first_seq_num", command.first_seq_num, f"0 to {MAX_SEQ_NUM}")
        changes: dict[str, Any] = {}
        if command.user_id:
            changes["sender_comp_id"] = command.user_id
        if command.heart_bt_int:
            changes["heart_bt_int"] = command.heart_bt_int
        if command.username:
            changes["username"] = command.username
        if command.password:
            changes["password"] = command.password
        config = replace(self._chosen.config, **changes)
        known = self._remembered()
        if known and known != config.sender_comp_id and (self.manager.all_orders or any(self.positions)):
            raise ConfigError("user_id", config.sender_comp_id, "the one whose orders these are")
        return config

    def _remembered(self) -> str:
        try:
            return str(json.loads(self._identity.read_text())["sender_comp_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _remember(self, config: SessionConfig) -> None:
        """Write down whose orders will be here: what was there before stays until that is on the disk."""
        if self._remembered() == config.sender_comp_id:
            return
        data = json.dumps({"sender_comp_id": config.sender_comp_id}).encode()
        try:
            write_private(str(self._identity), data)
        except (OSError, StoreError) as error:
            _log.error("%s: %s", self._identity, error, extra=about("store_failed", config.session_id))
            self._tell(Fault("session", f"whose orders these are cannot be written down: {error}"))

    def _forget(self) -> None:
        """Hold the password of the last logon no more."""
        self._config = replace(self._config, password=self._chosen.config.password)
        self._hidden.clear()

    def _with_password(self, config: SessionConfig) -> SessionConfig:
        """Return the options of a session that logs on with the password as it is by then: it may be changed."""
        if not config.password:
            return config
        logon = credentials(config.logon, lambda: (self._config.username, self._config.password))
        return replace(config, username="", password="", logon=logon)

    async def _off(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._leave.set()
        if not self.active:
            task.cancel()  # it waits for a logon that nobody wants any more
        await asyncio.wait([task])

    async def _keep(self, config: SessionConfig) -> None:
        """Be logged on until that is not wanted any more, or there is no hope."""
        chosen, leave = self._chosen, self._leave
        connection = chosen.connection
        assert connection is not None
        eager = replace(connection, reconnect=replace(connection.reconnect, retry_first=True))
        program = _Program(self)
        veil = Veil(self._hidden)
        veil.drop()
        try:
            store = await opened(chosen, config.session_id)
            initiator = connect(
                self._with_password(config), eager, program, store,
                wire_log=self.watched, throttle=chosen.throttle, latency=chosen.latency,
            )  # fmt: skip
            async with initiator as live:
                waiting = asyncio.ensure_future(leave.wait())
                ended = asyncio.ensure_future(live.stopping.wait())
                await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                ended.cancel()
                if leave.is_set():
                    with suppress(FixfastError):
                        await live.close(self._goodbye)
                elif live.error is not None:
                    raise live.error
        except (LogonFailed, GaveUp) as error:
            cause = error.__cause__
            self._reason = self._clean(f"{error}: {cause}" if isinstance(cause, LogonFailed) else str(error))
            if isinstance(cause, StoreError):
                _log.error("%s: %s", config.session_id, self._reason, extra=about("session_failed", config.session_id))
                self._tell(Fault("session", self._reason))
        except FixfastError as error:
            self._reason = self._clean(str(error))
            _log.error("%s: %s", config.session_id, self._reason, extra=about("session_failed", config.session_id))
            self._tell(Fault("session", self._reason))
        except Exception as error:  # a bug of ours must not take the process, and what it knows, with it
            self._reason = f"internal error: {type(error).__name__}"
            _log.exception("%s: failed", config.session_id, extra=about("session_failed", config.session_id))
            self._tell(Fault("session", self._reason))
        finally:
            veil.lift()
            self.session = None
            self.market.detach()
            if not leave.is_set():
                self.wanted = False
                self._forget()
            self.look()

    def _clean(self, text: str) -> str:
        """Return what a venue said, for people."""
        return without(text, self._hidden)

    def _why(self) -> str:
        live = self.session
        if live is None or live.active:
            return self._reason if live is None else ""
        if live.logon_error is not None:
            return self._clean(str(live.logon_error))
        return self._reason

    def _of_all(self, log: NumberedLog) -> Positions:
        """Return the positions of all that was ever traded: also of orders that are forgotten."""
        replica = Replica(self.order_options)
        for record in log.read():
            replica.apply(*record)
        return replica.positions

    def created(self, live: LiveSession) -> None:
        """Prepare a new session, before anything else happens to it."""
        if self._first_seq == 1:
            live.reset(tell=True)
        elif self._first_seq > live.next_out:
            live.set_next_out(self._first_seq)
        elif self._first_seq and self._first_seq != live.next_out:
            raise ConfigError("first_seq_num", self._first_seq, f"1, or from {live.next_out}")
        self._first_seq = 0
        self.session = live
        live.overhear("BF", self._unasked)
        limits, risk = self._options.risk, None
        if limits is not None:
            risk = RiskCheck(limits, positions=self.positions, reference=self.market.marks.get, clock=clock.now)
        checks = [risk.check] if risk is not None else []
        orders = live.orders(self.order_options, log=self._log, checks=checks, consume=True)
        self.manager = orders.manager
        self.manager.subscribe(self.positions.on_update)
        if risk is not None:
            risk.follow(orders.manager)
        self.market.attach(live)

    def heard(self, event: object) -> None:
        """Know that something happened to the session."""
        if isinstance(event, LoggedOut):
            self._reason = self._clean(f"Logout: {event.text}" if event.text else "Logout")
        elif isinstance(event, Disconnected):
            why = self._reason if self._reason.startswith("Logout") else event.detail or event.reason.value
            self._reason = self._clean(why)
        self.look()
        self.questions()

    def rejected(self, message: FixMessage) -> None:
        """Know that the venue refused a message that is not about an order."""
        about_what = message.get(45) or "?"
        why = self._clean(message.get(58) or message.get(373) or "")
        self._tell(Fault("reject", f"the venue refused message {about_what}: {why}"))

    def _unasked(self, message: FixMessage) -> None:
        """Know that the venue says something of the user that nobody asked for."""
        off = logged_off(message)
        if off is not None:
            self._tell(UserAnswer(0, off[0], self._clean(off[1])))

    def _written(self, record: Record) -> None:
        """Look for questions when a message was written down, and has been dealt with."""
        if record.kind == LogKind.RECEIVED and not self._asking and self.session is not None:
            self._asking = True
            asyncio.get_running_loop().call_soon(self.questions)

    def questions(self) -> None:
        """Tell front ends what a person should look at."""
        self._asking = False
        fresh = []
        for question in reversed(self.manager.questions):
            if question is self._last_question:
                break
            fresh.append(question)
        for question in reversed(fresh):
            order = question.order.cl_ord_id if question.order is not None else ""
            self._tell(Fault("question", f"{question.doubt.value}: {question.text}", order))
        if fresh:
            self._last_question = fresh[0]


class _Program:
    """The callbacks."""

    def __init__(self, side: FixSide) -> None:
        self._side = side

    def on_create(self, session: LiveSession) -> None:
        self._side.created(session)

    def on_event(self, session: LiveSession, event: object) -> None:
        self._side.heard(event)

    def on_message(self, session: LiveSession, message: FixMessage) -> None:
        """Pass over what is neither about orders nor about market data; WatchMessages shows it."""

    def on_reject(self, session: LiveSession, message: FixMessage) -> None:
        self._side.rejected(message)


def _secrets(*texts: str) -> list[Secret]:
    return [Secret.of(text) for text in texts if text]


def _nowhere(msg_type: str, fields: list[tuple[Any, Any]]) -> int:
    raise LocalProtocolError("there is no FIX session")
