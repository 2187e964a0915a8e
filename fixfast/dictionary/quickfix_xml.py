"""Read a dictionary in QuickFIX's XML schema into a `Spec`: what the file says, names not yet resolved.

The XML may be hostile: see markup.py. Errors name file, line and element.

Dialects that are read, as found in public files:

    QuickFIX, QuickFIX/n     sections in any order or absent (4.x without <components>); FIX 5.0 with an empty <header>
                             and <trailer>; apostrophes or quotation marks; messages without members (XMLnonFIX)
    QuickFIX/J               a default namespace; allowOtherValues="true" on a field, as others write it "Y"; minor="0"
                             with servicepack="2", elsewhere servicepack="SP2" or minor="0SP2"; none in 4.x
    made from Orchestra      <group> without `required`; a name on <fix>
    venues, as Binance       the <trailer> behind the messages; types in any case ("char", "UTCTimestamp"); stray
                             characters between elements; own messages ("XLQ"), header fields and groups; session
                             messages left out; counts of type INT or NUMINGROUP
    brokers and tools        required="y", "C" (conditionally: not required) or absent; msgcat in any case or absent; no
                             `type` on <fix>; values without a description, or with a group; attributes beside those
                             known here, such as a field's number where it is a member; components named as fields,
                             groups or messages; an empty component; comments, CDATA, a BOM, other encodings

What stays an error, because no reading is safe: an unknown element, type, field or component; a definition given twice.
"""

from __future__ import annotations

import re

from fixfast.dictionary.markup import MAX_ATTRIBUTE, MAX_BYTES, MAX_DEPTH, MarkupReader, is_digits
from fixfast.dictionary.raw import RawField, RawMember, RawOwner, Spec

__all__ = ["MAX_ATTRIBUTE", "MAX_BYTES", "MAX_DEPTH", "RawField", "RawMember", "RawOwner", "Spec", "read_quickfix_xml"]

_MEMBERS = ("field", "group", "component")
#: element -> the elements allowed inside; "=" marks those that are definitions, not members
_CHILDREN: dict[str, dict[str, str]] = {
    "": {"fix": "fix"},
    "fix": {name: name for name in ("header", "trailer", "messages", "components", "fields")},
    "messages": {"message": "message"},
    "components": {"component": "=component"},
    "fields": {"field": "=field"},
    "=field": {"value": "value"},
    **{owner: {name: name for name in _MEMBERS} for owner in ("header", "trailer", "message", "=component", "group")},
}


_MINOR = re.compile(r"([0-9]{1,2})(?:SP([0-9]{1,2}))?", re.IGNORECASE)
_PACK = re.compile(r"(?:SP)?([0-9]{1,2})", re.IGNORECASE)


def read_quickfix_xml(data: bytes, file: str) -> Spec:
    """Read one dictionary.

    Args:
        data: the XML.
        file: its name, for error messages.

    Returns:
        the definitions, in the order of the file; names are not resolved yet.

    Raises:
        DictionaryError: not XML, a DTD or entity, too large or deep, an unknown element, a bad or missing
            attribute, or a definition given twice.
    """
    reader = _Reader(file)
    reader.parse(data)
    return reader.spec


