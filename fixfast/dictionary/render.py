"""The text of every generated file: a function of the dictionaries alone. `generate.py` writes it to disk."""

from __future__ import annotations

from collections.abc import Iterable

from fixfast.dictionary.model import ComponentRef, Dictionary, Field, GroupRef, Member
from fixfast.dictionary.naming import enum_members, enum_name, identifier, msg_type_members

__all__ = [
    "count_tags",
    "data_pairs",
    "enums",
    "render_header",
    "render_module",
    "render_stub",
    "render_typed",
    "time_tags",
]


def note(spec: str) -> str:
    """Return the text of the first line of a file generated from one file in spec/, or from all ("")."""
    return f"Generated from fixfast/dictionary/spec/{spec} by fixfast/dictionary/generate.py: do not edit."


# --- for the codec ------------------------------------------------------------------------------------------


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
            *_wrapped([f"{tag}," for tag in times], indent=" " * 8),
            "    }",
            ")",
            "",
            "#: tags that count the entries of a group",
            "COUNT_TAGS: frozenset[int] = frozenset(",
            "    {",
            *_wrapped([f"{tag}," for tag in counts], indent=" " * 8),
            "    }",
            ")",
            "",
        ]
    )


# --- typed modules ------------------------------------------------------------------------------------------


def enums(dictionary: Dictionary) -> dict[str, tuple[Field, dict[str, str]]]:
    """Return {name of the enum: (its field, {member: value})}, sorted by name, as a typed module has them.

    MsgType(35) is not among them: its members are the messages. A message or a component keeps the name it shares
    with a coded field, and the enum is called ...Code.
    """
    result: dict[str, tuple[Field, dict[str, str]]] = {}
    for item in dictionary.fields.values():
        if not item.codes or item.name == "MsgType":
            continue
        name = enum_name(dictionary, item)
        if name in result or name in ("Tag", "MsgType"):
            raise ValueError(f"{dictionary.version}: two enums of the name {name}")
        result[name] = (item, enum_members(item.codes))
    return dict(sorted(result.items()))


def render_typed(dictionary: Dictionary, spec: str) -> str:
    """Return __init__.py of a typed module."""
    lines = []
    for name, (item, members) in enums(dictionary).items():
        if any(mark in value for value in members.values() for mark in '|\\\n"'):
            raise ValueError(f"{item.name} ({item.tag}) has a value that the table cannot hold")
        lines.append("|".join([name, *(f"{member}={value}" for member, value in members.items())]))
    return "\n".join(
        [
            f"# {note(spec)}",
            f'"""{dictionary.version}: `Tag`, `MsgType` and a StrEnum for each coded field, built on first access."""',
            "",
            "from fixfast.dictionary.typed import lazy_names",
            "",
            '_TAGS = """',
            *_wrapped((f"{identifier(item.name)}={item.tag}" for item in _by_name(dictionary)), indent=""),
            '"""',
            "",
            '_MSG_TYPES = """',
            *_wrapped((f"{name}={value}" for name, value in msg_type_members(dictionary).items()), indent=""),
            '"""',
            "",
            '_ENUMS = """\\',
            *lines,
            '"""',
            "",
            "__all__, __getattr__, __dir__ = lazy_names(globals(), _TAGS, _MSG_TYPES, _ENUMS)",
            "",
        ]
    )


def render_stub(dictionary: Dictionary, spec: str) -> str:
    """Return __init__.pyi of a typed module."""
    coded = enums(dictionary)
    text = [
        f"# {note(spec)}",
        "from enum import StrEnum",
        "from typing import Final",
        "",
        "__all__ = [",
        *(f'    "{name}",' for name in ("Tag", "MsgType", *coded)),
        "]",
        "",
        "class Tag:",
        f'    """Tags of {dictionary.version} by field name."""',
        "",
        *(f"    {identifier(item.name)}: Final = {item.tag}" for item in _by_name(dictionary)),
        "",
        "class MsgType(StrEnum):",
        f'    """MsgType (35) of the messages of {dictionary.version}."""',
        "",
        *(f'    {name} = "{value}"' for name, value in msg_type_members(dictionary).items()),
    ]
    for name, (item, members) in coded.items():
        text += ["", f"class {name}(StrEnum):", f'    """{item.name} ({item.tag})."""', ""]
        text += [f'    {member} = "{value}"' for member, value in members.items()]
    return "\n".join([*text, ""])


def _by_name(dictionary: Dictionary) -> list[Field]:
    return sorted(dictionary.fields.values(), key=lambda item: item.name)
