"""Read a dictionary in QuickFIX's XML schema into a `Spec`: what the file says, names not yet resolved.

The XML may be hostile: a DTD or an entity is refused, and size and depth are bounded (the standard's largest file
is 1.5 MB, its deepest element 8 levels down). Errors name file, line and element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from fixfast.errors import DictionaryError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "RawField", "RawMember", "RawOwner", "Spec", "read_quickfix_xml"]

#: Ten times the standard's largest dictionary.
MAX_BYTES = 16 << 20
#: Levels of elements: the standard's dictionaries need 8.
MAX_DEPTH = 32
#: Longest attribute value that is looked at.
MAX_ATTRIBUTE = 1024
#: Tags are written with one to nine digits.
MAX_TAG_DIGITS = 9

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


class RawMember(NamedTuple):
    """A member by name: `kind` is "field", "group" or "component"; only a group has members of its own."""

    kind: str
    name: str
    required: bool
    line: int
    members: list[RawMember]


class RawOwner(NamedTuple):
    """A header, trailer, message or component as written; `msg_type` and `category` are a message's."""

    element: str
    name: str
    file: str
    line: int
    members: list[RawMember]
    msg_type: str = ""
    category: str = "app"


class RawField(NamedTuple):
    """A field definition as written; codes are (value, name)."""

    tag: int
    name: str
    type: str
    file: str
    line: int
    codes: dict[str, str]


@dataclass(slots=True)
class Spec:
    """What one dictionary file says. `version` is "FIX.4.4", "FIX.5.0SP2", "FIXT.1.1"."""

    file: str
    version: str = ""
    header: RawOwner | None = None
    trailer: RawOwner | None = None
    messages: dict[str, RawOwner] = field(default_factory=dict)
    components: dict[str, RawOwner] = field(default_factory=dict)
    fields: dict[int, RawField] = field(default_factory=dict)


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
    if len(data) > MAX_BYTES:
        raise DictionaryError(f"larger than {MAX_BYTES} bytes", file)
    return _Reader(file).read(data)


class _Reader:
    """Expat handlers for one file, and the stack they share."""

    def __init__(self, file: str) -> None:
        self.spec = Spec(file)
        self.path: list[str] = [""]
        self.members: list[list[RawMember]] = []  # of the owners and groups that are open, innermost last
        self.codes: dict[str, str] = {}
        self.message_names: set[str] = set()
        self.field_names: set[str] = set()
        self.seen: set[str] = set()
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.EntityDeclHandler = self.refuse_entity

    def read(self, data: bytes) -> Spec:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            detail = f"not well-formed XML: {expat.ErrorString(error.code)}"
            raise DictionaryError(detail, self.spec.file, error.lineno) from None
        except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
            if isinstance(error, DictionaryError):
                raise
            raise DictionaryError(f"not readable: {error}", self.spec.file, self.parser.CurrentLineNumber) from None
        return self.spec

    def fail(self, element: str, detail: str) -> NoReturn:
        raise DictionaryError(detail, self.spec.file, self.parser.CurrentLineNumber, element)

    def refuse_doctype(self, name: str, *_: object) -> None:
        self.fail("!DOCTYPE", "a document type declaration is not accepted")

    def refuse_entity(self, name: str, *_: object) -> None:
        self.fail("!ENTITY", "an entity declaration is not accepted")

    def text(self, element: str, attributes: dict[str, str], name: str) -> str:
        value = attributes.get(name)
        if not value:
            self.fail(element, f"attribute {name!r} is missing or empty")
        if len(value) > MAX_ATTRIBUTE:
            self.fail(element, f"attribute {name!r} is longer than {MAX_ATTRIBUTE} characters")
        return value

    def required(self, element: str, attributes: dict[str, str]) -> bool:
        value = attributes.get("required", "N")
        if value in ("Y", "y"):
            return True
        if value not in ("N", "n"):
            self.fail(element, f"required={value!r}: Y or N")
        return False

    # --- elements -------------------------------------------------------------------------------------------

    def start(self, element: str, attributes: dict[str, str]) -> None:
        role = _CHILDREN.get(self.path[-1], {}).get(element)
        if role is None:
            parent = self.path[-1].lstrip("=")
            self.fail(element, f"not allowed in <{parent}>" if parent else "the first element must be <fix>")
        if len(self.path) > MAX_DEPTH:
            self.fail(element, f"deeper than {MAX_DEPTH} levels")
        self.path.append(role)
        if role in _MEMBERS:  # the common case: nine of ten elements
            inner: list[RawMember] = []
            name = self.text(element, attributes, "name")
            line = self.parser.CurrentLineNumber
            self.members[-1].append(RawMember(role, name, self.required(element, attributes), line, inner))
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
        kind = attributes.get("type", "FIX")
        numbers = [self.text("fix", attributes, "major"), self.text("fix", attributes, "minor")]
        pack = attributes.get("servicepack") or "0"
        if kind not in ("FIX", "FIXT") or not all(_is_digits(n, 2) for n in (*numbers, pack)):
            self.fail("fix", "type is FIX or FIXT; major, minor and servicepack are numbers")
        self.spec.version = f"{kind}.{int(numbers[0])}.{int(numbers[1])}" + (f"SP{int(pack)}" if int(pack) else "")

    def start_owner(self, role: str, attributes: dict[str, str]) -> list[RawMember]:
        element = role.lstrip("=")
        members: list[RawMember] = []
        name = element if role in ("header", "trailer") else self.text(element, attributes, "name")
        owner = RawOwner(element, name, self.spec.file, self.parser.CurrentLineNumber, members)
        if role == "message":
            msg_type = self.text(element, attributes, "msgtype")
            category = attributes.get("msgcat", "app")
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
        number = self.text("field", attributes, "number")
        name = self.text("field", attributes, "name")
        if not _is_digits(number, MAX_TAG_DIGITS) or not int(number):
            self.fail("field", f"number={number!r}: a tag has 1 to {MAX_TAG_DIGITS} digits and is not 0")
        tag = int(number)
        if tag in self.spec.fields or name in self.field_names:
            self.fail("field", f"field {name} ({tag}) is defined twice")
        self.field_names.add(name)
        self.codes = {}
        type_name = self.text("field", attributes, "type").upper()
        line = self.parser.CurrentLineNumber
        self.spec.fields[tag] = RawField(tag, name, type_name, self.spec.file, line, self.codes)

    def start_value(self, attributes: dict[str, str]) -> None:
        value = self.text("value", attributes, "enum")
        if value in self.codes:
            self.fail("value", f"value {value!r} is defined twice")
        # Dictionaries in the wild leave descriptions out: the value then names itself.
        self.codes[value] = attributes.get("description") or value


def _is_digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most
