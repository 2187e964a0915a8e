"""Where compiled dictionaries come from: shipped with the package, else compiled now."""

from __future__ import annotations

import mmap
from pathlib import Path

from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary

__all__ = ["BLOB_DIR", "blob_of"]

#: The folder with the compiled dictionaries of the standard, which the build makes.
BLOB_DIR = Path(__file__).parent / "blobs"


def blob_of(source: str | Dictionary) -> bytes | mmap.mmap:
    """Return the compiled form of a dictionary, for `fixfast.codec.schema.Schema`.

    Args: source: a standard name, or any dictionary.

    Raises: DictionaryError: there is no standard dictionary of this name, or it cannot be compiled.
    """
    if isinstance(source, str):
        shipped = _shipped(source)
        return shipped if shipped is not None else compile_dictionary(load_dictionary(source))
    return compile_dictionary(source)


def _shipped(name: str) -> mmap.mmap | None:
    stem = VERSIONS.get(name)
    if stem is None:
        return None
    try:
        with (BLOB_DIR / f"{stem}.bin").open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: an empty file
        return None
