"""Every message of every version: right ones have no fault; of damaged ones the twins say the same.

FIXFAST_DIFF_ROUNDS: changed messages per dictionary (default 400).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Fault, Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import GarbledMessage
from tests.codec.generate import Fields, Generator, changed, framed
from tests.codec.house import house
from tests.codec.support import Codec

ROUNDS = int(os.environ.get("FIXFAST_DIFF_ROUNDS", "400"))
NAMES = [*VERSIONS, "house"]

OPTIONS = (
    Validation(),
    Validation(level="structure"),
    Validation(order=False, unknown_tags=False, user_defined_tags=False, empty=False, codes=False),
    Validation(unknown_tags=False, xml=True, max_group_entries=2),
    Validation(level="structure", user_defined_tags=False, xml=True, empty=False),
)


def dictionary_of(name: str) -> Dictionary:
    return house() if name == "house" else load_dictionary(name)


def every_message(name: str, seed: int, share: float) -> Iterator[tuple[str, Fields]]:
    dictionary = dictionary_of(name)
    generator = Generator(dictionary, Random(seed), share)
    for msg_type in dictionary.messages:
        yield msg_type, generator.fields(msg_type)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_every_message_of_every_version_can_be_right(codec: Codec, name: str, share: float) -> None:
    dictionary = dictionary_of(name)
    for msg_type, fields in every_message(name, 1, share):
        m = codec.parse(framed(dictionary.begin_string, msg_type, fields), dictionary=dictionary)
        for options in (OPTIONS[0], OPTIONS[1]):
            assert m.validate(options) is None, (msg_type, m.raw)


def outcome(codec: Codec, data: bytes, dictionary: Dictionary | DictionarySet | None) -> list[Fault | None] | None:
    """Return the faults by all OPTIONS, None for bytes that are no message."""
    try:
        m = codec.parse(data, dictionary=dictionary)
    except GarbledMessage:
        return None
    return [m.validate(options) for options in OPTIONS]


@pytest.mark.parametrize("name", NAMES)
def test_the_twins_say_the_same_of_damaged_messages(twins: tuple[Codec, Codec], name: str) -> None:
    dictionary = dictionary_of(name)
    random = Random(name)
    tags = [dictionary.fields[tag].tag for tag in dictionary.fields]
    messages = list(every_message(name, 2, 0.25))
    seen: Counter[int] = Counter()
    for _ in range(ROUNDS):
        msg_type, fields = random.choice(messages)
        own = [tag for tag, _ in fields]
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            if fields:
                fields = changed(fields, random.choices(tags, k=2) + random.choices(own, k=2), random)
        data = framed(dictionary.begin_string, msg_type, fields)
        expected, found = (outcome(codec, data, dictionary) for codec in twins)
        assert found == expected, data
        seen.update(fault.reason for fault in found or () if fault is not None)
    if ROUNDS >= 400:
        assert {0, 1, 2, 4, 6, 13} <= set(seen), "the changes reach what they are meant to reach"
    assert 3 not in seen


@pytest.mark.parametrize("name", [name for name in VERSIONS if name.startswith("FIX.4")])
def test_the_dictionary_of_the_build_and_one_compiled_now_say_the_same(twins: tuple[Codec, Codec], name: str) -> None:
    """None: what the build made of the standard's. The Dictionary itself: compiled when first needed."""
    dictionary = load_dictionary(name)
    random = Random(3)
    tags = [dictionary.fields[tag].tag for tag in dictionary.fields]
    for msg_type, fields in every_message(name, 3, 0.2):
        for version in (fields, changed(fields, random.choices(tags, k=3), random)):
            data = framed(name, msg_type, version)
            expected, _ = (outcome(codec, data, dictionary) for codec in twins)
            assert outcome(twins[1], data, None) == expected, data
            assert outcome(twins[1], data, dictionary) == expected, data


@pytest.mark.parametrize("version", ["7", "8", "9"])
def test_the_same_over_fixt(twins: tuple[Codec, Codec], version: str) -> None:
    names = {"7": "FIX.5.0", "8": "FIX.5.0SP1", "9": "FIX.5.0SP2"}
    dictionary = load_dictionary(names[version])
    random = Random(version)
    generator = Generator(dictionary, random, 0.2)
    for msg_type in dictionary.messages:
        if dictionary.messages[msg_type].session:
            continue
        fields = generator.fields(msg_type)
        by_field = framed("FIXT.1.1", msg_type, [(1128, version.encode()), *fields])
        by_default = framed("FIXT.1.1", msg_type, fields)
        for codec in twins:
            assert codec.parse(by_field).validate() is None, by_field
            assert codec.parse(by_default, dictionary=DictionarySet(default=version)).validate() is None, by_default
