"""InboundLedger: NIN from receipts, fills and acknowledgements, against a model that keeps every number."""

from __future__ import annotations

import random

import pytest

from fixfast.store.base import InboundLedger


class Model:
    """Every number by itself."""

    def __init__(self) -> None:
        self.done_to = 0
        self.filled: set[int] = set()
        self.received = 1

    @property
    def next_in(self) -> int:
        n = self.done_to + 1
        while n in self.filled:
            n += 1
        return n


@pytest.mark.parametrize("seed", range(200))
def test_a_ledger_says_what_the_model_says(seed: int) -> None:
    rng = random.Random(seed)
    ledger, model = InboundLedger(), Model()
    for _ in range(120):
        kind = rng.randrange(4)
        if kind == 0:
            b = ledger.received + rng.choice((0, 0, 1, 5))
            ledger.check_receipt(ledger.received, b)
            ledger.receive(b)
            model.received = b + 1
        elif kind == 1:
            n = rng.randint(max(1, ledger.next_in - 2), ledger.received)
            if n < ledger.received:
                assert ledger.nin_after_done(n) == ledger.done(n)
                model.done_to = max(model.done_to, n)
        else:
            a = ledger.received - rng.choice((0, 0, 0, 1, 2, 7))
            b = a + rng.choice((0, 0, 1, 4))
            if a < 1:
                continue
            ledger.check_fill(a, b)
            expected = ledger.nin_after_fill(a, b)
            assert ledger.fill(a, b) == expected
            model.filled |= set(range(a, b + 1))
            model.received = max(model.received, b + 1)
        model.received = max(model.received, model.next_in)
        assert (ledger.next_in, ledger.received) == (model.next_in, model.received), f"seed {seed}"
        assert all(x[1] + 1 < y[0] for x, y in zip(ledger.fills, ledger.fills[1:], strict=False)), "joined, in order"
        assert not ledger.fills or ledger.fills[0][0] > ledger.next_in


def test_sc3_heartbeats_behind_an_unacknowledged_message_are_one_entry() -> None:
    """A peer that talks while the application is slow makes no more work with each message."""
    ledger = InboundLedger()
    ledger.receive(1)
    for n in range(2, 10_000):
        ledger.fill(n, n)
        assert ledger.fills == [(2, n)]
    assert ledger.done(1) == 10_000
    assert ledger.fills == []


def test_forgetting_what_was_received_cuts_the_fills() -> None:
    ledger = InboundLedger()
    ledger.receive(2)
    ledger.fill(3, 9)
    ledger.forget(5)
    assert (ledger.received, ledger.fills) == (5, [(3, 4)])
    assert ledger.done(2) == 5
