from collections.abc import Mapping

from fixfast.codec.tables import Columns, Index
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.types import Buffer

__all__: list[str]

def index(
    buffer: Buffer,
    *,
    fields: bool = True,
    threads: int = 1,
    dictionary: Dictionary | DictionarySet | None = None,
    delimiter: bytes = b"\x01",
    lines: bool = False,
    max_message_size: int = 1 << 20,
) -> Index: ...
def decode_columns(
    buffer: Buffer,
    columns: Mapping[int, str],
    *,
    threads: int = 1,
    dictionary: Dictionary | DictionarySet | None = None,
    delimiter: bytes = b"\x01",
    lines: bool = False,
    max_message_size: int = 1 << 20,
) -> Columns: ...
