"""What fixfast is measured beside. Each rival does the same work and gives the same values: `verify` checks that first.

A rival that is not installed is left out, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.corpus import Order, frame

__all__ = ["NAMES", "READ", "Rival", "available", "order_fields", "order_texts"]

#: message -> the five fields that "read" takes out, and what they become
READ: dict[str, tuple[tuple[int, str], ...]] = {
    "NOS": ((11, "str"), (55, "str"), (54, "str"), (38, "int"), (44, "float")),
    "ER": ((11, "str"), (55, "str"), (39, "str"), (32, "int"), (31, "float")),
}
_CONVERT: dict[str, Callable[[Any], Any]] = {"str": str, "int": int, "float": float}

Read = Callable[[bytes], tuple[Any, ...]]


class Rival:
    """One way to handle FIX in Python. A method that returns None says: this rival has no such thing."""

    name = ""
    package = ""

    @property
    def version(self) -> str:
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            return "?"

    def parse(self) -> Callable[[bytes], object] | None:
        """Return the call that turns one whole message into something fields can be read from."""
        return None

    def read(self, message: str) -> Read | None:
        """Return the call that parses and gives the fields of READ[message], converted."""
        return None

    def encode(self) -> Callable[[Order], bytes] | None:
        """Return the call that writes one NewOrderSingle, BodyLength and CheckSum included."""
        return None

    def encode_template(self) -> Callable[[Order], bytes] | None:
        """Return the same for an encoder that was prepared with the fields that never change."""
        return None

    def stream(self) -> Callable[[Iterable[bytes]], int] | None:
        """Return the call that takes slices of a log and counts the messages found."""
        return None


def order_texts(order: Order) -> list[tuple[int, str]]:
    """Return the same as text, for encoders that take nothing else."""
    return [
        (34, str(order.seq)),
        (49, "BOT01"),
        (52, order.time_text),
        (56, "VENUE"),
        (11, order.cl_ord_id),
        (1, order.account),
        (21, "1"),
        (55, order.symbol),
        (54, order.side),
        (60, order.time_text),
        (38, str(order.quantity)),
        (40, "2"),
        (44, order.price_text),
        (59, "0"),
    ]


def order_fields(order: Order) -> list[tuple[int, object]]:
    """Return the fields of a NewOrderSingle as a program has them: numbers, ns, an exact price."""
    return [
        (34, order.seq),
        (49, "BOT01"),
        (52, order.time_ns),
        (56, "VENUE"),
        (11, order.cl_ord_id),
        (1, order.account),
        (21, "1"),
        (55, order.symbol),
        (54, order.side),
        (60, order.time_ns),
        (38, order.quantity),
        (40, "2"),
        (44, order.price_decimal),
        (59, "0"),
    ]


class Fixfast(Rival):
    name = package = "fixfast"

    def __init__(self) -> None:
        self._ff: Any = import_module("fixfast")

    @property
    def version(self) -> str:
        return str(self._ff.__version__)

    def parse(self) -> Callable[[bytes], object]:
        call: Callable[[bytes], object] = self._ff.parse
        return call

    def read(self, message: str) -> Read:
        parse, get = self._ff.parse, self._ff.getter(*READ[message])

        def read(raw: bytes) -> tuple[Any, ...]:
            values: tuple[Any, ...] = get(parse(raw))
            return values

        return read

    def encode(self) -> Callable[[Order], bytes]:
        encode = self._ff.encode

        def write(order: Order) -> bytes:
            raw: bytes = encode("FIX.4.4", "D", order_fields(order))
            return raw

        return write

    def encode_template(self) -> Callable[[Order], bytes]:
        slot = self._ff.Slot
        template = self._ff.Template(
            "FIX.4.4",
            "D",
            [
                slot(34, "int"),
                (49, "BOT01"),
                slot(52, "time"),
                (56, "VENUE"),
                slot(11),
                slot(1),
                (21, "1"),
                slot(55),
                slot(54),
                slot(60, "time"),
                slot(38, "int"),
                (40, "2"),
                slot(44, "scaled:5"),
                (59, "0"),
            ],
        )
        encode = template.encode

        def write(order: Order) -> bytes:
            raw: bytes = encode(
                order.seq,
                order.time_ns,
                order.cl_ord_id,
                order.account,
                order.symbol,
                order.side,
                order.time_ns,
                order.quantity,
                order.price,
            )
            return raw

        return write

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make, message = self._ff.StreamDecoder, self._ff.Message

        def count(slices: Iterable[bytes]) -> int:
            decoder, found = make(), 0
            for part in slices:
                decoder.feed(part)
                for item in decoder:
                    found += type(item) is message
            return found

        return count


def split_and_sum(raw: bytes) -> dict[bytes, bytes]:
    """The idiom found in many scripts: split, sum, compare. Ten lines, and it checks 8, 9 and 10."""
    fields = dict(pair.split(b"=", 1) for pair in raw.split(b"\x01")[:-1])
    trailer = raw.rindex(b"10=")
    start = raw.index(b"\x01", raw.index(b"\x019=") + 1) + 1
    if not raw.startswith(b"8=FIX") or int(fields[b"9"]) != trailer - start:
        raise ValueError("not a FIX message")
    if sum(raw[:trailer]) & 255 != int(fields[b"10"]):
        raise ValueError("bad checksum")
    return fields


class Split(Rival):
    name = "split-and-sum"

    def parse(self) -> Callable[[bytes], object]:
        return split_and_sum

    def read(self, message: str) -> Read:
        def convert(kind: str) -> Callable[[bytes], Any]:
            return bytes.decode if kind == "str" else _CONVERT[kind]

        (a, to_a), (b, to_b), (c, to_c), (d, to_d), (e, to_e) = (
            (b"%d" % tag, convert(kind)) for tag, kind in READ[message]
        )

        def read(raw: bytes) -> tuple[Any, ...]:
            fields = split_and_sum(raw)
            return to_a(fields[a]), to_b(fields[b]), to_c(fields[c]), to_d(fields[d]), to_e(fields[e])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        def write(order: Order) -> bytes:
            return frame("FIX.4.4", [(35, "D"), *order_texts(order)])

        return write


class Simplefix(Rival):
    name = package = "simplefix"

    def __init__(self) -> None:
        self._module: Any = import_module("simplefix")

    def parse(self) -> Callable[[bytes], object]:
        make = self._module.FixParser

        def parse(raw: bytes) -> object:
            parser = make()
            parser.append_buffer(raw)
            return parser.get_message()

        return parse

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        wanted = [(tag, bytes.decode if kind == "str" else _CONVERT[kind]) for tag, kind in READ[message]]

        def read(raw: bytes) -> tuple[Any, ...]:
            found = parse(raw)
            return tuple([convert(found.get(tag)) for tag, convert in wanted])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        make = self._module.FixMessage

        def write(order: Order) -> bytes:
            message = make()
            message.append_pair(8, "FIX.4.4", header=True)
            message.append_pair(35, "D", header=True)
            for tag, value in order_texts(order):
                message.append_pair(tag, value)
            raw: bytes = message.encode()
            return raw

        return write

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make = self._module.FixParser

        def count(slices: Iterable[bytes]) -> int:
            parser, found = make(), 0
            for part in slices:
                parser.append_buffer(part)
                while parser.get_message() is not None:
                    found += 1
            return found

        return count


class Quickfix(Rival):
    """QuickFIX's Python binding, by its fast calls: getField(int) and setField(int, str), no dictionary."""

    name = "quickfix"

    def __init__(self) -> None:
        self._module: Any = import_module("quickfix")
        self.package = "quickfix"
        for package in ("quickfix-tls", "quickfix"):
            try:
                version(package)
            except PackageNotFoundError:
                continue
            self.package = package
            break

    def parse(self) -> Callable[[bytes], object]:
        make = self._module.Message

        def parse(raw: bytes) -> object:
            return make(raw.decode("latin-1"), True)

        return parse

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        wanted = [(tag, _CONVERT[kind]) for tag, kind in READ[message]]

        def read(raw: bytes) -> tuple[Any, ...]:
            get = parse(raw).getField
            return tuple([convert(get(tag)) for tag, convert in wanted])

        return read

    def encode(self) -> Callable[[Order], bytes]:
        make = self._module.Message
        header_tags = frozenset((34, 49, 52, 56))

        def write(order: Order) -> bytes:
            message = make()
            header = message.getHeader()
            header.setField(8, "FIX.4.4")
            header.setField(35, "D")
            for tag, value in order_texts(order):
                (header if tag in header_tags else message).setField(tag, value)
            raw: bytes = message.toString().encode("latin-1")
            return raw

        return write


NAMES = ("fixfast", "simplefix", "split-and-sum", "quickfix")


def available() -> tuple[list[Rival], list[str]]:
    """Return the rivals that can be imported, fixfast first, and the names of the others."""
    found: list[Rival] = []
    missing: list[str] = []
    for name, make in zip(NAMES, (Fixfast, Simplefix, Split, Quickfix), strict=True):
        try:
            found.append(make())
        except ImportError:
            missing.append(name)
    return found, missing
