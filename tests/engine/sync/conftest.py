"""A test of threads that hangs says where, and one that leaves a thread behind fails."""

from __future__ import annotations

import faulthandler
import gc
import os
import threading
from collections.abc import Iterator

import pytest

#: far above what any test here takes
HANGS = 60.0


@pytest.fixture(scope="session")
def terminal(pytestconfig: pytest.Config) -> Iterator[int]:
    """Return a file descriptor of the real stderr: what a process writes in its last moment is not captured."""
    capturing = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capturing is not None
    with capturing.global_and_fixture_disabled():
        fd = os.dup(2)
    yield fd
    os.close(fd)


@pytest.fixture(autouse=True)
def watched(terminal: int) -> Iterator[None]:
    faulthandler.dump_traceback_later(HANGS, exit=True, file=terminal)
    before = set(threading.enumerate())
    yield
    faulthandler.cancel_dump_traceback_later()
    gc.collect()  # what was not closed warns now, in the test that forgot it
    left = [thread for thread in threading.enumerate() if thread not in before and "fixfast-sync" not in thread.name]
    assert not left, f"threads left behind: {left}"
