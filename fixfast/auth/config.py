"""The options of an AuthCoordinator: how long it waits for what, and what it tries again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from random import Random

from fixfast.auth.state import RETRIED, RETRY_POSSIBLE, AuthReason
from fixfast.engine.connection import Reconnect, positive
from fixfast.errors import ConfigError

__all__ = ["AuthTimeouts", "RetryRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTimeouts:
    """How long each state that waits may take, in seconds; each try has its own time.

    Args:
        registering: for the answer of the registration server.
        connecting: from login() to the answer to our Logon.
        authenticating: from the UserRequest (924=1) to its UserResponse.
        changing: from change_password() to its UserResponse.
        reconnecting: from the loss of the connection of a user who was logged in until the session is logged on again.

    Raises: ConfigError: a value is not a number above 0.
    """

    registering: float = 15.0
    connecting: float = 20.0
    authenticating: float = 10.0
    changing: float = 10.0
    reconnecting: float = 300.0

    def __post_init__(self) -> None:
        for option in fields(self):
            positive(option.name, getattr(self, option.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """What is tried again, how often, and after which wait. A wrong password and a locked account never are.

    The waits are those of `ff.Reconnect`: `initial` seconds, then `factor` times as long, `maximum` at most, each
    shortened by a random share of up to `jitter`; longer where the other side asks for it (Retry-After).

    Args:
        attempts: tries of one register_account() or login(), the first one counted; None: no limit. Begins anew with
            each user who is logged in.
        initial, maximum: seconds.
        factor: at least 1.
        jitter: 0 to 1.
        reasons: which failures are tried again: a part of RETRY_POSSIBLE.
        after_loss: a user who was logged in is logged in again when the session comes back. That needs the password,
            which is kept until the logout; with False it is forgotten once it was used, and a lost connection is a
            failure.
        seed: makes the jitter repeatable.

    Raises: ConfigError: a value is out of range, or a reason is one that may not be tried again.
    """

    attempts: int | None = 3
    initial: float = 1.0
    maximum: float = 30.0
    factor: float = 2.0
    jitter: float = 0.2
    reasons: frozenset[AuthReason] = field(default=RETRIED)
    after_loss: bool = True
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.attempts is not None and (type(self.attempts) is not int or self.attempts < 1):
            raise ConfigError("attempts", self.attempts, "None or a whole number of at least 1")
        self._reconnect()  # checks the four of the waits
        given = frozenset(self.reasons)
        never = sorted(str(one) for one in given - RETRY_POSSIBLE)
        if never:
            possible = ", ".join(sorted(RETRY_POSSIBLE))
            raise ConfigError("reasons", never, f"some of {possible}: to repeat the others locks accounts")
        object.__setattr__(self, "reasons", given)
        if not isinstance(self.after_loss, bool):
            raise ConfigError("after_loss", self.after_loss, "True or False")

    def delays(self) -> Iterator[float]:
        """Yield the waits of one series, in seconds, without end."""
        return self._reconnect().delays(Random(self.seed))

    def _reconnect(self) -> Reconnect:
        return Reconnect(
            initial=self.initial, maximum=self.maximum, factor=self.factor, jitter=self.jitter, seed=self.seed
        )
