"""How the bytes of a compiled dictionary ("blob") begin: what its compiler and its keeper both know of schema.h."""

from __future__ import annotations

from struct import Struct

from fixfast.types import Buffer

__all__ = ["FORMAT", "HEADER", "HEADER_SIZE", "MAGIC", "is_blob"]

MAGIC = 0x42444646
#: The form of the bytes (FF_SCHEMA_FORMAT).
FORMAT = 1
#: Magic, format, size; the digest; the seven numbers of ff_schema_header.
HEADER = Struct("=3I32s7I")
#: Bytes in front of what the digest covers.
HEADER_SIZE = HEADER.size


def is_blob(data: Buffer) -> bool:
    """Tell whether this looks like a whole blob of this format and kind of machine; Schema looks closer."""
    return len(data) >= HEADER_SIZE and HEADER.unpack_from(data)[:3] == (MAGIC, FORMAT, len(data))
