from typing import final

from fixfast.types import Buffer

__all__ = ["RecordPacker", "order_record"]

@final
class RecordPacker:
    def __init__(self, epoch: int, seed: int) -> None: ...
    def pack(self, kind: int, number: int, last: int, nin: int, wall_ns: int, payload: Buffer, flags: int) -> bytes: ...

def order_record(kind: str, wall_ns: int, data: Buffer) -> bytes: ...
