from typing import Any

from fixfast.codec.message import Message

__all__ = ["body"]

def body(m: Message, nested: bool) -> list[tuple[int, Any]]: ...
