"""Users: registered clients log on with their client_id as SenderCompID, and say their password.

They say it on the Logon (553, 554), or in a UserRequest (35=BE), which is answered by a UserResponse (35=BF). Until
then nothing else of theirs is taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from fixfast import clock
from fixfast.engine.authentication import Accept, LogonRequest, Refuse
from fixfast.engine.crowd import ip_of
from fixfast.engine.live import LiveSession
from fixfast.errors import BusinessReject, FixfastError, StoreError
from fixfast.exchange.accounts.account import Account, Refusal, Verdict
from fixfast.exchange.accounts.accounts import Accounts, Answer, TooBusy, audit
from fixfast.exchange.accounts.buckets import Buckets
from fixfast.exchange.accounts.rules import username_key
from fixfast.session.events import LoggedOn
from fixfast.session.wire import Message
from fixfast.types import SessionID

__all__ = ["Users"]

_log = logging.getLogger("fixfast.exchange")

_SECOND = 1_000_000_000
_OTHER, _MISSING, _NOT_AUTHORIZED = 0, 5, 6  # BusinessRejectReason(380); FIX 4.2 has no 6
#: SessionStatus(1409) of FIXT.1.1
_PASSWORD_CHANGED, _NEW_PASSWORD_BAD, _WRONG_LOGIN, _LOCKED = 1, 3, 5, 6
#: user requests beyond the limit that are answered; after one more the connection is cut
_PATIENCE = 20
#: messages of one who has not said the password that are answered; each answer is stored, which a stranger may not make
#: grow: then the connection is cut
_STRAYS = 100

_WRONG = "Invalid username or password"
_BUSY = "Not available at the moment"


class _Said(NamedTuple):
    """What a UserResponse says: UserStatus(926), UserStatusText(927)."""

    status: int
    text: str


_LOGGED_IN, _NOT_LOGGED_IN = _Said(1, "Logged in"), _Said(2, "Not logged in")
_UNKNOWN, _INCORRECT = _Said(3, "User not recognised"), _Said(4, "Password incorrect")
_CHANGED, _IS_LOCKED = _Said(5, "Password changed"), _Said(6, "Account locked: too many wrong passwords")
_SAID = {Verdict.UNKNOWN: _UNKNOWN, Verdict.WRONG: _INCORRECT, Verdict.LOCKED: _IS_LOCKED}


class Users:
    """Who of an exchange's registered clients has said its password. One event loop owns it.

    Args:
        accounts: all that are registered.
        is_participant: tells whether a CompID is one of the exchange's own participants: they need none of this.
        left: called when a user logged off, and its session stays.
    """

    def __init__(
        self, accounts: Accounts, is_participant: Callable[[str], bool], left: Callable[[LiveSession], object]
    ) -> None:
        self._accounts = accounts
        self._config = accounts.config
        self._is_participant = is_participant
        self._left = left
        self._free: set[LiveSession] = set()  # need no user
        self._logged_in: set[LiveSession] = set()
        self._proofs: dict[SessionID, bytes] = {}  # the Logon that had the right password, until it is answered
        self._timers: dict[LiveSession, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._addresses = Buckets(self._config.attempts_per_minute)
        self._sessions = Buckets(self._config.attempts_per_minute)
        self._strays: dict[LiveSession, int] = {}  # messages that were refused since the Logon
        self._refused: dict[str, int] = {}  # client_id -> user requests beyond the limit, in a row

    # --- Logon ---------------------------------------------------------------------------------------------

    async def authenticate(self, request: LogonRequest) -> Accept | Refuse:
        """Decide on the Logon of one who is no participant."""
        assert request.config is not None
        client_id = request.session_id.target_comp_id
        try:
            account = await self._accounts.find(client_id)
            if account is None:
                return Refuse(silent=True)
            if not request.password:  # no attempt at one
                enough = not request.username and not self._config.require_logon_password
                return Accept(request.config) if enough else Refuse(_WRONG, _WRONG_LOGIN)
            if self._addresses.take(ip_of(_host(request.address)), clock.now().mono_ns):
                audit.warning("%s from %s: too many attempts", client_id, request.address)
                return Refuse("Too many attempts: come again later", status=_WRONG_LOGIN)
            return await self._with_password(request, account, Accept(request.config))
        except TooBusy:
            return Refuse(_BUSY)
        except StoreError as error:
            _log.error("accounts: %s", error)
            return Refuse(_BUSY)

    async def _with_password(self, request: LogonRequest, account: Account, accept: Accept) -> Accept | Refuse:
        where = f"{account.client_id} from {request.address}"
        # A wrong name is no attempt at this account's password, but takes as long.
        name = account.client_id if _is_called(account, request.username or account.client_id) else ""
        done: Answer | Refusal
        if request.new_password and name:
            done = await self._accounts.change_password(name, request.password, request.new_password)
        else:
            done = await self._accounts.check(name, request.password)
        if isinstance(done, Answer) and done.verdict is not Verdict.OK:
            audit.warning("%s: Logon refused: %s", where, done.verdict.value)
            locked = done.verdict is Verdict.LOCKED
            return Refuse("Account locked", _LOCKED) if locked else Refuse(_WRONG, _WRONG_LOGIN)
        audit.info("%s: the password of the Logon is right", where)
        # Another Logon of the same name may come meanwhile: it proves nothing by this one.
        self._proofs[request.session_id] = _digest(request.message)
        if isinstance(done, Refusal):
            return Accept(accept.config, _NEW_PASSWORD_BAD, f"The new password is not taken: {done.message}")
        return Accept(accept.config, _PASSWORD_CHANGED, "Password changed") if request.new_password else accept

    # --- sessions ------------------------------------------------------------------------------------------

    def take_up(self, session: LiveSession) -> None:
        """Know of a session."""
        if not self._config.require_user_request or self._is_participant(session.id.target_comp_id):
            self._free.add(session)

    def on_event(self, session: LiveSession, event: object) -> None:
        """Let one in whose Logon had the right password."""
        if isinstance(event, LoggedOn):
            proof = self._proofs.pop(session.id, None)
            if proof is not None and proof == _digest(event.message):
                self._let_in(session)
            elif session not in self._free:
                self._expect(session)

    def on_logout(self, session: LiveSession) -> None:
        """Forget one who is gone."""
        self._calm(session)
        self._strays.pop(session, None)
        if session in self._logged_in:
            self._logged_in.discard(session)
            audit.info("%s: gone", session.id.target_comp_id)

    def close(self) -> None:
        """Wait for nobody any more."""
        for session in list(self._timers):
            self._calm(session)

    def takes(self, session: LiveSession, message: Message) -> bool:
        """Tell whether a message is taken: its user is logged in, or needs none. False: it is not worth an answer.

        Raises: BusinessReject: the answer to it.
        """
        if session in self._logged_in or session in self._free or message.msg_type == "BE":
            return True
        strays = self._strays.get(session, 0)
        if not message.redelivered:  # of those there are no more than were there when the process before ended
            strays = self._strays[session] = strays + 1
        if strays > _STRAYS:
            if session.active:
                audit.warning("%s from %s: cut off, without a password", session.id.target_comp_id, session.peer)
                session.drop()
            return False
        reason = _OTHER if session.id.begin_string == "FIX.4.2" else _NOT_AUTHORIZED
        raise BusinessReject(reason, "Not authorized: no user is logged in", message.get(11) or "")

    def _let_in(self, session: LiveSession) -> None:
        self._calm(session)
        self._logged_in.add(session)

    def _expect(self, session: LiveSession) -> None:
        """Give a session so much time to say the password: it keeps others with the same name out."""
        self._calm(session)
        loop = asyncio.get_running_loop()
        self._timers[session] = loop.call_later(self._config.login_within, self._give_up, session)

    def _give_up(self, session: LiveSession) -> None:
        del self._timers[session]
        audit.warning("%s from %s: no user logged in in time", session.id.target_comp_id, session.peer)
        task = asyncio.get_running_loop().create_task(session.logout("No user logged in in time"))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _calm(self, session: LiveSession) -> None:
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()

    # --- UserRequest ---------------------------------------------------------------------------------------

    async def on_user_request(self, session: LiveSession, message: Message) -> None:
        """Answer a UserRequest (BE). What comes behind it waits for the answer.

        Raises: BusinessReject: a field is missing.
        """
        req_id, kind, username, password, new = message.many(923, 924, 553, 554, 925)
        needed = {923: req_id, 924: kind, 553: username}
        if kind in ("1", "3"):
            needed[554] = password
        if kind == "3":
            needed[925] = new
        for tag, value in needed.items():
            if value is None:
                raise BusinessReject(_MISSING, f"Conditionally required field missing ({tag})", req_id or "")
        assert username is not None
        if kind in ("1", "3") and (wait := self._sessions.take(session.id.target_comp_id, clock.now().mono_ns)):
            said = self._too_many(session, wait)
        else:
            try:
                said = await self._do(session, kind or "", username, password or "", new or "")
            except TooBusy:
                said = _Said(6, _BUSY)
            except StoreError as error:
                _log.error("accounts: %s", error)
                said = _Said(6, _BUSY)
        with suppress(FixfastError):  # it may be gone by now
            session.send_nowait("BF", [(923, req_id), (553, username), (926, said.status), (927, said.text)])

    async def _do(self, session: LiveSession, kind: str, username: str, password: str, new: str) -> _Said:
        client_id = session.id.target_comp_id
        account = None if self._is_participant(client_id) else await self._accounts.find(client_id)
        mine = account is not None and _is_called(account, username)
        if kind in ("1", "3"):
            done: Answer | Refusal
            if kind == "3" and mine:
                done = await self._accounts.change_password(client_id, password, new)
            else:
                done = await self._accounts.check(client_id if mine else "", password)
            return self._judged(session, kind, done)
        if not mine:
            return _UNKNOWN
        if kind == "2":
            self._log_off(session)
            return _Said(2, "Logged off")
        if kind == "4":
            return _LOGGED_IN if session in self._logged_in else _NOT_LOGGED_IN
        return _Said(6, "UserRequestType(924) is not one of 1, 2, 3 and 4")

    def _judged(self, session: LiveSession, kind: str, done: Answer | Refusal) -> _Said:
        client_id = session.id.target_comp_id
        if isinstance(done, Refusal):
            return _Said(6, f"The new password is not taken: {done.message}")
        if done.verdict is not Verdict.OK:
            audit.warning("%s from %s: %s", client_id, session.peer, done.verdict.value)
            return _SAID[done.verdict]
        self._refused.pop(client_id, None)
        if kind == "3":
            return _CHANGED
        if session.active:  # else its connection went meanwhile, and the next one proves itself
            self._let_in(session)
        audit.info("%s from %s: logged in", client_id, session.peer)
        return _LOGGED_IN

    def _log_off(self, session: LiveSession) -> None:
        if session in self._logged_in:
            self._logged_in.discard(session)
            audit.info("%s: logged off", session.id.target_comp_id)
            self._left(session)
        if session not in self._free:
            self._expect(session)

    def _too_many(self, session: LiveSession, wait_ns: int) -> _Said:
        """Answer a guess without looking at it; cut the connection of one who goes on guessing."""
        client_id = session.id.target_comp_id
        times = self._refused[client_id] = self._refused.get(client_id, 0) + 1
        if times > _PATIENCE:
            audit.warning("%s from %s: cut off, it goes on with too many user requests", client_id, session.peer)
            del self._refused[client_id]
            session.drop()
        return _Said(6, f"Too many attempts: come again in {-(-wait_ns // _SECOND)} s")


def _is_called(account: Account, name: str) -> bool:
    return name == account.client_id or username_key(name) == username_key(account.username)


def _digest(message: Message) -> bytes:
    """Return what tells a Logon from others, and holds no password."""
    return hashlib.sha256(message.raw).digest()


def _host(address: str) -> str:
    """Return the host of "host:port"."""
    return address.rpartition(":")[0].strip("[]")
