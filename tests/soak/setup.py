"""What exchange and clients of the soak have in common."""

from __future__ import annotations

from pathlib import Path

import fixfast as ff

__all__ = [
    "ACCOUNTS", "AGENTS", "CLIENTS", "FAULTS", "FRONT_ENDS", "INSTRUMENTS", "NAMES", "account_of", "key_file",
    "session_config",
]  # fmt: skip

INSTRUMENTS = (
    ff.exchange.InstrumentConfig("AAPL", tick="0.01", reference="230.00", self_trade="cancel oldest"),
    ff.exchange.InstrumentConfig("EUR/USD", tick="0.00001", lot=1000, reference="1.10000", self_trade="none"),
)
AGENTS = ff.exchange.AgentsConfig(maker_rate=4.0, taker_rate=2.0)
FAULTS = ff.exchange.FaultConfig(
    slow=0.02, slow_by=0.05, drop=0.01, duplicate=0.02, reject=0.01, gap=0.003, disconnect=0.001
)
#: CompID -> BeginString
CLIENTS = {"BOT42": "FIX.4.2", "BOT44": "FIX.4.4", "BOT50": "FIXT.1.1"}
#: those that trade through a Backend
ACCOUNTS = {"DESK42": "FIX.4.2", "DESK50": "FIXT.1.1"}
#: front end -> account; two of them share a Backend
FRONT_ENDS = {"DESK42": "DESK42", "DESK50-1": "DESK50", "DESK50-2": "DESK50"}
#: all that trade, by their CompIDs
NAMES = (*CLIENTS, *ACCOUNTS)


def session_config(version: str, name: str) -> ff.SessionConfig:
    """Return the session of a client."""
    return ff.SessionConfig(
        version, name, "EXCHANGE", default_appl_ver_id="9" if version == "FIXT.1.1" else "", max_resend_requests=1000
    )


def account_of(name: str) -> str:
    """Return whose orders somebody has: the CompID."""
    return FRONT_ENDS.get(name, name)


def key_file(directory: Path, name: str) -> Path:
    """Return where a front end finds its API key."""
    return directory / f"{name}.key"
