"""HeaderCheck in plain Python; see the compiled one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixfast.codec.reference.message import Message
from fixfast.codec.reference.validate import shadowed
from fixfast.errors import FieldFormatError, FieldMissing

if TYPE_CHECKING:
    from fixfast.codec.reference.frame import StreamDecoder
    from fixfast.types import Buffer, Garbled, Now

__all__ = ["HeaderCheck", "joined"]

_SESSION = frozenset("01245A")
_MAX_TOLERANCE = 1 << 62
_NO_NUMBER_FOLLOWS = (1 << 63) - 1


class HeaderCheck:
    """Tells whether messages are in sequence, from the right peer, of now, and for the application."""

    def __init__(
        self,
        begin_string: str,
        sender_comp_id: str,
        target_comp_id: str,
        *,
        tolerance: int | None = None,
        msg_types: frozenset[str] | None = None,
        with_faults: bool = True,
        singly: bool = False,
    ) -> None:
        if tolerance is not None and not 0 <= tolerance <= _MAX_TOLERANCE:
            raise ValueError(f"tolerance={tolerance}: 0 to 2**62 ns")
        self._identity = (begin_string, sender_comp_id, target_comp_id)
        self._tolerance = tolerance
        self._msg_types = msg_types
        self._with_faults = with_faults
        self._singly = singly

    def clean(self, m: Message, expected: int, wall_ns: int) -> bool:
        """Return whether the steps of the inbound pipeline up to the number would let a message pass."""
        try:
            sent = m.sending_time_ns
            identity = (m.begin_string, m.sender_comp_id, m.target_comp_id)
            in_sequence = m.msg_seq_num == expected
        except (FieldMissing, FieldFormatError):
            return False
        return (
            in_sequence
            and identity == self._identity
            and not m.poss_dup
            and (self._tolerance is None or abs(sent - wall_ns) <= self._tolerance)
            and (self._with_faults or m.fault is None)
            and m.msg_type not in _SESSION
            and (self._msg_types is None or m.msg_type in self._msg_types)
            and not shadowed(m)
        )

    def take(
        self, decoder: StreamDecoder, data: Buffer, expected: int, now: Now
    ) -> tuple[list[Message], bytes, Message | Garbled | None]:
        """Feed a decoder and take clean messages with rising numbers from it, until an item is anything else."""
        run: list[Message] = []
        decoder.feed(data)
        for item in decoder:
            n = expected + len(run)
            if not isinstance(item, Message) or n >= _NO_NUMBER_FOLLOWS or not self.clean(item, n, now.wall_ns):
                return run, joined(run), item
            run.append(item)
            if self._singly:
                break
        return run, joined(run), None


def joined(messages: list[Message]) -> bytes:
    """Return the bytes of messages, one behind the other."""
    return b"".join(m.raw for m in messages)
