"""fixcore-engine: a pure-Python engine. Its decoder verifies length and checksum, and knows groups by a dictionary.

It takes no part in validation: its `validate` looks for required fields and, if asked, codes, but not for formats, nor
for fields that do not belong to the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from typing import Any

from benchmarks.orders import Order, order_texts
from benchmarks.rivals.base import CONVERT, READ, Nested, Prices, Read, Rival

__all__ = ["Fixcore"]


class Fixcore(Rival):
    name = "fixcore"
    package = "fixcore-engine"

    def __init__(self) -> None:
        self.module: Any = import_module("fixcore.message")

    def parse(self) -> Callable[[bytes], object]:
        call: Callable[[bytes], object] = self.module.Message.decode
        return call

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        wanted = [(tag, CONVERT[kind]) for tag, kind in READ[message]]

        def read(raw: bytes) -> tuple[Any, ...]:
            body = parse(raw).body  # a plain dict, and public: quicker than get_field
            return tuple([convert(body[tag]) for tag, convert in wanted])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        make = self.module.Message

        def write(order: Order) -> bytes:
            message = make()
            put = message.set_field
            put(8, "FIX.4.4")
            put(35, "D")
            for tag, value in order_texts(order):
                put(tag, value)
            raw: bytes = message.encode()
            return raw

        return write

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make, parse = import_module("fixcore.transport.framer").MessageFramer, self.module.Message.decode

        def count(slices: Iterable[bytes]) -> int:
            framer, found = make(), 0
            for part in slices:
                for raw in framer.feed(part):
                    parse(raw)
                    found += 1
            return found

        return count

    # --- with a dictionary ----------------------------------------------------------------------------------

    @cached_property
    def dictionary(self) -> Any:
        """fixfast's own FIX44.xml: both read the same rules."""
        folder = import_module("fixfast.dictionary.load").SPEC_DIR
        return self.module.DataDictionary.from_xml(folder / "FIX44.xml")

    def ready(self) -> Callable[[bytes], Any]:
        parse, dictionary = self.module.Message.decode, self.dictionary

        def ready(raw: bytes) -> Any:
            return parse(raw, dictionary)

        return ready

    def count(self) -> Callable[[Any], int]:
        def count(message: Any) -> int:
            number: int = message.group_count(268)
            return number

        return count

    def prices(self) -> Prices:
        parse = self.ready()

        def prices(raw: bytes) -> list[tuple[float, int]]:
            found = []
            for entry in parse(raw).get_groups(268):
                get = entry.get_field
                found.append((float(get(270)), int(get(271))))
            return found

        return prices

    def nested(self) -> Nested:
        parse = self.ready()

        def nested(raw: bytes) -> list[tuple[str, list[str]]]:
            return [
                (party.get_field(448), [sub.get_field(523) for sub in party.get_groups(802)])
                for party in parse(raw).get_groups(453)
            ]

        return nested
