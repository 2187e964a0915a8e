"""For all tests: no cache of compiled dictionaries in the developer's home, Hypothesis profiles, --conformance, and a
collector of garbage that leaves alone what stays.

A failure prints the blob that reproduces it; examples are random on purpose.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["FIXFAST_CACHE"] = "0"  # tests of the cache name a folder of their own

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and the processes that tests send Ctrl-C to would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("dev", parent=_COMMON, max_examples=100)
settings.register_profile("ci", parent=_COMMON, max_examples=200)
settings.register_profile("thorough", parent=_COMMON, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", type=Path, metavar="FILE", help="write what the tests of the catalogue's rows said"
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--conformance")
    if path is not None and not hasattr(config, "workerinput"):  # a worker of pytest-xdist reports to its master
        from tests.conformance.recording import Recorder

        config.pluginmanager.register(Recorder(path, config.rootpath))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what pytest collects, twenty thousand tests, out of the garbage collector's sight: it stays to the end.

    A full collection would take 0.3 s with it, and hundreds of tests ask for one: what nobody closed warns then.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
