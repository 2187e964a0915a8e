"""What every message store promises, as tests: fixfast's own stores pass them, and a store of yours should.

The class here needs nothing but pytest to run it; `assert` says more when pytest is told to rewrite it, in conftest.py:
`pytest.register_assert_rewrite("fixfast.testing.stores")`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fixfast.errors import StoreError
from fixfast.store.base import Store
from fixfast.testing.model import StoreModel
from fixfast.types import Buffer

__all__ = ["StoreContract", "fix_message"]


def fix_message(n: int, body: bytes = b"35=D\x0111=x\x01") -> bytes:
    """Return a whole FIX message with MsgSeqNum n and these fields behind it."""
    data = b"34=%d\x01%b" % (n, body)
    head = b"8=FIX.4.4\x019=%d\x01" % len(data) + data
    return head + b"10=%03d\x01" % (sum(head) % 256)


class StoreContract:
    """The promises of `ff.Store`, one test each. Derive from it, name the class Test..., and give it open().

    Attributes:
        survives_kill: what was stored is there after the store was dropped without close(), as it is when a process is
            killed. Set it to False for a store that keeps everything in memory until close().
    """

    survives_kill = True

    def open(self, directory: Path) -> Store:
        """Return the store that lives in this directory, as a process does when it starts."""
        raise NotImplementedError

    def drop(self, store: Store) -> None:
        """Leave a store as a killed process does. By default the reference to it is all that is let go of."""

    # --- outbound -------------------------------------------------------------------------------------------------

    def test_a_new_store_is_at_one_and_one(self, tmp_path: Path) -> None:
        """Epoch 1, both numbers 1, nothing pending, clean."""
        with self._life(tmp_path) as life:
            assert isinstance(life.store, Store), "a method or property of the Protocol is missing"
            StoreModel().compare(life.store)
            assert life.store.load().clean

    def test_outbound_messages_come_back_in_order_with_their_times(self, tmp_path: Path) -> None:
        """Also after a restart, and read by range."""
        with self._life(tmp_path) as life:
            for n in range(1, 201):
                life.store.append_out(n, fix_message(n), 1000 + n)
            assert life.store.load().next_out == 201
            assert life.store.load().created_ns == 1001
            life.restart()
            assert list(life.store.read_out(5, 8)) == [(n, 1000 + n, fix_message(n)) for n in range(5, 9)]
            assert [n for n, _, _ in life.store.read_out(1, 999)] == list(range(1, 201))
            assert list(life.store.read_out(201, 210)) == []
            assert list(life.store.read_out(8, 5)) == []
            assert life.store.load().next_out == 201

    def test_t09_any_bytes_in_any_buffer_come_back_whole(self, tmp_path: Path) -> None:
        """Trap T9: NUL and SOH are bytes like any other; and a buffer may be used again at once."""
        raw = fix_message(1, b"35=B\x0195=9\x0196=a\0b\x01c\0\0\x01d\x01")
        kinds: tuple[Callable[[bytearray], Buffer], ...] = (bytes, bytearray, memoryview)
        with self._life(tmp_path) as life:
            for n, kind in enumerate(kinds, start=1):
                source = bytearray(raw)
                lent = kind(source)
                life.store.append_out(n, lent, n)
                life.store.append_in(n, n, lent)
                del lent
                source[:] = bytes(len(source))
            life.restart()
            assert [data for _, _, data in life.store.read_out(1, 3)] == [raw] * 3
            assert life.store.load().pending_in == ((1, 1, raw), (2, 2, raw), (3, 3, raw))

    def test_b5_1_a_number_is_used_once(self, tmp_path: Path) -> None:
        """Numbers may be left out; none is used twice."""
        with self._life(tmp_path) as life:
            life.store.append_out(1, fix_message(1), 1)
            life.store.append_out(5, fix_message(5), 1)
            for n in (5, 4, 0, -1):
                with _refused(ValueError, ""):
                    life.store.append_out(n, fix_message(9), 1)
            assert [n for n, _, _ in life.store.read_out(1, 9)] == [1, 5]
            life.restart()
            assert life.store.load().next_out == 6

    def test_c8_messages_with_secrets_are_left_out_of_resends(self, tmp_path: Path) -> None:
        """Their numbers are used all the same. No file holds the secret."""
        secrets = (b"554=hunter2\x01", b"925=hunter2\x01", b"1401=7\x011402=hunter2\x01")
        with self._life(tmp_path) as life:
            n = 0
            for secret in secrets:
                life.store.append_out(n + 1, fix_message(n + 1, b"35=A\x0198=0\x01" + secret), 1)
                life.store.append_out(n + 2, fix_message(n + 2), 1)
                life.store.append_out(n + 3, fix_message(n + 3, b"35=BE\x01923=1\x01" + secret), 1)
                n += 3
            assert [n for n, _, _ in life.store.read_out(1, 9)] == [2, 5, 8]
            life.restart()
            assert [n for n, _, _ in life.store.read_out(1, 9)] == [2, 5, 8]
            assert life.store.load().next_out == 10
            for file in tmp_path.rglob("*"):
                assert not file.is_file() or b"hunter2" not in file.read_bytes(), f"a secret is in {file}"

    # --- inbound --------------------------------------------------------------------------------------------------

    def test_b5_4_what_the_application_has_not_done_is_pending(self, tmp_path: Path) -> None:
        """A batch stays whole until its last message is dealt with."""
        batch = fix_message(2) + fix_message(3) + fix_message(4)
        with self._life(tmp_path) as life:
            life.store.append_in(1, 1, fix_message(1))
            life.store.append_in(2, 4, batch)
            life.store.done(1)
            for done, next_in, pending in ((1, 2, ((2, 4, batch),)), (3, 4, ((2, 4, batch),)), (4, 5, ())):
                life.store.done(done)
                life.restart()
                state = life.store.load()
                assert (state.next_in, state.received, state.pending_in) == (next_in, 5, pending)

    def test_done_twice_is_done_once(self, tmp_path: Path) -> None:
        """Below `next_in` nothing happens."""
        with self._life(tmp_path) as life:
            life.store.append_in(1, 2, fix_message(1) + fix_message(2))
            life.store.done(2)
            before = life.store.load()
            life.store.done(2)
            life.store.done(1)
            assert life.store.load() == before

    def test_done_without_a_receipt_moves_the_number(self, tmp_path: Path) -> None:
        """The at-most-once mode writes no receipts."""
        with self._life(tmp_path) as life:
            life.store.done(3)
            life.restart()
            assert (life.store.load().next_in, life.store.load().received) == (4, 4)

    def test_b5_4_a_fill_does_not_pass_what_is_not_done(self, tmp_path: Path) -> None:
        """A Heartbeat counted above a message that is not dealt with must not move NIN past that."""
        with self._life(tmp_path) as life:
            life.store.fill(1, 1)
            life.store.append_in(2, 2, fix_message(2))
            life.store.fill(3, 3)
            life.store.fill(4, 9)
            assert (life.store.load().next_in, life.store.load().received) == (2, 10)
            life.restart()
            assert (life.store.load().next_in, life.store.load().received) == (2, 10)
            life.store.append_in(10, 10, fix_message(10))
            life.store.done(2)
            life.restart()
            state = life.store.load()
            assert (state.next_in, state.received) == (10, 11)
            assert [a for a, _, _ in state.pending_in] == [10]

    def test_a_message_of_a_batch_can_be_filled(self, tmp_path: Path) -> None:
        """In any order."""
        with self._life(tmp_path) as life:
            life.store.append_in(1, 5, b"".join(fix_message(n) for n in range(1, 6)))
            life.store.fill(5, 5)
            life.store.fill(3, 3)
            life.store.done(2)
            assert life.store.load().next_in == 4
            life.restart()
            life.store.done(4)
            life.restart()
            assert life.store.load().next_in == 6

    def test_inbound_numbers_never_leave_a_hole(self, tmp_path: Path) -> None:
        """What would is refused, and nothing is stored of it."""
        with self._life(tmp_path) as life:
            life.store.append_in(1, 1, fix_message(1))
            for a, b in ((3, 3), (1, 1), (2, 1)):
                with _refused(ValueError, "2"):
                    life.store.append_in(a, b, fix_message(a))
            with _refused(ValueError, "2"):
                life.store.fill(3, 3)
            assert (life.store.load().next_in, life.store.load().received) == (1, 2)

    # --- both -----------------------------------------------------------------------------------------------------

    def test_b5_7_reset_begins_the_next_epoch(self, tmp_path: Path) -> None:
        """Both numbers at 1, nothing pending; the epoch never falls."""
        with self._life(tmp_path) as life:
            life.store.append_out(1, fix_message(1), 1)
            life.store.append_in(1, 1, fix_message(1))
            position = life.store.reset("141=Y")
            assert position <= life.store.synced, "durable before it returns"
            model = StoreModel()
            model.reset()
            model.compare(life.store)
            life.store.append_out(1, fix_message(1, b"35=8\x01"), 77)
            life.restart()
            model.append_out(1, fix_message(1, b"35=8\x01"), 77)
            model.compare(life.store)
            life.store.reset("again")
            life.store.reset("and again")
            life.restart()
            assert life.store.load().epoch == 4

    def test_a_reader_notices_a_reset(self, tmp_path: Path) -> None:
        """Messages of two epochs never come out of one iterator."""
        with self._life(tmp_path) as life:
            for n in range(1, 4):
                life.store.append_out(n, fix_message(n), n)
            reader = life.store.read_out(1, 3)
            next(reader)
            life.store.reset("while reading")
            with _refused(StoreError, ""):
                next(reader)

    def test_a_reader_goes_on_while_messages_are_appended(self, tmp_path: Path) -> None:
        """A resend may be long, and what is sent meanwhile is stored."""
        with self._life(tmp_path) as life:
            for n in range(1, 4):
                life.store.append_out(n, fix_message(n), n)
            seen = []
            for n, _, _ in life.store.read_out(1, 3):
                seen.append(n)
                life.store.append_out(3 + n, fix_message(3 + n), n)
            assert seen == [1, 2, 3]
            assert [n for n, _, _ in life.store.read_out(1, 9)] == [1, 2, 3, 4, 5, 6]

    def test_b5_2_positions_rise_and_sync_covers_them(self, tmp_path: Path) -> None:
        """A message goes on the wire when `synced` has reached its position."""
        with self._life(tmp_path) as life:
            store = life.store
            last = 0
            for epoch in (1, 2):
                for n in range(1, 7):
                    for position in (store.append_out(n, fix_message(n), n), store.append_in(n, n, fix_message(n))):
                        assert position > last, f"the position {position} does not rise above {last}"
                        last = position
                    last = max(last, store.done(n))
                store.sync()
                assert store.synced >= last
                if epoch == 1:
                    last = max(last, store.reset("positions rise across epochs too"))
            store.lease(100)
            assert store.synced >= last

    def test_close_is_a_clean_stop(self, tmp_path: Path) -> None:
        """Twice is once."""
        with self._life(tmp_path) as life:
            life.store.append_out(1, fix_message(1), 1)
            assert not life.store.load().clean
            life.store.close()
            life.store.close()
            life.restart()
            assert life.store.load().clean

    def test_b5_9_a_killed_process_loses_nothing(self, tmp_path: Path) -> None:
        """Neither what was sent nor what was received; and starting twice is starting once."""
        if not self.survives_kill:
            return
        with self._life(tmp_path) as life:
            model = StoreModel()
            for n in range(1, 30):
                life.store.append_out(n, fix_message(n), n)
                model.append_out(n, fix_message(n), n)
                life.store.append_in(n, n, fix_message(n))
                model.append_in(n, n, fix_message(n))
                if n % 3 == 0:
                    life.store.done(n - 1)
                    model.done(n - 1)
                if n % 10 == 0:
                    for _ in range(n // 10):
                        life.restart(kill=True)
                    model.compare(life.store)
            assert not life.store.load().clean

    def test_many_lives_agree_with_the_model(self, tmp_path: Path) -> None:
        """Calls at random, with restarts in between; the message of a failure names the seed."""
        for seed in range(8):
            directory = tmp_path / str(seed)
            directory.mkdir(mode=0o700)
            try:
                self._walk(directory, random.Random(seed), 60)
            except AssertionError as exc:
                raise AssertionError(f"seed {seed}: {exc}") from exc

    # --- inside ---------------------------------------------------------------------------------------------------

    def _walk(self, directory: Path, chance: random.Random, steps: int) -> None:
        model = StoreModel()
        with self._life(directory) as life:
            for _ in range(steps):
                step = chance.choice(("out", "out", "in", "in", "done", "done", "fill", "restart", "sync", "reset"))
                if step == "out":
                    n, raw = model.next_out + chance.choice((0, 0, 0, 2)), chance.randbytes(chance.randrange(600))
                    life.store.append_out(n, raw, n * 7)
                    model.append_out(n, raw, n * 7)
                elif step == "in":
                    a = model.received
                    b = a + chance.randrange(3)
                    raw = b"".join(fix_message(n) for n in range(a, b + 1))
                    life.store.append_in(a, b, raw)
                    model.append_in(a, b, raw)
                elif step == "done":
                    n = chance.randrange(model.received)
                    life.store.done(n)
                    model.done(n)
                elif step == "fill":
                    a = chance.randint(max(1, model.received - 3), model.received)
                    b = a + chance.randrange(4)
                    life.store.fill(a, b)
                    model.fill(a, b)
                elif step == "restart":
                    life.restart(kill=self.survives_kill and chance.random() < 0.5)
                elif step == "sync":
                    life.store.sync()
                elif chance.random() < 0.3:
                    life.store.reset("at random")
                    model.reset()
                model.compare(life.store)

    @contextmanager
    def _life(self, directory: Path) -> Iterator[_Life]:
        life = _Life(self, directory)
        try:
            yield life
        finally:
            life.end()


class _Life:
    """A store, and how it is taken up again."""

    def __init__(self, contract: StoreContract, directory: Path) -> None:
        self._contract = contract
        self._directory = directory
        self.store: Store = contract.open(directory)

    def restart(self, *, kill: bool = False) -> None:
        if kill:
            self._contract.drop(self.store)
            del self.store
        else:
            self.store.close()
        self.store = self._contract.open(self._directory)

    def end(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


@contextmanager
def _refused(error: type[Exception], match: str) -> Iterator[None]:
    raised: Exception | None = None
    try:
        yield
    except error as exc:
        raised = exc
    assert raised is not None, f"no {error.__name__}"
    assert re.search(match, str(raised)), f"{raised!r} should name {match}"
