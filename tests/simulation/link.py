"""One simulated TCP connection: two byte pipes with latency, a window, and whatever a network does to bytes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.simulation.account import LinkAccount

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["MS", "SECOND", "Link"]

MS = 1_000_000
SECOND = 1_000_000_000


class Pipe:
    """One direction. Bytes arrive in order or not at all; None is the end of the stream (FIN)."""

    __slots__ = ("dropping", "due", "flying", "queue", "shut", "stalled_until", "window")

    def __init__(self, window: int) -> None:
        self.queue: deque[tuple[int, bytes | None]] = deque()
        self.due = 0  # when what was written last arrives
        self.flying = 0
        self.window = window
        self.stalled_until = 0
        self.dropping = -1  # from so many bytes on all is lost, and nobody is told; -1: nothing is
        self.shut = False


class Link:
    """A connection between node 0 and node 1. `pipes[i]` leads to node i."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pipes = (Pipe(world.plan.window), Pipe(world.plan.window))
        self.gone = [False, False]  # node i has no socket any more
        self.accounts = (LinkAccount(), LinkAccount())  # the oracle's
        self.written = [0, 0]  # bytes that node i wrote
        self.spoil = ["", ""]  # what happens to the next bytes that node i writes

    # --- called by nodes -------------------------------------------------------------------------------------

    def full(self, i: int) -> bool:
        """Whether node i's writes would block."""
        return self.pipes[1 - i].flying >= self.pipes[1 - i].window

    def write(self, i: int, data: bytes) -> None:
        pipe = self.pipes[1 - i]
        self.written[i] += len(data)
        if pipe.shut or self.gone[1 - i]:
            return
        if pipe.dropping >= 0:
            data = data[: pipe.dropping]
            pipe.dropping -= len(data)
            if not data:
                return
        if self.spoil[i]:
            how, self.spoil[i] = self.spoil[i], ""
            data = self._spoiled(how, data)
        pipe.flying += len(data)
        self._queue(1 - i, data)

    def _spoiled(self, how: str, data: bytes) -> bytes:
        """What a checksum that TCP did not have would have found: one bit, a missing stretch, a segment twice."""
        random = self.world.random
        at = random.randrange(len(data))
        if how == "flip":
            return data[:at] + bytes((data[at] ^ (1 << random.randrange(8)),)) + data[at + 1 :]
        if how == "cut":
            return data[:at] + data[at + random.randrange(1, 40) :]
        return data + data

    def finish(self, i: int) -> None:
        """Node i closes its side: FIN behind what was written."""
        pipe = self.pipes[1 - i]
        if not pipe.shut and pipe.dropping < 0:
            self._queue(1 - i, None)
        pipe.shut = True

    def leave(self, i: int) -> None:
        """Node i has closed its socket, or its process is gone: what still comes is thrown away."""
        self.finish(i)
        self.gone[i] = True

    def vanish(self, i: int) -> None:
        """Node i's machine is gone: nobody says so."""
        self.gone[i] = True
        self.pipes[1 - i].shut = True

    def reset(self, *, sides: tuple[int, ...] = (0, 1)) -> None:
        """RST: bytes on their way are lost, both sides hear of it, not at the same time."""
        for i in sides:
            if not self.gone[i]:
                self.pipes[i].queue.clear()
                self.pipes[i].shut = True
                self.world.after(self.world.latency(), self._lost, i)

    # --- inside ----------------------------------------------------------------------------------------------

    def _lost(self, i: int) -> None:
        if not self.gone[i]:
            self.gone[i] = True
            self.world.nodes[i].on_lost(self, "connection reset")

    def _queue(self, j: int, data: bytes | None) -> None:
        pipe = self.pipes[j]
        pipe.due = max(pipe.due, self.world.now + self.world.latency())
        pipe.queue.append((pipe.due, data))
        self.world.at(pipe.due, self._arrive, j)

    def _arrive(self, j: int) -> None:
        pipe, world = self.pipes[j], self.world
        if self.gone[j] or not pipe.queue or pipe.queue[0][0] > world.now:
            return
        if pipe.stalled_until > world.now:
            world.at(pipe.stalled_until, self._arrive, j)
            return
        data = self._next(pipe)
        if data is None:
            world.nodes[j].on_eof(self)
            return
        rest = world.plan.split and len(data) > 1 and world.chance(world.plan.split)
        if rest:
            at = world.random.randrange(1, len(data))
            pipe.queue.appendleft((world.now, data[at:]))
            data = data[:at]
            world.count("split")
            world.after(world.random.randrange(MS), self._arrive, j)
        pipe.flying -= len(data)
        world.nodes[j].on_bytes(self, data)
        if pipe.queue and not rest:
            world.at(max(pipe.queue[0][0], world.now), self._arrive, j)
        if pipe.flying < pipe.window:
            world.nodes[1 - j].on_writable(self)

    def _next(self, pipe: Pipe) -> bytes | None:
        """Take what one read gives: all that is there, at times."""
        data = pipe.queue.popleft()[1]
        while data is not None and pipe.queue and pipe.queue[0][0] <= self.world.now and pipe.queue[0][1] is not None:
            if not self.world.chance(0.7):
                break
            data += pipe.queue.popleft()[1] or b""
            self.world.count("merge")
        return data
