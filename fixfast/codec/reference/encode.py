"""encode, encode_session and Template, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fixfast.codec._data_pairs import COUNT_TAGS, DATA_PAIRS, TIME_TAGS
from fixfast.codec.arrange import arrange, own_pairs, paired
from fixfast.codec.formatting import format_value
from fixfast.codec.reference.convert import check_scale, format_decimal, format_scaled, format_time
from fixfast.codec.verbatim import Verbatim
from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import MonthYear, Scaled, Slot, Tenor

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary

__all__ = ["Template", "encode", "encode_session"]

#: (tag, value as it goes on the wire)
Wire: TypeAlias = list[tuple[int, bytes]]

_SOH = 1
_MAX_TAG = 999_999_999
_MAX_BODY = 99_999_999  # what eight digits of BodyLength can say
_MAX_BEGIN_STRING = 13  # with `8=` and SOH 16 bytes: what a reader accepts
_MAX_DEPTH = 32
_LENGTH_TAGS = {data: length for length, data in DATA_PAIRS.items()}
_OWNED = frozenset({8, 9, 10, 35})
_SESSION_OWNED = _OWNED | {34, 43, 49, 52, 56, 122}
#: fields of the standard header that applications set; the hop group last
_APPLICATION_HEADER = frozenset(
    {50, 57, 90, 91, 97, 115, 116, 128, 129, 142, 143, 144, 145, 212, 213, 347, 369, 370, 1128, 1129, 1156}
    | {627, 628, 629, 630}
)


class _Rules(NamedTuple):
    """What holds for all fields of one message."""

    owned: frozenset[int]  # tags that are refused
    digits: int  # of timestamps
    complete: bool = True  # False: slots are still to be filled, so counts of flat groups are not yet right


def encode(
    begin_string: str,
    msg_type: str,
    fields: Iterable[tuple[Any, Any]],
    *,
    timestamp_digits: int = 3,
    dictionary: Dictionary | None = None,
) -> bytes:
    """Return a whole message; 8, 9, 35 and 10 are written here.

    Args:
        begin_string: "FIX.4.0" ... "FIX.4.4", "FIXT.1.1"; "FIX.5.0..." writes FIXT.1.1.
        msg_type: MsgType(35).
        fields: (tag, value) in the order of the wire. Values: str, bytes, int, bool, Decimal, Scaled, aware datetime,
            an Enum with such a value; ns since the Unix epoch for UTCTimestamp tags; a list of entries (lists of
            fields) for a group.
        timestamp_digits: decimals of timestamps: 0, 3, 6 or 9.
        dictionary: for names, types, the order in groups and data fields of its own: see codec/arrange.py.

    Raises: EncodeError, EncodeTypeError: naming the tag.
    """
    _check_digits(timestamp_digits)
    if dictionary is not None:
        fields = arrange(dictionary, msg_type, fields, timestamp_digits)
    return _frame(begin_string, msg_type, _flatten(fields, _Rules(_OWNED, timestamp_digits)))


def encode_session(
    begin_string: str,
    msg_type: str,
    header: Iterable[tuple[int, Any]],
    fields: Iterable[tuple[Any, Any]],
    timestamp_digits: int = 3,
    dictionary: Dictionary | None = None,
) -> bytes:
    """Return a whole message of a session: `header` is the session's, `fields` the application's.

    Application fields that belong to the standard header are moved, in their order, behind `header`.

    Raises: EncodeError, EncodeTypeError: naming the tag; also for the tags a session owns among `fields`.
    """
    _check_digits(timestamp_digits)
    if dictionary is not None:
        fields = arrange(dictionary, msg_type, fields, timestamp_digits)
    return _frame(begin_string, msg_type, _session_wire(header, fields, timestamp_digits, complete=True))


def _session_wire(header: Iterable[Any], fields: Iterable[Any], digits: int, complete: bool) -> Wire:
    moved: list[Any] = []
    rest: list[Any] = []
    for item in fields:
        tag, _ = _pair(item)
        (moved if tag in _APPLICATION_HEADER else rest).append(item)
    rules = _Rules(_SESSION_OWNED, digits, complete)
    wire = _flatten(header, _Rules(_OWNED, digits, complete))
    _extend(wire, moved, rules, 0)
    _extend(wire, rest, rules, 0)
    return wire


class Template:
    """A message with holes: fixed fields and Slots, filled by encode().

    Args:
        begin_string, msg_type, fields, timestamp_digits: as for encode(); Slots stand among the fields.
        header: the session's fields and Slots, as for encode_session(); None: a bare message, as for encode().
        dictionary: for `fields`, as for encode(); a Slot's tag may be a name.
        names: what encode() calls its values, one a Slot; None: it does not.
        needed: with names: how many of the values, from the first, must be given; the others default to None.

    Raises:
        EncodeError: a fixed field cannot be written. ValueError: a Slot of unknown kind; another number of names.
    """

    def __init__(
        self,
        begin_string: str,
        msg_type: str,
        fields: Iterable[tuple[Any, Any] | Slot],
        *,
        timestamp_digits: int = 3,
        header: Iterable[tuple[int, Any] | Slot] | None = None,
        dictionary: Dictionary | None = None,
        names: Iterable[str] | None = None,
        needed: int = 0,
    ) -> None:
        _check_digits(timestamp_digits)
        self._begin_string = begin_string
        self._msg_type = msg_type
        self._timestamp_digits = timestamp_digits
        self._header = None if header is None else list(header)
        self._fields = list(fields)
        self._own: dict[int, int] = {}
        if dictionary is not None:
            self._fields = arrange(dictionary, msg_type, self._fields, timestamp_digits, slots=True)
            self._own = own_pairs(dictionary)
        for slot in _slots(self._header or []):
            _check_slot(slot, _OWNED)
        for slot in _slots(self._fields):
            _check_slot(slot, _OWNED if header is None else _SESSION_OWNED)
        self._names = None if names is None else tuple(names)
        self._needed = needed
        if self._names is not None and not len(set(self._names)) == len(self._names) == len(self.slots):
            raise ValueError(f"{len(self.slots)} different names are needed, one for each Slot")
        # what is wrong with the fixed part is wrong now, not at the first order
        self._encode([None] * len(self.slots), complete=False)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots in the order that encode() takes their values: the header's first."""
        return (*_slots(self._header or []), *_slots(self._fields))

    @property
    def names(self) -> tuple[str, ...] | None:
        """What encode() calls its values, in the order of the slots; None: nothing."""
        return self._names

    def encode(self, *values: Any, **named: Any) -> bytes:
        """Return a whole message with the slots filled, in their order. None leaves a slot out.

        Raises:
            TypeError: not one value a slot; with names: a value is missing, or given twice, or its name is unknown.
            EncodeError, EncodeTypeError: naming the tag.
        """
        if self._names is None:
            if named or len(values) != len(self.slots):
                raise TypeError(f"{len(self.slots)} values are needed, by position")
            return self._encode(values, complete=True)
        given = dict(zip(self._names, values, strict=False))
        if len(values) > len(self.slots) or given.keys() & named.keys() or named.keys() - set(self._names):
            raise TypeError(f"the arguments are {', '.join(self._names)}, each once")
        given.update(named)
        if not given.keys() >= set(self._names[: self._needed]):
            raise TypeError(f"{', '.join(self._names[: self._needed])} are needed")
        return self._encode([given.get(name) for name in self._names], complete=True)

    def _encode(self, values: Iterable[Any], complete: bool) -> bytes:
        digits = self._timestamp_digits
        _check_digits(digits)
        remaining = iter(values)
        header = _filled(self._header or [], remaining, digits)
        fields = paired(_filled(self._fields, remaining, digits), self._own)
        if self._header is None:
            wire = _flatten(fields, _Rules(_OWNED, digits, complete))
        else:
            wire = _session_wire(header, fields, digits, complete)
        return _frame(self._begin_string, self._msg_type, wire)


