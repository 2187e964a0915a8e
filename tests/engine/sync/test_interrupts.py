"""Ctrl-C, wherever it comes, and other exceptions from nowhere: the session can be used again, and nothing is lost."""

from __future__ import annotations

import ast
import itertools
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import fixfast as ff
from fixfast.transport.blocking import wait_on
from tests.engine.harness import Notes, news, them, us
from tests.engine.sync.test_connect import Echo, connect, until
from tests.engine.sync.venue import LIMIT, Venue

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = str(Path(ff.__file__).parent)

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends a signal")


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[float], object]]:
    """Return what makes a KeyboardInterrupt come up in the main thread after so many seconds; 0: none any more."""
    wanted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal wanted
        # In logging it would leave a handler locked for good (logging takes the lock before its `try`), and with it
        # every thread that has something to say. And the test's own code would not stand it.
        while frame is not None and not frame.f_code.co_filename.startswith((PACKAGE, logging.__file__)):
            frame = frame.f_back
        if not wanted:  # called off when the signal was there already
            return
        if frame is None or frame.f_code.co_filename == logging.__file__:
            signal.setitimer(signal.ITIMER_REAL, 0.0001)
            return
        wanted = False
        raise KeyboardInterrupt

    def ask(seconds: float) -> None:
        nonlocal wanted
        wanted = seconds > 0
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.signal(signal.SIGALRM, interrupt)
    yield ask
    ask(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("what", ["iterate", "receive", "request", "wait_active"])
def test_it_ends_a_wait_at_once_and_the_session_goes_on(ctrl_c: Callable[[float], object], what: str) -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue) as session:
        waits: dict[str, Callable[[], object]] = {
            "iterate": lambda: next(iter(session)),
            "receive": lambda: session.receive(LIMIT),
            "request": lambda: session.request("B", news("no answer")[1], match=lambda message: False),
            "wait_active": lambda: session.wait_until(lambda: False, on=session._moved),
        }
        ctrl_c(0.05)
        with pytest.raises(KeyboardInterrupt):
            waits[what]()
        session.send(*news("on"))
        while session.receive(LIMIT)[148] != "re on":
            pass
        assert session.connections == 1


def test_while_another_thread_leads(ctrl_c: Callable[[float], object]) -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        got: list[object] = []
        consumer = threading.Thread(target=lambda: got.append(session.receive(LIMIT)))
        consumer.start()
        until(lambda: session.led)
        ctrl_c(0.05)
        with pytest.raises(KeyboardInterrupt):
            session.request("V", [(262, "x")], match=lambda message: False)  # follows
        session.send(*news("y"))
        consumer.join(LIMIT)
        assert len(got) == 1


def test_anywhere_nothing_is_lost_and_no_number_used_twice(ctrl_c: Callable[[float], object]) -> None:
    """Interrupted at random moments of sending and receiving: the peer gets every message that was sent, in order."""
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    rng = random.Random(seed)
    echo = Echo()
    often = {"max_repeated_requests": 1_000_000, "max_resend_requests": 1_000_000}  # so many interrupts are not usual
    with Venue(echo, [them(**often)]) as venue, connect(venue, offline="store", **often) as session:
        sent = interrupts = 0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                ctrl_c(rng.uniform(0.0005, 0.02))
                while True:
                    session.send(*news(sent))
                    sent += 1
                    session.receive(0.001)
            except (KeyboardInterrupt, TimeoutError) as error:
                ctrl_c(0)
                interrupts += isinstance(error, KeyboardInterrupt)
        ctrl_c(0)
        session.send(*news("last"))
        until(lambda: echo.messages and echo.headlines[-1] == "last")
        assert interrupts > 10
        # An interrupted send() may or may not have sent: the program does not know, and sends again.
        got = echo.headlines
        texts = [text for i, text in enumerate(got) if i == 0 or text != got[i - 1]]
        assert texts == [*map(str, range(sent)), *([str(sent)] if texts[-2] == str(sent) else []), "last"]
        numbers = [message.msg_seq_num for message in echo.messages]
        assert numbers == sorted(set(numbers))


