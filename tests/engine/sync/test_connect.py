"""sync.connect(): blocking sessions against an asyncio acceptor, over loopback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, HOST, Notes, free_port, news, them, to, us
from tests.engine.sync.venue import LIMIT, Venue


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


class Echo(Notes):
    """Answers a News with a News, a request for market data with a reject of it; on request, does other things."""

    def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
        super().on_message(session, message)
        if message.msg_type == "V":
            session.send_nowait("Y", [(262, message[262])])
        elif message[148] == "drop":
            session.drop(reset=True)
        elif message[148] == "many":
            for i in range(3000):
                session.send_nowait(*news(i))
        else:
            session.send_nowait(*news("re " + message[148]))


def connect(venue: Venue | int, application: object | None = None, **options: Any) -> Any:
    port = venue if isinstance(venue, int) else venue.port
    store, wire_log = options.pop("store", None), options.pop("wire_log", None)
    reconnect = options.pop("reconnect", EAGER)
    return ff.sync.connect(us(**options), to(port, reconnect), application, store, wire_log=wire_log)


# --- messages ------------------------------------------------------------------------------------------------


def test_an_answer_comes_by_iteration() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        assert session.active
        assert session.peer.endswith(f":{venue.port}")
        seqs = [session.send(*news(i)) for i in range(5)]
        assert seqs == [2, 3, 4, 5, 6]
        got = []
        for message in session:
            got.append(message[148])
            if len(got) == 5:
                break
        assert got == [f"re {i}" for i in range(5)]
        assert session.stats().messages_in == 5


def test_a_template_and_an_encoder_send_as_send_does() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue) as session:
        template = session.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
        assert [session.send_template(template, "one"), session.send_nowait(*news("two"))] == [2, 3]
        assert [session.receive(LIMIT)[148] for _ in range(2)] == ["re one", "re two"]
        encoder = session.encoder("D", scale=2)
        session.send_template(encoder, "id", "EUR/USD", "1", time.time_ns(), 100, "1")
        until(lambda: len(echo.messages) == 3 or echo.named("CallbackFailed"))


def test_events_give_everything_in_order() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        session.send(*news("x"))
        seen: list[str] = []
        for event in session.events():
            seen.append(type(event).__name__)
            if isinstance(event, ff.Message):
                break
        assert seen == ["StateChanged", "StateChanged", "StateChanged", "LoggedOn", "Message"]
        with pytest.raises(ff.ConcurrencyError, match="events are being iterated over"):
            iter(session)


def test_receive_waits_so_long_at_most() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError):
                session.receive(timeout)
        session.send(*news("x"))
        assert session.receive(LIMIT)[148] == "re x"


def test_a_second_consumer_is_refused() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        refused: list[BaseException] = []
        taking = threading.Event()

        def consume() -> None:
            taking.set()
            session.receive(LIMIT)

        consumer = threading.Thread(target=consume)
        consumer.start()
        taking.wait(LIMIT)
        until(lambda: session.led)
        try:
            session.receive(0)
        except ff.ConcurrencyError as error:
            refused.append(error)
        session.send(*news("x"))
        consumer.join(LIMIT)
        assert "one consumer only" in str(refused[0])


def test_messages_that_are_kept_own_their_bytes() -> None:
    """Otherwise each would hold 64 KiB for as long as the program has it."""
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        kept = []
        for i in range(3):
            session.send(*news(i))
            kept.append(session.receive(LIMIT))
        session.send(*news("last"))
        session.receive(LIMIT)
        assert [message[148] for message in kept] == ["re 0", "re 1", "re 2"]
        assert [message.detached for message in kept if hasattr(message, "detached")] in ([], [True] * 3)


# --- callbacks -----------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order_on_one_thread_of_their_own() -> None:
    threads = set()

    class Mine(Notes):
        def on_message(self, session: Any, message: ff.Message) -> None:
            super().on_message(session, message)
            threads.add(threading.current_thread())
            if len(self.messages) == 3000:
                done.set()

    done, notes = threading.Event(), Mine()
    with Venue(Echo(), [them()]) as venue:
        with connect(venue, notes) as session:
            session.send(*news("many"))
            assert done.wait(LIMIT)
            with pytest.raises(ff.ConcurrencyError, match="on_message takes"):
                iter(session)
        assert notes.headlines == [str(i) for i in range(3000)]
        assert notes.logons == 1
        assert notes.logouts == ["Logout"]
        assert len(threads) == 1
        assert threading.current_thread() not in threads


def test_an_exception_in_a_callback_is_an_event_and_the_session_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Mine(Notes):
        def on_message(self, session: Any, message: ff.Message) -> None:
            super().on_message(session, message)
            if message[148] == "re bad":
                raise ValueError("my fault")

    notes = Mine()
    with Venue(Echo(), [them()]) as venue, connect(venue, notes) as session:
        for text in ("bad", "good"):
            session.send(*news(text))
        until(lambda: len(notes.messages) == 2)
        until(lambda: notes.named("CallbackFailed"))
        assert session.active
        assert isinstance(notes.named("CallbackFailed")[0].error, ValueError)
    assert [record.levelname for record in caplog.records if "on_message" in record.message] == ["ERROR"]


def test_business_reject_of_a_callback_is_answered() -> None:
    class Picky(Notes):
        def on_message(self, session: Any, message: ff.Message) -> None:
            raise ff.BusinessReject(3, "not that")

    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue, Picky()) as session:
        session.send(*news("x"))
        until(lambda: any(message.msg_type == "j" for message in echo.messages))
        assert [message[58] for message in echo.messages if message.msg_type == "j"] == ["not that"]


def test_an_async_callback_is_refused_in_one_line() -> None:
    class Wrong:
        async def on_message(self, session: Any, message: ff.Message) -> None: ...

    with pytest.raises(ff.ConfigError, match=r"on_message.*a plain function: fixfast.sync awaits nothing"):
        connect(1, Wrong())


def test_a_callback_may_ask_and_wait_for_the_answer() -> None:
    answers = []

    class Asking(Notes):
        def on_message(self, session: Any, message: ff.Message) -> None:
            super().on_message(session, message)
            if message[148] == "re first":
                session.send(*news("second"))  # arrives while we wait
                answers.append(session.request("V", [(262, "r1"), (263, "0"), (264, 1)], timeout=LIMIT))

    asking = Asking()
    with Venue(Echo(), [them()]) as venue, connect(venue, asking) as session:
        session.send(*news("first"))
        until(lambda: len(asking.messages) == 2)
        assert asking.headlines == ["re first", "re second"]
        assert [answer[262] for answer in answers] == ["r1"]


def test_to_send_sees_and_changes_what_is_sent() -> None:
    class Signing:
        def to_send(self, session: Any, msg_type: str, fields: list[Any]) -> list[Any]:
            assert session.active  # it may ask
            return [(148, "signed " + fields[0][1]), *fields[1:]]

    with Venue(Echo(), [them()]) as venue, connect(venue, Signing()) as session:
        session.send(*news("x"))
        assert session.receive(LIMIT)[148] == "re signed x"


# --- requests ------------------------------------------------------------------------------------------------


def test_requests_of_many_threads_get_their_own_answers() -> None:
    got: dict[str, str] = {}

    def ask(name: str) -> None:
        for i in range(20):
            mine = f"{name}-{i}"
            got[mine] = session.request("V", [(262, mine), (263, "0"), (264, 1)], timeout=LIMIT)[262]

    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        threads = [threading.Thread(target=ask, args=(str(n),)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert len(got) == 120
        assert all(mine == answer for mine, answer in got.items())


def test_a_request_without_an_answer_ends_in_time_and_the_late_answer_is_delivered() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        with pytest.raises(TimeoutError):
            session.request("B", news("late")[1], match=lambda message: False, timeout=0.01)
        assert session.receive(LIMIT)[148] == "re late"
        with pytest.raises(ValueError, match="no request id"):
            session.request("B", news("x")[1])


# --- connections ---------------------------------------------------------------------------------------------


def test_iteration_survives_a_lost_connection_and_nothing_is_lost() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue) as session:
        sent, got = [], []
        for i in range(30):
            text = "drop" if i % 10 == 5 else str(i)
            while True:
                try:
                    session.send(*news(text))
                    break
                except ff.NotActive:
                    session.wait_active(LIMIT)
            if text != "drop":
                sent.append(f"re {text}")
            else:
                before = session.connections
                until(lambda: session.connections > before or not session.active)  # noqa: B023
        for message in session:
            got.append(message[148])
            if got[-1] == sent[-1]:
                break
        assert got == sent
        assert session.connections == 4


def test_what_is_sent_while_the_line_dies_arrives_after_the_next_logon() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue, offline="store") as session:
        for i in range(200):
            session.send(*news(i))
            if i % 40 == 20:
                session.drop(reset=True)
        until(lambda: len(echo.messages) >= 200)
        assert echo.headlines == [str(i) for i in range(200)]


def test_the_first_logon_that_fails_says_why() -> None:
    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.Refuse:
            return ff.Refuse("wrong password", status=5)

    with Venue(Doorman(), [them()]) as venue, pytest.raises(ff.LogonFailed) as failed, connect(venue):
        pass
    assert failed.value.text == "wrong password"


def test_nobody_listens() -> None:
    store = ff.MemoryStore()
    with pytest.raises(ff.LogonFailed) as failed, connect(free_port(), store=store):
        pass
    assert failed.value.reason == "connect"


def test_gave_up_ends_the_iteration() -> None:
    alarms: list[Exception] = []

    class Alerted:
        def on_give_up(self, session: Any, error: Exception) -> None:
            alarms.append(error)

    with Venue(Echo(), [them()]) as venue:
        policy = ff.Reconnect(initial=0, maximum=0, max_attempts=2)
        with connect(venue, Alerted(), reconnect=policy) as session, pytest.raises(ff.GaveUp):
            venue.run(lambda server: server.close(timeout=0))
            for _ in session:
                pass
        assert [type(alarm) for alarm in alarms] == [ff.GaveUp]
        assert isinstance(session.error, ff.GaveUp)


def test_closing_from_another_thread_ends_who_waits() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        ended: list[object] = []

        def consume() -> None:
            ended.extend(session)
            ended.append("end")

        consumer = threading.Thread(target=consume)
        consumer.start()
        until(lambda: session.led)
        session.close("enough")
        consumer.join(LIMIT)
        assert ended == ["end"]
        assert not session.active
        assert session.receive() is None
        with pytest.raises(ff.NotActive):
            session.send(*news("x"))


def test_logout_comes_back() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue) as session:
        session.logout("back in a moment")
        until(lambda: session.connections == 2)
        session.wait_active(LIMIT)
    until(lambda: len(echo.logouts) == 2)
    assert echo.logouts == ["Logout: back in a moment", "Logout"]


def test_a_failed_body_logs_out_and_ends_at_once() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue:
        with pytest.raises(KeyError), connect(venue):
            raise KeyError("mine")
        until(lambda: echo.logouts)


def test_a_connect_is_good_for_one_block() -> None:
    with Venue(Echo(), [them()]) as venue:
        once = connect(venue)
        with once:
            pass
        with pytest.raises(RuntimeError, match="call it again"), once:
            pass


def test_heartbeats_go_on_while_the_program_is_busy() -> None:
    echo = Echo()
    with Venue(echo, [them()]) as venue, connect(venue, heart_bt_int=1) as session:
        time.sleep(2.5)  # the program is busy; that is the test
        assert session.active
        assert session.connections == 1
        assert session.stats().messages_out >= 3


def test_timers_run_while_a_thread_waits() -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue, heart_bt_int=1) as session:
        with pytest.raises(TimeoutError):
            session.receive(2.5)
        assert session.connections == 1
        waiting = threading.Thread(target=lambda: list(session))
        waiting.start()
        until(lambda: session.stats().messages_out >= 5)
        assert session.connections == 1
        session.close()
        waiting.join(LIMIT)


# --- stores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sync", ["none", "lease", "interval", "group", "every"])
def test_every_sync_policy_keeps_all_messages(tmp_path: Path, sync: Any) -> None:
    config = us()
    for turn in range(2):
        store = ff.JournalStore(tmp_path / "ours", session_id=config.session_id, sync=sync, lease_size=10)
        with (
            Venue(
                Echo(), [them()], stores=lambda one: ff.JournalStore(tmp_path / "theirs", session_id=one.session_id)
            ) as venue,
            connect(venue, store=store) as session,
        ):
            got = []
            for i in range(25):
                session.send(*news(i))
                got.append(session.receive(LIMIT)[148])
            assert got == [f"re {i}" for i in range(25)]
            assert session.connections == 1
            assert session.next_out > turn * 27 + 25


def test_many_threads_share_disk_syncs(tmp_path: Path) -> None:
    echo = Echo()
    config = us()
    store = ff.JournalStore(tmp_path, session_id=config.session_id, sync="group")
    with Venue(echo, [them()]) as venue, connect(venue, store=store) as session:
        threads = [threading.Thread(target=lambda: [session.send(*news("x")) for _ in range(50)]) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        until(lambda: len(echo.messages) == 300)
        assert [message.msg_seq_num for message in echo.messages] == list(range(2, 302))


def test_o10_a_failed_sync_ends_the_session() -> None:
    class Broken(ff.MemoryStore):
        good = True

        @property
        def synced(self) -> int:
            return super().synced if self.good else 0

        def sync(self) -> None:
            if not self.good:
                raise ff.StoreError("the disk is gone")

    store = Broken()
    with Venue(Echo(), [them()]) as venue, connect(venue, store=store) as session:
        store.good = False
        session.send(*news("x"))
        with pytest.raises(ff.GaveUp, match="store"):
            session.receive(LIMIT)
        assert isinstance(session.store_error, ff.StoreError)


def test_not_acknowledged_messages_come_again(tmp_path: Path) -> None:
    config = us()

    def journal() -> ff.JournalStore:
        return ff.JournalStore(tmp_path / "ours", session_id=config.session_id)

    with Venue(
        Echo(), [them()], stores=lambda one: ff.JournalStore(tmp_path / "theirs", session_id=one.session_id)
    ) as venue:
        with pytest.raises(KeyError), connect(venue, store=journal()) as session:
            for i in range(3):
                session.send(*news(i))
            assert [session.receive(LIMIT)[148] for _ in range(2)] == ["re 0", "re 1"]
            raise KeyError("a crash of the program")
        with connect(venue, store=journal()) as session:
            message = session.receive(LIMIT)
            assert message[148] == "re 1"
            assert message.redelivered


# --- pressure ------------------------------------------------------------------------------------------------


def test_an_unread_session_stops_reading_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with Venue(Echo(), [them()]) as venue, connect(venue) as session:
        session.send(*news("many"))
        until(lambda: session.stats().messages_in >= 1024)
        until(lambda: any("reading from the peer pauses" in record.message for record in caplog.records))
        assert [session.receive(LIMIT)[148] for _ in range(3000)] == [str(i) for i in range(3000)]


def test_sending_many_threads_uses_every_number_once_in_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    echo = Notes()
    with Venue(echo, [them()]) as venue, connect(venue, echo_free := Notes()) as session:
        seqs: list[int] = []

        def work(name: int) -> None:
            seqs.extend([session.send(*news(f"{name}-{i}")) for i in range(400)])

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert sorted(seqs) == list(range(2, 3202))
        until(lambda: len(echo.messages) == 3200)
        assert [message.msg_seq_num for message in echo.messages] == list(range(2, 3202))
        for name in range(8):
            mine = [text for text in echo.headlines if text.startswith(f"{name}-")]
            assert mine == [f"{name}-{i}" for i in range(400)]
        assert not echo_free.named("Alarm")


def test_the_wire_log_has_what_passed_and_no_password(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    with ff.WireLog(path) if hasattr(ff, "WireLog") else _wire_log(path) as log, Venue(Echo(), [them()]) as venue:
        with connect(venue, wire_log=log, username="me", password="sesame") as session:
            session.send(*news("x"))
            session.receive(LIMIT)
    text = path.read_text()
    assert " > 8=FIX.4.4" in text
    assert " < 8=FIX.4.4" in text
    assert "active" in text
    assert "sesame" not in text


def _wire_log(path: Path) -> Any:
    from fixfast.engine.observing.wirelog import WireLog

    return WireLog(path)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ff.ConfigError, match="config"):
        ff.sync.connect("FIX.4.4", to(1))  # type: ignore[arg-type]
    with pytest.raises(ff.ConfigError, match="connection"):
        ff.sync.connect(us(), (HOST, 1))  # type: ignore[arg-type]
