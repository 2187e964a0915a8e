"""What a book shows: levels, values, trades, and a view of all levels at one moment. Values without behaviour.

Inside, prices and quantities are whole numbers at a common scale (`value * 10**scale`); here they become Decimals. No
step between rounds, and no context of `decimal` that a program may have set has a say in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from fixfast.trading.exact import EXACT

if TYPE_CHECKING:
    from fixfast.trading.arrays import DepthArrays

__all__ = [
    "Anomaly",
    "BookEntry",
    "BookStatus",
    "BookTrade",
    "BookView",
    "Level",
    "Scales",
    "Side",
    "empty_view",
    "exact",
    "make_view",
]

#: Keys as in a Ladder, and (quantity, orders) of each
Side: TypeAlias = tuple[list[int], list[tuple[int, int | None]]]
#: Decimals of prices and of quantities
Scales: TypeAlias = tuple[int, int]

_TEN = tuple(10**n for n in range(20))


def exact(value: int, scale: int) -> Decimal:
    """Return value / 10**scale, without trailing zeros and without an exponent where it is whole."""
    whole, rest = divmod(value, _TEN[scale])
    return Decimal(value).scaleb(-scale, EXACT).normalize(EXACT) if rest else Decimal(whole)


class BookStatus(StrEnum):
    """Whether a book can be believed. Only a LIVE one has levels (M2, M9, M10)."""

    ABSENT = "absent"  # no snapshot has come yet
    LIVE = "live"
    STALE = "stale"  # an update is missing or did not fit: a snapshot is needed
    INVALID = "invalid"  # the session was lost
    ENDED = "ended"  # unsubscribed
    REJECTED = "rejected"  # the venue refused the subscription (35=Y)


class Level(NamedTuple):
    """One price of one side. `orders`: NumberOfOrders(346), or the entries here in a book by MDEntryID, else None."""

    price: Decimal
    qty: Decimal
    orders: int | None


class BookEntry(NamedTuple):
    """One entry of a book by MDEntryID: an order, or somebody's quote. `entry_id`: None where it has another name."""

    entry_id: str | None
    price: Decimal
    qty: Decimal


class BookTrade(NamedTuple):
    """A trade that the market printed (269=2).

    `action` is MDUpdateAction(279): "0" new, "1" a correction of the trade with this `entry_id`, "2" a bust of it.
    `time_ns` is when: MDEntryDate and MDEntryTime (272, 273), else TransactTime(60), else SendingTime(52) of its
    message. `side` is AggressorSide(2446) where given, `condition` TradeCondition(277).
    """

    price: Decimal
    qty: Decimal
    time_ns: int
    entry_id: str | None = None
    action: str = "0"
    side: str | None = None
    condition: str | None = None


class Anomaly(NamedTuple):
    """Something that should not be (M12): told, never asserted. `kind` is a short word, `text` is for people."""

    kind: str
    text: str


