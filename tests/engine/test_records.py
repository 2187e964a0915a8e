"""What fixfast says to `logging`: fields for machines, JSON, and no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.observing.label import hashed
from tests.engine.harness import Notes, news, run, until, us

EVIL = "no\n2026-01-01 ERROR all is lost\x1b[2J"


@contextmanager
def logging_to(handler: logging.Handler, level: int = logging.DEBUG) -> Iterator[None]:
    logger = logging.getLogger("fixfast")
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def lines_of(test: Any, *, fixed: dict[str, Any] | None = None, hide: ff.HideCompIDs | None = None) -> list[Any]:
    """Run a test and return what was logged meanwhile, as JSON objects."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(ff.JsonFormatter(fixed))
    if hide is not None:
        handler.addFilter(hide)
    with logging_to(handler):
        run(test())
    return [json.loads(line) for line in out.getvalue().splitlines()]


async def a_day() -> None:
    async with ff.testing.pair(us(), delay=0.01) as pair:
        pair.acceptor.send_nowait(*news("lost"))
        await pair.advance(0.005)
        pair.drop()
        await pair.advance(5)


def test_what_happens_to_a_session_is_told_with_fields() -> None:
    told = [line for line in lines_of(a_day) if line["session"] == "FIX.4.4:BOT->SIM"]
    assert {line["logger"] for line in told} == {"fixfast.engine"}
    events = [line["event"] for line in told]
    for event in ("state_changed", "logged_on", "disconnected", "waiting", "gap_detected", "gap_filled", "logged_out"):
        assert event in events
    first = next(line for line in told if line["event"] == "logged_on")
    assert (first["level"], first["msg_seq_num"], first["msg_type"]) == ("INFO", 1, "A")
    assert first["message"] == "FIX.4.4:BOT->SIM: logged on, HeartBtInt 30"
    assert first["time"].endswith("Z")
    lost = next(line for line in told if line["event"] == "disconnected")
    assert lost["reason"]


def test_a_reject_tells_number_type_and_reason() -> None:
    async def main() -> None:
        strict = ff.Validation("reject")
        async with ff.testing.pair(us(), us(sender="SIM", target="BOT", validation=strict)) as pair:
            pair.initiator.send_nowait("D", [(11, "x")])
            await pair.advance()

    (line,) = (line for line in lines_of(main) if line["event"] == "rejected")
    assert (line["level"], line["msg_seq_num"], line["msg_type"], line["reason"]) == ("WARNING", 2, "D", 1)
    assert line["ref_tag"] in (21, 40, 54, 55, 60)


def test_a_callback_that_fails_tells_which_and_why() -> None:
    class Bad:
        def on_message(self, session: ff.LiveSession, message: ff.Message) -> None:
            raise ZeroDivisionError("on purpose")

    async def main() -> None:
        async with ff.testing.pair(us(), None, None, Bad()) as pair:
            pair.initiator.send_nowait(*news("x"))
            await pair.advance()

    (line,) = (line for line in lines_of(main, fixed={"bot": "maker-1"}) if line["event"] == "callback_failed")
    assert (line["callback"], line["msg_type"], line["msg_seq_num"], line["bot"]) == ("on_message", "B", 2, "maker-1")
    assert "ZeroDivisionError: on purpose" in line["exception"]


def test_sc9_a_line_is_a_line_whatever_the_peer_says(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ff.testing.World(), ff.testing.Counterparty(us()) as peer:
            with pytest.raises(ff.LogonFailed):
                script = ff.connect(us(), peer.connection)
                import asyncio

                refusing = asyncio.ensure_future(peer.play([("expect", "A"), ("logout", EVIL)]))
                async with script:
                    raise AssertionError("logged on")
            await refusing

    caplog.set_level(logging.DEBUG, "fixfast")
    lines = lines_of(main)
    assert any("all is lost" in line["message"] for line in lines)
    assert all(line["message"].isprintable() for line in lines)
    assert all(record.getMessage().isprintable() for record in caplog.records if record.name.startswith("fixfast"))


def test_sc8_secret_comp_ids_are_hashed() -> None:
    key = "A1B2-API-KEY"

    async def main() -> None:
        notes = Notes()
        async with ff.testing.pair(us(sender=key), application_b=notes) as pair:
            pair.initiator.send_nowait(*news("x"))
            await until(lambda: notes.messages)
            try:
                raise ValueError(f"{key} is in a text")
            except ValueError:
                logging.getLogger("fixfast.bot").exception("of %s", key)

    lines = lines_of(main, hide=ff.HideCompIDs(key))
    assert lines
    assert key not in json.dumps(lines)
    sessions = {line["session"] for line in lines if line.get("session")}
    assert len(sessions) == 2
    assert sessions == {f"FIX.4.4:{hashed(a)}->{hashed(b)}" for a, b in ((key, "SIM"), ("SIM", key))}
    (mine,) = (line for line in lines if line["logger"] == "fixfast.bot")
    assert "ValueError: #" in mine["exception"]
    assert any(session in line["message"] for line in lines for session in sessions)


def test_a_formatter_of_ones_own_finds_the_fields() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        logging.Formatter("%(levelname)s [%(session)s] %(event)s", defaults={"session": "", "event": ""})
    )
    with logging_to(handler, logging.INFO):
        run(a_day())
    assert "INFO [FIX.4.4:BOT->SIM] logged_on" in out.getvalue().splitlines()
