"""Whether bytes hold a secret, in one line of regular expression."""

from __future__ import annotations

import re

from fixfast.types import Buffer

__all__ = ["has_secrets"]

_FIND = re.compile(rb"\x01(?:35=A\x01|(?:554|925|140[24])=)").search


def has_secrets(buf: Buffer) -> bool:
    """Tell whether the messages in buf carry a secret: 554, 925, 1402 or 1404 anywhere, or are a Logon."""
    return _FIND(buf) is not None
