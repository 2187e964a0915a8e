"""Trade: a value."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

import fixfast as ff


def test_a_trade_is_a_value_that_nobody_changes() -> None:
    trade = ff.Trade("e1", "o1", "c1", "ACC", "EUR/USD", ff.Side.BUY, Decimal(100), Decimal("1.0850"), 7)
    assert trade == dataclasses.replace(trade)
    assert trade != dataclasses.replace(trade, px=Decimal("1.0851"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        trade.qty = Decimal(1)  # type: ignore[misc]
