"""ClOrdIDs never repeat."""

from __future__ import annotations

import pytest

import fixfast as ff

NOON = 1_767_614_400_000_000_000


def test_ids_of_one_instant_differ_and_sort_by_age() -> None:
    ids = ff.ClOrdIDs()
    made = [ids.next(NOON) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
    assert {len(one) for one in made} == {10}


def test_ids_after_a_restart_go_on() -> None:
    first = ff.ClOrdIDs("A-")
    made = [first.next(NOON) for _ in range(10)]
    assert ff.ClOrdIDs("A-").next(NOON + 10_000) > made[-1]


def test_ids_never_repeat_even_when_the_clock_was_set_back() -> None:
    first, again = ff.ClOrdIDs("A-"), ff.ClOrdIDs("A-")
    last = [first.next(NOON) for _ in range(10)][-1]
    for known in ("somebody's", "B-0000000000", "A-", "A-\N{GREEK SMALL LETTER ALPHA}", last):
        again.seen(known)
    assert again.next(NOON - 10**15) > last


@pytest.mark.parametrize("prefix", ["x" * 21, "\x01", "é"])
def test_a_prefix_that_cannot_be_is_refused(prefix: str) -> None:
    with pytest.raises(ff.ConfigError, match="prefix"):
        ff.ClOrdIDs(prefix)
