"""Reconnect, Limits and ConnectionConfig: wrong values name the option; the waits are what they promise (I10, C17)."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

import fixfast as ff


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("initial", -1),
        ("initial", "1"),
        ("initial", True),
        ("initial", float("nan")),
        ("maximum", 0.5),
        ("maximum", float("inf")),
        ("factor", 0.9),
        ("factor", 0),
        ("jitter", -0.1),
        ("jitter", 1.1),
        ("max_attempts", 0),
        ("max_attempts", 2.5),
        ("max_refusals", 0),
        ("max_refusals", True),
    ],
)
def test_wrong_reconnect_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.Reconnect(**{option: value})
    assert caught.value.name == option
    assert caught.value.value is value


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("logon_bytes", 0),
        ("logon_bytes", 100.0),
        ("logon_timeout", 0),
        ("authenticate_timeout", -1),
        ("pending", 0),
        ("connections", True),
        ("connections", None),
    ],
)
def test_wrong_limit_is_named(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.Limits(**{option: value})
    assert caught.value.name == option


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("host", ""),
        ("host", None),
        ("port", 0),
        ("port", 65536),
        ("port", True),
        ("port", "443"),
        ("tls", "yes"),
        ("alternatives", [("b", 1)]),
        ("alternatives", (("b",),)),
        ("alternatives", (("", 1),)),
        ("alternatives", (("b", 0),)),
        ("source", "localhost"),
        ("source", 5),
        ("proxy", "nonsense"),
        ("connect_timeout", 0),
        ("reconnect", None),
    ],
)
def test_wrong_connection_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.ConnectionConfig(**{"host": "localhost", "port": 9, option: value})
    assert caught.value.name == option


def waits(policy: ff.Reconnect, n: int = 10) -> list[float]:
    return list(itertools.islice(policy.delays(), n))


def test_i10_waits_double_up_to_the_cap() -> None:
    policy = ff.Reconnect(initial=1, maximum=60, factor=2, jitter=0)
    assert waits(policy, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_c17_jitter_takes_off_up_to_its_share() -> None:
    policy = ff.Reconnect(initial=10, maximum=10, jitter=0.2)
    many = waits(policy, 1000)
    assert all(8 <= wait <= 10 for wait in many)
    assert max(many) - min(many) > 1.9


def test_seeded_jitter_repeats_itself() -> None:
    assert waits(ff.Reconnect(seed=4)) == waits(ff.Reconnect(seed=4)) != waits(ff.Reconnect(seed=5))
    rng = random.Random(4)
    assert list(itertools.islice(ff.Reconnect().delays(rng), 10)) == waits(ff.Reconnect(seed=4))


def test_waits_never_overflow() -> None:
    assert waits(ff.Reconnect(factor=1e9, jitter=0), 2000)[-1] == 60
