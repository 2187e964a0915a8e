"""What the tests of the codec share: the two implementations, and messages built by hand (by neither of them)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from fixfast.errors import GarbledMessage
from fixfast.types import Garbled

__all__ = [
    "Codec",
    "Outcome",
    "decode",
    "fix",
    "item_of",
    "message",
    "parsed",
    "sealed",
    "wire_fields",
]

#: ("garbled", reason, offset) or ("message", raw, fields)
Outcome = tuple[Any, ...]

_HOMES = {
    "parse": "parse",
    "Message": "message",
    "getter": "getter",
    "shadowed": "validate",
    "HeaderCheck": "check",
    "Inflow": "inflow",
    "Outflow": "outflow",
    "joined": "check",
    "StreamDecoder": "frame",
    "encode": "encode",
    "encode_session": "encode",
    "index": "columns",
    "decode_columns": "columns",
    "Template": "template",
}


class Codec:
    """One implementation under its public names, imported on first use.

    Where an extension is not built, the test that needs it is skipped, but never in CI.
    """

    parse: Any
    Message: Any
    getter: Any
    shadowed: Any
    HeaderCheck: Any
    Inflow: Any
    Outflow: Any
    joined: Any
    StreamDecoder: Any
    encode: Any
    encode_session: Any
    Template: Any
    index: Any
    decode_columns: Any
    convert: ModuleType

    def __init__(self, name: str) -> None:
        self.name = name
        self._package = {"reference": "fixfast.codec.reference", "compiled": "fixfast.codec"}[name]

    def __getattr__(self, name: str) -> Any:
        if name != "convert" and name not in _HOMES:
            raise AttributeError(name)
        module = f"{self._package}.{_HOMES.get(name, name)}"
        try:
            home = import_module(module)
        except ImportError as error:
            if self.name == "compiled" and not os.environ.get("CI"):
                pytest.skip(f"{module} is not built: {error}")
            raise
        value = home if name == "convert" else getattr(home, name)
        setattr(self, name, value)
        return value

    def __repr__(self) -> str:
        return f"<Codec {self.name}>"


def fix(text: str) -> bytes:
    """Return the bytes of a message written with | for SOH."""
    return text.replace("|", "\x01").encode("latin-1")


def sealed(text: str) -> bytes:
    """Return fix(text) with the right CheckSum behind it; BodyLength is what the text says."""
    data = fix(text)
    return data + b"10=%03d\x01" % (sum(data) % 256)


def message(body: str | bytes, begin_string: str = "FIX.4.4") -> bytes:
    """Return a whole message around a body that begins with 35= and ends with SOH."""
    content = fix(body) if isinstance(body, str) else body
    data = b"8=%b\x019=%d\x01%b" % (begin_string.encode(), len(content), content)
    return data + b"10=%03d\x01" % (sum(data) % 256)


def wire_fields(m: Any) -> list[tuple[int, bytes]]:
    """Return (tag, bytes) of every field."""
    return [(tag, value.encode("utf-8", "surrogateescape")) for tag, value in m]


def item_of(item: Any) -> Outcome:
    """Return what there is to see of an item of a decoder."""
    if isinstance(item, Garbled):
        return "garbled", item.reason, item.offset, item.raw
    return "message", item.raw, wire_fields(item)


def parsed(codec: Codec, data: Any, **options: Any) -> Outcome:
    """Return what parse() makes of the bytes."""
    try:
        m = codec.parse(data, **options)
    except GarbledMessage as error:
        return "garbled", error.reason, error.offset
    return "message", m.raw, wire_fields(m)


def decode(codec: Codec, chunks: Iterable[bytes], **options: Any) -> tuple[list[Outcome], int]:
    """Return the items of a stream that arrives in these pieces, and how many bytes were skipped."""
    decoder = codec.StreamDecoder(**options)
    items: list[Outcome] = []
    for chunk in chunks:
        decoder.feed(chunk)
        items += [item_of(item) for item in decoder]
    return items, decoder.skipped
