"""The cache of compiled dictionaries: believes no file, fails with no disk, and what ships needs none (row C13)."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixfast.dictionary import compiled
from fixfast.dictionary.compile import COMPILER, compile_dictionary
from fixfast.dictionary.compiled import CACHED_FROM, MAX_FILES, blob_of, cache_folder, fingerprint
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Code, Dictionary, Message
from fixfast.errors import DictionaryError
from tests.dictionary.blobs import field, group, member, model

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


def broker(size: int = CACHED_FROM, first: int = 1) -> Dictionary:
    """Return a dictionary of this many fields."""
    return model(Message("D", "Order", "app", tuple(member(tag) for tag in range(first, first + size))))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the cache in an empty folder."""
    monkeypatch.setenv("FIXFAST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Dictionary]:
    """Return the list of what is compiled from now on."""
    seen: list[Dictionary] = []

    def note(dictionary: Dictionary) -> bytes:
        seen.append(dictionary)
        return compile_dictionary(dictionary)

    monkeypatch.setattr("fixfast.dictionary.compile.compile_dictionary", note)
    return seen


def the_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


# --- what is shipped ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standards_are_shipped_and_mapped(version: str, compilations: list[Dictionary]) -> None:
    blob = blob_of(version)
    assert isinstance(blob, mmap.mmap)
    assert compilations == []
    assert bytes(blob) == compile_dictionary(load_dictionary(version))


@pytest.mark.parametrize("content", [None, b"", b"short", b"x" * 200, "truncated", "other format"])
def test_what_is_not_shipped_whole_is_compiled(
    content: Any, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = bytes(blob_of("FIX.4.0"))
    monkeypatch.setattr(compiled, "BLOB_DIR", tmp_path)
    if content == "truncated":
        content = good[:-4]
    elif content == "other format":
        content = good[:4] + b"\xff" + good[5:]
    if content is not None:
        (tmp_path / "FIX40.bin").write_bytes(content)
    assert blob_of("FIX.4.0") == good


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(DictionaryError):
        blob_of("FIX.9.9")


# --- the cache ------------------------------------------------------------------------------------------------------


def test_a_dictionary_is_compiled_once(folder: Path, compilations: list[Dictionary]) -> None:
    first = blob_of(broker())
    again = blob_of(broker())
    assert first == again == compile_dictionary(broker())
    assert len(compilations) == 1
    assert the_file(folder).name == f"{fingerprint(broker()).hex()}.fixfast"


def test_small_dictionaries_are_not_cached(folder: Path, compilations: list[Dictionary]) -> None:
    assert CACHED_FROM == 500
    blob_of(broker(499))
    blob_of(broker(499))
    assert not folder.exists()
    assert len(compilations) == 2
    blob_of(broker(500))
    assert the_file(folder)


@posix
def test_only_this_user_may_read_and_write_the_cache(folder: Path) -> None:
    before = os.umask(0)
    try:
        blob_of(broker())
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert the_file(folder).stat().st_mode & 0o777 == 0o600


def damaged(data: bytes) -> list[bytes]:
    """Return files that must not be believed."""
    flips = [
        bytes([*data[:i], data[i] ^ 1, *data[i + 1 :]])
        for i in (0, 31, 32, 36, 40, 44, 99, len(data) // 2, -1 % len(data))
    ]
    return [b"", data[:31], data[:32], data[:100], data[:-1], data + b"\0", data + data, b"\0" * len(data), *flips]


def test_a_damaged_file_is_ignored_and_written_anew(folder: Path, compilations: list[Dictionary]) -> None:
    good = blob_of(broker())
    path = the_file(folder)
    content = path.read_bytes()
    for n, bad in enumerate(damaged(content), start=2):
        path.write_bytes(bad)
        assert blob_of(broker()) == good
        assert len(compilations) == n, bad[:50]
        assert path.read_bytes() == content


def test_another_dictionarys_file_is_ignored(folder: Path, compilations: list[Dictionary]) -> None:
    blob_of(broker())
    path = the_file(folder)
    other = broker(first=2)
    path.rename(path.with_name(f"{fingerprint(other).hex()}.fixfast"))
    assert blob_of(other) == compile_dictionary(other)
    assert len(compilations) == 2


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_ignored(folder: Path, compilations: list[Dictionary], mode: int) -> None:
    blob_of(broker())
    the_file(folder).chmod(mode)
    blob_of(broker())
    assert len(compilations) == 2
    assert the_file(folder).stat().st_mode & 0o777 == 0o600, "written anew"


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_is_no_cache(folder: Path, compilations: list[Dictionary], mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    blob_of(broker())
    blob_of(broker())
    assert len(compilations) == 2
    assert list(folder.iterdir()) == []


@posix
def test_what_another_user_owns_is_ignored(
    folder: Path, compilations: list[Dictionary], monkeypatch: pytest.MonkeyPatch
) -> None:
    blob_of(broker())
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert blob_of(broker()) == compile_dictionary(broker())
    assert len(compilations) == 2


@posix
@pytest.mark.parametrize("odd", ["folder", "link", "dangling", "pipe"])
def test_what_is_no_file_is_ignored(folder: Path, compilations: list[Dictionary], odd: str, tmp_path: Path) -> None:
    good = blob_of(broker())
    path = the_file(folder)
    content = path.read_bytes()
    path.unlink()
    if odd == "folder":
        path.mkdir()
    elif odd == "pipe":
        os.mkfifo(path)
    else:
        target = tmp_path / "target"
        if odd == "link":
            target.write_bytes(content)
        path.symlink_to(target)
    assert blob_of(broker()) == good
    assert len(compilations) == 2
    if odd != "folder":
        assert path.read_bytes() == content
        assert not path.is_symlink()


def test_nothing_but_whole_files_stays_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert blob_of(broker()) == compile_dictionary(broker())
    assert list(folder.iterdir()) == []


def test_the_cache_does_not_grow_without_bound(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for i in range(40):
        path = folder / (f"{i:064x}.fixfast" if i % 2 else f"{i:016x}.part")
        path.write_bytes(b"old")
        os.utime(path, ns=(i, i))
    (folder / "somebody's.txt").write_text("kept")
    blob_of(broker())
    assert len([path for path in folder.iterdir() if path.suffix != ".txt"]) == MAX_FILES == 32
    assert (folder / f"{fingerprint(broker()).hex()}.fixfast").exists()
    assert not (folder / f"{0:016x}.part").exists()
    assert (folder / "somebody's.txt").exists()


WORK = """
import sys
from tests.dictionary.test_compiled import broker
from fixfast.dictionary.compiled import blob_of
from fixfast.dictionary.compile import compile_dictionary
for i in range(20):
    for first in (1, 2):
        assert blob_of(broker(first=first)) == compile_dictionary(broker(first=first))
    if sys.argv[1] == "rude":
        import pathlib, os
        for path in pathlib.Path(os.environ["FIXFAST_CACHE"]).iterdir():
            path.unlink(missing_ok=True)
"""


def test_processes_share_the_cache(folder: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    processes = [
        subprocess.Popen([sys.executable, "-c", WORK, how], cwd=root, stderr=subprocess.PIPE, text=True)
        for how in ("polite", "polite", "rude")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert not [path for path in folder.iterdir() if path.suffix != ".fixfast"]


# --- where it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", ["", "0"])
def test_there_need_not_be_a_cache(
    off: str, tmp_path: Path, compilations: list[Dictionary], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIXFAST_CACHE", off)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() is None
    blob_of(broker())
    blob_of(broker())
    assert len(compilations) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="XDG's folders")
def test_the_default_is_the_platforms_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIXFAST_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "fixfast"
    for relative in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert cache_folder() == tmp_path / ".cache" / "fixfast"


def test_without_a_home_there_is_no_cache(compilations: list[Dictionary], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIXFAST_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user that nobody knows
    assert cache_folder() is None
    assert blob_of(broker()) == compile_dictionary(broker())


@pytest.mark.parametrize("place", ["file", "file/below", "nul\0byte", "x" * 300])
def test_a_folder_that_cannot_be_is_no_cache(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / place)
    assert blob_of(broker()) == compile_dictionary(broker())


# --- what the name of a file says -----------------------------------------------------------------------------


def change_of(make: Callable[[], Dictionary]) -> tuple[bytes, bytes]:
    return fingerprint(make()), compile_dictionary(make())


def test_whatever_changes_the_blob_changes_the_name() -> None:
    def order(*members: Any) -> Message:
        return Message("D", "Order", "app", members)

    one, two = (Code("1", "A"),), (Code("1", "A"), Code("2", "B"))
    variants: list[Callable[[], Dictionary]] = [
        lambda: model(order(member(1))),
        lambda: model(order(member(1, True))),
        lambda: model(order(member(2))),
        lambda: model(order(member(1), member(2))),
        lambda: model(order(member(2), member(1))),
        lambda: model(Message("E", "Order", "app", (member(1),))),
        lambda: model(order(member(1)), header=[member(8)]),
        lambda: model(order(member(1)), trailer=[member(8)]),
        lambda: model(order(member(1)), pairs={95: 96}),
        lambda: model(order(member(1)), fields=[field(1, "int")]),
        lambda: model(order(member(1)), fields=[field(1, codes=one)]),
        lambda: model(order(member(1)), fields=[field(1, codes=two)]),
        lambda: model(order(member(1)), fields=[field(1, codes=two), field(3)]),
        lambda: model(order(member(1)), fields=[field(1, codes=(Code("1', '2", "A"),))]),
        lambda: model(order(group(1, member(2)))),
        lambda: model(order(group(1, member(2, True)))),
        lambda: model(order(group(1, member(2), required=True))),
        lambda: model(order(group(1, member(2)), member(3))),
        lambda: model(order(group(1, member(2), member(3)))),
        lambda: model(order(group(1, member(3), member(2)))),
        lambda: model(order(group(1, group(2, member(3))))),
    ]
    made = [change_of(make) for make in variants]
    assert [change_of(make) for make in variants] == made, "the same again"
    assert len({name for name, _ in made}) == len({blob for _, blob in made}) == len(variants)


def test_the_compilers_number_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(broker())
    monkeypatch.setattr("fixfast.dictionary.compile.COMPILER", COMPILER + 1)
    assert fingerprint(broker()) != before


def test_names_of_messages_and_fields_do_not_matter() -> None:
    d = broker(3)
    assert fingerprint(replace(d, version="FIX.4.2")) == fingerprint(d)
