"""The one place where library code reads a clock."""

from __future__ import annotations

import time

from fixfast.types import Now

__all__ = ["now"]


def now() -> Now:
    """Return the monotonic and the wall clock, read together, in ns."""
    return Now(time.monotonic_ns(), time.time_ns())
