"""Many threads at one AuthCoordinator: what is read is of one moment, what is told is in order."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator

import pytest

import fixfast as ff
from fixfast.auth import AuthCoordinator, AuthFailure, AuthReason, AuthSnapshot, AuthState, AuthUpdate
from tests.auth.desk import CLIENT, LOG_ON, NEW, PASSWORD, RULES, Ports

#: of each thread; and of one that has not seen all states by then
ROUNDS, MOST = 1_500, 100_000


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads change places as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def torn(one: AuthSnapshot) -> str:
    """Say what is wrong with a snapshot, if anything is."""
    known = one.client_id is not None
    if known != (one.state in (AuthState.CONNECTING, AuthState.AUTHENTICATING, AuthState.ACTIVE)) and (
        one.state is not AuthState.DISCONNECTED
    ):
        return f"client_id is {'' if known else 'not '}there while {one.state.value}"
    if one.client_id is not None and one.client_id.reveal() not in (f"{CLIENT}-{n}" for n in range(4)):
        return "not a client_id"
    if one.state is AuthState.FAILED and one.failure is None:
        return "failed for no reason"
    if one.changing and one.state is not AuthState.ACTIVE:
        return "changes a password of nobody"
    if one.retry_at_ns is not None and not (one.state.waiting and one.failure is not None):
        return "tries again what did not fail"
    return ""


class Storm:
    """Four network threads and commands at random, two threads that read, and an observer."""

    def __init__(self, seed: int) -> None:
        self.ports = Ports()
        self.auth = AuthCoordinator(self.ports, self.ports, retry=RULES)
        self.updates: list[AuthUpdate] = []
        self.seen: set[AuthState] = set()
        self.auth.observe(self.note)
        self.wrong: list[str] = []
        self.done = threading.Event()
        self.seed = seed

    def note(self, update: AuthUpdate) -> None:
        self.updates.append(update)
        if not update.ignored:
            self.seen.add(update.snapshot.state)

    def work(self, n: int) -> None:
        rng = random.Random(f"{self.seed}-{n}")
        auth = self.auth
        lost = AuthFailure(AuthReason.CONNECTION_LOST)
        for i in range(MOST):
            if i >= ROUNDS and len(self.seen) == len(AuthState):  # threads that take turns seldom see less
                return
            now = ff.Now(i * 1_000_000_000, 0)
            attempt = self.ports.attempts[-1] if self.ports.attempts else None
            try:
                what = rng.randrange(10)
                if what == 0:
                    auth.login(f"{CLIENT}-{n}", PASSWORD, now)
                elif what == 1 and rng.random() < 0.3:
                    auth.logout(now)
                elif what == 2:
                    auth.register_account("me", PASSWORD, now)
                elif what == 3:
                    auth.change_password(PASSWORD, NEW, now)
                elif what == 4:
                    auth.tick(now)
                elif attempt is not None:
                    if what == 5:
                        attempt.registered(f"{CLIENT}-{n}", now)
                    elif what == 6:
                        attempt.disconnected(lost, now)
                    elif what == 7:
                        attempt.connection_lost(lost, now)
                    elif what == 8:
                        attempt.connected(now)
                    else:
                        attempt.user_response(LOG_ON, rng.choice((1, 1, 4)), "", now)
            except ff.WrongAuthState:
                pass
            except BaseException as error:
                self.wrong.append(repr(error))
                raise

    def read(self) -> None:
        while not self.done.is_set():
            said = torn(self.auth.snapshot)
            if said:
                self.wrong.append(said)
                return


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("switching")
def test_what_is_read_is_of_one_moment_and_what_is_told_is_in_order(seed: int) -> None:
    storm = Storm(seed)
    readers = [threading.Thread(target=storm.read) for _ in range(2)]
    workers = [threading.Thread(target=storm.work, args=(n,)) for n in range(4)]
    for thread in (*readers, *workers):
        thread.start()
    for thread in workers:
        thread.join(60)
    storm.done.set()
    for thread in readers:
        thread.join(60)
    assert not storm.wrong
    before = AuthState.DISCONNECTED
    for update in storm.updates:
        assert update.before is before, "an observer missed one, or heard it too early"
        before = update.snapshot.state
    assert before is storm.auth.state
    assert storm.seen == set(AuthState), f"seed {seed}: the storm was too mild"
