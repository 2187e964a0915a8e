"""refix: a reader written in Rust. It verifies length and checksum, and writes nothing. For CPython 3.12 and newer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.rivals.base import READ, Nested, Prices, Read, Rival

__all__ = ["Refix"]


class Refix(Rival):
    name = package = "refix"

    def __init__(self) -> None:
        self.module: Any = import_module("refix")

    def parse(self) -> Callable[[bytes], object]:
        call: Callable[[bytes], object] = self.module.Tokenizer().tokenize
        return call

    def read(self, message: str) -> Read:
        parse: Any = self.parse()
        (a, _), (b, _), (c, _), (number, _), (price, _) = READ[message]  # three texts, an int, a float

        def read(raw: bytes) -> tuple[Any, ...]:
            found = parse(raw)
            text = found.get_str
            return text(a), text(b), text(c), found.get_int(number), float(found.get(price))

        return read

    def stream(self) -> Callable[[Iterable[bytes]], int]:
        make, message = self.module.MessageStream, self.module.RawMessage

        def count(slices: Iterable[bytes]) -> int:
            stream, found = make(), 0
            feed, following = stream.feed, stream.next_message
            for part in slices:
                feed(part)
                while (item := following()) is not None:
                    found += type(item) is message
            return found

        return count

    # Its groups want what its generated packages have: tables (written out here) and the tags that a message may hold.

    def _group(self, count_tag: int, first: int, members: list[int], *inner: Any) -> Any:
        return self.module.GroupTable(count_tag, first, sorted(members), list(inner))

    @cached_property
    def _known(self) -> Any:
        found = Corpus(count=8).messages
        tags = {int(field.partition(b"=")[0]) for kind in ("W", "ERP") for field in found[kind][0].split(b"\x01")[:-1]}
        return self.module.KnownTags(sorted(tags))

    def count(self) -> Callable[[Any], int]:
        table, known = self._group(268, 269, [269, 270, 271, 290, 346]), self._known

        def count(message: Any) -> int:
            return len(message.get_group(table, known))

        return count

    def prices(self) -> Prices:
        parse: Any = self.parse()
        table, known = self._group(268, 269, [269, 270, 271, 290, 346]), self._known

        def prices(raw: bytes) -> list[tuple[float, int]]:
            return [(float(entry.get(270)), entry.get_int(271)) for entry in parse(raw).get_group(table, known)]

        return prices

    def nested(self) -> Nested:
        parse: Any = self.parse()
        inner = self._group(802, 523, [523, 803])
        outer, known = self._group(453, 448, [447, 448, 452, 802], inner), self._known

        def nested(raw: bytes) -> list[tuple[str, list[str]]]:
            return [
                (party.get_str(448), [sub.get_str(523) for sub in party.get_group(inner, known)])
                for party in parse(raw).get_group(outer, known)
            ]

        return nested
