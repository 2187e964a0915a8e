"""What every store of accounts promises: the same tests for SQLite in memory, in a file, and PostgreSQL."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.exchange.accounts.account import Account, AccountStore
from fixfast.exchange.accounts.accounts import open_store
from tests.engine.harness import run
from tests.exchange.accounts import HOST, PASSWORD, Api, cheap
from tests.postgres import postgres_server, why_none

Opener = Callable[[], AccountStore]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    why = why_none()
    if why:
        pytest.skip(why)
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Open the same accounts, as often as one likes (in memory: once)."""
    opened: list[AccountStore] = []
    if request.param == "postgres":
        url = fresh_database(request.getfixturevalue("postgres"))
    else:
        url = "sqlite::memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'sub' / 'accounts.db'}"

    def open_it() -> AccountStore:
        opened.append(open_store(url, None))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


def fresh_database(url: str) -> str:
    """Return the URL of a new, empty database of a server."""
    import psycopg

    name = f"t{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


_NUMBERS = iter(range(1, 1000))
BOB = Account("CBOB", "Bob", "$argon2id$hash", 1_767_607_200_000_000_001, 0, 0)


def test_what_was_added_is_found_whole(opener: Opener) -> None:
    store = opener()
    most = (1 << 63) - 1
    odd = Account("CODD", "odd", 'it\'s "$1" %s ? \\ <b>', most, 7, most)
    assert store.add(BOB) == ""
    assert store.add(odd) == ""
    assert store.find("CBOB") == BOB
    assert store.find("CODD") == odd
    assert store.find("cbob") is None  # a CompID is exact
    assert store.count() == 2


def test_a_username_is_found_in_any_case(opener: Opener) -> None:
    store = opener()
    store.add(BOB)
    assert store.find_username("bOB") == BOB
    assert store.find_username("bobby") is None


@pytest.mark.parametrize("name", ["' OR '1'='1", "x'; DROP TABLE account; --", "%", "_", "\0", "CBOB\0", "", "\ud800"])
def test_no_name_is_anything_but_a_name(opener: Opener, name: str) -> None:
    store = opener()
    store.add(BOB)
    try:
        assert store.find(name) is None
        assert store.find_username(name) is None
        assert store.change(name, Account.locked) is None
    except ff.StoreError:
        assert "\0" in name or "\ud800" in name  # not every database has such texts; nobody's name gets so far
    assert store.find("CBOB") == BOB
    assert store.count() == 1


def test_a_name_and_an_id_are_given_once(opener: Opener) -> None:
    store = opener()
    store.add(BOB)
    assert store.add(replace(BOB, client_id="C2", username="BOB", password_hash="$other")) == "username"
    assert store.add(replace(BOB, username="ann", password_hash="$other")) == "client_id"
    assert store.count() == 1
    assert store.find("CBOB") == BOB


def test_a_change_is_what_was_decided_on_what_is_there(opener: Opener) -> None:
    store = opener()
    store.add(BOB)
    after = store.change("CBOB", lambda one: replace(one, failures=one.failures + 2, locked_until_ns=99))
    assert after == replace(BOB, failures=2, locked_until_ns=99)
    assert store.find("CBOB") == after
    assert store.change("NOBODY", lambda one: one) is None


def test_a_decision_that_fails_changes_nothing_and_holds_nobody_up(opener: Opener) -> None:
    store = opener()
    store.add(BOB)

    def fail(account: Account) -> Account:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.change("CBOB", fail)
    assert store.change("CBOB", lambda one: replace(one, failures=1)) == replace(BOB, failures=1)


def test_of_many_who_want_one_name_at_one_time_one_gets_it(opener: Opener) -> None:
    store = opener()
    wanted = [replace(BOB, client_id=f"C{n}", password_hash=f"$h{n}") for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(store.add, wanted))
    assert sorted(said) == [""] + ["username"] * 23
    (kept,) = [one for one, what in zip(wanted, said, strict=True) if not what]
    assert store.find_username("bob") == kept


def test_changes_of_many_threads_are_all_made(opener: Opener) -> None:
    store = opener()
    store.add(BOB)
    begin = threading.Barrier(6)

    def count(_: int) -> None:
        begin.wait()
        for _ in range(20):
            store.change("CBOB", lambda one: replace(one, failures=one.failures + 1))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(count, range(6)))
    found = store.find("CBOB")
    assert found is not None
    assert found.failures == 120


