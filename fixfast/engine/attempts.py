"""What an initiator does after each connection: how long it waits, which address is next, when there is no hope.

No I/O and no clock: every front end asks `next(now)`, does as it is told, and reports with `ended(now, ...)`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

from fixfast.engine.connection import Reconnect
from fixfast.engine.failure import Failure
from fixfast.errors import GaveUp
from fixfast.session.hours import STATUS_CLOSED
from fixfast.session.schedule import Schedule
from fixfast.types import Now

__all__ = ["Address", "Attempts", "Connect", "Wait"]

#: Host (a name, an address, or the path of a Unix socket) and port.
Address = tuple[str, int]

_SECOND = 1_000_000_000
#: How often the wall clock is looked at while a schedule is closed, ns: it may be set meanwhile.
_LOOK_AGAIN = 60 * _SECOND


class Connect(NamedTuple):
    """Connect to this address now, see it through, then call ended()."""

    address: Address


class Wait(NamedTuple):
    """Wait so many seconds at most, then ask again. `note` is for the log; it is empty where it was said already."""

    seconds: float
    note: str = ""


class Attempts:
    """The connections of one initiator, one after the other (I10, I13, C17).

    Args:
        addresses: where the peer is; the next one is taken where no logon came of the last attempt. A connection that
            was logged on and is lost is first tried again where it was.
        policy: how long to wait, and when to stop trying.
        schedule: no attempt is made outside of it; None: any time is fine.
    """

    __slots__ = (
        "_address",
        "_addresses",
        "_attempts",
        "_began_ns",
        "_closed",
        "_ever",
        "_not_before",
        "_noted",
        "_policy",
        "_refusals",
        "_rng",
        "_schedule",
        "_tries",
        "_wait",
        "_waits",
    )  # fmt: skip

    def __init__(self, addresses: Sequence[Address], policy: Reconnect, schedule: Schedule | None = None) -> None:
        self._policy = policy
        self._schedule = schedule
        self._tries = len(addresses)
        self._addresses = cycle(addresses)
        self._address = next(self._addresses)
        self._rng = random.Random(policy.seed)
        self._waits = policy.delays(self._rng)
        self._wait = 0.0  # seconds of the last one
        self._not_before = 0  # monotonic ns of the next attempt; 0: at once
        self._noted = True  # the wait until then was told
        self._closed = False  # the schedule was, when asked last
        self._began_ns = 0  # monotonic, of the attempt that runs
        self._attempts = 0  # in a row that failed or did not last
        self._refusals = 0  # in a row
        self._ever = False  # one was logged on

    def next(self, now: Now) -> Connect | Wait:
        """Say what to do now.

        Raises: GaveUp: the schedule never opens.
        """
        left = self._not_before - now.mono_ns if self._not_before else 0
        if left > 0:
            note = "" if self._noted else f"connecting again in {left / _SECOND:.3f} s"
            self._noted = True
            return Wait(left / _SECOND, note)
        closed = self._closed_for(now)
        if closed is not None:
            return closed
        self._began_ns = now.mono_ns
        return Connect(self._address)

    def ended(
        self,
        now: Now,
        failure: Failure | None,
        *,
        logged_on: bool,
        store_error: BaseException | None = None,
        held_back: bool = False,
    ) -> None:
        """Learn what became of a connection.

        Args:
            now: when it ended.
            failure: why it came to no logon; None: it did.
            logged_on: it was, or still would be.
            store_error: what the session's store failed with.
            held_back: the session will send no Logon until a person decided on its numbers (I13).

        Raises:
            LogonFailed: the very first logon failed, and the policy is not to try again.
            GaveUp: there is no hope. The last failure is its cause.
        """
        self._ever = self._ever or logged_on
        if failure is not None and failure.error.reason == "schedule":
            self._not_before = 0
            return  # it closed just now
        if store_error is not None and self._ever:
            raise _gave_up(f"the message store failed: {store_error}", self._attempts + 1, store_error)
        if logged_on and now.mono_ns - self._began_ns > self._wait * _SECOND:
            self._begin_anew()
        else:
            self._attempts += 1
        refused = failure is not None and failure.refused and failure.error.status != STATUS_CLOSED
        self._refusals = self._refusals + 1 if refused else 0
        self._check_hope(failure, hopeless=store_error is not None, held_back=held_back)
        if failure is not None:
            self._address = next(self._addresses)  # I10
        self._wait = next(self._waits)
        self._not_before = now.mono_ns + round(self._wait * _SECOND)
        self._noted = False

    # --- inside --------------------------------------------------------------------------------------------

    def _closed_for(self, now: Now) -> Wait | None:
        """Return how long to wait for the schedule to allow a Logon, None when it does."""
        if self._schedule is None:
            return None
        opening = self._schedule.next_logon(now.wall_ns)
        if opening is None:
            raise _gave_up("the schedule has no time for a Logon", 0, None)
        if opening <= now.wall_ns:
            if self._closed:  # a new day: what was tried before says nothing of it
                self._closed = False
                self._refusals = 0
                self._begin_anew()
            return None
        left = opening - now.wall_ns
        note = "" if self._closed else f"outside its schedule; connecting in {left / _SECOND:.0f} s"
        self._closed = True
        return Wait(min(left, _LOOK_AGAIN) / _SECOND, note)

    def _begin_anew(self) -> None:
        self._attempts = 0
        self._waits = self._policy.delays(self._rng)

    def _check_hope(self, failure: Failure | None, *, hopeless: bool, held_back: bool) -> None:
        policy = self._policy
        error = failure.error if failure is not None else None
        first_failed = not policy.retry_first and self._attempts >= self._tries
        if error is not None and not self._ever and (hopeless or first_failed):
            raise error
        if policy.max_refusals is not None and self._refusals >= policy.max_refusals:
            raise _gave_up(f"the logon was refused {self._refusals} times in a row", self._attempts, error)
        if policy.max_attempts is not None and self._attempts >= policy.max_attempts:
            raise _gave_up("no connection lasted", self._attempts, error)
        if held_back:
            raise _gave_up("the peer keeps saying that our MsgSeqNum is too low (I13)", self._attempts, error)


def _gave_up(reason: str, attempts: int, cause: BaseException | None) -> GaveUp:
    error = GaveUp(reason, attempts)
    error.__cause__ = cause
    return error
