"""One server of PostgreSQL for all tests of a process; each test gets an empty schema in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import postgres_server as run_server
from tests.postgres import why_none


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    if why_none():
        pytest.skip(why_none())
    with run_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    import psycopg

    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return f"{postgres_server}&options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A credential store, empty: the same tests for both kinds."""
    if request.param == "sqlite":
        return str(tmp_path / "keys" / "keys.db")
    found: str = request.getfixturevalue("postgres_url")
    return found
