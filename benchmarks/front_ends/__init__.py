"""Front ends that trade over a socket: fixfast's, floors without FIX, and rivals. Each is a venue and a bot.

A front end is a module with two functions, `venue(plan, ready)` and `bot(plan, port) -> Outcome`, which run in two
processes. `contestants()` names all of them; see benchmarks/round_trip.py.
"""

from __future__ import annotations

from benchmarks.front_ends.base import Contestant, Outcome, Plan
from benchmarks.front_ends.contestants import contestants, load

__all__ = ["Contestant", "Outcome", "Plan", "contestants", "load"]
