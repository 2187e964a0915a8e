"""Cancel on disconnect: told once for each loss, not for a peer that comes back in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.cancelling import Cancelling
from fixfast.session.events import Disconnected, LoggedOn
from tests.engine.harness import Notes, Peer, news, run, them, to, until, us
from tests.engine.virtual import virtual

#: comes back after a while, so that there is time in between
LATE = ff.Reconnect(initial=10.0, maximum=10.0, jitter=0.0, max_refusals=None)


class Venue(Notes):
    """Notes what it is told to cancel, with the time."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.log: list[str] = []

    def on_logout(self, session: ff.LiveSession, reason: str) -> None:
        super().on_logout(session, reason)
        self.log.append("logout")

    def on_cancel_on_disconnect(self, session: ff.LiveSession, reason: str) -> None:
        self.told.append(reason)
        self.log.append("cancel")


def grace(seconds: float, **options: Any) -> dict[str, Any]:
    return {"cancel_on_disconnect": ff.CancelOnDisconnect(grace=seconds, **options)}


def test_a_lost_session_is_told_of_after_its_grace(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(5.0), venue_application=app, reconnect=LATE) as v:
            v.bot.drop()
            await v.advance(4.999)
            assert app.told == []
            await v.advance(0.001)
            assert len(app.told) == 1
            assert app.named("CancelDue") == [ff.CancelDue(app.told[0])]
            await v.advance(60)
            assert v.venue.active
            assert len(app.told) == 1, "once, whatever happens later"
            v.bot.drop()
            await v.advance(6)
            assert len(app.told) == 2, "but for each loss"
            assert caplog.text.count("its orders are to be cancelled") == 2

    run(main())


def test_a_peer_that_is_back_in_time_keeps_its_orders() -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(10.001), venue_application=app, reconnect=LATE) as v:
            for _ in range(3):
                v.bot.drop()
                await v.advance(30)
                assert v.venue.active
            assert app.told == []

    run(main())


def test_a_peer_that_is_back_a_moment_too_late_does_not() -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(9.999), venue_application=app, reconnect=LATE) as v:
            v.bot.drop()
            await v.advance(30)
            assert v.venue.active
            assert len(app.told) == 1

    run(main())


def test_a_connection_without_a_logon_does_not_count_as_back() -> None:
    async def main() -> None:
        app = Venue()
        async with ff.serve(app, [them()], cancel_on_disconnect=ff.CancelOnDisconnect(grace=0.2)) as server:
            async with await Peer.connect(server.port) as peer:
                peer.logon()
                await peer.expect("A")
            async with await Peer.connect(server.port):
                await until(lambda: app.told)

    run(main())


def test_without_grace_it_is_told_at_once_after_on_logout() -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue_application=app, reconnect=LATE) as v:
            v.bot.drop()
            await v.advance()
            assert app.log == ["logout", "cancel"]

    run(main())


@pytest.mark.parametrize("side", ["bot", "venue"])
@pytest.mark.parametrize("on_logout", [False, True])
def test_a_logout_is_no_loss_unless_it_is_said_to_be(side: str, on_logout: bool) -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(5.0, on_logout=on_logout), venue_application=app, reconnect=LATE) as v:
            await getattr(v, side).logout()
            await v.advance(9)
            assert len(app.told) == on_logout

    run(main())


def test_a_silent_peer_is_a_loss() -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(1.0), venue_application=app, config={"heart_bt_int": 1}, reconnect=LATE) as v:
            v.world.hold(True)
            await v.advance(10)
            assert len(app.told) == 1

    run(main())


@pytest.mark.parametrize("on_close", [True, False])
@pytest.mark.parametrize("how", ["close", "remove"])
def test_what_is_pending_when_the_server_closes(how: str, on_close: bool) -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(60.0, on_close=on_close), venue_application=app, reconnect=LATE) as v:
            v.bot.drop()
            await v.advance(1)
            if how == "close":
                await v.server.close()
            else:
                await v.server.remove(v.venue.id)
            assert len(app.told) == on_close
            await v.advance(120)
            assert len(app.told) == on_close, "once, and no timer is left"

    run(main())


def test_sessions_that_a_closing_server_logs_out_keep_their_orders() -> None:
    async def main() -> None:
        app = Venue()
        async with virtual(venue=grace(5.0), venue_application=app, reconnect=LATE) as v:
            await v.server.close()
            await v.advance(9)
        assert app.told == []

    run(main())


def test_an_async_callback_runs_to_its_end_also_when_the_server_closes() -> None:
    class Slow(Venue):
        async def on_cancel_on_disconnect(self, session: ff.LiveSession, reason: str) -> None:  # type: ignore[override]
            await asyncio.sleep(0.5)
            self.told.append(reason)

    async def main() -> None:
        app = Slow()
        async with virtual(venue=grace(60.0), venue_application=app, reconnect=LATE) as v:
            v.bot.drop()
            await v.advance(1)
            await v.server.close()
            assert len(app.told) == 1

    run(main())


