"""Messages made up from any dictionary, absurd ones too: with groups in groups, and not always right.

(tests/codec/generate.py makes messages that are right in every respect, which some dictionaries do not let be.)
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from fixfast.dictionary.model import Dictionary, Field, FlatMember, GroupRef, first_wins, flatten
from tests.codec.support import message
from tests.codec.values import BAD_VALUES, GOOD_VALUES

__all__ = ["made_message"]

#: Members beyond this many are left out of a made message, required ones too.
MAX_FIELDS = 120


def made_message(dictionary: Dictionary, random: Random) -> bytes:
    """Return a whole message of a random type of the dictionary; one in ten of a type that it does not have."""
    types = list(dictionary.messages)
    msg_type = random.choice(types) if types and random.random() < 0.9 else "ZZ"
    found = dictionary.messages.get(msg_type)
    body = found.members if found is not None else ()
    fields: list[tuple[int, str]] = [(35, msg_type)]
    for members in (dictionary.header, body, dictionary.trailer):
        _fill(fields, first_wins(flatten(members)), dictionary, random, 0)
    text = "".join(f"{tag}={value}\x01" for tag, value in fields if tag not in (8, 9, 10))
    return message(text.encode("utf-8", "surrogateescape"), dictionary.begin_string)


def _fill(
    fields: list[tuple[int, str]], members: Iterable[FlatMember], dictionary: Dictionary, random: Random, depth: int
) -> None:
    """Add the required members and some others, in order."""
    share = random.choice((0.0, 0.1, 0.3, 0.9)) / (depth + 1)
    lengths = {data: length for length, data in dictionary.data_pairs.items()}
    delimiter = depth > 0
    for member in members:
        wanted = member.required or delimiter or random.random() < share
        delimiter = False
        if not wanted or member.tag == 35 or len(fields) > MAX_FIELDS:
            continue
        if isinstance(member, GroupRef):
            entries = random.choice((0, 1, 1, 2, 3)) if depth < 6 else 0
            fields.append((member.tag, str(entries)))
            inner = first_wins(flatten(member.group.members))
            for _ in range(entries):
                _fill(fields, inner, dictionary, random, depth + 1)
        elif member.tag not in dictionary.data_pairs:
            value = _value(member.field, random)
            if member.tag in lengths:
                fields.append((lengths[member.tag], str(len(value))))
            fields.append((member.tag, value))


def _value(field: Field, random: Random) -> str:
    codes = [code.value for code in field.codes if code.value and "\x01" not in code.value]
    if codes and random.random() < 0.95:
        return random.choice(codes)
    if random.random() < 0.02:
        return random.choice(
            ("", *(value for values in BAD_VALUES.values() for value in values if "\x01" not in value))
        )
    return random.choice(GOOD_VALUES[field.kind]) + ("\x01=" if field.kind == "data" and random.random() < 0.5 else "")
