"""Agents: seeded traders that make a market live. Deterministic, I/O-free, no clock: time and lots come from outside.

Each agent trades one instrument under a name of its own, by the same orders and reports as everybody else. Makers quote
around a fair value, a random walk that is drawn back to where it began; takers trade what is too cheap or too dear,
noise traders leave orders about, momentum traders run after the price. Nothing but whole numbers and `random`, so one
seed gives one market on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from fixfast.exchange.agents.config import AgentsConfig

__all__ = ["Agents", "Floor", "Place", "Traded", "Withdraw"]

_SECOND = 1_000_000_000
#: the fair value is kept in such parts of a tick
_FINE = 1000
#: what happened while time stood still is not made up for: an agent acts at most so often in one poll()
_AT_ONCE = 100


class Traded(Protocol):
    """What can be traded: an Instrument. Prices and quantities are ints at its scales."""

    @property
    def symbol(self) -> str: ...

    @property
    def tick(self) -> int: ...

    @property
    def lot(self) -> int: ...

    @property
    def price_scale(self) -> int: ...

    @property
    def reference(self) -> int | None: ...


class Place(NamedTuple):
    """A new limit order of an agent. `side`: +1 buy, -1 sell. `now_or_never`: what does not trade at once is gone."""

    owner: str
    name: str
    symbol: str
    side: int
    qty: int
    price: int
    now_or_never: bool = False


class Withdraw(NamedTuple):
    """An agent takes back what is left of its order `orig`. `name` is the request's own."""

    owner: str
    name: str
    orig: str
    symbol: str
    side: int


class Floor(Protocol):
    """Where agents trade. It tells what comes of an order by Agents.on_fill(), on_gone(), on_bust(), now or later."""

    def top(self, symbol: str) -> tuple[int | None, int | None]:
        """Return the best bid and the best offer."""
        ...

    def place(self, order: Place) -> None: ...

    def withdraw(self, request: Withdraw) -> None: ...


