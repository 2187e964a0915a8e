"""Read a dictionary in FIX Orchestra's XML into a `Spec`: what the file says, names not yet resolved.

The XML may be hostile: see markup.py. Errors name file, line and element.

Orchestra is the FIX Trading Community's own format, of the standard itself and of venues' rules of engagement. Read are
its editions 2016 (`numInGroupId` on a group, groups among the components), 2020 and the later ones (a field's
`codeSet`), in any order of sections. What becomes what:

    field, type="..."       a Field; the type is a datatype (a new one: what its baseType is) or the name of a code set
    code "FillOrKill"       Code name FILL_OR_KILL, as in QuickFIX's files
    unionDataType           Field.open: values beyond the codes are right, too
    lengthId                which field holds the length, where no field stands right before the data. (In the published
                            session file it names Account: what is no length is not believed.)
    component, group        Components; a group's holds the group. A group named as its count field is no component,
                            but stands in its owner's own members.
    StandardHeader, ...     header and trailer; references to them in messages say nothing more
    presence="required"     required. "forbidden" is no member at all, everything else is optional.
    category="Session"      an admin message, as are the session's own; every other one is the application's
    scenarios               the base's definition counts. Where there is none, all scenarios' together: the members of
                            any, required if all of them require it; the codes of all. So no legal message is refused.
    version                 FIX.Latest and extension packs are FIX.5.0SP2; the name FIXT is FIXT.1.1

Annotations, rules, assignments, flows, actors and the like are passed over. Nothing is included from other files.
"""

from __future__ import annotations

import re

from fixfast.dictionary.markup import MarkupReader
from fixfast.dictionary.model import is_session
from fixfast.dictionary.orchestra_link import Block, CodeSet, FieldSource, Ref, Repository, link
from fixfast.dictionary.raw import Spec

__all__ = ["ROOTS", "read_orchestra_xml"]

#: The first element; drafts of the edition of 2016 have the second.
ROOTS = ("repository", "fixRepository")

_NAMESPACE = re.compile(r"http://fixprotocol\.io/20[0-9]{2}/(?:orchestra/repository|fixrepository)")
_XINCLUDE = "http://www.w3.org/2001/XInclude"
_PRESENCE = ("optional", "required", "forbidden", "ignored", "constant")

_REFERENCES = {"fieldRef": "field", "componentRef": "component", "groupRef": "group"}
#: element -> the elements inside that say something; None: what stands inside says nothing
_CHILDREN: dict[str, tuple[str, ...]] = {
    "repository": ("datatypes", "codeSets", "fields", "components", "groups", "messages"),
    "datatypes": ("datatype",),
    "codeSets": ("codeSet",),
    "codeSet": ("code",),
    "fields": ("field",),
    "components": ("component", "group"),
    "groups": ("group", "component"),
    "messages": ("message",),
    "message": ("structure",),
    "component": tuple(_REFERENCES),
    "group": ("numInGroup", *_REFERENCES),
    "structure": tuple(_REFERENCES),
}
#: What may stand beside members; anything else there is an error, so that a slip of the pen loses no member.
_PASSED_OVER = ("annotation", "rule", "assign", "fieldUnref", "componentUnref", "groupUnref")


def read_orchestra_xml(data: bytes, file: str) -> Spec:
    """Read one dictionary.

    Args:
        data: the XML.
        file: its name, for error messages.

    Returns:
        the definitions; names are not resolved yet.

    Raises:
        DictionaryError: not XML, not Orchestra's, a DTD or entity, too large or deep, a bad or missing attribute, a
            definition given twice, or a reference to none.
    """
    reader = _Reader(file)
    reader.parse(data)
    return link(reader.repository)


