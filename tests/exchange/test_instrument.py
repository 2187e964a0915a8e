"""An instrument that cannot be is refused: the option is named, its value, and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.errors import ConfigError
from fixfast.exchange.matching.instrument import Instrument


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("symbol", "", "a text that is not empty"),
        ("tick", 0, "a whole number of at least 1"),
        ("tick", 0.01, "a whole number of at least 1"),
        ("lot", True, "a whole number of at least 1"),
        ("price_scale", -1, "a whole number of at least 0"),
        ("qty_scale", 19, "at most 18 digits"),
        ("reference", 0, "a whole number of at least 1"),
        ("reference", 7, "a multiple of the tick, 5"),
        ("band", 0, "a whole number of at least 1"),
        ("band_action", "warn", "'refuse' or 'halt'"),
        ("max_qty", "100", "a whole number of at least 1"),
        ("max_slices", 0, "a whole number of at least 1"),
        ("negative_prices", "no", "True or False"),
        ("trades_kept", -1, "a whole number of at least 0"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(option: str, value: object, allowed: str) -> None:
    given: dict[str, Any] = {"symbol": "ACME", "tick": 5} | {option: value}
    with pytest.raises(ConfigError) as refused:
        Instrument(**given)
    assert (refused.value.name, refused.value.value, refused.value.allowed) == (option, value, allowed)


def test_a_spread_may_have_any_reference_price() -> None:
    assert Instrument("ACME-BETA", tick=5, reference=-15, negative_prices=True).reference == -15
