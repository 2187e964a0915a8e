"""The HTTP API of accounts, as an ASGI application: JSON in, JSON out, nothing for browsers.

Imported when it is used: starlette is in the extra `[accounts]`. docs/accounts.md has the schemas.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import logging
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fixfast import clock
from fixfast.engine.crowd import ip_of
from fixfast.errors import StoreError
from fixfast.exchange.accounts.account import Account, Refusal, Verdict
from fixfast.exchange.accounts.accounts import Accounts, TooBusy, audit
from fixfast.exchange.accounts.buckets import Buckets
from fixfast.exchange.accounts.rules import username_key

__all__ = ["AccountsApi"]

_log = logging.getLogger("fixfast.exchange")

_SECOND = 1_000_000_000
#: bytes: of a body that is read; of one that is too large and read to its end, so that its sender reads the answer
_MAX_BODY, _MAX_DRAINED = 4096, 1 << 20
#: bytes of an Authorization header that is looked at
_MAX_HEADER = 1024
#: seconds for a whole body
_BODY_TIME = 5.0
#: seconds after which one who found everybody busy may come again
_BUSY_FOR = 2

_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",  # one request, one connection: what a connection may cost is bounded by its first request
}
_STATUS = {"invalid": 422, "username_taken": 409, "full": 503}


class _Answer(Exception):
    """Ends the work on a request with an error."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] = {}, **more: Any) -> None:
        super().__init__(code)
        self.response = _error(status, code, message, headers, **more)


