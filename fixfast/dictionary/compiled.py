"""Where compiled dictionaries come from: shipped with the package, else from a cache on disk, else compiled now.

The cache spares a program that brings a large dictionary of its own most of the time of compiling it: 6 of 9 ms for
one of the size of FIX 4.4, 33 of 47 ms for FIX 5.0 SP2. Small ones are compiled in the time that finding them takes.

A file of the cache is named by the SHA-256 of all that its content is a function of: the dictionary, the format, the
compiler. It holds a SHA-256 and the blob; nothing in it is code. One that another user could have written, or that is
damaged or odd in any way, counts as none: the dictionary is compiled, and the file written anew. Nothing here fails
because a disk does.

The environment variable FIXFAST_CACHE names the folder; empty or "0": no cache. Without it, the platform's folder for
caches of this user is taken.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from fixfast.dictionary.blob import FORMAT, is_blob
from fixfast.dictionary.versions import VERSIONS

if TYPE_CHECKING:  # what is shipped needs neither models nor a compiler: see versions.py
    from fixfast.dictionary.model import Dictionary, Member

__all__ = ["BLOB_DIR", "CACHED_FROM", "MAX_FILES", "blob_of", "cache_folder", "fingerprint"]

#: The folder with the compiled dictionaries of the standard, which the build makes.
BLOB_DIR = Path(__file__).parent / "blobs"
#: Dictionaries with as many fields are cached. FIX 4.2 has 405: compiled in 2.7 ms, found in a cache in 1.2.
CACHED_FROM = 500
#: Files kept in the cache: a program that changes its dictionary at every start must not fill a disk.
MAX_FILES = 32
#: More than any dictionary takes that the readers let through.
_MAX_BYTES = 1 << 28
_DIGEST_SIZE = 32
_SUFFIX = ".fixfast"
#: No links, no waiting for a pipe, no change of line ends: where the platform knows of such things.
_NO_TRICKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def blob_of(source: str | Dictionary) -> bytes | mmap.mmap:
    """Return the compiled form of a dictionary, for `fixfast.codec.schema.Schema`.

    Args:
        source: a standard name ("FIX.4.4", "FIX.4.4+FIXT.1.1"), or any dictionary.

    Raises:
        DictionaryError: there is no standard dictionary of this name, or it cannot be compiled.
    """
    if isinstance(source, str):
        shipped = _shipped(source)
        if shipped is not None:
            return shipped
        from fixfast.dictionary.load import load_dictionary

        source = load_dictionary(source)
    from fixfast.dictionary.compile import compile_dictionary

    folder = cache_folder() if len(source.fields) >= CACHED_FROM else None
    if folder is None:
        return compile_dictionary(source)
    key = fingerprint(source)
    path = folder / f"{key.hex()}{_SUFFIX}"
    blob = _read(path, key)
    if blob is None:
        blob = compile_dictionary(source)
        _write(path, key, blob)
    return blob


def _shipped(name: str) -> mmap.mmap | None:
    stem = VERSIONS.get(name)
    if stem is None:
        return None
    try:
        with (BLOB_DIR / f"{stem}.bin").open("rb") as file:
            blob = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: an empty file
        return None
    return (
        blob if is_blob(memoryview(blob)) else None
    )  # not if it is of another format: a tree that was not built again


def fingerprint(dictionary: Dictionary) -> bytes:
    """Return the SHA-256 of all that the compiled form of a dictionary is a function of, the compiler included."""
    from fixfast.dictionary.compile import COMPILER
    from fixfast.dictionary.model import ComponentRef, GroupRef

    parts: list[object] = [FORMAT, COMPILER, sys.byteorder, sorted(dictionary.data_pairs.items())]
    for field in (dictionary.fields[tag] for tag in dictionary.fields):
        parts.append((field.tag, field.kind, field.open, [code.value for code in field.codes]))
    numbers: dict[int, int] = {}  # of components and groups, by id: each is told once

    def told(members: Iterable[Member]) -> list[tuple[int, bool] | tuple[str, int, bool]]:
        items: list[tuple[int, bool] | tuple[str, int, bool]] = []
        for member in members:
            if isinstance(member, ComponentRef | GroupRef):
                block = member.component if isinstance(member, ComponentRef) else member.group
                if id(block) not in numbers:
                    inner = told(block.members)
                    numbers[id(block)] = len(numbers)
                    parts.append((member.tag if isinstance(member, GroupRef) else "", inner))
                items.append(("block", numbers[id(block)], member.required))
            else:
                items.append((member.tag, member.required))
        return items

    sections = [told(dictionary.header), told(dictionary.trailer)]
    messages = [(msg_type, told(dictionary.messages[msg_type].members)) for msg_type in dictionary.messages]
    return sha256(repr((parts, sections, messages)).encode("utf-8", "surrogatepass")).digest()


# --- the cache ------------------------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Return the folder of the cache (which need not exist), None if there is to be no cache."""
    given = os.environ.get("FIXFAST_CACHE")
    if given is not None:
        return None if given in ("", "0") else Path(given)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # as the XDG specification has it
            base = os.path.expanduser("~/.cache")
    return Path(base, "fixfast") if os.path.isabs(base) else None  # relative: a user without a home


def _read(path: Path, key: bytes) -> bytes | None:
    """Return the blob in a file of the cache, None if there is none to be trusted."""
    try:
        if not _is_ours(path.parent.stat()):
            return None
        descriptor = os.open(path, os.O_RDONLY | _NO_TRICKS)
        with open(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or not _is_ours(state) or state.st_size > _MAX_BYTES:
                return None
            data = file.read(_MAX_BYTES)
    except (OSError, ValueError):  # ValueError: a path with a NUL
        return None
    digest, blob = data[:_DIGEST_SIZE], data[_DIGEST_SIZE:]
    return blob if digest == _digest(key, blob) and is_blob(blob) else None


def _write(path: Path, key: bytes, blob: bytes) -> None:
    """Put a blob into the cache, if that can be done: whole or not at all, and for this user only."""
    part = path.with_name(f"{os.urandom(8).hex()}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(path.parent.stat()):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_TRICKS
        try:
            with open(os.open(part, flags, 0o600), "wb") as file:
                file.write(_digest(key, blob) + blob)
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _prune(path.parent)
    except (OSError, ValueError):
        return


def _digest(key: bytes, blob: bytes) -> bytes:
    return sha256(key + blob).digest()  # with the key: a file under another's name is wrong


def _is_ours(state: os.stat_result) -> bool:
    """Tell whether nobody else can have written there. (Windows keeps others out of a user's folders itself.)"""
    if os.name != "posix":
        return True
    return state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _prune(folder: Path) -> None:
    """Remove the oldest files of ours beyond MAX_FILES, and what a process left that died while writing."""
    files = [path for path in folder.iterdir() if path.suffix in (_SUFFIX, ".part")]
    files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files[MAX_FILES:]:
        path.unlink(missing_ok=True)
