"""FIX messages out of any text or binary log, as its bytes arrive.

Messages may stand one per line or run together, behind any prefix, delimited by SOH or by what loggers write in its
place (`|`, `^A`, `\\x01`, `;` ...); each message says itself which, by what follows its BeginString. Every message
found is checked like one from a socket: BodyLength and CheckSum are those of the original, with SOH. What begins like
a message and is none is an item too, with the reason: nothing is skipped silently.

Memory is bounded by `max_message_size`, time is linear in the input, and any split of the input gives the same items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from fixfast.errors import GarbledMessage
from fixfast.types import Buffer, Garbled, GarbledReason

if TYPE_CHECKING:
    from fixfast.codec.message import Message
    from fixfast.dictionary.model import Dictionary

__all__ = ["DELIMITERS", "LogItem", "LogReader"]

#: What stands for SOH in logs. None is the beginning of another.
_SOH = b"\x01"
DELIMITERS = (_SOH, b"|", b"^A", b"\\x01", b"\\u0001", b"\\001", b"<SOH>", "\u2401".encode(), b";")
_ANY = b"(" + b"|".join(map(re.escape, DELIMITERS)) + b")"
_BEGIN = re.compile(rb"8=FIX[A-Za-z0-9.]{0,10}?" + _ANY)
_LENGTH = re.compile(rb"9=([0-9]{1,8})" + _ANY)
# The header is judged once this much is there (or all there is), so that every split gives the same judgement.
_HEADER_SIZE = 64
_PREFIX_SIZE = 512
_START = b"8=FIX"
_WASTE = 16  # bytes that may be read in vain for every byte of input, and for so many more at its beginning:
_HEAD_START = 1 << 16
_TRAILER_SIZE = 6  # 10=ddd, without its delimiter
_SPLIT = {delimiter: re.compile(re.escape(delimiter) + rb"(?=[0-9]{1,9}=)") for delimiter in DELIMITERS}
_DIGITS = frozenset(b"0123456789")


@dataclass(frozen=True, slots=True)
class LogItem:
    """A message found in a log.

    Attributes:
        offset: of its first byte in the input.
        message: the message, its bytes normalised to SOH.
        prefix: what stood before it on its line (the last 512 bytes of that), as text.
        delimiter: what separated its fields in the log.
    """

    offset: int
    message: Message
    prefix: str
    delimiter: bytes


Item: TypeAlias = LogItem | Garbled


class LogReader:
    """Finds the messages in a log that is fed to it piece by piece.

        reader = LogReader()
        for chunk in chunks:
            for item in reader.feed(chunk): ...
        for item in reader.finish(): ...

    Args:
        max_message_size: largest BodyLength taken for one; also the bound of what is kept back.
        dictionary: given to every message, for its groups and names; None: by the message's own version.

    Attributes:
        messages, garbled: how many of each were found so far. size: bytes fed so far.
    """

    def __init__(self, *, max_message_size: int = 1 << 20, dictionary: Dictionary | None = None) -> None:
        from fixfast.codec.parse import parse

        self.messages = 0
        self.garbled = 0
        self.size = 0
        self._parse = parse
        self._max = max_message_size
        self._dictionary = dictionary
        self._buf = bytearray()
        self._base = 0  # offset of the buffer in the input
        self._pos = 0  # where to look for the next message
        self._mark = 0  # end of the last item: a prefix begins behind it
        self._finished = False
        # A message with a delimiter of several bytes is measured as it arrives: up to where, and how long that is.
        self._measured = 0
        self._length = 0
        self._wasted = 0  # bytes looked at for messages that turned out garbled

    def feed(self, data: Buffer) -> list[Item]:
        """Take the next bytes; return what they complete, in order.

        Raises: ValueError: after finish().
        """
        if self._finished:
            raise ValueError("feed() after finish()")
        self.size += len(data)
        self._buf += data
        return self._run()

    def finish(self) -> list[Item]:
        """Take note that the input has ended; return what is left, a cut message for example."""
        self._finished = True
        return self._run()

    # --- inside -----------------------------------------------------------------------------------------------
    # Every judgement waits until the bytes it depends on are there, and looks at no others: so any split is the same.

    def _run(self) -> list[Item]:
        items: list[Item] = []
        while True:
            start = self._find(self._pos, len(self._buf))
            if start < 0:
                # A beginning may be cut at the end of the buffer.
                self._pos = max(self._pos, len(self._buf) - len(_START) + 1)
                break
            item = self._judge(start)
            if item is None:
                self._pos = start
                break
            if isinstance(item, LogItem):
                self.messages += 1
            else:
                self.garbled += 1
            items.append(item)
            self._measured = 0
        keep = max(self._mark, self._pos - _PREFIX_SIZE - 1)
        if keep > 0:
            del self._buf[:keep]
            self._base += keep
            self._pos -= keep
            self._mark -= keep
            self._measured -= keep
        return items

    def _find(self, pos: int, end: int) -> int:
        """Return where the next message begins, or -1. `108=FIX` and `58=FIX` are fields, not beginnings."""
        buf = self._buf
        while (start := buf.find(_START, pos, end)) >= 0:
            if start == self._mark or start == 0 or buf[start - 1] not in _DIGITS:
                return start
            pos = start + 1
        return -1

    def _judge(self, start: int) -> Item | None:
        """Judge what begins at start; None: more bytes are needed."""
        buf = self._buf
        begin = _BEGIN.match(buf, start)
        length = _LENGTH.match(buf, begin.end()) if begin else None
        if begin and length and begin[1] == length[2]:
            delimiter, body = begin[1], length.end()
            if len(buf) >= body + 3 + len(delimiter):
                if buf[body : body + 3] != b"35=" or buf.startswith(delimiter, body + 3):
                    return self._bad(GarbledReason.MSG_TYPE, start, body + 4)
                size = int(length[1])
                if size > self._max:
                    return self._bad(GarbledReason.TOO_LARGE, start, body)
                if len(delimiter) == 1:
                    return self._judge_frame(start, body + size, delimiter)
                return self._judge_long(start, body, size, delimiter)
        if len(buf) - start < _HEADER_SIZE and not self._finished:
            return None
        if begin is None:
            reason = GarbledReason.BEGIN_STRING
        elif length is None or begin[1] != length[2]:
            reason = GarbledReason.BODY_LENGTH
        else:
            reason = GarbledReason.MSG_TYPE
        return self._bad(reason, start, start + _HEADER_SIZE)

    def _judge_frame(self, start: int, trailer: int, delimiter: bytes) -> Item | None:
        """Judge a message with delimiters of one byte: BodyLength says where its trailer is."""
        buf = self._buf
        if len(buf) <= trailer + _TRAILER_SIZE and not self._finished:
            return None
        return self._judge_trailer(start, trailer, delimiter)

    def _judge_long(self, start: int, body: int, size: int, delimiter: bytes) -> Item | None:
        """Judge a message with delimiters of several bytes: its trailer is where the body has the right length."""
        buf = self._buf
        width = len(delimiter)
        if self._measured <= start:
            self._measured, self._length = body, 0
        while (found := buf.find(delimiter + b"10=", self._measured)) >= 0:
            self._add(found, delimiter)
            if self._length + 1 == size:
                trailer = found + width
                if len(buf) >= trailer + _TRAILER_SIZE + width or self._finished:
                    return self._judge_trailer(start, trailer, delimiter)
                return None
            if self._length >= size:
                break
            self._add(found + width, delimiter)
        else:
            self._add(max(buf.rfind(delimiter, self._measured), self._measured), delimiter)
            # Behind the last delimiter the trailer may have begun, and the beginning of another delimiter be there.
            least = self._length + len(buf) - self._measured - 2 * width - len(b"10=")
            if least <= size and not self._finished:
                return None
        # The message would have ended by now.
        end = self._expected_end(body, size, delimiter)
        if len(buf) < end and not self._finished:
            return None
        return self._bad(GarbledReason.TRAILER, start, end, looked_at=end - start)

    def _expected_end(self, body: int, size: int, delimiter: bytes) -> int:
        """Return where a message ends in the log whose body would be so long with SOH."""
        trailer = 0
        longer = body + size
        while longer > trailer:  # every round takes in the delimiters of the piece that the last one has added
            trailer = longer
            longer = body + size + self._buf.count(delimiter, body, trailer) * (len(delimiter) - 1)
        return trailer + _TRAILER_SIZE

    def _add(self, upto: int, delimiter: bytes) -> None:
        """Measure the body up to there as if its delimiters were SOH."""
        count = self._buf.count(delimiter, self._measured, upto)
        self._length += upto - self._measured - count * (len(delimiter) - 1)
        self._measured = upto

    def _judge_trailer(self, start: int, trailer: int, delimiter: bytes) -> Item | None:
        """Judge a message whose trailer should be at `trailer`."""
        buf = self._buf
        end = trailer + _TRAILER_SIZE
        in_place = buf[trailer : trailer + 3] == b"10=" and buf[trailer + 3 : end].isdigit() and len(buf) >= end
        if not in_place or buf[end : end + 1].isdigit():
            return self._bad(GarbledReason.TRAILER, start, end)
        raw = bytes(buf[start:end])
        # The last delimiter is often stripped with the end of the line.
        after = end + len(delimiter) if buf.startswith(delimiter, end) else end
        message, reason = self._parsed(raw.replace(delimiter, _SOH) + _SOH)
        if message is None and delimiter != _SOH:
            # Values may hold the delimiter too: only those before "tag=" separate fields.
            message, reason = self._parsed(_SPLIT[delimiter].sub(_SOH, raw) + _SOH)
        if message is None:
            return self._bad(reason, start, after, looked_at=end - start)
        item = LogItem(self._base + start, message, self._prefix(start), delimiter)
        self._pos = self._mark = after
        return item

    def _parsed(self, data: bytes) -> tuple[Message | None, GarbledReason]:
        try:
            message = self._parse(data, dictionary=self._dictionary, max_message_size=self._max)
        except GarbledMessage as exc:
            return None, GarbledReason(exc.reason)
        return message, GarbledReason.NOT_FIX

    def _bad(self, reason: GarbledReason, start: int, end: int, *, looked_at: int = 0) -> Garbled | None:
        """Make the item for garbled bytes [start, end), and go on behind them; None: more bytes are needed.

        They end before the next line, and before what begins like a message: a message that was cut claims bytes of
        those behind it. `looked_at` bytes were read to judge them; when too many were, the search goes on behind the
        end, or a hostile log of messages within messages would take quadratic time.
        """
        buf = self._buf
        end = max(min(end, len(buf)), start + 1)
        if not self._finished:
            for pos in range(max(start + 1, end - len(_START) + 1), end):
                if len(buf) < pos + len(_START) and _START.startswith(buf[pos:]):
                    return None  # a message may begin here: these bytes would end before it
        self._wasted += looked_at
        stop = end
        if self._wasted <= _WASTE * (self._base + start + _HEAD_START):
            inside = self._find(start + 1, min(end + len(_START), len(buf)))
            stop = inside if 0 <= inside < end else end
        line = buf.find(b"\n", start, stop)
        if line >= 0:
            stop = line
        at_end = self._finished and end == len(buf) and reason != GarbledReason.CHECKSUM
        if at_end or (reason == GarbledReason.TRAILER and line >= 0):
            reason = GarbledReason.TRUNCATED
        self._pos = self._mark = stop
        return Garbled(reason, self._base + start, bytes(buf[start:stop]).removesuffix(b"\r"))

    def _prefix(self, start: int) -> str:
        begin = max(self._mark, start - _PREFIX_SIZE)
        line = self._buf.rfind(b"\n", begin, start)
        return self._buf[max(begin, line + 1) : start].decode("utf-8", "backslashreplace")
