"""fixfast itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from benchmarks.orders import Order, order_fields, order_slots, order_template
from benchmarks.rivals.base import READ, Nested, Prices, Read, Rival

__all__ = ["Fixfast"]


class Fixfast(Rival):
    name = package = "fixfast"

    def __init__(self) -> None:
        self.module: Any = import_module("fixfast")

    @property
    def version(self) -> str:
        return str(self.module.__version__)

    def parse(self) -> Callable[[bytes], object]:
        call: Callable[[bytes], object] = self.module.parse
        return call

    def read(self, message: str) -> Read:
        parse, get = self.module.parse, self.module.getter(*READ[message])

        def read(raw: bytes) -> tuple[Any, ...]:
            values: tuple[Any, ...] = get(parse(raw))
            return values

        return read

    def encode(self) -> Callable[[Order], bytes]:
        encode = self.module.encode

        def write(order: Order) -> bytes:
            raw: bytes = encode("FIX.4.4", "D", order_fields(order))
            return raw

        return write

    def encode_template(self) -> Callable[[Order], bytes]:
        encode = self.module.Template("FIX.4.4", "D", order_template(self.module.Slot)).encode

        def write(order: Order) -> bytes:
            raw: bytes = encode(*order_slots(order))
            return raw

        return write

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make, message = self.module.StreamDecoder, self.module.Message

        def count(slices: Iterable[bytes]) -> int:
            decoder, found = make(), 0
            for part in slices:
                decoder.feed(part)
                for item in decoder:
                    found += type(item) is message
            return found

        return count

    # --- with a dictionary ----------------------------------------------------------------------------------

    def validate(self, level: str) -> Callable[[Any], object]:
        options = self.module.Validation("observe", level)

        def validate(message: Any) -> object:
            return message.validate(options)

        return validate

    def parse_valid(self) -> Callable[[bytes], object]:
        parse, options = self.module.parse, self.module.Validation()

        def both(raw: bytes) -> object:
            return parse(raw, validate=options).fault

        return both

    def count(self) -> Callable[[Any], int]:
        def count(message: Any) -> int:
            return len(message.group(268))

        return count

    def prices(self) -> Prices:
        parse, get = self.module.parse, self.module.getter((270, "float"), (271, "int"))

        def prices(raw: bytes) -> list[tuple[float, int]]:
            return [get(entry) for entry in parse(raw).group(268)]

        return prices

    def nested(self) -> Nested:
        parse = self.module.parse

        def nested(raw: bytes) -> list[tuple[str, list[str]]]:
            return [(party[448], [sub[523] for sub in party.group(802)]) for party in parse(raw).group(453)]

        return nested

    def typed(self) -> Callable[[Order], bytes]:
        fix44: Any = import_module("fixfast.fix44")

        def write(order: Order) -> bytes:
            raw: bytes = fix44.NewOrderSingle(
                cl_ord_id=order.cl_ord_id,
                account=order.account,
                handl_inst="1",
                symbol=order.symbol,
                side=order.side,
                transact_time=order.time_ns,
                order_qty=order.quantity,
                ord_type="2",
                price=order.price_decimal,
                time_in_force="0",
            ).encode(sender_comp_id="BOT01", target_comp_id="VENUE", msg_seq_num=order.seq, sending_time=order.time_ns)
            return raw

        return write

    def value(self, tag: int) -> Callable[[Any], object]:
        def value(message: Any) -> object:
            return message.value(tag)

        return value
