"""Small and complete: one short conversation, and one fault at each place where it can happen.

Two loops. `every_event`: each kind of the fault menu, at each event, in each version. `every_operation`: each way a
disk can fail, at the 1st, 2nd, 3rd ... operation of each side's disk, until a run meets no fault any more, as SQLite
does it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from fixfast.session.config import SessionConfig
from fixfast.store.journal import SyncPolicy
from tests.simulation.disk import HOW
from tests.simulation.faults import FAULTS
from tests.simulation.link import MS, SECOND
from tests.simulation.plan import CANARY, VERSIONS, Plan, SidePlan
from tests.simulation.world import World

__all__ = ["Case", "every_event", "every_operation", "run_case", "short_plan"]

#: What comes after the last event or operation is not tried; a conversation that does not end has a bug of its own.
_MOST = 2000


class Case(NamedTuple):
    """One run: at which event of the run or operation of a side's disk what goes wrong."""

    version: str
    policy: SyncPolicy
    what: str
    at: int
    side: int = -1  # -1: `at` counts events


def short_plan(version: str, policy: SyncPolicy) -> Plan:
    """Up to three messages each way, a lost connection, a gap on both sides, a Logout."""
    options: dict[str, Any] = {"heart_bt_int": 5, "offline": "store", "max_resend_requests": 1000}
    configs = (
        SessionConfig(version, "INIT", "ACPT", username="u", password=CANARY, **options),
        SessionConfig(version, "ACPT", "INIT", **options),
    )
    sides = [
        SidePlan(config, policy=policy, lease_size=4, sync_ns=2 * MS, segment_size=700, interval_ns=100 * MS)
        for config in configs
    ]
    plan = Plan(seed=1, sides=(sides[0], sides[1]), heart_bt_int=5, heal_at=12 * SECOND, split=0.1)
    half = SECOND // 2
    plan.actions = [(0, 1, "send", 1), *((half * k, k % 2, "send", 1) for k in (6, 7, 8)), (9 * half, 0, "logout", 1)]
    plan.faults = [(half * 7 + 1, "reset")]
    return plan


def run_case(case: Case) -> tuple[str, World]:
    """Run it. Returns what did not hold (empty: all did) and the world."""
    world = World(short_plan(case.version, case.policy))
    if case.side >= 0:
        world.nodes[case.side].disk.arm(case.what, case.at)
    else:
        world.interrupt = (case.at, case.what)
    try:
        world.run()
    except Exception:
        return traceback.format_exc(), world
    return "", world


def every_event(versions: tuple[str, ...] = VERSIONS, step: int = 1) -> Iterator[tuple[Case, str]]:
    """Run each fault at each `step`-th event. Yields each case with what did not hold."""
    policies: tuple[SyncPolicy, ...] = get_args(SyncPolicy)
    for i, version in enumerate(versions):
        for k, what in enumerate(FAULTS):
            policy = policies[(i + k) % len(policies)]
            for at in range(1 + k % step, _MOST, step):
                case = Case(version, policy, what, at)
                failure, world = run_case(case)
                yield case, failure
                if world.interrupt is not None:
                    break  # the conversation was over before


def every_operation(versions: tuple[str, ...] = VERSIONS, step: int = 1) -> Iterator[tuple[Case, str]]:
    """Let each `step`-th operation of each disk go wrong in each way, under each policy, in one version or another.

    Args: versions: which share of it; all of them are all of it.
    """
    for k, policy in enumerate(get_args(SyncPolicy)):
        if VERSIONS[k % len(VERSIONS)] not in versions:
            continue  # another part's share
        for j, what in enumerate(HOW):
            version = VERSIONS[(k + j) % len(VERSIONS)]
            for side in (0, 1):
                for at in range(1 + (k + j) % step, _MOST, step):
                    case = Case(version, policy, what, at, side)
                    failure, world = run_case(case)
                    yield case, failure
                    if not world.nodes[side].disk.hit:
                        break
