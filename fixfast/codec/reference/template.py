"""Template, in plain Python: it stands beside encode, whose rules it shares."""

from __future__ import annotations

from fixfast.codec.reference.encode import Template

__all__ = ["Template"]