def _slots(fields: list[Any]) -> list[Slot]:
    return [field for field in fields if isinstance(field, Slot)]


def _check_slot(slot: Slot, owned: frozenset[int]) -> None:
    _check_tag(slot.tag, owned)
    if isinstance(slot.kind, tuple) and slot.kind and all(isinstance(item, Slot) for item in slot.kind):
        for item in slot.kind:
            if item.tag in _LENGTH_TAGS or item.tag in DATA_PAIRS:
                raise EncodeError(int(item.tag), "data and its length cannot stand in the entries of a Slot")
            if item.tag in COUNT_TAGS and not isinstance(item.kind, tuple):
                raise EncodeError(int(item.tag), "a group in a group is a Slot with a tuple of Slots")
            _check_slot(item, owned)
        return
    _check_kind(slot.kind)


def _filled(fields: list[Any], values: Iterator[Any], digits: int) -> list[Any]:
    """Return the fields with the next values in the place of the slots."""
    filled: list[Any] = []
    for field in fields:
        if not isinstance(field, Slot):
            filled.append(field)
            continue
        value = next(values)
        if value is not None:
            filled.append((field.tag, _slot_value(field, value, digits)))
    return filled


def _frame(begin_string: str, msg_type: str, wire: Wire) -> bytes:
    start = _text(8, begin_string)
    if start.startswith(b"FIX.5"):
        start = b"FIXT.1.1"
    if not start.startswith(b"FIX") or len(start) > _MAX_BEGIN_STRING:
        raise EncodeError(8, f"not a BeginString: {begin_string!r}")
    body = b"".join(b"%d=%b\x01" % field for field in [(35, _text(35, msg_type)), *wire])
    if len(body) > _MAX_BODY:
        raise EncodeError(9, f"a body of {len(body)} bytes is too long for BodyLength")
    message = b"8=%b\x019=%d\x01%b" % (start, len(body), body)
    return b"%b10=%03d\x01" % (message, sum(message) % 256)


