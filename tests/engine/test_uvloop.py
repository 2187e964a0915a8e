"""The same on uvloop: ends of all kinds, back-pressure, cancellation; and run(), which asks for it."""

from __future__ import annotations

import asyncio
import builtins
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import fixfast as ff
from tests.engine import harness, test_cancellation, test_delivery, test_leaving, test_proxy, test_requests, test_tls
from tests.engine.test_tls import World

uvloop = pytest.importorskip("uvloop")

#: BufferedProtocol and write_eof with linger; abort with RST; pause and resume; cancelled attempts to connect
CASES: list[Callable[[], None]] = [
    test_cancellation.test_a_request_cancelled_at_any_step_leaves_its_answer_to_the_others,
    test_cancellation.test_a_send_cancelled_at_any_step_is_sent_whole_or_not_at_all,
    test_delivery.test_callbacks_sync_and_async_in_the_order_of_events,
    test_delivery.test_messages_kept_by_the_program_stay_what_they_were,
    test_delivery.test_taking_the_next_acknowledges_the_last,
    test_leaving.test_o01_o02_leaving_logs_out,
    test_leaving.test_o03_the_peer_logs_out,
    test_leaving.test_cancel_at_every_step_of_logging_on,
    test_leaving.test_cancel_at_every_step_of_coming_back,
    test_leaving.test_close_cuts_a_peer_that_does_not_answer,
    test_requests.test_reading_still_pauses_on_the_next_connection,
    test_requests.test_request_takes_its_answer_and_nothing_else,
    test_requests.test_send_does_not_hang_when_the_connection_is_lost_meanwhile,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_same_on_uvloop(case: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "loop_factory", uvloop.new_event_loop)
    case()


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_bytes_behind_the_answer_of_a_proxy_on_uvloop(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "loop_factory", uvloop.new_event_loop)
    test_proxy.test_bytes_of_the_venue_behind_the_answer_of_the_proxy_are_not_lost(kind)


#: start_tls of an acceptor, and what an initiator refuses
TLS_CASES: list[Callable[[World], None]] = [
    test_tls.test_sc7_a_session_over_tls_and_again_after_it_was_lost,
    test_tls.test_sc7_an_unknown_authority_is_refused,
    test_tls.test_sc7_wrong_host_name_is_refused_and_the_right_ones_are_told,
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("case", TLS_CASES, ids=lambda case: case.__name__)
def test_tls_on_uvloop(case: Callable[[World], None], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "loop_factory", uvloop.new_event_loop)
    case(world)


async def what_runs() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_run_is_asyncio_run() -> None:
    assert ff.run(what_runs()).startswith("asyncio")


def test_run_asks_uvloop() -> None:
    assert ff.run(what_runs(), uvloop=True).startswith("uvloop")


def test_run_without_uvloop_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "uvloop":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with warnings.catch_warnings(), pytest.raises(ff.MissingExtra, match=r"fixfast\[uvloop\]"):
        warnings.simplefilter("error")
        ff.run(what_runs(), uvloop=True)


def test_run_refuses_what_is_no_switch() -> None:
    with pytest.raises(ff.ConfigError, match="uvloop"):
        ff.run(what_runs(), uvloop="yes")  # type: ignore[arg-type]
