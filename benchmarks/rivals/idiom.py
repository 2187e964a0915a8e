"""What many scripts do: split, sum, compare. Ten lines, no library."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchmarks.corpus import frame
from benchmarks.orders import Order, order_texts
from benchmarks.rivals.base import CONVERT, READ, Prices, Read, Rival

__all__ = ["Split"]


def split_and_sum(raw: bytes) -> dict[bytes, bytes]:
    """Return the fields; BeginString, BodyLength and CheckSum are verified."""
    fields = dict(pair.split(b"=", 1) for pair in raw.split(b"\x01")[:-1])
    trailer = raw.rindex(b"10=")
    start = raw.index(b"\x01", raw.index(b"\x019=") + 1) + 1
    if not raw.startswith(b"8=FIX") or int(fields[b"9"]) != trailer - start:
        raise ValueError("not a FIX message")
    if sum(raw[:trailer]) & 255 != int(fields[b"10"]):
        raise ValueError("bad checksum")
    return fields


def _split_entries(raw: bytes) -> list[tuple[float, int]]:
    """The same where a dict would lose the group: walk the pairs."""
    pairs = [pair.split(b"=", 1) for pair in raw.split(b"\x01")[:-1]]
    if sum(raw[: raw.rindex(b"10=")]) & 255 != int(pairs[-1][1]):
        raise ValueError("bad checksum")
    prices = [float(value) for tag, value in pairs if tag == b"270"]
    return list(zip(prices, [int(value) for tag, value in pairs if tag == b"271"], strict=True))


class Split(Rival):
    name = "split-and-sum"

    def parse(self) -> Callable[[bytes], object]:
        return split_and_sum

    def read(self, message: str) -> Read:
        def convert(kind: str) -> Callable[[bytes], Any]:
            return bytes.decode if kind == "str" else CONVERT[kind]

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

    def encode_texts(self) -> Callable[[list[tuple[int, str]]], bytes]:
        return lambda fields: frame("FIX.4.4", fields)

    def prices(self) -> Prices:
        return _split_entries

    def value(self, tag: int) -> Callable[[Any], object] | None:
        if tag == 44:
            return lambda fields: Decimal(fields[b"44"].decode())
        if tag == 60:  # 3.11's quickest way from text to a datetime
            return lambda fields: datetime.fromisoformat(fields[b"60"].decode()).replace(tzinfo=UTC)
        return None