class AccountsApi:
    """POST /accounts and GET /accounts/me.

    Args: accounts: what it is the face of. https: it is reached over TLS only.

    Attributes: app: the ASGI application.
    """

    def __init__(self, accounts: Accounts, *, https: bool = False) -> None:
        self._accounts = accounts
        config = accounts.config
        self._registrations = Buckets(config.registrations_per_minute)
        self._names = Buckets(config.registrations_per_minute)
        self._attempts = Buckets(config.attempts_per_minute)
        self._tried = Buckets(config.attempts_per_minute)
        self._more = {"Strict-Transport-Security": "max-age=31536000"} if https else {}
        self.app = Starlette(
            routes=[
                Route("/accounts", self._guarded(self._register), methods=["POST"]),
                Route("/accounts/me", self._guarded(self._me), methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._other, Exception: self._broken},
        )
        self.app.router.redirect_slashes = False

    # --- what it does --------------------------------------------------------------------------------------

    async def _register(self, request: Request) -> Response:
        _slow_down(self._registrations, _address(request))
        given = _read(await _body(request))
        username, password = given["username"], given["password"]
        _slow_down(self._names, username_key(username))
        made = await self._accounts.register(username, password, address=_address(request))
        if isinstance(made, Refusal):
            about: dict[str, Any] = {"fields": made.fields} if made.fields else {}
            if made.code == "username_taken":
                about["field"] = "username"
            return _error(_STATUS[made.code], made.code, made.message, **about)
        return _response(201, {"client_id": made.client_id})

    async def _me(self, request: Request) -> Response:
        _slow_down(self._attempts, _address(request))
        client_id, password = _credentials(request)
        _slow_down(self._tried, username_key(client_id))
        verdict, account = await self._accounts.check(client_id, password)
        if verdict is not Verdict.OK or account is None:
            whose = "an unknown account" if account is None else f"account {account.client_id}"
            audit.warning("HTTP from %s: %s for %s", _address(request), verdict.value, whose)
            if verdict is Verdict.LOCKED:
                return _error(423, "locked", "this account is locked: too many wrong passwords")
            raise _unauthorized()
        audit.info("HTTP from %s: account %s", _address(request), account.client_id)
        return _response(
            200,
            {"client_id": account.client_id, "username": account.username, "created": _time(account)},
        )

    # --- around that ---------------------------------------------------------------------------------------

    def _guarded(self, work: Any) -> Any:
        """Return an endpoint whose every way out is a JSON answer."""

        async def endpoint(request: Request) -> Response:
            try:
                if "origin" in request.headers:
                    # It is for programs. A page that a browser was lured to must not act for its user.
                    raise _Answer(403, "forbidden", "not for browsers")
                response: Response = await work(request)
            except _Answer as answer:
                response = answer.response
            except TooBusy:
                response = _error(503, "busy", "too much to do at the moment", {"Retry-After": str(_BUSY_FOR)})
            except StoreError as error:
                _log.error("accounts: %s", error)
                response = _error(503, "unavailable", "accounts cannot be reached", {"Retry-After": str(_BUSY_FOR)})
            except ClientDisconnect:
                response = _error(400, "gone", "the request ended early")  # for nobody
            response.headers.update(self._more)
            return response

        return endpoint

    async def _other(self, request: Request, error: Exception) -> Response:
        """Answer what no route takes."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 405:
            headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
            return _error(405, "method_not_allowed", "this method is not for this path", {**headers, **self._more})
        return _error(404, "not_found", "there is nothing here", self._more)

    async def _broken(self, request: Request, error: Exception) -> Response:
        """Answer where we are wrong. Starlette raises the error again, for the log."""
        return _error(500, "internal", "an error of the server", self._more)


# --- requests ------------------------------------------------------------------------------------------------


def _address(request: Request) -> str:
    """Return what counts as one address: of IPv6 a /64."""
    return ip_of(request.client.host) if request.client is not None else ""


def _slow_down(buckets: Buckets, key: str) -> None:
    wait = buckets.take(key, clock.now().mono_ns)
    if wait:
        headers = {"Retry-After": str(-(-wait // _SECOND))}
        raise _Answer(429, "too_many_requests", "too many requests: come again later", headers)


async def _body(request: Request) -> bytes:
    """Read a body of JSON. Raises: _Answer."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Answer(415, "unsupported_media_type", "Content-Type: application/json is needed")
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(_BODY_TIME):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= _MAX_BODY:
                    body += chunk
                elif size > _MAX_DRAINED:
                    break
    except TimeoutError:
        raise _Answer(408, "timeout", f"the whole request within {_BODY_TIME:g} s is needed") from None
    if size > _MAX_BODY:
        raise _Answer(413, "too_large", f"{_MAX_BODY} bytes at most")
    return bytes(body)


def _read(body: bytes) -> dict[str, str]:
    """Return the two texts of a registration. Raises: _Answer."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    try:
        given = json.loads(body.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):  # both are said of what is no JSON; nothing of it is repeated
        raise _Answer(400, "bad_json", "the body is no JSON, or names something twice") from None
    fields = {}
    if isinstance(given, dict):
        fields = {name: "text" for name in ("username", "password") if not isinstance(given.get(name), str)}
        if not fields and len(given) == 2:
            return given
    else:
        fields = dict.fromkeys(("username", "password"), "text")
    message = "an object with the texts username and password, and nothing else"
    raise _Answer(422, "invalid", message, fields=fields)


def _credentials(request: Request) -> tuple[str, str]:
    """Return client_id and password of an Authorization header. Raises: _Answer."""
    kind, _, coded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic" or len(coded) > _MAX_HEADER:
        raise _unauthorized()
    try:
        client_id, colon, password = b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise _unauthorized() from None
    if not colon:
        raise _unauthorized()
    return client_id, password


# --- answers -------------------------------------------------------------------------------------------------


def _response(status: int, content: object, headers: Mapping[str, str] = {}) -> Response:
    body = json.dumps(content).encode() + b"\n"
    return Response(body, status, {**_HEADERS, **headers})


def _error(status: int, code: str, message: str, headers: Mapping[str, str] = {}, **more: Any) -> Response:
    return _response(status, {"error": {"code": code, "message": message, **more}}, headers)


def _unauthorized() -> _Answer:
    """Return one and the same answer for whatever is wrong with a name and a password."""
    headers = {"WWW-Authenticate": 'Basic realm="fixfast", charset="UTF-8"'}
    return _Answer(401, "unauthorized", "wrong client_id or password", headers)


def _time(account: Account) -> str:
    made = datetime.fromtimestamp(account.created_ns // _SECOND, UTC)
    return f"{made:%Y-%m-%dT%H:%M:%S}Z"
