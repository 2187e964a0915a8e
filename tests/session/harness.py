"""Sessions on virtual time, without a network: one against a script (`Desk`), or two joined in memory (`Pair`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixfast.session.config import SessionConfig
from fixfast.session.session import Session
from fixfast.session.state import State
from fixfast.session.wire import Message, StreamDecoder, encode, format_time
from fixfast.store.memory import MemoryStore
from fixfast.types import Now, Role

SECOND = 1_000_000_000
#: 2026-03-02 10:00:00 UTC
START = 1_772_445_600 * SECOND

VERSIONS = ("FIX.4.0", "FIX.4.2", "FIX.4.4", "FIXT.1.1")


class Clock:
    """Both readings, moved by hand."""

    def __init__(self) -> None:
        self.ns = 0

    @property
    def now(self) -> Now:
        return Now(1_000 * SECOND + self.ns, START + self.ns)

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND)


def config(version: str = "FIX.4.4", role: Role = Role.INITIATOR, **options: Any) -> SessionConfig:
    """A config of the side ("US") that is under test, or of its peer ("THEM") for the other role of a pair."""
    return SessionConfig(version, options.pop("sender", "US"), options.pop("target", "THEM"), **options)


def message(data: bytes) -> Message:
    """The one message in data."""
    decoder = StreamDecoder()
    decoder.feed(data)
    found = list(decoder)
    assert len(found) == 1, found
    assert isinstance(found[0], Message)
    return found[0]


def messages(buffers: Iterable[bytes]) -> list[Message]:
    decoder = StreamDecoder()
    for data in buffers:
        decoder.feed(data)
    found = list(decoder)
    assert all(isinstance(item, Message) for item in found), found
    return found  # type: ignore[return-value]


class Desk:
    """One session and a scripted peer that says exactly what the test wants.

    `say()` and `hear()` are the peer's side; `events` collects what the session told, messages included.
    """

    def __init__(
        self,
        version: str = "FIX.4.4",
        role: Role = Role.ACCEPTOR,
        *,
        store: Any = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        self.version = version
        self.role = role
        self.clock = clock or Clock()
        self.store: Any = MemoryStore() if store is None else store
        self.config = config(version, **options)
        self.session = Session(self.config, self.store, role=role)
        self.digits = 0 if version in ("FIX.4.0", "FIX.4.1") else 3
        self.seq = 1  #: number of the peer's next message
        self.events: list[Any] = []
        self._taken: list[bytes] = []  # what the transport took while time passed, and hear() did not return yet

    @property
    def now(self) -> Now:
        return self.clock.now

    def time(self, offset: float = 0) -> str:
        return format_time(self.now.wall_ns + int(offset * SECOND), self.digits).decode()

    def raw(self, msg_type: str, *fields: tuple[int, Any], seq: int | None = None, **header: Any) -> bytes:
        """A message of the peer. header: sender, target, time, begin_string; None leaves the field out."""
        if seq is None:
            seq, self.seq = self.seq, self.seq + 1
        head: list[tuple[int, Any]] = [
            (49, header.get("sender", self.config.target_comp_id)),
            (56, header.get("target", self.config.sender_comp_id)),
            (34, header.get("number", seq)),
            (52, header.get("time", self.time())),
        ]
        head = [item for item in head if item[1] is not None]
        return encode(header.get("begin_string", self.version), msg_type, [*head, *fields])

    def say(self, msg_type: str, *fields: tuple[int, Any], seq: int | None = None, **header: Any) -> None:
        self.give(self.raw(msg_type, *fields, seq=seq, **header))

    def give(self, data: bytes) -> None:
        self.session.receive_data(data, self.now)

    def dup(self, msg_type: str, *fields: tuple[int, Any], seq: int, original: float = -5, **header: Any) -> None:
        """A resent message of the peer."""
        self.say(msg_type, (43, "Y"), (122, self.time(original)), *fields, seq=seq, **header)

    def hear(self) -> list[Message]:
        """What the session sent since the last time."""
        self._carry()
        buffers, self._taken = self._taken, []
        return messages(buffers)

    def _carry(self) -> None:
        while data := self.session.data_to_send():
            self._taken += data

    def hear_types(self) -> list[str]:
        return [m.msg_type for m in self.hear()]

    def take(self) -> list[Any]:
        """The session's events since the last time, acknowledged."""
        new = list(self.session.events())
        self.events += new
        return new

    def take_messages(self) -> list[Message]:
        return [event for event in self.take() if isinstance(event, Message)]

    def told(self, kind: type) -> list[Any]:
        """All events of one type so far."""
        self.take()
        return [event for event in self.events if isinstance(event, kind)]

    def logon_fields(self, heart_bt_int: int = 30) -> list[tuple[int, Any]]:
        fields: list[tuple[int, Any]] = [(98, 0), (108, heart_bt_int)]
        return [*fields, (1137, "9")] if self.version == "FIXT.1.1" else fields

    def connect(self) -> None:
        self.session.connected(self.now)

    def logon(self, *extra: tuple[int, Any], heart_bt_int: int = 30, seq: int | None = None) -> Message:
        """Connect and log on, whichever role; return the session's Logon. Leaves nothing unheard or untaken."""
        self.connect()
        ours: list[Message] = []
        if self.role is Role.INITIATOR:
            ours = self.hear()
        self.say("A", *self.logon_fields(heart_bt_int), *extra, seq=seq)
        ours += self.hear()
        assert self.session.state.active, (self.session.state, self.take())
        self.take()
        return ours[0]

    def app(self, text: str, seq: int | None = None) -> None:
        """An application message of the peer."""
        self.say("8", (58, text), seq=seq)

    def advance(self, seconds: float, *, reading: bool = True) -> None:
        """Let time pass, running the session's timers at their moments.

        Args: reading: the transport takes what is sent, for hear().
        """
        if reading:
            self._carry()
        end = self.clock.ns + int(seconds * SECOND)
        base = self.clock.now.mono_ns - self.clock.ns
        while (due := self.session.next_deadline()) is not None and due - base <= end:
            self.clock.ns = max(self.clock.ns, due - base)
            self.session.poll(self.now)
            if reading:
                self._carry()
        self.clock.ns = end
        self.session.poll(self.now)

    def drop(self) -> None:
        """The connection is lost."""
        self.session.disconnected("connection reset", self.now)

    def restart(self, **options: Any) -> None:
        """The process dies; a new session is made on the same store."""
        self.config = config(self.version, **options) if options else self.config
        self.session = Session(self.config, self.store, role=self.role)

    @property
    def state(self) -> State:
        return self.session.state


