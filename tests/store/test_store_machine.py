"""Any store against a model of plain sets, by calls that Hypothesis thinks up, closed and killed at will."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fixfast.store.secrets import has_secrets
from fixfast.testing import StoreModel, fix_message
from tests.store.kinds import KINDS, Kind


class StoreMachine(RuleBasedStateMachine):
    """The calls of the Protocol, and the two ways to end."""

    kind: Kind

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.model = StoreModel()
        self.store = self.kind.open(Path(self.directory.name))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.directory.cleanup()

    @rule(skip=st.integers(0, 2), body=st.binary(max_size=300), wall=st.integers(0, 1 << 60))
    def send(self, skip: int, body: bytes, wall: int) -> None:
        n = self.model.next_out + skip
        raw = fix_message(n, b"35=D\x0195=%d\x0196=%b\x01" % (len(body), body))
        assume(not has_secrets(raw))  # which is not given back (C8), and which Hypothesis does think up
        self.store.append_out(n, raw, wall)
        self.model.append_out(n, raw, wall)

    @rule(back=st.integers(1, 3))
    def send_again(self, back: int) -> None:
        with pytest.raises(ValueError):
            self.store.append_out(self.model.next_out - back, b"", 1)

    @rule(count=st.integers(1, 3))
    def receive(self, count: int) -> None:
        a = self.model.received
        raw = b"".join(fix_message(n) for n in range(a, a + count))
        self.store.append_in(a, a + count - 1, raw)
        self.model.append_in(a, a + count - 1, raw)

    @rule(ahead=st.sampled_from([-2, -1, 1, 2]))
    def receive_out_of_turn(self, ahead: int) -> None:
        a = self.model.received + ahead
        with pytest.raises(ValueError):
            self.store.append_in(a, a, b"")

    @rule(back=st.integers(0, 3))
    def done(self, back: int) -> None:
        n = self.model.received - 1 - back
        self.store.done(n)
        self.model.done(n)

    @rule(back=st.integers(0, 3), count=st.integers(1, 5))
    def fill(self, back: int, count: int) -> None:
        a = max(self.model.received - back, 1)
        self.store.fill(a, a + count - 1)
        self.model.fill(a, a + count - 1)

    @rule()
    def fill_beyond(self) -> None:
        a = self.model.received + 1
        with pytest.raises(ValueError):
            self.store.fill(a, a)

    @rule()
    def reset(self) -> None:
        self.store.reset("rule")
        self.model.reset()

    @rule()
    def sync(self) -> None:
        self.store.sync()

    @rule(more=st.integers(1, 20))
    def lease(self, more: int) -> None:
        self.store.lease(self.model.next_out + more)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.kind.open(Path(self.directory.name))

    @precondition(lambda self: self.kind.survives_kill)
    @rule()
    def kill(self) -> None:
        del self.store
        self.store = self.kind.open(Path(self.directory.name))

    @invariant()
    def same(self) -> None:
        if hasattr(self, "store"):
            self.model.compare(self.store)


_DURABLE = [kind for kind in KINDS if kind.name.rpartition("-")[2] not in ("interval", "every")]


@pytest.mark.parametrize("kind", _DURABLE, ids=lambda kind: kind.name)
def test_b5_a_store_never_disagrees_with_the_model(kind: Kind) -> None:
    machine: Any = type("Machine", (StoreMachine,), {"kind": kind})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))
