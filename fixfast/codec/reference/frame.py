"""StreamDecoder in plain Python: bytes in any pieces to messages and garbled stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fixfast.codec.reference.message import Message
from fixfast.codec.reference.parse import rules_of
from fixfast.codec.reference.scan import (
    SOH,
    Fault,
    Frame,
    buffer_of,
    check_frame,
    check_limit,
    data_pairs,
    scan_header,
    split_fields,
)
from fixfast.types import Buffer, Garbled, GarbledReason

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary
    from fixfast.dictionary.validation import Validation
    from fixfast.dictionary.versions import DictionarySet

__all__ = ["MAX_NESTED", "StreamDecoder"]

#: what a new attempt starts with, after trouble (F06)
_RESYNC = b"\x018=FIX"
_DEFAULT_HINT = 65536
_TRAILER_SIZE = len(b"10=000\x01")
MAX_NESTED = 16
_SESSION_TYPES = frozenset("012345A")


class StreamDecoder:
    """Splits a byte stream into items: Message, or Garbled where bytes are none. Any split gives the same items.

    After a Garbled the decoder looks for the next `8=FIX` right behind an SOH, from the byte after the bad start
    on, and says nothing about what it skips, but counts it.

    Frames that are bad although their trailer is right may lie inside each other without end, each to be summed up in
    vain. After MAX_NESTED of them the next one is reported too, but the search goes on behind them all.

    With resync="declared_length" nothing is looked for inside the body that a bad frame claims to have (X10).
    """

    def __init__(
        self,
        dictionary: Dictionary | DictionarySet | None = None,
        max_message_size: int = 1 << 20,
        validate: bool | Validation | tuple[Validation | None, Validation | None] = False,
        resync: Literal["next_message", "declared_length"] = "next_message",
    ) -> None:
        if resync not in ("next_message", "declared_length"):
            raise ValueError(f"resync={resync!r}: 'next_message' or 'declared_length'")
        self.dictionary = dictionary
        self._by_length = resync == "declared_length"
        self._rules, self._session_rules = _both_rules(validate)
        self._max_message_size = check_limit(max_message_size)
        self._data = b""  # not yet judged
        self._searching = False  # for _RESYNC
        self._after_soh = False  # while searching: the byte before _data may be the first of _RESYNC
        self._offset = 0  # of _data in the stream
        self._bad_end = 0  # in the stream: of the bad frames with right trailers that overlap
        self._bad_frames = 0
        self._lent: bytearray | None = None
        self._skipped = 0

    @property
    def dictionary(self) -> Dictionary | DictionarySet | None:
        """What was given for the messages. May be set: it counts for those taken from then on."""
        return self._dictionary

    @dictionary.setter
    def dictionary(self, dictionary: Dictionary | DictionarySet | None) -> None:
        data_pairs(dictionary)  # refuses what is none
        self._dictionary = dictionary

    @property
    def skipped(self) -> int:
        """How many bytes are not part of a message, of those that were judged."""
        return self._skipped

    @property
    def received(self) -> int:
        """How many bytes there were so far."""
        return self._offset + len(self._data)

    def feed(self, data: Buffer) -> None:
        """Add bytes of the stream."""
        self._data += bytes(buffer_of(data))

    def get_buffer(self, hint: int = -1) -> memoryview:
        """Return a buffer to receive into (asyncio.BufferedProtocol's way); buffer_updated() hands it in."""
        self._lent = bytearray(hint if hint > 0 else _DEFAULT_HINT)
        return memoryview(self._lent)

    def buffer_updated(self, n: int) -> None:
        """Take the first `n` bytes of the buffer that get_buffer() lent.

        Raises: ValueError: more than was lent, or nothing was lent.
        """
        if self._lent is None or not 0 <= n <= len(self._lent):
            raise ValueError(f"{n} bytes cannot have been received: get_buffer() did not lend that many")
        self._data += bytes(self._lent[:n])
        self._lent = None

    def __iter__(self) -> StreamDecoder:
        return self

    def __next__(self) -> Message | Garbled:
        if self._searching:
            self._search()
        if self._searching:
            raise StopIteration
        frame = scan_header(self._data, self._max_message_size)
        if frame is None or (isinstance(frame, Frame) and frame.end > len(self._data)):
            raise StopIteration
        if isinstance(frame, Fault):
            return self._garbled(frame, self._data[: frame.seen])
        raw = self._data[: frame.end]
        fields = check_frame(raw, frame) or split_fields(raw, frame, data_pairs(self._dictionary))
        if isinstance(fields, Fault):
            if self._by_length:
                item = self._garbled(fields, raw)
                skip = frame.end - _TRAILER_SIZE - 1  # the last byte of the body may be the SOH before a start
                self._drop(skip)
                self._skipped += skip
                return item
            inner = raw.find(_RESYNC)
            item = self._garbled(fields, raw if inner < 0 else raw[: inner + 1])
            if fields.reason is not GarbledReason.TRAILER:
                self._limit_nesting(frame.end)
            return item
        self._drop(frame.end)
        m = Message(memoryview(raw), fields, self._dictionary)
        rules = self._session_rules if m.msg_type in _SESSION_TYPES else self._rules
        if rules is not None:
            m.fault = m.validate(rules)
        return m

    def _garbled(self, fault: Fault, raw: bytes) -> Garbled:
        self._searching = True
        self._after_soh = False
        return Garbled(fault.reason, self._offset, raw)

    def _limit_nesting(self, size: int) -> None:
        """Give up on what lies inside the bad frames once there are too many."""
        if self._offset >= self._bad_end:
            self._bad_frames = 0
        self._bad_frames += 1
        self._bad_end = max(self._bad_end, self._offset + size)
        if self._bad_frames > MAX_NESTED:
            # a start right behind them follows their last byte, an SOH
            skip = self._bad_end - 1 - self._offset
            self._drop(skip)
            self._skipped += skip

    def _search(self) -> None:
        """Skip to the next start of a message, or as far as none can be any more."""
        before = SOH if self._after_soh else b""
        data = before + self._data
        found = data.find(_RESYNC)
        self._searching = found < 0
        if found < 0:
            # what may be the beginning of _RESYNC; its SOH is skipped for certain
            found = len(data) - next(n for n in range(len(_RESYNC) - 1, -1, -1) if data.endswith(_RESYNC[:n]))
            self._after_soh = found < len(data)
        skip = min(found + 1, len(data)) - len(before)
        self._drop(skip)
        self._skipped += skip

    def _drop(self, n: int) -> None:
        self._data = self._data[n:]
        self._offset += n


def _both_rules(validate: object) -> tuple[Validation | None, Validation | None]:
    """Return what is checked in application messages and in session messages; None: nothing."""
    if isinstance(validate, tuple) and len(validate) == 2:
        application, session = (None if one is None else rules_of(one) for one in validate)
        return application, session
    rules = rules_of(validate)
    return rules, rules