class _Reader(MarkupReader):
    """What the file says, references not followed: sections may stand in any order."""

    def __init__(self, file: str) -> None:
        super().__init__(file, separator=" ")
        self.path = [""]
        self.skip = 0  # levels inside of what is passed over
        self.repository = Repository(file)
        self.blocks = {
            "component": self.repository.components,
            "group": self.repository.groups,
            "message": self.repository.messages,
        }
        # Of the code set that is open: its codes, and the values given so far.
        self.codes: dict[str, str] = {}
        self.values: set[str] = set()
        # Of the block that is open: its references so far, and how often each was referred to.
        self.block = Block("", "", "", 0, base=True)
        self.found: dict[tuple[str, int | str, int], Ref] = {}
        self.times: dict[tuple[str, int | str], int] = {}
        self.counted = False

    # --- elements -------------------------------------------------------------------------------------------

    def start(self, element: str, attributes: dict[str, str]) -> None:
        if self.skip:
            self.skip += 1
            return
        namespace, _, name = element.rpartition(" ")
        parent = self.path[-1]
        if namespace == _XINCLUDE:
            self.fail(name, "nothing is included from other files")
        if not parent:
            if name not in ROOTS or not _NAMESPACE.fullmatch(namespace):
                self.fail(name, "the first element must be <repository> in a namespace of FIX Orchestra")
            self.repository.version = attributes.get("version", "")
            self.repository.name = attributes.get("name", "")
            self.path.append("repository")
        elif name in _CHILDREN.get(parent, ()) and _NAMESPACE.fullmatch(namespace):
            self.path.append(name)
            self.open(name, attributes)
        elif parent in ("component", "group", "structure") and name not in _PASSED_OVER:
            self.fail(name, f"not known in <{parent}>")
        else:
            self.skip = 1

    def end(self, element: str) -> None:
        if self.skip:
            self.skip -= 1
            return
        name = self.path.pop()
        if name in ("component", "group", "message"):
            self.close_block()

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if name in _REFERENCES:
            self.reference(name, attributes)
        elif name == "code":
            self.code(attributes)
        elif name == "field":
            self.field(attributes)
        elif name == "codeSet":
            self.code_set(attributes)
        elif name in self.blocks:
            self.open_block(name, attributes)
        elif name == "numInGroup":
            if self.counted:
                self.fail(name, "given twice")
            self.counted = True
            # Whether a group must be there is said where it is referred to, so its count must be if the group must.
            self.block.count = self.ref(name, "field", {"presence": "required", **attributes})
        elif name == "datatype":
            self.repository.base_types.setdefault(self.text(name, attributes, "name"), attributes.get("baseType", ""))

    def scenario(self, attributes: dict[str, str]) -> tuple[str, bool]:
        """Return a scenario's name, and whether it is the base."""
        number = attributes.get("scenarioId", "1")
        name = attributes.get("scenario") or ("base" if number == "1" else number)
        return name, name == "base"

    def again(self, element: str, what: str, scenario: str, seen: set[str]) -> None:
        if scenario in seen:
            self.fail(element, f"{what} is defined twice" + ("" if scenario == "base" else f" for {scenario}"))
        seen.add(scenario)

    # --- fields and codes -----------------------------------------------------------------------------------

    def field(self, attributes: dict[str, str]) -> None:
        tag = self.tag("field", attributes, "id")
        name = self.text("field", attributes, "name")
        scenario, base = self.scenario(attributes)
        known = self.repository.fields.get(tag)
        scenarios = known.scenarios if known is not None else set()
        self.again("field", f"field {name} ({tag})", scenario, scenarios)
        is_open = bool(attributes.get("unionDataType"))
        if known is not None and not base:
            # One scenario's field is open: another's list of codes must not close it.
            self.repository.fields[tag] = known._replace(open=known.open or (is_open and not known.base))
            return
        code_set = attributes.get("codeSet", "")
        type_name = attributes.get("type", "") if code_set else self.text("field", attributes, "type")
        length = self.tag("field", attributes, "lengthId") if "lengthId" in attributes else 0
        self.repository.fields[tag] = FieldSource(
            tag, name, type_name, code_set, self.line, is_open, length, base, scenarios
        )

    def code_set(self, attributes: dict[str, str]) -> None:
        name = self.text("codeSet", attributes, "name")
        scenario, base = self.scenario(attributes)
        known = self.repository.code_sets.get(name)
        scenarios = known.scenarios if known is not None else set()
        self.again("codeSet", f"code set {name}", scenario, scenarios)
        self.values = set()
        if known is None or base:
            known = self.repository.code_sets[name] = CodeSet(
                self.text("codeSet", attributes, "type"), base, {}, scenarios
            )
        # Of a scenario that is not the base, beside a base: read for its errors, and forgotten.
        self.codes = known.codes if base or not known.base else {}

    def code(self, attributes: dict[str, str]) -> None:
        value = self.text("code", attributes, "value")
        if value in self.values:
            self.fail("code", f"value {value!r} is defined twice")
        self.values.add(value)
        self.codes.setdefault(value, _code_name(attributes.get("name") or value))

    # --- components, groups, messages -----------------------------------------------------------------------

    def open_block(self, element: str, attributes: dict[str, str]) -> None:
        name = self.text(element, attributes, "name")
        key: int | str
        key = self.text(element, attributes, "msgType") if element == "message" else self.tag(element, attributes, "id")
        scenario, base = self.scenario(attributes)
        blocks = self.blocks[element]
        block = blocks.get(key)
        if block is None or (base and not block.base):
            scenarios = block.scenarios if block is not None else set()
            block = blocks[key] = Block(element, key, name, self.line, base, scenarios=scenarios)
        elif block.base and not base:  # read for its errors, and forgotten
            block = Block(element, key, name, self.line, base, scenarios=block.scenarios)
        self.again(element, f"{element} {name} ({key})", scenario, block.scenarios)
        if attributes.get("category", "").lower() == "session" or is_session(str(key)):
            block.category = "admin"
        self.block, self.found, self.times, self.counted = block, {}, {}, "numInGroupId" in attributes
        if self.counted:  # the edition of 2016
            block.count = Ref("field", self.tag(element, attributes, "numInGroupId"), True, self.line)

    def close_block(self) -> None:
        block = self.block
        if block.element == "group" and not self.found:
            self.fail("group", f"group {block.name} has no members")
        if block.element == "group" and block.count is None:
            self.fail("group", f"group {block.name} has no numInGroup")
        block.merged += 1
        for key, ref in self.found.items():
            block.refs.setdefault(key, ref)
            block.required[key] += ref.required

    def reference(self, element: str, attributes: dict[str, str]) -> None:
        ref = self.ref(element, _REFERENCES[element], attributes)
        if ref is None:
            return
        # The same one again (which the resolver warns of) is another member.
        times = self.times[ref.kind, ref.key] = self.times.get((ref.kind, ref.key), 0) + 1
        self.found[ref.kind, ref.key, times] = ref

    def ref(self, element: str, kind: str, attributes: dict[str, str]) -> Ref | None:
        presence = attributes.get("presence") or "optional"
        if presence not in _PRESENCE:
            self.fail(element, f"presence={presence!r}: one of {', '.join(_PRESENCE)}")
        if "forbidden" in (presence, attributes.get("supported")):
            return None
        key: int | str
        key = self.tag(element, attributes, "id") if "id" in attributes else self.text(element, attributes, "name")
        return Ref(kind, key, presence == "required", self.line)


_WORDS = (re.compile(r"(?<=[a-z0-9])(?=[A-Z])"), re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])"))


def _code_name(name: str) -> str:
    """Return the name of a code in upper case: FillOrKill is FILL_OR_KILL, OKToCross OK_TO_CROSS."""
    if name.upper() == name:
        return name
    for boundary in _WORDS:
        name = boundary.sub("_", name)
    return name.upper()
