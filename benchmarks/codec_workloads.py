"""Workloads that need no dictionary: parsing, reading, encoding, streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.encode_workloads import encode_workloads
from benchmarks.rivals import READ, Rival
from benchmarks.workload import Call, Entry, Workload

__all__ = ["codec_workloads", "slices"]


def slices(log: bytes, size: int) -> list[bytes]:
    """Return a log in pieces of `size` bytes, as a socket might give it."""
    return [log[start : start + size] for start in range(0, len(log), size)]


def _decode_64k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(slices(log, 1 << 16))


def _decode_16k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(slices(log, 1 << 14))


def codec_workloads(corpus: Corpus, rivals: Sequence[Rival], log_size: int = 1 << 20) -> list[Workload]:
    """Return the workloads with the rivals that can take part. The first entry of each is fixfast's."""
    found: list[Workload] = []
    for kind in ("HB", "NOS", "ER", "W"):
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.parse())]
        found.append(Workload(f"parse {kind}", entries))
    for kind in READ:
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.read(kind))]
        found.append(Workload(f"read {kind}", entries))
    found += encode_workloads(corpus, rivals)
    log = corpus.mixed(log_size)
    messages = log.count(b"\x0110=")
    for name, slicer in (("16 KiB", _decode_16k), ("64 KiB", _decode_64k)):
        streams = [Entry(r.name, slicer(count), [log], messages) for r in rivals if (count := r.stream())]
        found.append(Workload(f"stream, {name}", streams, len(log) / messages))
    return [workload for workload in found if workload.entries]
