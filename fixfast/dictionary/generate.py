"""The build step: from the spec XML to what is compiled in and what users import.

    python -m fixfast.dictionary.generate

writes the length/data pairs, timestamp tags and count tags for the codec; for each version one typed module, and the
compiled dictionary (FIX 5.0 and later merged with FIXT 1.1). Standard library only, and nothing compiled is imported:
setup.py runs this before anything is built. The output is a function of the spec alone, and a file is written only if
its content changes, so that builds stay incremental.
"""

from __future__ import annotations

from pathlib import Path

from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.compiled import BLOB_DIR
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.render import (
    count_tags,
    data_pairs,
    render_header,
    render_module,
    time_tags,
)
from fixfast.dictionary.render_stub import render_stub
from fixfast.dictionary.render_typed import render_typed

__all__ = ["GENERATED_PACKAGES", "compile_all", "generate", "render_all"]

#: Packages that exist only after generation.
GENERATED_PACKAGES = tuple(f"fixfast.{stem.lower()}" for stem in VERSIONS.values())


def generate(root: Path) -> list[Path]:
    """Write every generated file below `root` (the folder that holds `fixfast/`) whose content has changed.

    Returns:
        the files that were written.
    """
    written = []
    texts = {name: text.encode() for name, text in render_all().items()}
    for name, data in {**texts, **compile_all()}.items():
        path = root / name
        if path.is_file() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        # Replaced in one step: two builds of one tree may run at a time, and a reader must never see half a file.
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(data)
        part.replace(path)
        written.append(path)
    return written


def render_all() -> dict[str, str]:
    """Return {path with "/" below the root: content} of every generated text."""
    dictionaries = [load_dictionary(version) for version in VERSIONS]
    tables = data_pairs(dictionaries), time_tags(dictionaries), count_tags(dictionaries)
    files = {
        "fixfast/codec/_data_pairs.h": render_header(*tables),
        "fixfast/codec/_data_pairs.py": render_module(*tables),
    }
    for dictionary, stem in zip(dictionaries, VERSIONS.values(), strict=True):
        folder = f"fixfast/{stem.lower()}"
        files[f"{folder}/__init__.py"] = render_typed(dictionary, f"{stem}.xml")
        files[f"{folder}/__init__.pyi"] = render_stub(dictionary, f"{stem}.xml")
    return files


def compile_all() -> dict[str, bytes]:
    """Return {path with "/" below the root: content} of the compiled dictionaries, one for each version."""
    folder = f"fixfast/dictionary/{BLOB_DIR.name}"
    return {f"{folder}/{stem}.bin": compile_dictionary(load_dictionary(name)) for name, stem in VERSIONS.items()}


if __name__ == "__main__":
    generate(Path(__file__).resolve().parents[2])
