"""Seeded messages for the benchmarks: thousands of variants, so that no branch predictor learns one by heart.

Built by plain string work, not by the encoder under test. Shapes: Heartbeat (8 fields), NewOrderSingle (18),
ExecutionReport (30), MarketDataSnapshot with 50 entries (261), and an ExecutionReport with 4 parties of 2 sub-IDs each
(63).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from benchmarks.orders import Order, order_texts

__all__ = ["FIELD_COUNTS", "Corpus", "frame"]

SYMBOLS = ("EUR/USD", "GBP/USD", "USD/JPY", "AAPL", "MSFT", "BTC-USD", "ESZ6", "XAU/USD")
FIELD_COUNTS = {"HB": 8, "NOS": 18, "ER": 30, "W": 261, "ERP": 63}

_DAY_NS = 86_400 * 10**9
#: 2026-01-05T00:00:00Z in ns since the epoch
_MIDNIGHT_NS = 1_767_571_200 * 10**9


def frame(begin_string: str, fields: list[tuple[int, str]]) -> bytes:
    """Return a message: BeginString and BodyLength in front of `fields`, CheckSum behind."""
    body = "".join(f"{tag}={value}\x01" for tag, value in fields).encode()
    head = f"8={begin_string}\x019={len(body)}\x01".encode() + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


def _stamp(ns: int) -> str:
    """Return a UTCTimestamp in ms for a time on 2026-01-05."""
    ms = (ns - _MIDNIGHT_NS) // 10**6
    return f"20260105-{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


class Corpus:
    """`count` variants of each message, from one seed. The same seed gives the same bytes on every machine."""

    def __init__(self, count: int = 4000, seed: int = 20260105) -> None:
        self._random = Random(seed)
        self.orders = [self._order() for _ in range(count)]
        makers: dict[str, Callable[[Order], list[tuple[int, str]]]] = {
            "HB": self._heartbeat,
            "NOS": self._new_order,
            "ER": self._report,
            "W": self._snapshot,
            "ERP": self._report_of_parties,
        }
        self.messages = {
            name: [
                frame("FIX.4.4", make(order)) for order in self.orders[: count // 8 if name in ("W", "ERP") else count]
            ]
            for name, make in makers.items()
        }

    def mixed(self, size: int) -> bytes:
        """Return a log of at least `size` bytes: of 100 messages 45 ER, 40 NOS, 12 HB, 3 W, in seeded order."""
        parts: list[bytes] = []
        total = 0
        while total < size:
            kind = self._random.choices(("ER", "NOS", "HB", "W"), (45, 40, 12, 3))[0]
            parts.append(self._random.choice(self.messages[kind]))
            total += len(parts[-1])
        return b"".join(parts)

    def _order(self) -> Order:
        rnd = self._random
        ns = _MIDNIGHT_NS + rnd.randrange(_DAY_NS // 10**6) * 10**6
        price = rnd.randrange(1, 10 ** rnd.randrange(6, 10))
        price_text = f"{price // 100_000}.{price % 100_000:05d}"
        return Order(
            seq=rnd.randrange(1, 10 ** rnd.randrange(2, 7)),
            time_ns=ns,
            time_text=_stamp(ns),
            cl_ord_id=f"{rnd.getrandbits(48):012x}{rnd.choice(('', '-1', '-22'))}",
            account=f"ACC{rnd.randrange(10**5)}",
            symbol=rnd.choice(SYMBOLS),
            side=rnd.choice("12"),
            quantity=rnd.randrange(1, 10 ** rnd.randrange(2, 7)),
            price=price,
            price_text=price_text,
            price_decimal=Decimal(price_text),
        )

    @staticmethod
    def _header(msg_type: str, order: Order) -> list[tuple[int, str]]:
        return [(35, msg_type), (34, str(order.seq)), (49, "BOT01"), (52, order.time_text), (56, "VENUE")]

    def _heartbeat(self, order: Order) -> list[tuple[int, str]]:
        return self._header("0", order)

    @staticmethod
    def _new_order(order: Order) -> list[tuple[int, str]]:
        return [(35, "D"), *order_texts(order)]

    def _report(self, order: Order) -> list[tuple[int, str]]:
        filled = self._random.randrange(order.quantity + 1)
        last = self._random.randrange(filled + 1)
        state = "2" if filled == order.quantity else "1"
        return [
            *self._header("8", order),
            (37, f"O{self._random.getrandbits(40):010x}"),
            (11, order.cl_ord_id),
            (17, f"E{self._random.getrandbits(40):010x}"),
            (150, "F"),
            (39, state),
            (1, order.account),
            (55, order.symbol),
            (54, order.side),
            (38, str(order.quantity)),
            (40, "2"),
            (44, order.price_text),
            (59, "0"),
            (32, str(last)),
            (31, order.price_text),
            (30, "XSIM"),
            (151, str(order.quantity - filled)),
            (14, str(filled)),
            (6, order.price_text),
            (60, order.time_text),
            (12, f"{last % 997 / 100:.2f}"),
            (13, "3"),
            (58, self._random.choice(("filled", "part filled", "crossed with the book"))),
        ]

    def _report_of_parties(self, order: Order) -> list[tuple[int, str]]:
        """A report with a group in a group, where the dictionary has it."""
        fields = self._report(order)
        parties = [(453, "4")]
        for role in ("1", "3", "4", "11"):
            parties += [(448, f"P{self._random.randrange(10**6)}"), (447, "D"), (452, role), (802, "2")]
            for kind in ("2", "9"):
                parties += [(523, f"S{self._random.randrange(10**6)}"), (803, kind)]
        at = fields.index((1, order.account))
        return [*fields[:at], *parties, *fields[at:]]

    def _snapshot(self, order: Order) -> list[tuple[int, str]]:
        fields = [*self._header("W", order), (262, order.cl_ord_id), (55, order.symbol), (268, "50")]
        for level in range(50):
            price = order.price + (level // 2 + 1) * (1 if level % 2 else -1) * 5
            fields += [
                (269, "1" if level % 2 else "0"),
                (270, f"{abs(price) // 100_000}.{abs(price) % 100_000:05d}"),
                (271, str(self._random.randrange(1, 10 ** self._random.randrange(2, 7)))),
                (346, str(self._random.randrange(1, 40))),
                (290, str(level // 2 + 1)),
            ]
        return fields
