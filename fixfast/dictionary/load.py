"""load_dictionary("FIX.4.4"): the standard's dictionaries by name, a broker's by path."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from types import MappingProxyType

from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.quickfix_xml import MAX_BYTES, Spec, read_quickfix_xml
from fixfast.dictionary.resolve import resolve
from fixfast.errors import DictionaryError

__all__ = ["APPL_VERSIONS", "SPEC_DIR", "VERSIONS", "load_dictionary", "standard_version"]

#: The folder with the standard's dictionaries.
SPEC_DIR = Path(__file__).parent / "spec"

#: Version -> file name without ".xml", which is also how generated modules are named, in lower case.
VERSIONS = MappingProxyType(
    {
        "FIX.4.0": "FIX40",
        "FIX.4.1": "FIX41",
        "FIX.4.2": "FIX42",
        "FIX.4.3": "FIX43",
        "FIX.4.4": "FIX44",
        "FIX.5.0": "FIX50",
        "FIX.5.0SP1": "FIX50SP1",
        "FIX.5.0SP2": "FIX50SP2",
        "FIXT.1.1": "FIXT11",
    }
)

#: ApplVerID(1128) and DefaultApplVerID(1137) -> version. 0 and 1 (FIX 2.7 and 3.0) have no dictionary.
APPL_VERSIONS = MappingProxyType(
    {
        "2": "FIX.4.0",
        "3": "FIX.4.1",
        "4": "FIX.4.2",
        "5": "FIX.4.3",
        "6": "FIX.4.4",
        "7": "FIX.5.0",
        "8": "FIX.5.0SP1",
        "9": "FIX.5.0SP2",
    }
)

_FIXT = "FIXT.1.1"


def load_dictionary(source: str | os.PathLike[str], *, transport: str | os.PathLike[str] | None = None) -> Dictionary:
    """Load a data dictionary.

    Args:
        source: a version ("FIX.4.4", also spelled "FIX44") or the path of a file in QuickFIX's XML schema. FIX 5.0
            and later come merged with FIXT 1.1.
        transport: the transport's dictionary (version or path) instead of the standard FIXT 1.1.

    Returns:
        the dictionary. The standard's are kept: the second call costs nothing and returns the same object. A file
        is read anew every time.

    Raises:
        DictionaryError: there is no such version or file, or the file is wrong; names file, line and element.
    """
    version = _standard(source)
    if version is not None and transport is None:
        return _load_standard(version)
    spec = _read(source)
    if transport is not None:
        return resolve(spec, _read(transport))
    return resolve(spec, None if _is_whole(spec) else _read(_FIXT))


def standard_version(begin_string: str, appl_ver_id: str | None = None) -> str | None:
    """Return the version whose dictionary describes a message.

    Args:
        begin_string: BeginString(8).
        appl_ver_id: ApplVerID(1128) of the message, else DefaultApplVerID(1137) of the session; FIXT only.

    Returns:
        a key of `VERSIONS`, "FIX.5.0SP2" for FIXT without a known ApplVerID, None for an unknown BeginString.
    """
    if begin_string == _FIXT:
        return APPL_VERSIONS.get(appl_ver_id or "", "FIX.5.0SP2")
    return begin_string if begin_string in VERSIONS else None


def _standard(source: str | os.PathLike[str]) -> str | None:
    if not isinstance(source, str):
        return None
    if source in VERSIONS:
        return source
    return next((version for version, stem in VERSIONS.items() if stem == source.upper()), None)


@cache
def _load_standard(version: str) -> Dictionary:
    spec = _read(version)
    return resolve(spec, None if _is_whole(spec) else _read(_FIXT))


def _is_whole(spec: Spec) -> bool:
    """Tell whether a spec has what every message needs, or leaves it to a transport (FIX 5.0 and later)."""
    return not spec.version.startswith("FIX.5") or (spec.header is not None and bool(spec.header.members))


def _read(source: str | os.PathLike[str]) -> Spec:
    version = _standard(source)
    path = SPEC_DIR / f"{VERSIONS[version]}.xml" if version is not None else Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        detail = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileNotFoundError):
            detail += f" (and no version of FIX: {', '.join(VERSIONS)})"
        raise DictionaryError(detail, str(path)) from error
    return read_quickfix_xml(data, path.name if version is not None else str(path))
