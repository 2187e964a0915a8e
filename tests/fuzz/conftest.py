"""The fixture `codec` of the codec's tests."""

from __future__ import annotations

from tests.codec.conftest import codec

__all__ = ["codec"]
