"""What every store promises: one suite, on every store under every sync policy, and on one that is home-made."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixfast import JournalStore, MemoryStore, Store
from fixfast.testing import StoreContract, StoreModel, fix_message
from tests.store.kinds import ID, KINDS, Kind


class TestContract(StoreContract):
    """Every test of the contract, for each kind of store."""

    kind: Kind

    @pytest.fixture(params=KINDS, ids=lambda kind: kind.name, autouse=True)
    def take(self, request: pytest.FixtureRequest) -> None:
        self.kind = request.param
        self.survives_kill = self.kind.survives_kill

    def open(self, directory: Path) -> Store:
        return self.kind.open(directory)


class _Forgetful(MemoryStore):
    """A store that is wrong in one way, to see that the contract notices."""

    def done(self, n: int) -> int:
        return super().done(n + 1)


class _Contract(StoreContract):
    survives_kill = False

    def __init__(self, store: Store) -> None:
        self.store = store

    def open(self, directory: Path) -> Store:
        return self.store


def test_the_contract_notices_a_store_that_forgets(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        _Contract(_Forgetful()).test_b5_4_what_the_application_has_not_done_is_pending(tmp_path)
    with pytest.raises(AssertionError, match="seed 0"):
        _Contract(_Forgetful()).test_many_lives_agree_with_the_model(tmp_path)


def test_the_model_is_plain() -> None:
    model = StoreModel()
    model.append_in(1, 2, b"12")
    model.fill(3, 4)
    assert (model.next_in, model.received, model.pending_in) == (1, 5, ((1, 2, b"12"),))
    model.done(1)
    assert (model.next_in, model.received, model.pending_in) == (2, 5, ((1, 2, b"12"),))
    model.done(2)
    assert (model.next_in, model.received, model.pending_in) == (5, 5, ())


def test_a_number_that_does_not_fit_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, session_id=ID)
    with pytest.raises(ValueError, match="does not fit"):
        store.append_out(1 << 70, fix_message(1), 1)
    store.append_out(1, fix_message(1), 1)
    store.close()


def test_a_bounded_memory_store_keeps_the_latest() -> None:
    store = MemoryStore(max_messages=10)
    for n in range(1, 101):
        store.append_out(n, fix_message(n), n)
    kept = [n for n, _, _ in store.read_out(1, 100)]
    assert kept == list(range(kept[0], 101))
    assert 10 <= len(kept) <= 20
    assert store.load().next_out == 101
    with pytest.raises(ValueError, match="max_messages"):
        MemoryStore(max_messages=-1)
