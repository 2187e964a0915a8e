"""Cancel on disconnect: an acceptor tells its application when the orders of a lost session should go.

The application knows the orders; what is here knows when, and that it happens once. No I/O: the timer is the owner's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.session.events import Disconnected, LoggedOn
from fixfast.session.state import CloseReason

__all__ = ["CancelDue", "CancelOnDisconnect", "Cancelling", "policy_for"]

#: seconds; longer is not a grace but another policy
_LONGEST = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOnDisconnect:
    """When an acceptor calls its application's `on_cancel_on_disconnect(session, reason)`.

    It does so once for each logged-on session that ended, unless the peer logs on again in time. Order is kept: after
    on_logout, and after whatever came before.

    Args:
        grace: seconds in which the peer may come back; 0: none.
        on_logout: also when the session ended by a Logout that was answered, of whichever side. (A Logout of ours that
            is not answered is no such end: the peer is gone.)
        on_close: what is waiting for its grace to end when the server is closed, or the session removed, is called
            then; False: it is forgotten. A server that closes logs its sessions out: that is `on_logout`'s business.

    Raises:
        ConfigError: a value is out of range.
    """

    grace: float = 0.0
    on_logout: bool = False
    on_close: bool = True

    def __post_init__(self) -> None:
        grace = self.grace
        if isinstance(grace, bool) or not isinstance(grace, (int, float)) or not 0 <= grace <= _LONGEST:
            raise ConfigError("grace", grace, f"seconds, from 0 to {_LONGEST:g}")
        for name in ("on_logout", "on_close"):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(name, getattr(self, name), "True or False")


@dataclass(frozen=True, slots=True)
class CancelDue:
    """The orders of this session should be cancelled: its peer is gone, and did not come back in time.

    Attributes: reason: how the session ended, in words.
    """

    reason: str


def policy_for(
    given: CancelOnDisconnect | Callable[[SessionConfig], CancelOnDisconnect | None] | None, callback: object | None
) -> Callable[[SessionConfig], CancelOnDisconnect | None]:
    """Return what gives each session of an acceptor its policy. Without one, who has the callback is called at once.

    Args: callback: the application's on_cancel_on_disconnect.

    Raises: ConfigError: a policy without a callback would cancel nothing; or it is something else.
    """
    if given is None:
        default = CancelOnDisconnect() if callback is not None else None
        return lambda config: default
    if not isinstance(given, CancelOnDisconnect) and not callable(given):
        raise ConfigError(
            "cancel_on_disconnect", type(given).__name__, "a CancelOnDisconnect, or a function of a config"
        )
    if callback is None:
        raise ConfigError("cancel_on_disconnect", given, "None, or an application with on_cancel_on_disconnect()")
    if isinstance(given, CancelOnDisconnect):
        policy = given
        return lambda config: policy
    choose = given

    def chosen(config: SessionConfig) -> CancelOnDisconnect | None:
        policy = choose(config)
        if policy is not None and not isinstance(policy, CancelOnDisconnect):
            raise ConfigError("cancel_on_disconnect", type(policy).__name__, "a function that returns such, or None")
        return policy

    return chosen


class Timer(Protocol):
    """What can be called off."""

    def cancel(self) -> object: ...


class Cancelling:
    """The policy at work for one session, over all its connections.

    Args:
        policy: when.
        later: calls a function in so many seconds, unless the timer it returns is cancelled.
        due: called with a CancelDue.
    """

    __slots__ = ("_due", "_later", "_logged_on", "_policy", "_reason", "_timer")

    def __init__(
        self,
        policy: CancelOnDisconnect,
        later: Callable[[float, Callable[[], None]], Timer],
        due: Callable[[CancelDue], None],
    ) -> None:
        self._policy = policy
        self._later = later
        self._due = due
        self._logged_on = False
        self._reason: str | None = None  # of what waits for its grace to end
        self._timer: Timer | None = None

    @property
    def pending(self) -> bool:
        """The peer is gone, and may still come back in time."""
        return self._reason is not None

    def event(self, event: object) -> None:
        """Hear of an event of the session; what the program is told of it, it was told before."""
        if isinstance(event, LoggedOn):
            self._logged_on = True
            self._forget()
        elif isinstance(event, Disconnected) and self._logged_on:
            self._logged_on = False
            if event.reason is CloseReason.LOGOUT and not self._policy.on_logout:
                return
            self._reason = event.detail or event.reason.value
            if self._policy.grace:
                self._timer = self._later(self._policy.grace, self._fire)
            else:
                self._fire()

    def close(self) -> None:
        """Know that the session ends for good. Twice is once."""
        if self.pending and self._policy.on_close:
            self._fire()
        self._forget()

    def _fire(self) -> None:
        reason = self._reason
        self._forget()
        if reason is not None:
            self._due(CancelDue(reason))

    def _forget(self) -> None:
        timer, self._timer, self._reason = self._timer, None, None
        if timer is not None:
            timer.cancel()
