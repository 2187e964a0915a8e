"""Small value types that every floor shares. Nothing here does any work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple, TypeAlias

__all__ = [
    "PASSWORD_TAGS",
    "Buffer",
    "Garbled",
    "GarbledReason",
    "MonthYear",
    "Now",
    "Role",
    "Scaled",
    "SessionID",
    "Side",
    "Slot",
    "Tenor",
]

#: What fixfast reads bytes from. (mmap.mmap and array.array work too: anything with the buffer protocol.)
Buffer: TypeAlias = bytes | bytearray | memoryview

#: Fields that hold a password, in whatever message: Password, NewPassword, EncryptedPassword, EncryptedNewPassword.
#: They are masked where people read them, blanked where they are stored, and their messages are never resent (C8).
PASSWORD_TAGS = frozenset({554, 925, 1402, 1404})


class Now(NamedTuple):
    """Two readings of time taken together, in ns: monotonic for timers, wall (Unix epoch, UTC) for SendingTime."""

    mono_ns: int
    wall_ns: int


class Scaled(NamedTuple):
    """An exact decimal: mantissa * 10**exponent. `Scaled(123450, -5)` is 1.23450."""

    mantissa: int
    exponent: int


class Slot(NamedTuple):
    """A place in a Template that encode() fills.

    `kind` is one of "str" (str or bytes), "int", "time" (ns since the epoch), "decimal" (Decimal, int or Scaled),
    "bool" (Y/N) or "scaled:N" (an int, value * 10**N); or a tuple of Slots: then it is a group, `tag` its count, and
    its value a list of entries, each a tuple with one value for each of these Slots. `tag` may be a name where the
    Template has a dictionary.
    """

    tag: int | str
    kind: str | tuple[Slot, ...] = "str"


class Role(Enum):
    """Who opens the connection and sends the first Logon (initiator), and who answers (acceptor)."""

    INITIATOR = "initiator"
    ACCEPTOR = "acceptor"


class Side(StrEnum):
    """The sides of Side(54) that order and position keeping tell apart."""

    BUY = "1"
    SELL = "2"
    SELL_SHORT = "5"


#: For str.translate: control bytes, and bytes that are no UTF-8
_ESCAPED = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(0x80, 0x100)},
}


@dataclass(frozen=True, slots=True)
class SessionID:
    """The identity of one FIX session as seen from our side: sender is us, target is the peer."""

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    qualifier: str = ""

    def __str__(self) -> str:
        """Return a name for logs. That of a stranger may hold anything: what would break a line is escaped (C9)."""
        text = f"{self.begin_string}:{self.sender_comp_id}->{self.target_comp_id}"
        text = f"{text}:{self.qualifier}" if self.qualifier else text
        return text if text.isprintable() else text.translate(_ESCAPED)


class GarbledReason(StrEnum):
    """Why bytes are not a FIX message (requirement rows F01-F08, F15)."""

    NOT_FIX = "does not start with 8=FIX"
    BEGIN_STRING = "BeginString is not ended within 16 bytes"
    BODY_LENGTH = "BodyLength is missing, not second, or not 1 to 8 digits"
    TOO_LARGE = "BodyLength is above the maximum message size"
    MSG_TYPE = "MsgType is not the third field"
    TRAILER = "CheckSum is not where BodyLength says, not last, or not three digits"
    CHECKSUM = "CheckSum is wrong"
    FIELD = "a field is not tag=value"
    DATA_LENGTH = "the length of a data field does not end at a delimiter"
    TOO_MANY_FIELDS = "more fields than allowed"
    TRUNCATED = "the message is not complete"
    TRAILING = "bytes follow the message"


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes of a stream that are not a message: a value, not an exception (style rule 22).

    `offset` counts from the first byte the decoder was ever fed. `raw` is what was judged: the whole frame where
    BodyLength gave one (up to the next message start inside it), else the bytes up to the one that was wrong.
    """

    reason: GarbledReason
    offset: int
    raw: bytes


# --- values of the data types that Python has none for ------------------------------------------------------


class MonthYear(NamedTuple):
    """A MONTHYEAR: a month, perhaps with a day (1 to 31) or a week (1 to 5), else 0. str() is what is on the wire."""

    year: int
    month: int
    day: int = 0
    week: int = 0

    def __str__(self) -> str:
        tail = f"{self.day:02d}" if self.day else f"w{self.week}" if self.week else ""
        return f"{self.year:04d}{self.month:02d}{tail}"


class Tenor(NamedTuple):
    """A TENOR: a number of days (D), weeks (W), months (M) or years (Y). str() is what is on the wire: "M3"."""

    unit: str
    count: int  # type: ignore[assignment]  # instead of tuple.count()

    def __str__(self) -> str:
        return f"{self.unit}{self.count}"
