from fixfast.codec.message import Message
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.types import Buffer

__all__ = ["parse"]

def parse(
    data: Buffer,
    *,
    dictionary: Dictionary | DictionarySet | None = None,
    copy: bool = False,
    max_message_size: int = 1 << 20,
    validate: bool | Validation = False,
) -> Message: ...
