"""The fault menu. Each fault is a function of the world; it says whether it found something to do it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.link import MS, SECOND, Link

if TYPE_CHECKING:
    from tests.simulation.node import Node
    from tests.simulation.world import World

__all__ = ["FAULTS", "Fault", "weights"]


class Fault(NamedTuple):
    """A kind of fault. `weight`: how often it is drawn, against the others of a run's swarm."""

    layer: str
    apply: Callable[[World], bool]
    weight: float = 1.0


def weights() -> dict[str, float]:
    """The faults that may be drawn."""
    return {name: fault.weight for name, fault in FAULTS.items()}


# --- the network ---------------------------------------------------------------------------------------------


def _link(world: World) -> Link | None:
    link = world.link
    return link if link is not None and not all(link.gone) else None


def _reset(world: World) -> bool:
    link = _link(world)
    if link is not None:
        link.reset()
    return link is not None


def _half_close(world: World) -> bool:
    link = _link(world)
    if link is None:
        return False
    i = world.random.randrange(2)
    if link.pipes[1 - i].shut:
        return False
    link.finish(i)
    return True


def _blackhole(world: World) -> bool:
    """From some byte on, one direction loses everything: a peer's kernel or a router is gone."""
    link = _link(world)
    if link is None:
        return False
    pipe = link.pipes[world.random.randrange(2)]
    if pipe.dropping >= 0:
        return False
    pipe.dropping = world.random.choice((0, 1, 50, 500))
    return True


def _stall(world: World) -> bool:
    link = _link(world)
    if link is None:
        return False
    until = world.now + world.random.choice((100 * MS, 3 * SECOND, 20 * SECOND))
    i = world.random.randrange(3)
    for j in (0, 1):
        if i in (j, 2):
            link.pipes[j].stalled_until = until
    return True


def _narrow(world: World) -> bool:
    """The peer reads slowly: writes block after a few bytes."""
    link = _link(world)
    if link is None:
        return False
    pipe = link.pipes[world.random.randrange(2)]
    pipe.window = 64
    return True


def _refuse(world: World) -> bool:
    """Nobody listens for a while; what is connected goes."""
    world.refusing = True
    world.after(world.random.randrange(5 * SECOND), world.listen)
    return _reset(world)


def _spoil(how: str) -> Callable[[World], bool]:
    """The next bytes that are written arrive otherwise than they were sent: see Link.write()."""

    def apply(world: World) -> bool:
        link = _link(world)
        if link is None:
            return False
        world.corrupted = True
        world.allow("GARBLED", "TOO_LARGE", "MSG_SEQ_NUM")
        if how == "duplicate":
            world.allow("SEQUENCE_TOO_LOW", "NOT_LOGON", "UNEXPECTED_LOGON", "LOGON_INVALID")
        link.spoil[world.random.randrange(2)] = how
        return True

    return apply


def _long_fill(world: World) -> bool:
    """Something is missing, and for a long time nobody hears that: everything else comes too high meanwhile (T6)."""
    link = _link(world)
    if link is None:
        return False
    i = world.random.randrange(2)
    world.corrupted = True
    world.allow("GARBLED", "TOO_LARGE", "MSG_SEQ_NUM")
    link.spoil[1 - i] = "cut"
    link.pipes[1 - i].stalled_until = world.now + 25 * SECOND
    sender = world.nodes[1 - i]
    for k in range(6):
        world.after(k * world.random.randrange(1, 4 * SECOND), sender.guarded, sender.app.send, 1)
    return True


# --- processes -----------------------------------------------------------------------------------------------


def _node(world: World) -> Node | None:
    node = world.nodes[world.random.randrange(2)]
    return node if node.session is not None else None


