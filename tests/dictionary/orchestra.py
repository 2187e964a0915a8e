"""Writes a dictionary as an Orchestra file, in the editions of 2016 and 2020, with what real files have around it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from xml.sax.saxutils import quoteattr

from fixfast.dictionary.model import Component, ComponentRef, Dictionary, GroupRef, Member

NAMESPACES = {
    2016: "http://fixprotocol.io/2016/fixrepository",
    2020: "http://fixprotocol.io/2020/orchestra/repository",
    2023: "http://fixprotocol.io/2023/orchestra/repository",
}
#: What the reader passes over, in a place where real files have it.
NOTE = (
    '<fixr:annotation><fixr:documentation purpose="SYNOPSIS">The field <b>and</b> its &lt;use&gt;.'
    "<fixr:field id='1'/></fixr:documentation></fixr:annotation>"
)


def orchestra_of(dictionary: Dictionary, year: int = 2020) -> bytes:
    """Return the dictionary as an Orchestra file."""
    return _Writer(dictionary, year).text().encode()


class _Writer:
    def __init__(self, dictionary: Dictionary, year: int) -> None:
        self.d = dictionary
        self.year = year
        self.ids = count(2000)
        self.component_ids = {name: next(self.ids) for name in dictionary.components}
        self.groups: list[str] = []

    def text(self) -> str:
        d = self.d
        components = [self.component(component) for component in d.components.values()]
        components += [
            self.block("component", 1024, "StandardHeader", self.members(d.header)),
            self.block("component", 1025, "StandardTrailer", self.members(d.trailer)),
        ]
        messages = [
            f"<fixr:message id='{i}' name={quoteattr(m.name)} msgType={quoteattr(m.msg_type)} "
            f"category='{'Session' if m.category == 'admin' else 'SingleGeneralOrderHandling'}'><fixr:structure>"
            f"<fixr:componentRef id='1024' presence='required'/>{self.members(m.members)}"
            f"<fixr:componentRef id='1025' presence='required'/></fixr:structure>{NOTE}</fixr:message>"
            for i, m in enumerate(d.messages.values(), 1)
        ]
        if self.year == 2016:  # groups stand among the components
            parts = [self.section("components", [*components, *self.groups])]
        else:
            parts = [self.section("components", components), self.section("groups", self.groups)]
        # Real files have the messages last; nothing says that they must.
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<fixr:repository xmlns:fixr='{NAMESPACES[self.year]}' xmlns:dc='http://purl.org/dc/elements/1.1/' "
            f"name={quoteattr(d.version)} version={quoteattr(d.version)}>\n"
            f"<fixr:metadata><dc:title>Orchestra</dc:title></fixr:metadata>\n"
            + self.section("messages", messages)
            + self.section("datatypes", ["<fixr:datatype name='String'>" + NOTE + "</fixr:datatype>"])
            + self.section("codeSets", self.code_sets())
            + self.section("fields", self.fields())
            + "".join(parts)
            + "</fixr:repository>\n"
        )

    def section(self, name: str, items: Iterable[str]) -> str:
        return f"<fixr:{name}>\n" + "\n".join(items) + f"\n</fixr:{name}>\n"

    def code_sets(self) -> list[str]:
        sets = []
        for item in self.d.fields.values():
            codes = "".join(
                f"<fixr:code id='{item.tag}{i:03}' name={quoteattr(code.name)} value={quoteattr(code.value)}>{NOTE}"
                "</fixr:code>"
                for i, code in enumerate(item.codes)
            )
            if codes:
                sets.append(
                    f"<fixr:codeSet id='{item.tag}' name='{item.name}CodeSet' type='{item.type.title()}'>{codes}"
                    "</fixr:codeSet>"
                )
        return sets

    def fields(self) -> list[str]:
        fields = []
        lengths = {data: length for length, data in self.d.data_pairs.items()}
        for item in self.d.fields.values():
            kind = f"type='{item.type.title()}'" if not item.codes else f"type='{item.name}CodeSet'"
            if item.codes and self.year > 2020:
                kind = f"codeSet='{item.name}CodeSet'"
            union = " unionDataType='Reserved100Plus'" if item.open else ""
            length = f" lengthId='{lengths[item.tag]}'" if item.tag in lengths else ""
            fields.append(f"<fixr:field id='{item.tag}' name='{item.name}' {kind}{union}{length}>{NOTE}</fixr:field>")
        return fields

    def block(self, element: str, key: int, name: str, inside: str, attributes: str = "") -> str:
        return f"<fixr:{element} id='{key}' name={quoteattr(name)}{attributes}>{inside}{NOTE}</fixr:{element}>"

    def component(self, component: Component) -> str:
        """Return a component; one that is but a group is a group in Orchestra."""
        key = self.component_ids[component.name]
        only = component.members[0] if len(component.members) == 1 else None
        if isinstance(only, GroupRef) and component.name != only.name:
            self.group(key, component.name, only, only.required)
            return ""
        return self.block("component", key, component.name, self.members(component.members))

    def group(self, key: int, name: str, member: GroupRef, required: bool) -> None:
        inside = self.members(member.group.members)
        if self.year == 2016 and required:
            self.groups.append(self.block("group", key, name, inside, f" numInGroupId='{member.tag}'"))
        else:
            optional = "" if required else " presence='optional'"
            inside = f"<fixr:numInGroup id='{member.tag}'{optional}>{NOTE}</fixr:numInGroup>{inside}"
            self.groups.append(self.block("group", key, name, inside))

    def presence(self, required: bool) -> str:
        return " presence='required'" if required else ""

    def members(self, members: Iterable[Member]) -> str:
        parts = []
        for member in members:
            presence = self.presence(member.required)
            if isinstance(member, ComponentRef):
                component = member.component
                only = component.members[0] if len(component.members) == 1 else None
                is_group = isinstance(only, GroupRef) and component.name != only.name and self.year != 2016
                element = "groupRef" if is_group else "componentRef"
                parts.append(f"<fixr:{element} id='{self.component_ids[component.name]}'{presence}/>")
            elif isinstance(member, GroupRef):  # named as its count: a group of its owner's own
                key = next(self.ids)
                self.group(key, member.name, member, False)
                parts.append(f"<fixr:groupRef id='{key}'{presence}/>")
            else:
                parts.append(f"<fixr:fieldRef id='{member.tag}'{presence}>{NOTE}</fixr:fieldRef>")
        return "".join(parts)
