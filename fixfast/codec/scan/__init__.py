"""Scanning kernels: from the bytes of a frame to a table of (tag, start of value, end of value). See scan.h."""

from __future__ import annotations

__all__: list[str] = []
