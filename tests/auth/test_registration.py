"""Registering over real HTTP: what is asked, what answers mean, what goes wrong; both clients alike."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.auth import (
    Account,
    AuthReason,
    RegistrationClient,
    RegistrationConfig,
    Secret,
    SyncRegistrationClient,
)
from fixfast.auth.accounts import LONGEST
from tests.auth.http_server import Handler, Server, serving
from tests.auth.test_secret import frames_of
from tests.engine.certificates import Authority, self_signed

PASSWORD = "canary correct horse"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


class Asking:
    """Either client, called alike."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, config: RegistrationConfig | str, name: str, *args: Any) -> Any:
        if self.kind == "threads":
            with SyncRegistrationClient(config) as client:
                return getattr(client, name)(*args)

        async def main() -> Any:
            async with RegistrationClient(config) as client:
                return await getattr(client, name)(*args)

        return asyncio.run(main())

    def refused(self, config: RegistrationConfig | str, name: str, *args: Any) -> ff.AuthFailed:
        with pytest.raises(ff.AuthFailed) as raised:
            self(config, name, *args)
        error = raised.value
        shown = "".join(traceback.format_exception(error)) + frames_of(error.__traceback__)
        assert PASSWORD not in shown
        assert error.__context__ is None, "what went wrong leads to frames that had the password"
        return error


@pytest.fixture(params=["asyncio", "threads"])
def ask(request: pytest.FixtureRequest) -> Asking:
    return Asking(request.param)


def test_an_account_is_registered_and_shown(ask: Asking, server: Server) -> None:
    client_id = ask(server.url, "register", "me", PASSWORD)
    assert isinstance(client_id, Secret)
    assert server.accounts == {client_id.reveal(): ("me", PASSWORD)}
    path, raw, headers = server.seen[0]
    assert path == "/accounts"
    assert json.loads(raw) == {"username": "me", "password": PASSWORD}
    assert headers["Content-Type"] == "application/json"
    account = ask(server.url + "/", "profile", client_id, PASSWORD)
    assert account == Account(client_id, "me", "2026-01-05T10:00:00Z")
    assert client_id.reveal() not in repr(account)


def test_a_name_that_is_taken_and_input_that_is_invalid_say_so(ask: Asking, server: Server) -> None:
    ask(server.url, "register", "me", PASSWORD)
    error = ask.refused(server.url, "register", "me", PASSWORD)
    assert (error.reason, error.text) == (AuthReason.USERNAME_TAKEN, "the user name is taken")
    error = ask.refused(server.url, "register", "you", "short")
    assert (error.reason, error.fields) == (AuthReason.INVALID, (("password", "at least 8 characters"),))


def test_a_profile_needs_the_password_and_an_account_that_is_not_locked(ask: Asking, server: Server) -> None:
    client_id = ask(server.url, "register", "me", PASSWORD)
    assert ask.refused(server.url, "profile", client_id, PASSWORD + "!").reason is AuthReason.WRONG_PASSWORD
    server.locked.add("me")
    assert ask.refused(server.url, "profile", client_id, PASSWORD).reason is AuthReason.ACCOUNT_LOCKED
    with pytest.raises(ff.ConfigError, match="colon"):
        ask(server.url, "profile", "a:b", PASSWORD)


CROWDED = {"error": {"code": "too_many_requests", "message": "slow down"}}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "17"}, 17.0),
        ({"Retry_After": "Mon, 05 Jan 2026 10:00:30 GMT", "Date": "Mon, 05 Jan 2026 10:00:00 GMT"}, 30.0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-1"}, None),
        ({}, None),
    ],
)
def test_a_crowded_server_says_when_to_come_back(
    ask: Asking, server: Server, headers: dict[str, str], seconds: float | None
) -> None:
    def instead(handler: Handler) -> None:
        handler.date_time_string = lambda *args: headers.get("Date", "")  # type: ignore[method-assign]
        handler.answer(429, CROWDED, **{k: v for k, v in headers.items() if k != "Date"})

    server.instead = instead
    error = ask.refused(server.url, "register", "me", PASSWORD)
    assert (error.reason, error.retry_after, error.text) == (AuthReason.TOO_MANY_REQUESTS, seconds, "slow down")


