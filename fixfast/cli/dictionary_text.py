"""What `fixfast dictionary` shows, as lines for 80 columns: no I/O, no colours, nothing cut."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fixfast.dictionary.check import RULES, Remark
from fixfast.dictionary.describe import KIND_TEXT, Item, Owner, Use
from fixfast.dictionary.diff import Difference, FieldChange, OwnerChange
from fixfast.dictionary.model import Dictionary, Field

__all__ = [
    "WIDTH",
    "check_lines",
    "diff_lines",
    "field_lines",
    "headline",
    "overview_lines",
    "plural",
    "tree_lines",
]

WIDTH = 80
#: Names of messages in one line of a difference; how many more there are is said.
_NAMES = 5
_CATEGORIES = {"admin": "admin messages", "app": "application messages"}


def plural(count: int, noun: str) -> str:
    """Return "1 field", "2 fields"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def headline(dictionary: Dictionary, name: str = "") -> str:
    """Return what a dictionary is, as one line; `name` is what the user called it."""
    version = dictionary.version if name in ("", dictionary.version) else f"{name}: {dictionary.version}"
    if dictionary.begin_string != dictionary.version:
        version += f" over {dictionary.begin_string}"
    counts = (len(dictionary.fields), "field"), (len(dictionary.messages), "message"), (
        len(dictionary.components), "component")  # fmt: skip
    return f"{version}: {', '.join(plural(count, noun) for count, noun in counts)}"


# --- show ---------------------------------------------------------------------------------------------------


def overview_lines(dictionary: Dictionary, overview: dict[str, Any]) -> Iterator[str]:
    """Yield the counts, and the messages by category: MsgType, name, and how many members it has."""
    yield headline(dictionary)
    coded = f"{plural(overview['fields_with_codes'], 'field')} with codes"
    data = f"{plural(overview['data_pairs'], 'data field')} with a length"
    yield f"{coded} ({plural(overview['codes'], 'code')}), {data}, {plural(overview['warnings'], 'warning')}"
    for category, messages in overview["messages"].items():
        yield ""
        yield f"{_CATEGORIES[category]} ({len(messages)})"
        width = max((len(message["name"]) for message in messages), default=0)
        for message in messages:
            members = plural(message["members"], "member")
            yield f"  {message['msg_type']:<4}{message['name']:<{width}}  {members}"


def tree_lines(owner: Owner, items: Sequence[Item], version: str) -> Iterator[str]:
    """Yield a message, component, header or trailer as a tree: required mark, tag, name, type."""
    if owner.kind == "message":
        kind = "admin message" if owner.category == "admin" else "application message"
        yield f"{owner.name} ({owner.msg_type}), {kind} of {version}"
    else:
        yield f"{owner.name if owner.kind == 'component' else 'the ' + owner.name} of {version}"
    yield "* required"
    yield ""
    if not items:
        yield "  no members of its own" if owner.kind == "message" else "  no members"
        return
    lines = list(_flattened(items, 0))
    tags = max(len(str(item.tag or "")) for item, _ in lines)
    widest_type = max(len(_type_of(item)) for item, _ in lines)
    name_width = max(len(item.name) + 2 * depth for item, depth in lines)
    name_width = max(16, min(name_width, WIDTH - 6 - tags - widest_type))
    for item, depth in lines:
        mark = "*" if item.required else " "
        name = "  " * depth + item.name
        yield f"{mark} {item.tag or '':>{tags}}  {name:<{name_width}}  {_type_of(item)}"


def _flattened(items: Iterable[Item], depth: int) -> Iterator[tuple[Item, int]]:
    for item in items:
        yield item, depth
        yield from _flattened(item.members, depth + 1)


def _type_of(item: Item) -> str:
    if item.kind == "component":
        return "component, again" if item.again else "component"
    if item.kind == "group":
        return "group"
    return f"{item.type}, {plural(item.codes, 'code')}" if item.codes else item.type


# --- field --------------------------------------------------------------------------------------------------


def field_lines(field: Field, uses: Sequence[Use], components: Sequence[str], length_of: str) -> Iterator[str]:
    """Yield a field: type, codes, and where it is used.

    Args:
        uses: from `used_in`.
        components: names of those that have it as a member.
        length_of: what the field is the length of, or has as its length, in words; empty for others.
    """
    yield f"{field.tag}  {field.name}"
    yield f"type  {field.type}: {KIND_TEXT[field.kind]}{'; ' + length_of if length_of else ''}"
    if field.codes:
        yield ""
        yield f"{plural(len(field.codes), 'code')}{' (other values are allowed)' if field.open else ''}"
        width = max(len(code.value) for code in field.codes)
        for code in field.codes:
            yield f"  {code.value:<{width}}  {code.name}"
    yield ""
    if not uses:
        yield "used in no message"
        return
    where = {(use.owner.kind, use.owner.msg_type) for use in uses}
    messages = sum(kind == "message" for kind, _ in where)
    ends = [kind for kind, _ in sorted(where) if kind != "message"]
    said = [*(f"the {kind}" for kind in ends), *([plural(messages, "message")] if messages else [])]
    yield f"used in {', '.join(said)} (* required there)"
    width = max(len(use.owner.name) for use in uses)
    for use in uses:
        inside = f"  in {' > '.join(use.groups)}" if use.groups else ""
        yield f"{'*' if use.required else ' '} {use.owner.msg_type:<4}{use.owner.name:<{width}}{inside}".rstrip()
    if components:
        yield ""
        yield from _wrapped(f"member of {plural(len(components), 'component')}: ", components)


# --- diff ---------------------------------------------------------------------------------------------------


