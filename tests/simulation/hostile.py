"""A peer that knows the protocol and keeps to none of it. Only the safety of the honest side is judged then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fixfast.session.events import SequenceReset
from fixfast.session.wire import Message, encode, format_time
from tests.simulation.account import Violation, read
from tests.simulation.link import MS, SECOND, Link
from tests.simulation.node import START, Node
from tests.simulation.oracle import Oracle

if TYPE_CHECKING:
    from tests.simulation.plan import SidePlan
    from tests.simulation.world import World

__all__ = ["Hostile", "HostileOracle"]

Fields = list[tuple[int, Any]]


class Hostile(Node):
    """Side i as an enemy would play it. It has no session and no store; it sees what it wants of the honest side."""

    def __init__(self, world: World, i: int, plan: SidePlan) -> None:
        super().__init__(world, i, plan)
        self.sent = 0
        self.rejects: set[int] = set()  # numbers that were used for Rejects
        self.others: set[int] = set()  # and for anything else

    # --- what a node does ------------------------------------------------------------------------------------

    def start(self) -> None:
        if self.i == 0:
            self.world.after(self.world.random.randrange(SECOND), self.connect, 0)

    def guarded(self, call: Callable[..., None], *args: Any) -> None:
        if call == self.on_connected:
            call(*args)

    def connect(self, life: int) -> None:
        honest = self.honest
        if self.link is not None:
            return
        if honest.session is None or honest.link is not None or honest.session._failure is not None:
            self.world.after(SECOND, self.connect, 0)
            return
        link = Link(self.world)
        self.world.link = link
        honest.guarded(honest.on_connected, link)
        self.on_connected(link)

    def on_connected(self, link: Link) -> None:
        self.link = link
        self.world.note("hostile connected")
        if self.i == 0:
            self.log_on()
        self.world.after(self.world.random.randrange(1, 500 * MS), self.act, link)

    def on_bytes(self, link: Link, data: bytes) -> None:
        if link is self.link and b"\x0135=A\x01" in data and self.i == 1:
            self.log_on()

    def on_eof(self, link: Link) -> None:
        self.hang_up(link)

    def on_lost(self, link: Link, reason: str) -> None:
        self.hang_up(link)

    def on_writable(self, link: Link) -> None:
        pass

    def hang_up(self, link: Link) -> None:
        if link is self.link:
            link.leave(self.i)
            self.link = None
            self.world.after(SECOND, self.connect, 0) if self.i == 0 else None

    # --- what it knows ---------------------------------------------------------------------------------------

    @property
    def honest(self) -> Node:
        return self.world.nodes[1 - self.i]

    @property
    def expected(self) -> int:
        """The number that the honest side expects."""
        return self.honest.session.next_in if self.honest.session is not None else 1

    def time(self, offset: float = 0.0) -> str:
        digits = 0 if self.config.begin_string in ("FIX.4.0", "FIX.4.1") else 3
        wall = self.honest.now.wall_ns - START  # its clock is as wrong as that of its victim
        return format_time(START + wall + int(offset * SECOND), digits).decode()

    # --- what it says ----------------------------------------------------------------------------------------

    def say(self, msg_type: str, fields: Fields, n: int, **header: Any) -> None:
        config, link = self.config, self.link
        if link is None:
            return
        head: Fields = [
            (49, header.get("sender", config.sender_comp_id)),
            (56, config.target_comp_id),
            (34, n),
            (52, header.get("time", self.time())),
        ]
        raw = bytes(encode(header.get("version", config.begin_string), msg_type, [*head, *fields]))
        if msg_type == "3":
            self.rejects.add(n)
        else:
            self.others.add(n)
        self.put(link, raw, msg_type)

    def put(self, link: Link, raw: bytes, what: str) -> None:
        self.world.note("hostile", what, raw)
        self.world.count("hostile message")
        self.world.oracle.sides[self.i].wires.add(raw)
        link.write(self.i, raw)

    def dup(self, original: float = -1.0) -> Fields:
        return [(43, "Y"), (122, self.time(original))]

    def news(self) -> Fields:
        self.sent += 1
        if self.config.begin_string == "FIX.4.0":
            return [(61, "0"), (33, 1), (58, f"h-{self.sent}")]
        return [(148, f"h-{self.sent}"), (33, 1), (58, "text")]

    def log_on(self) -> None:
        random = self.world.random
        fields: Fields = [(98, 0), (108, self.plan.config.heart_bt_int)]
        if self.config.begin_string == "FIXT.1.1":
            fields.append((1137, "9"))
        n = self.expected + random.choice((0, 0, 0, 0, 0, 2, -1))
        kind = random.randrange(12)
        if kind == 0:
            n, fields = 1, [*fields, (141, "Y")]
        elif kind == 1:
            fields = fields[:1]
        elif kind == 2:
            fields.append((789, random.choice((1, 10**6, 0))))
        if kind in (3, 4):
            if random.random() < 0.6:
                n, fields = 1, [*fields, (141, "Y")]
            if self.link is not None:
                self.link.accounts[self.i].stranger = True
        header = {"sender": "WHO"} if kind == 3 else {"time": self.time(-3600)} if kind == 4 else {}
        if self.link is not None:
            self.link.accounts[self.i].logon_sent = True
        self.say(random.choice("AAAAAAAA50") if kind == 5 else "A", fields, max(n, 1), **header)

    def act(self, link: Link) -> None:
        """Do one thing, and come back for the next."""
        if link is not self.link:
            return
        random = self.world.random
        random.choice(_DEEDS)(self, self.expected)
        if random.random() < 0.03:
            self.hang_up(link)
            return
        self.world.after(random.choice((0, 50 * MS, SECOND)) + random.randrange(1, 100 * MS), self.act, link)

    # --- deeds -----------------------------------------------------------------------------------------------

    def send_app(self, n: int) -> None:
        """An application message: in sequence, too high, too low, marked as a duplicate with or without a right to."""
        random = self.world.random
        at = max(1, n + random.choice((0, 0, 0, 0, 1, 3, -1)))
        how = random.randrange(8)
        mark = [[], [], [], [], self.dup(), self.dup(60.0), [(43, "Y")], self.dup()][how]
        if at < n and how < 4 and random.random() < 0.7:
            mark = self.dup()
        time = self.time(-3600) if random.random() < 0.03 else self.time()
        self.say("B", [*mark, *self.news()], at, time=time)

    def send_admin(self, n: int) -> None:
        random = self.world.random
        fields: dict[str, Fields] = {
            "0": [],
            "1": [(112, "x")],
            "3": [(45, 1), (58, "no")],
            "5": [],
            "A": [(98, 0), (108, 5)],
        }
        msg_type = random.choice("000111133335A")
        at = max(1, n + random.choice((0, 0, 0, 2, -1)))
        mark = self.dup() if random.random() < 0.2 or (at < n and random.random() < 0.7) else []
        self.say(msg_type, [*mark, *fields[msg_type]], at)

    def reset(self, n: int) -> None:
        fields: Fields = [(98, 0), (108, 5), (141, "Y")]
        if self.config.begin_string == "FIXT.1.1":
            fields.append((1137, "9"))
        self.say("A", fields, self.world.random.choice((1, 1, n)))

    def ask(self, n: int) -> None:
        """ResendRequests: all, impossible ones, the same again and again, ones that are too high themselves."""
        random = self.world.random
        begin = random.choice((1, 1, 1, 2, 0, 10**6))
        end = random.choice((0, 0, 5, 1, 10**6, 999_999))
        at = max(1, n + random.choice((0, 0, 0, 1, -1)))
        mark = self.dup() if at < n or random.random() < 0.1 else []
        for _ in range(random.choice((1, 1, 1, 4))):
            self.say("2", [*mark, (7, begin), (16, end)], at)
            at += 1 if at >= n else 0

    def fill(self, n: int) -> None:
        """GapFills: right, too far, backwards, too high, too low."""
        random = self.world.random
        at = max(1, n + random.choice((0, 0, 0, 1, 2, -1)))
        new = max(1, at + random.choice((1, 1, 2, 5, 0, -1)))
        mark = self.dup(0.0) if random.random() < 0.7 else []
        self.say("4", [*mark, (123, "Y"), (36, new)], at)

    def set_number(self, n: int) -> None:
        """SequenceReset-Reset, up, equal and down."""
        random = self.world.random
        self.say("4", [(36, max(1, n + random.choice((0, 1, 3, -1, 2 * 10**6))))], random.choice((n, n, 1, n + 5)))

    def garble(self, n: int) -> None:
        if self.link is not None:
            good = encode(self.config.begin_string, "0", [(49, "A"), (56, "B"), (34, n), (52, self.time())])
            at = self.world.random.randrange(len(good))
            self.put(self.link, bytes(good[:at]) + b"?" + bytes(good[at + 1 :]), "garbled")

    def be_another(self, n: int) -> None:
        random = self.world.random
        if random.random() < 0.5:
            self.say("B", self.news(), n, sender="WHO")
        else:
            self.say("0", [], n, version="FIX.4.3" if self.config.begin_string != "FIX.4.3" else "FIX.4.2")


_DEEDS: tuple[Callable[[Hostile, int], None], ...] = (
    *(Hostile.send_app,) * 8,
    *(Hostile.send_admin,) * 5,
    *(Hostile.fill,) * 3,
    *(Hostile.ask,) * 3,
    Hostile.set_number,
    Hostile.reset,
    Hostile.garble,
    Hostile.be_another,
)


class HostileOracle(Oracle):
    """What the honest side must hold to, whoever it talks to. `enemy`: the other side."""

    def __init__(self, world: World, enemy: int) -> None:
        super().__init__(world)
        self.enemy = enemy
        self.last = 0  # the number given last
        self.last_life = 0

    def given(self, j: int, message: Message) -> None:
        me = self.sides[j]
        raw = message.raw
        fields = read(raw)
        config = self.world.nodes[j].config
        if raw not in self.sides[1 - j].wires:
            raise Violation("B5.11", f"side {j} was given what nobody sent: {raw!r}")
        if fields[b"49"].decode() != config.target_comp_id or fields[b"8"].decode() != config.begin_string:
            raise Violation("C03", f"side {j} was given a stranger's message: {raw!r}")
        right = fields.get(b"122") and fields[b"122"] <= fields[b"52"]
        if fields.get(b"43") == b"Y" and fields[b"35"] != b"3" and not right:
            raise Violation("S07", f"side {j} was given a duplicate without a right OrigSendingTime: {raw!r}")
        n = message.msg_seq_num
        if n <= self.last and not message.redelivered and me.life == self.last_life:
            raise Violation("S-b", f"side {j} was given {n} after {self.last}: {raw!r}")
        if not message.redelivered:
            self.last, self.last_life = n, me.life

    def dealt_with(self, j: int, message: Message) -> None:
        pass

    def told(self, i: int, event: Any) -> None:
        super().told(i, event)
        if isinstance(event, SequenceReset):
            self.last = 0

    def _check_reject(self, i: int, fields: dict[bytes, bytes]) -> None:
        enemy = self.world.nodes[self.enemy]
        if isinstance(enemy, Hostile) and int(fields[b"45"]) in enemy.rejects - enemy.others:
            raise Violation("S-g", f"side {i} rejected a Reject: {fields}")

    def _check_undelivered(self, i: int, state: Any) -> None:
        pass
