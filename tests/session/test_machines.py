"""The machines beside the main state: sessions do what the tables say, and all of it; the page is drawn from them."""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixfast.errors import LocalProtocolError, NotActive
from fixfast.session.machines import MACHINES, page
from fixfast.session.schedule import Schedule
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.store.memory import MemoryStore
from fixfast.types import Now, Role
from tests.session import harness
from tests.session.harness import SECOND, Desk

#: what every test below has seen: machine -> {(state, next state)}
Seen = dict[str, set[tuple[str, str]]]

OFFICE = Schedule.daily("08:00", "16:00", tz="UTC")
HOUR = 3600


def edges(name: str) -> set[tuple[str, str]]:
    machine = next(machine for machine in MACHINES if machine.name == name)
    return {(old, new) for old, row in machine.transitions.items() for new in row}


class Watched(Session):
    """A Session whose machines are looked at between any two messages, calls and changes of the main state."""

    seen: Seen

    def look(self) -> None:
        if not hasattr(self, "last"):
            self.last = {machine.name: next(iter(machine.states)) for machine in MACHINES}
        for machine in MACHINES:
            old, new = self.last[machine.name], machine.read(self)
            if new != old:
                self.seen[machine.name].add((old, new))
                self.last[machine.name] = new

    def _step(self, *args: Any) -> None:
        super()._step(*args)
        self.look()

    def _set_state(self, new: State, reason: str) -> None:
        super()._set_state(new, reason)
        self.look()


def _looking(name: str) -> Callable[..., Any]:
    plain = getattr(Session, name)

    def call(self: Watched, *args: Any, **kwargs: Any) -> Any:
        try:
            return plain(self, *args, **kwargs)
        finally:
            self.look()

    return call


for _name in "connected receive_data receive_eof disconnected poll send logout reset data_to_send".split():
    setattr(Watched, _name, _looking(_name))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """What the sessions of Desks did in this test, and nothing of it outside of the tables."""
    seen: Seen = defaultdict(set)
    monkeypatch.setattr(harness, "Session", type("WatchedHere", (Watched,), {"seen": seen}))
    yield seen
    for machine in MACHINES:
        strange = seen[machine.name] - edges(machine.name)
        assert not strange, f"{machine.name}: not in its table: {sorted(strange)}"


def logged_on(role: Role = Role.ACCEPTOR, heart_bt_int: int = 30, **options: Any) -> Desk:
    desk = Desk(role=role, **options)
    desk.logon(heart_bt_int=heart_bt_int)
    return desk


def news(desk: Desk, n: int = 1) -> None:
    for _ in range(n):
        desk.session.send("B", [(148, "x"), (33, [[(58, "x")]])], desk.now)


def test_the_tables_are_whole() -> None:
    for machine in MACHINES:
        assert set(machine.transitions) == set(machine.states), machine.name
        reached = {new for _, new in edges(machine.name)} | {next(iter(machine.states))}
        assert reached == set(machine.states), machine.name
        assert all(old != new for old, new in edges(machine.name))
    fresh = Session(harness.config(), MemoryStore())
    assert [machine.read(fresh) for machine in MACHINES] == [next(iter(machine.states)) for machine in MACHINES]


def test_the_page_in_docs_is_drawn_from_the_tables() -> None:
    file = Path(__file__).parents[2] / "docs" / "state-machine.md"
    assert file.read_text() == page(), "run: python -m fixfast.session.machines > docs/state-machine.md"


# --- every transition, at work -------------------------------------------------------------------------------------