def diff_lines(difference: Difference, old: str, new: str) -> Iterator[str]:
    """Yield what differs, grouped; `old` and `new` are what the user called them."""
    yield f"- {headline(difference.old, old)}"
    yield f"+ {headline(difference.new, new)}"
    yield ""
    if not difference:
        yield "no difference"
        return
    if difference.begin_string:
        yield f"BeginString(8) {difference.begin_string[1]}, was {difference.begin_string[0]}"
        yield ""
    yield from _section("fields added", (_field(field, "+") for field in difference.fields_added))
    yield from _section("fields removed", (_field(field, "-") for field in difference.fields_removed))
    changed = difference.fields_changed
    yield from _section("fields changed", (line for one in changed for line in _field_change(one)), len(changed))
    added, removed = difference.messages_added, difference.messages_removed
    yield from _section("messages added", (f"  + {message.msg_type:<4}{message.name}" for message in added))
    yield from _section("messages removed", (f"  - {message.msg_type:<4}{message.name}" for message in removed))
    owners = difference.owners_changed
    yield from _section("messages changed", _owner_changes(difference), len(owners))
    pairs = [
        f"  {mark} {d.fields[length].name} ({length}) is the length of {d.fields[data].name} ({data})"
        for mark, d, which in (
            ("+", difference.new, difference.pairs_added),
            ("-", difference.old, difference.pairs_removed),
        )
        for length, data in which
    ]
    yield from _section("data fields and their lengths", pairs)
    yield _summary(difference)


def _summary(difference: Difference) -> str:
    parts = []
    for noun in ("field", "message"):
        counts = [(len(getattr(difference, f"{noun}s_{what}")), what) for what in ("added", "removed")]
        counts.append((len(difference.fields_changed if noun == "field" else difference.owners_changed), "changed"))
        said = [f"{count:,} {what}" for count, what in counts if count]
        if said:
            parts.append(f"{noun}s: {', '.join(said)}")
    return "; ".join(parts) or "only how data fields are paired with lengths, or BeginString, differs"


def _section(title: str, lines: Iterable[str], count: int | None = None) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"{title} ({len(lines) if count is None else count:,})"
        yield from lines
        yield ""


def _field(field: Field, mark: str) -> str:
    codes = f", {plural(len(field.codes), 'code')}" if field.codes else ""
    return f"  {mark} {field.tag:<6}{field.name}  {field.type}{codes}"


def _field_change(change: FieldChange) -> Iterator[str]:
    yield f"  {change.field.tag:<6}{change.field.name}"
    if change.name:
        yield f"      named {change.name[1]}, was {change.name[0]}"
    if change.type:
        yield f"      type {change.type[1]}, was {change.type[0]}"
    elif change.kind:
        yield f"      {KIND_TEXT[change.field.kind]}, was another kind of value"
    if change.open:
        yield f"      other values are {'' if change.open[1] else 'not '}allowed"
    for mark, codes in (("+", change.codes_added), ("-", change.codes_removed)):
        for code in codes:
            yield f"      {mark} {code.value}  {code.name}"
    for value, before, now in change.codes_renamed:
        yield f"      {value}  {now}, was {before}"


def _owner_changes(difference: Difference) -> Iterator[str]:
    for change in difference.owners_changed:
        if change.name or change.category:
            said = [f"was named {change.name[0]}"] if change.name else []
            if change.category:
                said.append(f"category {change.category[1]}, was {change.category[0]}")
            yield f"  {_owner(change)}: {'; '.join(said)}"
    marks = {"added": "+", "removed": "-", "changed": "*"}
    for owners, members in difference.member_changes():
        names = [f"{owner.name} ({owner.msg_type})" if owner.msg_type else f"the {owner.name}" for owner in owners]
        yield from _wrapped("  ", _some(names), "  ")
        for member in members:
            inside = "".join(f"{name} > " for name in member.groups)
            yield f"    {marks[member.what]} {inside}{member.name} ({member.tag}): {member.detail}"


def _owner(change: OwnerChange) -> str:
    owner = change.owner
    return f"{owner.name} ({owner.msg_type})" if owner.msg_type else f"the {owner.name}"


def _some(names: Sequence[str]) -> list[str]:
    more = len(names) - _NAMES
    return [*names] if more <= 1 else [*names[:_NAMES], f"and {more} more"]


def _wrapped(start: str, names: Iterable[str], indent: str = "  ") -> Iterator[str]:
    yield from textwrap.wrap(
        start + ", ".join(names), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


# --- check --------------------------------------------------------------------------------------------------


def check_lines(name: str, dictionary: Dictionary, remarks: Sequence[Remark], *, everything: bool) -> Iterator[str]:
    """Yield what looks wrong, by rule, warnings first.

    Args:
        name: what the user called it.
        everything: what the standard's dictionary has as well is listed, not only counted.
    """
    yield headline(dictionary, name)
    yield ""
    shown = [remark for remark in remarks if everything or not remark.standard]
    for severity in ("warning", "note"):
        these = [remark for remark in shown if remark.severity == severity]
        if not these:
            continue
        yield f"{plural(len(these), severity)}"
        for rule in dict.fromkeys(remark.rule for remark in these):
            places = [remark for remark in these if remark.rule == rule]
            yield from textwrap.wrap(f"{rule} ({len(places)}): {RULES[rule].text}", WIDTH, initial_indent="  ",
                                     subsequent_indent="      ", break_on_hyphens=False)  # fmt: skip
            for remark in places:
                yield f"    {remark.where}{': ' + remark.detail if remark.detail else ''}"
        yield ""
    if not shown:
        yield "nothing looks wrong"
    if len(shown) < len(remarks):
        more = plural(len(remarks) - len(shown), "remark")
        yield f"{more} that the standard's {dictionary.version} deserves as well: --all shows them"
