from collections.abc import Iterable
from typing import Any, overload

from fixfast.dictionary.model import Dictionary

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
