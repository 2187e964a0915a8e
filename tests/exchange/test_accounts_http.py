"""The HTTP API of accounts, over real sockets: what it answers, to whom, how often."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

import fixfast as ff
from fixfast.exchange.accounts import http_server
from fixfast.exchange.accounts.account import Account
from fixfast.exchange.accounts.accounts import Accounts, open_store
from fixfast.exchange.accounts.http_server import HttpServer
from tests.engine.harness import run
from tests.exchange.accounts import HOST, PASSWORD, Api, Reply, api, basic, cheap, reply

HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "connection": "close",
}


def is_whole(said: Reply) -> None:
    """See that an answer has its headers, and an error its shape."""
    assert {name: said.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in said.headers
    if said.status >= 400:
        assert set(said.json) == {"error"}
        assert {"code", "message"} <= set(said.json["error"])


def test_who_registers_gets_a_client_id_and_can_ask_who_he_is() -> None:
    async def main() -> None:
        async with api() as web:
            made = await web.register("Bob")
            is_whole(made)
            assert made.status == 201
            assert set(made.json) == {"client_id"}
            me = await web.me(made.json["client_id"])
            is_whole(me)
            assert me.status == 200
            assert me.json == {"client_id": made.json["client_id"], "username": "Bob", "created": me.json["created"]}
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", me.json["created"])

    run(main())


def test_a_taken_username_is_409_and_names_the_field() -> None:
    async def main() -> None:
        async with api() as web:
            await web.register("bob")
            again = await web.register("BOB", PASSWORD + "!")
            is_whole(again)
            assert again.status == 409
            assert again.json["error"] == {
                "code": "username_taken", "message": "this username is taken", "field": "username",
            }  # fmt: skip

    run(main())


WRONG_SHAPES: list[tuple[Any, set[str]]] = [
    ({"username": "b", "password": "short"}, {"username", "password"}),
    ({"username": "bob", "password": "short"}, {"password"}),
    ({"username": "<script>alert(1)</script>", "password": PASSWORD}, {"username"}),
    ({"username": "bob"}, {"password"}),
    ({"username": 7, "password": None}, {"username", "password"}),
    ({"username": ["bob"], "password": PASSWORD}, {"username"}),
    ({"username": "bob", "password": PASSWORD, "is_admin": True}, set()),
    ([], {"username", "password"}),
    ("bob", {"username", "password"}),
    (7, {"username", "password"}),
]


def test_what_cannot_be_is_422_and_says_what_of_it() -> None:
    async def main() -> None:
        async with api() as web:
            for body, fields in WRONG_SHAPES:
                said = await web.ask("POST", "/accounts", body)
                is_whole(said)
                assert (said.status, said.code) == (422, "invalid")
                assert set(said.json["error"].get("fields", {})) == fields
                assert b"script" not in said.raw  # nothing is repeated

    run(main())


NO_JSON = [
    *(b"", b"{", b"null true", b"\xff\xfe", b"username=bob", b"[" * 4000),
    b'{"username": "a", "username": "b", "password": "c"}',
    b'{"username": "bob", "password": "x\ny"}',
]


def test_what_is_no_json_is_400() -> None:
    async def main() -> None:
        async with api() as web:
            for body in NO_JSON:
                said = await web.ask("POST", "/accounts", body)
                is_whole(said)
                assert (said.status, said.code) == (400, "bad_json")

    run(main())


NUMBERS = [b"9" * 4000, b"-1e999999", b"1" + b"0" * 3000 + b".5", b"NaN", b"-Infinity", b"0." + b"1" * 3000]


def test_no_number_is_a_name_however_large() -> None:
    async def main() -> None:
        async with api() as web:
            for number in NUMBERS:
                for body in (number, b'{"username": %s, "password": "correct horse"}' % number[:4000]):
                    said = await web.ask("POST", "/accounts", body[:4096])
                    is_whole(said)
                    assert (said.status, said.code) in ((422, "invalid"), (400, "bad_json"))

    run(main())


def test_of_many_who_register_one_name_at_one_time_one_gets_it() -> None:
    async def main() -> None:
        async with api() as web:
            said = await asyncio.gather(*(web.register("Bob" if n % 2 else "bob") for n in range(24)))
            assert sorted(one.status for one in said) == [201, *[409] * 23]
            (made,) = [one.json["client_id"] for one in said if one.status == 201]
            assert (await web.me(made)).status == (await web.me("bob")).status == 200

    run(main())


#: letters that look like those of "kate", fold to them, or are made of parts
LOOK_ALIKES = [
    "\u212aate",
    "k\u0430te",
    "\uff4bate",
    "ka\u0301te",
    "kate\u200d",
    "k\u0251te",
    "\u0130ate",
    "\ufb01ate",
    "\ud800ate",
]


def test_a_name_that_looks_like_anothers_is_neither_registered_nor_known() -> None:
    async def main() -> None:
        async with api() as web:
            assert (await web.register("kate")).status == 201
            for name in LOOK_ALIKES:
                said = await web.register(name)
                is_whole(said)
                assert (said.status, set(said.json["error"]["fields"])) == (422, {"username"})
                if name.isprintable():
                    assert (await web.me(name)).status == 401

    run(main())


def test_only_json_is_taken() -> None:
    async def main() -> None:
        async with api() as web:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None):
                said = await web.register(headers={"Content-Type": kind})
                is_whole(said)
                assert (said.status, said.code) == (415, "unsupported_media_type")
            good = await web.register(headers={"Content-Type": "Application/JSON; charset=utf-8"})
            assert good.status == 201

    run(main())


def test_a_body_above_4096_bytes_is_413() -> None:
    chunked = b"POST /accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"

    async def main() -> None:
        async with api() as web:
            fits = b'{"username": "bob", "password": "correct horse"}'.ljust(4096)
            assert (await web.ask("POST", "/accounts", fits)).status == 201
            for size in (4097, 70_000, 1_000_000):
                body = fits.ljust(size)
                said = await web.ask("POST", "/accounts", body)
                is_whole(said)
                assert (said.status, said.code) == (413, "too_large")
                no_length = b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body)
                assert (await web.raw(chunked + no_length)).status == 413

    run(main())


PATHS = [
    *("/", "/accounts/", "/accounts/me/", "//accounts", "/accounts/../accounts", "/accounts/%2e%2e/accounts"),
    *("/accounts/bob", "/accounts/me/../../etc/passwd", "/ACCOUNTS", "/accounts%00", "/accounts;x", "/docs", "/%ff"),
    *("/openapi.json", "/accounts/..%2f..%2fetc%2fpasswd", "/accounts%0d%0aX-Evil:%201"),
]


def test_any_other_path_is_404() -> None:
    body = {"username": "bob", "password": PASSWORD}

    async def main() -> None:
        async with api() as web:
            for path in PATHS:
                for said in (await web.ask("GET", path), await web.ask("POST", path, body)):
                    is_whole(said)
                    assert (said.status, said.code) == (404, "not_found")
                    assert not {"location", "x-evil"} & set(said.headers)

    run(main())


def test_any_other_method_is_405() -> None:
    async def main() -> None:
        async with api() as web:
            for request in (
                "GET /accounts", "DELETE /accounts/me", "PUT /accounts", "BREW /accounts/me", "OPTIONS /accounts",
                "OPTIONS /accounts/me", "TRACE /accounts/me", "PATCH /accounts", "HEAD /accounts",
            ):  # fmt: skip
                method, path = request.split()
                said = await web.ask(method, path)
                assert said.status == 405
                assert said.headers["allow"]
                if method != "HEAD":
                    is_whole(said)
                    assert said.code == "method_not_allowed"
            assert (await web.ask("OPTIONS", "*")).status in (400, 404)

    run(main())


def test_head_is_a_get_without_the_body_and_counts_as_an_attempt() -> None:
    async def main() -> None:
        async with api(attempts_per_minute=2) as web:
            client_id = (await web.register("bob")).json["client_id"]
            for password, status in ((PASSWORD, 200), ("wrong", 401), (PASSWORD, 429)):
                said = await web.ask("HEAD", "/accounts/me", headers=basic(client_id, password))
                assert said.status == status
                assert said.raw.endswith(b"\r\n\r\n")

    run(main())


def test_a_page_in_a_browser_cannot_use_it() -> None:
    async def main() -> None:
        async with api() as web:
            for origin in (f"http://{HOST}:{web.port}", "https://evil.example", "null"):
                said = await web.register(headers={"Origin": origin})
                is_whole(said)
                assert (said.status, said.code) == (403, "forbidden")
                assert not [name for name in said.headers if name.startswith("access-control")]

    run(main())


# --- who one is ----------------------------------------------------------------------------------------------


def test_whatever_is_wrong_with_name_and_password_the_answer_is_the_same() -> None:
    async def main() -> None:
        async with api() as web:
            client_id = (await web.register()).json["client_id"]
            wrong = [
                {},
                basic(client_id, PASSWORD + "x"),
                basic(client_id, ""),
                basic("NOBODY", PASSWORD),
                basic("' OR 1=1 --", PASSWORD),
                {"Authorization": "Basic !!!"},
                {"Authorization": "Basic"},
                {"Authorization": "Bearer x"},
                {"Authorization": "Basic " + "QUFB" * 500},
                basic(client_id, "x" * 500),
            ]
            said = [await web.ask("GET", "/accounts/me", headers=one) for one in wrong]
            assert {one.raw for one in said} == {said[0].raw}
            is_whole(said[0])
            assert (said[0].status, said[0].code) == (401, "unauthorized")
            assert said[0].headers["www-authenticate"].startswith("Basic ")
            assert (await web.me(client_id)).status == 200

    run(main())


def test_a_locked_account_is_423_even_for_the_right_password() -> None:
    async def main() -> None:
        async with api(lock_after=3) as web:
            client_id = (await web.register()).json["client_id"]
            said = [await web.me(client_id, "wrong") for _ in range(3)]
            assert [one.status for one in said] == [401] * 3
            said = [await web.me(client_id), await web.me(client_id, "wrong")]
            assert [(one.status, one.code) for one in said] == [(423, "locked")] * 2
            is_whole(said[0])
            assert web.accounts is not None
            assert await web.accounts.unlock(client_id)
            assert (await web.me(client_id)).status == 200

    run(main())


def test_hashes_get_the_parameters_of_today_at_the_next_login() -> None:
    async def main() -> None:
        url = "sqlite::memory:"
        store = open_store(url, None)
        old = Accounts(cheap(), store)
        made = await old.register("bob", PASSWORD)
        assert isinstance(made, Account)
        assert "$m=8,t=1,p=1$" in made.password_hash
        new = Accounts(cheap(hash_time=2, hash_memory=16), store)
        assert (await new.check("bob", "wrong password")).verdict.name == "WRONG"
        assert store.find(made.client_id) != made
        assert "$m=8,t=1,p=1$" in store.find(made.client_id).password_hash  # type: ignore[union-attr]
        assert (await new.check("bob", PASSWORD)).verdict.name == "OK"
        after = store.find(made.client_id)
        assert after is not None
        assert after.password_hash.startswith("$argon2id$")
        assert "$m=16,t=2,p=1$" in after.password_hash
        assert (await old.check("bob", PASSWORD)).verdict.name == "OK"
        old.close()
        new.close()

    run(main())


def test_strangers_locked_accounts_and_those_in_order_cost_the_same_work() -> None:
    async def main() -> None:
        async with api(lock_after=1) as web:
            client_id = (await web.register()).json["client_id"]
            assert web.accounts is not None
            passwords = web.accounts._passwords
            work = []

            class Counting(type(passwords._argon2)):  # type: ignore[misc]
                def verify(self, known: str, password: str) -> bool:
                    work.append(known)
                    return bool(super().verify(known, password))

            passwords._argon2 = Counting(1, 8, 1)
            for password in ("wrong", "x" * 500, PASSWORD):
                for name in (client_id, client_id, "nobody", "' OR 1=1 --", "x" * 200):
                    await web.me(name, password)
            assert len(work) == 15
            assert len({one.split("$")[3] for one in work}) == 1  # the parameters are the same

    run(main())


# --- how often -----------------------------------------------------------------------------------------------


def test_one_address_registers_so_many_a_minute_and_is_told_when_it_may_again() -> None:
    async def main() -> None:
        async with api(registrations_per_minute=3) as web:
            said = [await web.register(f"user{n}") for n in range(5)]
            assert [one.status for one in said] == [201] * 3 + [429] * 2
            is_whole(said[-1])
            assert said[-1].code == "too_many_requests"
            assert 1 <= int(said[-1].headers["retry-after"]) <= 20
            if sys.platform == "linux":  # all of 127/8 is there
                assert (await web.register("other", source="127.0.0.2")).status == 201

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 is there")
def test_one_name_is_tried_so_often_whatever_addresses_it_is_tried_from() -> None:
    async def main() -> None:
        async with api(attempts_per_minute=4, registrations_per_minute=4, lock_after=1000) as web:
            client_id = (await web.register()).json["client_id"]
            said = [await web.me(client_id, "wrong", source=f"127.0.1.{n}") for n in range(1, 7)]
            assert [one.status for one in said] == [401] * 4 + [429] * 2
            taken = [await web.register("Bob", source=f"127.0.1.{n}") for n in range(1, 6)]
            assert [one.status for one in taken] == [409] * 3 + [429] * 2  # bob's own was the first

    run(main())


def test_there_are_no_more_accounts_than_there_may_be() -> None:
    async def main() -> None:
        async with api(max_accounts=2) as web:
            said = [await web.register(f"user{n}") for n in range(3)]
            assert [one.status for one in said] == [201, 201, 503]
            is_whole(said[2])
            assert said[2].code == "full"

    run(main())


# --- when things break ---------------------------------------------------------------------------------------


def test_without_its_database_it_says_503_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with api() as web:
            assert web.accounts is not None
            web.accounts.store.close()
            said = await web.register()
            is_whole(said)
            assert (said.status, said.code) == (503, "unavailable")
            assert int(said.headers["retry-after"]) > 0

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "is closed" in caplog.text
    assert PASSWORD not in caplog.text


def test_an_error_of_ours_is_a_500_without_a_word_of_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with api() as web:
            assert web.accounts is not None
            web.accounts._passwords.hash = lambda password: 1 // 0  # type: ignore[method-assign, assignment, return-value]
            said = await web.register()
            is_whole(said)
            assert (said.status, said.code) == (500, "internal")
            assert b"Zero" not in said.raw

    run(main())
    assert "ZeroDivisionError" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_port_that_is_taken_is_an_os_error() -> None:
    async def main() -> None:
        async with api() as web:
            with pytest.raises(OSError):
                HttpServer(None, cheap(port=web.port))

    run(main())


def test_passwords_in_the_clear_to_other_machines_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    server = HttpServer(None, cheap(host="0.0.0.0"))
    server._socket.close()
    assert "in the clear" in caplog.text


def test_with_a_certificate_it_is_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    both = tmp_path / "both.pem"
    made.private_key_and_cert_chain_pem.write_to_path(both)
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def ask(port: int) -> bytes:
        with (
            socket.create_connection((HOST, port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"GET /accounts/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while more := tls.recv(65536):
                said += more
            return said

    async def main() -> None:
        import asyncio

        async with api(certificate=both) as web:
            said = reply(await asyncio.to_thread(ask, web.port))
            assert said.status == 401
            assert said.headers["strict-transport-security"]

    run(main())


def test_a_tls_handshake_that_never_comes_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEAD_TIME", 0.2)
    both = tmp_path / "both.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(both)

    async def main() -> None:
        async with api(certificate=both) as web:
            reader, writer = await web.connect()
            assert await reader.read() == b""
            writer.close()

    run(main())


def test_without_the_extra_it_is_named() -> None:
    code = (
        "import sys; sys.modules['argon2'] = None\n"
        "import fixfast as ff\n"
        "from fixfast.exchange.accounts.accounts import Accounts, open_store\n"
        "from fixfast.exchange.accounts.config import AccountsConfig\n"
        "try: Accounts(AccountsConfig(), open_store(None, None))\n"
        "except ff.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "accounts needs an extra: pip install 'fixfast[accounts]'"


def test_a_broken_import_of_ours_is_no_missing_extra() -> None:
    from fixfast.exchange.accounts.accounts import needed

    with pytest.raises(ModuleNotFoundError):
        needed("fixfast.exchange.accounts.nowhere", "accounts", "nothing")
    assert issubclass(ff.MissingExtra, ImportError)
    assert isinstance(Api(1), Api)
