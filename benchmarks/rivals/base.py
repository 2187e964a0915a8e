"""What a rival may be able to do. All do the same work and give the same values: `Workload.verify` sees to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.orders import Order

__all__ = ["CONVERT", "LEVELS", "READ", "Nested", "Prices", "Read", "Rival"]

#: message -> the five fields that "read" takes out, and what they become
READ: dict[str, tuple[tuple[int, str], ...]] = {
    "NOS": ((11, "str"), (55, "str"), (54, "str"), (38, "int"), (44, "float")),
    "ER": ((11, "str"), (55, "str"), (39, "str"), (32, "int"), (31, "float")),
}
CONVERT: dict[str, Callable[[Any], Any]] = {"str": str, "int": int, "float": float}
#: What a validator may be asked to check; see fixfast.Validation.
LEVELS = ("structure", "full")

Read = Callable[[bytes], tuple[Any, ...]]
#: whole message -> price and size of every entry of group 268
Prices = Callable[[bytes], list[tuple[float, int]]]
#: whole message -> PartyID of every entry of group 453, and the PartySubIDs of the group 802 in it
Nested = Callable[[bytes], list[tuple[str, list[str]]]]


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

    # --- without a dictionary -------------------------------------------------------------------------------

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

    def encode_texts(self) -> Callable[[list[tuple[int, str]]], bytes] | None:
        """Return the call that writes a message of fields that are texts, 35 the first, groups written out."""
        return None

    def stream(self) -> Callable[[Iterable[bytes]], int] | None:
        """Return the call that takes slices of a log and counts the messages found."""
        return None

    # --- with a dictionary ----------------------------------------------------------------------------------

    def ready(self) -> Callable[[bytes], Any] | None:
        """Return what makes, outside the measurement, the message that `validate` and `count` are given."""
        return self.parse()

    def validate(self, level: str) -> Callable[[Any], object] | None:
        """Return the call that judges a message by the dictionary of FIX 4.4: one of LEVELS. None is a good message."""
        return None

    def parse_valid(self) -> Callable[[bytes], object] | None:
        """Return the call that parses a message and judges it in full."""
        return None

    def count(self) -> Callable[[Any], int] | None:
        """Return the call that finds group 268 in a message and says how many entries it has."""
        return None

    def prices(self) -> Prices | None:
        """Return the call that parses and reads every entry of group 268 as numbers."""
        return None

    def nested(self) -> Nested | None:
        """Return the call that parses and reads a group in a group."""
        return None

    def typed(self) -> Callable[[Order], bytes] | None:
        """Return the call that makes a typed NewOrderSingle and writes it."""
        return None

    def value(self, tag: int) -> Callable[[Any], object] | None:
        """Return the call that reads one field by its type in the dictionary: 44, 54 or 60."""
        return None
