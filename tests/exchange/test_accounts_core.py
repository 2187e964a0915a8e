"""Accounts without I/O: what names and passwords may be like, when an account locks, how often one may try."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.exchange.accounts.account import Account
from fixfast.exchange.accounts.buckets import Buckets
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.accounts.rules import new_client_id, password_fault, username_fault, username_key

SECOND = 1_000_000_000


@pytest.mark.parametrize("name", ["bob", "Bob.the-Builder_2", "a" * 32, "A1-"])
def test_a_username_is_letters_digits_and_three_signs(name: str) -> None:
    assert username_fault(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", "a" * 33, "1ab", ".ab", "bob ", "bob\n", "b\xf6b", "bob\x01", "bob\0", "../etc", "a/b", "a\\b"),
        *("a'--", "a;b", "<b>bob</b>", "bob@host", "%00abc", "\u202ebob", "bob\ud800", "\uff42\uff4f\uff42"),
    ],
)
def test_any_other_username_is_refused(name: str) -> None:
    assert username_fault(name)


@given(st.text(max_size=40))
def test_what_passes_as_a_username_means_nothing_to_sql_html_paths_or_fix(name: str) -> None:
    if not username_fault(name):
        assert name.isascii()
        assert not set(name) & set("'\"`;<>&/\\%=()[]{}$#@!?*|: \t\r\n\x00\x01")


def test_usernames_that_differ_only_in_case_are_one() -> None:
    assert username_key("Bob") == username_key("bOB")


@pytest.mark.parametrize("password", ["correct horse", "0123456789", "~!@#$%^&*()", "a" * 124 + "bcde"])
def test_a_password_is_printable_ascii_of_ten_characters_and_more(password: str) -> None:
    assert password_fault(password, "bob", 10) == ""


@pytest.mark.parametrize(
    "password",
    [
        "",
        "012345678",
        "a" * 125 + "bcde",
        "0123456789\x01",
        "0123456789\n",
        "0123456789é",
        "abababababab",
        "bob.builder",
    ],
)
def test_any_other_password_is_refused_without_repeating_it(password: str) -> None:
    fault = password_fault(password, "Bob.Builder", 10)
    assert fault
    assert not password or password not in fault


def test_client_ids_can_be_comp_ids_and_say_nothing_about_each_other() -> None:
    made = {new_client_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(len(one) == 12 and one.isalnum() and one.isascii() and one[0].isalpha() for one in made)
    for place in range(12):
        assert len({one[place] for one in made}) >= 20  # no place counts, none stands still


# --- locks ---------------------------------------------------------------------------------------------------


def tried(account: Account, times: int, now_ns: int = 0) -> Account:
    for _ in range(times):
        account = account.with_attempt(now_ns, 5, 900)
    return account


BOB = Account("C1", "bob", "$hash", 0)


def test_the_nth_wrong_password_in_a_row_locks_for_a_time() -> None:
    assert not tried(BOB, 4).is_locked(0)
    locked = tried(BOB, 5)
    assert locked.is_locked(0)
    assert locked.is_locked(900 * SECOND - 1)
    assert not locked.is_locked(900 * SECOND)


def test_what_is_tried_while_locked_does_not_lock_for_longer() -> None:
    locked = tried(BOB, 5)
    assert tried(locked, 100, 899 * SECOND) == locked


def test_after_the_lock_the_count_begins_anew() -> None:
    later = tried(tried(BOB, 5), 4, 900 * SECOND)
    assert not later.is_locked(900 * SECOND)
    assert tried(later, 1, 900 * SECOND).is_locked(900 * SECOND)


def test_the_right_password_makes_the_wrong_ones_forgotten() -> None:
    assert tried(BOB, 4).after_success() == BOB
    assert not tried(tried(BOB, 4).after_success(), 4).is_locked(0)


def test_who_is_locked_by_an_operator_stays_so() -> None:
    assert BOB.locked().is_locked(1 << 62)
    assert not BOB.locked().after_success().is_locked(0)


def test_a_hash_that_somebody_else_changed_is_left_alone() -> None:
    assert BOB.with_hash("$hash", "$new").password_hash == "$new"
    assert BOB.with_hash("$other", "$new") == BOB


def test_an_account_does_not_show_its_hash() -> None:
    assert "$hash" not in repr(BOB)


# --- buckets -------------------------------------------------------------------------------------------------


def test_a_bucket_holds_a_minutes_worth_and_fills_evenly() -> None:
    buckets = Buckets(6)
    assert [buckets.take("a", 0) for _ in range(6)] == [0] * 6
    assert buckets.take("a", 0) == 10 * SECOND
    assert buckets.take("a", 4 * SECOND) == 6 * SECOND
    assert buckets.take("a", 10 * SECOND) == 0
    assert buckets.take("a", 10 * SECOND) == 10 * SECOND


def test_one_who_is_refused_pays_nothing_for_it() -> None:
    buckets = Buckets(1)
    assert buckets.take("a", 0) == 0
    assert [buckets.take("a", 30 * SECOND) for _ in range(100)] == [30 * SECOND] * 100
    assert buckets.take("a", 60 * SECOND) == 0


def test_buckets_of_others_are_their_own_and_those_not_heard_of_longest_are_forgotten() -> None:
    buckets = Buckets(1, most=3)
    assert [buckets.take(key, 0) for key in "abc"] == [0, 0, 0]
    assert buckets.take("a", 0)
    assert buckets.take("d", 0) == 0
    assert len(buckets) == 3
    assert buckets.take("b", 0)
    assert buckets.take("a", 0) == 0  # it was the oldest


@given(st.integers(1, 1000), st.lists(st.integers(0, 5 * SECOND), max_size=200))
def test_no_minute_has_more_than_twice_the_rate(rate: int, steps: list[int]) -> None:
    buckets, now, taken = Buckets(rate), 0, []
    for step in steps:
        now += step
        if not buckets.take("a", now):
            taken.append(now)
    for begin in taken:
        assert sum(begin <= at < begin + 60 * SECOND for at in taken) <= 2 * rate


# --- configuration -------------------------------------------------------------------------------------------

BAD: list[tuple[str, Any]] = [
    ("url", "accounts.db"),
    ("url", "mysql://host/db"),
    ("url", "sqlite:"),
    ("url", "postgresql:db"),
    ("url", 7),
    ("host", ""),
    ("port", 65536),
    ("port", True),
    ("port", "80"),
    ("shortest_password", 7),
    ("shortest_password", 10.0),
    ("lock_after", 0),
    ("lock_for", 0),
    ("lock_for", float("nan")),
    ("lock_for", True),
    ("require_user_request", "no"),
    ("registrations_per_minute", 0),
    ("attempts_per_minute", 0),
    ("hash_time", 0),
    ("hash_memory", 16),  # 4 lanes need 32
    ("hash_lanes", 0),
    ("max_accounts", 0),
    ("private_key", "key.pem"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value}" for name, value in BAD])
def test_a_wrong_option_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        AccountsConfig(**{name: value})
    assert caught.value.name == name
    assert pickle.loads(pickle.dumps(caught.value)).name == name


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:c4nary@db/name",
        "postgresql://ann@db/name?password=c4nary&sslmode=require",
        "postgresql:/ann:c4nary",
        "postgresql://ann:x/c4nary@db/name",
        "postgresql://ann:x@c4nary@db/name",
        "postgresql://ann:c4nary?x@db/name",
        "postgresql://ann:c4nary#x@db/name",
        "postgresql://ann:c4:nary@db/name?sslpassword=c4nary",
    ],
)
def test_the_password_of_a_database_is_shown_nowhere(url: str) -> None:
    try:
        shown = repr(AccountsConfig(url=url))
    except ff.ConfigError as error:
        shown = f"{error} {error.value}"
    assert "c4nary" not in shown
