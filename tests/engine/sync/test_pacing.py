"""Throttled sessions of threads: they wait, are refused, or leave messages in a queue; over loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, Notes, news, them, to, us
from tests.engine.sync.venue import LIMIT, Venue


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def throttle(count: int, per: float, when_full: Any = "wait", **options: Any) -> ff.Throttle:
    return ff.Throttle((ff.RateLimit(count, per),), when_full=when_full, **options)


def connect(venue: Venue, limits: ff.Throttle, application: object | None = None) -> Any:
    return ff.sync.connect(us(), to(venue.port, EAGER), application, throttle=limits)


def test_threads_wait_for_their_turn() -> None:
    notes = Notes()
    with Venue(notes, [them()]) as venue, connect(venue, throttle(4, 0.05)) as session:
        seqs: list[int] = []

        def work(name: int) -> None:
            for n in range(5):
                seqs.append(session.send(*news(f"{name}-{n}")))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert sorted(seqs) == list(range(2, 22))
        until(lambda: len(notes.messages) == 20)
        assert session.stats().waiting == 0
        times = sorted(message.time_ns(52) for message in notes.messages)
        for begin in times:
            # SendingTime has milliseconds, and it and the limiter's clock are not read at the same instant
            assert sum(begin <= t < begin + 45_000_000 for t in times) <= 4


def test_who_reads_meanwhile_does_not_keep_others_from_their_turn() -> None:
    class Echo(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            super().on_message(session, message)
            session.send_nowait(*news("re " + message[148]))

    with Venue(Echo(), [them()]) as venue, connect(venue, throttle(1, 0.02)) as session:
        got: list[str] = []

        def read() -> None:
            for message in session:
                got.append(message[148])
                if len(got) == 5:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(5):
            session.send(*news(n))
        reader.join(LIMIT)
        assert got == [f"re {n}" for n in range(5)]


class Events:
    """Notes events only."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_event(self, session: object, event: object) -> None:
        self.events.append(event)

    def named(self, name: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == name]


def test_a_queue_is_sent_by_the_keeper() -> None:
    notes, mine = Notes(), Events()
    with Venue(notes, [them()]) as venue, connect(venue, throttle(2, 0.05, "queue"), mine) as session:
        template = session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        assert [session.send_nowait(*news(n)) for n in range(3)] == [2, 3, 0]
        assert session.send(*news(3)) == 0
        assert session.send_template(template, "4") == 0
        until(lambda: len(notes.messages) == 5)
        assert notes.headlines == ["0", "1", "2", "3", "4"]
        until(lambda: [event.msg_seq_num for event in mine.named("Released")] == [4, 5, 6])


def test_reject_raises_and_uses_no_number() -> None:
    with Venue(Notes(), [them()]) as venue, connect(venue, throttle(1, 60.0, "reject")) as session:
        assert session.send(*news(0)) == 2
        for send in (session.send, session.send_nowait):
            with pytest.raises(ff.Throttled):
                send(*news(1))
        assert session.next_out == 3


def test_a_request_waits_for_its_turn_within_its_timeout() -> None:
    class Asked(Notes):
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            if message.msg_type == "V":
                session.send_nowait("Y", [(262, message[262])])

    asking = ("V", [(262, "r"), (263, 0), (264, 1), (267, [[(269, "0")]]), (146, [[(55, "X")]])])
    for mode in ("wait", "queue"):
        with Venue(Asked(), [them()]) as venue, connect(venue, throttle(1, 0.1, mode)) as session:
            session.send(*news(0))
            assert session.request(*asking).msg_type == "Y"
        with Venue(Asked(), [them()]) as venue, connect(venue, throttle(1, 60.0, mode)) as session:
            session.send(*news(0))
            with pytest.raises(TimeoutError):
                session.request(*asking, timeout=0.05)
            assert session.next_out == 3
            assert session.stats().waiting == 0


def test_those_who_wait_hear_of_the_end() -> None:
    with Venue(Notes(), [them()]) as venue, connect(venue, throttle(1, 60.0)) as session:
        session.send(*news(0))
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                session.send(*news(1))
            except ff.NotActive as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: session.stats().waiting)
        session.drop()
        thread.join(LIMIT)
        assert len(errors) == 1


def test_what_is_queued_at_the_end_is_named() -> None:
    mine = Notes()
    with Venue(Notes(), [them()]) as venue, connect(venue, throttle(1, 60.0, "queue"), mine) as session:
        for n in range(3):
            session.send_nowait(*news(n))
    (unsent,) = mine.named("Unsent")
    assert [message[148] for message in unsent.messages] == ["1", "2"]


def test_a_server_for_threads_has_limits_too() -> None:
    with ff.sync.serve(None, [them()], throttle=lambda config: throttle(1, 60.0, "reject")) as server:
        with ff.sync.connect(us(), to(server.port)):
            (session,) = server.sessions.values()
            session.wait_active(LIMIT)
            session.send(*news(0))
            with pytest.raises(ff.Throttled):
                session.send(*news(1))


def test_limits_survive_a_session_that_is_made_anew() -> None:
    with Venue(Notes(), [them()]) as venue, connect(venue, throttle(1, 60.0, "reject")) as session:
        session.send(*news(0))
        with session._lock:
            session._tear("a test")
        until(lambda: session.active)
        with pytest.raises(ff.Throttled):
            session.send(*news(1))