def test_S02_S03_G04_G08_the_gap(seen: Seen) -> None:
    name = "What we miss"
    desk = logged_on()
    desk.app("high", seq=4)
    desk.dup("4", (123, "Y"), (36, 4), seq=2)
    assert seen[name] == {("COMPLETE", "MISSING"), ("MISSING", "COMPLETE")}
    desk.app("high", seq=9)
    desk.hear()
    desk.advance(61)  # nothing comes: asked for again
    assert ("MISSING", "ASKED_AGAIN") in seen[name]
    desk.dup("8", (58, "x"), seq=5)
    assert ("ASKED_AGAIN", "MISSING") in seen[name]
    desk.say("0", seq=10)
    desk.advance(61)
    desk.drop()
    assert seen[name] == edges(name)


def test_P12_P16_the_replay(seen: Seen) -> None:
    name = "What the peer misses"
    desk = logged_on()
    news(desk, 600)
    desk.hear()
    desk.say("2", (7, 1), (16, 0))
    assert seen[name] == {("IDLE", "RESENDING")}
    desk.say("2", (7, 5), (16, 9))
    assert ("RESENDING", "MORE_TO_COME") in seen[name]
    desk.hear()
    assert {("MORE_TO_COME", "RESENDING"), ("RESENDING", "IDLE")} <= seen[name]
    desk.say("2", (7, 1), (16, 0))
    desk.say("2", (7, 5), (16, 9))
    desk.drop()
    assert seen[name] == edges(name)


def test_H04_H05_H07_liveness(seen: Seen) -> None:
    name = "Is the peer alive"
    desk = logged_on()
    desk.advance(37)
    assert seen[name] == {("OFF", "HEARING"), ("HEARING", "SILENCE")}
    request = next(m for m in desk.hear() if m.msg_type == "1")
    desk.say("0")
    assert ("SILENCE", "HEARD") in seen[name]
    desk.say("0", (112, request[112]))
    assert ("HEARD", "HEARING") in seen[name]
    desk.advance(37)
    request = next(m for m in desk.hear() if m.msg_type == "1")
    desk.say("0", (112, request[112]))
    assert ("SILENCE", "HEARING") in seen[name]
    desk.advance(37)
    desk.say("0")
    desk.advance(37)
    assert ("HEARD", "SILENCE") in seen[name]
    desk.say("0")
    desk.drop()
    assert ("HEARD", "OFF") in seen[name]
    desk.logon()
    desk.drop()
    assert ("HEARING", "OFF") in seen[name]
    desk.logon()
    desk.advance(80)
    desk.drop()
    assert seen[name] == edges(name)


def test_R04_R05_R06_R10_the_reset(seen: Seen) -> None:
    name = "Our own sequence reset"
    desk = logged_on()
    desk.session.reset(desk.now)
    request = desk.hear()[-1]
    desk.say("0", (112, request[112]))
    assert seen[name] == {("NONE", "ROUND_TRIP"), ("ROUND_TRIP", "LOGON_SENT")}
    desk.hear()
    desk.say("A", *desk.logon_fields(), (141, "Y"), seq=1)
    assert ("LOGON_SENT", "NONE") in seen[name]
    desk.seq = 2
    desk.session.reset(desk.now)
    desk.session.logout("", desk.now)
    assert ("ROUND_TRIP", "NONE") in seen[name]
    desk.drop()
    desk.hear()
    for ends in (False, True):
        desk.logon()
        desk.session.reset(desk.now)
        request = desk.hear()[-1]
        news(desk)  # not written yet when the answer comes
        desk.say("0", (112, request[112]))
        assert ("ROUND_TRIP", "READY") in seen[name]
        if ends:
            desk.drop()
            continue
        desk.hear()
        assert ("READY", "LOGON_SENT") in seen[name]
        desk.drop()
        desk.seq = 1
    assert ("READY", "NONE") in seen[name]
    Desk(role=Role.INITIATOR, reset_on_logon=True).connect()
    assert seen[name] == edges(name)


