"""Who takes part. What is not installed does not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args

from benchmarks.front_ends.base import Contestant
from benchmarks.store_rates import SURVIVES
from fixfast.store.journal import SyncPolicy

__all__ = ["FLOORS", "contestants", "load"]

#: the rows that others are compared with: front ends of the same family -> their floor
FLOORS = {
    "blocking": "raw blocking",
    "busy": "raw busy",
    "asyncio": "raw asyncio",
    "asyncio-for": "raw asyncio",
    "asyncio-tls": "raw asyncio",
    "uvloop": "raw uvloop",
    "by-hand": "raw blocking",
    "poller": "raw blocking",
    "sync": "raw blocking",
}


def load(contestant: Contestant) -> Any:
    """Return the module of a contestant."""
    return import_module(f"benchmarks.front_ends.{contestant.module}")


def contestants() -> list[Contestant]:
    """Return all that can run here, floors first."""
    uvloop = find_spec("uvloop") is not None
    found = [Contestant("raw blocking", "raw", "blocking"), Contestant("raw busy", "raw", "busy", idle="yield")]
    found += [Contestant(f"raw {kind}", "raw", kind) for kind in ("asyncio", "uvloop") if kind != "uvloop" or uvloop]
    for store, survives in [
        ("memory", "nothing"),
        *((f"journal-{one}", SURVIVES[one]) for one in get_args(SyncPolicy)),
    ]:
        found.append(Contestant(f"fixfast by-hand, {store}", "ours", "by-hand", store, survives))
        found.append(Contestant(f"fixfast Poller, {store}", "polled", "poller", store, survives, "yield"))
        found.append(Contestant(f"fixfast sync, {store}", "threads", "sync", store, survives))
        found.append(Contestant(f"fixfast asyncio, {store}", "ours", "asyncio", store, survives))
        if store == "memory":
            found.append(Contestant("fixfast asyncio-for, memory", "ours", "asyncio-for", store))
        if store == "memory" and find_spec("trustme") is not None:
            found.append(Contestant("fixfast asyncio over TLS, memory", "ours", "asyncio-tls", store))
        if store == "memory" and uvloop:
            found.append(Contestant("fixfast uvloop, memory", "ours", "uvloop", store))
    if find_spec("quickfix") is not None:
        kept = "killed process (page cache); what is received is counted, not stored"
        found.append(Contestant("quickfix, memory", "quickfix", "", "memory"))
        found.append(Contestant("quickfix, FileStore", "quickfix", "", "file", kept))
    if find_spec("fixcore") is not None:
        found.append(Contestant("fixcore, memory", "fixcore", "", "memory"))
        found.append(Contestant("fixcore, FileStore", "fixcore", "", "file", "power loss: what was sent (fsync)"))
    return found