class BookView:
    """The levels of a book between two messages. It never changes, so any thread may read it at any time (M4)."""

    __slots__ = ("bid_side", "offer_side", "rpt_seq", "scales", "status", "updates")

    def __init__(
        self,
        status: BookStatus,
        scales: Scales,
        bids: Side,
        offers: Side,
        rpt_seq: int | None,
        updates: int,
    ) -> None:
        self.status = status
        self.scales = scales
        self.bid_side = bids
        self.offer_side = offers
        self.rpt_seq = rpt_seq
        self.updates = updates

    @property
    def valid(self) -> bool:
        """Whether the levels are those of the market, as far as anybody can know."""
        return self.status is BookStatus.LIVE

    @property
    def best_bid(self) -> Level | None:
        """The highest bid, None without one."""
        keys, levels = self.bid_side
        return self._level(-keys[0], levels[0]) if keys else None

    @property
    def best_offer(self) -> Level | None:
        """The lowest offer, None without one."""
        keys, levels = self.offer_side
        return self._level(keys[0], levels[0]) if keys else None

    @property
    def mid(self) -> Decimal | None:
        """Halfway between best bid and best offer, exact; None where a side is empty."""
        if not self.bid_side[0] or not self.offer_side[0]:
            return None
        return exact((self.offer_side[0][0] - self.bid_side[0][0]) * 5, self.scales[0] + 1)

    @property
    def spread(self) -> Decimal | None:
        """Best offer minus best bid, negative in a crossed book; None where a side is empty."""
        if not self.bid_side[0] or not self.offer_side[0]:
            return None
        return exact(self.offer_side[0][0] + self.bid_side[0][0], self.scales[0])

    @property
    def crossed(self) -> bool:
        """Whether somebody bids what another asks, or more: in auctions, and where a feed is wrong."""
        return bool(self.bid_side[0] and self.offer_side[0]) and -self.bid_side[0][0] >= self.offer_side[0][0]

    def bids(self, count: int | None = None) -> list[Level]:
        """Return the bids from the highest down, `count` of them or all."""
        keys, levels = self.bid_side
        return [self._level(-key, level) for key, level in zip(keys[:count], levels[:count], strict=True)]

    def offers(self, count: int | None = None) -> list[Level]:
        """Return the offers from the lowest up, `count` of them or all."""
        keys, levels = self.offer_side
        return [self._level(key, level) for key, level in zip(keys[:count], levels[:count], strict=True)]

    def arrays(self, price_scale: int | None = None, qty_scale: int | None = None) -> DepthArrays:
        """Return the levels as numpy arrays; see fixfast.trading.arrays.DepthArrays.

        Args:
            price_scale: decimals of the prices in the arrays; None: as few as all prices can be told with.
            qty_scale: the same of the quantities.

        Raises:
            ValueError: something has more decimals than the scale given, or does not fit 64 bits at it.
        """
        from fixfast.trading.arrays import depth_arrays  # numpy: only where arrays are made

        (bids, bid_levels), (offers, offer_levels) = self.bid_side, self.offer_side
        return depth_arrays(
            [-key for key in bids], bid_levels, offers, offer_levels, self.scales, price_scale, qty_scale
        )

    def without(self, sides: Sequence[str]) -> BookView:
        """Return a LIVE view without the levels of these sides, "0" and "1"."""
        return BookView(
            BookStatus.LIVE,
            self.scales,
            ([], []) if "0" in sides else self.bid_side,
            ([], []) if "1" in sides else self.offer_side,
            self.rpt_seq,
            self.updates,
        )

    def times(self, price: int, qty: int, scales: Scales) -> BookView:
        """Return the same levels at larger scales: every price and quantity times so much."""
        bids, offers = (
            ([key * price for key in keys], [(size * qty, orders) for size, orders in levels])
            for keys, levels in (self.bid_side, self.offer_side)
        )
        return BookView(self.status, scales, bids, offers, self.rpt_seq, self.updates)

    def _level(self, price: int, level: tuple[int, int | None]) -> Level:
        qty, orders = level
        return Level(exact(price, self.scales[0]), exact(qty, self.scales[1]), orders)

    def __repr__(self) -> str:
        bid, offer = self.best_bid, self.best_offer
        best = f"{bid.price if bid else '-'} / {offer.price if offer else '-'}"
        return f"<BookView {self.status}, {len(self.bid_side[0])} bids, {len(self.offer_side[0])} offers, {best}>"


def make_view(
    status: BookStatus, scales: Scales, bids: Side, offers: Side, rpt_seq: int | None, updates: int
) -> BookView:
    """Return BookView(...) of the same arguments.

    PERF: a function is called by the interpreter itself, an __init__ is not: 0.05 us less.
    """
    view = _new_view(BookView)
    view.status = status
    view.scales = scales
    view.bid_side = bids
    view.offer_side = offers
    view.rpt_seq = rpt_seq
    view.updates = updates
    return view


_new_view = object.__new__


def empty_view(status: BookStatus, scales: Scales = (0, 0), updates: int = 0) -> BookView:
    """Return a view without levels."""
    return BookView(status, scales, ([], []), ([], []), None, updates)
