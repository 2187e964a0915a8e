"""A simulated exchange to try bots against: in a test, in a program, or as `fixfast exchange`. See docs/exchange.md.

async with ff.exchange.Exchange() as exchange:                 # 127.0.0.1:9878, FIX 4.2, 4.4 and 5.0 SP2
    async with ff.connect(ff.SessionConfig("FIX.4.4", "BOT01", "EXCHANGE"), ...) as session:
        session.send_nowait("D", [...])
    exchange.halt("AAPL")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixfast.exchange.accounts.config import AccountsConfig
    from fixfast.exchange.agents.config import AgentsConfig
    from fixfast.exchange.config import (
        AccountConfig,
        ExchangeConfig,
        InstrumentConfig,
        ParticipantConfig,
        PhaseAt,
        load_exchange_config,
    )
    from fixfast.exchange.exchange import Exchange
    from fixfast.exchange.faults import FaultConfig
    from fixfast.exchange.market_data.limits import MarketDataLimits
    from fixfast.exchange.matching.outcome import Phase
    from fixfast.exchange.replay.exchange import ReplayExchange
    from fixfast.exchange.venue.requests import CancelOrder, MassCancel, NewOrder, ReplaceOrder

__all__ = [
    "AccountConfig",
    "AccountsConfig",
    "AgentsConfig",
    "CancelOrder",
    "Exchange",
    "ExchangeConfig",
    "FaultConfig",
    "InstrumentConfig",
    "MarketDataLimits",
    "MassCancel",
    "NewOrder",
    "ParticipantConfig",
    "Phase",
    "PhaseAt",
    "ReplaceOrder",
    "ReplayExchange",
    "load_exchange_config",
]

_HOMES = {
    "AccountsConfig": "accounts.config",
    "AgentsConfig": "agents.config",
    "MarketDataLimits": "market_data.limits",
    "ReplayExchange": "replay.exchange",
    "Exchange": "exchange",
    "FaultConfig": "faults",
    "Phase": "matching.outcome",
    **dict.fromkeys(("CancelOrder", "MassCancel", "NewOrder", "ReplaceOrder"), "venue.requests"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used first: the books need no engine, and do not wait for one."""
    if name not in __all__:
        raise AttributeError(f"module 'fixfast.exchange' has no attribute {name!r}")
    value = getattr(import_module(f"fixfast.exchange.{_HOMES.get(name, 'config')}"), name)
    globals()[name] = value
    return value
