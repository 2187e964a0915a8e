"""Typed messages: the base classes of what typed_build.py makes.

    order = fix44.NewOrderSingle(cl_ord_id="x", side=fix44.Side.BUY, ...)
    order.side is fix44.Side.BUY
    raw = order.encode(sender_comp_id="A", target_comp_id="B", msg_seq_num=7, sending_time=now_ns)

A component (`fix44.Instrument`) is a base of the messages and groups that contain it, and its fields are theirs. An
object keeps what encode() will write, by attribute, and gives each value by its type when it is asked for: what came
off the wire stays as it came. Not safe to change from one thread while another one reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from fixfast.codec.typed_fields import NOTHING, Attribute, GroupAttribute
from fixfast.errors import EncodeError

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Never, Self

    from fixfast.codec.groups import Entry
    from fixfast.codec.message import Message

    #: (tag, value), or (count tag, [entry, ...]) for a group
    Pair: TypeAlias = tuple[int, Any]

__all__ = ["Frame", "Layout", "Typed", "TypedComponent", "TypedGroup", "TypedMessage"]

#: Orders of fields that a class remembers: bounds what a peer's messages, each with other fields, can make it keep.
_MAX_PLANS = 256


@cache
def _encoder() -> Callable[..., bytes]:
    from fixfast.codec.encode import encode  # here: a module of tags and enums must not cost the import of the codec

    return encode


class Layout:
    """What a class knows of its fields.

    Attributes:
        places: its attributes in the dictionary's order, and whether each is required.
        attributes, by_tag: the same by name and by tag. required: names. rank: place in the order, by name.
    """

    __slots__ = ("_plans", "attributes", "by_tag", "places", "rank", "required")

    def __init__(self, places: Iterable[tuple[Attribute, bool]]) -> None:
        self.places = tuple(places)
        self.attributes = {item.attr: item for item, _ in self.places}
        self.by_tag = {item.tag: item for item, _ in self.places}
        self.required = frozenset(item.attr for item, required in self.places if required)
        self.rank = {item.attr: i for i, (item, _) in enumerate(self.places)}
        self._plans: dict[tuple[str, ...], tuple[tuple[str, int], ...]] = {}

    def plan(self, attrs: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
        """Return (attribute, tag) of these attributes in the dictionary's order."""
        # PERF: messages of a program mostly have the same fields: their order is found once (10 fields 1.3 -> 0.2 us)
        plan = self._plans.get(attrs)
        if plan is None:
            plan = tuple((attr, self.attributes[attr].tag) for attr in sorted(attrs, key=self.rank.__getitem__))
            if len(self._plans) < _MAX_PLANS:
                self._plans[attrs] = plan
        return plan


