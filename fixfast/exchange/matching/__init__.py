"""The matching engine of one instrument: commands in, events out; no FIX, no clock. See docs/matching.md."""

from fixfast.exchange.matching.engine import Matching

__all__ = ["Matching"]
