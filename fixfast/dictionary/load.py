"""load_dictionary("FIX.4.4"): the standard's dictionaries by name, a broker's by path, either with overlays."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from fixfast.dictionary.markup import MAX_BYTES, root_element
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.orchestra_xml import ROOTS, read_orchestra_xml
from fixfast.dictionary.overlay import Overlay, apply, parse_overlay
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.raw import Spec
from fixfast.dictionary.resolve import lacks_frame, resolve
from fixfast.dictionary.versions import APPL_VERSIONS, SPEC_DIR, VERSIONS, versions_in
from fixfast.errors import DictionaryError

__all__ = ["APPL_VERSIONS", "OVERLAY_DIR", "SPEC_DIR", "VERSIONS", "load_dictionary", "overlay_names", "versions_in"]

#: The folder with the overlays that come with fixfast.
OVERLAY_DIR = Path(__file__).parent / "overlays"

_FIXT = "FIXT.1.1"


def load_dictionary(
    source: str | os.PathLike[str],
    *,
    transport: str | os.PathLike[str] | None = None,
    overlay: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
) -> Dictionary:
    """Load a data dictionary.

    Args:
        source: a version ("FIX.4.4", also spelled "FIX44"), perhaps with what is added to it: "FIX.4.2+auth" is FIX 4.2
            with the overlay auth that comes with fixfast, "FIX.4.4+FIXT.1.1" what FIX 4.4 is over FIXT 1.1. Or the
            path of a file: QuickFIX's XML schema, FIX Orchestra, or an overlay in TOML that names its `base`.
        transport: the dictionary (version or path) whose header, trailer and session messages are used instead of the
            standard's. FIX 5.0 and later come merged with FIXT 1.1 anyway, and a file of FIX 4.x without a header or
            trailer with what its version has.
        overlay: paths of overlays in TOML, or names of those that come with fixfast, applied in this order.

    Returns:
        the dictionary. The standard's are kept: the second call costs nothing and returns the same object. A file
        is read anew every time.

    Raises:
        DictionaryError: there is no such version or file, or the file is wrong; names file, line and element.
    """
    overlays = [overlay] if isinstance(overlay, str | os.PathLike) else list(overlay)
    name = _named(source)
    if name is not None and transport is None and not overlays:
        return _load_named(name)
    return _load(source if name is None else name, transport, overlays)


def overlay_names() -> list[str]:
    """Return the names of the overlays that come with fixfast, sorted."""
    return sorted(path.stem for path in OVERLAY_DIR.glob("*.toml"))


def _named(source: str | os.PathLike[str]) -> str | None:
    """Return the one spelling of a name that needs no path ("fix42+auth": "FIX.4.2+auth"), None for a path."""
    if not isinstance(source, str):
        return None
    base, *added = source.split("+")
    version = _standard(base)
    if version is None:
        return None
    parts = [_standard(part) or part for part in added]
    for part in parts:
        if part not in VERSIONS and part not in overlay_names():
            known = ", ".join(overlay_names())
            raise DictionaryError(f"no overlay {part!r}: there are {known}; your own is given as overlay=", source)
    return "+".join([version, *parts])


def _standard(source: str | os.PathLike[str]) -> str | None:
    if not isinstance(source, str):
        return None
    if source in VERSIONS:
        return source
    return next((version for version, stem in VERSIONS.items() if stem == source.upper()), None)


@cache
def _load_named(name: str) -> Dictionary:
    return _load(name, None, [])


def _load(
    source: str | os.PathLike[str],
    transport: str | os.PathLike[str] | None,
    overlays: list[str | os.PathLike[str]],
) -> Dictionary:
    name = _named(source)
    base: str | os.PathLike[str] = source
    if name is not None:
        base, *added = name.split("+")
        versions = [part for part in added if part in VERSIONS]
        if len(versions) > 1 or (versions and transport is not None):
            raise DictionaryError("one transport at most", str(source))
        transport = versions[0] if versions else transport
        overlays = [*(part for part in added if part not in VERSIONS), *overlays]
    data, file = _read_bytes(base)
    if _is_toml(base, data):
        first = parse_overlay(data, file)
        if not first.base:
            raise DictionaryError('an overlay by itself names its base: base = "FIX.4.4"', file)
        below = _resolved_base(base, first.base, transport)
        return _overlaid(apply(below, first), overlays)
    spec = _spec_of(data, file)
    return _overlaid(resolve(spec, _below(spec, transport)), overlays)


def _resolved_base(toml: str | os.PathLike[str], base: str, transport: str | os.PathLike[str] | None) -> Dictionary:
    """Load what an overlay names as its base: a name, or a path beside its own file. A TOML is no base (no circles)."""
    if _named(base) is not None:
        return load_dictionary(base, transport=transport)
    path = Path(toml).parent / base
    if path.suffix.lower() == ".toml":
        raise DictionaryError(f"base = {base!r}: an overlay cannot be another one's base", os.fspath(toml))
    return load_dictionary(path, transport=transport)


def _overlaid(dictionary: Dictionary, overlays: list[str | os.PathLike[str]]) -> Dictionary:
    for source in overlays:
        dictionary = apply(dictionary, _read_overlay(source))
    return dictionary


def _read_overlay(source: str | os.PathLike[str]) -> Overlay:
    if isinstance(source, str) and source in overlay_names():
        path = OVERLAY_DIR / f"{source}.toml"
        return parse_overlay(path.read_bytes(), path.name)
    data, file = _read_bytes(source)
    return parse_overlay(data, file)


def _is_toml(source: str | os.PathLike[str], data: bytes) -> bool:
    return _standard(source) is None and os.fspath(source).lower().endswith(".toml")


def _is_whole(spec: Spec) -> bool:
    """Tell whether a spec has a session layer of its own, or leaves it to a transport (FIX 5.0 and later)."""
    if not spec.version.startswith("FIX.5"):
        return True
    return "A" in spec.messages and spec.header is not None and bool(spec.header.members)


def _below(spec: Spec, transport: str | os.PathLike[str] | None) -> Spec | None:
    """Return what gives a spec the session layer that it lacks, or is told to take."""
    if transport is None and lacks_frame(spec) and spec.version in VERSIONS:
        transport = spec.borrowed = spec.version
    if transport is None:
        return None if _is_whole(spec) else _read(_FIXT)
    return _read(transport)


def _read(source: str | os.PathLike[str]) -> Spec:
    return _spec_of(*_read_bytes(source))


def _spec_of(data: bytes, file: str) -> Spec:
    """Read XML of either format: the root element tells them apart."""
    return read_orchestra_xml(data, file) if root_element(data, file) in ROOTS else read_quickfix_xml(data, file)


def _read_bytes(source: str | os.PathLike[str]) -> tuple[bytes, str]:
    """Return the bytes of a file, at most one more than is allowed, and its name for errors."""
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
    return data, path.name if version is not None else str(path)
