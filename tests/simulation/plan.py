"""What a run is made of, drawn from its seed before it begins: versions, options, network, application, faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from fixfast.session.config import SessionConfig
from fixfast.store.journal import SyncPolicy
from tests.simulation.link import MS, SECOND

__all__ = ["CANARY", "VERSIONS", "Plan", "SidePlan", "draw"]

VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")
POLICIES: tuple[SyncPolicy, ...] = ("lease", "lease", "group", "group", "every", "interval", "none")
#: The initiator's password: must never get onto a disk.
CANARY = "canary-7f3a"


@dataclass
class SidePlan:
    """One side: its session's options, its journal's, its machine."""

    config: SessionConfig
    policy: SyncPolicy = "lease"
    lease_size: int = 10
    interval_ns: int = SECOND
    keep_epochs: int = 1
    segment_size: int = 1 << 24
    allocates: bool = False
    sync_ns: int = 5 * MS  # a disk sync takes up to this
    mono: int = 1000 * SECOND
    ppm: int = 0
    offset: int = 0
    orders: bool = False
    vetoes: bool = False
    rejects: float = 0.0  # how many messages its application answers with a business reject


@dataclass
class Plan:
    """A run. Times in ns."""

    seed: int
    sides: tuple[SidePlan, SidePlan]
    heart_bt_int: int
    heal_at: int = 30 * SECOND
    latency: tuple[int, int] = (MS, 20 * MS)
    window: int = 1 << 16
    split: float = 0.0
    dawdle: float = 0.0
    echo: float = 0.0
    #: (time, side, "send" | "burst" | "logout" | "reset" ..., how many)
    actions: list[tuple[int, int, str, int]] = field(default_factory=list)
    #: (time, kind of fault)
    faults: list[tuple[int, str]] = field(default_factory=list)
    swarm: tuple[str, ...] = ()
    #: the side that is played by an enemy; -1: none
    enemy: int = -1

    @property
    def in_pieces(self) -> bool:
        """Whether missing messages are asked for a few at a time."""
        return any(side.config.resend_chunk for side in self.sides)


def _options(random: Random, version: str, heart_bt_int: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the initiator's session and of the acceptor's."""
    both: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for options in both:
        options["heart_bt_int"] = heart_bt_int
        options["offline"] = random.choice(("refuse", "store"))
        options["manual_done"] = random.random() < 0.3
        options["queue_limit"] = random.choice((0, 2, 10, 10_000))
        options["max_resend_requests"] = 10**6
        options["timestamp_digits"] = random.choice((0, 3, 6, 9))
        options["resend_range"] = random.choice(("open", "open", "closed"))
        options["resend_chunk"] = random.choice((0, 0, 0, 3, 10))
        options["max_repeated_requests"] = 10**6
        # A Heartbeat that finds no room behind a gap is gap-filled, and a Logon that waits for it never ends.
        options["logon_test_request"] = options["queue_limit"] >= 10 and random.random() < 0.15
        options["dead_peer"] = random.choice(("logout", "logout", "close"))
        options["close_after_logout"] = random.choice(("wait", "wait", "now"))
        options["resync"] = random.choice(("next_message", "declared_length"))
        if version in ("FIX.4.4", "FIXT.1.1"):
            options["next_expected_msg_seq_num"] = random.choice(("ignore", "honour", "use", "use"))
        if version not in ("FIX.4.0", "FIX.4.1"):
            options["last_msg_seq_num_processed"] = random.random() < 0.2
            options["announce_max_message_size"] = random.random() < 0.2
        if version == "FIXT.1.1":
            options["default_appl_ver_id"] = random.choice(("7", "8", "9"))
    both[1]["manual_logon"] = random.random() < 0.2
    if random.random() < 0.5:
        both[0].update(username="u", password=CANARY)
    if version != "FIX.4.0" and random.random() < 0.1:
        both[0]["reset_on_logon"] = True
    return both


def _veto(session: Any, message: Any, age_ns: int) -> bool:
    """The application's veto: see Node.vetoes()."""
    app_id = message.get(11) or message.get(148) or message.get(58) or ""
    return not app_id.endswith("3")


def _side(random: Random, config: SessionConfig) -> SidePlan:
    vetoes = random.random() < 0.2
    if vetoes:
        config = replace(config, on_resend=_veto)
    return SidePlan(
        config=config,
        policy=random.choice(POLICIES),
        lease_size=random.choice((1, 3, 10, 100)),
        interval_ns=random.choice((100 * MS, SECOND, 10 * SECOND)),
        keep_epochs=random.choice((0, 1, 2)),
        segment_size=random.choice((1, 500, 3000, 1 << 24, 1 << 24)),
        allocates=random.random() < 0.2,
        sync_ns=random.choice((2, 5 * MS, 300 * MS)),
        mono=random.randrange(1 << 50),
        ppm=random.choice((0, 0, 200, -200, 20_000)),
        offset=random.choice((0, 0, 1, -1)) * random.randrange(50 * SECOND),
        orders=random.random() < 0.5,
        vetoes=vetoes,
        rejects=random.choice((0.0, 0.0, 0.1)),
    )


def draw(seed: int, kinds: dict[str, float]) -> Plan:
    """Draw a run. Args: kinds: the faults there are, each with its weight."""
    random = Random(seed)
    version = random.choice(VERSIONS)
    heart_bt_int = random.choice((5, 5, 10, 10, 30, 30, 0))
    options = _options(random, version, heart_bt_int)
    configs = (
        SessionConfig(version, "INIT", "ACPT", **options[0]),
        SessionConfig(version, "ACPT", "INIT", **options[1]),
    )
    slow = random.choice((2 * MS, 20 * MS, 300 * MS))
    plan = Plan(
        seed=seed,
        sides=(_side(random, configs[0]), _side(random, configs[1])),
        heart_bt_int=heart_bt_int,
        heal_at=random.choice((10, 30, 60)) * SECOND,
        latency=(slow // 10, slow),
        window=random.choice((200, 2000, 1 << 16)),
        split=random.choice((0.0, 0.1, 0.6)),
        dawdle=random.choice((0.0, 0.0, 0.3)),
        echo=random.choice((0.0, 0.0, 0.2)),
    )
    actions = ["send"] * 12 + ["burst"] * 2 + ["logout"] + (["reset"] if random.random() < 0.15 else [])
    for _ in range(random.choice((3, 10, 25))):
        at = random.randrange(plan.heal_at)
        plan.actions.append((at, random.randrange(2), random.choice(actions), random.randrange(1, 4)))
    if random.random() < 0.12:
        plan.enemy = random.randrange(2)
    share = random.choice((0.15, 0.4, 0.8))
    plan.swarm = tuple(kind for kind in kinds if random.random() < share)
    if plan.swarm:
        weights = [kinds[kind] for kind in plan.swarm]
        for _ in range(random.choice((0, 4, 8, 12, 18))):
            plan.faults.append((random.randrange(plan.heal_at), random.choices(plan.swarm, weights)[0]))
    return plan
