from collections.abc import Iterable
from typing import Any, overload

from fixfast.dictionary.model import Dictionary
from fixfast.types import Slot

__all__: list[str]

@overload
def encode(
    begin_string: str,
    msg_type: str,
    fields: Iterable[tuple[int, Any]],
    *,
    timestamp_digits: int = 3,
    dictionary: None = None,
) -> bytes: ...
@overload
def encode(
    begin_string: str,
    msg_type: str,
    fields: Iterable[tuple[int | str, Any]],
    *,
    timestamp_digits: int = 3,
    dictionary: Dictionary,
) -> bytes: ...
def encode_session(
    begin_string: str,
    msg_type: str,
    header: Iterable[tuple[int, Any]],
    fields: Iterable[tuple[int | str, Any]],
    timestamp_digits: int = 3,
    dictionary: Dictionary | None = None,
) -> bytes: ...

class Template:
    @property
    def slots(self) -> tuple[Slot, ...]: ...
    @overload
    def __init__(
        self,
        begin_string: str,
        msg_type: str,
        fields: Iterable[tuple[int, Any] | Slot],
        *,
        timestamp_digits: int = 3,
        header: Iterable[tuple[int, Any] | Slot] | None = None,
        dictionary: None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        begin_string: str,
        msg_type: str,
        fields: Iterable[tuple[int | str, Any] | Slot],
        *,
        timestamp_digits: int = 3,
        header: Iterable[tuple[int, Any] | Slot] | None = None,
        dictionary: Dictionary,
    ) -> None: ...
    def encode(self, *values: Any) -> bytes: ...
