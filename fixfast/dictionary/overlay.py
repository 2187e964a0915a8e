"""Changes to a dictionary: what a broker adds to a standard version, without a file of its own for all the rest.

In TOML (and the same tables as arguments of `Dictionary.overlay()`):

    base = "FIX.4.4"                            # only where the file is loaded by itself
    if_missing = false                          # true: what is there already is left as it is, instead of an error

    [fields.Strategy]                           # a new field has a tag and a type
    tag = 10001
    type = "CHAR"
    codes = { V = "VWAP", T = "TWAP" }          # value = name

    [fields.OrdType]                            # a field that is there: codes are added
    codes = { Z = "PEGGED_TO_MARS" }

    [fields.TimeInForce]
    only = { 0 = "DAY", 3 = "IOC" }             # these codes and no others

    [fields.SecurityType]
    open = true                                 # other values than the codes are right, too

    [messages.NewOrderSingle]
    add = ["Strategy!", "@Parties"]             # "!": required; "@": a component
    after = "ClOrdID"                           # where they go; without it: at the end
    require = ["Account"]                       # members that are there: required from now on,
    relax = ["TransactTime"]                    # ... or not any more,
    remove = ["ClearingFeeIndicator"]           # ... or gone

    [[messages.NewOrderSingle.groups]]          # a new group; `after` and `required` may be given, too
    name = "NoLegsOfStrategy"
    members = ["LegOfStrategy!", "LegWeight"]

    [messages.StrategyStatus]                   # a new message
    msg_type = "U77"
    members = ["Strategy!", "Text"]

    [components.StrategyBlock]                  # a new component; one that is there is changed as a message is
    members = ["Strategy", "Urgency"]

    [header]                                    # header and trailer as a message
    add = ["HopLabel"]

    [groups."NewOrderSingle.NoAllocs"]          # a group that is there, by the way that leads to it
    add = ["AllocLabel"]

Names may be tags ("10001"). Errors name the file and the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from fixfast.dictionary.markup import MAX_TAG_DIGITS, is_digits
from fixfast.dictionary.model import KINDS, Dictionary
from fixfast.dictionary.raw import RawField, RawMember, RawOwner, Spec, spec_of
from fixfast.dictionary.resolve import MAX_NESTING, resolve_as
from fixfast.errors import DictionaryError

__all__ = ["Overlay", "apply", "make_overlay", "parse_overlay"]

_OPTIONS = ("base", "if_missing")
_TABLES = ("fields", "messages", "components", "groups")
_SECTIONS = ("header", "trailer")
_FIELD_KEYS = frozenset({"tag", "type", "codes", "only", "open"})
_OWNER_KEYS = frozenset({"add", "after", "require", "relax", "remove", "groups", "members"})
_MESSAGE_KEYS = _OWNER_KEYS | {"msg_type", "category"}
_GROUP_KEYS = frozenset({"name", "members", "groups", "after", "required"})
_MAX_TAG = 10**MAX_TAG_DIGITS - 1
#: A long overlay has 200 lines.
MAX_BYTES = 1 << 20
#: Of one message, component or group, components not expanded; the standard's largest has 150.
MAX_MEMBERS = 4096


@dataclass(frozen=True)
class Overlay:
    """What an overlay says: its tables, their keys known. `base` is empty unless it names one."""

    file: str
    base: str = ""
    if_missing: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)


def parse_overlay(data: bytes, file: str) -> Overlay:
    """Read an overlay in TOML. Raises: DictionaryError: names the file, and the key or the line."""
    if len(data) > MAX_BYTES:
        raise DictionaryError(f"larger than {MAX_BYTES} bytes", file)
    try:
        tables = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DictionaryError(f"not UTF-8 at byte {error.start}", file) from None
    except tomllib.TOMLDecodeError as error:
        raise DictionaryError(f"not TOML: {error}", file) from None
    except RecursionError:
        raise DictionaryError("not TOML: nested too deep", file) from None
    except ValueError as error:  # a number of thousands of digits, a date that is none
        raise DictionaryError(f"not TOML: {error}", file) from None
    return make_overlay(tables, file)


def make_overlay(tables: Mapping[str, Any], file: str) -> Overlay:
    """Check the outer shape of an overlay. Raises: DictionaryError: names the key that is wrong."""
    base = tables.get("base", "")
    if not isinstance(base, str):
        _fail(file, "base", "the name or the path of a dictionary")
    if_missing = tables.get("if_missing", False)
    if not isinstance(if_missing, bool):
        _fail(file, "if_missing", "true or false")
    for key, table in tables.items():
        if key in _OPTIONS:
            continue
        if key not in _TABLES + _SECTIONS:
            _fail(file, key, f"not known; there are {', '.join(_OPTIONS + _TABLES + _SECTIONS)}")
        if not isinstance(table, Mapping):
            _fail(file, key, "a table")
        for name, inner in table.items() if key in _TABLES else ():
            if not isinstance(inner, Mapping):
                _fail(file, f"{key}.{name}", "a table")
    return Overlay(file, base, if_missing, {key: table for key, table in tables.items() if key not in _OPTIONS})


def apply(dictionary: Dictionary, overlay: Overlay) -> Dictionary:
    """Return a new dictionary with the changes.

    Raises: DictionaryError: a name that is not there, or is already; a key that is not known; a value of a wrong kind.
    """
    edit = _Edit(spec_of(dictionary), overlay)
    edit.run()
    return resolve_as(edit.spec, dictionary.begin_string)


class _Edit:
    """One overlay at work on one spec."""

    def __init__(self, spec: Spec, overlay: Overlay) -> None:
        self.spec = spec
        self.file = overlay.file
        self.tables = overlay.tables
        self.if_missing = overlay.if_missing
        self.tags = {raw.name: tag for tag, raw in spec.fields.items()}
        self.messages = {owner.name: owner for owner in spec.messages.values()}
        self.depth = 0  # of the new groups that are being made

    def run(self) -> None:
        for name, table in self.tables.get("fields", {}).items():
            self.field(f"fields.{name}", str(name), table)
        # All new components first: messages and each other may refer to them.
        components = self.tables.get("components", {})
        for name in components:
            if name not in self.spec.components:
                self.spec.components[name] = RawOwner("component", str(name), self.file, 0, [])
        for name, table in components.items():
            self.owner(f"components.{name}", self.spec.components[name], table, _OWNER_KEYS)
        for name in _SECTIONS:
            if name in self.tables:
                section = self.spec.header if name == "header" else self.spec.trailer
                assert section is not None, "spec_of() gives both"
                self.owner(name, section, self.tables[name], _OWNER_KEYS)
        for name, table in self.tables.get("messages", {}).items():
            self.owner(f"messages.{name}", self.message(f"messages.{name}", str(name), table), table, _MESSAGE_KEYS)
        for path, table in self.tables.get("groups", {}).items():
            key = f'groups."{path}"'
            group = self.group_at(key, str(path))
            self.owner(key, RawOwner("group", str(path), self.file, 0, group.members), table, _OWNER_KEYS)

    def fail(self, key: str, detail: str) -> NoReturn:
        _fail(self.file, key, detail)

    def keys(self, key: str, table: Mapping[str, Any], known: frozenset[str]) -> None:
        unknown = sorted(set(map(str, table)) - known)
        if unknown:
            self.fail(f"{key}.{unknown[0]}", f"not known; there are {', '.join(sorted(known))}")

    def flag(self, key: str, value: object) -> bool:
        if not isinstance(value, bool):
            self.fail(key, "true or false")
        return value

    # --- fields ---------------------------------------------------------------------------------------------

    def field(self, key: str, name: str, table: Mapping[str, Any]) -> None:
        self.keys(key, table, _FIELD_KEYS)
        tag = self.tags.get(name)
        if tag is None and is_digits(name, MAX_TAG_DIGITS) and int(name) in self.spec.fields:
            tag = int(name)
        codes = self.codes(f"{key}.codes", table.get("codes", {}))
        only = self.codes(f"{key}.only", table.get("only", {}))
        if "codes" in table and "only" in table:
            self.fail(f"{key}.only", "either codes (added to those there are) or only (instead of them)")
        type_name = table.get("type")
        if type_name is not None and (not isinstance(type_name, str) or type_name.upper() not in KINDS):
            self.fail(f"{key}.type", f"{type_name!r} is no type: there are {', '.join(sorted(KINDS))}")
        if tag is None:
            self.new_field(key, name, table, codes or only)
            return
        raw = self.spec.fields[tag]
        if table.get("tag", tag) != tag:
            self.fail(f"{key}.tag", f"{name} is tag {tag}")
        if self.if_missing and "tag" in table:
            return
        self.spec.fields[tag] = raw._replace(
            type=raw.type if type_name is None else type_name.upper(),
            codes=only if "only" in table else {**raw.codes, **codes},
            open=self.flag(f"{key}.open", table.get("open", raw.open)),
        )

    def new_field(self, key: str, name: str, table: Mapping[str, Any], codes: dict[str, str]) -> None:
        tag = table.get("tag")
        if type(tag) is not int or not 0 < tag <= _MAX_TAG:
            self.fail(f"{key}.tag", f"there is no field {name}; a new one has a tag from 1 to {_MAX_TAG}")
        if tag in self.spec.fields:
            self.fail(f"{key}.tag", f"tag {tag} is {self.spec.fields[tag].name}")
        if "type" not in table:
            self.fail(f"{key}.type", "a new field has a type")
        is_open = self.flag(f"{key}.open", table.get("open", False))
        self.spec.fields[tag] = RawField(tag, name, table["type"].upper(), self.file, 0, codes, is_open)
        self.tags[name] = tag

    def codes(self, key: str, table: object) -> dict[str, str]:
        if not isinstance(table, Mapping):
            self.fail(key, "a table of value = name")
        codes = {}
        for value, name in table.items():
            if not str(value) or not isinstance(name, str) or not name:
                self.fail(f"{key}.{value}", "value = name, neither of them empty")
            codes[str(value)] = name
        return codes

    # --- members --------------------------------------------------------------------------------------------

    def message(self, key: str, name: str, table: Mapping[str, Any]) -> RawOwner:
        """Return the message that a table is about; a new one if it has a msg_type."""
        found = self.messages.get(name) or self.spec.messages.get(name)
        msg_type = table.get("msg_type")
        if found is not None:
            if msg_type not in (None, found.msg_type):
                self.fail(f"{key}.msg_type", f"{found.name} is {found.msg_type}")
            return found
        if not isinstance(msg_type, str) or not msg_type:
            self.fail(f"{key}.msg_type", f"there is no message {name}; a new one has a msg_type")
        if msg_type in self.spec.messages:
            self.fail(f"{key}.msg_type", f"{msg_type} is {self.spec.messages[msg_type].name}")
        category = table.get("category", "app")
        if category not in ("admin", "app"):
            self.fail(f"{key}.category", "'admin' or 'app'")
        new = RawOwner("message", name, self.file, 0, [], msg_type, category)
        self.spec.messages[msg_type] = self.messages[name] = new
        return new

    def owner(self, key: str, owner: RawOwner, table: Mapping[str, Any], known: frozenset[str]) -> None:
        """Change the members of a message, component, group, header or trailer."""
        self.keys(key, table, known)
        if "after" in table and "add" not in table:
            self.fail(f"{key}.after", "says where the members of `add` go, and there is none")
        members = owner.members
        for name in self.names(f"{key}.remove", table.get("remove", ())):
            members.remove(self.member(f"{key}.remove", owner, name))
        for what, required in (("require", True), ("relax", False)):
            for name in self.names(f"{key}.{what}", table.get(what, ())):
                found = self.member(f"{key}.{what}", owner, name)
                members[members.index(found)] = found._replace(required=required)
        for what in ("members", "add"):
            added = [
                self.new_member(f"{key}.{what}", text) for text in self.names(f"{key}.{what}", table.get(what, ()))
            ]
            self.insert(key, owner, added, table.get("after") if what == "add" else None)
        for i, group in enumerate(self.tables_of(f"{key}.groups", table.get("groups", ()))):
            self.insert(f"{key}.groups[{i}]", owner, [self.new_group(f"{key}.groups[{i}]", group)], group.get("after"))

    def insert(self, key: str, owner: RawOwner, added: list[RawMember], after: object) -> None:
        have = {(member.kind == "component", member.name) for member in owner.members}
        if self.if_missing:
            added = [new for new in added if (new.kind == "component", new.name) not in have]
        for new in added:
            if (new.kind == "component", new.name) in have:
                self.fail(key, f"{new.name} is a member of {owner.name} already")
            have.add((new.kind == "component", new.name))
        if len(have) > MAX_MEMBERS:
            self.fail(key, f"more than {MAX_MEMBERS} members of {owner.name}")
        at = len(owner.members)
        if after is not None:
            if not isinstance(after, str):
                self.fail(f"{key}.after", "the name of a member")
            at = owner.members.index(self.member(f"{key}.after", owner, after)) + 1
        owner.members[at:at] = added

    def member(self, key: str, owner: RawOwner, name: str) -> RawMember:
        """Return a member that is there."""
        plain = self.field_name(name) or name.removeprefix("@")
        wanted = (m for m in owner.members if m.name == plain and (m.kind == "component") >= name.startswith("@"))
        found = next(wanted, None)
        if found is not None:
            return found
        return self.fail(
            key, f"{name} is no member of {owner.name} itself (a component's member is changed in the component)"
        )

    def field_name(self, name: str) -> str | None:
        if is_digits(name, MAX_TAG_DIGITS) and int(name) in self.spec.fields:
            return self.spec.fields[int(name)].name
        return name if name in self.tags else None

    def new_member(self, key: str, text: str) -> RawMember:
        name, required = text.removesuffix("!"), text.endswith("!")
        if name.startswith("@"):
            if name[1:] not in self.spec.components:
                self.fail(key, f"there is no component {name[1:]}")
            return RawMember("component", name[1:], required, 0, [])
        found = self.field_name(name)
        if found is None:
            hint = f"; the component is @{name}" if name in self.spec.components else ""
            self.fail(key, f"there is no field {name}{hint}")
        return RawMember("field", found, required, 0, [])

    def new_group(self, key: str, table: Mapping[str, Any]) -> RawMember:
        self.keys(key, table, _GROUP_KEYS)
        if self.depth >= MAX_NESTING:
            self.fail(key, f"nested deeper than {MAX_NESTING} levels")
        self.depth += 1
        name = table.get("name")
        found = self.field_name(name) if isinstance(name, str) else None
        if found is None:
            self.fail(f"{key}.name", "the field that counts the entries")
        texts = self.names(f"{key}.members", table.get("members", ()))
        group = RawOwner("group", found, self.file, 0, [self.new_member(f"{key}.members", text) for text in texts])
        for i, inner in enumerate(self.tables_of(f"{key}.groups", table.get("groups", ()))):
            self.insert(f"{key}.groups[{i}]", group, [self.new_group(f"{key}.groups[{i}]", inner)], inner.get("after"))
        if not group.members:
            self.fail(f"{key}.members", "a group has members, the first of them opens an entry")
        self.depth -= 1
        return RawMember("group", found, self.flag(f"{key}.required", table.get("required", False)), 0, group.members)

    def group_at(self, key: str, path: str) -> RawMember:
        """Return the group that a path leads to: an owner's name, then group after group."""
        first, *names = path.split(".")
        owners = [*self.spec.messages.values(), *self.spec.components.values(), self.spec.header, self.spec.trailer]
        owner = next((o for o in owners if o is not None and first in (o.name, o.msg_type)), None)
        if owner is None or not names:
            self.fail(key, "the way to a group: Message.NoGroup, Component.NoGroup.NoInnerGroup, header.NoHops")
        members = owner.members
        found: RawMember | None = None
        for name in names:
            found = next((m for m in members if m.kind == "group" and m.name == (self.field_name(name) or name)), None)
            if found is None:
                self.fail(key, f"there is no group {name} there{self.hint(name)}")
            members = found.members
        assert found is not None
        return found

    def hint(self, name: str) -> str:
        """Say which components hold a group that was looked for elsewhere."""
        plain = self.field_name(name)
        holders = [
            owner.name
            for owner in self.spec.components.values()
            if any(member.kind == "group" and member.name == plain for member in owner.members)
        ]
        return f"; it is {', '.join(f'{holder}.{plain}' for holder in holders[:3])}" if holders else ""

    # --- shapes ---------------------------------------------------------------------------------------------

    def names(self, key: str, value: object) -> list[str]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            self.fail(key, "a list of names")
        found = [str(item) if type(item) is int else item for item in value]
        for item in found:
            if not isinstance(item, str) or not item:
                self.fail(key, "a list of names")
        return found

    def tables_of(self, key: str, value: object) -> list[Mapping[str, Any]]:
        found = list(value) if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else [None]
        for item in found:
            if not isinstance(item, Mapping):
                self.fail(key, "a list of tables")
        return found  # type: ignore[return-value]  # looked at one by one


def _fail(file: str, key: str, detail: str) -> NoReturn:
    raise DictionaryError(f"{key}: {detail}", file)
