"""What one row of the table is: contestants, each with a call and its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "Entry", "Workload"]

Call = Callable[[Any], object]


@dataclass(frozen=True)
class Entry:
    """One contestant: `call` is run on every one of `inputs`. `items` is how many messages one call handles.

    `spread`: each input is a tuple of arguments.
    """

    label: str
    call: Call
    inputs: Sequence[Any]
    items: int = 1
    spread: bool = False

    @property
    def one(self) -> Call:
        """The call as a function of one input."""
        call = self.call
        return (lambda values: call(*values)) if self.spread else call


@dataclass
class Workload:
    """`bytes_per_item` is set where MB/s means something (streams), `fields` where ns per field do (validation)."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    bytes_per_item: float = 0.0
    fields: int = 0

    def verify(self) -> None:
        """Check that every contestant gives what the first gives, on some inputs (except parse: objects differ)."""
        if self.name.startswith("parse "):
            return
        first = self.entries[0]
        for entry in self.entries[1:]:
            for position in range(0, min(len(first.inputs), len(entry.inputs)), 97):
                ours, theirs = first.one(first.inputs[position]), entry.one(entry.inputs[position])
                if ours != theirs and not self._same_fields(ours, theirs):
                    raise AssertionError(f"{self.name}: {entry.label} gives {theirs!r}, {first.label} gives {ours!r}")

    def _same_fields(self, ours: object, theirs: object) -> bool:
        """Encoders may order fields as they like: the same fields and a valid frame count as the same message."""
        if not (isinstance(ours, bytes) and isinstance(theirs, bytes)):
            return False
        checksum = b"10=%03d\x01" % (sum(theirs[: theirs.rindex(b"10=")]) % 256)
        split = [sorted(f for f in raw.split(b"\x01") if not f.startswith(b"10=")) for raw in (ours, theirs)]
        return split[0] == split[1] and theirs.endswith(checksum)
