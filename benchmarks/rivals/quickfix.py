"""QuickFIX (C++) by its Python binding, called in its fastest ways: getField(int) and setField(int, str)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.orders import HEADER_TAGS, Order, order_texts
from benchmarks.rivals.base import CONVERT, READ, Nested, Prices, Read, Rival

__all__ = ["Quickfix"]


class Quickfix(Rival):
    name = "quickfix"

    def __init__(self) -> None:
        self.module: Any = import_module("quickfix")
        self.package = "quickfix"
        for package in ("quickfix-tls", "quickfix"):
            try:
                version(package)
            except PackageNotFoundError:
                continue
            self.package = package
            break

    def parse(self) -> Callable[[bytes], object]:
        make = self.module.Message

        def parse(raw: bytes) -> object:
            return make(raw.decode("latin-1"), True)

        return parse

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        wanted = [(tag, CONVERT[kind]) for tag, kind in READ[message]]

        def read(raw: bytes) -> tuple[Any, ...]:
            get = parse(raw).getField
            return tuple([convert(get(tag)) for tag, convert in wanted])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        make = self.module.Message

        def write(order: Order) -> bytes:
            message = make()
            header = message.getHeader()
            header.setField(8, "FIX.4.4")
            header.setField(35, "D")
            for tag, value in order_texts(order):
                (header if tag in HEADER_TAGS else message).setField(tag, value)
            raw: bytes = message.toString().encode("latin-1")
            return raw

        return write

    # --- with a dictionary ----------------------------------------------------------------------------------

    @cached_property
    def dictionary(self) -> Any:
        """fixfast's own FIX44.xml: both read the same rules."""
        folder = import_module("fixfast.dictionary.load").SPEC_DIR
        return self.module.DataDictionary(str(folder / "FIX44.xml"))

    def ready(self) -> Callable[[bytes], Any]:
        make, dictionary = self.module.Message, self.dictionary

        def parse(raw: bytes) -> Any:
            # With one dictionary for the session and one for the application (the same): a fifth quicker than with one.
            return make(raw.decode("latin-1"), dictionary, dictionary, True)

        return parse

    def validate(self, level: str) -> Callable[[Any], object]:
        """Return DataDictionary.validate. It knows no levels, and does not look into the entries of groups."""
        call: Callable[[Any], object] = self.dictionary.validate
        return call

    def parse_valid(self) -> Callable[[bytes], object]:
        parse, validate = self.ready(), self.dictionary.validate

        def both(raw: bytes) -> object:
            return validate(parse(raw))

        return both

    def count(self) -> Callable[[Any], int]:
        """Return groupCount: it has found its groups when it parsed."""

        def count(message: Any) -> int:
            number: int = message.groupCount(268)
            return number

        return count

    def prices(self) -> Prices:
        parse = self.ready()

        def prices(raw: bytes) -> list[tuple[float, int]]:
            message = parse(raw)
            found = []
            for number in range(1, message.groupCount(268) + 1):
                get = message.getGroupRef(number, 268).getField
                found.append((float(get(270)), int(get(271))))
            return found

        return prices

    def nested(self) -> Nested:
        parse = self.ready()

        def nested(raw: bytes) -> list[tuple[str, list[str]]]:
            message = parse(raw)
            parties = []
            for number in range(1, message.groupCount(453) + 1):
                party = message.getGroupRef(number, 453)
                inner = range(1, party.groupCount(802) + 1)
                parties.append((party.getField(448), [party.getGroupRef(i, 802).getField(523) for i in inner]))
            return parties

        return nested

    def typed(self) -> Callable[[Order], bytes]:
        """Return the generated class, its fields set by number: by field objects it takes half as long again."""
        make = import_module("quickfix44").NewOrderSingle

        def write(order: Order) -> bytes:
            message = make()
            header = message.getHeader()
            for tag, value in order_texts(order):
                (header if tag in HEADER_TAGS else message).setField(tag, value)
            raw: bytes = message.toString().encode("latin-1")
            return raw

        return write
