"""Cancel on disconnect at an acceptor for threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

import fixfast as ff
from tests.engine.harness import EAGER, them, to, us
from tests.engine.sync.venue import LIMIT

#: comes back after a while, so that there is time in between
LATE = ff.Reconnect(initial=30.0, maximum=30.0, max_refusals=None)


class App:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.logons = 0

    def on_logon(self, session: object) -> None:
        self.logons += 1

    def on_cancel_on_disconnect(self, session: object, reason: str) -> None:
        self.told.append(reason)


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def policy(**options: object) -> ff.CancelOnDisconnect:
    return ff.CancelOnDisconnect(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("grace", [0.0, 0.05])
def test_a_lost_session_is_told_of_once(grace: float) -> None:
    app = App()
    with ff.sync.serve(app, [them()], cancel_on_disconnect=policy(grace=grace)) as server:
        with ff.sync.connect(us(), to(server.port, LATE)) as session:
            until(lambda: app.logons)
            session.drop(reset=True)
            until(lambda: app.told)
    assert len(app.told) == 1
    until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)])


def test_a_peer_that_is_back_in_time_keeps_its_orders_and_so_does_one_that_logs_out() -> None:
    app = App()
    with ff.sync.serve(app, [them()], cancel_on_disconnect=policy(grace=30.0, on_close=False)) as server:
        with ff.sync.connect(us(), to(server.port, EAGER)) as session:
            until(lambda: app.logons == 1)
            session.drop(reset=True)
            until(lambda: app.logons == 2)
    assert app.told == []


@pytest.mark.parametrize("on_close", [True, False])
def test_what_is_pending_when_the_server_closes(on_close: bool) -> None:
    app = App()
    with ff.sync.serve(app, [them()], cancel_on_disconnect=policy(grace=60.0, on_close=on_close)) as server:
        with ff.sync.connect(us(), to(server.port, LATE)) as session:
            until(lambda: app.logons)
            (peer,) = server.sessions.values()
            session.drop(reset=True)
            until(lambda: not peer.connected)
    assert len(app.told) == on_close
    until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)])


def test_a_policy_without_the_callback_is_refused() -> None:
    with pytest.raises(ff.ConfigError, match="on_cancel_on_disconnect"):
        ff.sync.serve(None, [them()], cancel_on_disconnect=policy())
