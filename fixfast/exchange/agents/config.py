"""AgentsConfig: who makes the market of a simulated exchange, and how."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fixfast.errors import ConfigError

__all__ = ["AgentsConfig"]


@dataclass(frozen=True, slots=True)
class AgentsConfig:
    """Who trades each instrument, and how.

    Args:
        makers, takers, noise, momentum: how many of each kind there are for every instrument.
        maker_rate, taker_rate, noise_rate, momentum_rate: how often one of them acts, times a second on average.
        spread: ticks between the fair value and a maker's best quote.
        levels: quotes of a maker on each side, a tick apart.
        size: lots of an order, at most.
        max_position: lots that an agent holds, long or short, at most; makers move their quotes away before.
        volatility: ticks that the fair value moves in a tenth of a second, at most.
        reversion: how fast the fair value comes back: of its distance to where it began, a thousandth times this, in a
            tenth of a second.
        latency: seconds between a decision and its order, at least and at most.
        symbols: what they trade; empty: everything.

    Raises: ConfigError: names the option.
    """

    makers: int = 2
    takers: int = 2
    noise: int = 2
    momentum: int = 1
    maker_rate: float = 2.0
    taker_rate: float = 0.5
    noise_rate: float = 1.0
    momentum_rate: float = 0.5
    spread: int = 2
    levels: int = 5
    size: int = 10
    max_position: int = 200
    volatility: float = 0.3
    reversion: int = 2
    latency: tuple[float, float] = (0.0, 0.0)
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                least = 1 if field.name in ("spread", "levels", "size", "max_position") else 0
                if type(value) is not int or not least <= value <= 1_000_000:
                    raise ConfigError(field.name, value, f"a whole number from {least} to 1000000")
            elif field.type == "float" and (isinstance(value, bool) or not 0 < value <= 10_000):
                raise ConfigError(field.name, value, "a number above 0, up to 10000")
        if len(self.latency) != 2 or not 0 <= self.latency[0] <= self.latency[1] <= 60:
            raise ConfigError("latency", self.latency, "two numbers of seconds, the smaller one first, up to 60")
