"""index() and decode_columns() in plain Python: the rules of the compiled ones, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fixfast.codec.kinds import Kind, checked_delimiter, kinds_of
from fixfast.codec.reference import convert
from fixfast.codec.reference.scan import (
    SOH,
    Fault,
    Field,
    buffer_of,
    check_frame,
    check_limit,
    data_pairs,
    scan_header,
    split_fields,
)
from fixfast.codec.tables import Coded, Columns, GarbledSpans, Index, ScaledArray
from fixfast.types import Buffer, GarbledReason

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary
    from fixfast.dictionary.versions import DictionarySet

__all__ = ["decode_columns", "index"]

MAX_NESTED = 16
_HEADER_ROOM = 64
_REASONS = list(GarbledReason)
_NAT = -(1 << 63)

#: offset, size in the buffer, the message with SOH, its fields; or offset, size, None, the Fault's reason
_Item = tuple[int, int, bytes | None, Any]


class _Walk:
    """Goes from item to item. The rules are StreamDecoder's; a message that is not whole is TRUNCATED."""

    def __init__(self, data: bytes, pairs: Mapping[int, int], limit: int, delimiter: bytes, lines: bool) -> None:
        self.data, self.pairs, self.limit = data, pairs, limit
        self.delimiter, self.lines = delimiter, lines
        self.bad_end = 0
        self.bad_frames = 0

    def find(self, first: int, end: int) -> int:
        while (found := self.data.find(b"8=FIX", first, end)) >= 0:
            before = self.data[:found]
            if not before[-1:].isdigit() if self.lines else before.endswith(self.delimiter):
                return found
            first = found + 1
        return -1

    def items(self, fields: bool) -> Iterator[_Item]:
        at = self.find(0, len(self.data)) if self.lines else 0
        while 0 <= at < len(self.data):
            size, text, found = self.judge(at, fields)
            if not isinstance(found, GarbledReason):
                yield at, size, text, found
                at += size
                if self.lines:
                    at = self.find(at, len(self.data))
                continue
            end = at + size
            inner = -1
            if found in _AFTER_HEADER:
                inner = self.find(at + 1, end)
            yield at, (inner - at if inner >= 0 else size), None, found
            if found in _COSTLY and self.exhausted(at, end):
                at = self.find(self.bad_end, len(self.data))
            else:
                at = inner if inner >= 0 else self.find(at + 1, len(self.data))

    def exhausted(self, start: int, end: int) -> bool:
        if start >= self.bad_end:
            self.bad_frames = 0
        self.bad_end = max(self.bad_end, end)
        self.bad_frames += 1
        return self.bad_frames > MAX_NESTED

    def judge(self, at: int, fields: bool) -> tuple[int, bytes, list[Field] | GarbledReason]:
        """Return (size in the buffer, the message with SOH, its fields or what is wrong)."""
        room = self.data[at : at + 2 * self.limit + 200]
        text = room.replace(self.delimiter, SOH)
        frame = scan_header(text[:_HEADER_ROOM], self.limit)
        if frame is None or (not isinstance(frame, Fault) and frame.end > len(text)):
            return len(self.data) - at, text, GarbledReason.TRUNCATED
        if isinstance(frame, Fault):
            return self.spelled(room, frame.seen), text, frame.reason
        raw = text[: frame.end]
        size = self.spelled(room, frame.end)
        found = check_frame(raw, frame)
        if found is None and fields:
            split = split_fields(raw, frame, self.pairs)
            return size, raw, split.reason if isinstance(split, Fault) else split
        return size, raw, found.reason if found else []

    def spelled(self, room: bytes, size: int) -> int:
        """Return how many bytes of the buffer become the first `size` bytes of the text."""
        at = 0
        for _ in range(size):
            at += len(self.delimiter) if room.startswith(self.delimiter, at) else 1
        return at


_COSTLY = {
    GarbledReason.CHECKSUM,
    GarbledReason.FIELD,
    GarbledReason.DATA_LENGTH,
    GarbledReason.TOO_MANY_FIELDS,
}
_AFTER_HEADER = {*_COSTLY, GarbledReason.TRAILER, GarbledReason.TRUNCATED}


def index(
    buffer: Buffer,
    *,
    fields: bool = True,
    threads: int = 1,
    dictionary: Dictionary | DictionarySet | None = None,
    delimiter: bytes = SOH,
    lines: bool = False,
    max_message_size: int = 1 << 20,
) -> Index:
    """Return where the messages of a buffer and their fields are. `threads` changes nothing here."""
    import numpy as np

    walk = _walk(buffer, dictionary, delimiter, lines, max_message_size, threads)
    offsets, sizes, types, first = [], [], [], [0]
    found: list[Field] = []
    spans = []
    for offset, size, text, what in walk.items(fields):
        if text is None:
            spans.append((offset, size, what))
            continue
        offsets.append(offset)
        sizes.append(size)
        frame = scan_header(text, walk.limit)
        assert frame is not None
        assert not isinstance(frame, Fault)
        types.append(text[frame.body + 3 : text.index(SOH, frame.body)])
        if len(walk.delimiter) == 2:
            what = [(tag, a + text.count(SOH, 0, a), b + text.count(SOH, 0, b)) for tag, a, b in what]
        found += what
        first.append(len(found))
    return Index(
        np.array(offsets, np.int64),
        np.array(sizes, np.uint32),
        _coded(types),
        np.array(first, np.int64),
        np.array([tag for tag, _, _ in found], np.int32),
        np.array([start for _, start, _ in found], np.uint32),
        np.array([end for _, _, end in found], np.uint32),
        _spans(spans),
    )


