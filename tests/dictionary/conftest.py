from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from fixfast.dictionary.load import SPEC_DIR
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.resolve import resolve


@cache
def _alone(stem: str) -> Dictionary:
    return resolve(read_quickfix_xml((SPEC_DIR / f"{stem}.xml").read_bytes(), f"{stem}.xml"))


@pytest.fixture(scope="session")
def alone() -> Callable[[str], Dictionary]:
    """Read one spec file by itself, not merged with FIXT 1.1."""
    return _alone
