"""What the tests of the validator share: right messages to damage, and what is said of them."""

from __future__ import annotations

from typing import Any

from fixfast.dictionary.validation import REJECT_TEXT, Fault, Validation
from tests.codec.house import house, raw
from tests.codec.support import Codec, message

__all__ = ["BOOK", "HEAD", "NO_UNKNOWN", "NO_USER", "ORDER", "STRUCTURE", "at_home", "judge", "said"]

STRUCTURE = Validation(level="structure")
NO_UNKNOWN = Validation(unknown_tags=False)
NO_USER = Validation(user_defined_tags=False)

HEAD = "49=A|56=B|34=1|52=20240102-03:04:05|"
ORDER = f"35=D|{HEAD}11=a|55=x|54=1|60=20240102-03:04:05|38=1|40=1|"
BOOK = f"35=W|{HEAD}55=x|268=2|269=0|270=1|269=1|270=2|"


def said(reason: int, tag: int | None) -> Fault:
    return Fault(reason, tag, REJECT_TEXT[reason])


def judge(codec: Codec, body: str, validation: Validation | None = None, **options: Any) -> Fault | None:
    """Return what is said of a FIX 4.4 message."""
    fault: Fault | None = codec.parse(message(body), **options).validate(validation)
    return fault


def at_home(codec: Codec, body: str | bytes = "", validation: Validation | None = None, **options: Any) -> Fault | None:
    """Return what is said of a message of the house."""
    fault: Fault | None = codec.parse(raw(body, **options), dictionary=house()).validate(validation)
    return fault