def _text(tag: int, value: object) -> bytes:
    """Return BeginString or MsgType."""
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise EncodeTypeError(tag, f"str is needed, not {type(value).__name__}")
    return _checked(tag, _scalar(tag, value, 3))


def _flatten(fields: Iterable[Any], rules: _Rules) -> Wire:
    wire: Wire = []
    _extend(wire, fields, rules, 0)
    return wire


def _extend(wire: Wire, fields: Iterable[Any], rules: _Rules, depth: int) -> None:
    """Append fields to what is on the wire so far."""
    if depth >= _MAX_DEPTH:
        raise EncodeError(wire[-1][0], f"groups nest deeper than {_MAX_DEPTH}")
    fields = list(fields)
    tag = 0
    for i, item in enumerate(fields):
        before = tag
        tag, value = _pair(item)
        _check_tag(tag, rules.owned)
        if (isinstance(value, list) or type(value) is tuple) and not (_are_words(value) and tag not in COUNT_TAGS):
            _extend_group(wire, tag, value, rules, depth)
        elif tag in _LENGTH_TAGS:
            _append_data(wire, tag, value, before == _LENGTH_TAGS[tag])
        elif isinstance(value, Verbatim):
            wire.append((int(tag), value.data))
        else:
            raw = _checked(tag, _scalar(tag, value, rules.digits))
            wire.append((int(tag), raw))
            if tag in COUNT_TAGS and rules.complete:
                _check_flat_group(tag, raw, fields[i + 1 :])


def _are_words(value: Any) -> bool:
    """Tell the values of a MULTIPLE... field from the entries of a group."""
    first = value[0] if value else None
    return isinstance(first.value if isinstance(first, Enum) else first, str)


