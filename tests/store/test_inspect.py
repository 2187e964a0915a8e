"""Looking into journals: while they are written, while they rotate, and whatever their bytes are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast import JournalStore, StoreCorrupt
from fixfast.store.inspect import Journal, StoredMessage, find_journals


def written(folder: Path) -> JournalStore:
    """Return a store with two epochs, the current one in segments, not closed."""
    store = JournalStore(folder / "x.journal", sync="none", segment_size=1000)
    store.append_out(1, b"old", 1)
    store.reset("day")
    for n in range(1, 41):
        store.append_out(n, b"out %d" % n, n)
        store.append_in(n, n, b"in %d" % n)
        if n % 5 == 0:
            store.sync()
    return store


def brief(messages: list[StoredMessage]) -> list[tuple[str, int, bytes]]:
    return [(m.direction, m.number, m.raw) for m in messages]


EXPECTED = [item for n in range(1, 41) for item in (("out", n, b"out %d" % n), ("in", n, b"in %d" % n))]


def test_a_live_journal_is_read_without_its_lock(tmp_path: Path) -> None:
    store = written(tmp_path)
    [path] = find_journals(tmp_path)
    journal = Journal(path)
    assert [epoch.number for epoch in journal.epochs] == [1, 2]
    assert len(journal.current.paths) > 2
    assert brief(list(journal.current.messages())) == EXPECTED
    assert brief(list(journal.epochs[0].messages())) == [("out", 1, b"old")]
    assert list(journal.verify()) == []
    assert brief(list(Journal(tmp_path / "x.1.journal").current.messages())) == [("out", 1, b"old")]
    store.close()


def test_a_reader_keeps_what_is_removed_meanwhile_or_says_that_it_is_gone(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "x.journal", sync="none", segment_size=1000, keep_messages=10)
    journal = None
    for n in range(1, 200):
        store.append_out(n, b"out %d" % n, n)
        if n % 5 == 0:
            store.sync()
        if n == 100:
            journal = Journal(tmp_path / "x.journal")
    assert journal is not None
    with pytest.raises(OSError, match="segment"):
        list(journal.current.messages())
    numbers = [m.number for m in Journal(tmp_path / "x.journal").current.messages()]
    assert numbers == list(range(store.kept_from, 200))
    store.close()


def test_messages_behind_a_switch_are_seen_before_the_new_file_has_its_name(tmp_path: Path) -> None:
    store = written(tmp_path)
    seen: list[list[tuple[str, int, bytes]]] = []
    replace = store._files.replace

    def look(source: str, target: str) -> None:
        store.append_out(41, b"out 41", 41)
        seen.append(brief(list(Journal(tmp_path / "x.journal").current.messages())))
        assert not [finding for finding in Journal(tmp_path / "x.journal").verify() if finding.serious]
        replace(source, target)

    store._files.replace = look  # type: ignore[method-assign]
    store.append_in(41, 41, b"x" * 1000)
    store.sync()
    assert seen == [[*EXPECTED, ("in", 41, b"x" * 1000), ("out", 41, b"out 41")]]
    store.close()


@given(data=st.binary(min_size=1, max_size=60), at=st.integers(0, 2000), which=st.integers(0, 9))
def test_B5_11_noise_never_crashes_a_reader_and_is_never_taken_for_a_message(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, which: int
) -> None:
    """A fuzz target: overwrite any stretch of any file with anything; what comes out was put in."""
    folder = tmp_path_factory.mktemp("noise")
    written(folder).close()
    files = sorted(path for path in folder.iterdir() if path.suffix != ".lock")
    path = files[which % len(files)]
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    changed = bytes(content) != path.read_bytes()
    path.write_bytes(content)
    found: list[tuple[str, int, bytes]] = []
    serious = True
    try:
        journal = Journal(folder / "x.journal")
        serious = any(finding.serious for finding in journal.verify())
        for message in journal.current.messages():
            found += brief([message])
    except StoreCorrupt:
        assert changed
    else:
        assert serious or found == EXPECTED or ".1." in path.name or path.suffix == ".journal"
    assert found == EXPECTED[: len(found)]
