"""The fast path of the inbound pipeline says and does what the steps one by one do: two sessions hear the same peer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fixfast.dictionary.validation import Validation
from fixfast.session.wire import HeaderCheck, Message
from tests.session.harness import Desk

BODY = ((37, "o1"), (17, "e1"), (150, "F"), (39, "1"), (55, "EUR/USD"), (54, "1"), (151, 7), (14, 2), (6, "1.08"))


#: Says of no message that it is clean, so that each goes through every step.
NEVER = HeaderCheck("no version", "nobody", "nobody")


def seen(event: Any) -> Any:
    """What there is to see of an event; messages are not compared by identity."""
    if isinstance(event, Message):
        return event.raw, event.redelivered, str(event.fault)
    text = repr(event)
    return type(event).__name__, text if " at 0x" not in text else ""


def odd(desk: Desk, rng: random.Random, seq: int) -> bytes:
    """A message of the peer that is not the common case, mostly."""
    kind = rng.randrange(14)
    headers: list[dict[str, Any]] = [
        {"sender": "NOBODY"},
        {"target": None},
        {"time": None},
        {"time": desk.time(-500)},
        {"time": "soon"},
        {"number": "x"},
        {"begin_string": "FIX.4.2"},
    ]
    if kind < len(headers) and rng.random() < 0.1:  # these end a session
        return desk.raw("8", *BODY, seq=seq, **headers[kind])
    if kind < 9:
        return desk.raw(rng.choice("013"), (112, "x"), (45, 1), seq=seq)
    if kind == 9:
        return desk.raw("8", (43, "Y"), (122, desk.time(-1)), *BODY, seq=rng.choice((seq, max(1, seq - 2))))
    if kind == 10:
        return desk.raw("8", *BODY, (rng.choice((34, 49, 52)), "7"), seq=seq)
    if kind == 11:
        return desk.raw("8", *BODY, (999999, "x"), (38, "many"), seq=seq)
    if kind == 12:
        return b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01"
    return desk.raw("8", *BODY, seq=seq + rng.choice((0, 1)))


def stream(desk: Desk, rng: random.Random) -> bytes:
    seq, data = 2, []
    for _ in range(rng.randrange(1, 40)):
        data.append(odd(desk, rng, seq) if rng.random() < 0.15 else desk.raw("8", *BODY, (58, f"{seq}"), seq=seq))
        seq += 1
    return b"".join(data)


OPTIONS: dict[str, dict[str, Any]] = {
    "observe": {},
    "off": {"validation": None, "session_validation": None},
    "reject": {"validation": Validation("reject")},
    "warn": {"validation": Validation("warn")},
    "supported": {"supported_msg_types": frozenset({"D"})},
    "manual": {"manual_done": True},
    "any time": {"check_latency": False},
    "check": {"check": lambda message: None},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_a_peer_hears_and_the_application_sees_the_same(options: str) -> None:
    delivered = 0
    for seed in range(60):
        rng = random.Random(f"{options} {seed}")
        desks = [Desk("FIX.4.4", **OPTIONS[options]) for _ in range(2)]
        desks[1].session._header_check = NEVER
        for desk in desks:
            desk.logon()
        data = stream(desks[0], rng)
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randrange(6)))
        for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
            take = rng.random() < 0.7
            for desk in desks:
                if desk.state.connected:
                    desk.give(data[a:b])
                if take:
                    desk.take()
        told = []
        for desk in desks:
            desk.take()
            heard = [m.raw for m in desk.hear()]
            told.append(([seen(event) for event in desk.events], heard, desk.state, desk.session.stats()))
        assert told[0] == told[1], (options, seed)
        delivered += desks[0].session.stats().messages_in
    assert delivered > 200 or options == "supported"