def _extend_group(wire: Wire, tag: int, entries: Any, rules: _Rules, depth: int) -> None:
    if not entries:
        return
    wire.append((int(tag), b"%d" % len(entries)))
    first = len(wire)
    for entry in entries:
        before = len(wire)
        if isinstance(entry, (str, bytes)) or not isinstance(entry, Iterable):
            raise EncodeTypeError(tag, f"an entry of a group is a list of fields, not {type(entry).__name__}")
        _extend(wire, entry, rules, depth + 1)
        if len(wire) == before:
            raise EncodeError(tag, "an entry of a group has no fields")
        if wire[before][0] != wire[first][0]:
            raise EncodeError(tag, f"one entry begins with tag {wire[first][0]}, another with {wire[before][0]}")


def _check_flat_group(tag: int, count: bytes, following: list[Any]) -> None:
    """Refuse a count that stands before another number of entries.

    The tag behind the count begins the entries. It must occur as often as the count says, up to the next field with the
    same count tag (that is the next entry of a group around this one) or the end.
    """
    if not count.isdigit():
        raise EncodeError(tag, "is the number of entries of a group, or a list of them")
    if int(count) == 0:
        return
    tags = [_pair(item)[0] for item in following]
    run = tags[: tags.index(tag)] if tag in tags else tags
    found = run.count(run[0]) if run else 0
    if found != int(count):
        raise EncodeError(tag, f"says {int(count)} entries, {found} follow")


def _append_data(wire: Wire, tag: int, value: Any, announced: bool) -> None:
    """Append a data field behind its length, which is written, or checked when it is there, in the same level."""
    if not isinstance(value, (str, bytes)):
        raise EncodeTypeError(tag, f"data is bytes or str, not {type(value).__name__}")
    data = _scalar(tag, value, 3)
    if not data:
        raise EncodeError(tag, "the value is empty")
    length_tag = _LENGTH_TAGS[tag]
    if announced:
        given = wire.pop()[1]
        if not given.isdigit() or int(given) != len(data):
            raise EncodeError(length_tag, f"the data in {tag} has {len(data)} bytes")
    wire.append((length_tag, b"%d" % len(data)))
    wire.append((int(tag), data))


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Slot):
        raise EncodeTypeError(
            item.tag if isinstance(item.tag, int) else 0, "a Slot can only stand at the top of a Template"
        )
    try:
        tag, value = item
    except (TypeError, ValueError):
        raise EncodeTypeError(0, f"a field is (tag, value), not {type(item).__name__}") from None
    return tag, value


def _check_tag(tag: Any, owned: frozenset[int]) -> None:
    if not isinstance(tag, int) or isinstance(tag, bool):
        raise EncodeTypeError(0, f"a tag is an int, not {tag!r}")
    if not 0 < tag <= _MAX_TAG:
        raise EncodeError(tag, f"a tag is 1 to {_MAX_TAG}")
    if tag in owned:
        raise EncodeError(tag, "is written by the library")


def _scalar(tag: int, value: Any, digits: int) -> bytes:
    """Return one value as bytes."""
    try:
        if isinstance(value, Enum):
            return _scalar(tag, value.value, digits)
        if isinstance(value, bool):
            return b"Y" if value else b"N"
        if isinstance(value, int):
            return format_time(value, digits) if tag in TIME_TAGS else str(int(value)).encode()
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        if isinstance(value, bytes):
            return value
        if isinstance(value, Decimal):
            return format_decimal(value)
        if isinstance(value, Scaled):
            return _scaled(tag, value)
        if isinstance(value, datetime):
            return _datetime(tag, value, digits)
        if isinstance(value, (date, time, MonthYear, Tenor, list, tuple)):
            return format_value("str", value, digits)
    except EncodeError:
        raise
    except TypeError as error:
        raise EncodeTypeError(tag, str(error)) from None
    except ValueError as error:
        raise EncodeError(tag, str(error)) from None
    hint = ": give a Decimal, a Scaled or the text" if isinstance(value, float) else ""
    raise EncodeTypeError(tag, f"{type(value).__name__} has no exact form in FIX{hint}")


