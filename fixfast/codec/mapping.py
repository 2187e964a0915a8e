"""Messages as dicts and JSON, and back: to_dict, to_json, from_dict. Plain Python, by the public interface of Message.

    {"BeginString": "FIX.4.4", ..., "NoPartyIDs": [{"PartyID": "A", ...}, {"PartyID": "B", ...}], ..., "9001": "x"}

Keys are names in the order of the wire, tags for what the dictionary does not have. Values are text; bytes that are no
UTF-8 are lone surrogates, which JSON keeps (RFC 8259, section 8.2, leaves them to the reader; Python's reads them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from fixfast.codec._data_pairs import DATA_PAIRS, TIME_TAGS
from fixfast.codec.formatting import format_value
from fixfast.codec.nesting import Nested, dictionary_of, nested
from fixfast.codec.present import MASK, is_secret
from fixfast.errors import DictionaryError, EncodeError, EncodeTypeError, GarbledMessage

if TYPE_CHECKING:
    from fixfast.codec.message import Message
    from fixfast.dictionary.model import Dictionary, Kind
    from fixfast.dictionary.versions import DictionarySet

__all__ = ["from_dict", "to_dict", "to_json"]

_TAG = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_SIZE = re.compile(rb"[0-9]{1,9}")  # a length that the parser goes by
_FRAME = {8: "BeginString", 9: "BodyLength", 10: "CheckSum", 35: "MsgType"}
_FRAME_TAGS = {name: tag for tag, name in _FRAME.items()}
_LIMIT = 99_999_999  # what eight digits of BodyLength can say
_MAX_DEPTH = 32  # of groups in groups: the standard has 5


def to_dict(m: Message, mask: bool = False) -> dict[str, Any]:
    """Return {name: text}, groups as {name of the count field: [one such dict for each entry]}.

    A field that the dictionary does not know has its tag as its name; one that occurs again has a list of texts.

    Args: mask: give *** for secrets (requirement C8).
    """
    dictionary = dictionary_of(m)
    msg_type = m.msg_type

    def convert(run: list[Nested]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for tag, text, entries in run:
            field = None if dictionary is None else dictionary.fields.get(tag)
            name = str(tag) if field is None else field.name
            content: Any = MASK if mask and is_secret(tag, msg_type) else text
            if entries is not None:
                content = [convert(entry) for entry in entries]
            if name not in found:
                found[name] = content
                continue
            before = found[name] if isinstance(found[name], list) else [found[name]]
            found[name] = [*before, *(content if isinstance(content, list) else [content])]
        return found

    return convert(nested(m, dictionary))


def to_json(m: Message, mask: bool = False) -> str:
    """Return to_dict() as JSON of one line, ASCII only.

    Args: mask: give *** for secrets.
    """
    return json.dumps(to_dict(m, mask))


def from_dict(d: Mapping[Any, Any], dictionary: Dictionary | DictionarySet | None = None) -> Message:
    """Return the message that a dict describes: what to_dict() gave, or one made by hand.

    Fields are written in the order of the dict. BodyLength and CheckSum are computed and may be left out. So is the
    length of a data field, where it needs one: for a value given as bytes, or one that holds SOH. Counts of groups are
    the numbers of their entries. `from_dict(m.to_dict()).raw == m.raw` unless a field occurs again out of place, or the
    message counts its entries wrongly.

    Args:
        d: {key: value}. A key is a name of the dictionary or a tag, an int or a str of digits. A value is a str
            (the empty one, too, as received), or what encode() takes, written by the field's type. A list is a group, a
            dict for each entry, or a field that occurs again; values of a MULTIPLE... field are a tuple.
        dictionary: for names and types; None: the standard's that BeginString and ApplVerID name.
    Raises: EncodeError, EncodeTypeError: name the field, and the entry that it stands in.
    """
    # here, because the plain-Python twin of Message shares this module
    from fixfast.codec.encode import encode
    from fixfast.codec.parse import parse

    begin_string, msg_type = _only(d, 8), _only(d, 35)
    version = _given(d, 1128, "ApplVerID")
    probe = parse(encode(begin_string, msg_type, [] if version is None else [(1128, version)]), dictionary=dictionary)
    chosen = dictionary_of(probe)
    if chosen is None and dictionary is not None:
        raise DictionaryError(f"no dictionary describes {probe.begin_string!r}")
    body = b"35=%b\x01" % probe.bytes(35) + _Fields(chosen).text(d)
    if len(body) > _LIMIT:
        raise EncodeError(9, f"a body of {len(body)} bytes is too long for BodyLength")
    whole = b"8=%b\x019=%d\x01%b" % (probe.bytes(8), len(body), body)
    try:
        return parse(b"%b10=%03d\x01" % (whole, sum(whole) % 256), dictionary=dictionary, max_message_size=_LIMIT)
    except GarbledMessage as error:
        raise EncodeError(0, f"no message can hold these fields: {error.reason}") from None


def _given(d: Mapping[Any, Any], tag: int, name: str) -> Any:
    """Return the value of a field of the header, by whatever key."""
    return next((d[key] for key in (name, tag, str(tag)) if key in d), None)


def _only(d: Mapping[Any, Any], tag: int) -> Any:
    value = _given(d, tag, _FRAME[tag])
    if value is None:
        raise EncodeError(tag, f"{_FRAME[tag]} is missing")
    if isinstance(value, list):
        raise EncodeError(tag, f"{_FRAME[tag]} occurs more than once")
    return value


class _Fields:
    """The bytes of the fields of a dict."""

    def __init__(self, dictionary: Dictionary | None) -> None:
        self.dictionary = dictionary
        self.lengths = {data: length for length, data in DATA_PAIRS.items()}
        if dictionary is not None:
            self.lengths.update((data, length) for length, data in dictionary.data_pairs.items())

    def text(self, d: Mapping[Any, Any]) -> bytes:
        """Return everything behind MsgType and in front of CheckSum."""
        return b"".join(b"%d=%b\x01" % field for field in self.level(d, "", 0))

    def level(self, d: Mapping[Any, Any], where: str, depth: int) -> Iterator[tuple[int, bytes]]:
        """Yield the fields of the message or of one entry. `where` names the entry in errors."""
        last = (0, b"")
        for key, value in d.items():
            tag = self.tag(key, where)
            name = self.name(tag)
            if not depth and tag in _FRAME:
                if isinstance(value, list):
                    raise EncodeError(tag, f"{name} occurs more than once")
                continue
            for is_entry, items in groupby(value if isinstance(value, list) else [value], key=_is_entry):
                if is_entry:
                    last = (0, b"")
                    yield from self.group(tag, list(items), f"{where}{name}", depth)
                    continue
                for item in items:
                    raw = self.raw(tag, item, f"{where}{name}")
                    yield from self.length(tag, item, raw, last)
                    last = (tag, raw)
                    yield last

    def group(self, tag: int, entries: list[Any], where: str, depth: int) -> Iterator[tuple[int, bytes]]:
        if depth >= _MAX_DEPTH:
            raise EncodeError(tag, f"groups in groups deeper than {_MAX_DEPTH}")
        yield tag, b"%d" % len(entries)
        for number, entry in enumerate(entries, start=1):
            if not entry:
                raise EncodeError(tag, f"{where} entry {number}: has no fields")
            yield from self.level(entry, f"{where} entry {number}: ", depth + 1)

    def tag(self, key: Any, where: str) -> int:
        if isinstance(key, int) and not isinstance(key, bool):
            return int(key)
        if not isinstance(key, str):
            raise EncodeTypeError(0, f"{where}a key is a name or a tag, not {type(key).__name__}")
        if _TAG.fullmatch(key):
            return int(key)
        if key in _FRAME_TAGS:
            return _FRAME_TAGS[key]
        field = None if self.dictionary is None else self.dictionary.fields.get(key)
        if field is None:
            version = "there is no dictionary" if self.dictionary is None else self.dictionary.version
            raise EncodeError(0, f"{where}no field is called {key!r}: {version}")
        return int(field.tag)

    def name(self, tag: int) -> str:
        field = None if self.dictionary is None else self.dictionary.fields.get(tag)
        return f"tag {tag}" if field is None else f"{field.name} ({tag})"

    def raw(self, tag: int, value: Any, where: str) -> bytes:
        """Return a value as it goes on the wire."""
        field = None if self.dictionary is None else self.dictionary.fields.get(tag)
        kind: Kind = field.kind if field is not None else "time" if tag in TIME_TAGS else "str"
        try:
            raw = format_value(kind, value)
        except TypeError as error:
            raise EncodeTypeError(tag, f"{where}: {error}") from None
        except ValueError as error:
            raise EncodeError(tag, f"{where}: {error}") from None
        if b"\x01" in raw and tag not in self.lengths:
            raise EncodeError(tag, f"{where}: the value holds SOH, the delimiter")
        if not raw and not isinstance(value, str):
            raise EncodeError(tag, f"{where}: the value is empty")
        return raw

    def length(self, tag: int, value: Any, raw: bytes, last: tuple[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield the length of a data field that needs one; check one that is there.

        Text without a length, or with one that no reader believes, may have been received so: venues do send a bare
        RawData.
        """
        length = self.lengths.get(tag)
        if length is None:
            return
        bare = isinstance(value, str) and b"\x01" not in raw
        if last[0] != length:
            if not bare:
                yield length, b"%d" % len(raw)
        elif int(last[1]) != len(raw) if _SIZE.fullmatch(last[1]) else not bare:
            raise EncodeError(length, f"not the length of the data in {tag}: leave it out, it is computed")


def _is_entry(item: Any) -> bool:
    return isinstance(item, Mapping)
