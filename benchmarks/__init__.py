"""Benchmarks of fixfast beside other ways to handle FIX in Python. `python -m benchmarks` prints the table."""

from __future__ import annotations

__all__: list[str] = []
