"""The Backend: a process that keeps one FIX session for front ends. See docs/backend.md."""

from __future__ import annotations

from fixfast.service.backend.backend import Backend

__all__ = ["Backend"]
