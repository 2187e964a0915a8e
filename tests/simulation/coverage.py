"""Which situations a session has met: (state, MsgType, number against the expected one, PossDupFlag)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fixfast.session.state import State
from fixfast.session.wire import Message

__all__ = ["REACHABLE", "Cells", "reachable"]

#: The cells that can be met, one a line. `python -m tests.simulation --cells` shows what a run met.
REACHABLE = Path(__file__).with_name("cells.txt")

#: States in which a message is looked at, and the MsgTypes a session treats differently ("4r": SequenceReset-Reset).
STATES = ("CONNECTING", "LOGON_SENT", "ACTIVE", "RECOVERING", "LOGOUT_SENT", "LOGOUT_RECEIVED")
_ADMIN = frozenset("01235A")


class Cells:
    """A counter of cells."""

    def __init__(self) -> None:
        self.met_: Counter[tuple[str, str, str, str]] = Counter()

    def met(self, state: State, message: Message, expected: int) -> None:
        """Note a message. Args: expected: NIN; 0: the message has the expected number."""
        msg_type = message.get(35) or ""
        if msg_type == "4":
            msg_type = "4" if message.get(123) == "Y" else "4r"
        elif msg_type not in _ADMIN:
            msg_type = "app"
        try:
            n = message.msg_seq_num
        except ValueError:
            return  # garbled numbers have no class
        place = "equal" if not expected or n == expected else "low" if n < expected else "high"
        self.met_[state.name, msg_type, place, "Y" if message.poss_dup else "N"] += 1


def reachable() -> set[tuple[str, ...]]:
    """Read the list of reachable cells."""
    lines = REACHABLE.read_text().splitlines()
    return {tuple(line.split()) for line in lines if line and not line.startswith("#")}