class Pair:
    """An initiator and an acceptor joined by two byte pipes that may be slow, and may be cut."""

    def __init__(
        self, version: str = "FIX.4.4", a: dict[str, Any] | None = None, b: dict[str, Any] | None = None
    ) -> None:
        self.clock = Clock()
        self.configs = (
            config(version, sender="A", target="B", **(a or {})),
            config(version, sender="B", target="A", **(b or {})),
        )
        self.roles = (Role.INITIATOR, Role.ACCEPTOR)
        self.stores: list[Any] = [MemoryStore(), MemoryStore()]
        self.sessions = [Session(self.configs[i], self.stores[i], role=self.roles[i]) for i in (0, 1)]
        self.events: list[list[Any]] = [[], []]
        self.pipes = [bytearray(), bytearray()]  # pipes[i]: on the way to session i

    @property
    def now(self) -> Now:
        return self.clock.now

    def connect(self) -> None:
        for session in reversed(self.sessions):
            session.connected(self.now)

    def carry(self, i: int, limit: int | None = None) -> int:
        """Move up to `limit` bytes on towards session i; return how many."""
        other = self.sessions[1 - i]
        for data in other.data_to_send():
            self.pipes[i] += data
        chunk = bytes(self.pipes[i][:limit])
        del self.pipes[i][: len(chunk)]
        if chunk and self.sessions[i].state is not State.DISCONNECTED:
            self.sessions[i].receive_data(chunk, self.now)
        return len(chunk)

    def take(self, i: int) -> list[Any]:
        new = list(self.sessions[i].events())
        self.events[i] += new
        return new

    def settle(self) -> None:
        """Let both talk until nothing moves any more."""
        while self.carry(0) + self.carry(1):
            self.take(0)
            self.take(1)
        self.take(0)
        self.take(1)

    def cut(self) -> None:
        """Lose the connection with everything that is on the way."""
        for i in (0, 1):
            self.pipes[i].clear()
            self.sessions[i].disconnected("cut", self.now)

    def restart(self, i: int) -> None:
        """Kill one process: whatever its session had in memory is gone."""
        self.sessions[i] = Session(self.configs[i], self.stores[i], role=self.roles[i])

    def poll(self) -> None:
        for session in self.sessions:
            session.poll(self.now)

    def advance(self, seconds: float, step: float = 1) -> None:
        """Let time pass in steps, with both sides' timers and the pipes working."""
        end = self.clock.ns + int(seconds * SECOND)
        while self.clock.ns < end:
            self.clock.ns = min(end, self.clock.ns + int(step * SECOND))
            self.poll()
            self.settle()