def test_D09_D12_the_window(seen: Seen) -> None:
    name = "The window of our numbers"

    def poll(desk: Desk, hour: float) -> None:
        """Look at the clock, which says so many hours after midnight of the first day."""
        desk.session.poll(Now(desk.now.mono_ns, desk.now.wall_ns + int((hour - 10) * HOUR * SECOND)))

    desk = logged_on(schedule=OFFICE, heart_bt_int=0)
    assert seen[name] == {("UNKNOWN", "OPEN")}
    poll(desk, 7)
    assert ("OPEN", "BEFORE") in seen[name]
    poll(desk, 9)
    assert ("BEFORE", "OPEN") in seen[name]
    poll(desk, -9)
    assert ("OPEN", "AHEAD") in seen[name]
    poll(desk, 7)
    assert ("AHEAD", "BEFORE") in seen[name]
    poll(desk, -9)
    assert ("BEFORE", "AHEAD") in seen[name]
    poll(desk, 9)
    assert ("AHEAD", "OPEN") in seen[name]
    poll(desk, 17)
    assert ("OPEN", "OVER") in seen[name]
    poll(desk, 9)
    assert ("OVER", "OPEN") in seen[name]
    poll(desk, 17)
    desk.clock.advance(7 * HOUR)
    desk.drop()
    assert ("OVER", "BEFORE") in seen[name]
    stranger = Desk(schedule=OFFICE)  # connected between windows, and nobody looks for a day
    stranger.clock.advance(7 * HOUR)
    stranger.connect()
    assert ("UNKNOWN", "BEFORE") in seen[name]
    stranger.clock.advance(28 * HOUR)
    stranger.session.receive_data(b"", stranger.now)
    assert ("BEFORE", "OVER") in seen[name]
    assert seen[name] == edges(name)


# --- and nothing else ----------------------------------------------------------------------------------------------


def act(desk: Desk, rng: random.Random) -> None:
    """Something happens."""
    session = desk.session
    if session.close_requested is not None or rng.random() < 0.01:
        desk.drop()
        return
    if session.state is State.DISCONNECTED:
        desk.connect()
        desk.hear()
        desk.say("A", *desk.logon_fields(rng.choice((0, 5, 30))), seq=session.next_in + rng.choice((0, 0, 0, 2)))
        return
    gap = session._gap
    desk.seq = session.next_in if gap is None else gap.target + 1
    what = rng.randrange(16)
    if what < 2:
        desk.app("x")
    elif what == 2:
        desk.seq += rng.randrange(1, 4)
        desk.app("high")
    elif what < 5:
        upto = desk.seq if rng.random() < 0.5 else session.next_in + 1
        desk.dup("4", (123, "Y"), (36, upto), seq=session.next_in)
    elif what < 7:
        desk.say("2", (7, rng.randrange(1, session.next_out)), (16, 0))
    elif what == 7:
        desk.say("0", (112, session._live.test_id or "none"))
    elif what == 8:
        desk.say("0")
    elif what == 9:
        desk.say("A", *desk.logon_fields(rng.choice((0, 30))), (141, "Y"), seq=1)
    elif what == 10 and rng.random() < 0.2:
        desk.say("5")
    elif what == 11:
        session.reset(desk.now)
    elif what == 12 and rng.random() < 0.1:
        session.logout("", desk.now)
    elif what == 13:
        news(desk, rng.choice((1, 1, 300)))
    elif what > 13:
        desk.advance(rng.choice((1, 7, 40)))
    if rng.random() < 0.6:
        desk.hear()
    desk.take()


@pytest.mark.parametrize("role", list(Role))
def test_S02_H04_R04_random_sessions_stay_in_the_tables(seen: Seen, role: Role, version: str) -> None:
    for seed in range(10):
        rng = random.Random(f"{role.name} {version} {seed}")
        desk = Desk(version, role, check_latency=False, max_resend_requests=50)
        for _ in range(120):
            with contextlib.suppress(NotActive, LocalProtocolError):  # not now
                act(desk, rng)
    for machine in MACHINES[: 3 if version == "FIX.4.0" else 4]:
        assert len(seen[machine.name]) > 1, f"{machine.name}: too little happened"
