"""Who may connect, counted without a socket: each limit at its edge, budgets, pauses, bounded memory (C1, C17)."""

from __future__ import annotations

import random
import tracemalloc

import pytest

import fixfast as ff
from fixfast.engine.crowd import Crowd, Guest, ip_of
from fixfast.engine.quiet import Line, Quiet

SECOND = 1_000_000_000
NOW = 5_000 * SECOND


def crowd(**limits: object) -> Crowd:
    return Crowd(ff.Limits(**limits))  # type: ignore[arg-type]


def come(crowd: Crowd, ip: str | None, now: int = NOW) -> Guest:
    guest = crowd.admit(ip, now)
    assert isinstance(guest, Guest), guest
    return guest


def turned_away(crowd: Crowd, ip: str | None, now: int = NOW) -> str:
    why = crowd.admit(ip, now)
    assert isinstance(why, str), "was let in"
    return why


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_sc1_one_ip_is_an_address_or_the_64_of_ipv6(host: str, ip: str) -> None:
    assert ip_of(host) == ip


def test_sc1_connections_and_pending_are_limited_in_all_and_for_one_ip() -> None:
    one = crowd(connections=3, connections_per_ip=2, pending=2, pending_per_ip=1)
    a = come(one, "a")
    assert turned_away(one, "a") == "too many connections from there that are not logged on"
    one.logged_on(a)
    come(one, "a")
    assert turned_away(one, "a") == "too many connections from there"
    b = come(one, "b")
    assert turned_away(one, "c") == "too many connections"
    one.leave(b)
    assert (one.connections, one.pending) == (2, 1)
    come(one, "c")
    one.leave(a)
    assert turned_away(one, "d") == "too many connections that are not logged on"


def test_sc1_a_peer_that_was_logged_on_is_not_pushed_aside_by_strangers() -> None:
    one = crowd(pending=2, connects_per_minute=4)
    friend = come(one, "friend")
    one.logged_on(friend)
    one.leave(friend)
    strangers = [come(one, f"stranger {i}") for i in range(2)]
    assert turned_away(one, "stranger 3") == "too many connections that are not logged on"
    one.leave(come(one, "friend"))
    for guest in strangers:
        one.leave(guest)
    one.leave(come(one, "stranger 4"))
    assert turned_away(one, "stranger 5") == "too many new connections"
    come(one, "friend")


def test_sc1_a_budget_for_a_minute_is_there_at_once_and_comes_back_bit_by_bit() -> None:
    one = crowd(connects_per_minute_per_ip=60, connects_per_minute=100)
    for _ in range(60):
        one.leave(come(one, "a"))
    assert turned_away(one, "a") == "too many new connections from there"
    assert turned_away(one, "a", NOW + SECOND - 1) == "too many new connections from there"
    one.leave(come(one, "a", NOW + SECOND))
    assert turned_away(one, "a", NOW + SECOND)
    for i in range(40):
        one.leave(come(one, f"b{i}", NOW + SECOND))
    later = NOW + 1000 * SECOND  # a budget does not grow above a minute's
    for _ in range(60):
        one.leave(come(one, "a", later))
    assert turned_away(one, "a", later) == "too many new connections from there"


def test_sc17_one_ip_that_storms_takes_nothing_from_the_others() -> None:
    one = crowd(connects_per_minute=100, connects_per_minute_per_ip=10)
    refused = 0
    for _ in range(10_000):
        guest = one.admit("loud", NOW)
        if isinstance(guest, Guest):
            one.leave(guest)
        else:
            refused += 1
    assert refused == 9_990
    for i in range(90):
        one.leave(come(one, f"quiet {i}"))
    assert turned_away(one, "quiet 90") == "too many new connections"


def test_sc1_failed_logons_bar_an_ip_for_longer_and_longer() -> None:
    one = crowd(failed_logons_per_minute=2, pause=5, longest_pause=20)
    guest = come(one, "a")
    assert [one.failed(guest, NOW) for _ in range(6)] == [0, 0, 5, 10, 20, 20]
    end = NOW + 20 * SECOND
    assert turned_away(one, "a", end - 1) == "too many failed logons from there"
    come(one, "b")
    come(one, "a", end)
    one.failed(guest, end + 60 * SECOND)
    one.failed(guest, end + 60 * SECOND)
    assert one.failed(guest, end + 60 * SECOND) == 5, "it was good for longer than the longest pause"


def test_sc1_a_pause_is_forgiven_only_after_the_longest_one() -> None:
    one = crowd(failed_logons_per_minute=60, pause=5, longest_pause=300)
    guest = come(one, "a")
    for _ in range(60):
        assert one.failed(guest, NOW) == 0
    assert one.failed(guest, NOW) == 5
    later = NOW + 305 * SECOND
    for _ in range(60):
        assert one.failed(guest, later) == 0
    assert one.failed(guest, later) == 10


def test_sc22_a_connection_through_a_proxy_counts_for_the_address_that_the_proxy_tells() -> None:
    one = crowd(pending_per_ip=1, connects_per_minute_per_ip=2, pending=3)
    first, second = come(one, None), come(one, None)
    assert one.identify(first, "a", NOW) == ""
    assert one.identify(second, "a", NOW) == "too many connections from there that are not logged on"
    one.leave(second)
    one.leave(first)
    third = come(one, "a")
    assert turned_away(one, "a") == "too many new connections from there"
    one.leave(third)
    for _ in range(3):
        come(one, None)
    assert turned_away(one, None) == "too many connections that are not logged on"


