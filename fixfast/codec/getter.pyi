from typing import Any, Protocol, final, overload

from fixfast.codec.groups import Entry, Group
from fixfast.codec.message import Message

__all__ = ["Getter", "getter"]

class _Read(Protocol):
    @overload
    def __call__(self, run: Message | Entry) -> tuple[Any, ...]: ...
    @overload
    def __call__(self, run: Group) -> list[tuple[Any, ...]]: ...

@final
class Getter:
    def __init__(self, columns: tuple[tuple[int, str], ...]) -> None: ...
    @overload
    def read(self, run: Message | Entry) -> tuple[Any, ...]: ...
    @overload
    def read(self, run: Group) -> list[tuple[Any, ...]]: ...

def getter(*columns: tuple[int, str]) -> _Read: ...