def test_no_endless_loop_is_the_first_thing_in_a_try_that_cleans_up() -> None:
    """CPython 3.11 looks for Ctrl-C when it has jumped to a loop's beginning: then it comes to the line before it."""

    def cleans_up(node: ast.Try) -> bool:
        return bool(node.finalbody) or any(
            one.type is None or (isinstance(one.type, ast.Name) and one.type.id == "BaseException")
            for one in node.handlers
        )

    def endless(node: ast.stmt) -> bool:
        return isinstance(node, ast.While) and isinstance(node.test, ast.Constant)

    tries, wrong = 0, []
    for path in sorted(Path(PACKAGE).rglob("*.py")):
        if path.parent.name == "reference":  # what it could not tell the store, it tells it the next time
            continue
        tree = ast.parse(path.read_text("utf-8"))
        tasks = {id(one) for a in ast.walk(tree) if isinstance(a, ast.AsyncFunctionDef) for one in ast.walk(a)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Try) and id(node) not in tasks and cleans_up(node):  # no Ctrl-C comes to a task
                tries += 1
                if endless(node.body[0]):
                    wrong.append(f"{path.name}:{node.lineno}")
    assert tries > 50
    assert not wrong


def test_the_lock_of_a_condition_is_held_wherever_its_wait_is_interrupted() -> None:
    before = sys.gettrace()
    for step in itertools.count(1):
        steps = itertools.count(1)

        def trace(frame: FrameType, event: str, arg: object, step: int = step, steps: Iterator[int] = steps) -> Any:
            if frame.f_code is not threading.Condition.wait.__code__:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode" and next(steps) == step:
                raise KeyboardInterrupt
            return trace

        condition = threading.Condition(threading.RLock())
        interrupted = False
        with condition:
            sys.settrace(trace)
            try:
                wait_on(condition, 0)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                sys.settrace(before)
        other = threading.Thread(target=lambda lock=condition: lock.acquire() and lock.release())
        other.start()
        other.join(LIMIT)  # the lock is free, for others too
        assert not other.is_alive()
        if not interrupted:
            assert step > 30
            return


def test_a_hook_that_fails_in_the_middle_of_things_drops_the_connection_only() -> None:
    class Broken(BaseException):
        pass

    calls = []

    def check(message: ff.Message) -> None:
        calls.append(message)
        if len(calls) == 2:
            raise Broken

    with Venue(Echo(), [them()]) as venue, connect(venue, check=check) as session:
        session.send(*news(1))
        assert session.receive(LIMIT)[148] == "re 1"
        session.send(*news(2))
        with pytest.raises(Broken):
            session.receive(LIMIT)
        session.wait_active(LIMIT)
        while session.receive(LIMIT)[148] != "re 2":
            pass
        assert session.connections == 2


def test_a_hook_must_not_wait_for_its_own_session() -> None:
    refused: list[BaseException] = []

    def check(message: ff.Message) -> None:
        try:
            box[0].receive(1)
        except ff.ConcurrencyError as error:
            refused.append(error)

    box: list[Any] = []
    with Venue(Echo(), [them()]) as venue, connect(venue, check=check) as session:
        box.append(session)
        session.send(*news(1))
        assert session.receive(LIMIT)[148] == "re 1"
        assert len(refused) == 1


_PROGRAM = """
import sys, fixfast as ff
config = ff.SessionConfig("FIX.4.4", "BOT", "SIM")
try:
    with ff.sync.connect(config, ff.ConnectionConfig("127.0.0.1", int(sys.argv[1]))) as session:
        print("ready", flush=True)
        for message in session:
            pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_program_that_is_interrupted_logs_out_and_ends() -> None:
    notes = Notes()
    with Venue(notes, [them()]) as venue:
        command = [sys.executable, "-W", "error", "-c", _PROGRAM, str(venue.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.02)  # it may be before its wait, or in it
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "interrupted\n"
            assert process.wait(LIMIT) == 0
        until(lambda: notes.logouts)
        assert notes.logouts == ["Logout"]


def test_two_threads_that_wait_hand_over_to_each_other() -> None:
    """The leader leaves with its answer; who is left goes on reading."""
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        answers: list[str] = []

        def ask(name: str) -> None:
            answers.append(session.request("V", [(262, name)], timeout=LIMIT)[262])

        for i in range(100):
            threads = [threading.Thread(target=ask, args=(f"{i}-{n}",)) for n in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LIMIT)
        assert len(answers) == 200
        assert us().session_id == session.id