def _scaled(tag: int, value: Scaled) -> bytes:
    mantissa, exponent = value
    if any(not isinstance(part, int) or isinstance(part, bool) for part in value):
        raise EncodeTypeError(tag, "Scaled takes two ints")
    if exponent > 0:
        return format_scaled(mantissa * 10**exponent, 0)
    return format_scaled(mantissa, -exponent)


def _datetime(tag: int, value: datetime, digits: int) -> bytes:
    if value.utcoffset() is None:
        raise EncodeError(tag, "a datetime needs a time zone")
    try:
        moment = value.astimezone(UTC)
    except OverflowError as error:
        raise EncodeError(tag, str(error)) from None
    # not by strftime: it writes years before 1000 with fewer digits
    text = f"{moment.year:04d}{moment:%m%d-%H:%M:%S}"
    fraction = f"{moment.microsecond:06d}000"[:digits]
    return (f"{text}.{fraction}" if digits else text).encode()


def _checked(tag: int, raw: bytes) -> bytes:
    if not raw:
        raise EncodeError(tag, "the value is empty")
    if _SOH in raw:
        raise EncodeError(tag, "the value holds SOH")
    return raw


def _check_digits(digits: int) -> None:
    if digits not in (0, 3, 6, 9):
        raise ValueError(f"timestamp_digits is 0, 3, 6 or 9, not {digits!r}")


def _check_kind(kind: Any) -> None:
    if not isinstance(kind, str):
        raise ValueError("the kind of a Slot is a str or a tuple of Slots")
    name, colon, scale = kind.partition(":")
    if name == "scaled" and colon and scale.isascii() and scale.isdigit():
        check_scale(int(scale))
    elif kind not in ("str", "int", "time", "decimal", "bool"):
        raise ValueError(f"unknown kind {kind!r}: one of str, int, time, decimal, bool or scaled:N")


def _epoch_text(tag: int, ns: int, digits: int) -> bytes:
    try:
        return format_time(ns, digits)
    except ValueError as error:
        raise EncodeError(tag, str(error)) from None


def _slot_value(slot: Slot, value: Any, digits: int) -> Any:
    """Return a value for encode() that writes what the slot's kind says."""
    tag, kind = int(slot.tag), slot.kind  # names are tags by now
    if isinstance(kind, tuple):
        return _slot_entries(tag, kind, value, digits)
    if isinstance(value, Enum):
        value = value.value
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if kind == "str" and isinstance(value, (str, bytes)):
        return value
    if kind == "int" and is_int:
        return str(int(value))
    if kind == "time" and (is_int or isinstance(value, datetime)):
        return _epoch_text(tag, value, digits) if is_int else value
    if kind == "decimal" and (isinstance(value, (Decimal, Scaled)) or is_int):
        return str(int(value)) if is_int else value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind.startswith("scaled:") and is_int:
        return Scaled(value, -int(kind.partition(":")[2]))
    raise EncodeTypeError(tag, f"{type(value).__name__} does not fit a slot of kind {kind}")


def _slot_entries(tag: int, columns: tuple[Slot, ...], entries: Any, digits: int) -> list[list[tuple[int, Any]]]:
    """Return the entries of a group, given as tuples of values, as encode() takes them."""
    if not isinstance(entries, (list, tuple)):
        raise EncodeTypeError(tag, f"a group is a list of entries, not {type(entries).__name__}")
    found = []
    for entry in entries:
        values = tuple(entry) if isinstance(entry, (list, tuple)) else (entry,)
        if len(values) != len(columns):
            raise EncodeTypeError(tag, f"an entry of the group is a tuple of {len(columns)} values")
        if values[0] is None:
            raise EncodeError(tag, f"an entry without tag {columns[0].tag}, which begins it")
        found.append(_filled(list(columns), iter(values), digits))
    return found
