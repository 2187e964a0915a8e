from collections.abc import Callable
from typing import Any, Protocol

from fixfast.types import Buffer, Now

__all__ = ["Outflow"]

class _Sent(Protocol):
    def append_out(self, n: int, buf: Buffer, wall_ns: int) -> int: ...
    @property
    def synced(self) -> int: ...

class _Encodes(Protocol):
    def encode(self, msg_seq_num: int, wall_ns: int, /, *values: Any) -> bytes: ...

class Outflow:
    next_out: int
    queue: list[tuple[int, int, bytes]]
    waiting: list[tuple[int, int, bytes]]
    held: bool
    offline: list[int]
    last_sent: int
    messages_out: int
    bytes_out: int
    def __init__(self, store: _Sent, next_out: int, limit: int, near_limit: Callable[[int], object]) -> None: ...
    @property
    def store(self) -> Any: ...
    def commit(self, raw: bytes, now: Now, queue: bool = True) -> int: ...
    def post(self, template: _Encodes, values: tuple[Any, ...], now: Now) -> int: ...
    def take(self) -> list[bytes]: ...
