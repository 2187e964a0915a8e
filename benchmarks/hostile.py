"""Streams that are no FIX, or that a peer made to cost time: what a StreamDecoder does with them, per KiB.

Only fixfast: each rival gives up at another place, so that their numbers would say nothing. "noise" and "fields without
a start" are skipped; of "starts" and "half starts" one in a stream is reported; "tiny fields" are messages of 60,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.codec_workloads import slices
from benchmarks.corpus import frame
from benchmarks.rivals import Fixfast, Rival
from benchmarks.workload import Entry, Workload

__all__ = ["hostile_streams", "hostile_workloads"]

_FIELDS = b"35=D\x0149=SENDER\x0156=TARGET\x0134=17\x0155=EUR/USD\x0144=1.08451\x01"


def hostile_streams(size: int) -> dict[str, bytes]:
    """Return name -> stream of about `size` bytes."""
    tiny = frame("FIX.4.4", [(35, "0"), *[(1, "2")] * 60_000])
    return {
        "noise": Random(20260105).randbytes(size),
        "fields without a start": _FIELDS * (size // len(_FIELDS) + 1),
        "starts": b"8=FIX.4.4\x019=" * (size // 12 + 1),
        "half starts": b"\x018=FI" * (size // 5 + 1),
        "tiny fields": tiny * (size // len(tiny) + 1),
    }


def hostile_workloads(rivals: Sequence[Rival], log_size: int = 1 << 20) -> list[Workload]:
    """Return a workload for each stream, in slices of 64 KiB; an item is a KiB."""
    ours = next((rival for rival in rivals if isinstance(rival, Fixfast)), None)
    if ours is None:
        return []
    count = ours.stream()
    found = []
    for name, stream in hostile_streams(log_size).items():
        entry = Entry("fixfast", lambda data: count(slices(data, 1 << 16)), [stream], max(1, len(stream) >> 10))
        found.append(Workload(f"hostile, {name}", [entry], 1024.0))
    return found
