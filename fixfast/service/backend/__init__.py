"""The Backend: a process that keeps one FIX session for front ends. See docs/backend.md."""

from __future__ import annotations

from fixfast.service.backend.backend import Backend
from fixfast.service.backend.setup import BackendOptions, BackendSetup, options_of, read_setup

__all__ = ["Backend", "BackendOptions", "BackendSetup", "options_of", "read_setup"]