def decode_columns(
    buffer: Buffer,
    columns: Mapping[int, str],
    *,
    threads: int = 1,
    dictionary: Dictionary | DictionarySet | None = None,
    delimiter: bytes = SOH,
    lines: bool = False,
    max_message_size: int = 1 << 20,
) -> Columns:
    """Return some fields of every message as columns. `threads` changes nothing here."""
    import numpy as np

    kinds = kinds_of(columns)
    walk = _walk(buffer, dictionary, delimiter, lines, max_message_size, threads)
    offsets = []
    spans = []
    texts: dict[int, list[bytes | None]] = {kind.tag: [] for kind in kinds}
    for offset, size, text, what in walk.items(True):
        if text is None:
            spans.append((offset, size, what))
            continue
        offsets.append(offset)
        values = {tag: text[start:end] for tag, start, end in reversed(what)}
        for tag, column in texts.items():
            column.append(values.get(tag))
    done = {kind.tag: _column(kind, texts[kind.tag]) for kind in kinds}
    return Columns(
        {tag: column for tag, (column, _, _) in done.items()},
        {tag: valid for tag, (_, valid, _) in done.items()},
        {tag: malformed for tag, (_, _, malformed) in done.items()},
        np.array(offsets, np.int64),
        _spans(spans),
    )


def _walk(buffer: Buffer, dictionary: Any, delimiter: bytes, lines: bool, limit: int, threads: int) -> _Walk:
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    pairs = data_pairs(dictionary)
    check_limit(limit)
    delimiter = checked_delimiter(delimiter)
    return _Walk(bytes(buffer_of(buffer)), pairs, limit, delimiter, bool(lines))


def _spans(spans: list[tuple[int, int, GarbledReason]]) -> GarbledSpans:
    import numpy as np

    return GarbledSpans(
        np.array([offset for offset, _, _ in spans], np.int64),
        np.array([size for _, size, _ in spans], np.int64),
        np.array([_REASONS.index(reason) for _, _, reason in spans], np.uint8),
    )


def _coded(texts: list[bytes] | list[bytes | None]) -> Coded:
    import numpy as np

    codes: dict[bytes, int] = {}
    column = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return Coded(np.array(column, np.int32), tuple(text.decode("utf-8", "surrogateescape") for text in codes))


def _column(kind: Kind, texts: list[bytes | None]) -> tuple[Any, Any, int]:
    """Return (column, valid, malformed)."""
    import numpy as np

    there = [text is not None for text in texts]
    if kind.name == "S":
        return _coded(texts), np.array(there, np.bool_), 0
    convert_one, empty, dtype = _conversion(kind)
    values = []
    for text in texts:
        try:
            values.append(None if text is None else convert_one(text))
        except ValueError:
            values.append(None)
    valid = np.array([value is not None for value in values], np.bool_)
    malformed = sum(there) - int(valid.sum())
    filled = [empty if value is None else value for value in values]
    if kind.name == "scaled":
        return (
            ScaledArray(np.array([m for m, _ in filled], np.int64), np.array([e for _, e in filled], np.int8)),
            valid,
            malformed,
        )
    return np.array(filled, dtype), valid, malformed


def _conversion(kind: Kind) -> tuple[Callable[[bytes], Any], Any, Any]:
    """Return (from text, what stands where there is none, dtype)."""
    if kind.name == "bytes":
        return lambda text: _short(text, kind.size), b"", f"S{kind.size}"
    if kind.name == "fixed":
        return lambda text: convert.parse_scaled(text, kind.size), 0, "int64"
    if kind.name == "scaled":
        return _mantissa, (0, 0), None
    if kind.name == "float":
        return convert.parse_float, float("nan"), "float64"
    if kind.name == "time":
        return convert.parse_time_ns, _NAT, "datetime64[ns]"
    if kind.name == "bool":
        return convert.parse_bool, False, "bool"
    return lambda text: _in_64_bits(convert.parse_int(text)), 0, "int64"


def _short(text: bytes, size: int) -> bytes:
    if len(text) > size:
        raise ValueError(f"more than {size} bytes")
    return text


def _in_64_bits(value: int) -> int:
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("does not fit 64 bits")
    return value


def _mantissa(text: bytes) -> tuple[int, int]:
    value = convert.parse_decimal(text).as_tuple()
    exponent = value.exponent
    assert isinstance(exponent, int)
    digits = int("".join(map(str, value.digits)))
    if exponent < -128:
        raise ValueError("more than 128 decimals")
    return _in_64_bits(-digits if value.sign else digits), exponent
