from collections.abc import Callable
from typing import Any, final

from fixfast.codec.groups import Entry
from fixfast.codec.message import Message

__all__ = ["Getter", "getter"]

@final
class Getter:
    def __init__(self, columns: tuple[tuple[int, str], ...]) -> None: ...
    def read(self, run: Message | Entry) -> tuple[Any, ...]: ...

def getter(*columns: tuple[int, str]) -> Callable[[Message | Entry], tuple[Any, ...]]: ...
