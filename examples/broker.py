"""A broker's own dictionary: `python examples/broker.py`.

examples/broker.xml is FIX 4.4 as an (invented) broker speaks it: tags, codes, groups and a message of its own. Written
and read here are an order with the broker's routing hints and a report with its fees; then a report that is wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import fixfast as ff

BROKER = Path(__file__).with_name("broker.xml")
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def header(number: int, sender: str = "BOT01", target: str = "BROKER") -> list[tuple[str, object]]:
    return [("SenderCompID", sender), ("TargetCompID", target), ("MsgSeqNum", number), ("SendingTime", NOW)]


def order(broker: ff.Dictionary) -> bytes:
    """Return an order. With a dictionary, fields may go by name, and groups are put in the broker's order."""
    return ff.encode(
        "FIX.4.4",
        "D",
        [
            *header(7),
            ("ClOrdID", "order-1"),
            ("Symbol", "EUR/USD"),
            ("Side", "1"),
            ("TransactTime", NOW),
            ("OrderQty", 100_000),
            ("OrdType", "2"),
            ("Price", Decimal("1.23450")),
            ("RouteTo", "D"),
            ("NoRoutingHints", [
                [("HintPercent", Decimal("0.6")), ("HintVenue", "POOL1")],  # the delimiter comes first on the wire
                [("HintVenue", "POOL2")],
            ]),
        ],
        dictionary=broker,
    )  # fmt: skip


def report(broker: ff.Dictionary, side: str = "1") -> bytes:
    """Return what the broker answers, with fees."""
    fees = [
        [("FeeKind", 1), ("FeeAmount", Decimal("1.25")), ("FeeCurrency", "USD")],
        [("FeeKind", 3), ("FeeAmount", Decimal("0.10"))],
    ]
    done = Decimal(100_000)
    return ff.encode(
        "FIX.4.4",
        "8",
        [
            *header(8, "BROKER", "BOT01"),
            ("OrderID", "B-1"), ("ClOrdID", "order-1"), ("ExecID", "E-1"), ("ExecType", "F"), ("OrdStatus", "2"),
            ("Symbol", "EUR/USD"), ("Side", side), ("LastQty", done), ("LastPx", Decimal("1.23450")),
            ("LeavesQty", 0), ("CumQty", done), ("AvgPx", Decimal("1.23450")), ("TransactTime", NOW),
            ("ValueDate", "20260107"), ("NoFees", fees),
        ],
        dictionary=broker,
    )  # fmt: skip


def main() -> None:
    """Show it."""
    broker = ff.load_dictionary(BROKER)
    print(ff.parse(order(broker), dictionary=broker, validate=True).pretty())
    print()
    m = ff.parse(report(broker), dictionary=broker, validate=True)
    print("filled", m.value(32), "at", m.value(31), "value date", m.value(5014))
    for fee in m.group(5010):
        print("  fee", fee.value(5011).name, fee.value(5012), fee.get(5013, "EUR"))
    try:
        ff.parse(report(broker, side="7"), dictionary=broker, validate=True)
    except ff.InvalidMessage as error:
        print("refused:", error.fault, "reason", error.fault.reason)


if __name__ == "__main__":
    main()
