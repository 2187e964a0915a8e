"""The tables of the codec, as text: a function of the dictionaries alone. `generate.py` writes it to disk.

Typed modules and their stubs come from render_typed.py and render_stub.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from fixfast.dictionary.model import ComponentRef, Dictionary, GroupRef, Member

__all__ = ["count_tags", "data_pairs", "note", "render_header", "render_module", "time_tags", "wrapped"]


def note(spec: str) -> str:
    """Return the text of the first line of a file generated from one file in spec/, or from all ("")."""
    return f"Generated from fixfast/dictionary/spec/{spec} by fixfast/dictionary/generate.py: do not edit."


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


def count_tags(dictionaries: Iterable[Dictionary]) -> list[int]:
    """Return the tags that count the entries of a group wherever the standard uses them, sorted.

    33 and 85 are left out: each is a plain number in a message of some version.
    """
    counts: set[int] = set()
    plain: set[int] = set()

    def walk(members: Iterable[Member]) -> None:
        for member in members:
            if isinstance(member, GroupRef):
                counts.add(member.tag)
                walk(member.group.members)
            elif not isinstance(member, ComponentRef):
                plain.add(member.tag)

    for dictionary in dictionaries:
        for message in dictionary.messages.values():
            walk(message.members)
        for component in dictionary.components.values():
            walk(component.members)
        walk(dictionary.header)
        walk(dictionary.trailer)
    return sorted(counts - plain)


def render_header(pairs: dict[int, int], times: list[int], counts: list[int]) -> str:
    """Return codec/_data_pairs.h."""
    return "\n".join(
        [
            f"/* {note('')} */",
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
            "/* Tags that count the entries of a group, ascending. */",
            f"#define FF_COUNT_TAGS {len(counts)}",
            _c_array("ff_count_tag", "FF_COUNT_TAGS", counts),
            "",
            "#endif",
            "",
        ]
    )


def _c_array(name: str, size: str, values: list[int]) -> str:
    # "unused": who includes the header need not use all the arrays, and warnings are errors.
    lines = [
        "#if defined(__GNUC__)",
        "__attribute__((unused))",
        "#endif",
        f"static const int32_t {name}[{size}] = {{",
        *wrapped([f"{value}," for value in values]),
        "};",
    ]
    return "\n".join(lines)


def wrapped(words: Iterable[str], width: int = 110, indent: str = "    ") -> list[str]:
    """Return lines of words."""
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


def render_module(pairs: dict[int, int], times: list[int], counts: list[int]) -> str:
    """Return codec/_data_pairs.py."""
    return "\n".join(
        [
            f"# {note('')}",
            '"""Length/data pairs, timestamp tags and count tags of all versions of the standard."""',
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping",
            "from types import MappingProxyType",
            "",
            '__all__ = ["COUNT_TAGS", "DATA_PAIRS", "TIME_TAGS"]',
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
            *wrapped([f"{tag}," for tag in times], indent=" " * 8),
            "    }",
            ")",
            "",
            "#: tags that count the entries of a group",
            "COUNT_TAGS: frozenset[int] = frozenset(",
            "    {",
            *wrapped([f"{tag}," for tag in counts], indent=" " * 8),
            "    }",
            ")",
            "",
        ]
    )