class Typed:
    """What messages, components and entries of groups have in common.

    Attributes:
        extra: fields that the class does not have, or has once and that came again: [(tag, value)], values as encode()
            takes them. They are written with the others, where they cannot be taken for part of a group.
        kept: what encode() will write, by attribute: for the library.
    """

    __slots__ = ("extra", "kept")

    layout: ClassVar[Layout] = Layout(())

    kept: dict[str, Any]
    extra: list[Pair]

    def __init__(self, /, **given: Any) -> None:
        self.kept = kept = {}
        self.extra = []
        layout = self.layout
        attributes = layout.attributes
        for name, value in given.items():
            attribute = attributes.get(name)
            if attribute is None:
                if name != "extra":
                    raise _unknown(name, type(self))
                self.extra = [(tag, item) for tag, item in value]
            elif type(value) in attribute.exact:
                kept[name] = value
            elif value is not None:
                attribute.put(kept, value, layout.required)
        if not kept.keys() >= layout.required:
            raise _missing(self)

    # --- out --------------------------------------------------------------------------------------------------

    def body(self) -> list[Pair]:
        """Return the fields as encode() and Session.send() take them: [(tag, value)], groups as (count tag, [entries]).

        They are in the dictionary's order, those in `extra` in front of the first group.
        """
        kept = self.kept
        found: list[Pair] = [
            (tag, value if type(value := kept[attr]) is not tuple else _entries(value))
            for attr, tag in self.layout.plan(tuple(kept))
        ]
        return self._with_extra(found) if self.extra else found

    def _with_extra(self, found: list[Pair]) -> list[Pair]:
        """Put `extra` where it is read back at this level: behind a group, it would belong to the last entry."""
        at = next((i for i, (_, value) in enumerate(found) if type(value) is list), len(found))
        if at == 0 and found and isinstance(self, TypedGroup):  # what opens the entry comes first
            raise EncodeError(self.extra[0][0], "would be read as part of a group: this entry has no place for it")
        plain = [pair for pair in self.extra if not isinstance(pair[1], (list, tuple))]
        groups = [pair for pair in self.extra if isinstance(pair[1], (list, tuple))]
        return [*found[:at], *plain, *found[at:], *groups]

    # --- in ---------------------------------------------------------------------------------------------------

    @classmethod
    def _read(cls, pairs: Iterable[Pair]) -> Self:
        """Make an object of the fields of a message or entry, as m.body(nested=True) gives them."""
        kept: dict[str, Any] = {}
        extra: list[Pair] = []
        by_tag = cls.layout.by_tag
        for pair in pairs:
            tag, value = pair
            attribute = by_tag.get(tag)
            if attribute is None or attribute.attr in kept:
                extra.append(pair)
            elif isinstance(attribute, GroupAttribute):
                if type(value) is list:
                    read = attribute.entry._read  # noqa: SLF001  # of a class of this module
                    kept[attribute.attr] = tuple([read(item) for item in value])
                elif value == "0":
                    kept[attribute.attr] = ()
                else:  # a count that no entry follows
                    extra.append(pair)
            elif type(value) is list:  # a group in a broker's dictionary
                extra.append(pair)
            else:
                kept[attribute.attr] = value
        return cast("Self", _restore(cls, kept, extra))

    # --- as a value -------------------------------------------------------------------------------------------

    def value_ns(self, name: str) -> int:
        """Return the time in an attribute in ns: since the Unix epoch, for types without a date since midnight.

        Args: name: of the attribute, as "transact_time".
        Raises: AttributeError: there is no such attribute, or it is not set. TypeError: it is no time. ValueError: the
            text that was received has not the form of its type.
        """
        attribute = self.layout.attributes.get(name)
        if attribute is None or name not in self.kept:
            raise AttributeError(f"{type(self).__qualname__} has no {name}")
        return attribute.read_ns(self.kept[name])

    def __eq__(self, other: object) -> bool:
        """Tell whether both are of one class and every field means the same: 1.50 is 1.5, and a code is its member."""
        if type(other) is not type(self):
            return NotImplemented
        theirs = other.kept
        attributes = self.layout.attributes
        return (
            self.kept.keys() == theirs.keys()
            and all(
                attributes[attr].meaning(kept) == attributes[attr].meaning(theirs[attr])
                for attr, kept in self.kept.items()
            )
            and sorted(map(repr, self.extra)) == sorted(map(repr, other.extra))
        )

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), dict(self.kept), list(self.extra))

    def __repr__(self) -> str:
        return self._repr("")

    def _repr(self, msg_type: str) -> str:
        from fixfast.codec.present import MASK, is_secret

        parts = []
        for attr in sorted(self.kept, key=self.layout.rank.__getitem__):
            attribute = self.layout.attributes[attr]
            if isinstance(attribute, GroupAttribute):
                text = f"[{', '.join(Typed._repr(entry, msg_type) for entry in self.kept[attr])}]"
            else:
                text = MASK if is_secret(attribute.tag, msg_type) else repr(getattr(self, attr))
            parts.append(f"{attr}={text}")
        if self.extra:
            shown = [(tag, MASK if is_secret(tag, msg_type) else value) for tag, value in self.extra]
            parts.append(f"extra={shown!r}")
        return f"{type(self).__qualname__}({', '.join(parts)})"


class TypedComponent(Typed):
    """A component: fields that several messages and groups have. It is never an object by itself."""

    __slots__ = ()

    def __init__(self, /, **fields: Never) -> None:
        name = type(self).__qualname__
        raise TypeError(f"{name} is a component: its fields are keywords of the messages and groups that contain it")


class TypedGroup(Typed):
    """An entry of a group."""

    __slots__ = ()

    __init__ = Typed.__init__  # not that of the components, which stand between

    @classmethod
    def from_message(cls, entry: Entry) -> Self:
        """Make an object of an entry of this group. Nothing is lost: what the class does not have is in `extra`."""
        from fixfast.codec._data_pairs import DATA_PAIRS

        data = frozenset((*DATA_PAIRS.values(), *entry.dictionary.data_pairs.values()))
        return cls._read(_pairs(entry, cls.layout, data))


class TypedMessage(Typed):
    """A message without its header and trailer, which encode() takes or a session writes.

    Attributes:
        msg_type: MsgType(35).
        frame: what is around all messages of its version: for the library.
    """

    __slots__ = ()

    msg_type: ClassVar[str]
    frame: ClassVar[Frame]

    __init__ = Typed.__init__  # not that of the components, which stand between

    def encode(
        self,
        *,
        sender_comp_id: str,
        target_comp_id: str,
        msg_seq_num: int,
        sending_time: datetime | int,
        timestamp_digits: int = 3,
        **header: Any,
    ) -> bytes:
        """Return the message's bytes.

        Args:
            sender_comp_id, target_comp_id, msg_seq_num: SenderCompID(49), TargetCompID(56), MsgSeqNum(34).
            sending_time: SendingTime(52), an aware datetime or ns since the epoch.
            timestamp_digits: decimals of timestamps: 0, 3, 6 or 9; what is finer is cut off.
            header: other fields of the header and trailer by their attributes (`sender_sub_id`, `appl_ver_id`).
        Raises:
            EncodeError, EncodeTypeError: name the field. TypeError: a keyword that no header has.
        """
        head = [(49, sender_comp_id), (56, target_comp_id), (34, msg_seq_num), (52, sending_time)]
        body = self.body()
        frame = self.frame
        fields = frame.around(body, head, header) if header or self.extra else head + body
        try:
            return _encoder()(frame.begin_string, self.msg_type, fields, timestamp_digits=timestamp_digits)
        except EncodeError as error:
            raise frame.named(error) from None

    @classmethod
    def from_message(cls, m: Message) -> Self:
        """Make an object of a message.

        Nothing is lost: what the class does not have is in `extra`, fields of the header, too, that no session writes
        by itself; a value that has not the form of its type is its text. Required fields may be missing.

        Raises: ValueError: the message has another MsgType. DictionaryError: there is no dictionary for its version.
        """
        if m.msg_type != cls.msg_type:
            raise ValueError(f"a message of type {m.msg_type!r} is no {cls.__qualname__} ({cls.msg_type})")
        return cls._read(m.body(nested=True))

    def __repr__(self) -> str:
        return self._repr(self.msg_type)


