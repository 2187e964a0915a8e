"""API keys in a credential store: the same rules in SQLite and in PostgreSQL."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixfast.cli import main
from fixfast.errors import ConfigError, StoreError
from fixfast.service.credentials.apikey import ROLES, ApiKey, KeyRecord, new_key, parse_key
from fixfast.service.credentials.keys import Accepted, Keys
from fixfast.service.credentials.store import AuditRecord, CredentialStore, open_store
from fixfast.store.hashing import HashCost, Hasher

NOW = 1_767_614_400_000_000_000
DAY = 86_400 * 10**9
#: cheap: what is tested is not how long a hash takes
CHEAP = HashCost(time=1, memory=8, lanes=1)

#: what somebody might call an account to be somebody else, somewhere else, or a script
HOSTILE = (
    *("' OR '1'='1", "alice' --", "x'; DROP TABLE fixfast_api_key; --", "%", "_", "?", "%s", "{serial}"),
    *("<script>alert(1)</script>", "../alice", "..", ".", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", "-rf", "~root"),
    *("", " ", "alice ", "ALICE\u0000", "al\u0456ce", "\ud800", "a" * 65, "a" * 100_000, "CON:", "*"),
)


@pytest.fixture
def store(url: str) -> Iterator[CredentialStore]:
    with open_store(url) as store:
        yield store


@pytest.fixture
def keys(store: CredentialStore) -> Keys:
    return Keys(store, Hasher(CHEAP))


class Counting(Hasher):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.asked: list[bool] = []

    def verify(self, hashed: str | None, secret: str) -> bool:
        self.asked.append(hashed is not None)
        return super().verify(hashed, secret)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_has_an_id_and_256_random_bits() -> None:
    keys = {new_key().text() for _ in range(200)}
    assert len(keys) == 200
    for text in keys:
        found = parse_key(text)
        assert found is not None
        assert len(bytes.fromhex(found.secret)) == 32
        assert found.text() == text
        assert found.secret not in repr(found)


@pytest.mark.parametrize("text", ["", "ff_", "ff_0123456789abcdef_", "x" * 84, f"ff_{'1' * 16}_{'2' * 64}\n", "\ud800"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse_key(text) is None


def test_the_store_has_a_salted_hash_and_never_the_secret(keys: Keys, store: CredentialStore) -> None:
    one, first = keys.create("alice", NOW)
    assert first.hash.startswith("$argon2id$")
    assert one.secret not in repr(first) + first.hash + repr(store.audits())
    hasher = Hasher(CHEAP)
    assert hasher.hash(one.secret) != hasher.hash(one.secret)


def test_the_file_of_sqlite_is_private_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys.db"
    with open_store(str(path)) as store:
        key, _ = Keys(store, Hasher(CHEAP)).create("alice", NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert key.secret.encode() not in path.read_bytes()
    assert sorted(one.name for one in path.parent.iterdir()) == ["keys.db"]


def test_links_and_files_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "keys.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(StoreError, match="symbolic link"):
        open_store(str(tmp_path / "keys.db"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError):
        open_store(str(tmp_path / "folder"))


def test_a_store_that_is_no_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"this is not a database, it is a letter to somebody" * 100)
    with pytest.raises(StoreError, match=r"keys\.db"):
        open_store(str(tmp_path / "keys.db"))
    with pytest.raises(ConfigError, match="the path of a file, or postgresql"):
        open_store("mysql://root:hunter2@host/db")
    for url in ("mysql://root:hunter2@host/db", "postgresql://root:hunter2/x@host/db", "postgresql:/root:hunter2"):
        with pytest.raises(ConfigError) as caught:
            open_store(url)
        assert "hunter2" not in f"{caught.value} {caught.value.value}"


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "keys.db")
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE fixfast_credentials SET version = 99")
    connection.close()
    with pytest.raises(StoreError, match="another version"):
        open_store(path)


def test_no_postgres_is_one_clear_error_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://fixfast:hunter2@127.0.0.1:1/x")
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_the_right_key_of_the_account_is_accepted(keys: Keys, store: CredentialStore) -> None:
    key, record = keys.create("alice", NOW, roles=("admin", "trade"), label="the bot", expires_ns=NOW + DAY)
    assert keys.authenticate("alice", key.text(), NOW + 5, who="uid 1000") == Accepted(
        key.id, "alice", ("trade", "admin"), NOW + DAY
    )
    assert record.used_ns is None
    assert keys.show(key.id).used_ns == NOW + 5
    last = store.audits()[-1]
    assert last == AuditRecord(NOW + 5, "accepted", key.id, "alice", "uid 1000", "")


def test_nothing_else_is_accepted_and_why_is_only_written_down(keys: Keys, store: CredentialStore) -> None:
    key, _ = keys.create("alice", NOW)
    bobs, _ = keys.create("bob", NOW)
    old, _ = keys.create("alice", NOW, expires_ns=NOW + 1)
    gone, _ = keys.create("alice", NOW)
    keys.revoke(gone.id, NOW)
    wrong = ApiKey(key.id, new_key().secret)
    tries = {
        ("alice", wrong.text()): "wrong secret",
        ("alice", new_key().text()): "unknown key",
        ("alice", bobs.text()): "a key of another account",
        ("nobody", key.text()): "a key of another account",
        ("alice", old.text()): "a key that is expired",
        ("alice", gone.text()): "a key that is revoked",
        ("alice", key.text().upper()): "no key",
        ("alice", ""): "no key",
    }
    for (account, text), why in tries.items():
        assert keys.authenticate(account, text, NOW + DAY) is None
        assert store.audits()[-1].detail == why
        assert key.secret not in repr(store.audits())
    assert keys.authenticate("alice", key.text(), NOW + DAY) is not None


def test_every_question_costs_one_hash_whoever_asks(store: CredentialStore) -> None:
    hasher = Counting()
    keys = Keys(store, hasher)
    key, _ = keys.create("alice", NOW)
    revoked, _ = keys.create("alice", NOW)
    keys.revoke(revoked.id, NOW)
    for account, text in (
        ("alice", key.text()),
        ("nobody", key.text()),
        ("alice", new_key().text()),
        ("alice", revoked.text()),
        ("alice", "rubbish"),
        ("' OR 1=1 --", ""),
    ):
        before = len(hasher.asked)
        keys.authenticate(account, text, NOW)
        assert len(hasher.asked) == before + 1


def test_the_decoy_costs_what_a_key_costs() -> None:
    hasher = Hasher(CHEAP)
    assert not hasher.is_old(hasher._decoy)
    assert not hasher.verify(None, "anything")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_make_no_account_and_open_none(keys: Keys, store: CredentialStore, name: str) -> None:
    with pytest.raises(ConfigError):
        keys.create(name, NOW)
    key, _ = keys.create("alice", NOW)
    assert keys.authenticate(name, key.text(), NOW) is None
    assert keys.authenticate("alice", name, NOW) is None
    assert [record.account for record in store.records()] == ["alice"]
    assert all(record.account in ("", "alice") for record in store.audits())
    assert keys.authenticate("alice", key.text(), NOW) is not None


@pytest.mark.parametrize("text", ["<b>bold</b>", "'; DROP TABLE fixfast_api_key; --", "100% ? {serial}"])
def test_a_label_is_text_and_nothing_else(keys: Keys, text: str) -> None:
    key, _ = keys.create("alice", NOW, label=text)
    assert keys.show(key.id).label == text


def test_wrong_options_are_refused_by_name(keys: Keys) -> None:
    with pytest.raises(ConfigError, match="role='root' is not allowed: one of trade, read, admin"):
        keys.create("alice", NOW, roles=("root",))
    with pytest.raises(ConfigError, match="role"):
        keys.create("alice", NOW, roles=())
    with pytest.raises(ConfigError, match="label"):
        keys.create("alice", NOW, label="two\nlines")
    with pytest.raises(ConfigError, match="expires"):
        keys.create("alice", NOW, expires_ns=NOW)
    with pytest.raises(ConfigError, match="memory"):
        HashCost(memory=1)
    with pytest.raises(ConfigError, match="lanes"):
        HashCost(memory=8, lanes=2)
    assert keys.records() == []


def test_hashes_are_renewed_when_their_parameters_change(store: CredentialStore) -> None:
    key, before = Keys(store, Hasher(CHEAP)).create("alice", NOW)
    dearer = Keys(store, Hasher(HashCost(time=2, memory=16, lanes=1)))
    assert dearer.authenticate("alice", key.text(), NOW) is not None
    after = dearer.show(key.id)
    assert after.hash != before.hash
    assert "m=16,t=2,p=1" in after.hash
    assert store.audits()[-1].what == "rehashed"
    assert dearer.authenticate("alice", key.text(), NOW) is not None
    assert dearer.show(key.id).hash == after.hash


# --- records ---------------------------------------------------------------------------------------------------------


def test_keys_are_listed_by_account_oldest_first(keys: Keys) -> None:
    ids = [keys.create(account, NOW + n)[1].id for n, account in enumerate(("alice", "bob", "alice"))]
    assert [record.id for record in keys.records()] == ids
    assert [record.id for record in keys.records("alice")] == [ids[0], ids[2]]
    assert keys.records("nobody") == []


def test_a_revoked_key_stays_on_record_and_is_revoked_once(keys: Keys, store: CredentialStore) -> None:
    key, _ = keys.create("alice", NOW)
    assert keys.is_good(key.id, NOW)
    assert keys.revoke(key.id, NOW + 1).revoked_ns == NOW + 1
    assert keys.revoke(key.id, NOW + 2).revoked_ns == NOW + 1
    assert not keys.is_good(key.id, NOW + 1)
    assert [one.what for one in store.audits(key.id)] == ["created", "revoked"]


def test_an_id_that_is_none_is_said_and_a_whole_key_is_not_echoed(keys: Keys) -> None:
    with pytest.raises(ConfigError, match="0123"):
        keys.show("0123")
    with pytest.raises(ConfigError) as caught:
        keys.revoke(new_key().text(), NOW)
    assert not re.search(r"[0-9a-f]{17}", str(caught.value))
    key, _ = keys.create("alice", NOW)
    assert keys.revoke(key.text() + "\n", NOW).id == key.id


def test_what_is_written_down_is_bounded(store: CredentialStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixfast.service.credentials.store._MAX_AUDIT", 50)
    monkeypatch.setattr("fixfast.service.credentials.store._TRIM_EVERY", 10)
    for n in range(100):
        store.audit(AuditRecord(NOW + n, "refused", "", "", "uid 1", "no key"))
    kept = store.audits(limit=1000)
    assert len(kept) <= 60
    assert kept[-1].at_ns == NOW + 99


def test_what_was_kept_is_there_for_the_next_process(url: str) -> None:
    with open_store(url) as store:
        key, record = Keys(store, Hasher(CHEAP)).create("alice", NOW, label="x")
    with open_store(url) as store:
        assert store.get(key.id) == record
    with pytest.raises(StoreError, match="closed"):
        store.get(key.id)
    store.close()


def test_threads_and_connections_share_a_store(url: str) -> None:
    failures: list[BaseException] = []

    def work(n: int) -> None:
        try:
            with open_store(url) as store:
                keys = Keys(store, Hasher(CHEAP))
                for _ in range(5):
                    key, _ = keys.create(f"a{n}", NOW)
                    assert keys.authenticate(f"a{n}", key.text(), NOW) is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store(url) as store:
        assert len(store.records()) == 20


def test_a_lost_connection_to_postgres_is_made_again(postgres_url: str) -> None:
    import psycopg

    with open_store(postgres_url) as store:
        keys = Keys(store, Hasher(CHEAP))
        key, _ = keys.create("alice", NOW)
        with psycopg.connect(postgres_url, autocommit=True) as other:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            other.execute(f"{others} AND backend_type = 'client backend'")
        assert keys.authenticate("alice", key.text(), NOW) is not None


def test_roles_are_those_that_the_documentation_names() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "launcher.md").read_text(encoding="utf-8")
    assert all(f"| `{role}` |" in text for role in ROLES)


def test_the_command_takes_both_kinds_of_stores(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--store", url, "create", "alice"]) == 0
    key = parse_key(capsys.readouterr().out.strip())
    assert key is not None
    assert main(["keys", "--store", url, "list"]) == 0
    assert key.id in capsys.readouterr().out


def test_without_argon2_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['argon2'] = None; from fixfast.store.hashing import Hasher; Hasher()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    assert "pip install 'fixfast[service]'" in ran.stderr.splitlines()[-1]


def test_a_record_says_what_a_key_is_worth() -> None:
    record = KeyRecord(id="1", account="a", roles=("trade",), hash="", created_ns=NOW, expires_ns=NOW + 5)
    assert (record.state(NOW + 4), record.state(NOW + 5)) == ("active", "expired")
