"""Clients of a registration server, on httpx: one for an event loop, one for threads."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from fixfast import clock
from fixfast._version import __version__
from fixfast.auth.accounts import (
    LONGEST,
    Account,
    Answer,
    failed,
    judged_account,
    judged_registration,
)
from fixfast.auth.secret import Secret, without
from fixfast.auth.state import AuthFailure, AuthReason
from fixfast.engine.connection import positive
from fixfast.errors import ConfigError, MissingExtra
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import ClientTls
from fixfast.transport.tls_trouble import explain

if TYPE_CHECKING:
    import httpx

__all__ = ["RegistrationClient", "RegistrationConfig", "SyncRegistrationClient"]

_T = TypeVar("_T")

_SECOND = 1_000_000_000
_HEADERS = {"User-Agent": f"fixfast/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class RegistrationConfig:
    """Where the registration server is.

    Args:
        url: what "/accounts" is appended to: "https://accounts.venue.example". http:// only to this machine: the
            password would be readable on the way.
        timeout: seconds for all of one call.
        tls: None: the system's authorities; a TlsConfig to say more (`ca_file`, a client certificate, fingerprints), as
            for FIX; or a context of your own.
        proxy: "http://host:3128"; None: none, also where the environment names one.

    Raises: ConfigError: names the option, its value and what is allowed.
    """

    url: str
    timeout: float = 10.0
    tls: TlsConfig | ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _url(self.url))
        positive("timeout", self.timeout)
        if not isinstance(self.tls, TlsConfig | ssl.SSLContext | None):
            raise ConfigError("tls", type(self.tls).__name__, "None, a TlsConfig or an ssl.SSLContext")
        if self.tls is not None and not self.secure:
            raise ConfigError("tls", type(self.tls).__name__, "None with http://; or let the url begin with https://")
        if self.proxy is not None and not (isinstance(self.proxy, str) and "://" in self.proxy):
            raise ConfigError("proxy", "***", "None or a URL, such as 'http://host:3128'")

    @property
    def secure(self) -> bool:
        """It is spoken to by TLS."""
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        """The name or address of the server."""
        return urlsplit(self.url).hostname or ""


class _Client:
    """What both clients have: options, what a call is made of, and what it means when it fails."""

    def __init__(self, config: RegistrationConfig | str) -> None:
        if isinstance(config, str):
            config = RegistrationConfig(config)
        if not isinstance(config, RegistrationConfig):
            raise ConfigError("config", type(config).__name__, "a RegistrationConfig, or its url")
        _httpx()
        self.config = config
        self._tls = ClientTls(config.tls if config.tls is not None else True) if config.secure else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.url}>"

    def _options(self) -> dict[str, Any]:
        """Return the options of an httpx client. It blocks: certificates are read.

        Connections are not kept: one that the server has closed meanwhile would look like a request without an answer,
        and then nobody knows whether there is an account.
        """
        httpx = _httpx()
        # Plain http goes to this machine only, and needs no authorities; reading them takes longer than the call.
        context = self._tls.context() if self._tls is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return {
            "verify": context,
            "headers": _HEADERS,
            "proxy": self.config.proxy,
            "timeout": self.config.timeout,
            "limits": httpx.Limits(max_keepalive_connections=0),
            "trust_env": False,
            "follow_redirects": False,  # a password goes where it was meant to go
        }

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        names = {"sni_hostname": self._tls.server_name(self.config.host)} if self._tls is not None else {}
        return {"method": method, "url": self.config.url + path, "extensions": names, **content}

    def _registering(self, username: str, password: Secret) -> dict[str, Any]:
        Secret(username, "username")
        password.check("password")
        return self._call("POST", "/accounts", json={"username": username, "password": password.reveal()})

    def _asking(self, client_id: Secret, password: Secret) -> dict[str, Any]:
        client_id.check("client_id")
        password.check("password")
        if ":" in client_id.reveal():
            raise ConfigError("client_id", "***", "a text without a colon: HTTP Basic has one behind it")
        return self._call("GET", "/accounts/me", auth=(client_id.reveal(), password.reveal()))

    def _trouble(self, error: Exception, *, posting: bool) -> AuthFailure:
        """Return what an exception means. Nothing of it is kept: its traceback leads to the password.

        Args: posting: the server may have done what it was asked without our hearing of it.
        """
        httpx = _httpx()
        tls = _cause(error, ssl.SSLError)
        if tls is not None and self._tls is not None:
            return AuthFailure(AuthReason.API_TLS, explain(tls, self._tls, self.config.host))
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.PoolTimeout)
        late = isinstance(error, httpx.TimeoutException | TimeoutError)
        text = f"nothing within {self.config.timeout:g} s" if late else str(error) or type(error).__name__
        reason = AuthReason.API_UNANSWERED if posting and not unsent else AuthReason.API_UNREACHABLE
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | _TooLong):
            reason = AuthReason.API_ERROR
        return AuthFailure(reason, without(text, ()))


class RegistrationClient(_Client):
    """A client of a registration server, for an event loop: `async with RegistrationClient(url) as client: ...`.

    Args: config: a RegistrationConfig, or its url.

    Raises: ConfigError: the url or an option cannot be used. MissingExtra: httpx is not installed.
    """

    _http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> RegistrationClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go. Calls that are under way end."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def register(self, username: str, password: str | Secret) -> Secret:
        """Ask for an account.

        Returns: its client_id.

        Raises:
            AuthFailed: why there is none: username_taken, invalid (`fields` says what), too_many_requests ...
            ConfigError: username or password is no text; a file of `tls` cannot be used.
        """
        password = Secret.of(password)
        return _or_raise(await self.ask_for_account(username, password))

    async def profile(self, client_id: str | Secret, password: str | Secret) -> Account:
        """Return what the server knows of an account.

        Raises: AuthFailed: wrong_password, account_locked ... ConfigError: as register().
        """
        client_id, password = Secret.of(client_id), Secret.of(password)
        return _or_raise(_account(await self._ask(self._asking(client_id, password), posting=False)))

    async def ask_for_account(self, username: str, password: Secret) -> Secret | AuthFailure:
        """Do register(), and return what went wrong instead of raising it."""
        return _client_id(await self._ask(self._registering(username, password), posting=True), password)

    async def _ask(self, call: dict[str, Any], *, posting: bool) -> Answer | AuthFailure:
        httpx = _httpx()
        try:
            if self._http is None:
                options = await asyncio.get_running_loop().run_in_executor(None, self._options)
                self._http = self._http or httpx.AsyncClient(**options)
            async with asyncio.timeout(self.config.timeout):
                async with self._http.stream(**call) as response:
                    body = bytearray()
                    async for chunk in response.aiter_raw():
                        _add(body, chunk)
                    return _answer(response, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, _TooLong) as error:
            return self._trouble(error, posting=posting)
        finally:
            call.clear()  # it has the password


class SyncRegistrationClient(_Client):
    """RegistrationClient for threads: the same calls, which block. Any thread may use it."""

    _http: httpx.Client | None = None

    def __enter__(self) -> SyncRegistrationClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go. Calls that are under way end."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def register(self, username: str, password: str | Secret) -> Secret:
        """Ask for an account. Returns, Raises: as RegistrationClient.register()."""
        password = Secret.of(password)
        return _or_raise(self.ask_for_account(username, password))

    def profile(self, client_id: str | Secret, password: str | Secret) -> Account:
        """Return what the server knows of an account. Raises: as RegistrationClient.profile()."""
        client_id, password = Secret.of(client_id), Secret.of(password)
        return _or_raise(_account(self._ask(self._asking(client_id, password), posting=False)))

    def ask_for_account(self, username: str, password: Secret) -> Secret | AuthFailure:
        """Do register(), and return what went wrong instead of raising it."""
        return _client_id(self._ask(self._registering(username, password), posting=True), password)

    def _ask(self, call: dict[str, Any], *, posting: bool) -> Answer | AuthFailure:
        httpx = _httpx()
        until = clock.mono_ns() + round(self.config.timeout * _SECOND)
        try:
            if self._http is None:
                self._http = httpx.Client(**self._options())
            with self._http.stream(**call) as response:
                body = bytearray()
                for chunk in response.iter_raw():
                    _add(body, chunk)
                    if clock.mono_ns() > until:  # httpx counts from one read to the next
                        raise TimeoutError
                return _answer(response, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, _TooLong) as error:
            return self._trouble(error, posting=posting)
        finally:
            call.clear()  # it has the password


# --- inside --------------------------------------------------------------------------------------------------


def _url(url: object) -> str:
    allowed = "a URL such as 'https://accounts.venue.example', without user, query or fragment"
    if not isinstance(url, str) or any(char <= " " or char == "\x7f" for char in url):
        raise ConfigError("url", url if isinstance(url, str) else type(url).__name__, allowed)
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        raise ConfigError("url", url, allowed) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("url", "***", allowed)  # it may have a password in it
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits or parts.query or parts.fragment:
        raise ConfigError("url", url, allowed)
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ConfigError(
            "url", url, "https://, or http:// to this machine: a password over http can be read on the way"
        )
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _TooLong(Exception):
    """The answer has more than LONGEST bytes, or is packed."""


def _httpx() -> Any:
    """Return the module httpx.

    Raises: MissingExtra: it is not installed.
    """
    try:
        import httpx
    except ImportError:
        raise MissingExtra("http", "a client of a registration server") from None
    return httpx


def _add(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > LONGEST:
        raise _TooLong(f"an answer of more than {LONGEST} bytes")


def _answer(response: httpx.Response, body: bytearray) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))


def _or_raise(result: _T | AuthFailure) -> _T:
    if isinstance(result, AuthFailure):
        raise failed(result)
    return result


def _account(answer: Answer | AuthFailure) -> Account | AuthFailure:
    return judged_account(answer) if isinstance(answer, Answer) else answer


def _client_id(answer: Answer | AuthFailure, password: Secret) -> Secret | AuthFailure:
    found = judged_registration(answer) if isinstance(answer, Answer) else answer
    if isinstance(found, AuthFailure):
        return AuthFailure(
            found.reason,
            without(found.text, (password,)),
            tuple((name, without(text, (password,))) for name, text in found.fields),
            found.retry_after,
        )
    try:
        return Secret(found, "client_id")
    except ConfigError as error:
        return AuthFailure(AuthReason.API_ERROR, str(error))


def _cause(error: BaseException | None, kind: type[ssl.SSLError]) -> ssl.SSLError | None:
    """Return the first exception of a kind among those that led to this one."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, kind):
            return error
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None