class _Reader(MarkupReader):
    """What is open, and what was read."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.spec = Spec(file)
        self.path: list[str] = [""]
        self.members: list[list[RawMember]] = []  # of the owners and groups that are open, innermost last
        self.codes: dict[str, str] = {}
        self.message_names: set[str] = set()
        self.field_names: set[str] = set()
        self.seen: set[str] = set()

    def flag(self, element: str, attributes: dict[str, str], name: str) -> bool:
        value = attributes.get(name)
        if value is None or value in ("N", "n", ""):
            return False
        if value.lower() not in ("y", "true", "1", "false", "0", "c"):
            self.fail(element, f"{name}={value!r}: Y or N")
        return value.lower() in ("y", "true", "1")

    # --- elements -------------------------------------------------------------------------------------------

    def start(self, element: str, attributes: dict[str, str]) -> None:
        role = _CHILDREN.get(self.path[-1], {}).get(element)
        if role is None:
            parent = self.path[-1].lstrip("=")
            self.fail(element, f"not allowed in <{parent}>" if parent else "the first element must be <fix>")
        self.path.append(role)
        if role in _MEMBERS:  # the common case: nine of ten elements
            inner: list[RawMember] = []
            name = self.text(element, attributes, "name")
            self.members[-1].append(RawMember(role, name, self.flag(element, attributes, "required"), self.line, inner))
            if role == "group":
                self.members.append(inner)
        elif role == "value":
            self.start_value(attributes)
        elif role == "=field":
            self.start_field(attributes)
        elif role == "fix":
            self.start_fix(attributes)
        elif role in ("message", "=component", "header", "trailer"):
            self.members.append(self.start_owner(role, attributes))
        else:
            self.once(element)

    def end(self, element: str) -> None:
        role = self.path.pop()
        if role in ("group", "message", "=component", "header", "trailer"):
            members = self.members.pop()
            if role == "group" and not members:
                self.fail("group", "a group without members")

    def once(self, element: str) -> None:
        if element in self.seen:
            self.fail(element, "given twice")
        self.seen.add(element)

    def start_fix(self, attributes: dict[str, str]) -> None:
        kind = (attributes.get("type") or "FIX").upper()
        major = self.text("fix", attributes, "major")
        minor = _MINOR.fullmatch(self.text("fix", attributes, "minor"))
        pack = _PACK.fullmatch(attributes.get("servicepack") or "0")
        if kind not in ("FIX", "FIXT") or not is_digits(major, 2) or minor is None or pack is None:
            self.fail("fix", "type is FIX or FIXT; major, minor and servicepack are numbers")
        number = int(minor[2] or pack[1])
        self.spec.version = f"{kind}.{int(major)}.{int(minor[1])}" + (f"SP{number}" if number else "")

    def start_owner(self, role: str, attributes: dict[str, str]) -> list[RawMember]:
        element = role.lstrip("=")
        members: list[RawMember] = []
        name = element if role in ("header", "trailer") else self.text(element, attributes, "name")
        owner = RawOwner(element, name, self.file, self.line, members)
        if role == "message":
            msg_type = self.text(element, attributes, "msgtype")
            category = (attributes.get("msgcat") or "app").lower()
            if category not in ("admin", "app"):
                self.fail(element, f"msgcat={category!r}: admin or app")
            if msg_type in self.spec.messages or name in self.message_names:
                self.fail(element, f"message {name} ({msg_type}) is defined twice")
            self.message_names.add(name)
            self.spec.messages[msg_type] = owner._replace(msg_type=msg_type, category=category)
        elif role == "=component":
            if name in self.spec.components:
                self.fail(element, f"component {name} is defined twice")
            self.spec.components[name] = owner
        else:
            self.once(element)
            if role == "header":
                self.spec.header = owner
            else:
                self.spec.trailer = owner
        return members

    def start_field(self, attributes: dict[str, str]) -> None:
        tag = self.tag("field", attributes, "number")
        name = self.text("field", attributes, "name")
        if tag in self.spec.fields or name in self.field_names:
            self.fail("field", f"field {name} ({tag}) is defined twice")
        self.field_names.add(name)
        self.codes = {}
        type_name = self.text("field", attributes, "type").upper()
        is_open = self.flag("field", attributes, "allowOtherValues")
        self.spec.fields[tag] = RawField(tag, name, type_name, self.file, self.line, self.codes, is_open)

    def start_value(self, attributes: dict[str, str]) -> None:
        value = self.text("value", attributes, "enum")
        if value in self.codes:
            self.fail("value", f"value {value!r} is defined twice")
        # Dictionaries in the wild leave descriptions out: the value then names itself.
        self.codes[value] = attributes.get("description") or value
