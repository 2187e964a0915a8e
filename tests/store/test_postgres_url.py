"""URLs of PostgreSQL, shown: a password never is, whatever libpq says of it."""

from __future__ import annotations

import pytest

from fixfast.store.postgres_url import is_postgres_url, said_of, shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://a:b@h/d?sslpassword=c&password=d", "postgresql://a:***@h/d?sslpassword=***&password=***"),
        ("postgres://a@[::1]:5432/d", "postgres://a@[::1]:5432/d"),
        ("postgresql://h1:1,h2:2/d", "postgresql://h1:1,h2:2/d"),
        ("postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg"),
    ],
)
def test_a_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert is_postgres_url(url)
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url",
    ["", "keys.db", "mysql://h/d", "postgresql:/h/d", "postgresql://u:a/b@h/d", "postgresql://u:a@b@h/d",
     "postgresql://u:a?b@h/d", "postgresql://u:a#b@h/d", "postgresql://u:a:b@h/d", "postgresql://u@h/d\n"],
)  # fmt: skip
def test_what_may_hide_a_password_is_no_url(url: str) -> None:
    assert not is_postgres_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:c4nary%ZZ@h/d",
        "postgresql://u:c4nary@[::1/d",
        "postgresql://u@h/d?password=c4nary%ZZ",
        "postgresql://u:c4nary@127.0.0.1:1/d",
        "postgresql://u:c4nary%21@127.0.0.1:1/d?no_such_option=c4nary%21",
    ],
)
def test_what_libpq_says_is_one_line_without_the_password(url: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    with pytest.raises(psycopg.Error) as caught:
        psycopg.connect(url, connect_timeout=2)
    said = said_of(caught.value, url)
    assert "c4nary" not in said
    assert said.count("\n") == 0
    assert len(said) > 20
