"""simplefix: the pure-Python library that most people meet first. It verifies neither length nor checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from benchmarks.orders import Order, order_texts
from benchmarks.rivals.base import CONVERT, READ, Nested, Prices, Read, Rival

__all__ = ["Simplefix"]


class Simplefix(Rival):
    name = package = "simplefix"

    def __init__(self) -> None:
        self.module: Any = import_module("simplefix")

    def parse(self) -> Callable[[bytes], object]:
        make = self.module.FixParser

        def parse(raw: bytes) -> object:
            parser = make()
            parser.append_buffer(raw)
            return parser.get_message()

        return parse

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        wanted = [(tag, bytes.decode if kind == "str" else CONVERT[kind]) for tag, kind in READ[message]]

        def read(raw: bytes) -> tuple[Any, ...]:
            found = parse(raw)
            return tuple([convert(found.get(tag)) for tag, convert in wanted])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        make = self.module.FixMessage

        def write(order: Order) -> bytes:
            message = make()
            message.append_pair(8, "FIX.4.4", header=True)
            message.append_pair(35, "D", header=True)
            for tag, value in order_texts(order):
                message.append_pair(tag, value)
            raw: bytes = message.encode()
            return raw

        return write

    def encode_texts(self) -> Callable[[list[tuple[int, str]]], bytes]:
        make = self.module.FixMessage

        def write(fields: list[tuple[int, str]]) -> bytes:
            message = make()
            message.append_pair(8, "FIX.4.4", header=True)
            for tag, value in fields:
                message.append_pair(tag, value, header=tag == 35)
            raw: bytes = message.encode()
            return raw

        return write

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make = self.module.FixParser

        def count(slices: Iterable[bytes]) -> int:
            parser, found = make(), 0
            for part in slices:
                parser.append_buffer(part)
                while parser.get_message() is not None:
                    found += 1
            return found

        return count

    # It knows no groups: its pairs, walked by hand, are as near as it comes.

    def prices(self) -> Prices:
        parse: Any = self.parse()

        def prices(raw: bytes) -> list[tuple[float, int]]:
            pairs = parse(raw).pairs
            found = [float(value) for tag, value in pairs if tag == b"270"]
            return list(zip(found, [int(value) for tag, value in pairs if tag == b"271"], strict=True))

        return prices

    def nested(self) -> Nested:
        parse: Any = self.parse()

        def nested(raw: bytes) -> list[tuple[str, list[str]]]:
            parties: list[tuple[str, list[str]]] = []
            for tag, value in parse(raw).pairs:
                if tag == b"448":
                    parties.append((value.decode(), []))
                elif tag == b"523":
                    parties[-1][1].append(value.decode())
            return parties

        return nested
