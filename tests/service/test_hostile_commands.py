"""A front end with a good token that says anything: each command has one answer, nothing breaks or is forgotten."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fixfast.service import messages
from fixfast.service.messages import (
    Cancel,
    Done,
    Failed,
    LogOff,
    LogOn,
    Message,
    OrderNow,
    Pong,
    Replace,
    StatusNow,
    Submit,
)
from tests.engine.harness import run, until
from tests.service.houses import VERSIONS, FrontEnd, backend, exchange, front_end, start_of

#: what a program, a person or an attacker puts into a text
TEXTS = (
    "", " ", "AAPL", "A", "A1", "A2", "A3", "A4", "A5", "B1", "Ax\x01y", "A=1\x0135=5", "A\n", "A\0", "A\x7f", "A" * 64,
    "A" * 65, "A" * 5000, "A\xe4\xf6", "A\u202e", "A\ud800", "\U0001f4a5", "NONE", "1", "2", "5", "Q", "-1", "0", "NaN",
    "inf", "1e400", "1e-400", "1_000", "0x10", "+5", "100", "99.5", "100.001", "9" * 400, "0." + "0" * 400 + "1",
    "'; DROP TABLE orders; --", "<b>", "../../etc/passwd", "%s%n", "{0.__class__}",
)  # fmt: skip
NUMBERS = (0, 1, 2, 3, 4, 5, -1, 7, 255, 1 << 31, 1 << 63, (1 << 64) - 1, -(1 << 63), 999_999_999)
TAGS = (1, 11, 8, 9, 10, 34, 35, 49, 52, 54, 58, 95, 96, 453, 554, 5001, 0, -1, 1 << 40)
COMMANDS = (
    "Submit", "Submit", "Submit", "Cancel", "Replace", "CancelAll", "MassCancel", "AskStatus", "Resume", "Subscribe",
    "Unsubscribe", "WatchMessages", "LogOn", "LogOff", "UserRequest", "Ping", "Pong", "StatusNow", "Grant", "Stop",
    "Login",
)  # fmt: skip
GOOD: dict[Any, dict[str, Any]] = {
    Submit: {"symbol": "AAPL", "side": "1", "qty": "10", "price": "100"},
    Cancel: {},
    Replace: {"qty": "15", "price": "99.5"},
}
CODES = {
    "invalid", "refused", "not_active", "unknown", "duplicate", "throttled", "unsupported", "unanswered"
}  # fmt: skip


def anything(kind: Any, lot: Random) -> Any:
    """Draw a value of a type."""
    origin = getattr(kind, "__origin__", None)
    if origin is tuple or origin is list:
        inner = kind.__args__
        if (len(inner) == 2 and inner[1] is ...) or origin is list:
            return origin(anything(inner[0], lot) for _ in range(lot.choice((0, 0, 0, 1, 3))))
        return lot.choice(TAGS), lot.choice(TEXTS)
    if kind is bool:
        return lot.random() < 0.5
    if kind is int:
        return lot.choice(NUMBERS)
    if kind is bytes:
        return lot.randbytes(lot.choice((0, 32)))
    if kind is str:
        return lot.choice(TEXTS)
    kinds = [one for one in getattr(kind, "__args__", ()) if one is not type(None)]
    return None if not kinds or lot.random() < 0.3 else anything(kinds[0], lot)


def command(number: int, lot: Random) -> Message:
    """Draw a message; half of the orders are near what they should be."""
    kind = getattr(messages, lot.choice(COMMANDS))
    drawn = {one.name: anything(one.type, lot) for one in msgspec.structs.fields(kind)}
    if "id" in drawn:
        drawn["id"] = number
    if kind is LogOn:  # a number that is far away is what it asks for: nothing but those that cannot be
        drawn["first_seq_num"] = lot.choice((0, 0, 0, -1, 1 << 63))
    if kind in GOOD and lot.random() < 0.8:  # right, but for one field or none
        good = {**GOOD[kind], "id": number, "cl_ord_id": f"A{number}"}
        if "order" in drawn:
            good["order"] = f"A{lot.randrange(1_000, number + 1)}"
        if kind is Submit:
            good["side"] = lot.choice("12")
        wrong = lot.choice((None, *good))
        drawn = {name: drawn[name] if name == wrong else value for name, value in good.items()}
    made: Message = kind(**drawn)
    return made


async def said(desk: FrontEnd, number: int) -> list[Message]:
    """Wait for the answer to a command; return the answers that there are to it."""
    await desk.until(lambda one: isinstance(one, (Done, Failed, Pong)) and one.id == number)
    return [one for one in desk.said if isinstance(one, (Done, Failed, Pong)) and one.id == number]


async def up(desk: FrontEnd) -> None:
    """Have the session logged on as configured."""
    await desk.do(LogOff)
    await desk.do(LogOn)
    await until(lambda: desk.all(StatusNow)[-1].state == "active")


@pytest.mark.parametrize("version", VERSIONS)
def test_whatever_a_front_end_says_it_is_answered_once_and_nothing_breaks(tmp_path: Path, version: str) -> None:
    seed = 20_261
    lot = Random(seed)

    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port, version)) as house,
            front_end(house.address) as desk,
            front_end(house.address, "B") as other,
        ):
            await other.resumed()
            await desk.logged_on()
            for number in range(1_000, 1_400):
                message = command(number, lot)
                try:
                    desk.link.send(message)
                except UnicodeEncodeError:  # half of a surrogate pair is no text of MessagePack
                    continue
                if "id" not in message.__struct_fields__:
                    message = LogOn(number)
                    desk.link.send(message)
                elif isinstance(message, Pong):
                    continue
                answers = await said(desk, number)
                assert len(answers) == 1, (seed, message, answers)
                wrong = [one for one in answers if isinstance(one, Failed) and one.code not in CODES]
                assert not wrong, (seed, message, wrong)
                if not number % 20:
                    await up(desk)
            await up(desk)
            await desk.submit("last", price="90")
            await other.until(lambda one: isinstance(one, OrderNow) and one.cl_ord_id == "Alast" and one.status == "0")
            now = {one.orig_cl_ord_id: one for one in other.all(OrderNow)}
            async with front_end(house.address, "C") as fresh:  # what is read again is what was told
                await fresh.resumed()
                assert {one.orig_cl_ord_id: one for one in fresh.all(OrderNow)} == now
            theirs = venue.venue.telling.orders
            await until(lambda: len(theirs) <= len(now))

    run(main())