def test_a_unix_socket_has_no_address_to_count_by() -> None:
    one = crowd(pending_per_ip=1, connections_per_ip=1, connects_per_minute=1, pending=3)
    guests = [come(one, "") for _ in range(3)]
    assert turned_away(one, "") == "too many connections that are not logged on"
    assert one.failed(guests[0], NOW) == 0
    one.logged_on(guests[0])
    for guest in guests:
        one.leave(guest)
    assert (one.connections, one.pending, len(one)) == (0, 0, 0)


def test_no_limit_where_none_is_wanted() -> None:
    names = ("pending_per_ip", "connections_per_ip", "connects_per_minute", "connects_per_minute_per_ip")
    one = crowd(**dict.fromkeys(names), failed_logons_per_minute=None, pending=10_000, connections=10_000)
    guests = [come(one, "a") for _ in range(10_000)]
    assert not any(one.failed(guest, NOW) for guest in guests)


def test_sc1_a_million_addresses_take_bounded_memory() -> None:
    one = crowd(addresses=500, connects_per_minute=None)
    friend = come(one, "friend")
    one.logged_on(friend)
    one.leave(friend)
    tracemalloc.start()
    try:
        sizes = []
        for million in range(2):
            for i in range(20_000):
                guest = come(one, f"10.{million}.{i >> 8}.{i & 255}")
                one.failed(guest, NOW)
                one.leave(guest)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len(one) == 501
    assert sizes[1] < sizes[0] + 20_000
    assert sizes[1] < 500 * 1024
    assert "friend" in one._known


@pytest.mark.parametrize("seed", range(5))
def test_counts_stay_right_whatever_happens(seed: int) -> None:
    rng = random.Random(seed)
    one = crowd(connections=20, pending=8, pending_per_ip=3, connections_per_ip=6, addresses=4)
    here: list[Guest] = []
    now = NOW
    for _ in range(2_000):
        now += rng.randrange(SECOND)
        what = rng.random()
        if what < 0.5 or not here:
            ip = rng.choice(["a", "b", "c", "d", "e", "f", "", None])
            guest = one.admit(ip, now)
            if isinstance(guest, Guest):
                if ip is not None or not one.identify(guest, rng.choice(["a", "b"]), now):
                    here.append(guest)
                else:
                    one.leave(guest)
        elif what < 0.7:
            one.failed(rng.choice(here), now)
        elif what < 0.85 and any(guest.pending for guest in here):
            one.logged_on(rng.choice([guest for guest in here if guest.pending]))
        else:
            one.leave(here.pop(rng.randrange(len(here))))
        assert one.connections == len(here)
        assert one.pending == sum(guest.pending for guest in here)
        for ip in "abcdef":
            mine = [guest for guest in here if guest.ip == ip]
            assert one._here.get(ip, [0, 0]) == [len(mine), sum(guest.pending for guest in mine)]
        assert len(one) <= 8
    for guest in here:
        one.leave(guest)
    assert not one._here


# --- log lines -----------------------------------------------------------------------------------------------


def told(line: Line | None) -> str:
    return "" if line is None else line.text % line.args


def test_sc1_one_line_a_second_tells_of_all() -> None:
    quiet = Quiet()
    assert told(quiet.note("refused", "%s was refused", NOW, ("a",))) == "a was refused"
    assert quiet.due is None
    for i in range(1000):
        assert quiet.note("refused", "%s was refused", NOW + i, (f"b{i}",)) is None
    assert quiet.note("barred", "%s is barred", NOW + 2000, ("c",)) is None
    assert quiet.due == NOW + SECOND
    line = quiet.flush(NOW + SECOND)
    assert told(line) == "1,001 more: 1,000 x refused (the last: b999 was refused); 1 x barred (the last: c is barred)"
    assert line is not None
    assert (line.kind, line.times, line.session) == ("several", 1001, None)
    assert quiet.flush(NOW + SECOND) is None
    assert quiet.note("refused", "%s was refused", NOW + SECOND, ("d",)) is None, "that line was this second's"
    assert told(quiet.flush(NOW + 2 * SECOND)) == "d was refused"
    assert told(quiet.note("refused", "%s was refused", NOW + 3 * SECOND, ("e",))) == "e was refused"


def test_sc1_a_line_is_not_as_long_as_a_stranger_likes() -> None:
    quiet = Quiet()
    long = ff.SessionID("FIX.4.4", "y" * 4000, "z" * 4000)
    assert len(told(quiet.note("refused", "%s: from %s", NOW, (long, "x" * 5000)))) < 400
    for i in range(10):
        quiet.note("refused", "%s: from %s", NOW, (long, f"{i}" * 5000))
    assert len(told(quiet.flush(NOW + SECOND))) < 450


def test_sc8_sc9_a_session_in_a_line_stays_one_for_filters() -> None:
    quiet = Quiet()
    identity = ff.SessionID("FIX.4.4", "SIM", "KEY\x1b[2J")
    line = quiet.note("refused", "%s: refused", NOW, (identity,))
    assert line is not None
    assert line.session == identity
    assert "\x1b" not in told(line)
    for _ in range(2):
        quiet.note("refused", "%s: refused", NOW, (identity,))
    line = quiet.flush(NOW + SECOND)
    assert line is not None
    assert identity in line.args


def test_a_percent_sign_of_a_stranger_is_only_text() -> None:
    quiet = Quiet()
    assert told(quiet.note("refused", "100%s of it", NOW)) == "100%s of it"
    for text in ("%d", "%(x)s %"):
        quiet.note("refused", "%s", NOW, (text,))
    assert told(quiet.flush(NOW + SECOND)) == "2 more: 2 x refused (the last: %(x)s %)"
