"""authenticate(): what an application is told of a Logon, what it may answer, and how it is asked."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fixfast import clock
from fixfast.session.checks import public_text
from fixfast.session.config import SessionConfig
from fixfast.session.gate import LogonAttempt
from fixfast.session.wire import Message, encode
from fixfast.types import SessionID

__all__ = ["Accept", "LogonRequest", "Refuse", "ask", "judged", "on_the_wire", "refusal"]

_log = logging.getLogger("fixfast.engine")


@dataclass(frozen=True, slots=True)
class LogonRequest:
    """A whole Logon that reached the acceptor; nothing in it is proven yet.

    Attributes:
        session_id: the identity asked for, as seen from our side.
        message: the Logon. Do not log it whole: it may hold a password.
        config: the options of the session with this identity that was added before, or those that a template gives it;
            None: there are none.
        address: the peer's address and port, as the proxy told it if there is one; "unix" at a Unix socket.
        username, password, new_password: 553, 554 and 925, empty where absent (L20). Encrypted ones (1400 to 1404) are
            in the message (L22).
        certificate: the peer's TLS certificate as `ssl.SSLSocket.getpeercert()` gives it, None without one.
        proxy: the address and port of the listed proxy that the connection came through, "" for none.
    """

    session_id: SessionID
    message: Message = field(repr=False)
    config: SessionConfig | None
    address: str
    username: str
    password: str = field(repr=False)
    certificate: Mapping[str, Any] | None = field(default=None, repr=False)
    new_password: str = field(default="", repr=False)
    proxy: str = ""

    @classmethod
    def of(
        cls,
        attempt: LogonAttempt,
        config: SessionConfig | None,
        address: str,
        certificate: Mapping[str, Any] | None,
        *,
        proxy: str = "",
    ) -> LogonRequest:
        """Return what an application is told of a Logon that came through a door."""
        message = attempt.message
        return cls(
            session_id=attempt.session_id,
            message=message,
            config=config,
            address=address,
            username=message.get(553) or "",
            password=message.get(554) or "",
            certificate=certificate,
            proxy=proxy,
            new_password=message.get(925) or "",
        )


@dataclass(frozen=True, slots=True)
class Accept:
    """The answer of authenticate() that there will be a session, and what the peer is told with it.

    Args:
        config: the options to take the session up with. A session that is there already keeps its own.
        status: SessionStatus(1409) of our Logon (FIXT.1.1): 1 password changed, 2 due to expire, 3 the new one does not
            comply (L20, L21).
        text: Text(58) of our Logon.
    """

    config: SessionConfig
    status: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The answer of authenticate() that there will be no session.

    Args:
        text: Text(58) of the Logout. Keep it general: it goes to a stranger. One that has a password in it is replaced
            (C23).
        status: SessionStatus(1409) of the Logout (FIXT.1.1): 5 wrong user name or password, 6 account locked, 7 not at
            this time, 8 password expired (L21).
        silent: close without a Logout, as for an unknown identity (L05).
    """

    text: str = ""
    status: int | None = None
    silent: bool = False


def on_the_wire(identity: SessionID) -> tuple[str, str, str]:
    """Return the part of an identity that messages have: a qualifier is ours alone."""
    return identity.begin_string, identity.sender_comp_id, identity.target_comp_id


async def ask(
    authenticate: Callable[[LogonRequest], Any],
    request: LogonRequest,
    limit: float,
    failed: Callable[[str, BaseException | None], None],
) -> Accept | Refuse:
    """Have the application decide.

    Args:
        authenticate: sync or async.
        request: what it is told.
        limit: seconds it may take (L30).
        failed: called with what went wrong, where something did, and the exception if that was it; the answer is then a
            silent Refuse.
    """
    try:
        async with asyncio.timeout(limit):
            verdict = authenticate(request)
            if inspect.isawaitable(verdict):
                verdict = await verdict
    except TimeoutError:
        failed(f"took longer than {limit:g} s", None)
        return Refuse(silent=True)
    except Exception as error:
        failed("raised", error)
        return Refuse(silent=True)
    return judged(verdict, request, failed)


def judged(
    verdict: object, request: LogonRequest, failed: Callable[[str, BaseException | None], None]
) -> Accept | Refuse:
    """Return what authenticate() answered, if that is an answer; else a silent Refuse.

    Args: failed: called with what is wrong with it.
    """
    if isinstance(verdict, SessionConfig):
        verdict = Accept(verdict)
    if isinstance(verdict, Accept) and isinstance(verdict.config, SessionConfig):
        if on_the_wire(verdict.config.session_id) == on_the_wire(request.session_id):
            return verdict
        failed(f"gave the options of {verdict.config.session_id} for {request.session_id}", None)
    elif isinstance(verdict, Refuse):
        return verdict
    else:
        failed(f"returned a {type(verdict).__name__}", None)
    return Refuse(silent=True)


def refusal(attempt: LogonAttempt, verdict: Refuse) -> bytes:
    """Return the Logout for a Logon that was refused (L19).

    It is numbered 1, whatever the session's numbers are: nothing of the session is touched for a stranger (T1), and an
    initiator that waits for a Logon answer takes a Logout of any number (I07).
    """
    identity = attempt.session_id
    fields: list[tuple[int, str | int]] = [
        (49, identity.sender_comp_id),
        (56, identity.target_comp_id),
        (34, 1),
        (52, clock.now().wall_ns),
    ]
    if verdict.text:
        fields.append((58, public_text(verdict.text, attempt.message)))
    if verdict.status is not None and identity.begin_string == "FIXT.1.1":
        fields.append((1409, verdict.status))
    return bytes(encode(identity.begin_string, "5", fields))
