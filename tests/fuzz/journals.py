"""Invariant: whatever is in a journal's files, it is taken up as some earlier state or refused; no byte is made up.

The input is a set of files. They are read as `fixfast journal verify` reads them and taken up as a session does:

- only the errors that the store names come out, and an end;
- every message that is given back is one that was written, byte for byte (not asked of inputs whose checksums were made
  right again after the damage: those begin with R);
- a journal that is refused as damaged is left as it was; one that is taken up can be written to, and is the same when
  it is taken up again.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from zlib import crc32

import fixfast as ff
from fixfast.store.files import OsFiles
from fixfast.store.inspect import Journal, find_journals
from fixfast.store.records import HEAD, HEADER_SIZE, Damage, Header, pack_header, parse_header

__all__ = ["changed_journal", "journal", "made_journals", "pack", "unpack"]

_NAME = "x.journal"
_SHM = Path("/dev/shm")
_CRC = struct.Struct("<I")


# --- a set of files as bytes -----------------------------------------------------------------------------------------


def pack(files: dict[str, bytes], mended: bool = False) -> bytes:
    """Return the files as one input."""
    parts = [b"R" if mended else b"-"]
    for name, data in sorted(files.items()):
        parts += [bytes([len(name)]), name.encode(), struct.pack("<I", len(data)), data]
    return b"".join(parts)


def unpack(data: bytes) -> tuple[dict[str, bytes], bool]:
    """Return the files of an input, and whether their checksums were mended. Any bytes are an input."""
    files: dict[str, bytes] = {}
    at = 1
    while at < len(data):
        end = at + 1 + data[at]
        name = (
            bytes(c for c in data[at + 1 : end] if chr(c).isalnum() or c in b".").decode("ascii", "ignore").strip(".")
        )
        size = int.from_bytes(data[end : end + 4], "little")
        files[name or _NAME] = data[end + 4 : end + 4 + size]
        at = end + 4 + size
    return files, data[:1] == b"R"


# --- what is written -------------------------------------------------------------------------------------------------


class _SameIds(OsFiles):
    """Files whose ids are the same in every run."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def file_id(self) -> bytes:
        return self._random.randbytes(16)

    def boot_id(self) -> bytes:
        return b"boot"


def _message(n: int, way: str) -> bytes:
    fields = [
        (34, n),
        (49, way),
        (56, "THEM"),
        (52, 1_767_614_400 * 10**9 + n),
        (11, f"{way}{n}"),
        (58, "." + "x" * (n % 90)),
    ]
    return bytes(ff.encode("FIX.4.4", "D", fields))


@cache
def _written() -> frozenset[bytes]:
    """Every message that any of the seeds may hold."""
    return frozenset(_message(n, way) for n in range(1, 200) for way in ("OUT", "IN"))


def _history(folder: Path, seed: int) -> dict[str, bytes]:
    """Return the files of a journal that was in use, as a kill leaves them."""
    random = Random(seed)
    store = ff.JournalStore(
        folder / _NAME,
        sync=random.choice(("lease", "group", "none", "every")),
        lease_size=random.choice((5, 1000)),
        segment_size=random.choice((600, 2000, 1 << 20)),
        keep_epochs=2,
        files=_SameIds(seed),
    )
    n = m = 1
    for _ in range(random.choice((3, 20, 60))):
        match random.randrange(12):
            case 0:
                store.sync()
            case 1:
                store.fill(m, m + random.randrange(3))
                m = store.load().received
            case 2:
                store.done(m - 1)
            case 3 if random.random() < 0.2:
                store.reset("141=Y")
                n = m = 1
            case 4 | 5 | 6:
                store.append_in(m, m + 1, _message(m, "IN") + _message(m + 1, "IN"))
                m += 2
            case _:
                store.append_out(n, _message(n, "OUT"), n)
                n += random.choice((1, 1, 1, 3))
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != _NAME + ".lock"}
    store.close()
    if random.random() < 0.3:  # stopped in good order
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != _NAME + ".lock"}
    return {name: data.rstrip(b"\0") + bytes(random.choice((0, 40))) for name, data in files.items()}


@cache
def made_journals() -> Sequence[bytes]:
    """Return journals as they are found: of one segment and of many, of one epoch and of several."""
    seeds = []
    for seed in range(24):
        with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
            seeds.append(pack(_history(Path(folder), seed)))
    return tuple(seeds)


def _scratch() -> str | None:
    return str(_SHM) if _SHM.is_dir() and os.access(_SHM, os.W_OK) else None


# --- damage ----------------------------------------------------------------------------------------------------------