def test_a_closed_store_says_so(opener: Opener) -> None:
    store = opener()
    store.close()
    store.close()
    with pytest.raises(ff.StoreError, match="closed"):
        store.find("CBOB")


def test_what_was_kept_is_there_for_the_next_process(opener: Opener, request: pytest.FixtureRequest) -> None:
    if "memory" in request.node.name:
        pytest.skip("memory is gone with the process")
    first = opener()
    first.add(BOB)
    other = opener()  # beside it
    assert other.find("CBOB") == BOB
    other.change("CBOB", Account.locked)
    assert first.find("CBOB") == BOB.locked()
    first.close()
    other.close()
    assert opener().find("CBOB") == BOB.locked()


# --- SQLite --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'a.db'}", None)
    store.add(BOB)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    store.close()


def test_with_a_journal_the_accounts_are_beside_it(tmp_path: Path) -> None:
    open_store(None, tmp_path).close()
    assert (tmp_path / "accounts.db").exists()


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE account(x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ff.StoreError, match="something else"):
        open_store(f"sqlite:{path}", None)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be one" * 30, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.db"
    path.write_bytes(content)
    with pytest.raises(ff.StoreError, match=re.escape(str(path))):
        open_store(f"sqlite:{path}", None)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ff.StoreError, match="file"):
        open_store(f"sqlite:{tmp_path / 'file' / 'a.db'}", None)


# --- PostgreSQL ----------------------------------------------------------------------------------------------


def test_a_connection_that_was_lost_is_made_again(postgres: str) -> None:
    import psycopg

    url = fresh_database(postgres)
    store = open_store(url, None)
    store.add(BOB)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (url.split("/")[3].split("?")[0],),
        )
    assert store.find("CBOB") == BOB
    store.close()


def test_the_options_of_a_url_hold(postgres: str) -> None:
    import psycopg

    url = fresh_database(postgres)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA venue")
    store = open_store(f"{url}&options=-csearch_path%3Dvenue", None)
    store.add(BOB)
    store.close()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT client_id FROM venue.fixfast_account").fetchall() == [("CBOB",)]


def test_two_exchanges_share_the_accounts_of_one_database(postgres: str) -> None:
    url = fresh_database(postgres)

    async def main() -> None:
        config = ff.exchange.ExchangeConfig(port=0, registration=cheap(url=url, lock_after=2))
        async with ff.exchange.Exchange(config) as one, ff.exchange.Exchange(config) as other:
            assert one.registration is not None
            assert other.registration is not None
            made = await Api(int(one.registration.url.rpartition(":")[2])).register("bob")
            client_id = made.json["client_id"]
            bob = ff.SessionConfig("FIX.4.4", client_id, "EXCHANGE")
            async with ff.connect(bob, ff.ConnectionConfig(HOST, other.port)) as session:
                for number, password, status in (
                    (1, "wrong", "4"),
                    (2, PASSWORD, "1"),
                    (3, "wrong", "4"),
                    (4, "no", "4"),
                ):
                    fields = [(923, f"{number}"), (924, 1), (553, "BOB"), (554, password)]
                    assert (await session.request("BE", fields)).get(926) == status
            assert (await one.registration.accounts.check(client_id, PASSWORD)).verdict.value == "locked"
            assert await one.registration.accounts.unlock(client_id)
            assert (await other.registration.accounts.check("bob", PASSWORD)).verdict.value == "ok"

    run(main())


def test_a_database_that_is_not_there_is_refused_without_its_password(tmp_path: Path) -> None:
    if why_none():
        pytest.skip(why_none())
    with pytest.raises(ff.StoreError) as caught:
        open_store(f"postgresql://ann:c4nary@/db?host={tmp_path}", None)
    assert "c4nary" not in str(caught.value)


def test_without_psycopg_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "import fixfast as ff\n"
        "from fixfast.exchange.accounts.accounts import open_store\n"
        "try: open_store('postgresql://x/y', None)\n"
        "except ff.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "accounts in PostgreSQL needs an extra: pip install 'fixfast[postgres]'"
