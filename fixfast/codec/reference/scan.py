"""What a frame is and what a field is: the rules, judged on bytes that are all there.

A message is `8=FIX...<SOH>9=digits<SOH>35=type<SOH> ... 10=ddd<SOH>`. The checks run in this order: the header, byte by
byte; CheckSum's place; CheckSum's value; the fields. (Requirement rows F01-F05, F08, F09, F14, F15, X13, X14.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.types import GarbledReason

__all__ = [
    "MAX_FIELDS",
    "SOH",
    "Fault",
    "Field",
    "Frame",
    "buffer_of",
    "check_frame",
    "check_limit",
    "data_pairs",
    "scan_header",
    "split_fields",
]

SOH = b"\x01"
MAX_FIELDS = 65536
_START = b"8=FIX"
_BEGIN_STRING_ENDS_WITHIN = 16
_MAX_LENGTH_DIGITS = 8
_TRAILER_SIZE = len(b"10=000\x01")

_TRAILER = re.compile(rb"10=[0-9]{3}\x01")
_TAG = re.compile(rb"(0|-?[1-9][0-9]{0,8})=")
_DATA_SIZE = re.compile(rb"[0-9]{1,9}\Z")

#: tag, where its value starts, where its value ends (counted from the message's first byte)
Field: TypeAlias = tuple[int, int, int]


class Fault(NamedTuple):
    """Why bytes are not a message."""

    reason: GarbledReason
    #: where it was seen to be wrong, counted from the first byte of the message
    offset: int
    #: how many bytes it took to see it
    seen: int


class Frame(NamedTuple):
    """What the header says: where the body starts (at 35), where `10=` must start, where the message ends."""

    body: int
    trailer: int
    end: int


def buffer_of(data: object) -> memoryview:
    """Return a view of the bytes of a bytes, bytearray, memoryview, mmap or other contiguous buffer.

    Raises: TypeError: it is none.
    """
    if isinstance(data, str):
        raise TypeError("bytes are needed, not str: encode the text first")
    view = memoryview(data)  # type: ignore[arg-type]  # refuses what is no buffer, naming its type
    if not view.c_contiguous:
        raise TypeError("a contiguous buffer is needed")
    return view


def check_limit(max_message_size: int) -> int:
    """Return the limit. Raises: ValueError: it lets no message through."""
    if max_message_size < 1:
        raise ValueError(f"max_message_size must be at least 1, not {max_message_size}")
    return max_message_size


def data_pairs(dictionary: Dictionary | DictionarySet | None) -> Mapping[int, int]:
    """Return length tag -> data tag: the standard's, and those that the dictionary, or any of a set's, adds.

    Raises: TypeError: it is no dictionary.
    """
    if dictionary is None:
        return DATA_PAIRS
    if not isinstance(dictionary, Dictionary | DictionarySet):
        raise TypeError("dictionary must be a Dictionary, a DictionarySet or None")
    given = dictionary.dictionaries.values() if isinstance(dictionary, DictionarySet) else (dictionary,)
    return {**DATA_PAIRS, **{length: data for one in given for length, data in one.data_pairs.items()}}


def scan_header(data: bytes, max_message_size: int) -> Frame | Fault | None:
    """Judge the first bytes of a message up to the first byte of MsgType.

    Returns: the Frame; the Fault as soon as a byte is wrong; None when more bytes are needed to tell.
    """
    for i, expected in enumerate(_START):
        if i == len(data):
            return None
        if data[i] != expected:
            return Fault(GarbledReason.NOT_FIX, 0, i + 1)
    second = data.find(SOH, 0, _BEGIN_STRING_ENDS_WITHIN) + 1
    if not second:
        if len(data) < _BEGIN_STRING_ENDS_WITHIN:
            return None
        return Fault(GarbledReason.BEGIN_STRING, 0, _BEGIN_STRING_ENDS_WITHIN)

    third = _scan_body_length(data, second, max_message_size)
    if third is None or isinstance(third, Fault):
        return third
    length = int(data[second + 2 : third - 1])

    for i, expected in enumerate(b"35=", start=third):
        if i == len(data):
            return None
        if data[i] != expected:
            return Fault(GarbledReason.MSG_TYPE, third, i + 1)
    if third + 3 == len(data):
        return None
    if data[third + 3] == SOH[0]:
        return Fault(GarbledReason.MSG_TYPE, third, third + 4)
    return Frame(third, third + length, third + length + _TRAILER_SIZE)


def _scan_body_length(data: bytes, second: int, max_message_size: int) -> int | Fault | None:
    """Return where the third field starts, or a Fault, or None as scan_header does."""
    for i, expected in enumerate(b"9=", start=second):
        if i == len(data):
            return None
        if data[i] != expected:
            return Fault(GarbledReason.BODY_LENGTH, second, i + 1)
    digits = 0
    for i in range(second + 2, len(data)):
        if chr(data[i]) in "0123456789":
            digits += 1
            if digits > _MAX_LENGTH_DIGITS:
                return Fault(GarbledReason.BODY_LENGTH, second, i + 1)
        elif data[i] == SOH[0] and digits:
            if int(data[second + 2 : i]) > max_message_size:
                return Fault(GarbledReason.TOO_LARGE, second, i + 1)
            return i + 1
        else:
            return Fault(GarbledReason.BODY_LENGTH, second, i + 1)
    return None


def check_frame(data: bytes, frame: Frame) -> Fault | None:
    """Judge CheckSum: its place and form, then its value. All bytes of the frame must be there."""
    if data[frame.trailer - 1] != SOH[0] or not _TRAILER.match(data, frame.trailer, frame.end):
        return Fault(GarbledReason.TRAILER, frame.trailer, frame.end)
    if sum(data[: frame.trailer]) % 256 != int(data[frame.trailer + 3 : frame.end - 1]):
        return Fault(GarbledReason.CHECKSUM, frame.trailer, frame.end)
    return None


def split_fields(data: bytes, frame: Frame, pairs: Mapping[int, int]) -> list[Field] | Fault:
    """Split a frame whose trailer is in place into its fields, 8, 9 and 10 included."""
    fields: list[Field] = []
    pos = 0
    while pos < frame.end:
        match = _TAG.match(data, pos, frame.end)
        if len(fields) == MAX_FIELDS:
            return Fault(GarbledReason.TOO_MANY_FIELDS, pos, frame.end)
        if not match:
            return Fault(GarbledReason.FIELD, pos, frame.end)
        tag = int(match[1])
        size = _announced_size(data, fields, tag, pairs)
        if size is None:
            end = data.index(SOH, match.end())
        else:
            end = match.end() + size
            if end >= frame.trailer or data[end] != SOH[0]:
                return Fault(GarbledReason.DATA_LENGTH, pos, frame.end)
        fields.append((tag, match.end(), end))
        pos = end + 1
    return fields


def _announced_size(data: bytes, fields: list[Field], tag: int, pairs: Mapping[int, int]) -> int | None:
    """Return the size that the field before announces for this one, None when SOH ends this field."""
    if not fields:
        return None
    length_tag, start, end = fields[-1]
    if pairs.get(length_tag) != tag or not _DATA_SIZE.match(data, start, end):
        return None
    return int(data[start:end])
