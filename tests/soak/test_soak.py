"""The soak, briefly; and that it sees what it is there to see."""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.soak.campaign import Campaign
from tests.soak.copies import Copies
from tests.soak.reconcile import reconcile

ORDER = {
    "id": "c1", "head": "c1", "order_id": "O1", "symbol": "AAPL", "side": "1", "status": "1", "qty": "100", "cum": "40",
    "leaves": "60", "price": "230", "trades": [["40", "229.5"]],
}  # fmt: skip
EXCHANGE = {
    "orders": {"FIX.4.4:BOT44": [ORDER]},
    "books": {"AAPL": [[["230", "60"]], []]},
    "marks": {"AAPL": "230"},
    "traded": {"AAPL": [9180, 9180]},
}
CLIENT = {"orders": [ORDER], "positions": {"AAPL": ["40", "20"]}, "books": EXCHANGE["books"]}

#: what goes wrong -> a word of the difference
WRONGS: dict[str, Callable[[Any, Any, Any], object]] = {
    "does not know": lambda exchange, client, copies: exchange["orders"].clear(),
    "the client does not know": lambda exchange, client, copies: client["orders"].clear(),
    "status is 0": lambda exchange, client, copies: client["orders"][0].update(status="0"),
    "trades is []": lambda exchange, client, copies: client["orders"][0].update(trades=[]),
    "position in AAPL": lambda exchange, client, copies: client["positions"].update(AAPL=["41", "20"]),
    "profit in AAPL": lambda exchange, client, copies: client["positions"].update(AAPL=["40", "20.01"]),
    "the book of AAPL": lambda exchange, client, copies: client["books"].update(AAPL=[[], []]),
    "bought for": lambda exchange, client, copies: exchange["traded"].update(AAPL=[1, 2]),
    "drop copy of": lambda exchange, client, copies: copies.trades.clear(),
    "'4', '40', '0'": lambda exchange, client, copies: copies.orders.update({("BOT44", "O1"): ("4", "40", "0")}),
}


def agreeing() -> tuple[Any, Any, Copies]:
    copies = Copies()
    copies.trades["BOT44", "O1"] = {"E1": ["40", "229.5"]}
    copies.orders["BOT44", "O1"] = ("1", "40", "60")
    return copy.deepcopy(EXCHANGE), copy.deepcopy(CLIENT), copies


def test_books_that_agree_have_no_differences() -> None:
    exchange, client, copies = agreeing()
    assert reconcile(exchange, {"BOT44": client}, copies) == []


@pytest.mark.parametrize("word", WRONGS)
def test_a_difference_is_named(word: str) -> None:
    exchange, client, copies = agreeing()
    WRONGS[word](exchange, client, copies)
    found = reconcile(exchange, {"BOT44": client}, copies)
    assert any(word in one for one in found), found


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here")
def test_a_short_soak_comes_out_even(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, seconds=6, seed=1)
    asyncio.run(asyncio.wait_for(campaign.run(), 300))
    assert campaign.differences == []
    assert campaign.done["trades"] > 0
