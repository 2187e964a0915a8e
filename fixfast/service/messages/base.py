"""What every message of the IPC is."""

from __future__ import annotations

import msgspec

__all__ = ["VERSION", "Message"]

#: of this protocol; stands in the first frame of both sides
VERSION = 1


class Message(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """A message of the IPC."""
