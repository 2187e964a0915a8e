from typing import Any, final

from fixfast.codec.groups import Entry
from fixfast.codec.message import Message

__all__ = ["Getter"]

@final
class Getter:
    def __init__(self, columns: tuple[tuple[int, str], ...]) -> None: ...
    def read(self, run: Message | Entry) -> tuple[Any, ...]: ...