@pytest.mark.parametrize(
    ("status", "body", "reason", "text"),
    [
        (201, {}, AuthReason.API_ERROR, "HTTP 201 without a client_id"),
        (201, {"client_id": 7}, AuthReason.API_ERROR, "HTTP 201 without a client_id"),
        (201, {"client_id": "A\x01B"}, AuthReason.API_ERROR, "client_id='***' is not allowed"),
        (201, b"<html>", AuthReason.API_ERROR, "HTTP 201 without a client_id"),
        (201, b"[" * 50_000, AuthReason.API_ERROR, "HTTP 201 without a client_id"),
        (201, b"\xff\xfe", AuthReason.API_ERROR, "HTTP 201 without a client_id"),
        (201, b"x" * (LONGEST + 1), AuthReason.API_ERROR, "more than 65536 bytes"),
        (404, {"error": "a text"}, AuthReason.API_ERROR, "HTTP 404"),
        (302, b"", AuthReason.API_ERROR, "HTTP 302, moved to https://elsewhere"),
        (418, {"error": {"message": "tea\x1b[2J\n"}}, AuthReason.API_ERROR, r"HTTP 418: tea\x1b[2J\n"),
        (422, {"error": {"message": [], "fields": []}}, AuthReason.INVALID, ""),
        (500, b"", AuthReason.API_UNANSWERED, ""),
        (503, b"", AuthReason.API_BUSY, ""),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_of(
    ask: Asking, server: Server, status: int, body: object, reason: AuthReason, text: str
) -> None:
    server.instead = lambda handler: handler.answer(status, body, Location="https://elsewhere")
    error = ask.refused(server.url, "register", "me", PASSWORD)
    assert error.reason is reason
    assert text in error.text
    assert len(server.seen) == 1, "nothing is sent again, and nothing to another place"


def test_a_server_that_repeats_the_password_does_not_get_it_shown(ask: Asking, server: Server) -> None:
    server.instead = lambda handler: handler.refuse(422, "invalid", PASSWORD, fields={"password": f"not {PASSWORD}"})
    error = ask.refused(server.url, "register", "me", PASSWORD)
    assert (error.text, error.fields) == ("***", (("password", "not ***"),))


def test_nobody_there_is_known_before_anything_was_sent(ask: Asking) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = ask.refused(f"http://127.0.0.1:{closed.getsockname()[1]}", "register", "me", PASSWORD)
    assert error.reason is AuthReason.API_UNREACHABLE


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def wait(handler: Handler) -> None:
    handler.server.over.wait(10)


def trickle(handler: Handler) -> None:
    handler.send_response(201)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    while not handler.server.over.is_set():
        handler.wfile.write(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("instead", [hang_up, wait, trickle])
def test_a_request_without_answer_may_have_been_heard(
    ask: Asking, server: Server, instead: Callable[[Handler], None]
) -> None:
    server.instead = instead
    config = RegistrationConfig(server.url, timeout=0.3)
    assert ask.refused(config, "register", "me", PASSWORD).reason is AuthReason.API_UNANSWERED
    assert ask.refused(config, "profile", "me", PASSWORD).reason is AuthReason.API_UNREACHABLE


def test_the_server_proves_who_it_is_before_it_hears_a_word(ask: Asking, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, stranger = authority.issue("good", "localhost"), self_signed(tmp_path, "stranger", "localhost")
    other = authority.issue("other", "another.example")
    trusted = ff.TlsConfig(ca_file=authority.file)
    with serving(good) as server:
        assert ask(RegistrationConfig(server.url, tls=trusted), "register", "me", PASSWORD).reveal() == "C4711"
        pinned = ff.TlsConfig(ca_file=authority.file, fingerprints=("00" * 32,))
        for config in (RegistrationConfig(server.url), RegistrationConfig(server.url, tls=pinned)):
            error = ask.refused(config, "register", "me", PASSWORD)
            assert error.reason is AuthReason.API_TLS
        assert "pinned" in error.text
        assert len(server.seen) == 1
    for certificate, said in ((stranger, "self-signed"), (other, "not for localhost")):
        with serving(certificate) as server:
            error = ask.refused(RegistrationConfig(server.url, tls=trusted), "register", "me", PASSWORD)
            assert error.reason is AuthReason.API_TLS
            assert said in error.text
            assert server.seen == []
    with serving(other) as server:
        named = ff.TlsConfig(ca_file=authority.file, server_name="another.example")
        assert ask(RegistrationConfig(server.url, tls=named), "register", "me", PASSWORD).reveal() == "C4711"


def test_logs_of_a_registration_have_no_secret(ask: Asking, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client_id = ask(server.url, "register", "me", PASSWORD)
        ask(server.url, "profile", client_id, PASSWORD)
        ask.refused(server.url, "register", "me", PASSWORD)
    assert caplog.records
    shown = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert not [one for one in (PASSWORD, client_id.reveal()) if one in shown]


@pytest.mark.parametrize(
    "url",
    [
        "accounts.example",
        "ftp://accounts.example",
        "http://accounts.example",
        "http://10.0.0.1",
        "https://",
        "https://me:pw@accounts.example",
        "https://accounts.example?x=1",
        "https://accounts.example#x",
        "https://accounts.example:0",
        "https://accounts.example:99999",
        "https://[::1",
        "https://accounts.example/\r\nX: y",
        7,
        None,
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: Any) -> None:
    with pytest.raises(ff.ConfigError) as raised:
        RegistrationConfig(url)
    assert raised.value.name == "url"
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"timeout": 0}, "timeout"),
        ({"tls": True}, "tls"),
        ({"url": "http://localhost", "tls": ff.TlsConfig()}, "tls"),
        ({"proxy": "nowhere"}, "proxy"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ff.ConfigError) as raised:
        RegistrationConfig(**{"url": "https://accounts.example", **options})
    assert raised.value.name == name
    for url in ("http://127.0.0.1:80", "http://[::1]", "http://localhost/api"):
        assert RegistrationConfig(url).url == url


def test_without_httpx_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None; import fixfast as ff\n"
        "ff.auth.AuthState, ff.auth.AuthCoordinator, ff.auth.RegistrationConfig('https://a.example')\n"
        "try:\n    ff.auth.RegistrationClient('https://a.example')\n"
        "except ff.MissingExtra as error:\n    print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "a client of a registration server needs an extra: pip install 'fixfast[http]'", ran


def test_the_state_machine_needs_neither_httpx_nor_asyncio() -> None:
    code = (
        "import sys, fixfast as ff; ff.auth.AuthCoordinator; "
        "print(sorted({'httpx', 'asyncio', 'ssl', 'numpy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "httpx" not in ran.stdout