class _Fair:
    """The fair value of one instrument: only makers and takers know it."""

    def __init__(self, instrument: Traded, config: AgentsConfig, rng: random.Random) -> None:
        begin = instrument.reference
        if begin is None:
            begin = 100 * 10**instrument.price_scale
        self.tick = instrument.tick
        self._home = self._value = begin // instrument.tick * _FINE
        self._step = int(config.volatility * _FINE)
        self._reversion = config.reversion
        self._rng = rng

    def move(self) -> None:
        self._value += self._rng.randint(-self._step, self._step)
        self._value += (self._home - self._value) * self._reversion // 1000

    @property
    def ticks(self) -> int:
        """The fair value in whole ticks."""
        return (self._value + _FINE // 2) // _FINE


class _Agent:
    """One trader. `open`: its orders, name -> [side, price, leaves]; `position` in lots."""

    def __init__(
        self,
        owner: str,
        instrument: Traded,
        config: AgentsConfig,
        rng: random.Random,
        floor: Floor,
        fair: _Fair,
        run: str,
    ) -> None:
        self.owner = owner
        self.instrument = instrument
        self.config = config
        self.rng = rng
        self.floor = floor
        self.fair = fair
        self.open: dict[str, list[int]] = {}
        self.position = 0
        self._run = run
        self._names = 0

    def act(self) -> list[Place | Withdraw]:
        """Decide what to do now."""
        raise NotImplementedError

    def name(self) -> str:
        self._names += 1
        return f"{self._run}{self._names}"

    def ticks(self) -> tuple[int | None, int | None]:
        """Return the best bid and offer in ticks."""
        tick = self.instrument.tick
        bid, offer = self.floor.top(self.instrument.symbol)
        return None if bid is None else bid // tick, None if offer is None else offer // tick

    def place(self, side: int, ticks: int, now_or_never: bool = False) -> list[Place | Withdraw]:
        """Return an order of a random size, or none if it could lead to too large a position, or has no price."""
        room = self.config.max_position - side * self.position - sum(o[2] for o in self.open.values() if o[0] == side)
        lots = min(self.rng.randint(1, self.config.size), room)
        if lots <= 0 or ticks <= 0:
            return []
        instrument, name = self.instrument, self.name()
        self.open[name] = [side, ticks, lots]
        return [
            Place(
                self.owner, name, instrument.symbol, side, lots * instrument.lot, ticks * instrument.tick, now_or_never
            )
        ]

    def withdraw(self, name: str) -> Withdraw:
        return Withdraw(self.owner, self.name(), name, self.instrument.symbol, self.open[name][0])


class _Maker(_Agent):
    """Quotes both sides around the fair value, and moves its quotes against what it holds."""

    def act(self) -> list[Place | Withdraw]:
        config = self.config
        skew = self.position * (config.spread + config.levels) // config.max_position
        middle = self.fair.ticks - skew
        wanted = {(side, middle - side * (config.spread + n)) for side in (1, -1) for n in range(config.levels)}
        done: list[Place | Withdraw] = []
        for name, (side, ticks, _) in self.open.items():
            if (side, ticks) in wanted:
                wanted.discard((side, ticks))
            else:
                done.append(self.withdraw(name))
        for side, ticks in sorted(wanted, key=lambda quote: (abs(quote[1] - middle), quote)):
            done += self.place(side, ticks)
        return done


class _Taker(_Agent):
    """Takes what is cheaper or dearer than the fair value; now and then anything, to come back to nothing."""

    def act(self) -> list[Place | Withdraw]:
        bid, offer = self.ticks()
        fair = self.fair.ticks
        if offer is not None and offer <= fair:
            return self.place(1, fair, now_or_never=True)
        if bid is not None and bid >= fair:
            return self.place(-1, fair, now_or_never=True)
        most = self.config.max_position
        side = 1 if self.rng.randint(-most, most) >= self.position else -1
        best = offer if side > 0 else bid
        return [] if best is None else self.place(side, best, now_or_never=True)


class _Noise(_Agent):
    """Leaves orders about, near the market or far from it, and forgets them after a while."""

    def act(self) -> list[Place | Withdraw]:
        if len(self.open) >= self.rng.randint(1, 2 * self.config.levels):
            return [self.withdraw(next(iter(self.open)))]
        bid, offer = self.ticks()
        side = self.rng.choice((1, -1))
        near = bid if side > 0 else offer
        if near is None:
            near = self.fair.ticks - side * self.config.spread
        return self.place(side, near - side * self.rng.randint(-1, 3 * self.config.levels))


class _Momentum(_Agent):
    """Runs after the price: buys when it rose, sells when it fell, and gives up what it holds when it stands still."""

    _before: int | None = None

    def act(self) -> list[Place | Withdraw]:
        bid, offer = self.ticks()
        if bid is None or offer is None:
            return []
        before, self._before = self._before, bid + offer
        moved = 0 if before is None else bid + offer - before
        side = (moved > 0) - (moved < 0) or (self.position < 0) - (self.position > 0)
        return self.place(side, offer if side > 0 else bid, now_or_never=True) if side else []


_KINDS: tuple[tuple[str, str, type[_Agent]], ...] = (
    ("makers", "maker", _Maker),
    ("takers", "taker", _Taker),
    ("noise", "noise", _Noise),
    ("momentum", "momentum", _Momentum),
)


class Agents:
    """All agents of an exchange.

        agents = Agents(config, instruments, floor, seed=1, start_ns=now_ns)
        agents.poll(now_ns)         # when agents.next_ns has come

    Args:
        config: who there is. instruments: what is traded. floor: where.
        seed: one seed, one market. start_ns: the time it begins at.
        run: begins the names of their orders, another one for every run of a day.

    Attributes: owners: the names of all agents: "maker1.EUR/USD" ...
    """

    def __init__(
        self,
        config: AgentsConfig,
        instruments: Iterable[Traded],
        floor: Floor,
        *,
        seed: int = 0,
        start_ns: int = 0,
        run: str = "",
    ) -> None:
        self._floor = floor
        self._config = config
        self._agents: dict[str, _Agent] = {}
        self._due: list[tuple[int, int, str]] = []  # (when, number, what): an agent, a fair value, orders on their way
        self._every: dict[str, int] = {}  # what -> ns from one time to the next, on average
        self._fair: dict[str, _Fair] = {}
        self._sent: dict[str, list[Place | Withdraw]] = {}
        self._number = 0
        self._rng = random.Random(f"agents:{seed}")
        for instrument in instruments:
            symbol = instrument.symbol
            if config.symbols and symbol not in config.symbols:
                continue
            fair = self._fair[symbol] = _Fair(instrument, config, random.Random(f"fair:{seed}:{symbol}"))
            self._later(symbol, start_ns, _SECOND // 10)
            for option, kind, make in _KINDS:
                for n in range(getattr(config, option)):
                    owner = f"{kind}{n + 1}.{symbol}"
                    rng = random.Random(f"{owner}:{seed}")
                    self._agents[owner] = make(owner, instrument, config, rng, floor, fair, run)
                    # all makers are there before the first taker comes
                    self._later(owner, start_ns, int(_SECOND / getattr(config, f"{kind}_rate")), kind == "maker")
        self.owners = frozenset(self._agents)

    @property
    def next_ns(self) -> int | None:
        """When poll() is due next; None: never."""
        return self._due[0][0] if self._due else None

    def poll(self, now_ns: int) -> None:
        """Let everything happen that is due by now. After a pause of the program it is not all made up for."""
        acts: dict[str, int] = {}
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, what = heappop(self._due)
            orders = self._sent.pop(what, None)
            if orders is not None:
                self._do(orders)
                continue
            acts[what] = acts.get(what, 0) + 1
            begin = due_ns if acts[what] < _AT_ONCE else now_ns
            self._later(what, begin, self._every[what])
            agent = self._agents.get(what)
            if agent is None:
                self._fair[what].move()
            else:
                self._decided(agent.act(), due_ns)

    def fair_value(self, symbol: str) -> int:
        """Return the fair value of an instrument, at its price scale."""
        fair = self._fair[symbol]
        return fair.ticks * fair.tick

    def position(self, owner: str) -> int:
        """Return what an agent holds, in lots."""
        return self._agents[owner].position

    # --- told by the floor ------------------------------------------------------------------------------------

    def on_fill(self, owner: str, name: str, qty: int) -> None:
        """Take note that an agent's order traded. Orders of others are passed over."""
        agent = self._agents.get(owner)
        order = None if agent is None else agent.open.get(name)
        if agent is not None and order is not None:
            lots = qty // agent.instrument.lot
            agent.position += order[0] * lots
            order[2] -= lots
            if order[2] <= 0:
                del agent.open[name]

    def on_bust(self, owner: str, side: int, qty: int) -> None:
        """Take note that a trade of an agent was taken back. Args: side: +1, it had bought."""
        agent = self._agents.get(owner)
        if agent is not None:
            agent.position -= side * (qty // agent.instrument.lot)

    def on_gone(self, owner: str, name: str) -> None:
        """Take note that what was left of an agent's order is gone: cancelled, expired, refused."""
        agent = self._agents.get(owner)
        if agent is not None:
            agent.open.pop(name, None)

    # --- inside -----------------------------------------------------------------------------------------------

    def _decided(self, orders: list[Place | Withdraw], now_ns: int) -> None:
        low, high = self._config.latency
        if not high:
            self._do(orders)
        elif orders:
            what = f"orders {self._number}"
            self._sent[what] = orders
            self._push(now_ns + self._rng.randint(int(low * _SECOND), int(high * _SECOND)), what)

    def _do(self, orders: list[Place | Withdraw]) -> None:
        for order in orders:
            if isinstance(order, Place):
                self._floor.place(order)
            elif order.orig in self._agents[order.owner].open:  # it may have traded meanwhile
                self._floor.withdraw(order)

    def _later(self, what: str, now_ns: int, every_ns: int, at_once: bool = False) -> None:
        self._every[what] = every_ns
        self._push(now_ns if at_once else now_ns + self._rng.randint(1, 2 * every_ns), what)

    def _push(self, due_ns: int, what: str) -> None:
        self._number += 1
        heappush(self._due, (due_ns, self._number, what))
