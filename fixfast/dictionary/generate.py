"""The build step: from the spec XML to what is compiled in and what users import.

    python -m fixfast.dictionary.generate

writes the length/data pairs and timestamp tags for the codec, and one typed module for each version. Standard
library only, and nothing compiled is imported: setup.py runs this before anything is built. The output is a function
of the spec alone, and a file is written only if its content changes, so that builds stay incremental.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary

__all__ = ["GENERATED_PACKAGES", "generate", "render_all"]

#: Packages that exist only after generation.
GENERATED_PACKAGES = tuple(f"fixfast.{stem.lower()}" for stem in VERSIONS.values())


def generate(root: Path) -> list[Path]:
    """Write every generated file below `root` (the folder that holds `fixfast/`) whose content has changed.

    Returns:
        the files that were written.
    """
    written = []
    for name, text in render_all().items():
        path = root / name
        data = text.encode()
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
    """Return {path with "/" below the root: content} of every generated file."""
    dictionaries = [load_dictionary(version) for version in VERSIONS]
    pairs = data_pairs(dictionaries)
    times = time_tags(dictionaries)
    return {
        "fixfast/codec/_data_pairs.h": _render_header(pairs, times),
        "fixfast/codec/_data_pairs.py": _render_module(pairs, times),
    }


def data_pairs(dictionaries: Iterable[Dictionary]) -> dict[int, int]:
    """Return the length/data pairs of all versions, sorted by the length's tag."""
    pairs: dict[int, int] = {}
    for dictionary in dictionaries:
        for length, data in dictionary.data_pairs.items():
            if pairs.setdefault(length, data) != data:
                raise ValueError(f"tag {length} is the length of {pairs[length]} and of {data}")
    return dict(sorted(pairs.items()))


def time_tags(dictionaries: Iterable[Dictionary]) -> list[int]:
    """Return the tags that hold a UTC timestamp in any version, sorted."""
    return sorted(
        {item.tag for dictionary in dictionaries for item in dictionary.fields.values() if item.kind == "time"}
    )


_NOTE = "Generated from fixfast/dictionary/spec/*.xml by fixfast/dictionary/generate.py: do not edit."


def _render_header(pairs: dict[int, int], times: list[int]) -> str:
    return "\n".join(
        [
            f"/* {_NOTE} */",
            "#ifndef FF_DATA_PAIRS_H",
            "#define FF_DATA_PAIRS_H",
            "",
            "#include <stdint.h>",
            "",
            "/* Tags of length fields, ascending, and at the same place the tag of the data field that follows. */",
            f"#define FF_DATA_PAIRS {len(pairs)}",
            _c_array("ff_data_len_tag", "FF_DATA_PAIRS", list(pairs)),
            _c_array("ff_data_data_tag", "FF_DATA_PAIRS", list(pairs.values())),
            "",
            "/* Tags whose value is a UTC timestamp, ascending. */",
            f"#define FF_TIME_TAGS {len(times)}",
            _c_array("ff_time_tag", "FF_TIME_TAGS", times),
            "",
            "#endif",
            "",
        ]
    )


def _c_array(name: str, size: str, values: list[int]) -> str:
    # "unused": who includes the header need not use all three arrays, and warnings are errors.
    lines = [
        "#if defined(__GNUC__)",
        "__attribute__((unused))",
        "#endif",
        f"static const int32_t {name}[{size}] = {{",
        *_wrapped([f"{value}," for value in values]),
        "};",
    ]
    return "\n".join(lines)


def _wrapped(words: Iterable[str], width: int = 110, indent: str = "    ") -> list[str]:
    lines: list[str] = []
    line = indent
    for word in words:
        if len(line) + len(word) + 1 > width and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    if line.strip():
        lines.append(line.rstrip())
    return lines


def _render_module(pairs: dict[int, int], times: list[int]) -> str:
    return "\n".join(
        [
            f"# {_NOTE}",
            '"""Length/data pairs and timestamp tags of all versions of the standard."""',
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping",
            "from types import MappingProxyType",
            "",
            '__all__ = ["DATA_PAIRS", "TIME_TAGS"]',
            "",
            "#: tag of a length field -> tag of the data field that follows it",
            "DATA_PAIRS: Mapping[int, int] = MappingProxyType(",
            "    {",
            *[f"        {length}: {data}," for length, data in pairs.items()],
            "    }",
            ")",
            "",
            "#: tags whose value is a UTC timestamp",
            "TIME_TAGS: frozenset[int] = frozenset(",
            "    {",
            *_wrapped([f"{tag}," for tag in times], indent=" " * 8),
            "    }",
            ")",
            "",
        ]
    )


if __name__ == "__main__":
    generate(Path(__file__).resolve().parents[2])
