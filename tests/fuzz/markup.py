"""Seeded damage to dictionary files: elements and attributes of XML, lines of TOML, and their bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from tests.codec.mutate import mutated

__all__ = ["broken_lines", "broken_markup"]

#: An input grows no longer than this: what grows must be seen to be refused, not waited for.
MAX_INPUT = 1 << 16

_TOKEN = re.compile(rb"<[^<>]*>|[^<>]+|[<>]")
_ATTRIBUTE = re.compile(rb"""([\w:.-]+)\s*=\s*("[^"]*"|'[^']*')""")
_NAME = re.compile(rb"^</?\s*([\w:.-]+)")

_VALUES = (
    b"", b"a b", b"9" * 40, b"a" * 2000, b"&#0;", b"&#10;", b"&amp;", b"&a;", b"&lt;", b"\xd9\xa5", b"\xff",
    *b"0 1 -5 007 8 10 35 453 999999999 1000000000 Y N y A D UUU required optional absent admin app FIX FIXT".split(),
    *b"INT DATA LENGTH NUMINGROUP CHAR BOOLEAN XMLDATA BANANA __init__ class None ../x file:///etc/hostname".split(),
)  # fmt: skip
_MARKUP = (
    b'<!DOCTYPE fix SYSTEM "file:///etc/hostname">', b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]>',
    b"<!-- -->", b"text",
    b"<![CDATA[x]]>", b"<?xml version='1.0' encoding='utf-16'?>", b"<?xml version='1.0' encoding='x-unknown'?>",
    b"<?pi x?>", b"\xef\xbb\xbf", b"\xff\xfe", b"&a;", b"&#x110000;", b"]]>", b"<a:b xmlns:a='c'/>", b"<", b"/>",
    b"<field name='Symbol'/>", b"<group name='NoPartyIDs'/>", b"<component name='Parties'/>",
    b"<xi:include href='x' xmlns:xi='http://www.w3.org/2001/XInclude'/>",
)  # fmt: skip


def _name(token: bytes) -> bytes:
    found = _NAME.match(token)
    return found[1] if found else b""


def _element(tokens: Sequence[bytes], at: int) -> int:
    """Return the end of the element (or token) that starts at `at`."""
    token = tokens[at]
    if not token.startswith(b"<") or token.startswith((b"</", b"<!", b"<?")) or token.endswith(b"/>"):
        return at + 1
    depth, name = 0, _name(token)
    for i in range(at, len(tokens)):
        if _name(tokens[i]) == name and not tokens[i].endswith(b"/>"):
            depth += -1 if tokens[i].startswith(b"</") else 1
            if depth == 0:
                return i + 1
    return at + 1


def _with_attribute(token: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return an element with one attribute's value exchanged, dropped, renamed or given twice."""
    found = list(_ATTRIBUTE.finditer(token))
    if not found:
        return token
    chosen = random.choice(found)
    kind = random.randrange(6)
    if kind == 0:
        return token[: chosen.start()] + token[chosen.end() :]
    if kind == 1:
        return token[: chosen.end()] + b" " + chosen[0] + token[chosen.end() :]
    pool = [match for match in _ATTRIBUTE.finditer(random.choice(others)) if match]
    if kind == 2 and pool:
        return token[: chosen.start(1)] + random.choice(pool)[1] + token[chosen.end(1) :]
    if kind in (3, 4) and pool:
        return token[: chosen.start(2)] + random.choice(pool)[2] + token[chosen.end(2) :]
    return token[: chosen.start(2)] + b'"' + random.choice(_VALUES) + b'"' + token[chosen.end(2) :]


def broken_markup(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return one file of the corpus with its elements dropped, doubled, moved, nested, or its bytes damaged."""
    data, other = random.choice(corpus), random.choice(corpus)
    if random.random() < 0.1:
        return mutated(data, other, random)
    tokens, others = _TOKEN.findall(data), _TOKEN.findall(other)
    elements = [token for token in others if _ATTRIBUTE.search(token)] or [b"<a/>"]
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at = random.randrange(len(tokens)) if tokens else 0
        if tokens and random.random() < 0.5:  # what carries meaning is in the elements' attributes
            marked = [i for i, token in enumerate(tokens) if _ATTRIBUTE.search(token)]
            at = random.choice(marked) if marked else at
            tokens[at] = _with_attribute(tokens[at], elements, random)
        elif tokens:
            _move_elements(tokens, others, at, random)
    data = b"".join(tokens)
    if random.random() < 0.1:
        at = random.randrange(len(data) + 1)
        data = data[:at] + random.choice(_MARKUP) + data[at:]
    return data[:MAX_INPUT]


def _move_elements(tokens: list[bytes], others: Sequence[bytes], at: int, random: Random) -> None:
    end = _element(tokens, at)
    block = tokens[at:end]
    target = random.randrange(len(tokens) + 1)
    kind = random.randrange(8)
    if kind == 0:
        del tokens[at:end]
    elif kind == 1:
        tokens[target:target] = block
    elif kind == 2:
        del tokens[at:end]
        target = min(target, len(tokens))
        tokens[target:target] = block
    elif kind == 3:
        start = random.randrange(len(others))
        tokens[target:target] = others[start : _element(others, start)]
    elif kind == 4:
        tokens[at:end] = block * random.choice((2, 3, 50))
    elif kind == 5 and block[0].startswith(b"<") and not block[0].startswith((b"</", b"<!", b"<?")):
        depth = random.choice((1, 2, 20, 40))
        opened = block[0].replace(b"/>", b">")
        tokens[at:end] = [opened] * depth + block + [b"</" + _name(block[0]) + b">"] * depth
    elif kind == 6:
        tokens[at:at] = [random.choice(_MARKUP)]
    else:
        del tokens[at]


_LINES = (
    b"", b"[", b"]", b"[[", b"= 1", b"a = 1", b"a.b.c = 1", b'extends = "FIX.4.4"', b'extends = "../x.xml"', b"[a]",
    b"[fields.9999]", b"[messages.D]", b"x = 1979-05-27T07:32:00Z", b"x = nan", b"x = 1e999", b"x = [1, [2, {a = 3}]]",
    b"x = " + b"[" * 200, b"x = " + b"9" * 5000, b"\xff", b'"""', b'[messages."\\u0000"]', b"tag = -1", b"tag = true",
    b'type = "BANANA"', b"required = 1", b'name = ""', b'name = "class"', b"[a.b]", b"[[a]]",
)  # fmt: skip


def broken_lines(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return one file of the corpus with its lines dropped, doubled, moved, given other values, or bytes damaged."""
    data, other = random.choice(corpus), random.choice(corpus)
    if random.random() < 0.2:
        return mutated(data, other, random)
    lines, others = data.split(b"\n"), other.split(b"\n")
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at, kind = random.randrange(len(lines)), random.randrange(7)
        if kind == 0:
            del lines[at]
            lines = lines or [b""]
        elif kind == 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        elif kind == 2:
            lines.insert(random.randrange(len(lines)), lines.pop(at) if len(lines) > 1 else b"")
        elif kind == 3:
            lines.insert(at, random.choice(others))
        elif kind == 4:
            lines.insert(at, random.choice(_LINES))
        elif kind == 5:
            value = random.choice(_VALUES)
            lines[at] = lines[at].partition(b"=")[0] + b"= " + random.choice((value, b'"' + value + b'"'))
        else:
            lines[at] = lines[at].partition(b"=")[0] + b"=" + random.choice(others).partition(b"=")[2]
    return b"\n".join(lines)[:MAX_INPUT]
