"""`fixfast dictionary validate`: the messages of a log, judged by a dictionary, their faults counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fixfast.cli.dictionary_text import plural
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import REJECT_TEXT, Fault, Validation
from fixfast.logs.reader import LogReader
from fixfast.types import Garbled

__all__ = ["Case", "LogValidator", "Seen", "validation_lines"]

#: Kinds of faults that are told apart; a hostile log has as many tags as it likes. The rest is counted together.
_MAX_CASES = 10_000


class Case(NamedTuple):
    """One kind of fault: `reason` is a SessionRejectReason(373), `tag` None where no one field is meant."""

    msg_type: str
    reason: int
    tag: int | None
    text: str


@dataclass(slots=True)
class Seen:
    """How often a kind of fault was seen, and the first time: line (from 1) and offset in bytes."""

    count: int
    line: int
    offset: int


@dataclass(slots=True)
class LogValidator:
    """Finds the messages of a log as its bytes come in, and counts what is wrong with them.

    Values of fields are kept nowhere, so none can be shown.
    """

    dictionary: Dictionary
    validation: Validation
    messages: dict[str, int] = field(default_factory=dict)
    faulty: dict[str, int] = field(default_factory=dict)
    cases: dict[Case, Seen] = field(default_factory=dict)
    garbled: Seen | None = None
    more: int = 0
    size: int = 0
    _line: int = 1
    _ends: deque[int] = field(default_factory=deque)  # offsets of line ends behind the last item

    def run(self, read: Callable[[], bytes]) -> None:
        """Read to the end: read() gives b"" there."""
        reader = LogReader(dictionary=self.dictionary)
        while data := read():
            at = data.find(b"\n")
            while at >= 0:
                self._ends.append(self.size + at)
                at = data.find(b"\n", at + 1)
            self.size += len(data)
            self._take(reader.feed(data))
        self._take(reader.finish())

    def _take(self, items: Sequence[Any]) -> None:
        for item in items:
            if isinstance(item, Garbled):
                self.garbled = self._seen(self.garbled, item.offset)
                continue
            message = item.message
            kind = message.msg_type
            if kind not in self.messages and len(self.messages) >= _MAX_CASES:
                kind = "?"  # what a log makes up must not fill the table
            self.messages[kind] = self.messages.get(kind, 0) + 1
            fault: Fault | None = message.validate(self.validation)
            if fault is not None:
                self.faulty[kind] = self.faulty.get(kind, 0) + 1
                case = Case(kind, *fault)
                seen = self.cases.get(case)
                if seen is None and len(self.cases) >= _MAX_CASES:
                    self.more += 1
                else:
                    self.cases[case] = self._seen(seen, item.offset)

    def _seen(self, seen: Seen | None, offset: int) -> Seen:
        if seen is not None:
            seen.count += 1
            return seen
        while self._ends and self._ends[0] < offset:
            self._ends.popleft()
            self._line += 1
        return Seen(1, self._line, offset)

    @property
    def clean(self) -> bool:
        """Return whether there was a message, and nothing wrong with any."""
        return bool(self.messages) and not self.cases and self.garbled is None

    def name_of(self, msg_type: str) -> str:
        """Return a message type with its name: "NewOrderSingle (D)"."""
        message = self.dictionary.messages.get(msg_type)  # by type or name: "35=Logon" is no Logon
        known = message is not None and message.msg_type == msg_type
        return f"{message.name} ({msg_type})" if known else f"unknown type ({msg_type})"

    def field_of(self, tag: int | None) -> str:
        """Return a tag's name, or nothing."""
        found = self.dictionary.fields.get(tag) if tag is not None else None
        return found.name if found is not None else ""

    def ordered(self) -> list[tuple[Case, Seen]]:
        """Return the faults by message type, the type and the fault that is most frequent first."""
        return sorted(
            self.cases.items(),
            key=lambda pair: (-self.faulty[pair[0].msg_type], pair[0].msg_type, -pair[1].count, pair[1].offset),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the result as what json.dumps takes."""
        faults = [
            {
                "msg_type": case.msg_type,
                "reason": case.reason,
                "tag": case.tag,
                "field": self.field_of(case.tag) or None,
                "text": case.text or REJECT_TEXT.get(case.reason, REJECT_TEXT[99]),
                "count": seen.count,
                "line": seen.line,
                "offset": seen.offset,
            }
            for case, seen in self.ordered()
        ]
        garbled = {"count": self.garbled.count, "line": self.garbled.line} if self.garbled else {"count": 0}
        return {
            "ok": self.clean,
            "messages": self.messages,
            "faulty": self.faulty,
            "faults": faults,
            "faults_left_out": self.more,
            "garbled": garbled,
        }


def validation_lines(result: LogValidator, dictionary: str, log: str) -> Iterator[str]:
    """Yield the result: a line of counts, then a table a message type."""
    total, bad = sum(result.messages.values()), sum(result.faulty.values())
    if not total and result.garbled is None:
        yield f"{log}: no FIX message in {result.size:,} bytes"
        return
    yield f"{log}: {plural(total, 'message')}, {bad:,} at fault by {dictionary}"
    if result.garbled is not None:
        yield f"{plural(result.garbled.count, 'garbled message')}, the first in line {result.garbled.line:,}"
    kind = None
    for case, seen in result.ordered():
        if case.msg_type != kind:
            kind = case.msg_type
            yield ""
            yield f"{result.name_of(kind)}: {result.faulty[kind]:,} of {result.messages[kind]:,} at fault"
            yield "   count  first line  reason    tag"
        text = case.text or REJECT_TEXT.get(case.reason, REJECT_TEXT[99])
        name = result.field_of(case.tag)
        yield (
            f"{seen.count:>8,}  {seen.line:>10,}  {case.reason:>6}  {'' if case.tag is None else case.tag:>5}"
            f"  {name + ': ' if name else ''}{text}"
        )
    if result.more:
        yield ""
        yield f"and {result.more:,} more at fault in other ways"
