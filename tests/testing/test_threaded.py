"""The testing tools for bots on threads: a counterparty and a proxy that block."""

from __future__ import annotations

import threading

import pytest

import fixfast as ff
from tests.engine.harness import news, us

ORDER = [(11, "x"), (55, "EUR/USD"), (54, "1"), (38, 100), (40, "1")]


def test_a_bot_on_threads_meets_a_counterparty() -> None:
    with ff.testing.blocking(ff.testing.Counterparty(us())) as peer:
        said: list[str] = []

        def bot() -> None:
            with ff.sync.connect(us(), peer.connection) as session:
                session.send_nowait("D", ORDER)
                for message in session:
                    said.append(message[11])
                    break

        thread = threading.Thread(target=bot)
        thread.start()
        peer.log_on()
        order = peer.expect("D", {38: 100})
        peer.send("8", [(37, "1"), (11, order[11]), (17, "1"), (150, "0"), (39, "0"), (55, "EUR/USD"), (54, "1")])
        peer.expect("5")
        peer.logout()
        thread.join(10)
        assert said == ["x"]
        assert peer.next_out == 4
        peer.next_out = 9
        assert peer.next_out == 9
        with pytest.raises(ff.testing.ScriptFailed, match="nobody is connected"):
            peer.send("0")


def test_a_bot_on_threads_survives_a_cut() -> None:
    with ff.testing.blocking(ff.testing.Counterparty(us())) as peer:
        with ff.testing.blocking(ff.testing.FaultProxy("127.0.0.1", peer.port)) as proxy:
            logons = threading.Thread(target=lambda: peer.play([("log_on",), ("expect_close",), ("log_on",)]))
            logons.start()
            with ff.sync.connect(us(), proxy.connection) as session:
                proxy.cut()
                logons.join(10)
                session.wait_active(10)
                session.send_nowait(*news("again"))
                peer.expect("B", {148: "again"})
                peer.close()
            assert proxy.connections >= 2


def test_what_cannot_begin_says_so_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(OSError), ff.testing.blocking(ff.testing.Counterparty(us(), connect=("127.0.0.1", 1))):
        raise AssertionError("entered")
    assert threading.active_count() == before
    with ff.testing.blocking(ff.testing.Counterparty(us())) as peer, pytest.raises(AttributeError):
        _ = peer.nonsense
