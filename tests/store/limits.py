"""A disk that is nearly full, as far as this process is concerned: real files, and the kernel refuses more."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import resource

__all__ = ["room_for"]


@contextmanager
def room_for(path: Path, more: int) -> Iterator[None]:
    """Let a file grow by so many bytes, and no file of this process beyond its size then: EFBIG, as ENOSPC would be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
