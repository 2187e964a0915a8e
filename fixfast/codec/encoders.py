"""encoder(): a Template for one of the common messages, with the message's fields as named arguments.

What the arguments are is read from the dictionary when an encoder is made: their names, whether the version has them,
and the kind of their values. So there is no code to generate, one encoder serves FIX 4.0 to 5.0 SP2 and a venue's own
dictionary, and what fills it is the Template's loop in C.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fixfast.codec.template import Template
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.naming import attribute
from fixfast.types import Slot

if TYPE_CHECKING:
    from fixfast.dictionary.model import Dictionary

__all__ = ["ENCODERS", "arguments", "encoder"]


class Arguments(NamedTuple):
    """What an encoder takes, by tags: what must be given, what may be. A tuple is a group: its count, its fields."""

    needed: tuple[Any, ...]
    optional: tuple[Any, ...] = ()


#: Of each MsgType that encoder() knows, what it takes, in the order of the wire. 20 is of FIX 4.0 to 4.2, 21 ends there
#: being needed, 150 and 151 begin with FIX 4.1: what a version does not have is left away.
ENCODERS: Mapping[str, Arguments] = MappingProxyType(
    {
        "D": Arguments((11, 55, 54, 60, 38, 40), (44, 59, 1, 21, 99, 15, 126, 18, 100, 58)),
        "F": Arguments((41, 11, 55, 54, 60), (38, 37, 1, 58)),
        "G": Arguments((41, 11, 55, 54, 60, 38, 40), (44, 59, 37, 1, 21, 99, 58)),
        "8": Arguments(
            (37, 17, 20, 150, 39, 55, 54, 151, 14, 6), (11, 41, 38, 40, 44, 32, 31, 60, 59, 1, 19, 378, 103, 58)
        ),
        "0": Arguments((), (112,)),
        "V": Arguments((262, 263, 264, (267, 269), (146, 55)), (265, 266)),
        "W": Arguments((55, (268, 269, 270, 271)), (262,)),
    }
)

_KINDS = MappingProxyType(
    {"int": "int", "uint": "int", "day": "int", "decimal": "decimal", "bool": "bool", "time": "time"}
)


def arguments(dictionary: Dictionary, msg_type: str, scale: int | None = None) -> tuple[list[Slot], list[str], int]:
    """Return the Slots of an encoder, the names of its arguments, and how many of them are needed.

    Raises: ValueError: no encoder for this MsgType, or the dictionary does not have it.
    """
    spec = ENCODERS.get(msg_type)
    if spec is None or msg_type not in dictionary.messages:
        known = ", ".join(key for key in ENCODERS if key in dictionary.messages)
        raise ValueError(f"no encoder for MsgType {msg_type!r}: {known}. Make a Template")
    has = dictionary.members(msg_type)
    needed = [item for item in spec.needed if (item if isinstance(item, int) else item[0]) in has]
    optional = [item for item in spec.optional if item in has]
    slots = [_slot(dictionary, item, scale) for item in [*needed, *optional]]
    return slots, [attribute(dictionary.fields[int(slot.tag)].name) for slot in slots], len(needed)


def _slot(dictionary: Dictionary, item: Any, scale: int | None) -> Slot:
    if isinstance(item, tuple):
        return Slot(item[0], tuple(_slot(dictionary, tag, scale) for tag in item[1:]))
    kind = _KINDS.get(dictionary.fields[item].kind, "str")
    return Slot(item, f"scaled:{scale}" if kind == "decimal" and scale is not None else kind)


def encoder(
    begin_string: str,
    msg_type: str,
    header: Iterable[tuple[int, Any] | Slot],
    *,
    timestamp_digits: int = 3,
    scale: int | None = None,
    dictionary: Dictionary | None = None,
) -> Template:
    """Return a Template whose encode() takes the fields of a common message as arguments, by position or by name.

    Args:
        begin_string: BeginString; with FIXT.1.1 the dictionary is FIX.5.0SP2's, if none is given.
        msg_type: NewOrderSingle(D), OrderCancelRequest(F), OrderCancelReplaceRequest(G), ExecutionReport(8),
            Heartbeat(0), MarketDataRequest(V) or MarketDataSnapshotFullRefresh(W).
        header: the fields between MsgType and the message's own: 49, 56 ... as pairs, and as Slots what changes: 34,
            52. A Slot's argument stands in front and must be given.
        timestamp_digits: decimals of timestamps, 0, 3, 6 or 9.
        scale: prices and quantities are ints that count 10**-scale; None: they are Decimals, Scaled or whole ints.
        dictionary: another one than the standard's: it decides which fields there are, their names and kinds.

    Returns: the Template; its `names` are the arguments. None leaves one out. A group is a list of tuples, a group
        with one field a list of its values.

    Raises: ValueError: no encoder for this MsgType or in this version. EncodeError, EncodeTypeError: of `header`.
    """
    known = dictionary or load_dictionary("FIX.5.0SP2" if begin_string == "FIXT.1.1" else begin_string)
    header = list(header)
    slots, names, needed = arguments(known, msg_type, scale)
    first = [attribute(known.fields[int(item.tag)].name) for item in header if isinstance(item, Slot)]
    return Template(
        begin_string,
        msg_type,
        slots,
        timestamp_digits=timestamp_digits,
        header=header,
        names=[*first, *names],
        needed=len(first) + needed,
    )
