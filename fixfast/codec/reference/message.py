"""Message, in plain Python."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, cast

from fixfast.codec import mapping, present
from fixfast.codec.reference.fields import FieldRun
from fixfast.codec.reference.groups import Group, Levels, by_delimiter, by_dictionary, nest, top_of
from fixfast.codec.reference.scan import Field, data_pairs
from fixfast.codec.reference.validate import validate
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import Choice, DictionarySet

if TYPE_CHECKING:
    from fixfast.codec.message import Message as CompiledMessage
    from fixfast.dictionary.validation import Fault, Validation

__all__ = ["Message"]

#: Fields of the session: send() writes its own.
_NOT_IN_BODY = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 122})


class Message(FieldRun):
    """One FIX message: a view of bytes and a table of its fields. Made by parse() and StreamDecoder.

    It holds the export of the buffer it was parsed from until it dies or is detached: a bytearray cannot be resized
    meanwhile, and writing into it changes what the message reads.
    """

    __slots__ = ("__weakref__", "_dictionary", "_fields", "_private", "_view", "fault", "redelivered")

    def __init__(self, view: memoryview, fields: list[Field], dictionary: Dictionary | DictionarySet | None) -> None:
        self._view = view
        self._private = False
        self._fields = fields
        self._dictionary = dictionary
        self.fault: Fault | None = None
        self.redelivered: builtins.bool = False

    def table(self) -> list[Field]:
        return self._fields

    def cut(self, start: builtins.int, end: builtins.int) -> builtins.bytes:
        return builtins.bytes(self._view[start:end])

    # --- header ---------------------------------------------------------------------------------------------

    @property
    def raw(self) -> builtins.bytes:
        """The whole message, copied."""
        return builtins.bytes(self._view)

    @property
    def msg_type(self) -> str:
        """MsgType(35)."""
        return self[35]

    @property
    def begin_string(self) -> str:
        """BeginString(8)."""
        return self[8]

    @property
    def msg_seq_num(self) -> builtins.int:
        """MsgSeqNum(34). Raises: FieldMissing, FieldFormatError."""
        return self.int(34)

    @property
    def sender_comp_id(self) -> str:
        """SenderCompID(49). Raises: FieldMissing."""
        return self[49]

    @property
    def target_comp_id(self) -> str:
        """TargetCompID(56). Raises: FieldMissing."""
        return self[56]

    @property
    def sending_time_ns(self) -> builtins.int:
        """SendingTime(52) in ns since the Unix epoch. Raises: FieldMissing, FieldFormatError."""
        return self.time_ns(52)

    @property
    def appl_ver_id(self) -> str | None:
        """ApplVerID(1128), None if absent."""
        return self.get(1128)

    @property
    def poss_dup(self) -> builtins.bool:
        """Whether PossDupFlag(43) is Y."""
        return self.get(43) == "Y"

    @property
    def poss_resend(self) -> builtins.bool:
        """Whether PossResend(97) is Y."""
        return self.get(97) == "Y"

    @property
    def choice(self) -> Choice:
        """Which dictionary describes the message, and how sure that is. Raises: DictionaryError: none does."""
        given = self._dictionary
        if isinstance(given, Dictionary):
            return Choice(given, False, True)
        chooser = DictionarySet() if given is None else given
        return chooser.choose(self.begin_string, self.msg_type, self.get(1128))

    @property
    def dictionary(self) -> Dictionary:
        """The Dictionary that describes the message: the one given, or chosen from the set given, or the standard's.

        Raises: DictionaryError: there is none for this BeginString.
        """
        source = self.choice.source
        return load_dictionary(source) if isinstance(source, str) else source

    @property
    def version_assumed(self) -> builtins.bool:
        """Whether nothing said which version of FIX this is. Raises: DictionaryError: an unknown BeginString."""
        return self.choice.assumed

    # --- structure ------------------------------------------------------------------------------------------

    def group(self, count_tag: builtins.int) -> Group:
        """Return the entries of a repeating group, found by the dictionary; empty if absent."""
        if count_tag not in self:
            return Group([])
        return by_dictionary(self, count_tag, (top_of(self.dictionary, self.msg_type),), 0, len(self))

    def groups(self, count_tag: builtins.int, delimiter: builtins.int) -> Group:
        """Return the entries of a repeating group without a dictionary (the rule: see groups.py)."""
        return by_delimiter(self, count_tag, delimiter, 0, len(self))

    def body(self, nested: builtins.bool = False) -> list[tuple[builtins.int, Any]]:
        """Return the fields as encode() and send() take them, without those the session writes itself.

        Args: nested: give groups as (count tag, [entries]); needs the dictionary. Data fields are bytes, others str.
        """
        if not nested:
            return self._plain(range(len(self)))

        return self._nested(0, len(self), (top_of(self.dictionary, self.msg_type),))

    def _plain(self, indexes: range) -> list[tuple[builtins.int, Any]]:
        data_tags = set(data_pairs(self._dictionary).values())
        fields: list[tuple[builtins.int, Any]] = []
        for tag, start, end in (self._fields[i] for i in indexes):
            if tag not in _NOT_IN_BODY:
                raw = self.cut(start, end)
                fields.append((tag, raw if tag in data_tags else raw.decode("utf-8", "surrogateescape")))
        return fields

    def _nested(self, first: builtins.int, end: builtins.int, levels: Levels) -> list[tuple[builtins.int, Any]]:
        fields: list[tuple[builtins.int, Any]] = []
        for start, stop, group in nest(self, first, end, levels):
            if group is None:
                fields += self._plain(range(start, stop))
            else:
                entries = [self._nested(entry.first, entry.end, entry.levels) for entry in group]
                fields.append((self._fields[start][0], entries))
        return fields

    def validate(self, validation: Validation | None = None) -> Fault | None:
        """Check the message by its dictionary, now; None: nothing is wrong. Does not set `fault`."""
        return validate(self, validation)

    # --- ownership ------------------------------------------------------------------------------------------

    def detach(self) -> None:
        """Take an own copy of the bytes and release the buffer they came from. Idempotent."""
        if self._private:
            return
        self._private = True
        view = self._view
        self._view = memoryview(builtins.bytes(view))
        view.release()

    def __reduce__(self) -> tuple[Any, ...]:
        from fixfast.codec.reference.parse import parse

        return parse, (self.raw,)

    # --- presentation ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return present.short(_same(self))

    def __str__(self) -> str:
        return present.line(_same(self))

    def pretty(self) -> str:
        """Return the fields with names and meanings, one a line, secrets masked."""
        return present.pretty(_same(self))

    def to_dict(self, mask: builtins.bool = False) -> dict[str, Any]:
        """Return the fields by name, groups as lists."""
        return mapping.to_dict(_same(self), mask)

    def to_json(self, mask: builtins.bool = False) -> str:
        """Return to_dict() as JSON."""
        return mapping.to_json(_same(self), mask)


def _same(m: Message) -> CompiledMessage:
    """Say to the type checker what the tests prove: the two have the same interface."""
    return cast("CompiledMessage", m)