class Frame:
    """What is around all messages of a version.

    Attributes: begin_string: BeginString(8), or the version that travels under another one (FIX.5.0SP2).
    """

    def __init__(
        self, begin_string: str, header: Callable[[], Layout], trailer: Callable[[], Layout], name: Callable[[int], str]
    ) -> None:
        self.begin_string = begin_string
        self._header, self._trailer, self._name = header, trailer, name

    def around(self, body: list[Pair], head: list[Pair], given: Mapping[str, Any]) -> list[Pair]:
        """Return all fields in order: the header's, the rest, the trailer's.

        Args:
            body: fields, those of header and trailer among them, too. head: fields that every header has.
            given: more of them, and of the trailer's, by attribute. They count before those of the body.
        """
        header, trailer = self._header(), self._trailer()
        attributes = {**header.attributes, **trailer.attributes}
        kept: dict[str, Any] = {}
        for name, value in given.items():
            attribute = attributes.get(name)
            if attribute is None:
                raise TypeError(f"encode() has no keyword {name!r}, and no header a field of that name")
            if value is not None:
                attribute.put(kept, value, NOTHING)
        said = head + [(attributes[a].tag, _entries(v) if type(v) is tuple else v) for a, v in kept.items()]
        tags = {tag for tag, _ in said}
        all_of_them = [*said, *(pair for pair in body if pair[0] not in tags)]
        rest = [pair for pair in all_of_them if pair[0] not in header.by_tag and pair[0] not in trailer.by_tag]
        return [*_those_of(header, all_of_them), *rest, *_those_of(trailer, all_of_them)]

    def named(self, error: EncodeError) -> EncodeError:
        """Return an error of the encoder with the field's name."""
        name = self._name(error.tag)
        return type(error)(error.tag, f"{name} ({error.tag}): {error.detail}") if name else error


def _those_of(layout: Layout, pairs: list[Pair]) -> list[Pair]:
    """Return the fields that a layout has, in its order."""
    rank = {tag: i for i, tag in enumerate(layout.by_tag)}
    return sorted((pair for pair in pairs if pair[0] in rank), key=lambda pair: rank[pair[0]])


def _entries(entries: tuple[TypedGroup, ...]) -> Any:
    """Return a group as encode() takes it; one that is there and empty has a count of 0 (requirement V20)."""
    return [entry.body() for entry in entries] if entries else "0"


def _pairs(fields: Entry, layout: Layout, data: frozenset[int]) -> list[Pair]:
    """Return the fields of an entry as m.body(nested=True) has them, groups by the layout. `data`: tags of data."""
    flat = list(fields)
    found: list[Pair] = []
    i = 0
    while i < len(flat):
        tag, text = flat[i]
        i += 1
        attribute = layout.by_tag.get(tag)
        if isinstance(attribute, GroupAttribute):
            entries = fields.group(tag)
            if entries:
                found.append((tag, [_pairs(entry, attribute.entry.layout, data) for entry in entries]))
                i += sum(len(entry) for entry in entries)
                continue
        found.append((tag, text.encode("utf-8", "surrogateescape") if tag in data else text))
    return found


def _unknown(name: str, kind: type[Typed]) -> TypeError:
    from difflib import get_close_matches

    near = get_close_matches(name, kind.layout.attributes, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return TypeError(f"{kind.__qualname__} has no field {name!r}{hint}")


def _missing(item: Typed) -> TypeError:
    layout = item.layout
    missing = [attr for attr in layout.attributes if attr in layout.required and attr not in item.kept]
    named = ", ".join(f"{attr} ({layout.attributes[attr].tag})" for attr in missing)
    return TypeError(f"{type(item).__qualname__} needs {named}")


def _restore(kind: type[Typed], kept: dict[str, Any], extra: list[Pair]) -> Typed:
    item = kind.__new__(kind)
    item.kept, item.extra = kept, extra
    return item
