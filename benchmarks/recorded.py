"""Workloads of recorded sessions, where they are at hand: the folder in FIXFAST_CORPORA, or ../shared/corpora."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.codec_workloads import slices
from benchmarks.rivals import Rival
from benchmarks.workload import Call, Entry, Workload

__all__ = ["corpora", "messages_of", "recorded_workloads"]

_BESIDE = Path(__file__).parents[2] / "shared" / "corpora"


def corpora(folder: Path | None = None) -> dict[str, bytes]:
    """Return the logs (*.fix) of a folder by name: none where it does not exist."""
    place = folder or Path(os.environ.get("FIXFAST_CORPORA") or _BESIDE)
    return {path.stem: path.read_bytes() for path in sorted(place.glob("*.fix"))} if place.is_dir() else {}


def messages_of(log: bytes) -> list[bytes]:
    """Return the messages of a log without anything between them, cut behind CheckSum: by no parser under test."""
    parts = log.split(b"\x0110=")
    found, start = [], parts[0]
    for part in parts[1:]:
        found.append(start + b"\x0110=" + part[:4])
        start = part[4:]
    return found


def _takes(call: Call, messages: Sequence[bytes]) -> bool:
    """Whether a rival parses them all: one that refuses what was really sent has no row."""
    try:
        return all(call(raw) is not None for raw in messages)
    except Exception:  # each rival has its own types
        return False


def recorded_workloads(rivals: Sequence[Rival], limit: int = 1 << 20, folder: Path | None = None) -> list[Workload]:
    """Return two workloads a log: its messages one by one, and the log in slices of 64 KiB.

    Args: limit: about how many bytes of each log are used.
    """
    found = []
    for name, log in corpora(folder).items():
        messages = messages_of(log[:limit])
        used = b"".join(messages)
        calls = [(r.name, call) for r in rivals if (call := r.parse()) and _takes(call, messages[:500])]
        found.append(Workload(f"parse {name}", [Entry(label, call, messages) for label, call in calls]))
        streams = [
            Entry(r.name, lambda log, count=count: count(slices(log, 1 << 16)), [used], len(messages))  # type: ignore[misc]
            for r in rivals
            if (count := r.stream())
        ]
        found.append(Workload(f"stream {name}, 64 KiB", streams, len(used) / len(messages)))
    return found
