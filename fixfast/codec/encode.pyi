from collections.abc import Iterable
from typing import Any

from fixfast.types import Slot

__all__: list[str]

def encode(
    begin_string: str,
    msg_type: str,
    fields: Iterable[tuple[int, Any]],
    *,
    timestamp_digits: int = 3,
) -> bytes: ...
def encode_session(
    begin_string: str,
    msg_type: str,
    header: Iterable[tuple[int, Any]],
    fields: Iterable[tuple[int, Any]],
    timestamp_digits: int = 3,
) -> bytes: ...

class Template:
    @property
    def slots(self) -> tuple[Slot, ...]: ...
    def __init__(
        self,
        begin_string: str,
        msg_type: str,
        fields: Iterable[tuple[int, Any] | Slot],
        *,
        timestamp_digits: int = 3,
        header: Iterable[tuple[int, Any] | Slot] | None = None,
    ) -> None: ...
    def encode(self, *values: Any) -> bytes: ...
