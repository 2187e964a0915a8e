from typing import final

from fixfast.types import Buffer

__all__ = ["Schema"]

@final
class Schema:
    @property
    def size(self) -> int: ...
    def __init__(self, buffer: Buffer) -> None: ...
