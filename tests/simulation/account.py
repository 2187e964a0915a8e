"""What the oracle remembers of one side, and how it reads a message: by hand, not with the codec under test."""

from __future__ import annotations

__all__ = ["ADMIN", "STALE", "Account", "Sent", "Violation", "read"]

#: Session messages: never resent, never given to an application (Reject is given, and not resent).
ADMIN = frozenset((b"0", b"1", b"2", b"3", b"4", b"5", b"A"))
#: Orders: gap-filled by default when they are asked for again (Q01, P13).
STALE = frozenset((b"D", b"F", b"G"))


class Violation(AssertionError):
    """An invariant does not hold. `rule` is its id: "B5.1", "S-a", "liveness" ..."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


def read(raw: bytes) -> dict[bytes, bytes]:
    """Return the first value of each tag. SOH inside data gives pieces that no one asks for."""
    fields: dict[bytes, bytes] = {}
    for piece in raw.split(b"\x01"):
        tag, _, value = piece.partition(b"=")
        if tag not in fields:
            fields[tag] = value
    return fields


class Sent:
    """A message that a side has numbered."""

    __slots__ = ("accepted", "excuse", "fields", "hidden", "id", "msg_type", "raw", "wired")

    def __init__(self, raw: bytes, fields: dict[bytes, bytes]) -> None:
        self.raw = raw
        self.fields = fields
        self.msg_type = fields[b"35"]
        self.id = fields.get(b"11") or fields.get(b"148") or fields.get(b"58", b"")
        self.accepted = False  # the store has taken it
        self.wired = False  # it was handed to a connection
        self.hidden = b"554" in fields or self.msg_type == b"A"  # the store does not give it back (C8)
        #: why it need not arrive: "gap fill", "lost", "reset", "rejected"; empty: it must
        self.excuse = ""

    @property
    def is_app(self) -> bool:
        return self.msg_type not in ADMIN


class Account:
    """One side: what it numbered, put on wires, was given, and dealt with."""

    def __init__(self) -> None:
        self.epoch = 1
        self.resetting = 0  # the epoch that a reset under way would begin
        self.out: dict[int, dict[int, Sent]] = {1: {}}  # epoch -> number -> message
        self.highest_wired: dict[int, int] = {}  # epoch -> number
        self.refused: dict[int, list[Sent]] = {}  # number -> what the store would not take, since the last start
        self.stored = 0  # the highest number the store has accepted in this epoch
        self.by_id: dict[bytes, tuple[int, int]] = {}  # id -> epoch, number
        self.wires: set[bytes] = set()  # every buffer that was put on a wire
        # as a receiver
        self.last_peer_epoch = 0  # what peer_epoch was before our own epoch began
        self.peer_epoch = 0  # the peer's epoch that our inbound numbers count; 0: not known now
        self.given: dict[
            bytes, tuple[int, int]
        ] = {}  # id -> life and power losses when it was given to the application
        self.delivered: set[bytes] = set()  # ids that the application has dealt with
        self.last_fresh = (0, 0)
        self.next_in = 1
        self.next_out = 1
        # what happened to it
        self.life = 0
        self.power_losses = 0
        self.alarms: list[str] = []
        self.reused = False  # a number may be used again: power lost without a lease

    @property
    def sent(self) -> dict[int, Sent]:
        """The messages of the present epoch."""
        return self.out.setdefault(self.epoch, {})


class LinkAccount:
    """What one side did on one connection."""

    __slots__ = ("asked", "last_new", "logged_out", "logon_end", "logon_sent", "read", "stranger")

    def __init__(self) -> None:
        self.logon_sent = False
        self.logon_end = 0  # how many bytes the peer has to read to have our Logon
        self.read = 0  # bytes read
        self.logged_out = False
        self.stranger = False  # it is not the peer it says it is
        self.last_new = 0
        self.asked: dict[int, int] = {}  # BeginSeqNo -> requests
