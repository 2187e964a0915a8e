"""What is measured: each workload pairs rivals with a call and inputs, and is verified before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.corpus import Corpus, frame
from benchmarks.rivals import READ, Fixfast, Rival, order_fields, order_texts

__all__ = ["Entry", "Workload", "workloads"]

Call = Callable[[Any], object]


@dataclass(frozen=True)
class Entry:
    """One contestant: `call` is run on every one of `inputs`. `items` is how many messages one call handles."""

    label: str
    call: Call
    inputs: Sequence[Any]
    items: int = 1


@dataclass
class Workload:
    """`bytes_per_item` is set where MB/s means something (streams)."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    bytes_per_item: float = 0.0

    def verify(self) -> None:
        """Check that every contestant gives what the first gives, on some inputs (except parse: objects differ)."""
        if self.name.startswith("parse"):
            return
        first = self.entries[0]
        for entry in self.entries[1:]:
            for position in range(0, min(len(first.inputs), len(entry.inputs)), 97):
                ours, theirs = first.call(first.inputs[position]), entry.call(entry.inputs[position])
                if ours != theirs and not self._same_fields(ours, theirs):
                    raise AssertionError(f"{self.name}: {entry.label} gives {theirs!r}, {first.label} gives {ours!r}")

    def _same_fields(self, ours: object, theirs: object) -> bool:
        """Encoders may order fields as they like: the same fields and a valid frame count as the same message."""
        if not (isinstance(ours, bytes) and isinstance(theirs, bytes)):
            return False
        checksum = b"10=%03d\x01" % (sum(theirs[: theirs.rindex(b"10=")]) % 256)
        split = [sorted(f for f in raw.split(b"\x01") if not f.startswith(b"10=")) for raw in (ours, theirs)]
        return split[0] == split[1] and theirs.endswith(checksum)


def _slices(log: bytes, size: int) -> list[bytes]:
    return [log[start : start + size] for start in range(0, len(log), size)]


def _decode_64k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(_slices(log, 1 << 16))


def _decode_16k(count: Callable[[Any], int]) -> Call:
    return lambda log: count(_slices(log, 1 << 14))


def _group_reader(ff: Any) -> Call:
    """All 50 entries of a W as numbers: 270 as float, 271 as int."""
    get = ff.getter((270, "float"), (271, "int"))
    return lambda raw: [get(entry) for entry in ff.parse(raw).group(268)]


def _split_entries(raw: bytes) -> object:
    """The idiom again, where a dict would lose the group: walk the pairs."""
    pairs = [pair.split(b"=", 1) for pair in raw.split(b"\x01")[:-1]]
    if sum(raw[: raw.rindex(b"10=")]) & 255 != int(pairs[-1][1]):
        raise ValueError("bad checksum")
    prices = [float(value) for tag, value in pairs if tag == b"270"]
    return list(zip(prices, [int(value) for tag, value in pairs if tag == b"271"], strict=True))


def _ready(ff: Any, corpus: Corpus, others: list[Entry]) -> Workload:
    """The encoder alone: fields are ready in lists. (simplefix and quickfix have no such form, they do as before.)"""
    encode = ff.encode
    ours = Entry("fixfast", lambda fields: encode("FIX.4.4", "D", fields), [order_fields(o) for o in corpus.orders])
    texts = [[(35, "D"), *order_texts(order)] for order in corpus.orders]
    split = Entry("split-and-sum", lambda fields: frame("FIX.4.4", fields), texts)
    return Workload("encode NOS, list ready", [ours, split, *(e for e in others if e.label != "split-and-sum")])


def workloads(corpus: Corpus, rivals: Sequence[Rival], log_size: int = 1 << 20) -> list[Workload]:
    """Return every workload with the rivals that can take part. The first entry of each is fixfast's."""
    found: list[Workload] = []
    for kind in ("HB", "NOS", "ER", "W"):
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.parse())]
        found.append(Workload(f"parse {kind}", entries))
    for kind in READ:
        entries = [Entry(r.name, call, corpus.messages[kind]) for r in rivals if (call := r.read(kind))]
        found.append(Workload(f"read {kind}", entries))
    ours = next((r for r in rivals if isinstance(r, Fixfast)), None)
    if ours is not None:
        both = [Entry("fixfast", _group_reader(ours._ff), corpus.messages["W"])]
        both.append(Entry("split-and-sum", _split_entries, corpus.messages["W"]))
        found.append(Workload("read W, 50 entries", both))
    entries = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode())]
    found.append(Workload("encode NOS, list", entries))
    if ours is not None:
        found.append(_ready(ours._ff, corpus, [e for e in entries if e.label != "fixfast"]))
    prepared = [Entry(r.name, write, corpus.orders) for r in rivals if (write := r.encode_template())]
    found.append(Workload("encode NOS, template", prepared + [e for e in entries if e.label != "fixfast"]))
    log = corpus.mixed(log_size)
    messages = log.count(b"\x0110=")
    for name, slicer in (("16 KiB", _decode_16k), ("64 KiB", _decode_64k)):
        streams = [Entry(r.name, slicer(count), [log], messages) for r in rivals if (count := r.stream())]
        found.append(Workload(f"stream, {name}", streams, len(log) / messages))
    return [workload for workload in found if workload.entries]
