from typing import final

from fixfast.codec.frame import StreamDecoder
from fixfast.codec.message import Message
from fixfast.types import Buffer, Garbled, Now

__all__ = ["HeaderCheck", "joined"]

@final
class HeaderCheck:
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
    ) -> None: ...
    def clean(self, m: Message, expected: int, wall_ns: int) -> bool: ...
    def take(
        self, decoder: StreamDecoder, data: Buffer, expected: int, now: Now
    ) -> tuple[list[Message], bytes, Message | Garbled | None]: ...

def joined(messages: list[Message]) -> bytes: ...