def changed_journal(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return a journal with damage in one or two of its files."""
    files, _ = unpack(random.choice(corpus))
    mended = random.random() < 0.5
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(sorted(files))
        if mended:
            files[name] = _forged(files[name], random)
        else:
            files[name] = _damaged(files, name, random)
    if random.random() < 0.1:
        del files[random.choice(sorted(files))]
    return pack(files, mended)


def _damaged(files: dict[str, bytes], name: str, random: Random) -> bytes:
    data = bytearray(files[name])
    at = random.randrange(len(data) + 1)
    match random.randrange(7):
        case 0 | 1 if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case 2:
            del data[at:]
        case 3:
            data[at : at + random.randrange(200)] = bytes(random.randrange(200))
        case 4:
            other = files[random.choice(sorted(files))]
            data[at:] = other[random.randrange(len(other) + 1) :]
        case 5:
            data[at:at] = random.randbytes(random.randrange(1, 60))
        case _:
            return files[random.choice(sorted(files))]
    return bytes(data)


def _forged(data: bytes, random: Random) -> bytes:
    """Change what a record says, and make its checksum right again: no disk does that, but it gets past the door."""
    try:
        header = parse_header(data[:HEADER_SIZE])
    except Damage:
        return data
    if random.random() < 0.1:
        if random.random() < 0.5:
            header = header._replace(epoch=random.choice((0, 1, 2, 3, 1 << 31)))
        else:
            header = header._replace(boot_id=b"another")
        return pack_header(header) + data[HEADER_SIZE:]
    starts = []
    at = HEADER_SIZE
    while at + HEAD.size <= len(data) and data[at + 4]:
        starts.append(at)
        at += int.from_bytes(data[at : at + 4], "little") + HEAD.size + 4
    if not starts:
        return data
    at = random.choice(starts)
    size = int.from_bytes(data[at : at + 4], "little")
    return (
        data[:at] + _forged_record(data[at : at + HEAD.size + size], header, random) + data[at + HEAD.size + size + 4 :]
    )


def _forged_record(record: bytes, header: Header, random: Random) -> bytes:
    _, kind, flags, epoch, *numbers, wall_ns = HEAD.unpack_from(record)
    payload = bytearray(record[HEAD.size :])
    match random.randrange(6):
        case 0:
            kind = random.randrange(20)
        case 1:
            flags = random.choice((0, 1, 2, 255))
        case 2:
            epoch = random.choice((0, (epoch + 1) % (1 << 32), (1 << 32) - 1))
        case 3 if payload:
            payload[random.randrange(len(payload))] ^= 1 << random.randrange(8)
        case 4:
            del payload[random.randrange(len(payload) + 1) :]
        case _:
            absurd = (0, 1, 2, numbers[0] + 1, numbers[0] - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)
            numbers[random.randrange(3)] = random.choice(absurd) % (1 << 64)
    data = HEAD.pack(len(payload), kind, flags, epoch, *numbers, wall_ns) + bytes(payload)
    return data + _CRC.pack(crc32(data, header.seed))


# --- what must hold ----------------------------------------------------------------------------------------------


def journal(data: bytes) -> None:
    """Read the files of an input, and take them up."""
    files, mended = unpack(data)
    folder = Path(tempfile.mkdtemp(dir=_scratch()))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
        _look(folder, mended)
        _take_up(folder, mended)
    finally:
        shutil.rmtree(folder)


def _known(raw: bytes, mended: bool) -> None:
    """One or more messages, each of which was written."""
    if mended:
        return
    decoder = ff.StreamDecoder()
    decoder.feed(raw)
    for item in decoder:
        assert isinstance(item, ff.Message), f"not a message: {item}"
        assert item.raw in _written(), f"never written: {item}"


def _look(folder: Path, mended: bool) -> None:
    """Do what `fixfast journal` does."""
    for path in find_journals(folder):
        try:
            found = Journal(path)
            list(found.verify())
            for epoch in found.epochs:
                for message in epoch.messages():
                    _known(message.raw, mended)
        except (ff.StoreError, OSError):
            continue


def _take_up(folder: Path, mended: bool) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    try:
        store = ff.JournalStore(folder / _NAME, segment_size=2000)
    except ff.StoreCorrupt:
        after = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}
        assert after == before, f"refused, and changed: {sorted(after)}"
        return
    except ff.StoreError:
        return
    try:
        _use(store, folder, mended)
    finally:
        try:
            store.close()
        except ff.StoreError:
            assert mended, "it cannot be closed"


def _use(store: ff.JournalStore, folder: Path, mended: bool) -> None:
    try:
        state = store.load()
        for _, _, raw in state.pending_in:
            _known(raw, mended)
        for n, _, raw in store.read_out(1, state.next_out):
            assert 0 < n < state.next_out
            _known(raw, mended)
        if state.next_out >= 1 << 63:
            return  # forged; no session goes on with such a number
        position = store.append_out(state.next_out, _message(1, "OUT"), 1)
        store.sync()
        assert store.synced >= position
    except ff.StoreCorrupt:
        return  # in an older segment: those are looked at when they are needed
    except (ff.StoreError, ValueError):
        assert mended, "taken up, and of no use"
        return
    store.close()
    try:
        again = ff.JournalStore(folder / _NAME)
    except ff.StoreCorrupt:
        assert mended, "taken up, and refused the next time"
        return  # what was forged disagrees with itself, and shows now that the segment before is looked at
    try:
        assert again.recovered is None, f"taken up and closed, and cut again: {again.recovered}"
        back = again.load()
        assert (back.epoch, back.next_out, back.next_in) == (state.epoch, state.next_out + 1, state.next_in)
        assert back.pending_in == state.pending_in
    finally:
        again.close()
