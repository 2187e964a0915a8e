"""A test of threads that hangs says where, and one that leaves a thread behind fails."""

from __future__ import annotations

import faulthandler
import gc
import threading
from collections.abc import Iterator

import pytest

#: far above what any test here takes
HANGS = 60.0


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    faulthandler.dump_traceback_later(HANGS, exit=True)
    before = set(threading.enumerate())
    yield
    faulthandler.cancel_dump_traceback_later()
    gc.collect()  # what was not closed warns now, in the test that forgot it
    left = [thread for thread in threading.enumerate() if thread not in before and "fixfast-sync" not in thread.name]
    assert not left, f"threads left behind: {left}"
