"""The suite of the codec runs on both implementations: fixture `codec`."""

from __future__ import annotations

import pytest

from tests.codec.support import Codec

_CODECS = {name: Codec(name) for name in ("reference", "compiled")}


@pytest.fixture(params=list(_CODECS), scope="session")
def codec(request: pytest.FixtureRequest) -> Codec:
    return _CODECS[request.param]


@pytest.fixture(scope="session")
def twins() -> tuple[Codec, Codec]:
    """Return (reference, compiled), for tests that compare the two."""
    return _CODECS["reference"], _CODECS["compiled"]
