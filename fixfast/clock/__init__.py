"""The one place where library code reads a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic_ns

from fixfast.clock.reading import now
from fixfast.types import Now

__all__ = ["mono_ns", "now", "replaced"]


def mono_ns() -> int:
    """Return the monotonic clock alone, in ns: to measure durations."""
    return monotonic_ns()


@contextmanager
def replaced(reading: Callable[[], Now]) -> Iterator[None]:
    """For tests: let `reading` answer for now() and mono_ns() in this process, as long as the block lasts.

    Callers write `clock.now()`, with the module in front: so they take what stands here at that moment, and the clock
    of production costs nothing more than it did.
    """
    global mono_ns, now
    real = mono_ns, now
    mono_ns, now = (lambda: reading().mono_ns), reading
    try:
        yield
    finally:
        mono_ns, now = real
