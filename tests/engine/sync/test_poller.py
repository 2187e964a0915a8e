"""Sessions on one thread that never sleeps: messages both ways, other threads, reconnecting, the end, no garbage."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.sync.listen import Listen
from fixfast.engine.sync.polled import PolledSession
from fixfast.engine.sync.poller import Poller
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, HOST, free_port, news, them, us

LIMIT = 20.0


def to(port: int, **options: Any) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(HOST, port, reconnect=options.pop("reconnect", EAGER), **options)


class Venue:
    """An acceptor in the same thread: polled whenever the test polls."""

    def __init__(self, application: object | None = None, port: int = 0, **options: Any) -> None:
        self.session = PolledSession(them(), Listen(port=port), application, **options)
        self.poller = Poller([self.session])
        self.got: list[str] = []

    @property
    def port(self) -> int:
        return self.session.port

    def step(self) -> None:
        for _, message in self.poller.poll():
            self.got.append(message[148])

    def close(self) -> None:
        self.poller._end()  # no Logout: tests of the other side need not wait for it


class Bench:
    """A poller with one session, its venue, and what came."""

    def __init__(self, application: object | None = None, **options: Any) -> None:
        poller = {name: options.pop(name) for name in ("cpu", "idle") if name in options}
        self.venue = options.pop("venue", None) or Venue()
        self.session = PolledSession(us(), to(self.venue.port), application, **options)
        self.poller = Poller([self.session], **poller)
        self.got: list[str] = []

    def step(self) -> None:
        self.venue.step()
        for session, message in self.poller.poll():
            assert session is self.session
            self.got.append(message[148])

    def until(self, condition: Callable[[], object]) -> None:
        limit = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < limit, (self.session, self.venue.session, self.got)
            self.step()

    def up(self) -> Bench:
        self.until(lambda: self.session.active and self.venue.session.active)
        return self

    def close(self) -> None:
        self.poller._end()
        self.venue.close()


@contextmanager
def bench(application: object | None = None, **options: Any) -> Iterator[Bench]:
    made = Bench(application, **options)
    try:
        yield made.up()
    finally:
        made.close()
        gc.collect()


def in_thread(work: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


# --- messages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle", ["spin", "yield", 0.001])
def test_messages_pass_both_ways_in_order(idle: Any) -> None:
    with bench(idle=idle) as b:
        for i in range(200):
            b.session.send(*news(i))
            b.venue.session.send(*news(-i))
        b.until(lambda: len(b.got) == len(b.venue.got) == 200)
        assert b.venue.got == [str(i) for i in range(200)]
        assert b.got == [str(-i) for i in range(200)]


def test_a_send_is_on_its_way_when_it_returns() -> None:
    with bench() as b:
        sent = b.session.stats().messages_out
        assert b.session.send(*news("now")) == sent + 1
        assert b.session.stats().messages_out == sent + 1


def test_a_batch_is_written_at_its_end() -> None:
    with bench() as b:
        sent = b.session.stats().messages_out
        with b.session.batch():
            for i in range(5):
                b.session.send(*news(i))
            assert b.session.stats().messages_out == sent
        assert b.session.stats().messages_out == sent + 5
        b.until(lambda: b.venue.got == ["0", "1", "2", "3", "4"])


def test_a_peer_that_does_not_read_congests_the_session_until_it_does() -> None:
    with bench() as b:
        assert not b.session.congested
        long = "x" * 50_000
        sent = 0
        while not b.session.congested:
            b.session.send(*news(long))
            sent += 1
            assert sent < 1000
        b.until(lambda: not b.session.congested)
        b.until(lambda: len(b.venue.got) == sent)


def test_the_names_are_public() -> None:
    assert (ff.sync.Poller, ff.sync.PolledSession, ff.sync.Listen) == (Poller, PolledSession, Listen)


def test_templates_and_encoders_send() -> None:
    with bench() as b:
        template = b.session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        b.session.send_template(template, "by template")
        b.until(lambda: b.venue.got == ["by template"])


def test_one_poller_drives_many_sessions() -> None:
    with ExitStack() as stack:
        venues = [PolledSession(us(sender=f"V{i}", target=f"B{i}"), Listen()) for i in range(5)]
        poller = Poller(venues)
        stack.callback(poller._end)
        mine = [PolledSession(us(sender=f"B{i}", target=f"V{i}"), to(v.port)) for i, v in enumerate(venues)]
        both = Poller(mine)
        stack.callback(both._end)
        limit = time.monotonic() + LIMIT
        while not all(s.active for s in (*venues, *mine)):
            assert time.monotonic() < limit
            list(poller.poll())
            list(both.poll())
        for i, session in enumerate(mine):
            session.send(*news(i))
        got: dict[PolledSession, str] = {}
        while len(got) < 5:
            assert time.monotonic() < limit
            got.update((session, message[148]) for session, message in poller.poll())
            list(both.poll())
        assert [got[venue] for venue in venues] == ["0", "1", "2", "3", "4"]


def test_callbacks_take_the_messages() -> None:
    seen: list[str] = []

    class App:
        def on_logon(self, session: PolledSession) -> None:
            seen.append("logon")

        def on_message(self, session: PolledSession, message: ff.Message) -> None:
            if message[148] == "bad":
                raise ValueError("a bug")
            if message[148] == "no":
                raise ff.BusinessReject(3, "not here")
            seen.append(message[148])

        def on_event(self, session: PolledSession, event: object) -> None:
            if type(event).__name__ == "CallbackFailed":
                seen.append("failed")

    with bench(App()) as b:
        for text in ("one", "bad", "no", "two"):
            b.venue.session.send(*news(text))
        b.until(lambda: "two" in seen)
        assert seen == ["logon", "one", "failed", "two"]
        assert b.got == []
        limit = time.monotonic() + LIMIT
        rejects: list[str] = []
        while not rejects:
            assert time.monotonic() < limit
            rejects += [message[58] for _, message in b.venue.poller.poll()]
        assert rejects == ["not here"]


def test_rejects_faults_and_durations_are_counted_where_somebody_looks() -> None:
    with bench(latency=True) as b:
        b.venue.session.send(*news("right"))
        b.venue.session.send("B", [(148, "wrong"), (33, [[(58, "x")]]), (44, "no price")])
        b.until(lambda: b.got == ["right", "wrong"])
        assert (b.session.stats().faults, b.session.stats().rejects_in) == (1, 0)
        b.session.send(*news("x"))
        b.until(lambda: b.venue.session.stats().messages_in == 1)
        b.venue.session.send("j", [(45, 2), (372, "B"), (380, 0), (148, "no")])
        b.until(lambda: "no" in b.got)
        assert b.session.stats().rejects_in == 1
        latency = b.session.latency
        assert latency is not None
        assert (latency.receive.count, latency.callback.count) == (3, 3)
        assert b.venue.session.stats().faults == 0, "nobody looks"


def test_bytes_are_counted_both_ways() -> None:
    with bench() as b:
        for i in range(10):
            b.session.send(*news(i))
        b.until(lambda: len(b.venue.got) == 10)
        assert b.venue.session.stats().bytes_in == b.session.stats().bytes_out
        assert b.session.stats().bytes_in == b.venue.session.stats().bytes_out > 0


def test_async_callbacks_are_refused() -> None:
    class App:
        async def on_message(self, session: object, message: ff.Message) -> None: ...

    with pytest.raises(ff.ConfigError, match=r"application.on_message.*plain function"):
        PolledSession(us(), to(1), App())


# --- acknowledging -------------------------------------------------------------------------------------------


def test_a_loop_left_early_goes_on_with_the_next_poll() -> None:
    with bench() as b:
        with b.venue.session.batch():
            for i in range(4):
                b.venue.session.send(*news(i))
        got: list[str] = []
        limit = time.monotonic() + LIMIT
        while len(got) < 4:
            assert time.monotonic() < limit
            for _, message in b.poller.poll():
                got.append(message[148])
                break
        assert got == ["0", "1", "2", "3"]


def test_an_exception_between_polls_loses_and_repeats_nothing() -> None:
    with bench() as b:
        with b.venue.session.batch():
            for i in range(4):
                b.venue.session.send(*news(i))
        got: list[str] = []
        limit = time.monotonic() + LIMIT
        while len(got) < 4:
            assert time.monotonic() < limit
            try:
                for _, message in b.poller.poll():
                    got.append(message[148])
                    raise ValueError("a bug of the program")
            except ValueError:
                pass
        assert got == ["0", "1", "2", "3"]


def test_what_the_program_failed_on_comes_again_and_what_it_dealt_with_does_not(tmp_path: Path) -> None:
    venue = Venue()

    def store() -> ff.JournalStore:
        return ff.JournalStore(tmp_path, session_id=us().session_id, sync="none")

    with pytest.raises(ValueError, match="a bug"):
        fail_at_the_third(venue, store())
    b = Bench(venue=venue, store=store())
    b.up()
    b.until(lambda: len(b.got) == 2)
    assert b.got == ["2", "3"]
    b.poller.close(timeout=0.01)
    again = Bench(venue=venue, store=store())
    again.up()
    again.venue.session.send(*news("new"))
    again.until(lambda: again.got)
    assert again.got == ["new"]
    again.close()


def fail_at_the_third(venue: Venue, store: ff.Store) -> None:
    b = Bench(venue=venue, store=store)
    limit = time.monotonic() + LIMIT
    with b.poller:
        while not (b.session.active and venue.session.active):
            assert time.monotonic() < limit
            b.step()
        with venue.session.batch():
            for i in range(4):
                venue.session.send(*news(i))
        while True:
            assert time.monotonic() < limit
            for _, message in b.poller.poll():
                if message[148] == "2":
                    raise ValueError("a bug")


def test_redelivered_messages_wait_for_the_first_poll(tmp_path: Path) -> None:
    """wait_active() sees the logon although messages of the last run come first."""
    venue = Venue()

    def store() -> ff.JournalStore:
        return ff.JournalStore(tmp_path, session_id=us().session_id, sync="none")

    with pytest.raises(ValueError, match="a bug"):
        fail_at_the_third(venue, store())
    session = PolledSession(us(), to(venue.port), store=store())
    poller = Poller([session])
    waiting = in_thread(lambda: poller.wait_active(LIMIT))
    while not waiting.done():
        venue.step()
    waiting.result()
    poller._owner = poller.sessions[0].owner = 0  # the thread that waited is over
    got = [(message[148], message.redelivered) for _, message in poller.poll()]
    assert got == [("2", True), ("3", True)]
    poller._end()
    venue.close()


# --- other threads -------------------------------------------------------------------------------------------


# --- requests ------------------------------------------------------------------------------------------------


class Answering:
    """Answers requests for market data, with a news before and one behind; rejects others."""

    def on_message(self, session: PolledSession, message: ff.Message) -> None:
        if message.msg_type == "V":
            session.send(*news("before"))
            session.send("Y", [(262, message[262]), (58, "no such symbol")])
            session.send(*news("behind"))
        elif message.msg_type == "D":
            raise ff.BusinessReject(3, "no orders")


@contextmanager
def answering(application: object | None = None, **options: Any) -> Iterator[Bench]:
    """A bench whose venue is polled by a thread of its own: request() waits in ours."""
    over = threading.Event()
    ready: Future[int] = Future()

    def venue() -> None:
        with Poller([PolledSession(them(), Listen(), Answering())], idle=0.01) as poller:
            ready.set_result(poller.sessions[0].port)
            while not over.is_set():
                for _ in poller.poll():
                    pass

    thread = threading.Thread(target=venue)
    thread.start()
    made = Bench.__new__(Bench)
    made.session = PolledSession(us(), to(ready.result(LIMIT)), application, **options)
    made.poller, made.got = Poller([made.session]), []
    try:
        made.poller.wait_active(LIMIT)
        yield made
        made.poller.close()
    finally:
        made.poller._end()
        over.set()
        thread.join(LIMIT)


def polled(b: Bench, count: int) -> list[str]:
    limit = time.monotonic() + LIMIT
    while len(b.got) < count:
        assert time.monotonic() < limit, b.got
        b.got += [message[148] for _, message in b.poller.poll()]
    return b.got


def test_a_request_takes_its_answer_and_nothing_else(tmp_path: Path) -> None:
    store = ff.JournalStore(tmp_path, session_id=us().session_id)
    with answering(store=store) as b:
        assert b.session.request("V", [(262, "1")], timeout=LIMIT)[58] == "no such symbol"
        assert b.session.request("V", [(262, "2")], timeout=LIMIT)[262] == "2"
        assert polled(b, 4) == ["before", "behind"] * 2
        assert b.session.request("D", [(11, "x")], timeout=LIMIT).msg_type == "j"
    again = ff.JournalStore(tmp_path, session_id=us().session_id)
    assert not again.load().pending_in, "answers are acknowledged, too"
    again.close()


def test_a_request_within_the_loop_and_in_a_callback() -> None:
    with answering() as b:
        b.session.request("V", [(262, "1")], timeout=LIMIT)
        got: list[str] = []
        asked = 0
        limit = time.monotonic() + LIMIT
        while len(got) < 6:
            assert time.monotonic() < limit
            for session, message in b.poller.poll():
                got.append(message[148])
                if asked < 2:
                    asked += 1
                    assert session.request("V", [(262, f"in {asked}")], timeout=LIMIT)[262] == f"in {asked}"
        assert got == ["before", "behind"] * 3

    heard: list[str] = []

    class App:
        def on_message(self, session: PolledSession, message: ff.Message) -> None:
            heard.append(message[148])
            if len(heard) == 1:
                session.request("V", [(262, "2")], timeout=LIMIT)

    with answering(App()) as b:
        b.session.request("V", [(262, "1")], timeout=LIMIT)
        limit = time.monotonic() + LIMIT
        while len(heard) < 4:
            assert time.monotonic() < limit
            for _ in b.poller.poll():
                raise AssertionError("the callback takes them")
        assert heard == ["before", "behind"] * 2


def test_a_request_without_an_answer_ends_in_time() -> None:
    with answering() as b:
        with pytest.raises(TimeoutError, match="35=B"):
            b.session.request(*news("x"), match=lambda message: False, timeout=0.05)
        with pytest.raises(ValueError, match="match"):
            b.session.request(*news("x"))
        assert b.session.request("V", [(262, "1")], timeout=LIMIT)[262] == "1"
    with pytest.raises(ff.NotActive):
        PolledSession(us(), to(1)).request("V", [(262, "1")])


@pytest.mark.parametrize("idle", ["spin", 0.2])
def test_other_threads_post(idle: Any) -> None:
    with bench(idle=idle) as b:
        numbers = in_thread(lambda: [b.session.post(*news(i)).result(LIMIT) for i in range(20)])
        b.until(numbers.done)
        first = numbers.result()[0]
        assert numbers.result() == list(range(first, first + 20))
        b.until(lambda: len(b.venue.got) == 20)
        assert b.venue.got == [str(i) for i in range(20)]


def test_a_post_fails_as_a_send_does() -> None:
    with bench() as b:
        bad = b.session.post("B", [(148, 1.5)])
        b.until(bad.done)
        assert isinstance(bad.exception(), ff.EncodeTypeError)
        late = b.session.post(*news("late"))
        b.close()
        assert isinstance(late.exception(), ff.NotActive)
        after = b.session.post(*news("after"))
        assert isinstance(after.exception(), ff.NotActive)


def test_a_cancelled_post_is_not_sent() -> None:
    with bench() as b:
        gone = b.session.post(*news("gone"))
        assert gone.cancel()
        b.session.post(*news("kept"))
        b.until(lambda: b.venue.got)
        assert b.venue.got == ["kept"]


def test_another_thread_may_neither_send_nor_poll() -> None:
    with bench() as b:
        refused = in_thread(lambda: b.session.send(*news("x")))
        assert "use post" in str(refused.exception(LIMIT))
        assert isinstance(in_thread(b.poller.close).exception(LIMIT), ff.ConcurrencyError)
        assert b.session.next_out == b.venue.session.next_in


def test_a_session_without_a_poller_cannot_post() -> None:
    with pytest.raises(ff.NotActive):
        PolledSession(us(), to(1)).post(*news("x"))


# --- connecting ----------------------------------------------------------------------------------------------


def test_a_lost_connection_is_made_again_and_what_was_missed_comes() -> None:
    with bench() as b:
        b.session.drop()
        b.until(lambda: not b.session.active)
        b.until(lambda: b.session.active and b.session.connections == 2 and b.venue.session.active)
        b.venue.session.send(*news("after"))
        b.until(lambda: b.got == ["after"])


def test_I10_next_host_after_a_refusal_when_polled() -> None:
    venue = Venue()
    away = ff.ConnectionConfig(HOST, free_port(), alternatives=((HOST, venue.port),), reconnect=EAGER)
    b = Bench(venue=venue)
    b.poller._end()
    b.session = PolledSession(us(), away)
    b.poller = Poller([b.session])
    b.up()
    b.close()


def test_polling_never_waits_for_a_connection() -> None:
    """A peer that takes the connection and says nothing: other sessions go on."""
    with socket.create_server((HOST, 0)) as silent:
        venue = Venue()
        quiet = PolledSession(us(sender="Q"), to(silent.getsockname()[1]))
        session = PolledSession(us(), to(venue.port))
        poller = Poller([quiet, session])
        limit = time.monotonic() + LIMIT
        while not (session.active and venue.session.active):
            assert time.monotonic() < limit
            venue.step()
            list(poller.poll())
        session.send(*news("x"))
        while venue.got != ["x"]:
            assert time.monotonic() < limit
            venue.step()
        assert not quiet.active
        poller._end()
        venue.close()


def test_a_session_that_gives_up_says_so_once_and_others_go_on() -> None:
    venue = Venue()
    told: list[str] = []

    class App:
        def on_give_up(self, session: PolledSession, error: Exception) -> None:
            told.append(type(error).__name__)

    lost = PolledSession(us(sender="L"), ff.ConnectionConfig(HOST, free_port()), App())
    session = PolledSession(us(), to(venue.port))
    poller = Poller([lost, session])
    raised: list[Exception] = []
    limit = time.monotonic() + LIMIT
    while not (session.active and venue.session.active and raised):
        assert time.monotonic() < limit
        venue.step()
        try:
            list(poller.poll())
        except ff.LogonFailed as error:
            raised.append(error)
    for _ in range(50):
        venue.step()
        poller._look_at = 0
        list(poller.poll())
    assert raised == [lost.error]
    assert f"session {lost.id}" in raised[0].__notes__
    assert told == ["LogonFailed"]
    assert lost.ended
    poller._end()
    venue.close()


def test_wait_active_has_a_bound() -> None:
    with socket.create_server((HOST, 0)) as silent:
        poller = Poller([PolledSession(us(), to(silent.getsockname()[1]))])
        with pytest.raises(TimeoutError, match=r"not logged on: FIX\.4\.4:BOT->SIM"):
            poller.wait_active(0.02)
        poller._end()


def test_a_second_connection_to_a_listening_session_waits_for_the_end_of_the_first() -> None:
    with bench() as b, socket.create_connection((HOST, b.venue.port)) as second:
        second.settimeout(LIMIT)
        b.session.send(*news("first"))
        b.until(lambda: b.venue.got == ["first"])
        assert b.session.active
        b.poller._end()
        raw = ff.encode("FIX.4.4", "A", [(49, "BOT"), (56, "SIM"), (34, 3), (52, time.time_ns()), (98, 0), (108, 30)])
        second.sendall(raw)
        answer = in_thread(lambda: second.recv(1000))
        limit = time.monotonic() + LIMIT
        while not answer.done():
            assert time.monotonic() < limit
            b.venue.step()
        assert ff.parse(answer.result()).msg_type == "A"


def test_sc7_sc4_a_listening_session_speaks_tls_and_looks_at_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(
        certificate=authority.issue("venue", HOST),
        client_ca=authority.file,
        identities={"bot.example": "BOT", "other.example": "OTHER"},
    )

    def calling(name: str) -> ff.TlsConfig:
        return ff.TlsConfig(ca_file=authority.file, certificate=authority.issue(name, name))

    venue = PolledSession(them(), Listen(tls=serving))
    with Poller([venue], idle=0.001) as poller:

        def bot(tls: ff.TlsConfig | None) -> PolledSession:
            policy = ff.Reconnect(initial=0.01, max_attempts=1)
            return PolledSession(us(), ff.ConnectionConfig(HOST, venue.port, tls=tls, reconnect=policy))

        for wrong in (None, calling("other.example"), ff.TlsConfig(ca_file=authority.file)):
            with Poller([bot(wrong)], idle=0.001) as other, pytest.raises((ff.LogonFailed, ff.GaveUp)):
                limit = time.monotonic() + LIMIT
                while time.monotonic() < limit:
                    list(poller.poll())
                    list(other.poll())
            assert venue.connections == 0
        session = bot(calling("bot.example"))
        with Poller([session], idle=0.001) as other:
            limit = time.monotonic() + LIMIT
            got: list[str] = []
            while not (session.active and venue.active):
                assert time.monotonic() < limit
                list(poller.poll())
                list(other.poll())
            session.send(*news("over TLS"))
            while not got:
                assert time.monotonic() < limit
                got = [message[148] for _, message in poller.poll()]
            assert got == ["over TLS"]
            other._end()
    with pytest.raises(ff.ConfigError, match="certificate"):
        Listen(tls=ff.TlsConfig())


def test_ipv6_can_be_listened_on() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    session = PolledSession(them(), Listen("::1"))
    poller = Poller([session])
    socket.create_connection(("::1", session.port)).close()
    poller._end()


# --- timers and stores ---------------------------------------------------------------------------------------


def test_heartbeats_go_on_while_polling() -> None:
    venue = Venue()
    session = PolledSession(us(heart_bt_int=1), to(venue.port))
    poller = Poller([session], idle=0.5)
    limit = time.monotonic() + LIMIT
    before = 0
    while session.stats().messages_out < before + 2 or not before:
        assert time.monotonic() < limit
        venue.step()
        list(poller.poll())
        if session.active and not before:
            before = session.stats().messages_out
    assert session.active
    poller._end()
    venue.close()


@pytest.mark.parametrize("policy", ["group", "every", "interval", "lease"])
def test_durable_stores_work_beside_the_poll(tmp_path: Path, policy: Any) -> None:
    tmp_path.chmod(0o700)
    with bench(store=ff.JournalStore(tmp_path, session_id=us().session_id, sync=policy)) as b:
        for i in range(20):
            b.session.send(*news(i))
        b.until(lambda: len(b.venue.got) == 20)
        assert b.venue.got == [str(i) for i in range(20)]


def test_O10_a_store_that_fails_ends_the_session_and_not_the_poll(tmp_path: Path) -> None:
    class Broken(ff.MemoryStore):
        broken = False
        synced = 0

        def sync(self) -> None:
            if self.broken:
                raise ff.StoreError("the disk is full")
            self.synced = 1 << 60

    store: Any = Broken()
    with bench(store=store) as b:
        store.synced, store.broken = 0, True
        b.session.send(*news("x"))
        raised: list[Exception] = []
        limit = time.monotonic() + LIMIT
        while not raised:
            assert time.monotonic() < limit
            try:
                b.step()
            except ff.GaveUp as error:
                raised.append(error)
        assert isinstance(b.session.store_error, ff.StoreError)
        assert not b.session.connected
        assert b.venue.got == []


# --- the end -------------------------------------------------------------------------------------------------


def test_leaving_logs_out_and_closes_the_store(tmp_path: Path) -> None:
    reasons: list[str] = []

    class App:
        def on_logout(self, session: PolledSession, reason: str) -> None:
            reasons.append(reason)

    venue = Venue(App())
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            venue.step()

    serving = in_thread(serve)
    store = ff.JournalStore(tmp_path, session_id=us().session_id)
    session = PolledSession(us(), to(venue.port), store=store)
    with Poller([session]) as poller:
        poller.wait_active(LIMIT)
    assert not session.connected
    assert session.ended
    ff.JournalStore(tmp_path, session_id=us().session_id).close()  # not locked any more
    limit = time.monotonic() + LIMIT
    while not reasons:
        assert time.monotonic() < limit
        time.sleep(0.001)
    stop.set()
    serving.result(LIMIT)
    assert reasons == ["Logout"]
    venue.poller._owner = venue.poller.sessions[0].owner = 0
    venue.close()
    poller.close()
    with pytest.raises(ff.NotActive):
        list(poller.poll())


def test_a_peer_that_does_not_answer_the_logout_is_left_in_time() -> None:
    b = Bench()
    b.up()
    began = time.monotonic()
    b.poller.close("enough", timeout=0.05)
    assert time.monotonic() - began < LIMIT
    assert not b.session.connected
    b.venue.close()


def test_an_exception_leaves_no_socket_and_no_thread_behind() -> None:
    threads = threading.active_count()
    venue = Venue()
    session = PolledSession(us(), to(venue.port))
    with pytest.raises(ValueError, match="a bug"), Poller([session]):
        raise ValueError("a bug")
    venue.close()
    gc.collect()
    limit = time.monotonic() + LIMIT
    while threading.active_count() > threads:
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_a_session_belongs_to_one_poller() -> None:
    session = PolledSession(us(), to(1))
    poller = Poller([session])
    with pytest.raises(ff.ConcurrencyError):
        Poller([session])
    poller._end()


def test_a_port_in_use_is_an_error_at_once() -> None:
    venue = Venue()
    with pytest.raises(OSError, match=r"in use|permitted|Only one usage"):
        Poller([PolledSession(them(), Listen(port=venue.port))])
    venue.close()


# --- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"cpu": -1}, "cpu"),
        ({"cpu": True}, "cpu"),
        ({"idle": "sleep"}, "idle"),
        ({"idle": 0}, "idle"),
        ({"idle": float("nan")}, "idle"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ff.ConfigError, match=f"^{what}"):
        Poller([PolledSession(us(), to(1))], **options)


def test_wrong_sessions_are_refused() -> None:
    for wrong in ([], [us()], [None]):
        with pytest.raises(ff.ConfigError, match="PolledSession"):
            Poller(wrong)  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="connection"):
        PolledSession(us(), "localhost:1")  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="manual_logon"):
        PolledSession(us(manual_logon=True), to(1))
    with pytest.raises(ff.ConfigError, match="port"):
        Listen(port=70000)
    with pytest.raises(ff.ConfigError, match="host"):
        Listen("")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this platform cannot pin")
def test_the_polling_thread_is_pinned() -> None:
    cpu = max(os.sched_getaffinity(0))
    poller = Poller([PolledSession(them(), Listen())], cpu=cpu)

    def poll() -> set[int]:
        list(poller.poll())
        return os.sched_getaffinity(0)

    assert in_thread(poll).result(LIMIT) == {cpu}
    poller._owner = poller.sessions[0].owner = 0
    poller._end()


# --- no garbage ----------------------------------------------------------------------------------------------


def test_warming_up_uses_no_number_and_sends_nothing() -> None:
    with bench() as b:
        template = b.session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        before = b.session.stats()
        b.session.warm(template, "dry", times=50)
        assert b.session.stats() == before
        b.session.send_template(template, "wet")
        b.until(lambda: b.venue.got == ["wet"])


def test_no_message_leaves_an_object_to_the_garbage_collector() -> None:
    """gc.get_count() counts tracked objects made less those freed: a thousand round trips leave a handful."""
    with bench(store=ff.MemoryStore(max_messages=10)) as b:
        answer = b.venue.session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        ask = b.session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        poll, theirs, send, reply = b.poller.poll, b.venue.poller.poll, b.session.send_template, b.venue.session

        def trips(count: int) -> None:
            done = 0
            send(ask, "x")
            while done < count:
                for _, _message in theirs():
                    reply.send_template(answer, "x")
                for _, _message in poll():
                    done += 1
                    send(ask, "x")

        trips(100)
        gc.collect()
        gc.disable()
        try:
            before = gc.get_count()[0]
            trips(1000)
            assert gc.get_count()[0] - before < 100
        finally:
            gc.enable()


def test_freeze_keeps_what_is_there_out_of_collections() -> None:
    frozen = gc.get_freeze_count()
    try:
        Poller.freeze(disable=True)
        assert gc.get_freeze_count() > frozen
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
