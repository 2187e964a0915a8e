"""What both processes of a crash test are told, and how either makes its session of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import fixfast as ff
from fixfast.store.files import OsFiles

__all__ = ["KINDS", "NAMES", "POLICIES", "SIDES", "Options", "draw", "open_store"]

SIDES = ("initiator", "acceptor")
#: CompID of each side
NAMES = {"initiator": "BUY", "acceptor": "SELL"}
POLICIES = ("lease", "none", "interval", "group", "every")
KINDS = ("journal", "sqlite")
VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1", "FIX.4.1")
#: how the program takes its messages
STYLES = ("callback", "async", "iterate")


@dataclass(frozen=True)
class Options:
    """One pair of processes. `kind` and `policy` are those of the stores.

    offline: what is sent without a connection. reset: resets of the numbers are among what happens. expecting: whether
    Logons say what is expected next (789). chunk: how many messages are asked for at a time; 0: all.
    """

    begin_string: str
    kind: str
    policy: str
    style: str
    offline: str
    reset: bool
    seed: int
    expecting: bool = False
    chunk: int = 0

    def text(self) -> str:
        """Return them as one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Options:
        """Return what text() was made of."""
        return cls(**json.loads(text))

    def config(self, side: str) -> ff.SessionConfig:
        """Return the session's options; every message is resent, so that nothing may be missing in the end."""
        other = SIDES[1 - SIDES.index(side)]
        more: dict[str, Any] = {"offline": self.offline}
        return ff.SessionConfig(
            self.begin_string,
            NAMES[side],
            NAMES[other],
            heart_bt_int=1,
            validation=ff.Validation("reject"),
            on_resend=lambda session, message, age_ns: True,
            logout_timeout=2,
            logon_timeout=2,
            # Kills in the middle of every recovery: the same number may be asked for more often than in a sane world.
            max_resend_requests=1000,
            next_expected_msg_seq_num="use" if self.expecting else "honour",
            resend_chunk=self.chunk,
            **more,
        )


def draw(random: Random, *, kinds: Sequence[str], policy: str | None = None, reset: bool = True) -> Options:
    """Return some options."""
    begin_string = random.choice(VERSIONS)
    return Options(
        begin_string=begin_string,
        kind=random.choice(kinds),
        policy=policy or random.choice(POLICIES),
        style=random.choice(STYLES),
        offline=random.choice(("refuse", "store")),
        reset=reset and random.random() < 0.4,
        seed=random.getrandbits(32),
        expecting=begin_string in ("FIX.4.4", "FIXT.1.1") and random.random() < 0.5,
        chunk=random.choice((0, 0, 20)),
    )


def open_store(options: Options, side: str, folder: Path, files: OsFiles | None = None) -> ff.Store:
    """Open the store of one side."""
    session_id = options.config(side).session_id
    if options.kind == "sqlite":
        return ff.SqliteStore(
            folder / f"{side}.db",
            session_id=session_id,
            sync=options.policy,  # type: ignore[arg-type]
            lease_size=50,
            interval_ns=20_000_000,
            keep_epochs=100_000,
        )
    return ff.JournalStore(
        folder / side,
        session_id=session_id,
        sync=options.policy,  # type: ignore[arg-type]
        lease_size=50,
        interval_ns=20_000_000,
        keep_epochs=100_000,
        segment_size=50_000,
        files=files,
    )