def test_what_the_peer_sent_before_is_dealt_with_first() -> None:
    class Slow(Venue):
        async def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:  # type: ignore[override]
            await asyncio.sleep(1)
            self.log.append(message[148])

    async def main() -> None:
        app = Slow()
        async with virtual(venue=grace(0.5), venue_application=app, reconnect=LATE) as v:
            v.bot.send_nowait(*news("a"))
            v.bot.send_nowait(*news("b"))
            await v.advance()
            v.bot.drop()
            await v.advance(5)
            assert app.log == ["a", "b", "logout", "cancel"], "an order that is taken late is cancelled, too"

    run(main())


def test_a_failing_callback_is_an_event() -> None:
    class Wrong(Venue):
        def on_cancel_on_disconnect(self, session: ff.LiveSession, reason: str) -> None:
            super().on_cancel_on_disconnect(session, reason)
            raise RuntimeError("no")

    async def main() -> None:
        app = Wrong()
        async with virtual(venue_application=app) as v:
            v.bot.drop()
            await v.advance(1)
            assert v.venue.active
            assert len(app.told) == 1
            (failed,) = app.named("CallbackFailed")
            assert failed.callback == "on_cancel_on_disconnect"

    run(main())


def test_over_real_sockets_once_for_a_killed_connection() -> None:
    async def main() -> None:
        app = Venue()
        async with ff.serve(app, [them()], cancel_on_disconnect=ff.CancelOnDisconnect(grace=0.05)) as server:
            async with ff.connect(us(), to(server, LATE)) as session:
                await until(lambda: app.logons)
                session.drop(reset=True)
                await until(lambda: app.told)
                assert len(app.told) == 1
        assert len(app.told) == 1

    run(main())


def test_each_session_may_have_its_own_policy() -> None:
    def policy(config: ff.SessionConfig) -> ff.CancelOnDisconnect | None:
        return ff.CancelOnDisconnect() if config.target_comp_id == "BOT" else None

    async def main() -> None:
        app = Venue()
        async with ff.serve(app, [them(), them(target="OTHER")], cancel_on_disconnect=policy) as server:
            for name in ("OTHER", "BOT"):
                async with await Peer.connect(server.port, me=name) as peer:
                    peer.logon()
                    await peer.expect("A")
            await until(lambda: len(app.logouts) == 2)
            assert len(app.told) == 1

    run(main())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("grace", {"grace": -1}),
        ("grace", {"grace": float("nan")}),
        ("grace", {"grace": True}),
        ("on_close", {"on_close": 1}),
    ],
)
def test_wrong_policies_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ff.ConfigError) as error:
        ff.CancelOnDisconnect(**options)
    assert error.value.name == name


@pytest.mark.parametrize(
    ("application", "policy"),
    [(Notes(), ff.CancelOnDisconnect()), (Venue(), 5.0), (None, ff.CancelOnDisconnect())],
)
def test_a_policy_that_could_not_work_is_refused(application: Any, policy: Any) -> None:
    with pytest.raises(ff.ConfigError) as error:
        ff.serve(application, [them()], cancel_on_disconnect=policy)
    assert error.value.name == "cancel_on_disconnect"


def test_a_function_that_returns_something_else_is_refused() -> None:
    async def main() -> None:
        wrong: Any = lambda config: 5  # noqa: E731
        with pytest.raises(ff.ConfigError):
            await ff.serve(Venue(), [them()], cancel_on_disconnect=wrong)

    run(main())


def test_the_machine_alone() -> None:
    told: list[ff.CancelDue] = []
    timers: list[Any] = []

    class Timer:
        cancelled = False

        def __init__(self, call: Any) -> None:
            self.call = call

        def cancel(self) -> None:
            self.cancelled = True

    def later(seconds: float, call: Any) -> Timer:
        assert seconds == 3.0
        timer = Timer(call)
        timers.append(timer)
        return timer

    lost = Disconnected(ff.CloseReason.CONNECTION_LOST, "")
    machine = Cancelling(ff.CancelOnDisconnect(grace=3.0), later, told.append)
    logged_on: Any = LoggedOn.__new__(LoggedOn)
    machine.event(lost)
    assert not machine.pending, "it never was logged on"
    machine.event(logged_on)
    machine.event(lost)
    machine.event(lost)
    assert (machine.pending, len(timers)) == (True, 1)
    machine.event(logged_on)
    assert (machine.pending, timers[0].cancelled) == (False, True)
    timers[0].call()
    assert told == [], "a timer that could not be stopped does nothing"
    machine.event(lost)
    timers[1].call()
    machine.close()
    assert told == [ff.CancelDue("the connection was lost")]
