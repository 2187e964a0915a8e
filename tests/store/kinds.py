"""The stores that keep the contract, each under each policy, and the one that docs/stores.md shows how to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import fixfast as ff
from fixfast.store.journal import SyncPolicy

__all__ = ["ID", "KINDS", "POLICIES", "Kind"]

ID = ff.SessionID("FIX.4.4", "A", "B")
POLICIES: tuple[SyncPolicy, ...] = get_args(SyncPolicy)
_PAGE = Path(__file__).resolve().parents[2] / "docs" / "stores.md"


class Kind(NamedTuple):
    """One kind of store: how it is opened, and whether it survives a killed process."""

    name: str
    open: Callable[[Path], ff.Store]
    survives_kill: bool = True


@cache
def _home_made() -> Any:
    """Return the store of the page, from the page."""
    (block,) = re.findall(r"```python\n((?:(?!```).)*class DiaryStore.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    space: dict[str, Any] = {"ff": ff}
    exec(compile(block, str(_PAGE), "exec"), space)
    return space["DiaryStore"]


def _memory() -> Callable[[Path], ff.Store]:
    stores: dict[Path, ff.Store] = {}
    return lambda directory: stores.setdefault(directory, ff.MemoryStore())


def _journal(policy: SyncPolicy) -> Kind:
    return Kind(
        f"journal-{policy}", lambda directory: ff.JournalStore(directory, session_id=ID, sync=policy, lease_size=7)
    )


def _sqlite(policy: SyncPolicy) -> Kind:
    return Kind(
        f"sqlite-{policy}",
        lambda directory: ff.SqliteStore(directory / "x.db", session_id=ID, sync=policy, lease_size=7),
    )


#: "memory" survives a restart because the object does
KINDS = (
    Kind("memory", _memory(), survives_kill=False),
    *map(_journal, POLICIES),
    *map(_sqlite, POLICIES),
    Kind("home-made", lambda directory: _home_made()(directory / "diary")),
)
