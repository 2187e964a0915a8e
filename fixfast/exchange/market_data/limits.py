"""MarketDataLimits: what one session may have of the market data of a simulated exchange."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fixfast.errors import ConfigError

__all__ = ["MarketDataLimits"]


@dataclass(frozen=True, slots=True)
class MarketDataLimits:
    """What one session may ask for (M13), and how far it may fall behind.

    Args:
        requests: MDReqIDs with updates at a time.
        instruments: instruments with updates at a time, of all its requests together.
        depth: the largest MarketDepth(264); 0: any, and the full book.
        pending: messages that wait for its connection, from which on it is conflated.
        entries: in one X; what has more, a sweep through a deep book, comes in several, one behind the other.

    Raises: ConfigError: names the option.
    """

    requests: int = 100
    instruments: int = 10_000
    depth: int = 0
    pending: int = 1000
    entries: int = 1000

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), int(field.name != "depth")
            if type(value) is not int or value < least:
                raise ConfigError(field.name, value, f"a whole number of at least {least}")
