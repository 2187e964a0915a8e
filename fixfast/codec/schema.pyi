from typing import Any, final

__all__ = ["Schema"]

@final
class Schema:
    @property
    def size(self) -> int: ...
    def __init__(self, buffer: Any) -> None: ...  # anything with the buffer protocol
