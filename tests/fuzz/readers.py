"""Invariant: whatever a dictionary file says, it becomes a Dictionary or a DictionaryError that names the file, soon.

Each target takes bytes and raises AssertionError when its invariant breaks; any other exception is a finding too.

quickfix_xml  A file in QuickFIX's schema.
orchestra_xml A file in FIX Orchestra's.
overlay       Changes in TOML to a small dictionary, which stays as it is.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.load import SPEC_DIR
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.orchestra_xml import read_orchestra_xml
from fixfast.dictionary.overlay import apply, parse_overlay
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError
from tests.fuzz.seeds import small

__all__ = ["explored", "orchestra_xml", "overlay", "quickfix_xml", "read"]

#: Of processor time, for inputs of at most 64 KiB: a hundred times what the slowest seed takes.
MAX_SECONDS = 2.0
#: For the same inputs; measured for one in sixteen, because measuring is slow.
MAX_MEMORY = 64 << 20
FILE = "broker.file"


class _Watch:
    """Sees what this process opens, connects to or starts, while it is told to."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)  # for good: a hook cannot be taken off

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.on or not event.startswith(("open", "socket.", "urllib.", "subprocess.", "os.system", "os.exec")):
            return
        path = Path(str(arguments[0])) if event == "open" else None
        # Modules that are loaded on first use, and the standard's own files that a broker's may build on.
        if path is None or not (path.suffix in {".py", ".pyc", ".so"} or path.parent == SPEC_DIR):
            self.seen.append(f"{event} {arguments[:1]}")


@cache
def _watch() -> _Watch:
    return _Watch()


@contextmanager
def _nothing_is_fetched() -> Iterator[None]:
    watch = _watch()
    watch.seen, watch.on = [], True
    try:
        yield
    finally:
        watch.on = False
    assert not watch.seen, f"reading a dictionary went out: {watch.seen}"


def read(reader: Callable[[bytes], Dictionary], data: bytes) -> Dictionary | None:
    """Run a reader within its bounds. Returns None where it refused."""
    traced = zlib.crc32(data) % 16 == 0
    if traced:
        tracemalloc.start()
    started = time.process_time()
    refusal = found = None
    with _nothing_is_fetched():
        try:
            found = explored(reader(data))
        except DictionaryError as error:
            refusal = error
    seconds = time.process_time() - started
    if traced:
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert memory < MAX_MEMORY, f"{memory >> 20} MiB for {len(data)} bytes"
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s for {len(data)} bytes"
    assert refusal is None or (str(refusal) and refusal.file), f"an error that names no file: {refusal!r}"
    return found


def explored(dictionary: Dictionary) -> Dictionary:
    """Ask an accepted dictionary for everything that is worked out on demand."""
    for msg_type in dictionary.messages:
        assert isinstance(msg_type, str)
        members = dictionary.members(msg_type)
        assert all(member.tag == tag > 0 for tag, member in members.items())
        for tag in members:
            group = dictionary.group(msg_type, tag)
            assert group is None or (group.order and group.delimiter == group.order[0])
    for key in dictionary.fields:
        field = dictionary.fields[key]
        assert field.tag == key
        assert len({code.value for code in field.codes}) == len(field.codes)
    for length, data in dictionary.data_pairs.items():
        assert length != data
    return dictionary


def overlay(data: bytes) -> Dictionary | None:
    """Read changes in TOML and make them."""
    before = compile_dictionary(small())
    found = read(lambda text: apply(small(), parse_overlay(text, FILE)), data)
    assert compile_dictionary(small()) == before, "the dictionary underneath has changed"
    return found


def quickfix_xml(data: bytes) -> Dictionary | None:
    """Read a file in QuickFIX's schema."""
    return read(lambda text: resolve(read_quickfix_xml(text, FILE)), data)


def orchestra_xml(data: bytes) -> Dictionary | None:
    """Read a file in FIX Orchestra's schema."""
    return read(lambda text: resolve(read_orchestra_xml(text, FILE)), data)
