"""Every fuzz target by name, and the kind of input that it takes. Its invariant stands in line 1 of its module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import codecs, mappings, readers, validators
from tests.fuzz.columns import columns
from tests.fuzz.conversations import conversation
from tests.fuzz.journals import journal
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.sessions import session

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """`check` takes one input and raises when an invariant breaks. `cost`: about how many ms one input takes."""

    check: Callable[[bytes], object]
    kind: Kind
    cost: float = 1.0


TARGETS: dict[str, Target] = {
    "stream": Target(codecs.stream, KINDS["message"]),
    "parse": Target(codecs.parse, KINDS["message"]),
    "columns": Target(columns, KINDS["message"], cost=10.0),
    "encode": Target(codecs.encode, KINDS["message"]),
    "session": Target(session, KINDS["message"]),
    "conversation": Target(conversation, KINDS["choices"], cost=20.0),
    "journal": Target(journal, KINDS["journal"], cost=10.0),
    "quickfix_xml": Target(readers.quickfix_xml, KINDS["xml"]),
    "orchestra_xml": Target(readers.orchestra_xml, KINDS["orchestra"]),
    "overlay": Target(readers.overlay, KINDS["overlay"]),
    "blob": Target(validators.blob, KINDS["blob"]),
    "dictionary": Target(validators.dictionary, KINDS["xml"]),
    "validate": Target(validators.validate, KINDS["fields"]),
    "mapping": Target(mappings.mapping, KINDS["fields"]),
    "typed": Target(mappings.typed, KINDS["fields"]),
    "written": Target(mappings.written, KINDS["fields"]),
}
