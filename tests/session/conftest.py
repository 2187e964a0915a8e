"""Every rule runs on the four versions whose session layers differ, where a test asks for `version`."""

from __future__ import annotations

import pytest

from tests.session.harness import VERSIONS


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)
