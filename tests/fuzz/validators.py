"""Invariant: both codecs find the same groups and the same fault in every message, by every dictionary there can be.

Each target takes bytes and raises AssertionError when its invariant breaks; any other exception is a finding too.

validate    The bytes are a message; the dictionary is the standard's, as the message itself says.
dictionary  The bytes are a dictionary in QuickFIX's schema: where it is accepted, messages made up from it are judged,
            as they are and damaged. The compiled codec reads it compiled, the reference its model.
blob        The bytes are a compiled dictionary, a damaged one as like as not: it is refused, or safe to walk.
"""

from __future__ import annotations

import zlib
from copy import copy
from functools import cache
from random import Random
from typing import Any, Literal
from unittest.mock import patch

from fixfast.codec.schema import Schema
from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Fault, InvalidMessage, Validation
from fixfast.errors import DictionaryError, FixfastError, GarbledMessage
from tests.fuzz.codecs import FAST, SLOW
from tests.fuzz.kinds import KINDS
from tests.fuzz.making import made_message
from tests.fuzz.readers import quickfix_xml
from tests.fuzz.seeds import small

__all__ = ["blob", "dictionary", "validate"]

#: Messages made up from one dictionary.
MESSAGES = 4


@cache
def _walks() -> tuple[bytes, ...]:
    """Return messages that lead through all of the small dictionary, right ones and wrong ones."""
    random = Random(7)
    made = [made_message(small(), random) for _ in range(12)]
    made += [KINDS["fields"].mutation(made, random) for _ in range(12)]
    return tuple(raw for raw in made if _is_message(raw, None))


def _is_message(raw: bytes, dictionary: Dictionary | None) -> bool:
    """Tell whether the frame is right: if not, it is the business of other targets."""
    try:
        SLOW.parse(raw, dictionary=dictionary)
    except GarbledMessage:
        return False
    return True


def _options(random: Random) -> Validation:
    """Return a Validation; a third of them check everything."""
    if random.random() < 0.33:
        return Validation("observe", xml=True)
    flags = {
        name: random.random() < 0.5 for name in ("unknown_tags", "user_defined_tags", "codes", "order", "empty", "xml")
    }
    level: Literal["structure", "full"] = random.choice(("structure", "full"))
    return Validation("observe", level, max_group_entries=random.choice((1, 2, 10_000)), **flags)


def _groups(m: Any, container: Any, tags: set[int]) -> list[object]:
    """Return the groups of a message or entry by the dictionary, entry by entry, with those inside."""
    found: list[object] = []
    for tag in sorted(tags):
        try:
            entries = list(container.group(tag))
        except FixfastError as error:
            found.append((tag, type(error).__name__))
            continue
        found += [(tag, list(entry), _groups(m, entry, {t for t, _ in entry})) for entry in entries]
    return found


def _judged(codec: Any, raw: bytes, dictionary: Dictionary | None, options: Validation) -> list[object]:
    m = codec.parse(raw, dictionary=dictionary)
    fault = m.validate(options)
    assert fault is None or (isinstance(fault, Fault) and str(fault)), f"not a Fault: {fault!r}"
    try:
        raised = codec.parse(raw, dictionary=dictionary, validate=options).fault
    except InvalidMessage as error:
        raised = error.fault
    assert raised == fault, f"parse finds {raised}, validate {fault}"
    return [fault, _groups(m, m, {tag for tag, _ in m})]


def _compare(raw: bytes, dictionary: Dictionary | None, random: Random) -> None:
    options = _options(random)
    if not _is_message(raw, dictionary):
        return
    expected, found = (_judged(codec, raw, dictionary, options) for codec in (SLOW, FAST))
    assert found == expected, f"compiled: {found}, reference: {expected} by {options} for {raw!r}"


def blob(data: bytes) -> None:
    """Take the bytes for what the small dictionary was compiled to, and walk messages by it."""
    try:
        Schema(data)
    except DictionaryError:
        return
    carrier = copy(small())
    with patch("fixfast.dictionary.compiled.blob_of", lambda source: data):
        for raw in _walks():
            m = FAST.parse(raw, dictionary=carrier)
            fault = m.validate(Validation("observe", xml=True))
            assert fault is None or isinstance(fault, Fault)
            _groups(m, m, {tag for tag, _ in m})


def validate(data: bytes) -> None:
    """Judge a message by the standard."""
    _compare(data, None, Random(zlib.crc32(data)))


def dictionary(data: bytes) -> None:
    """Read a dictionary; judge messages made up from it."""
    read = quickfix_xml(data)
    if read is None:
        return
    random = Random(zlib.crc32(data))
    try:
        blob = compile_dictionary(read)
    except DictionaryError:
        return  # more than the compiled form holds
    assert blob == compile_dictionary(read), "compiled twice, it is not the same"
    for _ in range(MESSAGES):
        raw = made_message(read, random)
        _compare(raw, read, random)
        _compare(KINDS["fields"].mutation([raw], random), read, random)
