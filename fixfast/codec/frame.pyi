from typing import Literal, final

from fixfast.codec.message import Message
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.types import Buffer, Garbled

__all__ = ["StreamDecoder"]

@final
class StreamDecoder:
    dictionary: Dictionary | DictionarySet | None

    def __init__(
        self,
        dictionary: Dictionary | DictionarySet | None = None,
        max_message_size: int = 1 << 20,
        validate: bool | Validation | tuple[Validation | None, Validation | None] = False,
        resync: Literal["next_message", "declared_length"] = "next_message",
    ) -> None: ...
    @property
    def skipped(self) -> int: ...
    @property
    def received(self) -> int: ...
    def feed(self, data: Buffer) -> None: ...
    def get_buffer(self, hint: int = -1) -> memoryview: ...
    def buffer_updated(self, n: int) -> None: ...
    def __iter__(self) -> StreamDecoder: ...
    def __next__(self) -> Message | Garbled: ...
