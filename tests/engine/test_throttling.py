"""Live sessions that keep to limits: wait, reject or queue; nothing lost, nothing counted that was not sent."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
import random
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.throttled import ThrottledSession
from tests.engine.harness import Notes, news, run, them, to, until, us
from tests.engine.virtual import Virtual, virtual

SECOND = 1_000_000_000


def throttle(count: int = 2, per: float = 1.0, when_full: str = "wait", **options: Any) -> ff.Throttle:
    return ff.Throttle((ff.RateLimit(count, per),), when_full=when_full, **options)  # type: ignore[arg-type]


def order(cl_ord_id: str) -> tuple[str, list[Any]]:
    return "D", [(11, cl_ord_id), (55, "X"), (54, "1"), (60, 0), (38, 1), (40, "1")]


def cancel(cl_ord_id: str, orig: str) -> tuple[str, list[Any]]:
    return "F", [(41, orig), (11, cl_ord_id), (55, "X"), (54, "1"), (60, 0), (38, 1)]


# --- wait --------------------------------------------------------------------------------------------------------


def test_send_waits_for_its_turn_in_order() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(2)}) as v:
            tasks = [asyncio.ensure_future(v.bot.send(*news(n))) for n in range(5)]
            await v.advance()
            assert v.bot.stats().waiting == 3
            await v.advance(1.999_999_999)
            assert [t for t, _, _ in v.sent()] == [0, 0, SECOND, SECOND]
            await v.advance(ns=1)
            assert [t for t, _, _ in v.sent()][-1] == 2 * SECOND
            assert [task.result() for task in tasks] == [2, 3, 4, 5, 6]
            assert v.at_venue.headlines == list("01234")
            assert v.bot.stats().throttled == 3
            assert v.bot.stats().waiting == 0

    run(main())


def test_send_nowait_does_not_wait_and_uses_no_number() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1)}) as v:
            v.bot.send_nowait(*news(1))
            await v.advance(0.25)
            with pytest.raises(ff.Throttled) as full:
                v.bot.send_nowait(*news(2))
            assert full.value.retry_after_ns == 3 * SECOND // 4
            assert v.bot.next_out == 3
            await v.advance(ns=full.value.retry_after_ns)
            assert v.bot.send_nowait(*news(2)) == 3

    run(main())


def test_send_nowait_does_not_push_in_front_of_those_who_wait() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1)}) as v:
            v.bot.send_nowait(*news(1))
            waiting = asyncio.ensure_future(v.bot.send(*news(2)))
            await v.advance(0.5)
            with pytest.raises(ff.Throttled):
                v.bot.send_nowait(*news(3))
            await v.advance(0.5)
            assert waiting.result() == 3

    run(main())


def test_who_is_cancelled_uses_no_number_and_no_token() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1)}) as v:
            v.bot.send_nowait(*news(0))
            tasks = [asyncio.ensure_future(v.bot.send(*news(n))) for n in (1, 2, 3)]
            await v.advance(0.5)
            tasks[0].cancel()
            await v.advance(0.5)
            assert [t for t, _, _ in v.sent()] == [0, SECOND]
            assert v.fields(148) == ["0", "2"]
            await v.advance(1)
            assert tasks[2].result() == 4
            assert v.fields(148) == ["0", "2", "3"]

    run(main())


def test_who_is_cancelled_in_the_moment_of_his_turn_gives_it_to_the_next() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1)}) as v:
            v.bot.send_nowait(*news(0))
            first, second = (asyncio.ensure_future(v.bot.send(*news(n))) for n in (1, 2))
            await v.advance(0.5)
            # woken and cancelled in the same pass of the loop: the timer of the pump, then this one
            asyncio.get_running_loop().call_later(0.5, first.cancel)
            await v.advance(0.5)
            assert first.cancelled()
            assert v.fields(148) == ["0", "2"]
            assert second.result() == 3
            assert [t for t, _, _ in v.sent()] == [0, SECOND]

    run(main())


def test_a_timeout_leaves_the_line() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, 10.0)}) as v:
            v.bot.send_nowait(*news(0))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await v.bot.send(*news(1))
            assert v.bot.stats().waiting == 0
            assert v.bot.next_out == 3

    run(main())


def test_those_who_wait_hear_that_the_session_ended() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, 60.0)}) as v:
            v.bot.send_nowait(*news(0))
            waiting = [asyncio.ensure_future(v.bot.send(*news(n))) for n in range(3)]
            await v.advance(1)
            v.bot.drop()
            await v.advance()
            for task in waiting:
                assert isinstance(task.exception(), ff.NotActive)
            await v.bot.wait_active()
            await v.advance(20)
            assert v.bot.next_out == 4, "Logon, news, Logon"
            assert v.fields(148) == ["0"]

    run(main())


def test_limits_outlive_a_connection() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, 60.0)}) as v:
            v.bot.send_nowait(*news(0))
            v.bot.drop()
            await v.advance(1)
            assert v.bot.active
            with pytest.raises(ff.Throttled):
                v.bot.send_nowait(*news(1))

    run(main())


def test_more_than_queue_limit_do_not_wait() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, queue_limit=2)}) as v:
            tasks = [asyncio.ensure_future(v.bot.send(*news(n))) for n in range(4)]
            await v.advance(2)
            assert [task.exception() is None for task in tasks] == [True, True, True, False]
            assert isinstance(tasks[3].exception(), ff.Throttled)
            assert v.fields(148) == ["0", "1", "2"]

    run(main())


def test_a_request_waits_for_its_turn_within_its_timeout() -> None:
    async def main() -> None:
        class Venue(Notes):
            def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
                if message.msg_type == "V":
                    session.send_nowait("W", [(262, message[262]), (55, "X"), (268, [[(269, "0"), (270, 1)]])])

        asking = ("V", [(262, "r"), (263, 0), (264, 1), (267, [[(269, "0")]]), (146, [[(55, "X")]])])
        async with virtual(bot={"throttle": throttle(1)}, venue_application=Venue(), application=object()) as v:
            v.bot.send_nowait(*news(0))
            with pytest.raises(TimeoutError):
                await v.bot.request(*asking, timeout=0.5)
            assert v.bot.next_out == 3
            answer = await v.bot.request(*asking, timeout=0.6)
            assert answer.msg_type == "W"
            assert v.world.elapsed_ns == SECOND

    run(main())


# --- reject ------------------------------------------------------------------------------------------------------


def test_with_reject_both_ways_to_send_raise() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="reject")}) as v:
            template = v.bot.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
            assert v.bot.send_template(template, "0") == 2
            for send in (v.bot.send_nowait, v.bot.send):
                with pytest.raises(ff.Throttled, match=r"1000\.000 ms"):
                    result: Any = send(*news(1))
                    await result
            with pytest.raises(ff.Throttled):
                v.bot.send_template(template, "2")
            assert v.bot.next_out == 3
            assert v.bot.stats().throttled == 3

    run(main())


def test_what_could_not_be_encoded_does_not_count() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="reject")}) as v:
            for _ in range(3):
                with pytest.raises(ff.EncodeError):
                    v.bot.send_nowait("D", [(38, 1.5)])
            assert v.bot.send_nowait(*news(0)) == 2

    run(main())


def test_rejecting_a_message_is_never_held_back() -> None:
    async def main() -> None:
        class Venue(Notes):
            def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
                raise ff.BusinessReject(0, "no")

        async with virtual(venue={"throttle": throttle(1, 60.0)}, venue_application=Venue()) as v:
            for n in range(3):
                v.bot.send_nowait(*news(n))
            await v.advance()
            assert [kind for _, kind, _ in v.sent("SIM")] == ["j"] * 3
            with pytest.raises(ff.Throttled):
                v.venue.send_nowait(*news("they count, though"))

    run(main())


def test_heartbeats_resends_and_logons_are_never_held_back() -> None:
    async def main() -> None:
        options = {"throttle": throttle(1, 3600.0)}
        async with virtual(bot=options, config={"heart_bt_int": 10}) as v:
            v.bot.send_nowait(*news(0))
            await v.advance(100)
            assert len([1 for _, kind, _ in v.sent(admin=True) if kind == "0"]) == 10
            assert v.venue.active
            await v.bot.logout()
            await v.advance(1)
            assert v.bot.active

    run(main())


def test_session_messages_count_if_asked() -> None:
    async def main() -> None:
        options = {"throttle": throttle(3, 60.0, when_full="reject", count_session_messages=True)}
        async with virtual(bot=options, config={"heart_bt_int": 10}) as v:
            v.bot.send_nowait(*news(0))
            await v.advance(11)
            assert [kind for _, kind, _ in v.sent(admin=True)] == ["A", "B", "0"]
            with pytest.raises(ff.Throttled) as full:
                v.bot.send_nowait(*news(1))
            assert full.value.retry_after_ns == 49 * SECOND, "the Logon was 11 s ago"
            await v.advance(38.5)
            assert len(v.sent(admin=True)) == 6, "held back are only the others"

    run(main())


def test_rejects_and_resends_count_as_session_messages() -> None:
    async def main() -> None:
        options = {"throttle": throttle(6, 60.0, when_full="reject", count_session_messages=True)}
        async with virtual(bot=options, config={"heart_bt_int": 0}) as v:
            v.bot.send_nowait(*news(0))
            v.bot.send_nowait(*news(1))
            await v.advance()
            assert v.bot._session._counted == set()  # type: ignore[attr-defined]
            v.venue._session._say("2", [(7, 2), (16, 3)], v.world.now)
            v.venue._soon()
            await v.advance()
            assert [kind for _, kind, _ in v.sent(admin=True)] == ["A", "B", "B", "B", "B"]
            v.bot.send_nowait(*news(2))
            with pytest.raises(ff.Throttled):
                v.bot.send_nowait(*news(3))

    run(main())


def test_what_is_sent_behind_our_own_logon_is_throttled() -> None:
    """With offline="store" a message may be sent while the answer to our Logon is on its way."""
    session = ThrottledSession(us(offline="store"), None, ff.Role.INITIATOR, throttle(2, when_full="queue"))
    now = ff.Now(SECOND, SECOND)
    assert session.send(*news("stored"), now) == 1
    assert session.send(*news("stored"), now) == 2
    assert session.send(*news("stored"), now) == 3
    session.connected(now)
    assert [session.send(*news(n), now) for n in range(4)] == [5, 6, 0, 0]
    answer = [(49, "SIM"), (56, "BOT"), (34, 1), (52, SECOND), (98, 0), (108, 30)]
    session.receive_data(ff.encode("FIX.4.4", "A", answer), now)
    assert session.state is ff.State.ACTIVE
    assert session.next_deadline() == 2 * SECOND
    assert session.stats().waiting == 2
    session.poll(ff.Now(2 * SECOND, 2 * SECOND))
    events: list[Any] = list(session.events())
    assert [event.msg_seq_num for event in events if type(event) is ff.Released] == [7, 8]


def test_messages_stored_while_not_logged_on_are_not_throttled() -> None:
    async def main() -> None:
        async with virtual(venue={"throttle": throttle(1, 60.0)}, config={"offline": "store"}) as v:
            await v.bot.close()
            await v.advance()
            assert [v.venue.send_nowait(*news(n)) for n in range(3)] == [3, 4, 5]

    run(main())


# --- queue -------------------------------------------------------------------------------------------------------


def test_a_queue_sends_as_fast_as_it_may() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(2, when_full="queue")}) as v:
            assert [v.bot.send_nowait(*news(n)) for n in range(5)] == [2, 3, 0, 0, 0]
            assert v.bot.stats().waiting == 3
            assert await v.bot.send(*news(5)) == 0
            await v.advance(10)
            assert [t // SECOND for t, _, _ in v.sent()] == [0, 0, 1, 1, 2, 2]
            assert v.fields(148) == list("012345")
            released = v.at_bot.named("Released")
            assert all(type(event) is ff.Released for event in released)
            assert [(e.msg_seq_num, e.message[148], e.waited_ns // SECOND) for e in released] == [
                (4, "2", 1),
                (5, "3", 1),
                (6, "4", 2),
                (7, "5", 2),
            ]

    run(main())


def test_what_is_queued_too_long_is_not_sent_and_named() -> None:
    async def main() -> None:
        setting = throttle(1, when_full="queue", max_age=2.5, priority={"D": -1})
        async with virtual(bot={"throttle": setting}) as v:
            assert [v.bot.send_nowait(*news(n)) for n in range(5)] == [2, 0, 0, 0, 0]
            await v.advance(2.25)
            assert v.fields(148) == list("012")
            assert v.bot.send_nowait(*order("fresh")) == 0
            await v.advance(0.249_999_999)
            assert not v.at_bot.named("Unsent")
            await v.advance(ns=1)
            (unsent,) = v.at_bot.named("Unsent")
            assert [message[148] for message in unsent.messages] == ["3", "4"]
            assert unsent.why == "older than 2.5 s"
            assert v.bot.stats().waiting == 1
            await v.advance(10)
            assert v.fields(11)[-1] == "fresh"
            assert len(v.at_bot.named("Unsent")) == 1

    run(main())


def test_what_gets_too_old_when_it_is_due_is_not_sent() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue", max_age=1)}) as v:
            assert [v.bot.send_nowait(*news(n)) for n in range(2)] == [2, 0]
            await v.advance(10)
            assert v.fields(148) == ["0"]
            assert v.bot.next_out == 3, "no number was used"

    run(main())


def test_what_went_before_its_elders_takes_no_memory() -> None:
    async def main() -> None:
        setting = ff.Throttle((ff.RateLimit(100),), when_full="queue", max_age=3600, priority={"D": -1})
        async with virtual(bot={"throttle": setting}) as v:
            for n in range(101):
                v.bot.send_nowait(*news(n))  # the last one waits, and everybody goes before it
            for n in range(50):
                for one in range(100):
                    v.bot.send_nowait(*order(f"{n}-{one}"))
                await v.advance(1)
            session = v.bot._session
            assert isinstance(session, ThrottledSession)
            assert v.bot.stats().waiting == 1
            assert len(session._aging) < 400

    run(main())


def test_a_cancel_overtakes_new_orders_but_not_its_own() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue")}) as v:
            for message in (order("a"), order("b"), order("c"), cancel("x", "a"), cancel("y", "c"), order("d")):
                v.bot.send_nowait(*message)
            await v.advance(10)
            assert v.fields(11) == ["a", "x", "b", "c", "y", "d"]

    run(main())


def test_templates_are_queued_too() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue")}) as v:
            template = v.bot.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
            assert [v.bot.send_template(template, str(n)) for n in range(3)] == [2, 0, 0]
            await v.advance(2)
            assert v.fields(148) == ["0", "1", "2"]

    run(main())


def test_a_wrong_message_is_refused_at_once_and_not_when_its_turn_comes() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue")}) as v:
            v.bot.send_nowait(*news(0))
            with pytest.raises(ff.EncodeError):
                v.bot.send_nowait("D", [(38, 1.5)])
            assert v.bot.stats().waiting == 0

    run(main())


def test_a_full_queue_refuses() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue", queue_limit=2)}) as v:
            assert [v.bot.send_nowait(*news(n)) for n in range(3)] == [2, 0, 0]
            with pytest.raises(ff.Throttled):
                v.bot.send_nowait(*news(3))
            await v.advance(5)
            assert v.fields(148) == ["0", "1", "2"]

    run(main())


@pytest.mark.parametrize("end", ["drop", "logout", "peer"])
def test_what_is_queued_when_the_session_ends_is_named(end: str) -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, 60.0, when_full="queue")}) as v:
            for n in range(4):
                v.bot.send_nowait(*news(n))
            await v.advance()
            if end == "drop":
                v.bot.drop()
            elif end == "logout":
                await v.bot.logout()
            else:
                v.venue.drop()
            await v.advance(120)
            (unsent,) = v.at_bot.named("Unsent")
            assert isinstance(unsent, ff.Unsent)
            assert [message[148] for message in unsent.messages] == ["1", "2", "3"]
            assert unsent.why
            assert v.fields(148) == ["0"], "nothing is carried over into the next connection"
            again = unsent.messages[0]
            assert v.bot.send_nowait(again.msg_type, again.body()) > 0
            await v.advance()
            assert v.at_venue.headlines[-1] == "1"

    run(main())


def test_leaving_the_block_names_what_was_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        notes = Notes()
        async with virtual(application=notes, bot={"throttle": throttle(1, 60.0, when_full="queue")}) as v:
            for n in range(2):
                v.bot.send_nowait(*news(n))
        (unsent,) = notes.named("Unsent")
        assert [message[148] for message in unsent.messages] == ["1"]
        assert "1 queued messages were not sent" in caplog.text, "also to those who look at no events"

    run(main())


def test_a_request_in_a_queue_gets_its_number_first() -> None:
    async def main() -> None:
        class Venue(Notes):
            def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
                super().on_message(session, message)
                if message.msg_type == "D":
                    session.send_nowait("3", [(45, message.msg_seq_num), (373, 5)])

        setting = {"throttle": throttle(1, when_full="queue")}
        async with virtual(bot=setting, venue_application=Venue(), application=object()) as v:
            v.bot.send_nowait(*news(0))
            v.bot.send_nowait(*news(1))
            answer = await v.bot.request(*order("a"))
            assert (answer.msg_type, answer[45]) == ("3", "4")
            assert v.world.elapsed_ns == 2 * SECOND

    run(main())


def test_a_password_request_that_waited_is_not_resent() -> None:
    async def main() -> None:
        async with virtual(bot={"throttle": throttle(1, when_full="queue")}) as v:
            v.bot.send_nowait(*news(0))
            v.bot.send_nowait("BE", [(923, "u"), (924, 3), (553, "me"), (554, "secret"), (925, "new")])
            v.bot.send_nowait(*news(1))
            await v.advance(5)
            assert v.bot._session._outbox.withheld == {1, 3}, "the Logon, too"
            (released, _) = v.at_bot.named("Released")
            assert "secret" not in repr(released)

    run(main())


# --- bytes -------------------------------------------------------------------------------------------------------


def test_bytes_are_those_on_the_wire() -> None:
    async def main() -> None:
        limit = ff.RateLimit(1000, per=1.0, unit="bytes")
        async with virtual(bot={"throttle": ff.Throttle((limit,), when_full="queue")}) as v:
            for n in range(1, 41):
                v.bot.send_nowait(*news("x" * n))
            await v.advance(60)
            sizes = [
                (passed.time_ns, len(passed.message.raw))
                for passed in v.world.wire
                if isinstance(passed.message, ff.Message)
                and passed.message.msg_type == "B"
                and passed.message.sender_comp_id == "BOT"
            ]
            assert len(sizes) == 40
            for begin, _ in sizes:
                assert sum(size for t, size in sizes if begin <= t < begin + SECOND) <= 1000
            assert v.bot.stats().waiting == 0
            before = v.bot.next_out
            with pytest.raises(ff.EncodeError, match="can never pass a limit of 1000 bytes"):
                v.bot.send_nowait(*news("x" * 1000))
            assert v.bot.next_out == before

    run(main())


def test_waiting_for_bytes_with_numbers_that_grow() -> None:
    async def main() -> None:
        limit = ff.RateLimit(400, per=1.0, unit="bytes")
        async with virtual(bot={"throttle": ff.Throttle((limit,), when_full="wait")}) as v:
            tasks = [asyncio.ensure_future(v.bot.send(*news(n))) for n in range(12)]
            await v.advance(20)
            assert [task.result() for task in tasks] == list(range(2, 14))

    run(main())


# --- at large ----------------------------------------------------------------------------------------------------


def test_each_session_of_a_server_has_limits_of_its_own() -> None:
    def limits(config: ff.SessionConfig) -> ff.Throttle | None:
        return throttle(1, when_full="reject") if config.target_comp_id == "BOT" else None

    async def main() -> None:
        async with ff.serve(None, [them(), them(target="OTHER")], throttle=limits) as server:
            async with ff.connect(us(), to(server)), ff.connect(us(sender="OTHER"), to(server)):
                slow, free = server.sessions.values()
                await slow.wait_active()
                await free.wait_active()
                slow.send_nowait(*news(0))
                with pytest.raises(ff.Throttled):
                    slow.send_nowait(*news(1))
                for n in range(5):
                    free.send_nowait(*news(n))

    run(main())


def test_over_a_real_socket_nothing_is_lost() -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server:
            rates = (ff.RateLimit(20, per=0.05), ff.RateLimit(5, per=0.005, kind="bucket"))
            async with ff.connect(us(), to(server), throttle=ff.Throttle(rates)) as session:
                seqs = await asyncio.gather(*(session.send(*news(n)) for n in range(100)))
                assert list(seqs) == list(range(2, 102))
                await until(lambda: len(notes.messages) == 100)
        assert notes.headlines == [str(n) for n in range(100)]

    run(main())


@pytest.mark.parametrize("option", [{"throttle": 5}, {"latency": 1}])
def test_a_wrong_option_is_refused(option: dict[str, Any]) -> None:
    async def main() -> None:
        with pytest.raises(ff.ConfigError) as error:
            async with ff.connect(us(), to(1), **option):
                pass
        assert error.value.name == next(iter(option))

    run(main())


def test_throttled_says_when() -> None:
    error = pickle.loads(pickle.dumps(ff.Throttled(1_500_000)))
    assert error.retry_after_ns == 1_500_000
    assert "1.500 ms" in str(error)


def test_no_window_on_the_wire_holds_too_many_whatever_is_done() -> None:
    """Random use by hand of all ways to send; the limits are checked on what was written."""

    async def play(v: Virtual, seed: int) -> None:
        rng = random.Random(seed)
        tasks: list[asyncio.Task[int]] = []
        for n in itertools.count():
            if v.world.elapsed_ns > 30 * SECOND:
                break
            pick = rng.random()
            if pick < 0.5:
                tasks.append(asyncio.ensure_future(v.bot.send(*news(n))))
            elif pick < 0.7:
                with contextlib.suppress(ff.Throttled, ff.NotActive):
                    v.bot.send_nowait(*news(n))
            elif pick < 0.8 and tasks:
                rng.choice(tasks).cancel()
            elif pick < 0.81:
                v.bot.drop()
            else:
                await v.advance(rng.choice((0, 0.01, 0.3, 1.1)))
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert task.cancelled() or task.exception() is None or isinstance(task.exception(), ff.NotActive)

    async def main(seed: int) -> None:
        async with virtual(bot={"throttle": throttle(7)}) as v:
            await play(v, seed)
            times = [
                passed.time_ns
                for passed in v.world.wire
                if isinstance(passed.message, ff.Message)
                and passed.message.msg_type == "B"
                and not passed.message.poss_dup  # what was cut off before it was written comes as a resend
            ]
            assert len(times) > 100
            for begin in times:
                assert sum(begin <= t < begin + SECOND for t in times) <= 7, seed

    for seed in range(5):
        run(main(seed))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_queued_is_sent_or_named_once(seed: int) -> None:
    """Random sends, ends of connections and pauses: each message is numbered, released or unsent, exactly once."""

    async def main() -> None:
        rng = random.Random(seed)
        limits = (ff.RateLimit(5), ff.RateLimit(900, per=1.0, kind="bucket", unit="bytes"))
        age = 1.2 if seed > 2 else None
        counts = bool(seed % 2)
        setting = ff.Throttle(limits, when_full="queue", queue_limit=20, count_session_messages=counts, max_age=age)
        sent: set[str] = set()
        queued: set[str] = set()
        refused: set[str] = set()
        notes = Notes()
        async with virtual(application=notes, bot={"throttle": setting}, config={"heart_bt_int": 2}) as v:
            template = v.bot.template("B", [ff.Slot(148), (33, [[(58, "x")]])])
            for n in range(300):
                name, pick = f"n{n}", rng.random()
                if pick < 0.8:
                    try:
                        send = v.bot.send_template if pick < 0.3 else v.bot.send_nowait
                        seq = send(template, name) if pick < 0.3 else send(*news(name))  # type: ignore[arg-type]
                        (sent if seq else queued).add(name)
                    except (ff.Throttled, ff.NotActive):
                        refused.add(name)
                elif pick < 0.83:
                    v.bot.drop()
                elif pick < 0.86:
                    await v.bot.logout()
                else:
                    await v.advance(rng.choice((0, 0.1, 0.7, 3)))
        released = [event.message[148] for event in notes.named("Released")]
        unsent = [message[148] for event in notes.named("Unsent") for message in event.messages]
        assert sorted(released + unsent) == sorted(queued)
        assert queued, seed
        numbers = [event.msg_seq_num for event in notes.named("Released")]
        assert numbers == sorted(set(numbers))
        on_the_wire = set(v.fields(148)) - {None}
        assert not on_the_wire & (refused | set(unsent))

    run(main())
