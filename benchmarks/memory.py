"""What a message costs while it is kept: the growth of a process that holds thousands, in bytes a message.

Each message is parsed from bytes of its own, except one that is detached: that takes a copy out of a StreamDecoder.
Who keeps those bytes pays for them; who copies them pays for the copies.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.rivals import available

__all__ = ["KINDS", "Held", "grown", "held", "held_table"]

KINDS = ("NOS", "ER")
DETACHED = "fixfast, detached"


@dataclass(frozen=True)
class Held:
    """Bytes a message that one way to hold it takes."""

    kind: str
    label: str
    size: float


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(label: str, kind: str, count: int = 20_000) -> float:
    """Return how many bytes this process grows by for each of `count` messages that it keeps. Run it in a fresh one."""
    rivals: dict[str, Any] = {rival.name: rival for rival in available()[0]}
    parse: Any = rivals[label.partition(",")[0]].parse()
    decoder: Any = rivals["fixfast"].module.StreamDecoder()
    source = Corpus(count=500).messages[kind]

    def one(position: int) -> object:
        raw = source[position % len(source)]
        if label != DETACHED:
            return parse(bytes(bytearray(raw)))
        decoder.feed(raw + raw)  # bytes that are one message and no more need no copy
        message, _ = decoder
        message.detach()
        return message

    kept: list[object] = [None] * (count + 100)
    for position in range(100):  # what is paid once
        kept[position] = one(position)
    gc.collect()
    before = _resident()
    for position in range(100, count + 100):
        kept[position] = one(position)
    gc.collect()
    return (_resident() - before) / count


def held(labels: Sequence[str], done: Callable[[str], None] | None = None, count: int = 20_000) -> list[Held]:
    """Measure in a process for each label (rivals that parse) and kind. Linux only: memory is read from /proc."""
    found = []
    for kind in KINDS:
        for label in (*labels, DETACHED):
            code = f"from benchmarks.memory import grown; print('result', grown({label!r}, {kind!r}, {count}))"
            ended = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
            )
            found.append(Held(kind, label, float(ended.stdout.rpartition("result ")[2])))
        if done is not None:
            done(f"kept {kind}")
    return found


def held_table(rows: Sequence[Held]) -> str:
    """Return a Markdown table: one row a kind of message."""
    labels = list(dict.fromkeys(row.label for row in rows))
    sizes = {(row.kind, row.label): row.size for row in rows}
    lines = ["| bytes per message that is kept | " + " | ".join(labels) + " |", "|---|" + "---:|" * len(labels)]
    for kind in dict.fromkeys(row.kind for row in rows):
        lines.append(f"| {kind} | " + " | ".join(f"{sizes[kind, label]:,.0f}" for label in labels) + " |")
    return "\n".join(lines)