def _kill(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.die()
    return node is not None


def _crash_at_disk(how: str) -> Callable[[World], bool]:
    def apply(world: World) -> bool:
        node = _node(world)
        if node is not None:
            node.disk.arm(how, world.random.randrange(1, 9))
        return node is not None

    return apply


def _crash_at_write(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.crash_at_write = world.random.choice(("before", "half", "after"))
    return node is not None


def _crash_in_callback(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.app.fail_next = world.random.choice(("before", "after"))
    return node is not None


def _crash_in_recovery(world: World) -> bool:
    """Die, and die again at some operation of the next start."""
    node = _node(world)
    if node is not None:
        node.die(power=world.chance(0.3))
        node.disk.arm(world.random.choice(("crash", "crash-after", "torn")), world.random.randrange(1, 12))
    return node is not None


def _stop(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.stop()
    return node is not None


def _twin(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.twin()
    return node is not None


# --- disks ---------------------------------------------------------------------------------------------------


def _power(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.die(power=True)
    return node is not None


def _full(world: World) -> bool:
    """The disk is full until somebody makes room."""
    node = _node(world)
    if node is None:
        return False
    node.disk.space = max((inode.size for inode in node.disk.names.values()), default=0)
    world.after(world.random.randrange(10 * SECOND), _make_room, node)
    return True


def _make_room(node: Node) -> None:
    node.disk.space = None


def _rot(world: World) -> bool:
    """A bit of the journal flips; it is seen at the next start, or when it is read, or never."""
    node = _node(world)
    if node is None or node.disk.rot() is None:
        return False
    node.rotten = True
    world.allow("lost", "SEQUENCE_TOO_LOW")
    node.die(power=world.chance(0.3))
    return True


# --- time ----------------------------------------------------------------------------------------------------


def _step(world: World) -> bool:
    """A wall clock is set, within what peers tolerate."""
    node = world.nodes[world.random.randrange(2)]
    node.clock.offset = world.random.randrange(-50 * SECOND, 50 * SECOND)
    return True


def _wrong_clock(world: World) -> bool:
    """A wall clock is set far away, and back after a while."""
    node = world.nodes[world.random.randrange(2)]
    node.clock.offset = world.random.choice((-1, 1)) * 3600 * SECOND
    world.allow("reject", "SENDING_TIME", "LOGON_INVALID")
    world.after(world.random.randrange(5 * SECOND), _right_clock, node)
    return True


def _right_clock(node: Node) -> None:
    node.clock.offset = 0


def _sleep(world: World) -> bool:
    """A process stands still: its loop is blocked, or the machine suspended."""
    node = _node(world)
    if node is not None:
        node.stalled_until = world.now + world.random.choice((SECOND // 2, 5 * SECOND, 40 * SECOND))
    return node is not None


# --- applications --------------------------------------------------------------------------------------------


def _raise(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.app.fail_next = "raise"
    return node is not None


def _slow(world: World) -> bool:
    node = _node(world)
    if node is not None:
        node.slow_until = world.now + world.random.randrange(5 * SECOND)
    return node is not None


def _send_while_leaving(world: World) -> bool:
    """Logout and messages in one breath."""
    node = _node(world)
    if node is None:
        return False
    node.guarded(world.act_on, node, "logout", 1)
    if node.session is not None:
        node.guarded(node.app.send, 2)
    return True


def _hurry(world: World) -> bool:
    """Messages are sent while the peer asks for old ones: lose the connection, send, come back."""
    node = _node(world)
    if node is None:
        return False
    node.guarded(node.app.send, 3)
    _reset(world)
    for _ in range(4):
        world.after(world.random.randrange(4 * SECOND), node.guarded, node.app.send, 2)
    return True


FAULTS: dict[str, Fault] = {
    "reset": Fault("net", _reset, 2),
    "half-close": Fault("net", _half_close),
    "blackhole": Fault("net", _blackhole),
    "stall": Fault("net", _stall),
    "narrow": Fault("net", _narrow),
    "refuse": Fault("net", _refuse),
    "flip": Fault("net", _spoil("flip")),
    "cut": Fault("net", _spoil("cut")),
    "long fill": Fault("net", _long_fill, 0.5),
    "duplicate": Fault("net", _spoil("duplicate"), 0.5),
    "kill": Fault("process", _kill, 2),
    "crash at disk": Fault("process", _crash_at_disk("crash")),
    "crash after disk": Fault("process", _crash_at_disk("crash-after")),
    "crash at write": Fault("process", _crash_at_write),
    "crash in callback": Fault("process", _crash_in_callback),
    "crash in recovery": Fault("process", _crash_in_recovery),
    "clean stop": Fault("process", _stop),
    "second process": Fault("process", _twin, 0.5),
    "power": Fault("disk", _power, 2),
    "torn": Fault("disk", _crash_at_disk("torn")),
    "EIO": Fault("disk", _crash_at_disk("EIO")),
    "ENOSPC": Fault("disk", _crash_at_disk("ENOSPC"), 0.5),
    "full": Fault("disk", _full, 0.5),
    "short write": Fault("disk", _crash_at_disk("short")),
    "read error": Fault("disk", _crash_at_disk("read"), 0.5),
    "rot": Fault("disk", _rot, 0.2),
    "step": Fault("time", _step),
    "wrong clock": Fault("time", _wrong_clock, 0.3),
    "sleep": Fault("time", _sleep),
    "raise": Fault("app", _raise),
    "slow callback": Fault("app", _slow),
    "send while leaving": Fault("app", _send_while_leaving),
    "hurry": Fault("app", _hurry),
}
