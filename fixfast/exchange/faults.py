"""Faults on purpose: what a venue does on its bad days, drawn by lot from a seed. Off by default.

Each outgoing report, and each request, meets the faults at its own chance; so one seed and one course of messages
give one course of faults.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from fixfast.errors import ConfigError

__all__ = ["Fate", "FaultConfig", "Faults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultConfig:
    """Chances, each from 0 (never) to 1 (always).

    Args:
        slow: a report is held back, and all behind it, for `slow_by`.
        slow_by: seconds, at most; how many is drawn.
        drop: the first answer to a request is never sent. (What the request did stands: its owner must ask.)
        duplicate: a report is sent twice, with the same ExecID and PossResend(97).
        reject: a new order, cancel or replace is refused with a reason drawn from all that there are.
        gap: a MsgSeqNum is left out before a report, as by a message that was lost: the client has to ask.
        disconnect: the connection is cut behind a report.
    """

    slow: float = 0.0
    slow_by: float = 0.05
    drop: float = 0.0
    duplicate: float = 0.0
    reject: float = 0.0
    gap: float = 0.0
    disconnect: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            top = 3600 if field.name == "slow_by" else 1
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= top:
                raise ConfigError(field.name, value, "seconds, from 0 to 3600" if top > 1 else "a chance, from 0 to 1")

    def changed(self, **chances: float) -> FaultConfig:
        """Return these chances with some of them changed. Raises: ConfigError: no such fault, or no chance."""
        known = [field.name for field in fields(self)]
        for name in chances:
            if name not in known:
                raise ConfigError("fault", name, ", ".join(known))
        return replace(self, **chances)

    @property
    def any(self) -> bool:
        """Whether anything goes wrong at all."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "slow_by")


class Fate(NamedTuple):
    """What becomes of one report: seconds it is held back, and the faults that meet it."""

    delay: float = 0.0
    drop: bool = False
    duplicate: bool = False
    gap: bool = False
    disconnect: bool = False


class Faults:
    """Draws them.

    Args: config: the chances; seed: one seed, one course.

    Attributes: on: whether anything goes wrong at all.
    """

    def __init__(self, config: FaultConfig, seed: int) -> None:
        self._random = random.Random(f"faults:{seed}")
        self.config = config

    @property
    def config(self) -> FaultConfig:
        """The chances, which may be changed at any time."""
        return self._config

    @config.setter
    def config(self, config: FaultConfig) -> None:
        self._config = config
        self.on = config.any

    def report(self, *, first_answer: bool) -> Fate:
        """Draw what becomes of a report. Args: first_answer: it is the first one to a request."""
        config, lot = self.config, self._random.random
        # All are drawn each time: so a chance that changes moves no other fault.
        slow, by, drop, duplicate, gap, disconnect = (lot() for _ in range(6))
        return Fate(
            config.slow_by * by if slow < config.slow else 0.0,
            first_answer and drop < config.drop,
            duplicate < config.duplicate,
            gap < config.gap,
            disconnect < config.disconnect,
        )

    def refuses(self, reasons: int) -> int | None:
        """Draw whether a request is refused for nothing: the index of one of so many reasons, or None."""
        met = self._random.random() < self.config.reject
        return self._random.randrange(reasons) if met else None
