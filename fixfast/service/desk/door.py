"""The desk's door: who may come in by which address, from which page, with which cookie. ASGI, no framework.

The page is for people at this machine, or behind a proxy of theirs. What could go wrong with that: another page in the
same browser calls us (Origin), a name of somebody else's leads here (Host), a cookie is read by a script (HttpOnly), or
goes along with somebody else's link (SameSite).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["COOKIE", "KNOWN_COOKIE", "KNOWN_SECONDS", "Door", "Visits"]

COOKIE = "fixfast_desk"
#: of a browser that has logged in once, and for how many seconds it is kept: 90 days
KNOWN_COOKIE, KNOWN_SECONDS = "fixfast_desk_known", 90 * 24 * 3600

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SECOND = 1_000_000_000
#: passwords that may be tried at once, and the time in which one more may be
_TRIES, _TRY_NS = 5.0, 6 * _SECOND
#: browsers that are known, the latest: as many as a person has, and some more
_BROWSERS = 20
#: The page's own scripts are in it, and its library makes functions of templates; everything is from here.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class _Tries:
    """A password may be tried five times at once, then once every six seconds."""

    __slots__ = ("_at_ns", "_left")

    def __init__(self) -> None:
        self._left, self._at_ns = _TRIES, 0

    def take(self, now_ns: int) -> float:
        """Return 0 if one may be tried now, else the seconds to wait."""
        self._left = min(_TRIES, self._left + (now_ns - self._at_ns) / _TRY_NS)
        self._at_ns = now_ns
        if self._left < 1:
            return (1 - self._left) * _TRY_NS / _SECOND
        self._left -= 1
        return 0.0


class Visits:
    """Browsers that are logged in. Their cookies are not kept, only what tells them again.

    Args: lifetime: seconds from the login on; idle: seconds without a page.
    """

    def __init__(self, lifetime: float = 12 * 3600, idle: float = 3600) -> None:
        self._lifetime, self._idle = int(lifetime * _SECOND), int(idle * _SECOND)
        self._visits: dict[str, tuple[int, int]] = {}  # digest -> begun, seen
        self._tickets: dict[str, int] = {}
        self._strangers = _Tries()
        self._known: dict[str, _Tries] = {}

    def ticket(self, now_ns: int) -> str:
        """Return what a browser that has just logged in shows once, within ten seconds, to get its cookie."""
        self._tickets = {one: until for one, until in self._tickets.items() if until > now_ns}
        ticket = secrets.token_urlsafe(32)
        self._tickets[_digest(ticket)] = now_ns + 10 * _SECOND
        return ticket

    def enter(self, ticket: str, now_ns: int) -> str | None:
        """Return the cookie for a ticket, None if it is none (any more)."""
        if self._tickets.pop(_digest(ticket), 0) <= now_ns:
            return None
        cookie = secrets.token_urlsafe(32)
        self._visits[_digest(cookie)] = now_ns, now_ns
        return cookie

    def knows(self, cookie: str | None, now_ns: int) -> bool:
        """Return whether a cookie is one of a browser that is logged in, and note that it was here."""
        key = _digest(cookie or "")
        begun, seen = self._visits.get(key, (0, 0))
        if not begun or now_ns - begun > self._lifetime or now_ns - seen > self._idle:
            self._visits.pop(key, None)
            return False
        self._visits[key] = begun, now_ns
        return True

    def know(self, cookie: str | None) -> str | None:
        """Know a browser that has logged in, also when it is out again. Returns: a cookie for that; None: it has it."""
        tries = self._known.pop(_digest(cookie or ""), None)
        fresh = secrets.token_urlsafe(32) if tries is None or cookie is None else None
        self._known[_digest(fresh or cookie or "")] = tries or _Tries()
        if len(self._known) > _BROWSERS:
            del self._known[next(iter(self._known))]
        return fresh

    def may_try(self, cookie: str | None, now_ns: int) -> float:
        """Return 0 if a password may be tried now, else the seconds to wait. Args: cookie: that of know(), or None.

        A browser that has logged in once is counted by itself, so that nobody else keeps it out. All others are counted
        together: who can reach the desk can open as many as he likes, they come from the same address as the owner's,
        and a cookie that would tell them apart can be thrown away.
        """
        return self._known.get(_digest(cookie or ""), self._strangers).take(now_ns)

    def leave(self, cookie: str | None) -> None:
        """Know a cookie no more."""
        self._visits.pop(_digest(cookie or ""), None)

    def clear(self) -> None:
        """Know nobody: the user has logged out."""
        self._visits.clear()
        self._tickets.clear()


class Door:
    """An ASGI application around another one, that lets only the right requests in.

    Args:
        app: what is behind it.
        hosts: names that the desk is called by, with ports: "127.0.0.1:8080".
    """

    def __init__(self, app: App, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        why = self.refuses(scope)
        if not why:
            return await self._app(scope, receive, _adding(send))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008, "reason": why})
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        return await send({"type": "http.response.body", "body": f"{why}\n".encode()})

    def refuses(self, scope: Scope) -> str:
        """Return why a request may not come in, "" if it may."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"host", b"origin") and name in headers:
                return f"two {name.decode()} headers"
            headers[name] = value
        if headers.get(b"host", b"").decode("latin-1").lower() not in self._hosts:
            return "this desk has another address"
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and urlsplit(origin).netloc not in self._hosts:
            return "a page of another site may not do that"
        if headers.get(b"sec-fetch-site") == b"cross-site" and scope.get("path") != "/":
            return "a link of another site may only lead to the first page"
        changing = scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD", "OPTIONS")
        if changing and not origin:
            return "without an Origin this is not taken"
        return ""


def _adding(send: Send) -> Send:
    async def adding(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return adding


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
