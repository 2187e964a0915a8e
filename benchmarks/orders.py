"""One NewOrderSingle, spelled once: what a program knows of it, and the forms in which encoders want its fields."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

__all__ = ["HEADER_TAGS", "ORDER", "Order", "Part", "order_fields", "order_slots", "order_template", "order_texts"]


@dataclass(frozen=True, slots=True)
class Order:
    """What an encoder is given: the values of one NewOrderSingle. `price` counts 1e-5; the same as text and Decimal."""

    seq: int
    time_ns: int
    time_text: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    quantity: int
    price: int
    price_text: str
    price_decimal: Decimal


class Part(NamedTuple):
    """One field. Its three expressions are Python, of an `order`; "" stands for "the same as `value`".

    Attributes:
        value: what a program has: a number, ns, an exact price, a text.
        text: what an encoder is given that takes nothing but text.
        slot: the kind of Slot that a Template has for it; "" where the field never changes.
        filled: what that slot is given.
    """

    tag: int
    value: str
    text: str = ""
    slot: str = ""
    filled: str = ""


#: The fields behind MsgType, in the order of the wire.
ORDER = (
    Part(34, "order.seq", "str(order.seq)", "int"),
    Part(49, "'BOT01'"),
    Part(52, "order.time_ns", "order.time_text", "time"),
    Part(56, "'VENUE'"),
    Part(11, "order.cl_ord_id", slot="str"),
    Part(1, "order.account", slot="str"),
    Part(21, "'1'"),
    Part(55, "order.symbol", slot="str"),
    Part(54, "order.side", slot="str"),
    Part(60, "order.time_ns", "order.time_text", "time"),
    Part(38, "order.quantity", "str(order.quantity)", "int"),
    Part(40, "'2'"),
    Part(44, "order.price_decimal", "order.price_text", "scaled:5", "order.price"),
    Part(59, "'0'"),
)
#: Those of them that belong to the header.
HEADER_TAGS = frozenset((34, 49, 52, 56))


def _written_out(expression: str) -> Callable[[Order], Any]:
    """Return a function of an order. It is compiled from text, so that it runs like one that a program spells out."""
    made: Callable[[Order], Any] = eval(f"lambda order: {expression}")
    return made


#: -> the fields as a program has them: numbers, ns, an exact price
order_fields: Callable[[Order], list[tuple[int, object]]] = _written_out(
    "[" + ", ".join(f"({part.tag}, {part.value})" for part in ORDER) + "]"
)
#: -> the same as text, for encoders that take nothing else
order_texts: Callable[[Order], list[tuple[int, str]]] = _written_out(
    "[" + ", ".join(f"({part.tag}, {part.text or part.value})" for part in ORDER) + "]"
)
#: -> what a prepared message is filled with
order_slots: Callable[[Order], tuple[object, ...]] = _written_out(
    "(" + ", ".join(part.filled or part.value for part in ORDER if part.slot) + ")"
)


def order_template(slot: Callable[[int, str], Any]) -> list[Any]:
    """Return what a prepared message is made of: pairs of what never changes, and slots for the rest."""
    return [slot(part.tag, part.slot) if part.slot else (part.tag, literal_eval(part.value)) for part in ORDER]
