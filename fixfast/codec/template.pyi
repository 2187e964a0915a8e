from collections.abc import Iterable
from typing import Any, overload

from fixfast.dictionary.model import Dictionary
from fixfast.types import Slot

__all__: list[str]

class Template:
    @property
    def slots(self) -> tuple[Slot, ...]: ...
    @property
    def names(self) -> tuple[str, ...] | None: ...
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
        names: Iterable[str] | None = None,
        needed: int = 0,
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
        names: Iterable[str] | None = None,
        needed: int = 0,
    ) -> None: ...
    def encode(self, *values: Any, **named: Any) -> bytes: ...
